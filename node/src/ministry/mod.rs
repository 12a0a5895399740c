//! The ministry's workshop: keys, lessons, signatures and the published folder (`pishtar ministry …`).
//!
//! A workshop is a folder: `keys/` (secret), `files/` (lesson bytes by SHA-256), `staged/` (the newest text of every
//! role, signed or not) and, once published, `published/`. Every command may be repeated; none leaves a half-written
//! role behind.

mod add;
mod ceremony;
mod clean;
pub(crate) mod collection;
mod device;
mod error;
mod files;
mod init;
mod inline;
mod keys;
mod publish;
mod publisher;
mod roles;
mod rotate;
mod sign;
mod signer;
pub(crate) mod small;
mod status;
mod tidy;
mod verify;
mod withdraw;
mod workshop;

use std::path::PathBuf;

use clap::Subcommand;
use pishtar_catalog::MINISTRY;
use pishtar_signing::UnixSeconds;

pub use ceremony::{CeremonyCommand, CeremonySignArgs};
pub use collection::CollectionCommand;
pub use device::DeviceCommand;
pub use error::MinistryError;
pub use init::NewKeysArgs;
pub use keys::{KeyCommand, PassphraseArgs, open_collection};
pub use publisher::{PublisherCommand, PublisherError};
pub use rotate::RotateArgs;
pub use sign::{RenewArgs, SignArgs};
pub use signer::SignerArgs;
pub use verify::{Verified, verify};

/// The table's columns, as `add --help` explains them; the whole rules are in `pishtar_catalog::import`.
pub(crate) const TABLE_HELP: &str = "\
The table's first row names its columns; commas, semicolons or tabs, UTF-8:
  file           video, sound, PDF or picture, relative to the folder (needed)
  title_sq, title_sr-Cyrl, …   title by language; title alone means the lesson's own (one is needed)
  lang           sq, sr-Cyrl, sr-Latn, en, tr, bs, rom (needed)
  grade          0 (preschool) to 13 (needed)
  subject        a short word such as math (needed)
  id             the lesson's name in addresses; without it the file's name. Never change it later
  description_…  like title_…
  captions       sq:a.vtt;en:b.vtt   also audio_description, low_quality, worksheet, thumbnail
  author, licence, code, keywords (a;b), prerequisites (lesson ids, a;b)
  duration       seconds or m:ss, where the file does not say
  completion     percent to watch, opened, or right answers of all (5/7); without it 90";

/// What a ministry's clerk does.
#[derive(Debug, Clone, Subcommand)]
pub enum MinistryCommand {
    /// Make a new workshop with its keys
    Init {
        /// The folder of the workshop, new or empty
        dir: PathBuf,
        /// For a municipality or a school that publishes beside the ministry: its id
        #[arg(long, value_name = "ID", default_value = MINISTRY)]
        publisher: String,
        /// Whether new keys are locked
        #[command(flatten)]
        keys: NewKeysArgs,
    },
    /// Add or change lessons: a folder of files and a table that describes them
    #[command(after_help = TABLE_HELP)]
    Add {
        /// The folder of the workshop
        dir: PathBuf,
        /// The folder with videos, captions, worksheets and pictures
        #[arg(long)]
        from: PathBuf,
        /// The table (CSV in UTF-8); without it lessons.csv in the folder
        #[arg(long)]
        csv: Option<PathBuf>,
        /// Share the files with the folder instead of copying them: saves space, but they must never be edited in place
        #[arg(long)]
        link: bool,
    },
    /// Take a lesson out of the catalogue
    Withdraw {
        /// The folder of the workshop
        dir: PathBuf,
        /// The lesson's id, for example ministry/math-6-sq/thyesat
        lesson: String,
    },
    /// Sign what waits for signatures
    Sign(SignArgs),
    /// Let what expires soon expire later, and sign it
    Renew(RenewArgs),
    /// Write the signed catalogue and its files into a folder that nodes and any TUF client can read
    Publish {
        /// The folder of the workshop
        dir: PathBuf,
        /// Where to; without it published/ in the workshop
        #[arg(long)]
        to: Option<PathBuf>,
        /// Look at every file there again: write what is missing or damaged, delete what nothing names
        #[arg(long)]
        repair: bool,
        /// How passphrases of locked keys are given
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Check a published folder from its first root file alone: every signature, every file, every byte
    Verify {
        /// The published folder
        out: PathBuf,
        /// The first root file that schools were given; without it the folder's own 1.root.json
        #[arg(long)]
        root: Option<PathBuf>,
    },
    /// Replace, add or remove keys of a role, or change how many must sign
    Rotate(RotateArgs),
    /// Key files: make, lock, unlock, look at
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sign on a machine without network, by carrying files
    #[command(subcommand)]
    Ceremony(CeremonyCommand),
    /// Delete stored lesson files that no lesson names any more
    Clean {
        /// The folder of the workshop
        dir: PathBuf,
    },
    /// Municipalities and schools that publish beside the ministry
    #[command(subcommand)]
    Publisher(PublisherCommand),
    /// Lost devices
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Keys that open learners' records, one for each term
    #[command(subcommand)]
    Collection(CollectionCommand),
    /// Say what is signed, what waits, and what expires when
    Status {
        /// The folder of the workshop
        dir: PathBuf,
        /// A line for every course, also for those that need nothing
        #[arg(long)]
        all: bool,
        /// For machines
        #[arg(long)]
        json: bool,
    },
}

/// Carries out one command; what people should read goes to standard output.
///
/// # Errors
/// [`MinistryError`]: a sentence that names the remedy; [`MinistryError::is_usage`] tells exit code 2 from 1.
pub fn run(command: MinistryCommand) -> Result<(), MinistryError> {
    let now = now();
    let said = match command {
        MinistryCommand::Init {
            dir,
            publisher,
            keys,
        } => init::init(&dir, &publisher, &keys, now),
        MinistryCommand::Add {
            dir,
            from,
            csv,
            link,
        } => {
            let storing = if link {
                files::Storing::HardLink
            } else {
                files::Storing::Copy
            };
            add::add(&dir, &from, csv.as_deref(), storing, now)
        }
        MinistryCommand::Withdraw { dir, lesson } => withdraw::withdraw(&dir, &lesson, now),
        MinistryCommand::Sign(args) => sign::sign(&args, now),
        MinistryCommand::Renew(args) => sign::renew(&args, now),
        MinistryCommand::Publish {
            dir,
            to,
            repair,
            passphrase,
        } => {
            let extent = if repair {
                publish::Extent::Everything
            } else {
                publish::Extent::Changes
            };
            publish::publish(&dir, to.as_deref(), extent, &passphrase, now)
        }
        MinistryCommand::Verify { out, root } => {
            verify(&out, root.as_deref(), now).map(|verified| verified.to_string())
        }
        MinistryCommand::Rotate(args) => rotate::rotate(&args, now),
        MinistryCommand::Key(command) => keys::run(command),
        MinistryCommand::Clean { dir } => clean::clean(&dir),
        MinistryCommand::Ceremony(command) => ceremony::run(command, now),
        MinistryCommand::Publisher(command) => publisher::run(command, now),
        MinistryCommand::Device(command) => device::run(command, now),
        MinistryCommand::Collection(command) => collection::run(command),
        MinistryCommand::Status { dir, all, json } => {
            let form = match (json, all) {
                (true, _) => status::Form::Json,
                (false, true) => status::Form::EveryRole,
                (false, false) => status::Form::Words,
            };
            status::status(&dir, form, now)
        }
    }?;
    println!("{}", said.trim_end());
    Ok(())
}

/// The system's clock: a publisher's machine is expected to have one.
fn now() -> UnixSeconds {
    jiff::Timestamp::now().as_second()
}

#[cfg(test)]
mod ceremony_tests;
#[cfg(test)]
mod publish_tests;
#[cfg(test)]
mod publisher_tests;
#[cfg(test)]
mod tests;
