//! One update against one source: roots in a chain, timestamp, snapshot, then every targets role that changed.

use crate::UnixSeconds;
use crate::metadata::RoleName;

use super::set::TrustedSet;
use super::verify;
use super::walk::{Next, Walk};
use super::{
    Fetched, MAX_ROOT_BYTES, MAX_ROOTS, MAX_SNAPSHOT_BYTES, MAX_TIMESTAMP_BYTES, MetaFile,
    MetaRole, Outcome, Policy, Step, TrustError,
};

/// The state machine of TUF 5.3 to 5.6. Call [`Update::next`], fetch, [`Update::provide`], until `Done`.
///
/// Departure from 5.4.5 and 5.5.7: timestamp and snapshot are not made durable before the targets that they list have
/// arrived. A device thus holds, and gives to its neighbours, only whole catalogues; floors rise with the install.
#[derive(Debug)]
pub struct Update {
    before: TrustedSet,
    set: TrustedSet,
    now: UnixSeconds,
    policy: Policy,
    stage: Stage,
    wanted: Option<(MetaFile, u64)>,
    new_roots: u64,
    new_files: Vec<(MetaFile, Vec<u8>)>,
    /// How many of `new_files` passed every check, that of their age included.
    passed: usize,
    changed: bool,
    walk: Walk,
    salvage: Option<Box<Outcome>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Roots,
    Timestamp,
    Snapshot,
    Targets,
    Finished,
    Over,
}

impl Update {
    pub(super) fn new(set: TrustedSet, now: UnixSeconds, policy: Policy) -> Update {
        let mut update = Update::after_roots(set, now, policy);
        update.stage = Stage::Roots;
        update.wanted = Some(update.next_root());
        update
    }

    /// An update that takes the root as it is. For own files, whose chain of roots was read before.
    pub(super) fn after_roots(before: TrustedSet, now: UnixSeconds, policy: Policy) -> Update {
        let mut set = before.clone();
        set.forget_rotated();
        let walk = Walk::new(&set);
        let wanted = Some((MetaFile::timestamp(), MAX_TIMESTAMP_BYTES));
        let (stage, new_files) = (Stage::Timestamp, Vec::new());
        Update {
            before,
            set,
            now,
            policy,
            stage,
            wanted,
            new_roots: 0,
            new_files,
            passed: 0,
            changed: false,
            walk,
            salvage: None,
        }
    }

    /// The same update without delegated roles.
    pub(super) fn top_only(mut self) -> Update {
        self.walk.stay_on_top();
        self
    }

    /// What to do next. Asking again without having provided gives the same answer, `Done` excepted.
    #[expect(
        clippy::should_implement_trait,
        reason = "the next step depends on what is provided; this is no iterator"
    )]
    pub fn next(&mut self) -> Step {
        if let Some((file, max_bytes)) = self.wanted.clone() {
            return Step::Fetch { file, max_bytes };
        }
        if self.stage != Stage::Finished {
            return Step::Over;
        }
        self.stage = Stage::Over;
        let new_files = std::mem::take(&mut self.new_files);
        Step::Done(Box::new(Outcome {
            set: self.set.clone(),
            changed: self.changed || !new_files.is_empty(),
            new_files,
            removed_roles: self.walk.take_removed(),
        }))
    }

    /// Targets files that [`Update::next`] will ask for as far as it is known by now, in that order and beginning with
    /// the present one, at most `most`; each with the most bytes to read of it.
    ///
    /// For who fetches over a slow line: ask for several at once, keep what comes early, and provide one after the other
    /// as `next` names them. A file may yet turn out not to be needed. Before the snapshot is known there are none.
    pub fn upcoming(&self, most: usize) -> Vec<(MetaFile, u64)> {
        match (self.stage, &self.wanted) {
            (Stage::Targets, Some(_)) => self.walk.upcoming(&self.set, most),
            _ => Vec::new(),
        }
    }

    /// Takes the source's answer for the file that [`Update::next`] asked for.
    ///
    /// # Errors
    /// [`TrustError::Unexpected`] when `file` is not the one asked for: ignore it. Any other error ends the update;
    /// [`TrustError::fault`] says whether the source is to be charged.
    pub fn provide(&mut self, file: &MetaFile, answer: Fetched) -> Result<(), TrustError> {
        match &self.wanted {
            Some((wanted, _)) if wanted == file => {}
            _ => return Err(TrustError::Unexpected { file: file.clone() }),
        }
        let result = self.take(file, answer).and_then(|()| self.settle());
        if result.is_err() {
            self.fail();
        }
        result
    }

    /// After an error: new roots that were verified before it. They are to be installed all the same (TUF 5.3.8), so
    /// that a source which holds back the rest cannot hold back the revocation of a key. Returned once.
    pub fn salvage(&mut self) -> Option<Box<Outcome>> {
        if self.stage == Stage::Over {
            self.salvage.take()
        } else {
            None
        }
    }

    /// Files that passed every check since the last call, to be stored at once, also those from before an error: what
    /// the specification demands (5.3.8, 5.4.5, 5.5.7, 5.6.6) and a client of single files does. The outcome then
    /// lists only the rest. A node does not use it: it installs whole catalogues.
    pub fn take_verified(&mut self) -> Vec<(MetaFile, Vec<u8>)> {
        let rest = self.new_files.split_off(self.passed);
        self.passed = 0;
        let verified = std::mem::replace(&mut self.new_files, rest);
        self.changed |= !verified.is_empty();
        verified
    }

    /// What is trusted so far. After an error, only its root and whether timestamp and snapshot stand are of use:
    /// a role without a version was ended by a rotation of keys (5.3.11), and its stored file goes.
    pub fn trusted(&self) -> &TrustedSet {
        &self.set
    }

    /// Keeps only the name of the file provided last, for who can read it again.
    pub(super) fn drop_bytes(&mut self) {
        if let Some((_, bytes)) = self.new_files.last_mut() {
            *bytes = Vec::new();
        }
    }

    /// 5.3.1, 5.3.2: one after the other, version N+1 after N, whatever the newest is.
    fn next_root(&self) -> (MetaFile, u64) {
        let version = self.set.root.version.saturating_add(1);
        (MetaFile::new(MetaRole::Root, version), MAX_ROOT_BYTES)
    }

    fn take(&mut self, file: &MetaFile, answer: Fetched) -> Result<(), TrustError> {
        let bytes = match answer {
            Fetched::Bytes(bytes) => bytes,
            // 5.3.3: no next root means that the one held is the newest.
            Fetched::Absent if self.stage == Stage::Roots => return self.end_roots(),
            Fetched::Absent => return Err(TrustError::Missing { file: file.clone() }),
        };
        match self.stage {
            Stage::Roots => {
                self.set.take_root(file, &bytes)?;
                self.new_roots += 1;
                self.new_files.push((file.clone(), bytes));
                self.passed = self.new_files.len();
                if self.new_roots == MAX_ROOTS {
                    self.end_roots()
                } else {
                    Ok(())
                }
            }
            Stage::Timestamp => self.take_timestamp(file, bytes),
            Stage::Snapshot => {
                let meta = self.listed_snapshot(file)?;
                self.set.take_snapshot(file, &meta, &bytes)?;
                self.new_files.push((file.clone(), bytes));
                Ok(())
            }
            Stage::Targets => self
                .walk
                .take(&mut self.set, file, bytes, &mut self.new_files),
            Stage::Finished | Stage::Over => Err(TrustError::Unexpected { file: file.clone() }),
        }
    }

    /// 5.3.10 and 5.3.11, once the newest root is known.
    fn end_roots(&mut self) -> Result<(), TrustError> {
        if self.new_roots > 0 {
            self.set.forget_rotated();
            self.keep_salvage();
        }
        let file = MetaFile::new(MetaRole::Root, self.set.root.version);
        verify::check_expiry(&file, self.set.root_held.expires, self.now, self.policy)?;
        self.stage = Stage::Timestamp;
        Ok(())
    }

    fn take_timestamp(&mut self, file: &MetaFile, bytes: Vec<u8>) -> Result<(), TrustError> {
        if self.set.take_timestamp(file, &bytes)? {
            self.new_files.push((file.clone(), bytes));
        }
        // 5.4.4. After an equal version the one held is judged: a freeze shows here.
        let expires = self
            .set
            .expires(&MetaRole::Timestamp)
            .unwrap_or(UnixSeconds::MIN);
        verify::check_expiry(file, expires, self.now, self.policy)?;
        self.passed = self.new_files.len();
        self.stage = Stage::Snapshot;
        Ok(())
    }

    fn listed_snapshot(&self, file: &MetaFile) -> Result<crate::metadata::FileMeta, TrustError> {
        let timestamp = self
            .set
            .timestamp
            .as_ref()
            .ok_or_else(|| TrustError::Missing { file: file.clone() })?;
        Ok(timestamp.snapshot.clone())
    }

    /// Passes over everything that is held already, up to the next file that must be fetched.
    fn settle(&mut self) -> Result<(), TrustError> {
        self.wanted = loop {
            match self.stage {
                // 5.3.9
                Stage::Roots => break Some(self.next_root()),
                // 5.4.1
                Stage::Timestamp => break Some((MetaFile::timestamp(), MAX_TIMESTAMP_BYTES)),
                Stage::Snapshot => {
                    // 5.5.1
                    let meta = self.listed_snapshot(&MetaFile::timestamp())?;
                    let file = MetaFile::new(MetaRole::Snapshot, meta.version);
                    let authority = self.set.snapshot_authority();
                    let current = self.set.snapshot.as_ref().filter(|s| {
                        verify::is_listed(&s.held, &meta) && authority.is_met_by(&s.held.signers)
                    });
                    let Some(current) = current else {
                        break Some((
                            file,
                            meta.length.map_or(MAX_SNAPSHOT_BYTES, |length| {
                                length.min(MAX_SNAPSHOT_BYTES)
                            }),
                        ));
                    };
                    // 5.5.6
                    verify::check_expiry(&file, current.held.expires, self.now, self.policy)?;
                    self.passed = self.new_files.len();
                    self.walk.start();
                    self.stage = Stage::Targets;
                }
                Stage::Targets => {
                    let next = self.walk.go_on(&mut self.set, self.now, self.policy)?;
                    self.passed = self.new_files.len();
                    match next {
                        Next::Fetch(file, max_bytes) => break Some((file, max_bytes)),
                        Next::End => self.stage = Stage::Finished,
                    }
                }
                Stage::Finished | Stage::Over => break None,
            }
        };
        Ok(())
    }

    fn keep_salvage(&mut self) {
        let roots = self
            .new_files
            .iter()
            .take_while(|(file, _)| file.role == MetaRole::Root)
            .cloned()
            .collect();
        let mut set = self.before.clone();
        (set.root, set.root_held) = (self.set.root.clone(), self.set.root_held.clone());
        set.mark_rotated();
        let removed_roles: Vec<RoleName> = Vec::new();
        self.salvage = Some(Box::new(Outcome {
            set,
            changed: true,
            new_files: roots,
            removed_roles,
        }));
    }

    fn fail(&mut self) {
        if self.stage == Stage::Roots && self.new_roots > 0 {
            self.set.forget_rotated();
            self.keep_salvage();
        }
        self.stage = Stage::Over;
        self.wanted = None;
        self.new_files.truncate(self.passed);
    }
}
