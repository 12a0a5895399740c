//! `/school`: an administrator's classes, teachers and switches.

use std::collections::BTreeSet;

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use pishtar_mesh::people::ClassName;

use super::{Desk, Instead, account_words, class_href, either, see};
use crate::{
    people::{
        About,
        accounts::{AccountError, AccountId, Role},
    },
    web::{errors::Trouble, form::Form, locale::Texts, page::Page},
};

#[derive(Template)]
#[template(path = "school.html")]
struct School<'a> {
    t: &'static Texts,
    page: &'a Page,
    about: About,
    classes: Vec<Line>,
    staff: Vec<Member>,
    plain_http: bool,
    has_tls: bool,
    is_school: bool,
    /// What was wrong, in the part of the page with this name.
    wrong: Option<(&'static str, String)>,
    typed: String,
    said: Option<&'static str>,
}

struct Line {
    name: String,
    href: String,
    learners: usize,
    teachers: String,
}

struct Member {
    id: String,
    login: String,
    administrator: bool,
    /// Every class, and whether it is theirs.
    classes: Vec<(String, bool)>,
    own: bool,
}

/// `GET /school`
pub(in crate::web) async fn show(desk: Desk) -> Response {
    either(page(&desk, None, ""))
}

fn page(
    desk: &Desk,
    wrong: Option<(&'static str, String)>,
    typed: &str,
) -> Result<Response, Instead> {
    let classes = desk.classes()?;
    let staff = [Role::Administrator, Role::Teacher].map(|role| desk.accounts.with_role(role));
    let staff: Vec<_> = staff.into_iter().flatten().collect();
    let login = |id: &String| {
        let found = staff.iter().find(|(account, _)| account.as_str() == id);
        found.map(|(_, account)| account.login.clone())
    };
    let line = |class: &crate::people::ClassView| Line {
        name: class.name.as_str().to_owned(),
        href: class_href(&class.name),
        learners: class.learners,
        teachers: class
            .teachers
            .iter()
            .filter_map(login)
            .collect::<Vec<_>>()
            .join(", "),
    };
    let member = |(id, account): &(AccountId, crate::people::accounts::Account)| Member {
        id: id.as_str().to_owned(),
        login: account.login.clone(),
        administrator: account.role == Role::Administrator,
        classes: classes
            .iter()
            .map(|class| {
                (
                    class.name.as_str().to_owned(),
                    class.teachers.contains(id.as_str()),
                )
            })
            .collect(),
        own: desk.visitor().account() == Some(id),
    };
    let said = match desk.page.parameter("said") {
        Some("class") => Some("school-class-added"),
        Some("staff") => Some("staff-saved"),
        Some("switch") => Some("switch-saved"),
        Some("about") => Some("about-saved"),
        _ => None,
    };
    let status = match wrong {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let template = School {
        t: desk.page.texts(),
        page: &desk.page,
        about: desk.people.about().map_err(|error| desk.failed(error))?,
        classes: classes.iter().map(line).collect(),
        staff: staff.iter().map(member).collect(),
        plain_http: desk.accounts.plain_http(),
        has_tls: desk.backend.tls().is_some(),
        is_school: desk.people.school().is_some(),
        wrong,
        typed: typed.to_owned(),
        said,
    };
    Ok(desk.page.answer(status, &template))
}

/// `POST /school/classes`
pub(in crate::web) async fn add_class(desk: Desk, form: Form) -> Response {
    either(try_class(&desk, &form).await)
}

async fn try_class(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    let typed = form.text("class");
    let Ok(name) = ClassName::new(typed) else {
        let wrong = desk.page.texts().get("hint-class").into_owned();
        return page(desk, Some(("class", wrong)), typed);
    };
    desk.people
        .add_class(name)
        .await
        .map_err(|error| desk.failed(error))?;
    Ok(see("/school?said=class"))
}

/// `POST /school/about`: the school's name and municipality, which forms begin with.
pub(in crate::web) async fn set_about(desk: Desk, form: Form) -> Response {
    let about = About {
        school: form.text("school").chars().take(100).collect(),
        municipality: form.text("municipality").chars().take(100).collect(),
    };
    let kept = desk.people.set_about(about).await;
    let kept = kept.map_err(|error| desk.failed(error));
    either(kept.map(|()| see("/school?said=about")))
}

/// `POST /school/teachers`
pub(in crate::web) async fn add_staff(desk: Desk, form: Form) -> Response {
    either(try_staff(&desk, &form).await)
}

async fn try_staff(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    let login = form.text("login");
    let role = match form.text("role") {
        "administrator" => Role::Administrator,
        _ => Role::Teacher,
    };
    match desk
        .accounts
        .add_staff(role, login, form.text("password"))
        .await
    {
        Ok(id) => {
            let classes: Vec<&str> = form.all("class").collect();
            set_classes(desk, &id, &classes).await?;
            Ok(see("/school?said=staff"))
        }
        Err(error) => refuse(desk, "staff", error, login),
    }
}

fn refuse(
    desk: &Desk,
    part: &'static str,
    error: AccountError,
    typed: &str,
) -> Result<Response, Instead> {
    match error {
        AccountError::Store(error) => Err(desk.broken(error)),
        AccountError::Unknown => Err(desk.trouble(Trouble::Missing)),
        error => {
            let wrong = desk.page.texts().get(account_words(&error)).into_owned();
            page(desk, Some((part, wrong)), typed)
        }
    }
}

/// Gives a teacher these classes and no others.
async fn set_classes(desk: &Desk, id: &AccountId, wanted: &[&str]) -> Result<(), Instead> {
    for class in desk.classes()? {
        let mut teachers: BTreeSet<String> = class.teachers.clone();
        match wanted.contains(&class.name.as_str()) {
            true => teachers.insert(id.as_str().to_owned()),
            false => teachers.remove(id.as_str()),
        };
        if teachers != class.teachers {
            let set = desk.people.set_teachers(class.name, teachers).await;
            set.map_err(|error| desk.failed(error))?;
        }
    }
    Ok(())
}

/// `POST /school/teachers/{id}`: classes, another password, or removal.
pub(in crate::web) async fn change_staff(
    desk: Desk,
    Path(id): Path<String>,
    form: Form,
) -> Response {
    either(try_change(&desk, &AccountId::new(id), &form).await)
}

async fn try_change(desk: &Desk, id: &AccountId, form: &Form) -> Result<Response, Instead> {
    let known = desk
        .accounts
        .account(id)
        .is_some_and(|account| account.role != Role::Learner);
    if !known {
        return Err(desk.trouble(Trouble::Missing));
    }
    let changed = match form.text("do") {
        "classes" => {
            let classes: Vec<&str> = form.all("class").collect();
            return set_classes(desk, id, &classes)
                .await
                .map(|()| see("/school?said=staff"));
        }
        "password" => desk.accounts.set_password(id, form.text("password")).await,
        "remove" => {
            set_classes(desk, id, &[]).await?;
            desk.accounts.remove(id)
        }
        _ => Err(AccountError::Unknown),
    };
    match changed {
        Ok(()) => Ok(see("/school?said=staff")),
        Err(error) => refuse(desk, "staff", error, ""),
    }
}

/// `POST /school/switches`
pub(in crate::web) async fn switch(desk: Desk, form: Form) -> Response {
    either(try_switch(&desk, &form))
}

fn try_switch(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    let on = form.text("plain") == "on";
    // Turned on only by somebody who says to have read what it means.
    if on && !form.is_ticked("read") {
        let wrong = desk.page.texts().get("switch-read-first").into_owned();
        return page(desk, Some(("switch", wrong)), "");
    }
    desk.accounts
        .set_plain_http(on)
        .map_err(|error| desk.broken(error))?;
    Ok(see("/school?said=switch"))
}
