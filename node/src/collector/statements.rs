//! xAPI statements about merged progress (video profile 1.0.3).
//!
//! A registration is one learner's way through one lesson. `initialized` and `completed` are stated once
//! for each, `terminated` when more was played, `answered` for each attempt. The actor is a pseudonym,
//! keyed by a secret of the collector; names never leave it this way.

use pishtar_mesh::learner::{Attempt, LearnerId, LessonRef};
use serde_json::{Value, json};

use super::{COMPLETION_PERMILLE, state::Progress};

const VERBS: &str = "http://adlnet.gov/expapi/verbs/";
const VIDEO: &str = "https://w3id.org/xapi/video";

/// What changed about one learner and one lesson.
pub(super) struct Change<'a> {
    pub(super) learner: &'a LearnerId,
    pub(super) lesson: &'a LessonRef,
    pub(super) before: &'a Progress,
    /// The latest hour since 1970 that a device named.
    pub(super) hour: u32,
    /// The collector's clock, Unix seconds.
    pub(super) now: i64,
}

/// Names actors, lessons and registrations.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    home_page: String,
    salt: [u8; 32],
}

impl Vocabulary {
    /// `home_page` starts all our ids, for example `https://lessons.example.org/`.
    pub(super) fn new(home_page: &str, salt: [u8; 32]) -> Self {
        let slash = if home_page.ends_with('/') { "" } else { "/" };
        Self {
            home_page: format!("{home_page}{slash}"),
            salt,
        }
    }

    /// The learner's pseudonym in this collector: 32 hex digits.
    pub(super) fn pseudonym(&self, learner: &LearnerId) -> String {
        let hash = blake3::keyed_hash(&self.salt, learner.as_str().as_bytes());
        hex::encode(&hash.as_bytes()[..16])
    }

    /// The statements that follow from the change; marks in `after` which of the single ones were made.
    pub(super) fn statements(&self, change: &Change<'_>, after: &mut Progress) -> Vec<String> {
        let mut parts = Vec::new();
        if !after.initialized {
            after.initialized = true;
            parts.push(("initialized", json!(null)));
        }
        let before = &change.before.lesson;
        for (key, attempt) in &after.lesson.attempts {
            if before.attempts.get(key) != Some(attempt) {
                parts.push(("answered", answered(attempt)));
            }
        }
        if after.lesson.played != before.played {
            parts.push(("terminated", video_result(after)));
        }
        if !after.completed && after.lesson.is_completed(COMPLETION_PERMILLE) {
            after.completed = true;
            parts.push(("completed", completed(after)));
        }
        parts
            .into_iter()
            .map(|(verb, result)| self.statement(change, after, verb, result))
            .collect()
    }

    /// What an export says of the state as it is.
    pub(super) fn summary(
        &self,
        learner: &LearnerId,
        lesson: &LessonRef,
        progress: &Progress,
        now: i64,
    ) -> Vec<String> {
        let change = Change {
            learner,
            lesson,
            before: &Progress::default(),
            hour: u32::MAX,
            now,
        };
        let mut again = Progress {
            lesson: progress.lesson.clone(),
            ..Progress::default()
        };
        self.statements(&change, &mut again)
    }

    fn statement(
        &self,
        change: &Change<'_>,
        after: &Progress,
        verb: &str,
        result: Value,
    ) -> String {
        let pseudonym = self.pseudonym(change.learner);
        let lesson = change.lesson.as_str();
        let registration = uuid(&["registration", &pseudonym, lesson]);
        let mut extensions = json!({
            format!("{VIDEO}/extensions/completion-threshold"): f64::from(COMPLETION_PERMILLE) / 1000.0,
        });
        if after.lesson.duration_ms > 0 {
            extensions[format!("{VIDEO}/extensions/length")] =
                json!(seconds(u64::from(after.lesson.duration_ms)));
        }
        let mut statement = json!({
            "actor": {
                "objectType": "Agent",
                "account": { "homePage": self.home_page, "name": pseudonym },
            },
            "verb": { "id": format!("{VERBS}{verb}"), "display": { "en": verb } },
            "object": {
                "objectType": "Activity",
                "id": format!("{}lessons/{lesson}", self.home_page),
                "definition": { "type": format!("{VIDEO}/activity-type/video") },
            },
            "context": {
                "registration": registration,
                "contextActivities": { "category": [{ "id": VIDEO }] },
                "extensions": extensions,
            },
            "timestamp": timestamp(change),
        });
        if !result.is_null() {
            statement["result"] = result.clone();
        }
        // An id made from the content: a statement that is sent twice is one statement to a receiver.
        let id = uuid(&["statement", &registration, verb, &result.to_string()]);
        statement["id"] = json!(id);
        statement.to_string()
    }
}

fn video_result(progress: &Progress) -> Value {
    let lesson = &progress.lesson;
    json!({
        "duration": iso_duration(lesson.played.total_ms()),
        "extensions": {
            format!("{VIDEO}/extensions/time"): seconds(u64::from(lesson.furthest_ms)),
            format!("{VIDEO}/extensions/progress"): f64::from(lesson.progress_permille()) / 1000.0,
            format!("{VIDEO}/extensions/played-segments"): lesson.played.to_xapi(),
        },
    })
}

fn completed(progress: &Progress) -> Value {
    let mut result = video_result(progress);
    result["completion"] = json!(true);
    result
}

fn answered(attempt: &Attempt) -> Value {
    let scaled = if attempt.max == 0 {
        0.0
    } else {
        f64::from(attempt.raw.min(attempt.max)) / f64::from(attempt.max)
    };
    json!({
        "score": { "raw": attempt.raw, "min": 0, "max": attempt.max, "scaled": scaled },
        "response": attempt.item,
    })
}

fn seconds(ms: u64) -> f64 {
    // Exact: a video's milliseconds are far below 2^53.
    ms as f64 / 1000.0
}

/// ISO 8601, as xAPI wants it.
fn iso_duration(ms: u64) -> String {
    format!("PT{}.{:03}S", ms / 1000, ms % 1000)
}

/// The hour that the device named, when it lies between 2020 and now; else the collector's time.
fn timestamp(change: &Change<'_>) -> String {
    const YEAR_2020: i64 = 1_577_836_800;
    let named = i64::from(change.hour) * 3600;
    let at = if (YEAR_2020..=change.now).contains(&named) {
        named
    } else {
        change.now
    };
    jiff::Timestamp::from_second(at)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}

/// A version 8 UUID (RFC 9562) from a hash of the parts.
fn uuid(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("pishtar xapi uuid 1");
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
