//! Pages for when something is not as hoped, in the reader's language.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{locale::Texts, page::Page};

/// What went wrong, as a reader needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No such page, lesson or file.
    Missing,
    /// The lesson was withdrawn by its publisher.
    Withdrawn,
    /// The node failed.
    Failed,
    /// The request named another server (DNS rebinding, or a stale name).
    WrongHost,
    /// A form or script of another site sent this.
    Foreign,
    /// Only somebody at the device itself may do this.
    NotHere,
    /// Nobody is signed in, and somebody must be.
    SignIn,
    /// Whoever is signed in may not do this.
    NotYours,
    /// A form of another session, or none of ours.
    StaleForm,
    /// More than a page takes.
    TooLarge,
    /// The ministry revoked this device.
    Revoked,
}

impl Trouble {
    fn status(self) -> StatusCode {
        match self {
            Trouble::Missing | Trouble::Withdrawn => StatusCode::NOT_FOUND,
            Trouble::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Trouble::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Trouble::Foreign
            | Trouble::NotHere
            | Trouble::NotYours
            | Trouble::StaleForm
            | Trouble::Revoked => StatusCode::FORBIDDEN,
            Trouble::SignIn => StatusCode::UNAUTHORIZED,
            Trouble::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }

    /// Keys of the title and of what to do.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Trouble::Missing => ("error-missing-title", "error-missing-help"),
            Trouble::Withdrawn => ("error-withdrawn-title", "error-withdrawn-help"),
            Trouble::Failed => ("error-failed-title", "error-failed-help"),
            Trouble::WrongHost => ("error-host-title", "error-host-help"),
            Trouble::NotHere => ("error-not-here-title", "keep-not-here"),
            Trouble::Foreign => ("error-forbidden-title", "error-forbidden-help"),
            Trouble::SignIn => ("error-sign-in-title", "error-sign-in-help"),
            Trouble::NotYours => ("error-not-yours-title", "error-not-yours-help"),
            Trouble::StaleForm => ("error-stale-title", "error-stale-help"),
            Trouble::Revoked => ("error-revoked-title", "error-revoked-help"),
            Trouble::TooLarge => ("error-large-title", "error-large-help"),
        }
    }

    /// The page that says so.
    pub(crate) fn answer(self, page: Page) -> Response {
        let (title, help) = self.words();
        let template = ErrorPage {
            t: page.texts(),
            page: &page,
            title,
            help,
            sign_in: self == Trouble::SignIn,
        };
        page.answer(self.status(), &template)
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    title: &'static str,
    help: &'static str,
    sign_in: bool,
}
