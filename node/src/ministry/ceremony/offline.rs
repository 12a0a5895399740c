//! `ceremony show` and `ceremony sign`: on the machine that has the key and no network.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::key::{KeyId, PublicKey, Signature};

use super::super::error::MinistryError;
use super::super::keys::{FoundKey, Passphrases};
use super::super::rotate::read_public;
use super::super::signer::{self, Wanted};
use super::stick::{Case, read_stick};
use super::{CeremonySignArgs, summary};

/// Who agrees to what is shown.
pub(super) trait Agrees {
    /// Puts `text` before them.
    fn show(&mut self, text: &str);

    /// Asks; `None` where nobody can be asked.
    fn agrees(&mut self, question: &str) -> io::Result<Option<bool>>;
}

/// The person in front of the screen.
pub(super) struct Terminal;

impl Agrees for Terminal {
    fn show(&mut self, text: &str) {
        println!("{}", text.trim_end());
    }

    fn agrees(&mut self, question: &str) -> io::Result<Option<bool>> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        print!("{question} Write yes: ");
        io::stdout().flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        Ok(Some(line.trim().eq_ignore_ascii_case("yes")))
    }
}

pub(super) fn show(stick: &Path, now: UnixSeconds) -> Result<String, MinistryError> {
    let mut out = String::new();
    for case in read_stick(stick)? {
        out += &summary::summary(&case, now);
        out += &summary::standing(&case)?;
    }
    Ok(out)
}

pub(super) fn sign(
    args: &CeremonySignArgs,
    person: &mut dyn Agrees,
    now: UnixSeconds,
) -> Result<String, MinistryError> {
    let keys = args.key.iter().map(|file| FoundKey::read(file));
    let keys: Vec<FoundKey> = keys.collect::<Result<_, _>>()?;
    let mut passphrases = Passphrases::new(&args.passphrase)?;
    let cases = read_stick(&args.stick)?;
    let chosen =
        |case: &&Case| args.role.is_empty() || args.role.contains(&case.file.role.to_string());
    let mut out = String::new();
    let mut asked = String::new();
    for case in cases.iter().filter(chosen) {
        asked += &summary::standing(case)?;
        let signers = match &args.signer.signer {
            Some(command) => by_command(case, command, args)?,
            None => files(case, &keys)?,
        };
        for by in signers {
            person
                .show(&(summary::summary(case, now) + &summary::comparison_warning(case, by.id())));
            let question = format!("Sign {} with {}?", case.file, by.name(case));
            if !args.yes && !agreed(person, &question, case)? {
                out += &format!("{}: not signed\n", case.file);
                continue;
            }
            let signature = by.sign(case, args, &mut passphrases)?;
            case.add(&signature)?;
            out += &format!("{}: signed by {}\n", case.file, case.name(&signature.keyid));
        }
    }
    if out.is_empty() {
        return Err(MinistryError::NothingSigned(asked));
    }
    let stick = args.stick.display();
    Ok(format!("{out}Carry {stick} back, or to the next signer"))
}

fn agreed(person: &mut dyn Agrees, question: &str, case: &Case) -> Result<bool, MinistryError> {
    let answer = person
        .agrees(question)
        .map_err(MinistryError::io("asking about", &case.folder))?;
    answer.ok_or_else(|| MinistryError::NobodyAgreed(case.file.to_string()))
}

/// What signs one file.
enum By<'b> {
    File(KeyId, &'b FoundKey),
    Command(&'b str),
}

/// The given key files that are asked to sign and have not.
fn files<'k>(case: &Case, keys: &'k [FoundKey]) -> Result<Vec<By<'k>>, MinistryError> {
    let missing = missing(case)?;
    let matching = |key: &'k FoundKey| {
        let pem = key.public.to_pem();
        let found = missing.iter().find(|(_, public)| public.to_pem() == pem);
        found.map(|(id, _)| By::File(id.clone(), key))
    };
    Ok(keys.iter().filter_map(matching).collect())
}

/// The command, where a key that it may stand for is asked to sign and has not.
fn by_command<'c>(
    case: &Case,
    command: &'c str,
    args: &CeremonySignArgs,
) -> Result<Vec<By<'c>>, MinistryError> {
    let mut missing = missing(case)?;
    if let Some(file) = &args.signer.public_key {
        let pem = read_public(file)?.0.to_pem();
        missing.retain(|(_, key)| key.to_pem() == pem);
    }
    Ok(match missing.is_empty() {
        true => Vec::new(),
        false => vec![By::Command(command)],
    })
}

/// Keys that are asked to sign and have not.
fn missing(case: &Case) -> Result<Vec<(KeyId, PublicKey)>, MinistryError> {
    let standing = case.standing()?;
    let missing: std::collections::BTreeSet<KeyId> = standing
        .into_iter()
        .flat_map(|standing| standing.missing)
        .collect();
    let keys = case.keys().into_iter();
    Ok(keys.filter(|(id, _)| missing.contains(id)).collect())
}

impl By<'_> {
    fn name(&self, case: &Case) -> String {
        match self {
            By::File(id, _) => case.name(id),
            By::Command(command) => format!("the command `{command}`"),
        }
    }

    fn id(&self) -> Option<&KeyId> {
        match self {
            By::File(id, _) => Some(id),
            By::Command(_) => None,
        }
    }

    fn sign(
        &self,
        case: &Case,
        args: &CeremonySignArgs,
        passphrases: &mut Passphrases,
    ) -> Result<Signature, MinistryError> {
        match self {
            By::File(id, key) => {
                let signature = key.open(passphrases)?.sign(case.new.message());
                Ok(Signature {
                    keyid: id.clone(),
                    ..signature
                })
            }
            By::Command(command) => {
                let wanted = Wanted {
                    role: case.file.role.to_string(),
                    message: case.new.message(),
                    keys: missing(case)?,
                };
                signer::sign(command, &args.signer, &wanted)
            }
        }
    }
}
