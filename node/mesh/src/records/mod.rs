//! Sealed records between carriers: what to offer, want, keep and drop.
//!
//! Two nodes compare what they hold, first acknowledgements, then records: an
//! acknowledgement that arrives frees records before anyone offers them. A sketch shows a few differences at once; when
//! there are more, negentropy finds them range by range. The [`Initiator`] learns both
//! differences, pulls what it lacks and pushes what the other lacks; the [`Responder`] only answers. At the
//! end both compare digests. Nothing here reads a disk or a clock: a session asks for snapshots, bodies and
//! storing through [`Output`], and gets [`Input`] back.
//!
//! ```text
//! initiator                                   responder
//!   Open{kind, digest}               ->         Same | Sketch
//!   Reconcile                        ->         Reconcile          when the sketch shows nothing: until nothing is left to compare
//!   WantNamed{names} | Want{ids}     ->         Items…             stored before the next Want
//!   Items…                           ->         Took               after they are durable
//!   Close{acks, records}             ->         Close
//! ```

mod initiator;
mod message;
mod responder;
mod set;
mod sketch;

use thiserror::Error;

pub use self::initiator::Initiator;
pub use self::message::{MAX_FRAME_BYTES, Message, MessageError};
pub use self::responder::Responder;
pub use self::set::{Entry, SetDigest, SetKind, Snapshot};
pub use self::sketch::{SKETCH_SYMBOLS, ShortName, Sketch};

/// Protocol version, part of the first message.
pub const VERSION: u8 = 2;
/// Most items named in one `Want` or pushed in one batch: bounds a batch at 1 MiB of memory.
pub const BATCH_ITEMS: usize = 128;
/// Most negentropy rounds of one kind: a peer cannot keep a session alive by never agreeing. Enough to name all records of a
/// full carrier, 1,750 in a round, to somebody who has none of them.
pub const MAX_ROUNDS: u32 = 128;
/// Largest negentropy message in bytes; leaves room for the frame around it.
pub(crate) const NEGENTROPY_BYTES: u64 = 56 * 1024;

/// What one session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most items moved each way and of each kind, default 8,192. Fewer: more sessions for a large
    /// difference. More: one peer holds the store for longer.
    pub max_items: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_items: 8192 }
    }
}

/// What a session asks of its shell. The shell answers in order, one [`Input`] for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this message; no answer.
    Send(Message),
    /// List the set; answer [`Input::Snapshot`].
    Snapshot(SetKind),
    /// Read these items; answer [`Input::Loaded`] with those that are still there.
    Load(SetKind, Vec<[u8; 32]>),
    /// Check and store these items durably; answer [`Input::Stored`].
    Store(SetKind, Vec<Vec<u8>>),
    /// Digest both sets; answer [`Input::Digests`].
    Digests,
    /// The session is over.
    Done(ExchangeStats),
}

/// What the shell tells a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A message of the peer.
    Received(Message),
    /// Answer to [`Output::Snapshot`].
    Snapshot(Snapshot),
    /// Answer to [`Output::Load`]: the bytes of the items.
    Loaded(Vec<Vec<u8>>),
    /// Answer to [`Output::Store`].
    Stored(Stored),
    /// Answer to [`Output::Digests`].
    Digests {
        /// Of the acknowledgements.
        acks: SetDigest,
        /// Of the records.
        records: SetDigest,
    },
}

/// What became of items given to the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// New and durably kept.
    pub accepted: usize,
    /// Held already, acknowledged already, or dropped before.
    pub known: usize,
    /// Malformed, forged, or over the quota.
    pub refused: usize,
}

/// What one session moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExchangeStats {
    /// Records that came and were kept.
    pub records_in: usize,
    /// Records that were sent.
    pub records_out: usize,
    /// Acknowledgements that came and were new.
    pub acks_in: usize,
    /// Acknowledgements that were sent.
    pub acks_out: usize,
    /// Items of the peer that were refused as malformed, forged or over the quota.
    pub refused: usize,
    /// Comparison rounds: sketches and negentropy.
    pub rounds: u32,
    /// Whether a bound cut the session short, so that another one has work to do.
    pub more: bool,
    /// Whether both sides held the same at the end. Quotas and age limits make unequal ends normal.
    pub equal: bool,
}

impl ExchangeStats {
    fn add_in(&mut self, kind: SetKind, stored: Stored) {
        match kind {
            SetKind::Acks => self.acks_in += stored.accepted,
            SetKind::Records => self.records_in += stored.accepted,
        }
        self.refused += stored.refused;
    }

    fn add_out(&mut self, kind: SetKind, items: usize) {
        match kind {
            SetKind::Acks => self.acks_out += items,
            SetKind::Records => self.records_out += items,
        }
    }
}

/// Why a session ended early. Each means that the peer broke the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SessionError {
    /// Another protocol version.
    #[error("the peer speaks record exchange version {0}; update the older of the two nodes")]
    Version(u8),
    /// A message that does not belong here.
    #[error("the peer sent {got} while {expected} was due")]
    Unexpected {
        /// What came.
        got: &'static str,
        /// What was due.
        expected: &'static str,
    },
    /// Items that nobody asked for.
    #[error("the peer sent records that were not asked for")]
    Unsolicited,
    /// More than a bound allows.
    #[error("the peer went over the bound on {0}")]
    TooMuch(&'static str),
    /// A negentropy message that does not parse.
    #[error("the peer's comparison message is malformed: {0}")]
    Negentropy(String),
    /// The shell answered something else than what was asked.
    #[error("record exchange was driven out of order")]
    Driver,
}

/// Cuts loaded items into messages that fit a frame; the last one says so. No items make one empty message.
fn item_messages(items: Vec<Vec<u8>>) -> Vec<Message> {
    const ROOM: usize = 48 * 1024;
    let (mut messages, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for item in items {
        if bytes + item.len() > ROOM && !batch.is_empty() {
            let items = std::mem::take(&mut batch);
            messages.push(Message::Items { items, last: false });
            bytes = 0;
        }
        bytes += item.len();
        batch.push(item);
    }
    messages.push(Message::Items {
        items: batch,
        last: true,
    });
    messages
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
