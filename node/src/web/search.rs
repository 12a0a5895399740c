//! `/search?q=`: followed lessons that match.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{backend::Backend, cards::Card, locale::Texts, page::Page};

/// Most lessons on a page of results.
const MAX_FOUND: usize = 60;
/// Longest query that is searched, in characters.
const MAX_QUERY_CHARS: usize = 200;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    cards: Vec<Card>,
}

/// `GET /search?q=`
pub(crate) async fn show(State(backend): State<Arc<dyn Backend>>, mut page: Page) -> Response {
    page.query = page.query.chars().take(MAX_QUERY_CHARS).collect();
    let texts = page.texts();
    let found = if page.query.is_empty() {
        Vec::new()
    } else {
        backend.search(&page.query, MAX_FOUND)
    };
    let followed = found.iter().filter(|state| state.followed);
    let cards = followed.map(|state| Card::new(state, texts)).collect();
    page.answer(
        StatusCode::OK,
        &SearchPage {
            t: texts,
            page: &page,
            cards,
        },
    )
}
