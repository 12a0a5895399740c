//! xAPI statements about merged progress (video profile 1.0.3).
//!
//! A registration is one learner's way through one lesson. `initialized` and `completed` are stated once
//! for each, `terminated` when more was played, `answered` for each attempt. The actor is a pseudonym,
//! keyed by a secret of the collector; names never leave it this way.

use pishtar_mesh::learner::{Attempt, LearnerId, LessonRef};
use serde_json::{Value, json};

use super::{COMPLETION_PERMILLE, guide::KnownLesson, ingest::Rules, state::Progress};

const VERBS: &str = "http://adlnet.gov/expapi/verbs/";
const VIDEO: &str = "https://w3id.org/xapi/video";

/// What changed about one learner and one lesson.
pub(super) struct Change<'a> {
    pub(super) learner: &'a LearnerId,
    pub(super) lesson: &'a LessonRef,
    pub(super) before: &'a Progress,
    /// What the catalogue says of the lesson.
    pub(super) known: Option<&'a KnownLesson>,
    /// The collector's clock, Unix seconds.
    pub(super) now: i64,
}

/// What one statement says beside who and when.
struct Part {
    verb: &'static str,
    object: Value,
    result: Value,
    /// Tells it from other statements with this verb in this registration; empty where there is one only.
    distinct: String,
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
        let video = || self.video(change);
        if !after.initialized {
            after.initialized = true;
            parts.push(Part::new(
                "initialized",
                video(),
                Value::Null,
                String::new(),
            ));
        }
        let before = &change.before.lesson;
        for (key, attempt) in &after.lesson.attempts {
            if before.attempts.get(key) != Some(attempt) {
                let object = self.item(change.lesson, &attempt.item);
                let distinct = format!(
                    "{}:{}:{}",
                    hex::encode(key.device.0),
                    key.counter,
                    attempt.raw
                );
                parts.push(Part::new("answered", object, answered(attempt), distinct));
            }
        }
        if after.lesson.played != before.played {
            let result = video_result(after);
            let distinct = result.to_string();
            parts.push(Part::new("terminated", video(), result, distinct));
        }
        if !after.completed && after.lesson.is_completed(COMPLETION_PERMILLE) {
            after.completed = true;
            parts.push(Part::new(
                "completed",
                video(),
                completed(after),
                String::new(),
            ));
        }
        parts
            .into_iter()
            .map(|part| self.statement(change, after, part))
            .collect()
    }

    /// What an export says of the state as it is; the same state gives the same statements.
    pub(super) fn summary(
        &self,
        learner: &LearnerId,
        lesson: &LessonRef,
        progress: &Progress,
        rules: &Rules<'_>,
    ) -> Vec<String> {
        let change = Change {
            learner,
            lesson,
            before: &Progress::default(),
            known: rules.guide.lesson(lesson.as_str()),
            now: rules.now,
        };
        let mut again = Progress {
            lesson: progress.lesson.clone(),
            hour: progress.hour,
            ..Progress::default()
        };
        again.lesson.completed |= progress.completed;
        self.statements(&change, &mut again)
    }

    fn video(&self, change: &Change<'_>) -> Value {
        let mut definition = json!({ "type": format!("{VIDEO}/activity-type/video") });
        if let Some(known) = change.known.filter(|known| !known.title.is_empty()) {
            definition["name"] = json!({ known.language.as_str(): known.title });
        }
        json!({
            "objectType": "Activity",
            "id": format!("{}lessons/{}", self.home_page, encoded(change.lesson.as_str())),
            "definition": definition,
        })
    }

    fn item(&self, lesson: &LessonRef, item: &str) -> Value {
        json!({
            "objectType": "Activity",
            "id": format!("{}lessons/{}/items/{}", self.home_page, encoded(lesson.as_str()), encoded(item)),
            "definition": { "type": "http://adlnet.gov/expapi/activities/cmi.interaction" },
        })
    }

    fn statement(&self, change: &Change<'_>, after: &Progress, part: Part) -> String {
        let pseudonym = self.pseudonym(change.learner);
        let registration = uuid(&["registration", &pseudonym, change.lesson.as_str()]);
        let mut extensions = json!({
            format!("{VIDEO}/extensions/completion-threshold"): f64::from(COMPLETION_PERMILLE) / 1000.0,
            // Sittings are merged before anything is stated: the whole registration is one.
            format!("{VIDEO}/extensions/session-id"): registration,
        });
        if after.lesson.duration_ms > 0 {
            extensions[format!("{VIDEO}/extensions/length")] =
                json!(seconds(u64::from(after.lesson.duration_ms)));
        }
        let mut context_activities = json!({ "category": [{ "id": VIDEO }] });
        if part.verb == "answered" {
            context_activities["parent"] = json!([self.video(change)]);
        }
        // Made from what is stated: a statement that is sent twice is one statement to its receiver.
        let id = uuid(&["statement", &registration, part.verb, &part.distinct]);
        let mut statement = json!({
            "id": id,
            "actor": {
                "objectType": "Agent",
                "account": { "homePage": self.home_page, "name": pseudonym },
            },
            "verb": { "id": format!("{VERBS}{}", part.verb), "display": { "en-US": part.verb } },
            "object": part.object,
            "context": {
                "registration": registration,
                "contextActivities": context_activities,
                "extensions": extensions,
            },
            "timestamp": timestamp(after.hour, change.now),
        });
        if !part.result.is_null() {
            statement["result"] = part.result;
        }
        statement.to_string()
    }
}

impl Part {
    fn new(verb: &'static str, object: Value, result: Value, distinct: String) -> Self {
        Self {
            verb,
            object,
            result,
            distinct,
        }
    }
}

/// Percent-encoding of all but unreserved characters and `/` (RFC 3986): ids must be IRIs.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
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
        "success": attempt.raw >= attempt.max,
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

/// The hour that a device named, when it lies between 2020 and now; else the collector's time.
fn timestamp(hour: u32, now: i64) -> String {
    const YEAR_2020: i64 = 1_577_836_800;
    let named = i64::from(hour) * 3600;
    let at = if (YEAR_2020..=now).contains(&named) {
        named
    } else {
        now
    };
    jiff::Timestamp::from_second(at)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}

/// The space of names that our UUIDs lie in.
const NAMESPACE: [u8; 16] = *b"pishtar xapi ids";

/// A version 5 UUID (RFC 9562, 5.5): the same parts give the same id.
fn uuid(parts: &[&str]) -> String {
    let mut hasher = sha1_smol::Sha1::new();
    hasher.update(&NAMESPACE);
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.digest().bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
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
