//! `pishtar ministry ceremony`: signatures by keys whose machine has no network, carried as files.
//!
//! `export` writes what is to be signed, `sign` signs it elsewhere, `import` brings the signatures back. A stick carries
//! any number of files and signatures, and any number of sticks may travel at once: what is signed is fixed by its bytes,
//! and the workshop takes from a stick nothing but signatures, each verified over its own bytes.

use std::path::PathBuf;

use clap::Subcommand;
use pishtar_signing::UnixSeconds;

mod export;
mod import;
mod offline;
mod parsed;
mod stick;
mod summary;

use super::error::MinistryError;
use super::keys::PassphraseArgs;
use super::signer::SignerArgs;

/// What is done at a ceremony, and where.
#[derive(Debug, Clone, Subcommand)]
pub enum CeremonyCommand {
    /// Write what waits for signatures on a stick (the workshop's machine)
    Export {
        /// The folder of the workshop
        dir: PathBuf,
        /// Only this role: root, targets, snapshot, timestamp or a course such as math-6-sq; may be given several times
        #[arg(long)]
        role: Vec<String>,
        /// The stick, or any folder
        #[arg(long, value_name = "STICK")]
        to: PathBuf,
    },
    /// Say what lies on a stick, what it changes and who has signed it (any machine)
    Show {
        /// The stick
        stick: PathBuf,
    },
    /// Sign what lies on a stick, after it was shown and agreed to (the machine without network)
    Sign(CeremonySignArgs),
    /// Bring signatures back from sticks (the workshop's machine)
    Import {
        /// The folder of the workshop
        dir: PathBuf,
        /// The stick; may be given several times
        #[arg(long, value_name = "STICK", required = true)]
        from: Vec<PathBuf>,
    },
}

/// What to sign on a stick and with what.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CeremonySignArgs {
    /// The stick
    pub stick: PathBuf,
    /// The key file; may be given several times
    #[arg(long, value_name = "K", required_unless_present = "signer")]
    pub key: Vec<PathBuf>,
    /// Only this role; may be given several times
    #[arg(long)]
    pub role: Vec<String>,
    /// Do not ask: what is shown is agreed to
    #[arg(long)]
    pub yes: bool,
    /// A command that signs
    #[command(flatten)]
    pub signer: SignerArgs,
    /// How passphrases of locked keys are given
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

pub(super) fn run(command: CeremonyCommand, now: UnixSeconds) -> Result<String, MinistryError> {
    match command {
        CeremonyCommand::Export { dir, role, to } => export::export(&dir, &role, &to, now),
        CeremonyCommand::Show { stick } => offline::show(&stick, now),
        CeremonyCommand::Sign(args) => offline::sign(&args, &mut offline::Terminal, now),
        CeremonyCommand::Import { dir, from } => import::import(&dir, &from),
    }
}

#[cfg(test)]
mod refusal_tests;
#[cfg(test)]
mod tests;
