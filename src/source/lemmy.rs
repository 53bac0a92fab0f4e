//! Lemmy: posts and comments of chosen communities and of searches, as one server sees them. Both versions of
//! the interface are spoken; which one, the server's answers say (see [`lists`]).
//!
//! # Properties wanted
//! * A list is read from the newest back to what is known; a longer backlog goes on in the next look, and the
//!   newest do not wait for it.
//! * The newest page is compared with what it was: edits, deletions and removals show without being asked for,
//!   and so does a post that reached the server late and stands behind newer ones.
//! * What is pinned stands above the newest and says nothing of what lies below.
//!
//! # Accepted
//! * A numbered page shifts as new posts come: some are seen twice, and known the second time.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::api::{self, Api, Credential, Sign};
use super::params::Params;
use super::terms::{Access, Budget, Erase, Over, Word};
use super::{
    Answer, Batch, Built, Kind, Known, Nothing, Position, Rechecked, Retry, Settings, Source, SourceError,
    Terms, Tools, fetch,
};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;

mod lists;
mod read;

use lists::{Cursor, Hole, List, Next, Of, Place, Version};
use read::Reading;

pub use read::parse;

/// The kind `lemmy`.
pub const KIND: Kind = Kind {
    name: "lemmy",
    about: "posts and comments of chosen communities and searches on a Lemmy server",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::KeyOptional,
    needs: "nothing; a token for servers that are closed",
    budgets: &[Budget::per_minute(100, Over::Host), Budget::new(60, 600, Over::Host).of(SEARCH)],
    least_every: 60,
    paging: "50 posts or comments a page",
    erase: &[Erase::new("what was deleted or removed there", 48, Word::Habit)],
    sees: "posts and comments of chosen communities and searches, edits and removals of the newest at once and of \
        the rest on re-check",
    cannot: "communities that the server does not know; private messages; votes",
    document: "https://join-lemmy.org/docs/contributors/04-api.html",
    ..Terms::OPEN
};

/// Searches are counted by themselves.
const SEARCH: &str = "search";
/// Most pages of all lists read back in one look, beside the newest of each.
const MOST_PAGES: usize = 20;
/// Stretches not yet read of one list; the server is asked for them in turn.
const MOST_HOLES: usize = 8;
/// Posts asked about at once.
const AT_ONCE: usize = 20;

struct Wanted {
    base: Option<Url>,
    token: Option<SecretRef>,
    lists: Vec<List>,
    interval: SignedDuration,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let server = params.text("server").map(str::to_owned);
    let base = server.as_deref().and_then(|server| {
        let address = if server.contains("://") { server.to_owned() } else { format!("https://{server}") };
        Url::parse(&address).ok().filter(|url| url.path() == "/" && read::host(url).is_some())
    });
    match (&server, &base) {
        (None, _) if settings.params.get("server").is_none() => {
            params.fault("server", "is missing", "write server = \"lemmy.example\"");
        }
        (Some(server), None) => {
            let what = format!("\"{server}\" is no server");
            params.fault("server", what, "a host name, or an address with https:// and without a path");
        }
        _ => {}
    }
    let token = params.secret("token");
    let posts = params.value("posts").is_none_or(|value| value.as_bool().unwrap_or(true));
    let comments = params.value("comments").is_none_or(|value| value.as_bool().unwrap_or(true));
    let mut of: Vec<Of> = Vec::new();
    let communities = params.list("communities", "[\"talk\", \"news@lemmy.example\"]");
    of.extend(communities.into_iter().map(|name| Of::Community(name.trim_start_matches('!').to_owned())));
    of.extend(params.list("search", "[\"acme\"]").into_iter().map(Of::Search));
    if of.is_empty() || !(posts || comments) {
        let remedy = "name communities or a search, and leave posts or comments at true";
        params.fault("communities", "nothing is to be read", remedy);
    }
    let sorts = [(posts, false), (comments, true)].into_iter().filter(|(wanted, _)| *wanted);
    let lists = of
        .iter()
        .flat_map(|of| sorts.clone().map(|(_, comments)| List { of: of.clone(), comments }))
        .collect();
    let interval = params.wait("interval", 300, 60);
    let allow_private = params.flag("allow_private");
    (Wanted { base, token, lists, interval, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let base = wanted.base.clone().ok_or("no server is named")?;
    let host = read::host(&base).ok_or("the server has no name")?;
    let token = wanted.token.as_ref().map(Credential::fetch).transpose()?;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private).signed(token, Sign::Bearer);
    let settings = settings.clone();
    Ok(Built::Pull(Box::new(Lemmy { settings, wanted, base, host, api, version: None })))
}

struct Lemmy {
    settings: Settings,
    wanted: Wanted,
    base: Url,
    host: String,
    api: Api,
    /// What the server spoke last.
    version: Option<Version>,
}

struct Page {
    reading: Reading,
    next: Option<Next>,
}

impl Lemmy {
    /// Asks in the version that the server spoke last; where it knows nothing of it, in the other one.
    async fn ask(
        &mut self,
        bucket: &'static str,
        address: impl Fn(Version) -> Url,
    ) -> Result<(fetch::Answer, Version), SourceError> {
        let api = if bucket.is_empty() { self.api.clone() } else { self.api.counted(bucket, 1) };
        let first = self.version.unwrap_or(Version::Four);
        let mut answer = api.get_any(address(first).as_str()).await?;
        // An interface that is not there has no words of its own for it.
        if answer.status == 404 && why(&answer).is_none() {
            let second = api.get_any(address(first.other()).as_str()).await?;
            if second.status != 404 || why(&second).is_some() {
                self.version = Some(first.other());
                return Ok((second, first.other()));
            }
            answer = second;
        } else if answer.status < 400 {
            self.version = Some(first);
        }
        Ok((answer, first))
    }

    async fn page(&mut self, list: &List, page: Option<&Next>) -> Result<Page, SourceError> {
        let bucket = if matches!(list.of, Of::Search(_)) { SEARCH } else { "" };
        let base = self.base.clone();
        let (answer, version) = self.ask(bucket, |version| list.address(&base, version, page)).await?;
        let wrong = |why: &str, retry| {
            let what = format!("{} on {} {why}", list.name(), self.host);
            Err(SourceError { what, retry, position: None })
        };
        if answer.status >= 400 {
            let said = why(&answer).map_or_else(String::new, |said| format!(": {said}"));
            return wrong(&format!("answered {}{said}", answer.status), answer.refused().retry);
        }
        let url = answer.url.clone();
        let borrowed = Answer { url: Some(&url), ..answer.borrowed() };
        let mut reading = read::read(&borrowed, &self.settings.id, Some(&self.host));
        match reading.parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            Some(nothing) => return wrong(nothing.words(), Retry::Soon),
        }
        let said = reading.next.take();
        let next = if reading.parsed.posts.is_empty() { None } else { Next::after(page, said, version) };
        Ok(Page { reading, next })
    }

    /// Reads the newest page of a list and says where to go on, where there is more.
    async fn look(
        &mut self,
        list: &List,
        place: &mut Place,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Result<(), SourceError> {
        let known = place.newest;
        let Page { reading, next } = self.page(list, None).await?;
        let met = met(&reading, known);
        let names: Vec<(String, String)> =
            reading.parsed.posts.iter().map(|post| (post.id.clone(), post.version.clone())).collect();
        take(reading, place, batch, now);
        place.remember(names.into_iter());
        if let (Some(until), Some(next), false) = (known, next, met) {
            place.holes.insert(0, Hole { next, until });
            // The oldest two are one: what lies between them is read twice.
            if place.holes.len() > MOST_HOLES
                && let Some(oldest) = place.holes.pop()
                && let Some(last) = place.holes.last_mut()
            {
                last.until = oldest.until;
            }
        }
        Ok(())
    }

    /// Reads on where looks before had to stop, the newest first.
    async fn fill(
        &mut self,
        list: &List,
        place: &mut Place,
        batch: &mut Batch,
        (pages, now): (&mut usize, Timestamp),
    ) -> Result<(), SourceError> {
        while let Some(hole) = place.holes.first().cloned() {
            if *pages == 0 {
                return Ok(());
            }
            *pages -= 1;
            let Page { reading, next } = self.page(list, Some(&hole.next)).await?;
            let met = met(&reading, Some(hole.until));
            take(reading, place, batch, now);
            match next {
                Some(next) if !met => place.holes[0].next = next,
                _ => drop(place.holes.remove(0)),
            }
        }
        Ok(())
    }
}

/// Whether a page reaches back to what was published then.
fn met(reading: &Reading, until: Option<Timestamp>) -> bool {
    let Some(until) = until else { return true };
    let mut unpinned = reading.parsed.posts.iter().filter(|post| !reading.pinned.contains(&post.id));
    unpinned.any(|post| post.created_at.is_some_and(|at| at <= until))
}

/// The new posts of a page, the oldest first.
fn take(reading: Reading, place: &mut Place, batch: &mut Batch, now: Timestamp) {
    let Reading { parsed, .. } = reading;
    batch.rejects.extend(parsed.rejects);
    let mut posts = parsed.posts;
    posts.retain(|post| !place.knows(&post.id, &post.version));
    // Some servers live in the future; what comes after theirs is no less new.
    let newest = posts.iter().filter_map(|post| post.created_at).max().map(|at| at.min(now));
    place.newest = place.newest.max(newest);
    batch.posts.extend(posts.into_iter().rev());
}

/// What the interface says of an error; none where something before it answers.
fn why(answer: &fetch::Answer) -> Option<String> {
    let said: Value = serde_json::from_slice(&answer.body).ok()?;
    let said = said.get("error")?.as_str()?;
    // A word of its own, and no text of anybody's.
    let word = said.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    Some(if word { said.to_owned() } else { String::new() })
}

#[async_trait]
impl Source for Lemmy {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor = Cursor::read(position.cursor.as_deref());
        self.version = self.version.or_else(|| serde_json::from_str(position.memo.as_deref()?).ok());
        let mut look = api::Look::default();
        let mut pages = MOST_PAGES;
        let lists = self.wanted.lists.clone();
        for (number, list) in lists.iter().enumerate() {
            let mut place = cursor.places.get(&list.name()).cloned().unwrap_or_default();
            let mut looked = self.look(list, &mut place, &mut look.batch, now).await;
            if looked.is_ok() {
                looked = self.fill(list, &mut place, &mut look.batch, (&mut pages, now)).await;
            }
            if looked.is_ok() && place.holes.is_empty() {
                place.through = Some(now);
                place.newest = place.newest.or(Some(now));
            }
            cursor.places.insert(list.name(), place);
            match looked {
                Ok(()) => look.answered(),
                Err(error) => {
                    // A server that is busy or away is so for every list; a wrong name is wrong by itself.
                    let enough = error.retry != Retry::Never;
                    look.note(list.name(), error);
                    if enough {
                        look.note_rest(lists[number + 1..].iter().map(List::name));
                        break;
                    }
                }
            }
        }
        look.batch.more = cursor.places.values().any(|place| !place.holes.is_empty());
        let through = self.wanted.lists.iter().map(|list| cursor.places.get(&list.name())?.through);
        look.batch.fetched_through = through.min().flatten();
        let memo = self.version.map(|version| serde_json::to_string(&version).expect("a word serialises"));
        look.end(Position { cursor: Some(cursor.write()), memo })
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    async fn recheck(&mut self, known: &[Known], _: Timestamp) -> Result<Rechecked, SourceError> {
        let mut rechecked = Rechecked::default();
        let mut failed = None;
        for known in known {
            let local = known.id.strip_prefix(&self.host).and_then(|rest| rest.strip_prefix('/'));
            // Of a server that is read no more.
            let Some((sort, number)) = local.and_then(|local| local.split_once('/')) else { continue };
            let base = self.base.clone();
            let address = |version: Version| {
                let mut url = base.clone();
                url.set_path(&format!("/api/{}/{sort}", version.word()));
                url.query_pairs_mut().append_pair("id", number);
                url
            };
            let answer = match self.ask("", address).await {
                Ok((answer, _)) => answer,
                Err(error) if error.pause().is_some() => {
                    rechecked.rest = error.pause();
                    break;
                }
                Err(error) => {
                    failed.get_or_insert(error);
                    continue;
                }
            };
            if answer.status >= 400 {
                let gone =
                    why(&answer).is_some_and(|said| said.contains("couldnt_find") || said == "not_found");
                if gone {
                    rechecked.gone.push(known.id.clone());
                    continue;
                }
                let error = answer.refused();
                if error.pause().is_some() {
                    rechecked.rest = error.pause();
                    break;
                }
                failed.get_or_insert(error);
                continue;
            }
            let reading = read::read(&answer.borrowed(), &self.settings.id, Some(&self.host));
            let same = reading.parsed.posts.into_iter().filter(|post| post.id == known.id);
            rechecked.posts.extend(same);
        }
        match failed {
            Some(error) if rechecked == Rechecked::default() => Err(error),
            _ => Ok(rechecked),
        }
    }
}
