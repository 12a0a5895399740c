//! TCP + Noise + Yamux, tuned for moving files on a LAN.

use std::{io, time::Duration};

use libp2p::{
    PeerId, Transport as _,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    identity::Keypair,
    tcp,
};

use super::{muxer, security};

/// How long dialling, the Noise handshake and the multiplexer may take together.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// The transport of a node with this key on the network called `tag`.
///
/// The tag goes into the Noise prologue: nodes of different networks cannot connect.
///
/// # Errors
/// When the key cannot sign the Noise handshake, which does not happen with ed25519 keys.
pub(crate) fn build(
    keypair: &Keypair,
    tag: &str,
    max_streams: usize,
) -> io::Result<Boxed<(PeerId, StreamMuxerBox)>> {
    let security = security::Config::new(keypair, format!("pishtar/1/{tag}").as_bytes())?;
    Ok(over(security, max_streams))
}

/// The transport with this security.
pub(super) fn over(
    security: security::Config,
    max_streams: usize,
) -> Boxed<(PeerId, StreamMuxerBox)> {
    tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(security)
        .multiplex(muxer::Config::new(max_streams))
        .timeout(CONNECT_DEADLINE)
        .boxed()
}
