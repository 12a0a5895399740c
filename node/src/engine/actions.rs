//! Carries out what the core decides: one short function for each kind of output.

use std::sync::Arc;

use pishtar_catalog::{BlobHash, Diff, LessonId};
use pishtar_mesh::{
    Event, ExchangeStats, Held, HoldingsFailure, Input, MetaAnswer, MetaAsk, MetaFailure, NodeId,
    Output, PublisherId, RequestId, Source, wire::HoldingsQuery,
};
use pishtar_signing::client::MetaFile;

use super::{Engine, folders::Folders, fresh, metadata, restore, search::SearchJob};
use crate::{
    handle::Shared,
    net::{
        FrameError, Protocol, holdings,
        meta::{self, FileAsk},
        records,
    },
    store::blobs::{BlobStore, Holding},
};

impl Engine {
    pub(super) fn perform(&mut self, output: Output) {
        match output {
            Output::RequestMeta {
                request,
                source,
                ask,
                max_bytes,
            } => self.request_meta(request, source, ask, max_bytes),
            Output::InstallCatalog {
                publisher,
                files,
                removed,
            } => self.install(publisher, files, removed),
            Output::ForgetPublisher { publisher } => self.forget(publisher),
            Output::CatalogChanged { diff, .. } => self.catalog_changed(&diff),
            Output::PublishHint(hint) => self.publish_hint(hint),
            Output::RequestHoldings {
                request,
                peer,
                query,
            } => self.request_holdings(request, peer, query),
            Output::HoldingsChanged { generation } => {
                self.holdings.send_replace(generation);
            }
            Output::InspectBlob { hash, length } => self.inspect(hash, length),
            Output::FetchRange {
                request,
                peer,
                hash,
                length,
                range,
                ask,
            } => self.fetch(request, peer, (hash, length, range, ask)),
            Output::FetchFiles { peer, files } => self.fetch_files(peer, files),
            Output::CancelRange { request } => self.transfers.cancel(request),
            Output::RemoveBlob { hash } => {
                let _ = self.removals.send(hash);
            }
            Output::ExchangeRecords { request, peer } => self.exchange_records(request, peer),
            Output::Event(event) => self.event(&event),
        }
    }

    /// Runs `work` beside everything else and feeds the core with what it finds; the node's stop ends it early.
    fn feed_later(&self, work: impl Future<Output = Input> + Send + 'static) {
        let inputs = self.shared.inputs.clone();
        self.later(async move {
            let _ = inputs.send(work.await);
        });
    }

    /// Work beside the loop, that a stop ends.
    fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let _ = stop.run_until_cancelled(work).await;
        });
    }

    fn request_meta(&self, request: RequestId, source: Source, ask: MetaAsk, max_bytes: u64) {
        let (shared, folders) = (self.shared.clone(), self.folders.clone());
        self.feed_later(async move {
            let result = match source {
                Source::Peer(peer) => ask_peer(&shared, folders, peer, ask, max_bytes).await,
                Source::Folder(id) => match folders.reader(id, &shared) {
                    Some(reader) => {
                        tokio::task::spawn_blocking(move || reader.answer(&ask, max_bytes))
                            .await
                            .unwrap_or_else(|error| Err(MetaFailure::LocalDisk(error.to_string())))
                    }
                    None => Ok(MetaAnswer::Absent),
                },
            };
            Input::MetaArrived { request, result }
        });
    }

    fn install(
        &self,
        publisher: PublisherId,
        files: Vec<(MetaFile, Vec<u8>)>,
        removed: Vec<MetaFile>,
    ) {
        let shared = self.shared.clone();
        self.tasks.spawn_blocking(move || {
            metadata::keep_replaced(&shared, &publisher, &files, &removed);
            let result = shared
                .trust
                .install(&publisher, &files, &removed)
                .map_err(|error| error.to_string());
            let _ = shared
                .inputs
                .send(Input::CatalogInstalled { publisher, result });
        });
    }

    fn forget(&self, publisher: PublisherId) {
        let shared = self.shared.clone();
        self.tasks.spawn_blocking(move || {
            let result = shared
                .trust
                .forget(&publisher)
                .map_err(|error| error.to_string());
            if let Err(error) = &result {
                tracing::warn!(
                    error,
                    "a publisher's state is not deleted yet; the next start tries again"
                );
            }
            let _ = shared
                .inputs
                .send(Input::PublisherForgotten { publisher, result });
        });
    }

    fn catalog_changed(&self, diff: &Diff) {
        let shared = self.shared.clone();
        if !diff.withdrawn.is_empty() {
            let (index, withdrawn) = (shared.index.clone(), diff.withdrawn.clone());
            self.tasks.spawn_blocking(move || {
                index.note_withdrawn(withdrawn.iter().map(LessonId::as_str));
            });
        }
        let changed: Vec<_> = {
            let mesh = shared.mesh();
            restore::set_ack_key(&shared.records, &mesh);
            let ids = diff.added.iter().chain(&diff.changed);
            ids.filter_map(|id| mesh.catalog().lesson(id).cloned())
                .collect()
        };
        let _ = self.search.send(SearchJob::Update {
            changed: changed.clone(),
            withdrawn: diff.withdrawn.clone(),
        });
        let folders = self.folders.importer(&self.shared, &self.stop);
        self.tasks.spawn_blocking(move || folders.import(&changed));
    }

    fn request_holdings(&self, request: RequestId, peer: NodeId, query: HoldingsQuery) {
        let shared = self.shared.clone();
        self.feed_later(async move {
            let ask = async {
                let stream = shared.net.open(peer, Protocol::Holdings).await;
                let stream = stream.map_err(|_| HoldingsFailure::NoAnswer)?;
                let answer = holdings::ask(stream, &query).await;
                answer.map_err(|error| match error {
                    FrameError::Stream(_) => HoldingsFailure::NoAnswer,
                    FrameError::Message(error) => HoldingsFailure::Protocol(error.to_string()),
                })
            };
            Input::HoldingsArrived {
                request,
                result: ask.await,
            }
        });
    }

    fn inspect(&self, hash: BlobHash, length: u64) {
        let shared = self.shared.clone();
        let look = shared.inspections.begin(hash);
        self.later(async move {
            // A store that cannot say counts as empty: the bytes are fetched and verified again.
            let state = shared.blobs.state(hash, length).await;
            let held = state.map_or(Held::Absent, |state| {
                held_where(&shared.blobs, hash, length, state)
            });
            shared.inspections.end(look, held);
        });
    }

    fn exchange_records(&self, request: RequestId, peer: NodeId) {
        let shared = self.shared.clone();
        let now = self.shared.clock.now().wall;
        self.feed_later(async move {
            let exchange = async {
                let stream = shared.net.open(peer, Protocol::Records).await;
                let stream = stream.map_err(|error| error.to_string())?;
                let limits = records::ExchangeLimits::default();
                let source = fresh::source(&shared, peer);
                let exchanged =
                    records::initiate(stream, &shared.records, source, now, limits).await;
                exchanged.map_err(|error| error.to_string())
            };
            let result = exchange.await.map(|stats| stats_for_people(&stats));
            Input::RecordsExchanged { request, result }
        });
    }

    fn event(&self, event: &Event) {
        self.note(kind(event), event.to_string());
    }
}

/// What the store holds, and whether that is in a published folder.
pub(super) fn held_where(blobs: &BlobStore, hash: BlobHash, length: u64, holding: Holding) -> Held {
    match held(holding) {
        Held::Complete if blobs.is_elsewhere(hash, length) => Held::Referenced,
        held => held,
    }
}

pub(super) fn held(holding: Holding) -> Held {
    match holding {
        Holding::Absent => Held::Absent,
        Holding::Partial(ranges) => Held::Partial(ranges),
        Holding::Complete => Held::Complete,
    }
}

fn stats_for_people(stats: &pishtar_mesh::records::ExchangeStats) -> ExchangeStats {
    let count = |items: usize| items as u64;
    ExchangeStats {
        records_sent: count(stats.records_out),
        records_received: count(stats.records_in),
        acks_sent: count(stats.acks_out),
        acks_received: count(stats.acks_in),
    }
}

async fn ask_peer(
    shared: &Arc<Shared>,
    folders: Folders,
    peer: NodeId,
    ask: MetaAsk,
    max_bytes: u64,
) -> Result<MetaAnswer, MetaFailure> {
    let net = &shared.net;
    let open = move || net.open(peer, Protocol::Meta);
    let (publisher, file, held_version) = match ask {
        MetaAsk::Versions => {
            let stream = open().await.map_err(|_| MetaFailure::Disconnected)?;
            return meta::ask_versions(stream).await;
        }
        MetaAsk::File {
            publisher,
            file,
            held_version,
        } => (publisher, file, held_version),
    };
    let file_name = file.file_name();
    let bases = {
        let (shared, publisher) = (shared.clone(), publisher.clone());
        tokio::task::spawn_blocking(move || {
            metadata::bases(&shared, &folders, &publisher, &file, held_version)
        })
        .await
        .map_err(|error| MetaFailure::LocalDisk(error.to_string()))?
    };
    let ask = FileAsk {
        publisher,
        file_name,
        bases,
        max_bytes,
    };
    meta::ask_file(open, ask).await
}

/// The event's name for programs.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::CatalogVerified { .. } => "catalog_verified",
        Event::CatalogInstalled { .. } => "catalog_installed",
        Event::CatalogRefused { .. } => "catalog_refused",
        Event::InstallFailed { .. } => "install_failed",
        Event::CatalogProblem { .. } => "catalog_problem",
        Event::ScopeViolation { .. } => "scope_violation",
        Event::PublisherListed { .. } => "publisher_listed",
        Event::PublisherGone { .. } => "publisher_gone",
        Event::DeviceRevoked { .. } => "device_revoked",
        Event::WrongBytes { .. } => "wrong_bytes",
        Event::LessonComplete { .. } => "lesson_complete",
        Event::LessonWithdrawn { .. } => "lesson_withdrawn",
        Event::QuotaFull { .. } => "quota_full",
        Event::Removed { .. } => "removed",
        Event::Damaged { .. } => "damaged",
        Event::DiskFailed { .. } => "disk_failed",
        Event::RecordsExchanged { .. } => "records_exchanged",
        Event::RecordsFailed { .. } => "records_failed",
    }
}
