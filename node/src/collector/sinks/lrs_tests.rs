//! A store that refuses, stalls, loses its answers or dies in the middle: nothing is lost and nothing doubled.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::*;

/// What the store does with one request instead of answering it rightly.
#[derive(Clone, Copy)]
enum Fault {
    Status(u16),
    /// Stores everything, then hangs up without a word.
    LostAnswer,
    /// Hangs up at once.
    HangUp,
}

#[derive(Default)]
struct Held {
    statements: BTreeMap<String, Value>,
    faults: VecDeque<Fault>,
    requests: Vec<usize>,
}

/// A store on loopback that keeps to the rules on ids (xAPI part three, 2.1) and refuses statements about `bad`.
struct Store {
    held: Arc<Mutex<Held>>,
    endpoint: String,
}

impl Store {
    fn start(faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/xapi", listener.local_addr().unwrap());
        let held = Arc::new(Mutex::new(Held {
            faults: faults.iter().copied().collect(),
            ..Held::default()
        }));
        let serves = held.clone();
        // Ends with the process; it holds nothing but a port.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &serves);
            }
        });
        Self { held, endpoint }
    }

    fn sink(&self) -> Lrs {
        Lrs::new(&self.endpoint, LrsLogin::default()).unwrap()
    }

    fn ids(&self) -> Vec<String> {
        self.held
            .lock()
            .unwrap()
            .statements
            .keys()
            .cloned()
            .collect()
    }
}

fn answer(mut stream: TcpStream, held: &Mutex<Held>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        head.push(line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let version = "x-experience-api-version: 1.0.3";
    assert!(head.iter().any(|line| line.to_ascii_lowercase() == version));
    let mut held = held.lock().unwrap();
    let status = match held.faults.pop_front() {
        Some(Fault::HangUp) => return,
        Some(Fault::Status(status)) => status,
        Some(Fault::LostAnswer) => {
            store(&mut held, &body);
            return;
        }
        None => match head[0].split_once("statementId=") {
            Some((_, id)) => {
                let id = id.split(' ').next().unwrap();
                if held.statements.contains_key(id) {
                    200
                } else {
                    404
                }
            }
            None => store(&mut held, &body),
        },
    };
    let reason = "the reason,\n  in two lines";
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\nRetry-After: 7\r\n\r\n{reason}",
        reason.len()
    )
    .unwrap();
}

/// All of a batch or nothing.
fn store(held: &mut Held, body: &[u8]) -> u16 {
    let batch: Vec<Value> = serde_json::from_slice(body).unwrap();
    held.requests.push(batch.len());
    let id = |statement: &Value| statement["id"].as_str().unwrap().to_owned();
    for statement in &batch {
        if statement["object"] == "bad" {
            return 400;
        }
        if held
            .statements
            .get(&id(statement))
            .is_some_and(|there| there != statement)
        {
            return 409;
        }
    }
    held.statements.extend(
        batch
            .iter()
            .map(|statement| (id(statement), statement.clone())),
    );
    200
}

fn statement(id: &str, object: &str) -> Vec<u8> {
    json!({ "id": id, "object": object })
        .to_string()
        .into_bytes()
}

#[test]
fn trouble_keeps_the_batch_and_says_what_it_is() {
    let store = Store::start(&[
        Fault::Status(503),
        Fault::Status(401),
        Fault::Status(404),
        Fault::HangUp,
    ]);
    let mut sink = store.sink();
    let items = [statement("a", "good"), statement("b", "good")];
    let mut words = || {
        let error = sink.write(0, &items).unwrap_err();
        (error.words.replace(&store.endpoint, "X"), error.after)
    };
    let week = Some(Duration::from_secs(7));
    let why = "(the reason, in two lines)";
    assert_eq!(
        words(),
        (
            format!("the LRS at X answers 503 Service Unavailable {why}"),
            week
        )
    );
    assert_eq!(
        words().0,
        format!(
            "the LRS at X answers 401 Unauthorized: it does not know these credentials, or they may not write; correct the file given with --credentials {why}"
        )
    );
    assert!(
        words()
            .0
            .contains("404 Not Found: this is not an xAPI endpoint")
    );
    assert!(words().0.starts_with("the LRS at X does not answer ("));
    assert_eq!(store.ids(), [""; 0]);
    assert_eq!(sink.write(0, &items).unwrap().mark, 1);
    assert_eq!(store.ids(), ["a", "b"]);
}

#[test]
fn a_lost_answer_doubles_nothing() {
    let store = Store::start(&[Fault::LostAnswer]);
    let mut sink = store.sink();
    let items = [statement("a", "good"), statement("b", "good")];
    assert!(sink.write(0, &items).is_err());
    assert_eq!(sink.write(0, &items).unwrap().refused, []);
    assert_eq!(store.ids(), ["a", "b"]);
}

#[test]
fn a_statement_that_is_refused_for_good_is_found_and_the_rest_goes_through() {
    let store = Store::start(&[]);
    let mut sink = store.sink();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let item = |id: &&str| statement(id, if *id == "f" { "bad" } else { "good" });
    let items: Vec<_> = names.iter().map(item).collect();
    let written = sink.write(0, &items).unwrap();
    let reason = "400 Bad Request (the reason, in two lines)";
    assert_eq!(written.refused, [(5, reason.to_owned())]);
    assert_eq!(store.ids(), ["a", "b", "c", "d", "e", "g", "h"]);
    assert_eq!(store.held.lock().unwrap().requests, [8, 4, 4, 2, 1, 1, 2]);
}

#[test]
fn a_store_that_takes_nothing_at_all_sets_nothing_aside() {
    let store = Store::start(&[]);
    let mut sink = store.sink();
    let items = [statement("a", "bad"), statement("b", "bad")];
    let error = sink.write(0, &items).unwrap_err();
    assert!(
        error.words.contains("takes no statement at all: 400"),
        "{error}"
    );
    // One that has taken statements before is believed.
    assert_eq!(sink.write(1, &items).unwrap().refused.len(), 2);
}

#[test]
fn what_another_collector_stated_under_the_same_id_is_stated() {
    let store = Store::start(&[]);
    store.sink().write(0, &[statement("b", "first")]).unwrap();
    let items = [statement("a", "good"), statement("b", "second")];
    let written = store.sink().write(0, &items).unwrap();
    assert_eq!(
        (written.refused, store.ids()),
        (vec![], vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(
        store.held.lock().unwrap().statements["b"]["object"],
        "first"
    );
}
