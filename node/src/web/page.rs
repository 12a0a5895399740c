//! What every page has: language, address, links to the other languages.

use std::{convert::Infallible, sync::Arc};

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{Html, IntoResponse, Response},
};

use super::{
    assets,
    locale::{Lang, Texts},
    url,
    who::{self, Visitor},
};
use crate::people::accounts::Role;

/// The frame around a page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// Language of the page.
    pub(crate) lang: Lang,
    /// Path of the address.
    pub(crate) path: String,
    /// What is in the search box.
    pub(crate) query: String,
    /// Query parameters other than the language, decoded.
    parameters: Vec<(String, String)>,
    /// The learner chose this language in the address: remember it.
    chosen: bool,
    /// Who asks.
    pub(crate) visitor: Arc<Visitor>,
    /// What the request calls this device, port included.
    pub(crate) host: String,
}

/// A link to the same page in another language.
pub(crate) struct LanguageLink {
    pub(crate) lang: Lang,
    pub(crate) href: String,
}

impl Page {
    /// Reads the frame out of a request.
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap, visitor: Arc<Visitor>) -> Page {
        let mut parameters = url::parse_query(uri.query().unwrap_or_default());
        let wish = url::first(&parameters, "lang").map(str::to_owned);
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let cookie = header(header::COOKIE).and_then(|cookies| {
            cookies
                .split(';')
                .find_map(|cookie| cookie.trim().strip_prefix("lang="))
        });
        let lang = Lang::choose(wish.as_deref(), cookie, header(header::ACCEPT_LANGUAGE));
        parameters.retain(|(name, _)| name != "lang");
        Page {
            lang,
            path: uri.path().to_owned(),
            query: url::first(&parameters, "q")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            chosen: wish.as_deref().and_then(Lang::from_tag).is_some(),
            parameters,
            visitor,
            host: header(header::HOST).unwrap_or_default().to_owned(),
        }
    }

    /// The id of the learner who is signed in here, as progress is written under it.
    pub(crate) fn learner(&self) -> Option<&str> {
        let seat = self.visitor.seat()?;
        (seat.role == Role::Learner).then(|| seat.account.as_str())
    }

    /// The ids of all learners who are signed in in this browser, with blanks between.
    pub(crate) fn seats(&self) -> String {
        let seats = self
            .visitor
            .session()
            .map_or(&[][..], |session| &session.seats);
        let learners = seats.iter().filter(|seat| seat.role == Role::Learner);
        let ids: Vec<&str> = learners.map(|seat| seat.account.as_str()).collect();
        ids.join(" ")
    }

    /// Whether this is a family's own device.
    pub(crate) fn is_family(&self) -> bool {
        self.visitor.session().is_some_and(|session| session.family)
    }

    /// Whether an administrator is signed in.
    pub(crate) fn is_administrator(&self) -> bool {
        self.visitor.role() == Some(Role::Administrator)
    }

    /// Where the one who is signed in begins.
    pub(crate) fn own_place(&self) -> &'static str {
        match self.visitor.role() {
            Some(Role::Learner) => "/me",
            Some(Role::Teacher) => "/classes",
            Some(Role::Administrator) => "/school",
            None => "/sign-in",
        }
    }

    /// The words of the page's language.
    pub(crate) fn texts(&self) -> &'static Texts {
        self.lang.texts()
    }

    /// A query parameter of the address.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        url::first(&self.parameters, name)
    }

    /// Puts other parameters in the address: what a form was sent for is shown again.
    pub(crate) fn set_parameters<const N: usize>(&mut self, pairs: [(&str, String); N]) {
        let pairs = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        self.parameters = pairs.collect();
    }

    /// Every query parameter of the address but the language.
    pub(crate) fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// This page in each language.
    pub(crate) fn languages(&self) -> Vec<LanguageLink> {
        let link = |lang: Lang| {
            let mut parameters = self.parameters.clone();
            parameters.push(("lang".to_owned(), lang.tag().to_owned()));
            LanguageLink {
                lang,
                href: url::with_query(&self.path, &parameters),
            }
        };
        Lang::ALL.map(link).into()
    }

    /// The address of an asset.
    pub(crate) fn asset(&self, name: &str) -> &'static str {
        assets::address(name)
    }

    /// Renders a template into an answer with this page's language headers.
    pub(crate) fn answer(&self, status: StatusCode, template: &impl Template) -> Response {
        let html = match template.render() {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(%error, path = self.path, "a page could not be rendered");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        let mut response = (status, Html(html)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_LANGUAGE,
            HeaderValue::from_static(self.lang.tag()),
        );
        headers.insert(
            header::VARY,
            HeaderValue::from_static("Accept-Language, Cookie"),
        );
        // What one person saw is not for the next who sits down.
        let keep = match self.visitor.seat() {
            Some(_) => "no-store",
            None => "no-cache",
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        if self.chosen {
            let cookie = format!(
                "lang={}; Path=/; Max-Age=31536000; SameSite=Lax",
                self.lang.tag()
            );
            let cookie = HeaderValue::from_str(&cookie).expect("language tags are ASCII");
            headers.append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Page, Infallible> {
        Ok(Page::of(
            &parts.uri,
            &parts.headers,
            who::of(&parts.extensions),
        ))
    }
}
