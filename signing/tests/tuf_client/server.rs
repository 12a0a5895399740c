//! A web server on loopback that serves what a test puts into it and remembers what was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server says to one path. A path without an answer is a 404.
#[derive(Clone)]
pub(crate) enum Answer {
    Bytes(Vec<u8>),
    /// Half of these bytes, and then nothing until the client hangs up.
    Stalled(Vec<u8>),
    /// This byte for ever, without a length.
    Endless(u8),
    Status(u16),
}

#[derive(Default)]
struct Shared {
    answers: BTreeMap<String, Answer>,
    asked: Vec<String>,
    sent: u64,
}

#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Server {
    /// Serves until the test's process ends.
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            shared: Arc::default(),
        };
        let shared = server.shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up early is no fault of the server.
                let _ = serve(stream, &shared);
            }
        });
        server
    }

    pub(crate) fn url(&self, folder: &str) -> String {
        format!("http://{}/{folder}", self.address)
    }

    pub(crate) fn set(&self, path: impl Into<String>, answer: Answer) {
        let mut shared = self.shared.lock().unwrap();
        shared.answers.insert(path.into(), answer);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.shared.lock().unwrap().answers.remove(path);
    }

    /// What was asked since the last call, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().asked)
    }

    /// Bytes of bodies sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.lock().unwrap().sent
    }
}

fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.trim_start_matches('/').to_owned();
    let answer = {
        let mut shared = shared.lock().unwrap();
        shared.asked.push(path.clone());
        shared.answers.get(&path).cloned()
    };
    match answer.unwrap_or(Answer::Status(404)) {
        Answer::Bytes(bytes) => {
            let length = bytes.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
            )?;
            shared.lock().unwrap().sent += length as u64;
            stream.write_all(&bytes)
        }
        Answer::Stalled(bytes) => {
            let length = bytes.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
            )?;
            stream.write_all(&bytes[..length / 2])?;
            lines.next();
            Ok(())
        }
        Answer::Endless(byte) => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            let piece = [byte; 64 << 10];
            loop {
                stream.write_all(&piece)?;
                shared.lock().unwrap().sent += piece.len() as u64;
            }
        }
        Answer::Status(status) => {
            write!(
                stream,
                "HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
        }
    }
}
