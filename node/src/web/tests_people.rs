//! Who may do what on the pages for people, and over which connection.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use pishtar_mesh::learner::LearnerId;

use super::{
    routes,
    testing::Answer,
    testing_school::{LESSON, School, cookie, get, opened, post},
    who::{Https, Visitor},
};
use crate::people::accounts::{AccountId, Role, SecretKind, Token};

/// The address of a route with other people's ids in it.
fn address(path: &str, school: &School, class: &str, learner: &LearnerId) -> String {
    path.replace("{class}", class)
        .replace("/learner/{id}", &format!("/learner/{}", learner.as_str()))
        .replace(
            "/teachers/{id}",
            &format!("/teachers/{}", school.blerta.as_str()),
        )
        .replace("{publisher}/{course}/{lesson}", LESSON)
        .replace("{blake3}", &"0".repeat(64))
        .replace("{hash}", "0")
        .replace("{name}", "x")
}

/// No page asks another server: nothing of a lesson or a learner is told to anybody (threat P10).
fn assert_nothing_foreign(answer: &Answer, path: &str) {
    if answer.header("content-type").starts_with("text/html") {
        for attribute in ["src", "href", "action"] {
            for start in ["http", "//"] {
                let foreign = format!("{attribute}=\"{start}");
                assert!(!answer.text().contains(&foreign), "{path}: {foreign}");
            }
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self'"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn every_route_refuses_every_role_that_may_not_and_every_id_that_is_not_theirs() {
    let school = School::new().await;
    let everybody = [
        None,
        Some(Role::Learner),
        Some(Role::Teacher),
        Some(Role::Administrator),
    ];
    let (mut refused, mut missing) = (0, 0);
    for route in routes().table() {
        let of_somebody = route.path.contains("{class}") || route.path.contains("/learner/{id}");
        for role in everybody {
            // A fresh session each time, because a route may end it.
            let token = role.map(|role| match role {
                Role::Learner => school.arta(),
                Role::Teacher => school.blerta(),
                Role::Administrator => school.drita(),
            });
            // All roles but the administrator get ids of the other class.
            let path = address(route.path, &school, "7B", &school.milan);
            let answer = match route.method {
                Method::GET => get(&school.world, token.as_ref(), &path).await,
                _ => post(&school.world, token.as_ref(), &path, "").await,
            };
            assert_nothing_foreign(&answer, &path);
            let (status, what) = (
                answer.status,
                format!("{} {path} as {role:?}", route.method),
            );
            assert!(!status.is_server_error(), "{what}: {status}");
            let expected = match (route.access.allows(role), role) {
                (Err(routes::Refusal::SignIn), _) => Some(StatusCode::UNAUTHORIZED),
                (Err(routes::Refusal::NotYours), _) => Some(StatusCode::FORBIDDEN),
                (Ok(()), Some(Role::Teacher)) if of_somebody => Some(StatusCode::NOT_FOUND),
                _ => None,
            };
            refused += usize::from(expected.is_some_and(|s| s != StatusCode::NOT_FOUND));
            missing += usize::from(expected == Some(StatusCode::NOT_FOUND));
            match expected {
                Some(expected) => assert_eq!(status, expected, "{what}"),
                None => assert_ne!(status, StatusCode::UNAUTHORIZED, "{what}"),
            }
            if expected.is_some() {
                let text = answer.text();
                assert!(
                    !text.contains("Milan") && !text.contains("Petrovi"),
                    "{what}"
                );
            }
        }
    }
    assert!(
        refused > 60 && missing > 8,
        "the walk saw {refused} and {missing}"
    );
    // What is theirs opens.
    let (blerta, arta) = (school.blerta(), school.arta.as_str().to_owned());
    for path in [
        "/classes",
        "/class/6A",
        "/class/6A/register",
        "/class/6A/cards",
        &format!("/learner/{arta}"),
    ] {
        assert_eq!(
            school.get(&blerta, path).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    let me = school.get(&school.arta(), "/me").await;
    assert!(me.status == StatusCode::OK && me.text().contains("Hello, Arta!"));
}

#[tokio::test]
async fn only_our_own_pages_forms_change_anything() {
    let school = School::new().await;
    let drita = school.drita();
    let ask = async |headers: &[(&str, &str)], body: &str| {
        let mut request = Request::post("/school/classes").header("cookie", cookie(&drita));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        school
            .world
            .ask(request, Body::from(body.to_owned()))
            .await
            .status
    };
    let ours = ("origin", "http://127.0.0.1:8080");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let good = format!("class=9C&key={}", drita.form_key());
    for headers in [
        &[form][..],
        &[("origin", "http://evil.example"), form],
        &[("origin", "null"), form],
        &[ours, form, ("sec-fetch-site", "cross-site")],
        &[ours, ("content-type", "text/plain")],
        &[ours],
    ] {
        assert_eq!(
            ask(headers, &good).await,
            StatusCode::FORBIDDEN,
            "{headers:?}"
        );
    }
    let rebound = [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        form,
    ];
    assert_eq!(ask(&rebound, &good).await, StatusCode::MISDIRECTED_REQUEST);
    for key in ["", "&key=", &format!("&key={}", school.drita().form_key())] {
        let body = format!("class=9C{key}");
        assert_eq!(
            ask(&[ours, form], &body).await,
            StatusCode::FORBIDDEN,
            "{key}"
        );
    }
    assert_eq!(school.people().classes().unwrap().len(), 2);
    assert_eq!(ask(&[ours, form], &good).await, StatusCode::SEE_OTHER);
    assert_eq!(school.people().classes().unwrap().len(), 3);
    let huge = format!("class={}", "9".repeat(600_000));
    assert_eq!(
        ask(&[ours, form], &huge).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn a_learner_signs_in_with_pictures_and_waits_after_wrong_ones() {
    let school = School::new().await;
    let account = AccountId::new(school.arta.as_str());
    let set =
        school
            .accounts()
            .set_learner_secret(&account, SecretKind::Pictures, "cat sun cat boat");
    set.await.unwrap();
    let names = get(&school.world, None, "/sign-in?class=6A").await;
    assert!(names.text().contains("Arta K.") && !names.text().contains("Krasniqi"));
    let try_with = async |last: &str| {
        let fields = format!(
            "learner={}&p1=cat&p2=sun&p3=cat&p4={last}",
            school.arta.as_str()
        );
        post(&school.world, None, "/sign-in", &fields).await
    };
    let right = try_with("boat").await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    let arta = opened(&right);
    let me = school.get(&arta, "/me").await;
    assert_eq!(
        (me.status, me.header("cache-control")),
        (StatusCode::OK, "no-store")
    );
    for _ in 0..5 {
        assert_eq!(try_with("moon").await.status, StatusCode::FORBIDDEN);
    }
    let locked = try_with("boat").await;
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        locked.text().contains("Wait 30 seconds"),
        "{}",
        locked.text()
    );
    // A teacher of the class lets the learner try again; one of another class cannot.
    let forgive = format!("/learner/{}/forgive", school.arta.as_str());
    let done = school.post(&school.blerta(), &forgive, "").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert_eq!(try_with("boat").await.status, StatusCode::SEE_OTHER);
    let out = school.post(&arta, "/sign-out", "").await;
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(
        school.get(&arta, "/me").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn over_plain_http_nobody_signs_in_until_the_administrator_turned_it_on() {
    let school = School::new().await;
    let password = "password=nj%C3%AB+fjal%C3%AB+e+gjat%C3%AB&login=blerta";
    let mut lan = school.world.clone();
    lan.from = Some("10.0.0.9:50000".parse().unwrap());
    let refused = post(&lan, None, "/sign-in/staff", password).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text().contains("plain HTTP"));
    // A session that was opened elsewhere does not count here either.
    let drita = school.drita();
    assert_eq!(
        get(&lan, Some(&drita), "/school").await.status,
        StatusCode::UNAUTHORIZED
    );
    let at_node = post(&school.world, None, "/sign-in/staff", password).await;
    assert_eq!(at_node.header("location"), "/classes");
    let unread = school.post(&drita, "/school/switches", "plain=on").await;
    assert_eq!(unread.status, StatusCode::UNPROCESSABLE_ENTITY);
    let teacher = school
        .post(&school.blerta(), "/school/switches", "plain=on&read=1")
        .await;
    assert_eq!(teacher.status, StatusCode::FORBIDDEN);
    assert!(!school.accounts().plain_http());
    let on = school
        .post(&drita, "/school/switches", "plain=on&read=1")
        .await;
    assert_eq!(on.status, StatusCode::SEE_OTHER);
    let signed_in = post(&lan, None, "/sign-in/staff", password).await;
    assert_eq!(signed_in.header("location"), "/classes");
    school.post(&drita, "/school/switches", "plain=off").await;
    let teacher = opened(&signed_in);
    assert_eq!(
        get(&lan, Some(&teacher), "/classes").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn over_https_the_cookie_is_secure_and_for_this_host_only() {
    let school = School::new().await;
    let mut lan = school.world.clone();
    lan.from = Some("10.0.0.9:50000".parse().unwrap());
    let request = Request::post("/sign-in/staff")
        .header("host", "10.0.0.7:8080")
        .header("origin", "https://10.0.0.7:8080")
        .header("content-type", "application/x-www-form-urlencoded")
        .extension(Https);
    let body = "password=nj%C3%AB+fjal%C3%AB+e+gjat%C3%AB&login=Blerta";
    let answer = lan.ask(request, Body::from(body)).await;
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-pishtar-8080=") && cookie.contains("; Secure"),
        "{cookie}"
    );
}

#[tokio::test]
async fn nobody_writes_progress_in_anothers_name() {
    let school = School::new().await;
    let report = async |who: Option<&Token>, learner: &str| {
        let body = format!(
            r#"{{"learner":"{learner}","lesson":"{LESSON}","played":[[0,5]],"position":5,"duration":9}}"#
        );
        let mut request = Request::post("/api/progress")
            .header("origin", "http://127.0.0.1:8080")
            .header("content-type", "application/json");
        if let Some(token) = who {
            request = request.header("cookie", cookie(token));
        }
        school.world.ask(request, Body::from(body)).await.status
    };
    let (arta, milan) = (school.arta.as_str(), school.milan.as_str());
    assert_eq!(report(None, "0123456789abcdef").await, StatusCode::CREATED);
    assert_eq!(report(None, arta).await, StatusCode::FORBIDDEN);
    assert_eq!(
        report(Some(&school.blerta()), arta).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        report(Some(&school.arta()), milan).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        report(Some(&school.arta()), arta).await,
        StatusCode::CREATED
    );
    let saved = school.world.saved.lock().unwrap();
    let written: Vec<&str> = saved.iter().map(|event| event.learner.as_str()).collect();
    assert_eq!(written, ["0123456789abcdef", arta]);
}

#[test]
fn nobody_is_far_away_and_may_nothing() {
    let nobody = Visitor::nobody();
    assert!(!nobody.may_sign_in && nobody.role().is_none() && nobody.form_key().is_empty());
}
