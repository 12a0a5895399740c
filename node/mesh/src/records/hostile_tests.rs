//! Threat 32: peers that lie while sets are compared. Whatever they say is bounded, and the digests at the end tell that the
//! sets are not equal.

use super::{tests::Carrier, *};

/// Negentropy's bytes: version, then ranges of upper bound, mode and what the mode needs.
const VERSION_BYTE: u8 = 0x61;
const INFINITE: [u8; 2] = [0, 0];
const FINGERPRINT: u8 = 1;
const ID_LIST: u8 = 2;

/// A list of ids up to infinity that claims `count` and holds `ids`.
fn id_list(count: u64, ids: &[[u8; 32]]) -> Message {
    let mut bytes = vec![VERSION_BYTE];
    bytes.extend(INFINITE);
    bytes.push(ID_LIST);
    let digits = (64 - count.leading_zeros()).div_ceil(7).max(1);
    for digit in (0..digits).rev() {
        let more = if digit > 0 { 0x80 } else { 0 };
        bytes.push((count >> (7 * digit)) as u8 & 0x7f | more);
    }
    bytes.extend(ids.iter().flatten());
    Message::Reconcile(bytes)
}

/// What a hostile responder says to each comparison and each request.
struct Liar<F: FnMut(u32) -> Message> {
    compare: F,
    round: u32,
}

/// Plays an honest carrier against a liar to the end; also the number of frames that the liar had to answer.
fn against(
    honest: &mut Carrier,
    compare: impl FnMut(u32) -> Message,
) -> (Result<ExchangeStats, SessionError>, u32) {
    let mut liar = Liar { compare, round: 0 };
    let mut session = Initiator::new(Limits::default());
    let mut frames = 0;
    loop {
        let output = session.poll_output().expect("the session stands still");
        let answer = match output {
            Output::Done(stats) => return (Ok(stats), frames),
            Output::Send(message) => {
                frames += 1;
                assert!(message.encode().unwrap().len() <= MAX_FRAME_BYTES);
                match message {
                    // Of a sketch that shows nothing.
                    Message::Open { .. } => Some(Message::Sketch(Sketch::default())),
                    Message::WantNamed(_) => unreachable!("no sketch named anything"),
                    Message::Reconcile(_) => {
                        liar.round += 1;
                        Some((liar.compare)(liar.round))
                    }
                    Message::Want(_) => Some(Message::Items {
                        items: Vec::new(),
                        last: true,
                    }),
                    Message::Items { last, .. } => last.then_some(Message::Took { accepted: 0 }),
                    Message::Close { .. } => Some(Message::Close {
                        acks: SetDigest::default(),
                        records: SetDigest::default(),
                    }),
                    Message::Same | Message::Sketch(_) | Message::Took { .. } => {
                        unreachable!("an initiator asks")
                    }
                }
            }
            asked => {
                let answer = honest.serve(&asked).expect("it is a request");
                session.handle(answer).unwrap();
                None
            }
        };
        if let Some(answer) = answer
            && let Err(error) = session.handle(Input::Received(answer))
        {
            return (Err(error), frames);
        }
    }
}

#[test]
fn a_list_that_claims_more_ids_than_it_holds_is_malformed_on_either_side() {
    for (count, held) in [(1 << 32, 0), (1 << 34, 1), (u64::MAX, 0), (2, 1)] {
        let claim = || id_list(count, &vec![[7; 32]; held]);
        let (outcome, _) = against(&mut Carrier::with(0..50, []), |_| claim());
        assert!(
            matches!(outcome, Err(SessionError::Negentropy(_))),
            "{count}: {outcome:?}"
        );
        let mut responder = tests::opened();
        let outcome = responder.handle(Input::Received(claim()));
        assert!(
            matches!(outcome, Err(SessionError::Negentropy(_))),
            "{count}: {outcome:?}"
        );
    }
}

/// A peer that differs for ever: each round another fingerprint of everything.
#[test]
fn a_peer_that_never_agrees_is_left_after_so_many_rounds() {
    let mut honest = Carrier::with(0..5_000, 0..40);
    let before = honest.clone();
    let (outcome, frames) = against(&mut honest, |round| {
        let mut bytes = vec![VERSION_BYTE];
        bytes.extend(INFINITE);
        bytes.push(FINGERPRINT);
        bytes.extend([round as u8; 16]);
        Message::Reconcile(bytes)
    });
    let stats = outcome.unwrap();
    assert!(stats.more && !stats.equal);
    assert_eq!(stats.rounds, 2 * (MAX_ROUNDS + 1), "of each kind");
    assert!(frames <= 2 * MAX_ROUNDS + 6, "{frames}");
    assert_eq!(honest, before);
}

/// As many ids as a message holds, again and again, of records that do not exist.
#[test]
fn ids_of_nothing_are_asked_for_within_the_bound_and_never_stored() {
    let mut honest = Carrier::with([], []);
    let mut next = 0u32;
    let (outcome, frames) = against(&mut honest, |_| {
        let ids: Vec<[u8; 32]> = (0..1_700)
            .map(|_| {
                next += 1;
                *blake3::hash(&next.to_be_bytes()).as_bytes()
            })
            .collect();
        id_list(1_700, &ids)
    });
    let stats = outcome.unwrap();
    let most = 2 * (Limits::default().max_items / BATCH_ITEMS) as u32 + 2 * MAX_ROUNDS + 4;
    assert!(frames <= most, "{frames} frames");
    assert_eq!(
        (stats.records_in, stats.acks_in, stats.equal),
        (0, 0, false)
    );
}

/// A peer that cuts off what does not fit its frame (negentropy 0.5.2 and older) ends the comparison early: both digests
/// tell, and the next honest exchange makes it good.
#[test]
fn a_comparison_that_is_cut_short_is_noticed_and_made_good() {
    let mut honest = Carrier::with(0..300, []);
    let nothing_differs = |_| Message::Reconcile(vec![VERSION_BYTE]);
    let (outcome, _) = against(&mut honest, nothing_differs);
    let stats = outcome.unwrap();
    assert!(!stats.equal, "it would pass for equal");
    assert_eq!((stats.records_in, stats.records_out), (0, 0));
    let mut other = Carrier::with(200..400, []);
    let (ours, theirs, _) = tests::exchange(&mut honest, &mut other, Limits::default());
    assert!(ours.equal && theirs.equal);
    assert_eq!(honest, other);
}

/// A sync point that is full of others' records is no enemy, but as much in the way: the few that a carrier brings are found
/// and taken in its first session.
#[test]
fn a_full_carrier_does_not_keep_anothers_few_from_being_found() {
    let limits = Limits { max_items: 1_000 };
    let mut full = Carrier::with(0..30_000, []);
    let mut few = Carrier::with(50_000..50_900, []);
    let (ours, _, _) = tests::exchange(&mut few, &mut full, limits);
    assert_eq!((ours.records_out, ours.records_in), (900, 1_000));
    assert!(ours.more && !ours.equal);
    let mut few = Carrier::with(60_000..60_900, []);
    let (ours, _, _) = tests::exchange(&mut full, &mut few, limits);
    assert_eq!((ours.records_out, ours.records_in), (1_000, 900));
}
