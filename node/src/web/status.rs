//! `/status`: the node's figures for whoever runs it.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use fluent_bundle::FluentValue;
use pishtar_catalog::{Localized, MINISTRY};

use super::{backend::Backend, cards::best_text, locale::Texts, page::Page, words};
use crate::handle::status::{
    BlobCounts, CatalogStatus, ClockWord, FreshnessWord, LessonCounts, PeerStatus, RecordCounts,
};

/// Most revoked publishers that the page names; `pishtar status` names all.
const MAX_REVOKED_SHOWN: usize = 16;

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    t: &'static Texts,
    page: &'a Page,
    catalogs: Vec<CatalogRow>,
    /// Names of publishers that the ministry revoked.
    revoked_publishers: Vec<String>,
    device_revoked: bool,
    /// What the clock says, where it is not believed.
    wrong_clock: Option<String>,
    lessons: Lessons,
    storage: Storage,
    records: Records,
    peers: Vec<PeerRow>,
    addresses: Vec<String>,
    /// The pages answer on this device alone.
    local_only: bool,
    peer_id: &'a str,
}

struct CatalogRow {
    publisher: String,
    version: String,
    age: String,
    freshness: FreshnessWord,
    no_fresh_source: bool,
    faults: Vec<String>,
}

struct Lessons {
    here: u64,
    followed: u64,
    known: u64,
    sentence: String,
}

struct Storage {
    used: String,
    percent: Option<u64>,
    sentence: String,
    files: String,
    full: bool,
}

struct Records {
    waiting: u64,
    carried: u64,
    acked: u64,
}

struct PeerRow {
    id: String,
    short: String,
    address: String,
    connected: bool,
    received: String,
    sent: String,
    faults: Vec<String>,
    revoked: bool,
}

/// `GET /status`
pub(crate) async fn show(State(backend): State<Arc<dyn Backend>>, page: Page) -> Response {
    let texts = page.texts();
    let status = backend.status();
    let addresses = status.page_addresses();
    let template = StatusPage {
        t: texts,
        page: &page,
        catalogs: status
            .catalogs
            .iter()
            .map(|row| catalog(texts, row))
            .collect(),
        revoked_publishers: status
            .revoked_publishers
            .iter()
            .take(MAX_REVOKED_SHOWN)
            .map(|row| publisher_name(texts, &row.publisher, &row.name))
            .collect(),
        device_revoked: status.revoked.is_some(),
        wrong_clock: (status.clock.verdict != ClockWord::Sane)
            .then(|| words::date(texts, status.clock.says)),
        lessons: lessons(texts, status.lessons),
        storage: storage(texts, status.blobs),
        records: records(status.records),
        peers: peers(texts, &status.peers),
        local_only: addresses.iter().all(|address| address.contains("//127.")),
        addresses,
        peer_id: &status.peer_id,
    };
    page.answer(StatusCode::OK, &template)
}

fn catalog(texts: &Texts, row: &CatalogStatus) -> CatalogRow {
    CatalogRow {
        publisher: publisher_name(texts, &row.publisher, &row.name),
        version: row.version.to_string(),
        age: words::checked(texts, row.age()).into(),
        freshness: row.freshness,
        no_fresh_source: row.no_fresh_source,
        faults: row.faults.clone(),
    }
}

/// A publisher's name as the reader reads it, its id where nobody named it.
fn publisher_name(texts: &Texts, id: &str, names: &BTreeMap<String, String>) -> String {
    if id == MINISTRY {
        return texts.get("publisher-ministry").into();
    }
    let names = Localized::from_pairs(names.iter().map(|(tag, text)| (&**tag, &**text)));
    best_text(&names, &[], texts.lang).map_or_else(|| id.to_owned(), |name| name.text)
}

fn lessons(texts: &Texts, counts: LessonCounts) -> Lessons {
    let values = [
        ("here", FluentValue::from(counts.complete as f64)),
        ("all", FluentValue::from(counts.followed as f64)),
    ];
    Lessons {
        here: counts.complete,
        followed: counts.followed,
        known: counts.known,
        sentence: texts.with("status-lessons-here", &values).into(),
    }
}

fn storage(texts: &Texts, counts: BlobCounts) -> Storage {
    let used = words::size(texts, counts.bytes);
    let sentence = match counts.quota {
        Some(quota) => {
            let quota = FluentValue::from(words::size(texts, quota));
            let values = [("used", FluentValue::from(used.clone())), ("quota", quota)];
            texts.with("status-storage-quota", &values)
        }
        None => texts.text("status-storage-used", "used", &used),
    };
    let files = [
        ("complete", FluentValue::from(counts.complete as f64)),
        ("partial", FluentValue::from(counts.partial as f64)),
    ];
    Storage {
        percent: counts
            .quota
            .and_then(|quota| (counts.bytes.saturating_mul(100)).checked_div(quota)),
        sentence: sentence.into(),
        files: texts.with("status-storage-files", &files).into(),
        full: counts.disk_full,
        used,
    }
}

fn records(counts: RecordCounts) -> Records {
    Records {
        waiting: counts.own_unacked,
        carried: counts.carried,
        acked: counts.acked,
    }
}

/// Connected neighbours first.
fn peers(texts: &Texts, peers: &[PeerStatus]) -> Vec<PeerRow> {
    let mut sorted: Vec<&PeerStatus> = peers.iter().collect();
    sorted.sort_by_key(|peer| !peer.connected);
    let row = |peer: &PeerStatus| PeerRow {
        id: peer.peer_id.clone(),
        short: short_id(&peer.peer_id),
        address: peer.address.clone().unwrap_or_default(),
        connected: peer.connected,
        received: words::size(texts, peer.rx_bytes),
        sent: words::size(texts, peer.tx_bytes),
        faults: peer.faults.clone(),
        revoked: peer.revoked.is_some(),
    };
    sorted.into_iter().map(row).collect()
}

/// The last eight characters: the first ones are the same for every node.
fn short_id(id: &str) -> String {
    let skip = id.chars().count().saturating_sub(8);
    format!("…{}", id.chars().skip(skip).collect::<String>())
}
