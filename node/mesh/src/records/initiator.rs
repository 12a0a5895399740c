//! The side that opened the stream: compares, pulls, pushes, closes.

use std::collections::{BTreeSet, VecDeque};

use negentropy::{Id, Negentropy, NegentropyStorageVector};

use super::{
    BATCH_ITEMS, ExchangeStats, Input, Limits, MAX_ROUNDS, Message, NEGENTROPY_BYTES, Output,
    SessionError, SetKind, ShortName, Sketch, Snapshot, VERSION, item_messages,
    sketch::{Difference, Names},
};

/// Drives one exchange. After [`Initiator::new`] and after each [`Initiator::handle`] take all outputs.
///
/// Always true: at most one request to the shell or the peer is open, and it is named by the state.
#[derive(Debug)]
pub struct Initiator {
    limits: Limits,
    kind: SetKind,
    state: State,
    outputs: VecDeque<Output>,
    /// Ids still to pull and to push, in order.
    need: VecDeque<[u8; 32]>,
    have: VecDeque<[u8; 32]>,
    stats: ExchangeStats,
}

#[derive(Debug)]
enum State {
    Snapshot,
    /// The set was opened.
    Opened {
        snapshot: Snapshot,
        names: Names,
    },
    Comparing(Box<Comparison>),
    Pulling {
        asked: Asked,
        got: Vec<Vec<u8>>,
    },
    StoringPulled,
    LoadingPush,
    Pushed {
        items: usize,
    },
    Digests,
    Closing {
        acks: super::SetDigest,
        records: super::SetDigest,
    },
    Over,
}

/// What was asked for and has not come yet.
#[derive(Debug)]
enum Asked {
    Ids(BTreeSet<[u8; 32]>),
    Named(BTreeSet<ShortName>, Names),
}

impl Asked {
    /// An item came; false when it was not asked for.
    fn remove(&mut self, item: &[u8]) -> bool {
        let id = blake3::hash(item);
        match self {
            Self::Ids(ids) => ids.remove(id.as_bytes()),
            Self::Named(asked, names) => asked.remove(&names.of(id.as_bytes())),
        }
    }
}

#[derive(Debug)]
struct Comparison {
    negentropy: Negentropy<'static, NegentropyStorageVector>,
    have: Vec<Id>,
    need: Vec<Id>,
    rounds: u32,
}

impl Initiator {
    /// Starts a session; its first output asks for the acknowledgements.
    pub fn new(limits: Limits) -> Self {
        let mut session = Self {
            limits,
            kind: SetKind::Acks,
            state: State::Snapshot,
            outputs: VecDeque::new(),
            need: VecDeque::new(),
            have: VecDeque::new(),
            stats: ExchangeStats::default(),
        };
        session.begin(SetKind::Acks);
        session
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
            (State::Snapshot, Input::Snapshot(snapshot)) => {
                self.open(snapshot);
                Ok(())
            }
            (State::Opened { .. }, Input::Received(Message::Same)) => {
                self.next_kind();
                Ok(())
            }
            (State::Opened { snapshot, names }, Input::Received(Message::Sketch(sketch))) => {
                self.look_at(sketch, &snapshot, names)
            }
            (State::Comparing(comparison), Input::Received(message)) => {
                self.compare(comparison, message)
            }
            (State::Pulling { asked, got }, Input::Received(message)) => {
                self.pull(asked, got, message)
            }
            (State::StoringPulled, Input::Stored(stored)) => {
                self.stats.add_in(self.kind, stored);
                self.transfer();
                Ok(())
            }
            (State::LoadingPush, Input::Loaded(items)) => {
                self.push(items);
                Ok(())
            }
            (State::Pushed { items }, Input::Received(Message::Took { accepted })) => {
                if accepted as usize > items {
                    return Err(SessionError::TooMuch("receipts"));
                }
                self.transfer();
                Ok(())
            }
            (State::Digests, Input::Digests { acks, records }) => {
                self.outputs
                    .push_back(Output::Send(Message::Close { acks, records }));
                self.state = State::Closing { acks, records };
                Ok(())
            }
            (
                State::Closing { acks, records },
                Input::Received(Message::Close {
                    acks: a,
                    records: r,
                }),
            ) => {
                self.stats.equal = (acks, records) == (a, r);
                self.outputs.push_back(Output::Done(self.stats));
                Ok(())
            }
            (state, Input::Received(message)) => Err(SessionError::Unexpected {
                got: message.name(),
                expected: state.expected(),
            }),
            _ => Err(SessionError::Driver),
        }
    }

    fn begin(&mut self, kind: SetKind) {
        self.kind = kind;
        self.state = State::Snapshot;
        self.outputs.push_back(Output::Snapshot(kind));
    }

    fn open(&mut self, snapshot: Snapshot) {
        let digest = snapshot.digest();
        self.outputs.push_back(Output::Send(Message::Open {
            version: VERSION,
            kind: self.kind,
            digest,
        }));
        self.state = State::Opened {
            snapshot,
            names: Names::new(&digest),
        };
    }

    /// A few differences are all in the sketch; else the sets are compared range by range.
    fn look_at(
        &mut self,
        sketch: Sketch,
        snapshot: &Snapshot,
        names: Names,
    ) -> Result<(), SessionError> {
        self.stats.rounds += 1;
        let Some(Difference { theirs, ours }) = sketch.difference(snapshot, &names) else {
            return self.begin_comparison(snapshot);
        };
        let ids = snapshot.entries().iter().map(|entry| entry.id);
        let have: BTreeSet<[u8; 32]> = ids.filter(|id| ours.contains(&names.of(id))).collect();
        self.have = self.bounded(have);
        let room = self.limits.max_items.min(BATCH_ITEMS);
        self.stats.more |= theirs.len() > room;
        let wanted: Vec<ShortName> = theirs.into_iter().take(room).collect();
        if wanted.is_empty() {
            self.transfer();
            return Ok(());
        }
        self.state = State::Pulling {
            asked: Asked::Named(wanted.iter().copied().collect(), names),
            got: Vec::new(),
        };
        self.outputs
            .push_back(Output::Send(Message::WantNamed(wanted)));
        Ok(())
    }

    fn begin_comparison(&mut self, snapshot: &Snapshot) -> Result<(), SessionError> {
        let mut negentropy =
            Negentropy::owned(snapshot.storage(), NEGENTROPY_BYTES).map_err(broken)?;
        let query = negentropy.initiate().map_err(broken)?;
        self.outputs
            .push_back(Output::Send(Message::Reconcile(query)));
        self.state = State::Comparing(Box::new(Comparison {
            negentropy,
            have: Vec::new(),
            need: Vec::new(),
            rounds: 0,
        }));
        Ok(())
    }

    fn compare(
        &mut self,
        mut comparison: Box<Comparison>,
        message: Message,
    ) -> Result<(), SessionError> {
        let Message::Reconcile(answer) = message else {
            return Err(SessionError::Unexpected {
                got: message.name(),
                expected: "a comparison",
            });
        };
        comparison.rounds += 1;
        self.stats.rounds += 1;
        let Comparison {
            negentropy,
            have,
            need,
            rounds,
        } = comparison.as_mut();
        let next = negentropy
            .reconcile_with_ids(&answer, have, need)
            .map_err(broken)?;
        // Whoever has much more than the other must not keep the other's few from being found.
        let enough = have.len().min(need.len()) >= self.limits.max_items || *rounds >= MAX_ROUNDS;
        match next {
            Some(query) if !enough => {
                self.outputs
                    .push_back(Output::Send(Message::Reconcile(query)));
                self.state = State::Comparing(comparison);
            }
            rest => {
                self.stats.more |= rest.is_some();
                // Sorted, because negentropy hands ids out in the order of a hash map.
                let sorted = |ids: &mut Vec<Id>| ids.drain(..).map(|id| *id).collect();
                self.need = self.bounded(sorted(need));
                self.have = self.bounded(sorted(have));
                self.transfer();
            }
        }
        Ok(())
    }

    fn bounded(&mut self, ids: BTreeSet<[u8; 32]>) -> VecDeque<[u8; 32]> {
        self.stats.more |= ids.len() > self.limits.max_items;
        ids.into_iter().take(self.limits.max_items).collect()
    }

    /// The next batch to pull, else the next to push, else the next set.
    fn transfer(&mut self) {
        if !self.need.is_empty() {
            let batch: Vec<_> = self
                .need
                .drain(..self.need.len().min(BATCH_ITEMS))
                .collect();
            self.state = State::Pulling {
                asked: Asked::Ids(batch.iter().copied().collect()),
                got: Vec::new(),
            };
            self.outputs.push_back(Output::Send(Message::Want(batch)));
        } else if !self.have.is_empty() {
            let batch = self
                .have
                .drain(..self.have.len().min(BATCH_ITEMS))
                .collect();
            self.state = State::LoadingPush;
            self.outputs.push_back(Output::Load(self.kind, batch));
        } else {
            self.next_kind();
        }
    }

    fn pull(
        &mut self,
        mut asked: Asked,
        mut got: Vec<Vec<u8>>,
        message: Message,
    ) -> Result<(), SessionError> {
        let Message::Items { items, last } = message else {
            return Err(SessionError::Unexpected {
                got: message.name(),
                expected: "items",
            });
        };
        if items.is_empty() && !last {
            return Err(SessionError::TooMuch("empty messages"));
        }
        for item in items {
            if !asked.remove(&item) {
                return Err(SessionError::Unsolicited);
            }
            got.push(item);
        }
        if !last {
            self.state = State::Pulling { asked, got };
        } else if got.is_empty() {
            self.transfer();
        } else {
            self.outputs.push_back(Output::Store(self.kind, got));
            self.state = State::StoringPulled;
        }
        Ok(())
    }

    fn push(&mut self, items: Vec<Vec<u8>>) {
        if items.is_empty() {
            return self.transfer();
        }
        self.stats.add_out(self.kind, items.len());
        self.state = State::Pushed { items: items.len() };
        self.outputs
            .extend(item_messages(items).into_iter().map(Output::Send));
    }

    fn next_kind(&mut self) {
        match self.kind {
            SetKind::Acks => self.begin(SetKind::Records),
            SetKind::Records => {
                self.state = State::Digests;
                self.outputs.push_back(Output::Digests);
            }
        }
    }
}

impl State {
    fn expected(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "a sketch",
            Self::Comparing(_) => "a comparison",
            Self::Pulling { .. } => "items",
            Self::Pushed { .. } => "a receipt",
            Self::Closing { .. } => "an end",
            Self::Snapshot
            | Self::StoringPulled
            | Self::LoadingPush
            | Self::Digests
            | Self::Over => "nothing",
        }
    }
}

fn broken(error: negentropy::Error) -> SessionError {
    SessionError::Negentropy(error.to_string())
}
