//! WebSocket connections, by way of the one guarded client: the same look-up that leaves closed networks out,
//! the same TLS, the same name for us. A socket begins as an HTTP/1.1 request; only where the other side
//! agrees does the connection change its language, so a refusal is an ordinary answer with a status and a body.
//!
//! ```text
//! match client.socket(&url, &shown, &[], false, Limits::default()).await? {
//!     Opened::Refused(reply) => …                      // 400 with words, 404, 429, a redirect
//!     Opened::Socket(mut socket) => {
//!         socket.send("hello").await?;                 // where the protocol has us speak
//!         while let Some(frame) = socket.next(wait).await? { … }   // none: nothing came for so long
//!     }
//! }
//! ```
//!
//! Nothing is read ahead: who does not call [`Socket::next`] leaves what comes to the connection's own buffers,
//! and when those are full the other side waits. For the same reason silence is counted only while somebody
//! listens; a slow reader does not mistake its own pause for a dead connection. Pings are answered while
//! reading. `next` may be cut at any point: no frame is lost by it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use reqwest::header::{CONNECTION, UPGRADE};
use reqwest::{StatusCode, Upgraded};
use sha1::{Digest as _, Sha1};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error as Fault};
use url::Url;

use super::{Cap, Client, Error, REPLY_CAP, Reply, address, header_map, reply};

/// What the other side adds to our key before it hashes it (RFC 6455, section 1.3).
const GREETING: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Longest wait for what we say to be taken.
const SENDING: Duration = Duration::from_secs(10);

/// What a connection may bring, and how long it may be silent.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest message, in bytes.
    pub largest: usize,
    /// Silence, pings included, after which nobody is thought to be there.
    pub silence: Duration,
    /// Whether half of that silence is broken by a ping of ours. Not where a server hangs up on whoever speaks.
    pub ping: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { largest: 1024 * 1024, silence: Duration::from_secs(60), ping: true }
    }
}

/// What became of a request for a socket.
#[derive(Debug)]
pub enum Opened {
    /// The connection.
    Socket(Box<Socket>),
    /// An answer instead, its body cut at 64 KiB.
    Refused(Reply),
}

/// A message, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Message);

impl Frame {
    /// Its words, where it is one of words.
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Message::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// Its bytes, of either sort.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
            _ => &[],
        }
    }
}

/// An open connection. Dropped, it is closed.
pub struct Socket {
    /// Never locked: it makes what only one may use something that many may hold.
    stream: Mutex<WebSocketStream<Upgraded>>,
    shown: String,
    limits: Limits,
    /// How long has been listened in vain.
    silent: Duration,
    pinged: bool,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("url", &self.shown).finish_non_exhaustive()
    }
}

impl Client {
    /// Asks for a connection. `url` has one of the schemes `ws`, `wss`, `http`, `https`; messages name it as
    /// `shown`.
    ///
    /// # Errors
    /// Why there is no answer; a refusal is an answer.
    pub async fn socket(
        &self,
        url: &Url,
        shown: &str,
        headers: &[(&str, &str)],
        allow_private: bool,
        limits: Limits,
    ) -> Result<Opened, Error> {
        let url = as_http(url)?;
        let key = STANDARD.encode(rand::random::<[u8; 16]>());
        let request = self
            .way(&self.sockets, &url, allow_private)?
            .get(url)
            .headers(header_map(headers, shown)?)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &key);
        let response = request.send().await.map_err(|error| Error::from_reqwest(shown, &error))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let refused = reply(response, shown, Cap { bytes: REPLY_CAP, cut: true }).await?;
            return Ok(Opened::Refused(refused));
        }
        let accepts = response.headers().get("sec-websocket-accept").map(|value| value.as_bytes());
        if accepts != Some(accept(&key).as_bytes()) {
            let why = "it changes to another protocol than a WebSocket".into();
            return Err(Error::Broken { url: shown.to_owned(), why });
        }
        let upgraded = response.upgrade().await.map_err(|error| Error::from_reqwest(shown, &error))?;
        let config = WebSocketConfig::default()
            .max_frame_size(Some(limits.largest))
            .max_message_size(Some(limits.largest));
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
        let (stream, shown) = (Mutex::new(stream), shown.to_owned());
        Ok(Opened::Socket(Box::new(Socket { stream, shown, limits, silent: Duration::ZERO, pinged: false })))
    }
}

/// The answer that a key deserves.
pub fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GREETING).finalize())
}

fn as_http(url: &Url) -> Result<Url, Error> {
    let scheme = match url.scheme() {
        "ws" | "http" => "http",
        "wss" | "https" => "https",
        _ => {
            let why = "only wss, ws, https and http are".into();
            return Err(Error::Request { url: address::shown(url), why });
        }
    };
    let mut url = url.clone();
    // Fails only between schemes of different sorts, and these are of one.
    let _ = url.set_scheme(scheme);
    Ok(url)
}

impl Socket {
    /// The next message; none when nothing came for that long. With no wait at all, what is here already.
    ///
    /// # Errors
    /// When the connection has ended or broken, brought too much, or was silent for too long: it is of no more
    /// use then.
    pub async fn next(&mut self, wait: Duration) -> Result<Option<Frame>, Error> {
        let until = Instant::now() + wait;
        loop {
            let came = match self.stream().next().now_or_never() {
                Some(came) => came,
                None => {
                    let began = Instant::now();
                    let left = until.saturating_duration_since(began).min(self.patience());
                    match timeout(left, self.stream().next()).await {
                        Ok(came) => came,
                        Err(_) => {
                            self.silent += began.elapsed();
                            if self.silent >= self.limits.silence {
                                return Err(Error::Timeout { url: self.shown.clone() });
                            }
                            self.knock().await?;
                            if Instant::now() >= until {
                                return Ok(None);
                            }
                            continue;
                        }
                    }
                }
            };
            self.silent = Duration::ZERO;
            self.pinged = false;
            match came {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    return Ok(Some(Frame(message)));
                }
                Some(Ok(Message::Close(frame))) => return Err(self.closed(frame)),
                Some(Ok(_)) => {}
                Some(Err(fault)) => return Err(self.fault(&fault)),
                None => return Err(self.closed(None)),
            }
        }
    }

    /// Says something.
    ///
    /// # Errors
    /// When the connection has ended, or takes nothing.
    pub async fn send(&mut self, text: &str) -> Result<(), Error> {
        self.give(Message::text(text)).await
    }

    /// Takes leave. What still comes is not waited for.
    pub async fn close(mut self) {
        // The other side is told out of politeness; it notices all the same.
        let _ = timeout(Duration::from_secs(1), self.stream().close(None)).await;
    }

    fn stream(&mut self) -> &mut WebSocketStream<Upgraded> {
        self.stream.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long may be listened until something is to be done about the silence.
    fn patience(&self) -> Duration {
        let half = self.limits.silence / 2;
        let until = if self.limits.ping && !self.pinged { half } else { self.limits.silence };
        until.saturating_sub(self.silent)
    }

    async fn knock(&mut self) -> Result<(), Error> {
        if !self.limits.ping || self.pinged || self.silent < self.limits.silence / 2 {
            return Ok(());
        }
        self.pinged = true;
        self.give(Message::Ping(Bytes::new())).await
    }

    async fn give(&mut self, message: Message) -> Result<(), Error> {
        match timeout(SENDING, self.stream().send(message)).await {
            Ok(given) => given.map_err(|fault| self.fault(&fault)),
            Err(_) => Err(Error::Timeout { url: self.shown.clone() }),
        }
    }

    fn fault(&self, fault: &Fault) -> Error {
        let url = self.shown.clone();
        match fault {
            Fault::Capacity(_) => Error::TooLarge { url, limit: self.limits.largest },
            Fault::ConnectionClosed | Fault::AlreadyClosed => self.closed(None),
            fault => Error::Broken { url, why: fault.to_string() },
        }
    }

    fn closed(&self, frame: Option<CloseFrame>) -> Error {
        let why = match frame {
            None => "the other side closed the connection".to_owned(),
            Some(frame) => {
                let words: String =
                    frame.reason.as_str().chars().filter(|c| !c.is_control()).take(200).collect();
                let code = u16::from(frame.code);
                format!("the other side closed the connection with {code} {words}").trim_end().to_owned()
            }
        };
        Error::Broken { url: self.shown.clone(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_answered_as_the_standard_has_it() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn every_scheme_is_asked_over_http() {
        for (given, asked) in [
            ("wss://acme.example/s", "https://acme.example/s"),
            ("ws://acme.example:8080/s", "http://acme.example:8080/s"),
            ("https://acme.example/", "https://acme.example/"),
        ] {
            let url = Url::parse(given).expect("a URL");
            assert_eq!(as_http(&url).expect("asked").as_str(), asked);
        }
        assert!(as_http(&Url::parse("ftp://acme.example/").expect("a URL")).is_err());
    }
}
