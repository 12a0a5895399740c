//! What the tests of the drivers share: pipes, an engine that decides by tables, sample bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Mutex,
};

use futures::future::BoxFuture;
use pishtar_catalog::BlobHash;
use pishtar_mesh::{
    Ask, Give, NodeId, PublisherId,
    wire::{HoldingsAnswer, HoldingsQuery},
};
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::serve::{FoundMeta, Serve};

pub(crate) const PEER: NodeId = NodeId([5; 32]);

/// Two ends of a stream.
pub(crate) fn pipe() -> (Compat<DuplexStream>, Compat<DuplexStream>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    (near.compat(), far.compat())
}

/// Bytes that look random and are the same every time.
pub(crate) fn sample(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// Serves what is in its tables to everyone.
#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) blobs: BTreeSet<BlobHash>,
    pub(crate) files: BTreeMap<(PublisherId, String), Vec<u8>>,
    pub(crate) holdings: HoldingsAnswer,
    /// What is rather given than any range but the first.
    pub(crate) rather: Option<Range<u64>>,
    pub(crate) sent: Mutex<u64>,
}

impl Serve for Tables {
    fn give(&self, _: NodeId, hash: BlobHash, range: Range<u64>, ask: Ask) -> Option<Give> {
        let rather = self
            .rather
            .clone()
            .filter(|_| ask == Ask::Any && range.start > 0);
        let give = rather.map_or(Give::This, |advice| Give::Rather(Some(advice)));
        self.blobs.contains(&hash).then_some(give)
    }

    fn versions(&self, _: NodeId) -> BoxFuture<'_, Vec<(PublisherId, u64)>> {
        Box::pin(async { vec![("ministry".to_owned(), 7)] })
    }

    fn meta_file(
        &self,
        _: NodeId,
        publisher: &str,
        file_name: &str,
        held_versions: Vec<u64>,
    ) -> BoxFuture<'_, Option<FoundMeta>> {
        let file = |name: &str| {
            self.files
                .get(&(publisher.to_owned(), name.to_owned()))
                .cloned()
        };
        let role = file_name.split_once('.').map_or("", |(_, role)| role);
        let base = held_versions
            .into_iter()
            .find_map(|version| Some((version, file(&format!("{version}.{role}"))?)));
        let found = file(file_name).map(|bytes| FoundMeta { bytes, base });
        Box::pin(std::future::ready(found))
    }

    fn holdings(&self, _: NodeId, _: HoldingsQuery) -> BoxFuture<'_, HoldingsAnswer> {
        Box::pin(std::future::ready(self.holdings.clone()))
    }

    fn served(&self, _: NodeId, bytes: u64) {
        *self
            .sent
            .lock()
            .expect("no test panics while it holds this") += bytes;
    }
}
