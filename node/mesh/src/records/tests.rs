//! Two carriers in memory: equal sets after an exchange, bounds, and peers that break the rules.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A carrier that keeps everything it is given; items are `[stamp, …]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Carrier(BTreeMap<SetKind, BTreeMap<[u8; 32], Vec<u8>>>);

impl Carrier {
    pub(super) fn with(
        records: impl IntoIterator<Item = u32>,
        acks: impl IntoIterator<Item = u32>,
    ) -> Self {
        let mut carrier = Self::default();
        carrier.store(SetKind::Records, records.into_iter().map(body).collect());
        carrier.store(SetKind::Acks, acks.into_iter().map(body).collect());
        carrier
    }

    fn snapshot(&self, kind: SetKind) -> Snapshot {
        let items = self.0.get(&kind).into_iter().flatten();
        Snapshot::new(
            items
                .map(|(id, bytes)| Entry {
                    stamp: u64::from(bytes[0]),
                    id: *id,
                })
                .collect(),
        )
    }

    fn store(&mut self, kind: SetKind, items: Vec<Vec<u8>>) -> Stored {
        let set = self.0.entry(kind).or_default();
        let mut stored = Stored::default();
        for item in items {
            match set.insert(*blake3::hash(&item).as_bytes(), item) {
                None => stored.accepted += 1,
                Some(_) => stored.known += 1,
            }
        }
        stored
    }

    /// Does what a session asks; `None` when it only wants to send or is done.
    pub(super) fn serve(&mut self, output: &Output) -> Option<Input> {
        match output {
            Output::Snapshot(kind) => Some(Input::Snapshot(self.snapshot(*kind))),
            Output::Load(kind, ids) => {
                let set = self.0.entry(*kind).or_default();
                Some(Input::Loaded(
                    ids.iter().filter_map(|id| set.get(id).cloned()).collect(),
                ))
            }
            Output::Store(kind, items) => Some(Input::Stored(self.store(*kind, items.clone()))),
            Output::Digests => Some(Input::Digests {
                acks: self.snapshot(SetKind::Acks).digest(),
                records: self.snapshot(SetKind::Records).digest(),
            }),
            Output::Send(_) | Output::Done(_) => None,
        }
    }
}

fn body(n: u32) -> Vec<u8> {
    let mut bytes = vec![(n % 7) as u8];
    bytes.extend(n.to_be_bytes());
    bytes.resize(512, 0);
    bytes
}

/// Runs a whole exchange; returns both sides' stats and the bytes that crossed.
pub(super) fn exchange(
    left: &mut Carrier,
    right: &mut Carrier,
    limits: Limits,
) -> (ExchangeStats, ExchangeStats, usize) {
    let (mut initiator, mut responder) = (Initiator::new(limits), Responder::new(limits));
    let (mut left_done, mut right_done, mut bytes) = (None, None, 0);
    loop {
        let mut idle = true;
        while let Some(output) = initiator.poll_output() {
            idle = false;
            match &output {
                Output::Send(message) => {
                    let frame = message.encode().unwrap();
                    bytes += frame.len();
                    responder
                        .handle(Input::Received(Message::decode(&frame).unwrap()))
                        .unwrap();
                    // The responder is served at once: it reads no message while the shell works.
                    while let Some(output) = responder.poll_output() {
                        match output {
                            Output::Send(message) => {
                                let frame = message.encode().unwrap();
                                bytes += frame.len();
                                initiator
                                    .handle(Input::Received(Message::decode(&frame).unwrap()))
                                    .unwrap();
                            }
                            Output::Done(stats) => right_done = Some(stats),
                            asked => {
                                let answer = right.serve(&asked).unwrap();
                                responder.handle(answer).unwrap();
                            }
                        }
                    }
                }
                Output::Done(stats) => left_done = Some(*stats),
                asked => initiator.handle(left.serve(asked).unwrap()).unwrap(),
            }
        }
        if let (Some(left), Some(right)) = (left_done, right_done) {
            return (left, right, bytes);
        }
        assert!(!idle, "the session stands still");
    }
}

#[test]
fn both_end_with_everything_and_say_so() {
    let mut left = Carrier::with(0..300, 0..3);
    let mut right = Carrier::with(100..900, 2..9);
    let (ours, theirs, _) = exchange(&mut left, &mut right, Limits::default());
    assert_eq!(left, right);
    assert!(ours.equal && theirs.equal && !ours.more);
    assert_eq!((ours.records_in, ours.records_out), (600, 100));
    assert_eq!((ours.acks_in, ours.acks_out), (6, 2));
    assert_eq!((theirs.records_in, theirs.records_out), (100, 600));
}

#[test]
fn equal_carriers_say_little() {
    let mut left = Carrier::with(0..5000, 0..3);
    let mut right = left.clone();
    let (ours, _, bytes) = exchange(&mut left, &mut right, Limits::default());
    assert!(ours.equal);
    assert_eq!(ours.rounds, 0);
    assert!(bytes < 250, "{bytes} bytes for two equal sets");
}

#[test]
fn few_differences_cost_few_bytes() {
    let mut left = Carrier::with(0..10_000, []);
    let mut right = Carrier::with((0..10_000).filter(|n| n % 1000 != 0), []);
    let (ours, _, bytes) = exchange(&mut left, &mut right, Limits::default());
    assert!(ours.equal);
    assert_eq!(ours.records_out, 10);
    let overhead = bytes - 10 * 512;
    assert_eq!(ours.rounds, 1);
    assert!(overhead < 1_300, "{overhead} bytes beside the records");
}

#[test]
fn a_few_missing_items_come_after_one_question() {
    let mut left = Carrier::with((0..10_000).filter(|n| n % 2_000 != 5), []);
    let mut right = Carrier::with((0..10_000).filter(|n| n % 2_000 != 6), []);
    let (ours, theirs, bytes) = exchange(&mut left, &mut right, Limits::default());
    assert!(ours.equal && theirs.equal);
    assert_eq!((ours.records_in, ours.records_out, ours.rounds), (5, 5, 1));
    assert!(bytes < 10 * 512 + 1_300, "{bytes} bytes");
}

#[test]
fn a_bound_cuts_a_session_and_the_next_ones_finish() {
    let mut left = Carrier::with([], []);
    let mut right = Carrier::with(0..1000, []);
    let limits = Limits { max_items: 300 };
    let mut sessions = 0;
    loop {
        sessions += 1;
        let (ours, _, _) = exchange(&mut left, &mut right, limits);
        assert!(ours.records_in <= 300);
        if !ours.more {
            break;
        }
    }
    assert_eq!(sessions, 4);
    assert_eq!(left, right);
}

/// A responder that waits for the given answers of the shell.
pub(super) fn opened() -> Responder {
    let mut responder = Responder::new(Limits::default());
    let mut initiator = Initiator::new(Limits::default());
    initiator.poll_output();
    let one = Carrier::with([1], [1]);
    initiator
        .handle(Input::Snapshot(one.snapshot(SetKind::Acks)))
        .unwrap();
    let Some(Output::Send(open)) = initiator.poll_output() else {
        panic!("no opening")
    };
    responder.handle(Input::Received(open)).unwrap();
    responder
        .handle(Input::Snapshot(Snapshot::default()))
        .unwrap();
    responder
}

#[test]
fn a_peer_that_breaks_the_rules_is_cut_off() {
    let want = |n: u32| Message::Want((0..n).map(|n| [n as u8; 32]).collect());
    let too_many = opened().handle(Input::Received(want(129)));
    assert_eq!(too_many, Err(SessionError::TooMuch("items wanted")));
    let early = Responder::new(Limits::default()).handle(Input::Received(want(1)));
    assert_eq!(
        early,
        Err(SessionError::Unexpected {
            got: "a request",
            expected: "an opening"
        })
    );
    let again = Message::Open {
        version: VERSION,
        kind: SetKind::Acks,
        digest: SetDigest::default(),
    };
    let reopened = opened().handle(Input::Received(again.clone()));
    assert_eq!(reopened, Err(SessionError::TooMuch("openings")));
    let Message::Open { kind, digest, .. } = again else {
        unreachable!()
    };
    let newer = Message::Open {
        version: 9,
        kind,
        digest,
    };
    let version = Responder::new(Limits::default()).handle(Input::Received(newer));
    assert_eq!(version, Err(SessionError::Version(9)));
    let garbage = opened().handle(Input::Received(Message::Reconcile(vec![
        0x61, 0, 0, 2, 0xff, 0xff,
    ])));
    assert!(matches!(garbage, Err(SessionError::Negentropy(_))));
}

#[test]
fn never_ending_rounds_end() {
    let mut responder = opened();
    let mut result = Ok(());
    for _ in 0..=MAX_ROUNDS {
        result = responder.handle(Input::Received(Message::Reconcile(vec![0x61])));
        while responder.poll_output().is_some() {}
    }
    assert_eq!(result, Err(SessionError::TooMuch("comparison rounds")));
}

#[test]
fn unsolicited_items_are_refused() {
    let mut initiator = Initiator::new(Limits::default());
    let (mut left, mut right) = (Carrier::default(), Carrier::with([], [1]));
    let mut responder = Responder::new(Limits::default());
    loop {
        match initiator.poll_output().unwrap() {
            Output::Send(Message::WantNamed(_)) => break,
            Output::Send(message) => {
                responder.handle(Input::Received(message)).unwrap();
                while let Some(output) = responder.poll_output() {
                    match output {
                        Output::Send(message) => {
                            initiator.handle(Input::Received(message)).unwrap()
                        }
                        asked => responder.handle(right.serve(&asked).unwrap()).unwrap(),
                    }
                }
            }
            asked => initiator.handle(left.serve(&asked).unwrap()).unwrap(),
        }
    }
    let items = Message::Items {
        items: vec![body(77)],
        last: true,
    };
    assert_eq!(
        initiator.handle(Input::Received(items)),
        Err(SessionError::Unsolicited)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_two_sets_become_their_union(
        left in proptest::collection::btree_set(0u32..400, 0..200),
        right in proptest::collection::btree_set(0u32..400, 0..200),
    ) {
        let (mut a, mut b) = (Carrier::with(left.clone(), []), Carrier::with(right.clone(), []));
        let (ours, theirs, _) = exchange(&mut a, &mut b, Limits::default());
        prop_assert!(ours.equal && theirs.equal);
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(a.snapshot(SetKind::Records).entries().len(), left.union(&right).count());
    }

    #[test]
    fn no_bytes_make_a_message_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = Message::decode(&bytes) {
            let mut responder = opened();
            drop(responder.handle(Input::Received(message)));
        }
    }
}
