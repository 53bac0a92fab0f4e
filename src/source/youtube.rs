//! YouTube: comments below the videos of chosen channels and below chosen videos, the videos of chosen channels,
//! and a few searches. Needs an API key, which is free; what it may ask is counted in units a day.
//!
//! # Property wanted
//! Every thread of a place is taken once; answers in the hundred newest threads of it are taken as they come. A
//! day's units are never spent by noon: settings that would need more are refused.
//!
//! # How it reads
//! * Threads come newest first. A look reads back to a thread it knows, over as many looks as that takes; nothing
//!   falls out of YouTube's lists, so nothing is lost (see [`walk`]).
//! * A thread carries up to five of its answers and how many there are; the rest is asked for where the number
//!   has grown.
//! * A channel's own feed costs no units and tells its newest videos.
//! * A search is counted by itself, a hundred a day. It finds videos; what it finds is asked for once more by
//!   name, for a search cuts descriptions off. The comments of the newest twenty found are read as well.
//!
//! # Accepted
//! * Answers in older threads are not seen.
//! * A place whose comments are switched off is no error; it is asked again the next day.
//! * The day of the units begins at midnight in California. Our account is over every stretch of 24 hours, which
//!   is never more.
//!
//! What is kept is to be asked for again within 30 days or erased; the re-check asks by name, fifty at once.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

use super::api::{Api, Credential, Look, Sign};
use super::params::Params;
use super::terms::{Access, Budget, Erase, Over, Word};
use super::{
    Asks, Batch, Built, Kind, Known, Position, Rechecked, Settings, Source, SourceError, Terms, Tools,
};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;

mod ask;
mod read;
mod refusal;
mod walk;

pub use read::parse;
use refusal::Refusal;
use walk::Mark;

/// The kind `youtube`.
pub const KIND: Kind = Kind {
    name: "youtube",
    about: "comments and videos of chosen channels of YouTube, comments of chosen videos, few searches",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

/// What searches are counted under.
const SEARCHES: &str = "search";

static TERMS: Terms = Terms {
    access: Access::Key,
    needs: "an API key of a Google Cloud project with the YouTube Data API, free",
    budgets: &[
        Budget::per_day(10_000, Over::Credential),
        Budget::per_day(100, Over::Credential).of(SEARCHES),
        Budget::per_minute(60, Over::Host),
    ],
    budgets_word: Word::theirs(
        "YouTube Data API, Quota Costs: 10,000 units and 100 searches a day",
        "https://developers.google.com/youtube/v3/determine_quota_cost",
    ),
    least_every: 300,
    paging: "100 comments a page, 50 videos a page",
    keep_days: Some(30),
    refresh: true,
    keep_word: Word::theirs(
        "YouTube API Services Developer Policies, III.E.4.d",
        "https://developers.google.com/youtube/terms/developer-policies",
    ),
    erase: &[Erase::new(
        "what was deleted there, and what was not asked for again in 30 days",
        720,
        Word::theirs(
            "YouTube API Services Developer Policies, III.E.4.d",
            "https://developers.google.com/youtube/terms/developer-policies",
        ),
    )],
    sees: "comments below the videos of chosen channels and below chosen videos, with answers in the 100 newest threads; \
           new videos of channels and of searches; edits and removals on re-check",
    cannot: "answers in older threads; searches more often than 100 a day in all; live chats; community posts",
    costs: "10000 units a day are free: one a page; searches 100 a day by themselves; more after an audit",
    document: "https://developers.google.com/youtube/terms/developer-policies",
    ..Terms::OPEN
};

/// What is left of a day's units for answers, re-checks and backlogs: plain looks take half at most.
const UNITS_FOR_LOOKS: i64 = 5_000;

/// Searches of a day that are planned; ten are left to turn pages.
const SEARCHES_A_DAY: i64 = 90;

/// Videos that a search found and whose comments are read, the newest.
const MOST_FOUND: usize = 20;

/// Comments or videos asked for by name at once.
const AT_ONCE: usize = 50;

struct Wanted {
    base: Option<String>,
    key: Option<SecretRef>,
    channels: Vec<String>,
    videos: Vec<String>,
    search: Vec<String>,
    search_every: SignedDuration,
    interval: SignedDuration,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let key = params.secret("key");
    if key.is_none() && params.value("key").is_none() {
        params.fault("key", "YouTube wants an API key", "write key = { credential = \"youtube\" }");
    }
    let channels = params.list("channels", "[\"UC…\"]");
    let videos = params.list("videos", "[\"…\"]");
    let search = params.list("search", "[\"acme app\"]");
    let is_id = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if let Some(channel) = channels.iter().find(|id| !(id.starts_with("UC") && id.len() == 24 && is_id(id))) {
        let remedy = "write the 24 letters that begin with UC: channel page, About, Share, Copy channel ID";
        params.fault("channels", format!("\"{channel}\" is no channel's id"), remedy);
    }
    if let Some(video) = videos.iter().find(|id| !(id.len() == read::VIDEO && is_id(id))) {
        params.fault(
            "videos",
            format!("\"{video}\" is no video's id"),
            "write the 11 letters behind watch?v=",
        );
    }
    if channels.is_empty() && videos.is_empty() && search.is_empty() {
        params.fault("channels", "nothing to read", "write channels, videos or search");
    }
    let interval = params.wait("interval", 1_800, 300);
    let search_every = params.wait("search_every", 6 * 3_600, 900);
    let base = params.text("base_url").map(|base| base.trim_end_matches('/').to_owned());
    let is_web = |base: &str| Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if base.as_deref().is_some_and(|base| !is_web(base)) {
        params.fault("base_url", "this is no address", "begin with https://");
    }
    let allow_private = params.flag("allow_private");
    let a_day = |every: SignedDuration| 86_400 / every.as_secs().max(1);
    let found = if search.is_empty() { 0 } else { MOST_FOUND };
    let places = i64::try_from(channels.len() + videos.len() + found).unwrap_or(i64::MAX);
    let units = places.saturating_mul(a_day(interval));
    if units > UNITS_FOR_LOOKS {
        let least = 86_400 * places / UNITS_FOR_LOOKS + 1;
        params.fault(
            "interval",
            format!(
                "{places} places this often need {units} units a day, of which there are 10000 for everything"
            ),
            format!("write \"{least}s\" or more"),
        );
    }
    let searches = i64::try_from(search.len()).unwrap_or(i64::MAX).saturating_mul(a_day(search_every));
    if searches > SEARCHES_A_DAY {
        let remedy = format!("fewer, or less often: {SEARCHES_A_DAY} a day in all");
        params.fault("search_every", format!("these are {searches} searches a day"), remedy);
    }
    let wanted = Wanted { base, key, channels, videos, search, search_every, interval, allow_private };
    (wanted, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let key = wanted.key.as_ref().ok_or("there is no key")?;
    let plain = Api::new(tools, &TERMS).private(wanted.allow_private);
    // In a header, not in the address: addresses are written down on the way.
    let api = plain.clone().signed(Some(Credential::fetch(key)?), Sign::Header("x-goog-api-key"));
    Ok(Built::Pull(Box::new(YouTube { settings: settings.clone(), wanted, api, plain })))
}

/// What is read, by its name in the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// The comments below all videos of a channel.
    Channel(String),
    /// The comments below a video.
    Video(String),
    /// The newest videos of a channel.
    Uploads(String),
    /// Videos with these words.
    Search(String),
}

impl Place {
    fn name(&self) -> String {
        match self {
            Place::Channel(id) => format!("channel {id}"),
            Place::Video(id) => format!("video {id}"),
            Place::Uploads(id) => format!("uploads {id}"),
            Place::Search(words) => format!("search {words}"),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    places: BTreeMap<String, Mark>,
    /// Videos that searches found, newest first.
    found: Vec<String>,
}

struct YouTube {
    settings: Settings,
    wanted: Wanted,
    api: Api,
    /// Without a key: for feeds.
    plain: Api,
}

impl YouTube {
    fn places(&self, found: &[String]) -> Vec<Place> {
        let Wanted { channels, videos, search, .. } = &self.wanted;
        let uploads = channels.iter().cloned().map(Place::Uploads);
        let below = channels.iter().cloned().map(Place::Channel);
        let chosen: BTreeSet<&String> = videos.iter().collect();
        let found = found.iter().filter(|id| !chosen.contains(id)).cloned().map(Place::Video);
        let videos = videos.iter().cloned().map(Place::Video);
        uploads
            .chain(below)
            .chain(videos)
            .chain(found)
            .chain(search.iter().cloned().map(Place::Search))
            .collect()
    }

    /// Whether a look asks for a place.
    fn is_due(&self, place: &Place, cursor: &Cursor, now: Timestamp) -> bool {
        let Some(mark) = cursor.places.get(&place.name()) else { return true };
        let early = |at| now.duration_since(at) < self.wanted.search_every;
        let searched = matches!(place, Place::Search(_)) && mark.at.is_some_and(early);
        !mark.is_closed(now) && !searched
    }
}

#[async_trait]
impl Source for YouTube {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor: Cursor = position.kept();
        if self.wanted.search.is_empty() {
            cursor.found.clear();
        }
        let places = self.places(&cursor.found);
        cursor.places.retain(|name, _| places.iter().any(|place| place.name() == *name));
        let mut look = Look::default();
        let mut whole = true;
        for (number, place) in places.iter().enumerate() {
            if !self.is_due(place, &cursor, now) {
                continue;
            }
            let mut mark = cursor.places.remove(&place.name()).unwrap_or_default();
            let batch = &mut look.batch;
            let outcome = match place {
                Place::Search(words) => self.search(words, &mut mark, &mut cursor.found, batch, now).await,
                Place::Uploads(channel) => self.uploads(channel, &mut mark, batch, now).await,
                Place::Channel(_) | Place::Video(_) => self.threads(place, &mut mark, batch, now).await,
            };
            let is_found = matches!(place, Place::Video(id) if !self.wanted.videos.contains(id));
            let mut ends = false;
            match outcome {
                Ok(reached) => {
                    whole &= reached;
                    // A search whose own budget is used up is left alone instead.
                    if !mark.is_closed(now) {
                        look.answered();
                    }
                }
                // Switched off, or gone: tomorrow is soon enough to look whether it is so still.
                Err(Refusal::Closed) => mark.close(now),
                Err(Refusal::Gone(_)) if is_found => mark.close(now),
                Err(Refusal::Gone(error) | Refusal::Here(error)) => {
                    look.note(place.name(), error);
                }
                Err(Refusal::Everywhere(error)) => {
                    look.note(place.name(), error);
                    ends = true;
                }
            }
            cursor.places.insert(place.name(), mark);
            if ends {
                let left = places[number + 1..].iter().filter(|place| self.is_due(place, &cursor, now));
                look.note_rest(left.map(Place::name));
                break;
            }
        }
        look.batch.more = !whole;
        look.batch.fetched_through = whole.then_some(now);
        look.end(Position::of(&cursor))
    }

    fn asks(&self) -> Vec<Asks> {
        let wanted = &self.wanted;
        // A channel is a feed, which costs nothing, and the comments of its newest videos.
        let found = if wanted.search.is_empty() { 0 } else { MOST_FOUND };
        let places = wanted.channels.len() + wanted.videos.len() + found;
        vec![
            Asks::new("", places, wanted.interval),
            Asks { setting: "search_every", ..Asks::new(SEARCHES, wanted.search.len(), wanted.search_every) },
        ]
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    async fn recheck(&mut self, known: &[Known], now: Timestamp) -> Result<Rechecked, SourceError> {
        self.asked_anew(known, now).await
    }
}
