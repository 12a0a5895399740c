//! `pishtar ministry key …`: key files made, locked, unlocked and looked at, on any machine, without a workshop.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::super::error::MinistryError;
use super::file::{check, create, lock_file, unlock_file};
use super::passphrase::{PassphraseArgs, Passphrases};
use super::{FoundKey, PublicKey};

/// What can be done with a key file.
#[derive(Debug, Clone, Subcommand)]
pub enum KeyCommand {
    /// Make a new ed25519 key in a file that is not there yet
    New {
        /// The key file to make, for example root-4.json
        file: PathBuf,
        /// Lock it with a passphrase
        #[arg(long)]
        encrypt: bool,
        /// How passphrases of locked keys are given
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Lock key files with a passphrase, or give them another one
    Encrypt {
        /// The key files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// A file whose first line is the new passphrase; without it --passphrase-file or the terminal
        #[arg(long, value_name = "F")]
        new_passphrase_file: Option<PathBuf>,
        /// How passphrases of locked keys are given
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Take the lock off key files
    Decrypt {
        /// The key files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// How passphrases of locked keys are given
        #[command(flatten)]
        passphrase: PassphraseArgs,
    },
    /// Say what a key file or a PEM public key is; no passphrase is needed
    Show {
        /// The file
        file: PathBuf,
        /// Print the public half as PEM, for `rotate --add-key` on another machine
        #[arg(long)]
        pem: bool,
    },
}

/// Carries out one command; the words to print.
pub(in super::super) fn run(command: KeyCommand) -> Result<String, MinistryError> {
    match command {
        KeyCommand::New {
            file,
            encrypt,
            passphrase,
        } => new(&file, encrypt, &passphrase),
        KeyCommand::Encrypt {
            files,
            new_passphrase_file,
            passphrase,
        } => encrypt(&files, new_passphrase_file, &passphrase),
        KeyCommand::Decrypt { files, passphrase } => {
            let mut passphrases = Passphrases::new(&passphrase)?;
            let unlock = |file: &PathBuf| -> Result<String, MinistryError> {
                unlock_file(file, &mut passphrases)?;
                Ok(format!(
                    "{} is no longer locked: whoever reads it can sign\n",
                    file.display()
                ))
            };
            files.iter().map(unlock).collect()
        }
        KeyCommand::Show { file, pem } => show(&file, pem),
    }
}

fn new(file: &Path, lock: bool, passphrase: &PassphraseArgs) -> Result<String, MinistryError> {
    let lock = match lock {
        true => Some(Passphrases::new(passphrase)?.choose()?),
        false => None,
    };
    let key = create(file, lock.as_ref().map(|text| text.as_str()))?;
    let shown = file.display();
    Ok(format!(
        "{shown} is a new key{}, id {}\n\
         Its public half, to carry to the workshop: pishtar ministry key show {shown} --pem",
        if lock.is_some() { ", locked" } else { "" },
        key.public().id()
    ))
}

fn encrypt(
    files: &[PathBuf],
    new: Option<PathBuf>,
    passphrase: &PassphraseArgs,
) -> Result<String, MinistryError> {
    let mut old = Passphrases::new(passphrase)?;
    // The old passphrase is asked for before the new one, and nothing changes when one file cannot be opened.
    for file in files {
        check(file, &mut old)?;
    }
    let new = match new {
        Some(file) => Passphrases::new(&PassphraseArgs {
            passphrase_file: vec![file],
        })?
        .choose()?,
        None if passphrase.passphrase_file.is_empty() => Passphrases::new(passphrase)?.choose()?,
        None => old.choose()?,
    };
    let lock = |file: &PathBuf| -> Result<String, MinistryError> {
        lock_file(file, &mut old, &new)?;
        Ok(format!(
            "{} is locked with the passphrase\n",
            file.display()
        ))
    };
    let said: String = files.iter().map(lock).collect::<Result<_, _>>()?;
    Ok(
        said + "A copy that was made before is not: destroy it. Without the passphrase the key is lost"
    )
}

fn show(file: &Path, pem: bool) -> Result<String, MinistryError> {
    let (public, kind) = match super::super::rotate::read_public(file)? {
        (public, true) => (public, "public key"),
        (public, false) if FoundKey::read(file)?.is_locked() => {
            (public, "secret key, locked with a passphrase")
        }
        (public, false) => (
            public,
            "secret key, NOT locked: whoever reads the file can sign",
        ),
    };
    let text = public.to_pem().unwrap_or_default();
    if pem {
        return Ok(text);
    }
    Ok(format!(
        "{}: {} {kind}\n  id {}\n{text}",
        file.display(),
        words(&public),
        public.id()
    ))
}

fn words(public: &PublicKey) -> String {
    match public.keytype() {
        "ed25519" => "ed25519".into(),
        "rsa" => "RSA-PSS".into(),
        _ => "ECDSA".into(),
    }
}
