//! Catalogue sync, step by step: every output in order, at the times at which they come.

use std::{collections::BTreeMap, time::Duration};

use pishtar_mesh::{
    Config, Event, Hint, Input, Mesh, MetaAnswer, MetaAsk, MetaFailure, Mono, NodeId, Now, Output,
    RequestId, Restored, Source,
    testing::{Ministry, WORLD_START},
};

const PEER: NodeId = NodeId([7; 32]);
const OTHER: NodeId = NodeId([8; 32]);

/// One mesh whose outputs are written down in short.
struct Bench {
    mesh: Mesh,
    now: Duration,
    installs: u64,
}

impl Bench {
    fn new(ministry: &Ministry) -> Self {
        let restored = Restored {
            publishers: vec![("ministry".to_owned(), ministry.pinned())],
            blobs: Some(Vec::new()),
            ..Restored::default()
        };
        let config = Config::new(NodeId([1; 32]), [9; 32]);
        let mesh = Mesh::new(config, clock(Duration::ZERO), restored);
        Bench {
            mesh,
            now: Duration::ZERO,
            installs: 0,
        }
    }

    /// Gives an input; returns what concerns catalogues.
    fn give(&mut self, input: Input) -> Vec<String> {
        self.mesh.handle(clock(self.now), input);
        let outputs: Vec<Output> = std::iter::from_fn(|| self.mesh.poll_output()).collect();
        self.installs += outputs
            .iter()
            .filter(|output| matches!(output, Output::InstallCatalog { .. }))
            .count() as u64;
        outputs.iter().filter_map(short).collect()
    }

    fn tick_at(&mut self, ms: u64) -> Vec<String> {
        self.now = Duration::from_millis(ms);
        self.give(Input::Tick)
    }

    fn versions(&mut self, request: u64, version: u64) -> Vec<String> {
        let versions = MetaAnswer::Versions(vec![
            ("ministry".to_owned(), version),
            ("stranger".to_owned(), 9),
        ]);
        self.give(Input::MetaArrived {
            request: RequestId(request),
            result: Ok(versions),
        })
    }

    fn file(&mut self, request: u64, files: &BTreeMap<String, Vec<u8>>, name: &str) -> Vec<String> {
        let answer = files
            .get(name)
            .map_or(MetaAnswer::Absent, |bytes| MetaAnswer::Bytes(bytes.clone()));
        self.give(Input::MetaArrived {
            request: RequestId(request),
            result: Ok(answer),
        })
    }

    fn installed(&mut self, result: Result<(), String>) -> Vec<String> {
        self.give(Input::CatalogInstalled {
            publisher: "ministry".to_owned(),
            result,
        })
    }
}

fn clock(now: Duration) -> Now {
    Now {
        mono: Mono(now),
        wall: WORLD_START + now.as_secs() as i64,
    }
}

fn name(source: &Source) -> &'static str {
    match source {
        Source::Peer(peer) if *peer == PEER => "peer",
        Source::Peer(_) => "other",
        Source::Folder(_) => "folder",
    }
}

fn short(output: &Output) -> Option<String> {
    Some(match output {
        Output::RequestMeta {
            request,
            source,
            ask: MetaAsk::Versions,
            ..
        } => {
            format!("{} versions of {}", request.0, name(source))
        }
        Output::RequestMeta {
            request,
            source,
            ask: MetaAsk::File { file, .. },
            ..
        } => {
            format!("{} {} of {}", request.0, file.file_name(), name(source))
        }
        Output::InstallCatalog { files, removed, .. } => {
            let names = files
                .iter()
                .map(|(file, _)| file.file_name())
                .collect::<Vec<_>>()
                .join(" ");
            let gone = removed
                .iter()
                .map(|file| file.file_name())
                .collect::<Vec<_>>()
                .join(" ");
            format!("install [{names}] remove [{gone}]")
        }
        Output::CatalogChanged { diff, .. } => {
            format!(
                "changed +{} ~{} -{}",
                diff.added.len(),
                diff.changed.len(),
                diff.withdrawn.len()
            )
        }
        Output::PublishHint(Hint::Timestamp { version, .. }) => format!("hint {version}"),
        Output::Event(Event::CatalogVerified { version, .. }) => format!("verified {version}"),
        Output::Event(Event::CatalogInstalled { version, .. }) => format!("in use {version}"),
        Output::Event(Event::CatalogRefused { source, reason, .. }) => {
            format!("refused {}: {reason}", name(source))
        }
        Output::Event(Event::InstallFailed { .. }) => "install failed".to_owned(),
        _ => return None,
    })
}

/// A ministry at timestamp version 2 with one lesson.
fn ministry() -> Ministry {
    let mut ministry = Ministry::new();
    ministry.lesson("math-6-sq", "fractions", &[1_000]);
    ministry.publish();
    ministry
}

/// Brings a bench to an installed version 2 from the peer.
fn up_to_date(bench: &mut Bench, files: &BTreeMap<String, Vec<u8>>) {
    bench.give(Input::PeerConnected { peer: PEER });
    bench.versions(1, 2);
    for (request, file) in (3..).zip([
        "2.root.json",
        "timestamp.json",
        "2.snapshot.json",
        "2.targets.json",
        "1.math-6-sq.json",
    ]) {
        bench.file(request, files, file);
    }
    bench.installed(Ok(()));
}

#[test]
fn a_catalogue_is_asked_verified_written_and_then_used() {
    let ministry = ministry();
    let files = ministry.files();
    let mut bench = Bench::new(&ministry);
    assert_eq!(
        bench.give(Input::PeerConnected { peer: PEER }),
        ["1 versions of peer"]
    );
    assert_eq!(bench.versions(1, 2), ["3 2.root.json of peer"]);
    assert_eq!(
        bench.file(3, &files, "2.root.json"),
        ["4 timestamp.json of peer"]
    );
    assert_eq!(
        bench.file(4, &files, "timestamp.json"),
        ["5 2.snapshot.json of peer"]
    );
    assert_eq!(
        bench.file(5, &files, "2.snapshot.json"),
        ["6 2.targets.json of peer"]
    );
    assert_eq!(
        bench.file(6, &files, "2.targets.json"),
        ["7 1.math-6-sq.json of peer"]
    );
    assert_eq!(
        bench.file(7, &files, "1.math-6-sq.json"),
        [
            "verified 2",
            "install [timestamp.json 2.snapshot.json 2.targets.json 1.math-6-sq.json] remove []"
        ]
    );
    // Not in use before it is on disk.
    assert!(bench.mesh.answer_versions().is_empty());
    assert_eq!(bench.mesh.catalog().lessons().count(), 0);
    assert_eq!(
        bench.installed(Ok(())),
        ["hint 2", "in use 2", "changed +1 ~0 -0"]
    );
    assert_eq!(bench.mesh.answer_versions(), [("ministry".to_owned(), 2)]);
}

#[test]
fn only_what_changed_moves_and_old_files_are_removed() {
    let mut ministry = ministry();
    let mut bench = Bench::new(&ministry);
    up_to_date(&mut bench, &ministry.files());
    ministry.lesson("math-6-sq", "angles", &[2_000]);
    ministry.publish();
    let files = ministry.files();
    let hint = Hint::Timestamp {
        publisher: "ministry".to_owned(),
        version: 3,
    };
    let asked = bench.give(Input::HintHeard { peer: PEER, hint });
    assert_eq!(asked.len(), 1, "{asked:?}");
    let first: u64 = asked[0]
        .split(' ')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("an id");
    bench.file(first, &files, "2.root.json");
    bench.file(first + 1, &files, "timestamp.json");
    assert_eq!(
        bench.file(first + 2, &files, "3.snapshot.json"),
        [format!("{} 2.math-6-sq.json of peer", first + 3)]
    );
    assert_eq!(
        bench.file(first + 3, &files, "2.math-6-sq.json"),
        [
            "verified 3",
            "install [timestamp.json 3.snapshot.json 2.math-6-sq.json] remove [2.snapshot.json 1.math-6-sq.json]"
        ]
    );
    assert_eq!(
        bench.installed(Ok(())),
        ["hint 3", "in use 3", "changed +1 ~0 -0"]
    );
}

#[test]
fn an_older_version_is_asked_for_newer_roots_at_most_and_an_old_hint_ignored() {
    let ministry = ministry();
    let mut bench = Bench::new(&ministry);
    up_to_date(&mut bench, &ministry.files());
    let hint = Hint::Timestamp {
        publisher: "ministry".to_owned(),
        version: 1,
    };
    assert!(bench.give(Input::HintHeard { peer: PEER, hint }).is_empty());
    let asked = bench.give(Input::PeerConnected { peer: OTHER });
    assert_eq!(asked.len(), 1);
    let request: u64 = asked[0]
        .split(' ')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("an id");
    let asked = bench.versions(request, 1);
    assert_eq!(asked.len(), 1, "{asked:?}");
    let (roots, rest) = asked[0].split_once(' ').expect("an id");
    assert_eq!(rest, "2.root.json of other");
    let roots = roots.parse().expect("an id");
    let outputs = bench.file(roots, &ministry.files(), "2.root.json");
    assert!(outputs.is_empty(), "there is none: {outputs:?}");
    assert!(bench.versions(request, 1).is_empty());
    assert_eq!(bench.mesh.faults(OTHER).count(), 0);
}

#[test]
fn a_garbled_file_names_its_source_and_the_next_one_is_asked() {
    let ministry = ministry();
    let files = ministry.files();
    let mut bench = Bench::new(&ministry);
    bench.give(Input::PeerConnected { peer: PEER });
    bench.give(Input::PeerConnected { peer: OTHER });
    assert_eq!(bench.versions(1, 2), ["5 2.root.json of peer"]);
    assert!(bench.versions(3, 2).is_empty(), "one update at a time");
    bench.file(5, &files, "2.root.json");
    let garbled = MetaAnswer::Bytes(b"{}".to_vec());
    let outputs = bench.give(Input::MetaArrived {
        request: RequestId(6),
        result: Ok(garbled),
    });
    assert_eq!(outputs.len(), 2, "{outputs:?}");
    assert!(
        outputs[0].starts_with("refused peer: timestamp.json"),
        "{outputs:?}"
    );
    assert_eq!(outputs[1], "7 2.root.json of other");
    assert_eq!(bench.mesh.faults(PEER).count(), 1);
    assert_eq!(bench.mesh.faults(OTHER).count(), 0);
}

#[test]
fn a_silent_source_is_given_up_after_the_deadline_and_late_answers_are_harmless() {
    let ministry = ministry();
    let files = ministry.files();
    let mut bench = Bench::new(&ministry);
    bench.give(Input::PeerConnected { peer: PEER });
    bench.give(Input::PeerConnected { peer: OTHER });
    bench.versions(1, 2);
    bench.versions(3, 2);
    let outputs = bench.tick_at(15_000);
    assert_eq!(outputs, ["6 2.root.json of other"], "{outputs:?}");
    assert!(bench.file(5, &files, "2.root.json").is_empty());
    assert_eq!(
        bench.file(6, &files, "2.root.json"),
        ["9 timestamp.json of other"]
    );
    let failure = Err(MetaFailure::Disconnected);
    let outputs = bench.give(Input::MetaArrived {
        request: RequestId(9),
        result: failure,
    });
    assert!(outputs.is_empty(), "both wait now: {outputs:?}");
}

#[test]
fn a_full_disk_is_said_and_the_install_tried_again() {
    let ministry = ministry();
    let files = ministry.files();
    let mut bench = Bench::new(&ministry);
    bench.give(Input::PeerConnected { peer: PEER });
    bench.versions(1, 2);
    for (request, file) in (3..).zip([
        "2.root.json",
        "timestamp.json",
        "2.snapshot.json",
        "2.targets.json",
        "1.math-6-sq.json",
    ]) {
        bench.file(request, &files, file);
    }
    assert_eq!(
        bench.installed(Err("no space left".to_owned())),
        ["install failed"]
    );
    assert!(bench.mesh.answer_versions().is_empty());
    bench.tick_at(30_000);
    assert_eq!(bench.installs, 2);
    assert_eq!(
        bench.installed(Ok(())),
        ["hint 2", "in use 2", "changed +1 ~0 -0"]
    );
}

#[test]
fn courses_are_asked_for_together_and_taken_in_order_however_they_come() {
    let mut ministry = Ministry::new();
    for course in 0..20 {
        ministry.lesson(&format!("math-{course}-sq"), "fractions", &[1_000 + course]);
    }
    ministry.publish();
    let files = ministry.files();
    let mut bench = Bench::new(&ministry);
    bench.give(Input::PeerConnected { peer: PEER });
    bench.versions(1, 2);
    bench.file(3, &files, "2.root.json");
    bench.file(4, &files, "timestamp.json");
    bench.file(5, &files, "2.snapshot.json");
    let mut open: Vec<(u64, String)> = Vec::new();
    let ask = |open: &mut Vec<(u64, String)>, outputs: &[String]| {
        for output in outputs {
            let words: Vec<&str> = output.split(' ').collect();
            let request = words[0].parse().expect("only questions are left");
            open.push((request, words[1].to_owned()));
        }
    };
    ask(&mut open, &bench.file(6, &files, "2.targets.json"));
    let most = open.len();
    let mut order: Vec<String> = open.iter().map(|(_, name)| name.clone()).collect();
    assert_eq!(most, 16, "no more at once");
    // The last asked comes first: it waits, and keeps its place among the sixteen.
    loop {
        let (request, name) = open
            .pop()
            .expect("something is asked for until all is there");
        let outputs = bench.file(request, &files, &name);
        if outputs.iter().any(|output| output.starts_with("install")) {
            assert!(open.is_empty(), "{open:?}");
            let names = order.join(" ");
            let install = format!(
                "install [timestamp.json 2.snapshot.json 2.targets.json {names}] remove []"
            );
            assert_eq!(outputs, ["verified 2".to_owned(), install]);
            break;
        }
        let before = open.len();
        ask(&mut open, &outputs);
        order.extend(open[before..].iter().map(|(_, name)| name.clone()));
        assert!(open.len() <= 16);
    }
    assert_eq!(order.len(), 20);
}

#[test]
fn one_question_lost_ends_the_update_and_the_others_answers_are_harmless() {
    let mut ministry = Ministry::new();
    for course in 0..3 {
        ministry.lesson(&format!("math-{course}-sq"), "fractions", &[1_000]);
    }
    ministry.publish();
    let files = ministry.files();
    let mut bench = Bench::new(&ministry);
    bench.give(Input::PeerConnected { peer: PEER });
    bench.versions(1, 2);
    bench.file(3, &files, "2.root.json");
    bench.file(4, &files, "timestamp.json");
    bench.file(5, &files, "2.snapshot.json");
    let asked = bench.file(6, &files, "2.targets.json");
    assert_eq!(
        asked,
        [
            "7 1.math-0-sq.json of peer",
            "8 1.math-1-sq.json of peer",
            "9 1.math-2-sq.json of peer"
        ]
    );
    let failed = bench.give(Input::MetaArrived {
        request: RequestId(8),
        result: Err(MetaFailure::Disconnected),
    });
    assert!(failed.is_empty(), "{failed:?}");
    for (request, name) in [(7, "1.math-0-sq.json"), (9, "1.math-2-sq.json")] {
        let late = bench.file(request, &files, name);
        assert!(late.is_empty(), "{late:?}");
    }
    assert!(bench.mesh.answer_versions().is_empty());
}

#[test]
fn after_a_deadline_fewer_files_are_asked_for_at_once() {
    let mut ministry = Ministry::new();
    for course in 0..20 {
        ministry.lesson(&format!("math-{course}-sq"), "fractions", &[1_000]);
    }
    ministry.publish();
    let files = ministry.files();
    let mut bench = Bench::new(&ministry);
    let id = |output: &str| -> u64 {
        let id = output.split(' ').next().and_then(|id| id.parse().ok());
        id.expect("a question")
    };
    // How many course files are asked for when the top-level targets came; `root` asks for the next root.
    let courses = |bench: &mut Bench, root: u64| {
        let timestamp = bench.file(root, &files, "2.root.json");
        let snapshot = bench.file(id(&timestamp[0]), &files, "timestamp.json");
        let targets = bench.file(id(&snapshot[0]), &files, "2.snapshot.json");
        bench.file(id(&targets[0]), &files, "2.targets.json").len()
    };
    bench.give(Input::PeerConnected { peer: PEER });
    bench.versions(1, 2);
    assert_eq!(courses(&mut bench, 3), 16);
    bench.tick_at(15_000);
    let again = (16..50).map(|second| bench.tick_at(second * 1_000));
    let root = again
        .flatten()
        .find(|output| output.contains("2.root.json"))
        .expect("the update is tried again");
    // Half of sixteen, and one more for each quick answer since: root, timestamp, snapshot, targets.
    assert_eq!(courses(&mut bench, id(&root)), 12);
}
