//! The one guarded HTTP client: who may be asked (no private network unless allowed), how much is
//! read, how long is waited, and who we say we are.
//!
//! Addresses in a configuration may come from many hands, and a redirect comes from a stranger's.
//! So every request is checked twice: an address written as a number at once, a name after it was
//! looked up, by the very look-up whose answer the connection then uses ([`resolve`]). A name that
//! first points outside and then inside gains nothing.
//!
//! Redirects are not followed here: who asks decides, and asks again, and is checked again. Proxies
//! of the environment are not used, because behind one the check would see the proxy's address only.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};
use url::{Host, Url};

pub mod address;
pub mod resolve;
pub mod socket;

mod certificate;
mod endless;
mod error;
pub use endless::Endless;
pub use error::Error;

/// The most that is read of an answer to a POST: enough for any word of explanation.
const REPLY_CAP: usize = 64 * 1024;

/// What a client is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who we say we are, with a contact.
    pub user_agent: String,
    /// Whether requests may reach private networks unless they say otherwise.
    pub allow_private: bool,
    /// Longest wait for a connection, its handshake included.
    pub connect_timeout: Duration,
    /// Longest silence of the other side once connected.
    pub read_timeout: Duration,
    /// Longest time for a request and its answer together.
    pub total_timeout: Duration,
}

impl Settings {
    /// The usual limits, and a name with a contact: a URL or a mail address at which the operator
    /// of a site that is asked can reach the operator of this daemon.
    pub fn new(contact: &str) -> Self {
        let contact = if contact.is_empty() { String::new() } else { format!(" (+{contact})") };
        Self {
            user_agent: format!("earmark/{}{contact}", env!("CARGO_PKG_VERSION")),
            allow_private: false,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_secs(60),
        }
    }
}

pub mod standard_webhooks;
pub mod stream;

/// The most that is read of an answer, and whether more is cut off in silence.
#[derive(Clone, Copy)]
struct Cap {
    bytes: usize,
    cut: bool,
}

/// One way to connect, guarded and not.
#[derive(Clone)]
struct Pair {
    /// Looks names up by way of the guard.
    guarded: reqwest::Client,
    /// For requests that may reach private networks. Apart, so that a pooled connection of one
    /// kind is never used by the other.
    open: reqwest::Client,
}

/// The guarded client; cheap to clone.
#[derive(Clone)]
pub struct Client {
    requests: Pair,
    /// HTTP/1.1 and nothing else: the only one whose connections can become sockets.
    sockets: Pair,
    allow_private: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header names (lower case) and values, in the order received.
    pub headers: Vec<(String, String)>,
    /// After decompression.
    pub body: Bytes,
}

impl Reply {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// A client with these limits.
    ///
    /// # Errors
    /// A fragment, when the TLS roots of this machine cannot be read or the name is no header.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        // Fails only when another part of the program was first; any provider will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .user_agent(&settings.user_agent)
                .connect_timeout(settings.connect_timeout)
                .read_timeout(settings.read_timeout)
                .timeout(settings.total_timeout)
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .no_proxy()
                .pool_max_idle_per_host(2)
        };
        let fault =
            |error: reqwest::Error| format!("the HTTP client cannot be built: {}", error::chain(&error));
        let pair = |builder: &dyn Fn() -> reqwest::ClientBuilder| {
            let guarded = builder().dns_resolver(Arc::new(resolve::Guarded)).build().map_err(fault)?;
            Ok::<Pair, String>(Pair { guarded, open: builder().build().map_err(fault)? })
        };
        Ok(Self {
            requests: pair(&builder)?,
            sockets: pair(&|| builder().http1_only().pool_max_idle_per_host(0))?,
            allow_private: settings.allow_private,
        })
    }

    /// Of two ways the one that may be used for an address, once the address itself is known to be allowed.
    fn way<'a>(&self, pair: &'a Pair, url: &Url, allow_private: bool) -> Result<&'a reqwest::Client, Error> {
        if allow_private || self.allow_private {
            return Ok(&pair.open);
        }
        guard_literal(url)?;
        Ok(&pair.guarded)
    }

    /// Asks for one address; reads at most `cap` bytes of the answer, counted after decompression.
    /// A redirect is an answer like any other.
    ///
    /// # Errors
    /// Why there is no answer; an error status is an answer.
    pub async fn get(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        allow_private: bool,
        cap: usize,
    ) -> Result<Reply, Error> {
        let shown = address::shown(url);
        self.send(
            Method::GET,
            url,
            shown,
            headers,
            Bytes::new(),
            allow_private,
            Cap { bytes: cap, cut: false },
        )
        .await
    }

    /// Sends a body and reads the first 64 KiB of the answer. In messages only the host is named:
    /// the path of such an address is often a secret itself.
    ///
    /// # Errors
    /// Why there is no answer; an error status is an answer.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: impl Into<Bytes>,
        allow_private: bool,
    ) -> Result<Reply, Error> {
        let url = address::parse(url)?;
        let shown = url.origin().ascii_serialization();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.send(
            Method::POST,
            &url,
            shown,
            &headers,
            body.into(),
            allow_private,
            Cap { bytes: REPLY_CAP, cut: true },
        )
        .await
    }

    /// Asks an interface: a GET, or with a body a POST; reads at most `cap` bytes of the answer. Messages
    /// name the address as `shown`.
    ///
    /// # Errors
    /// Why there is no answer; an error status is an answer.
    pub async fn query(
        &self,
        url: &Url,
        shown: &str,
        headers: &[(&str, &str)],
        body: Option<Bytes>,
        allow_private: bool,
        cap: usize,
    ) -> Result<Reply, Error> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let cap = Cap { bytes: cap, cut: false };
        self.send(method, url, shown.to_owned(), headers, body.unwrap_or_default(), allow_private, cap).await
    }

    #[expect(clippy::too_many_arguments, reason = "the one place where all parts of a request meet")]
    async fn send(
        &self,
        method: Method,
        url: &Url,
        shown: String,
        headers: &[(&str, &str)],
        body: Bytes,
        allow_private: bool,
        cap: Cap,
    ) -> Result<Reply, Error> {
        let client = self.way(&self.requests, url, allow_private)?;
        let mut request = client.request(method, url.clone()).headers(header_map(headers, &shown)?);
        if !body.is_empty() {
            request = request.body(body);
        }
        let response = request.send().await.map_err(|error| Error::from_reqwest(&shown, &error))?;
        reply(response, &shown, cap).await
    }
}

async fn reply(response: Response, shown: &str, cap: Cap) -> Result<Reply, Error> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let body = read(response, shown, cap).await?;
    Ok(Reply { status, headers, body })
}

/// Reads up to `cap` bytes. More is an error, or, where only the beginning matters, left unread.
async fn read(mut response: Response, shown: &str, cap: Cap) -> Result<Bytes, Error> {
    let Cap { bytes: cap, cut } = cap;
    let too_large = || Error::TooLarge { url: shown.to_owned(), limit: cap };
    if !cut && response.content_length().is_some_and(|length| length > cap as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| Error::from_reqwest(shown, &error))?;
        let Some(chunk) = chunk else { return Ok(body.freeze()) };
        let room = cap - body.len();
        if chunk.len() > room {
            if !cut {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk[..room]);
            return Ok(body.freeze());
        }
        body.extend_from_slice(&chunk);
    }
}

fn guard_literal(url: &Url) -> Result<(), Error> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return Ok(()),
    };
    if address::is_public(address) { Ok(()) } else { Err(Error::Private { host: address.to_string() }) }
}

fn header_map(headers: &[(&str, &str)], shown: &str) -> Result<HeaderMap, Error> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(Error::Request {
                url: shown.to_owned(),
                why: "a header has characters that HTTP does not allow".into(),
            });
        };
        map.append(name, value);
    }
    Ok(map)
}
