//! The client workflow between a server and a folder; every decision is `pishtar_signing::client`'s.

use std::path::Path;

use pishtar_signing::UnixSeconds;
use pishtar_signing::client::{
    Fetched, MAX_ROOT_BYTES, MetaFile, MetaRole, Policy, SearchStep, Step, Stored, TrustError,
    TrustedSet,
};
use pishtar_signing::metadata::{TargetFile, TargetPath};

use crate::disk::Folder;
use crate::error::ClientError;
use crate::source::Source;

/// Stores the root that a person vouches for. What other files the folder holds stays, and counts as far as this root's
/// keys signed it.
///
/// # Errors
/// [`ClientError::Trust`] when it is not a root file that its own keys signed.
pub(crate) fn init(folder: &Folder, trusted_root: &Path) -> Result<(), ClientError> {
    let disk = |problem| ClientError::Disk {
        path: trusted_root.to_owned(),
        problem,
    };
    let length = std::fs::metadata(trusted_root).map_err(disk)?.len();
    if length > MAX_ROOT_BYTES {
        let file = MetaFile {
            role: MetaRole::Root,
            version: None,
        };
        return Err(ClientError::Trust(TrustError::TooLarge {
            file,
            limit: MAX_ROOT_BYTES,
            found: length,
        }));
    }
    let root = std::fs::read(trusted_root).map_err(disk)?;
    TrustedSet::pin(&root)?;
    folder.create()?;
    folder.replace("root.json", &root)
}

/// One run of the client: one clock reading, one server.
pub(crate) struct Session {
    metadata: Folder,
    source: Source,
    now: UnixSeconds,
    set: TrustedSet,
}

impl Session {
    /// Reads back what is trusted (TUF 5.2).
    ///
    /// # Errors
    /// [`ClientError::NotInitialised`], [`ClientError::Damaged`].
    pub(crate) fn open(
        metadata: Folder,
        source: Source,
        now: UnixSeconds,
    ) -> Result<Session, ClientError> {
        let folder = metadata.path().to_owned();
        let Some(root) = metadata.read("root.json")? else {
            return Err(ClientError::NotInitialised { folder });
        };
        let stored = Stored {
            root,
            timestamp: metadata.read("timestamp.json")?,
            snapshot: metadata.read("snapshot.json")?,
            targets: metadata.read("targets.json")?,
        };
        let damaged = |problem| ClientError::Damaged { folder, problem };
        let set = TrustedSet::reload(&stored).map_err(damaged)?;
        Ok(Session {
            metadata,
            source,
            now,
            set,
        })
    }

    /// Brings the top-level roles up to date (TUF 5.3 to 5.6.6). What verified is stored also when a later file fails.
    ///
    /// # Errors
    /// [`ClientError::Trust`], network and disk.
    pub(crate) fn refresh(&mut self) -> Result<(), ClientError> {
        let mut update = self.set.begin_refresh(self.now, Policy::Strict);
        loop {
            match update.next() {
                Step::Fetch { file, max_bytes } => {
                    // 5.3.12: as the newest root says.
                    let consistent = update.trusted().consistent_snapshot();
                    let answer = self.ask(&file, max_bytes, consistent)?;
                    let verdict = update.provide(&file, answer);
                    self.store(update.take_verified())?;
                    self.remove_rotated(update.trusted())?;
                    verdict?;
                }
                Step::Done(outcome) => {
                    self.set = outcome.set;
                    return Ok(());
                }
                Step::Over => unreachable!("an update that failed was left above"),
            }
        }
    }

    /// Searches a target through the delegations (TUF 5.6.7), asking for a role only when the search reaches it. Also
    /// says whether the repository's file names carry hashes.
    ///
    /// # Errors
    /// [`ClientError::NoSuchTarget`], [`ClientError::Trust`], network and disk.
    pub(crate) fn find(&mut self, path: &TargetPath) -> Result<(TargetFile, bool), ClientError> {
        let consistent = self.set.consistent_snapshot();
        let mut search = self
            .set
            .begin_search(path.clone(), self.now, Policy::Strict)?;
        loop {
            match search.next() {
                SearchStep::Fetch {
                    file,
                    max_bytes,
                    own,
                } => {
                    let answer = if own {
                        let own = self.metadata.read(&file.plain_name())?;
                        own.map_or(Fetched::Absent, Fetched::Bytes)
                    } else {
                        self.ask(&file, max_bytes, consistent)?
                    };
                    let verdict = search.provide(&file, answer);
                    self.store(search.take_verified())?;
                    verdict?;
                }
                SearchStep::Done(found) => {
                    self.set = found.set;
                    // 5.7.1, 5.7.2
                    let missing = || ClientError::NoSuchTarget { path: path.clone() };
                    let (_, target) = found.target.ok_or_else(missing)?;
                    return Ok((target, consistent));
                }
                SearchStep::Over => unreachable!("a search that failed was left above"),
            }
        }
    }

    fn ask(
        &self,
        file: &MetaFile,
        max_bytes: u64,
        consistent: bool,
    ) -> Result<Fetched, ClientError> {
        // 5.3.3: roots carry their version in any case. Role names are escaped in file names as a URL needs them.
        let name = if consistent || file.role == MetaRole::Root {
            file.file_name()
        } else {
            file.plain_name()
        };
        let answer = self.source.read(&name, max_bytes)?;
        Ok(answer.map_or(Fetched::Absent, Fetched::Bytes))
    }

    /// 5.3.8, 5.4.5, 5.5.7, 5.6.6
    fn store(&self, verified: Vec<(MetaFile, Vec<u8>)>) -> Result<(), ClientError> {
        for (file, bytes) in verified {
            self.metadata.replace(&file.plain_name(), &bytes)?;
        }
        Ok(())
    }

    /// 5.3.11
    fn remove_rotated(&self, trusted: &TrustedSet) -> Result<(), ClientError> {
        for role in [MetaRole::Snapshot, MetaRole::Timestamp] {
            if trusted.version(&role).is_none() {
                self.metadata.remove(&format!("{role}.json"))?;
            }
        }
        Ok(())
    }
}
