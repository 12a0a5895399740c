//! `/me` for a learner, `/learner/{id}` for staff: work, secret, export, erasure.

use askama::Template;
use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use pishtar_mesh::learner::LearnerId;

use super::{
    Desk, Instead, account_words, class_href, either,
    secrets::{self, Picture, Step},
    see,
    work::Work,
};
use crate::{
    people::{
        LearnerView,
        accounts::{AccountError, AccountId, SecretKind},
        add_sign_in,
    },
    web::{errors::Trouble, form::Form, locale::Texts, page::Page},
};

#[derive(Template)]
#[template(path = "me.html")]
struct Me<'a> {
    t: &'static Texts,
    page: &'a Page,
    to_do: Vec<(Work, Option<String>)>,
    done: Vec<Work>,
    others: Vec<Work>,
    /// On a family's own device the work shows at school only.
    at_school: bool,
}

#[derive(Template)]
#[template(path = "learner.html")]
struct LearnerPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    id: String,
    name: String,
    class: String,
    class_href: String,
    login: Option<String>,
    facts: Vec<(&'static str, String)>,
    works: Vec<Work>,
    kind: Option<SecretKind>,
    wait: u64,
    pictures: Vec<Picture>,
    steps: Vec<Step>,
    wrong: Option<String>,
    said: Option<&'static str>,
    administrator: bool,
}

#[derive(Template)]
#[template(path = "erase.html")]
struct Erase<'a> {
    t: &'static Texts,
    page: &'a Page,
    id: String,
    name: String,
    wrong: bool,
}

/// `GET /me`
pub(in crate::web) async fn me(desk: Desk) -> Response {
    either(try_me(&desk))
}

fn try_me(desk: &Desk) -> Result<Response, Instead> {
    let texts = desk.page.texts();
    let id = desk.page.learner().and_then(|id| LearnerId::new(id).ok());
    let id = id.ok_or_else(|| desk.trouble(Trouble::Missing))?;
    let work = desk.people.learner_progress(&id, desk.now().wall);
    let at_school = work.is_ok();
    let lessons = work.map(|work| work.lessons).unwrap_or_default();
    let assignments = desk.people.assignments_for(&id).unwrap_or_default();
    let due = |lesson: &str| {
        let of = assignments
            .iter()
            .find(|assignment| assignment.lesson.as_str() == lesson);
        of.and_then(|assignment| Some(super::work::day(assignment.due.as_deref()?, texts)))
    };
    let (mut to_do, mut done, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for work in &lessons {
        let work = Work::of(work, desk.backend.as_ref(), texts);
        match (work.done, work.assigned) {
            (true, _) => done.push(work),
            (false, true) => {
                let day = due(&work.lesson);
                to_do.push((work, day));
            }
            (false, false) => others.push(work),
        }
    }
    let template = Me {
        t: texts,
        page: &desk.page,
        to_do,
        done,
        others,
        at_school,
    };
    Ok(desk.page.answer(StatusCode::OK, &template))
}

/// `GET /learner/{id}`
pub(in crate::web) async fn show(desk: Desk, Path(id): Path<String>) -> Response {
    either(page(&desk, &id, StatusCode::OK, None))
}

fn page(
    desk: &Desk,
    id: &str,
    status: StatusCode,
    wrong: Option<String>,
) -> Result<Response, Instead> {
    let learner = desk.learner(id)?;
    let texts = desk.page.texts();
    let now = desk.now();
    let work = desk.people.learner_progress(&learner.id, now.wall);
    let work = work.map_err(|error| desk.failed(error))?;
    let account = AccountId::new(id);
    let said = match desk.page.parameter("said") {
        Some("secret") => Some("secret-saved"),
        Some("forgiven") => Some("secret-forgiven"),
        Some("card") => Some("card-renewed"),
        _ => None,
    };
    let template = LearnerPage {
        t: texts,
        page: &desk.page,
        id: id.to_owned(),
        name: learner.registration.full_name(),
        class: learner.registration.class.as_str().to_owned(),
        class_href: class_href(&learner.registration.class),
        login: learner
            .login
            .as_ref()
            .map(|login| login.as_str().to_owned()),
        facts: facts(&learner),
        works: work
            .lessons
            .iter()
            .map(|work| Work::of(work, desk.backend.as_ref(), texts))
            .collect(),
        kind: desk
            .accounts
            .account(&account)
            .map(|account| account.secret_kind()),
        wait: desk.accounts.wait_of(&account, now),
        pictures: secrets::pictures(texts),
        steps: secrets::steps(texts),
        wrong,
        said,
        administrator: desk.visitor().role() == Some(crate::people::accounts::Role::Administrator),
    };
    Ok(desk.page.answer(status, &template))
}

fn facts(learner: &LearnerView) -> Vec<(&'static str, String)> {
    let registration = &learner.registration;
    let mut facts = vec![
        ("field-parent", registration.parent.as_str().to_owned()),
        ("field-school", registration.school.as_str().to_owned()),
        (
            "field-municipality",
            registration.municipality.as_str().to_owned(),
        ),
    ];
    let phone = registration
        .phone
        .as_ref()
        .map(|phone| phone.as_str().to_owned());
    facts.extend(phone.map(|phone| ("field-phone", phone)));
    facts.extend(
        registration
            .born
            .map(|year| ("field-born", year.to_string())),
    );
    facts
}

/// `POST /learner/{id}/secret`
pub(in crate::web) async fn set_secret(desk: Desk, Path(id): Path<String>, form: Form) -> Response {
    either(try_secret(&desk, &id, &form).await)
}

async fn try_secret(desk: &Desk, id: &str, form: &Form) -> Result<Response, Instead> {
    desk.learner(id)?;
    let kind = match form.text("kind") {
        "pictures" => SecretKind::Pictures,
        _ => SecretKind::Pin,
    };
    let secret = secrets::typed(form, kind);
    let account = AccountId::new(id);
    match desk
        .accounts
        .set_learner_secret(&account, kind, &secret)
        .await
    {
        Ok(()) => Ok(see(&format!("/learner/{id}?said=secret"))),
        Err(AccountError::Store(error)) => Err(desk.broken(error)),
        Err(error) => {
            let wrong = desk.page.texts().get(account_words(&error)).into_owned();
            page(desk, id, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong))
        }
    }
}

/// `POST /learner/{id}/forgive`
pub(in crate::web) async fn forgive(desk: Desk, Path(id): Path<String>, _form: Form) -> Response {
    let forgiven = desk.learner(&id).and_then(|_| {
        let forgiven = desk.accounts.forgive(&AccountId::new(&*id));
        forgiven.map_err(|error| desk.broken(error))?;
        Ok(see(&format!("/learner/{id}?said=forgiven")))
    });
    either(forgiven)
}

/// `GET /learner/{id}/export`
pub(in crate::web) async fn export(desk: Desk, Path(id): Path<String>) -> Response {
    either(try_export(&desk, &id))
}

fn try_export(desk: &Desk, id: &str) -> Result<Response, Instead> {
    let learner = desk.learner(id)?;
    let mut held = desk
        .people
        .export(&learner.id)
        .map_err(|error| desk.failed(error))?;
    add_sign_in(&mut held, &desk.accounts);
    let text = serde_json::to_string_pretty(&held).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"learner.json\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, text).into_response())
}

/// `GET /learner/{id}/erase`
pub(in crate::web) async fn ask_erase(desk: Desk, Path(id): Path<String>) -> Response {
    either(erase_page(&desk, &id, false))
}

fn erase_page(desk: &Desk, id: &str, wrong: bool) -> Result<Response, Instead> {
    let learner = desk.learner(id)?;
    let template = Erase {
        t: desk.page.texts(),
        page: &desk.page,
        id: id.to_owned(),
        name: learner.registration.full_name(),
        wrong,
    };
    let status = if wrong {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    Ok(desk.page.answer(status, &template))
}

/// `POST /learner/{id}/erase`
pub(in crate::web) async fn erase(desk: Desk, Path(id): Path<String>, form: Form) -> Response {
    either(try_erase(&desk, &id, &form).await)
}

async fn try_erase(desk: &Desk, id: &str, form: &Form) -> Result<Response, Instead> {
    let learner = desk.learner(id)?;
    let typed: Vec<&str> = form.text("name").split_whitespace().collect();
    if typed.join(" ").to_lowercase() != learner.registration.full_name().to_lowercase() {
        return erase_page(desk, id, true);
    }
    let class = class_href(&learner.registration.class);
    let account = AccountId::new(id);
    desk.accounts
        .remove(&account)
        .map_err(|error| match error {
            AccountError::Store(error) => desk.broken(error),
            _ => desk.trouble(Trouble::Failed),
        })?;
    desk.people
        .erase(learner.id)
        .await
        .map_err(|error| desk.failed(error))?;
    Ok(see(&format!("{class}?said=erased")))
}
