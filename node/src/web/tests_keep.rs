//! The page on which an administrator chooses, as a browser asks for it.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};

use super::testing::{Answer, World};
use crate::handle::{Change, Choice};

const LESSON: &str = "/lesson/ministry/math-6-sq/fractions";

fn here() -> World {
    World {
        from: Some("127.0.0.1:50000".parse().unwrap()),
        rules: vec!["grade=6,lang=sq".parse().unwrap()],
        ..World::new()
    }
}

fn away() -> World {
    World {
        from: Some("192.168.1.77:50000".parse().unwrap()),
        ..here()
    }
}

async fn post(world: &World, origin: &str, form: &'static str) -> Answer {
    let request = Request::post("/keep")
        .header("accept-language", "en")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", origin);
    world.ask(request, Body::from(form)).await
}

const OWN: &str = "http://127.0.0.1:8080";

#[tokio::test]
async fn sizes_are_shown_before_anybody_commits() {
    let page = here().get("/keep").await;
    assert_eq!(page.status, StatusCode::OK);
    for expected in [
        "<code>grade=6,lang=sq</code>",
        "name=\"grade\" value=\"6\" checked",
        "name=\"subject\" value=\"math\">",
        "name=\"language\" value=\"sq\" checked",
        "<p class=\"big\">3 lessons, 3 GB</p>",
        "That is 1 GB more than there is room for",
        "<dd>12 GB</dd>",
        "<dd>2 GB</dd>",
        "1 is pinned.",
        "Keep these",
    ] {
        assert!(
            page.text().contains(expected),
            "no {expected:?} in {}",
            page.text()
        );
    }
    let other = here().get("/keep?try=1&grade=5&subject=%3Cb%3E").await;
    assert!(
        other.text().contains("3 lessons, 3 GB"),
        "what does not exist is not a condition"
    );
    assert!(!other.text().contains("<b>&#60;") && !other.text().contains("value=\"5\""));
}

#[tokio::test]
async fn only_the_device_itself_may_choose() {
    let page = away().get("/keep").await;
    assert!(
        page.text()
            .contains("Only whoever sits at this device can choose")
    );
    assert!(!page.text().contains("Keep these"));
    assert!(
        !away()
            .get(LESSON)
            .await
            .text()
            .contains("Remove from this device")
    );
    let world = away();
    let refused = post(&world, OWN, "grade=6").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused
            .text()
            .contains("only be chosen on the device itself")
    );
    let nobody = World {
        from: None,
        ..here()
    };
    assert_eq!(
        post(&nobody, OWN, "grade=6").await.status,
        StatusCode::FORBIDDEN
    );
    assert!(world.choices.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_choice_is_taken_from_our_own_page_alone() {
    let world = here();
    let foreign = post(&world, "http://evil.example", "none=1").await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(world.choices.lock().unwrap().is_empty());

    let saved = post(&world, OWN, "grade=6&language=sq&subject=nonsense").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    assert_eq!(saved.header("location"), "/keep?saved=1");
    post(&world, OWN, "none=1").await;
    let rule = "grade=6,lang=sq".parse().unwrap();
    assert_eq!(
        *world.choices.lock().unwrap(),
        [Choice::Rules(vec![rule]), Choice::Rules(Vec::new())]
    );
}

#[tokio::test]
async fn a_lesson_is_kept_removed_and_pinned_on_its_page() {
    let world = here();
    let page = world.get(LESSON).await;
    for expected in ["Remove from this device (1 kB)", "Pin: never remove"] {
        assert!(
            page.text().contains(expected),
            "no {expected:?} in {}",
            page.text()
        );
    }
    let form = "lesson=ministry%2Fmath-6-sq%2Ffractions&change=remove";
    let answer = post(&world, OWN, form).await;
    assert_eq!(answer.header("location"), LESSON);
    post(
        &world,
        OWN,
        "lesson=ministry/math-6-sq/fractions&change=pin",
    )
    .await;
    let odd = post(&world, OWN, "lesson=../../x&change=pin").await;
    assert_eq!(odd.status, StatusCode::NOT_FOUND);
    let odd = post(
        &world,
        OWN,
        "lesson=ministry/math-6-sq/fractions&change=explode",
    )
    .await;
    assert_eq!(odd.status, StatusCode::NOT_FOUND);
    let taken: Vec<Change> = world
        .choices
        .lock()
        .unwrap()
        .iter()
        .map(|choice| match choice {
            Choice::Lesson(_, change) => *change,
            Choice::Rules(_) => panic!("a lesson's button changed the rules"),
        })
        .collect();
    assert_eq!(taken, [Change::Remove, Change::Pin]);
}

#[tokio::test]
async fn search_offers_what_the_device_does_not_keep() {
    let mut world = here();
    world.lessons[2].followed = false;
    let page = world.get("/search?q=math").await;
    let (kept, rest) = page.text().split_once("Not kept on this device").unwrap();
    assert!(kept.contains("/fractions\"") && !kept.contains("/circles\""));
    assert!(rest.contains("/circles\"") && !rest.contains("/fractions\""));
    let page = world.get("/lesson/ministry/math-6-sq/circles").await;
    assert!(page.text().contains("Keep on this device (1 kB)"));
}
