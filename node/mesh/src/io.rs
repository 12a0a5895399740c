//! What goes into the mesh and what comes out of it.

use std::{collections::BTreeSet, ops::Range};

use pishtar_catalog::{BlobHash, Catalog, Diff, LessonFile, LessonId, Selection};
use pishtar_signing::client::{MetaFile, TrustedSet};

use crate::{
    choices::Choices,
    event::Event,
    ids::{Attachment, DemandId, FolderId, NodeId, PublisherId, RequestId, Source},
    spread::Ask,
    wire::{HoldingsAnswer, HoldingsQuery},
};

/// Something that happened; handed to `Mesh::handle` together with the time.
#[derive(Debug, Clone)]
pub enum Input {
    /// A connection to `peer` is ready for streams. Repeats are ignored.
    PeerConnected {
        /// The peer, proven by the handshake.
        peer: NodeId,
    },
    /// A connected peer said how it hangs on its network. Repeats replace.
    PeerAttached {
        /// The peer.
        peer: NodeId,
        /// What it said.
        attachment: Attachment,
    },
    /// The last connection to `peer` is gone; its open requests count as failed.
    PeerDisconnected {
        /// The peer.
        peer: NodeId,
    },
    /// A hint arrived by gossip. Only ever a reason to ask.
    HintHeard {
        /// Who published it, or who forwarded it when the author is unknown.
        peer: NodeId,
        /// What it says.
        hint: Hint,
    },
    /// A published folder appeared or has new content.
    FolderChanged {
        /// The folder.
        folder: FolderId,
    },
    /// Answer to [`Output::RequestMeta`].
    MetaArrived {
        /// Id of the request.
        request: RequestId,
        /// The answer.
        result: Result<MetaAnswer, MetaFailure>,
    },
    /// Answer to [`Output::InstallCatalog`], after fsync.
    CatalogInstalled {
        /// The publisher.
        publisher: PublisherId,
        /// The reason when the disk refused.
        result: Result<(), String>,
    },
    /// Answer to [`Output::ForgetPublisher`].
    PublisherForgotten {
        /// The publisher.
        publisher: PublisherId,
        /// The reason when the disk refused.
        result: Result<(), String>,
    },
    /// Answer to [`Output::RequestHoldings`].
    HoldingsArrived {
        /// Id of the request.
        request: RequestId,
        /// The answer.
        result: Result<HoldingsAnswer, HoldingsFailure>,
    },
    /// What the store holds of a blob: answer to [`Output::InspectBlob`], or unasked when the
    /// shell added bytes itself (a published folder, a USB stick) or lost some (scrub).
    BlobState {
        /// The blob.
        hash: BlobHash,
        /// What is held.
        held: Held,
    },
    /// Verified bytes of a range arrived. At most one per 256 KiB or 100 ms.
    RangeProgress {
        /// Id of the request.
        request: RequestId,
        /// Verified bytes from the start of the range so far.
        bytes: u64,
    },
    /// A range ended. Comes exactly once per [`Output::FetchRange`], after a cancel too.
    RangeFinished {
        /// Id of the request.
        request: RequestId,
        /// How it ended.
        result: Result<(), FetchFailure>,
        /// What of the asked range is verified and stored, in bytes.
        held: Vec<Range<u64>>,
    },
    /// Files of an [`Output::FetchFiles`] ended, by their ids; those with `Ok` are verified and stored whole, of others
    /// nothing is. Comes as often as the shell likes, each id exactly once, after a cancel too.
    FilesArrived {
        /// How each ended.
        ended: Vec<(RequestId, Result<(), FetchFailure>)>,
    },
    /// Somebody waits for bytes; the same id again moves the window.
    Demand {
        /// Chosen by the shell, unique among living demands.
        id: DemandId,
        /// The blob.
        hash: BlobHash,
        /// Bytes that are needed, in order.
        window: Range<u64>,
        /// How urgent.
        priority: Priority,
    },
    /// Nobody waits any more.
    DropDemand {
        /// The demand.
        id: DemandId,
    },
    /// Replaces the rules among the choices.
    SetFollow(Vec<Selection>),
    /// Replaces everything that people chose: rules, single lessons, pins.
    SetChoices(Choices),
    /// Replaces the lessons that teachers assigned: they come before all that is merely followed, and stay.
    SetAssigned(BTreeSet<LessonId>),
    /// Somebody wants the room of this lesson now: files of it that nobody follows are removed.
    RemoveLesson(LessonId),
    /// Replaces the quota for lesson bytes; `None` is no limit.
    SetQuota(Option<u64>),
    /// What the disk has left for lesson bytes, the reserve for everything else taken off;
    /// `None` where the system does not tell.
    DiskRoom(Option<u64>),
    /// Answer to [`Output::RemoveBlob`]: its bytes are off the disk.
    BlobRemoved {
        /// The blob.
        hash: BlobHash,
    },
    /// Stored bytes of a blob turned out to be damaged; they are neither shown nor served any more.
    BlobDamaged {
        /// The blob.
        hash: BlobHash,
        /// What of it is good; `Absent` when it must be removed before it can be fetched again.
        held: Held,
    },
    /// The set of carried records changed.
    RecordsChanged {
        /// Number of records.
        count: u64,
        /// Digest of the set.
        digest: [u8; 32],
    },
    /// Answer to [`Output::ExchangeRecords`].
    RecordsExchanged {
        /// Id of the request.
        request: RequestId,
        /// What moved, or why not.
        result: Result<ExchangeStats, String>,
    },
    /// The shell served bytes of blobs to a peer; for the ledger.
    Served {
        /// The peer.
        peer: NodeId,
        /// Bytes since the last such input.
        bytes: u64,
    },
    /// A deadline passed.
    Tick,
}

/// What the shell has to do. Take all of them after every input.
#[derive(Debug, Clone)]
pub enum Output {
    /// Ask `source` for metadata and answer with [`Input::MetaArrived`].
    RequestMeta {
        /// Id for the answer.
        request: RequestId,
        /// Whom to ask.
        source: Source,
        /// What to ask for.
        ask: MetaAsk,
        /// Largest acceptable answer in bytes, after decompression.
        max_bytes: u64,
    },
    /// Write durably, then answer with [`Input::CatalogInstalled`].
    InstallCatalog {
        /// The publisher.
        publisher: PublisherId,
        /// Files as received.
        files: Vec<(MetaFile, Vec<u8>)>,
        /// Files that no longer belong to the trusted set.
        removed: Vec<MetaFile>,
    },
    /// Nothing of this publisher counts any more: delete its trust state, then answer with
    /// [`Input::PublisherForgotten`].
    ForgetPublisher {
        /// The publisher.
        publisher: PublisherId,
    },
    /// The installed catalogue is in use now.
    CatalogChanged {
        /// The publisher.
        publisher: PublisherId,
        /// Lessons that were added, changed, withdrawn.
        diff: Diff,
    },
    /// Publish by gossip.
    PublishHint(Hint),
    /// Ask `peer` for its holdings and answer with [`Input::HoldingsArrived`]. May take
    /// `query.wait_ms` longer than a round trip.
    RequestHoldings {
        /// Id for the answer.
        request: RequestId,
        /// Whom to ask.
        peer: NodeId,
        /// The question.
        query: HoldingsQuery,
    },
    /// Our own holdings changed: waiting queries of others can be answered.
    HoldingsChanged {
        /// The new generation.
        generation: u64,
    },
    /// Look into the store and answer with [`Input::BlobState`].
    InspectBlob {
        /// The blob.
        hash: BlobHash,
        /// Its signed length in bytes.
        length: u64,
    },
    /// Fetch and store a range of a blob, verified; report with [`Input::RangeProgress`] and
    /// [`Input::RangeFinished`].
    FetchRange {
        /// Id for the answers.
        request: RequestId,
        /// From whom.
        peer: NodeId,
        /// The blob.
        hash: BlobHash,
        /// Its signed length in bytes; a peer that claims another one lies.
        length: u64,
        /// Bytes, aligned to 16 KiB groups except at the end of the blob.
        range: Range<u64>,
        /// How to ask for it.
        ask: Ask,
    },
    /// Fetch small files whole in one request; report each with [`Input::FilesArrived`].
    FetchFiles {
        /// From whom.
        peer: NodeId,
        /// At most [`MAX_BATCH_FILES`](crate::MAX_BATCH_FILES) with [`MAX_BATCH_BYTES`](crate::MAX_BATCH_BYTES), each at
        /// most [`SMALL_FILE_BYTES`](crate::SMALL_FILE_BYTES) long.
        files: Vec<WantedFile>,
    },
    /// Stop a range or a file of a batch; its end still follows.
    CancelRange {
        /// Id of the range's request.
        request: RequestId,
    },
    /// Delete what is held of a blob and answer with [`Input::BlobRemoved`] when its bytes are off
    /// the disk; not before, because they count in the quota until then.
    RemoveBlob {
        /// The blob.
        hash: BlobHash,
    },
    /// Run one record exchange with `peer` and answer with [`Input::RecordsExchanged`].
    ExchangeRecords {
        /// Id for the answer.
        request: RequestId,
        /// With whom.
        peer: NodeId,
    },
    /// Something that people may want to know.
    Event(Event),
}

/// One file of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedFile {
    /// Id for the answer.
    pub request: RequestId,
    /// The blob.
    pub hash: BlobHash,
    /// Its signed length in bytes.
    pub length: u64,
}

/// A hint, as gossiped: never more than a reason to ask.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Hint {
    /// A publisher's catalogue has this timestamp version.
    Timestamp {
        /// The publisher.
        publisher: PublisherId,
        /// Version of its timestamp.
        version: u64,
    },
    /// The hinting node carries this set of records.
    Records {
        /// Number of records.
        count: u64,
        /// Digest of the set.
        digest: [u8; 32],
    },
    /// Sealed records that were just made, so that they are far off before anyone compares sets. At most
    /// [`MAX_FRESH`](crate::wire::MAX_FRESH), each signed by its log key.
    Fresh {
        /// Their bytes.
        records: Vec<Vec<u8>>,
    },
}

/// What is asked of a source of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaAsk {
    /// Which publishers it has, with which timestamp versions.
    Versions,
    /// One file.
    File {
        /// The publisher.
        publisher: PublisherId,
        /// The file.
        file: MetaFile,
        /// Version of the same role that this node already holds: a dictionary for the wire.
        held_version: Option<u64>,
    },
}

/// Answer of a source of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaAnswer {
    /// The file as signed.
    Bytes(Vec<u8>),
    /// The source does not have it.
    Absent,
    /// Publishers with their timestamp versions; unverified.
    Versions(Vec<(PublisherId, u64)>),
}

/// Why metadata did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetaFailure {
    /// The source has too much to do; ask again later.
    #[error("it is busy")]
    Busy,
    /// The answer was larger than allowed or malformed: the source's fault.
    #[error("its answer breaks the protocol: {0}")]
    Protocol(String),
    /// No answer within the deadline.
    #[error("it did not answer in time")]
    Stalled,
    /// The connection went away.
    #[error("the connection went away")]
    Disconnected,
    /// A folder on this machine could not be read.
    #[error("this machine could not read it: {0}")]
    LocalDisk(String),
}

/// What the store holds of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    Absent,
    /// These verified byte ranges.
    Partial(Vec<Range<u64>>),
    /// All of it.
    Complete,
    /// All of it, in a published folder: not counted in the quota, never removed by us.
    Referenced,
}

/// Why there is no answer about holdings; says whose fault it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoldingsFailure {
    /// The connection went away, or the peer did not answer in time.
    #[error("the peer did not answer")]
    NoAnswer,
    /// What came is no answer: the peer's fault.
    #[error("{0}")]
    Protocol(String),
}

/// Why a range ended early; says whose fault it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailure {
    /// The peer has too much to do.
    #[error("it is busy")]
    Busy,
    /// The peer has given these bytes to a neighbour and would rather give others: nobody has a part of that range.
    #[error("it would rather give other bytes first")]
    Rather(Option<Range<u64>>),
    /// The peer does not serve this blob to us.
    #[error("it does not serve this file")]
    Denied,
    /// The peer does not have these bytes.
    #[error("it does not have these bytes")]
    Absent,
    /// The peer sent bytes that fail verification: a fault.
    #[error("it sent bytes that fail verification")]
    WrongBytes,
    /// No verified byte within the deadline.
    #[error("it stopped sending")]
    Stalled,
    /// The connection went away.
    #[error("the connection went away")]
    Disconnected,
    /// We cancelled it.
    #[error("it was no longer needed")]
    Cancelled,
    /// Our own disk refused; nobody else's fault.
    #[error("this machine's disk refused: {0}")]
    LocalDisk(String),
}

/// How urgent a demand is; smaller is more urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Somebody is watching.
    Playback,
    /// A teacher assigned it.
    Assigned,
    /// The node follows it.
    Followed,
    /// It may be wanted next.
    Prefetch,
}

/// What one record exchange moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExchangeStats {
    /// Records that we sent.
    pub records_sent: u64,
    /// Records that we received and had not.
    pub records_received: u64,
    /// Acknowledgements that we sent.
    pub acks_sent: u64,
    /// Acknowledgements that we received and had not.
    pub acks_received: u64,
}

/// What the shell found on disk at start; handed to `Mesh::new`.
#[derive(Debug, Default)]
pub struct Restored {
    /// Publishers with their trusted sets; at least the pinned roots.
    pub publishers: Vec<(PublisherId, TrustedSet)>,
    /// Further publishers whose state on disk does not read back, with the reason: closed until they are seeded again.
    pub damaged: Vec<(PublisherId, String)>,
    /// The catalogue, filled role by role while the sets were restored; the ministry's first, whose list decides about
    /// the others.
    pub catalog: Catalog,
    /// Everything in the blob store, when the shell could list it: blobs that are not named
    /// count as absent and are not inspected again.
    pub blobs: Option<Vec<(BlobHash, Held)>>,
    /// Blobs in the store that no catalogue names, with their bytes: they are removed.
    pub unnamed: Vec<(BlobHash, u64)>,
    /// Number and digest of the carried records.
    pub records: (u64, [u8; 32]),
}

/// Bytes a player needs of `file` before it can start: the head, and the tail when the index of
/// the video sits there.
pub fn first_needed(file: &LessonFile) -> [Range<u64>; 2] {
    let head = 0..file.head_bytes.min(file.length);
    let tail = file.length.saturating_sub(file.tail_bytes)..file.length;
    [head, tail]
}
