//! The side that was called: answers comparisons, gives what is wanted, takes what is pushed.

use std::collections::{BTreeSet, VecDeque};

use negentropy::{Negentropy, NegentropyStorageVector};

use super::{
    BATCH_ITEMS, ExchangeStats, Input, Limits, MAX_ROUNDS, Message, NEGENTROPY_BYTES, Output,
    SessionError, SetDigest, SetKind, ShortName, Sketch, Snapshot, VERSION, item_messages,
    sketch::Names,
};

/// Answers one exchange. After each [`Responder::handle`] take all outputs.
///
/// Always true: it asks the shell for one thing at a time and reads no message meanwhile.
#[derive(Debug)]
pub struct Responder {
    limits: Limits,
    state: State,
    outputs: VecDeque<Output>,
    /// The set being compared; `None` before the first opening.
    compared: Option<Compared>,
    stats: ExchangeStats,
}

#[derive(Debug)]
struct Compared {
    kind: SetKind,
    /// The set, and how its members are called: until it is compared range by range, or what is named was asked for.
    sketched: Option<(Snapshot, Names)>,
    negentropy: Option<Negentropy<'static, NegentropyStorageVector>>,
    rounds: u32,
    given: usize,
    taken: usize,
    batch: Vec<Vec<u8>>,
}

#[derive(Debug)]
enum State {
    Listening,
    Snapshot { digest: SetDigest },
    Loading,
    Storing,
    Digests { acks: SetDigest, records: SetDigest },
    Over,
}

impl Responder {
    /// Waits for the peer's opening.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Listening,
            outputs: VecDeque::new(),
            compared: None,
            stats: ExchangeStats::default(),
        }
    }

    /// What to do next; `None` until the next input.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes in a message or an answer of the shell.
    ///
    /// # Errors
    /// [`SessionError`] when the peer breaks the protocol; the session is over then.
    pub fn handle(&mut self, input: Input) -> Result<(), SessionError> {
        match (std::mem::replace(&mut self.state, State::Over), input) {
            (State::Listening, Input::Received(message)) => self.receive(message),
            (State::Snapshot { digest }, Input::Snapshot(snapshot)) => {
                self.state = State::Listening;
                if snapshot.digest() == digest {
                    self.send(Message::Same);
                    return Ok(());
                }
                let names = Names::new(&digest);
                let sketch = Sketch::new(&snapshot, &names);
                self.stats.rounds += 1;
                self.compared()?.sketched = Some((snapshot, names));
                self.send(Message::Sketch(sketch));
                Ok(())
            }
            (State::Loading, Input::Loaded(items)) => {
                let kind = self.compared()?.kind;
                self.stats.add_out(kind, items.len());
                self.outputs
                    .extend(item_messages(items).into_iter().map(Output::Send));
                self.state = State::Listening;
                Ok(())
            }
            (State::Storing, Input::Stored(stored)) => {
                let kind = self.compared()?.kind;
                self.stats.add_in(kind, stored);
                let accepted =
                    u32::try_from(stored.accepted).expect("a batch has at most 128 items");
                self.send(Message::Took { accepted });
                self.state = State::Listening;
                Ok(())
            }
            (
                State::Digests { acks, records },
                Input::Digests {
                    acks: a,
                    records: r,
                },
            ) => {
                self.stats.equal = (acks, records) == (a, r);
                self.send(Message::Close {
                    acks: a,
                    records: r,
                });
                self.outputs.push_back(Output::Done(self.stats));
                Ok(())
            }
            _ => Err(SessionError::Driver),
        }
    }

    fn receive(&mut self, message: Message) -> Result<(), SessionError> {
        match message {
            Message::Open {
                version,
                kind,
                digest,
            } => self.open(version, kind, digest),
            Message::Reconcile(query) => {
                self.state = State::Listening;
                self.reconcile(&query)
            }
            Message::Want(ids) => self.want(ids),
            Message::WantNamed(names) => self.want_named(&names),
            Message::Items { items, last } => self.take(items, last),
            Message::Close { acks, records } => {
                self.state = State::Digests { acks, records };
                self.outputs.push_back(Output::Digests);
                Ok(())
            }
            Message::Same | Message::Sketch(_) | Message::Took { .. } => {
                Err(SessionError::Unexpected {
                    got: message.name(),
                    expected: "a request",
                })
            }
        }
    }

    /// Acknowledgements come first and each set once, so that a peer cannot make us snapshot for ever.
    fn open(&mut self, version: u8, kind: SetKind, digest: SetDigest) -> Result<(), SessionError> {
        if version != VERSION {
            return Err(SessionError::Version(version));
        }
        if self
            .compared
            .as_ref()
            .is_some_and(|compared| compared.kind >= kind)
        {
            return Err(SessionError::TooMuch("openings"));
        }
        self.compared = Some(Compared {
            kind,
            sketched: None,
            negentropy: None,
            rounds: 0,
            given: 0,
            taken: 0,
            batch: Vec::new(),
        });
        self.state = State::Snapshot { digest };
        self.outputs.push_back(Output::Snapshot(kind));
        Ok(())
    }

    fn reconcile(&mut self, query: &[u8]) -> Result<(), SessionError> {
        self.stats.rounds += 1;
        let compared = self.compared()?;
        compared.rounds += 1;
        if compared.rounds > MAX_ROUNDS {
            return Err(SessionError::TooMuch("comparison rounds"));
        }
        if let Some((snapshot, _)) = compared.sketched.take() {
            let negentropy = Negentropy::owned(snapshot.storage(), NEGENTROPY_BYTES);
            compared.negentropy = Some(negentropy.map_err(broken)?);
        }
        let Some(negentropy) = compared.negentropy.as_mut() else {
            return Err(SessionError::Unexpected {
                got: "a comparison",
                expected: "an opening",
            });
        };
        let answer = negentropy.reconcile(query).map_err(broken)?;
        self.send(Message::Reconcile(answer));
        Ok(())
    }

    fn want(&mut self, ids: Vec<[u8; 32]>) -> Result<(), SessionError> {
        let max_items = self.limits.max_items;
        let compared = self.compared()?;
        compared.given += ids.len();
        if ids.len() > BATCH_ITEMS || ids.is_empty() || compared.given > max_items {
            return Err(SessionError::TooMuch("items wanted"));
        }
        let kind = compared.kind;
        self.state = State::Loading;
        self.outputs.push_back(Output::Load(kind, ids));
        Ok(())
    }

    /// Once for each set: finding the members goes through all of it.
    fn want_named(&mut self, wanted: &[ShortName]) -> Result<(), SessionError> {
        let sketched = self.compared()?.sketched.take();
        let Some((snapshot, names)) = sketched.filter(|_| wanted.len() <= BATCH_ITEMS) else {
            return Err(SessionError::TooMuch("items wanted"));
        };
        let wanted: BTreeSet<&ShortName> = wanted.iter().collect();
        let ids = snapshot.entries().iter().map(|entry| entry.id);
        self.want(ids.filter(|id| wanted.contains(&names.of(id))).collect())
    }

    fn take(&mut self, items: Vec<Vec<u8>>, last: bool) -> Result<(), SessionError> {
        let max_items = self.limits.max_items;
        let compared = self.compared()?;
        compared.taken += items.len();
        if items.is_empty()
            || compared.batch.len() + items.len() > BATCH_ITEMS
            || compared.taken > max_items
        {
            return Err(SessionError::TooMuch("items pushed"));
        }
        compared.batch.extend(items);
        if !last {
            self.state = State::Listening;
            return Ok(());
        }
        let (kind, batch) = (compared.kind, std::mem::take(&mut compared.batch));
        self.state = State::Storing;
        self.outputs.push_back(Output::Store(kind, batch));
        Ok(())
    }

    fn compared(&mut self) -> Result<&mut Compared, SessionError> {
        self.compared.as_mut().ok_or(SessionError::Unexpected {
            got: "a request",
            expected: "an opening",
        })
    }

    fn send(&mut self, message: Message) {
        self.outputs.push_back(Output::Send(message));
    }
}

fn broken(error: negentropy::Error) -> SessionError {
    SessionError::Negentropy(error.to_string())
}
