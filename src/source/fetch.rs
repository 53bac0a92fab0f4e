//! The polite GET: asks with what it learnt last time, follows redirects one checked hop at a
//! time, hears what the server wishes, and never crowds a host.
//!
//! What was learnt lies in the memo, an opaque text beside the source's cursor. Losing it costs
//! one full answer and no post. Rules worth knowing:
//! * Validators belong to the address that gave them and are sent to no other.
//! * A permanent redirect is remembered and asked first next time. When the remembered address
//!   fails, the configured one is asked in the same breath: sites move back.
//! * A move from `https` to `http` is followed and not remembered.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Retry, SourceError, Terms};
use crate::domain::note::Spent;
use crate::net::{self, Reply, address};
use crate::runtime::clock::{SharedClock, SystemClock};

mod ask;
mod budget;
mod gate;
mod limits;
mod socket;
pub mod wishes;

pub use ask::Ask;
use budget::Wait;
pub use budget::{Claim, Keeper, Ledger};
use gate::Gates;
pub use gate::Limits;
pub use socket::{broken, refused};

/// A source waits this long for its budget inside a look; for more than that the look ends, and what it has
/// is taken in.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// More hops than any honest site needs.
const MOST_HOPS: usize = 8;

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The configured address.
    pub url: &'a str,
    /// What the last answer left.
    pub memo: Option<&'a str>,
    /// The `Accept` header.
    pub accept: &'a str,
    /// Whether private networks may be reached.
    pub allow_private: bool,
    /// The most that is read of the body, after decompression.
    pub cap: usize,
    /// What the place allows.
    pub terms: &'static Terms,
}

/// What came back.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// A body.
    Fresh(Answer),
    /// Nothing has changed since the memo.
    NotModified {
        /// To be kept in place of the old one: a 304 may carry new validators.
        memo: String,
        /// The server asks not to be asked again for this long.
        rest: Option<SignedDuration>,
    },
}

/// A body and what came with it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The address that answered in the end.
    pub url: String,
    /// The status code.
    pub status: u16,
    /// As sent.
    pub content_type: Option<String>,
    /// Names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// After decompression.
    pub body: Bytes,
    /// To be kept and handed in next time.
    pub memo: String,
    /// The server asks not to be asked again for this long.
    pub rest: Option<SignedDuration>,
}

impl Answer {
    /// For a kind's `parse`.
    pub fn borrowed(&self) -> super::Answer<'_> {
        super::Answer { url: Some(&self.url), status: self.status, headers: &self.headers, body: &self.body }
    }

    /// What an error status means, for who asked in a way that lets it pass.
    pub fn refused(&self) -> SourceError {
        let shown = Url::parse(&self.url).map_or_else(|_| String::new(), |url| address::shown(&url));
        let (status, headers) = (self.status, self.headers.clone());
        from_reply(&shown, &Reply { status, headers, body: Bytes::new() })
    }
}

/// What is kept between requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Memo {
    /// The configured address; another one makes the memo worthless.
    asked: String,
    /// Where it has moved for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved: Option<String>,
    /// The address whose validators these are.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

impl Memo {
    fn read(request: &Request<'_>) -> Self {
        let kept: Option<Memo> = request.memo.and_then(|memo| serde_json::from_str(memo).ok());
        kept.filter(|memo| memo.asked == request.url)
            .unwrap_or_else(|| Memo { asked: request.url.to_owned(), ..Memo::default() })
    }

    fn write(&self) -> String {
        serde_json::to_string(self).expect("strings always serialise")
    }

    /// A validator too long to be one is dropped: it would be stored and sent for ever.
    fn learn(&mut self, reply: &Reply, url: &Url) {
        let sane = |name| reply.header(name).filter(|value| value.len() <= 1_024).map(str::to_owned);
        let (etag, modified) = (sane("etag"), sane("last-modified"));
        if reply.status != 304 || self.of.as_deref() != Some(url.as_str()) {
            (self.etag, self.modified) = (etag, modified);
        } else {
            self.etag = etag.or(self.etag.take());
            self.modified = modified.or(self.modified.take());
        }
        self.of = Some(url.as_str().to_owned());
    }
}

/// A reply at the end of its redirects.
struct Arrived {
    reply: Reply,
    url: Url,
    moved: Option<String>,
    conditional: bool,
}

/// Fetches politely. Shared by all sources, so that two of them on one host count together.
#[derive(Debug)]
pub struct Fetcher {
    client: net::Client,
    gates: Arc<Gates>,
    ledger: Arc<Ledger>,
    clock: Clocked,
    keeper: Kept,
}

/// Who writes down what was asked; none: nobody, as in a command that asks once.
struct Kept(Option<Arc<dyn Keeper>>);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "kept" } else { "not kept" })
    }
}

impl Kept {
    async fn keep(&self, rows: Vec<Spent>) -> Result<(), String> {
        match &self.0 {
            Some(keeper) if !rows.is_empty() => keeper.keep(rows).await,
            _ => Ok(()),
        }
    }
}

/// A clock that can stand in a debug print.
struct Clocked(SharedClock);

impl std::fmt::Debug for Clocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("clock")
    }
}

impl Fetcher {
    /// With the usual limits for a host.
    pub fn new(client: net::Client) -> Self {
        Self::with_limits(client, Limits::default())
    }

    /// With limits of the caller's.
    pub fn with_limits(client: net::Client, limits: Limits) -> Self {
        let (ledger, clock) = (Ledger::shared(), Clocked(Arc::new(SystemClock)));
        Self { client, gates: Arc::new(Gates::new(limits)), ledger, clock, keeper: Kept(None) }
    }

    /// Writes down what is asked before it is asked.
    #[must_use]
    pub fn kept_by(self, keeper: Option<Arc<dyn Keeper>>) -> Self {
        Self { keeper: Kept(keeper), ..self }
    }

    /// With accounts of its own, kept by this clock.
    #[must_use]
    pub fn on(self, clock: SharedClock) -> Self {
        Self { ledger: Arc::default(), clock: Clocked(clock), ..self }
    }

    /// Sends a request when the budgets and the host have room for it, and hears what the answer says of them.
    async fn in_turn(
        &self,
        url: &Url,
        claim: &Claim<'_>,
        sent: impl Future<Output = Result<Reply, net::Error>> + Send,
    ) -> Result<Result<Reply, net::Error>, SourceError> {
        let clock = &self.clock.0;
        let mut spent = loop {
            // Made before looking, so that an end in between is not missed.
            let ended = self.ledger.answer();
            match self.ledger.take(claim, clock) {
                Ok(spent) => break spent,
                Err(Wait::Answer) => ended.await,
                Err(Wait::Until(at, why)) => {
                    let wait = at.duration_since(clock.now());
                    if wait > PATIENCE {
                        let what = format!("{} may not be asked now: {why}", claim.host);
                        return Err(SourceError { what, retry: Retry::Budget(wait), position: None });
                    }
                    clock.until(at).await;
                }
            }
        };
        if let Err(why) = self.keeper.keep(std::mem::take(&mut spent.rows)).await {
            let what = format!("{} is not asked, because that cannot be written down: {why}", claim.host);
            return Err(SourceError { what, retry: Retry::Soon, position: None });
        }
        let _turn = self.gates.enter(url.host_str().unwrap_or_default()).await;
        let reply = sent.await;
        if let Ok(reply) = &reply
            && let Some(wait) = limits::pause(reply, clock.now())
        {
            let until = clock.now().checked_add(wait).unwrap_or(jiff::Timestamp::MAX);
            let row = self.ledger.close(claim, until);
            if let Err(why) = self.keeper.keep(vec![row]).await {
                tracing::warn!("the pause that {} asks for is not kept over a restart: {why}", claim.host);
            }
        }
        Ok(reply)
    }

    /// A place said in an answer's body that it wants to be left alone for that long.
    pub fn pause(&self, url: &str, account: Option<&str>, bucket: &'static str, wait: SignedDuration) {
        let Ok(url) = parse(url) else { return };
        let host = ask::host(&url);
        let claim = Claim { host: &host, account, bucket, cost: 1, budgets: &[] };
        let until = self.clock.0.now().checked_add(wait).unwrap_or(jiff::Timestamp::MAX);
        self.ledger.close(&claim, until);
    }

    /// Asks once.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps. An error status is an error here.
    pub async fn get(&self, request: Request<'_>) -> Result<Fetched, SourceError> {
        let mut memo = Memo::read(&request);
        let configured = parse(request.url)?;
        let moved = memo.moved.as_deref().and_then(|moved| address::parse(moved).ok());
        let arrived = match moved {
            Some(start) => match self.follow(&start, &request, &memo).await {
                Ok(arrived) => Arrived { moved: arrived.moved.or(memo.moved.take()), ..arrived },
                // It wants rest, and is alive: the old address would only pass the question on.
                Err(error) if matches!(error.retry, Retry::After(_)) => return Err(error),
                Err(_) => self.follow(&configured, &request, &memo).await?,
            },
            None => self.follow(&configured, &request, &memo).await?,
        };
        let Arrived { reply, url, moved, conditional } = arrived;
        if reply.status == 304 && !conditional {
            let what = format!("{} answered 304 to a question without a condition", address::shown(&url));
            return Err(SourceError { what, retry: Retry::Soon, position: None });
        }
        memo.moved = moved;
        memo.learn(&reply, &url);
        let memo = memo.write();
        let rest = wishes::rest(&reply, SystemTime::now());
        if reply.status == 304 {
            return Ok(Fetched::NotModified { memo, rest });
        }
        Ok(Fetched::Fresh(Answer {
            url: url.into(),
            status: reply.status,
            content_type: reply.header("content-type").map(str::to_owned),
            headers: reply.headers,
            body: reply.body,
            memo,
            rest,
        }))
    }

    /// Follows redirects to a 2xx or a 304.
    async fn follow(&self, start: &Url, request: &Request<'_>, memo: &Memo) -> Result<Arrived, SourceError> {
        let mut url = start.clone();
        let mut moved = None;
        let mut permanent = true;
        for _ in 0..=MOST_HOPS {
            let (reply, conditional) = self.hop(&url, request, memo).await?;
            if (200..300).contains(&reply.status) || reply.status == 304 {
                return Ok(Arrived { reply, url, moved, conditional });
            }
            let target = match reply.status {
                301 | 302 | 303 | 307 | 308 => reply.header("location"),
                _ => None,
            };
            let Some(target) = target else { return Err(from_reply(&address::shown(&url), &reply)) };
            let next = url.join(target).ok().and_then(|next| address::parse(next.as_str()).ok());
            let Some(mut next) = next else {
                let what = format!("{} redirects to what is no address", address::shown(&url));
                return Err(SourceError { what, retry: Retry::Never, position: None });
            };
            next.set_fragment(None);
            let downgraded = url.scheme() == "https" && next.scheme() == "http";
            permanent &= matches!(reply.status, 301 | 308) && !downgraded;
            if permanent {
                moved = Some(next.as_str().to_owned());
            }
            url = next;
        }
        let what = format!("{} redirects more than {MOST_HOPS} times", address::shown(start));
        Err(SourceError { what, retry: Retry::Never, position: None })
    }

    /// One hop; says also whether it carried a condition.
    async fn hop(&self, url: &Url, request: &Request<'_>, memo: &Memo) -> Result<(Reply, bool), SourceError> {
        let mut headers = vec![("accept", request.accept)];
        if memo.of.as_deref() == Some(url.as_str()) {
            headers.extend(memo.etag.as_deref().map(|etag| ("if-none-match", etag)));
            headers.extend(memo.modified.as_deref().map(|date| ("if-modified-since", date)));
        }
        let conditional = headers.len() > 1;
        let host = ask::host(url);
        let claim = Claim { host: &host, account: None, bucket: "", cost: 1, budgets: request.terms.budgets };
        let sent = self.client.get(url, &headers, request.allow_private, request.cap);
        let reply = self.in_turn(url, &claim, sent).await?.map_err(from_net)?;
        Ok((reply, conditional))
    }
}

fn parse(url: &str) -> Result<Url, SourceError> {
    address::parse(url).map_err(from_net)
}

fn from_net(error: net::Error) -> SourceError {
    let retry = if error.may_pass() { Retry::Soon } else { Retry::Never };
    SourceError { what: error.to_string(), retry, position: None }
}

fn from_reply(shown: &str, reply: &Reply) -> SourceError {
    let now = SystemTime::now();
    let asked = wishes::retry_after(reply, now)
        .or_else(|| limits::spent(reply, jiff::Timestamp::try_from(now).unwrap_or_default()));
    let what = format!("{shown} answered {}", reply.status);
    SourceError { what, retry: from_status(reply.status, asked), position: None }
}

/// Whether trying again helps after an error status. Here and nowhere else.
pub fn from_status(status: u16, retry_after: Option<SignedDuration>) -> Retry {
    match (status, retry_after) {
        (403 | 429 | 500..=599, Some(wait)) => Retry::After(wait),
        (408 | 421 | 425 | 429 | 500..=599, _) => Retry::Soon,
        _ => Retry::Never,
    }
}
