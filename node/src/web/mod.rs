//! The node's web pages: lessons, player, search, status; and the files and reports behind them.
//!
//! Server-rendered, without a framework and without a request to any other server. Every word is in
//! `node/locales/`, every page works without JavaScript, and the player adds progress with it.

use std::{future::Future, io, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, middleware, response::Response};
use tokio::net::TcpListener;

mod api;
mod assets;
mod backend;
mod cards;
mod errors;
mod files;
mod form;
mod guard;
mod home;
mod keep;
mod lesson;
mod listen;
mod locale;
mod page;
mod people;
mod progress;
mod range;
mod routes;
mod search;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod testing_school;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_keep;
#[cfg(test)]
mod tests_people;
#[cfg(test)]
mod tests_school;
mod tls;
mod url;
mod who;
mod words;

pub use backend::{Backend, FileReader, StreamBytes};
use routes::{Access, Routes};
pub use tls::{Tls, TlsChoice, TlsError};

/// Every address of the pages with who may call it.
fn routes() -> Routes {
    use Access::*;
    let open = Routes::new()
        .get(Everyone, "/", home::show)
        .get(Everyone, "/search", search::show)
        .get(
            Everyone,
            "/lesson/{publisher}/{course}/{lesson}",
            lesson::show,
        )
        .get(Everyone, "/status", status::show)
        .get(Everyone, "/keep", keep::show)
        .post(Everyone, "/keep", keep::save)
        .get(Everyone, "/file/{blake3}/{name}", files::serve)
        .get(Everyone, "/latin/{blake3}/{name}", files::latin_captions)
        .get(Everyone, "/api/status", api::status)
        .get(
            Everyone,
            "/api/lesson/{publisher}/{course}/{lesson}/state",
            api::lesson_state,
        )
        .post(Everyone, "/api/progress", progress::save)
        .get(Everyone, "/assets/{hash}/{name}", assets::serve)
        .get(Everyone, "/favicon.ico", assets::favicon);
    people::routes(open)
}

/// The pages of a node.
pub fn router(backend: impl Backend) -> Router {
    let backend: Arc<dyn Backend> = Arc::new(backend);
    routes()
        .router()
        .fallback(missing)
        .layer(DefaultBodyLimit::max(progress::MAX_BODY_BYTES))
        .layer(middleware::from_fn(guard::requests))
        .layer(middleware::from_fn(guard::answers))
        .layer(middleware::from_fn_with_state(
            backend.clone(),
            who::find_out,
        ))
        .with_state(backend)
}

async fn missing(page: page::Page) -> Response {
    errors::Trouble::Missing.answer(page)
}

/// Serves the pages until `shutdown`; downloads that are still open then get two seconds.
///
/// # Errors
/// What the listener said.
pub async fn serve(
    listener: TcpListener,
    backend: impl Backend,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let tls = backend.tls();
    listen::serve(
        listener,
        router(backend),
        tls,
        listen::Limits::default(),
        shutdown,
    )
    .await
}
