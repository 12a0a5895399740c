//! The four stream protocols of a node.

use libp2p::StreamProtocol;

/// A stream protocol between nodes. Both ends must know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `/pishtar/meta/1`: TUF files by publisher, role and version.
    Meta,
    /// `/pishtar/holdings/1`: which files a peer has.
    Holdings,
    /// `/pishtar/blobs/1`: a status byte, then the iroh-blobs protocol.
    Blobs,
    /// `/pishtar/records/1`: sealed progress records and acknowledgements.
    Records,
}

impl Protocol {
    /// Every protocol, in the order they are offered to a peer.
    pub const ALL: [Protocol; 4] = [
        Protocol::Meta,
        Protocol::Holdings,
        Protocol::Blobs,
        Protocol::Records,
    ];

    /// The name on the wire.
    pub fn name(self) -> StreamProtocol {
        StreamProtocol::new(match self {
            Protocol::Meta => "/pishtar/meta/1",
            Protocol::Holdings => "/pishtar/holdings/1",
            Protocol::Blobs => "/pishtar/blobs/1",
            Protocol::Records => "/pishtar/records/1",
        })
    }

    pub(crate) fn from_name(name: &StreamProtocol) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|p| p.name() == *name)
    }
}
