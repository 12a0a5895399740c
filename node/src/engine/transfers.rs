//! Ranges and small files on their way from neighbours.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use pishtar_catalog::BlobHash;
use pishtar_mesh::{Ask, FetchFailure, Input, NodeId, RequestId, WantedFile};
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::net::{
    Cancellable, Protocol,
    blobs::{self, BatchStop, all_failed, fetch_files},
};

/// What is on its way, by the core's requests.
#[derive(Default)]
pub(super) struct Transfers(BTreeMap<RequestId, Stop>);

/// How to stop a transfer.
enum Stop {
    Range(CancellationToken),
    File(Arc<BatchStop>),
}

impl Transfers {
    fn begin(&mut self, request: RequestId, token: CancellationToken) {
        self.0.insert(request, Stop::Range(token));
    }

    fn begin_files(&mut self, files: &[WantedFile], stop: &Arc<BatchStop>) {
        let files = files.iter();
        self.0
            .extend(files.map(|file| (file.request, Stop::File(stop.clone()))));
    }

    /// Something may have ended.
    pub(super) fn note(&mut self, input: &Input) {
        match input {
            Input::RangeFinished { request, .. } => drop(self.0.remove(request)),
            Input::FilesArrived { ended } => {
                ended.iter().for_each(|(request, _)| self.cancel(*request));
            }
            _ => {}
        }
    }

    /// Stops a range; a batch once none of its files is wanted.
    pub(super) fn cancel(&mut self, request: RequestId) {
        match self.0.get(&request) {
            Some(Stop::Range(token)) => token.cancel(),
            Some(Stop::File(batch)) => {
                batch.release_one();
                self.0.remove(&request);
            }
            None => {}
        }
    }

    pub(super) fn stop_all(&self) {
        for stop in self.0.values() {
            match stop {
                Stop::Range(token) => token.cancel(),
                Stop::File(batch) => batch.stop(),
            }
        }
    }
}

/// Why a transfer ended, when it may have been stopped. That the disk refused what came before counts all the same: it was
/// counted as held.
fn after(stop: &CancellationToken, failure: FetchFailure) -> FetchFailure {
    match failure {
        FetchFailure::LocalDisk(_) => failure,
        _ if stop.is_cancelled() => FetchFailure::Cancelled,
        _ => failure,
    }
}

impl Engine {
    pub(super) fn fetch(
        &mut self,
        request: RequestId,
        peer: NodeId,
        (hash, length, range, ask): (BlobHash, u64, Range<u64>, Ask),
    ) {
        let shared = self.shared.clone();
        tracing::debug!(%peer, ?range, ?ask, "asks for a range");
        let token = self.stop.child_token();
        self.transfers.begin(request, token.clone());
        self.tasks.spawn(async move {
            let progress = |bytes| {
                let _ = shared.inputs.send(Input::RangeProgress { request, bytes });
            };
            let opened = tokio::select! {
                () = token.cancelled() => Err(FetchFailure::Cancelled),
                opened = shared.net.open(peer, Protocol::Blobs) => {
                    opened.map_err(|_| FetchFailure::Disconnected)
                }
            };
            let fetched = match opened {
                // What has arrived by a cancel is stored to its end and told of: the quota counts on it.
                Ok(stream) => {
                    let stream = Cancellable::new(stream, token.clone());
                    blobs::fetch(stream, &shared.blobs, hash, length, range, ask, progress).await
                }
                Err(failure) => blobs::Fetched {
                    result: Err(failure),
                    held: Vec::new(),
                    complete: false,
                },
            };
            let result = fetched.result.map_err(|failure| after(&token, failure));
            let held = fetched.held;
            let _ = shared.inputs.send(Input::RangeFinished {
                request,
                result,
                held,
            });
        });
    }

    pub(super) fn fetch_files(&mut self, peer: NodeId, files: Vec<WantedFile>) {
        let shared = self.shared.clone();
        let token = self.stop.child_token();
        let stop = BatchStop::new(token.clone(), files.len());
        self.transfers.begin_files(&files, &stop);
        self.tasks.spawn(async move {
            let ended = |mut ended: blobs::Ended| {
                for (_, result) in &mut ended {
                    *result = result.clone().map_err(|failure| after(&token, failure));
                }
                let _ = shared.inputs.send(Input::FilesArrived { ended });
            };
            let opened = tokio::select! {
                () = token.cancelled() => Err(FetchFailure::Cancelled),
                opened = shared.net.open(peer, Protocol::Blobs) => {
                    opened.map_err(|_| FetchFailure::Disconnected)
                }
            };
            match opened {
                Ok(stream) => {
                    let stream = Cancellable::new(stream, token.clone());
                    fetch_files(stream, &shared.blobs, files, ended).await;
                }
                Err(failure) => ended(all_failed(files, failure)),
            }
        });
    }
}
