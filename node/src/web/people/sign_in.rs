//! `/sign-in`: class, then name, then pictures or PIN; and `/sign-out`.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use pishtar_mesh::learner::LearnerId;

use super::{
    Desk, Instead, either, names,
    secrets::{self, Picture, Step},
    see, see_with,
};
use crate::{
    people::accounts::{AccountId, Role, Seat, SecretKind, SignInError},
    web::{errors::Trouble, form::Form, locale::Texts, page::Page, url, who::Channel},
};

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn<'a> {
    t: &'static Texts,
    page: &'a Page,
    classes: Vec<Link>,
    /// The chosen class.
    class: Option<String>,
    names: Vec<Link>,
    who: Option<Secret>,
    /// What was wrong with the last try.
    wrong: Option<String>,
    /// A school has classes to choose from.
    first: bool,
}

struct Link {
    text: String,
    href: String,
    face: String,
}

/// The learner whose secret is asked for.
struct Secret {
    id: String,
    name: String,
    back: String,
    pin: bool,
    none: bool,
    pictures: Vec<Picture>,
    steps: Vec<Step>,
}

/// What a page says where signing in is off.
#[derive(Template)]
#[template(path = "sign-in-off.html")]
struct Off<'a> {
    t: &'static Texts,
    page: &'a Page,
    secure: Option<String>,
}

/// The page that says why nobody can sign in over this connection, and where they can.
pub(super) fn off(desk: &Desk) -> Instead {
    let host = desk.page.host.clone();
    let template = Off {
        t: desk.page.texts(),
        page: &desk.page,
        secure: desk
            .backend
            .tls()
            .map(|_| format!("https://{host}/sign-in")),
    };
    Box::new(desk.page.answer(StatusCode::FORBIDDEN, &template))
}

/// Whether people may sign in over the channel of this request.
pub(super) fn check_channel(desk: &Desk) -> Result<(), Instead> {
    match desk.visitor().may_sign_in {
        true => Ok(()),
        false => Err(off(desk)),
    }
}

/// `GET /sign-in`
pub(in crate::web) async fn show(desk: Desk) -> Response {
    either(page(&desk, StatusCode::OK, None))
}

fn page(desk: &Desk, status: StatusCode, wrong: Option<String>) -> Result<Response, Instead> {
    if !desk.visitor().may_sign_in {
        let mut answer = off(desk);
        if desk.visitor().channel == Channel::Plain && wrong.is_none() {
            *answer.status_mut() = StatusCode::OK;
        }
        return Err(answer);
    }
    let texts = desk.page.texts();
    let wanted = desk.page.parameter("class");
    let classes = desk.people.classes().map_err(|error| desk.failed(error))?;
    let class = classes
        .iter()
        .find(|class| Some(class.name.as_str()) == wanted);
    let learners = match class {
        Some(class) => {
            let learners = desk.people.learners_of(&class.name);
            learners.map_err(|error| desk.failed(error))?
        }
        None => Vec::new(),
    };
    let short = names::short(&learners);
    let chosen = desk.page.parameter("learner");
    let named = || learners.iter().zip(&short);
    let class_href = |class: &str| url::with_query("/sign-in", &[("class", class)]);
    let who = named().find(|(learner, _)| Some(learner.id.as_str()) == chosen);
    let who = who.map(|(learner, name)| {
        let account = desk.accounts.account(&AccountId::new(learner.id.as_str()));
        let kind = account.map(|account| account.secret_kind());
        Secret {
            id: learner.id.as_str().to_owned(),
            name: name.clone(),
            back: class_href(learner.registration.class.as_str()),
            pin: kind == Some(SecretKind::Pin),
            none: kind.is_none(),
            pictures: secrets::pictures(texts),
            steps: secrets::steps(texts),
        }
    });
    let link = |text: &str, href: String| Link {
        text: text.to_owned(),
        href,
        face: text.chars().take(1).collect(),
    };
    let template = SignIn {
        t: texts,
        page: &desk.page,
        classes: classes
            .iter()
            .filter(|class| class.learners > 0)
            .map(|class| link(class.name.as_str(), class_href(class.name.as_str())))
            .collect(),
        names: named()
            .map(|(learner, name)| {
                let class = learner.registration.class.as_str();
                let pairs = [("class", class), ("learner", learner.id.as_str())];
                link(name, url::with_query("/sign-in", &pairs))
            })
            .collect(),
        class: class.map(|class| class.name.as_str().to_owned()),
        who,
        wrong,
        first: desk.accounts.first_code().is_some(),
    };
    Ok(desk.page.answer(status, &template))
}

/// `POST /sign-in`
pub(in crate::web) async fn enter(desk: Desk, form: Form) -> Response {
    either(try_enter(desk, form).await)
}

async fn try_enter(mut desk: Desk, form: Form) -> Result<Response, Instead> {
    check_channel(&desk)?;
    let missing = |desk: &Desk| desk.trouble(Trouble::Missing);
    let id = LearnerId::new(form.text("learner")).map_err(|_| missing(&desk))?;
    let learner = desk.people.learner(&id).map_err(|_| missing(&desk))?;
    let account = AccountId::new(id.as_str());
    let known = desk.accounts.account(&account);
    let kind = known.map_or(SecretKind::Pin, |account| account.secret_kind());
    let secret = secrets::typed(&form, kind);
    let now = || desk.backend.now();
    let checked = desk
        .accounts
        .check(&account, &secret, desk.client(), now)
        .await;
    let role = match checked {
        Ok(role) => role,
        Err(error) => {
            // The form again, with the learner still chosen.
            let class = learner.registration.class.as_str().to_owned();
            desk.page
                .set_parameters([("class", class), ("learner", id.as_str().to_owned())]);
            return refused(&desk, error, page);
        }
    };
    open(&desk, Seat { account, role }, form.is_ticked("family"))
}

/// A page with what was wrong and the status that fits.
pub(super) fn refused(
    desk: &Desk,
    error: SignInError,
    page: impl Fn(&Desk, StatusCode, Option<String>) -> Result<Response, Instead>,
) -> Result<Response, Instead> {
    let texts = desk.page.texts();
    match error {
        SignInError::Wrong => {
            let text = texts.get("sign-in-wrong").into();
            page(desk, StatusCode::FORBIDDEN, Some(text))
        }
        SignInError::Wait(seconds) => {
            let text = match seconds {
                0..120 => texts.count("sign-in-wait-seconds", seconds),
                _ => texts.count("sign-in-wait-minutes", seconds.div_ceil(60)),
            };
            page(desk, StatusCode::TOO_MANY_REQUESTS, Some(text.into()))
        }
        SignInError::Store(error) => Err(desk.broken(error)),
    }
}

/// Opens a session and sends the browser to where this one begins.
pub(super) fn open(desk: &Desk, seat: Seat, family: bool) -> Result<Response, Instead> {
    let place = match seat.role {
        Role::Learner => "/me",
        Role::Teacher => "/classes",
        Role::Administrator => "/school",
    };
    let before = desk.visitor().token();
    let opened = desk.accounts.open_session(seat, family, before, desk.now());
    match opened {
        Ok(token) => Ok(see_with(place, desk.visitor().cookie(&token, family))),
        Err(SignInError::Store(error)) => Err(desk.broken(error)),
        Err(_) => Err(desk.trouble(Trouble::Failed)),
    }
}

/// `POST /sign-out`
pub(in crate::web) async fn leave(desk: Desk, form: Form) -> Response {
    either(try_leave(&desk, &form))
}

fn try_leave(desk: &Desk, form: &Form) -> Result<Response, Instead> {
    let Some(token) = desk.visitor().token() else {
        return Ok(see("/"));
    };
    let session = desk.visitor().session();
    let others = session.is_some_and(|session| session.seats.len() > 1);
    if others && let Some(account) = desk.visitor().account().filter(|_| !form.is_ticked("all")) {
        let left = desk.accounts.leave_seat(token, account);
        left.map_err(|error| desk.broken(error))?;
        return Ok(see("/who"));
    }
    desk.accounts
        .end_session(token)
        .map_err(|error| desk.broken(error))?;
    Ok(see_with("/", desk.visitor().no_cookie()))
}
