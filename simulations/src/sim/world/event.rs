//! What can happen, in order of time and then of planning.

use std::cmp::Ordering;

use pishtar_catalog::BlobHash;
use pishtar_mesh::{Input, RequestId, wire::HoldingsQuery};

use super::{
    exchange::{Push, Step},
    host::HostIx,
    sticks::Visit,
};
use crate::sim::{Micros, pipe::FlowId};

/// Something that happens at a time.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Micros,
    pub(super) serial: u64,
    pub(super) event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.serial) == (other.at, other.serial)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

/// An event. What is for a program names the run of it, so that nothing reaches the next one.
#[derive(Debug)]
pub(super) enum Event {
    /// An input for a mesh.
    Input(HostIx, u32, Box<Input>),
    /// A mesh asked to be woken.
    Tick(HostIx, u32),
    /// A transfer on this line ends.
    Pipe(u32),
    /// A question for holdings arrives, or has waited long enough.
    Question(Box<Question>),
    /// A request for a range arrives at its giver.
    Serve(Serve),
    /// A transfer that is still under way reports.
    Stir(FlowId, Micros),
    /// A lesson file is off the disk.
    Removal(HostIx, u32, Box<BlobHash>),
    /// A catalogue is on the disk.
    Written(HostIx, u32),
    /// A message between two carriers arrives.
    Session(Box<Step>),
    /// Records arrive that a neighbour just saved.
    Push(Box<Push>),
    /// By the timetable.
    Act(HostIx, Act),
    /// A line becomes bad, or good.
    Weather(u32, bool),
    /// Two hosts in one place find each other.
    Meet(HostIx, HostIx),
    /// An edition comes out.
    Publish(usize),
    /// A courier goes on.
    Courier(usize),
    /// A courier's stick is in a host that has had time to read its catalogue.
    Stick(usize, Visit),
    /// The report looks at everything.
    Sample,
}

/// A question for holdings.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) at: HostIx,
    pub(super) asker: HostIx,
    pub(super) asker_boot: u32,
    pub(super) request: RequestId,
    pub(super) query: HoldingsQuery,
    /// It is among those that wait for news.
    pub(super) waited: bool,
}

/// A request for a range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Serve {
    pub(super) giver: HostIx,
    pub(super) asker: HostIx,
    pub(super) asker_boot: u32,
    pub(super) request: RequestId,
}

/// What a timetable lets happen to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A new day: its timetable is made.
    Day,
    /// Power comes.
    PowerOn,
    /// Power goes; what is not on the disk is lost.
    PowerOff,
    /// Lid closed, or taken out of every reach.
    Sleep,
    /// Lid opened in this place.
    Wake(u32),
    /// The line works.
    LineUp,
    /// The line is down.
    LineDown,
    /// So many learners' records are saved.
    Save(u64),
    /// The date is set wrong by so many seconds.
    Clock(i64),
    /// A flooder's turn.
    Flood,
    /// The disk has so many bytes left for lessons.
    Room(u64),
    /// A bit flips in a stored lesson.
    Damage,
    /// A thief has the timestamp key from now on.
    Stolen,
}

/// What an input is in the digest: its kind, and a number that tells it from others of the kind.
pub(super) fn mark_of(input: &Input) -> (u8, u64) {
    match input {
        Input::PeerConnected { peer } => (1, short(&peer.0)),
        Input::PeerDisconnected { peer } => (2, short(&peer.0)),
        Input::HintHeard { peer, .. } => (3, short(&peer.0)),
        Input::FolderChanged { folder } => (4, u64::from(folder.0)),
        Input::MetaArrived { request, .. } => (5, request.0),
        Input::CatalogInstalled { result, .. } => (6, u64::from(result.is_ok())),
        Input::PublisherForgotten { .. } => (7, 0),
        Input::HoldingsArrived { request, .. } => (8, request.0),
        Input::BlobState { hash, .. } => (9, short(&hash.0)),
        Input::RangeProgress { request, bytes } => (10, request.0 << 32 | bytes >> 12),
        Input::RangeFinished {
            request, result, ..
        } => (11, request.0 << 1 | u64::from(result.is_ok())),
        Input::Demand { id, .. } => (12, id.0),
        Input::DropDemand { id } => (13, id.0),
        Input::SetFollow(rules) => (14, rules.len() as u64),
        Input::SetChoices(_) => (15, 0),
        Input::RemoveLesson(_) => (16, 0),
        Input::SetQuota(quota) => (17, quota.unwrap_or(u64::MAX)),
        Input::DiskRoom(room) => (18, room.unwrap_or(u64::MAX)),
        Input::BlobRemoved { hash } => (19, short(&hash.0)),
        Input::BlobDamaged { hash, .. } => (20, short(&hash.0)),
        Input::RecordsChanged { count, digest } => (21, short(digest) ^ count),
        Input::RecordsExchanged { request, .. } => (22, request.0),
        Input::Served { bytes, .. } => (23, *bytes),
        Input::Tick => (24, 0),
        Input::FilesArrived { ended } => (25, ended.first().map_or(0, |(id, _)| id.0)),
        Input::SetAssigned(lessons) => (26, lessons.len() as u64),
        Input::PeerAttached { peer, .. } => (27, short(&peer.0)),
    }
}

fn short(bytes: &[u8; 32]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(first)
}
