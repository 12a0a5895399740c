//! Threat 35: every neighbour is hostile. The node keeps what it has, says that it is old, and takes the newer catalogue from
//! the first honest neighbour that comes.

use std::{collections::BTreeMap, time::Duration};

use pishtar_mesh::{
    Config, Input, Mesh, MetaAnswer, MetaAsk, Mono, NodeId, Now, Output, Restored, Source,
    testing::{Ministry, WORLD_START},
};
use pishtar_signing::client::Freshness;

type Files = BTreeMap<String, Vec<u8>>;

const DAY: Duration = Duration::from_secs(86_400);

/// What a neighbour does when it is asked for metadata.
enum Neighbour {
    Honest(u64, Files),
    /// Gives an old publication, and calls it by its own version or by a higher one.
    Replays(u64, Files),
    /// Claims the highest version and gives files that are no metadata.
    Lies,
    /// Says nothing.
    Mute,
}

impl Neighbour {
    fn answer(&self, ask: &MetaAsk) -> Option<MetaAnswer> {
        let version = match self {
            Neighbour::Honest(version, _) | Neighbour::Replays(version, _) => *version,
            Neighbour::Lies => u64::MAX,
            Neighbour::Mute => return None,
        };
        Some(match (ask, self) {
            (MetaAsk::Versions, _) => MetaAnswer::Versions(vec![("ministry".to_owned(), version)]),
            (
                MetaAsk::File { file, .. },
                Neighbour::Honest(_, files) | Neighbour::Replays(_, files),
            ) => match files.get(&file.file_name()) {
                Some(bytes) => MetaAnswer::Bytes(bytes.clone()),
                None => MetaAnswer::Absent,
            },
            _ => MetaAnswer::Bytes(b"{\"signed\": {}, \"signatures\": []}".to_vec()),
        })
    }
}

struct Bench {
    mesh: Mesh,
    now: Duration,
    neighbours: BTreeMap<NodeId, Neighbour>,
}

impl Bench {
    fn new(ministry: &Ministry) -> Bench {
        let restored = Restored {
            publishers: vec![("ministry".to_owned(), ministry.pinned())],
            blobs: Some(Vec::new()),
            ..Restored::default()
        };
        let mut config = Config::new(NodeId([1; 32]), [9; 32]);
        // The clock is believed: it says more than the program's age, and nothing absurd.
        config.built = WORLD_START - DAY.as_secs() as i64;
        Bench {
            mesh: Mesh::new(config, clock(Duration::ZERO), restored),
            now: Duration::ZERO,
            neighbours: BTreeMap::new(),
        }
    }

    fn meets(&mut self, id: u8, neighbour: Neighbour) {
        let peer = NodeId([id; 32]);
        self.neighbours.insert(peer, neighbour);
        self.give(Input::PeerConnected { peer });
    }

    fn leaves(&mut self, id: u8) {
        let peer = NodeId([id; 32]);
        self.neighbours.remove(&peer);
        self.give(Input::PeerDisconnected { peer });
    }

    /// Gives an input and answers whatever the node asks, at once.
    fn give(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.mesh.handle(clock(self.now), input);
            while let Some(output) = self.mesh.poll_output() {
                inputs.extend(self.answer(output));
            }
        }
    }

    fn answer(&self, output: Output) -> Option<Input> {
        match output {
            Output::RequestMeta {
                request,
                source: Source::Peer(peer),
                ask,
                ..
            } => {
                let answer = self.neighbours.get(&peer)?.answer(&ask)?;
                Some(Input::MetaArrived {
                    request,
                    result: Ok(answer),
                })
            }
            Output::InstallCatalog { publisher, .. } => Some(Input::CatalogInstalled {
                publisher,
                result: Ok(()),
            }),
            _ => None,
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(Mono(at)) = self.mesh.next_deadline(clock(self.now))
            && at <= end
        {
            self.now = at.max(self.now + Duration::from_millis(1));
            self.give(Input::Tick);
        }
        self.now = end;
    }

    fn catalogue(&self) -> (u64, Freshness, usize) {
        let now = clock(self.now);
        let view = self.mesh.publishers(now).next().expect("it is pinned");
        let lessons = self.mesh.catalog().lessons().count();
        (view.version, view.freshness, lessons)
    }
}

fn clock(now: Duration) -> Now {
    Now {
        mono: Mono(now),
        wall: WORLD_START + now.as_secs() as i64,
    }
}

#[test]
fn a_node_among_enemies_keeps_what_it_has_and_says_that_it_is_old() {
    let mut ministry = Ministry::new();
    let month = WORLD_START + 30 * DAY.as_secs() as i64;
    ministry.expires(month);
    ministry.lesson("math-6-sq", "first", &[1_000]);
    ministry.publish();
    let (old, old_version) = (ministry.files(), ministry.version());
    ministry.lesson("math-6-sq", "second", &[1_000]);
    ministry.publish();
    let version = ministry.version();

    let mut bench = Bench::new(&ministry);
    bench.meets(7, Neighbour::Honest(version, ministry.files()));
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.catalogue(), (version, Freshness::Fresh, 2));
    bench.leaves(7);

    // What was current goes on to be shown by one of them: a freeze.
    let frozen = ministry.files();
    bench.meets(10, Neighbour::Mute);
    bench.meets(11, Neighbour::Replays(old_version, old.clone()));
    bench.meets(12, Neighbour::Replays(version + 40, old));
    bench.meets(13, Neighbour::Lies);
    bench.meets(14, Neighbour::Replays(version, frozen));
    bench.pass(29 * DAY);
    assert_eq!(bench.catalogue(), (version, Freshness::Fresh, 2));
    bench.pass(2 * DAY);
    assert_eq!(bench.catalogue(), (version, Freshness::Stale, 2));
    for liar in [12, 13] {
        let faults = bench.mesh.faults(NodeId([liar; 32])).count();
        assert!(faults > 0, "{liar} is named");
    }

    ministry.expires(month + 60 * DAY.as_secs() as i64);
    ministry.lesson("math-6-sq", "third", &[1_000]);
    ministry.publish();
    bench.meets(8, Neighbour::Honest(ministry.version(), ministry.files()));
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.catalogue(), (ministry.version(), Freshness::Fresh, 3));
}
