//! As much of HTTP/1.1 as it takes to read a page, a range and the answer to a report: one request for each connection.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, bail};

/// Longest answer that is read, in bytes; a sample lesson is far below.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// Status code.
    pub(super) status: u16,
    head: String,
    /// Body, chunked encoding undone.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A header's value by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `GET`; `base` is `http://ADDRESS:PORT`, `headers` are whole lines.
///
/// # Errors
/// When the page cannot be reached or answers with what is not HTTP.
pub(super) fn get(base: &str, path: &str, headers: &[&str]) -> anyhow::Result<Answer> {
    request(base, "GET", path, headers, b"")
}

/// `POST` of JSON, as the player does it.
///
/// # Errors
/// As [`get`].
pub(super) fn post_json(
    base: &str,
    path: &str,
    body: &serde_json::Value,
) -> anyhow::Result<Answer> {
    let origin = format!("Origin: {base}");
    request(
        base,
        "POST",
        path,
        &["Content-Type: application/json", &origin],
        body.to_string().as_bytes(),
    )
}

fn request(
    base: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> anyhow::Result<Answer> {
    let host = base
        .strip_prefix("http://")
        .unwrap_or(base)
        .trim_end_matches('/');
    let mut stream = TcpStream::connect(host).with_context(|| format!("cannot reach {base}"))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{base}{path} stopped answering"))?;
    parse(&bytes).with_context(|| format!("{base}{path} answered what is not HTTP"))
}

fn parse(bytes: &[u8]) -> anyhow::Result<Answer> {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("no end of headers")?;
    let head = std::str::from_utf8(&bytes[..end])?.to_owned();
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    let mut answer = Answer {
        status,
        head,
        body: bytes[end + 4..].to_vec(),
    };
    if answer
        .header("transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        answer.body = unchunk(&answer.body)?;
    }
    if let Some(length) = answer.header("content-length")
        && length.parse() != Ok(answer.body.len())
    {
        bail!("{} bytes where {length} were promised", answer.body.len());
    }
    Ok(answer)
}

fn unchunk(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .context("a chunk without a size")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end])?.trim(), 16)?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest
            .get(end + 2..end + 2 + size)
            .context("a chunk is cut off")?;
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).context("a chunk is cut off")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_sending_a_body_are_read() {
        let plain = parse(b"HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\nabc").unwrap();
        assert_eq!((plain.status, plain.text().as_str()), (206, "abc"));
        let chunked = parse(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        );
        assert_eq!(chunked.unwrap().text(), "abc");
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc").is_err());
    }
}
