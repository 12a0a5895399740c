//! `pishtar ministry rotate`: keys of a role replaced, added, removed, and how many must sign.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::key::{KeyId, PublicKey};
use pishtar_signing::repository::Signatories;

use super::collection::{self, Lock};
use super::error::MinistryError;
use super::keys::{FoundKey, PassphraseArgs, Ring};
use super::roles::{OFFLINE_LIFETIME, Staged};
use super::workshop::{About, CourseKeys, Workshop};

mod plan;

use plan::Before;
pub(super) use plan::retire;

const COURSES: &str = "courses";
/// Public keys are small; whatever is larger is something else.
const MAX_PUBLIC_BYTES: usize = 1 << 16;

/// Which keys of which role change.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RotateArgs {
    /// The folder of the workshop
    pub dir: PathBuf,
    /// Whose keys: root, targets, snapshot, timestamp, courses (all of them), one course such as math-6-sq, or collection
    #[arg(long)]
    pub role: String,
    /// The key to replace, for example root-2; needed where the role has several. It may be lost
    #[arg(long, value_name = "NAME")]
    pub replace: Option<String>,
    /// Add a public key that is kept elsewhere: a PEM file (ed25519, ECDSA P-256, RSA) or a key file
    #[arg(long, value_name = "FILE")]
    pub add_key: Vec<PathBuf>,
    /// Make a further key of this name in the workshop and add it
    #[arg(long, value_name = "NAME")]
    pub new_key: Vec<String>,
    /// Take a key away and put none in its place
    #[arg(long, value_name = "NAME")]
    pub remove: Vec<String>,
    /// How many keys must sign from now on
    #[arg(long, value_name = "N")]
    pub threshold: Option<u64>,
    /// Lock new key files with a passphrase, also where the old one was not locked
    #[arg(long)]
    pub encrypt_keys: bool,
    /// How passphrases of locked keys are given
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

pub(super) fn rotate(args: &RotateArgs, now: UnixSeconds) -> Result<String, MinistryError> {
    let workshop = Workshop::open(&args.dir)?;
    if args.role == "collection" {
        let lock = Lock {
            always: args.encrypt_keys,
            passphrase: &args.passphrase,
        };
        return collection::rotate(&workshop, &lock, now);
    }
    let mut staged = Staged::load(&workshop)?;
    let ring = Ring::load(&workshop)?;
    let roles = affected(&staged, &args.role)?;
    let present = match args.role.as_str() {
        COURSES => workshop.about.courses.signatories()?,
        _ => roles
            .first()
            .and_then(|role| staged.repository.signatories(role))
            .ok_or_else(|| unknown_role(&staged, &args.role))?,
    };
    let before = Before {
        args,
        workshop: &workshop,
        ring: &ring,
        present,
        elsewhere: elsewhere(&staged, &roles, &args.role)?,
    };
    let made = before.carry_out(before.plan()?)?;
    for role in &roles {
        if let MetaRole::Delegated(name) = role {
            staged.need(name)?;
        }
        staged
            .repository
            .rotate(role, &made.to, now + OFFLINE_LIFETIME)?;
    }
    staged.save()?;
    drop(staged);
    let mut about = About {
        names: made.names,
        ..workshop.about.clone()
    };
    if args.role == COURSES {
        about.courses = CourseKeys::of(&made.to);
    }
    let mut workshop = workshop;
    workshop.set_about(about)?;
    Ok(words(&workshop, &args.role, &made.said, &made.to))
}

/// Which roles' keys change; for `courses` every course.
fn affected(staged: &Staged<'_>, role: &str) -> Result<Vec<MetaRole>, MinistryError> {
    let found = match role {
        COURSES => staged.repository.roles().map(MetaRole::from).collect(),
        "root" => vec![MetaRole::Root],
        "targets" => vec![MetaRole::Targets],
        "snapshot" => vec![MetaRole::Snapshot],
        "timestamp" => vec![MetaRole::Timestamp],
        course => {
            let is_it = |name: &&_| ToString::to_string(*name) == course;
            let found = staged.repository.roles().find(is_it).map(MetaRole::from);
            vec![found.ok_or_else(|| unknown_role(staged, course))?]
        }
    };
    Ok(found)
}

/// Ids of the keys that sign roles other than these.
fn elsewhere(
    staged: &Staged<'_>,
    roles: &[MetaRole],
    named: &str,
) -> Result<BTreeSet<KeyId>, MinistryError> {
    let online = [MetaRole::Snapshot, MetaRole::Timestamp].into_iter();
    let all = staged.signed_roles().into_iter().chain(online);
    let others = all.filter(|role| !roles.contains(role));
    let mut keys: Vec<PublicKey> = others
        .filter_map(|role| staged.repository.signatories(&role))
        .flat_map(|signatories| signatories.keys)
        .collect();
    if named != COURSES {
        keys.extend(staged.workshop.about.courses.signatories()?.keys);
    }
    Ok(keys.iter().map(PublicKey::id).collect())
}

fn unknown_role(staged: &Staged<'_>, role: &str) -> MinistryError {
    let courses: Vec<String> = staged.repository.roles().map(ToString::to_string).collect();
    let known = [
        "root",
        "targets",
        "snapshot",
        "timestamp",
        COURSES,
        "collection",
    ];
    let known: Vec<&str> = known
        .into_iter()
        .chain(courses.iter().map(String::as_str))
        .collect();
    MinistryError::UnknownRole {
        role: role.into(),
        known: known.join(", "),
    }
}

/// The public half in a PEM file, or in a key file; and whether it was PEM.
pub(super) fn read_public(file: &Path) -> Result<(PublicKey, bool), MinistryError> {
    let unusable = |reason: String| MinistryError::Key {
        path: file.display().to_string(),
        reason,
    };
    let bytes = fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8_lossy(bytes.get(..MAX_PUBLIC_BYTES).unwrap_or(&bytes));
    if text.contains("-----BEGIN") {
        return PublicKey::from_pem(&text)
            .map(|key| (key, true))
            .map_err(unusable);
    }
    FoundKey::read(file).map(|key| (key.public, false))
}

fn words(workshop: &Workshop, role: &str, said: &str, to: &Signatories) -> String {
    let dir = workshop.shown();
    let note = match role {
        "root" => "The root before and the new one must each reach their number of signatures.",
        COURSES => "The targets key must sign the change, the new keys every course.",
        "targets" | "snapshot" | "timestamp" => "The root keys must sign the change.",
        _ => "The targets key must sign the change, the new keys the course.",
    };
    format!(
        "{said}From now on {} of {} keys must sign {role}. {note}\n\
         Next: pishtar ministry sign {dir}, then pishtar ministry publish {dir}",
        to.threshold,
        to.keys.len()
    )
}
