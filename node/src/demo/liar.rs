//! A neighbour that lies: it passes every question on to an honest node and every answer back, but changes one bit of
//! the lesson bytes. It speaks the real protocols, so only verification can tell it from an honest neighbour.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use anyhow::Context as _;
use futures::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use libp2p::Multiaddr;
use tokio::{runtime::Handle, sync::mpsc};

use crate::net::{NetConfig, NetEvent, NetHandle, Network, NodeId, NodeKey, Protocol, Stream, ids};

/// Where in a stream of lesson bytes the wrong bit lies: behind the status and the size, inside what is verified.
const LIE_AT_BYTE: u64 = 4000;

/// A running liar. It ends with the runtime.
#[derive(Debug)]
pub(super) struct Liar {
    /// Its libp2p peer id, base58.
    pub(super) peer_id: String,
    /// Where it can be dialled.
    pub(super) address: String,
    /// Kept: the network ends when every handle is gone.
    _net: NetHandle,
}

/// Starts a liar that stands in front of the honest node at `honest` (a multiaddr with its peer id).
///
/// # Errors
/// When the address is none, or the liar cannot listen.
pub(super) fn start(runtime: &Handle, network: &str, honest: &str) -> anyhow::Result<Liar> {
    let dial: Multiaddr = honest.parse().context("the honest node's address")?;
    let honest = peer_of(&dial).context("the honest node's address names no peer")?;
    let _inside = runtime.enter();
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system gives no randomness")?;
    let key = NodeKey::from_seed(seed);
    let peer_id = ids::to_peer_id(key.node_id())
        .context("a key without a peer id")?
        .to_string();
    let mut config = NetConfig::new(key);
    config.listen = vec![
        "/ip4/127.0.0.1/tcp/0"
            .parse()
            .context("a constant address")?,
    ];
    network.clone_into(&mut config.tag);
    config.mdns = false;
    config.dial = vec![dial];
    let (net, events) = Network::start(config)?;
    let (found, listening) = std::sync::mpsc::channel();
    runtime.spawn(serve(net.clone(), events, honest, found));
    let address = listening
        .recv_timeout(std::time::Duration::from_secs(10))
        .context("the liar does not listen")?;
    Ok(Liar {
        address: format!("{address}/p2p/{peer_id}"),
        peer_id,
        _net: net,
    })
}

fn peer_of(address: &Multiaddr) -> Option<NodeId> {
    address.iter().find_map(|part| match part {
        libp2p::multiaddr::Protocol::P2p(peer) => ids::to_node_id(&peer),
        _ => None,
    })
}

async fn serve(
    net: NetHandle,
    mut events: mpsc::Receiver<NetEvent>,
    honest: NodeId,
    found: std::sync::mpsc::Sender<Multiaddr>,
) {
    while let Some(event) = events.recv().await {
        match event {
            NetEvent::Listening(address) => drop(found.send(address)),
            NetEvent::Inbound {
                peer,
                protocol,
                stream,
            } if peer != honest || protocol == Protocol::Records => {
                let net = net.clone();
                // The honest node meets its own records, which differ in nothing. A broken stream is the asker's loss.
                tokio::spawn(async move { drop(relay(&net, honest, protocol, stream).await) });
            }
            _ => {}
        }
    }
}

/// Carries one stream between the asker and the honest node, and lies on the way back.
async fn relay(
    net: &NetHandle,
    honest: NodeId,
    protocol: Protocol,
    asker: Stream,
) -> anyhow::Result<()> {
    let source = net.open(honest, protocol).await?;
    let (from_asker, mut to_asker) = asker.split();
    let (from_source, mut to_source) = source.split();
    let lie_at = if protocol == Protocol::Blobs {
        LIE_AT_BYTE
    } else {
        u64::MAX
    };
    let questions = async {
        futures::io::copy(from_asker, &mut to_source).await?;
        to_source.close().await
    };
    let answers = async {
        futures::io::copy(
            Lying {
                inner: from_source,
                at: 0,
                lie_at,
            },
            &mut to_asker,
        )
        .await?;
        to_asker.close().await
    };
    futures::future::try_join(questions, answers).await?;
    Ok(())
}

/// Reads through and flips one bit at a position of the stream.
struct Lying<R> {
    inner: R,
    at: u64,
    lie_at: u64,
}

impl<R: AsyncRead + Unpin> AsyncRead for Lying<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let begin = self.at;
        self.at += read as u64;
        if (begin..self.at).contains(&self.lie_at) {
            let index =
                usize::try_from(self.lie_at - begin).expect("less than the buffer's length");
            buffer[index] ^= 1;
        }
        Poll::Ready(Ok(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_bit_is_wrong() {
        let honest = vec![7u8; 10_000];
        let mut told = Vec::new();
        let mut lying = Lying {
            inner: futures::io::Cursor::new(honest.clone()),
            at: 0,
            lie_at: LIE_AT_BYTE,
        };
        futures::executor::block_on(lying.read_to_end(&mut told)).unwrap();
        let wrong: Vec<usize> = (0..honest.len())
            .filter(|&i| honest[i] != told[i])
            .collect();
        assert_eq!((wrong, told[4000]), (vec![4000], 6));
    }
}
