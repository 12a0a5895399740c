//! `pishtar ministry status`: what is signed, what waits for whom, what expires when, what to do next.

use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::metadata::format_utc;
use pishtar_signing::repository::SignatureStatus;
use serde::Serialize;

use super::error::MinistryError;
use super::keys::Ring;
use super::roles::{DAY, Staged};
use super::workshop::Workshop;

/// An offline role that expires sooner is pointed out.
const SOON: UnixSeconds = 45 * DAY;
/// A snapshot or timestamp that expires sooner is pointed out.
const VERY_SOON: UnixSeconds = 10 * DAY;

/// How the status is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What needs attention in full, courses that need none in one line.
    Words,
    /// A line for every course.
    EveryRole,
    /// For machines.
    Json,
}

/// One role.
#[derive(Debug, Serialize)]
struct Line {
    role: String,
    version: u64,
    /// RFC 3339.
    expires: String,
    expires_in_s: i64,
    state: State,
    /// One per threshold that is not met: for a root also that of the root before it.
    missing: Vec<Missing>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Waits,
    Signed,
    Published,
    /// Published, and signed by keys that do so no longer.
    Outdated,
}

#[derive(Debug, Serialize)]
struct Missing {
    /// Whose key list asks, such as `1.root.json`.
    by: String,
    signed: usize,
    needed: u64,
    /// Keys of which further ones must sign.
    of: Vec<String>,
    /// Which of them lie in the workshop.
    here: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    publisher: String,
    roles: Vec<Line>,
    /// The next command, if something is to be done.
    next: Option<String>,
    /// Why.
    why: String,
}

pub(super) fn status(dir: &Path, form: Form, now: UnixSeconds) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let staged = Staged::load(&workshop)?;
    let ring = Ring::load(&workshop)?;
    let roles = staged.signed_roles().into_iter();
    let roles = roles.chain([MetaRole::Snapshot, MetaRole::Timestamp]);
    let lines: Vec<Line> = roles
        .filter_map(|role| line(&staged, &role, &ring, now))
        .collect();
    let (next, why) = advice(&workshop, &lines);
    if form == Form::Json {
        let report = Report {
            publisher: workshop.about.publisher.clone(),
            roles: lines,
            next,
            why,
        };
        return Ok(serde_json::to_string_pretty(&report).expect("strings and numbers are JSON"));
    }
    let advice = match next {
        Some(command) => format!("{why}\nNext: {command}"),
        None => why,
    };
    Ok(table(&lines, form) + &advice)
}

fn line(staged: &Staged<'_>, role: &MetaRole, ring: &Ring, now: UnixSeconds) -> Option<Line> {
    let signatures = staged.repository.status(role)?;
    let expires = staged.expires(role)?;
    let mut missing = missing(&signatures, ring);
    let online = matches!(role, MetaRole::Snapshot | MetaRole::Timestamp);
    let state = match (missing.is_empty(), staged.is_published(role)) {
        (false, true) if online => State::Outdated,
        (false, _) => State::Waits,
        (true, true) => State::Published,
        (true, false) => State::Signed,
    };
    if state == State::Outdated {
        missing.clear();
    }
    Some(Line {
        role: role.to_string(),
        version: staged.repository.version(role)?,
        expires: format_utc(expires),
        expires_in_s: expires - now,
        state,
        missing,
    })
}

impl Line {
    fn is_online(&self) -> bool {
        matches!(&*self.role, "snapshot" | "timestamp")
    }

    fn is_course(&self) -> bool {
        !self.is_online() && !matches!(&*self.role, "root" | "targets")
    }

    fn ends_soon(&self) -> bool {
        self.expires_in_s < if self.is_online() { VERY_SOON } else { SOON }
    }

    fn words(&self, width: usize) -> String {
        let state = match self.state {
            State::Waits => "waits",
            State::Signed => "signed, not published",
            State::Published => "published",
            State::Outdated => "published, its keys changed since",
        };
        let missing: String = self.missing.iter().map(Missing::words).collect();
        format!(
            "{:width$}  version {:<4} until {} ({})  {state}{missing}\n",
            self.role,
            self.version,
            &self.expires[..10],
            relative(self.expires_in_s)
        )
    }
}

impl Missing {
    /// `: 1 of 2 signatures, missing root-1 or root-3`.
    fn words(&self) -> String {
        format!(
            ": {} of {} signatures, missing {}",
            self.signed,
            self.needed,
            self.of.join(" or ")
        )
    }
}

fn table(lines: &[Line], form: Form) -> String {
    let quiet = |line: &&Line| {
        form == Form::Words
            && line.is_course()
            && line.state == State::Published
            && !line.ends_soon()
    };
    let shown: Vec<&Line> = lines.iter().filter(|line| !quiet(line)).collect();
    let width = shown.iter().map(|line| line.role.len()).max().unwrap_or(0);
    let mut out: String = shown.iter().map(|line| line.words(width)).collect();
    let first = lines
        .iter()
        .filter(quiet)
        .min_by_key(|line| line.expires_in_s);
    if let Some(first) = first {
        out += &format!(
            "{} courses are published; the first expires {} ({})\n",
            lines.iter().filter(quiet).count(),
            &first.expires[..10],
            relative(first.expires_in_s)
        );
    }
    out
}

fn relative(seconds: i64) -> String {
    match seconds / DAY {
        _ if seconds <= 0 => format!("expired {} days ago", -seconds / DAY),
        0 => "today".into(),
        1 => "1 day left".into(),
        days => format!("{days} days left"),
    }
}

/// The next command, when there is something to do, and why.
fn advice(workshop: &Workshop, lines: &[Line]) -> (Option<String>, String) {
    let dir = workshop.shown();
    let waits: Vec<&Line> = lines
        .iter()
        .filter(|line| line.state == State::Waits)
        .collect();
    let unmet = waits.iter().flat_map(|line| &line.missing);
    if unmet.clone().any(|rule| !rule.here.is_empty()) {
        let next = format!("pishtar ministry sign {dir}");
        return (Some(next), "Keys that lie here have not signed yet.".into());
    }
    if !waits.is_empty() {
        let next = format!("pishtar ministry ceremony export {dir} --to STICK");
        return (
            Some(next),
            "Signatures by keys that are kept elsewhere are missing.".into(),
        );
    }
    let publish = Some(format!("pishtar ministry publish {dir}"));
    let ready = [State::Signed, State::Outdated];
    if lines.iter().any(|line| ready.contains(&line.state)) {
        return (publish, "All signatures are there.".into());
    }
    if lines
        .iter()
        .any(|line| line.ends_soon() && !line.is_online())
    {
        let next = format!("pishtar ministry renew {dir}");
        return (Some(next), "Some roles expire soon.".into());
    }
    if lines.iter().any(|line| line.ends_soon()) {
        return (
            publish,
            "Schools should hear again that nothing newer exists.".into(),
        );
    }
    (None, "Nothing waits.".into())
}

/// The roles that lack signatures, one line each.
pub(super) fn waiting(staged: &Staged<'_>, roles: &[MetaRole], ring: &Ring) -> String {
    let statuses = roles
        .iter()
        .filter_map(|role| Some((role, staged.repository.status(role)?)));
    let waiting = statuses.filter(|(_, status)| !status.is_complete());
    waiting
        .map(|(role, status)| {
            let missing: String = missing(&status, ring).iter().map(Missing::words).collect();
            format!("{role}{missing}\n")
        })
        .collect()
}

fn missing(status: &SignatureStatus, ring: &Ring) -> Vec<Missing> {
    let unmet = status.requirements.iter().filter(|rule| !rule.is_met());
    unmet
        .map(|rule| Missing {
            by: rule.by.clone(),
            signed: rule.signed.len(),
            needed: rule.needed,
            of: ring.list(&rule.missing),
            here: ring.list(rule.missing.iter().filter(|id| ring.has(id))),
        })
        .collect()
}
