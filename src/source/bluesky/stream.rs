//! A connection to one instance of a Jetstream: which of its two forms it speaks, where it is asked to go on, and
//! what it says when it cannot.

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::cursor::{Cursor, Seam};
use super::frame::POSTS;
use crate::net::Reply;
use crate::net::address;
use crate::net::socket::{Limits, Opened, Socket};
use crate::source::fetch::{self, Ask, Fetcher};
use crate::source::{Retry, SourceError, Terms};

/// How the budget of connections is called.
pub const BUCKET: &str = "connections";

/// The largest frame; a post has 300 letters, and its record is capped by the network at a fraction of this. An
/// instance is told to leave larger ones out: one that is sent all the same ends the connection, each time anew.
const LARGEST: usize = 2 << 20;

/// An instance pings every half minute.
const SILENCE: Duration = Duration::from_secs(75);

/// From here on a number is a time and no `seq`.
const FIRST_TIME: u64 = 1_000_000_000_000_000;

/// How often an instance may move its floor while it is being asked.
const TRIES: usize = 4;

const V2: &str = "/xrpc/network.bsky.jetstream.subscribeEvents";
const V1: &str = "/subscribe";
/// How both forms call the largest frame.
const MOST: &str = "maxMessageSizeBytes";

/// The two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `subscribeEvents`, since August 2026.
    Two,
    /// `/subscribe`.
    One,
}

/// One of several that tell the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Without a path.
    pub base: String,
    /// As configured with the path, or as found out.
    dialect: Option<Dialect>,
}

impl Instance {
    /// From an address with or without the path of a form.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let (base, dialect) = match (text.strip_suffix(V2), text.strip_suffix(V1)) {
            (Some(base), _) => (base, Some(Dialect::Two)),
            (None, Some(base)) => (base, Some(Dialect::One)),
            (None, None) => (text, None),
        };
        let url = Url::parse(base).map_err(|_| format!("\"{text}\" is no address"))?;
        if !matches!(url.scheme(), "ws" | "wss" | "http" | "https") || url.query().is_some() {
            return Err(format!("\"{text}\" is no address of a Jetstream"));
        }
        Ok(Self { base: base.to_owned(), dialect })
    }

    /// For people.
    pub fn name(&self) -> &str {
        self.base.split_once("://").map_or(&self.base, |(_, host)| host)
    }
}

/// How instances are asked.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// Within the budgets.
    pub fetch: &'a Fetcher,
    /// With those.
    pub terms: &'static Terms,
    /// Whether private networks may be reached.
    pub allow_private: bool,
}

/// An open connection.
pub struct Link {
    /// Frames.
    pub socket: Box<Socket>,
    /// Until it is known whether what comes joins what was read.
    pub seam: Option<Seam>,
    /// Events up to this number and this time have been read; none where it was asked by time.
    pub read_through: Option<(u64, i64)>,
    /// An instance may begin much earlier than asked; what was seen before this has been read.
    pub read_before: i64,
}

impl Way<'_> {
    /// Opens a connection that goes on behind the cursor; with `by_time`, numbers are not to be trusted.
    pub async fn open(
        self,
        instance: &mut Instance,
        cursor: Option<&Cursor>,
        by_time: bool,
    ) -> Result<Link, SourceError> {
        if instance.dialect != Some(Dialect::One) {
            let found = self.two(instance, cursor, by_time).await?;
            if let Some(link) = found {
                instance.dialect = Some(Dialect::Two);
                return Ok(link);
            }
        }
        let link = self.one(instance, cursor).await?;
        instance.dialect = Some(Dialect::One);
        Ok(link)
    }

    /// None where the instance does not know this form.
    async fn two(
        self,
        instance: &Instance,
        cursor: Option<&Cursor>,
        by_time: bool,
    ) -> Result<Option<Link>, SourceError> {
        let own = cursor.filter(|cursor| !by_time && cursor.instance == instance.base);
        let seq = own.and_then(|cursor| cursor.seq);
        let time = cursor.map(|cursor| cursor.rewound().to_string());
        let mut from = seq.map(|seq| seq.to_string()).or_else(|| time.clone());
        let mut seam = cursor.map(Seam::after);
        let mut last = None;
        for _ in 0..TRIES {
            let mut url = format!(
                "{}{V2}?collections={POSTS}&kinds=commit&kinds=account&{MOST}={LARGEST}",
                instance.base
            );
            if let Some(from) = &from {
                url = format!("{url}&cursor={from}");
            }
            // Whoever says anything here is hung up on.
            let refused =
                match self.ask(&url, Limits { largest: LARGEST, silence: SILENCE, ping: false }).await? {
                    Opened::Refused(reply) => reply,
                    Opened::Socket(socket) => {
                        let read_before = cursor.filter(|_| seq.is_none()).map_or(i64::MIN, Cursor::rewound);
                        let read_through = seq.zip(own.map(|cursor| cursor.time));
                        return Ok(Some(Link { socket, seam, read_through, read_before }));
                    }
                };
            if matches!(refused.status, 404 | 405 | 501) && instance.dialect.is_none() {
                return Ok(None);
            }
            let Some(message) = too_old(&refused) else { return Err(refusal(&url, &refused)) };
            // It goes on from the earliest that it has.
            if let Some(seam) = &mut seam {
                seam.said();
            }
            let asked = from.as_deref().and_then(|from| from.parse().ok()).unwrap_or(0);
            from = floor(&message, asked).map(|floor| floor.to_string()).or_else(|| time.clone());
            last = Some(refusal(&url, &refused));
        }
        Err(last.expect("every try that is not the last word sets it"))
    }

    async fn one(self, instance: &Instance, cursor: Option<&Cursor>) -> Result<Link, SourceError> {
        let mut url = format!("{}{V1}?wantedCollections={POSTS}&{MOST}={LARGEST}", instance.base);
        if let Some(cursor) = cursor {
            url = format!("{url}&cursor={}", cursor.rewound());
        }
        match self.ask(&url, Limits { largest: LARGEST, silence: SILENCE, ping: true }).await? {
            Opened::Refused(reply) => Err(refusal(&url, &reply)),
            Opened::Socket(socket) => Ok(Link {
                socket,
                seam: cursor.map(Seam::after),
                read_through: None,
                read_before: cursor.map_or(i64::MIN, Cursor::rewound),
            }),
        }
    }

    async fn ask(self, url: &str, limits: Limits) -> Result<Opened, SourceError> {
        let ask = Ask { allow_private: self.allow_private, bucket: BUCKET, ..Ask::get(url, self.terms) };
        self.fetch.socket(&ask, limits).await
    }
}

/// The message of a refusal because of a number that is too old.
fn too_old(reply: &Reply) -> Option<String> {
    let value: Value = serde_json::from_slice(&reply.body).ok()?;
    let is = reply.status == 400 && value.get("error")?.as_str()? == "CursorTooOld";
    is.then(|| value.get("message").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// The number that the message names beside ours: the first that is still held.
fn floor(message: &str, asked: u64) -> Option<u64> {
    let numbers = message.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    numbers.filter(|number| (asked + 1..FIRST_TIME).contains(number)).min()
}

fn refusal(url: &str, reply: &Reply) -> SourceError {
    let shown = Url::parse(url).map_or_else(|_| url.to_owned(), |url| address::shown(&url));
    let mut error = fetch::refused(&shown, reply);
    // An instance that is in order answers with a connection; what it says instead passes by itself, but for
    // those who are not let in.
    if error.retry == Retry::Never && !matches!(reply.status, 400 | 401 | 403) {
        error.retry = Retry::Soon;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_its_form() {
        let read = |text: &str| Instance::read(text).map(|instance| (instance.base, instance.dialect));
        assert_eq!(read("wss://a.example/"), Ok(("wss://a.example".into(), None)));
        assert_eq!(read("ws://a.example:1/subscribe"), Ok(("ws://a.example:1".into(), Some(Dialect::One))));
        assert_eq!(
            read(&format!("https://a.example{V2}")),
            Ok(("https://a.example".into(), Some(Dialect::Two)))
        );
        assert!(
            read("a.example").is_err()
                && read("ftp://a.example").is_err()
                && read("wss://a.example/?a=b").is_err()
        );
    }

    #[test]
    fn the_floor_is_read_from_the_words() {
        assert_eq!(floor("cursor 1000 below lookback floor 1500; re-backfill from 1000", 1_000), Some(1_500));
        assert_eq!(floor("too old", 1_000), None);
        assert_eq!(floor("floor 99999999999999999999999999 or 1700000000000000", 1_000), None);
    }
}
