//! One node: a mesh with its modelled disk, place and clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use pishtar_catalog::{BlobHash, Selection};
use pishtar_mesh::{Attachment, Held, Mesh, NodeId, RequestId, ranges::RangeSet};
use pishtar_signing::{client::MetaFile, record::LogSigner};

use super::{event::Question, lines::Via};
use crate::sim::{
    Micros,
    chance::Chance,
    editions::{BlobIx, MetaFiles},
    pipe::FlowId,
    records::{Carrier, CarrierDigest, LogIx},
};

/// Number of a host in its world.
pub(super) type HostIx = u32;

/// What a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The ministry's server, with the collector.
    Ministry,
    /// A school's node.
    School,
    /// A home device, or a pupil's.
    Home,
    /// Gives wrong bytes and garbled metadata.
    Liar,
    /// Sends hints and records without end.
    Flooder,
    /// Claims what is new and serves what is old.
    Replayer,
    /// Says that nothing is new, and gives nothing.
    Freezer,
    /// Takes a neighbour's place and answers nothing.
    Eclipser,
}

impl Kind {
    /// Is it against the others?
    pub fn is_adversary(self) -> bool {
        !matches!(self, Kind::Ministry | Kind::School | Kind::Home)
    }

    /// How it hangs on its network: a school's node and the ministry's are wired, devices are on the air.
    pub(super) fn attachment(self) -> Attachment {
        match self {
            Kind::Ministry | Kind::School => Attachment::Cable,
            _ => Attachment::Air,
        }
    }
}

/// A host.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The first 28 bytes of its id.
    pub(super) chance_id: [u8; 32],
    pub(super) municipality: usize,
    /// The program, while there is power.
    pub(super) mesh: Option<Box<Mesh>>,
    /// Runs of the program so far.
    pub(super) boot: u32,
    pub(super) booted: Micros,
    /// Connected and working, rather than asleep.
    pub(super) awake: bool,
    pub(super) alarm: Option<Micros>,
    pub(super) clock_ahead: i64,
    pub(super) follow: Vec<Selection>,
    pub(super) quota: u64,
    pub(super) disk: Disk,
    /// Where it is: a cell's number.
    pub(super) place: Option<u32>,
    /// Where it belongs: school, and street.
    pub(super) school_cell: Option<u32>,
    pub(super) home_cell: Option<u32>,
    /// Its own line: downwards, upwards.
    pub(super) line: Option<[u32; 2]>,
    pub(super) line_up: bool,
    pub(super) links: BTreeMap<HostIx, Via>,
    pub(super) waiting: Vec<Question>,
    pub(super) flights: BTreeMap<RequestId, Flight>,
    /// Which of them are small files of a batch.
    pub(super) small: BTreeMap<RequestId, BlobHash>,
    /// What a cancelled range still brought, of which the mesh has not heard: the question, the file, the bytes.
    pub(super) untold: Vec<(RequestId, BlobIx, std::ops::Range<u64>)>,
    /// A catalogue that is being written.
    pub(super) writing: Option<Writing>,
    /// What a published folder on it has: the ministry's, or a stick's.
    pub(super) folder: Option<Arc<MetaFiles>>,
    pub(super) carrier: Carrier,
    pub(super) log: Option<OwnLog>,
    /// Learners who use it.
    pub(super) learners: u64,
    pub(super) chance: Chance,
    /// Its own records that were saved, for the invariant.
    pub(super) saved: Vec<u32>,
    /// What its carrier held and how much was saved when the records were last looked through.
    pub(super) swept: Option<(CarrierDigest, usize)>,
    /// Highest (root, timestamp) that it ever showed.
    pub(super) shown: (u64, u64),
    /// When it is on at home today: from, until.
    pub(super) evening: Option<[Micros; 2]>,
    /// Taken along to school on school days.
    pub(super) carried: bool,
    /// Lessons that it follows, and those of them that it holds whole, at the last look.
    pub(super) wanted: u64,
    pub(super) whole_wanted: u64,
    /// Number of the edition that it has.
    pub(super) has: Option<usize>,
}

/// The log that a device writes this week.
pub(super) struct OwnLog {
    pub(super) ix: LogIx,
    pub(super) week: u64,
    pub(super) signer: Option<LogSigner>,
}

/// A catalogue that is on its way to the disk.
pub(super) struct Writing {
    pub(super) publisher: String,
    pub(super) files: Vec<(MetaFile, Vec<u8>)>,
    pub(super) removed: Vec<MetaFile>,
}

/// A range on its way.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub(super) from: HostIx,
    pub(super) blob: BlobIx,
    pub(super) hash: BlobHash,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) ask: pishtar_mesh::Ask,
    pub(super) flow: Option<FlowId>,
    /// Bytes from the start that are stored.
    pub(super) done: u64,
}

/// What survives a power cut.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Trust state.
    pub(super) meta: Arc<MetaFiles>,
    whole: BTreeSet<BlobIx>,
    parts: BTreeMap<BlobIx, RangeSet>,
    /// Lesson files of a published folder.
    pub(super) folder_blobs: Option<Arc<Vec<BlobIx>>>,
    bytes: u64,
}

impl Disk {
    /// Bytes of lessons, those in a folder aside.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn has_whole(&self, ix: BlobIx) -> bool {
        self.whole.contains(&ix) || self.in_folder(ix)
    }

    fn in_folder(&self, ix: BlobIx) -> bool {
        let folder = self.folder_blobs.as_ref();
        folder.is_some_and(|blobs| blobs.binary_search(&ix).is_ok())
    }

    pub(super) fn held(&self, ix: BlobIx) -> Held {
        if self.in_folder(ix) {
            return Held::Referenced;
        }
        if self.whole.contains(&ix) {
            return Held::Complete;
        }
        match self.parts.get(&ix) {
            Some(ranges) => Held::Partial(ranges.iter().collect()),
            None => Held::Absent,
        }
    }

    /// Held ranges of a file.
    pub(super) fn ranges(&self, ix: BlobIx, length: u64) -> Vec<std::ops::Range<u64>> {
        match self.has_whole(ix) {
            true => std::iter::once(0..length).collect(),
            false => self
                .parts
                .get(&ix)
                .into_iter()
                .flat_map(RangeSet::iter)
                .collect(),
        }
    }

    pub(super) fn covers(&self, ix: BlobIx, range: std::ops::Range<u64>) -> bool {
        self.has_whole(ix) || self.parts.get(&ix).is_some_and(|held| held.covers(range))
    }

    /// Bytes of a range that are held.
    pub(super) fn overlap(&self, ix: BlobIx, range: std::ops::Range<u64>) -> u64 {
        if self.has_whole(ix) {
            return range.end - range.start;
        }
        let parts = self.parts.get(&ix).into_iter();
        parts
            .flat_map(|held| held.within(range.clone()))
            .map(|part| part.end - part.start)
            .sum()
    }

    /// Stores a range; the bytes that were there already.
    pub(super) fn add(&mut self, ix: BlobIx, length: u64, range: std::ops::Range<u64>) -> u64 {
        let bytes = range.end - range.start;
        if self.has_whole(ix) {
            return bytes;
        }
        let held = self.parts.entry(ix).or_default();
        let before = held.total();
        held.insert(range);
        let after = held.total();
        if after == length {
            self.parts.remove(&ix);
            self.whole.insert(ix);
        }
        self.bytes += after - before;
        bytes - (after - before)
    }

    pub(super) fn remove(&mut self, ix: BlobIx, length: u64) {
        let whole = self.whole.remove(&ix).then_some(length);
        let part = self.parts.remove(&ix).map(|held| held.total());
        self.bytes -= whole.or(part).unwrap_or(0);
    }

    /// Takes a range away: it is damaged.
    pub(super) fn damage(&mut self, ix: BlobIx, length: u64, range: std::ops::Range<u64>) {
        if self.whole.remove(&ix) {
            self.parts.insert(ix, RangeSet::of(0..length));
        }
        if let Some(held) = self.parts.get_mut(&ix) {
            let before = held.total();
            held.remove(range);
            self.bytes -= before - held.total();
            if held.is_empty() {
                self.parts.remove(&ix);
            }
        }
    }

    /// Files that are held whole, those of a folder aside.
    pub(super) fn whole(&self) -> impl Iterator<Item = BlobIx> + '_ {
        self.whole.iter().copied()
    }

    /// Files of which something is held.
    pub(super) fn any(&self) -> impl Iterator<Item = BlobIx> + '_ {
        self.whole.iter().chain(self.parts.keys()).copied()
    }
}

/// The id of a host; its last bytes are its number.
pub(super) fn node_id(seed: [u8; 32], ix: HostIx) -> NodeId {
    let mut id = seed;
    id[28..].copy_from_slice(&ix.to_be_bytes());
    NodeId(id)
}

/// The number of the host with this id.
pub(super) fn host_of(id: &NodeId) -> HostIx {
    let bytes = id.0[28..].try_into().expect("four bytes");
    u32::from_be_bytes(bytes)
}
