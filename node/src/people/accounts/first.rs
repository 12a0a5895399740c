//! The first administrator: whoever reads the code off the device's console, once.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use pishtar_mesh::Now;

use super::{
    Account, AccountError, AccountId, Accounts, Role,
    store::{Store, StoreError, random},
};

/// Name of the file beside the accounts, while there is no administrator.
const FILE: &str = "first-administrator.code";
/// Letters and digits that nobody mistakes for each other.
const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz7";
/// Groups of four: 80 bits.
const GROUPS: usize = 4;

/// Where the code of the first administrator lies in a data folder, while there is none.
pub fn code_file(data: &Path) -> PathBuf {
    data.join(FILE)
}

/// The code, made when there is no administrator yet and removed when there is one.
pub(super) fn code(
    store: &Store,
    accounts: &BTreeMap<AccountId, Account>,
) -> Result<Option<String>, StoreError> {
    let path = store.path().with_file_name(FILE);
    if accounts
        .values()
        .any(|account| account.role == Role::Administrator)
    {
        return forget(&path).map(|()| None);
    }
    if let Ok(code) = fs::read_to_string(&path) {
        return Ok(Some(code.trim().to_owned()));
    }
    let random = random::<16>()?;
    let letters = random.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    let groups = letters.chunks(letters.len() / GROUPS);
    let code = groups.map(String::from_iter).collect::<Vec<_>>().join("-");
    let mut open = OpenOptions::new();
    let opened = open
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path);
    opened
        .and_then(|mut file| writeln!(file, "{code}").and_then(|()| file.sync_all()))
        .map_err(|error| StoreError::Write(error.to_string()))?;
    Ok(Some(code))
}

fn forget(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Write(error.to_string()))
        }
        _ => Ok(()),
    }
}

/// What counts of a code: letters and digits.
fn plain(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

impl Accounts {
    /// The code that makes the first administrator; none once there is one.
    pub fn first_code(&self) -> Option<String> {
        self.state().first_code.clone()
    }

    /// Makes the first administrator for whoever knows the code; it works once.
    ///
    /// # Errors
    /// [`AccountError`]; the code then still works.
    pub async fn add_first_administrator(
        &self,
        code: &str,
        login: &str,
        password: &str,
        client: IpAddr,
        now: Now,
    ) -> Result<AccountId, AccountError> {
        {
            let mut state = self.state();
            let counted = state.waits.count(None, client, now.mono);
            self.store
                .put_failures(&counted.map_err(AccountError::Wait)?)?;
            let hash = |code: &str| blake3::hash(plain(code).as_bytes());
            let right = state
                .first_code
                .as_deref()
                .is_some_and(|right| hash(right) == hash(code));
            if !right {
                return Err(AccountError::Code);
            }
            let forgiven = state.waits.right_client(client);
            self.store.put_failures(&forgiven)?;
        }
        let id = self.add_staff(Role::Administrator, login, password).await?;
        // Should another have been faster, the first stays and this one goes.
        let late = self.state().first_code.take().is_none();
        if late {
            self.remove(&id)?;
            return Err(AccountError::Code);
        }
        forget(&self.store.path().with_file_name(FILE))?;
        Ok(id)
    }
}
