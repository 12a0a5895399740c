//! Gossipsub for a LAN: small meshes, small messages, nothing passed on unchecked.

use std::time::Duration;

use libp2p::{gossipsub, identity::Keypair};

use super::MAX_HINT_BYTES;

/// Room for the signature, the key and the envelope around a hint.
const ENVELOPE_BYTES: usize = 512;

/// The one topic.
pub(super) fn topic() -> gossipsub::IdentTopic {
    gossipsub::IdentTopic::new("pishtar/hint/1")
}

/// Gossipsub subscribed to the hint topic.
///
/// # Errors
/// A sentence, when gossipsub refuses its settings: a bug.
pub(super) fn behaviour(pair: Keypair) -> Result<gossipsub::Behaviour, String> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Strict)
        .validate_messages()
        // The same hint from several publishers travels once.
        .message_id_fn(|message| gossipsub::MessageId::new(blake3::hash(&message.data).as_bytes()))
        .max_transmit_size(MAX_HINT_BYTES + ENVELOPE_BYTES)
        .mesh_n(4)
        .mesh_n_low(2)
        .mesh_n_high(8)
        .mesh_outbound_min(1)
        .heartbeat_interval(Duration::from_secs(1))
        .build()
        .map_err(|e| e.to_string())?;
    let authenticity = gossipsub::MessageAuthenticity::Signed(pair);
    let mut behaviour = gossipsub::Behaviour::new(authenticity, config).map_err(str::to_owned)?;
    behaviour.subscribe(&topic()).map_err(|e| e.to_string())?;
    Ok(behaviour)
}
