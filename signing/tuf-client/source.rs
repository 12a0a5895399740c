//! An HTTP server that is believed in nothing: every answer is bounded in length and time.

use std::io::Read;
use std::time::Duration;

use crate::error::ClientError;

/// Slowest rate in bytes per second at which a body may arrive (slow retrieval attack).
const SLOWEST: u64 = 8 << 10;

/// Files below one URL.
#[derive(Debug)]
pub(crate) struct Source {
    agent: ureq::Agent,
    base: String,
    patience: Duration,
}

/// A file on its way.
pub(crate) struct Answer {
    pub(crate) url: String,
    reader: Box<dyn Read>,
}

impl Source {
    /// A server that must take a connection and begin to answer within `patience`.
    ///
    /// # Errors
    /// [`ClientError::Url`] unless it is a plain HTTP address.
    pub(crate) fn new(base: &str, patience: Duration) -> Result<Source, ClientError> {
        if !base.starts_with("http://") {
            let url = base.to_owned();
            return Err(ClientError::Url { url });
        }
        let own_machine = is_loopback(base);
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .user_agent(concat!("pishtar-tuf-client/", env!("CARGO_PKG_VERSION")));
        if own_machine {
            // A proxy from the environment cannot reach this machine's own addresses.
            config = config.proxy(None);
        }
        let config = config.build();
        Ok(Source {
            agent: config.into(),
            base: base.trim_end_matches('/').to_owned(),
            patience,
        })
    }

    /// Asks for the file at `escaped_path`, whose body may take as long as `bytes` need at the slowest rate. `None`:
    /// the server says that there is none.
    ///
    /// # Errors
    /// [`ClientError::Network`]
    pub(crate) fn get(
        &self,
        escaped_path: &str,
        bytes: u64,
    ) -> Result<Option<Answer>, ClientError> {
        let url = format!("{}/{escaped_path}", self.base);
        let request = self.agent.get(&url).config();
        let patience = self.patience + Duration::from_secs(bytes / SLOWEST);
        let called = request.timeout_recv_body(Some(patience)).build().call();
        let response = called.map_err(|error| network(&url, error))?;
        match response.status().as_u16() {
            200 => {
                let reader = Box::new(response.into_body().into_reader());
                Ok(Some(Answer { url, reader }))
            }
            // Some stores say \"forbidden\" for what they do not have.
            403 | 404 => Ok(None),
            status => Err(network(
                &url,
                format!("the server answers with status {status}"),
            )),
        }
    }

    /// The whole file, of which no more than `max_bytes` and one more are read, so that too long a file shows.
    ///
    /// # Errors
    /// [`ClientError::Network`]
    pub(crate) fn read(
        &self,
        escaped_path: &str,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        let Some(answer) = self.get(escaped_path, max_bytes)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let mut bounded = answer.reader.take(max_bytes.saturating_add(1));
        let read = bounded.read_to_end(&mut bytes);
        read.map_err(|error| network(&answer.url, error))?;
        Ok(Some(bytes))
    }
}

impl Answer {
    /// Reads the next piece; 0 at the end.
    ///
    /// # Errors
    /// [`ClientError::Network`]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ClientError> {
        let read = self.reader.read(buffer);
        read.map_err(|error| network(&self.url, error))
    }
}

fn is_loopback(base: &str) -> bool {
    let rest = base.trim_start_matches("http://");
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(ip6) => ip6.starts_with("::1]"),
        None => {
            let host = authority.split(':').next().unwrap_or_default();
            let ip4: Option<std::net::Ipv4Addr> = host.parse().ok();
            host == "localhost" || ip4.is_some_and(|ip| ip.is_loopback())
        }
    }
}

fn network(url: &str, problem: impl ToString) -> ClientError {
    ClientError::Network {
        url: url.to_owned(),
        problem: problem.to_string(),
    }
}
