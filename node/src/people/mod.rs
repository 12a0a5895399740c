//! People of a school as this node knows them: classes, learners, assigned lessons, cards; who may sign in.
//!
//! [`People`] is what pages and commands use. All of it lies sealed in `people.redb`; nothing of it ever leaves the node
//! but inside sealed records. Always true: a call that returned without an error is on the disk.

pub mod accounts;
mod ask;
mod assign;
mod book;
mod card;
pub mod cli;
mod erase;
mod home;
mod inbox;
mod key;
mod post;
mod print;
mod register;
mod store;
mod table;
mod types;
mod work;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use pishtar_mesh::learner::DeviceId;
use tokio::sync::watch;

pub use self::{
    ask::PeopleRequest,
    card::LearnerCard,
    cli::PeopleCommand,
    key::PASSPHRASE,
    store::StoreError,
    types::{
        About, Assignment, ClassView, Help, HomeLearner, LearnerView, LearnerWork, LessonWork,
        PeopleError, Registered, RowError, TableReport,
    },
};
use self::{
    book::{Book, Place},
    key::KeyFile,
    store::SealedRows,
};
pub(crate) use self::{
    erase::add_sign_in,
    post::{Keys, PostError},
};

/// The book of people of one node. Clones share it.
#[derive(Clone)]
pub struct People {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    /// The device that this node's records name inside the seal.
    device: DeviceId,
    state: Mutex<State>,
    /// The school whose node this is, by publisher id.
    school: Mutex<Option<String>>,
    revoked: AtomicBool,
    changed: watch::Sender<u64>,
}

struct State {
    book: Book,
    rows: SealedRows,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").finish_non_exhaustive()
    }
}

impl People {
    /// Opens or makes the book in a data folder. `device` is the one that the node's records name inside the seal. The
    /// passphrase of a locked key is taken from `PISHTAR_PEOPLE_PASSPHRASE`.
    ///
    /// # Errors
    /// [`StoreError`]: a book that does not open is never replaced by an empty one.
    pub fn open(folder: &Path, device: DeviceId) -> Result<Self, StoreError> {
        let passphrase = std::env::var(PASSPHRASE).ok();
        let passphrase = passphrase.filter(|text| !text.is_empty());
        let (rows, held) = SealedRows::open(folder, KeyFile::new(folder, passphrase))?;
        let mut state = State {
            book: load(folder, held)?,
            rows,
        };
        state.prepare(folder, device)?;
        Ok(Self {
            shared: Arc::new(Shared {
                folder: folder.to_owned(),
                device,
                state: Mutex::new(state),
                school: Mutex::new(None),
                revoked: AtomicBool::new(false),
                changed: watch::Sender::new(0),
            }),
        })
    }

    /// Says when anything changed; the number only counts changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// What the school's forms begin with.
    pub fn about(&self) -> Result<About, PeopleError> {
        Ok(self.read()?.book.meta.about.clone())
    }

    /// Keeps what the school's forms begin with.
    ///
    /// # Errors
    /// [`PeopleError`] when the disk fails.
    pub async fn set_about(&self, about: About) -> Result<(), PeopleError> {
        self.update(move |book| {
            book.meta.about = about;
            book.touch(Place::Meta);
            Ok(())
        })
        .await
    }

    /// The school whose node this is, by publisher id; `None` on any other device.
    pub fn school(&self) -> Option<String> {
        let school = self.shared.school.lock();
        school.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says whose node this is.
    pub fn set_school(&self, school: Option<String>) {
        let held = self.shared.school.lock();
        *held.unwrap_or_else(PoisonError::into_inner) = school;
    }

    /// The ministry revoked this device, or took it back: a revoked one reads and writes nothing of people.
    pub fn set_revoked(&self, revoked: bool) {
        self.shared.revoked.store(revoked, Ordering::Relaxed);
    }

    /// Closes the book's file: the node stops. Whoever still holds the book can read what is in memory and write nothing.
    pub(crate) fn close(&self) {
        self.lock().rows.close();
    }

    /// Was this device revoked?
    pub fn is_revoked(&self) -> bool {
        self.shared.revoked.load(Ordering::Relaxed)
    }

    /// The book, to look something up; never across an await.
    fn read(&self) -> Result<MutexGuard<'_, State>, PeopleError> {
        match self.is_revoked() {
            true => Err(PeopleError::Revoked),
            false => Ok(self.lock()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the book; durable on return, and unchanged after an error.
    async fn update<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, PeopleError> + Send + 'static,
    ) -> Result<T, PeopleError> {
        let people = self.clone();
        let done = tokio::task::spawn_blocking(move || people.update_blocking(change)).await;
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    /// [`People::update`] for callers on a thread of their own.
    fn update_blocking<T>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T, PeopleError>,
    ) -> Result<T, PeopleError> {
        let mut state = self.read()?;
        let result = change(&mut state.book);
        let writes = state.book.take_changes();
        let result = match result {
            Ok(value) if writes.is_empty() => return Ok(value),
            Ok(value) => state
                .rows
                .write(&writes)
                .map(|()| value)
                .map_err(Into::into),
            Err(error) => Err(error),
        };
        if result.is_err() && !writes.is_empty() {
            // What is in memory is not what is on the disk: read it again.
            state.reload(&self.shared.folder)?;
        }
        drop(state);
        self.shared.changed.send_modify(|number| *number += 1);
        result
    }
}

/// The key under which rows about people lie sealed in a folder, made if there is none; its passphrase is taken from
/// `PISHTAR_PEOPLE_PASSPHRASE`.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn open_key(folder: &Path) -> Result<pishtar_signing::rest::RestKey, StoreError> {
    std::fs::create_dir_all(folder).map_err(|error| StoreError::Io {
        path: folder.to_owned(),
        reason: error.to_string(),
    })?;
    let passphrase = std::env::var(PASSPHRASE).ok();
    let passphrase = passphrase.filter(|text| !text.is_empty());
    KeyFile::new(folder, passphrase).read_or_make()
}

fn load(folder: &Path, rows: Vec<(Place, Vec<u8>)>) -> Result<Book, StoreError> {
    let mut book = Book::default();
    for (place, value) in rows {
        book.load(place, &value).map_err(|reason| StoreError::Io {
            path: folder.join("people.redb"),
            reason,
        })?;
    }
    book.index();
    Ok(book)
}

impl State {
    /// Makes the secrets of a new book, and names the node's own device.
    fn prepare(&mut self, folder: &Path, device: DeviceId) -> Result<(), StoreError> {
        let meta = &mut self.book.meta;
        if meta.tomb_secret == [0; 32] {
            let fill = |bytes: &mut [u8; 32]| {
                getrandom::fill(bytes).map_err(|error| StoreError::Io {
                    path: folder.to_owned(),
                    reason: error.to_string(),
                })
            };
            fill(&mut meta.tomb_secret)?;
            fill(&mut meta.match_secret)?;
        }
        meta.devices.insert(device);
        self.book.touch(Place::Meta);
        let writes = self.book.take_changes();
        self.rows.write(&writes)
    }

    fn reload(&mut self, folder: &Path) -> Result<(), StoreError> {
        let rows = self.rows.read()?;
        self.book = load(folder, rows)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
