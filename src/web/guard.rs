//! Who calls, and whether the request may reach any handler. The decision is a pure function of
//! what the request says and what the configuration allows.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::door::{Peer, peer_of};
use super::v1::Failed;
use crate::api::caller::Caller;
use crate::api::{Api, ApiError};
use crate::runtime::secret;

/// Lets a request in, with its [`Caller`] beside it, or answers why not.
pub async fn guard(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let peer = peer_of(request.extensions());
    let caller = match peer {
        Peer::Process => user(nix::unistd::getuid().as_raw()),
        Peer::Unix(Some(uid)) => user(uid),
        Peer::Unix(None) => Caller::Stranger,
        Peer::Tcp(address) => {
            let config = api.config.load();
            let own = Own { public_url: config.web.public_url.as_deref(), listen: config.web.listen };
            let token = config.web.token.as_ref().and_then(|pointer| secret::fetch(pointer).ok());
            let asked = Asked {
                method: request.method(),
                path: request.uri().path(),
                headers: request.headers(),
                peer: address.ip(),
            };
            match judge(&asked, &own, token.as_ref().map(ExposeSecret::expose_secret)) {
                Ok(caller) => caller,
                Err(error) => return Failed(error).into_response(),
            }
        }
    };
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

struct Own<'a> {
    public_url: Option<&'a str>,
    listen: Option<SocketAddr>,
}

struct Asked<'a> {
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
    peer: IpAddr,
}

fn judge(asked: &Asked<'_>, own: &Own<'_>, token: Option<&str>) -> Result<Caller, ApiError> {
    let host = header_text(asked.headers, header::HOST).unwrap_or_default();
    if !is_our_host(host, own) {
        return Err(ApiError::Forbidden(format!(
            "the Host header \"{}\" is not ours; set [web] public_url to the address that readers use",
            host.escape_default()
        )));
    }
    let acts = !matches!(*asked.method, Method::GET | Method::HEAD);
    // Links and pushes carry their own proof, and come from pages and machines elsewhere.
    let proves_itself = asked.path.starts_with("/link/") || asked.path.starts_with("/push/");
    let open = matches!(asked.path, "/healthz" | "/readyz");
    if acts && !proves_itself && !is_same_origin(asked.headers, host) {
        return Err(ApiError::Forbidden("acting from a page elsewhere is not allowed".into()));
    }
    if let Some(given) = bearer(asked.headers) {
        return match token {
            Some(token) if same(given, token) => Ok(Caller::Token),
            _ => Err(ApiError::Unauthenticated("the token is not ours".into())),
        };
    }
    let is_local = asked.peer.to_canonical().is_loopback()
        && (own.public_url.is_none() || (is_loopback_name(host) && !is_forwarded(asked.headers)));
    match (is_local, acts, own.public_url) {
        (true, false, _) | (true, true, None) => Ok(Caller::Loopback),
        _ if open || proves_itself => Ok(Caller::Stranger),
        _ => Err(ApiError::Unauthenticated(if acts {
            "acting needs the token (Authorization: Bearer …) or a signed link".into()
        } else {
            "reading from this address needs the token: Authorization: Bearer …".into()
        })),
    }
}

/// A proxy in front of us speaks for somebody elsewhere.
fn is_forwarded(headers: &HeaderMap) -> bool {
    [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-server",
        "x-real-ip",
        "via",
    ]
    .iter()
    .any(|name| headers.contains_key(*name))
}

fn is_loopback_name(host: &str) -> bool {
    matches!(without_port(host).to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

/// Loopback names, the address listened on, the host of `public_url`.
fn is_our_host(host: &str, own: &Own<'_>) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    let listened = own.listen.is_some_and(|listen| {
        !listen.ip().is_unspecified() && name.trim_matches(['[', ']']) == listen.ip().to_string()
    });
    let public = own.public_url.and_then(|url| url::Url::parse(url).ok());
    let public =
        public.as_ref().and_then(url::Url::host_str).is_some_and(|host| host.eq_ignore_ascii_case(&name));
    is_loopback_name(host) || listened || public
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(at) if host[at + 1..].bytes().all(|byte| byte.is_ascii_digit()) && !host[at..].contains(']') => {
            &host[..at]
        }
        _ => host,
    }
}

/// A browser says from which page a request comes; a command line says nothing.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    if let Some(site) = header_text(headers, header::HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    match header_text(headers, header::ORIGIN) {
        None => true,
        Some(origin) => origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host)),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    header_text(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "))
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Compares digests, so that the time taken says nothing of the token.
fn same(given: &str, token: &str) -> bool {
    Sha256::digest(given.as_bytes()) == Sha256::digest(token.as_bytes())
}

fn user(uid: u32) -> Caller {
    let own = nix::unistd::geteuid().as_raw();
    let found = nix::unistd::User::from_uid(uid.into()).ok().flatten();
    Caller::User {
        name: found.map_or_else(|| uid.to_string(), |user| user.name),
        is_master: uid == 0 || uid == own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        peer: &str,
        public: Option<&str>,
    ) -> Result<Caller, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                header::HeaderName::try_from(*name).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let asked = Asked { method: &method, path, headers: &map, peer: peer.parse().expect("an address") };
        let own = Own { public_url: public, listen: "127.0.0.1:7272".parse().ok() };
        judge(&asked, &own, Some("s3cret")).map_err(|error| error.status())
    }

    #[test]
    fn who_may_come_in() {
        let local = [("host", "127.0.0.1:7272")];
        let named = [("host", "earmark.acme.example")];
        let public = Some("https://earmark.acme.example");
        let token = [("host", "earmark.acme.example"), ("authorization", "Bearer s3cret")];
        let wrong = [("host", "earmark.acme.example"), ("authorization", "Bearer guess")];
        let elsewhere = [("host", "127.0.0.1:7272"), ("origin", "https://evil.example")];
        let crossed = [("host", "localhost:7272"), ("sec-fetch-site", "cross-site")];
        let proxied = [("host", "earmark.acme.example"), ("x-forwarded-for", "203.0.113.9")];
        let (get, post) = (Method::GET, Method::POST);
        let (me, other) = ("127.0.0.1", "203.0.113.9");
        for (method, path, headers, peer, public, expected) in [
            (&get, "/", &local[..], me, None, Ok(Caller::Loopback)),
            (&post, "/api/v1/silences", &local[..], me, None, Ok(Caller::Loopback)),
            (&post, "/api/v1/silences", &local[..], me, public, Err(401)),
            (&get, "/", &[("host", "rebound.example")][..], me, None, Err(403)),
            (&post, "/api/v1/silences", &elsewhere[..], me, None, Err(403)),
            (&post, "/api/v1/silences", &crossed[..], me, None, Err(403)),
            (&get, "/", &named[..], other, public, Err(401)),
            (&get, "/", &proxied[..], me, public, Err(401)),
            // A proxy that says nothing of the reader but passes the name on.
            (&get, "/", &named[..], me, public, Err(401)),
            (&get, "/", &local[..], me, public, Ok(Caller::Loopback)),
            (&get, "/readyz", &named[..], other, public, Ok(Caller::Stranger)),
            (&post, "/link/abc", &named[..], other, public, Ok(Caller::Stranger)),
            (&post, "/push/survey", &named[..], other, public, Ok(Caller::Stranger)),
            (&post, "/api/v1/silences", &token[..], other, public, Ok(Caller::Token)),
            (&get, "/", &wrong[..], other, public, Err(401)),
            (&get, "/", &[][..], me, None, Err(403)),
        ] {
            assert_eq!(
                verdict(method.clone(), path, headers, peer, public),
                expected,
                "{method} {path} {headers:?} {peer}"
            );
        }
    }
}
