//! `/search?q=`: lessons that match, those that the device keeps first.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{backend::Backend, cards::Card, locale::Texts, page::Page};

/// Most lessons on a page of results.
const MAX_FOUND: usize = 60;
/// Most of them that the device does not keep.
const MAX_ELSEWHERE: usize = 24;
/// Longest query that is searched, in characters.
const MAX_QUERY_CHARS: usize = 200;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    cards: Vec<Card>,
    /// Lessons that the device does not keep: they come when somebody plays them.
    elsewhere: Vec<Card>,
}

/// `GET /search?q=`
pub(crate) async fn show(State(backend): State<Arc<dyn Backend>>, mut page: Page) -> Response {
    page.query = page.query.chars().take(MAX_QUERY_CHARS).collect();
    let texts = page.texts();
    let (found, elsewhere) = match page.query.is_empty() {
        true => (Vec::new(), Vec::new()),
        false => (
            backend.search(&page.query, MAX_FOUND),
            backend.search_elsewhere(&page.query, MAX_ELSEWHERE),
        ),
    };
    let followed = found.iter().filter(|state| state.followed);
    let card = |state| Card::new(state, texts);
    let template = SearchPage {
        t: texts,
        page: &page,
        cards: followed.map(card).collect(),
        elsewhere: elsewhere.iter().map(card).collect(),
    };
    page.answer(StatusCode::OK, &template)
}
