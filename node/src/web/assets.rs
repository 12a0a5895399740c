//! Style, scripts and pictures, built into the binary and cached by their hash.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    body::Body,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// File name -> address with the content's hash in it, so that browsers may keep it for ever.
static ADDRESSES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    Files::iter()
        .filter_map(|name| {
            let hash = hex::encode(&Files::get(&name)?.metadata.sha256_hash()[..6]);
            Some((name.to_string(), format!("/assets/{hash}/{name}")))
        })
        .collect()
});

/// The address of an asset by file name. An unknown name gives an address that answers 404.
pub(crate) fn address(name: &str) -> &'static str {
    ADDRESSES
        .get(name)
        .map_or("/assets/missing", String::as_str)
}

/// `GET /assets/{hash}/{name}`
pub(crate) async fn serve(Path((hash, name)): Path<(String, String)>) -> Response {
    if address(&name) != format!("/assets/{hash}/{name}") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(file) = Files::get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, media_type(&name)),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, Body::from(file.data)).into_response()
}

/// `GET /favicon.ico`: browsers ask for it unbidden.
pub(crate) async fn favicon() -> Response {
    (
        StatusCode::PERMANENT_REDIRECT,
        [(header::LOCATION, address("icon.svg"))],
    )
        .into_response()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_scripts_stay_below_60_kb() {
        let total: usize = Files::iter()
            .map(|name| Files::get(&name).unwrap().data.len())
            .sum();
        assert!(total < 60_000, "assets have {total} bytes");
    }

    #[test]
    fn nothing_asks_another_server() {
        for name in Files::iter() {
            let text = String::from_utf8(Files::get(&name).unwrap().data.into_owned()).unwrap();
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("//www.") && !text.contains("http:"),
                "{name} names an address"
            );
            assert!(!text.contains("https:"), "{name} names an address");
        }
    }
}
