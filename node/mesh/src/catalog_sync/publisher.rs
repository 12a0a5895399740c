//! One publisher: what is trusted of it, who claims to have more, and the update that runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use pishtar_catalog::MINISTRY;
use pishtar_signing::client::{
    Fault as Blame, Fetched, MetaFile, MetaRole, Outcome, Policy, Step, TrustError, TrustedSet,
};

use super::claims::{Claims, mark_refused};
use super::updating::{Ahead, Asked, MAX_AHEAD, Updating};
use crate::{
    desk::Cx,
    event::Event,
    ids::{Mono, Now, PublisherId, RequestId, Source},
    io::{MetaAnswer, MetaAsk, MetaFailure, Output},
    ledger::FaultKind,
};

/// After so many attempts without the claimed version, a claim is dropped until it is repeated.
const MAX_FRUITLESS: u32 = 7;
/// A source with no newer catalogue is asked for a newer root first after this, then less and less often.
const ROOTS_AGAIN: Duration = Duration::from_secs(300);

/// One publisher.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) set: TrustedSet,
    pub(super) claims: Claims,
    pub(super) job: Job,
    pub(super) checked: Option<Now>,
    ahead: Ahead,
}

#[derive(Debug)]
pub(super) enum Job {
    Idle,
    Updating(Updating),
    Installing {
        outcome: Box<Outcome>,
        source: Source,
        retry_at: Option<Mono>,
    },
}

impl Job {
    pub(super) fn source(&self) -> Option<Source> {
        match self {
            Job::Idle => None,
            Job::Updating(job) => Some(job.source),
            Job::Installing { source, .. } => Some(*source),
        }
    }
}

impl Publisher {
    pub(super) fn new(set: TrustedSet, claims: Claims) -> Self {
        Publisher {
            set,
            claims,
            job: Job::Idle,
            checked: None,
            ahead: Ahead::default(),
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.set.version(&MetaRole::Timestamp).unwrap_or(0)
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        match &self.job {
            Job::Idle => self.claims.values().map(|claim| claim.not_before).min(),
            Job::Updating(job) => job.lost_at(),
            Job::Installing { retry_at, .. } => *retry_at,
        }
    }

    /// Is this source asked only for newer roots?
    fn has_at_most_roots(&self, source: &Source) -> bool {
        let claim = self.claims.get(source);
        claim.is_some_and(|claim| claim.version < self.version())
    }

    /// Starts an update against the most promising source whose time has come.
    pub(super) fn start(&mut self, cx: &mut Cx<'_>, id: &PublisherId) {
        let now = cx.mono();
        if let Job::Installing {
            outcome,
            retry_at: retry @ Some(_),
            ..
        } = &mut self.job
            && retry.is_some_and(|at| at <= now)
        {
            *retry = None;
            push_install(cx, id, &self.set, outcome);
        }
        if !matches!(self.job, Job::Idle) {
            return;
        }
        let due = self
            .claims
            .iter()
            .filter(|(_, claim)| claim.not_before <= now);
        let best = due.min_by_key(|(_, claim)| (claim.failures, std::cmp::Reverse(claim.version)));
        let Some(source) = best.map(|(source, _)| *source) else {
            return;
        };
        let update = Box::new(self.set.begin_update(cx.now.wall, Policy::Offline));
        let job = Updating {
            source,
            update,
            roots_only: self.has_at_most_roots(&source),
            asked: BTreeMap::new(),
            early: BTreeMap::new(),
            taken: 0,
        };
        self.step(cx, id, job);
    }

    /// Gives the update what came early, asks for its next files, or takes its outcome.
    fn step(&mut self, cx: &mut Cx<'_>, id: &PublisherId, mut job: Updating) {
        let source = job.source;
        loop {
            match job.update.next() {
                Step::Fetch { file, .. } if job.ends_before(&file) => {
                    self.end_of_roots(cx, id, job, &file);
                    return;
                }
                Step::Fetch { file, max_bytes } => {
                    let Some(answer) = job.early.remove(&file) else {
                        if !job.is_asked(&file) {
                            self.ask(cx, id, &mut job, file, max_bytes);
                        }
                        self.ask_ahead(cx, id, &mut job);
                        self.job = Job::Updating(job);
                        return;
                    };
                    if let Fetched::Bytes(bytes) = &answer {
                        job.taken += bytes.len() as u64;
                    }
                    if id != MINISTRY && job.taken > cx.config.max_publisher_bytes {
                        self.too_large(cx, id, source);
                        return;
                    }
                    if let Err(error) = job.update.provide(&file, answer) {
                        self.refused(cx, id, source, &error);
                        if let Some(roots) = job.update.salvage() {
                            self.install(cx, id, source, roots);
                        }
                        return;
                    }
                }
                Step::Done(outcome) if outcome.changed => {
                    self.install(cx, id, source, outcome);
                    return;
                }
                Step::Done(_) | Step::Over => {
                    self.checked = Some(cx.now);
                    self.fruitless(cx, source, Duration::from_millis(500));
                    return;
                }
            }
        }
    }

    /// No key was taken away: the rest of an older catalogue is not wanted.
    fn end_of_roots(
        &mut self,
        cx: &mut Cx<'_>,
        id: &PublisherId,
        mut job: Updating,
        file: &MetaFile,
    ) {
        let over = job.update.provide(file, Fetched::Absent);
        debug_assert!(over.is_err(), "a timestamp is needed");
        self.claims.back_off(cx, job.source, ROOTS_AGAIN);
        if let Some(roots) = job.update.salvage() {
            self.install(cx, id, job.source, roots);
        }
    }

    /// Asks for files that the update will want, so that a far source costs few round trips.
    fn ask_ahead(&self, cx: &mut Cx<'_>, id: &PublisherId, job: &mut Updating) {
        for (file, max_bytes) in job.update.upcoming(MAX_AHEAD) {
            if job.is_asked(&file) || job.early.contains_key(&file) {
                continue;
            }
            if !job.has_room(self.ahead, max_bytes) {
                return;
            }
            self.ask(cx, id, job, file, max_bytes);
        }
    }

    fn ask(
        &self,
        cx: &mut Cx<'_>,
        id: &PublisherId,
        job: &mut Updating,
        file: MetaFile,
        max_bytes: u64,
    ) {
        let request = cx.desk.request();
        let ask = MetaAsk::File {
            publisher: id.clone(),
            file: file.clone(),
            held_version: self.set.version(&file.role),
        };
        cx.desk.push(Output::RequestMeta {
            request,
            source: job.source,
            ask,
            max_bytes,
        });
        let asked = Asked {
            file,
            max_bytes,
            at: cx.mono(),
            lost_at: cx.mono().plus(cx.config.meta_timeout),
        };
        job.asked.insert(request, asked);
    }

    fn install(
        &mut self,
        cx: &mut Cx<'_>,
        id: &PublisherId,
        source: Source,
        outcome: Box<Outcome>,
    ) {
        if id != MINISTRY && metadata_bytes(&outcome.set) > cx.config.max_publisher_bytes {
            self.too_large(cx, id, source);
            return;
        }
        let version = outcome.set.version(&MetaRole::Timestamp).unwrap_or(0);
        let files = outcome.new_files.len() as u64;
        let bytes = outcome
            .new_files
            .iter()
            .map(|(_, bytes)| bytes.len() as u64)
            .sum();
        cx.tell(Event::CatalogVerified {
            publisher: id.clone(),
            source,
            version,
            files,
            bytes,
        });
        push_install(cx, id, &self.set, &outcome);
        self.job = Job::Installing {
            outcome,
            source,
            retry_at: None,
        };
    }

    pub(super) fn file_arrived(
        &mut self,
        cx: &mut Cx<'_>,
        id: &PublisherId,
        request: RequestId,
        result: Result<MetaAnswer, MetaFailure>,
    ) {
        let Job::Updating(mut job) = std::mem::replace(&mut self.job, Job::Idle) else {
            return;
        };
        let source = job.source;
        let answer = match result {
            Ok(MetaAnswer::Bytes(bytes)) => Fetched::Bytes(bytes),
            Ok(MetaAnswer::Absent) => Fetched::Absent,
            Ok(MetaAnswer::Versions(_)) => {
                let reason = "versions where a file was asked for".to_owned();
                self.source_failed(cx, source, MetaFailure::Protocol(reason));
                return;
            }
            Err(failure) => {
                self.source_failed(cx, source, failure);
                return;
            }
        };
        if let Some(asked) = job.asked.remove(&request) {
            self.ahead.answered(cx.mono().since(asked.at));
            job.early.insert(asked.file, answer);
        }
        self.step(cx, id, job);
    }

    /// The publisher's doing, whoever passed it on.
    fn too_large(&mut self, cx: &mut Cx<'_>, id: &PublisherId, source: Source) {
        let allowed = cx.config.max_publisher_bytes;
        cx.tell(Event::CatalogRefused {
            publisher: id.clone(),
            source,
            reason: format!(
                "its metadata is larger than the {allowed} bytes that a publisher beside the ministry may have"
            ),
        });
        self.claims.back_off(cx, source, Duration::from_secs(600));
    }

    /// A source's bytes did not verify, or it is behind what it claimed.
    fn refused(&mut self, cx: &mut Cx<'_>, id: &PublisherId, source: Source, error: &TrustError) {
        if let (TrustError::Rollback { .. }, Source::Peer(peer)) = (error, source) {
            // It claimed something newer: worth a mark, not an alarm, since nothing of it was believed.
            let kind = FaultKind::Replay {
                publisher: id.clone(),
                reason: error.to_string(),
            };
            cx.ledger.fault(cx.now, peer, kind);
        }
        if error.fault() == Blame::Behind {
            self.fruitless(cx, source, Duration::from_millis(500));
            return;
        }
        mark_refused(cx, id, source, error.to_string());
        let first = match source {
            // A folder is read while somebody copies into it; a peer that lies waits longer.
            Source::Folder(_) => Duration::from_secs(2),
            Source::Peer(_) => Duration::from_secs(60),
        };
        self.claims.back_off(cx, source, first);
    }

    fn source_failed(&mut self, cx: &mut Cx<'_>, source: Source, failure: MetaFailure) {
        if let (MetaFailure::Protocol(reason), Source::Peer(peer)) = (&failure, source) {
            cx.ledger.fault(
                cx.now,
                peer,
                FaultKind::Protocol {
                    reason: reason.clone(),
                },
            );
        }
        self.claims.back_off(cx, source, Duration::from_secs(1));
    }

    /// The source did not have what it claimed; after a few times the claim is forgotten.
    fn fruitless(&mut self, cx: &mut Cx<'_>, source: Source, first: Duration) {
        let tries = self
            .claims
            .get(&source)
            .map_or(0, |claim| claim.failures + 1);
        if tries >= MAX_FRUITLESS {
            self.claims.remove(&source);
        } else {
            self.claims.back_off(cx, source, first);
        }
    }

    pub(super) fn end_lost(&mut self, cx: &mut Cx<'_>) {
        let Job::Updating(job) = &self.job else {
            return;
        };
        if job.lost_at().is_some_and(|lost_at| lost_at <= cx.mono()) {
            let source = job.source;
            self.job = Job::Idle;
            self.ahead.lost();
            self.source_failed(cx, source, MetaFailure::Stalled);
        }
    }
}

/// Bytes of everything that a set rests on, the chain of roots aside.
fn metadata_bytes(set: &TrustedSet) -> u64 {
    let files = set.held().filter(|file| file.role != MetaRole::Root);
    let files = files.filter_map(|file| set.digest(&file.role));
    files.map(|(length, _)| length).sum()
}

fn push_install(cx: &mut Cx<'_>, id: &PublisherId, held: &TrustedSet, outcome: &Outcome) {
    let kept: BTreeSet<MetaFile> = outcome.set.held().collect();
    let removed = held.held().filter(|file| !kept.contains(file)).collect();
    cx.desk.push(Output::InstallCatalog {
        publisher: id.clone(),
        files: outcome.new_files.clone(),
        removed,
    });
}
