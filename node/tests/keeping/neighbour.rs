//! A neighbour with manners of its own: it claims all that an honest node holds, hands questions on to that node, and gives
//! the bytes of lessons as it likes. Real sockets, the real protocols.

use std::{
    io,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures::{AsyncRead, AsyncReadExt, AsyncWriteExt, future};
use iroh_blobs::protocol::Request;
use libp2p::Multiaddr;
use pishtar::{
    handle::Handle,
    net::{NetConfig, NetEvent, NetHandle, Network, NodeId, NodeKey, Protocol, Stream},
};
use tokio::sync::mpsc;

use super::world::{address, limits, until};

/// Status bytes of `/pishtar/blobs/1`.
const BUSY: u8 = 1;
/// Where in an answer about a range its length stands.
const LENGTH: Range<u64> = 1..9;
/// Where a liar's wrong bit is, in an answer: behind some honest groups.
const LIE: u64 = 100_000;
/// The first bytes of an answer about holdings that would be as long as may be announced, and mean nothing.
const NOISE_BYTES: u32 = 2 * 1024 * 1024;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// As the honest node does.
    Honest,
    /// One bit of every range is wrong.
    Lies,
    /// Falls silent after so many bytes of a range.
    Silent(u64),
    /// Always has too much to do.
    Busy,
    /// Goes on after the end of a range without end.
    Endless,
    /// Says that every file is 2^63 bytes long.
    Huge,
    /// Answers questions about holdings with two megabytes of noise.
    Noise,
}

/// The neighbour.
pub(crate) struct Neighbour {
    net: NetHandle,
    pub(crate) address: Multiaddr,
    shared: Arc<Shared>,
}

struct Shared {
    net: NetHandle,
    source: NodeId,
    manners: Mutex<Manners>,
    asked: AtomicU64,
    given: AtomicU64,
    beyond: AtomicU64,
    requests: Mutex<Vec<Range<u64>>>,
}

impl Neighbour {
    /// A neighbour beside `source`, which it has found when this returns; it dials `others` too.
    pub(crate) async fn start(
        key: u8,
        source: &Handle,
        others: Vec<Multiaddr>,
        manners: Manners,
    ) -> Neighbour {
        let at = address(source).await;
        let (net, events) = Network::start(NetConfig {
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
            tag: "keeping".to_owned(),
            mdns: false,
            limits: limits(),
            dial: [vec![at], others].concat(),
            ..NetConfig::new(NodeKey::from_seed([key; 32]))
        })
        .expect("a free port");
        let peer_id = source.status().peer_id;
        let known = || {
            net.peers()
                .into_iter()
                .find(|peer| peer.peer.to_string() == peer_id)
        };
        until("the neighbour to find the source", || {
            known().is_some_and(|peer| peer.connected) && !net.listen_addresses().is_empty()
        })
        .await;
        let here = format!("{}/p2p/{}", net.listen_addresses()[0], net.local_id());
        let shared = Arc::new(Shared {
            net: net.clone(),
            source: known().expect("it is connected").peer,
            manners: Mutex::new(manners),
            asked: AtomicU64::new(0),
            given: AtomicU64::new(0),
            beyond: AtomicU64::new(0),
            requests: Mutex::default(),
        });
        tokio::spawn(answer_all(shared.clone(), events));
        Neighbour {
            net,
            address: here.parse().expect("an address"),
            shared,
        }
    }

    /// Its peer id.
    pub(crate) fn id(&self) -> String {
        self.net.local_id().to_string()
    }

    /// From the next request on.
    pub(crate) fn set(&self, manners: Manners) {
        *self.shared.manners.lock().expect("no panic holds it") = manners;
    }

    /// Ranges or batches that were asked of it.
    pub(crate) fn asked(&self) -> u64 {
        self.shared.asked.load(Relaxed)
    }

    /// Bytes of answers about ranges that were taken off it.
    pub(crate) fn given(&self) -> u64 {
        self.shared.given.load(Relaxed)
    }

    /// Bytes that were taken off it after the ends of ranges.
    pub(crate) fn beyond(&self) -> u64 {
        self.shared.beyond.load(Relaxed)
    }

    /// The ranges that were asked of it, in order.
    pub(crate) fn requests(&self) -> Vec<Range<u64>> {
        self.shared
            .requests
            .lock()
            .expect("no panic holds it")
            .clone()
    }

    /// Goes away.
    pub(crate) async fn leave(&self) {
        self.net.shutdown().await;
    }
}

async fn answer_all(shared: Arc<Shared>, mut events: mpsc::Receiver<NetEvent>) {
    while let Some(event) = events.recv().await {
        if let NetEvent::Inbound {
            protocol,
            stream,
            peer,
        } = event
            && peer != shared.source
        {
            let shared = shared.clone();
            // How it ends is the asker's matter.
            tokio::spawn(async move { drop(shared.answer(protocol, stream).await) });
        }
    }
}

impl Shared {
    async fn answer(&self, protocol: Protocol, mut near: Stream) -> io::Result<()> {
        let manners = *self.manners.lock().expect("no panic holds it");
        let about_bytes = protocol == Protocol::Blobs;
        if about_bytes {
            self.asked.fetch_add(1, Relaxed);
        }
        match manners {
            Manners::Busy if about_bytes => {
                read_request(&mut near).await?;
                near.write_all(&[BUSY]).await?;
                return near.close().await;
            }
            Manners::Noise if protocol == Protocol::Holdings => {
                near.write_all(&NOISE_BYTES.to_be_bytes()).await?;
                near.write_all(&vec![0xff; NOISE_BYTES as usize]).await?;
                return near.close().await;
            }
            _ => {}
        }
        let far = self.net.open(self.source, protocol).await;
        let (mut near_read, mut near_write) = near.split();
        let (mut far_read, mut far_write) = far.map_err(io::Error::other)?.split();
        let asking = async {
            if about_bytes {
                let request = read_request(&mut near_read).await?;
                let requests = || self.requests.lock().expect("no panic holds it");
                requests().extend(range_of(&request[LENGTH_BYTES..]));
                far_write.write_all(&request).await?;
                return far_write.flush().await;
            }
            futures::io::copy(&mut near_read, &mut far_write).await?;
            far_write.close().await
        };
        let answering = async {
            let mut piece = vec![0; 16 * 1024];
            let mut at = 0;
            loop {
                let bytes = far_read.read(&mut piece).await?;
                if bytes == 0 {
                    break;
                }
                let piece = &mut piece[..bytes];
                if about_bytes {
                    spoil(manners, at, piece).await;
                    self.given.fetch_add(bytes as u64, Relaxed);
                }
                near_write.write_all(piece).await?;
                at += bytes as u64;
            }
            if about_bytes && manners == Manners::Endless {
                // Until it is hung up on.
                loop {
                    near_write.write_all(&piece).await?;
                    self.beyond.fetch_add(piece.len() as u64, Relaxed);
                }
            }
            near_write.close().await
        };
        let (asked, answered) = future::join(asking, answering).await;
        asked.and(answered)
    }
}

/// Bytes of the length before a request.
const LENGTH_BYTES: usize = 4;

/// A request for bytes, with its length before it; the asker keeps its half open.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut request = vec![0; LENGTH_BYTES];
    stream.read_exact(&mut request).await?;
    let length = u32::from_le_bytes(request[..].try_into().expect("four bytes"));
    request.resize(LENGTH_BYTES + length as usize, 0);
    stream.read_exact(&mut request[LENGTH_BYTES..]).await?;
    Ok(request)
}

/// The bytes that a request asks for; none for a batch of files.
fn range_of(request: &[u8]) -> Option<Range<u64>> {
    let Ok(Request::Get(get)) = postcard::from_bytes(request.get(1..)?) else {
        return None;
    };
    let ranges = get.ranges.iter_infinite().next()?.clone();
    let mut bounds = ranges.boundaries().iter().map(|chunk| chunk.to_bytes());
    Some(bounds.next()?..bounds.next().unwrap_or(u64::MAX))
}

/// Treats the piece of an answer that begins at `at`.
async fn spoil(manners: Manners, at: u64, piece: &mut [u8]) {
    let here = at..at + piece.len() as u64;
    match manners {
        Manners::Lies if here.contains(&LIE) => piece[(LIE - at) as usize] ^= 1,
        Manners::Silent(after) if here.end > after => future::pending().await,
        Manners::Huge => {
            for place in LENGTH.filter(|place| here.contains(place)) {
                piece[(place - at) as usize] = if place == LENGTH.end - 1 { 0x80 } else { 0 };
            }
        }
        _ => {}
    }
}
