//! What an erasure leaves in the collector's folder: nothing of the learner, and everything of the others (promise P5);
//! before it, everything can be shown (P6).

use super::{revoked::revoking, *};

/// A sink that takes nothing.
struct Down;

impl Sink for Down {
    fn name(&self) -> String {
        "down".into()
    }

    fn feed(&self) -> Feed {
        Feed::Statements
    }

    fn write(&mut self, _mark: u64, _items: &[Vec<u8>]) -> Result<Written, SinkError> {
        Err(SinkError::new("it is down"))
    }
}

fn with_sink(dir: &Path, sink: impl Sink + 'static) -> Collector {
    let mut options = options();
    options.guide = revoking(1, 494_000 * 3600 - 1);
    options.pauses.first = Duration::from_millis(5);
    let targets = vec![Target::Queue(Box::new(sink))];
    Collector::open(dir, secret(), targets, &options).unwrap()
}

fn of_another(mut event: LearnerEvent) -> LearnerEvent {
    event.learner = LearnerId::new("somebody-else").unwrap();
    event
}

#[test]
fn an_erasure_empties_what_waits_and_what_was_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (withheld, counted) = two_tablets();
    let others = device(3, &[of_another(watched(0, 9_000))]);
    // One record of the revoked device speaks of both.
    let both = {
        let signer = LogSigner::new(&ed25519_dalek::SigningKey::from_bytes(&[1; 32]), &[90; 32]);
        let events = [watched(0, 1_000), of_another(watched(0, 1_000))];
        let payload = pishtar_mesh::learner::pack_events(&events)
            .unwrap()
            .remove(0);
        let mut rng = ChaCha20Rng::from_seed([90; 32]);
        seal(&payload, &signer, 1, 494_000, &to(), &mut rng).unwrap()
    };
    let all = [withheld, counted, others, vec![both]].concat();
    let now = 494_000 * 3600 + 60;
    let mut collector = with_sink(dir.path(), Down);
    let opened = open::open_all(&all, &secret());
    collector.count(opened, now).unwrap();
    drop(collector);

    let held = about(dir.path(), CANARY_LEARNER).unwrap();
    assert_eq!(held["progress"][0]["lesson"], CANARY_LESSON);
    assert_eq!(held["set_aside"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&held["items_waiting_for_sinks"], &held["erased"]),
        (&3.into(), &false.into())
    );
    let unknown = about(dir.path(), "nobody@nxenes.example").unwrap_err();
    assert!(matches!(unknown, AboutError::Unknown(_)), "{unknown}");

    let collector = with_sink(dir.path(), Down);
    let learner = LearnerId::new(CANARY_LEARNER).unwrap();
    let pseudonym = collector.vocabulary.pseudonym(&learner);
    let erase = |tables: &mut state::Tables<'_>| tables.erase(&learner, &pseudonym);
    collector.state.write(erase).unwrap();
    drop(collector);

    let held = about(dir.path(), CANARY_LEARNER).unwrap();
    for empty in ["progress", "set_aside"] {
        assert_eq!(held[empty].as_array().unwrap().len(), 0, "{empty}");
    }
    assert_eq!(
        (&held["items_waiting_for_sinks"], &held["erased"]),
        (&0.into(), &true.into())
    );
    let other = about(dir.path(), "somebody-else").unwrap();
    assert_eq!(other["set_aside"].as_array().unwrap().len(), 1);
    assert_eq!(other["items_waiting_for_sinks"], 2);

    // A sink that wakes up gets what is left, all is acknowledged, and a replay brings nothing back.
    let mut collector = with_sink(dir.path(), XapiFile::new(&dir.path().join("late.jsonl")));
    assert!(collector.forget_sink("down").unwrap());
    let (acks, report) = collector.ingest(&all, now).unwrap();
    assert_eq!((acks.len(), report.counted), (4, 0));
    let text = fs::read_to_string(dir.path().join("late.jsonl")).unwrap();
    assert!(
        !text.contains(&pseudonym) && text.lines().count() == 2,
        "{text}"
    );
    assert_eq!(
        collector.set_guide(Arc::default(), NOW).unwrap(),
        1,
        "the other's"
    );
}

/// When all that waited for a sink is gone, nothing holds up acknowledgements.
#[test]
fn a_queue_that_an_erasure_emptied_lets_acknowledgements_pass() {
    let dir = tempfile::tempdir().unwrap();
    let (_, counted) = two_tablets();
    let mut collector = with_sink(dir.path(), Down);
    let (acks, _) = collector.ingest(&counted, NOW).unwrap();
    assert_eq!(acks, []);
    let learner = LearnerId::new(CANARY_LEARNER).unwrap();
    let pseudonym = collector.vocabulary.pseudonym(&learner);
    let erase = |tables: &mut state::Tables<'_>| tables.erase(&learner, &pseudonym);
    collector.state.write(erase).unwrap();
    let mut acks = Vec::new();
    while acks.is_empty() {
        collector.settle(Duration::from_secs(5));
        acks = collector.acknowledge(NOW);
    }
    assert_eq!(acks[0].up_to, 2);
}
