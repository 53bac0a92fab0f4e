//! The kind `feed`: RSS, Atom and JSON Feed, in all the versions that are still served.
//!
//! bytes → [`charset`] → [`tree`] (or JSON) → [`document`] by [`rss`], [`atom`] or [`json`] →
//! [`identity`] → posts. Each step takes what it gets and gives what it can; only a document that
//! is no feed at all is an error.
//!
//! The cursor holds short hashes of the entries last seen. It is not needed to read on, because a
//! feed always gives all it has; it tells when nothing of the last look is left, which means that
//! posts may have come and gone unseen.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use super::fetch::{self, Fetched, Request};
use super::schedule::LONGEST;
use super::{
    Answer, Batch, Built, Kind, Nothing, Parsed, Position, Reject, Retry, Settings, Source, SourceError,
    Terms, Tools,
};
use crate::domain::id::SourceId;
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::source::{Gap, GapCause, SkipReason};
use crate::net::address;

pub mod atom;
pub mod charset;
pub mod date;
pub mod document;
pub mod identity;
pub mod json;
pub mod rss;
pub mod settings;
pub mod tree;

use document::{Document, Entry, Unreadable};
use identity::Names;
use settings::FeedSettings;

const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, \
                      text/xml;q=0.9, application/json;q=0.8, */*;q=0.5";

/// The most that is read of a feed.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// So many entries are remembered from one look to the next.
const REMEMBERED: usize = 100;

/// A post cannot be of later than tomorrow (zones get lost), nor from before there were feeds.
const FUTURE: SignedDuration = SignedDuration::from_hours(24);
const EARLIEST: i64 = 631_152_000;

/// The kind `feed`.
pub const KIND: Kind = Kind {
    name: "feed",
    about: "RSS, Atom or JSON Feed at an address",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    paging: "what the site serves at once",
    sees: "RSS 0.9x, 1.0, 2.0, Atom 0.3 and 1.0, JSON Feed; edits of entries still in it",
    cannot: "entries that came and went between two looks (said as an overrun); deletions",
    ..Terms::OPEN
};

/// All faults of the settings.
pub fn check(settings: &Settings) -> Problems {
    FeedSettings::read(&settings.params).err().unwrap_or_default()
}

/// A source from settings in order.
///
/// # Errors
/// The first fault, should there be one after all.
pub fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let feed = FeedSettings::read(&settings.params).map_err(|problems| problems.to_string())?;
    Ok(Built::Pull(Box::new(Feed { id: settings.id.clone(), feed, tools: tools.clone() })))
}

/// What a document gave.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    /// In the order written.
    parsed: Parsed,
    /// Whether every entry has a date.
    dated: bool,
    /// The feed asks not to be asked again for this long.
    rest: Option<SignedDuration>,
    /// Hashes of all names in the document.
    seen: Vec<String>,
}

impl Reading {
    /// The oldest first, as far as the document tells.
    fn sort(&mut self) {
        if self.dated {
            self.parsed.posts.sort_by_key(|post| post.created_at);
        } else {
            self.parsed.posts.reverse();
        }
    }
}

/// The posts of an answer, in the order of the document.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    if answer.status >= 400 {
        return Nothing::ErrorAnswer.into();
    }
    let feed = FeedSettings::read(&settings.params).unwrap_or_default();
    match read(&settings.id, &feed, answer, Timestamp::MAX) {
        Ok(Reading { mut parsed, .. }) => {
            // It is a feed, so nothing is broken; its entries hold nothing that anybody could read.
            parsed.nothing = parsed.posts.is_empty().then_some(Nothing::NoPostsInside);
            parsed
        }
        Err(Unreadable::Html | Unreadable::OtherJson) => Nothing::ForeignInterface.into(),
        Err(Unreadable::Empty) if answer.status != 200 => Nothing::NoPostsInside.into(),
        Err(Unreadable::Empty | Unreadable::Unknown | Unreadable::Panicked) => Nothing::Broken.into(),
    }
}

/// Turns a document into posts.
fn read(
    source: &SourceId,
    settings: &FeedSettings,
    answer: &Answer<'_>,
    now: Timestamp,
) -> Result<Reading, Unreadable> {
    let url = answer.url.and_then(|url| Url::parse(url).ok());
    let document = document::read(answer.body, answer.header("content-type"), url.as_ref())?;
    let names = identity::names(&document);
    let seen = names.iter().take(REMEMBERED).flat_map(|names| {
        std::iter::once(&names.id).chain(&names.aliases).map(|name| identity::hash(&[name])[..8].to_owned())
    });
    let seen = seen.collect();
    let mut parsed = Parsed::default();
    let mut taken = HashSet::new();
    let dated = document.entries.iter().all(|entry| entry.date.is_some());
    let site = document.home.as_deref().and_then(host).or_else(|| url.as_ref().and_then(host_of));
    for (number, (entry, names)) in document.entries.iter().zip(names).enumerate() {
        if entry.title.is_none() && words(entry).is_empty() {
            parsed.reject(&format!("entry {}", number + 1), "it has no title, no text and no address");
        } else if taken.insert(names.id.clone()) {
            parsed.posts.push(post(source, settings, &document, entry, names, site.as_deref(), now));
        } else {
            parsed.rejects.push(Reject {
                reason: SkipReason::Duplicate,
                at: format!("entry {}", number + 1),
                why: "it stands in the document twice".into(),
            });
        }
    }
    let minutes = document.ttl.and_then(|ttl| i64::try_from(ttl).ok()).filter(|ttl| *ttl > 0);
    let rest = minutes.map(|ttl| SignedDuration::from_mins(ttl.min(24 * 60)).min(LONGEST));
    Ok(Reading { parsed, dated, rest, seen })
}

fn post(
    source: &SourceId,
    settings: &FeedSettings,
    document: &Document,
    entry: &Entry,
    names: Names,
    site: Option<&str>,
    now: Timestamp,
) -> Post {
    let link = entry.link.as_deref().filter(|link| address::parse(link).is_ok());
    let from_link = || link.and_then(host).or(site.map(str::to_owned)).unwrap_or_default();
    let latest = now.checked_add(FUTURE).unwrap_or(Timestamp::MAX);
    Post {
        source: source.clone(),
        site: settings.site.clone().unwrap_or_else(from_link),
        id: names.id,
        version: names.version,
        aliases: names.aliases,
        kind: settings.kind,
        url: link.map(str::to_owned),
        author: entry.author.clone().or_else(|| document.author.clone()),
        created_at: entry.date.filter(|date| *date <= latest && date.as_second() >= EARLIEST),
        title: entry.title.clone(),
        text: words(entry).to_owned(),
        lang: entry.lang.as_deref().or(document.lang.as_deref()).and_then(lang),
        parent: None,
        reach: None,
        deleted: false,
    }
}

/// The text of an entry. Where it says nothing at all (a bookmark, a recording), what it points to is what it
/// says, and may well name what somebody looks for.
fn words(entry: &Entry) -> &str {
    match (&entry.title, entry.body.as_str()) {
        (None, "") => entry.link.as_deref().or(entry.enclosure.as_deref()).unwrap_or_default(),
        (_, body) => body,
    }
}

fn host(link: &str) -> Option<String> {
    host_of(&Url::parse(link).ok()?)
}

fn host_of(url: &Url) -> Option<String> {
    url.host_str().map(|host| host.trim_start_matches("www.").to_ascii_lowercase())
}

/// `en-US`, `de_AT`, `fr`; what people write instead is no language.
fn lang(written: &str) -> Option<String> {
    let tag = written.trim().replace('_', "-").to_ascii_lowercase();
    let mut parts = tag.split('-');
    let first = parts.next()?;
    let fits = (2..=3).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    fits.then_some(tag)
}

/// What was there at the last look.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// Hash of the configured address; what was seen at another one is no comparison.
    of: String,
    at: Option<Timestamp>,
    seen: Vec<String>,
}

impl Cursor {
    fn read(position: &Position, url: &str) -> Self {
        let of = identity::hash(&[url]);
        let kept: Option<Cursor> =
            position.cursor.as_deref().and_then(|cursor| serde_json::from_str(cursor).ok());
        kept.filter(|cursor| cursor.of == of).unwrap_or_else(|| Cursor { of, ..Cursor::default() })
    }

    fn write(&self) -> String {
        serde_json::to_string(self).expect("times and strings always serialise")
    }

    /// The stretch in which posts may have come and gone. A feed of one entry says nothing: there
    /// the next post always drives out the last.
    fn gap(&self, source: &SourceId, reading: &Reading, now: Timestamp) -> Option<Gap> {
        let last: HashSet<&String> = self.seen.iter().collect();
        let entries = reading.parsed.posts.len();
        if last.is_empty() || entries < 2 || reading.seen.iter().any(|seen| last.contains(seen)) {
            return None;
        }
        let detail = format!("none of the {entries} entries was there at the last look");
        Some(Gap { source: source.clone(), from: self.at, until: now, cause: GapCause::Overrun, detail })
    }
}

struct Feed {
    id: SourceId,
    feed: FeedSettings,
    tools: Tools,
}

impl Feed {
    async fn read(&self, answer: &fetch::Answer, now: Timestamp) -> Result<Reading, Unreadable> {
        let (id, feed, answer) = (self.id.clone(), self.feed.clone(), answer.clone());
        let work = move || {
            let answer = answer.borrowed();
            let mut reading = read(&id, &feed, &answer, now)?;
            reading.sort();
            Ok(reading)
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Unreadable::Panicked))
    }
}

#[async_trait]
impl Source for Feed {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let request = Request {
            url: &self.feed.url,
            memo: position.memo.as_deref(),
            accept: ACCEPT,
            allow_private: self.feed.allow_private,
            cap: MOST_BYTES,
            terms: &TERMS,
        };
        let last = Cursor::read(position, &self.feed.url);
        let answer = match self.tools.fetch.get(request).await? {
            Fetched::Fresh(answer) => answer,
            Fetched::NotModified { memo, rest } => {
                let cursor = Cursor { at: Some(now), ..last }.write();
                let position = Position { cursor: Some(cursor), memo: Some(memo) };
                return Ok(Batch { position, rest, fetched_through: Some(now), ..Batch::default() });
            }
        };
        let reading = self.read(&answer, now).await.map_err(|unreadable| {
            let url = address::parse(&answer.url).map(|url| address::shown(&url)).unwrap_or_default();
            // An address that was once a feed's is in trouble; one that never was is wrong.
            let retry = if last.at.is_some() { Retry::Soon } else { Retry::Never };
            SourceError { what: format!("{url}: {unreadable}"), retry, position: None }
        })?;
        let gaps = last.gap(&self.id, &reading, now).into_iter().collect();
        // An empty answer of a feed that had entries is no reason to forget them.
        let seen = if reading.seen.is_empty() { last.seen } else { reading.seen };
        let cursor = Cursor { of: last.of, at: Some(now), seen }.write();
        Ok(Batch {
            posts: reading.parsed.posts,
            rejects: reading.parsed.rejects,
            position: Position { cursor: Some(cursor), memo: Some(answer.memo) },
            rest: reading.rest.max(answer.rest),
            fetched_through: Some(now),
            gaps,
            ..Batch::default()
        })
    }

    fn interval(&self) -> SignedDuration {
        self.feed.interval
    }
}
