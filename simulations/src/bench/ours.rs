//! Pishtar's network and store, without its engine: what the transfer itself can do.

use std::{fs::File, ops::Range, path::Path, sync::Arc};

use anyhow::{Context, Result, anyhow};
use futures::{StreamExt, future::BoxFuture, stream};
use pishtar::{
    net::{
        FoundMeta, NetConfig, NetEvent, NetHandle, Network, NodeId, NodeKey, Protocol,
        ProviderLimits, Serve, Server, blobs,
    },
    store::blobs::BlobStore,
};
use pishtar_catalog::BlobHash;
use pishtar_mesh::{
    Ask, Give, PublisherId,
    wire::{HoldingsAnswer, HoldingsQuery},
};
use tokio::sync::mpsc;

use super::{
    measure::{Meter, Transfer},
    roles::{Offer, offer_until_told},
};

/// The size of a range, as the planner asks for on a fast link.
const RANGE_BYTES: u64 = 4 * 1024 * 1024;

/// Serves everything to everyone.
struct Open;

impl Serve for Open {
    fn give(&self, _: NodeId, _: BlobHash, _: Range<u64>, _: Ask) -> Option<Give> {
        Some(Give::This)
    }

    fn versions(&self, _: NodeId) -> BoxFuture<'_, Vec<(PublisherId, u64)>> {
        Box::pin(async { Vec::new() })
    }

    fn meta_file(
        &self,
        _: NodeId,
        _: &str,
        _: &str,
        _: Vec<u64>,
    ) -> BoxFuture<'_, Option<FoundMeta>> {
        Box::pin(async { None })
    }

    fn holdings(&self, _: NodeId, _: HoldingsQuery) -> BoxFuture<'_, HoldingsAnswer> {
        Box::pin(async { HoldingsAnswer::default() })
    }

    fn served(&self, _: NodeId, _: u64) {}
}

fn start(seed: u8, dial: Option<&str>) -> Result<(NetHandle, mpsc::Receiver<NetEvent>)> {
    let dial = dial.map(str::parse).transpose()?;
    Ok(Network::start(NetConfig {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse()?],
        tag: "bench".to_owned(),
        mdns: false,
        dial: dial.into_iter().collect(),
        ..NetConfig::new(NodeKey::from_seed([seed; 32]))
    })?)
}

/// Runs the seed.
///
/// # Errors
/// When the file cannot be read or the network not started.
pub(super) async fn seed(file: &Path, folder: &Path) -> Result<()> {
    let length = file.metadata()?.len();
    let hash = blake3::Hasher::new()
        .update_reader(File::open(file)?)?
        .finalize();
    let store = BlobStore::open(folder).await?;
    store
        .import_reference(file, BlobHash(*hash.as_bytes()), length)
        .await?;
    let server = Server::new(Arc::new(Open), store, ProviderLimits::default());
    let (_handle, mut events) = start(1, None)?;
    let address = loop {
        if let Some(NetEvent::Listening(address)) = events.recv().await {
            break address.to_string();
        }
    };
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let NetEvent::Inbound {
                peer,
                protocol,
                stream,
            } = event
            {
                drop(server.accept(peer, protocol, stream));
            }
        }
    });
    let hash = hash.to_hex().to_string();
    offer_until_told(&Offer {
        address,
        hash,
        length,
    })
    .await
}

/// Runs the receiver, with `streams` ranges in flight.
///
/// # Errors
/// When a range fails.
pub(super) async fn receive(offer: &Offer, folder: &Path, streams: usize) -> Result<Transfer> {
    let hash: BlobHash = offer.hash.parse().map_err(|_| anyhow!("not a hash"))?;
    let store = BlobStore::open(folder).await?;
    let (handle, mut events) = start(2, Some(&offer.address))?;
    let peer = loop {
        match events.recv().await.context("the network ended")? {
            NetEvent::Connected { peer, .. } => break peer,
            _ => continue,
        }
    };
    let meter = Meter::start()?;
    let ranges: Vec<Range<u64>> = (0..offer.length.div_ceil(RANGE_BYTES))
        .map(|n| n * RANGE_BYTES..((n + 1) * RANGE_BYTES).min(offer.length))
        .collect();
    let fetching = stream::iter(ranges).map(|range| {
        let (handle, store) = (handle.clone(), store.clone());
        let length = offer.length;
        tokio::spawn(async move {
            let stream = handle.open(peer, Protocol::Blobs).await?;
            let got = blobs::fetch(stream, &store, hash, length, range, Ask::Any, |_| {}).await;
            got.result?;
            anyhow::Ok(got.complete)
        })
    });
    let mut fetching = fetching.buffer_unordered(streams);
    let mut complete = false;
    while let Some(got) = fetching.next().await {
        complete |= got??;
    }
    anyhow::ensure!(complete, "not all of the file arrived");
    let transfer = meter.stop()?;
    handle.shutdown().await;
    store.shutdown().await?;
    Ok(transfer)
}
