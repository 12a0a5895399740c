//! Own state of a client that keeps only the newest file of each role, as the specification lays it out.

use std::sync::Arc;

use sha2::{Digest as _, Sha512};

use crate::metadata::{Envelope, RoleName, Snapshot, Timestamp};

use super::set::{Reach, TrustedSnapshot, TrustedTargets, TrustedTimestamp};
use super::verify::Held;
use super::{
    MAX_SNAPSHOT_BYTES, MAX_TIMESTAMP_BYTES, MetaFile, MetaRole, TrustError, TrustedSet, verify,
};

/// The newest trusted file of each role, as stored.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// `root.json`, the trusted root.
    pub root: Vec<u8>,
    /// `timestamp.json`
    pub timestamp: Option<Vec<u8>>,
    /// `snapshot.json`
    pub snapshot: Option<Vec<u8>>,
    /// `targets.json`
    pub targets: Option<Vec<u8>>,
}

impl TrustedSet {
    /// Reads back what single files left behind: the root is trusted as it is (TUF 5.2), timestamp and snapshot are
    /// floors even when expired, or when a failed update left them of different age.
    ///
    /// Timestamp or snapshot that the root's present keys did not sign were ended by a rotation that was cut off
    /// before they were deleted (5.3.11): neither counts. A targets file that the snapshot does not list is ignored;
    /// its floor is in the snapshot.
    ///
    /// # Errors
    /// [`TrustError`]: root, timestamp or snapshot is damaged. Fail closed, since a floor that cannot be read would
    /// be no floor: begin anew from a root that a person vouches for.
    pub fn reload(stored: &Stored) -> Result<TrustedSet, TrustError> {
        let mut set = TrustedSet::pin(&stored.root)?;
        let timestamp = stored.timestamp.as_deref();
        let snapshot = stored.snapshot.as_deref();
        let stand = timestamp.map_or(Ok(true), |bytes| set.reload_timestamp(bytes))?
            && snapshot.map_or(Ok(true), |bytes| set.reload_snapshot(bytes))?;
        if !stand {
            set.timestamp = None;
            set.snapshot = None;
        }
        if let Some(bytes) = &stored.targets {
            set.reload_targets(bytes);
        }
        Ok(set)
    }

    /// False when it is well formed but not signed by today's keys.
    fn reload_timestamp(&mut self, bytes: &[u8]) -> Result<bool, TrustError> {
        let file = MetaFile::timestamp();
        let envelope: Envelope<Timestamp> = verify::parse(&file, bytes, MAX_TIMESTAMP_BYTES)?;
        let checked = verify::check_threshold(&file, &envelope, &self.timestamp_authority());
        let Ok(signers) = checked else {
            return Ok(false);
        };
        self.timestamp = Some(TrustedTimestamp {
            held: verify::summary(&envelope, bytes, signers),
            snapshot: envelope.document.snapshot,
        });
        Ok(true)
    }

    /// False when it is well formed but not signed by today's keys.
    fn reload_snapshot(&mut self, bytes: &[u8]) -> Result<bool, TrustError> {
        let file = MetaFile {
            role: MetaRole::Snapshot,
            version: None,
        };
        let envelope: Envelope<Snapshot> = verify::parse(&file, bytes, MAX_SNAPSHOT_BYTES)?;
        let checked = verify::check_threshold(&file, &envelope, &self.snapshot_authority());
        let Ok(signers) = checked else {
            return Ok(false);
        };
        // The timestamp that lists it may be another by now; which hashes that one gives is not known yet.
        let sha512 = Some(Sha512::digest(bytes).into());
        self.snapshot = Some(TrustedSnapshot {
            held: Held {
                sha512,
                ..verify::summary(&envelope, bytes, signers)
            },
            meta: Arc::new(envelope.document.meta),
        });
        Ok(true)
    }

    fn reload_targets(&mut self, bytes: &[u8]) {
        let role = RoleName::targets();
        let listed = self.snapshot.as_ref().and_then(|s| s.meta.get(&role));
        let Some(meta) = listed else {
            return;
        };
        let file = MetaFile::new(MetaRole::Targets, meta.version);
        let checked = TrustedSet::check_targets(&file, meta, &self.targets_authority(), bytes);
        if let Ok((held, targets)) = checked {
            let delegations = targets.delegations;
            // As a walk leaves it: at the top of the search, behind no terminating delegation.
            let scopes = vec![Reach {
                chain: Vec::new(),
                ended: 0,
            }];
            self.put_targets(
                role,
                TrustedTargets {
                    held,
                    delegations,
                    scopes,
                },
            );
        }
    }
}
