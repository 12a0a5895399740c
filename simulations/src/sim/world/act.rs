//! Carries out what the meshes decide.

use std::sync::Arc;

use pishtar_catalog::BlobHash;
use pishtar_mesh::{
    FetchFailure, Give, Held, HoldingsFailure, Input, MetaAnswer, MetaAsk, MetaFailure, Output,
    RequestId, Source,
};

use super::{
    Said, World,
    event::{Event, Question, Serve},
    host::{Flight, HostIx, Kind, Writing, host_of},
    lines::Load,
};
use crate::sim::{Micros, editions::MetaFiles};

/// The disk looks something up.
const LOOK: Micros = 1_000;
/// The disk makes a catalogue durable.
const WRITE: Micros = 50_000;
/// The disk removes a file.
const REMOVE: Micros = 30_000;

impl World {
    pub(super) fn output(&mut self, at: HostIx, output: Output) {
        match output {
            Output::RequestMeta {
                request,
                source,
                ask,
                ..
            } => self.ask_meta(at, request, source, &ask),
            Output::InstallCatalog {
                publisher,
                files,
                removed,
            } => self.write_catalog(at, publisher, files, removed),
            Output::ForgetPublisher { publisher } => {
                let result = Ok(());
                self.later_input(LOOK, at, Input::PublisherForgotten { publisher, result });
            }
            Output::CatalogChanged { .. } => self.catalog_changed(at),
            Output::PublishHint(hint) => {
                self.note_said(at, || Said::Told(hint.clone()));
                self.gossip(at, &hint);
            }
            Output::RequestHoldings {
                request,
                peer,
                query,
            } => self.ask_holdings(at, request, host_of(&peer), query),
            Output::HoldingsChanged { .. } => self.answer_waiting(at),
            Output::InspectBlob { hash, .. } => {
                let held = self.held(at, &hash);
                self.later_input(LOOK, at, Input::BlobState { hash, held });
            }
            Output::FetchRange {
                request,
                peer,
                hash,
                range,
                ask,
                ..
            } => self.fetch(at, request, host_of(&peer), (hash, range, ask)),
            Output::FetchFiles { peer, files } => self.fetch_files(at, &peer, files),
            Output::CancelRange { request } => self.cancel(at, request),
            Output::RemoveBlob { hash } => {
                let boot = self.hosts[at as usize].boot;
                self.later(REMOVE, Event::Removal(at, boot, Box::new(hash)));
            }
            Output::ExchangeRecords { request, peer } => self.exchange(at, request, host_of(&peer)),
            Output::Event(event) => self.note_said(at, || Said::Event(event)),
        }
    }

    fn held(&self, at: HostIx, hash: &BlobHash) -> Held {
        let found = self.editions.find(hash);
        found.map_or(Held::Absent, |ix| self.hosts[at as usize].disk.held(ix))
    }

    fn ask_meta(&mut self, at: HostIx, request: RequestId, source: Source, ask: &MetaAsk) {
        let Source::Peer(peer) = source else {
            let result = Ok(self.folder_answer(at, ask));
            self.later_input(LOOK, at, Input::MetaArrived { request, result });
            return;
        };
        let other = host_of(&peer);
        let Some(via) = self.via(at, other) else {
            let result = Err(MetaFailure::Disconnected);
            self.later_input(LOOK, at, Input::MetaArrived { request, result });
            return;
        };
        let Some(answer) = self.meta_answer(other, ask) else {
            return;
        };
        let bytes = wire_bytes(ask, &answer);
        let (pipe, link) = self.pipe_from(other, via);
        let share = self.pipes[pipe as usize].share().max(1);
        let delay = 2 * self.delay(via) + bytes * crate::sim::SECOND / share;
        self.tally.moved(link, bytes);
        self.later_input(
            delay,
            at,
            Input::MetaArrived {
                request,
                result: Ok(answer),
            },
        );
    }

    fn folder_answer(&self, at: HostIx, ask: &MetaAsk) -> MetaAnswer {
        let Some(files) = &self.hosts[at as usize].folder else {
            return MetaAnswer::Absent;
        };
        match ask {
            MetaAsk::Versions => {
                let version = files
                    .get("timestamp.json")
                    .and_then(|bytes| version_of(bytes));
                let list = version.map(|version| (pishtar_catalog::MINISTRY.to_owned(), version));
                MetaAnswer::Versions(list.into_iter().collect())
            }
            MetaAsk::File { file, .. } => bytes_of(files, &file.file_name()),
        }
    }

    /// What an honest host answers.
    pub(super) fn honest_meta(&self, at: HostIx, ask: &MetaAsk) -> MetaAnswer {
        let host = &self.hosts[at as usize];
        let Some(mesh) = host.mesh.as_ref() else {
            return MetaAnswer::Absent;
        };
        match ask {
            MetaAsk::Versions => MetaAnswer::Versions(mesh.answer_versions()),
            MetaAsk::File {
                publisher, file, ..
            } => match mesh.may_serve_meta(publisher, file) {
                true => bytes_of(&host.disk.meta, &file.file_name()),
                false => MetaAnswer::Absent,
            },
        }
    }

    fn write_catalog(
        &mut self,
        at: HostIx,
        publisher: String,
        files: Vec<(pishtar_signing::client::MetaFile, Vec<u8>)>,
        removed: Vec<pishtar_signing::client::MetaFile>,
    ) {
        let host = &mut self.hosts[at as usize];
        host.writing = Some(Writing {
            publisher,
            files,
            removed,
        });
        let boot = host.boot;
        self.later(WRITE, Event::Written(at, boot));
    }

    /// All of a catalogue is on the disk at once: files are replaced by rename.
    pub(super) fn written(&mut self, at: HostIx, boot: u32) {
        let host = &mut self.hosts[at as usize];
        if host.boot != boot || host.mesh.is_none() {
            return;
        }
        let Some(writing) = host.writing.take() else {
            return;
        };
        let mut files: MetaFiles = (*host.disk.meta).clone();
        for file in &writing.removed {
            files.remove(&file.file_name());
        }
        for (file, bytes) in writing.files {
            let name = file.file_name();
            let bytes = self.editions.share(&name, bytes);
            files.insert(name, bytes);
        }
        self.hosts[at as usize].disk.meta = Arc::new(files);
        let (publisher, result) = (writing.publisher, Ok(()));
        self.input(at, Input::CatalogInstalled { publisher, result });
    }

    fn catalog_changed(&mut self, at: HostIx) {
        self.check_catalog(at);
        let Some(blobs) = self.hosts[at as usize].disk.folder_blobs.clone() else {
            return;
        };
        let boot = self.hosts[at as usize].boot;
        for ix in blobs.iter() {
            let hash = self.editions.blobs[*ix as usize].0;
            let held = Held::Referenced;
            let input = Box::new(Input::BlobState { hash, held });
            self.later(LOOK, Event::Input(at, boot, input));
        }
    }

    fn gossip(&mut self, at: HostIx, hint: &pishtar_mesh::Hint) {
        let peer = self.id_of(at);
        let links: Vec<(HostIx, Micros)> = self.hosts[at as usize]
            .links
            .iter()
            .map(|(other, via)| (*other, self.delay(*via)))
            .collect();
        for (other, delay) in links {
            let hint = hint.clone();
            self.later_input(delay, other, Input::HintHeard { peer, hint });
        }
    }

    fn ask_holdings(
        &mut self,
        at: HostIx,
        request: RequestId,
        other: HostIx,
        query: pishtar_mesh::wire::HoldingsQuery,
    ) {
        let Some(via) = self.via(at, other) else {
            let result = Err(HoldingsFailure::NoAnswer);
            self.later_input(LOOK, at, Input::HoldingsArrived { request, result });
            return;
        };
        if self.is_mute(other) {
            return;
        }
        let question = Question {
            at: other,
            asker: at,
            asker_boot: self.hosts[at as usize].boot,
            request,
            query,
            waited: false,
        };
        let delay = self.delay(via);
        self.later(delay, Event::Question(Box::new(question)));
    }

    /// Answers at once, or keeps the question until there is news or its wait is over.
    pub(super) fn question(&mut self, question: Question) {
        let (at, asker) = (question.at, question.asker);
        self.history.note(self.now, at, 31, question.request.0);
        let Some(via) = self.via(at, asker) else {
            return;
        };
        let host = &mut self.hosts[at as usize];
        let Some(mesh) = host.mesh.as_ref() else {
            return;
        };
        let waits = !question.waited && question.query.wait_ms > 0;
        if waits && mesh.holdings_must_wait(&question.query) {
            let wait = Micros::from(question.query.wait_ms) * 1_000;
            let kept = Question {
                waited: true,
                ..question
            };
            host.waiting.push(kept.clone());
            self.later(wait, Event::Question(Box::new(kept)));
            return;
        }
        if question.waited {
            let same = |other: &Question| {
                (other.asker, other.asker_boot, other.request)
                    == (asker, question.asker_boot, question.request)
            };
            let Some(place) = host.waiting.iter().position(same) else {
                // News came before its wait was over.
                return;
            };
            host.waiting.swap_remove(place);
        }
        let mut answer = mesh.answer_holdings(&question.query);
        if self.options.variant == crate::sim::scenario::Variant::SingleSource {
            answer.partials.clear();
        }
        let boot = question.asker_boot;
        let input = Input::HoldingsArrived {
            request: question.request,
            result: Ok(answer),
        };
        let delay = self.delay(via);
        self.later(delay, Event::Input(asker, boot, Box::new(input)));
    }

    fn answer_waiting(&mut self, at: HostIx) {
        for question in self.hosts[at as usize].waiting.clone() {
            self.question(question);
        }
    }

    pub(super) fn fetch(
        &mut self,
        at: HostIx,
        request: RequestId,
        from: HostIx,
        (hash, range, ask): (BlobHash, std::ops::Range<u64>, pishtar_mesh::Ask),
    ) {
        let Some(blob) = self.editions.find(&hash) else {
            let input = Input::RangeFinished {
                request,
                result: Err(FetchFailure::Absent),
                held: Vec::new(),
            };
            self.later_input(LOOK, at, input);
            return;
        };
        self.check_fetch(at, blob, &range);
        if self.plants(super::Plant::FetchTwice) && self.hosts[at as usize].flights.is_empty() {
            self.check_fetch_of_three(at, blob, hash, &range);
        }
        let flight = Flight {
            from,
            blob,
            hash,
            start: range.start,
            end: range.end,
            ask,
            flow: None,
            done: 0,
        };
        self.hosts[at as usize].flights.insert(request, flight);
        let serve = Serve {
            giver: from,
            asker: at,
            asker_boot: self.hosts[at as usize].boot,
            request,
        };
        let delay = self.via(at, from).map_or(LOOK, |via| self.delay(via));
        self.later(delay, Event::Serve(serve));
    }

    /// The giver decides about a range.
    pub(super) fn serve(&mut self, serve: Serve) {
        let Serve {
            giver,
            asker,
            asker_boot,
            request,
        } = serve;
        self.history.note(self.now, giver, 32, request.0);
        if !self.is_running(asker, asker_boot) {
            return;
        }
        let Some(flight) = self.hosts[asker as usize].flights.get(&request).cloned() else {
            return;
        };
        let Some(via) = self.via(asker, giver) else {
            self.end_flight(asker, request, Err(FetchFailure::Disconnected));
            return;
        };
        if self.stalls(giver) {
            return;
        }
        if let Some(refusal) = self.refusal(giver, asker, &flight) {
            let boot = self.hosts[asker as usize].boot;
            self.hosts[asker as usize].flights.remove(&request);
            let length = self.editions.blobs[flight.blob as usize].1;
            let held = self.hosts[asker as usize].disk.ranges(flight.blob, length);
            let input = Input::RangeFinished {
                request,
                result: Err(refusal),
                held,
            };
            let delay = self.delay(via);
            self.later(delay, Event::Input(asker, boot, Box::new(input)));
            return;
        }
        let pipe = self.pipe_from(giver, via);
        let bytes = flight.end - flight.start;
        let flow = self.start_flow(pipe, bytes, Load::Range(asker, request));
        if let Some(flight) = self.hosts[asker as usize].flights.get_mut(&request) {
            flight.flow = Some(flow);
        }
    }

    fn refusal(&mut self, giver: HostIx, asker: HostIx, flight: &Flight) -> Option<FetchFailure> {
        if self.hosts[giver as usize].kind == Kind::Liar {
            return Some(FetchFailure::WrongBytes);
        }
        let (now, id) = (self.clock(giver), self.id_of(asker));
        let range = flight.start..flight.end;
        let held = self.hosts[giver as usize]
            .disk
            .covers(flight.blob, range.clone());
        let Some(mesh) = self.hosts[giver as usize].mesh.as_mut() else {
            return Some(FetchFailure::Disconnected);
        };
        let given = mesh.give(now, id, &flight.hash, range, flight.ask);
        if !mesh.may_serve(&flight.hash) {
            return Some(FetchFailure::Denied);
        }
        match given {
            Some(Give::Rather(advice)) => Some(FetchFailure::Rather(advice)),
            _ if held => None,
            _ => Some(FetchFailure::Absent),
        }
    }

    fn cancel(&mut self, at: HostIx, request: RequestId) {
        let Some(flight) = self.hosts[at as usize].flights.get_mut(&request) else {
            return;
        };
        let told = flight.start + flight.done;
        if let Some(flow) = flight.flow.take() {
            let came = self.stop_flow(flow);
            self.store_arrived(at, request, came);
        }
        let host = &mut self.hosts[at as usize];
        let Some(flight) = host.flights.remove(&request) else {
            return;
        };
        let late = told..flight.start + flight.done;
        host.untold.push((request, flight.blob, late));
        let length = self.editions.blobs[flight.blob as usize].1;
        let held = self.hosts[at as usize].disk.ranges(flight.blob, length);
        let result = Err(FetchFailure::Cancelled);
        let input = Input::RangeFinished {
            request,
            result,
            held,
        };
        self.later_input(LOOK, at, input);
    }

    pub(super) fn removal(&mut self, at: HostIx, boot: u32, hash: &BlobHash) {
        if !self.is_there(at, boot) {
            return;
        }
        let leaving = self.hosts[at as usize].mesh.as_ref();
        let leaving = leaving.is_some_and(|mesh| mesh.is_leaving(hash));
        if let Some(ix) = self.editions.find(hash).filter(|_| leaving) {
            let length = self.editions.blobs[ix as usize].1;
            self.hosts[at as usize].disk.remove(ix, length);
        }
        self.input(at, Input::BlobRemoved { hash: *hash });
    }

    fn is_there(&self, at: HostIx, boot: u32) -> bool {
        let host = &self.hosts[at as usize];
        host.boot == boot && host.mesh.is_some()
    }
}

/// Bytes of an answer on the wire: compressed, against the version that the asker holds where there is one. Assumed from
/// the protocol's measurement of course files: an eighth without, a fortieth with.
fn wire_bytes(ask: &MetaAsk, answer: &MetaAnswer) -> u64 {
    let bytes = match answer {
        MetaAnswer::Bytes(bytes) => bytes.len() as u64,
        _ => 64,
    };
    match ask {
        MetaAsk::File {
            held_version: Some(_),
            ..
        } => bytes / 40 + 64,
        _ => bytes / 8 + 64,
    }
}

pub(super) fn bytes_of(files: &MetaFiles, name: &str) -> MetaAnswer {
    match files.get(name) {
        Some(bytes) => MetaAnswer::Bytes(bytes.to_vec()),
        None => MetaAnswer::Absent,
    }
}

/// Version of a timestamp file.
pub(super) fn version_of(bytes: &[u8]) -> Option<u64> {
    let json: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    json["signed"]["version"].as_u64()
}
