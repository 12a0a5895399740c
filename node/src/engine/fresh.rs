//! Fresh records: pushed to neighbours at once, and taken from them. Nothing depends on it: what a push misses, the next
//! comparison of sets brings.

use std::sync::Arc;

use pishtar_mesh::{Hint, NodeId, records::SetKind, wire};
use tokio::sync::Semaphore;

use crate::{handle::Shared, net::MAX_HINT_BYTES, store::records::RecordStore};

/// Pushes that are being written to the disk at once; beyond that they are dropped.
const MAX_WRITING: usize = 8;
/// Version byte, kind and lengths around the records of a hint.
const FRAME_BYTES: usize = 32;

/// Places for writing what was pushed.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_WRITING))
}

/// Hands what this device just saved to the neighbours, as far as it is small.
pub(super) fn publish(shared: &Shared) {
    let ids: Vec<[u8; 32]> = shared.records.take_fresh().iter().map(|id| id.0).collect();
    if ids.is_empty() {
        return;
    }
    // A disk that cannot be read now is read when sets are compared.
    let records = shared
        .records
        .load(SetKind::Records, &ids)
        .unwrap_or_default();
    for hint in hints(records) {
        if let Ok(bytes) = wire::encode(&wire::HintMessage { hint }) {
            shared.net.publish_hint(bytes);
        }
    }
}

/// As few hints as hold the records; those that fit none are left out.
fn hints(records: Vec<Vec<u8>>) -> Vec<Hint> {
    let room = MAX_HINT_BYTES - FRAME_BYTES;
    let (mut hints, mut batch, mut used) = (Vec::new(), Vec::new(), 0);
    for record in records.into_iter().filter(|record| record.len() <= room) {
        if used + record.len() > room || batch.len() == wire::MAX_FRESH {
            let records = std::mem::take(&mut batch);
            hints.push(Hint::Fresh { records });
            used = 0;
        }
        used += record.len();
        batch.push(record);
    }
    if !batch.is_empty() {
        hints.push(Hint::Fresh { records: batch });
    }
    hints
}

/// Keeps what a neighbour pushed, like anything that it gives: checked, counted once, within its share.
pub(super) async fn keep(records: RecordStore, pushed: Vec<Vec<u8>>, source: [u8; 32], now: i64) {
    if let Err(error) = records.store(SetKind::Records, pushed, source, now).await {
        tracing::debug!(%error, "pushed records were not kept");
    }
}

/// Whose share of the room a neighbour's records take: that of its machine, so that many ids of one machine have one share.
pub(super) fn source(shared: &Shared, peer: NodeId) -> [u8; 32] {
    match shared.net.host_of(peer) {
        Some(host) => *blake3::hash(format!("host {host}").as_bytes()).as_bytes(),
        None => peer.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_hold_as_many_records_as_fit() {
        let sizes = |lengths: &[usize]| -> Vec<Vec<usize>> {
            let records = lengths.iter().map(|length| vec![0; *length]).collect();
            let of = |hint: Hint| match hint {
                Hint::Fresh { records } => records.iter().map(Vec::len).collect(),
                _ => Vec::new(),
            };
            hints(records).into_iter().map(of).collect()
        };
        assert_eq!(sizes(&[512; 8]), [vec![512; 7], vec![512]]);
        assert_eq!(
            sizes(&[2048, 2048, 8192, 512]),
            [vec![2048], vec![2048, 512]]
        );
        assert!(sizes(&[8192]).is_empty(), "too large to push");
    }
}
