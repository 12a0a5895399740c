//! `/class/{class}/cards`: learner cards to print, eight to a page.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};

use super::{Desk, Instead, class_href, either, see};
use crate::{
    people::{LearnerView, PeopleError},
    web::{form::Form, locale::Texts, page::Page},
};

#[derive(Template)]
#[template(path = "cards.html")]
struct Cards<'a> {
    t: &'static Texts,
    page: &'a Page,
    class: String,
    class_href: String,
    /// Eight to a page.
    sheets: Vec<Vec<OneCard>>,
    /// Learners without a card from this computer.
    without: Vec<String>,
    no_school: bool,
}

struct OneCard {
    name: String,
    school: String,
    login: Option<String>,
    /// Ours, of digits and letters only.
    code: String,
    typed: String,
    number: u32,
}

/// Cards of one printed page.
const SHEET: usize = 8;

/// `GET /class/{class}/cards`
pub(in crate::web) async fn show(desk: Desk, Path(class): Path<String>) -> Response {
    either(page(&desk, &class))
}

fn page(desk: &Desk, class: &str) -> Result<Response, Instead> {
    let class = desk.class(class)?;
    let learners = desk
        .people
        .learners_of(&class.name)
        .map_err(|error| desk.failed(error))?;
    let wanted = desk.page.parameter("learner");
    let chosen = |learner: &&LearnerView| wanted.is_none_or(|id| id == learner.id.as_str());
    let (mut cards, mut without, mut no_school) = (Vec::new(), Vec::new(), false);
    for learner in learners.iter().filter(chosen) {
        match desk.people.card_for(&learner.id) {
            Ok(card) => cards.push(OneCard {
                name: learner.registration.full_name(),
                school: learner.registration.school.as_str().to_owned(),
                login: learner
                    .login
                    .as_ref()
                    .map(|login| login.as_str().to_owned()),
                code: card.svg(),
                typed: card.typed(),
                number: card.number,
            }),
            Err(PeopleError::NoSchool) => no_school = true,
            Err(_) => without.push(learner.registration.full_name()),
        }
    }
    let mut sheets: Vec<Vec<OneCard>> = Vec::new();
    for card in cards {
        match sheets.last_mut() {
            Some(sheet) if sheet.len() < SHEET => sheet.push(card),
            _ => sheets.push(vec![card]),
        }
    }
    let template = Cards {
        t: desk.page.texts(),
        page: &desk.page,
        class: class.name.as_str().to_owned(),
        class_href: class_href(&class.name),
        sheets,
        without,
        no_school,
    };
    Ok(desk.page.answer(StatusCode::OK, &template))
}

/// `POST /learner/{id}/card`: a new card in place of a lost one.
pub(in crate::web) async fn renew(desk: Desk, Path(id): Path<String>, _form: Form) -> Response {
    either(try_renew(&desk, &id).await)
}

async fn try_renew(desk: &Desk, id: &str) -> Result<Response, Instead> {
    let learner = desk.learner(id)?;
    match desk.people.rotate_card(learner.id).await {
        Ok(_) => Ok(see(&format!("/learner/{id}?said=card"))),
        Err(PeopleError::NoSchool) => {
            let class = class_href(&learner.registration.class);
            Ok(see(&format!("{class}/cards")))
        }
        Err(error) => Err(desk.failed(error)),
    }
}
