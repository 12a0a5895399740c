//! `/connection`: what a safe connection is, and how to get one with this device.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::web::{backend::Backend, errors::Trouble, locale::Texts, page::Page, who::Channel};

#[derive(Template)]
#[template(path = "connection.html")]
struct Connection<'a> {
    t: &'static Texts,
    page: &'a Page,
    safe: bool,
    /// The same page over HTTPS.
    secure: Option<String>,
    /// Whether this device has a certificate of its own to add.
    own: bool,
}

/// `GET /connection`
pub(in crate::web) async fn show(State(backend): State<Arc<dyn Backend>>, page: Page) -> Response {
    let tls = backend.tls();
    let safe = page.visitor.channel != Channel::Plain;
    let template = Connection {
        t: page.texts(),
        page: &page,
        safe,
        secure: tls
            .as_ref()
            .map(|_| format!("https://{}/connection", page.host)),
        own: tls.is_some_and(|tls| tls.ca_pem().is_some()),
    };
    page.answer(StatusCode::OK, &template)
}

/// `GET /connection/ca.crt`: the certificate of the local CA; phones and computers offer to add it.
pub(in crate::web) async fn certificate(
    State(backend): State<Arc<dyn Backend>>,
    page: Page,
) -> Response {
    let tls = backend.tls();
    let Some(pem) = tls.as_ref().and_then(|tls| tls.ca_pem()) else {
        return Trouble::Missing.answer(page);
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-x509-ca-cert"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"pishtar-ca.crt\"",
        ),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, pem.to_owned()).into_response()
}
