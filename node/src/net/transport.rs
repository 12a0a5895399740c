//! TCP + Noise + Yamux, tuned for moving files on a LAN.

use std::time::Duration;

use futures::io::BufReader;
use libp2p::{
    PeerId, Transport as _,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    identity::Keypair,
    noise, tcp,
};

use super::muxer;

/// Bytes read from the socket at once. Noise reads 8 KiB at a time, which would be one system
/// call for each 8 KiB received; more than this gains nothing and costs memory per connection.
const READ_BUFFER_BYTES: usize = 128 * 1024;

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
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let noise = noise::Config::new(keypair)?.with_prologue(format!("pishtar/1/{tag}").into_bytes());
    Ok(tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .map(|socket, _| BufReader::with_capacity(READ_BUFFER_BYTES, socket))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(muxer::Config::new(max_streams))
        .timeout(CONNECT_DEADLINE)
        .boxed())
}
