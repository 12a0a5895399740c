//! Who may sign in here: roles, secrets, waits after wrong ones, sessions. One redb file, fsync on commit.
//!
//! Always true: of a secret only its Argon2id hash is stored, of a session only the hash of its id; a try counts as
//! wrong on the disk before it is looked at, so that neither a kill nor two tries at once give a free guess; the file
//! has no name of a learner, only the opaque ids under which the school's book knows them.

use std::{
    collections::BTreeMap,
    fmt,
    net::IpAddr,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pishtar_mesh::Now;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};
use zeroize::Zeroizing;

mod first;
mod lockout;
mod secret;
mod sessions;
mod store;
#[cfg(test)]
mod tests;

pub use first::code_file;
pub use lockout::Allowance;
use lockout::Waits;
pub use secret::{MIN_PASSWORD, PICTURES, SecretError, SecretKind};
pub use sessions::{Seat, Session, Token};
use store::Store;
pub use store::StoreError;

/// Hashes made at the same moment: each takes 19 MiB, and the board has 1 GiB.
const MAX_HASHES: usize = 2;
/// Most people who may sign in besides learners; keeps the list of teachers a page.
const MAX_STAFF: usize = 500;
/// Longest name that somebody signs in with, bytes.
const MAX_LOGIN: usize = 80;

/// What somebody may do. Every role may do what is open to all; none includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Sees and writes their own progress.
    Learner,
    /// Sees their classes' progress and assigns lessons to them.
    Teacher,
    /// Keeps classes, learners, teachers and this device's switches.
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Learner, Role::Teacher, Role::Administrator];
}

/// The opaque id of an account: of a learner the id in the school's book. Hidden from `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountId(String);

impl AccountId {
    /// The id with this text.
    pub fn new(text: impl Into<String>) -> AccountId {
        AccountId(text.into())
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountId(hidden)")
    }
}

/// One who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What they may do.
    pub role: Role,
    /// The name that staff type to sign in; empty for learners, who are named in the school's book only.
    pub login: String,
    secret: secret::Hashed,
}

impl Account {
    /// How its secret is typed.
    pub fn secret_kind(&self) -> SecretKind {
        self.secret.kind()
    }
}

/// Why somebody was not let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No such account, or another secret; which of the two is not told.
    #[error("that is not the right name and secret")]
    Wrong,
    /// Too many wrong tries; the seconds until the next one counts.
    #[error("too many wrong tries; wait {0} seconds")]
    Wait(u64),
    /// The account cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an account was not made or changed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The secret does not do.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The name is empty or too long.
    #[error("a name to sign in with has 1 to 80 bytes")]
    Login,
    /// Somebody signs in with that name already.
    #[error("somebody signs in with that name already; add a second name or a number")]
    Taken,
    /// There are enough.
    #[error("500 accounts of teachers and administrators are the most; remove those who left")]
    Full,
    /// Nobody has this id.
    #[error("there is no such account; it may have been removed meanwhile")]
    Unknown,
    /// The last administrator cannot be removed.
    #[error("the last administrator cannot be removed; make another one first")]
    LastAdministrator,
    /// The code is not the one that the console shows.
    #[error("that is not the code of this device; `pishtar school code` shows it")]
    Code,
    /// Too many wrong codes; the seconds until the next one counts.
    #[error("too many wrong codes; wait {0} seconds")]
    Wait(u64),
    /// The accounts cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The accounts of one node.
pub struct Accounts {
    store: Store,
    state: Mutex<State>,
    hashing: Semaphore,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

/// What of the file is in memory.
struct State {
    accounts: BTreeMap<AccountId, Account>,
    waits: Waits,
    sessions: sessions::Sessions,
    plain_http: bool,
    first_code: Option<String>,
}

impl Accounts {
    /// Closes the file: the node stops, and nobody signs in any more.
    pub(crate) fn close(&self) {
        self.store.close();
    }

    /// Opens or makes the accounts at `path` (`D/accounts.redb`), readable by its owner only. Waits that were
    /// running start again: no clock is trusted to have measured the time that the device was off.
    ///
    /// # Errors
    /// [`StoreError`]: the disk's fault, or a damaged file.
    pub fn open(path: &Path, now: Now) -> Result<Accounts, StoreError> {
        let (store, read) = Store::open(path)?;
        let mut state = State {
            waits: Waits::new(read.salt, read.failures, now.mono),
            sessions: sessions::Sessions::new(read.sessions),
            accounts: read.accounts,
            plain_http: read.plain_http,
            first_code: None,
        };
        state.first_code = first::code(&store, &state.accounts)?;
        Ok(Accounts {
            store,
            state: Mutex::new(state),
            hashing: Semaphore::new(MAX_HASHES),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account with this id.
    pub fn account(&self, id: &AccountId) -> Option<Account> {
        self.state().accounts.get(id).cloned()
    }

    /// Everybody with this role, by the name they sign in with.
    pub fn with_role(&self, role: Role) -> Vec<(AccountId, Account)> {
        let state = self.state();
        let of_role = state.accounts.iter().filter(|(_, a)| a.role == role);
        let mut found: Vec<_> = of_role.map(|(id, a)| (id.clone(), a.clone())).collect();
        found.sort_by(|(_, a), (_, b)| a.login.cmp(&b.login));
        found
    }

    /// Whom staff mean by the name they typed; capitals and outer blanks do not count.
    pub fn by_login(&self, login: &str) -> Option<AccountId> {
        let wanted = login_key(login);
        let state = self.state();
        let mut staff = state
            .accounts
            .iter()
            .filter(|(_, a)| a.role != Role::Learner);
        staff
            .find(|(_, account)| login_key(&account.login) == wanted)
            .map(|(id, _)| id.clone())
    }

    /// Makes a teacher or an administrator, with a new id.
    ///
    /// # Errors
    /// [`AccountError`]; then nobody was made.
    pub async fn add_staff(
        &self,
        role: Role,
        login: &str,
        password: &str,
    ) -> Result<AccountId, AccountError> {
        let login = login.trim();
        if login.is_empty() || login.len() > MAX_LOGIN {
            return Err(AccountError::Login);
        }
        if self.by_login(login).is_some() {
            return Err(AccountError::Taken);
        }
        if self
            .state()
            .accounts
            .values()
            .filter(|a| a.role != Role::Learner)
            .count()
            >= MAX_STAFF
        {
            return Err(AccountError::Full);
        }
        let secret = self.hash(SecretKind::Password, password).await?;
        let id = AccountId(hex::encode(store::random::<12>()?));
        let account = Account {
            role,
            login: login.to_owned(),
            secret,
        };
        let mut state = self.state();
        self.store.put_account(&id, &account)?;
        state.accounts.insert(id.clone(), account);
        Ok(id)
    }

    /// Gives a learner of the book a secret, in place of the one they had; ends their sessions and waits.
    ///
    /// # Errors
    /// [`AccountError`]; then the old secret counts.
    pub async fn set_learner_secret(
        &self,
        id: &AccountId,
        kind: SecretKind,
        secret: &str,
    ) -> Result<(), AccountError> {
        let secret = self.hash(kind, secret).await?;
        let mut state = self.state();
        if state
            .accounts
            .get(id)
            .is_some_and(|a| a.role != Role::Learner)
        {
            return Err(AccountError::Unknown);
        }
        let account = Account {
            role: Role::Learner,
            login: String::new(),
            secret,
        };
        self.replace(&mut state, id, account)
    }

    /// Gives somebody of the staff another password; ends their sessions and waits.
    ///
    /// # Errors
    /// [`AccountError`]; then the old one counts.
    pub async fn set_password(&self, id: &AccountId, password: &str) -> Result<(), AccountError> {
        let secret = self.hash(SecretKind::Password, password).await?;
        let mut state = self.state();
        let old = state.accounts.get(id).filter(|a| a.role != Role::Learner);
        let mut account = old.cloned().ok_or(AccountError::Unknown)?;
        account.secret = secret;
        self.replace(&mut state, id, account)
    }

    fn replace(
        &self,
        state: &mut State,
        id: &AccountId,
        account: Account,
    ) -> Result<(), AccountError> {
        self.store.put_account(id, &account)?;
        state.accounts.insert(id.clone(), account);
        self.end_sessions(state, id)?;
        let forgiven = state.waits.forgive_account(id);
        Ok(self.store.put_failures(&forgiven)?)
    }

    /// Takes somebody out, with their sessions; of an erased learner nothing stays. Somebody unknown is gone already.
    ///
    /// # Errors
    /// [`AccountError::LastAdministrator`], or the disk's fault.
    pub fn remove(&self, id: &AccountId) -> Result<(), AccountError> {
        let mut state = self.state();
        let administrators = state
            .accounts
            .values()
            .filter(|a| a.role == Role::Administrator);
        let last = administrators.count() == 1;
        match state.accounts.get(id) {
            Some(account) if account.role == Role::Administrator && last => {
                return Err(AccountError::LastAdministrator);
            }
            _ => {}
        }
        self.store.remove_account(id)?;
        state.accounts.remove(id);
        self.end_sessions(&mut state, id)?;
        let forgiven = state.waits.forgive_account(id);
        Ok(self.store.put_failures(&forgiven)?)
    }

    /// Checks a secret and counts the try: for the account, and for the address that it came from.
    ///
    /// # Errors
    /// [`SignInError`]; a wait counts no try.
    pub async fn check(
        &self,
        id: &AccountId,
        secret: &str,
        client: IpAddr,
        clock: impl Fn() -> Now,
    ) -> Result<Role, SignInError> {
        let account = {
            let mut state = self.state();
            let counted = state.waits.count(Some(id), client, clock().mono);
            let counted = counted.map_err(SignInError::Wait)?;
            self.store.put_failures(&counted)?;
            state.accounts.get(id).cloned()
        };
        let secret = Zeroizing::new(secret.to_owned());
        let hashed = account.as_ref().map(|account| account.secret.clone());
        let _place = self.hashing.acquire().await;
        // Somebody unknown takes as long as a wrong secret.
        let right = tokio::task::spawn_blocking(move || match hashed {
            Some(hashed) => hashed.is(&secret),
            None => secret::waste(&secret),
        });
        let right = right.await.unwrap_or(false);
        let Some(account) = account.filter(|_| right) else {
            return Err(SignInError::Wrong);
        };
        let mut state = self.state();
        let forgiven = state.waits.right(id, client);
        self.store.put_failures(&forgiven)?;
        Ok(account.role)
    }

    /// Counts a try whose secret is checked elsewhere (a card, a PIN of a family's device) before it is looked at;
    /// [`Accounts::was_right`] takes it back.
    ///
    /// # Errors
    /// [`SignInError::Wait`] while the learner or the address has to wait; then nothing is counted.
    pub fn count_try(
        &self,
        id: Option<&AccountId>,
        client: IpAddr,
        now: Now,
    ) -> Result<(), SignInError> {
        let mut state = self.state();
        let counted = state.waits.count(id, client, now.mono);
        Ok(self
            .store
            .put_failures(&counted.map_err(SignInError::Wait)?)?)
    }

    /// The try that [`Accounts::count_try`] counted was right.
    ///
    /// # Errors
    /// The disk's fault.
    pub fn was_right(&self, id: Option<&AccountId>, client: IpAddr) -> Result<(), StoreError> {
        let mut state = self.state();
        let changed = match id {
            Some(id) => state.waits.right(id, client),
            None => state.waits.right_client(client),
        };
        self.store.put_failures(&changed)
    }

    /// What is held here on a learner for signing in, for the learner; the secret's hash is not in it.
    pub fn export(&self, id: &AccountId) -> serde_json::Value {
        let state = self.state();
        match state.accounts.get(id) {
            Some(account) => serde_json::json!({ "secret": account.secret.kind() }),
            None => serde_json::Value::Null,
        }
    }

    /// A place for work that takes as much memory as a hash; it ends with the value.
    pub async fn hashing_place(&self) -> Option<SemaphorePermit<'_>> {
        self.hashing.acquire().await.ok()
    }

    /// Seconds that somebody has to wait before a try counts; 0 = none.
    pub fn wait_of(&self, id: &AccountId, now: Now) -> u64 {
        self.state().waits.wait_of_account(id, now.mono)
    }

    /// Ends the wait of a learner who forgot and now remembers; only staff may.
    ///
    /// # Errors
    /// The disk's fault.
    pub fn forgive(&self, id: &AccountId) -> Result<(), StoreError> {
        let forgiven = self.state().waits.forgive_account(id);
        self.store.put_failures(&forgiven)
    }

    /// Whether people may sign in over plain HTTP from the network.
    pub fn plain_http(&self) -> bool {
        self.state().plain_http
    }

    /// Turns signing in over plain HTTP from the network on or off.
    ///
    /// # Errors
    /// The disk's fault; then it stays as it was.
    pub fn set_plain_http(&self, on: bool) -> Result<(), StoreError> {
        let mut state = self.state();
        self.store.put_plain_http(on)?;
        state.plain_http = on;
        Ok(())
    }

    async fn hash(&self, kind: SecretKind, secret: &str) -> Result<secret::Hashed, AccountError> {
        let checked = kind.checked(secret)?;
        let _place = self.hashing.acquire().await;
        let hashed = tokio::task::spawn_blocking(move || secret::Hashed::of(kind, &checked));
        let hashed = hashed.await.map_err(|_| StoreError::Chance)??;
        Ok(hashed)
    }
}

/// What counts of a name to sign in with.
fn login_key(login: &str) -> String {
    login.trim().to_lowercase()
}
