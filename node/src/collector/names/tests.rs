//! Registrations, proofs and erasures in any order.

use pishtar_mesh::{
    learner::{LessonRef, What},
    people::{
        AdoptionOf, RawRegistration, Registration, bodies, new_learner_id, pack_message,
        unpack_messages,
    },
};
use pishtar_signing::{people::CardSecret, record::CollectionKeys};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use redb::Database;

use super::*;

const SCHOOL: DeviceId = DeviceId([1; 32]);
const HOME: DeviceId = DeviceId([2; 32]);

fn secret(seed: u8) -> CollectionSecret {
    CollectionSecret::generate(1, &mut ChaCha20Rng::from_seed([seed; 32]))
}

struct World {
    names: Names,
    database: Database,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let domain = Domain::new("nxenes.example").unwrap();
        let mut names = Names::open(folder.path(), domain, secret(9)).unwrap();
        let school = |(id, seed): (&str, u8)| SchoolKeys {
            id: id.into(),
            keys: CollectionKeys::first(secret(seed).public()),
        };
        names.set_schools(Schools::new([("a", 1), ("b", 2)].map(school).into()));
        Self {
            names,
            database: Database::create(folder.path().join("x.redb")).unwrap(),
            _folder: folder,
        }
    }

    fn run<T>(&self, work: impl FnOnce(&mut NameTables<'_>) -> Result<T, redb::Error>) -> T {
        let txn = self.database.begin_write().unwrap();
        let result = work(&mut NameTables::open(&self.names, &txn).unwrap()).unwrap();
        txn.commit().unwrap();
        result
    }

    fn tell(&self, device: DeviceId, message: &PeopleMessage) -> Effects {
        let messages = unpack_messages(&pack_message(message)).unwrap();
        self.run(|tables| {
            let mut effects = Effects::default();
            tables.take(device, &messages, &mut effects)?;
            Ok(effects)
        })
    }

    fn say(&self, school: (&str, u8), statements: &[Statement]) -> Effects {
        let body = bodies(statements).unwrap().remove(0);
        let said = Said::sign(&secret(school.1), school.0, body);
        self.tell(SCHOOL, &PeopleMessage::Said(said))
    }

    /// The login that each id was told last.
    fn answers(&self) -> std::collections::BTreeMap<String, String> {
        let answers = self.run(|tables| tables.rows.answers());
        let named = answers
            .into_iter()
            .filter_map(|(_, answer)| match answer.statement {
                Statement::Named { learner, login, .. } => {
                    Some((learner.as_str().to_owned(), login.as_str().to_owned()))
                }
                _ => None,
            });
        named.collect()
    }

    fn gate(&self, device: DeviceId, learner: u8) -> Gate {
        self.run(|tables| tables.gate(device, 7, &event(learner)))
    }
}

const A: (&str, u8) = ("a", 1);
const B: (&str, u8) = ("b", 2);

fn id(number: u8) -> LearnerId {
    new_learner_id([number; 10])
}

fn event(learner: u8) -> LearnerEvent {
    LearnerEvent {
        learner: id(learner),
        name: None,
        lesson: LessonRef::new("ministry/m/l").unwrap(),
        what: What::Completed,
    }
}

fn register(number: u8, name: &str, parent: &str) -> Statement {
    let raw = RawRegistration {
        name: name.into(),
        surname: "Krasniqi".into(),
        parent: parent.into(),
        school: "Dardania".into(),
        municipality: "Prishtinë".into(),
        phone: "044 123 456".into(),
        class: "6A".into(),
        born: String::new(),
    };
    Statement::Register {
        learner: id(number),
        registration: Box::new(Registration::parse(&raw).unwrap()),
        card: CardSecret([number; 16]).card(id(number).as_str(), 1),
    }
}

fn devices() -> Statement {
    Statement::Devices {
        devices: [SCHOOL].into(),
        withdrawn: Default::default(),
    }
}

fn adopt(number: u8) -> PeopleMessage {
    PeopleMessage::Adopted(AdoptionOf {
        adoption: CardSecret([number; 16]).adopt(id(number).as_str(), 1, HOME.0),
        learner: id(number),
    })
}

#[test]
fn two_of_one_name_are_two_and_the_same_learner_by_two_ways_is_one() {
    let world = World::new();
    world.say(
        A,
        &[register(1, "Arta", "Besa"), register(2, "Arta", "Teuta")],
    );
    world.say(B, &[register(3, "ARTA", "besa"), devices()]);
    assert_eq!(world.gate(SCHOOL, 3), Gate::Counts(id(1)));
    let answers = world.answers();
    let login = |number: u8| answers[id(number).as_str()].as_str();
    assert_eq!(login(1), "arta.krasniqi@nxenes.example");
    assert_eq!(login(2), "arta.krasniqi2@nxenes.example");
    assert_eq!(login(3), login(1));
    world.say(A, &[register(1, "Arta", "Besa")]);
    assert_eq!(world.answers(), answers);
}

#[test]
fn only_a_listed_schools_own_signature_counts_and_what_came_before_the_keys_waits() {
    let mut world = World::new();
    world.say(("a", 2), &[register(1, "Arta", "Besa")]);
    assert!(world.answers().is_empty(), "signed by another school");
    world.say(("c", 3), &[register(1, "Arta", "Besa")]);
    assert!(world.answers().is_empty(), "a school that is not known");
    world.names.set_schools(Schools::new(vec![SchoolKeys {
        id: "c".into(),
        keys: CollectionKeys::first(secret(3).public()),
    }]));
    world.run(|tables| tables.retry_pending(&mut Effects::default()));
    assert_eq!(world.answers().len(), 1);
    assert!(world.run(|tables| tables.rows.pending()).is_empty());
}

#[test]
fn a_stranger_who_knows_an_id_changes_nothing() {
    let world = World::new();
    world.say(A, &[register(1, "Arta", "Besa"), devices()]);
    assert_eq!(world.gate(SCHOOL, 1), Gate::Counts(id(1)));
    assert_eq!(world.gate(HOME, 1), Gate::No);
    // Another school claims the learner, or erases: neither counts.
    world.say(
        B,
        &[
            register(1, "Arta", "Besa"),
            Statement::Erase { learner: id(1) },
        ],
    );
    assert_eq!(world.gate(SCHOOL, 1), Gate::Counts(id(1)));
    // A word of the card that another device sends.
    world.tell(DeviceId([3; 32]), &adopt(1));
    assert_eq!(world.gate(HOME, 1), Gate::No);
    let effects = world.tell(HOME, &adopt(1));
    assert_eq!(effects.released.len(), 2, "what waited counts now");
    assert_eq!(world.gate(HOME, 1), Gate::Counts(id(1)));
    let lost = CardSecret([77; 16]).card(id(1).as_str(), 2);
    world.say(
        A,
        &[Statement::NewCard {
            learner: id(1),
            card: lost,
        }],
    );
    assert_eq!(world.gate(HOME, 1), Gate::No, "the old card counts no more");
}

#[test]
fn erasure_then_replay_of_everything_leaves_nothing() {
    let world = World::new();
    let replay = || {
        world.say(A, &[devices(), register(1, "Arta", "Besa")]);
        world.tell(HOME, &adopt(1));
        (world.gate(SCHOOL, 1), world.gate(HOME, 1))
    };
    assert_eq!(replay(), (Gate::Counts(id(1)), Gate::Counts(id(1))));
    let effects = world.say(A, &[Statement::Erase { learner: id(1) }]);
    assert_eq!(effects.erased, [id(1)]);
    for _ in 0..2 {
        assert_eq!(replay(), (Gate::No, Gate::No));
    }
    let (row, held, members) = world.run(|tables| {
        Ok((
            tables.rows.learner(&id(1))?.is_none(),
            tables.rows.take_held(&id(1), |_| true)?.len(),
            tables.rows.members("a")?.len(),
        ))
    });
    assert_eq!((row, held, members), (true, 0, 0));
    // The same child, registered anew, is a new learner with a login that nobody had.
    world.say(A, &[register(5, "Arta", "Besa")]);
    assert_eq!(
        world.answers()[id(5).as_str()],
        "arta.krasniqi2@nxenes.example"
    );
}

#[test]
fn no_name_lies_readable_in_the_file() {
    let world = World::new();
    world.say(A, &[register(1, "Arta", "Besa")]);
    world.gate(HOME, 1);
    let bytes = std::fs::read(world._folder.path().join("x.redb")).unwrap();
    for canary in [
        "Arta",
        "arta",
        "Krasniqi",
        "krasniqi",
        "38344123456",
        "Dardania",
        id(1).as_str(),
    ] {
        let found = bytes
            .windows(canary.len())
            .any(|at| at == canary.as_bytes());
        assert!(!found, "{canary} is readable");
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Register(u8),
    Devices,
    Adopt(u8),
    Work(bool, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let all = vec![
        Step::Devices,
        Step::Register(1),
        Step::Register(2),
        Step::Adopt(1),
        Step::Adopt(2),
        Step::Work(true, 1),
        Step::Work(false, 1),
        Step::Work(false, 2),
        Step::Work(true, 2),
    ];
    let twice: Vec<Step> = all.iter().chain(&all).copied().collect();
    Just(twice).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever order records come in, and twice: the same work counts for the same learners, and each id has one login.
    #[test]
    fn order_and_repetition_change_nothing(steps in steps()) {
        let world = World::new();
        let mut counted = std::collections::BTreeSet::new();
        let mut logins = std::collections::BTreeMap::new();
        for step in steps {
            let effects = match step {
                Step::Register(number) => world.say(A, &[register(number, "Arta", &format!("Besa{}", ["", "na"][usize::from(number) - 1]))]),
                Step::Devices => world.say(A, &[devices()]),
                Step::Adopt(number) => world.tell(HOME, &adopt(number)),
                Step::Work(school, learner) => {
                    let device = if school { SCHOOL } else { HOME };
                    if let Gate::Counts(person) = world.gate(device, learner) {
                        counted.insert((person.as_str().to_owned(), device));
                    }
                    Effects::default()
                }
            };
            counted.extend(effects.released.into_iter().map(|(device, _, event)| (event.learner.as_str().to_owned(), device)));
            for (id, login) in world.answers() {
                let before = logins.insert(id, login.clone());
                prop_assert!(before.is_none_or(|before| before == login));
            }
        }
        let all = [1, 2].into_iter().flat_map(|number| [SCHOOL, HOME].map(|device| (id(number).as_str().to_owned(), device)));
        prop_assert_eq!(counted, all.collect());
        prop_assert_eq!(logins.len(), 2);
        prop_assert_ne!(&logins[id(1).as_str()], &logins[id(2).as_str()]);
    }
}
