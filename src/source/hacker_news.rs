//! Hacker News, by walking its item numbers: every story, comment, poll and job has the next number of one
//! row, so what was missed is known exactly, and after an outage exactly the missed stretch is read.
//!
//! A look asks for the highest number, then for a bounded run of the numbers after the last one, several at a
//! time. [`walk`] holds the rules and their reasons: when the cursor moves, what is asked again, when an item
//! is given up and told as a gap. Items that were read before and changed since are read again, as far as
//! the site names them; an unchanged one has the version it had.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};

use self::item::{Item, Sort};
use self::walk::{Cursor, Outcome, Walk};
use super::fetch::{Fetched, Fetcher, Request};
use super::params::Params;
use super::terms::{Budget, Commercial, Over, Terms, Word};
use super::{Batch, Built, Kind, Position, Retry, Settings, Source, SourceError, Tools};
use crate::domain::post::Post;
use crate::domain::problem::Problems;

pub mod item;
mod saved;
mod walk;

pub use self::saved::parse;

/// The kind `hacker_news`.
pub const KIND: Kind = Kind {
    name: "hacker_news",
    about: "stories, comments, polls and jobs of Hacker News; no account needed",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    // The API itself names no limit; what is fair to a free service is ours to say.
    budgets: &[Budget::per_minute(600, Over::Host)],
    budgets_word: Word::stricter(
        "there is currently no rate limit",
        "HackerNews/API, README",
        "https://github.com/HackerNews/API",
    ),
    asks: 20,
    least_every: 10,
    paging: "one item an answer",
    sees: "every story, comment, poll and job, by number; exactly what was missed after days off",
    cannot: "votes; edits that the site's short list of changes did not name",
    commercial: Commercial::Allowed,
    document: "https://github.com/HackerNews/API",
    ..Terms::OPEN
};

/// Most numbers asked for in one look: some twenty seconds of work at the pace that a host is asked at, so
/// that what was read is soon stored.
const MOST_NUMBERS: u64 = 200;
/// Questions waiting for an answer at once; how many of them are on their way is the fetcher's to say.
const AT_ONCE: usize = 16;
/// Failures in a row after which the site counts as down.
const DOWN: usize = 16;
/// Most items read again in one look because the site says that they changed.
const MOST_CHANGED: usize = 100;
/// The site's list of changes is looked at with every so manieth look.
const CHANGES_EACH: u32 = 2;
/// Largest answer; a story with thousands of comments lists their numbers.
const MOST_BYTES: usize = 2 << 20;
/// Farthest back a first look may start.
const MOST_BACK: u64 = 1_000_000;

#[derive(Debug, Clone)]
struct Wanted {
    base: String,
    interval: SignedDuration,
    /// How many items before the newest one a first look starts.
    back: u64,
    sorts: Vec<Sort>,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params.text("base_url").unwrap_or("https://hacker-news.firebaseio.com").trim_end_matches('/');
    if !url::Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let interval = params.wait("interval", 30, 10);
    let back = match params.value("start") {
        None => 0,
        Some(value) if value.as_str() == Some("now") => 0,
        Some(value) => value.as_u64().filter(|&back| back <= MOST_BACK).unwrap_or_else(|| {
            let remedy = format!("write \"now\", or how many items back to begin, at most {MOST_BACK}");
            params.fault("start", format!("{value} is no place to start"), remedy);
            0
        }),
    };
    let known: Vec<&str> = Sort::ALL.iter().map(|(word, _)| *word).collect();
    let sorts = match params.value("kinds") {
        None => Sort::DEFAULT.to_vec(),
        Some(value) => {
            let words = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let sorts: Vec<Sort> =
                words.iter().filter_map(|word| item::sort(word.as_str().unwrap_or(""))).collect();
            if sorts.is_empty() || sorts.len() < words.len() {
                params.fault(
                    "kinds",
                    format!("{value} is no list of kinds"),
                    format!("known: {}", known.join(", ")),
                );
            }
            sorts
        }
    };
    let allow_private = params.flag("allow_private");
    (Wanted { base: base.to_owned(), interval, back, sorts, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let (settings, wanted) = (settings.clone(), wanted(settings).0);
    let fetch = Arc::clone(&tools.fetch);
    Ok(Built::Pull(Box::new(HackerNews { settings, site: Site { fetch, wanted }, looks: 0 })))
}

struct HackerNews {
    settings: Settings,
    site: Site,
    /// Looks since the start; only decides when the list of changes is due.
    looks: u32,
}

#[async_trait]
impl Source for HackerNews {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let highest: u64 = self.site.ask("maxitem").await?;
        let cursor = match &position.cursor {
            Some(kept) => serde_json::from_str(kept).map_err(|error| SourceError {
                retry: Retry::Never,
                ..soon(format!("the kept cursor cannot be read: {error}"))
            })?,
            None => Cursor::new(highest.saturating_sub(self.site.wanted.back)),
        };
        let mut walk = Walk::new(cursor, now);
        let mut posts = Vec::new();

        let pending = walk.to_retry();
        let stopped = self.run(&mut walk, pending, &mut posts, Walk::again).await;
        let last = highest.min(walk.through().saturating_add(MOST_NUMBERS));
        let fresh: Vec<u64> = (walk.through() + 1..=last).collect();
        let asked = !fresh.is_empty();
        let stopped = match stopped {
            Some(Stopped::Told(error)) => Some(Stopped::Told(error)),
            // Old items that fail do not tell that new ones would.
            _ => self.run(&mut walk, fresh, &mut posts, Walk::next).await,
        };
        let behind = walk.settle(stopped.is_none()) < highest;
        let more = stopped.is_none() && behind && walk.moved();
        match (&stopped, walk.failure()) {
            _ if walk.answered() => {}
            (Some(stopped), _) => return Err(stopped.error()),
            (None, Some(what)) if asked => return Err(soon(what)),
            _ => {}
        }
        if !behind && stopped.is_none() {
            if self.looks.is_multiple_of(CHANGES_EACH) {
                let changed = self.changes(&walk).await;
                self.run(&mut walk, changed, &mut posts, Walk::changed).await;
            }
            self.looks = self.looks.wrapping_add(1);
        }
        let (cursor, gaps) = walk.finish(&self.settings.id);
        let through = if behind || stopped.is_some() { cursor.newest } else { Some(now) };
        let rest = stopped.and_then(|stopped| stopped.rest());
        Ok(Batch {
            posts,
            fetched_through: through,
            position: Position { cursor: Some(cursor.write()), memo: None },
            more,
            rest,
            gaps,
            ..Batch::default()
        })
    }

    fn interval(&self) -> SignedDuration {
        self.site.wanted.interval
    }
}

fn soon(what: String) -> SourceError {
    SourceError { what, retry: Retry::Soon, position: None }
}

/// Why a run of questions was broken off.
enum Stopped {
    /// The site asks for a pause.
    Told(SourceError),
    /// Nothing but failures.
    Down(String),
}

impl Stopped {
    fn error(&self) -> SourceError {
        match self {
            Stopped::Told(error) => error.clone(),
            Stopped::Down(what) => soon(what.clone()),
        }
    }

    fn rest(self) -> Option<SignedDuration> {
        match self {
            Stopped::Told(error) => error.pause(),
            Stopped::Down(_) => None,
        }
    }
}

impl HackerNews {
    /// Asks for numbers, several at a time, and tells the walk of the answers in the order of the numbers.
    async fn run(
        &self,
        walk: &mut Walk,
        numbers: Vec<u64>,
        posts: &mut Vec<Post>,
        tell: fn(&mut Walk, u64, &Outcome) -> bool,
    ) -> Option<Stopped> {
        let questions = numbers.into_iter().map(|number| {
            let site = self.site.clone();
            async move { (number, site.item(number).await) }
        });
        let mut answers = futures::stream::iter(questions).buffered(AT_ONCE);
        let mut failures = 0;
        while let Some((number, answer)) = answers.next().await {
            let (outcome, item) = match answer {
                Ok(Some(item)) => (Outcome::There(item.written()), Some(item)),
                Ok(None) => (Outcome::Null, None),
                Err(error) if error.pause().is_some() => return Some(Stopped::Told(error)),
                Err(error) => (Outcome::Failed(error.what), None),
            };
            failures = if matches!(outcome, Outcome::Failed(_)) { failures + 1 } else { 0 };
            if !tell(walk, number, &outcome) {
                return None;
            }
            posts.extend(item.and_then(|item| item.post(&self.settings.id, &self.site.wanted.sorts)));
            if let (DOWN, Outcome::Failed(what)) = (failures, outcome) {
                return Some(Stopped::Down(what));
            }
        }
        None
    }

    /// Numbers read before that the site says have changed. Its list is short-lived and no promise, so a
    /// failure here is no failure of the look.
    async fn changes(&self, walk: &Walk) -> Vec<u64> {
        #[derive(serde::Deserialize)]
        struct Updates {
            items: Vec<u64>,
        }
        let updates: Result<Updates, _> = self.site.ask("updates").await;
        let items = updates.map(|updates| updates.items).unwrap_or_default();
        items.into_iter().filter(|&number| walk.knows(number)).take(MOST_CHANGED).collect()
    }
}

#[derive(Clone)]
struct Site {
    fetch: Arc<Fetcher>,
    wanted: Wanted,
}

impl Site {
    /// An item, or none where the site says `null`.
    async fn item(&self, number: u64) -> Result<Option<Item>, SourceError> {
        let item: Option<Item> = self.ask(&format!("item/{number}")).await?;
        match &item {
            Some(item) if item.id != number => {
                Err(soon(format!("item {number} answered with item {}", item.id)))
            }
            _ => Ok(item),
        }
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, what: &str) -> Result<T, SourceError> {
        let url = format!("{}/v0/{what}.json", self.wanted.base);
        let request = Request {
            url: &url,
            memo: None,
            accept: "application/json",
            allow_private: self.wanted.allow_private,
            cap: MOST_BYTES,
            terms: &TERMS,
        };
        let strange =
            |why: String| SourceError { what: format!("{url} {why}"), retry: Retry::Soon, position: None };
        match self.fetch.get(request).await? {
            Fetched::Fresh(answer) => serde_json::from_slice(&answer.body).map_err(|error| {
                strange(format!("gave an answer of another form (column {})", error.column()))
            }),
            Fetched::NotModified { .. } => {
                Err(strange("answered 304 to a request without validators".into()))
            }
        }
    }
}
