//! What can go wrong in the workshop, each with its remedy.

use std::io;
use std::path::Path;

use pishtar_catalog::import::{EXAMPLE_HEADER, ImportErrors, TABLE_NAME};
use pishtar_signing::locked::LockError;
use pishtar_signing::repository::RepositoryError;

use super::publisher::PublisherError;

/// Why a `pishtar ministry` command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum MinistryError {
    /// The folder is something else.
    #[error("{0} is not a ministry's workshop: make one with `pishtar ministry init {0}`")]
    NotAWorkshop(String),
    /// `init` on a folder with something in it.
    #[error("{0} is not empty: give a new folder, so that no key is overwritten")]
    NotEmpty(String),
    /// Another command works on it.
    #[error("another `pishtar ministry` command works in {0}: wait until it ends")]
    Locked(String),
    /// The source folder is not there.
    #[error("{0} is not a folder: give the folder with the lessons' files after --from")]
    NoFolder(String),
    /// No table.
    #[error(
        "there is no table {0}: write {TABLE_NAME} into the folder or give another with --csv. \
         Its first row names the columns, for example {EXAMPLE_HEADER}"
    )]
    NoTable(String),
    /// The table or the files have faults; nothing was added.
    #[error("nothing was added, because of the table {table}:\n{errors}")]
    Import {
        /// The table.
        table: String,
        /// Every fault.
        errors: ImportErrors,
    },
    /// A lesson that is not there.
    #[error("there is no lesson {lesson}: {hint}")]
    UnknownLesson {
        /// As written.
        lesson: String,
        /// What there is.
        hint: String,
    },
    /// A role that is not there.
    #[error("there is no role {role}: it is one of {known}")]
    UnknownRole {
        /// As written.
        role: String,
        /// What there is.
        known: String,
    },
    /// A term's secret that is not here.
    #[error(
        "no secret of epoch {epoch} lies here: `collection list` names those that do; if it is on a stick, destroy it there"
    )]
    NoEpoch {
        /// As written.
        epoch: u32,
    },
    /// A term's secret that is still needed.
    #[error(
        "records are still sealed to epoch {epoch}: rotate the collection key, sign and publish, and destroy the old secret when the \
         term's records have come in"
    )]
    EpochInUse {
        /// As written.
        epoch: u32,
    },
    /// A key file that cannot be used.
    #[error("{path} is not a key that can be used: {reason}")]
    Key {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A locked key that no given passphrase opens.
    #[error("{path} is locked and {}", match given {
        0 => "there is no terminal to ask for its passphrase: give it with --passphrase-file or in PISHTAR_PASSPHRASE",
        _ => "the passphrase does not open it: try again. Without its passphrase a key is lost and must be replaced with `pishtar ministry rotate`",
    })]
    Passphrase {
        /// The key file.
        path: String,
        /// How many passphrases were tried.
        given: usize,
    },
    /// A new passphrase that will not do.
    #[error("no passphrase was set: {0}")]
    NewPassphrase(String),
    /// A key that cannot be locked.
    #[error("the key was not locked: {0}")]
    Lock(LockError),
    /// An external signer that did not give a signature.
    #[error("the signer `{command}` gave no signature: {reason}")]
    Signer {
        /// As written.
        command: String,
        /// What it did.
        reason: String,
    },
    /// It is not clear, or wrong, which key an external signer uses.
    #[error("{role} cannot be signed with the command: {reason}")]
    WhichKey {
        /// The role.
        role: String,
        /// Why not.
        reason: String,
    },
    /// A stick without a ceremony.
    #[error(
        "there is nothing to sign on {0}: write it there with `pishtar ministry ceremony export WORKSHOP --to {0}`"
    )]
    NoCeremony(String),
    /// A stick that is damaged or was tampered with.
    #[error("{path}: {reason}. Nothing of it was signed: export it again onto another stick")]
    BadStick {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody could be asked.
    #[error(
        "{0} was not signed: nobody agreed to it. Run this at a terminal, or say --yes after `ceremony show`"
    )]
    NobodyAgreed(String),
    /// Signatures that do not count.
    #[error("{refused}{}", if taken.is_empty() { "Nothing was taken".to_owned() } else { format!("The others were taken:\n{taken}") })]
    RefusedSignatures {
        /// What was taken, line by line.
        taken: String,
        /// What was refused and why.
        refused: String,
    },
    /// A change of keys that cannot be.
    #[error("the keys of {role} stay as they are: {reason}")]
    Rotation {
        /// The role.
        role: String,
        /// Why.
        reason: String,
    },
    /// Snapshot or timestamp lack signatures.
    #[error(
        "not published yet, because the {role} that was built waits for signatures:\n{missing}\
         Sign it with `pishtar ministry sign {dir} --role {role}` (its key file with --key, a card with --signer) or carry it \
         with `pishtar ministry ceremony export {dir} --to STICK`, then publish again"
    )]
    Unsealed {
        /// `snapshot` or `timestamp`.
        role: String,
        /// Which signatures.
        missing: String,
        /// The workshop.
        dir: String,
    },
    /// Nothing to sign with.
    #[error("none of the keys given may sign what waits:\n{0}")]
    NothingSigned(String),
    /// Thresholds are missing.
    #[error(
        "not published, because signatures are missing:\n{0}Sign with `pishtar ministry sign`, then publish again"
    )]
    Unsigned(String),
    /// The place to publish to belongs to another catalogue.
    #[error("{0} holds another publisher's catalogue: publish into a new folder with --to")]
    ForeignOut(String),
    /// A stored file is gone.
    #[error(
        "the file of {target} is missing from the workshop ({path}): add the lesson again from its folder"
    )]
    LostFile {
        /// The target.
        target: String,
        /// Where it should be.
        path: String,
    },
    /// A course's staged file is gone.
    #[error(
        "the course file {path} is missing from the workshop: copy {name} back from the metadata of the published folder, \
         or restore a backup"
    )]
    LostRole {
        /// Where it should be.
        path: String,
        /// Its name.
        name: String,
    },
    /// The staged metadata is damaged or cannot be edited so.
    #[error("the workshop's metadata: {0}")]
    Repository(#[from] RepositoryError),
    /// The list of publishers or of revoked devices.
    #[error(transparent)]
    Publisher(#[from] PublisherError),
    /// A published folder that does not verify.
    #[error("{0}")]
    NotVerified(String),
    /// The disk.
    #[error("{doing} {path} failed: {source}")]
    Io {
        /// Reading, writing, …
        doing: &'static str,
        /// The file or folder.
        path: String,
        /// The system's words.
        source: io::Error,
    },
}

impl MinistryError {
    /// Was the command itself wrong (exit code 2), rather than its work failing (exit code 1)?
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            MinistryError::NotAWorkshop(_)
                | MinistryError::NotEmpty(_)
                | MinistryError::NoFolder(_)
                | MinistryError::NoTable(_)
                | MinistryError::UnknownLesson { .. }
                | MinistryError::UnknownRole { .. }
                | MinistryError::WhichKey { .. }
                | MinistryError::NoEpoch { .. }
                | MinistryError::EpochInUse { .. }
                | MinistryError::Rotation { .. }
                | MinistryError::NewPassphrase(_)
                | MinistryError::NoCeremony(_)
                | MinistryError::NobodyAgreed(_)
                | MinistryError::Publisher(_)
        )
    }

    /// For `map_err` on file operations.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MinistryError {
        let path = path.display().to_string();
        move |source| MinistryError::Io {
            doing,
            path,
            source,
        }
    }
}
