//! The give-and-take ledger: per peer what came, what went, its faults and its pauses.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    time::Duration,
};

use crate::{
    desk::doubled,
    ids::{Mono, NodeId, Now, PublisherId, UnixSeconds},
    meter::Meter,
};
use pishtar_catalog::BlobHash;

/// Most peers that are remembered; the longest gone is forgotten first.
const MAX_ACCOUNTS: usize = 1_024;
/// Most faults that are remembered per peer.
const MAX_FAULTS: usize = 16;

/// Something a peer did wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Bytes of a blob failed verification.
    WrongBytes {
        /// The blob.
        hash: BlobHash,
        /// Its path in the catalogue.
        path: String,
    },
    /// Metadata failed verification.
    BadMetadata {
        /// The publisher.
        publisher: PublisherId,
        /// What failed.
        reason: String,
    },
    /// An older catalogue under the name of a newer one.
    Replay {
        /// The publisher.
        publisher: PublisherId,
        /// What was old in it.
        reason: String,
    },
    /// An answer broke the protocol.
    Protocol {
        /// What it broke.
        reason: String,
    },
    /// It stopped sending in the middle of a range.
    Stalled,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::WrongBytes { path, .. } => write!(f, "sent wrong bytes for {path}"),
            FaultKind::BadMetadata { publisher, reason } => {
                write!(
                    f,
                    "offered a catalogue of {publisher} that fails verification: {reason}"
                )
            }
            FaultKind::Replay { publisher, reason } => {
                write!(
                    f,
                    "offered an old catalogue of {publisher} as new: {reason}"
                )
            }
            FaultKind::Protocol { reason } => write!(f, "broke the protocol: {reason}"),
            FaultKind::Stalled => f.write_str("stopped sending"),
        }
    }
}

/// A fault with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// When, by the machine's clock.
    pub at: UnixSeconds,
    /// What.
    pub kind: FaultKind,
}

/// Why nothing is asked of a peer for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseReason {
    /// It said that it is busy.
    Busy,
    /// It did not have, or did not serve, what it was asked for.
    Refused,
    /// It stopped sending.
    Stalled,
    /// It sent wrong bytes.
    WrongBytes,
}

impl fmt::Display for PauseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PauseReason::Busy => "it is busy",
            PauseReason::Refused => "it did not give what it was asked for",
            PauseReason::Stalled => "it stopped sending",
            PauseReason::WrongBytes => "it sent wrong bytes",
        })
    }
}

/// The account of one peer.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Is it connected now?
    pub connected: bool,
    /// Verified lesson bytes received from it.
    pub rx_bytes: u64,
    /// Lesson bytes sent to it.
    pub tx_bytes: u64,
    /// Lesson bytes per second received lately.
    pub rate: u64,
    /// Its last faults, oldest first.
    pub faults: VecDeque<Fault>,
    /// Number of all its faults.
    pub fault_count: u64,
    /// Nothing is fetched from it before this instant, and why.
    pub pause: Option<(Mono, PauseReason)>,
    failures: u32,
    lies: u32,
    seen: Mono,
    meter: Meter,
}

/// The rate is measured over at least so much time with something in flight.
const METER_WINDOW: Duration = Duration::from_millis(100);

impl Account {
    /// May ranges be asked of this peer at `now`?
    pub(crate) fn is_paused(&self, now: Mono) -> bool {
        self.pause.is_some_and(|(until, _)| until > now)
    }

    /// A first range goes to an idle peer: idle time must not count into its rate.
    pub(crate) fn transfer_starts(&mut self, now: Mono) {
        self.meter.resume(now);
    }

    /// Verified bytes arrived.
    pub(crate) fn received(&mut self, now: Mono, bytes: u64) {
        self.rx_bytes += bytes;
        let Some(latest) = self.meter.received(now, bytes, METER_WINDOW) else {
            return;
        };
        self.rate = match self.rate {
            0 => latest,
            before => (before * 7 + latest * 3) / 10,
        };
    }

    /// A range ended well: earlier trouble is forgiven, except lies. One that was busy has a place again.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.pause = self
            .pause
            .filter(|(_, reason)| *reason != PauseReason::Busy);
    }

    /// Something did not work: no ranges for a while, longer each time.
    pub(crate) fn pause(&mut self, now: Mono, reason: PauseReason) {
        let (count, first, most) = match reason {
            PauseReason::Busy => (
                &mut self.failures,
                Duration::from_millis(200),
                Duration::from_secs(10),
            ),
            PauseReason::Refused => (
                &mut self.failures,
                Duration::from_millis(250),
                Duration::from_secs(30),
            ),
            PauseReason::Stalled => (
                &mut self.failures,
                Duration::from_secs(5),
                Duration::from_secs(120),
            ),
            PauseReason::WrongBytes => (
                &mut self.lies,
                Duration::from_secs(60),
                Duration::from_secs(3_600),
            ),
        };
        *count = count.saturating_add(1);
        let until = now.plus(doubled(first, *count, most));
        if self.pause.is_none_or(|(before, _)| before < until) {
            self.pause = Some((until, reason));
        }
    }
}

/// All accounts, bounded.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: BTreeMap<NodeId, Account>,
}

impl Ledger {
    /// The account of `peer`, opened when it is new.
    pub(crate) fn account(&mut self, peer: NodeId) -> &mut Account {
        if !self.accounts.contains_key(&peer) && self.accounts.len() >= MAX_ACCOUNTS {
            self.forget_one();
        }
        self.accounts.entry(peer).or_default()
    }

    pub(crate) fn get(&self, peer: &NodeId) -> Option<&Account> {
        self.accounts.get(peer)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Account)> {
        self.accounts.iter()
    }

    pub(crate) fn set_connected(&mut self, now: Now, peer: NodeId, connected: bool) {
        let account = self.account(peer);
        account.connected = connected;
        account.seen = now.mono;
    }

    pub(crate) fn fault(&mut self, now: Now, peer: NodeId, kind: FaultKind) {
        let account = self.account(peer);
        account.fault_count += 1;
        if account.faults.len() == MAX_FAULTS {
            account.faults.pop_front();
        }
        account.faults.push_back(Fault { at: now.wall, kind });
    }

    /// Forgets the account that is of least use: gone longest, without a pause still running.
    fn forget_one(&mut self) {
        let gone = self
            .accounts
            .iter()
            .filter(|(_, account)| !account.connected);
        let oldest = gone.min_by_key(|(_, account)| (account.lies > 0, account.seen));
        if let Some(peer) = oldest.map(|(peer, _)| *peer) {
            self.accounts.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_busy_is_asked_again_when_a_range_from_it_ends_and_a_liar_is_not() {
        let now = Mono(Duration::from_secs(100));
        let mut account = Account::default();
        account.pause(now, PauseReason::Busy);
        assert!(account.is_paused(now));
        account.succeeded();
        assert!(!account.is_paused(now));
        account.pause(now, PauseReason::WrongBytes);
        account.succeeded();
        assert!(account.is_paused(now.plus(Duration::from_secs(59))));
    }
}
