//! GitHub, or a server of one's own: issues, pull requests, their comments and those on code, discussions;
//! of chosen repositories, and of searches over all of them.
//!
//! [`walk`] holds how far each list was read and why that way. A look asks every list once and goes on with
//! those that had more; an unchanged list answers 304, which costs a token nothing. A search finds threads;
//! their comments are asked for thread by thread.
//!
//! # Accepted
//! * A list that fails does not keep the others back: a look that brought something ends well, and the
//!   failure is told by the next one that did not. What it could not read is read when it answers again.
//! * A thread from before the first look is not given when somebody writes below it; what is written is.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use self::settings::{Part, Wanted, wanted};
use self::site::{Got, Site, strange};
use self::walk::{Cursor, PAGE};
use super::api::{self, Climb, Credential};
use super::terms::{Access, Budget, Commercial, Erase, Over, Word};
use super::{
    Asks, Batch, Built, Kind, Known, Nothing, Position, Rechecked, Settings, Source, SourceError, Terms,
    Tools,
};
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::source::{Gap, GapCause};

mod discussions;
mod markdown;
mod parse;
mod recheck;
mod settings;
mod site;
mod walk;

pub use self::parse::parse;

/// The kind `github`.
pub const KIND: Kind = Kind {
    name: "github",
    about: "issues, pull requests, discussions and comments of chosen repositories and of searches",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::KeyOptional,
    needs: "a token, free, for discussions and for more than 60 requests an hour",
    budgets: &[
        Budget::per_hour(60, Over::Anonymous),
        Budget::per_hour(5_000, Over::Credential),
        Budget::per_minute(900, Over::Credential),
        Budget::per_minute(10, Over::Anonymous).of("search"),
        Budget::per_minute(30, Over::Credential).of("search"),
        Budget::per_hour(5_000, Over::Credential).of("graphql"),
    ],
    budgets_word: Word::theirs(
        "Rate limits for the REST API",
        "https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api",
    ),
    least_every: 60,
    paging: "100 a page; 1,000 results of a search, and on by the time of change",
    erase: &[Erase::new("what was deleted there, found by asking again", 48, Word::Habit)],
    commercial: Commercial::Allowed,
    sees: "issues, pull requests, comments and comments on code, discussions; edits; what was missed after days off",
    cannot: "comments below the newest 30 of a discussion, where more came between two looks; discussions in searches; votes",
    document: "https://docs.github.com/en/site-policy/github-terms/github-terms-of-service",
    ..Terms::OPEN
};

/// Most pages of one list in one look.
const MOST_PAGES: usize = 5;
/// Most threads of searches whose comments are asked for in one look, and that wait for it.
const MOST_THREADS: usize = 10;
const MOST_WAITING: usize = 500;
/// Most threads asked for by themselves in one look, for a name.
const MOST_NAMES: usize = 5;
/// Names of threads remembered.
const MOST_REMEMBERED: usize = 20_000;

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let token = wanted.token.as_ref().map(Credential::fetch).transpose()?;
    let site = Site::new(tools, &wanted.base, token, wanted.allow_private);
    Ok(Built::Pull(Box::new(GitHub { settings: settings.clone(), wanted, site, names: BTreeMap::new() })))
}

struct GitHub {
    settings: Settings,
    wanted: Wanted,
    site: Site,
    /// Threads by address; only saves questions.
    names: BTreeMap<String, String>,
}

/// One list that is read.
#[derive(Debug, Clone)]
enum List {
    Of(String, Part),
    Search(String),
}

impl List {
    fn key(&self) -> String {
        match self {
            List::Of(repository, part) => format!("{repository} {part:?}").to_lowercase(),
            List::Search(search) => format!("search {search}"),
        }
    }

    /// The address of a page; `newest` first, or on from a place.
    fn url(&self, site: &Site, place: &Climb, newest: bool) -> String {
        let page = if newest { 1 } else { place.page };
        let direction = if newest { "desc" } else { "asc" };
        match self {
            List::Of(repository, part) => {
                let path = match part {
                    Part::Comments => "issues/comments?",
                    Part::ReviewComments => "pulls/comments?",
                    Part::Issues | Part::Discussions => "issues?state=all&",
                };
                site.url(&format!(
                    "/repos/{repository}/{path}sort=updated&direction={direction}&since={}&per_page={PAGE}&page={page}",
                    place.since
                ))
            }
            List::Search(search) => {
                let since = walk::searched_since(place);
                let words = format!("{search} updated:>={since}");
                let page = page.to_string();
                let size = PAGE.to_string();
                let query = [
                    ("q", &*words),
                    ("sort", "updated"),
                    ("order", direction),
                    ("per_page", &*size),
                    ("page", &*page),
                ];
                api::with_query(&site.url("/search/issues"), &query)
            }
        }
    }
}

/// What one look has gathered so far.
#[derive(Default)]
struct Look {
    inner: api::Look,
    cursor: Cursor,
    etags: BTreeMap<String, (String, String)>,
    /// The oldest bound of what is not read up to now.
    behind: Option<Timestamp>,
}

impl Look {
    fn late(&mut self, since: Timestamp) {
        self.behind = Some(self.behind.map_or(since, |behind| behind.min(since)));
    }
}

impl GitHub {
    fn lists(&self) -> Vec<List> {
        let parts = &self.wanted.parts;
        let of = self
            .wanted
            .repositories
            .iter()
            .flat_map(|repository| parts.iter().map(move |part| List::Of(repository.clone(), *part)));
        of.chain(self.wanted.searches.iter().cloned().map(List::Search)).collect()
    }

    /// Reads one list as far as a look goes.
    async fn list(&mut self, list: &List, look: &mut Look, now: Timestamp) -> Result<(), SourceError> {
        let key = list.key();
        let began = now - self.wanted.back;
        let mut place = look.cursor.places.get(&key).cloned().unwrap_or_else(|| Climb::new(began));
        // Where it begins holds although the first question may fail.
        look.cursor.places.insert(key.clone(), place.clone());
        if let List::Of(repository, Part::Discussions) = list {
            return self.discussions(repository, &key, place, look, now).await;
        }
        let bucket = if matches!(list, List::Search(_)) { "search" } else { "" };
        for number in 1..=MOST_PAGES {
            let url = list.url(&self.site, &place, false);
            let etag = look.etags.get(&key).filter(|(of, _)| *of == url).map(|(_, etag)| etag.clone());
            let Got::Fresh(answer) = self.site.get(&url, bucket, etag.as_deref()).await? else { break };
            let (posts, updated, unfinished) = self.page(&answer, look)?;
            if let List::Search(_) = list {
                self.wait_for_comments(&answer, look, place.since);
                if unfinished && !place.unfinished(true) {
                    look.late(place.since);
                    self.take(posts, &place, look);
                    break;
                }
                if unfinished {
                    let detail = format!("the search \"{}\" did not finish, several times in a row", key);
                    let from = Some(place.since);
                    look.inner.batch.gaps.push(Gap {
                        source: self.settings.id.clone(),
                        from,
                        until: now,
                        cause: GapCause::Missing,
                        detail,
                    });
                }
                place.unfinished(false);
            }
            let more = api::next_page(&answer.borrowed()).is_some() || updated.len() >= PAGE;
            if more && !place.caught {
                let newest = list.url(&self.site, &place, true);
                if let Got::Fresh(answer) = self.site.get(&newest, bucket, None).await? {
                    let (posts, _, _) = self.page(&answer, look)?;
                    self.take(posts, &place, look);
                }
                place.caught = true;
            }
            self.take(posts, &place, look);
            place.read(&updated, more);
            look.cursor.places.insert(key.clone(), place.clone());
            if !more {
                let etag = answer.headers.iter().find(|(name, value)| name == "etag" && value.len() <= 200);
                look.etags.extend(etag.map(|(_, etag)| (key.clone(), (url, etag.clone()))));
                break;
            }
            if number == MOST_PAGES {
                look.inner.batch.more = true;
                look.late(place.since);
            }
        }
        look.cursor.places.insert(key, place);
        Ok(())
    }

    /// The posts of a page, when its entries were changed, and whether a search did not finish.
    fn page(
        &self,
        answer: &super::fetch::Answer,
        look: &mut Look,
    ) -> Result<(Vec<Post>, Vec<Timestamp>, bool), SourceError> {
        let parsed = parse(&answer.borrowed(), &self.settings);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            // A page of comments without a word is in order.
            Some(Nothing::Broken) if !parsed.rejects.is_empty() => {}
            Some(nothing) => return Err(strange(&answer.url, nothing)),
        }
        look.inner.batch.rejects.extend(parsed.rejects);
        let value = answer.borrowed().json().map_err(|nothing| strange(&answer.url, nothing))?;
        let unfinished = value.get("incomplete_results") == Some(&serde_json::Value::Bool(true));
        Ok((parsed.posts, parse::updated(&value), unfinished))
    }

    /// Posts that are wanted, with what is learnt of their threads.
    fn take(&mut self, posts: Vec<Post>, place: &Climb, look: &mut Look) {
        if self.names.len() > MOST_REMEMBERED {
            self.names.clear();
        }
        self.names.extend(posts.iter().filter_map(parse::named));
        let bots = self.wanted.bots;
        let wanted = |post: &Post| {
            let bot = post.author.as_deref().is_some_and(|author| author.ends_with(parse::BOT));
            (bots || !bot) && post.created_at.is_none_or(|at| at >= place.began)
        };
        let known: std::collections::BTreeSet<String> =
            look.inner.batch.posts.iter().map(|post| post.id.clone()).collect();
        look.inner
            .batch
            .posts
            .extend(posts.into_iter().filter(|post| wanted(post) && !known.contains(&post.id)));
    }

    async fn discussions(
        &mut self,
        repository: &str,
        key: &str,
        mut place: Climb,
        look: &mut Look,
        now: Timestamp,
    ) -> Result<(), SourceError> {
        let read = discussions::read(&self.site, &self.settings, repository, place.since).await?;
        if let Some(short) = read.short {
            let detail = format!("more discussions of {repository} changed than are read back to");
            let (source, from) = (self.settings.id.clone(), Some(place.since));
            look.inner.batch.gaps.push(Gap { source, from, until: short, cause: GapCause::Overrun, detail });
        }
        self.take(read.parsed.posts, &place, look);
        look.inner.batch.rejects.extend(read.parsed.rejects);
        place.since = read.newest.map_or(place.since, |newest| newest.max(place.since)).min(now);
        look.cursor.places.insert(key.to_owned(), place);
        Ok(())
    }

    /// Notes the threads of a search's page whose comments are to be read.
    fn wait_for_comments(&self, answer: &super::fetch::Answer, look: &mut Look, since: Timestamp) {
        if !self.wanted.parts.contains(&Part::Comments) {
            return;
        }
        let Ok(value) = answer.borrowed().json() else { return };
        for entry in api::Node::root(&value).list("items").unwrap_or_default() {
            let (Some(url), Some(1..)) =
                (entry.text("url").and_then(parse::thread), entry.number("comments"))
            else {
                continue;
            };
            let threads = &mut look.cursor.threads;
            if !threads.iter().any(|(known, _)| *known == url) && threads.len() < MOST_WAITING {
                threads.push((url, since));
            }
        }
    }

    /// Comments of the threads that a search found.
    async fn comments(&mut self, look: &mut Look) -> Result<(), SourceError> {
        for _ in 0..MOST_THREADS {
            let Some((thread, since)) = look.cursor.threads.first().cloned() else { return Ok(()) };
            let (repository, number) = thread.split_once('#').unwrap_or_default();
            let path = format!("/repos/{repository}/issues/{number}/comments?since={since}&per_page={PAGE}");
            match self.site.get(&self.site.url(&path), "", None).await {
                Ok(Got::Fresh(answer)) => {
                    let (posts, updated, _) = self.page(&answer, look)?;
                    self.take(posts, &Climb::new(since), look);
                    let last =
                        updated.iter().max().copied().filter(|last| updated.len() >= PAGE && *last > since);
                    look.cursor.threads.remove(0);
                    if let Some(last) = last {
                        look.cursor.threads.insert(0, (thread, last));
                    }
                }
                Err(error) if error.retry != super::Retry::Never => return Err(error),
                // It is gone, or closed to us.
                Ok(Got::Same) | Err(_) => {
                    look.cursor.threads.remove(0);
                }
            }
        }
        if let Some(since) = look.cursor.threads.iter().map(|(_, since)| *since).min() {
            look.inner.batch.more = true;
            look.late(since);
        }
        Ok(())
    }

    /// Gives comments the names of their threads; those not met are asked for, a few.
    async fn name_threads(&mut self, look: &mut Look) {
        parse::resolve(&mut look.inner.batch.posts, &self.names);
        let nameless = |posts: &[Post]| {
            let address = |post: &Post| {
                post.parent.clone().filter(|parent| parent.contains('#') && !parent.contains(':'))
            };
            posts.iter().find_map(address)
        };
        let mut asked = Vec::new();
        while let Some(thread) = nameless(&look.inner.batch.posts).filter(|thread| !asked.contains(thread)) {
            let (repository, number) = thread.split_once('#').unwrap_or_default();
            let url = self.site.url(&format!("/repos/{repository}/issues/{number}"));
            if asked.len() == MOST_NAMES {
                return;
            }
            let Ok(Got::Fresh(answer)) = self.site.get(&url, "", None).await else { return };
            self.names
                .extend(parse(&answer.borrowed(), &self.settings).posts.iter().filter_map(parse::named));
            parse::resolve(&mut look.inner.batch.posts, &self.names);
            asked.push(thread);
        }
    }
}

#[async_trait]
impl Source for GitHub {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let etags = position.memo.as_deref().and_then(|memo| serde_json::from_str(memo).ok());
        let (cursor, etags): (Cursor, _) = (position.kept(), etags.unwrap_or_default());
        let mut look = Look { cursor, etags, ..Look::default() };
        let lists = self.lists();
        // What is no longer asked for is forgotten: it would begin anew.
        let keys: Vec<String> = lists.iter().map(List::key).collect();
        look.cursor.places.retain(|key, _| keys.contains(key));
        look.etags.retain(|key, _| keys.contains(key));
        for list in lists {
            match self.list(&list, &mut look, now).await {
                Ok(()) => look.inner.answered(),
                Err(error) => {
                    if look.inner.note(list.key(), error) {
                        break;
                    }
                }
            }
        }
        if !look.inner.pauses()
            && let Err(error) = self.comments(&mut look).await
        {
            look.inner.note("comments of what searches found", error);
        }
        if look.inner.is_whole() {
            self.name_threads(&mut look).await;
        } else {
            parse::resolve(&mut look.inner.batch.posts, &self.names);
        }
        let Look { mut inner, cursor, etags, behind } = look;
        inner.batch.fetched_through = Some(behind.unwrap_or(now));
        let memo = serde_json::to_string(&etags).expect("names always serialise");
        inner.end(Position { memo: Some(memo), ..Position::of(&cursor) })
    }

    fn asks(&self) -> Vec<Asks> {
        let (wanted, every) = (&self.wanted, self.wanted.interval);
        let has = wanted.parts.contains(&Part::Discussions);
        let lists = wanted.parts.len() - usize::from(has);
        let repositories = wanted.repositories.len();
        vec![
            Asks::new("", repositories * lists, every),
            Asks::new("search", wanted.searches.len(), every),
            Asks::new("graphql", if has { repositories } else { 0 }, every),
        ]
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        if self.site.signed() { 50 } else { 10 }
    }

    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        recheck::recheck(&self.site, &self.settings, known).await
    }
}
