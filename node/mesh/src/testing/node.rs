//! One node of the small world: a mesh with its modelled disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use pishtar_catalog::{BlobHash, LessonId};
use pishtar_signing::client::MetaFile;

use super::Fault;
use crate::{
    Ask, Config, Event, FetchFailure, Held, Input, Mesh, MetaAnswer, MetaAsk, Mono, NodeId, Now,
    PublisherId, RequestId, Restored, ranges::RangeSet, wire::HoldingsQuery,
};

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its core.
    pub mesh: Mesh,
    /// What goes wrong at it.
    pub fault: Fault,
    /// Seconds by which its date is ahead of the world's.
    pub clock_ahead: i64,
    /// Its lesson bytes.
    pub store: Store,
    /// Everything it told people.
    pub events: Vec<Event>,
    /// Lessons that were withdrawn from it.
    pub withdrawn: Vec<LessonId>,
    /// Blobs that were removed from its disk, in order.
    pub removed: Vec<BlobHash>,
    /// The records it carries.
    pub records: BTreeSet<u64>,
    /// Bytes that arrived although they were held already.
    pub repeated_bytes: u64,
    /// Ranges that it asked for, in order.
    pub asked: Vec<(BlobHash, Range<u64>, Ask)>,
    /// Files of each batch that it asked for, in order.
    pub batches: Vec<usize>,
    /// Requests that came in a batch.
    pub(super) batched: BTreeSet<RequestId>,
    pub(super) config: Config,
    pub(super) folder: BTreeMap<String, Vec<u8>>,
    pub(super) folder_blobs: BTreeSet<(BlobHash, u64)>,
    pub(super) waiting: Vec<(usize, RequestId, HoldingsQuery)>,
    pub(super) line_free: Mono,
    /// Trust state on its disk, by publisher.
    pub meta: BTreeMap<PublisherId, BTreeMap<String, Vec<u8>>>,
    pub(super) folder_of: PublisherId,
    transfers: BTreeMap<RequestId, Transfer>,
}

#[derive(Debug)]
struct Transfer {
    peer: NodeId,
    hash: BlobHash,
    length: u64,
    range: Range<u64>,
    done: u64,
}

/// Lesson bytes as ranges.
#[derive(Debug, Default)]
pub struct Store {
    blobs: BTreeMap<BlobHash, RangeSet>,
}

impl Store {
    /// What is held of a blob.
    pub fn held(&self, hash: &BlobHash, length: u64) -> Held {
        match self.blobs.get(hash) {
            None => Held::Absent,
            Some(ranges) if ranges.total() == length => Held::Complete,
            Some(ranges) => Held::Partial(ranges.iter().collect()),
        }
    }

    /// Held ranges of a blob.
    pub fn ranges(&self, hash: &BlobHash) -> Vec<Range<u64>> {
        self.blobs
            .get(hash)
            .into_iter()
            .flat_map(RangeSet::iter)
            .collect()
    }

    /// Bytes held in all.
    pub fn bytes(&self) -> u64 {
        self.blobs.values().map(RangeSet::total).sum()
    }

    pub(super) fn remove(&mut self, hash: &BlobHash) {
        self.blobs.remove(hash);
    }

    /// Adds a range; returns the bytes that were there already.
    fn add(&mut self, hash: BlobHash, range: Range<u64>) -> u64 {
        let ranges = self.blobs.entry(hash).or_default();
        let before = ranges.total();
        let bytes = range.end - range.start;
        ranges.insert(range);
        bytes - (ranges.total() - before)
    }
}

impl Node {
    pub(super) fn new(config: Config, now: Now, restored: Restored) -> Self {
        Node {
            mesh: Mesh::new(config.clone(), now, restored),
            asked: Vec::new(),
            batches: Vec::new(),
            batched: BTreeSet::new(),
            config,
            fault: Fault::None,
            clock_ahead: 0,
            store: Store::default(),
            events: Vec::new(),
            withdrawn: Vec::new(),
            removed: Vec::new(),
            records: BTreeSet::new(),
            repeated_bytes: 0,
            folder: BTreeMap::new(),
            folder_blobs: BTreeSet::new(),
            waiting: Vec::new(),
            line_free: Mono::default(),
            meta: BTreeMap::new(),
            folder_of: PublisherId::new(),
            transfers: BTreeMap::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> NodeId {
        self.mesh.me()
    }

    pub(super) fn install(
        &mut self,
        publisher: &str,
        files: Vec<(MetaFile, Vec<u8>)>,
        removed: &[MetaFile],
    ) {
        let meta = self.meta.entry(publisher.to_owned()).or_default();
        for file in removed {
            meta.remove(&file.file_name());
        }
        meta.extend(
            files
                .into_iter()
                .map(|(file, bytes)| (file.file_name(), bytes)),
        );
    }

    pub(super) fn folder_answer(&self, ask: &MetaAsk) -> MetaAnswer {
        match ask {
            MetaAsk::Versions => {
                MetaAnswer::Versions(vec![(self.folder_of.clone(), self.folder_version())])
            }
            MetaAsk::File {
                publisher, file, ..
            } if *publisher == self.folder_of => bytes_of(&self.folder, file),
            MetaAsk::File { .. } => MetaAnswer::Absent,
        }
    }

    pub(super) fn meta_answer(&self, ask: &MetaAsk) -> MetaAnswer {
        match ask {
            MetaAsk::Versions if self.fault == Fault::Replay => {
                let claimed = self.folder_version() + 100;
                MetaAnswer::Versions(vec![(self.folder_of.clone(), claimed)])
            }
            MetaAsk::File { file, .. } if self.fault == Fault::Replay => {
                bytes_of(&self.folder, file)
            }
            MetaAsk::Versions => MetaAnswer::Versions(self.mesh.answer_versions()),
            MetaAsk::File {
                publisher, file, ..
            } if self.mesh.may_serve_meta(publisher, file) => match self
                .meta
                .get(publisher)
                .map_or(MetaAnswer::Absent, |meta| bytes_of(meta, file))
            {
                MetaAnswer::Bytes(mut bytes) if self.fault == Fault::LieMeta => {
                    bytes.reverse();
                    MetaAnswer::Bytes(bytes)
                }
                answer => answer,
            },
            MetaAsk::File { .. } => MetaAnswer::Absent,
        }
    }

    pub(super) fn inspect(&self, hash: &BlobHash, length: u64) -> Held {
        if self.folder_blobs.contains(&(*hash, length)) {
            return Held::Referenced;
        }
        self.store.held(hash, length)
    }

    /// Why this node does not send a range, if so.
    pub(super) fn refusal(
        &self,
        hash: &BlobHash,
        length: u64,
        range: &Range<u64>,
    ) -> Option<FetchFailure> {
        let referenced = self.folder_blobs.contains(&(*hash, length));
        let held = self
            .store
            .blobs
            .get(hash)
            .is_some_and(|held| held.covers(range.clone()));
        match self.fault {
            Fault::Busy => Some(FetchFailure::Busy),
            Fault::LieBlobs => Some(FetchFailure::WrongBytes),
            _ if !self.mesh.may_serve(hash) => Some(FetchFailure::Denied),
            _ if referenced || held => None,
            _ => Some(FetchFailure::Absent),
        }
    }

    pub(super) fn begin_transfer(
        &mut self,
        request: RequestId,
        peer: NodeId,
        hash: BlobHash,
        length: u64,
        range: Range<u64>,
    ) {
        self.transfers.insert(
            request,
            Transfer {
                peer,
                hash,
                length,
                range,
                done: 0,
            },
        );
    }

    /// Sender, size and "is it the first" of a transfer's next bytes.
    pub(super) fn next_bytes(&self, request: RequestId, most: u64) -> Option<(NodeId, u64, bool)> {
        let transfer = self.transfers.get(&request)?;
        let left = transfer.range.end - transfer.range.start - transfer.done;
        Some((transfer.peer, left.min(most), transfer.done == 0))
    }

    /// Stores the next bytes: the blob, bytes of the range so far, and whether it ended.
    pub(super) fn take_bytes(
        &mut self,
        request: RequestId,
        most: u64,
    ) -> Option<(BlobHash, u64, bool)> {
        let transfer = self.transfers.get_mut(&request)?;
        let from = transfer.range.start + transfer.done;
        let to = (from + most).min(transfer.range.end);
        assert!(to <= transfer.length, "a transfer stays in its file");
        self.repeated_bytes += self.store.add(transfer.hash, from..to);
        transfer.done = to - transfer.range.start;
        let answer = (transfer.hash, transfer.done, to == transfer.range.end);
        if answer.2 {
            self.transfers.remove(&request);
        }
        Some(answer)
    }

    /// Stores what a cancelled transfer still brings.
    pub(super) fn take_late(&mut self, request: RequestId, most: u64) {
        let Some(transfer) = self.transfers.get_mut(&request) else {
            return;
        };
        let from = transfer.range.start + transfer.done;
        let to = (from + most).min(transfer.range.end);
        if from < to {
            self.store.add(transfer.hash, from..to);
            transfer.done = to - transfer.range.start;
        }
    }

    /// Ends a transfer early; gives what is held of its blob.
    pub(super) fn end_transfer(&mut self, request: RequestId) -> Option<Vec<Range<u64>>> {
        let transfer = self.transfers.remove(&request)?;
        Some(self.store.ranges(&transfer.hash))
    }

    pub(super) fn break_transfers(&mut self, peer: NodeId) -> Vec<(RequestId, Vec<Range<u64>>)> {
        let of_peer = self
            .transfers
            .iter()
            .filter(|(_, transfer)| transfer.peer == peer);
        let requests: Vec<RequestId> = of_peer.map(|(request, _)| *request).collect();
        requests
            .into_iter()
            .filter_map(|request| Some((request, self.end_transfer(request)?)))
            .collect()
    }

    pub(super) fn add_records(&mut self, records: impl Iterator<Item = u64>) -> bool {
        let before = self.records.len();
        self.records.extend(records);
        self.records.len() > before
    }

    pub(super) fn records_changed(&self) -> Input {
        let mut hasher = blake3::Hasher::new();
        for record in &self.records {
            hasher.update(&record.to_le_bytes());
        }
        Input::RecordsChanged {
            count: self.records.len() as u64,
            digest: *hasher.finalize().as_bytes(),
        }
    }

    fn folder_version(&self) -> u64 {
        let timestamp = self.folder.get("timestamp.json");
        let json =
            timestamp.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
        json.and_then(|json| json["signed"]["version"].as_u64())
            .unwrap_or(0)
    }
}

fn bytes_of(files: &BTreeMap<String, Vec<u8>>, file: &MetaFile) -> MetaAnswer {
    match files.get(&file.file_name()) {
        Some(bytes) => MetaAnswer::Bytes(bytes.clone()),
        None => MetaAnswer::Absent,
    }
}
