//! The planner under random weather: invariants after every input, and everything arrives once it is calm.

use std::time::Duration;

use pishtar_mesh::{
    DemandId, Input, Priority,
    testing::{At, Fault, Link, Ministry, World},
};
use proptest::prelude::*;

const KIB: u64 = 1024;
const NODES: usize = 4;

/// Something that happens to the world.
#[derive(Debug, Clone)]
enum Weather {
    Connect(At, At),
    Disconnect(At, At),
    Fault(At, Fault),
    Demand {
        at: At,
        id: u64,
        blob: usize,
        from: u64,
        to: u64,
        priority: Priority,
    },
    DropDemand(At, u64),
    Follow(At, bool),
    Publish(u8),
    Wait(u64),
}

fn weather() -> impl Strategy<Value = Weather> {
    let node = 0..NODES;
    let fault = prop_oneof![
        Just(Fault::None),
        Just(Fault::LieBlobs),
        Just(Fault::LieMeta),
        Just(Fault::Busy),
        Just(Fault::Stall),
        Just(Fault::Mute),
    ];
    let priority = prop_oneof![
        Just(Priority::Playback),
        Just(Priority::Assigned),
        Just(Priority::Prefetch)
    ];
    prop_oneof![
        4 => (node.clone(), node.clone()).prop_map(|(a, b)| Weather::Connect(a, b)),
        2 => (node.clone(), node.clone()).prop_map(|(a, b)| Weather::Disconnect(a, b)),
        2 => (node.clone(), fault).prop_map(|(at, fault)| Weather::Fault(at, fault)),
        2 => (node.clone(), 0..3u64, 0..8usize, 0..6_000 * KIB, 0..6_000 * KIB, priority)
            .prop_map(|(at, id, blob, from, to, priority)| Weather::Demand { at, id, blob, from, to, priority }),
        1 => (node.clone(), 0..3u64).prop_map(|(at, id)| Weather::DropDemand(at, id)),
        1 => (node, any::<bool>()).prop_map(|(at, all)| Weather::Follow(at, all)),
        1 => (0..4u8).prop_map(Weather::Publish),
        8 => (1..800u64).prop_map(Weather::Wait),
    ]
}

fn lessons(ministry: &mut Ministry, edition: u8) {
    let edition = u64::from(edition);
    ministry.lesson(
        "math-6-sq",
        "long",
        &[6_000 * KIB + edition, 3 * KIB, 50 * KIB],
    );
    ministry.lesson("math-6-sq", "short", &[700 * KIB, 10]);
    if edition % 2 == 0 {
        ministry.lesson("art-1-sr", "colours", &[2_000 * KIB + edition * 16 * KIB]);
    } else {
        ministry.withdraw("art-1-sr", "colours");
    }
    ministry.publish();
}

fn apply(world: &mut World, ministry: &mut Ministry, weather: Weather) {
    match weather {
        Weather::Connect(a, b) => world.connect(a, b),
        Weather::Disconnect(a, b) => world.disconnect(a, b),
        Weather::Fault(at, fault) => world.node_mut(at).fault = fault,
        Weather::Demand {
            at,
            id,
            blob,
            from,
            to,
            priority,
        } => {
            let blobs = ministry.blobs();
            let (hash, _) = blobs[blob % blobs.len()];
            world.input(
                at,
                Input::Demand {
                    id: DemandId(id),
                    hash,
                    window: from.min(to)..from.max(to),
                    priority,
                },
            );
        }
        Weather::DropDemand(at, id) => world.input(at, Input::DropDemand { id: DemandId(id) }),
        Weather::Follow(at, all) => {
            let text = if all { "all" } else { "subject=art" };
            world.input(
                at,
                Input::SetFollow(vec![text.parse().expect("a selection")]),
            );
        }
        Weather::Publish(edition) => {
            lessons(ministry, edition);
            world.publish_to(0, ministry);
        }
        Weather::Wait(ms) => {
            let until = world.time() + Duration::from_millis(ms);
            world.run_until(until, |_| false);
        }
    }
}

/// Longest that nothing may come to a node while an honest neighbour has what it wants: a silent one is given up after 10 s.
const PATIENCE: Duration = Duration::from_secs(15);

/// Bytes that others sent to a node.
fn received(world: &World, at: At) -> u64 {
    let to = world.sent.iter().filter(|((_, to), _)| *to == at);
    to.map(|(_, bytes)| bytes).sum()
}

/// Runs on and sees to it that bytes keep coming to node 1 as long as it lacks something.
fn keeps_coming(
    world: &mut World,
    ministry: &Ministry,
    until: Duration,
) -> Result<(), TestCaseError> {
    let blobs = ministry.blobs();
    while world.time() < until {
        let before = received(world, 1);
        let end = world.time() + PATIENCE;
        world.run_until(end, |world| {
            received(world, 1) > before || world.all_hold(&[1], &blobs)
        });
        let came = received(world, 1) > before || world.all_hold(&[1], &blobs);
        prop_assert!(came, "nothing came for {PATIENCE:?} at {:?}", world.time());
        if world.all_hold(&[1], &blobs) {
            return Ok(());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Node 0 holds everything, is honest and stays connected; the others do what they like.
    #[test]
    fn bytes_keep_coming_while_an_honest_neighbour_has_what_is_wanted(
        seed in any::<u64>(),
        script in proptest::collection::vec(weather(), 0..30),
    ) {
        let mut ministry = Ministry::new();
        lessons(&mut ministry, 0);
        let mut world = World::new(seed, Link { delay: Duration::from_millis(3), up_rate: 300_000 });
        for _ in 0..NODES {
            world.add(&ministry, |_| {});
        }
        world.publish_to(0, &ministry);
        world.connect(0, 1);
        let others_too: Vec<At> = (2..NODES).collect();
        others_too.iter().for_each(|at| world.connect(0, *at));
        let current = ministry.version();
        let ready = world.run_until(Duration::from_secs(60), |world| {
            world.node(1).mesh.answer_versions() == [("ministry".to_owned(), current)]
        });
        prop_assert!(ready, "the catalogue did not come");
        for weather in script {
            match weather {
                Weather::Connect(a, b) | Weather::Disconnect(a, b) if a.min(b) == 0 && a.max(b) <= 1 => {}
                Weather::Fault(0 | 1, _) | Weather::Follow(1, _) | Weather::Publish(_) => {}
                Weather::Wait(ms) => {
                    let until = world.time() + Duration::from_millis(ms);
                    keeps_coming(&mut world, &ministry, until)?;
                }
                other => apply(&mut world, &mut ministry, other),
            }
        }
        let until = world.time() + Duration::from_secs(3_600);
        keeps_coming(&mut world, &ministry, until)?;
        prop_assert!(world.all_hold(&[1], &ministry.blobs()), "not everything arrived");
    }

    #[test]
    fn whatever_happens_everything_arrives_once_it_is_calm(
        seed in any::<u64>(),
        script in proptest::collection::vec(weather(), 0..40),
    ) {
        let mut ministry = Ministry::new();
        lessons(&mut ministry, 0);
        let mut world = World::new(seed, Link { delay: Duration::from_millis(3), up_rate: 2_000_000 });
        for _ in 0..NODES {
            world.add(&ministry, |_| {});
        }
        world.publish_to(0, &ministry);
        for weather in script {
            apply(&mut world, &mut ministry, weather);
        }
        for at in 0..NODES {
            world.node_mut(at).fault = Fault::None;
            apply(&mut world, &mut ministry, Weather::Follow(at, true));
        }
        for at in 1..NODES {
            world.connect(at - 1, at);
        }
        // A peer that lied or gave garbled metadata waits up to an hour each time it is caught again.
        let limit = world.time() + Duration::from_secs(6 * 3_600);
        let others: Vec<At> = (1..NODES).collect();
        let blobs = ministry.blobs();
        let version = ministry.version();
        let done = world.run_until(limit, |world| {
            let current = |at: &At| world.node(*at).mesh.answer_versions() == [("ministry".to_owned(), version)];
            others.iter().all(current) && world.all_hold(&others, &blobs)
        });
        prop_assert!(done, "not everything arrived");
    }
}
