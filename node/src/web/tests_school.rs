//! What people do on the pages: register, upload, assign, print cards, learn at home, erase.

use std::sync::atomic::Ordering;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use pishtar_mesh::learner::LearnerId;

use super::testing_school::{LESSON, School, class, cookie, device, get, opened, post, raw};
use crate::people::{
    LearnerCard,
    accounts::{AccountId, SecretKind, Token},
};

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
        let text = crate::web::url::encode(table);
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
        let fields = format!("card={}", crate::web::url::encode(&card.typed()));
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
        let fields = format!(
            "card={}&label={label}&pin={pin}",
            crate::web::url::encode(&card)
        );
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
