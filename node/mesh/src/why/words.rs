//! The sentences in English.

use std::{fmt, time::Duration};

use super::Sentence;
use crate::{event::Reason, ids::NodeId};

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sentence::Complete { bytes } => write!(f, "It is all here: {}.", Bytes(*bytes)),
            Sentence::Partly { held, total } => {
                write!(f, "{} of {} are here.", Bytes(*held), Bytes(*total))
            }
            Sentence::NotFollowed => f.write_str(
                "This node does not follow it; it is fetched only while somebody plays it.",
            ),
            Sentence::HeldBy { path, whole, part } => {
                write!(f, "{path} is held by {}", Names(whole))?;
                if part.is_empty() {
                    f.write_str(".")
                } else {
                    write!(f, ", in part by {}.", Names(part))
                }
            }
            Sentence::NobodyHas { path, connected } => {
                write!(
                    f,
                    "{path} is held by none of the {connected} connected neighbours; it waits for one that has it."
                )
            }
            Sentence::Arriving {
                path,
                from,
                ranges,
                rate,
            } => {
                write!(
                    f,
                    "{path} comes from {from} at {}/s ({ranges} ranges on their way).",
                    Bytes(*rate)
                )
            }
            Sentence::Paused {
                path,
                peer,
                wait,
                reason,
            } => {
                write!(f, "{path} waits {} for {peer}: {reason}.", Seconds(*wait))
            }
            Sentence::NoRoom {
                path,
                needed,
                quota,
            } => write!(
                f,
                "{path} needs {} more and the quota of {} has no room: raise --quota or follow less.",
                Bytes(*needed),
                Bytes(*quota)
            ),
            Sentence::NoSpace { path, needed, left } => write!(
                f,
                "{path} needs {} more and this machine's disk has {} left for lessons: make space or follow less.",
                Bytes(*needed),
                Bytes(*left)
            ),
            Sentence::Pinned => {
                f.write_str("It is pinned: it is never removed to make room for others.")
            }
            Sentence::DiskFull => f.write_str(
                "This machine's disk is full: nothing is fetched until there is space again; what is here can be watched.",
            ),
            Sentence::Leaving { path } => {
                write!(f, "{path} is being removed from this machine's disk.")
            }
            Sentence::Removed { path, ago, why } => {
                write!(f, "{path} was removed from here {} ago {why}.", Seconds(*ago))
            }
            Sentence::Damaged { path, bytes } => write!(
                f,
                "{} of {path} are damaged on this machine's disk; they are not shown and are fetched again.",
                Bytes(*bytes)
            ),
            Sentence::Inspecting { path } => {
                write!(f, "{path} is being looked up on this machine's disk.")
            }
            Sentence::Queued { path } => write!(f, "{path} waits for its turn."),
            Sentence::Account {
                peer,
                connected,
                rx_bytes,
                tx_bytes,
                rate,
            } => {
                let state = if *connected {
                    "connected"
                } else {
                    "not connected"
                };
                write!(
                    f,
                    "{peer} is {state}: {} received from it, {} sent to it, lately {}/s.",
                    Bytes(*rx_bytes),
                    Bytes(*tx_bytes),
                    Bytes(*rate)
                )
            }
            Sentence::Holds {
                peer,
                files,
                wanted,
            } => {
                write!(
                    f,
                    "{peer} holds {files} files of our catalogues, {wanted} of them wanted here."
                )
            }
            Sentence::Revoked { peer, reason } => write!(
                f,
                "The ministry revoked the device {peer}{}: it may fetch lessons, but no records are exchanged with it.",
                Reason(reason)
            ),
            Sentence::Publisher {
                publisher,
                prefix,
                version: 0,
                ..
            } => write!(
                f,
                "{publisher} may publish at {prefix}; no neighbour had its catalogue yet."
            ),
            Sentence::Publisher {
                publisher,
                prefix,
                version,
                lessons,
            } => write!(
                f,
                "{publisher} may publish at {prefix}; version {version} of its catalogue is here, with {lessons} lessons."
            ),
            Sentence::PublisherRevoked { publisher, reason } => {
                write!(f, "The ministry revoked {publisher}: {reason}.")
            }
            Sentence::PublisherFault { publisher, fault } => {
                write!(f, "Fault of {publisher}: {fault}.")
            }
            Sentence::Fault { peer, fault } => write!(f, "{peer} {}.", fault.kind),
            Sentence::PeerPaused { peer, wait, reason } => {
                write!(
                    f,
                    "Nothing is asked of {peer} for {}: {reason}.",
                    Seconds(*wait)
                )
            }
            Sentence::CatalogWaits {
                peer,
                publisher,
                wait,
            } => write!(
                f,
                "The catalogue of {publisher} that {peer} offers did not help; it is asked again in {}.",
                Seconds(*wait)
            ),
        }
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |unit: u64| (self.0 / (unit / 10)) as f64 / 10.0;
        match self.0 {
            0..1_000 => write!(f, "{} B", self.0),
            1_000..1_000_000 => write!(f, "{:.1} kB", tenths(1_000)),
            1_000_000..1_000_000_000 => write!(f, "{:.1} MB", tenths(1_000_000)),
            _ => write!(f, "{:.1} GB", tenths(1_000_000_000)),
        }
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_millis().div_ceil(1_000))
    }
}

struct Names<'a>(&'a [NodeId]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nobody as a whole");
        }
        for (at, peer) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{peer}")?;
        }
        Ok(())
    }
}
