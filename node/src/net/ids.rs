//! Node ids: the ed25519 public key of a node, and its libp2p spelling.

use libp2p::{
    PeerId,
    identity::{PublicKey, ed25519},
};

pub use pishtar_mesh::NodeId;

/// The libp2p id of a node, or `None` when the 32 bytes are no ed25519 key.
pub fn to_peer_id(node: NodeId) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(&node.0).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The node id behind a libp2p id, or `None` when that id is not an inlined ed25519 key.
///
/// libp2p ids of up to 42 bytes hold the public key itself (identity multihash), see the
/// libp2p specification "Peer Ids and Keys".
pub fn to_node_id(peer: &PeerId) -> Option<NodeId> {
    const IDENTITY_MULTIHASH: u64 = 0;
    let hash = peer.as_ref();
    if hash.code() != IDENTITY_MULTIHASH {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    Some(NodeId(key.try_into_ed25519().ok()?.to_bytes()))
}

/// Reads a node id as people write it (libp2p base58).
pub fn parse(text: &str) -> Option<NodeId> {
    to_node_id(&text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;

    #[test]
    fn ids_survive_the_round_trip() {
        let pair = Keypair::ed25519_from_bytes([7; 32]).expect("32 bytes are a seed");
        let peer = pair.public().to_peer_id();
        let node = to_node_id(&peer).expect("ed25519 ids are inlined");
        assert_eq!(to_peer_id(node), Some(peer));
        assert_eq!(parse(&node.to_string()), Some(node));
    }

    #[test]
    fn hashed_ids_are_refused() {
        // The sha2-256 id of an RSA key, from the libp2p specification.
        assert_eq!(
            parse("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"),
            None
        );
    }
}
