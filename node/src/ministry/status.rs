//! `pishtar ministry status`: what is signed, what waits for whom, what expires when.

use std::collections::BTreeMap;
use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::key::KeyId;
use pishtar_signing::metadata::format_utc;
use pishtar_signing::repository::SignatureStatus;

use super::error::MinistryError;
use super::keys::{self, NamedKey};
use super::roles::Staged;
use super::workshop::Workshop;

const DAY: UnixSeconds = 86_400;
/// An offline role that expires sooner is pointed out.
const SOON: UnixSeconds = 45 * DAY;
/// A snapshot or timestamp that expires sooner is pointed out.
const VERY_SOON: UnixSeconds = 10 * DAY;

/// One line of the table.
struct Line {
    name: String,
    version: u64,
    expires: UnixSeconds,
    stage: Stage,
    note: String,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Waits,
    Signed,
    Published,
}

pub(super) fn status(dir: &Path, now: UnixSeconds) -> Result<String, MinistryError> {
    let workshop = Workshop::open(dir)?;
    let staged = Staged::load(&workshop)?;
    let known = keys::load_all(&workshop.keys())?;
    let lines: Vec<Line> = staged
        .signed_roles()
        .iter()
        .filter_map(|role| line(&staged, role, &known))
        .collect();
    let online = [MetaRole::Snapshot, MetaRole::Timestamp]
        .iter()
        .filter_map(|role| online(&staged, role));
    let lines: Vec<Line> = lines.into_iter().chain(online).collect();
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for Line {
        name,
        version,
        expires,
        stage,
        note,
    } in &lines
    {
        let stage = match stage {
            Stage::Waits => "waits",
            Stage::Signed => "signed, not published",
            Stage::Published => "published",
        };
        let date = format_utc(*expires);
        let age = age(*expires, now);
        out += &format!(
            "{name:width$}  version {version:<4} until {}{age}  {stage}{note}\n",
            &date[..10]
        );
    }
    Ok(out + &advice(&workshop, &lines, now))
}

fn line(staged: &Staged<'_>, role: &MetaRole, known: &BTreeMap<KeyId, NamedKey>) -> Option<Line> {
    let signatures = staged.repository.status(role)?;
    let stage = match (staged.is_published(role), signatures.is_complete()) {
        (true, _) => Stage::Published,
        (false, true) => Stage::Signed,
        (false, false) => Stage::Waits,
    };
    let (version, expires) = (staged.repository.version(role)?, staged.expires(role)?);
    Some(Line {
        name: role.to_string(),
        version,
        expires,
        stage,
        note: missing(&signatures, known),
    })
}

fn online(staged: &Staged<'_>, role: &MetaRole) -> Option<Line> {
    let name = role.to_string();
    let expires = staged.expires(role)?;
    Some(Line {
        version: staged.repository.version(role)?,
        name,
        expires,
        stage: Stage::Published,
        note: String::new(),
    })
}

fn age(expires: UnixSeconds, now: UnixSeconds) -> String {
    match expires - now {
        left if left <= 0 => " (expired)".into(),
        left if left < SOON => format!(" ({} days)", left / DAY),
        _ => String::new(),
    }
}

/// What to do next, when there is something to do.
fn advice(workshop: &Workshop, lines: &[Line], now: UnixSeconds) -> String {
    let dir = workshop.shown();
    let any = |stage: Stage| lines.iter().any(|line| line.stage == stage);
    let ends_before = |online: bool, left: UnixSeconds| {
        let is_online = |line: &Line| matches!(&*line.name, "snapshot" | "timestamp");
        lines
            .iter()
            .any(|line| is_online(line) == online && line.expires - now < left)
    };
    if any(Stage::Waits) {
        return format!("Next: pishtar ministry sign {dir}");
    }
    if any(Stage::Signed) {
        return format!("Next: pishtar ministry publish {dir}");
    }
    if ends_before(false, SOON) {
        return format!(
            "Renew what expires soon: pishtar ministry sign {dir} --renew, then pishtar ministry publish {dir}"
        );
    }
    if ends_before(true, VERY_SOON) {
        return format!("Tell schools that nothing newer exists: pishtar ministry publish {dir}");
    }
    "Nothing waits.".into()
}

/// The roles that lack signatures, one line each.
pub(super) fn waiting(
    staged: &Staged<'_>,
    roles: &[MetaRole],
    known: &BTreeMap<KeyId, NamedKey>,
) -> String {
    let statuses = roles
        .iter()
        .filter_map(|role| Some((role, staged.repository.status(role)?)));
    let waiting = statuses.filter(|(_, status)| !status.is_complete());
    waiting
        .map(|(role, status)| format!("{role}{}\n", missing(&status, known)))
        .collect()
}

/// `: 1 of 2 signatures, missing root-1 or root-3`, empty when nothing is missing.
fn missing(status: &SignatureStatus, known: &BTreeMap<KeyId, NamedKey>) -> String {
    let unmet = status.requirements.iter().filter(|rule| !rule.is_met());
    let words = unmet.map(|rule| {
        let names: Vec<String> = rule
            .missing
            .iter()
            .map(|id| keys::shown(id, known))
            .collect();
        format!(
            ": {} of {} signatures, missing {}",
            rule.signed.len(),
            rule.needed,
            names.join(" or ")
        )
    });
    words.collect()
}
