//! What pages and commands may ask of a running node. They never touch the network part.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use pishtar_catalog::{BlobHash, Lesson, LessonId, Localized};
use pishtar_mesh::{DemandId, Input, Mesh, Now, learner::LearnerEvent};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    engine::{
        clock::Clock,
        disk,
        inspections::Inspections,
        people::is_revoked,
        scrub::{self, Scrub, ScrubStatus},
        settings::Settings,
    },
    net::{NetHandle, ids},
    people::{People, PeopleError, PeopleRequest, accounts::Accounts, add_sign_in},
    search::Search,
    store::{
        blobs::BlobStore,
        index::Index,
        meta_history::MetaHistory,
        records::{self, RecordStore},
        trust::TrustStore,
    },
    web::Tls,
};

mod choose;
mod event_log;
mod open_file;
mod publishers;
mod school;
pub mod status;

pub use choose::{Change, Choice, ChooseError, Chosen, Keeping, Sizes};
pub use event_log::EventLog;
pub use open_file::OpenFile;
pub(crate) use school::RulesTold;
use status::{
    BlobCounts, CatalogStatus, ClockStatus, EventRow, FileRow, FreshnessWord, LessonCounts,
    LessonRow, PeerStatus, Status, Why,
};

/// Faults shown for one neighbour; the mesh keeps no more than these either.
const MAX_FAULTS_SHOWN: usize = 16;
/// Hits of one search.
const MAX_HITS: usize = 200;

/// Everything that the parts of one running node share.
pub(crate) struct Shared {
    pub(crate) mesh: Mutex<Mesh>,
    pub(crate) clock: Clock,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    pub(crate) inspections: Inspections,
    pub(crate) net: NetHandle,
    pub(crate) blobs: BlobStore,
    pub(crate) records: RecordStore,
    pub(crate) people: People,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) search: Search,
    pub(crate) index: Index,
    pub(crate) trust: TrustStore,
    pub(crate) history: MetaHistory,
    pub(crate) events: EventLog,
    pub(crate) web: Option<SocketAddr>,
    pub(crate) sync_point: bool,
    pub(crate) next_demand: AtomicU64,
    pub(crate) settings: Mutex<Settings>,
    /// The data folder.
    pub(crate) data: PathBuf,
    /// Any browser may choose what is kept.
    pub(crate) choose_from_lan: bool,
    pub(crate) scrub: Scrub,
    /// Ends whatever runs beside the engine.
    pub(crate) stop: CancellationToken,
    /// Completion rules that were told lately.
    pub(crate) rules_told: Mutex<RulesTold>,
    /// What runs beside the engine and must have ended before the stores close.
    pub(crate) tasks: TaskTracker,
}

impl Shared {
    /// The mesh core. Held for one input or one look, never across an await.
    pub(crate) fn mesh(&self) -> MutexGuard<'_, Mesh> {
        self.mesh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running node, as pages and commands see it. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// One lesson with what is held of it.
#[derive(Debug, Clone)]
pub struct LessonView {
    /// The lesson as signed.
    pub lesson: Arc<Lesson>,
    /// Its publisher's name by language; `None` for the ministry's own lessons.
    pub publisher: Option<Localized>,
    /// Whether this node wants it.
    pub followed: bool,
    /// Whether it is never removed to make room.
    pub pinned: bool,
    /// Whether every file is held.
    pub complete: bool,
    /// Verified bytes held.
    pub held_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
}

/// A report that is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Sealed records that it became.
    pub records: usize,
}

/// Why a report was not saved. Nothing was acknowledged; the page keeps it and tries again.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// This device's own key is on the ministry's list of revoked keys.
    #[error(
        "this device was reported lost or stolen and revoked by the ministry: it plays public lessons and reports nothing"
    )]
    Revoked,
    /// The catalogue that names the ministry's collection key is not here yet.
    #[error(
        "no catalogue is here yet, so nobody's key to seal progress for; it is kept on the page until one arrives"
    )]
    NoCollectionKey,
    /// An event that fits no record, or a disk that refuses.
    #[error(transparent)]
    Records(#[from] records::SaveError),
}

/// Why there is no answer to "why".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyError {
    /// Neither a lesson nor a peer nor a publisher.
    #[error(
        "{0:?} is neither a lesson nor a neighbour nor a publisher that this node knows; `pishtar lessons`, \
         `pishtar peers` and `pishtar status` list them"
    )]
    Unknown(String),
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The people whom this node knows: a school's classes and learners, a family's cards.
    pub fn people(&self) -> &People {
        &self.shared.people
    }

    /// Answers a command about a school's people.
    ///
    /// # Errors
    /// Those of the call that the request becomes.
    pub async fn ask_people(
        &self,
        request: PeopleRequest,
    ) -> Result<serde_json::Value, PeopleError> {
        let now = self.shared.clock.now().wall;
        let exports = matches!(request, PeopleRequest::Export { .. });
        let mut answer = self.shared.people.answer(request, now).await?;
        if exports {
            add_sign_in(&mut answer, &self.shared.accounts);
        }
        Ok(answer)
    }

    /// Who may sign in on this node's pages.
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.shared.accounts
    }

    /// HTTPS for the pages, where it is on.
    pub fn tls(&self) -> Option<&Arc<Tls>> {
        self.shared.tls.as_ref()
    }

    /// What time it is: since the node's start, and what the machine believes.
    pub fn now(&self) -> Now {
        self.shared.clock.now()
    }

    /// The node in one page.
    pub fn status(&self) -> Status {
        let shared = &self.shared;
        let now = shared.clock.now();
        let (time, catalogs, lessons, blobs) = {
            let mesh = shared.mesh();
            let time = mesh.time(now);
            let catalogs = mesh.publishers(now).map(|publisher| {
                let noted = shared.index.checked_at(publisher.id);
                CatalogStatus {
                    name: publishers::name(&mesh, publisher.id),
                    faults: mesh.publisher_faults(publisher.id),
                    ..CatalogStatus::new(&publisher, noted, &time)
                }
            });
            let counts = mesh.counts();
            let lessons = LessonCounts {
                known: counts.lessons_known,
                followed: counts.lessons_followed,
                complete: counts.lessons_complete,
            };
            let blobs = BlobCounts {
                complete: counts.blobs_complete,
                partial: counts.blobs_partial,
                bytes: counts.held_bytes,
                quota: mesh.quota(),
                free: disk::left_for_lessons(&shared.data).ok(),
                disk_full: mesh.disk_is_full(),
            };
            let catalogs = catalogs.chain(publishers::damaged(&mesh)).collect();
            (time, catalogs, lessons, blobs)
        };
        let (revoked_publishers, revoked) = publishers::revoked(&shared.mesh());
        let peers = self.peers();
        let mut catalogs: Vec<CatalogStatus> = catalogs;
        let in_company = peers.iter().any(|peer| peer.connected);
        for row in &mut catalogs {
            row.no_fresh_source = in_company && row.freshness == FreshnessWord::Stale;
        }
        Status {
            revoked_publishers,
            revoked,
            peer_id: shared.net.local_id().to_string(),
            listen: shared
                .net
                .listen_addresses()
                .iter()
                .map(ToString::to_string)
                .collect(),
            web: shared.web.map(|address| format!("http://{address}")),
            sync_point: shared.sync_point,
            clock: ClockStatus::new(&time, now.wall),
            catalogs,
            lessons,
            blobs,
            peers,
            records: shared.records.counts(),
            uptime_s: now.mono.0.as_secs(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Every neighbour that is or was connected.
    pub fn peers(&self) -> Vec<PeerStatus> {
        let infos = self.shared.net.peers();
        let mesh = self.shared.mesh();
        let rows = infos.into_iter().map(|info| PeerStatus {
            peer_id: info.peer.to_string(),
            revoked: mesh.revocation(info.peer).map(str::to_owned),
            connected: info.connected,
            address: Some(info.address.to_string()),
            rx_bytes: info.rx_bytes,
            tx_bytes: info.tx_bytes,
            faults: mesh
                .faults(info.peer)
                .take(MAX_FAULTS_SHOWN)
                .map(|fault| fault.kind.to_string())
                .collect(),
        });
        rows.collect()
    }

    /// Followed lessons in id order; withdrawn ones are gone.
    pub fn lessons(&self) -> Vec<LessonView> {
        self.lessons_where(true)
    }

    /// Lessons of the catalogues that are followed, or those that are not, in id order.
    fn lessons_where(&self, followed: bool) -> Vec<LessonView> {
        let mesh = self.shared.mesh();
        let lessons = mesh.catalog().lessons();
        let wanted = lessons.filter(|lesson| mesh.follows(lesson) == followed);
        wanted.map(|lesson| view(&mesh, lesson)).collect()
    }

    /// One lesson, followed or not; `None` where no trusted catalogue has it.
    pub fn lesson(&self, id: &str) -> Option<LessonView> {
        let id = LessonId::new(id).ok()?;
        let mesh = self.shared.mesh();
        let lesson = mesh.catalog().lesson(&id)?;
        Some(view(&mesh, lesson))
    }

    /// Whether the lesson was withdrawn from a catalogue that this node held.
    pub fn was_withdrawn(&self, id: &str) -> bool {
        self.shared.index.was_withdrawn(id)
    }

    /// Followed lessons that match what a person typed, best first, in any language or script.
    pub fn search(&self, text: &str, limit: usize) -> Vec<LessonView> {
        self.search_where(text, limit, true)
    }

    /// The same among lessons that this device does not keep.
    pub fn search_elsewhere(&self, text: &str, limit: usize) -> Vec<LessonView> {
        self.search_where(text, limit, false)
    }

    fn search_where(&self, text: &str, limit: usize, followed: bool) -> Vec<LessonView> {
        let hits = self.shared.search.query(text, MAX_HITS);
        let mesh = self.shared.mesh();
        let lessons = hits.iter().filter_map(|id| mesh.catalog().lesson(id));
        let wanted = lessons.filter(|lesson| mesh.follows(lesson) == followed);
        let wanted = wanted.take(limit);
        wanted.map(|lesson| view(&mesh, lesson)).collect()
    }

    /// Reasons for the state of a lesson or a peer, or what happened lately.
    ///
    /// # Errors
    /// [`WhyError::Unknown`] where the subject is neither.
    pub fn why(&self, subject: Option<&str>) -> Result<Why, WhyError> {
        let sentences = match subject {
            None => self
                .events_since(0)
                .into_iter()
                .map(|event| event.text)
                .collect(),
            Some(text) => self
                .why_subject(text)
                .ok_or_else(|| WhyError::Unknown(text.to_owned()))?,
        };
        Ok(Why {
            subject: subject.map(str::to_owned),
            sentences,
        })
    }

    fn why_subject(&self, text: &str) -> Option<Vec<String>> {
        let now = self.shared.clock.now();
        let mesh = self.shared.mesh();
        let sentences = match ids::parse(text) {
            Some(peer) => mesh.why_peer(now, peer)?,
            None => match LessonId::new(text) {
                Ok(lesson) => mesh.why_lesson(now, &lesson)?,
                Err(_) => mesh.why_publisher(text)?,
            },
        };
        Some(sentences.iter().map(ToString::to_string).collect())
    }

    /// Opens a file of a lesson that a trusted catalogue names; `None` for any other hash.
    pub fn open_file(&self, hash: BlobHash) -> Option<OpenFile> {
        let (length, tail_bytes, media_type) = {
            let mesh = self.shared.mesh();
            let (_, file) = mesh.catalog().file(&hash)?;
            let media_type = Arc::from(file.media_type.as_str());
            (file.length, file.tail_bytes, media_type)
        };
        let demand = || DemandId(self.shared.next_demand.fetch_add(1, Ordering::Relaxed));
        Some(OpenFile {
            hash,
            length,
            media_type,
            blobs: self.shared.blobs.clone(),
            inputs: self.shared.inputs.clone(),
            tail: (tail_bytes, demand()),
            demand: demand(),
        })
    }

    /// Seals and writes what learners did; returns only when it is on disk.
    ///
    /// # Errors
    /// [`SaveError`]; then nothing counts as saved.
    pub async fn save_events(&self, events: Vec<LearnerEvent>) -> Result<Saved, SaveError> {
        if is_revoked(&self.shared) {
            return Err(SaveError::Revoked);
        }
        let records = self.shared.records.clone();
        let device_school = self.school();
        // Learners of one family may go to different schools: each one's work is sealed to their own.
        let mut by_school: BTreeMap<Option<String>, Vec<LearnerEvent>> = BTreeMap::new();
        for event in events {
            let school = self.shared.people.home_school(&event.learner);
            let school = school.or_else(|| device_school.clone());
            by_school.entry(school).or_default().push(event);
        }
        let mut count = 0;
        for (school, events) in by_school {
            let to = self.recipients_with(school)?;
            let events = self.with_rules(events);
            let now = self.shared.clock.now().wall;
            count += records.append(events, to, now).await?.records.len();
        }
        Ok(Saved { records: count })
    }

    /// Begins to verify every stored byte again, at most `bytes_per_second` of them, unless that is
    /// being done; says how far it is.
    pub fn scrub(&self, bytes_per_second: Option<u64>) -> ScrubStatus {
        scrub::start(&self.shared, bytes_per_second);
        self.scrub_status()
    }

    /// How far the last scrub is.
    pub fn scrub_status(&self) -> ScrubStatus {
        scrub::status(&self.shared)
    }

    /// Events numbered `since` and later, oldest first; only the newest are kept.
    pub fn events_since(&self, since: u64) -> Vec<EventRow> {
        self.shared.events.since(since)
    }

    /// Rows of followed lessons, and of all others after them when `all`; that match `text` if there is one.
    pub(crate) fn lesson_rows(&self, text: Option<&str>, all: bool) -> Vec<LessonRow> {
        let of = |followed| match text {
            Some(text) => self.search_where(text, MAX_HITS, followed),
            None => self.lessons_where(followed),
        };
        let mut rows: Vec<LessonRow> = of(true).iter().map(row).collect();
        if all {
            rows.extend(of(false).iter().map(row));
        }
        rows
    }
}

fn view(mesh: &Mesh, lesson: &Arc<Lesson>) -> LessonView {
    let total_bytes = lesson.total_bytes();
    let held_bytes = lesson
        .files
        .iter()
        .map(|file| mesh.held_bytes(&file.blake3).min(file.length))
        .sum();
    LessonView {
        lesson: lesson.clone(),
        publisher: publishers::localized(mesh, &lesson.publisher),
        followed: mesh.follows(lesson),
        pinned: mesh.choices().pins(&lesson.id),
        complete: held_bytes == total_bytes,
        held_bytes,
        total_bytes,
    }
}

fn row(view: &LessonView) -> LessonRow {
    let lesson = &view.lesson;
    let title: BTreeMap<String, String> = lesson
        .title
        .iter()
        .map(|(lang, text)| (lang.to_owned(), text.to_owned()))
        .collect();
    let files = lesson.files.iter().map(|file| FileRow {
        path: file.path.to_string(),
        part: file.part.as_str().to_owned(),
        blake3: file.blake3.to_string(),
        length: file.length,
        media_type: file.media_type.to_string(),
        url: file_url(&file.blake3, file.name()),
    });
    let name = view.publisher.iter().flat_map(Localized::iter);
    LessonRow {
        id: lesson.id.to_string(),
        publisher: lesson.publisher.to_string(),
        publisher_name: name
            .map(|(lang, text)| (lang.to_owned(), text.to_owned()))
            .collect(),
        title,
        grade: lesson.grade,
        subject: lesson.subject.to_string(),
        lang: lesson.language.to_string(),
        duration_s: lesson.duration_s,
        held_bytes: view.held_bytes,
        total_bytes: view.total_bytes,
        complete: view.complete,
        followed: view.followed,
        pinned: view.pinned,
        files: files.collect(),
    }
}

/// Path of a lesson file on the pages of any node.
pub fn file_url(hash: &BlobHash, name: &str) -> String {
    format!("/file/{hash}/{name}")
}
