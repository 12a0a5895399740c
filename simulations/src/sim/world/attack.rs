//! What adversaries answer and send.

use pishtar_catalog::MINISTRY;
use pishtar_mesh::{Hint, Input, MetaAnswer, MetaAsk};

use super::{
    World,
    act::bytes_of,
    event::{Act, Event},
    host::{HostIx, Kind},
};
use crate::sim::MINUTE;

/// A flooder's turn comes this often.
const FLOOD_EVERY: u64 = 60 * MINUTE;
/// Hints and records of one turn.
const FLOOD: u64 = 20;

impl World {
    /// What a peer answers to a question for metadata; `None` when it keeps silent.
    pub(super) fn meta_answer(&self, at: HostIx, ask: &MetaAsk) -> Option<MetaAnswer> {
        let kind = self.hosts[at as usize].kind;
        let first = &self.editions.list[0];
        Some(match (kind, ask) {
            (Kind::Eclipser, _) => return None,
            (Kind::Replayer, MetaAsk::Versions) => {
                let theft = self.editions.theft.as_ref().filter(|_| self.stolen);
                let version = theft.map_or(first.version + 100, |theft| theft.version);
                MetaAnswer::Versions(vec![(MINISTRY.to_owned(), version)])
            }
            (Kind::Replayer, MetaAsk::File { file, .. }) => {
                let theft = self.editions.theft.as_ref().filter(|_| self.stolen);
                bytes_of(&theft.unwrap_or(first).files, &file.file_name())
            }
            (Kind::Freezer, MetaAsk::Versions) => {
                MetaAnswer::Versions(vec![(MINISTRY.to_owned(), first.version)])
            }
            (Kind::Freezer, MetaAsk::File { file, .. }) => {
                bytes_of(&first.files, &file.file_name())
            }
            (Kind::Liar, ask) => match self.honest_meta(at, ask) {
                MetaAnswer::Bytes(mut bytes) => {
                    bytes.reverse();
                    MetaAnswer::Bytes(bytes)
                }
                MetaAnswer::Versions(mut versions) => {
                    versions.iter_mut().for_each(|(_, version)| *version += 1);
                    MetaAnswer::Versions(versions)
                }
                MetaAnswer::Absent => MetaAnswer::Absent,
            },
            (_, ask) => self.honest_meta(at, ask),
        })
    }

    /// Does it leave questions unanswered?
    pub(super) fn is_mute(&self, at: HostIx) -> bool {
        self.hosts[at as usize].kind == Kind::Eclipser
    }

    /// Does it accept ranges and send nothing?
    pub(super) fn stalls(&self, at: HostIx) -> bool {
        matches!(self.hosts[at as usize].kind, Kind::Freezer | Kind::Eclipser)
    }

    /// A flooder's turn: hints of versions that do not exist, and records that nobody can open.
    pub(super) fn flood(&mut self, at: HostIx) {
        if self.is_up(at) {
            let links: Vec<HostIx> = self.hosts[at as usize].links.keys().copied().collect();
            let peer = self.id_of(at);
            for other in links {
                for _ in 0..FLOOD {
                    let version = self.hosts[at as usize].chance.any();
                    let publisher = MINISTRY.to_owned();
                    let hint = Hint::Timestamp { publisher, version };
                    self.later_input(2_000, other, Input::HintHeard { peer, hint });
                }
            }
            for _ in 0..FLOOD / 2 {
                self.junk(at);
            }
            self.records_changed(at);
        }
        self.later(FLOOD_EVERY, Event::Act(at, Act::Flood));
    }
}
