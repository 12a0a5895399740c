//! Small files move together, and lose nothing by it.

use std::time::Duration;

use pishtar_mesh::{
    Config, Event, Input, MAX_BATCH_FILES, SMALL_FILE_BYTES,
    testing::{At, Fault, Link, Ministry, World},
};
use proptest::prelude::*;

const KIB: u64 = 1024;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Lessons of so many pictures of 4 to 40 KiB, and two nodes: one holds them, the other is empty.
fn pictures(
    count: u64,
    link: Link,
    change: impl FnOnce(&mut Config),
) -> (World, Ministry, [At; 2]) {
    let mut ministry = Ministry::new();
    for lesson in 0..count.div_ceil(50) {
        let of_lesson = lesson * 50..(lesson * 50 + 50).min(count);
        let lengths: Vec<u64> = of_lesson
            .map(|n| 4 * KIB + n * 7_919 % (36 * KIB))
            .collect();
        ministry.lesson("art-1-sr", &format!("pictures{lesson}"), &lengths);
    }
    ministry.publish();
    let mut world = World::new(33, link);
    let source = world.add(&ministry, |_| {});
    let home = world.add(&ministry, change);
    world.publish_to(source, &ministry);
    world.check = false;
    world.connect(source, home);
    (world, ministry, [source, home])
}

const LAN: Link = Link {
    delay: Duration::from_millis(10),
    up_rate: 12_500_000,
};

#[test]
fn a_thousand_pictures_come_in_a_few_requests() {
    let (mut world, ministry, [_, home]) = pictures(1_000, LAN, |_| {});
    assert!(world.run_until(secs(60), |world| world.all_hold(&[home], &ministry.blobs())));
    let node = world.node(home);
    let in_batches: usize = node.batches.iter().sum();
    assert!(in_batches > 950, "{in_batches} in batches");
    assert!(node.batches.len() <= 60, "{:?}", node.batches);
    assert_eq!(node.repeated_bytes, 0);
    let complete = world.events(home).iter();
    let complete = complete.filter(|event| matches!(event, Event::LessonComplete { .. }));
    assert_eq!(complete.count(), 20, "each lesson is told of once");
}

#[test]
fn a_slow_line_does_not_make_the_end_of_a_batch_stall() {
    let slow = Link {
        delay: Duration::from_millis(10),
        up_rate: 40_000,
    };
    let (mut world, ministry, [source, home]) =
        pictures(300, slow, |config| config.ranges_per_peer = 1);
    assert!(world.run_until(secs(600), |world| {
        world.all_hold(&[home], &ministry.blobs())
    }));
    assert_eq!(
        world
            .node(home)
            .mesh
            .faults(world.node(source).id())
            .count(),
        0
    );
    assert_eq!(world.node(home).repeated_bytes, 0);
}

#[test]
fn a_quota_stops_a_batch_where_it_is_full() {
    let quota = 5_000 * KIB;
    let (mut world, ministry, [_, home]) =
        pictures(1_000, LAN, |config| config.quota_bytes = Some(quota));
    world.check = true;
    world.run_until(secs(20), |world| {
        assert!(world.node(home).store.bytes() <= quota);
        false
    });
    let held = world.node(home).store.bytes();
    assert!(held > quota - 40 * KIB, "{held}");
    assert!(!world.all_hold(&[home], &ministry.blobs()));
}

#[test]
fn a_liar_loses_its_batches_and_another_gives_them() {
    let (mut world, ministry, [source, home]) = pictures(400, LAN, |_| {});
    world.node_mut(source).fault = Fault::LieBlobs;
    let honest = world.add(&ministry, |_| {});
    world.publish_to(honest, &ministry);
    world.connect(honest, home);
    assert!(world.run_until(secs(60), |world| world.all_hold(&[home], &ministry.blobs())));
    let liar = world.node(source).id();
    assert!(world.node(home).mesh.faults(liar).next().is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Neighbours come and go, fall silent, are busy and lie; the invariants hold after every input, batches keep their
    /// bounds, and once it is calm everything arrives.
    #[test]
    fn in_any_weather_every_file_arrives(
        seed in any::<u64>(),
        weather in proptest::collection::vec((0..2usize, 0..5u8, 1..900u64), 0..12),
    ) {
        let mut ministry = Ministry::new();
        let lengths: Vec<u64> = (0..150).map(|n| 1 + n * 7_919 % (SMALL_FILE_BYTES + 9_000)).collect();
        for (lesson, lengths) in lengths.chunks(30).enumerate() {
            ministry.lesson("art-1-sr", &format!("l{lesson}"), lengths);
        }
        ministry.publish();
        let mut world = World::new(seed, Link { delay: Duration::from_millis(5), up_rate: 1_000_000 });
        let sources = [0; 2].map(|_| world.add(&ministry, |_| {}));
        let home = world.add(&ministry, |_| {});
        for at in sources {
            world.publish_to(at, &ministry);
            world.connect(at, home);
        }
        for (which, what, ms) in weather {
            let at = sources[which];
            match what {
                0 => world.disconnect(at, home),
                1 => world.node_mut(at).fault = Fault::Stall,
                2 => world.node_mut(at).fault = Fault::Busy,
                3 => world.node_mut(at).fault = Fault::LieBlobs,
                _ => world.input(home, Input::SetFollow(vec!["subject=math".parse().expect("a selection")])),
            }
            world.pass(Duration::from_millis(ms));
            world.node_mut(at).fault = Fault::None;
            world.connect(at, home);
            world.input(home, Input::SetFollow(vec!["all".parse().expect("a selection")]));
        }
        let done = world.run_until(world.time() + secs(6 * 3_600), |world| {
            world.all_hold(&[home], &ministry.blobs())
        });
        prop_assert!(done, "not everything arrived");
        prop_assert!(world.node(home).batches.iter().all(|files| (2..=MAX_BATCH_FILES).contains(files)));
    }
}
