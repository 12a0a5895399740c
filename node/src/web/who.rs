//! Who asks: over which channel, and signed in as whom. Decided once for a request, before any route sees it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{backend::Backend, people};
use crate::people::accounts::{AccountId, Accounts, Role, Seat, Session, Token};

/// Stands in a request that came over HTTPS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Https;

/// How a request came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// From this device itself.
    Loopback,
    /// From the network, sealed.
    Https,
    /// From the network, readable to everybody on it.
    Plain,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// The address; unspecified where nobody says, which counts as far away.
    pub(crate) client: IpAddr,
    pub(crate) channel: Channel,
    /// HTTPS, from wherever: what the cookie's `Secure` depends on.
    pub(crate) https: bool,
    /// Whether people may sign in over this channel.
    pub(crate) may_sign_in: bool,
    /// The port in the request's `Host`, because cookies do not keep ports apart and nodes share a machine.
    port: u16,
    /// What the head of the page calls who is here; empty for nobody.
    pub(crate) called: String,
    session: Option<(Token, Session)>,
}

impl Visitor {
    /// Nobody, from far away.
    pub(crate) fn nobody() -> Visitor {
        Visitor {
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            channel: Channel::Plain,
            https: false,
            may_sign_in: false,
            port: 0,
            called: String::new(),
            session: None,
        }
    }

    /// Who is here now, if anybody is signed in.
    pub(crate) fn seat(&self) -> Option<&Seat> {
        self.session.as_ref().map(|(_, session)| session.seat())
    }

    /// Everybody who is signed in in this browser.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref().map(|(_, session)| session)
    }

    /// The id of the session.
    pub(crate) fn token(&self) -> Option<&Token> {
        self.session.as_ref().map(|(token, _)| token)
    }

    /// The role of who is here now.
    pub(crate) fn role(&self) -> Option<Role> {
        self.seat().map(|seat| seat.role)
    }

    /// The account of who is here now.
    pub(crate) fn account(&self) -> Option<&AccountId> {
        self.seat().map(|seat| &seat.account)
    }

    /// What the forms of this session carry; empty where nobody is signed in.
    pub(crate) fn form_key(&self) -> String {
        self.token().map(Token::form_key).unwrap_or_default()
    }

    fn cookie_name(&self) -> String {
        cookie_name(self.https, self.port)
    }

    /// The `Set-Cookie` that opens a session in this browser.
    pub(crate) fn cookie(&self, token: &Token, family: bool) -> HeaderValue {
        let lasting = if family { "; Max-Age=10368000" } else { "" };
        self.set_cookie(&token.text(), lasting)
    }

    /// The `Set-Cookie` that ends it.
    pub(crate) fn no_cookie(&self) -> HeaderValue {
        self.set_cookie("", "; Max-Age=0")
    }

    fn set_cookie(&self, value: &str, lasting: &str) -> HeaderValue {
        let (name, secure) = (self.cookie_name(), if self.https { "; Secure" } else { "" });
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{lasting}");
        HeaderValue::from_str(&text).expect("hex digits and our own words are ASCII")
    }
}

/// `__Host-` makes browsers take it over HTTPS only, and from this host only (RFC 6265bis, 4.1.3.2).
fn cookie_name(https: bool, port: u16) -> String {
    let prefix = if https { "__Host-" } else { "" };
    format!("{prefix}pishtar-{port}")
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Finds out who asks and says it to everything behind.
pub(crate) async fn find_out(
    State(backend): State<Arc<dyn Backend>>,
    mut request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let from = extensions.get::<ConnectInfo<SocketAddr>>();
    let client = from.map(|ConnectInfo(address)| address.ip().to_canonical());
    let https = extensions.get::<Https>().is_some();
    let channel = match (client, https) {
        (Some(address), _) if address.is_loopback() => Channel::Loopback,
        (_, true) => Channel::Https,
        (_, false) => Channel::Plain,
    };
    let host = request.headers().get(header::HOST);
    let port = host
        .and_then(|host| host.to_str().ok()?.rsplit_once(':')?.1.parse().ok())
        .unwrap_or(if https { 443 } else { 80 });
    let accounts = backend.accounts();
    let open = |on: bool| channel != Channel::Plain || on;
    let mut visitor = Visitor {
        client: client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        channel,
        https,
        may_sign_in: accounts
            .as_ref()
            .is_some_and(|accounts| open(accounts.plain_http())),
        port,
        called: String::new(),
        session: None,
    };
    if let Some(accounts) = accounts.filter(|_| visitor.may_sign_in) {
        let token = cookie(request.headers(), &visitor.cookie_name()).and_then(Token::parse);
        visitor.session = token.and_then(|token| {
            let session = accounts.session(&token, backend.now())?;
            Some((token, session))
        });
        visitor.called = visitor
            .seat()
            .map(|seat| called(&backend, &accounts, seat))
            .unwrap_or_default();
    }
    request.extensions_mut().insert(Arc::new(visitor));
    next.run(request).await
}

/// A learner's first name, or the name that staff sign in with.
fn called(backend: &Arc<dyn Backend>, accounts: &Accounts, seat: &Seat) -> String {
    match seat.role {
        Role::Learner => people::called(backend.as_ref(), &seat.account).unwrap_or_default(),
        _ => accounts
            .account(&seat.account)
            .map(|account| account.login)
            .unwrap_or_default(),
    }
}

/// Who asks, for handlers and pages.
pub(crate) fn of(extensions: &axum::http::Extensions) -> Arc<Visitor> {
    let known = extensions.get::<Arc<Visitor>>();
    known
        .cloned()
        .unwrap_or_else(|| Arc::new(Visitor::nobody()))
}

/// Who asks, as a handler takes it.
pub(crate) struct Who(pub(crate) Arc<Visitor>);

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, Self::Rejection> {
        Ok(Who(of(&parts.extensions)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(
            "cookie",
            HeaderValue::from_static("xpishtar-80=1; pishtar-8080=2"),
        );
        headers.append("cookie", HeaderValue::from_static("pishtar-80=3; lang=sq"));
        assert_eq!(cookie(&headers, "pishtar-80"), Some("3"));
        assert_eq!(cookie(&headers, "pishtar-8080"), Some("2"));
        assert_eq!(cookie(&headers, "__Host-pishtar-80"), None);
    }

    #[test]
    fn the_cookie_is_for_this_host_and_for_no_script() {
        let token = Token::parse(&"ab".repeat(32)).unwrap();
        let plain = Visitor {
            port: 8080,
            ..Visitor::nobody()
        };
        let secure = Visitor {
            https: true,
            ..plain.clone()
        };
        let expected = format!(
            "pishtar-8080={}; Path=/; HttpOnly; SameSite=Strict",
            token.text()
        );
        assert_eq!(plain.cookie(&token, false), expected.as_str());
        let text = secure.cookie(&token, true);
        let text = text.to_str().unwrap();
        assert!(text.starts_with("__Host-pishtar-8080=ab") && text.contains("; Secure"));
    }
}
