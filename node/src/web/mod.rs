//! The node's web pages: lessons, player, search, status; and the files and reports behind them.
//!
//! Server-rendered, without a framework and without a request to any other server. Every word is in
//! `node/locales/`, every page works without JavaScript, and the player adds progress with it.

use std::{future::Future, io, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    response::Response,
    routing::{get, post},
};
use tokio::net::TcpListener;

mod api;
mod assets;
mod backend;
mod cards;
mod errors;
mod files;
mod guard;
mod home;
mod keep;
mod lesson;
mod listen;
mod locale;
mod page;
mod progress;
mod range;
mod search;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_keep;
mod url;
mod words;

pub use backend::{Backend, FileReader, StreamBytes};

/// Every address of the pages.
pub fn router(backend: impl Backend) -> Router {
    let backend: Arc<dyn Backend> = Arc::new(backend);
    Router::new()
        .route("/", get(home::show))
        .route("/search", get(search::show))
        .route("/lesson/{publisher}/{course}/{lesson}", get(lesson::show))
        .route("/status", get(status::show))
        .route("/keep", get(keep::show).post(keep::save))
        .route("/file/{blake3}/{name}", get(files::serve))
        .route("/latin/{blake3}/{name}", get(files::latin_captions))
        .route("/api/status", get(api::status))
        .route(
            "/api/lesson/{publisher}/{course}/{lesson}/state",
            get(api::lesson_state),
        )
        .route("/api/progress", post(progress::save))
        .route("/assets/{hash}/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
        .fallback(missing)
        .layer(DefaultBodyLimit::max(progress::MAX_BODY_BYTES))
        .layer(middleware::from_fn(guard::requests))
        .layer(middleware::from_fn(guard::answers))
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
    listen::serve(
        listener,
        router(backend),
        listen::Limits::default(),
        shutdown,
    )
    .await
}
