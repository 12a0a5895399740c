//! Catalogue sync: per publisher one update at a time against one source.
//!
//! A hint or a claimed version is only ever a reason to ask. What a source gives goes through the
//! TUF client; what fails names the source in the ledger and lets it wait, and the next source is
//! asked. A verified catalogue is used only after the shell said that it is on disk.

mod checked;
mod claims;
mod listing;
mod newcomers;
mod publisher;
mod updating;

use std::{collections::BTreeMap, time::Duration};

use pishtar_catalog::MINISTRY;
use pishtar_signing::client::{Freshness, MetaFile, MetaRole, Outcome, TrustedSet, TrustedTime};

pub use self::checked::Checked;
pub(crate) use self::listing::Listed;
use self::{
    claims::{Claim, Claims},
    listing::Leaving,
    newcomers::Newcomer,
    publisher::{Job, Publisher},
};

use crate::{
    desk::{Cx, doubled},
    event::Event,
    ids::{FolderId, Mono, NodeId, Now, PublisherId, RequestId, Source, UnixSeconds},
    io::{Hint, MetaAnswer, MetaAsk, MetaFailure, Output},
    ledger::FaultKind,
};

/// Largest answer to the question about versions, in bytes.
const MAX_VERSIONS_BYTES: u64 = 256 * 1024;
/// Claims per publisher beyond which those of gone sources are forgotten.
const MAX_CLAIMS: usize = 256;
/// An install that the disk refused is tried again after this.
const INSTALL_RETRY: Duration = Duration::from_secs(30);

/// All trusted publishers and all sources.
///
/// Always true: an id stands in at most one of `publishers`, `newcomers`, `damaged` and `leaving`; `roots` has the hash of
/// the first root of those in `publishers` and `damaged`, except the ministry's.
#[derive(Debug, Default)]
pub(crate) struct CatalogSync {
    publishers: BTreeMap<PublisherId, Publisher>,
    newcomers: BTreeMap<PublisherId, Newcomer>,
    /// Publishers whose state on disk does not read back, and why: closed until it is seeded again.
    damaged: BTreeMap<PublisherId, String>,
    leaving: BTreeMap<PublisherId, Leaving>,
    roots: BTreeMap<PublisherId, [u8; 32]>,
    sources: BTreeMap<Source, Asking>,
}

/// The question about versions to one source.
#[derive(Debug, Default)]
struct Asking {
    open: Option<(RequestId, Mono)>,
    next_at: Option<Mono>,
    failures: u32,
}

/// A catalogue that is on disk now and comes into use.
pub(crate) struct Installed {
    pub(crate) publisher: PublisherId,
    pub(crate) version: u64,
    pub(crate) outcome: Box<Outcome>,
}

/// What people may want to know of a publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherView<'a> {
    /// The publisher.
    pub id: &'a str,
    /// Version of its trusted timestamp; 0 before the first.
    pub version: u64,
    /// When the first of its files expires: FRESH means that this lies ahead.
    pub expires: Option<UnixSeconds>,
    /// Whether it has not expired, by trusted time.
    pub freshness: Freshness,
    /// When a source last confirmed, or brought, the version that we hold, since the program started.
    pub checked: Option<Checked>,
}

impl CatalogSync {
    pub(crate) fn new(
        publishers: impl Iterator<Item = (PublisherId, TrustedSet)>,
        damaged: impl Iterator<Item = (PublisherId, String)>,
    ) -> Self {
        CatalogSync {
            publishers: publishers
                .map(|(id, set)| (id, Publisher::new(set, Claims::default())))
                .collect(),
            damaged: damaged.collect(),
            ..CatalogSync::default()
        }
    }

    /// The publishers that are trusted.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &PublisherId> {
        self.publishers.keys()
    }

    /// Is this publisher's metadata in use, so that it may be given to others?
    pub(crate) fn serves(&self, publisher: &str) -> bool {
        self.publishers.contains_key(publisher)
    }

    /// Publishers that are closed because their state is damaged.
    pub(crate) fn damaged(&self) -> impl Iterator<Item = &PublisherId> {
        self.damaged.keys()
    }

    /// Why a publisher's own state is not in use, if so.
    pub(crate) fn damage(&self, publisher: &str) -> Option<&str> {
        self.damaged.get(publisher).map(String::as_str)
    }

    /// The time before which it cannot be now. Only the ministry, which a person pinned, is asked: a publisher that
    /// it merely names must not move the date of all.
    pub(crate) fn time_floor(&self, built: UnixSeconds) -> UnixSeconds {
        let ministry = self.publishers.get(MINISTRY);
        ministry.map_or(built, |ministry| ministry.set.time_floor(built))
    }

    pub(crate) fn views(
        &self,
        now: Now,
        time: TrustedTime,
    ) -> impl Iterator<Item = PublisherView<'_>> {
        self.publishers
            .iter()
            .map(move |(id, publisher)| PublisherView {
                id,
                version: publisher.version(),
                expires: publisher.set.fresh_until(),
                freshness: time.freshness(publisher.set.fresh_until()),
                checked: publisher.checked.map(|then| Checked::new(then, now, &time)),
            })
    }

    /// Publishers with the timestamp versions that we can serve.
    pub(crate) fn versions(&self) -> Vec<(PublisherId, u64)> {
        let served = |(id, publisher): (&PublisherId, &Publisher)| {
            let version = publisher.version();
            (version > 0).then(|| (id.clone(), version))
        };
        self.publishers.iter().filter_map(served).collect()
    }

    /// May this file be given to others: does it belong to the trusted set in use?
    pub(crate) fn may_serve(&self, publisher: &str, file: &MetaFile) -> bool {
        let Some(publisher) = self.publishers.get(publisher) else {
            return false;
        };
        match file.role {
            MetaRole::Root => publisher.set.held().any(|held| held == *file),
            MetaRole::Timestamp => publisher.version() > 0,
            _ => file.version.is_some() && publisher.set.version(&file.role) == file.version,
        }
    }

    pub(crate) fn connected(&mut self, now: Mono, peer: NodeId) {
        self.ask_soon(Source::Peer(peer), now);
    }

    pub(crate) fn disconnected(&mut self, now: Mono, peer: NodeId) {
        let source = Source::Peer(peer);
        self.sources.remove(&source);
        for publisher in self.publishers.values_mut() {
            // Kept while it has to wait: a liar that reconnects is no new source.
            let full = publisher.claims.len() > MAX_CLAIMS;
            publisher
                .claims
                .retain(|of, claim| *of != source || (!full && claim.not_before > now));
            if publisher.job.source() == Some(source) && matches!(publisher.job, Job::Updating(_)) {
                publisher.job = Job::Idle;
            }
        }
        for newcomer in self.newcomers.values_mut() {
            newcomer.disconnected(now, source);
        }
    }

    pub(crate) fn folder_changed(&mut self, now: Mono, folder: FolderId) {
        self.ask_soon(Source::Folder(folder), now);
    }

    /// Somebody says that there is a newer timestamp: asks, and believes nothing.
    pub(crate) fn hint(&mut self, now: Mono, peer: NodeId, publisher: &str, version: u64) {
        let news = match self.publishers.get(publisher) {
            Some(known) => known.version() < version,
            None => self.newcomers.contains_key(publisher),
        };
        if !news {
            return;
        }
        let source = Source::Peer(peer);
        if self.sources.contains_key(&source) {
            self.claim(now, source, publisher, version);
        }
    }

    /// Answer to a question about versions or for a file.
    pub(crate) fn arrived(
        &mut self,
        cx: &mut Cx<'_>,
        request: RequestId,
        result: Result<MetaAnswer, MetaFailure>,
    ) {
        let asked = |asking: &Asking| asking.open.is_some_and(|(open, _)| open == request);
        if let Some(source) = self
            .sources
            .iter()
            .find(|(_, asking)| asked(asking))
            .map(|(source, _)| *source)
        {
            self.versions_arrived(cx, source, result);
            return;
        }
        let waits = |publisher: &Publisher| matches!(&publisher.job, Job::Updating(job) if job.waits_for(request));
        let Some((id, publisher)) = self
            .publishers
            .iter_mut()
            .find(|(_, publisher)| waits(publisher))
        else {
            self.root_arrived(cx, request, result);
            return;
        };
        publisher.file_arrived(cx, id, request, result);
    }

    /// The shell wrote a catalogue, or could not.
    pub(crate) fn installed(
        &mut self,
        cx: &mut Cx<'_>,
        id: PublisherId,
        result: Result<(), String>,
    ) -> Option<Installed> {
        if self.end_of_writing(cx, &id) {
            return None;
        }
        let Some(publisher) = self.publishers.get_mut(&id) else {
            self.root_installed(cx, id, result);
            return None;
        };
        let Job::Installing {
            outcome, source, ..
        } = std::mem::replace(&mut publisher.job, Job::Idle)
        else {
            return None;
        };
        if let Err(reason) = result {
            cx.tell(Event::InstallFailed {
                publisher: id,
                reason,
            });
            let retry_at = Some(cx.mono().plus(INSTALL_RETRY));
            publisher.job = Job::Installing {
                outcome,
                source,
                retry_at,
            };
            return None;
        }
        let before = publisher.version();
        publisher.set = outcome.set.clone();
        publisher.checked = Some(cx.now);
        let version = publisher.version();
        publisher.claims.retain(|_, claim| claim.version > version);
        if version > before {
            cx.desk.push(Output::PublishHint(Hint::Timestamp {
                publisher: id.clone(),
                version,
            }));
        }
        Some(Installed {
            publisher: id,
            version,
            outcome,
        })
    }

    /// Asks whom it is time to ask, ends what took too long, starts updates.
    pub(crate) fn pump(&mut self, cx: &mut Cx<'_>) {
        self.ask_versions(cx);
        let now = cx.mono();
        for (id, publisher) in &mut self.publishers {
            publisher.end_lost(cx);
            publisher.claims.retain(|source, claim| {
                self.sources.contains_key(source) || claim.not_before > now
            });
            publisher.start(cx, id);
        }
        for (id, newcomer) in &mut self.newcomers {
            newcomer.claims.retain(|source, claim| {
                self.sources.contains_key(source) || claim.not_before > now
            });
            newcomer.pump(cx, id);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Mono> {
        let of_source =
            |asking: &Asking| asking.open.map(|(_, lost_at)| lost_at).or(asking.next_at);
        let sources = self.sources.values().filter_map(of_source);
        let publishers = self
            .publishers
            .values()
            .filter_map(Publisher::next_deadline);
        let newcomers = self.newcomers.values().filter_map(Newcomer::next_deadline);
        sources.chain(publishers).chain(newcomers).min()
    }

    /// Sources that claim a newer catalogue and have to wait, with the reason for `why`.
    pub(crate) fn waiting(
        &self,
        peer: NodeId,
        now: Mono,
    ) -> impl Iterator<Item = (&str, Duration)> {
        let source = Source::Peer(peer);
        self.publishers.iter().filter_map(move |(id, publisher)| {
            let claim = publisher.claims.get(&source)?;
            let newer = claim.version > publisher.version();
            (newer && claim.not_before > now).then(|| (id.as_str(), claim.not_before.since(now)))
        })
    }

    fn root_arrived(
        &mut self,
        cx: &mut Cx<'_>,
        request: RequestId,
        result: Result<MetaAnswer, MetaFailure>,
    ) {
        let asked = |newcomer: &Newcomer| newcomer.waits_for(request);
        let found = self.newcomers.iter_mut().find(|(_, of)| asked(of));
        if let Some((id, newcomer)) = found {
            newcomer.arrived(cx, id, result);
        }
    }

    /// A newcomer's first root is on disk: its trust begins.
    fn root_installed(&mut self, cx: &mut Cx<'_>, id: PublisherId, result: Result<(), String>) {
        let Some(newcomer) = self.newcomers.get_mut(&id) else {
            return;
        };
        let Some(set) = newcomer.installed(cx, &id, result) else {
            return;
        };
        let (claims, root) = (std::mem::take(&mut newcomer.claims), newcomer.first_root);
        self.newcomers.remove(&id);
        self.roots.insert(id.clone(), root);
        self.publishers.insert(id, Publisher::new(set, claims));
    }

    fn ask_soon(&mut self, source: Source, now: Mono) {
        self.sources.entry(source).or_default().next_at = Some(now);
    }

    fn claim(&mut self, now: Mono, source: Source, publisher: &str, version: u64) {
        let claims = match self.publishers.get_mut(publisher) {
            Some(known) => {
                let held = known.version();
                let older = 0 < version && version < held;
                // A claim of another kind, or of another old version, has nothing to wait for.
                let stands = |claim: &Claim| match older {
                    true => claim.version == version,
                    false => claim.version > held && version > held,
                };
                if !known.claims.get(&source).is_some_and(stands) {
                    known.claims.remove(&source);
                }
                if version <= held && !older {
                    return;
                }
                &mut known.claims
            }
            None => match self.newcomers.get_mut(publisher) {
                Some(newcomer) if version > 0 => &mut newcomer.claims,
                _ => return,
            },
        };
        let fresh = Claim {
            version,
            failures: 0,
            not_before: now,
        };
        claims.entry(source).or_insert(fresh).version = version;
    }

    fn ask_versions(&mut self, cx: &mut Cx<'_>) {
        let now = cx.mono();
        for (&source, asking) in &mut self.sources {
            if asking.open.is_some_and(|(_, lost_at)| lost_at <= now) {
                asking.failed(cx);
            }
            if asking.open.is_some() || asking.next_at.is_none_or(|at| at > now) {
                continue;
            }
            let request = cx.desk.request();
            asking.open = Some((request, now.plus(cx.config.meta_timeout)));
            // A folder says itself when it changes.
            asking.next_at = match source {
                Source::Folder(_) => None,
                Source::Peer(_) => Some(now.plus(cx.desk.jitter(cx.config.versions_interval))),
            };
            let ask = MetaAsk::Versions;
            cx.desk.push(Output::RequestMeta {
                request,
                source,
                ask,
                max_bytes: MAX_VERSIONS_BYTES,
            });
        }
    }

    fn versions_arrived(
        &mut self,
        cx: &mut Cx<'_>,
        source: Source,
        result: Result<MetaAnswer, MetaFailure>,
    ) {
        let Some(asking) = self.sources.get_mut(&source) else {
            return;
        };
        let Ok(MetaAnswer::Versions(versions)) = result else {
            if let (Err(MetaFailure::Protocol(reason)), Source::Peer(peer)) = (result, source) {
                cx.ledger
                    .fault(cx.now, peer, FaultKind::Protocol { reason });
            }
            asking.failed(cx);
            return;
        };
        asking.open = None;
        asking.failures = 0;
        for (id, version) in versions.into_iter().take(crate::wire::MAX_VERSIONS) {
            if let Some(publisher) = self.publishers.get_mut(&id)
                && publisher.version() == version
            {
                publisher.checked = Some(cx.now);
            }
            self.claim(cx.now.mono, source, &id, version);
        }
    }
}

impl Asking {
    fn failed(&mut self, cx: &mut Cx<'_>) {
        self.open = None;
        self.failures = self.failures.saturating_add(1);
        let wait = doubled(
            Duration::from_secs(2),
            self.failures,
            cx.config.versions_interval,
        );
        self.next_at = Some(cx.mono().plus(wait));
    }
}
