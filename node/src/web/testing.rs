//! A small world for the pages' tests: a node made of a list of lessons and bytes in memory.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Request, StatusCode},
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use pishtar_catalog::{
    BlobHash, Completion, Lesson, LessonFile, LessonId, Localized, Part, Selection,
};
use pishtar_mesh::{Mono, Now, learner::LearnerEvent};
use tower_service::Service;

use super::{Backend, FileReader, Tls, router};
use crate::{
    handle::{Choice, ChooseError, Keeping, LessonView, SaveError, Saved, Sizes, status::*},
    people::{People, accounts::Accounts},
};

/// A lesson with a video of eleven bytes, captions in two languages and a worksheet.
pub(crate) fn lesson(id: &str) -> Arc<Lesson> {
    let id = LessonId::new(id).unwrap();
    let file = |name: &str, part, lang: Option<&str>, media_type: &str| LessonFile {
        path: format!("{id}/{name}").into(),
        part,
        lang: lang.map(Into::into),
        media_type: media_type.into(),
        length: 11,
        sha256: [1; 32],
        blake3: BlobHash::of(format!("{id}/{name}").as_bytes()),
        head_bytes: 4,
        tail_bytes: 0,
    };
    Arc::new(Lesson {
        publisher: id.publisher().into(),
        course: id.course().into(),
        version: 1,
        title: Localized::from_pairs([("sq", "Thyesat & pjesët"), ("sr-Cyrl", "Разломци")]),
        description: Localized::from_pairs([("sq", "Një pite, <katër> pjesë.")]),
        grade: 6,
        subject: "math".into(),
        language: "sq".into(),
        duration_s: 245,
        licence: "CC0-1.0".into(),
        author: "Pishtar".into(),
        curriculum_code: "".into(),
        prerequisites: Box::default(),
        keywords: Box::default(),
        completion: Completion::WatchedPercent(90),
        files: [
            file("video.mp4", Part::Main, None, "video/mp4"),
            file("captions.sq.vtt", Part::Captions, Some("sq"), "text/vtt"),
            file(
                "captions.sr.vtt",
                Part::Captions,
                Some("sr-Cyrl"),
                "text/vtt",
            ),
            file("page.html", Part::Other, None, "text/html"),
            file("worksheet.pdf", Part::Worksheet, None, "application/pdf"),
        ]
        .into(),
        id,
    })
}

/// The bytes of every file in this world.
pub(crate) const BYTES: &[u8; 11] = b"0123456789a";

/// What every captions file says.
pub(crate) const CAPTIONS: &str = "WEBVTT\n\n00:01.000 --> 00:02.000 align:start\nЊегош и Љубав\n";

/// When the catalogue of [`World`] was checked.
const CHECKED_AT: i64 = 1_795_464_000;

/// A node in memory. Fields say what it answers.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) lessons: Vec<LessonView>,
    pub(crate) withdrawn: Vec<&'static str>,
    pub(crate) known: u64,
    pub(crate) checked_age_s: Option<u64>,
    /// What is wrong with its catalogue; then a publisher is revoked, too.
    pub(crate) catalog_faults: Vec<String>,
    /// Its clock says 1970.
    pub(crate) dead_clock: bool,
    pub(crate) no_key: bool,
    /// No byte of any file ever arrives.
    pub(crate) stalled: bool,
    /// A further holder for each file that is waited for.
    pub(crate) waiting: Arc<()>,
    /// There is no space on the disk.
    pub(crate) disk_full: bool,
    pub(crate) saved: Arc<Mutex<Vec<LearnerEvent>>>,
    pub(crate) rules: Vec<Selection>,
    pub(crate) choices: Arc<Mutex<Vec<Choice>>>,
    /// Where the browser is; nowhere in particular when absent.
    pub(crate) from: Option<SocketAddr>,
    /// Who may sign in, and the school's book.
    pub(crate) school: Option<(Arc<Accounts>, People)>,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Seconds since this world began.
    pub(crate) passed: Arc<AtomicU64>,
}

impl World {
    /// One whole lesson, one that is arriving and one of which nothing is here.
    pub(crate) fn new() -> World {
        let view = |slug: &str, held_bytes| LessonView {
            lesson: lesson(&format!("ministry/math-6-sq/{slug}")),
            publisher: None,
            followed: true,
            pinned: false,
            complete: held_bytes == 1000,
            held_bytes,
            total_bytes: 1000,
        };
        World {
            lessons: vec![
                view("fractions", 1000),
                view("angles", 430),
                view("circles", 0),
            ],
            withdrawn: vec!["ministry/math-6-sq/old"],
            known: 12,
            ..World::default()
        }
    }

    /// Asks as a browser on this device would, in English.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(
            Request::get(path).header("accept-language", "en"),
            Body::empty(),
        )
        .await
    }

    /// Sends any request; `Host` is filled in when it is missing.
    pub(crate) async fn ask(&self, request: axum::http::request::Builder, body: Body) -> Answer {
        let mut request = request.body(body).unwrap();
        let host = "127.0.0.1:8080".parse().unwrap();
        request.headers_mut().entry("host").or_insert(host);
        if let Some(from) = self.from {
            request.extensions_mut().insert(ConnectInfo(from));
        }
        let answer = router(self.clone()).call(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, 10_000_000).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: bytes,
        }
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Backend for World {
    fn status(&self) -> Status {
        let complete = self.lessons.iter().filter(|lesson| lesson.complete).count() as u64;
        let counts = LessonCounts {
            known: self.known,
            followed: self.lessons.len() as u64,
            complete,
        };
        let catalog = CatalogStatus {
            no_fresh_source: !self.dead_clock,
            publisher: "ministry".to_owned(),
            version: 7,
            checked_at: (self.dead_clock || self.checked_age_s.is_some()).then_some(CHECKED_AT),
            checked_age_s: self.checked_age_s,
            fresh: false,
            freshness: match self.dead_clock {
                true => FreshnessWord::Unknown,
                false => FreshnessWord::Stale,
            },
            name: BTreeMap::new(),
            faults: self.catalog_faults.clone(),
        };
        let thief = RevokedPublisher {
            publisher: "thief".to_owned(),
            name: [("sq".to_owned(), "Shkolla & tjetër".to_owned())].into(),
            reason: "its keys were stolen".to_owned(),
        };
        Status {
            revoked_publishers: if self.catalog_faults.is_empty() {
                Vec::new()
            } else {
                vec![thief]
            },
            revoked: None,
            peer_id: "12D3KooWExample".to_owned(),
            listen: vec![
                "/ip4/192.168.1.20/tcp/4001".into(),
                "/ip4/127.0.0.1/tcp/4001".into(),
            ],
            web: Some("http://0.0.0.0:8080".to_owned()),
            sync_point: false,
            clock: ClockStatus {
                verdict: match self.dead_clock {
                    true => ClockWord::Behind,
                    false => ClockWord::Sane,
                },
                says: if self.dead_clock { 0 } else { CHECKED_AT },
                at_least: CHECKED_AT,
            },
            catalogs: if self.known > 0 {
                vec![catalog]
            } else {
                Vec::new()
            },
            lessons: counts,
            blobs: BlobCounts {
                complete: 5,
                partial: 1,
                bytes: 1_400_000_000,
                quota: None,
                free: Some(12_000_000_000),
                disk_full: self.disk_full,
            },
            peers: vec![PeerStatus {
                peer_id: "12D3KooWNeighbour".to_owned(),
                connected: true,
                address: Some("/ip4/192.168.1.21/tcp/4001".to_owned()),
                rx_bytes: 2_500_000,
                tx_bytes: 0,
                faults: vec!["sent bytes that fail verification".to_owned()],
                revoked: None,
            }],
            records: RecordCounts {
                own_unacked: 3,
                carried: 14,
                acked: 9,
            },
            uptime_s: 5,
            version: "0".to_owned(),
        }
    }

    fn lessons(&self) -> Vec<LessonView> {
        self.lessons.clone()
    }

    fn lesson(&self, id: &str) -> Option<LessonView> {
        self.lessons
            .iter()
            .find(|view| view.lesson.id.to_string() == id)
            .cloned()
    }

    fn was_withdrawn(&self, id: &str) -> bool {
        self.withdrawn.contains(&id)
    }

    fn search(&self, text: &str, limit: usize) -> Vec<LessonView> {
        let hit = |view: &&LessonView| view.lesson.id.to_string().contains(text);
        self.lessons
            .iter()
            .filter(hit)
            .take(limit)
            .cloned()
            .collect()
    }

    fn search_elsewhere(&self, text: &str, limit: usize) -> Vec<LessonView> {
        let mut found = self.search(text, limit);
        found.retain(|view| !view.followed);
        found
    }

    fn open_file(&self, hash: BlobHash) -> Option<FileReader> {
        let files = self
            .lessons
            .iter()
            .flat_map(|view| view.lesson.files.iter());
        let by_hash: BTreeMap<BlobHash, &LessonFile> =
            files.map(|file| (file.blake3, file)).collect();
        let file = by_hash.get(&hash)?;
        let stalled = self.stalled;
        let waiting = self.waiting.clone();
        let captions = &*file.media_type == "text/vtt" && !stalled;
        Some(FileReader {
            length: file.length,
            media_type: file.media_type.to_string(),
            stream: Box::new(move |range| {
                if captions {
                    return stream::iter([Ok(Bytes::from_static(CAPTIONS.as_bytes()))]).boxed();
                }
                if stalled {
                    let never = stream::pending();
                    return never.inspect(move |_| drop(waiting.clone())).boxed();
                }
                // One byte at a time, as a slow neighbour might send them.
                stream::iter(range)
                    .map(|at| Ok(Bytes::copy_from_slice(&BYTES[at as usize..][..1])))
                    .boxed()
            }),
        })
    }

    fn keeping(&self, rules: Option<&[Selection]>) -> Keeping {
        let rule = rules.map_or_else(|| self.rules.clone(), <[Selection]>::to_vec);
        let mut keeping = Keeping {
            rules: self.rules.clone(),
            pinned: 1,
            used: 1_400_000_000,
            quota: Some(2_000_000_000),
            free: Some(12_000_000_000),
            ..Keeping::default()
        };
        for view in &self.lessons {
            let lesson = &view.lesson;
            let key = (
                lesson.grade,
                lesson.subject.to_string(),
                lesson.language.to_string(),
            );
            let size = Sizes {
                lessons: 1,
                bytes: 1_000_000_000,
                held_bytes: 100,
            };
            let chosen = rule.iter().any(|rule| rule.matches(lesson));
            let sums = [
                Some(keeping.groups.entry(key).or_default()),
                chosen.then_some(&mut keeping.chosen),
            ];
            for sum in sums.into_iter().flatten() {
                sum.lessons += size.lessons;
                sum.bytes += size.bytes;
                sum.held_bytes += size.held_bytes;
            }
        }
        keeping
    }

    fn may_choose(&self, from: Option<IpAddr>) -> bool {
        from.is_some_and(|from| from.is_loopback())
    }

    fn choose(&self, choice: Choice) -> BoxFuture<'_, Result<(), ChooseError>> {
        self.choices.lock().unwrap().push(choice);
        async { Ok(()) }.boxed()
    }

    fn now(&self) -> Now {
        let passed = self.passed.load(Ordering::Relaxed);
        Now {
            mono: Mono(Duration::from_secs(passed)),
            wall: CHECKED_AT + passed as i64,
        }
    }

    fn accounts(&self) -> Option<Arc<Accounts>> {
        self.school.as_ref().map(|(accounts, _)| accounts.clone())
    }

    fn people(&self) -> Option<People> {
        self.school.as_ref().map(|(_, people)| people.clone())
    }

    fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    fn save_events(&self, events: Vec<LearnerEvent>) -> BoxFuture<'_, Result<Saved, SaveError>> {
        async move {
            if self.no_key {
                return Err(SaveError::NoCollectionKey);
            }
            let records = events.len();
            self.saved.lock().unwrap().extend(events);
            Ok(Saved { records })
        }
        .boxed()
    }
}
