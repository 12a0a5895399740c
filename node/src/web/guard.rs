//! What every request and answer must pass: the right host, our own pages as senders, safe headers.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt;

use super::{
    errors::Trouble,
    page::Page,
    who::{self, Visitor},
};

/// Only our own origin may give anything to a page, and no script or style stands in the HTML itself.
const CONTENT_POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'";

/// Longest that a change may take, its body included.
const CHANGE_TIME: Duration = Duration::from_secs(30);

/// Sets the safe headers on every answer and turns a panic into the "something went wrong" page.
pub(crate) async fn answers(request: Request, next: Next) -> Response {
    let page = Page::of(
        request.uri(),
        request.headers(),
        who::of(request.extensions()),
    );
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| {
        tracing::error!(path = page.path, "a page panicked; this is a bug");
        Trouble::Failed.answer(page)
    });
    let safe = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ];
    for (name, value) in safe {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets only requests through that name this device, and only changes that our own pages ask for.
pub(crate) async fn requests(request: Request, next: Next) -> Response {
    let nobody = || Arc::new(Visitor::nobody());
    let page = || Page::of(request.uri(), request.headers(), nobody());
    let Some(authority) = authority(request.uri(), request.headers()) else {
        return Trouble::WrongHost.answer(page());
    };
    if !is_this_device(host_of(authority), &OWN_NAME) {
        return Trouble::WrongHost.answer(page());
    }
    let reads = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if !reads && !same_origin(authority, request.headers()) {
        return Trouble::Foreign.answer(page());
    }
    // A text/plain form reaches a reader of JSON without the browser asking first.
    if !reads && !is_ours(request.headers()) {
        return Trouble::Foreign.answer(page());
    }
    if reads {
        return next.run(request).await;
    }
    // A body that trickles in holds its place no longer than a slow head does.
    match tokio::time::timeout(CHANGE_TIME, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// Media types of the bodies that our own pages send.
const BODIES: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/json",
];

/// Whether a change has a body of a kind that our pages send, or says that it has none.
fn is_ours(headers: &HeaderMap) -> bool {
    let Some(media_type) = headers.get(header::CONTENT_TYPE) else {
        return headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length == "0");
    };
    let media_type = media_type.to_str().unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    BODIES
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

/// This machine's name on the link: its host name under `.local`; empty where the system does not tell.
pub(super) static OWN_NAME: LazyLock<String> = LazyLock::new(|| {
    let sources = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let name = sources
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok());
    let first = name
        .as_deref()
        .and_then(|name| name.trim().split('.').next());
    first
        .map(|first| format!("{}.local", first.to_ascii_lowercase()))
        .unwrap_or_default()
});

/// The authority that the request names. An absolute target wins over `Host` (RFC 9112, 3.2.2);
/// two `Host` headers name nobody.
fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    if hosts.next().is_some() {
        return None;
    }
    uri.authority().map(|authority| authority.as_str()).or(host)
}

/// `host:port` without its port; IPv6 without its brackets.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host)
}

/// An attacker's name that resolves to our address (DNS rebinding) is neither an address nor ours.
fn is_this_device(host: &str, own_name: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || (!host.is_empty() && host.eq_ignore_ascii_case(own_name))
}

/// Whether a page of ours sent this: `Origin` names the host that was asked, and the browser, where
/// it says so, agrees. Browsers always send `Origin` with a POST; without it we cannot know.
fn same_origin(authority: &str, headers: &HeaderMap) -> bool {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let origin = text("origin").unwrap_or_default();
    let host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        && text("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_this_device() {
        let ours = |authority| is_this_device(host_of(authority), "school-pi.local");
        for authority in [
            "192.168.1.20:8080",
            "127.0.0.1",
            "[::1]:80",
            "[fe80::1]",
            "localhost:1",
            "School-Pi.local:80",
        ] {
            assert!(ours(authority), "{authority}");
        }
        for authority in [
            "evil.example",
            "evil.example:8080",
            "192.168.1.20.evil.example",
            "other.local",
            "",
            "localhost.evil.example",
            "2130706433",
        ] {
            assert!(!ours(authority), "{authority}");
        }
    }

    #[test]
    fn origins() {
        let ours = |pairs: &[(&'static str, &'static str)]| {
            let pair = |&(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            };
            same_origin("10.0.0.7:8080", &pairs.iter().map(pair).collect())
        };
        assert!(ours(&[("origin", "http://10.0.0.7:8080")]));
        assert!(ours(&[
            ("origin", "http://10.0.0.7:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!ours(&[]));
        assert!(!ours(&[("sec-fetch-site", "same-origin")]));
        assert!(!ours(&[("origin", "null")]));
        assert!(!ours(&[("origin", "http://10.0.0.7")]));
        assert!(!ours(&[("origin", "http://evil.example")]));
        assert!(!ours(&[
            ("origin", "http://10.0.0.7:8080"),
            ("sec-fetch-site", "cross-site")
        ]));
    }
}
