//! Events for people and for `why`: what was verified, refused, completed.

use std::{collections::VecDeque, fmt};

use pishtar_catalog::{BlobHash, LessonId};

use crate::{
    fetch::Removal,
    ids::{NodeId, PublisherId, Source, UnixSeconds},
    io::ExchangeStats,
};

/// Something that people may want to know. Never names a learner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A source offered a newer catalogue and it verified; it is being written to disk.
    CatalogVerified {
        /// The publisher.
        publisher: PublisherId,
        /// Where it came from.
        source: Source,
        /// New timestamp version.
        version: u64,
        /// Metadata files that moved.
        files: u64,
        /// Bytes of these files.
        bytes: u64,
    },
    /// The catalogue is on disk and in use.
    CatalogInstalled {
        /// The publisher.
        publisher: PublisherId,
        /// Timestamp version.
        version: u64,
        /// Lessons added.
        added: u64,
        /// Lessons changed.
        changed: u64,
        /// Lessons withdrawn.
        withdrawn: u64,
    },
    /// A source's catalogue failed verification and was not used.
    CatalogRefused {
        /// The publisher.
        publisher: PublisherId,
        /// Who offered it.
        source: Source,
        /// What failed.
        reason: String,
    },
    /// This machine could not write a verified catalogue; it is tried again.
    InstallFailed {
        /// The publisher.
        publisher: PublisherId,
        /// What the disk said.
        reason: String,
    },
    /// An entry of a verified catalogue makes no sense to us and is not shown.
    CatalogProblem {
        /// The publisher.
        publisher: PublisherId,
        /// What and where.
        problem: String,
    },
    /// A publisher listed a path that it may not publish; the entry is not used, the rest of its catalogue is.
    ScopeViolation {
        /// The publisher.
        publisher: PublisherId,
        /// Which entry, whose path it is, and what the publisher may have.
        problem: String,
    },
    /// The ministry lists a further publisher; its first root is looked for.
    PublisherListed {
        /// The publisher.
        publisher: PublisherId,
    },
    /// The ministry revoked a publisher or lists it no more, or with other keys: its lessons are removed.
    PublisherGone {
        /// The publisher.
        publisher: PublisherId,
        /// The ministry's reason, where it revoked it.
        reason: Option<String>,
        /// Lessons that were removed.
        lessons: u64,
    },
    /// The ministry revoked this neighbour's device: no records are exchanged with it.
    DeviceRevoked {
        /// The neighbour.
        peer: NodeId,
        /// The ministry's reason, may be empty.
        reason: String,
    },
    /// A peer sent bytes that fail verification; none of them was kept.
    WrongBytes {
        /// The peer.
        peer: NodeId,
        /// The blob.
        hash: BlobHash,
        /// Path of the file in the catalogue.
        path: String,
    },
    /// All files of a lesson are held.
    LessonComplete {
        /// The lesson.
        lesson: LessonId,
    },
    /// A lesson was withdrawn by its publisher; its files are removed.
    LessonWithdrawn {
        /// The lesson.
        lesson: LessonId,
    },
    /// Fetching a file would exceed the quota.
    QuotaFull {
        /// Path of the file in the catalogue.
        path: String,
        /// Bytes of the file that are still missing.
        needed: u64,
        /// Bytes that the quota leaves.
        left: u64,
    },
    /// A file was removed from this device.
    Removed {
        /// Path of the file in the catalogue.
        path: String,
        /// Bytes that become free.
        bytes: u64,
        /// Why.
        why: Removal,
    },
    /// Stored bytes of a file are damaged; they are not shown, and fetched again.
    Damaged {
        /// Path of the file in the catalogue.
        path: String,
        /// Bytes that are damaged.
        bytes: u64,
    },
    /// This machine's disk refused lesson bytes; fetching pauses for a moment.
    DiskFailed {
        /// What the disk said.
        reason: String,
    },
    /// A record exchange ended well and moved something.
    RecordsExchanged {
        /// The peer.
        peer: NodeId,
        /// What moved.
        stats: ExchangeStats,
    },
    /// A record exchange failed; it is tried again.
    RecordsFailed {
        /// The peer.
        peer: NodeId,
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::CatalogVerified {
                publisher,
                source,
                version,
                files,
                bytes,
            } => write!(
                f,
                "catalogue {version} of {publisher} from {source} verified ({files} files, {bytes} bytes)"
            ),
            Event::CatalogInstalled {
                publisher,
                version,
                added,
                changed,
                withdrawn,
            } => write!(
                f,
                "catalogue {version} of {publisher} is in use: {added} lessons added, {changed} changed, {withdrawn} withdrawn"
            ),
            Event::CatalogRefused {
                publisher,
                source,
                reason,
            } => {
                write!(
                    f,
                    "refused a catalogue of {publisher} from {source}: {reason}"
                )
            }
            Event::InstallFailed { publisher, reason } => write!(
                f,
                "could not write the catalogue of {publisher} to disk, will try again: {reason}"
            ),
            Event::CatalogProblem { publisher, problem } => {
                write!(
                    f,
                    "an entry in the catalogue of {publisher} is not shown: {problem}"
                )
            }
            Event::ScopeViolation { publisher, problem } => {
                write!(f, "{publisher} published what it may not: {problem}")
            }
            Event::PublisherListed { publisher } => {
                write!(f, "the ministry lists the publisher {publisher}")
            }
            Event::PublisherGone {
                publisher,
                reason: Some(reason),
                lessons,
            } => write!(
                f,
                "the ministry revoked the publisher {publisher} ({reason}): its {lessons} lessons are removed"
            ),
            Event::PublisherGone {
                publisher,
                reason: None,
                lessons,
            } => write!(
                f,
                "the ministry lists the publisher {publisher} no more, or with other keys: its {lessons} lessons are removed"
            ),
            Event::DeviceRevoked { peer, reason } => {
                write!(
                    f,
                    "the ministry revoked the device {peer}: no records are exchanged with it{}",
                    Reason(reason)
                )
            }
            Event::WrongBytes { peer, path, .. } => {
                write!(
                    f,
                    "refused bytes of {path} from {peer}: they fail verification"
                )
            }
            Event::LessonComplete { lesson } => write!(f, "lesson {lesson} is complete"),
            Event::LessonWithdrawn { lesson } => {
                write!(
                    f,
                    "lesson {lesson} was withdrawn by its publisher and is removed"
                )
            }
            Event::QuotaFull { path, needed, left } => write!(
                f,
                "{path} is not fetched: it needs {needed} bytes and the quota leaves {left}; raise --quota or follow less"
            ),
            Event::Removed { path, bytes, why } => {
                write!(
                    f,
                    "{path} was removed from this device ({bytes} bytes) {why}"
                )
            }
            Event::Damaged { path, bytes } => write!(
                f,
                "{bytes} stored bytes of {path} are damaged: they are not shown to anybody and are fetched again"
            ),
            Event::DiskFailed { reason } => {
                write!(
                    f,
                    "this machine's disk refused lesson bytes, fetching pauses: {reason}"
                )
            }
            Event::RecordsExchanged { peer, stats } => write!(
                f,
                "progress records with {peer}: {} sent, {} received, {} acknowledgements received",
                stats.records_sent, stats.records_received, stats.acks_received
            ),
            Event::RecordsFailed { peer, reason } => {
                write!(
                    f,
                    "exchange of progress records with {peer} failed, will try again: {reason}"
                )
            }
        }
    }
}

/// A reason in brackets, nothing where there is none.
pub(crate) struct Reason<'a>(pub(crate) &'a str);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            reason => write!(f, " ({reason})"),
        }
    }
}

/// The last events, oldest first; never more than its bound.
#[derive(Debug)]
pub(crate) struct EventRing {
    events: VecDeque<(UnixSeconds, Event)>,
    bound: usize,
}

impl EventRing {
    pub(crate) fn new(bound: usize) -> Self {
        EventRing {
            events: VecDeque::new(),
            bound: bound.max(1),
        }
    }

    pub(crate) fn push(&mut self, wall: UnixSeconds, event: Event) {
        if self.events.len() == self.bound {
            self.events.pop_front();
        }
        self.events.push_back((wall, event));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(UnixSeconds, Event)> {
        self.events.iter()
    }
}
