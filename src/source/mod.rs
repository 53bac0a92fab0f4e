//! Places that are read. One file a kind, and one line in [`KINDS`]: that is all it takes to add
//! one. A source turns answers of a site into [`Post`]s and moves a cursor; it knows nothing of
//! topics, the store or the schedule.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::id::SourceId;
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::source::{Gap, SkipReason, Trouble};

/// What a source was configured with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Its name.
    pub id: SourceId,
    /// `[sources.params]`, checked by the kind.
    pub params: Value,
}

/// How far a source was read; both parts are the kind's own (see `domain::source::SourceState`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// Moves only together with what it stands for.
    pub cursor: Option<String>,
    /// What makes the next request cheap.
    pub memo: Option<String>,
}

impl Position {
    /// Where a cursor of the kind's own stands.
    pub fn of(cursor: &impl Serialize) -> Self {
        let written = serde_json::to_string(cursor).expect("names, numbers and times always serialise");
        Self { cursor: Some(written), memo: None }
    }

    /// The cursor; a beginning where none was kept, or none that can be read.
    pub fn kept<Cursor: DeserializeOwned + Default>(&self) -> Cursor {
        self.cursor.as_deref().and_then(|cursor| serde_json::from_str(cursor).ok()).unwrap_or_default()
    }
}

/// What one look at a source gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// New or seen before, in the order in which they should be taken in.
    pub posts: Vec<Post>,
    /// Items that could not become posts.
    pub rejects: Vec<Reject>,
    /// Where to go on.
    pub position: Position,
    /// There is more to fetch right away.
    pub more: bool,
    /// The site asks not to be asked again for this long.
    pub rest: Option<SignedDuration>,
    /// Everything up to here has been read, except for gaps: `now` where nothing is left to fetch, the date of the
    /// last post read while something is, none where this look cannot say. An outage counts as repaired by
    /// this alone, so it is never said of what was skipped.
    pub fetched_through: Option<Timestamp>,
    /// Stretches newly known to be blind: what the place does not serve any more.
    pub gaps: Vec<Gap>,
    /// Authors who left the site, with all they wrote. A single post that went is a post with `deleted` set.
    pub gone: Vec<AuthorGone>,
    /// Lists, servers, that this look could not read while it read others. `fetched_through` stands still for them.
    pub trouble: Vec<Trouble>,
}

/// An author whose account was deleted, or who withdrew what they wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorGone {
    /// As in [`Post::site`].
    pub site: String,
    /// As in [`Post::author`].
    pub author: String,
}

/// A post of ours that a source is asked about anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// As in [`Post::id`].
    pub id: String,
    /// As in [`Post::url`].
    pub url: Option<String>,
    /// As in [`Post::parent`].
    pub parent: Option<String>,
}

/// What a site says of posts known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rechecked {
    /// As they are now, edited or not; removed ones have `deleted` set.
    pub posts: Vec<Post>,
    /// Ids that the site surely serves no more. An error answer is no such sign.
    pub gone: Vec<String>,
    /// The site asks not to be asked again for this long.
    pub rest: Option<SignedDuration>,
}

/// An item of an answer that could not become a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub reason: SkipReason,
    /// Where in the answer: a JSON pointer, or `line 12`, or `entry 3`.
    pub at: String,
    /// What is wrong; no post text.
    pub why: String,
}

/// Whether trying again helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Not without a person: wrong address, refused key. Slow polls go on all the same.
    Never,
    /// With back-off.
    Soon,
    /// Not before this much time has passed, the site says.
    After(SignedDuration),
    /// Nothing failed: what may be asked of the site is used up for this long.
    Budget(SignedDuration),
}

impl Retry {
    /// What a person can do about it.
    pub fn remedy(self) -> String {
        match self {
            Retry::Never => "it stays so until the settings, or the key, are put right".into(),
            Retry::Soon => {
                "it is asked again with every look; if it lasts, see whether the place is well".into()
            }
            Retry::After(wait) | Retry::Budget(wait) => {
                format!("it asked for a pause of {wait:#}, and is asked again then")
            }
        }
    }
}

/// Why a look gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SourceError {
    /// A fragment: `feed https://… answered 503`. No secrets, no post text.
    pub what: String,
    /// Whether trying again helps.
    pub retry: Retry,
    /// What was learnt all the same (validators, a moved address).
    pub position: Option<Position>,
}

impl SourceError {
    /// What is worth another try.
    pub fn soon(what: impl Into<String>) -> Self {
        Self { what: what.into(), retry: Retry::Soon, position: None }
    }

    /// For how long the site is not to be asked. A look that has something by then ends well, gives it, and
    /// says this as its `rest`: to begin again from nothing would use up the budget once more.
    pub fn pause(&self) -> Option<SignedDuration> {
        match self.retry {
            Retry::After(wait) | Retry::Budget(wait) => Some(wait),
            Retry::Never | Retry::Soon => None,
        }
    }
}

/// One configured place.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// Looks once, from `position` on. Bounded: a large backlog comes in several batches, each with `more` set
    /// but the last. Where the place can be read from its newest end, the first of them gives what is newest, so
    /// that a fresh complaint does not wait behind the old ones; the cursor then holds both ends of what is
    /// still to be read, and `fetched_through` stays where it was until they meet. Where it can be read from
    /// the oldest end only, `fetched_through` moves along. In one batch the oldest comes first.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError>;

    /// Looks once from the beginning, to show what it would take in. A place that charges is paid from what stands
    /// in the position.
    async fn trial(&mut self, position: &Position, now: Timestamp) -> Tried {
        Tried { position: position.clone(), looked: self.poll(&Position::default(), now).await }
    }

    /// How long to wait after a look that went well, before the site's own wishes.
    fn interval(&self) -> SignedDuration;

    /// What its place allows it, where that is not what its kind's terms say of most.
    fn terms(&self) -> Option<&'static Terms> {
        None
    }

    /// What its looks usually ask, to sum up what sources that share a budget need; empty: as its kind's terms say.
    fn asks(&self) -> Vec<Asks> {
        Vec::new()
    }

    /// What an operator should know of the last look beside what it gave: what it costs, what it forecasts.
    fn remark(&self) -> Option<String> {
        None
    }

    /// After how many posts [`Source::recheck`] may ask at once; 0: this place cannot be asked by id.
    fn recheck_at_once(&self) -> usize {
        0
    }

    /// Asks anew after posts known: which were edited, which are gone. What is in neither part of the answer
    /// is not known to have changed.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    async fn recheck(&mut self, _known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        Ok(Rechecked::default())
    }
}

/// What a source usually asks of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asks {
    /// What the place counts it under (`Budget::bucket`).
    pub bucket: &'static str,
    /// How much of the budgets it takes.
    pub cost: u32,
    /// How often.
    pub every: SignedDuration,
    /// The setting that says how often.
    pub setting: &'static str,
}

impl Asks {
    /// So many questions a look, each at the price of one.
    pub fn new(bucket: &'static str, questions: usize, every: SignedDuration) -> Self {
        let cost = u32::try_from(questions).unwrap_or(u32::MAX);
        Self { bucket, cost, every, setting: "interval" }
    }
}

/// What a look for a trial gave.
pub struct Tried {
    /// To be kept in place of the position that was handed in: nothing was read, and what was paid is paid.
    pub position: Position,
    /// What it would take in.
    pub looked: Result<Batch, SourceError>,
}

/// What kinds may use.
#[derive(Clone)]
pub struct Tools {
    /// The one polite, guarded way to fetch.
    pub fetch: Arc<fetch::Fetcher>,
}

/// What a kind is: how its settings are checked and how it is built.
pub struct Kind {
    /// As written in the configuration.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// All faults of the settings; keys relative to `params`.
    pub check: fn(&Settings) -> Problems,
    /// A source from settings that `check` found in order.
    pub build: fn(&Settings, &Tools) -> Result<Built, String>,
    /// The posts of an answer, or one reason why there are none. Pure, and never panics; reads any answer of
    /// the place (lists, single posts, threads, searches), whatever the settings leave out. None where there
    /// is nothing that could be saved.
    pub parse: Option<fn(&Answer<'_>, &Settings) -> Parsed>,
    /// What the place allows.
    pub terms: &'static Terms,
}

/// Pulled by the poller, or pushed by its sender.
pub enum Built {
    /// Asked again and again.
    Pull(Box<dyn Source>),
    /// Its sender calls us; what it brings goes through the inbox.
    Push(Box<dyn Push>),
}

/// A request that brings posts.
pub struct Pushed<'a> {
    /// Header names (lower case) and values.
    pub headers: &'a [(String, String)],
    /// The body as it came.
    pub body: &'a [u8],
}

/// Why a pushed request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No valid signature, or too old: 401.
    #[error("the signature does not verify: {0}")]
    Unsigned(String),
    /// It cannot be read: 400.
    #[error("the body cannot be read: {0}")]
    Malformed(String),
}

/// A place whose sender calls us.
pub trait Push: Send + Sync + 'static {
    /// The posts of a request, once its sender is known to be who it says.
    ///
    /// # Errors
    /// Why nothing is taken.
    fn receive(&self, request: Pushed<'_>, now: Timestamp) -> Result<Vec<Post>, Refusal>;
}

pub mod answer;
pub mod api;
pub mod app_store;
pub mod bluesky;
pub mod dev_to;
pub mod discourse;
pub mod facebook;
pub mod feed;
pub mod fetch;
pub mod file;
pub mod github;
pub mod google_play;
pub mod graph;
pub mod hacker_news;
pub mod imap;
pub mod instagram;
pub mod json;
pub mod lemmy;
pub mod linkedin;
pub mod lobsters;
pub mod mastodon;
pub mod nostr;
pub mod params;
pub mod product_hunt;
pub mod rating;
pub mod recheck;
pub mod record;
pub mod reddit;
pub mod schedule;
pub mod sql;
pub mod stack_exchange;
pub mod steam;
pub mod telegram;
pub mod terms;
pub mod text;
pub mod threads;
pub mod trustpilot;
pub mod webhook;
pub mod x;
pub mod youtube;

pub use answer::{Answer, Nothing, Parsed};
pub use terms::Terms;

/// Every kind, by name, a line each: who adds one changes one line.
#[rustfmt::skip]
pub const KINDS: &[Kind] = &[
    app_store::KIND,
    bluesky::KIND,
    dev_to::KIND,
    discourse::KIND,
    facebook::KIND,
    feed::KIND,
    file::KIND,
    github::KIND,
    google_play::KIND,
    hacker_news::KIND,
    imap::KIND,
    instagram::KIND,
    json::KIND,
    lemmy::KIND,
    linkedin::KIND,
    lobsters::KIND,
    mastodon::KIND,
    nostr::KIND,
    product_hunt::KIND,
    reddit::KIND,
    sql::KIND,
    stack_exchange::KIND,
    steam::KIND,
    telegram::KIND,
    threads::KIND,
    trustpilot::KIND,
    webhook::KIND,
    x::KIND,
    youtube::KIND,
];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
