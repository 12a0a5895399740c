//! Wrong clocks, long absences, stolen keys and replays. No date decides what is installed; what is said of age is
//! right or left open.

use std::{collections::BTreeMap, time::Duration};

use pishtar_mesh::{
    Event, FaultKind, PublisherId, UnixSeconds,
    testing::{At, Fault, Link, Ministry, WORLD_START, World},
};
use pishtar_signing::client::{Clock, Freshness, MAX_ONLINE_ADVANCE};

const MIB: u64 = 1024 * 1024;
const DAY: UnixSeconds = 86_400;
/// 2100-01-01.
const YEAR_2100: UnixSeconds = 4_102_444_800;
/// Build time of every node here.
const BUILT: UnixSeconds = WORLD_START - 30 * DAY;

/// What a clock says at a millisecond.
type Date = fn(u64) -> UnixSeconds;
/// Trust state on a disk, by publisher and file name.
type Disk = BTreeMap<PublisherId, BTreeMap<String, Vec<u8>>>;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn days(days: u64) -> Duration {
    secs(days * 86_400)
}

/// A ministry with two lessons, dated today, that expires in `fresh_days`.
fn ministry(fresh_days: UnixSeconds) -> Ministry {
    let mut ministry = Ministry::new();
    ministry.issue_at(WORLD_START);
    ministry.expires(WORLD_START + fresh_days * DAY);
    ministry.lesson("math-6-sq", "fractions", &[MIB, 3_000]);
    ministry.lesson("art-1-sr", "colours", &[MIB, 10]);
    ministry.publish();
    ministry
}

fn node(world: &mut World, ministry: &Ministry) -> At {
    world.add(ministry, |config| {
        config.built = BUILT;
        // Months pass here: fewer questions than by default.
        config.versions_interval = secs(6 * 3_600);
    })
}

/// A node that seeds `ministry`, and a school that has all of it from there and is connected still.
fn school(ministry: &Ministry) -> (World, At, At) {
    let link = Link {
        delay: Duration::from_millis(1),
        up_rate: 12_500_000,
    };
    let mut world = World::new(22, link);
    let source = node(&mut world, ministry);
    world.publish_to(source, ministry);
    let school = node(&mut world, ministry);
    world.connect(source, school);
    holds_all(&mut world, school, ministry);
    (world, source, school)
}

fn holds_all(world: &mut World, at: At, ministry: &Ministry) {
    let limit = world.time() + secs(120);
    let done = world.run_until(limit, |world| {
        version(world, at) == ministry.version() && world.all_hold(&[at], &ministry.blobs())
    });
    assert!(done, "{:?}", world.events(at));
    let lessons = world.node(at).mesh.catalog().lessons().count();
    assert_eq!(lessons, ministry.blobs().len() / 2);
}

fn version(world: &World, at: At) -> u64 {
    let versions = world.node(at).mesh.answer_versions();
    versions.first().map_or(0, |(_, version)| *version)
}

fn freshness(world: &World, at: At) -> Freshness {
    let mut views = world.node(at).mesh.publishers(world.clock_of(at));
    views.next().expect("the ministry is pinned").freshness
}

fn checked_days_ago(world: &World, at: At) -> u64 {
    let mut views = world.node(at).mesh.publishers(world.clock_of(at));
    let view = views.next().expect("the ministry is pinned");
    view.checked.expect("it was confirmed once").ago.as_secs() / 86_400
}

fn nothing_was_refused(world: &World, at: At) {
    let refused = |event: &&Event| matches!(event, Event::CatalogRefused { .. });
    assert_eq!(world.events(at).iter().find(refused), None);
}

#[test]
fn a_school_offline_for_a_term_keeps_everything_gives_it_on_and_then_follows() {
    let mut ministry = ministry(30);
    let (mut world, source, school) = school(&ministry);
    assert_eq!(freshness(&world, school), Freshness::Fresh);
    world.disconnect(source, school);
    world.pass(days(120));
    assert_eq!(freshness(&world, school), Freshness::Stale);
    assert_eq!(checked_days_ago(&world, school), 120);
    assert!(world.all_hold(&[school], &ministry.blobs()));
    // A family that comes with an empty device gets the expired catalogue and every lesson.
    let family = node(&mut world, &ministry);
    world.connect(school, family);
    holds_all(&mut world, family, &ministry);
    world.disconnect(school, family);
    assert_eq!(freshness(&world, family), Freshness::Stale);

    let today = world.clock().wall;
    ministry.issue_at(today);
    ministry.expires(today + 30 * DAY);
    ministry.lesson("math-6-sq", "angles", &[MIB, 5_000]);
    ministry.publish();
    world.publish_to(source, &ministry);
    world.connect(source, school);
    holds_all(&mut world, school, &ministry);
    assert_eq!(freshness(&world, school), Freshness::Fresh);
    assert_eq!(checked_days_ago(&world, school), 0);
    let time = world.node(school).mesh.time(world.clock_of(school));
    assert_eq!((time.floor(), time.verdict()), (today, Clock::Sane));
    nothing_was_refused(&world, school);
}

#[test]
fn a_stolen_timestamp_key_that_says_2100_spoils_nothing_that_a_new_key_does_not_mend() {
    let mut ministry = ministry(30);
    let (mut world, source, school) = school(&ministry);
    world.disconnect(source, school);
    let stolen = ministry.stolen_timestamp(YEAR_2100, YEAR_2100);
    let thief = node(&mut world, &ministry);
    world.publish_to(thief, &stolen);
    world.connect(thief, school);
    holds_all(&mut world, school, &stolen);
    world.disconnect(thief, school);
    let time = world.node(school).mesh.time(world.clock_of(school));
    assert_eq!(time.floor(), WORLD_START + MAX_ONLINE_ADVANCE);
    assert_ne!(freshness(&world, school), Freshness::Fresh, "never wrong");

    // The ministry is far behind the thief: only its new root is newer.
    ministry.rotate_timestamp();
    ministry.issue_at(WORLD_START + DAY);
    ministry.lesson("math-6-sq", "angles", &[MIB, 5_000]);
    ministry.publish();
    assert!(ministry.version() < stolen.version());
    world.publish_to(source, &ministry);
    world.pass(secs(1));
    world.connect(source, school);
    holds_all(&mut world, school, &ministry);
    let time = world.node(school).mesh.time(world.clock_of(school));
    assert_eq!(
        (time.floor(), time.verdict()),
        (WORLD_START + DAY, Clock::Sane)
    );
    assert_eq!(freshness(&world, school), Freshness::Fresh);

    // What the thief still offers is not believed any more.
    world.connect(thief, school);
    world.pass(days(2));
    assert_eq!(version(&world, school), ministry.version());
    assert_eq!(freshness(&world, school), Freshness::Fresh);
}

#[test]
fn a_withdrawal_in_an_expired_catalogue_counts() {
    let mut ministry = ministry(300);
    let (mut world, source, school) = school(&ministry);
    let before = world.node(school).store.bytes();
    ministry.withdraw("art-1-sr", "colours");
    ministry.expires(WORLD_START - DAY);
    ministry.publish();
    world.publish_to(source, &ministry);
    holds_all(&mut world, school, &ministry);
    world.pass(secs(5));
    assert_eq!(world.node(school).withdrawn.len(), 1);
    assert_eq!(world.node(school).store.bytes(), before - MIB - 10);
    assert_eq!(freshness(&world, school), Freshness::Stale);
    nothing_was_refused(&world, school);
}

#[test]
fn last_months_catalogue_offered_as_new_marks_the_peer_and_changes_nothing() {
    let last_month = ministry(300);
    let mut ministry = last_month.clone();
    ministry.issue_at(WORLD_START + DAY);
    ministry.lesson("math-6-sq", "angles", &[MIB, 5_000]);
    ministry.publish();
    let (mut world, _, school) = school(&ministry);
    let (installed, events) = (
        world.node(school).meta.clone(),
        world.events(school).to_vec(),
    );
    let liar = node(&mut world, &last_month);
    world.publish_to(liar, &last_month);
    world.node_mut(liar).fault = Fault::Replay;
    world.connect(liar, school);
    world.pass(secs(60));
    assert_eq!(world.node(school).meta, installed);
    assert_eq!(version(&world, school), ministry.version());
    // Marked, and told to who asks; nobody is alarmed.
    let (peer, mesh) = (world.node(liar).id(), &world.node(school).mesh);
    let replayed = mesh
        .faults(peer)
        .filter(|fault| matches!(fault.kind, FaultKind::Replay { .. }));
    assert!(replayed.count() > 0);
    let why = mesh
        .why_peer(world.clock_of(school), peer)
        .expect("it was connected");
    let why: Vec<String> = why.iter().map(ToString::to_string).collect();
    assert!(
        why.iter()
            .any(|sentence| sentence.contains("offered an old catalogue of ministry as new")),
        "{why:?}"
    );
    nothing_was_refused(&world, school);
    assert_eq!(world.events(school), events);
}

#[test]
fn a_frozen_catalogue_is_called_stale_after_its_expiry_and_served_on() {
    let ministry = ministry(30);
    let (mut world, source, school) = school(&ministry);
    world.pass(days(29));
    assert_eq!(freshness(&world, school), Freshness::Fresh);
    world.pass(days(2));
    assert_eq!(freshness(&world, school), Freshness::Stale);
    assert_eq!(checked_days_ago(&world, school), 0, "asked, and no answer");
    let family = node(&mut world, &ministry);
    world.connect(school, family);
    holds_all(&mut world, family, &ministry);
    assert!(
        world
            .node(school)
            .mesh
            .faults(world.node(source).id())
            .next()
            .is_none()
    );
}

#[test]
fn no_clock_decides_what_is_installed() {
    let first = ministry(300);
    let mut second = first.clone();
    second.issue_at(WORLD_START + DAY);
    second.withdraw("art-1-sr", "colours");
    second.lesson("math-6-sq", "angles", &[MIB, 5_000]);
    second.publish();
    let right = installed_under(&first, &second, |_| WORLD_START);
    let clocks: [(&str, Date); 5] = [
        ("1970", |_| 0),
        ("2100", |_| YEAR_2100),
        ("latest", |_| i64::MAX),
        ("earliest", |_| i64::MIN),
        ("jumping", |step| match step % 3 {
            0 => WORLD_START,
            1 => WORLD_START + 3_653 * DAY,
            _ => WORLD_START - 3_653 * DAY,
        }),
    ];
    for (name, clock) in clocks {
        let same = installed_under(&first, &second, clock) == right;
        assert!(same, "another catalogue under {name}");
    }
}

/// What lies on the disk of a school whose clock says `clock` of every millisecond, while two catalogues come.
fn installed_under(first: &Ministry, second: &Ministry, clock: Date) -> Disk {
    let (mut world, source, _) = school(first);
    let school = node(&mut world, first);
    world.set_clock(school, clock(0));
    world.connect(source, school);
    let (mut floor, mut time_floor) = (0, BUILT);
    for step in 0..1_000 {
        if step == 500 {
            assert_eq!(version(&world, school), first.version(), "at {step} ms");
            world.publish_to(source, second);
        }
        world.set_clock(school, clock(step));
        world.pass(Duration::from_millis(1));
        let (now, time) = (
            version(&world, school),
            world.node(school).mesh.time(world.clock_of(school)),
        );
        assert!(now >= floor && time.floor() >= time_floor, "went back");
        (floor, time_floor) = (now, time.floor());
        if now > 0 {
            let fresh = freshness(&world, school) == Freshness::Fresh;
            assert_eq!(fresh, time.verdict() == Clock::Sane, "at {step} ms");
        }
    }
    assert_eq!(floor, second.version());
    assert_eq!(world.node(school).withdrawn.len(), 1);
    nothing_was_refused(&world, school);
    world.node(school).meta.clone()
}
