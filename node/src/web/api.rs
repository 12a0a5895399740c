//! Small JSON answers for the pages' scripts and for whoever watches a node.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{backend::Backend, cards::percent};

/// `GET /api/status`: the same as `pishtar status --json`.
pub(crate) async fn status(State(backend): State<Arc<dyn Backend>>) -> Response {
    (
        [(header::CACHE_CONTROL, "no-store")],
        Json(backend.status()),
    )
        .into_response()
}

/// `GET /api/lesson/{publisher}/{course}/{lesson}/state`: how much of the lesson is here.
pub(crate) async fn lesson_state(
    State(backend): State<Arc<dyn Backend>>,
    Path((publisher, course, slug)): Path<(String, String, String)>,
) -> Response {
    let Some(state) = backend.lesson(&format!("{publisher}/{course}/{slug}")) else {
        return (
            StatusCode::NOT_FOUND,
            Json(json!({"error": "no such lesson"})),
        )
            .into_response();
    };
    let body = json!({
        "percent": percent(&state).unwrap_or(0),
        "complete": state.complete,
        "held_bytes": state.held_bytes,
        "total_bytes": state.total_bytes,
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
