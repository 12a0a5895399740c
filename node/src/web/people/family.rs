//! `/sign-in/card`: a learner's card, at home and at school; `/who`: who of the family is learning now.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use pishtar_mesh::learner::LearnerId;

use super::{
    Desk, Instead, called, either, see,
    sign_in::{check_channel, open, refused},
};
use crate::{
    people::{
        LearnerCard, People, PeopleError,
        accounts::{AccountId, Role, Seat, SignInError},
    },
    web::{errors::Trouble, form::Form, locale::Texts, page::Page},
};

#[derive(Template)]
#[template(path = "card-in.html")]
struct CardIn<'a> {
    t: &'static Texts,
    page: &'a Page,
    /// Learners whose cards are here: id and what the family calls them.
    known: Vec<(String, String)>,
    /// The one whose PIN is asked for.
    chosen: Option<(String, String)>,
    card: String,
    label: String,
    wrong: Option<String>,
    /// The card's own school is here: no PIN is needed.
    at_school: bool,
}

#[derive(Template)]
#[template(path = "who.html")]
struct WhoPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    seats: Vec<(String, String, bool)>,
}

/// What the family calls a learner whose card is here.
pub(super) fn label(people: &People, id: &LearnerId) -> Option<String> {
    let learners = people.home_learners().ok()?;
    let learner = learners.into_iter().find(|learner| learner.id == *id)?;
    Some(learner.label)
}

/// `GET /sign-in/card`
pub(in crate::web) async fn show(desk: Desk) -> Response {
    let shown =
        check_channel(&desk).and_then(|()| page(&desk, &Form::default(), StatusCode::OK, None));
    either(shown)
}

fn page(
    desk: &Desk,
    form: &Form,
    status: StatusCode,
    wrong: Option<String>,
) -> Result<Response, Instead> {
    let known = desk
        .people
        .home_learners()
        .map_err(|error| desk.failed(error))?;
    let known: Vec<(String, String)> = known
        .into_iter()
        .map(|learner| (learner.id.as_str().to_owned(), learner.label))
        .collect();
    let wanted = match form.text("learner") {
        "" => desk.page.parameter("learner").unwrap_or_default(),
        id => id,
    };
    let template = CardIn {
        t: desk.page.texts(),
        page: &desk.page,
        chosen: known.iter().find(|(id, _)| id == wanted).cloned(),
        known,
        card: form.text("card").to_owned(),
        label: form.text("label").to_owned(),
        wrong,
        at_school: desk.people.school().is_some(),
    };
    Ok(desk.page.answer(status, &template))
}

/// `POST /sign-in/card`
pub(in crate::web) async fn enter(desk: Desk, form: Form) -> Response {
    let entered = match form.text("card") {
        "" => with_pin(&desk, &form).await,
        _ => with_card(&desk, &form).await,
    };
    either(entered)
}

fn seat(id: &LearnerId) -> Seat {
    Seat {
        account: AccountId::new(id.as_str()),
        role: Role::Learner,
    }
}

/// A learner whose card is here already.
async fn with_pin(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    check_channel(desk)?;
    let missing = || desk.trouble(Trouble::Missing);
    let id = LearnerId::new(form.text("learner")).map_err(|_| missing())?;
    let account = AccountId::new(id.as_str());
    let counted = desk
        .accounts
        .count_try(Some(&account), desk.client(), desk.now());
    let again = |error| {
        refused(desk, error, |desk, status, wrong| {
            page(desk, form, status, wrong)
        })
    };
    if let Err(error) = counted {
        return again(error);
    }
    let place = desk.accounts.hashing_place().await;
    let unlocked = desk.people.unlock_home(id.clone(), form.text("pin")).await;
    drop(place);
    match unlocked {
        Ok(_) => {
            let right = desk.accounts.was_right(Some(&account), desk.client());
            right.map_err(|error| desk.broken(error))?;
            open(desk, seat(&id), true)
        }
        Err(PeopleError::WrongPin) => again(SignInError::Wrong),
        Err(error) => Err(desk.failed(error)),
    }
}

/// A card, scanned or typed: at its own school it lets in by itself, elsewhere it is taken in behind a PIN.
async fn with_card(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    check_channel(desk)?;
    let counted = desk.accounts.count_try(None, desk.client(), desk.now());
    if let Err(error) = counted {
        return refused(desk, error, |desk, status, wrong| {
            page(desk, form, status, wrong)
        });
    }
    let again = |key: &str| {
        let wrong = desk.page.texts().get(key).into_owned();
        page(desk, form, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong))
    };
    let Ok(card) = LearnerCard::parse(form.text("card")) else {
        return again("card-bad");
    };
    if desk.people.school().as_deref() == Some(&*card.school) {
        // Only the very card that counts now: a lost one has a lower number and another secret.
        if desk.people.card_for(&card.learner).ok().as_ref() != Some(&card) {
            return again("card-not-valid");
        }
        let right = desk.accounts.was_right(None, desk.client());
        right.map_err(|error| desk.broken(error))?;
        return open(desk, seat(&card.learner), false);
    }
    let place = desk.accounts.hashing_place().await;
    let adopted = desk
        .people
        .adopt_card(&card.text(), form.text("label"), form.text("pin"))
        .await;
    drop(place);
    match adopted {
        Ok(learner) => {
            let right = desk.accounts.was_right(None, desk.client());
            right.map_err(|error| desk.broken(error))?;
            open(desk, seat(&learner.id), true)
        }
        Err(PeopleError::ShortPin) => again("card-short-pin"),
        Err(PeopleError::BadCard(_)) => again("card-bad"),
        Err(PeopleError::TooMany { .. }) => again("card-too-many"),
        Err(error) => Err(desk.failed(error)),
    }
}

/// `GET /who`
pub(in crate::web) async fn who(desk: Desk) -> Response {
    let session = desk.visitor().session();
    let seats = session.into_iter().flat_map(|session| {
        let now = session.seat().account.clone();
        session
            .seats
            .iter()
            .map(move |seat| (seat.account.clone(), seat.account == now))
    });
    let seats = seats.map(|(account, now)| {
        let name = called(desk.backend.as_ref(), &account).unwrap_or_default();
        (account.as_str().to_owned(), name, now)
    });
    let template = WhoPage {
        t: desk.page.texts(),
        page: &desk.page,
        seats: seats.collect(),
    };
    desk.page.answer(StatusCode::OK, &template)
}

/// `POST /who`
pub(in crate::web) async fn choose(desk: Desk, form: Form) -> Response {
    let Some(token) = desk.visitor().token() else {
        return Trouble::SignIn.answer(desk.page);
    };
    let chosen = desk
        .accounts
        .choose_seat(token, &AccountId::new(form.text("learner")));
    match chosen {
        Ok(true) => see("/me"),
        // Somebody who is not signed in in this browser.
        Ok(false) => Trouble::Missing.answer(desk.page),
        Err(error) => *desk.broken(error),
    }
}
