//! Answering peers: which stream gets which driver, and what the engine decides.

use std::{ops::Range, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use pishtar_catalog::BlobHash;
use pishtar_mesh::{
    Ask, Give, NodeId, PublisherId,
    wire::{HoldingsAnswer, HoldingsQuery},
};

use super::{
    blobs::{Provider, ProviderLimits},
    holdings,
    meta::{self, Packer},
    protocol::Protocol,
    stream::Stream,
};
use crate::store::blobs::BlobStore;

/// How long a served stream may be silent.
pub(super) const SERVING_IDLE: Duration = Duration::from_secs(15);

/// A metadata file that can be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMeta {
    /// As signed.
    pub bytes: Vec<u8>,
    /// A version of the same role that the asker has, with its bytes as signed.
    pub base: Option<(u64, Vec<u8>)>,
}

/// What the engine decides about serving. Calls must be quick, except for the waiting that
/// [`holdings`](Serve::holdings) is asked to do.
pub trait Serve: Send + Sync + 'static {
    /// Whether a trusted catalogue names this blob and this range may go to this peer now; `None`: not served at all.
    fn give(&self, peer: NodeId, hash: BlobHash, range: Range<u64>, ask: Ask) -> Option<Give>;

    /// Which publishers this node knows, with their timestamp versions.
    fn versions(&self, peer: NodeId) -> BoxFuture<'_, Vec<(PublisherId, u64)>>;

    /// A metadata file as signed, by its name in the `metadata` folder; `None` when it is not held. With it comes the
    /// first of `held_versions` of the same role that is at hand.
    /// The name comes from the peer: it holds no separator and does not start with a dot.
    fn meta_file(
        &self,
        peer: NodeId,
        publisher: &str,
        file_name: &str,
        held_versions: Vec<u64>,
    ) -> BoxFuture<'_, Option<FoundMeta>>;

    /// What this node holds; may wait for news as long as the query allows.
    fn holdings(&self, peer: NodeId, query: HoldingsQuery) -> BoxFuture<'_, HoldingsAnswer>;

    /// Blob bytes went out to the peer.
    fn served(&self, peer: NodeId, bytes: u64);
}

/// Answers the streams of peers for the protocols meta, holdings and blobs. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    serve: Arc<dyn Serve>,
    provider: Arc<Provider>,
    packer: Arc<Packer>,
}

impl Server {
    /// A server of these bytes by these decisions.
    pub fn new(serve: Arc<dyn Serve>, store: BlobStore, limits: ProviderLimits) -> Server {
        let provider = Arc::new(Provider::new(serve.clone(), store, limits));
        Server {
            serve,
            provider,
            packer: Arc::default(),
        }
    }

    /// Serves one inbound stream in a task of its own. A stream for records is given back.
    pub fn accept(&self, peer: NodeId, protocol: Protocol, stream: Stream) -> Option<Stream> {
        let server = self.clone();
        match protocol {
            Protocol::Meta => drop(tokio::spawn(async move {
                let served = meta::serve(stream, peer, &*server.serve, &server.packer).await;
                log(protocol, served);
            })),
            Protocol::Holdings => drop(tokio::spawn(async move {
                let served = holdings::serve(stream, peer, &*server.serve).await;
                log(protocol, served);
            })),
            Protocol::Blobs => drop(tokio::spawn(async move {
                let served = server.provider.serve(stream, peer).await;
                log(protocol, served);
            })),
            Protocol::Records => return Some(stream),
        }
        None
    }
}

fn log(protocol: Protocol, served: Result<(), impl std::fmt::Display>) {
    if let Err(error) = served {
        tracing::debug!(?protocol, %error, "a peer was not served");
    }
}
