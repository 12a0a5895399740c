//! The pages for people: signing in, a learner's own progress, a teacher's classes, an administrator's school.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use pishtar_mesh::{Now, learner::LearnerId, people::ClassName};

use super::{
    backend::Backend,
    errors::Trouble,
    page::Page,
    routes::{Access, Routes},
    who::Visitor,
};
use crate::people::{
    ClassView, LearnerView, People, PeopleError,
    accounts::{AccountError, AccountId, Accounts, Role, StoreError},
};

mod cards;
mod classes;
mod family;
mod learner;
mod names;
mod register;
mod safety;
mod school;
mod secrets;
mod sign_in;
mod staff;
mod upload;
mod work;

/// Adds the addresses for people.
pub(super) fn routes(routes: Routes) -> Routes {
    use Access::*;
    routes
        .get(Everyone, "/connection", safety::show)
        .get(Everyone, "/connection/ca.crt", safety::certificate)
        .get(Everyone, "/sign-in", sign_in::show)
        .post(Everyone, "/sign-in", sign_in::enter)
        .get(Everyone, "/sign-in/card", family::show)
        .post(Everyone, "/sign-in/card", family::enter)
        .get(Everyone, "/sign-in/staff", staff::show)
        .post(Everyone, "/sign-in/staff", staff::enter)
        .get(Everyone, "/first", staff::first)
        .post(Everyone, "/first", staff::make_first)
        .post(SignedIn, "/sign-out", sign_in::leave)
        .get(Learner, "/who", family::who)
        .post(Learner, "/who", family::choose)
        .get(Learner, "/me", learner::me)
        .get(Staff, "/classes", classes::list)
        .get(Staff, "/class/{class}", classes::show)
        .post(Staff, "/class/{class}/assign", classes::assign)
        .post(Staff, "/class/{class}/unassign", classes::unassign)
        .get(Staff, "/class/{class}/register", register::show)
        .post(Staff, "/class/{class}/register", register::save)
        .get(Staff, "/class/{class}/cards", cards::show)
        .get(Staff, "/learner/{id}", learner::show)
        .post(Staff, "/learner/{id}/secret", learner::set_secret)
        .post(Staff, "/learner/{id}/forgive", learner::forgive)
        .post(Staff, "/learner/{id}/card", cards::renew)
        .get(Administrator, "/learner/{id}/export", learner::export)
        .get(Administrator, "/learner/{id}/erase", learner::ask_erase)
        .post(Administrator, "/learner/{id}/erase", learner::erase)
        .get(Administrator, "/school", school::show)
        .post(Administrator, "/school/classes", school::add_class)
        .post(Administrator, "/school/about", school::set_about)
        .get(Administrator, "/school/upload", upload::show)
        .post(Administrator, "/school/upload", upload::save)
        .post(Administrator, "/school/teachers", school::add_staff)
        .post(Administrator, "/school/teachers/{id}", school::change_staff)
        .post(Administrator, "/school/switches", school::switch)
}

/// What a learner is called in the head of a page: the first name, or what the family calls them.
pub(super) fn called(backend: &dyn Backend, account: &AccountId) -> Option<String> {
    let (people, id) = (backend.people()?, LearnerId::new(account.as_str()).ok()?);
    if let Ok(learner) = people.learner(&id) {
        return Some(learner.registration.name.as_str().to_owned());
    }
    family::label(&people, &id)
}

/// What the pages for people work with.
pub(super) struct Desk {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) people: People,
    pub(super) accounts: Arc<Accounts>,
    pub(super) page: Page,
}

impl FromRequestParts<Arc<dyn Backend>> for Desk {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<dyn Backend>,
    ) -> Result<Desk, Response> {
        let State(backend) = State::<Arc<dyn Backend>>::from_request_parts(parts, state)
            .await
            .expect("a state is always there");
        let Ok(page) = Page::from_request_parts(parts, state).await;
        match (backend.people(), backend.accounts()) {
            (Some(people), Some(accounts)) => Ok(Desk {
                backend,
                people,
                accounts,
                page,
            }),
            _ => Err(Trouble::Missing.answer(page)),
        }
    }
}

/// The page that a handler gives instead of what was asked for.
pub(super) type Instead = Box<Response>;

impl Desk {
    fn now(&self) -> Now {
        self.backend.now()
    }

    fn visitor(&self) -> &Visitor {
        &self.page.visitor
    }

    fn client(&self) -> IpAddr {
        self.visitor().client
    }

    fn trouble(&self, trouble: Trouble) -> Instead {
        Box::new(trouble.answer(self.page.clone()))
    }

    /// Whether whoever is signed in works with this class. Administrators work with all.
    fn works_with(&self, class: &ClassView) -> bool {
        match (self.visitor().role(), self.visitor().account()) {
            (Some(Role::Administrator), _) => true,
            (Some(Role::Teacher), Some(id)) => class.teachers.contains(id.as_str()),
            _ => false,
        }
    }

    /// The classes that whoever is signed in works with.
    fn classes(&self) -> Result<Vec<ClassView>, Instead> {
        let mut classes = self.people.classes().map_err(|error| self.failed(error))?;
        classes.retain(|class| self.works_with(class));
        Ok(classes)
    }

    /// A class of theirs; any other, and none at all, is missing.
    fn class(&self, name: &str) -> Result<ClassView, Instead> {
        let classes = self.classes()?;
        let found = classes
            .into_iter()
            .find(|class| class.name.as_str() == name);
        found.ok_or_else(|| self.trouble(Trouble::Missing))
    }

    /// A learner of their classes; any other, and none at all, is missing.
    fn learner(&self, id: &str) -> Result<LearnerView, Instead> {
        let missing = || self.trouble(Trouble::Missing);
        let id = LearnerId::new(id).map_err(|_| missing())?;
        let learner = self.people.learner(&id).map_err(|_| missing())?;
        self.class(learner.registration.class.as_str())?;
        Ok(learner)
    }

    /// The page for an error of the book that nobody's typing caused.
    fn failed(&self, error: PeopleError) -> Instead {
        match error {
            PeopleError::NoClass(_) | PeopleError::NoLearner | PeopleError::NoAssignment => {
                self.trouble(Trouble::Missing)
            }
            PeopleError::Revoked => self.trouble(Trouble::Revoked),
            error => {
                tracing::warn!(%error, "people could not be read or written");
                self.trouble(Trouble::Failed)
            }
        }
    }

    fn broken(&self, error: StoreError) -> Instead {
        tracing::error!(%error, "the accounts could not be read or written");
        self.trouble(Trouble::Failed)
    }
}

/// A handler's answer: the page, or another one instead.
pub(super) fn either(answer: Result<Response, Instead>) -> Response {
    answer.unwrap_or_else(|instead| *instead)
}

/// Sends the browser on with a GET.
fn see(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response()
}

/// Sends the browser on and gives it a cookie.
fn see_with(address: &str, cookie: HeaderValue) -> Response {
    let location = HeaderValue::from_str(address).expect("addresses of ours are ASCII");
    let headers = [(header::LOCATION, location), (header::SET_COOKIE, cookie)];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// The address of a class's page.
fn class_href(class: &ClassName) -> String {
    format!("/class/{}", super::url::encode(class.as_str()))
}

/// The key of the words for what was wrong with an account.
fn account_words(error: &AccountError) -> &'static str {
    use crate::people::accounts::SecretError;
    match error {
        AccountError::Secret(SecretError::Pin) => "secret-bad-pin",
        AccountError::Secret(SecretError::EasyPin) => "secret-easy-pin",
        AccountError::Secret(SecretError::Pictures) => "secret-bad-pictures",
        AccountError::Secret(SecretError::Password) => "secret-bad-password",
        AccountError::Login => "staff-bad-login",
        AccountError::Taken => "staff-taken",
        AccountError::Full => "staff-full",
        AccountError::LastAdministrator => "staff-last",
        AccountError::Code => "first-wrong",
        AccountError::Wait(_) => "sign-in-wait-short",
        AccountError::Unknown | AccountError::Store(_) => "error-failed-help",
    }
}
