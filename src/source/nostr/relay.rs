//! A connection to one relay: what it is asked, what it says, and what its refusals mean.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::cursor::{Cursor, Hole, Page, Place};
use super::event::{ARTICLE, COMMENT, DELETION, Event, NOTE};
use crate::net::address;
use crate::net::socket::{Limits, Opened, Socket};
use crate::source::fetch::{self, Ask, Fetcher};
use crate::source::{Retry, SourceError, Terms, record};

/// How the budget of connections is called.
pub const BUCKET: &str = "connections";

/// So many events are asked for at once, and of what was before the first look.
const PAGE: usize = 500;
const FIRST: usize = 100;

/// A relay pings, or is pinged by us.
const SILENCE: Duration = Duration::from_secs(90);
/// Articles are long.
const LARGEST: usize = 2 << 20;

/// How long a relay rests that broke off, at first and at most, and one that does not want us.
const FIRST_REST: i64 = 5;
const LONGEST_REST: i64 = 600;
const UNWANTED_REST: i64 = 3_600;
/// What a relay is left that says we ask too often.
const SLOWER: i64 = 60;

/// What is asked for, wherever it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    Hashtags(Vec<String>),
    /// What these say, and what they take back.
    Authors(Vec<String>),
    Search(String),
}

impl Filter {
    fn wire(&self) -> Value {
        let kinds = [NOTE, COMMENT, ARTICLE];
        match self {
            Filter::Hashtags(tags) => json!({ "kinds": kinds, "#t": tags }),
            Filter::Authors(authors) => {
                json!({ "kinds": [NOTE, COMMENT, ARTICLE, DELETION], "authors": authors })
            }
            Filter::Search(words) => json!({ "kinds": kinds, "search": words }),
        }
    }

    /// Its name in the cursor, at that relay.
    pub fn place(&self, relay: &str) -> String {
        format!("{relay} {}", &record::version(None, &self.wire().to_string(), false)[..16])
    }

    /// Whether an event is one that was asked for: a relay may send what it likes. How it searches is its own.
    pub fn wants(&self, event: &Event) -> bool {
        match self {
            Filter::Hashtags(tags) => {
                event.kind() != DELETION && tags.iter().any(|tag| event.has_hashtag(tag))
            }
            Filter::Authors(authors) => authors.iter().any(|author| author == event.author()),
            Filter::Search(_) => event.kind() != DELETION,
        }
    }
}

/// How relays are reached.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// Within the budgets.
    pub fetch: &'a Fetcher,
    /// With those.
    pub terms: &'static Terms,
    /// Whether private networks may be reached.
    pub allow_private: bool,
}

/// What is asked for on a connection: an index into the filters, how it stands and what has come.
#[derive(Debug)]
pub struct Sub {
    pub filter: usize,
    pub place: String,
    /// Until all that is stored has come: since when, asked at what time.
    pub stored: Option<(Option<i64>, i64)>,
    /// A page of a hole is on its way.
    pub paging: bool,
    pub page: Page,
}

/// An open connection.
pub struct Link {
    pub socket: Box<Socket>,
    pub subs: Vec<Sub>,
    /// The most that came in one go.
    pub most: usize,
    /// Looks in which nothing came of what is owed.
    pub owed: u32,
}

/// What a relay says.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// An event on a subscription.
    Event(String, Value),
    /// All that was stored has come.
    Stored(String),
    /// A subscription is at an end, and why.
    Closed(String, String),
    /// Something else.
    Other,
}

/// Reads a message.
pub fn said(text: &str) -> Option<Said> {
    let mut list: Vec<Value> = serde_json::from_str(text).ok()?;
    let word = |at: usize| list.get(at).and_then(Value::as_str).map(str::to_owned);
    Some(match (word(0)?.as_str(), list.len()) {
        ("EVENT", 3) => Said::Event(word(1)?, list.pop()?),
        ("EOSE", 2..) => Said::Stored(word(1)?),
        ("CLOSED", 2..) => Said::Closed(word(1)?, word(2).unwrap_or_default()),
        _ => Said::Other,
    })
}

/// Why a relay ended what was asked, in its own words, of which the first says what to do (NIP-01).
pub fn closed(relay: &str, why: &str) -> SourceError {
    let words: String = why.chars().filter(|c| !c.is_control()).take(200).collect();
    let retry = match why.split(':').next().unwrap_or_default() {
        "rate-limited" => Retry::After(SignedDuration::from_secs(SLOWER)),
        "auth-required" | "restricted" | "blocked" | "invalid" | "unsupported" | "pow" => Retry::Never,
        _ => Retry::Soon,
    };
    SourceError { what: format!("{relay} ended what was asked: {words}"), retry, position: None }
}

/// How long a relay is left alone after its nth failure in a row.
pub fn rest(retry: Retry, failures: u32) -> SignedDuration {
    match retry {
        Retry::After(wait) | Retry::Budget(wait) => wait,
        Retry::Never => SignedDuration::from_secs(UNWANTED_REST),
        Retry::Soon => {
            SignedDuration::from_secs((FIRST_REST << failures.saturating_sub(1).min(10)).min(LONGEST_REST))
        }
    }
}

impl Way<'_> {
    async fn socket(self, url: &str) -> Result<Box<Socket>, SourceError> {
        let ask = Ask { allow_private: self.allow_private, bucket: BUCKET, ..Ask::get(url, self.terms) };
        let limits = Limits { largest: LARGEST, silence: SILENCE, ping: true };
        match self.fetch.socket(&ask, limits).await? {
            Opened::Socket(socket) => Ok(socket),
            Opened::Refused(reply) => {
                let shown = Url::parse(url).map_or_else(|_| url.to_owned(), |url| address::shown(&url));
                let mut error = fetch::refused(&shown, &reply);
                // What a relay in order answers is a connection.
                if error.retry == Retry::Never && !matches!(reply.status, 401 | 403 | 410) {
                    error.retry = Retry::Soon;
                }
                Err(error)
            }
        }
    }

    /// Connects and asks for all of it, each from where it was read.
    pub async fn open(
        self,
        url: &str,
        filters: &[Filter],
        cursor: &Cursor,
        now: Timestamp,
    ) -> Result<Link, SourceError> {
        let searches = match filters.iter().any(|filter| matches!(filter, Filter::Search(_))) {
            true => self.searches(url).await?,
            false => false,
        };
        let mut link = Link { socket: self.socket(url).await?, subs: Vec::new(), most: 0, owed: 0 };
        for (number, filter) in filters.iter().enumerate() {
            // A relay that does not know the word would give everything.
            if matches!(filter, Filter::Search(_)) && !searches {
                continue;
            }
            let name = filter.place(url);
            let since = cursor.places.get(&name).and_then(Place::since);
            let mut wire = filter.wire();
            wire["limit"] = json!(if since.is_some() { PAGE } else { FIRST });
            if let Some(since) = since {
                wire["since"] = json!(since);
            }
            link.socket
                .send(&json!(["REQ", format!("l{number}"), wire]).to_string())
                .await
                .map_err(fetch::broken)?;
            link.subs.push(Sub {
                filter: number,
                place: name,
                stored: Some((since, now.as_second())),
                paging: false,
                page: Page::default(),
            });
        }
        if link.subs.is_empty() {
            let what = format!("{url} does not search (NIP-50), and nothing else is asked of it");
            return Err(SourceError { what, retry: Retry::Never, position: None });
        }
        Ok(link)
    }

    /// Whether it says of itself that it can (NIP-11).
    async fn searches(self, url: &str) -> Result<bool, SourceError> {
        let url = url.replacen("ws", "http", 1);
        let ask = Ask {
            allow_private: self.allow_private,
            accept: "application/nostr+json",
            ..Ask::get(&url, self.terms)
        };
        let answer = self.fetch.ask_any(&ask).await?;
        if answer.status >= 500 || answer.status == 429 {
            return Err(answer.refused());
        }
        let told = answer.borrowed().json().unwrap_or_default();
        let nips = told.get("supported_nips").and_then(Value::as_array);
        Ok(nips.is_some_and(|nips| {
            nips.iter().any(|nip| nip.as_u64() == Some(50) || nip.as_str() == Some("50"))
        }))
    }

    /// The events of an answer to one question, until the relay says that these are all.
    pub async fn once(self, url: &str, filters: &[Value]) -> Result<Vec<Value>, SourceError> {
        let mut socket = self.socket(url).await?;
        let mut words = vec![json!("REQ"), json!("once")];
        words.extend_from_slice(filters);
        socket.send(&Value::Array(words).to_string()).await.map_err(fetch::broken)?;
        let mut events = Vec::new();
        for _ in 0..4 * PAGE {
            let frame = socket.next(Duration::from_secs(10)).await.map_err(fetch::broken)?;
            match frame.as_ref().and_then(|frame| frame.text()).map(said) {
                Some(Some(Said::Event(_, event))) => events.push(event),
                Some(Some(Said::Closed(_, why))) => return Err(closed(url, &why)),
                Some(Some(Said::Stored(_))) => {
                    socket.close().await;
                    return Ok(events);
                }
                Some(_) => {}
                None => break,
            }
        }
        let what = format!("{url} does not come to an end with its answer");
        Err(SourceError { what, retry: Retry::Soon, position: None })
    }
}

/// The question for a page of a hole.
pub fn page(number: usize, filter: &Filter, hole: Hole) -> String {
    let mut wire = filter.wire();
    wire["since"] = json!(hole.after);
    wire["until"] = json!(hole.before);
    wire["limit"] = json!(PAGE);
    json!(["REQ", format!("p{number}"), wire]).to_string()
}

/// The question for what was taken back of these.
pub fn withdrawals(ids: &[&str]) -> Vec<Value> {
    let (articles, events): (Vec<&str>, Vec<&str>) = ids.iter().partition(|id| id.contains(':'));
    let of = |tag: &str, ids: &[&str]| {
        (!ids.is_empty()).then(|| json!({ "kinds": [DELETION], tag: ids, "limit": PAGE }))
    };
    [of("#e", &events), of("#a", &articles)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_relay_says_is_told_apart() {
        assert_eq!(said("[\"EVENT\",\"l0\",{}]"), Some(Said::Event("l0".into(), json!({}))));
        assert_eq!(said("[\"EOSE\",\"l0\"]"), Some(Said::Stored("l0".into())));
        assert_eq!(said("[\"CLOSED\",\"l0\"]"), Some(Said::Closed("l0".into(), String::new())));
        assert_eq!(said("[\"NOTICE\",\"words\"]"), Some(Said::Other));
        for text in ["", "{}", "[]", "[1]", "[\"EVENT\",1,{}]"] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let retry = |why: &str| closed("wss://relay.example", why).retry;
        assert_eq!(retry("rate-limited: slow down"), Retry::After(SignedDuration::from_secs(SLOWER)));
        assert_eq!(
            (retry("auth-required: sign in"), retry("error: shutting down")),
            (Retry::Never, Retry::Soon)
        );
        let rests: Vec<i64> = [1, 2, 3, 20].map(|failures| rest(Retry::Soon, failures).as_secs()).into();
        assert_eq!(rests, [5, 10, 20, 600]);
    }
}
