//! `pishtar ministry rotate`: keys of a role replaced, added, removed, and how many must sign.

use std::fs;
use std::path::{Path, PathBuf};

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::key::{KeyId, PublicKey};
use pishtar_signing::repository::Signatories;

use super::error::MinistryError;
use super::init::store_collection;
use super::keys::{self, COLLECTION, FoundKey, OLD, PassphraseArgs, Passphrases, Ring};
use super::roles::{OFFLINE_LIFETIME, Staged};
use super::workshop::{About, CourseKeys, Workshop, create_dir};

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
        return rotate_collection(workshop, args, now);
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
    let plan = Plan::new(args, &ring, &present, &workshop)?;
    let made = plan.carry_out(&workshop, args)?;
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

/// What changes, checked as a whole before a key is made.
struct Plan {
    /// Keys that go, with their names.
    out: Vec<(KeyId, String)>,
    /// Keys that stay.
    stay: Vec<PublicKey>,
    /// Keys that come from elsewhere, with their names.
    add: Vec<(PublicKey, String)>,
    /// Names of keys to make.
    make: Vec<String>,
    threshold: u64,
    lock: bool,
}

/// What became of it.
struct Made {
    to: Signatories,
    names: std::collections::BTreeMap<KeyId, String>,
    said: String,
}

impl Plan {
    fn new(
        args: &RotateArgs,
        ring: &Ring,
        present: &Signatories,
        workshop: &Workshop,
    ) -> Result<Plan, MinistryError> {
        let listed = || {
            ring.list(&present.keys.iter().map(PublicKey::id).collect::<Vec<_>>())
                .join(", ")
        };
        let refused = |reason: String| MinistryError::Rotation {
            role: args.role.clone(),
            reason,
        };
        let find = |name: &String| {
            let found = ring
                .find(&present.keys, name)
                .map(|key| (key.id(), name.clone()));
            found.ok_or_else(|| refused(format!("it has no key {name}: its keys are {}", listed())))
        };
        let nothing_said = args.replace.is_none()
            && args.add_key.is_empty()
            && args.new_key.is_empty()
            && args.remove.is_empty()
            && args.threshold.is_none();
        let replaced = match (&args.replace, &present.keys[..]) {
            (Some(name), _) => Some(find(name)?),
            (None, [one]) if nothing_said => Some((one.id(), ring.shown(&one.id()))),
            (None, _) if nothing_said => {
                let reason = format!("say with --replace which of its keys: {}", listed());
                return Err(refused(reason));
            }
            (None, _) => None,
        };
        let mut make = args.new_key.clone();
        if let Some((id, name)) = &replaced
            && args.add_key.is_empty()
            && make.is_empty()
        {
            let named = name.starts_with("key ") || name.starts_with(OLD);
            make.push(if named || id.0.starts_with(name.as_str()) {
                free_name(workshop, &args.role)
            } else {
                name.clone()
            });
        }
        let mut out: Vec<(KeyId, String)> = replaced.into_iter().collect();
        for name in &args.remove {
            out.push(find(name)?);
        }
        let goes = |key: &&PublicKey| !out.iter().any(|(id, _)| *id == key.id());
        let stay: Vec<PublicKey> = present.keys.iter().filter(goes).cloned().collect();
        let mut add = Vec::new();
        for file in &args.add_key {
            let (key, _) = read_public(file)?;
            if stay
                .iter()
                .chain(add.iter().map(|(key, _)| key))
                .any(|there| there.to_pem() == key.to_pem())
            {
                return Err(refused(format!(
                    "the key in {} signs it already",
                    file.display()
                )));
            }
            add.push((
                key,
                file.file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            ));
        }
        let threshold = args.threshold.unwrap_or(present.threshold);
        let count = (stay.len() + add.len() + make.len()) as u64;
        if threshold == 0 || threshold > count {
            return Err(refused(format!(
                "it would have {count} keys of which {threshold} must sign, which can never be: give --threshold 1 to {count}, or add keys"
            )));
        }
        let was_locked = out.iter().any(|(_, name)| {
            keys::is_locked(&workshop.keys().join(format!("{name}.json"))).unwrap_or(false)
        });
        Ok(Plan {
            out,
            stay,
            add,
            make,
            threshold,
            lock: args.encrypt_keys || was_locked,
        })
    }

    /// Moves replaced key files away, makes new ones.
    fn carry_out(self, workshop: &Workshop, args: &RotateArgs) -> Result<Made, MinistryError> {
        let lock = match self.lock && !self.make.is_empty() {
            true => Some(Passphrases::new(&args.passphrase)?.choose()?),
            false => None,
        };
        let mut names = workshop.about.names.clone();
        let mut said = String::new();
        for (id, name) in &self.out {
            let there = retire(workshop, name)?;
            names.insert(id.clone(), format!("{OLD}{name}"));
            let place = match there {
                true => {
                    "; its file lies in keys/retired and should be destroyed once nothing needs it"
                }
                false => "; its file is not in the workshop",
            };
            said += &format!("{name} signs no longer{place}\n");
        }
        let mut all = self.stay;
        for (key, name) in self.add {
            said += &format!("{name} signs from now on; its secret half is kept elsewhere\n");
            names.insert(key.id(), name);
            all.push(key);
        }
        for name in self.make {
            let path = workshop.keys().join(format!("{name}.json"));
            let key = keys::create(&path, lock.as_ref().map(|text| text.as_str()))?;
            said += &format!("{name} is new: {}\n", path.display());
            names.insert(key.public().id(), name);
            all.push(key.public());
        }
        Ok(Made {
            to: Signatories {
                keys: all,
                threshold: self.threshold,
            },
            names,
            said,
        })
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

fn free_name(workshop: &Workshop, role: &str) -> String {
    let taken = |name: &String| {
        workshop.keys().join(format!("{name}.json")).exists()
            || workshop.about.names.values().any(|known| known == name)
    };
    let mut names = (1..).map(|number| format!("{role}-{number}"));
    names
        .find(|name| !taken(name))
        .expect("numbers do not run out")
}

fn rotate_collection(
    workshop: Workshop,
    args: &RotateArgs,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let mut staged = Staged::load(&workshop)?;
    let epoch = keys::collection_epoch(&workshop.keys())?;
    let was_locked = keys::is_locked(&workshop.keys().join(COLLECTION))?;
    let lock = match args.encrypt_keys || was_locked {
        true => Some(Passphrases::new(&args.passphrase)?.choose()?),
        false => None,
    };
    retire(&workshop, "collection")?;
    let lock = lock.as_ref().map(|text| text.as_str());
    let secret = keys::create_collection(&workshop.keys(), epoch + 1, lock)?;
    let (path, file) = store_collection(&workshop, &secret.public())?;
    staged
        .repository
        .edit_targets(now + OFFLINE_LIFETIME, |targets| {
            drop(targets.insert(path, file))
        })?;
    staged.save()?;
    let dir = workshop.shown();
    Ok(format!(
        "The collection key is new: epoch {}. The old one lies in {dir}/keys/retired: keep it until no school sends records sealed to it.\n\
         Next: pishtar ministry sign {dir}, then pishtar ministry publish {dir}",
        epoch + 1
    ))
}

/// Moves a key's file out of use without destroying it; says whether there was one.
fn retire(workshop: &Workshop, name: &str) -> Result<bool, MinistryError> {
    let path = workshop.keys().join(format!("{name}.json"));
    if !path.exists() {
        return Ok(false);
    }
    let retired = workshop.keys().join("retired");
    create_dir(&retired)?;
    let places = (1..).map(|number| retired.join(format!("{name}.{number}.json")));
    let place = places
        .into_iter()
        .find(|place| !place.exists())
        .expect("numbers do not run out");
    fs::rename(&path, &place).map_err(MinistryError::io("moving", &path))?;
    Ok(true)
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
