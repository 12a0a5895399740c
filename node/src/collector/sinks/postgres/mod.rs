//! PostgreSQL: the progress of a country in tables that analysts can query.
//!
//! Any number of collectors may write to one database. Records count once by their id, and progress is merged by
//! the database itself, so a batch that comes twice, from one collector or from two, changes nothing.

mod batch;
mod statements;

use std::time::Duration;

use postgres::{
    Client, Config, NoTls,
    config::{Host, SslMode},
    error::{DbError, SqlState},
};

use self::batch::Batch;
use super::{Feed, Sink, SinkError, Written};

/// Oldest server with multiranges, as `server_version_num` counts.
const OLDEST_SERVER: i32 = 140_000;
/// Version of the tables.
const SCHEMA_VERSION: i32 = 1;
const SCHEMA: &str = include_str!("schema.sql");
/// Held while the tables are made, so that two collectors do not make them at once.
const SCHEMA_LOCK: i64 = 0x7069_7368_7461_7201;
/// How often a batch is tried again at once when the database broke a tie between two collectors.
const TIES: usize = 5;

/// The database behind one address.
pub struct Postgres {
    config: Config,
    name: String,
    /// `None` after anything went wrong: the next batch begins with a new connection.
    client: Option<Client>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Postgres({})", self.name)
    }
}

impl Postgres {
    /// The database at `address`: `postgres://user@host/database` or `host=… user=… dbname=…`.
    ///
    /// # Errors
    /// [`SinkError`] when it is no such address, or leads over a network without saying `sslmode=disable`.
    pub fn new(address: &str, password: Option<&str>) -> Result<Self, SinkError> {
        let mut config: Config = address.parse().map_err(|error| {
            SinkError::new(format!("{address} is no PostgreSQL address ({error})"))
        })?;
        let far = config.get_hosts().iter().find(|host| match host {
            Host::Unix(_) => false,
            Host::Tcp(name) => {
                let ip = name.parse::<std::net::IpAddr>();
                name != "localhost" && !ip.is_ok_and(|ip| ip.is_loopback())
            }
        });
        if let Some(Host::Tcp(host)) = far
            && config.get_ssl_mode() != SslMode::Disable
        {
            return Err(SinkError::new(format!(
                "learners' data would travel to {host} readable: run the collector on the database's machine, or lead the connection through a tunnel and add sslmode=disable"
            )));
        }
        if let Some(password) = password {
            config.password(password);
        }
        config
            .application_name("pishtar collect")
            .connect_timeout(Duration::from_secs(10))
            .tcp_user_timeout(Duration::from_secs(30));
        Ok(Self {
            name: name(&config),
            config,
            client: None,
        })
    }

    fn connect(&self) -> Result<Client, SinkError> {
        let wrong = |error: &postgres::Error| self.words(error);
        let mut client = self.config.connect(NoTls).map_err(|error| wrong(&error))?;
        let number = |client: &mut Client, sql: &str| -> Result<i32, postgres::Error> {
            Ok(client.query_one(sql, &[])?.get(0))
        };
        let server = "SELECT current_setting('server_version_num')::int";
        if number(&mut client, server).map_err(|error| wrong(&error))? < OLDEST_SERVER {
            let remedy = "PostgreSQL 14 or newer is needed";
            return Err(SinkError::new(format!(
                "{} is too old; {remedy}",
                self.name
            )));
        }
        let encoding: String = client
            .query_one("SELECT current_setting('server_encoding')", &[])
            .map_err(|error| wrong(&error))?
            .get(0);
        if encoding != "UTF8" {
            let remedy = "make the database with: createdb --encoding UTF8 --template template0";
            return Err(SinkError::new(format!(
                "{} stores {encoding}, which does not hold all names; {remedy}",
                self.name
            )));
        }
        match prepare(&mut client).map_err(|error| wrong(&error))? {
            version if version > SCHEMA_VERSION => Err(SinkError::new(format!(
                "the tables in {} are of version {version}, made by a newer pishtar; update this collector",
                self.name
            ))),
            _ => Ok(client),
        }
    }

    /// What went wrong, whose fault it is and what helps.
    fn words(&self, error: &postgres::Error) -> SinkError {
        let said = match error.as_db_error() {
            Some(error) => error.message().to_owned(),
            None => {
                let cause = std::error::Error::source(error);
                cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
            }
        };
        let code = error.code();
        let is = |codes: &[SqlState]| code.is_some_and(|code| codes.contains(code));
        let remedy = if is(&[
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        ]) || said.contains("password missing")
        {
            "; correct the user in the address or the password in the file given with --credentials"
        } else if is(&[SqlState::INVALID_CATALOG_NAME]) {
            "; make the database first: createdb --encoding UTF8 NAME"
        } else if is(&[SqlState::INSUFFICIENT_PRIVILEGE]) {
            "; let this user create a schema: GRANT CREATE ON DATABASE … TO …"
        } else if is(&[SqlState::DISK_FULL]) {
            "; free space on the database's disk"
        } else {
            ""
        };
        SinkError::new(format!("{}: {said}{remedy}", self.name))
    }

    /// Writes the items from `at` on; halves what the database refuses until the one at fault is alone.
    fn send(
        &mut self,
        at: usize,
        items: &[Vec<u8>],
        refused: &mut Vec<(usize, String)>,
    ) -> Result<(), SinkError> {
        let reason = match self.try_batch(items)? {
            None => return Ok(()),
            Some(reason) => reason,
        };
        if items.len() == 1 {
            refused.push((at, reason));
            return Ok(());
        }
        let (left, right) = items.split_at(items.len() / 2);
        self.send(at, left, refused)?;
        self.send(at + left.len(), right, refused)
    }

    /// The reason when it is what the batch holds that the database refuses.
    fn try_batch(&mut self, items: &[Vec<u8>]) -> Result<Option<String>, SinkError> {
        let batch = Batch::of(items);
        if let (1, Some(reason)) = (items.len(), batch.foreign()) {
            return Ok(Some(reason.to_owned()));
        }
        for tie in 0.. {
            let mut client = match self.client.take() {
                Some(client) => client,
                None => self.connect()?,
            };
            let error = match batch.write(&mut client) {
                Ok(()) => {
                    self.client = Some(client);
                    return Ok(None);
                }
                Err(error) => error,
            };
            match error.as_db_error() {
                Some(said) if is_tie(said) && tie < TIES => self.client = Some(client),
                Some(said) if is_about_content(said) => {
                    self.client = Some(client);
                    return Ok(Some(said.message().to_owned()));
                }
                _ => return Err(self.words(&error)),
            }
        }
        unreachable!("the loop ends by return")
    }
}

impl Sink for Postgres {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn feed(&self) -> Feed {
        Feed::Deltas
    }

    fn write(&mut self, mark: u64, items: &[Vec<u8>]) -> Result<Written, SinkError> {
        let mut refused = Vec::new();
        self.send(0, items, &mut refused)?;
        Ok(Written { mark, refused })
    }
}

/// The address for people and for the collector's file: no password.
fn name(config: &Config) -> String {
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .zip(config.get_ports().iter().chain(std::iter::repeat(&5432)))
        .map(|(host, port)| match host {
            Host::Tcp(host) => format!("{host}:{port}"),
            Host::Unix(path) => format!("{}:{port}", path.display()),
        })
        .collect();
    format!(
        "postgres:{}@{}/{}",
        config.get_user().unwrap_or_default(),
        hosts.join(","),
        config
            .get_dbname()
            .or(config.get_user())
            .unwrap_or_default()
    )
}

/// Makes the tables where they are missing; returns their version.
fn prepare(client: &mut Client) -> Result<i32, postgres::Error> {
    let mut txn = client.transaction()?;
    txn.execute("SELECT pg_advisory_xact_lock($1)", &[&SCHEMA_LOCK])?;
    let there: bool = txn
        .query_one("SELECT to_regclass('pishtar.version') IS NOT NULL", &[])?
        .get(0);
    if !there {
        txn.batch_execute(
            "CREATE SCHEMA IF NOT EXISTS pishtar; CREATE TABLE pishtar.version (version integer NOT NULL)",
        )?;
        txn.batch_execute(SCHEMA)?;
        txn.execute(
            "INSERT INTO pishtar.version VALUES ($1)",
            &[&SCHEMA_VERSION],
        )?;
    }
    let version = txn
        .query_one("SELECT max(version) FROM pishtar.version", &[])?
        .get(0);
    txn.commit()?;
    client.batch_execute(statements::STAGING)?;
    Ok(version)
}

/// The database ended one of two transactions that waited for each other.
fn is_tie(error: &DbError) -> bool {
    [
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
    ]
    .contains(error.code())
}

/// Data exceptions (class 22) and integrity violations (class 23): the same again will fail again.
fn is_about_content(error: &DbError) -> bool {
    let code = error.code().code();
    code.starts_with("22") || code.starts_with("23")
}

#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
