//! What others and people may ask of the mesh. Nothing here changes it.

use pishtar_catalog::{BlobHash, Catalog, Lesson, LessonId};
use pishtar_signing::client::{MetaFile, TrustedTime};

use super::{Counts, LessonState, Mesh};
use crate::{
    catalog_sync::PublisherView,
    choices::Choices,
    event::Event,
    holdings,
    ids::{NodeId, Now, PublisherId, UnixSeconds},
    inventory::Holding,
    ledger::{Account, Fault},
    why::{self, Sentence},
    wire::{HoldingsAnswer, HoldingsQuery},
};

/// What others ask of this node. Pure.
impl Mesh {
    /// Publishers with the timestamp versions that this node can serve.
    pub fn answer_versions(&self) -> Vec<(PublisherId, u64)> {
        self.sync.versions()
    }

    /// Does this file belong to the trusted set in use, so that others may have it?
    pub fn may_serve_meta(&self, publisher: &str, file: &MetaFile) -> bool {
        self.sync.may_serve(publisher, file)
    }

    /// May ranges of this blob be served? Only what a trusted catalogue names and we hold some of.
    pub fn may_serve(&self, hash: &BlobHash) -> bool {
        let Some(ix) = self.fetch.inventory.find(hash) else {
            return false;
        };
        let file = self.fetch.inventory.file(ix);
        file.is_complete() || file.held_bytes() > 0
    }

    /// What this node holds, as asked.
    pub fn answer_holdings(&self, query: &HoldingsQuery) -> HoldingsAnswer {
        holdings::answer(&self.fetch.inventory, self.instance, query)
    }

    /// Should the answer wait for [`Output::HoldingsChanged`](crate::Output::HoldingsChanged), up to the query's `wait_ms`?
    pub fn holdings_must_wait(&self, query: &HoldingsQuery) -> bool {
        !holdings::has_news(&self.fetch.inventory, self.instance, query)
    }
}

/// Views for pages and commands.
impl Mesh {
    /// This node.
    pub fn me(&self) -> NodeId {
        self.config.me
    }

    /// All lessons of all trusted publishers.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The time, as far as the machine's clock and what the ministry signed can tell.
    pub fn time(&self, now: Now) -> TrustedTime {
        TrustedTime::new(self.sync.time_floor(self.config.built), now.wall)
    }

    /// Every pinned publisher.
    pub fn publishers(&self, now: Now) -> impl Iterator<Item = PublisherView<'_>> {
        self.sync.views(now, self.time(now))
    }

    /// What people chose to keep here.
    pub fn choices(&self) -> &Choices {
        &self.choices
    }

    /// Is this lesson to be kept here?
    pub fn follows(&self, lesson: &Lesson) -> bool {
        self.choices.follows(lesson)
    }

    /// Is this blob being removed from the disk?
    pub fn is_leaving(&self, hash: &BlobHash) -> bool {
        self.fetch.inventory.is_leaving(hash)
    }

    /// Does the disk lack room for what this node wants?
    pub fn disk_is_full(&self) -> bool {
        self.fetch.lacks_disk()
    }

    /// The quota for lesson bytes.
    pub fn quota(&self) -> Option<u64> {
        self.fetch.room.quota
    }

    /// Held bytes of one file.
    pub fn held_bytes(&self, hash: &BlobHash) -> u64 {
        let ix = self.fetch.inventory.find(hash);
        ix.map_or(0, |ix| self.fetch.inventory.file(ix).held_bytes())
    }

    /// How much of a lesson is here; `None` where no trusted catalogue has it.
    pub fn lesson_state(&self, id: &LessonId) -> Option<LessonState> {
        self.catalog.lesson(id).map(|lesson| self.state_of(lesson))
    }

    /// How much of this lesson is here.
    pub fn state_of(&self, lesson: &Lesson) -> LessonState {
        let held = lesson
            .files
            .iter()
            .map(|file| self.held_bytes(&file.blake3).min(file.length));
        let (held_bytes, total_bytes) = (held.sum(), lesson.total_bytes());
        LessonState {
            followed: self.follows(lesson),
            pinned: self.choices.pins(&lesson.id),
            complete: held_bytes == total_bytes,
            held_bytes,
            total_bytes,
        }
    }

    /// Numbers for the status page; looks at every lesson and file.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            quota_used: self.fetch.inventory.used(),
            ..Counts::default()
        };
        for lesson in self.catalog.lessons() {
            let state = self.state_of(lesson);
            counts.lessons_known += 1;
            counts.lessons_followed += u64::from(state.followed);
            counts.lessons_complete += u64::from(state.followed && state.complete);
        }
        for (_, file) in self.fetch.inventory.files() {
            let held = file.held_bytes();
            counts.held_bytes += held;
            counts.blobs_complete += u64::from(file.is_complete());
            counts.blobs_partial +=
                u64::from(held > 0 && matches!(file.holding, Holding::Partial(_)));
        }
        counts
    }

    /// Files that are to be kept here, and how many of them are held whole: cheap beside [`Mesh::counts`].
    pub fn followed_files(&self) -> (u64, u64) {
        let files = self.fetch.inventory.files().map(|(_, file)| file);
        let wanted = files.filter(|file| file.want.is_some());
        wanted.fold((0, 0), |(wanted, whole), file| {
            (wanted + 1, whole + u64::from(file.is_complete()))
        })
    }

    /// The ledger: every peer that is remembered.
    pub fn peers(&self) -> impl Iterator<Item = (&NodeId, &Account)> {
        self.ledger.iter()
    }

    /// One peer's account.
    pub fn peer(&self, peer: &NodeId) -> Option<&Account> {
        self.ledger.get(peer)
    }

    /// A peer's last faults, newest first.
    pub fn faults(&self, peer: NodeId) -> impl Iterator<Item = &Fault> {
        self.ledger
            .get(&peer)
            .into_iter()
            .flat_map(|account| account.faults.iter().rev())
    }

    /// The last events with their time, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &(UnixSeconds, Event)> {
        self.desk.events().iter()
    }

    /// Why a lesson is in the state it is in; `None` where no trusted catalogue has it.
    pub fn why_lesson(&self, now: Now, id: &LessonId) -> Option<Vec<Sentence>> {
        let lesson = self.catalog.lesson(id)?;
        Some(why::lesson(
            &self.fetch,
            &self.ledger,
            now,
            lesson,
            self.state_of(lesson),
        ))
    }

    /// What there is to say of a peer; `None` for one that was never connected.
    pub fn why_peer(&self, now: Now, peer: NodeId) -> Option<Vec<Sentence>> {
        let account = self.ledger.get(&peer)?;
        let mut sentences = why::peer(&self.fetch, &self.catalog, now, peer, account);
        if let Some(reason) = self.revocation(peer) {
            let reason = reason.to_owned();
            sentences.push(Sentence::Revoked { peer, reason });
        }
        let waiting = self.sync.waiting(peer, now.mono);
        sentences.extend(waiting.map(|(publisher, wait)| Sentence::CatalogWaits {
            peer,
            publisher: publisher.to_owned(),
            wait,
        }));
        Some(sentences)
    }
}
