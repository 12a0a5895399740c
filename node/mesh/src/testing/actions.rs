//! Carries out what the meshes of a small world decide.

use std::{ops::Range, time::Duration};

use pishtar_catalog::BlobHash;

use super::{At, Fault, PROGRESS_BYTES, Pending, World};
use crate::{
    Ask, ExchangeStats, FetchFailure, Give, Held, HoldingsFailure, Input, MetaAnswer, MetaAsk,
    MetaFailure, NodeId, Output, RequestId, Source,
    config::{GROUP_BYTES, MAX_BATCH_BYTES, MAX_BATCH_FILES, SMALL_FILE_BYTES},
    wire::HoldingsQuery,
};

/// How long the disk takes to remove a blob.
const REMOVAL_TIME: Duration = Duration::from_millis(30);

impl World {
    pub(super) fn output(&mut self, at: At, output: Output) {
        let (delay, soon) = (self.link.delay, Duration::from_millis(1));
        match output {
            Output::RequestMeta {
                request,
                source,
                ask,
                ..
            } => {
                if let Some((after, result)) = self.answer_meta(at, source, &ask) {
                    self.later(
                        after,
                        at,
                        Pending::Input(Input::MetaArrived { request, result }),
                    );
                }
            }
            Output::InstallCatalog {
                publisher,
                files,
                removed,
            } => {
                self.nodes[at].install(&publisher, files, &removed);
                self.later(
                    soon,
                    at,
                    Pending::Input(Input::CatalogInstalled {
                        publisher,
                        result: Ok(()),
                    }),
                );
            }
            Output::ForgetPublisher { publisher } => {
                self.nodes[at].meta.remove(&publisher);
                self.later(
                    soon,
                    at,
                    Pending::Input(Input::PublisherForgotten {
                        publisher,
                        result: Ok(()),
                    }),
                );
            }
            Output::CatalogChanged { diff, .. } => {
                self.nodes[at].withdrawn.extend(diff.withdrawn);
                for (hash, _) in self.nodes[at].folder_blobs.clone() {
                    let held = Held::Referenced;
                    self.later(soon, at, Pending::Input(Input::BlobState { hash, held }));
                }
            }
            Output::PublishHint(hint) => {
                let peer = self.nodes[at].id();
                for other in 0..self.nodes.len() {
                    if other != at && self.linked(at, other) {
                        let hint = hint.clone();
                        self.later(
                            delay,
                            other,
                            Pending::Input(Input::HintHeard { peer, hint }),
                        );
                    }
                }
            }
            Output::RequestHoldings {
                request,
                peer,
                query,
            } => self.ask_holdings(at, request, peer, query),
            Output::HoldingsChanged { .. } => self.answer_waiting(at),
            Output::InspectBlob { hash, length } => {
                let held = self.nodes[at].inspect(&hash, length);
                self.later(soon, at, Pending::Input(Input::BlobState { hash, held }));
            }
            Output::FetchRange {
                request,
                peer,
                hash,
                length,
                range,
                ask,
            } => {
                self.nodes[at].asked.push((hash, range.clone(), ask));
                self.start_transfer(at, request, peer, (hash, length, range, ask));
            }
            Output::FetchFiles { peer, files } => {
                assert!(files.len() <= MAX_BATCH_FILES, "a batch is bounded");
                self.nodes[at].batches.push(files.len());
                let bytes: u64 = files.iter().map(|file| file.length).sum();
                assert!(bytes <= MAX_BATCH_BYTES, "the bytes of a batch are bounded");
                for file in files {
                    assert!(
                        file.length <= SMALL_FILE_BYTES,
                        "files of a batch are small"
                    );
                    self.nodes[at].batched.insert(file.request);
                    let range = 0..file.length;
                    self.start_transfer(
                        at,
                        file.request,
                        peer,
                        (file.hash, file.length, range, Ask::Any),
                    );
                }
            }
            Output::CancelRange { request } => {
                self.nodes[at].take_late(request, self.late_bytes);
                if let Some(held) = self.nodes[at].end_transfer(request) {
                    let result = Err(FetchFailure::Cancelled);
                    self.later(
                        soon,
                        at,
                        Pending::Input(Input::RangeFinished {
                            request,
                            result,
                            held,
                        }),
                    );
                }
            }
            Output::RemoveBlob { hash } => self.later(REMOVAL_TIME, at, Pending::Removal { hash }),
            Output::ExchangeRecords { request, peer } => self.exchange(at, request, peer),
            Output::Event(event) => self.nodes[at].events.push(event),
        }
    }

    fn answer_meta(
        &mut self,
        at: At,
        source: Source,
        ask: &MetaAsk,
    ) -> Option<(Duration, Result<MetaAnswer, MetaFailure>)> {
        let peer = match source {
            Source::Folder(_) => {
                return Some((
                    Duration::from_millis(1),
                    Ok(self.nodes[at].folder_answer(ask)),
                ));
            }
            Source::Peer(peer) => peer,
        };
        let Some(other) = self.find(peer).filter(|other| self.linked(at, *other)) else {
            return Some((self.link.delay, Err(MetaFailure::Disconnected)));
        };
        if self.nodes[other].fault == Fault::Mute {
            return None;
        }
        Some((self.link.delay * 2, Ok(self.nodes[other].meta_answer(ask))))
    }

    fn ask_holdings(&mut self, at: At, request: RequestId, peer: NodeId, query: HoldingsQuery) {
        let linked = self.find(peer).filter(|other| self.linked(at, *other));
        match linked {
            Some(other) if self.nodes[other].fault != Fault::Mute => {
                self.later(
                    self.link.delay,
                    other,
                    Pending::Question {
                        asker: at,
                        request,
                        query,
                    },
                );
            }
            Some(_) => {}
            None => {
                let result = Err(HoldingsFailure::NoAnswer);
                self.later(
                    self.link.delay,
                    at,
                    Pending::Input(Input::HoldingsArrived { request, result }),
                );
            }
        }
    }

    /// Answers at once, or keeps the question until there is news or its wait is over.
    fn question(&mut self, at: At, asker: At, request: RequestId, query: HoldingsQuery) {
        if self.nodes[at].mesh.holdings_must_wait(&query) && query.wait_ms > 0 {
            let wait = Duration::from_millis(u64::from(query.wait_ms));
            let again = HoldingsQuery {
                wait_ms: 0,
                ..query.clone()
            };
            self.later(
                wait,
                at,
                Pending::Question {
                    asker,
                    request,
                    query: again,
                },
            );
            self.nodes[at].waiting.push((asker, request, query));
            return;
        }
        self.nodes[at]
            .waiting
            .retain(|(_, waiting, _)| *waiting != request);
        let answer = self.nodes[at].mesh.answer_holdings(&query);
        if self.linked(at, asker) {
            let input = Input::HoldingsArrived {
                request,
                result: Ok(answer),
            };
            self.later(self.link.delay, asker, Pending::Input(input));
        }
    }

    fn answer_waiting(&mut self, at: At) {
        for (asker, request, query) in std::mem::take(&mut self.nodes[at].waiting) {
            let query = HoldingsQuery {
                wait_ms: 0,
                ..query
            };
            self.question(at, asker, request, query);
        }
    }

    fn start_transfer(
        &mut self,
        at: At,
        request: RequestId,
        peer: NodeId,
        (hash, length, range, ask): (BlobHash, u64, Range<u64>, Ask),
    ) {
        assert!(
            range.start.is_multiple_of(GROUP_BYTES),
            "ranges start at groups"
        );
        assert!(
            range.end.is_multiple_of(GROUP_BYTES) || range.end == length,
            "ranges end at groups"
        );
        assert!(
            range.start < range.end && range.end <= length,
            "ranges lie in the file"
        );
        let provider = self.find(peer).filter(|other| self.linked(at, *other));
        let refusal = match provider {
            None => Some(FetchFailure::Disconnected),
            Some(other) => {
                let (now, asker) = (self.clock(), self.nodes[at].id());
                let given = self.nodes[other]
                    .mesh
                    .give(now, asker, &hash, range.clone(), ask);
                let refused = self.nodes[other].refusal(&hash, length, &range);
                refused.or(match given {
                    Some(Give::Rather(advice)) => Some(FetchFailure::Rather(advice)),
                    Some(Give::Absent) => Some(FetchFailure::Absent),
                    Some(Give::This) | None => None,
                })
            }
        };
        if let Some(refusal) = refusal {
            let input = Input::RangeFinished {
                request,
                result: Err(refusal),
                held: Vec::new(),
            };
            self.later(self.link.delay * 2, at, Pending::Input(input));
            return;
        }
        self.nodes[at].begin_transfer(request, peer, hash, length, range);
        self.next_bytes(at, request);
    }

    /// Books the sender's line for the next bytes of a transfer.
    fn next_bytes(&mut self, at: At, request: RequestId) {
        let slice = self.slice();
        let Some((peer, bytes, first)) = self.nodes[at].next_bytes(request, slice) else {
            return;
        };
        let Some(other) = self.find(peer) else { return };
        if self.nodes[other].fault == Fault::Stall {
            return;
        }
        let round_trip = if first {
            self.link.delay * 2
        } else {
            Duration::ZERO
        };
        let begin = self.nodes[other].line_free.max(self.now);
        let end = begin.plus(Duration::from_nanos(
            bytes.saturating_mul(1_000_000_000) / self.link.up_rate,
        ));
        self.nodes[other].line_free = end;
        *self.sent.entry((other, at)).or_default() += bytes;
        self.later(
            end.since(self.now) + round_trip,
            at,
            Pending::Transfer { request },
        );
    }

    /// Bytes that a transfer sends before others have their turn: less on slow lines, where progress is told by time.
    fn slice(&self) -> u64 {
        let whole = (self.link.up_rate / 16).clamp(GROUP_BYTES, PROGRESS_BYTES);
        whole / GROUP_BYTES * GROUP_BYTES
    }

    fn transfer(&mut self, at: At, request: RequestId) {
        let slice = self.slice();
        let Some((hash, done, ended)) = self.nodes[at].take_bytes(request, slice) else {
            return;
        };
        if !ended {
            self.input(
                at,
                Input::RangeProgress {
                    request,
                    bytes: done,
                },
            );
            self.next_bytes(at, request);
            return;
        }
        if self.nodes[at].batched.remove(&request) {
            let ended = vec![(request, Ok(()))];
            self.input(at, Input::FilesArrived { ended });
            return;
        }
        let held = self.nodes[at].store.ranges(&hash);
        self.input(
            at,
            Input::RangeFinished {
                request,
                result: Ok(()),
                held,
            },
        );
    }

    fn exchange(&mut self, at: At, request: RequestId, peer: NodeId) {
        let Some(other) = self.find(peer).filter(|other| self.linked(at, *other)) else {
            let input = Input::RecordsExchanged {
                request,
                result: Err("the connection went away".to_owned()),
            };
            self.later(self.link.delay, at, Pending::Input(input));
            return;
        };
        let asker = self.nodes[at].id();
        if !self.nodes[other].mesh.exchanges_records_with(asker) {
            let result = Err("it takes no records from this device".to_owned());
            let input = Input::RecordsExchanged { request, result };
            self.later(self.link.delay * 2, at, Pending::Input(input));
            return;
        }
        let ours = self.nodes[at].records.clone();
        let theirs = self.nodes[other].records.clone();
        let stats = ExchangeStats {
            records_sent: ours.difference(&theirs).count() as u64,
            records_received: theirs.difference(&ours).count() as u64,
            ..ExchangeStats::default()
        };
        let input = Input::RecordsExchanged {
            request,
            result: Ok(stats),
        };
        self.later(self.link.delay * 4, at, Pending::Input(input));
        for (who, gained) in [(at, &theirs), (other, &ours)] {
            if self.nodes[who].add_records(gained.iter().copied()) {
                let changed = self.nodes[who].records_changed();
                self.later(self.link.delay * 4, who, Pending::Input(changed));
            }
        }
    }

    pub(super) fn arrive(&mut self, at: At, pending: Pending) {
        match pending {
            Pending::Input(input) => self.input(at, input),
            Pending::Question {
                asker,
                request,
                query,
            } => self.question(at, asker, request, query),
            Pending::Transfer { request } => self.transfer(at, request),
            Pending::Removal { hash } => {
                if self.nodes[at].mesh.is_leaving(&hash) {
                    self.nodes[at].store.remove(&hash);
                    self.nodes[at].removed.push(hash);
                }
                self.input(at, Input::BlobRemoved { hash });
            }
        }
    }
}
