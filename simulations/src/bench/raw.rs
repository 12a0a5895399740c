//! The peer: iroh-blobs' own provider and getter over plain libp2p TCP + Noise + Yamux streams.

use std::{io, path::Path, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures::{
    AsyncReadExt, AsyncWriteExt, StreamExt,
    io::{ReadHalf, WriteHalf},
    stream,
};
use iroh::endpoint::VarInt;
use iroh_blobs::{
    BlobFormat, Hash,
    api::blobs::{AddPathOptions, ImportMode},
    get,
    protocol::{ChunkRanges, ChunkRangesExt, GetRequest},
    provider::{self, events::EventSender},
    store::fs::FsStore,
    util::{RecvStream, SendStream},
};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, multiaddr, noise,
    swarm::SwarmEvent, tcp, yamux,
};
use libp2p_stream::{Behaviour, Control};

use super::{
    measure::{Meter, Transfer},
    roles::{Offer, offer_until_told},
};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/bench/blobs/1");
/// The size of a range when there are several streams.
const RANGE_BYTES: u64 = 4 * 1024 * 1024;

struct Reader(ReadHalf<Stream>);

struct Writer(Option<WriteHalf<Stream>>);

impl RecvStream for Reader {
    async fn recv_bytes(&mut self, len: usize) -> io::Result<Bytes> {
        // A request is asked for with a limit of 1 MiB: grow instead of taking it all.
        let mut bytes = Vec::with_capacity(len.min(64 * 1024));
        let limited = (&mut self.0).take(len as u64);
        { limited }.read_to_end(&mut bytes).await?;
        Ok(bytes.into())
    }

    async fn recv_bytes_exact(&mut self, len: usize) -> io::Result<Bytes> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).await?;
        Ok(bytes.into())
    }

    async fn recv_exact(&mut self, target: &mut [u8]) -> io::Result<()> {
        self.0.read_exact(target).await
    }

    fn stop(&mut self, _: VarInt) -> io::Result<()> {
        Ok(())
    }

    fn id(&self) -> u64 {
        0
    }
}

impl Writer {
    fn half(&mut self) -> io::Result<&mut WriteHalf<Stream>> {
        self.0
            .as_mut()
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl SendStream for Writer {
    async fn send_bytes(&mut self, bytes: Bytes) -> io::Result<()> {
        self.send(&bytes).await
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.half()?.write_all(bytes).await
    }

    async fn sync(&mut self) -> io::Result<()> {
        // Both ends wait for the other's end of stream.
        self.half()?.close().await
    }

    fn reset(&mut self, _: VarInt) -> io::Result<()> {
        Ok(())
    }

    async fn stopped(&mut self) -> io::Result<Option<VarInt>> {
        std::future::pending().await
    }

    fn id(&self) -> u64 {
        0
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(mut half) = self.0.take() {
            tokio::spawn(async move { half.close().await });
        }
    }
}

fn halves(stream: Stream) -> (Reader, Writer) {
    let (read, write) = stream.split();
    (Reader(read), Writer(Some(write)))
}

fn swarm() -> Result<Swarm<Behaviour>> {
    Ok(SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )?
        .with_behaviour(|_| Behaviour::new())?
        .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(60)))
        .build())
}

/// Runs the seed.
///
/// # Errors
/// When the file cannot be read or the network not started.
pub(super) async fn seed(file: &Path, folder: &Path) -> Result<()> {
    let store = FsStore::load(std::path::absolute(folder)?).await?;
    let added = store.add_path_with_opts(AddPathOptions {
        path: std::path::absolute(file)?,
        format: BlobFormat::Raw,
        mode: ImportMode::TryReference,
    });
    let tag = added.temp_tag().await?;
    let mut swarm = swarm()?;
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    let mut incoming = swarm.behaviour().new_control().accept(PROTOCOL)?;
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address
                .with(multiaddr::Protocol::P2p(*swarm.local_peer_id()))
                .to_string();
        }
    };
    tokio::spawn(async move { while swarm.next().await.is_some() {} });
    let provided = store.clone();
    tokio::spawn(async move {
        while let Some((_, stream)) = incoming.next().await {
            let store = provided.clone();
            tokio::spawn(async move {
                let (reader, writer) = halves(stream);
                let pair = provider::StreamPair::new(0, reader, writer, EventSender::DEFAULT);
                provider::handle_stream(pair, store.into()).await
            });
        }
    });
    let hash = tag.hash().to_hex();
    let length = file.metadata()?.len();
    offer_until_told(&Offer {
        address,
        hash,
        length,
    })
    .await
}

/// Runs the receiver, with the whole file on one stream, or ranges on several.
///
/// # Errors
/// When a range fails.
pub(super) async fn receive(offer: &Offer, folder: &Path, streams: usize) -> Result<Transfer> {
    let hash: Hash = offer
        .hash
        .parse()
        .map_err(|_| anyhow::anyhow!("not a hash"))?;
    let address: Multiaddr = offer.address.parse()?;
    let peer = address
        .iter()
        .find_map(|part| match part {
            multiaddr::Protocol::P2p(peer) => Some(peer),
            _ => None,
        })
        .context("an address without a peer id")?;
    let store = FsStore::load(std::path::absolute(folder)?).await?;
    let mut swarm = swarm()?;
    let control = swarm.behaviour().new_control();
    swarm.dial(address)?;
    while !matches!(
        swarm.select_next_some().await,
        SwarmEvent::ConnectionEstablished { .. }
    ) {}
    tokio::spawn(async move { while swarm.next().await.is_some() {} });
    let meter = Meter::start()?;
    // Keeps the store from writing the entry out between ranges.
    let observed = store.observe(hash).stream().await?;
    tokio::spawn(async move { std::pin::pin!(observed).for_each(|_| async {}).await });
    let fetching = stream::iter(requests(hash, offer.length, streams)).map(|request| {
        let (control, store) = (control.clone(), store.clone());
        tokio::spawn(async move { get_range(control, store, peer, request).await })
    });
    let mut fetching = fetching.buffer_unordered(streams);
    while let Some(got) = fetching.next().await {
        got??;
    }
    let transfer = meter.stop()?;
    anyhow::ensure!(store.has(hash).await?, "not all of the file arrived");
    store.shutdown().await?;
    Ok(transfer)
}

fn requests(hash: Hash, length: u64, streams: usize) -> Vec<GetRequest> {
    if streams <= 1 {
        return vec![GetRequest::blob(hash)];
    }
    let count = length.div_ceil(RANGE_BYTES);
    let ranges = (0..count).map(|n| match n + 1 == count {
        true => ChunkRanges::bytes(n * RANGE_BYTES..),
        false => ChunkRanges::bytes(n * RANGE_BYTES..(n + 1) * RANGE_BYTES),
    });
    ranges
        .map(|range| GetRequest::blob_ranges(hash, range))
        .collect()
}

/// libp2p-stream drops streams when several are opened at once: the range is asked for again then.
async fn get_range(
    mut control: Control,
    store: FsStore,
    peer: PeerId,
    request: GetRequest,
) -> Result<()> {
    const ATTEMPTS: usize = 20;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let stream = control.open_stream(peer, PROTOCOL).await?;
        let (reader, writer) = halves(stream);
        let pair = get::StreamPair::new(0, reader, writer);
        match store.remote().execute_get(pair, request.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => last = Some(error),
        }
    }
    Err(anyhow::anyhow!("a range failed again and again: {last:?}"))
}
