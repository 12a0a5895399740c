//! What travels on `/pishtar/records/1`: postcard in frames of at most 64 KiB.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{SetDigest, SetKind, ShortName, Sketch};

/// Largest message in bytes; bounds what a peer can make us hold before it is parsed.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// One message. The order of variants is part of the protocol: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Initiator: compare this set.
    Open {
        /// Protocol version.
        version: u8,
        /// Which set.
        kind: SetKind,
        /// The initiator's digest of it.
        digest: SetDigest,
    },
    /// Responder: both hold the same.
    Same,
    /// The next negentropy message of either side.
    Reconcile(Vec<u8>),
    /// Initiator: send these.
    Want(Vec<[u8; 32]>),
    /// Items wanted or pushed; those that the sender no longer has are missing.
    Items {
        /// Their bytes.
        items: Vec<Vec<u8>>,
        /// Whether the batch ends here.
        last: bool,
    },
    /// Responder: the pushed batch is durable.
    Took {
        /// How many of it were new.
        accepted: u32,
    },
    /// Either side, last: what it holds now.
    Close {
        /// Acknowledgements.
        acks: SetDigest,
        /// Records.
        records: SetDigest,
    },
    /// Responder: a sketch of its set, which is not the same.
    Sketch(Sketch),
    /// Initiator: send these, which the sketch told of.
    WantNamed(Vec<ShortName>),
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Longer than a frame may be.
    #[error("a record message of {0} bytes; at most 65536 are allowed")]
    TooLong(usize),
    /// Not postcard of this type.
    #[error("a record message that does not parse: {0}")]
    Malformed(#[from] postcard::Error),
}

impl Message {
    /// Reads the bytes of one frame.
    ///
    /// # Errors
    /// [`MessageError`] when they are too long, malformed, or more than one message.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MAX_FRAME_BYTES {
            return Err(MessageError::TooLong(bytes.len()));
        }
        let (message, rest) = postcard::take_from_bytes(bytes)?;
        if !rest.is_empty() {
            return Err(MessageError::Malformed(
                postcard::Error::DeserializeBadEncoding,
            ));
        }
        Ok(message)
    }

    /// The bytes of one frame.
    ///
    /// # Errors
    /// [`MessageError::TooLong`] when the message does not fit a frame.
    pub fn encode(&self) -> Result<Vec<u8>, MessageError> {
        let bytes = postcard::to_allocvec(self)?;
        if bytes.len() > MAX_FRAME_BYTES {
            return Err(MessageError::TooLong(bytes.len()));
        }
        Ok(bytes)
    }

    /// What it is, for error messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "an opening",
            Self::Same => "agreement",
            Self::Reconcile(_) => "a comparison",
            Self::Want(_) | Self::WantNamed(_) => "a request",
            Self::Items { .. } => "items",
            Self::Took { .. } => "a receipt",
            Self::Close { .. } => "an end",
            Self::Sketch(_) => "a sketch",
        }
    }
}
