//! Reddit: new posts and comments of chosen subreddits and of searches, with an approved application's key; or
//! one personal feed, slowly. It is off unless the settings say that Reddit agreed (`approved = true`), and a
//! block is an answer: it is told to a person and never gone around.
//!
//! # Property wanted
//! Everything that a listing serves is taken once; what it served no more when we came is said as a gap.
//!
//! # Why not `before`
//! Reddit's own way to ask for what is newer than a name gives nothing at all once that name was removed,
//! which looks like silence for ever. It also serves a backlog from its far end, so that a fresh complaint
//! waits behind old ones, and shows no edit and no removal. So the newest page is asked for each time, and
//! from there back with `after` until a name is met that was newest last time, or a time before it; see
//! [`walk`].
//!
//! # Accepted
//! * A listing holds its newest thousand (a search some 250); what lies deeper is a gap.
//! * A post that moderators let through late stands below what we know already. It is seen while it is among
//!   the newest hundred, which are read at every look.
//! * A subreddit that turns private after the first look falls silent among others asked for with it.
//!
//! Text comes from the HTML of a post, not from its markup: links are whole there and quotes are quotes. What
//! Reddit shows as `[deleted]` or `[removed]` is deleted here, whoever did it. An author is a name on a post;
//! `author_fullname`, which would tie a person's posts together for good, is not read.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;

use super::api::Look;
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Word};
use super::{
    Asks, Batch, Built, Kind, Known, Nothing, Position, Rechecked, Retry, Settings, Source, SourceError,
    Terms, Tools,
};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::source::{Gap, GapCause};

mod door;
mod read;
mod walk;

use door::{Door, Trouble};
pub use read::parse;
use walk::{Mark, Step};

/// The kind `reddit`.
pub const KIND: Kind = Kind {
    name: "reddit",
    about: "subreddits and searches of Reddit, for applications that Reddit approved; or a personal feed",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Approved,
    needs: "Reddit's approval under its Responsible Builder Policy and an OAuth application; or one's own feed address",
    // 100 a minute are allowed to an approved application; the rest is left to its other uses.
    budgets: &[Budget::per_minute(60, Over::Credential), Budget::new(20, 600, Over::Anonymous)],
    budgets_word: Word::stricter(
        "100 a minute for a client, averaged over 10 minutes; whoever does not sign in is blocked",
        "Reddit Data API Wiki, Rate Limits",
        "https://support.reddithelp.com/hc/en-us/articles/16160319875092-Reddit-Data-API-Wiki",
    ),
    least_every: 60,
    paging: "100 a page, the newest 1000 of a listing, some 250 of a search",
    erase: &[
        Erase::new(
            "what was deleted or removed there",
            48,
            Word::theirs(
                "Reddit Data API Wiki, Rules: what was deleted must go; to delete all that is stored within 48 hours is strongly recommended",
                "https://support.reddithelp.com/hc/en-us/articles/16160319875092-Reddit-Data-API-Wiki",
            ),
        ),
        Erase::new(
            "what names an account that was deleted",
            48,
            Word::theirs(
                "Reddit Data API Wiki, Rules: what was deleted must go; to delete all that is stored within 48 hours is strongly recommended",
                "https://support.reddithelp.com/hc/en-us/articles/16160319875092-Reddit-Data-API-Wiki",
            ),
        ),
    ],
    commercial: Commercial::Contract,
    sees: "new posts and comments of chosen subreddits, posts of searches, removals and edits on re-check",
    cannot: "what lies deeper than a listing goes (said as a gap); private and quarantined subreddits; comments in \
             searches; with a personal feed: removals",
    costs: "by contract; once 0.24 $ for 1000 requests above the free rate",
    document: "https://support.reddithelp.com/hc/en-us/articles/16160319875092-Reddit-Data-API-Wiki",
    ..Terms::OPEN
};

/// Most pages read of one listing in one look.
const MOST_PAGES: usize = 4;

/// Most subreddits that one listing joins.
const MOST_JOINED: usize = 100;

/// Seconds between two looks at a personal feed, at least: a person would not ask more often.
const FEED_PACE: i64 = 600;

/// Asked for beside what is asked about anew: the subreddit that is always there. Without it in the answer,
/// an answer that misses posts says nothing of them.
const WITNESS: &str = "t5_6";

/// What the settings ask for.
struct Wanted {
    base: Option<String>,
    user_agent: String,
    client: Option<(String, SecretRef)>,
    user: Option<(String, SecretRef)>,
    feed: Option<SecretRef>,
    subreddits: Vec<String>,
    search: Vec<String>,
    comments: bool,
    interval: SignedDuration,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    if !params.flag("approved") {
        params.fault(
            "approved",
            "Reddit lets no program read it without its consent",
            "ask at https://support.reddithelp.com, then write approved = true",
        );
    }
    let base = params.text("base_url").map(|base| base.trim_end_matches('/').to_owned());
    if base.as_deref().is_some_and(|base| !is_web(base)) {
        params.fault("base_url", "this is no address", "begin with https://");
    }
    let user_agent = params.text("user_agent").unwrap_or_default().to_owned();
    if !names_itself(&user_agent) {
        params.fault(
            "user_agent",
            "Reddit wants to know who asks",
            "write it as \"linux:example.acme.earmark:v1 (by /u/your_account)\"",
        );
    }
    let (id, secret) = (params.text("client_id"), params.secret("client_secret"));
    let (name, password) = (params.text("username"), params.secret("password"));
    let feed = params.secret("feed");
    let subreddits = params.list("subreddits", "[\"acme\"]");
    let subreddits: Vec<String> = subreddits.iter().map(|name| bare_subreddit(name)).collect();
    let search = params.list("search", "[\"acme app\"]");
    let comments = params.value("comments").is_none_or(|value| value.as_bool().unwrap_or(true));
    if let Some(name) = subreddits.iter().find(|name| !is_subreddit(name)) {
        params.fault("subreddits", format!("\"{name}\" cannot be a subreddit"), "write its name without r/");
    }
    if subreddits.len() > MOST_JOINED {
        params.fault("subreddits", format!("more than {MOST_JOINED}"), "spread them over two sources");
    }
    match (&feed, id, &secret) {
        (None, None, None) => {
            params.fault(
                "client_id",
                "nothing to sign in with",
                "write client_id and client_secret, or feed",
            );
        }
        (None, None, Some(_)) => params.fault("client_id", "a secret without its client_id", ""),
        (None, Some(_), None) => params.fault("client_secret", "is missing beside client_id", ""),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            params.fault("feed", "stands beside an application's key", "make two sources of it");
        }
        (Some(_), None, None) if !subreddits.is_empty() || !search.is_empty() => {
            params.fault("feed", "a personal feed holds what it holds", "leave out subreddits and search");
        }
        _ => {}
    }
    if feed.is_none() && subreddits.is_empty() && search.is_empty() {
        params.fault("subreddits", "nothing to read", "write subreddits = [\"…\"] or search = [\"…\"]");
    }
    if name.is_some() != password.is_some() {
        params.fault("password", "username and password go together", "");
    }
    let (usual, least) = if feed.is_some() { (1_800, FEED_PACE) } else { (120, 60) };
    let interval = params.wait("interval", usual, least);
    let allow_private = params.flag("allow_private");
    let pair = |name: Option<&str>, secret: Option<SecretRef>| Some((name?.to_owned(), secret?));
    let (client, user) = (pair(id, secret), pair(name, password));
    let wanted = Wanted {
        base,
        user_agent,
        client,
        user,
        feed,
        subreddits,
        search,
        comments,
        interval,
        allow_private,
    };
    (wanted, params.finish())
}

fn is_web(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// `platform:application:version (by /u/account)`, as Reddit's rules want it.
fn names_itself(user_agent: &str) -> bool {
    let Some((program, contact)) = user_agent.split_once('(') else { return false };
    let contact = contact.trim_end().strip_suffix(')').unwrap_or_default();
    let account = contact.strip_prefix("by /u/").or_else(|| contact.strip_prefix("by u/"));
    let parts: Vec<&str> = program.trim().splitn(3, ':').collect();
    parts.len() == 3
        && parts.iter().all(|part| !part.trim().is_empty())
        && account.is_some_and(|account| !account.trim().is_empty())
        && user_agent.is_ascii()
}

fn bare_subreddit(name: &str) -> String {
    let name = name.trim().trim_matches('/');
    name.strip_prefix("r/").unwrap_or(name).to_owned()
}

fn is_subreddit(name: &str) -> bool {
    (2..=24).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let door = Door::new(&wanted, tools)?;
    Ok(Built::Pull(Box::new(Reddit { settings: settings.clone(), wanted, door })))
}

/// A listing: its name in the cursor, its address, how much it holds.
struct Place {
    name: String,
    path: String,
    depth: usize,
    /// Whether it may be empty where it was not before.
    may_empty: bool,
}

impl Wanted {
    fn places(&self) -> Vec<Place> {
        if self.feed.is_some() {
            return vec![Place { name: "feed".into(), path: String::new(), depth: 1, may_empty: false }];
        }
        let joined = self.subreddits.join("+");
        let listing = |sort: &str| Place {
            name: format!("r/{joined}/{sort}"),
            path: format!("/r/{joined}/{sort}?limit=100&raw_json=1"),
            depth: 1_000,
            may_empty: false,
        };
        let mut places = Vec::new();
        if !joined.is_empty() {
            places.push(listing("new"));
            places.extend(self.comments.then(|| listing("comments")));
        }
        for words in &self.search {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("q", words.as_str()), ("sort", "new"), ("type", "link"), ("limit", "100")])
                .append_pair("raw_json", "1")
                .finish();
            let (name, path) = (format!("search {words}"), format!("/search?{query}"));
            places.push(Place { name, path, depth: 250, may_empty: true });
        }
        places
    }
}

/// What is known of each listing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    places: BTreeMap<String, Mark>,
}

struct Reddit {
    settings: Settings,
    wanted: Wanted,
    door: Door,
}

impl Reddit {
    /// Reads a listing back to what is known; says whether it came that far.
    async fn read(
        &mut self,
        place: &Place,
        mark: &mut Mark,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Result<bool, Trouble> {
        let began = batch.posts.len();
        let resumed = mark.is_walking();
        for _ in 0..MOST_PAGES {
            let answer = self.door.listing(&place.path, mark.anchor(), now).await?;
            let (parsed, after) = read::page(&answer.borrowed(), &self.settings);
            let after = after.filter(|_| self.wanted.feed.is_none());
            match parsed.nothing {
                None | Some(Nothing::NoPostsInside) => {}
                Some(nothing) => return Err(Trouble::strange(&place.name, nothing)),
            }
            let names: Vec<(String, Option<Timestamp>)> =
                parsed.posts.iter().map(|post| (post.id.clone(), post.created_at)).collect();
            batch.posts.extend(parsed.posts);
            batch.rejects.extend(parsed.rejects);
            batch.rest = batch.rest.max(answer.rest.filter(|_| self.wanted.feed.is_some()));
            match mark.take(&names, after, place.depth, now) {
                Step::Further => {}
                Step::Empty if place.may_empty => return Ok(true),
                Step::Empty => return Err(Trouble::emptied(&place.name)),
                Step::Reached(lost) => {
                    batch.gaps.extend(lost.map(|lost| self.gap(place, lost.from, lost.until)));
                    if !resumed {
                        // As they were said; of a backlog the newest came first.
                        batch.posts[began..].reverse();
                    }
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn gap(&self, place: &Place, from: Option<Timestamp>, until: Timestamp) -> Gap {
        let detail = format!("more came in {} than it serves", place.name);
        Gap { source: self.settings.id.clone(), from, until, cause: GapCause::Overrun, detail }
    }
}

#[async_trait]
impl Source for Reddit {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        if position.cursor.is_none() && !self.wanted.subreddits.is_empty() {
            let subreddits = self.wanted.subreddits.clone();
            self.door.all_there(&subreddits, now).await.map_err(Trouble::error)?;
        }
        let mut cursor: Cursor = position.kept();
        let places = self.wanted.places();
        cursor.places.retain(|name, _| places.iter().any(|place| place.name == *name));
        let mut look = Look::default();
        let mut whole = true;
        for (number, place) in places.iter().enumerate() {
            let mut mark = cursor.places.remove(&place.name).unwrap_or_default();
            let outcome = self.read(place, &mut mark, &mut look.batch, now).await;
            cursor.places.insert(place.name.clone(), mark);
            match outcome {
                Ok(reached) => {
                    look.answered();
                    whole &= reached;
                }
                Err(Trouble::Here(error)) => {
                    look.note(&place.name, error);
                }
                // Where nobody is let in, the next listing is not tried.
                Err(Trouble::Everywhere(error)) => {
                    look.note(&place.name, error);
                    look.note_rest(places[number + 1..].iter().map(|place| place.name.clone()));
                    break;
                }
            }
        }
        look.batch.more = !whole;
        look.batch.fetched_through = whole.then_some(now);
        look.end(Position::of(&cursor))
    }

    fn asks(&self) -> Vec<Asks> {
        vec![Asks::new("", self.wanted.places().len(), self.wanted.interval)]
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        // One place of the hundred is the witness's.
        if self.wanted.feed.is_some() { 0 } else { 99 }
    }

    async fn recheck(&mut self, known: &[Known], now: Timestamp) -> Result<Rechecked, SourceError> {
        if self.wanted.feed.is_some() || known.is_empty() {
            return Ok(Rechecked::default());
        }
        let names: Vec<&str> = known.iter().map(|known| known.id.as_str()).collect();
        let names = names.into_iter().filter(|name| read::is_fullname(name)).take(99);
        let names: Vec<&str> = names.chain([WITNESS]).collect();
        let path = format!("/api/info?id={}&raw_json=1", names.join(","));
        let answer = self.door.get(&path, now).await.map_err(Trouble::error)?;
        let value = answer.borrowed().json().unwrap_or_default();
        if !read::names_in(&value).any(|name| name == WITNESS) {
            let what = format!("{}/api/info does not answer what is surely there", self.door.base());
            return Err(SourceError { what, retry: Retry::Soon, position: None });
        }
        let posts = parse(&answer.borrowed(), &self.settings).posts;
        let there: Vec<&str> = read::names_in(&value).collect();
        let gone = names.iter().filter(|name| !there.contains(name)).map(|name| (*name).to_owned()).collect();
        Ok(Rechecked { posts, gone, rest: None })
    }
}
