//! Discourse forums: all posts, or those of chosen categories, topics and searches.
//!
//! All posts are one row of numbers, served fifty at a time from the newest down. Every look reads the newest
//! page, which also shows edits of what was said last; where that does not reach down to what is known, a hole
//! is noted and filled from its upper end, so that what is fresh does not wait for what was missed. Numbers
//! without a post (deleted, private) are many: a page may be empty and more lie below it.
//!
//! Categories, topics and searches are lists of topics or of hits; what is new in them is read by number.
//!
//! # Accepted
//! * A post that was written in a closed category and shown later has an old number, and is not met.
//! * An edit of a post that is not among the newest is met when it is asked about anew.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use self::cursor::Cursor;
use self::site::{Said, Site, strange};
use super::api::{self, Credential};
use super::params::Params;
use super::terms::{Access, Budget, Erase, Over, Word};
use super::{
    Batch, Built, Kind, Known, Nothing, Parsed, Position, Rechecked, Settings, Source, SourceError, Terms,
    Tools,
};
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;

mod chosen;
mod cursor;
mod parse;
mod site;

pub use self::parse::parse;

/// The kind `discourse`.
pub const KIND: Kind = Kind {
    name: "discourse",
    about: "posts of a Discourse forum: all, or those of categories, topics and searches",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::KeyOptional,
    needs: "a key where the forum shows nothing without a login",
    // The software lets 200 a minute and 50 in ten seconds through, of all who share an address; a person's
    // key 20 a minute and 2,880 a day. A forum may have set less.
    budgets: &[
        Budget::per_minute(100, Over::Host),
        Budget::new(25, 10, Over::Host),
        Budget::per_minute(20, Over::Credential),
        Budget::per_day(2_880, Over::Credential),
    ],
    budgets_word: Word::stricter(
        "200 a minute and 50 in 10 s an address; a user key 20 a minute, 2,880 a day; what a forum sets goes before",
        "Discourse, discourse_defaults.conf",
        "https://github.com/discourse/discourse/blob/main/config/discourse_defaults.conf",
    ),
    least_every: 30,
    paging: "50 posts a page, by number",
    erase: &[Erase::new("what was deleted or hidden there, found by asking again", 48, Word::Habit)],
    sees: "new posts, edits of the newest, deleted and hidden ones; what was missed after days off",
    cannot: "posts shown long after they were written; categories that are closed to us; private messages",
    document: "https://www.discourse.org/acceptable-use",
    ..Terms::OPEN
};

/// Most pages of numbers in one look.
const MOST_PAGES: u32 = 8;
/// Most posts asked for in one look, for the name of what is answered.
const MOST_NAMES: usize = 5;
/// Places of posts remembered.
const MOST_REMEMBERED: usize = 20_000;

struct Wanted {
    base: String,
    key: Option<SecretRef>,
    username: Option<String>,
    interval: SignedDuration,
    back: SignedDuration,
    /// `support/5`, as in the address of the category.
    categories: Vec<String>,
    topics: Vec<String>,
    searches: Vec<String>,
    allow_private: bool,
}

impl Wanted {
    fn everything(&self) -> bool {
        self.categories.is_empty() && self.topics.is_empty() && self.searches.is_empty()
    }
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params.text("url").unwrap_or_default().trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault(
            "url",
            format!("\"{base}\" is no address of a forum"),
            "write url = \"https://forum.acme.example\"",
        );
    }
    let key = params.secret("key");
    let username = params.text("username").map(str::to_owned);
    if username.is_some() && key.is_none() {
        params.fault(
            "username",
            "a name without a key opens nothing",
            "name the key: key = { credential = \"forum\" }",
        );
    }
    let interval = params.wait("interval", 120, 30);
    let back = params.wait("back", 3_600, 0);
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let categories = params.texts("categories", "[\"support/5\"], as in the category's address", |text| {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/%.".contains(&byte));
        plain && !text.contains("..") && number(text.rsplit('/').next().unwrap_or_default())
    });
    let topics = params.texts("topics", "[57], as in the topic's address", number);
    let searches = params.texts("searches", "[\"acme app\"]", |text| text.len() <= 200);
    let allow_private = params.flag("allow_private");
    let wanted = Wanted { base, key, username, interval, back, categories, topics, searches, allow_private };
    (wanted, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let key = wanted.key.as_ref().map(Credential::fetch).transpose()?;
    let site = Site::new(tools, &wanted.base, key, wanted.username.as_deref(), wanted.allow_private);
    Ok(Built::Pull(Box::new(Discourse { settings: settings.clone(), wanted, site, places: BTreeMap::new() })))
}

struct Discourse {
    settings: Settings,
    wanted: Wanted,
    site: Site,
    /// Where posts stand in their topics; only saves questions.
    places: BTreeMap<String, String>,
}

/// What one look has gathered so far.
struct Look {
    inner: api::Look,
    cursor: Cursor,
    now: Timestamp,
    complete: bool,
}

impl Discourse {
    /// The posts of an answer, with what is learnt of where they stand.
    async fn posts(&mut self, path: &str) -> Result<(Parsed, serde_json::Value), SourceError> {
        let (answer, value) = self.site.get(path).await?;
        let parsed = self.learn(path, &answer.borrowed(), &value)?;
        Ok((parsed, value))
    }

    fn learn(
        &mut self,
        path: &str,
        answer: &super::Answer<'_>,
        value: &serde_json::Value,
    ) -> Result<Parsed, SourceError> {
        let parsed = parse(answer, &self.settings);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            // A page of posts without a word is in order.
            Some(Nothing::Broken) if !parsed.rejects.is_empty() => {}
            Some(nothing) => return Err(strange(path, nothing)),
        }
        if self.places.len() > MOST_REMEMBERED {
            self.places.clear();
        }
        self.places.extend(parse::places(value));
        Ok(parsed)
    }

    fn take(look: &mut Look, parsed: Parsed) {
        look.inner.batch.rejects.extend(parsed.rejects);
        for post in parsed.posts {
            if !look.inner.batch.posts.iter().any(|known| known.id == post.id) {
                look.inner.batch.posts.push(post);
            }
        }
    }

    /// All posts, by number: the newest page, then the holes.
    async fn everything(&mut self, look: &mut Look) -> Result<(), SourceError> {
        let (parsed, value) = self.posts("/posts.json").await?;
        let page = Span::of(&value, &parsed);
        let Some(page) = page else { return Ok(()) };
        let known = look.cursor.highest;
        Self::take(look, Parsed { posts: since(parsed.posts, look.cursor.began), ..parsed });
        look.cursor.reached(&page.0, known, look.now, self.settings.id.clone(), &mut look.inner.batch.gaps);
        for _ in 1..MOST_PAGES {
            let Some(hole) = look.cursor.holes.last().cloned() else { return Ok(()) };
            let (parsed, value) = self.posts(&format!("/posts.json?before={}", hole.below)).await?;
            let lowest = Span::of(&value, &parsed).map(|page| *page.0.start());
            let above =
                parsed.posts.into_iter().filter(|post| post.id.parse().is_ok_and(|id: u64| id > hole.above));
            Self::take(look, Parsed { posts: above.collect(), ..Parsed::default() });
            look.cursor.filled(&hole, lowest);
        }
        look.inner.batch.more = !look.cursor.holes.is_empty();
        look.complete &= look.cursor.holes.is_empty();
        Ok(())
    }

    /// Gives posts the names of what they answer; those not met are asked for, a few.
    async fn name_parents(&mut self, posts: &mut [Post]) {
        parse::resolve(posts, &self.places);
        for _ in 0..MOST_NAMES {
            let place =
                posts.iter().find_map(|post| post.parent.clone().filter(|parent| parent.contains('#')));
            let Some(place) = place else { return };
            let path = format!("/posts/by_number/{}.json", place.replace('#', "/"));
            let Ok(Said::There(answer, value)) = self.site.one(&path).await else { return };
            if self.learn(&path, &answer.borrowed(), &value).is_err() || !self.places.contains_key(&place) {
                return;
            }
            parse::resolve(posts, &self.places);
        }
    }

    async fn all(&mut self, look: &mut Look) -> Result<(), SourceError> {
        if self.wanted.everything() { self.everything(look).await } else { self.chosen(look).await }
    }
}

/// Posts written since then, or whose date is not known: the newest page of a first look goes far back.
fn since(posts: Vec<Post>, began: Option<Timestamp>) -> Vec<Post> {
    let old = |post: &Post| matches!((post.created_at, began), (Some(at), Some(began)) if at < began);
    posts.into_iter().filter(|post| !old(post)).collect()
}

/// The lowest and the highest number of a page.
struct Span(std::ops::RangeInclusive<u64>);

impl Span {
    fn of(value: &serde_json::Value, parsed: &Parsed) -> Option<Self> {
        // Posts without a word count as well: they were read.
        let listed = value.get("latest_posts").and_then(serde_json::Value::as_array).into_iter().flatten();
        let listed = listed.filter_map(|post| post.get("id")?.as_u64());
        let numbers: Vec<u64> =
            listed.chain(parsed.posts.iter().filter_map(|post| post.id.parse().ok())).collect();
        Some(Self(*numbers.iter().min()?..=*numbers.iter().max()?))
    }
}

#[async_trait]
impl Source for Discourse {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor: Cursor = position.kept();
        cursor.began.get_or_insert(now - self.wanted.back);
        let mut look = Look { inner: api::Look::default(), cursor, now, complete: true };
        if let Err(error) = self.all(&mut look).await {
            look.inner.note(&self.wanted.base, error);
        }
        if look.inner.is_whole() {
            self.name_parents(&mut look.inner.batch.posts).await;
        } else {
            parse::resolve(&mut look.inner.batch.posts, &self.places);
        }
        let Look { mut inner, mut cursor, complete, .. } = look;
        inner.batch.fetched_through = if complete { Some(now) } else { cursor.through };
        if inner.is_whole() && complete {
            cursor.through = Some(now);
        }
        inner.end(Position::of(&cursor))
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        20
    }

    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut told = Rechecked::default();
        for post in known.iter().filter(|post| post.id.bytes().all(|byte| byte.is_ascii_digit())) {
            let path = format!("/posts/{}.json", post.id);
            match self.site.one(&path).await {
                Ok(Said::There(answer, _)) => {
                    let posts = parse(&answer.borrowed(), &self.settings).posts;
                    told.posts.extend(posts.into_iter().filter(|found| found.id == post.id).map(
                        |mut found| {
                            // A post asked for alone knows the place of what it answers only.
                            found.parent.clone_from(&post.parent);
                            found
                        },
                    ));
                }
                Ok(Said::Gone) => told.gone.push(post.id.clone()),
                Err(error) if error.pause().is_some() => {
                    told.rest = error.pause();
                    return Ok(told);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(told)
    }
}
