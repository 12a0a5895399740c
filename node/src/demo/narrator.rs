//! Tells what the nodes say happened to them, each event once and in plain words.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::child::tell;
use crate::{
    control::{Request, ask},
    handle::status::EventRow,
};

const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Peer ids and the names that the story has for them.
pub(super) type Names = Arc<Mutex<BTreeMap<String, &'static str>>>;

/// Follows one node's events on a thread of its own until dropped.
#[derive(Debug)]
pub(super) struct Narrator {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Narrator {
    /// Begins with the node's first event.
    pub(super) fn start(who: &'static str, data: PathBuf, names: Names) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let thread = thread::spawn(move || {
            let mut next = 0;
            loop {
                // The last look happens after the stop was asked for, so that nothing told is lost.
                let last = stopping.load(Ordering::Relaxed);
                let events: Vec<EventRow> =
                    ask(&data, &Request::Events { since: next }).unwrap_or_default();
                for event in events {
                    next = event.number + 1;
                    tell(who, &named(&event.text, &names));
                }
                if last {
                    return;
                }
                thread::sleep(LOOK_EVERY);
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Narrator {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Puts names in place of peer ids.
fn named(text: &str, names: &Names) -> String {
    let names = names.lock().unwrap_or_else(PoisonError::into_inner);
    names
        .iter()
        .fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_ids_become_names() {
        let names: Names = Arc::new(Mutex::new(BTreeMap::from([(
            "12D3Koo".to_owned(),
            "the school",
        )])));
        assert_eq!(
            named("found 12D3Koo nearby", &names),
            "found the school nearby"
        );
    }
}
