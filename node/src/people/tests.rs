//! A school's book over restarts and failures.

use pishtar_mesh::{
    learner::{Attempt, DeviceId, LearnerEvent, LearnerId, LessonRef, What},
    people::{ClassName, RawRegistration},
};

use super::*;

const NOW: i64 = 1_795_464_000;
const SCHOOL: DeviceId = DeviceId([1; 32]);

fn raw(name: &str, surname: &str, parent: &str) -> RawRegistration {
    RawRegistration {
        name: name.into(),
        surname: surname.into(),
        parent: parent.into(),
        school: "Shkolla Dardania".into(),
        municipality: "Prishtinë".into(),
        phone: "044 123 456".into(),
        class: "6A".into(),
        born: String::new(),
    }
}

fn class(name: &str) -> ClassName {
    ClassName::new(name).unwrap()
}

fn lesson(name: &str) -> LessonRef {
    LessonRef::new(format!("ministry/math-6-sq/{name}")).unwrap()
}

fn answer(learner: &LearnerId, counter: u64, raw: u32) -> LearnerEvent {
    LearnerEvent {
        learner: learner.clone(),
        name: None,
        lesson: lesson("fractions"),
        what: What::Attempted(Attempt {
            counter,
            item: "1".into(),
            raw,
            max: 5,
        }),
    }
}

#[tokio::test]
async fn a_book_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), SCHOOL).unwrap();
    let arta = people
        .register(raw("Arta", "Krasniqi", "Besa"), NOW)
        .await
        .unwrap();
    assert!(arta.new);
    let again = people
        .register(raw("ARTA", "Krasniqi", "besa"), NOW)
        .await
        .unwrap();
    assert_eq!((again.new, &again.id), (false, &arta.id));
    let other = people
        .register(raw("Arta", "Krasniqi", "Teuta"), NOW)
        .await
        .unwrap();
    assert_ne!(other.id, arta.id);
    people
        .assign(
            class("6a"),
            lesson("fractions"),
            "t1".into(),
            Some("2026-12-01".into()),
            NOW,
        )
        .await
        .unwrap();
    drop(people);
    let people = People::open(folder.path(), SCHOOL).unwrap();
    assert_eq!(people.classes().unwrap()[0].learners, 2);
    assert_eq!(people.assignments_for(&arta.id).unwrap().len(), 1);
    assert_eq!(
        people.find("arta krasniqi").unwrap_err().to_string(),
        PeopleError::NoLearner.to_string()
    );
    assert_eq!(people.find(arta.id.as_str()).unwrap().id, arta.id);
    assert_eq!(people.assigned_lessons().len(), 1);
}

#[tokio::test]
async fn a_table_is_taken_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), SCHOOL).unwrap();
    let about = About {
        school: "Dardania".into(),
        municipality: "Prishtinë".into(),
    };
    people.set_about(about).await.unwrap();
    let good = "name,surname,parent,phone\nArta,Krasniqi,Besa,044123456\nЂорђе,Петровић,Милан,\n";
    let bad = format!("{good}Blerta,H0xha,Agim,\n");
    let refused = people
        .register_csv(bad.into(), Some(class("6A")), NOW)
        .await;
    assert!(refused.unwrap_err().to_string().contains("row 4: surname"));
    assert!(people.learners().unwrap().is_empty() && people.classes().unwrap().is_empty());
    let take = || people.register_csv(good.as_bytes().to_vec(), Some(class("6A")), NOW);
    let report = take().await.unwrap();
    assert_eq!(
        (report.new.len(), report.known, report.classes.len()),
        (2, 0, 1)
    );
    let report = take().await.unwrap();
    assert_eq!(
        (report.new.len(), report.known, report.classes.len()),
        (0, 2, 0)
    );
}

#[tokio::test]
async fn a_revoked_device_reads_and_writes_nothing_of_people() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), SCHOOL).unwrap();
    people
        .register(raw("Arta", "Krasniqi", "Besa"), NOW)
        .await
        .unwrap();
    people.set_revoked(true);
    assert!(matches!(people.learners(), Err(PeopleError::Revoked)));
    assert!(matches!(
        people.add_class(class("7")).await,
        Err(PeopleError::Revoked)
    ));
    people.set_revoked(false);
    assert_eq!(people.learners().unwrap().len(), 1);
}

#[tokio::test]
async fn who_needs_help_is_said_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), SCHOOL).unwrap();
    let arta = people
        .register(raw("Arta", "Krasniqi", "Besa"), NOW)
        .await
        .unwrap()
        .id;
    let besa = people
        .register(raw("Besa", "Hoxha", "Agim"), NOW)
        .await
        .unwrap()
        .id;
    people
        .assign(
            class("6A"),
            lesson("fractions"),
            "t".into(),
            Some("2026-11-30".into()),
            NOW,
        )
        .await
        .unwrap();
    for counter in 1..=3 {
        people
            .take_events(SCHOOL, vec![answer(&arta, counter, 2)], NOW)
            .await
            .unwrap();
    }
    let view = |now| people.class_progress(&class("6A"), now).unwrap();
    let rows = view(NOW);
    assert_eq!(rows[0].learner.id, arta);
    let stuck = Help::Stuck {
        tries: 3,
        best: 2,
        of: 5,
    };
    assert_eq!(rows[0].lessons[0].help, Some(stuck));
    assert_eq!(
        (rows[0].lessons[0].points, rows[0].lessons[0].points_of),
        (2, 5)
    );
    assert!(!rows[1].needs_help);
    people
        .take_events(SCHOOL, vec![answer(&arta, 4, 5)], NOW)
        .await
        .unwrap();
    assert!(!view(NOW)[0].needs_help);
    let stopped = view(NOW + 8 * 86_400);
    let overdue = Help::Overdue {
        due: "2026-11-30".into(),
    };
    assert!(
        stopped
            .iter()
            .all(|row| row.lessons[0].help == Some(overdue.clone()))
    );
    assert_eq!(stopped.len(), 2);
    assert_eq!(
        view(NOW)[1].learner.id,
        arta,
        "then by surname: Hoxha, Krasniqi"
    );
    assert_eq!(besa, view(NOW)[0].learner.id);
}

#[tokio::test]
async fn an_erased_learner_is_gone_from_the_disk_and_a_replay_brings_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), SCHOOL).unwrap();
    let arta = people
        .register(raw("Arta", "Krasniqi", "Besa"), NOW)
        .await
        .unwrap()
        .id;
    let besa = people
        .register(raw("Besa", "Hoxha", "Agim"), NOW)
        .await
        .unwrap()
        .id;
    let events = vec![answer(&arta, 1, 5)];
    people
        .take_events(SCHOOL, events.clone(), NOW)
        .await
        .unwrap();
    let export = people.export(&arta).unwrap().to_string();
    for held in [
        "Arta",
        "Krasniqi",
        "Besa",
        "+38344123456",
        "Prishtinë",
        "Dardania",
        "fractions",
        arta.as_str(),
    ] {
        assert!(export.contains(held), "{held}");
    }
    let old = tempfile::tempdir().unwrap();
    std::fs::copy(
        folder.path().join("people.redb"),
        old.path().join("people.redb"),
    )
    .unwrap();
    people.erase(arta.clone()).await.unwrap();
    people.take_events(SCHOOL, events, NOW).await.unwrap();
    assert!(matches!(people.learner(&arta), Err(PeopleError::NoLearner)));
    assert_eq!(people.learners().unwrap().len(), 1);
    drop(people);
    let people = People::open(folder.path(), SCHOOL).unwrap();
    people
        .take_events(SCHOOL, vec![answer(&arta, 1, 5)], NOW)
        .await
        .unwrap();
    assert_eq!(people.lock().book.work.len(), 0);
    assert_eq!(people.learners().unwrap()[0].id, besa);
    // A copy from before cannot be read with the key of today.
    drop(people);
    std::fs::copy(
        folder.path().join("people.key"),
        old.path().join("people.key"),
    )
    .unwrap();
    assert!(matches!(
        People::open(old.path(), SCHOOL),
        Err(StoreError::Key(_))
    ));
}

#[tokio::test]
async fn several_learners_share_a_family_device_each_behind_a_pin() {
    let (school, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let teachers = People::open(school.path(), SCHOOL).unwrap();
    teachers.set_school(Some("shkolla-1".into()));
    let family = People::open(home.path(), DeviceId([2; 32])).unwrap();
    for (name, pin) in [("Arta", "1234"), ("Besa", "9999")] {
        let id = teachers
            .register(raw(name, "Krasniqi", "Agim"), NOW)
            .await
            .unwrap()
            .id;
        let card = teachers.card_for(&id).unwrap();
        let learner = family.adopt_card(&card.text(), name, pin).await.unwrap();
        assert_eq!((&learner.id, &*learner.school), (&id, "shkolla-1"));
    }
    drop(family);
    let family = People::open(home.path(), DeviceId([2; 32])).unwrap();
    let learners = family.home_learners().unwrap();
    assert_eq!(learners.len(), 2);
    let arta = learners[0].id.clone();
    assert!(family.unlock_home(arta.clone(), "1234").await.is_ok());
    assert!(matches!(
        family.unlock_home(arta.clone(), "9999").await,
        Err(PeopleError::WrongPin)
    ));
    assert!(matches!(
        family.adopt_card("x", "a", "1234").await,
        Err(PeopleError::BadCard(_))
    ));
    family.forget_card(arta.clone()).await.unwrap();
    assert!(matches!(
        family.unlock_home(arta, "1234").await,
        Err(PeopleError::NoLearner)
    ));
}

#[tokio::test]
async fn a_lost_computer_of_the_school_speaks_for_nobody_and_what_it_reported_stands() {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), SCHOOL).unwrap();
    let arta = people
        .register(raw("Arta", "Krasniqi", "Besa"), NOW)
        .await
        .unwrap()
        .id;
    let lost = DeviceId([7; 32]);
    let attempts = || people.learner_progress(&arta, NOW).unwrap().lessons[0].attempts;
    people
        .take_events(lost, vec![answer(&arta, 1, 5)], NOW)
        .await
        .unwrap();
    assert!(
        people
            .learner_progress(&arta, NOW)
            .unwrap()
            .lessons
            .is_empty()
    );
    people.add_device(lost).await.unwrap();
    assert_eq!(attempts(), 1);
    people
        .withdraw_revoked(|device| *device == lost)
        .await
        .unwrap();
    people
        .take_events(lost, vec![answer(&arta, 2, 5)], NOW)
        .await
        .unwrap();
    assert_eq!(attempts(), 1);
    assert!(
        people.withdraw_device(lost).await.is_err(),
        "it is out already"
    );
    assert_eq!(people.devices().unwrap(), [SCHOOL]);
}
