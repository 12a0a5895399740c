//! People on the pages: who may do what, over which connection, and what they then see.

use std::{net::SocketAddr, sync::atomic::Ordering};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use pishtar_mesh::{
    learner::{DeviceId, LearnerId},
    people::{ClassName, RawRegistration},
};

use super::{
    routes,
    testing::{Answer, World},
    who::{Https, Visitor},
};
use crate::people::{
    LearnerCard, People,
    accounts::{AccountId, Accounts, Role, Seat, SecretKind, Token},
};

const LESSON: &str = "ministry/math-6-sq/fractions";
const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 50_000);

/// A school with the classes 6A (teacher Blerta) and 7B (teacher Goran), and a learner in each.
struct School {
    world: World,
    arta: LearnerId,
    milan: LearnerId,
    blerta: AccountId,
    drita: AccountId,
    _folder: tempfile::TempDir,
}

fn raw(name: &str, surname: &str, class: &str) -> RawRegistration {
    RawRegistration {
        name: name.into(),
        surname: surname.into(),
        parent: "Besa".into(),
        school: "Shkolla Dardania".into(),
        municipality: "Prishtinë".into(),
        phone: "044 123 456".into(),
        class: class.into(),
        born: String::new(),
    }
}

fn class(name: &str) -> ClassName {
    ClassName::new(name).unwrap()
}

/// A device with nobody in its books yet.
fn device(device: u8) -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let people = People::open(folder.path(), DeviceId([device; 32])).unwrap();
    let mut world = World::new();
    world.from = Some(LOOPBACK);
    let now = super::Backend::now(&world);
    let accounts = Accounts::open(&folder.path().join("accounts.redb"), now).unwrap();
    world.school = Some((accounts.into(), people));
    (world, folder)
}

impl School {
    async fn new() -> School {
        let (world, folder) = device(7);
        let (accounts, people) = world.school.clone().unwrap();
        people.set_school(Some("shkolla-1".to_owned()));
        let register = async |raw| people.register(raw, 0).await.unwrap().id;
        let arta = register(raw("Arta", "Krasniqi", "6A")).await;
        let milan = register(raw("Milan", "Petrović", "7B")).await;
        let staff = async |role, login| {
            let made = accounts.add_staff(role, login, "një fjalë e gjatë").await;
            made.unwrap()
        };
        let blerta = staff(Role::Teacher, "Blerta").await;
        let goran = staff(Role::Teacher, "Goran").await;
        let drita = staff(Role::Administrator, "Drita").await;
        for (name, teacher) in [("6A", &blerta), ("7B", &goran)] {
            let teachers = [teacher.as_str().to_owned()].into();
            people.set_teachers(class(name), teachers).await.unwrap();
        }
        School {
            world,
            arta,
            milan,
            blerta,
            drita,
            _folder: folder,
        }
    }

    fn accounts(&self) -> &Accounts {
        &self.world.school.as_ref().unwrap().0
    }

    fn people(&self) -> &People {
        &self.world.school.as_ref().unwrap().1
    }

    fn session(&self, account: &str, role: Role) -> Token {
        let account = AccountId::new(account);
        let now = super::Backend::now(&self.world);
        let seat = Seat { account, role };
        self.accounts()
            .open_session(seat, false, None, now)
            .unwrap()
    }

    fn arta(&self) -> Token {
        self.session(self.arta.as_str(), Role::Learner)
    }

    fn blerta(&self) -> Token {
        self.session(self.blerta.as_str(), Role::Teacher)
    }

    fn drita(&self) -> Token {
        self.session(self.drita.as_str(), Role::Administrator)
    }

    async fn get(&self, who: &Token, path: &str) -> Answer {
        get(&self.world, Some(who), path).await
    }

    async fn post(&self, who: &Token, path: &str, fields: &str) -> Answer {
        post(&self.world, Some(who), path, fields).await
    }
}

fn cookie(token: &Token) -> String {
    format!("pishtar-8080={}", token.text())
}

async fn get(world: &World, who: Option<&Token>, path: &str) -> Answer {
    let mut request = Request::get(path).header("accept-language", "en");
    if let Some(token) = who {
        request = request.header("cookie", cookie(token));
    }
    world.ask(request, Body::empty()).await
}

/// Sends a form as our own page would, with the key of the session.
async fn post(world: &World, who: Option<&Token>, path: &str, fields: &str) -> Answer {
    let mut request = Request::post(path)
        .header("accept-language", "en")
        .header("origin", "http://127.0.0.1:8080")
        .header("content-type", "application/x-www-form-urlencoded");
    let mut body = fields.to_owned();
    if let Some(token) = who {
        request = request.header("cookie", cookie(token));
        body = format!("{body}&key={}", token.form_key());
    }
    world.ask(request, Body::from(body)).await
}

/// The session that an answer opened.
fn opened(answer: &Answer) -> Token {
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Strict"), "{cookie}");
    let value = cookie.split(['=', ';']).nth(1).unwrap();
    Token::parse(value).unwrap()
}

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

#[tokio::test]
async fn a_registration_says_what_is_wrong_beside_its_field_and_loses_nothing() {
    let school = School::new().await;
    let blerta = school.blerta();
    let typed =
        "name=Ilir&surname=%3Cb%3E&parent=Besa&phone=12&born=&school=Shkolla&municipality=Peja";
    let wrong = school.post(&blerta, "/class/6A/register", typed).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let text = wrong.text();
    assert!(
        text.contains(r#"value="Ilir""#) && text.contains(r#"value="&#60;b&#62;""#),
        "{text}"
    );
    assert_eq!(text.matches("aria-invalid").count(), 2);
    assert!(text.contains(r#"id="phone-wrong""#) && text.contains(r#"id="surname-wrong""#));
    let typed = typed
        .replace("%3Cb%3E", "Gashi")
        .replace("phone=12", "phone=");
    let done = school.post(&blerta, "/class/6A/register", &typed).await;
    assert_eq!(done.header("location"), "/class/6A?said=registered");
    let again = school.post(&blerta, "/class/6A/register", &typed).await;
    assert_eq!(again.header("location"), "/class/6A?said=known");
    assert_eq!(school.people().learners_of(&class("6A")).unwrap().len(), 2);
}

#[tokio::test]
async fn a_table_is_looked_at_before_it_is_taken() {
    let school = School::new().await;
    let drita = school.drita();
    let upload = async |table: &str, confirmed: &str| {
        let text = super::url::encode(table);
        let fields = format!("text={text}&class=6A{confirmed}");
        school.post(&drita, "/school/upload", &fields).await
    };
    let head = "name,surname,parent,school,municipality,phone\n";
    let bad =
        format!("{head}Ilir,Gashi,Besa,Shkolla,Peja,044123456\nVesa,9,Besa,Shkolla,Peja,77\n");
    let answer = upload(&bad, "").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text().contains("<td>3</td><td>Surname</td>"),
        "{}",
        answer.text()
    );
    let forced = upload(&bad, "&confirmed=1").await;
    assert_eq!(forced.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        school.people().learners().unwrap().len(),
        2,
        "nothing of it was taken"
    );
    let good = bad.replace(",9,", ",Hoti,").replace(",77", ",");
    let preview = upload(&good, "").await;
    assert!(
        preview.text().contains("2 learners were read") && preview.text().contains("<td>Hoti</td>")
    );
    assert_eq!(school.people().learners().unwrap().len(), 2);
    let taken = upload(&good, "&confirmed=1").await;
    assert!(
        taken.text().contains("2 learners were registered"),
        "{}",
        taken.text()
    );
    assert_eq!(school.people().learners().unwrap().len(), 4);
    let boundary = format!(
        "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{}\r\n--b\r\nContent-Disposition: form-data; name=\"table\"; filename=\"t.csv\"\r\n\r\n{bad}\r\n--b--\r\n",
        drita.form_key()
    );
    let request = Request::post("/school/upload")
        .header("cookie", cookie(&drita))
        .header("origin", "http://127.0.0.1:8080")
        .header("content-type", "multipart/form-data; boundary=b");
    let file = school.world.ask(request, Body::from(boundary)).await;
    assert_eq!(file.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn what_a_teacher_assigns_stands_on_the_learners_page() {
    let school = School::new().await;
    let blerta = school.blerta();
    let assign = async |fields: &str| school.post(&blerta, "/class/6A/assign", fields).await;
    let wrong = assign(&format!("lesson={LESSON}&due=soon")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        assign("lesson=ministry/x/none").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let done = assign(&format!("lesson={LESSON}&due=2027-01-15")).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let me = school.get(&school.arta(), "/me").await;
    assert!(
        me.text().contains("Thyesat") && me.text().contains("by 2027-01-15"),
        "{}",
        me.text()
    );
    let glance = school.get(&blerta, "/class/6A").await;
    assert!(glance.text().contains("Krasniqi Arta") && glance.text().contains("Not begun"));
    // The other class's assignment has a number, too, and cannot be taken back from here.
    let (of_7b, lesson) = (
        class("7B"),
        pishtar_mesh::learner::LessonRef::new(LESSON).unwrap(),
    );
    let other = school
        .people()
        .assign(of_7b, lesson, String::new(), None, 0)
        .await
        .unwrap();
    let fields = format!("assignment={}", other.id);
    let foreign = school.post(&blerta, "/class/6A/unassign", &fields).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let own = school.people().assignments_of(&class("6A")).unwrap()[0].id;
    school
        .post(&blerta, "/class/6A/unassign", &format!("assignment={own}"))
        .await;
    assert!(
        school
            .people()
            .assignments_of(&class("6A"))
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn cards_print_eight_to_a_sheet_let_in_and_are_replaced() {
    let school = School::new().await;
    let (blerta, people) = (school.blerta(), school.people());
    for name in [
        "Besnik", "Dea", "Era", "Fatos", "Gent", "Hana", "Ilir", "Jeta",
    ] {
        people.register(raw(name, "Gashi", "6A"), 0).await.unwrap();
    }
    let page = school.get(&blerta, "/class/6A/cards").await;
    assert_eq!(page.text().matches(r#"class="sheet""#).count(), 2);
    assert_eq!(page.text().matches("<path d=\"M").count(), 9);
    let card = people.card_for(&school.arta).unwrap();
    let enter = async |card: &LearnerCard| {
        let fields = format!("card={}", super::url::encode(&card.typed()));
        post(&school.world, None, "/sign-in/card", &fields).await
    };
    let entered = enter(&card).await;
    assert_eq!(entered.header("location"), "/me");
    let renew = format!("/learner/{}/card", school.arta.as_str());
    assert_eq!(
        school.post(&blerta, &renew, "").await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        enter(&card).await.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the lost card"
    );
    let new = people.card_for(&school.arta).unwrap();
    assert_eq!(enter(&new).await.header("location"), "/me");
}

#[tokio::test]
async fn a_familys_device_takes_cards_in_behind_pins_and_asks_who_is_learning() {
    let school = School::new().await;
    let (home, _folder) = device(9);
    let take = async |learner: &LearnerId, label: &str, pin: &str, beside: Option<&Token>| {
        let card = school.people().card_for(learner).unwrap().text();
        let fields = format!("card={}&label={label}&pin={pin}", super::url::encode(&card));
        post(&home, beside, "/sign-in/card", &fields).await
    };
    let short = take(&school.arta, "Arta", "1", None).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    let arta = opened(&take(&school.arta, "Arta", "4071", None).await);
    let both = opened(&take(&school.milan, "Milan", "8266", Some(&arta)).await);
    let who = get(&home, Some(&both), "/who").await;
    assert!(who.text().contains(">Arta<") && who.text().contains(">Milan<"));
    let choose = async |id: &str| post(&home, Some(&both), "/who", &format!("learner={id}")).await;
    assert_eq!(
        choose(school.arta.as_str()).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        choose("p.aaaaaaaaaaaaaaaa").await.status,
        StatusCode::NOT_FOUND
    );
    let me = get(&home, Some(&both), "/me").await;
    assert!(me.text().contains("Hello, Arta!") && me.text().contains("travels to your school"));
    let with_pin = async |pin: &str| {
        let fields = format!("learner={}&pin={pin}", school.arta.as_str());
        post(&home, None, "/sign-in/card", &fields).await.status
    };
    assert_eq!(with_pin("4072").await, StatusCode::FORBIDDEN);
    assert_eq!(with_pin("4071").await, StatusCode::SEE_OTHER);
    for _ in 0..5 {
        with_pin("0000").await;
    }
    assert_eq!(with_pin("4071").await, StatusCode::TOO_MANY_REQUESTS);
    home.passed.fetch_add(31, Ordering::Relaxed);
    assert_eq!(with_pin("4071").await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_erasure_is_typed_and_leaves_nothing_to_sign_in_with() {
    let school = School::new().await;
    let (drita, id) = (school.drita(), school.arta.as_str().to_owned());
    let account = AccountId::new(&*id);
    let set = school
        .accounts()
        .set_learner_secret(&account, SecretKind::Pin, "4071");
    set.await.unwrap();
    let arta = school.arta();
    let export = school.get(&drita, &format!("/learner/{id}/export")).await;
    assert!(
        export.text().contains("Krasniqi")
            && export.header("content-disposition").contains("attachment")
    );
    let path = format!("/learner/{id}/erase");
    let wrong = school.post(&drita, &path, "name=Arta").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = school.post(&drita, &path, "name=arta++krasniqi").await;
    assert_eq!(done.header("location"), "/class/6A?said=erased");
    assert_eq!(school.accounts().account(&account), None);
    assert_eq!(
        school.get(&arta, "/me").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        school.get(&drita, &format!("/learner/{id}")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_administrator_makes_teachers_and_the_first_one_has_the_code() {
    let (world, _folder) = device(3);
    let accounts = world.school.clone().unwrap().0;
    let code = accounts.first_code().unwrap();
    let first = async |code: &str| {
        let fields = format!("code={code}&login=Drita&password=nje+fjale+e+gjate");
        post(&world, None, "/first", &fields).await
    };
    assert_eq!(first("wrong").await.status, StatusCode::FORBIDDEN);
    let made = first(&code).await;
    let drita = opened(&made);
    assert_eq!(made.header("location"), "/school");
    assert_eq!(first(&code).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        get(&world, None, "/first").await.status,
        StatusCode::NOT_FOUND
    );
    post(&world, Some(&drita), "/school/classes", "class=6A").await;
    let bad = post(
        &world,
        Some(&drita),
        "/school/teachers",
        "login=Blerta&password=short",
    )
    .await;
    assert!(
        bad.status == StatusCode::UNPROCESSABLE_ENTITY && bad.text().contains(r#"value="Blerta""#)
    );
    let add = "login=Blerta&password=nje+fjale+e+gjate&class=6A";
    assert_eq!(
        post(&world, Some(&drita), "/school/teachers", add)
            .await
            .status,
        StatusCode::SEE_OTHER
    );
    let blerta = accounts.by_login("blerta").unwrap();
    let people = world.school.clone().unwrap().1;
    assert!(
        people.classes().unwrap()[0]
            .teachers
            .contains(blerta.as_str())
    );
    let path = format!("/school/teachers/{}", blerta.as_str());
    post(&world, Some(&drita), &path, "do=remove").await;
    assert_eq!(accounts.account(&blerta), None);
    assert!(people.classes().unwrap()[0].teachers.is_empty());
    let own = accounts.by_login("drita").unwrap();
    let path = format!("/school/teachers/{}", own.as_str());
    let last = post(&world, Some(&drita), &path, "do=remove").await;
    assert_eq!(last.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn nobody_is_far_away_and_may_nothing() {
    let nobody = Visitor::nobody();
    assert!(!nobody.may_sign_in && nobody.role().is_none() && nobody.form_key().is_empty());
}
