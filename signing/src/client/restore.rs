//! Own state read back from disk, through the same checks as everything that a source gives.

use super::{
    AcceptedRole, Fetched, MetaFile, MetaRole, Policy, Step, TrustError, TrustedSet, Update,
};

impl TrustedSet {
    /// Reads back what was installed: `files` gives the bytes stored for a file, or `None`; `each` gets the content of
    /// every targets role, one at a time.
    ///
    /// The chain of roots is followed from `first_root`. The rest was complete under the newest root or, where new roots
    /// arrived alone, under an earlier one of the chain; then the floors that a rotation ended are gone, and the
    /// lessons stay until their replacement arrives. No timestamp file means a publisher that was pinned and never
    /// updated: the caller must not lose that file otherwise.
    ///
    /// # Errors
    /// [`TrustError`]: a file is damaged or missing. Fail closed: use nothing of it, seed the publisher again from its
    /// first root and a source that is at least as new.
    pub fn restore(
        first_root: &[u8],
        mut files: impl FnMut(&MetaFile) -> Option<Vec<u8>>,
        mut each: impl FnMut(AcceptedRole),
    ) -> Result<TrustedSet, TrustError> {
        let mut newest = TrustedSet::pin(first_root)?;
        let mut chain = vec![newest.clone()];
        loop {
            let file = MetaFile::new(MetaRole::Root, newest.root.version.saturating_add(1));
            let Some(bytes) = files(&file) else { break };
            newest.take_root(&file, &bytes)?;
            chain.push(newest.clone());
        }
        if files(&MetaFile::timestamp()).is_none() {
            return Ok(newest);
        }
        let mut refused = None;
        for earlier in chain.into_iter().rev() {
            match replay(earlier, &mut files) {
                Ok((mut set, roles)) => {
                    // Read once more rather than kept, so that a large catalogue is never in memory as a whole.
                    for file in roles {
                        each(accept(&set, &file, &mut files)?);
                    }
                    (set.root, set.root_held) = (newest.root, newest.root_held);
                    set.mark_rotated();
                    return Ok(set);
                }
                // Signed for an earlier root, perhaps. The verdict under the newest root is the one to report.
                Err(error @ TrustError::Threshold { .. }) => refused = refused.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        Err(refused.unwrap_or(TrustError::Missing {
            file: MetaFile::timestamp(),
        }))
    }
}

/// The state that the files lead to under the root of `set`, and its targets files in the order of the walk.
fn replay(
    set: TrustedSet,
    files: &mut impl FnMut(&MetaFile) -> Option<Vec<u8>>,
) -> Result<(TrustedSet, Vec<MetaFile>), TrustError> {
    // Expiry is not looked at: what expired on this disk is still the floor.
    let mut update = Update::after_roots(set, 0, Policy::Offline);
    loop {
        match update.next() {
            Step::Fetch { file, .. } => {
                update.provide(&file, files(&file).map_or(Fetched::Absent, Fetched::Bytes))?;
                update.drop_bytes();
            }
            Step::Done(outcome) => {
                let files = outcome.new_files.into_iter().map(|(file, _)| file);
                return Ok((
                    outcome.set,
                    files
                        .filter(|file| file.role.targets_role().is_some())
                        .collect(),
                ));
            }
            Step::Over => {
                return Err(TrustError::Missing {
                    file: MetaFile::timestamp(),
                });
            }
        }
    }
}

fn accept(
    set: &TrustedSet,
    file: &MetaFile,
    files: &mut impl FnMut(&MetaFile) -> Option<Vec<u8>>,
) -> Result<AcceptedRole, TrustError> {
    let changed = || TrustError::Hash {
        file: file.clone(),
        listed_in: MetaRole::Snapshot,
    };
    let role = file.role.targets_role().ok_or_else(changed)?;
    let bytes = files(file).ok_or_else(|| TrustError::Missing { file: file.clone() })?;
    set.accept(&role, &bytes).ok_or_else(changed)
}
