//! `/file/{blake3}/{name}`: bytes of lesson files, whole or in ranges, also while they arrive.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, TryStreamExt, future, stream};
use pishtar_catalog::BlobHash;
use pishtar_mesh::people::to_latin;
use tokio::sync::Semaphore;

use super::{
    backend::{Backend, FileReader},
    errors::Trouble,
    page::Page,
    range::{Wanted, wanted},
};

/// Media types that a browser may show inside our pages. Anything else, HTML and SVG above all, is
/// only ever downloaded: it could carry script that would run as ours.
const SHOWN: [&str; 4] = [
    "application/pdf",
    "text/vtt",
    "text/plain",
    "application/ogg",
];
const SHOWN_PICTURES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/avif",
];

/// How long a picture or captions may keep their request waiting for a first byte that is still on its
/// way. A browser has six connections to us, and a list of arriving lessons would take them all.
const PATIENCE: Duration = if cfg!(test) {
    Duration::from_millis(20)
} else {
    Duration::from_secs(4)
};

/// How long what was not there in time is still fetched for whoever asks again.
const STILL_COMING: Duration = Duration::from_secs(60);
/// Largest file that is.
const MAX_STILL_COMING_BYTES: u64 = 1024 * 1024;
/// Files that are at one time.
static COMING: Semaphore = Semaphore::const_new(32);

/// `GET` and `HEAD /file/{blake3}/{name}`; the name is only for people and their downloads.
pub(crate) async fn serve(
    State(backend): State<Arc<dyn Backend>>,
    Path((hash, _name)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    page: Page,
) -> Response {
    let file = parse_hash(&hash).and_then(|hash| backend.open_file(hash));
    let Some(file) = file else {
        return Trouble::Missing.answer(page);
    };
    let tag = format!("\"{hash}\"");
    if none_match(&headers, &tag) {
        return with_headers(StatusCode::NOT_MODIFIED.into_response(), &file, &tag);
    }
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let range = range.filter(|_| if_range_holds(&headers, &tag));
    let asked = wanted(range, file.length);
    let (status, bytes, content_range) = match asked {
        Wanted::Whole => (StatusCode::OK, 0..file.length, None),
        Wanted::Part(part) => {
            let value = format!("bytes {}-{}/{}", part.start, part.end - 1, file.length);
            (StatusCode::PARTIAL_CONTENT, part, Some(value))
        }
        Wanted::Unsatisfiable => {
            let value = format!("bytes */{}", file.length);
            (StatusCode::RANGE_NOT_SATISFIABLE, 0..0, Some(value))
        }
    };
    let mut response = with_headers(status.into_response(), &file, &tag);
    let answer = response.headers_mut();
    answer.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(bytes.end - bytes.start),
    );
    if let Some(value) = content_range {
        let value = HeaderValue::from_str(&value).expect("digits and ASCII words");
        answer.insert(header::CONTENT_RANGE, value);
    }
    if method == Method::HEAD || bytes.is_empty() {
        return response;
    }
    let patient = !file.media_type.starts_with("image/") && !file.media_type.starts_with("text/");
    let mut bytes = (file.stream)(bytes);
    if patient {
        *response.body_mut() = Body::from_stream(bytes);
        return response;
    }
    match tokio::time::timeout(PATIENCE, bytes.next()).await {
        Ok(first) => *response.body_mut() = Body::from_stream(stream::iter(first).chain(bytes)),
        Err(_) => {
            let small = file.length <= MAX_STILL_COMING_BYTES;
            return still_on_its_way(small.then(|| bytes.for_each(|_| future::ready(()))));
        }
    }
    response
}

/// Largest captions file that is transliterated; a school lesson's have a few kilobytes.
const MAX_CAPTIONS_BYTES: u64 = 1024 * 1024;

/// `GET /latin/{blake3}/{name}`: captions in Serbian Cyrillic, written in Latin script. Times and
/// settings of WebVTT are ASCII and stay as they are.
pub(crate) async fn latin_captions(
    State(backend): State<Arc<dyn Backend>>,
    Path((hash, _name)): Path<(String, String)>,
    page: Page,
) -> Response {
    let file = parse_hash(&hash).and_then(|hash| backend.open_file(hash));
    let captions = |file: &FileReader| {
        file.media_type.starts_with("text/vtt") && file.length <= MAX_CAPTIONS_BYTES
    };
    let Some(file) = file.filter(captions) else {
        return Trouble::Missing.answer(page);
    };
    let mut chunks = (file.stream)(0..file.length).map_ok(Vec::from).try_concat();
    let Ok(bytes) = tokio::time::timeout(PATIENCE, &mut chunks).await else {
        return still_on_its_way(Some(chunks));
    };
    let Ok(text) = bytes.map(|bytes: Vec<u8>| to_latin(&String::from_utf8_lossy(&bytes))) else {
        return Trouble::Failed.answer(page);
    };
    let headers = [
        (header::CONTENT_TYPE, "text/vtt; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    (headers, text).into_response()
}

/// 503 for a small file that is asked for again in a moment; until then `rest` of it goes on arriving, or a slow line
/// would begin anew each time.
fn still_on_its_way<T>(rest: Option<impl Future<Output = T> + Send + 'static>) -> Response {
    if let Some(rest) = rest
        && let Ok(place) = COMING.try_acquire()
    {
        tokio::spawn(async move {
            // Whether it came is seen by who asks again.
            let _ = tokio::time::timeout(STILL_COMING, rest).await;
            drop(place);
        });
    }
    let headers = [
        (header::RETRY_AFTER, "5"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers).into_response()
}

/// Exactly 64 hex digits in lower case: one file has one address.
fn parse_hash(text: &str) -> Option<BlobHash> {
    let canonical = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash)
        .ok()
        .filter(|()| canonical)?;
    Some(BlobHash(hash))
}

/// `If-None-Match` names this file (RFC 9110, 13.1.2; weak comparison).
fn none_match(headers: &HeaderMap, tag: &str) -> bool {
    let Some(value) = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok())
    else {
        return false;
    };
    value
        .split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// A range counts unless `If-Range` names other content; a date never matches, as we have none
/// (RFC 9110, 13.1.5; strong comparison).
fn if_range_holds(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get(header::IF_RANGE)
        .is_none_or(|value| value.as_bytes() == tag.as_bytes())
}

fn with_headers(mut response: Response, file: &FileReader, tag: &str) -> Response {
    let (content_type, shown) = content_type(&file.media_type);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(
        header::ETAG,
        HeaderValue::from_str(tag).expect("hex digits in quotes"),
    );
    // The content under a hash never changes.
    let caching = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, caching);
    if !shown {
        headers.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        );
    }
    response
}

/// The type to send, and whether a browser may show it.
fn content_type(media_type: &str) -> (HeaderValue, bool) {
    let essence = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let shown = SHOWN.contains(&&*essence)
        || SHOWN_PICTURES.contains(&&*essence)
        || essence.starts_with("video/")
        || essence.starts_with("audio/");
    let value = match &*essence {
        "text/vtt" | "text/plain" => format!("{essence}; charset=utf-8"),
        _ if shown => essence,
        _ => "application/octet-stream".to_owned(),
    };
    let fallback = HeaderValue::from_static("application/octet-stream");
    (HeaderValue::from_str(&value).unwrap_or(fallback), shown)
}
