//! `POST /api/progress`: what a learner played, answered 201 only once it is sealed on the disk.

use std::sync::Arc;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use pishtar_catalog::Completion;
use pishtar_mesh::{
    learner::{DisplayName, LearnerEvent, LearnerId, LessonRef, PlayedSegments, Watched, What},
    people::is_registered_id,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    backend::Backend,
    who::{Visitor, Who},
};
use crate::{
    handle::{LessonView, SaveError},
    people::accounts::AccountId,
    store::records,
};

/// Largest body taken. A report of 200 segments has about 5 kB.
pub(crate) const MAX_BODY_BYTES: usize = 512 * 1024;
/// Most reports in one body; the player sends at most 50.
const MAX_REPORTS: usize = 64;
/// Longest video, seconds; a day. Keeps milliseconds inside `u32`.
const MAX_SECONDS: f64 = 86_400.0;

/// One report, or several under `events`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Body {
    Many { events: Vec<Report> },
    One(Report),
}

/// What the player tells about one lesson. Times are seconds of the video.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    /// Random id that this browser gave the learner.
    learner: String,
    /// What the learner is called on this device.
    #[serde(default)]
    name: Option<String>,
    /// Lesson id.
    lesson: String,
    /// Intervals `[start, end]` that were played since the last report, in any order.
    played: Vec<(f64, f64)>,
    /// Where the player stands.
    position: f64,
    /// Length of the video as the player sees it; 0 = unknown.
    #[serde(default)]
    duration: f64,
    /// The player saw enough of the lesson for its completion rule.
    #[serde(default)]
    completed: bool,
}

/// `POST /api/progress`
pub(crate) async fn save(
    State(backend): State<Arc<dyn Backend>>,
    Who(visitor): Who,
    body: Result<Json<Body>, JsonRejection>,
) -> Response {
    let reports = match body {
        Ok(Json(Body::Many { events })) => events,
        Ok(Json(Body::One(report))) => vec![report],
        Err(rejection) => return refuse(rejection.status(), &rejection.body_text()),
    };
    if reports.is_empty() || reports.len() > MAX_REPORTS {
        let text = format!(
            "{} reports; send 1 to {MAX_REPORTS} at a time",
            reports.len()
        );
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, &text);
    }
    let mut events = Vec::new();
    for report in reports {
        // A lesson that was withdrawn while it was watched still counts: its id alone is recorded.
        let lesson = backend.lesson(&report.lesson);
        if lesson.is_none() && !backend.was_withdrawn(&report.lesson) {
            let text = format!("no lesson {:?} is known here", report.lesson);
            return refuse(StatusCode::UNPROCESSABLE_ENTITY, &text);
        }
        match report.events(lesson.as_ref()) {
            Ok(made) => events.extend(made),
            Err(reason) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, &reason),
        }
    }
    // Whom a school registered is written about by themselves only; any other id is a name that a browser made up.
    let foreign = |event: &LearnerEvent| {
        is_registered_id(&event.learner) && !is_signed_in(&visitor, &event.learner)
    };
    if events.iter().any(foreign) {
        let text = "these reports are of a learner who is not signed in here; sign in and they are sent again";
        return refuse(StatusCode::FORBIDDEN, text);
    }
    match backend.save_events(events).await {
        Ok(saved) => (StatusCode::CREATED, Json(json!({"records": saved.records}))).into_response(),
        // The same report would be refused again: the page must not keep it for ever.
        Err(error @ SaveError::Records(records::SaveError::Events(_))) => {
            refuse(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string())
        }
        // The page keeps what was not saved and tries again.
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

fn is_signed_in(visitor: &Visitor, learner: &LearnerId) -> bool {
    let id = AccountId::new(learner.as_str());
    visitor
        .session()
        .is_some_and(|session| session.has_learner(&id))
}

fn refuse(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({"error": reason}))).into_response()
}

impl Report {
    /// The events that this report means; an error names what is wrong with it.
    fn events(self, lesson: Option<&LessonView>) -> Result<Vec<LearnerEvent>, String> {
        let played: Vec<(u32, u32)> = self
            .played
            .iter()
            .map(|&(start, end)| Ok((millis(start)?, millis(end)?)))
            .collect::<Result<_, String>>()?;
        let played = PlayedSegments::from_intervals(played).map_err(|error| error.to_string())?;
        let name = self.name.filter(|name| !name.trim().is_empty());
        let name = name
            .map(DisplayName::new)
            .transpose()
            .map_err(|error| error.to_string())?;
        let learner = LearnerId::new(self.learner).map_err(|error| error.to_string())?;
        let reference = LessonRef::new(self.lesson).map_err(|error| error.to_string())?;
        let duration_ms = millis(self.duration)?;
        let seen_to_end = self.completed && may_complete(lesson, duration_ms);
        let furthest_ms = played.intervals().last().map_or(0, |&(_, end)| end);
        let furthest_ms = furthest_ms.max(millis(self.position)?);
        let event = |what| LearnerEvent {
            learner: learner.clone(),
            name: name.clone(),
            lesson: reference.clone(),
            what,
        };
        let watched = event(What::Watched(Watched {
            played,
            furthest_ms,
            duration_ms,
        }));
        let completed = seen_to_end.then(|| event(What::Completed));
        Ok(std::iter::once(watched).chain(completed).collect())
    }
}

/// Whether the lesson can be completed by watching, and the player knew how long it is.
fn may_complete(lesson: Option<&LessonView>, duration_ms: u32) -> bool {
    let opened = |view: &LessonView| matches!(view.lesson.completion, Completion::Opened);
    duration_ms > 0 || lesson.is_some_and(opened)
}

fn millis(seconds: f64) -> Result<u32, String> {
    if !(0.0..=MAX_SECONDS).contains(&seconds) {
        return Err(format!(
            "{seconds} is not a time inside a video; use seconds from its start"
        ));
    }
    Ok((seconds * 1000.0).round() as u32)
}
