//! Quota, eviction and pins under random weather: what is on the modelled disk never exceeds the quota,
//! and what is pinned or watched never goes.

use std::{collections::BTreeSet, time::Duration};

use pishtar_catalog::{BlobHash, LessonId, Selection};
use pishtar_mesh::{
    Choices, DemandId, Event, FetchFailure, Held, Input, Need, Priority, Removal, RequestId,
    Sentence,
    testing::{At, Link, Ministry, World},
};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const LESSONS: [(&str, u64); 6] = [
    ("a", 4 * MIB),
    ("b", 3 * MIB + 5),
    ("c", 2 * MIB),
    ("d", MIB),
    ("e", 100 * 1024),
    ("f", 6 * MIB),
];

fn id(at: usize) -> LessonId {
    LessonId::new(&format!("ministry/math-6-sq/{}", LESSONS[at].0)).expect("plain")
}

fn ministry() -> Ministry {
    let mut ministry = Ministry::new();
    for (at, (name, bytes)) in (0u64..).zip(LESSONS) {
        ministry.lesson("math-6-sq", name, &[bytes + at]);
    }
    ministry.publish();
    ministry
}

/// The blob of a lesson: its length says which.
fn blob(ministry: &Ministry, at: usize) -> (BlobHash, u64) {
    let length = LESSONS[at].1 + at as u64;
    let found = ministry.blobs().into_iter().find(|(_, l)| *l == length);
    found.expect("lengths differ")
}

/// A source with everything and a node with a quota that follows nothing yet, connected.
fn small(seed: u64, quota: u64) -> (World, Ministry, At, At) {
    let ministry = ministry();
    let link = Link {
        delay: Duration::from_millis(3),
        up_rate: 4_000_000,
    };
    let mut world = World::new(seed, link);
    let source = world.add(&ministry, |_| {});
    world.publish_to(source, &ministry);
    let home = world.add(&ministry, |config| config.quota_bytes = Some(quota));
    world.input(home, Input::SetFollow(Vec::new()));
    world.connect(source, home);
    world.run_until(Duration::from_secs(2), |_| false);
    (world, ministry, source, home)
}

fn choose(world: &mut World, at: At, change: impl FnOnce(&mut Choices)) {
    let mut choices = world.node(at).mesh.choices().clone();
    change(&mut choices);
    world.input(at, Input::SetChoices(choices));
}

fn play(hash: BlobHash, length: u64) -> Input {
    Input::Demand {
        id: DemandId(1),
        hash,
        window: 0..length,
        priority: Priority::Playback,
    }
}

fn run_until_held(world: &mut World, at: At, blob: (BlobHash, u64)) -> bool {
    let limit = world.time() + Duration::from_secs(60);
    world.run_until(limit, |world| world.all_hold(&[at], &[blob]))
}

fn removals(world: &World, at: At) -> Vec<Removal> {
    let why = |event: &Event| match event {
        Event::Removed { why, .. } => Some(*why),
        _ => None,
    };
    world.events(at).iter().filter_map(why).collect()
}

#[test]
fn what_nobody_follows_gives_way_to_what_is_followed() {
    let (mut world, ministry, _, home) = small(1, 7 * MIB);
    choose(&mut world, home, |choices| choices.follow(id(0)));
    assert!(run_until_held(&mut world, home, blob(&ministry, 0)));
    // Followed too, and it does not fit: nothing that is followed goes for it.
    choose(&mut world, home, |choices| choices.follow(id(5)));
    world.run_until(world.time() + Duration::from_secs(5), |_| false);
    assert_eq!(removals(&world, home), []);
    choose(&mut world, home, |choices| choices.unfollow(id(0)));
    assert!(run_until_held(&mut world, home, blob(&ministry, 5)));
    assert_eq!(removals(&world, home), [Removal::Room(Need::Followed)]);
    assert_eq!(world.node(home).removed, [blob(&ministry, 0).0]);
    let why = world
        .node(home)
        .mesh
        .why_lesson(world.clock(), &id(0))
        .expect("known");
    assert!(
        why.iter()
            .any(|said| matches!(said, Sentence::Removed { .. })),
        "{why:?}"
    );
}

#[test]
fn what_a_teacher_assigned_comes_first_gets_room_and_stays() {
    let (mut world, ministry, source, home) = small(7, 7 * MIB);
    choose(&mut world, home, |choices| choices.follow(id(0)));
    assert!(run_until_held(&mut world, home, blob(&ministry, 0)));
    // It does not fit beside what is followed, which others nearby hold.
    world.input(home, Input::SetAssigned(BTreeSet::from([id(5)])));
    assert!(run_until_held(&mut world, home, blob(&ministry, 5)));
    assert_eq!(removals(&world, home), [Removal::Room(Need::Watched)]);
    // Choosing something else takes nothing of it back, and a player gets no room from it.
    choose(&mut world, home, |choices| choices.follow(id(1)));
    let (hash, length) = blob(&ministry, 2);
    world.input(home, play(hash, length));
    world.run_until(world.time() + Duration::from_secs(10), |_| false);
    assert!(world.all_hold(&[home], &[blob(&ministry, 5)]));
    assert!(world.node(home).mesh.choices().assigned.contains(&id(5)));
    world.input(home, Input::DropDemand { id: DemandId(1) });
    world.input(home, Input::SetAssigned(BTreeSet::new()));
    world.disconnect(source, home);
    world.connect(source, home);
    assert!(run_until_held(&mut world, home, blob(&ministry, 1)));
    assert!(!world.all_hold(&[home], &[blob(&ministry, 5)]));
}

#[test]
fn assigned_lessons_are_fetched_before_others_also_when_those_were_begun() {
    let (mut world, ministry, _, home) = small(8, 100 * MIB);
    choose(&mut world, home, |choices| {
        for at in 0..LESSONS.len() {
            choices.follow(id(at));
        }
    });
    world.run_until(world.time() + Duration::from_millis(300), |_| false);
    world.input(home, Input::SetAssigned(BTreeSet::from([id(5)])));
    assert!(run_until_held(&mut world, home, blob(&ministry, 5)));
    let all: Vec<_> = (0..5).map(|at| blob(&ministry, at)).collect();
    assert!(!world.all_hold(&[home], &all), "others were not waited for");
    let limit = world.time() + Duration::from_secs(60);
    assert!(world.run_until(limit, |world| world.all_hold(&[home], &all)));
}

#[test]
fn a_player_gets_room_from_what_others_nearby_hold_and_never_from_a_pin() {
    let (mut world, ministry, source, home) = small(2, 7 * MIB);
    choose(&mut world, home, |choices| {
        choices.pin(id(2));
        choices.follow(id(0));
    });
    for at in [2, 0] {
        assert!(run_until_held(&mut world, home, blob(&ministry, at)));
    }
    let (hash, length) = blob(&ministry, 5);
    world.input(home, play(hash, length));
    world.run_until(world.time() + Duration::from_secs(10), |_| false);
    assert_eq!(
        removals(&world, home),
        [],
        "a pin leaves too little room for it"
    );
    choose(&mut world, home, |choices| choices.unpin(&id(2)));
    assert!(run_until_held(&mut world, home, (hash, length)));
    let gone = removals(&world, home);
    assert!(gone.iter().all(|why| *why == Removal::Room(Need::Watched)) && !gone.is_empty());
    // Without anybody else who holds it, what is followed stays.
    world.input(home, Input::DropDemand { id: DemandId(1) });
    world.disconnect(source, home);
    let before = world.node(home).removed.len();
    let (hash, length) = blob(&ministry, 0);
    world.input(home, play(hash, length));
    world.run_until(world.time() + Duration::from_secs(10), |_| false);
    assert_eq!(world.node(home).removed.len(), before);
}

#[test]
fn a_lower_quota_is_kept_and_a_lesson_goes_when_asked() {
    let (mut world, ministry, _, home) = small(3, 20 * MIB);
    choose(&mut world, home, |choices| {
        choices.rules = vec![Selection::all()];
        choices.pin(id(3));
    });
    world.run_until(world.time() + Duration::from_secs(60), |_| false);
    world.input(home, Input::SetQuota(Some(2 * MIB)));
    world.run_until(world.time() + Duration::from_secs(30), |_| false);
    assert!(world.node(home).store.bytes() <= 2 * MIB);
    assert!(
        world.all_hold(&[home], &[blob(&ministry, 3)]),
        "a pin stays"
    );
    choose(&mut world, home, |choices| choices.unfollow(id(3)));
    world.input(home, Input::RemoveLesson(id(3)));
    world.run_until(world.time() + Duration::from_secs(1), |_| false);
    assert!(world.node(home).removed.contains(&blob(&ministry, 3).0));
    assert!(removals(&world, home).contains(&Removal::Asked));
}

#[test]
fn a_full_disk_stops_fetching_and_space_starts_it_again() {
    let (mut world, ministry, _, home) = small(4, 50 * MIB);
    world.input(home, Input::DiskRoom(Some(0)));
    choose(&mut world, home, |choices| choices.follow(id(1)));
    world.run_until(world.time() + Duration::from_secs(5), |_| false);
    assert_eq!(world.node(home).store.bytes(), 0);
    assert!(world.node(home).mesh.disk_is_full());
    let why = world
        .node(home)
        .mesh
        .why_lesson(world.clock(), &id(1))
        .expect("known");
    assert!(why.contains(&Sentence::DiskFull), "{why:?}");
    world.input(home, Input::DiskRoom(Some(4 * MIB)));
    assert!(run_until_held(&mut world, home, blob(&ministry, 1)));
}

#[test]
fn what_the_disk_refused_counts_as_missing_at_once_and_is_fetched_again() {
    let mut ministry = Ministry::new();
    ministry.lesson("math-6-sq", "film", &[20 * MIB]);
    ministry.publish();
    let link = Link {
        delay: Duration::from_millis(3),
        up_rate: 8_000_000,
    };
    let mut world = World::new(11, link);
    for _ in 0..2 {
        world.add(&ministry, |_| {});
    }
    world.publish_to(0, &ministry);
    world.connect(0, 1);
    let (film, _) = ministry.blobs()[0];
    let held = |world: &World| world.node(1).mesh.held_bytes(&film);
    assert!(world.run_until(Duration::from_secs(60), |world| held(world) > 5 * MIB));
    let before = held(&world);
    // Whatever is on its way fails; other numbers are nobody's.
    for request in (0..2_000).map(RequestId) {
        let refused = Input::RangeFinished {
            request,
            result: Err(FetchFailure::LocalDisk("no".to_owned())),
            held: Vec::new(),
        };
        world.input(1, refused);
    }
    let lost = before - held(&world);
    assert!(lost > 0, "what did not reach the disk counts as held");
    let told = world.events(1).iter();
    assert!(
        told.clone()
            .any(|event| matches!(event, Event::DiskFailed { .. }))
    );
    assert!(
        !told
            .clone()
            .any(|event| matches!(event, Event::LessonComplete { .. }))
    );
    assert!(world.run_until(Duration::from_secs(120), |world| {
        world.all_hold(&[1], &ministry.blobs())
    }));
}

#[test]
fn damaged_bytes_are_fetched_again_and_nothing_else() {
    let (mut world, ministry, source, home) = small(5, 50 * MIB);
    let (hash, length) = blob(&ministry, 0);
    choose(&mut world, home, |choices| choices.follow(id(0)));
    assert!(run_until_held(&mut world, home, (hash, length)));
    let sent = world.sent[&(source, home)];
    let good = vec![0..MIB, MIB + 16 * 1024..length];
    world.input(
        home,
        Input::BlobDamaged {
            hash,
            held: Held::Partial(good),
        },
    );
    assert_eq!(world.node(home).mesh.held_bytes(&hash), length - 16 * 1024);
    assert!(run_until_held(&mut world, home, (hash, length)));
    assert_eq!(world.sent[&(source, home)] - sent, 16 * 1024);
    world.input(
        home,
        Input::BlobDamaged {
            hash,
            held: Held::Absent,
        },
    );
    assert!(run_until_held(&mut world, home, (hash, length)));
    assert_eq!(world.node(home).removed, [hash]);
}

/// What people and the surroundings do to a node.
#[derive(Debug, Clone)]
enum Step {
    Follow(usize),
    Unfollow(usize),
    Pin(usize),
    Unpin(usize),
    Remove(usize),
    Play(usize),
    Stop,
    Damage(usize),
    Link(bool),
    Helper(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let lesson = 0..LESSONS.len();
    prop_oneof![
        3 => lesson.clone().prop_map(Step::Follow),
        2 => lesson.clone().prop_map(Step::Unfollow),
        1 => lesson.clone().prop_map(Step::Pin),
        1 => lesson.clone().prop_map(Step::Unpin),
        1 => lesson.clone().prop_map(Step::Remove),
        3 => lesson.clone().prop_map(Step::Play),
        1 => Just(Step::Stop),
        1 => lesson.prop_map(Step::Damage),
        1 => any::<bool>().prop_map(Step::Link),
        1 => any::<bool>().prop_map(Step::Helper),
        6 => (1..1_500u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The planner's own invariants (held + reserved + arriving + leaving within the quota) are asserted
    /// after every input; here the disk itself is looked at.
    #[test]
    fn the_disk_never_holds_more_than_the_quota_and_pins_stay(
        seed in any::<u64>(),
        quota in 2..9u64,
        script in proptest::collection::vec(step(), 1..40),
    ) {
        let (mut world, ministry, source, home) = small(seed, quota * MIB);
        world.late_bytes = MIB;
        let helper = world.add(&ministry, |_| {});
        world.connect(source, helper);
        let mut pinned = BTreeSet::new();
        let mut playing = None;
        for step in script {
            let removed = world.node(home).removed.len();
            match step {
                Step::Follow(at) => choose(&mut world, home, |choices| choices.follow(id(at))),
                Step::Unfollow(at) => {
                    pinned.remove(&at);
                    choose(&mut world, home, |choices| choices.unfollow(id(at)));
                }
                Step::Pin(at) => {
                    // One that leaves at this moment cannot be held any more.
                    if !world.node(home).mesh.is_leaving(&blob(&ministry, at).0) {
                        pinned.insert(at);
                    }
                    choose(&mut world, home, |choices| choices.pin(id(at)));
                }
                Step::Unpin(at) => {
                    pinned.remove(&at);
                    choose(&mut world, home, |choices| choices.unpin(&id(at)));
                }
                Step::Remove(at) => world.input(home, Input::RemoveLesson(id(at))),
                Step::Play(at) => {
                    let (hash, length) = blob(&ministry, at);
                    playing = (!world.node(home).mesh.is_leaving(&hash)).then_some(at);
                    world.input(home, play(hash, length));
                }
                Step::Stop => {
                    playing = None;
                    world.input(home, Input::DropDemand { id: DemandId(1) });
                }
                Step::Damage(at) => {
                    let (hash, length) = blob(&ministry, at);
                    if world.node(home).mesh.held_bytes(&hash) == length {
                        let held = Held::Partial(std::iter::once(16 * 1024..length).collect());
                        world.input(home, Input::BlobDamaged { hash, held });
                    }
                }
                Step::Link(true) => world.connect(source, home),
                Step::Link(false) => world.disconnect(source, home),
                Step::Helper(true) => world.connect(helper, home),
                Step::Helper(false) => world.disconnect(helper, home),
                Step::Wait(ms) => {
                    let until = world.time() + Duration::from_millis(ms);
                    let mut most = 0;
                    world.run_until(until, |world| {
                        most = most.max(world.node(home).store.bytes());
                        false
                    });
                    prop_assert!(most <= quota * MIB, "{most} bytes were on the disk");
                }
            }
            for hash in &world.node(home).removed[removed..] {
                let which = (0..LESSONS.len()).find(|at| blob(&ministry, *at).0 == *hash);
                let at = which.expect("all blobs are lessons");
                prop_assert!(!pinned.contains(&at), "{at} was pinned and went");
                prop_assert!(playing != Some(at), "{at} was being watched and went");
            }
        }
        prop_assert!(world.node(home).store.bytes() <= quota * MIB);
    }
}
