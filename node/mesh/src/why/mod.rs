//! Answers to "why": sentences with fields, and an English wording for each.

mod words;

use std::{collections::BTreeSet, time::Duration};

use pishtar_catalog::{Catalog, Lesson};

use crate::{
    fetch::{Fetch, Removal},
    ids::{NodeId, Now, PublisherId},
    inventory::FileIx,
    ledger::{Account, Fault, Ledger, PauseReason},
    mesh::LessonState,
    peers::Claim,
};

/// Peers that one sentence names at most.
const MAX_NAMED: usize = 8;

/// One sentence of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sentence {
    /// All of a lesson is here.
    Complete {
        /// Bytes of its files.
        bytes: u64,
    },
    /// A part of a lesson is here.
    Partly {
        /// Bytes held.
        held: u64,
        /// Bytes of its files.
        total: u64,
    },
    /// No selection matches the lesson.
    NotFollowed,
    /// Who holds a file.
    HeldBy {
        /// Path of the file.
        path: String,
        /// Some of the peers with all of it.
        whole: Vec<NodeId>,
        /// Some of the peers with a part of it.
        part: Vec<NodeId>,
    },
    /// No connected peer holds anything of a file.
    NobodyHas {
        /// Path of the file.
        path: String,
        /// Connected peers.
        connected: usize,
    },
    /// A file is arriving.
    Arriving {
        /// Path of the file.
        path: String,
        /// From whom.
        from: NodeId,
        /// Ranges in flight.
        ranges: usize,
        /// The peer's rate over all files in bytes per second; 0 while unknown.
        rate: u64,
    },
    /// A file could come from a peer that nothing is asked of for now.
    Paused {
        /// Path of the file.
        path: String,
        /// The peer.
        peer: NodeId,
        /// How long still.
        wait: Duration,
        /// Why.
        reason: PauseReason,
    },
    /// The quota has no room for a file.
    NoRoom {
        /// Path of the file.
        path: String,
        /// Bytes that are missing of it.
        needed: u64,
        /// The quota in bytes.
        quota: u64,
    },
    /// The disk has no room for a file.
    NoSpace {
        /// Path of the file.
        path: String,
        /// Bytes that are missing of it.
        needed: u64,
        /// What the disk has left for lessons, in bytes.
        left: u64,
    },
    /// The lesson is pinned.
    Pinned,
    /// The disk has no space for anything that is missing.
    DiskFull,
    /// A file is being removed from the disk.
    Leaving {
        /// Path of the file.
        path: String,
    },
    /// A file was here and was removed.
    Removed {
        /// Path of the file.
        path: String,
        /// How long ago.
        ago: Duration,
        /// Why.
        why: Removal,
    },
    /// Stored bytes of a file are damaged.
    Damaged {
        /// Path of the file.
        path: String,
        /// How many.
        bytes: u64,
    },
    /// The disk is looked at first.
    Inspecting {
        /// Path of the file.
        path: String,
    },
    /// Its turn comes when more urgent or rarer files have theirs.
    Queued {
        /// Path of the file.
        path: String,
    },
    /// A peer's account.
    Account {
        /// The peer.
        peer: NodeId,
        /// Is it connected?
        connected: bool,
        /// Bytes received.
        rx_bytes: u64,
        /// Bytes sent.
        tx_bytes: u64,
        /// Bytes per second received lately.
        rate: u64,
    },
    /// How many files a peer holds that we know of.
    Holds {
        /// The peer.
        peer: NodeId,
        /// Files of which it claims all or some.
        files: usize,
        /// Of these, files that we want and do not have.
        wanted: usize,
    },
    /// A fault of a peer.
    Fault {
        /// The peer.
        peer: NodeId,
        /// What it did and when.
        fault: Fault,
    },
    /// Nothing is fetched from a peer for now.
    PeerPaused {
        /// The peer.
        peer: NodeId,
        /// How long still.
        wait: Duration,
        /// Why.
        reason: PauseReason,
    },
    /// The ministry revoked a peer's device.
    Revoked {
        /// The peer.
        peer: NodeId,
        /// The ministry's reason, may be empty.
        reason: String,
    },
    /// What there is of a publisher.
    Publisher {
        /// The publisher.
        publisher: PublisherId,
        /// Where it may publish.
        prefix: String,
        /// Version of its catalogue here; 0 before the first.
        version: u64,
        /// Lessons of it.
        lessons: u64,
    },
    /// The ministry revoked a publisher.
    PublisherRevoked {
        /// The publisher.
        publisher: PublisherId,
        /// The ministry's reason.
        reason: String,
    },
    /// Something is wrong with a publisher's catalogue.
    PublisherFault {
        /// The publisher.
        publisher: PublisherId,
        /// What.
        fault: String,
    },
    /// A peer's catalogue is not asked for at the moment: it failed before.
    CatalogWaits {
        /// The peer.
        peer: NodeId,
        /// The publisher.
        publisher: PublisherId,
        /// How long still.
        wait: Duration,
    },
}

/// What there is to say of a lesson.
pub(crate) fn lesson(
    fetch: &Fetch,
    ledger: &Ledger,
    now: Now,
    lesson: &Lesson,
    state: LessonState,
) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    if state.complete {
        sentences.push(Sentence::Complete {
            bytes: state.total_bytes,
        });
    } else {
        sentences.push(Sentence::Partly {
            held: state.held_bytes,
            total: state.total_bytes,
        });
    }
    if state.pinned {
        sentences.push(Sentence::Pinned);
    }
    if state.complete {
        return sentences;
    }
    if !state.followed {
        sentences.push(Sentence::NotFollowed);
    }
    if fetch.disk_is_full() {
        sentences.push(Sentence::DiskFull);
    }
    for file in &lesson.files {
        say_file(fetch, ledger, now, file, &mut sentences);
    }
    sentences
}

fn say_file(
    fetch: &Fetch,
    ledger: &Ledger,
    now: Now,
    file: &pishtar_catalog::LessonFile,
    sentences: &mut Vec<Sentence>,
) {
    let path = || file.path.to_string();
    let Some(ix) = fetch.inventory.find(&file.blake3) else {
        return;
    };
    let known = fetch.inventory.file(ix);
    if known.is_complete() {
        return;
    }
    sentences.extend(say_disk(fetch, now, ix, path()));
    let (mut whole, mut part) = (Vec::new(), Vec::new());
    for (&peer, state) in fetch.peers.iter() {
        match state.claim(&fetch.inventory, ix) {
            Claim::Whole => whole.push(peer),
            Claim::Part(_) => part.push(peer),
            Claim::Nothing => {}
        }
    }
    if whole.is_empty() && part.is_empty() {
        sentences.push(Sentence::NobodyHas {
            path: path(),
            connected: fetch.peers.len(),
        });
        return;
    }
    let before = sentences.len();
    for &peer in whole.iter().chain(&part) {
        let rate = ledger.get(&peer).map_or(0, |account| account.rate);
        let ranges = fetch
            .flights_for(ix)
            .filter(|flight| flight.peer == peer)
            .count();
        if ranges > 0 {
            sentences.push(Sentence::Arriving {
                path: path(),
                from: peer,
                ranges,
                rate,
            });
        } else if let Some((wait, reason)) =
            ledger.get(&peer).and_then(|account| pause(account, now))
        {
            sentences.push(Sentence::Paused {
                path: path(),
                peer,
                wait,
                reason,
            });
        }
    }
    if sentences.len() == before && known.is_known() && known.want.is_some() {
        let needed = known.missing_bytes();
        sentences.push(match (fetch.room.quota, fetch.disk_lacks_for(ix)) {
            (_, Some(left)) if !fetch.has_room_for(ix) => Sentence::NoSpace {
                path: path(),
                needed,
                left,
            },
            (Some(quota), _) if !fetch.has_room_for(ix) => Sentence::NoRoom {
                path: path(),
                needed,
                quota,
            },
            _ => Sentence::Queued { path: path() },
        });
    }
    whole.truncate(MAX_NAMED);
    part.truncate(MAX_NAMED);
    sentences.push(Sentence::HeldBy {
        path: path(),
        whole,
        part,
    });
}

/// What this machine's disk has to do with a file that is not whole.
fn say_disk(fetch: &Fetch, now: Now, ix: FileIx, path: String) -> Option<Sentence> {
    let file = fetch.inventory.file(ix);
    if fetch.inventory.is_leaving(&file.hash) {
        return Some(Sentence::Leaving { path });
    }
    if !file.is_known() {
        return Some(Sentence::Inspecting { path });
    }
    if file.damaged > 0 {
        let bytes = file.damaged;
        return Some(Sentence::Damaged { path, bytes });
    }
    let (at, why) = fetch.room.removal(&file.hash)?;
    let ago = u64::try_from(now.wall.saturating_sub(at)).unwrap_or(0);
    (file.held_bytes() == 0).then_some(Sentence::Removed {
        path,
        ago: Duration::from_secs(ago),
        why,
    })
}

/// What there is to say of a peer.
pub(crate) fn peer(
    fetch: &Fetch,
    catalog: &Catalog,
    now: Now,
    peer: NodeId,
    account: &Account,
) -> Vec<Sentence> {
    let mut sentences = vec![Sentence::Account {
        peer,
        connected: account.connected,
        rx_bytes: account.rx_bytes,
        tx_bytes: account.tx_bytes,
        rate: account.rate,
    }];
    if let Some(state) = fetch.peers.get(&peer) {
        let claimed = state.claimed(&fetch.inventory).into_iter();
        let claimed: BTreeSet<FileIx> = claimed.collect();
        let wanted = |ix: &&FileIx| {
            let file = fetch.inventory.file(**ix);
            file.want.is_some() && !file.is_complete()
        };
        let wanted = claimed.iter().filter(wanted).count();
        sentences.push(Sentence::Holds {
            peer,
            files: claimed.len(),
            wanted,
        });
        for (ix, ranges) in fetch.flights_from(peer).into_iter().take(MAX_NAMED) {
            let hash = fetch.inventory.file(ix).hash;
            let path = catalog
                .file(&hash)
                .map_or_else(|| hash.to_string(), |(_, file)| file.path.to_string());
            sentences.push(Sentence::Arriving {
                path,
                from: peer,
                ranges,
                rate: account.rate,
            });
        }
    }
    if let Some((wait, reason)) = pause(account, now) {
        sentences.push(Sentence::PeerPaused { peer, wait, reason });
    }
    let faults = account.faults.iter().rev().cloned();
    sentences.extend(faults.map(|fault| Sentence::Fault { peer, fault }));
    sentences
}

fn pause(account: &Account, now: Now) -> Option<(Duration, PauseReason)> {
    let (until, reason) = account.pause.filter(|(until, _)| *until > now.mono)?;
    Some((until.since(now.mono), reason))
}
