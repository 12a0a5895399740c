//! Where passphrases come from: files and the environment for scripts, else the terminal, without echo.

use std::fmt;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use pishtar_signing::locked::{LockError, Locked};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::super::error::MinistryError;

/// Shorter ones are guessed however much a guess costs.
const SHORTEST: usize = 10;
/// How often the terminal is asked for one key.
const ATTEMPTS: usize = 3;
const VARIABLE: &str = "PISHTAR_PASSPHRASE";

/// How scripts give passphrases; without them the terminal is asked.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PassphraseArgs {
    /// A file whose first line is the passphrase of locked keys; may be given several times [or: env PISHTAR_PASSPHRASE]
    #[arg(long, value_name = "F")]
    pub passphrase_file: Vec<PathBuf>,
}

/// Asks people: the question in, what they typed out.
type Asking = Box<dyn FnMut(&str) -> io::Result<Zeroizing<String>>>;

/// Passphrases given so far, and where to get more.
pub(in super::super) struct Passphrases {
    given: Vec<Zeroizing<String>>,
    ask: Option<Asking>,
}

impl fmt::Debug for Passphrases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passphrases({} given)", self.given.len())
    }
}

impl Passphrases {
    /// From the arguments, the environment, and the terminal where there is one.
    pub(in super::super) fn new(args: &PassphraseArgs) -> Result<Passphrases, MinistryError> {
        let mut given = Vec::new();
        for file in &args.passphrase_file {
            given.push(from_file(file)?);
        }
        if let Ok(text) = std::env::var(VARIABLE) {
            given.push(clean(&Zeroizing::new(text)));
        }
        let terminal = given.is_empty() && io::stdin().is_terminal();
        let ask = terminal.then(|| -> Asking {
            Box::new(|question| rpassword::prompt_password(question).map(Zeroizing::new))
        });
        Ok(Passphrases { given, ask })
    }

    /// From a list, for tests and for keys that are not locked.
    #[cfg(test)]
    pub(in super::super) fn of(given: &[&str]) -> Passphrases {
        let given = given.iter().map(|text| clean(text)).collect();
        Passphrases { given, ask: None }
    }

    /// From a script of answers, the last one first.
    #[cfg(test)]
    pub(in super::super) fn typed(mut answers: Vec<&'static str>) -> Passphrases {
        let ask = move |_: &str| match answers.pop() {
            Some(answer) => Ok(Zeroizing::new(answer.to_owned())),
            None => Err(io::Error::other("nobody answers")),
        };
        Passphrases {
            given: Vec::new(),
            ask: Some(Box::new(ask)),
        }
    }

    /// Can anything be unlocked at all?
    pub(in super::super) fn any(&self) -> bool {
        !self.given.is_empty() || self.ask.is_some()
    }

    /// Opens a locked secret of the file `path` with what is known, then by asking.
    pub(super) fn unlock(
        &mut self,
        path: &Path,
        locked: &Locked,
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, MinistryError> {
        let name = path.display().to_string();
        for passphrase in &self.given {
            match locked.unlock(passphrase, context) {
                Err(LockError::Wrong) => {}
                other => return other.map_err(|error| broken(&name, &error)),
            }
        }
        let given = self.given.len();
        let Some(ask) = &mut self.ask else {
            return Err(MinistryError::Passphrase { path: name, given });
        };
        for attempt in 1..=ATTEMPTS {
            let typed = ask(&format!("Passphrase of {name}: "))
                .map_err(MinistryError::io("asking for the passphrase of", path))?;
            let passphrase = clean(&typed);
            if passphrase.is_empty() {
                break;
            }
            match locked.unlock(&passphrase, context) {
                Ok(secret) => {
                    self.given.push(passphrase);
                    return Ok(secret);
                }
                Err(LockError::Wrong) if attempt < ATTEMPTS => eprintln!("That does not open it."),
                Err(LockError::Wrong) => {}
                Err(error) => return Err(broken(&name, &error)),
            }
        }
        Err(MinistryError::Passphrase {
            path: name,
            given: given + 1,
        })
    }

    /// A passphrase for new keys: the first that was given, else typed twice.
    pub(in super::super) fn choose(&mut self) -> Result<Zeroizing<String>, MinistryError> {
        if let Some(first) = self.given.first() {
            return strong(first.clone());
        }
        let refused = |reason: &str| MinistryError::NewPassphrase(reason.into());
        let Some(ask) = &mut self.ask else {
            return Err(refused("there is no terminal to ask at"));
        };
        let mut typed = |question: &str| -> Result<Zeroizing<String>, MinistryError> {
            let text = ask(question).map_err(|error| refused(&error.to_string()))?;
            Ok(clean(&text))
        };
        let first = strong(typed("New passphrase: ")?)?;
        if typed("The same again: ")? != first {
            return Err(refused("the two differ"));
        }
        self.given.push(first.clone());
        Ok(first)
    }
}

fn strong(passphrase: Zeroizing<String>) -> Result<Zeroizing<String>, MinistryError> {
    if passphrase.chars().count() < SHORTEST {
        let reason =
            format!("it has less than {SHORTEST} characters; four words in a row are good");
        return Err(MinistryError::NewPassphrase(reason));
    }
    Ok(passphrase)
}

fn from_file(file: &Path) -> Result<Zeroizing<String>, MinistryError> {
    let text = fs::read_to_string(file).map(Zeroizing::new);
    let text = text.map_err(MinistryError::io("reading the passphrase file", file))?;
    Ok(clean(text.lines().next().unwrap_or_default()))
}

/// One form for a letter that keyboards write in two: ë is one sign or two.
fn clean(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.trim_end_matches(['\r', '\n']).nfc().collect())
}

fn broken(path: &str, error: &LockError) -> MinistryError {
    MinistryError::Key {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
