//! Who says to have which version of a publisher's catalogue, and how long each of them has to wait.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    time::Duration,
};

use crate::{
    desk::{Cx, doubled},
    event::Event,
    ids::{Mono, PublisherId, Source},
    ledger::FaultKind,
};

/// Longest wait after failures in a row.
const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// A source says that it has this timestamp version. Where that is lower than ours, it is only asked for newer roots: one
/// of them may take away the key that signed the version we hold (TUF 5.3.11), and with it a version that a thief made so
/// high that no honest one passes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) version: u64,
    pub(super) failures: u32,
    pub(super) not_before: Mono,
}

/// The claims of all sources of one publisher.
#[derive(Debug, Default)]
pub(super) struct Claims(BTreeMap<Source, Claim>);

impl Claims {
    /// Lets a source wait, twice as long after each failure, from `first` on.
    pub(super) fn back_off(&mut self, cx: &mut Cx<'_>, source: Source, first: Duration) {
        let Some(claim) = self.0.get_mut(&source) else {
            return;
        };
        claim.failures = claim.failures.saturating_add(1);
        let wait = doubled(first, claim.failures, MAX_WAIT);
        claim.not_before = cx.mono().plus(cx.desk.jitter(wait));
    }
}

impl Deref for Claims {
    type Target = BTreeMap<Source, Claim>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Claims {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// What a source gave did not verify: the peer is marked, and people are told.
pub(super) fn mark_refused(cx: &mut Cx<'_>, id: &PublisherId, source: Source, reason: String) {
    if let Source::Peer(peer) = source {
        let kind = FaultKind::BadMetadata {
            publisher: id.clone(),
            reason: reason.clone(),
        };
        cx.ledger.fault(cx.now, peer, kind);
    }
    cx.tell(Event::CatalogRefused {
        publisher: id.clone(),
        source,
        reason,
    });
}
