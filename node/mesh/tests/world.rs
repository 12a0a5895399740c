//! Stories of a small world: catalogues and lessons spread, faults are named, nothing is fetched twice.

use std::time::Duration;

use pishtar_catalog::Selection;
use pishtar_mesh::{
    DemandId, Event, FaultKind, Input, Priority, Sentence,
    testing::{At, Fault, Link, Ministry, World},
};

const MIB: u64 = 1024 * 1024;

fn lan() -> Link {
    Link {
        delay: Duration::from_millis(1),
        up_rate: 12_500_000,
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A ministry with one lesson of 20 MiB and small companions, its seeding node, and `count` others.
fn school(seed: u64, count: usize) -> (World, Ministry, At, Vec<At>) {
    let mut ministry = Ministry::new();
    ministry.lesson("math-6-sq", "fractions", &[20 * MIB + 5, 3_000, 40_000]);
    ministry.lesson("art-1-sr", "colours", &[MIB, 10]);
    ministry.publish();
    let mut world = World::new(seed, lan());
    let source = world.add(&ministry, |_| {});
    world.publish_to(source, &ministry);
    let others = (0..count).map(|_| world.add(&ministry, |_| {})).collect();
    (world, ministry, source, others)
}

#[test]
fn a_catalogue_and_its_lessons_reach_a_second_neighbour_through_the_first() {
    let (mut world, ministry, source, others) = school(1, 2);
    world.connect(source, others[0]);
    world.connect(others[0], others[1]);
    let done = world.run_until(secs(20), |world| world.all_hold(&others, &ministry.blobs()));
    assert!(done, "{:?}", world.events(others[1]));
    for &at in &others {
        assert_eq!(
            world.node(at).mesh.answer_versions(),
            [("ministry".to_owned(), ministry.version())]
        );
        assert_eq!(world.node(at).repeated_bytes, 0);
        let complete = world
            .events(at)
            .iter()
            .filter(|event| matches!(event, Event::LessonComplete { .. }));
        assert_eq!(complete.count(), 2);
    }
}

#[test]
fn a_new_version_brings_what_changed_and_removes_what_was_withdrawn() {
    let (mut world, mut ministry, source, others) = school(2, 2);
    world.connect(source, others[0]);
    world.connect(others[0], others[1]);
    assert!(world.run_until(secs(20), |world| world.all_hold(&others, &ministry.blobs())));
    ministry.withdraw("art-1-sr", "colours");
    ministry.lesson("math-6-sq", "fractions", &[MIB, 3_000, 40_000]);
    ministry.publish();
    world.publish_to(source, &ministry);
    let begun = world.time();
    assert!(world.run_until(secs(40), |world| world.all_hold(&others, &ministry.blobs())));
    assert!(
        world.time() - begun < secs(5),
        "took {:?}",
        world.time() - begun
    );
    for &at in &others {
        assert_eq!(world.node(at).withdrawn.len(), 1);
        assert_eq!(world.node(at).store.bytes(), MIB + 43_000);
        assert_eq!(world.node(at).mesh.catalog().lessons().count(), 1);
    }
}

#[test]
fn a_liar_is_named_and_the_honest_give_everything() {
    let (mut world, ministry, source, others) = school(3, 3);
    let (liar, middle, asker) = (others[0], others[1], others[2]);
    world.connect(source, liar);
    world.connect(source, middle);
    assert!(world.run_until(secs(20), |world| {
        world.all_hold(&[liar, middle], &ministry.blobs())
    }));
    world.node_mut(liar).fault = Fault::LieBlobs;
    world.connect(liar, asker);
    world.connect(middle, asker);
    assert!(world.run_until(secs(60), |world| {
        world.all_hold(&[asker], &ministry.blobs())
    }));
    let liar_id = world.node(liar).id();
    let wrong = |fault: &pishtar_mesh::Fault| matches!(fault.kind, FaultKind::WrongBytes { .. });
    let mesh = &world.node(asker).mesh;
    assert!(mesh.faults(liar_id).any(wrong));
    assert!(mesh.faults(world.node(middle).id()).next().is_none());
    let why = mesh
        .why_peer(world.clock(), liar_id)
        .expect("the liar is known");
    assert!(
        why.iter()
            .any(|sentence| matches!(sentence, Sentence::Fault { .. })),
        "{why:?}"
    );
    assert_eq!(world.node(asker).repeated_bytes, 0);
}

#[test]
fn a_source_with_garbled_metadata_is_refused_and_another_is_asked() {
    let (mut world, ministry, source, others) = school(4, 3);
    world.connect(source, others[0]);
    world.connect(source, others[1]);
    assert!(world.run_until(secs(20), |world| {
        world.all_hold(&others[..2], &ministry.blobs())
    }));
    world.node_mut(others[0]).fault = Fault::LieMeta;
    world.connect(others[0], others[2]);
    world.connect(others[1], others[2]);
    assert!(world.run_until(secs(40), |world| {
        world.all_hold(&others[2..], &ministry.blobs())
    }));
    let refused = |event: &Event| matches!(event, Event::CatalogRefused { .. });
    let honest = world.node(others[1]).id();
    assert!(world.node(others[2]).mesh.faults(honest).next().is_none());
    // Which of the two is asked first is chance; the liar is named when it was asked.
    let named = world
        .node(others[2])
        .mesh
        .faults(world.node(others[0]).id())
        .next()
        .is_some();
    assert_eq!(world.events(others[2]).iter().any(refused), named);
}

#[test]
fn busy_mute_and_stalling_neighbours_do_not_stop_the_rest() {
    for fault in [Fault::Busy, Fault::Mute, Fault::Stall] {
        let (mut world, ministry, source, others) = school(5, 3);
        world.connect(source, others[0]);
        world.connect(source, others[1]);
        assert!(world.run_until(secs(20), |world| {
            world.all_hold(&others[..2], &ministry.blobs())
        }));
        world.node_mut(others[0]).fault = fault;
        world.connect(others[0], others[2]);
        world.connect(others[1], others[2]);
        let begun = world.time();
        assert!(
            world.run_until(secs(60), |world| world
                .all_hold(&others[2..], &ministry.blobs())),
            "{fault:?}"
        );
        assert!(
            world.time() - begun < secs(20),
            "{fault:?} took {:?}",
            world.time() - begun
        );
    }
}

#[test]
fn a_source_that_leaves_in_mid_file_is_replaced_and_nothing_comes_twice() {
    let (mut world, ministry, source, others) = school(6, 3);
    world.connect(source, others[0]);
    world.connect(source, others[1]);
    assert!(world.run_until(secs(20), |world| {
        world.all_hold(&others[..2], &ministry.blobs())
    }));
    world.connect(others[0], others[2]);
    world.connect(others[1], others[2]);
    let half = 10 * MIB;
    assert!(world.run_until(secs(40), |world| world.node(others[2]).store.bytes() > half));
    world.disconnect(others[0], others[2]);
    assert!(world.run_until(secs(60), |world| {
        world.all_hold(&others[2..], &ministry.blobs())
    }));
    assert_eq!(world.node(others[2]).repeated_bytes, 0);
}

#[test]
fn the_last_ranges_come_from_whoever_is_sooner_and_the_loser_is_cancelled() {
    let (mut world, ministry, source, others) = school(6, 3);
    world.connect(source, others[0]);
    world.connect(source, others[1]);
    assert!(world.run_until(secs(20), |world| {
        world.all_hold(&others[..2], &ministry.blobs())
    }));
    let (slow, getter) = (others[0], others[2]);
    world.connect(slow, getter);
    world.connect(others[1], getter);
    let all: u64 = ministry.blobs().iter().map(|(_, length)| length).sum();
    let nearly = |world: &World| world.node(getter).store.bytes() + 2 * MIB > all;
    assert!(world.run_until(secs(40), nearly));
    assert!(!world.all_hold(&[getter], &ministry.blobs()));
    world.node_mut(slow).fault = Fault::Stall;
    let begun = world.time();
    assert!(world.run_until(secs(60), |world| {
        world.all_hold(&[getter], &ministry.blobs())
    }));
    // Long before the silent one is given up, which takes 10 s.
    assert!(world.time() - begun < secs(5), "{:?}", world.time() - begun);
    let twice = world.node(getter).repeated_bytes;
    assert!(twice <= MIB, "{twice} bytes came twice");
    // What the loser still has in hand goes nowhere.
    world.node_mut(slow).fault = Fault::None;
    let sent = world.sent[&(slow, getter)];
    world.run_until(begun + secs(30), |_| false);
    assert_eq!(world.sent[&(slow, getter)], sent, "the loser goes on");
}

#[test]
fn a_class_filling_at_once_takes_most_from_each_other() {
    let mut ministry = Ministry::new();
    ministry.lesson("math-6-sq", "film", &[60 * MIB]);
    ministry.publish();
    let mut world = World::new(7, lan());
    let source = world.add(&ministry, |_| {});
    world.publish_to(source, &ministry);
    let others: Vec<At> = (0..8).map(|_| world.add(&ministry, |_| {})).collect();
    for &at in &others {
        world.connect(source, at);
        for &other in &others {
            world.connect(at, other);
        }
    }
    assert!(world.run_until(secs(60), |world| world.all_hold(&others, &ministry.blobs())));
    let seeded: u64 = others
        .iter()
        .filter_map(|at| world.sent.get(&(source, *at)))
        .sum();
    let copies = seeded as f64 / (60 * MIB) as f64;

    assert!(copies < 1.5, "seed sent {copies} copies");
    assert!(world.time() < secs(8), "took {:?}", world.time());
}

#[test]
fn the_quota_is_never_exceeded_and_said() {
    let (mut world, ministry, source, _) = school(8, 0);
    let small = world.add(&ministry, |config| config.quota_bytes = Some(2 * MIB));
    world.connect(source, small);
    world.run_until(secs(20), |world| {
        assert!(world.node(small).store.bytes() <= 2 * MIB);
        false
    });
    assert_eq!(world.node(small).store.bytes(), MIB + 10 + 43_000);
    assert!(
        world
            .events(small)
            .iter()
            .any(|event| matches!(event, Event::QuotaFull { .. }))
    );
    let lesson = pishtar_catalog::LessonId::new("ministry/math-6-sq/fractions").expect("plain");
    let why = world
        .node(small)
        .mesh
        .why_lesson(world.clock(), &lesson)
        .expect("known");
    assert!(
        why.iter()
            .any(|sentence| matches!(sentence, Sentence::NoRoom { .. })),
        "{why:?}"
    );
}

#[test]
fn what_is_not_followed_is_not_fetched() {
    let (mut world, ministry, source, _) = school(9, 0);
    let picky = world.add(&ministry, |_| {});
    let art: Selection = "subject=art".parse().expect("a selection");
    world.input(picky, Input::SetFollow(vec![art]));
    world.connect(source, picky);
    world.run_until(secs(20), |_| false);
    assert_eq!(world.node(picky).store.bytes(), MIB + 10);
    assert_eq!(world.node(picky).mesh.counts().lessons_known, 2);
    assert_eq!(world.node(picky).mesh.counts().lessons_complete, 1);
}

#[test]
fn records_reach_everybody() {
    let (mut world, _, source, others) = school(10, 3);
    world.connect(source, others[0]);
    world.connect(others[0], others[1]);
    world.connect(others[1], others[2]);
    world.run_until(secs(3), |_| false);
    world.add_record(others[2], 7);
    let begun = world.time();
    assert!(world.run_until(secs(60), |world| world.node(source).records.contains(&7)));
    assert!(
        world.time() - begun < secs(8),
        "took {:?}",
        world.time() - begun
    );
}

#[test]
fn one_seed_gives_one_history() {
    let run = |seed| {
        let (mut world, _, source, others) = school(seed, 2);
        world.connect(source, others[0]);
        world.connect(source, others[1]);
        world.connect(others[0], others[1]);
        world.run_until(secs(10), |_| false);
        world.digest()
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}

#[test]
fn pressing_play_brings_the_window_first_and_a_seek_moves_it() {
    let (mut world, ministry, source, _) = school(13, 0);
    let home = world.add(&ministry, |_| {});
    world.input(home, Input::SetFollow(Vec::new()));
    world.connect(source, home);
    world.run_until(secs(2), |_| false);
    assert_eq!(world.node(home).store.bytes(), 0, "nothing is followed");
    let (film, length) = *ministry
        .blobs()
        .iter()
        .max_by_key(|(_, length)| *length)
        .expect("there are files");
    let play = |window| Input::Demand {
        id: DemandId(1),
        hash: film,
        window,
        priority: Priority::Playback,
    };
    let pressed = world.time();
    world.input(home, play(0..4 * MIB));
    let held = |world: &World, window: std::ops::Range<u64>| {
        let ranges = world.node(home).store.ranges(&film);
        ranges
            .iter()
            .any(|range| range.start <= window.start && window.end <= range.end)
    };
    assert!(world.run_until(secs(10), |world| held(world, 0..256 * 1024)));
    assert!(
        world.time() - pressed < Duration::from_millis(150),
        "first bytes after {:?}",
        world.time() - pressed
    );
    let sought = world.time();
    world.input(home, play(15 * MIB..17 * MIB));
    assert!(world.run_until(secs(10), |world| held(
        world,
        15 * MIB..15 * MIB + 256 * 1024
    )));
    assert!(
        world.time() - sought < Duration::from_millis(500),
        "seek took {:?}",
        world.time() - sought
    );
    assert!(world.run_until(secs(10), |world| held(world, 15 * MIB..17 * MIB)));
    // The tab closes: what is in flight is cancelled and nothing more is asked for.
    world.input(home, Input::DropDemand { id: DemandId(1) });
    world.run_until(secs(20), |_| false);
    assert!(
        world.node(home).store.bytes() < 8 * MIB,
        "{} of {length}",
        world.node(home).store.bytes()
    );
    assert_eq!(world.node(home).repeated_bytes, 0);
}

#[test]
fn a_restarted_node_fetches_only_what_it_lacks() {
    let (mut world, ministry, source, others) = school(14, 1);
    world.connect(source, others[0]);
    assert!(
        world.run_until(secs(20), |world| world.node(others[0]).store.bytes()
            > 10 * MIB)
    );
    world.disconnect(source, others[0]);
    world.restart(others[0], &ministry);
    world.connect(source, others[0]);
    assert!(world.run_until(secs(40), |world| world.all_hold(&others, &ministry.blobs())));
    assert_eq!(world.node(others[0]).repeated_bytes, 0);
}
