//! Further publishers in a small world: trust that begins with the ministry's word, ends with it, and bends nothing else.

use std::time::Duration;

use pishtar_catalog::{LessonId, Selection};
use pishtar_mesh::{
    Event, Input,
    testing::{At, Fault, Link, Ministry, WORLD_START, World, blob_of},
};

const MIB: u64 = 1 << 20;
const LINK: Link = Link {
    delay: Duration::from_millis(1),
    up_rate: 100 * MIB,
};
/// Everything here happens within minutes of virtual time.
const SOON: Duration = Duration::from_secs(300);

/// A ministry with one lesson that lists a school with another one.
struct Country {
    ministry: Ministry,
    school: Ministry,
}

impl Country {
    fn new() -> Self {
        let mut ministry = Ministry::new();
        ministry.lesson("math-6-sq", "fractions", &[MIB]);
        let mut school = Ministry::publisher("shkolla", 20);
        school.lesson("art-6-sq", "our-village", &[MIB / 2]);
        school.publish();
        ministry.list(&school, "shkolla/");
        ministry.publish();
        Country { ministry, school }
    }

    /// The ministry's node, the school's and a home, all joined.
    fn world(&self) -> (World, [At; 3]) {
        let mut world = World::new(7, LINK);
        let nodes = [0; 3].map(|_| world.add(&self.ministry, |_| {}));
        world.publish_to(nodes[0], &self.ministry);
        world.publish_to(nodes[1], &self.school);
        world.connect(nodes[0], nodes[1]);
        world.connect(nodes[1], nodes[2]);
        (world, nodes)
    }
}

fn id(text: &str) -> LessonId {
    LessonId::new(text).expect("test names are plain")
}

fn has(world: &World, at: At, lesson: &str) -> bool {
    let state = world.node(at).mesh.lesson_state(&id(lesson));
    state.is_some_and(|state| state.complete)
}

fn knows(world: &World, at: At, lesson: &str) -> bool {
    world.node(at).mesh.lesson_state(&id(lesson)).is_some()
}

const FRACTIONS: &str = "ministry/math-6-sq/fractions";
const VILLAGE: &str = "shkolla/art-6-sq/our-village";

#[test]
fn a_home_gets_both_and_a_revoked_schools_lessons_go_even_from_an_expired_list() {
    let mut country = Country::new();
    let (mut world, [ministry, school, home]) = country.world();
    let both = |world: &World| {
        [FRACTIONS, VILLAGE]
            .iter()
            .all(|lesson| has(world, home, lesson))
    };
    assert!(world.run_until(SOON, both));
    let blobs = country.school.blobs();
    assert!(world.all_hold(&[home], &blobs));
    assert!(world.node(home).meta.contains_key("shkolla"));

    // The school goes on by itself while the ministry is out of reach.
    world.disconnect(ministry, school);
    country.school.lesson("art-6-sq", "our-river", &[MIB / 4]);
    country.school.publish();
    world.publish_to(school, &country.school);
    let river = "shkolla/art-6-sq/our-river";
    let limit = world.time() + SOON;
    assert!(world.run_until(limit, |world| has(world, home, river)));

    country.ministry.revoke("shkolla", "its keys were stolen");
    country.ministry.expires(WORLD_START - 1);
    country.ministry.publish();
    world.publish_to(ministry, &country.ministry);
    world.connect(ministry, school);
    let limit = world.time() + SOON;
    let gone = |world: &World| {
        [school, home]
            .iter()
            .all(|at| !knows(world, *at, VILLAGE) && !world.node(*at).meta.contains_key("shkolla"))
    };
    assert!(world.run_until(limit, gone));
    assert!(has(&world, home, FRACTIONS));
    let mesh = &world.node(home).mesh;
    assert!(!mesh.answer_versions().iter().any(|(id, _)| id == "shkolla"));
    assert!(!mesh.serves_publisher("shkolla"));
    for (hash, _) in &country.school.blobs() {
        assert!(!mesh.may_serve(hash));
        assert_eq!(mesh.held_bytes(hash), 0);
    }
    assert!(world.node(home).withdrawn.contains(&id(VILLAGE)));
    assert!(world.events(home).contains(&Event::PublisherGone {
        publisher: "shkolla".to_owned(),
        reason: Some("its keys were stolen".to_owned()),
        lessons: 2,
    }));
    let why = mesh.why_publisher("shkolla").expect("it stays listed");
    assert_eq!(
        why[0].to_string(),
        "The ministry revoked shkolla: its keys were stolen."
    );
}

#[test]
fn a_publisher_that_nobody_lists_is_not_even_asked_for() {
    let mut country = Country::new();
    country.ministry = Ministry::new();
    country.ministry.lesson("math-6-sq", "fractions", &[MIB]);
    country.ministry.publish();
    let (mut world, [_, school, home]) = country.world();
    assert!(world.run_until(SOON, |world| has(world, home, FRACTIONS)));
    let limit = world.time() + SOON;
    world.run_until(limit, |_| false);
    assert!(!knows(&world, school, VILLAGE) && !knows(&world, home, VILLAGE));
    assert!(world.node(home).mesh.why_publisher("shkolla").is_none());
}

#[test]
fn another_root_than_the_listed_one_is_refused_and_charged() {
    let country = Country::new();
    let mut thief = Ministry::publisher("shkolla", 90);
    thief.lesson("art-6-sq", "our-village", &[MIB]);
    thief.publish();
    let (mut world, [ministry, school, home]) = country.world();
    world.publish_to(school, &thief);
    assert!(world.run_until(SOON, |world| has(world, home, FRACTIONS)));
    let refused = |event: &Event| {
        matches!(event, Event::CatalogRefused { publisher, reason, .. }
        if publisher == "shkolla" && reason.contains("not the one that the ministry lists"))
    };
    assert!(world.events(school).iter().any(refused));
    assert!(!knows(&world, home, VILLAGE));
    // From an honest source it begins all the same.
    world.publish_to(ministry, &country.school);
    let limit = world.time() + SOON;
    assert!(world.run_until(limit, |world| has(world, home, VILLAGE)));
}

#[test]
fn what_a_school_may_not_publish_is_refused_by_name_and_the_rest_stays() {
    let mut country = Country::new();
    country
        .school
        .foreign_lesson("math-6-sq", FRACTIONS, MIB / 8);
    country
        .school
        .foreign_lesson("math-6-sq", "ministry/math-6-sq/sums", MIB / 8);
    country.school.publish();
    let (mut world, [_, school, home]) = country.world();
    let both = |world: &World| {
        [FRACTIONS, VILLAGE]
            .iter()
            .all(|lesson| has(world, home, lesson))
    };
    assert!(world.run_until(SOON, both));
    let mesh = &world.node(home).mesh;
    let fractions = mesh
        .catalog()
        .lesson(&id(FRACTIONS))
        .expect("the ministry's lesson");
    assert_eq!(
        (&*fractions.publisher, fractions.total_bytes()),
        ("ministry", MIB)
    );
    assert!(!knows(&world, home, "ministry/math-6-sq/sums"));
    let faults = mesh.publisher_faults("shkolla");
    assert_eq!(faults.len(), 2);
    assert!(
        faults[0].contains("it is a path of ministry, and shkolla may publish at shkolla/ only")
    );
    for at in [school, home] {
        let told = world.events(at).iter();
        let told = told.filter(|event| matches!(event, Event::ScopeViolation { .. }));
        assert_eq!(told.count(), 2);
    }
    let why = mesh.why_publisher("shkolla").expect("it is listed");
    assert!(
        why[1]
            .to_string()
            .starts_with("Fault of shkolla: ministry/math-6-sq/")
    );
}

#[test]
fn a_false_length_for_the_ministrys_bytes_does_not_stand_in_their_way() {
    let mut country = Country::new();
    // The school knows what the ministry will publish, and names it first.
    let hash = blob_of("math-6-sq", "sums", 0, MIB);
    country.school.lesson("math-6-sq", "sums", &[MIB]);
    country.school.claim_length(hash, 100);
    country.school.publish();
    let (mut world, [ministry, _, home]) = country.world();
    let false_one = "shkolla/math-6-sq/sums";
    assert!(world.run_until(SOON, |world| has(world, home, VILLAGE)
        && knows(world, home, false_one)));
    country.ministry.lesson("math-6-sq", "sums", &[MIB]);
    country.ministry.publish();
    world.publish_to(ministry, &country.ministry);
    let limit = world.time() + SOON;
    let right = |world: &World| has(world, home, "ministry/math-6-sq/sums");
    assert!(world.run_until(limit, right));
    assert_eq!(world.node(home).mesh.held_bytes(&hash), MIB);
}

#[test]
fn a_catalogue_beyond_its_bound_is_refused_by_name() {
    let mut country = Country::new();
    let mut world = World::new(7, LINK);
    let room = |config: &mut pishtar_mesh::Config| config.max_publisher_bytes = 12_000;
    let [ministry, school] = [0; 2].map(|_| world.add(&country.ministry, room));
    world.publish_to(ministry, &country.ministry);
    world.publish_to(school, &country.school);
    world.connect(ministry, school);
    assert!(world.run_until(SOON, |world| has(world, ministry, VILLAGE)));
    for number in 0..60 {
        let slug = format!("more-{number}");
        country.school.lesson("art-6-sq", &slug, &[MIB]);
    }
    country.school.publish();
    world.publish_to(school, &country.school);
    let limit = world.time() + SOON;
    let refused = |event: &Event| {
        matches!(event, Event::CatalogRefused { publisher, reason, .. }
        if publisher == "shkolla" && reason.contains("larger than the 12000 bytes"))
    };
    assert!(world.run_until(limit, |world| world.events(school).iter().any(refused)));
    assert!(has(&world, ministry, VILLAGE));
    assert!(!knows(&world, school, "shkolla/art-6-sq/more-0"));
}

#[test]
fn new_keys_begin_a_publisher_anew() {
    let mut country = Country::new();
    let (mut world, [ministry, school, home]) = country.world();
    assert!(world.run_until(SOON, |world| has(world, home, VILLAGE)));
    let mut again = Ministry::publisher("shkolla", 60);
    again.lesson("art-6-sq", "our-school", &[MIB / 8]);
    again.publish();
    country.ministry.list(&again, "shkolla/");
    country.ministry.publish();
    world.publish_to(ministry, &country.ministry);
    world.publish_to(school, &again);
    let limit = world.time() + SOON;
    let anew = |world: &World| {
        has(world, home, "shkolla/art-6-sq/our-school") && !knows(world, home, VILLAGE)
    };
    assert!(world.run_until(limit, anew));
    assert_eq!(
        world.node(home).meta["shkolla"]["1.root.json"],
        again.files()["1.root.json"]
    );
}

#[test]
fn a_narrowed_prefix_takes_lessons_out() {
    let mut country = Country::new();
    country.school.lesson("bio-6-sq", "our-river", &[MIB / 4]);
    country.school.publish();
    let (mut world, [ministry, _, home]) = country.world();
    let river = "shkolla/bio-6-sq/our-river";
    let both = |world: &World| has(world, home, VILLAGE) && has(world, home, river);
    assert!(world.run_until(SOON, both));
    country.ministry.list(&country.school, "shkolla/bio-6-sq/");
    country.ministry.publish();
    world.publish_to(ministry, &country.ministry);
    let limit = world.time() + SOON;
    assert!(world.run_until(limit, |world| !knows(world, home, VILLAGE)));
    assert!(has(&world, home, river));
}

#[test]
fn rules_may_name_a_publisher() {
    let country = Country::new();
    let (mut world, [_, _, home]) = country.world();
    let rule: Selection = "publisher=shkolla".parse().expect("a rule");
    world.input(home, Input::SetFollow(vec![rule]));
    assert!(world.run_until(SOON, |world| has(world, home, VILLAGE)));
    assert!(knows(&world, home, FRACTIONS) && !has(&world, home, FRACTIONS));
}

#[test]
fn a_lying_neighbour_does_not_keep_a_publisher_away() {
    let country = Country::new();
    let (mut world, [_, school, home]) = country.world();
    let liar = world.add(&country.ministry, |_| {});
    world.connect(liar, school);
    assert!(world.run_until(SOON, |world| has(world, liar, VILLAGE)));
    world.node_mut(liar).fault = Fault::LieMeta;
    let late = world.add(&country.ministry, |_| {});
    world.connect(late, liar);
    world.connect(late, home);
    let limit = world.time() + SOON;
    assert!(world.run_until(limit, |world| has(world, late, VILLAGE)));
}

#[test]
fn a_revoked_device_gets_lessons_and_no_records_pass() {
    let mut country = Country::new();
    let (mut world, [ministry, school, home]) = country.world();
    assert!(world.run_until(SOON, |world| has(world, home, VILLAGE)));
    let lost = world.node(home).id();
    country.ministry.revoke_device(lost.0, true);
    country.ministry.lesson("math-6-sq", "sums", &[MIB]);
    country.ministry.publish();
    world.publish_to(ministry, &country.ministry);
    let limit = world.time() + SOON;
    assert!(world.run_until(limit, |world| has(world, home, "ministry/math-6-sq/sums")));
    assert!(world.node(school).mesh.is_revoked(&lost.0));

    world.add_record(home, 1);
    world.add_record(school, 2);
    let limit = world.time() + SOON;
    assert!(!world.run_until(limit, |world| world.node(school).records.contains(&1)));
    assert!(world.node(ministry).records.contains(&2));
    assert!(!world.node(home).records.contains(&2));
    let reason = "lost on a bus".to_owned();
    assert!(
        world
            .events(school)
            .contains(&Event::DeviceRevoked { peer: lost, reason })
    );
    let why = world
        .node(school)
        .mesh
        .why_peer(world.clock(), lost)
        .expect("a peer");
    let said: Vec<String> = why.iter().map(ToString::to_string).collect();
    assert!(
        said.iter()
            .any(|line| line.contains("revoked the device") && line.contains("lost on a bus"))
    );

    country.ministry.revoke_device(lost.0, false);
    country.ministry.publish();
    world.publish_to(ministry, &country.ministry);
    let limit = world.time() + SOON;
    assert!(world.run_until(limit, |world| world.node(ministry).records.contains(&1)));
}
