//! What this node gives to neighbours: the core decides, the stores give the bytes.

use std::{ops::Range, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use pishtar_catalog::BlobHash;
use pishtar_mesh::{
    Ask, Give, Input, NodeId, PublisherId,
    wire::{HoldingsAnswer, HoldingsQuery},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{Engine, folders::Folders, fresh, metadata};
use crate::{
    handle::Shared,
    net::{self, FoundMeta, Protocol, Serve, Stream, records},
};

/// Longest that a neighbour's question about holdings may wait for news.
const MAX_HOLDINGS_WAIT: Duration = Duration::from_secs(30);
/// Record exchanges answered at the same time; each holds a snapshot of the set in memory.
const MAX_EXCHANGES: usize = 4;

/// Answers from the core and the stores.
pub(super) struct Giver {
    pub(super) shared: Arc<Shared>,
    pub(super) folders: Folders,
    pub(super) holdings: watch::Receiver<u64>,
}

impl Serve for Giver {
    fn give(&self, peer: NodeId, hash: BlobHash, range: Range<u64>, ask: Ask) -> Option<Give> {
        let now = self.shared.clock.now();
        self.shared.mesh().give(now, peer, &hash, range, ask)
    }

    fn versions(&self, _peer: NodeId) -> BoxFuture<'_, Vec<(PublisherId, u64)>> {
        let versions = self.shared.mesh().answer_versions();
        std::future::ready(versions).boxed()
    }

    fn meta_file(
        &self,
        _peer: NodeId,
        publisher: &str,
        file_name: &str,
        held_versions: Vec<u64>,
    ) -> BoxFuture<'_, Option<FoundMeta>> {
        // Nobody is given what a revoked publisher once signed.
        if !self.shared.mesh().serves_publisher(publisher) {
            return std::future::ready(None).boxed();
        }
        let (shared, folders) = (self.shared.clone(), self.folders.clone());
        let (publisher, name) = (publisher.to_owned(), file_name.to_owned());
        async move {
            let read = tokio::task::spawn_blocking(move || {
                metadata::find(&shared, &folders, &publisher, &name, &held_versions)
            });
            match read.await {
                Ok(Ok(found)) => found,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "metadata that a neighbour asked for cannot be read");
                    None
                }
                Err(_) => None,
            }
        }
        .boxed()
    }

    fn holdings(&self, _peer: NodeId, query: HoldingsQuery) -> BoxFuture<'_, HoldingsAnswer> {
        let wait = Duration::from_millis(query.wait_ms.into()).min(MAX_HOLDINGS_WAIT);
        let mut changes = self.holdings.clone();
        async move {
            changes.mark_unchanged();
            let waits = self.shared.mesh().holdings_must_wait(&query);
            if waits {
                // Either way the answer is what is held by then.
                let _ = tokio::time::timeout(wait, changes.changed()).await;
            }
            self.shared.mesh().answer_holdings(&query)
        }
        .boxed()
    }

    fn served(&self, peer: NodeId, bytes: u64) {
        let _ = self.shared.inputs.send(Input::Served { peer, bytes });
    }
}

impl Engine {
    pub(super) fn serve(&self, peer: NodeId, protocol: Protocol, stream: Stream) {
        let Some(stream) = self.server.accept(peer, protocol, stream) else {
            return;
        };
        if !self.shared.mesh().exchanges_records_with(peer) {
            tracing::info!(%peer, "no records are taken from a device that the ministry revoked");
            return;
        }
        // A neighbour that comes while all places are taken tries again by itself.
        let Ok(place) = self.exchanges.clone().try_acquire_owned() else {
            return;
        };
        self.answer_records(peer, stream, place);
    }

    fn answer_records(&self, peer: NodeId, stream: Stream, place: OwnedSemaphorePermit) {
        let shared = self.shared.clone();
        let stop = self.stop.clone();
        let source = fresh::source(&self.shared, peer);
        self.tasks.spawn(async move {
            let _place = place;
            let now = shared.clock.now().wall;
            let exchange = records::respond(
                stream,
                &shared.records,
                source,
                now,
                records::ExchangeLimits::default(),
            );
            tokio::select! {
                () = stop.cancelled() => {}
                result = exchange => if let Err(error) = result {
                    tracing::debug!(%error, "a record exchange ended early");
                }
            }
        });
    }
}

pub(super) fn exchange_places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_EXCHANGES))
}

pub(super) fn server(
    shared: &Arc<Shared>,
    folders: &Folders,
    holdings: watch::Receiver<u64>,
    limits: net::blobs::ProviderLimits,
) -> net::Server {
    let giver = Arc::new(Giver {
        shared: shared.clone(),
        folders: folders.clone(),
        holdings,
    });
    net::Server::new(giver, shared.blobs.clone(), limits)
}
