//! `pishtar ministry sign` and `renew`: signatures that waiting roles need, later expiry for those that end soon.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::MetaRole;
use pishtar_signing::key::KeyId;

use super::error::MinistryError;
use super::keys::{FoundKey, OLD, PassphraseArgs, Passphrases, Ring};
use super::roles::{DAY, OFFLINE_LIFETIME, Staged};
use super::signer::{self, SignerArgs, Wanted};
use super::status::waiting;
use super::workshop::Workshop;

/// What to sign and with what.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SignArgs {
    /// The folder of the workshop
    pub dir: PathBuf,
    /// Only this role: root, targets, snapshot, timestamp or a course such as math-6-sq
    #[arg(long)]
    pub role: Option<String>,
    /// Sign with this key file, which may lie on a stick; without it with every key in the workshop
    #[arg(long)]
    pub key: Vec<PathBuf>,
    /// Also renew what is not new, so that it expires later
    #[arg(long)]
    pub renew: bool,
    /// A command that signs
    #[command(flatten)]
    pub signer: SignerArgs,
    /// How passphrases of locked keys are given
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

/// What to renew.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RenewArgs {
    /// The folder of the workshop
    pub dir: PathBuf,
    /// Only this role: root, targets or a course such as math-6-sq
    #[arg(long)]
    pub role: Option<String>,
    /// Renew what expires within so many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub within: u32,
    /// How passphrases of locked keys are given
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

pub(super) fn sign(args: &SignArgs, now: UnixSeconds) -> Result<String, MinistryError> {
    let workshop = Workshop::open(&args.dir)?;
    let mut staged = Staged::load(&workshop)?;
    let ring = Ring::load(&workshop)?;
    let given = args.key.iter().map(|file| FoundKey::read(file));
    let given: Vec<FoundKey> = given.collect::<Result<_, _>>()?;
    let mut signer = Signer {
        keys: if given.is_empty() {
            ring.keys()
        } else {
            given.iter().collect()
        },
        by_name: !given.is_empty(),
        passphrases: Passphrases::new(&args.passphrase)?,
        skipped: BTreeSet::new(),
    };
    let roles = match &args.role {
        Some(role) => vec![staged.find(role)?],
        None => staged.waiting_roles(),
    };
    let mut out = String::new();
    for role in &roles {
        if args.renew && !matches!(role, MetaRole::Snapshot | MetaRole::Timestamp) {
            renew_role(&mut staged, role, now)?;
        }
        let added = match &args.signer.signer {
            Some(command) => by_command(&mut staged, role, command, args, &ring)?,
            None => signer.add(&mut staged, role)?,
        };
        out += &counted(role, added);
        // Kept even if a later role fails: a signature by a card is somebody's work.
        if args.signer.signer.is_some() {
            staged.save()?;
        }
    }
    staged.save()?;
    report(out, &staged, &roles, &ring, &signer)
}

pub(super) fn renew(args: &RenewArgs, now: UnixSeconds) -> Result<String, MinistryError> {
    let workshop = Workshop::open(&args.dir)?;
    let mut staged = Staged::load(&workshop)?;
    let ring = Ring::load(&workshop)?;
    let mut signer = Signer {
        keys: ring.keys(),
        by_name: false,
        passphrases: Passphrases::new(&args.passphrase)?,
        skipped: BTreeSet::new(),
    };
    let roles = match &args.role {
        Some(role) => vec![staged.find(role)?],
        None => staged.signed_roles(),
    };
    let until = now + UnixSeconds::from(args.within) * DAY;
    let ends = |role: &MetaRole| staged.expires(role).is_some_and(|end| end < until);
    let roles: Vec<MetaRole> = roles.into_iter().filter(ends).collect();
    if roles.is_empty() {
        return Ok(format!("Nothing expires within {} days.", args.within));
    }
    let mut out = String::new();
    for role in &roles {
        renew_role(&mut staged, role, now)?;
        let added = signer.add(&mut staged, role)?;
        out += &format!("{role}: renewed\n{}", counted(role, added));
    }
    staged.save()?;
    report(out, &staged, &roles, &ring, &signer)
}

/// What was done and what is still missing.
fn report(
    mut out: String,
    staged: &Staged<'_>,
    roles: &[MetaRole],
    ring: &Ring,
    signer: &Signer<'_>,
) -> Result<String, MinistryError> {
    let missing = waiting(staged, roles, ring) + &signer.skipped_words();
    let dir = staged.workshop.shown();
    if out.is_empty() && !missing.is_empty() {
        return Err(MinistryError::NothingSigned(missing));
    }
    if out.is_empty() {
        return Ok("Nothing waits for a signature.\n".into());
    }
    if missing.is_empty() {
        out += "All signatures are there.\n";
        out += &format!("Next: pishtar ministry publish {dir}\n");
    } else {
        out += "Still missing:\n";
        out += &missing;
    }
    Ok(out)
}

fn counted(role: &MetaRole, added: usize) -> String {
    match added {
        0 => String::new(),
        1 => format!("{role}: 1 signature added\n"),
        added => format!("{role}: {added} signatures added\n"),
    }
}

/// Key files that sign.
pub(super) struct Signer<'k> {
    keys: Vec<&'k FoundKey>,
    /// Were the keys named one by one? Then a locked one that stays locked is an error.
    by_name: bool,
    passphrases: Passphrases,
    /// Locked keys that were passed over.
    skipped: BTreeSet<String>,
}

impl<'k> Signer<'k> {
    /// Every key of the workshop.
    pub(super) fn all(ring: &'k Ring, passphrases: Passphrases) -> Signer<'k> {
        Signer {
            keys: ring.keys(),
            by_name: false,
            passphrases,
            skipped: BTreeSet::new(),
        }
    }

    /// Signs with every key whose signature the role asks for and lacks; tells how many were added.
    ///
    /// Locked and replaced keys are troubled only while signatures are missing.
    pub(super) fn add(
        &mut self,
        staged: &mut Staged<'_>,
        role: &MetaRole,
    ) -> Result<usize, MinistryError> {
        let wanted = wanted(staged, role);
        let mut keys: Vec<&FoundKey> = self.keys.clone();
        keys.retain(|key| wanted.contains(&key.public.id()));
        keys.sort_by_key(|key| (key.name.starts_with(OLD), key.is_locked()));
        let mut added = 0;
        for key in keys {
            let spare = !self.by_name && (key.is_locked() || key.name.starts_with(OLD));
            if spare && staged.repository.is_complete(role) {
                continue;
            }
            if !self.by_name && key.is_locked() && !self.passphrases.any() {
                self.skipped.insert(key.name.clone());
                continue;
            }
            match key.open(&mut self.passphrases) {
                Ok(secret) => staged.repository.sign(role, &secret)?,
                Err(MinistryError::Passphrase { .. }) if !self.by_name => {
                    self.skipped.insert(key.name.clone());
                    continue;
                }
                Err(error) => return Err(error),
            }
            added += 1;
        }
        Ok(added)
    }

    /// Which locked keys were passed over, and what to do; empty when none was.
    pub(super) fn skipped_words(&self) -> String {
        let words = |name: &String| {
            format!(
                "{name} is locked and was not used: give its passphrase with --passphrase-file, or run this at a terminal\n"
            )
        };
        self.skipped.iter().map(words).collect()
    }
}

/// Ids of the keys that have not signed the newest file of a role.
fn wanted(staged: &Staged<'_>, role: &MetaRole) -> BTreeSet<KeyId> {
    let status = staged.repository.status(role);
    let rules = status.map(|status| status.requirements).unwrap_or_default();
    rules.into_iter().flat_map(|rule| rule.missing).collect()
}

/// One signature by an external command, where one is missing that no key of the workshop can give.
fn by_command(
    staged: &mut Staged<'_>,
    role: &MetaRole,
    command: &str,
    args: &SignArgs,
    ring: &Ring,
) -> Result<usize, MinistryError> {
    if staged.repository.is_complete(role) {
        return Ok(0);
    }
    let (asked_for, args) = (args.role.is_some(), &args.signer);
    let ids = wanted(staged, role);
    let signers = staged.repository.signers(role).into_iter();
    let named = args.public_key.is_some();
    let keys = signers.filter(|(id, _)| ids.contains(id) && (named || !ring.has(id)));
    let keys: Vec<_> = keys.collect();
    let Some(message) = staged.repository.to_sign(role) else {
        return Ok(0);
    };
    // Of all roles only those are meant that wait for a key from elsewhere.
    if keys.is_empty() && !asked_for {
        return Ok(0);
    }
    let wanted = Wanted {
        role: role.to_string(),
        message,
        keys,
    };
    let signature = signer::sign(command, args, &wanted)?;
    staged.repository.add_signature(role, signature)?;
    Ok(1)
}

/// A new version with the same content that expires later.
fn renew_role(
    staged: &mut Staged<'_>,
    role: &MetaRole,
    now: UnixSeconds,
) -> Result<(), MinistryError> {
    let expires = now + OFFLINE_LIFETIME;
    match role.targets_role() {
        Some(name) => {
            staged.need(&name)?;
            staged.repository.renew(&name, expires)?;
        }
        None => staged.repository.edit_root(expires, |_| {})?,
    }
    Ok(())
}
