//! An xAPI Learning Record Store over HTTP (xAPI 1.0.3, part three: communication).
//!
//! Statements go in batches by POST. Their ids follow from what they state, so a batch that is sent again after
//! an answer was lost is recognised (part three, 2.1.1: the same id is stored once, another statement under it
//! is 409). A batch that is refused is halved until the statement is found that is at fault.

use std::{io::Read, sync::Arc, time::Duration};

use serde_json::Value;
use ureq::{
    Agent, Body,
    http::Response,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{Feed, Sink, SinkError, Written};

const XAPI_VERSION: &str = "1.0.3";
/// Most statements in one request, and their bytes: stores commonly bound both.
const LIMITS: (usize, usize) = (500, 1 << 20);
/// How much of a refusal is read and kept.
const REASON_BYTES: u64 = 400;
/// Longest wait that a store can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// How the store knows the collector.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LrsLogin {
    /// The whole `Authorization` header; empty for none.
    pub authorization: String,
    /// Certificates of an authority of one's own, PEM; empty for the public ones.
    pub authority: Vec<u8>,
}

impl std::fmt::Debug for LrsLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LrsLogin(hidden)")
    }
}

/// The store behind one endpoint.
#[derive(Debug)]
pub struct Lrs {
    agent: Agent,
    endpoint: String,
    login: LrsLogin,
    accepted: bool,
}

/// What the store made of one request.
enum Answer {
    Stored,
    /// Nothing was stored because of what the request holds.
    Refused(String),
    /// One of its ids is taken by another statement.
    Conflict(String),
}

impl Lrs {
    /// The store at `endpoint`, for example `https://lrs.example.org/xapi`.
    ///
    /// # Errors
    /// [`SinkError`] when the login's certificates do not parse.
    pub fn new(endpoint: &str, login: LrsLogin) -> Result<Self, SinkError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(Duration::from_secs(60)))
            .user_agent(concat!("pishtar/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(&login.authority)?)
            .build();
        Ok(Self {
            agent: config.into(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            login,
            accepted: false,
        })
    }

    fn post(&self, items: &[Vec<u8>]) -> Result<Answer, SinkError> {
        let body = [b"[", items.join(&b","[..]).as_slice(), b"]"].concat();
        let mut request = self
            .agent
            .post(format!("{}/statements", self.endpoint))
            .header("X-Experience-API-Version", XAPI_VERSION)
            .header("Content-Type", "application/json");
        if !self.login.authorization.is_empty() {
            request = request.header("Authorization", &self.login.authorization);
        }
        let answer = request
            .send(&body[..])
            .map_err(|error| self.silent(&error))?;
        self.judge(answer)
    }

    fn judge(&self, answer: Response<Body>) -> Result<Answer, SinkError> {
        let status = answer.status();
        let after = answer
            .headers()
            .get("Retry-After")
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        let said = said(answer);
        let trouble = |remedy: &str| SinkError {
            words: format!(
                "the LRS at {} answers {status}{remedy}{said}",
                self.endpoint
            ),
            after,
        };
        match status.as_u16() {
            200..=299 => Ok(Answer::Stored),
            409 => Ok(Answer::Conflict(format!("{status}{said}"))),
            400 | 413 | 422 => Ok(Answer::Refused(format!("{status}{said}"))),
            401 | 403 => Err(trouble(
                ": it does not know these credentials, or they may not write; correct the file given with --credentials",
            )),
            300..=399 | 404 | 405 | 406 | 410 | 415 => Err(trouble(
                ": this is not an xAPI endpoint; give the address before \"/statements\"",
            )),
            _ => Err(trouble("")),
        }
    }

    /// Whether the store holds a statement with this id.
    fn holds(&self, item: &[u8]) -> Result<bool, SinkError> {
        let Some(id) = serde_json::from_slice::<Value>(item)
            .ok()
            .and_then(|statement| Some(statement["id"].as_str()?.to_owned()))
        else {
            return Ok(false);
        };
        let mut request = self
            .agent
            .get(format!("{}/statements", self.endpoint))
            .query("statementId", &id)
            .header("X-Experience-API-Version", XAPI_VERSION);
        if !self.login.authorization.is_empty() {
            request = request.header("Authorization", &self.login.authorization);
        }
        let answer = request.call().map_err(|error| self.silent(&error))?;
        match answer.status().as_u16() {
            200 => Ok(true),
            404 => Ok(false),
            _ => self.judge(answer).map(|_| false),
        }
    }

    fn silent(&self, error: &ureq::Error) -> SinkError {
        SinkError::new(format!(
            "the LRS at {} does not answer ({error})",
            self.endpoint
        ))
    }

    /// Sends the items from `at` on; halves what is refused until the one at fault is alone.
    fn send(
        &mut self,
        at: usize,
        items: &[Vec<u8>],
        refused: &mut Vec<(usize, String)>,
    ) -> Result<(), SinkError> {
        let reason = match self.post(items)? {
            Answer::Stored => {
                self.accepted = true;
                return Ok(());
            }
            // Said before, by this collector or another: a statement that is stated once keeps its id.
            Answer::Conflict(_) if items.len() == 1 && self.holds(&items[0])? => return Ok(()),
            Answer::Refused(reason) | Answer::Conflict(reason) => reason,
        };
        if items.len() == 1 {
            refused.push((at, reason));
            return Ok(());
        }
        let (left, right) = items.split_at(items.len() / 2);
        self.send(at, left, refused)?;
        self.send(at + left.len(), right, refused)
    }
}

impl Sink for Lrs {
    fn name(&self) -> String {
        format!("lrs:{}", self.endpoint)
    }

    fn feed(&self) -> Feed {
        Feed::Statements
    }

    fn limits(&self) -> (usize, usize) {
        LIMITS
    }

    /// The mark is 1 once the store has taken any statement. Before that nothing is set aside: a store that
    /// takes nothing at all has another fault than its statements.
    fn write(&mut self, mark: u64, items: &[Vec<u8>]) -> Result<Written, SinkError> {
        self.accepted |= mark > 0;
        let mut refused = Vec::new();
        self.send(0, items, &mut refused)?;
        if !self.accepted
            && let Some((_, reason)) = refused.first()
        {
            return Err(SinkError::new(format!(
                "the LRS at {} takes no statement at all: {reason}",
                self.endpoint
            )));
        }
        Ok(Written {
            mark: u64::from(self.accepted),
            refused,
        })
    }
}

fn tls(authority: &[u8]) -> Result<TlsConfig, SinkError> {
    let config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    if authority.is_empty() {
        return Ok(config.build());
    }
    let bad = || SinkError::new("the file of the authority's certificates is no PEM file");
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(authority) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| bad())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(bad());
    }
    Ok(config
        .root_certs(RootCerts::new_with_certs(&certificates))
        .build())
}

/// The beginning of what the store says, on one line.
fn said(answer: Response<Body>) -> String {
    let mut bytes = Vec::new();
    let mut reader = answer.into_body().into_reader().take(REASON_BYTES);
    // What did not arrive of a reason is not worth an error of its own.
    drop(reader.read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    match words.is_empty() {
        true => String::new(),
        false => format!(" ({})", words.join(" ")),
    }
}
