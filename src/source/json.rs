//! Any JSON interface that the configuration describes, so that a place is added without code: where the items
//! stand, which of our fields is where in an item, how the next page is found, what grows. Help desks, WordPress and
//! NodeBB come with a ready-made description (see [`preset`]), which is also the model for one's own:
//!
//! ```toml
//! params = { preset = "zendesk", subdomain = "acme", email = "care@acme.example",
//!            credential = { credential = "zendesk" } }
//!
//! params = { url = "https://acme.example/api/tickets?per_page=100", credential = { credential = "acme" },
//!            items = "/tickets", page = { number = "page" },
//!            cursor = { field = "/updated_at", param = "updated_since" },
//!            fields = { id = "/id", title = "/subject", text = "/body", author = "/customer/name",
//!                       created_at = "/created_at", url = "https://acme.example/t/{/id}" } }
//! ```
//!
//! # Two ways to go on
//! * With a `cursor`: each look asks for what has grown beyond the mark. The mark moves when all pages of a look
//!   were read, whatever their order, over as many looks as that takes; so nothing served is missed.
//! * Without: pages come newest first and are read back to one that ends with a post known. Where the list ends,
//!   or the way back grows too long, before anything known is met, what came in between is a gap.
//!
//! # Accepted
//! * A mark from the future moves nothing: one wrong clock at the place would blind us until then.
//! * With a cursor, what lies within its overlap is read again with each look; versions tell it is known.
//! * A list that changes while its pages are counted may push an item past us; places with such lists should be
//!   read with a cursor.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::api::{Credential, with_query};
use super::fetch::{self, Ask, Fetcher};
use super::terms::{Access, Budget, Over, Proven};
use super::{
    Answer, Batch, Built, Kind, Known, Nothing, Parsed, Position, Rechecked, Retry, Settings, Source,
    SourceError, Terms, Tools,
};
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::source::{Gap, GapCause};

mod describe;
mod form;
mod pages;
pub mod preset;
mod read;
mod usual;

use describe::{Description, Growing, Held, Sign};
use form::Mark;
use pages::At;

/// The kind `json`.
pub const KIND: Kind = Kind {
    name: "json",
    about: "any JSON interface that the settings describe; presets for Zendesk, Intercom, Freshdesk, searches, WordPress \
            and NodeBB",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

/// Requests a minute unless the settings say otherwise.
const PER_MINUTE: u32 = 30;

static TERMS: Terms = Terms {
    access: Access::KeyOptional,
    needs: "an address and, where the place wants one, a key; for a preset what it names",
    budgets: &[Budget::per_minute(PER_MINUTE, Over::Host)],
    least_every: 60,
    paging: "as described; 100 pages a look at most",
    sees: "what the description takes from each item, edits as versions; removals where a field tells them or the \
           place is asked by id",
    cannot: "what the place changes without its growing field, or behind the pages read; answers below a ticket, \
             unless they are items of their own",
    proven: Proven::Documents,
    ..Terms::OPEN
};

/// After so many posts a look ends.
const ENOUGH: usize = 500;

/// Posts remembered where nothing grows.
const REMEMBERED: usize = 2_000;

/// Most pages of one way back, over all its looks.
const DEEPEST: u32 = 100;

/// The terms with another number of requests a minute. Kept for good, for budgets outlive a reload; there are
/// as many as numbers that were ever configured.
fn terms(per_minute: u32) -> &'static Terms {
    static MADE: Mutex<BTreeMap<u32, &'static Terms>> = Mutex::new(BTreeMap::new());
    if per_minute == PER_MINUTE {
        return &TERMS;
    }
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(per_minute).or_insert_with(|| {
        let budgets: &'static [Budget] = Box::leak(Box::new([Budget::per_minute(per_minute, Over::Host)]));
        Box::leak(Box::new(Terms { budgets, ..TERMS }))
    })
}

fn check(settings: &Settings) -> Problems {
    describe::read(settings).1
}

/// The posts of an answer as described; without a description those of a list with the usual names.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    if settings.params.is_null() {
        return usual::parse(answer, settings);
    }
    let description = describe::read(settings).0;
    description.reader.parse(answer, &description.items).0
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let description = describe::read(settings).0;
    let credential = description.credential.as_ref().map(Credential::fetch).transpose()?;
    let mut account = credential.as_ref().map(|credential| credential.account().to_owned());
    let mut headers = Vec::new();
    for (name, held) in &description.headers {
        let value = match held {
            Held::Plain(text) => Credential::new(SecretString::from(text.clone())),
            Held::Secret(pointer) => {
                let secret = Credential::fetch(pointer)?;
                account.get_or_insert_with(|| secret.account().to_owned());
                secret
            }
        };
        headers.push((name.clone(), value));
    }
    let mut query = None;
    if let Some(credential) = credential {
        let whole = |text: String| Credential::new(SecretString::from(text));
        let secret = credential.expose();
        match &description.sign {
            Sign::Bearer => headers.push(("authorization".into(), whole(format!("Bearer {secret}")))),
            Sign::Basic(user) => {
                let pair = user.as_ref().map_or(format!("{secret}:X"), |user| format!("{user}:{secret}"));
                headers.push(("authorization".into(), whole(format!("Basic {}", STANDARD.encode(pair)))));
            }
            Sign::Header(name) => headers.push((name.clone(), credential)),
            Sign::Query(name) => query = Some((name.clone(), credential)),
        }
    }
    let door = Door {
        fetch: Arc::clone(&tools.fetch),
        terms: terms(description.per_minute),
        headers,
        query,
        account,
        allow_private: description.allow_private,
    };
    Ok(Built::Pull(Box::new(Json { settings: settings.clone(), description, door })))
}

/// The way in: what is sent with every question.
struct Door {
    fetch: Arc<Fetcher>,
    terms: &'static Terms,
    headers: Vec<(String, Credential)>,
    query: Option<(String, Credential)>,
    account: Option<String>,
    allow_private: bool,
}

impl Door {
    async fn ask(&self, url: &str, body: Option<&Value>) -> Result<fetch::Answer, SourceError> {
        let signed = self.query.as_ref().map(|(name, value)| with_query(url, &[(name, value.expose())]));
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        let ask = Ask {
            headers: &headers,
            body: body.map(|body| ("application/json", body.to_string().into())),
            account: self.account.as_deref(),
            allow_private: self.allow_private,
            ..Ask::get(signed.as_deref().unwrap_or(url), self.terms)
        };
        self.fetch.ask_any(&ask).await
    }

    /// A page without what signs us in, which some places repeat in its address: a cursor holds no secrets.
    fn unsigned(&self, at: At) -> At {
        match (at, &self.query) {
            (At::Address(url), Some((name, _))) => At::Address(pages::without(&url, name)),
            (at, _) => at,
        }
    }
}

/// How far the place was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    /// When the last look that came to its end began.
    at: Option<Timestamp>,
    /// How far the growing field was read.
    mark: Option<Mark>,
    /// Posts known where nothing grows, newest first: each as its name and the beginning of its version.
    seen: Vec<(String, String)>,
    /// A way that is not done.
    way: Option<Way>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Way {
    began: Timestamp,
    next: Option<At>,
    pages: u32,
    mark: Option<Mark>,
    fresh: Vec<(String, String)>,
    /// The oldest post met.
    oldest: Option<Timestamp>,
    /// A post known was met.
    met: bool,
}

impl Way {
    fn new(began: Timestamp) -> Self {
        Self { began, next: None, pages: 0, mark: None, fresh: Vec::new(), oldest: None, met: false }
    }
}

fn short(post: &Post) -> (String, String) {
    (post.id.clone(), post.version.chars().take(8).collect())
}

struct Json {
    settings: Settings,
    description: Description,
    door: Door,
}

/// What one page brought.
struct Page {
    posts: Vec<Post>,
    rejects: Vec<super::Reject>,
    next: Option<At>,
    mark: Option<Mark>,
}

impl Json {
    /// What the place is asked from.
    fn since(&self, mark: Option<&Mark>, now: Timestamp) -> Option<(&str, Value)> {
        let growing = self.description.cursor.as_ref()?;
        let value = match mark {
            Some(Mark::Time(at)) => {
                let from = at.checked_sub(growing.overlap).unwrap_or(*at);
                let latest = now.checked_sub(growing.behind).unwrap_or(now);
                growing.form.written(&Mark::Time(from.min(latest)))
            }
            Some(mark) => growing.form.written(mark),
            None => growing.begin.clone()?,
        };
        Some((&growing.param, value))
    }

    async fn page(&self, cursor: &Cursor, way: &Way) -> Result<Page, SourceError> {
        let Description { url, body, items, paging, reader, cursor: growing, .. } = &self.description;
        let since = self.since(cursor.mark.as_ref(), way.began);
        let (asked, body) = paging.question(url, body.as_ref(), way.next.as_ref(), since);
        let answer = self.door.ask(&asked, body.as_ref()).await?;
        if answer.status >= 400 {
            return Err(answer.refused());
        }
        let shown = url.split('?').next().unwrap_or_default();
        let failed = |what: String| SourceError { what, retry: Retry::Soon, position: None };
        let (parsed, value) = reader.parse(&answer.borrowed(), items);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            // Items that cannot be read are told one by one, and hold nothing up.
            Some(Nothing::Broken) if !parsed.rejects.is_empty() => {}
            Some(nothing) => return Err(failed(format!("{shown} {}", nothing.words()))),
        }
        let list = value.pointer(items).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mark = growing.as_ref().and_then(|growing| furthest(growing, list, way.began));
        let next = paging.next(way.next.as_ref(), &answer.borrowed(), &value, list.len(), url);
        let next =
            next.map_err(|what| failed(format!("{shown} {what}")))?.map(|next| self.door.unsigned(next));
        Ok(Page { posts: parsed.posts, rejects: parsed.rejects, next, mark })
    }
}

/// How far the growing field of a page's items has grown.
fn furthest(growing: &Growing, list: &[Value], now: Timestamp) -> Option<Mark> {
    let marks = list.iter().filter_map(|item| growing.form.mark(item.pointer(&growing.field)?));
    let future = now.checked_add(SignedDuration::from_mins(10)).unwrap_or(now);
    let sane = marks.filter(|mark| !matches!(mark, Mark::Time(at) if *at > future));
    sane.fold(None, |far, mark| Mark::further(far, Some(mark)))
}

#[async_trait]
impl Source for Json {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept = position.cursor.as_deref().and_then(|cursor| serde_json::from_str::<Cursor>(cursor).ok());
        let mut cursor = kept.unwrap_or_default();
        let growing = self.description.cursor.as_ref();
        if let Some(growing) = growing.filter(|growing| growing.form.is_time() && cursor.mark.is_none()) {
            cursor.mark = now.checked_sub(growing.back).ok().map(Mark::Time);
        }
        let first = cursor.at.is_none();
        let resumed = cursor.way.is_some();
        let mut way = cursor.way.take().unwrap_or_else(|| Way::new(now));
        let mut batch = Batch::default();
        let mut done = false;
        let mut broken = false;
        for read in 0..self.description.paging.most {
            if batch.posts.len() >= ENOUGH {
                break;
            }
            let page = match self.page(&cursor, &way).await {
                Ok(page) => page,
                // What was had is given, and the way is taken up again where it was left.
                Err(error) if read > 0 => {
                    batch.rest = error.pause();
                    broken = true;
                    break;
                }
                Err(error) => {
                    // A page that is refused may have been named too long ago: from the front, then.
                    let stale = resumed && error.retry == Retry::Never;
                    let position = stale.then(|| Position { cursor: Some(written(&cursor)), memo: None });
                    return Err(SourceError { position, ..error });
                }
            };
            way.pages += 1;
            way.mark = Mark::further(way.mark.take(), page.mark);
            batch.rejects.extend(page.rejects);
            let oldest = page.posts.iter().filter_map(|post| post.created_at).min();
            way.oldest = way.oldest.into_iter().chain(oldest).min();
            let mut arrived = false;
            if growing.is_none() {
                let is_seen = |post: &Post| cursor.seen.contains(&short(post));
                way.met |= page.posts.iter().any(|post| cursor.seen.iter().any(|(id, _)| *id == post.id));
                arrived = first || page.posts.last().is_some_and(is_seen);
                let fresh: Vec<Post> = page
                    .posts
                    .into_iter()
                    .filter(|post| !is_seen(post) && !way.fresh.contains(&short(post)))
                    .collect();
                way.fresh.extend(fresh.iter().map(short));
                batch.posts.extend(fresh);
            } else {
                batch.posts.extend(page.posts);
            }
            way.next = page.next;
            if arrived || way.next.is_none() || way.pages >= DEEPEST {
                let lost = way.pages >= DEEPEST && !arrived && way.next.is_some();
                let blind = growing.is_none() && !way.met && !arrived && !cursor.seen.is_empty();
                if lost || (blind && !way.fresh.is_empty()) {
                    batch.gaps.push(self.gap(&cursor, &way, now));
                }
                done = true;
                break;
            }
        }
        if done {
            if !resumed && growing.is_none() {
                batch.posts.reverse();
            }
            cursor.at = Some(way.began);
            cursor.mark = Mark::further(cursor.mark.take(), way.mark);
            let mut seen = way.fresh;
            let before = std::mem::take(&mut cursor.seen);
            let changed: BTreeSet<String> = seen.iter().map(|(id, _)| id.clone()).collect();
            seen.extend(before.into_iter().filter(|(id, _)| !changed.contains(id)));
            seen.truncate(REMEMBERED);
            cursor.seen = seen;
            batch.fetched_through = cursor.at;
        } else {
            batch.more = !broken;
            cursor.way = Some(way);
        }
        batch.position = Position { cursor: Some(written(&cursor)), memo: None };
        Ok(batch)
    }

    fn interval(&self) -> SignedDuration {
        self.description.interval
    }

    fn recheck_at_once(&self) -> usize {
        self.description.recheck.as_ref().map_or(0, |recheck| recheck.at_once)
    }

    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut told = Rechecked::default();
        let Some(recheck) = &self.description.recheck else { return Ok(told) };
        for known in known.iter().take(recheck.at_once) {
            let id: String = url::form_urlencoded::byte_serialize(known.id.as_bytes()).collect();
            let url = recheck.url.replace("{id}", &id.replace('+', "%20"));
            match self.door.ask(&url, None).await {
                Ok(answer) if matches!(answer.status, 404 | 410) => told.gone.push(known.id.clone()),
                Ok(answer) if answer.status >= 400 => {
                    let error = answer.refused();
                    match error.pause() {
                        Some(wait) => {
                            told.rest = Some(wait);
                            break;
                        }
                        None if answer.status == 401 => return Err(error),
                        // One that is closed to us says nothing of the others.
                        None => {}
                    }
                }
                Ok(answer) => {
                    let (parsed, value) = self.description.reader.parse(&answer.borrowed(), &recheck.items);
                    // A place that answers with a list has none that it would still show.
                    if value.pointer(&recheck.items).and_then(Value::as_array).is_some_and(Vec::is_empty) {
                        told.gone.push(known.id.clone());
                    }
                    let counts = |post: &Post| post.deleted || !recheck.removals;
                    told.posts.extend(parsed.posts.into_iter().filter(counts));
                }
                Err(error) if error.pause().is_some() => {
                    told.rest = error.pause();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(told)
    }
}

impl Json {
    fn gap(&self, cursor: &Cursor, way: &Way, now: Timestamp) -> Gap {
        let oldest = way.oldest.filter(|oldest| cursor.at.is_none_or(|at| *oldest > at));
        Gap {
            source: self.settings.id.clone(),
            from: cursor.at,
            until: oldest.unwrap_or(now),
            cause: GapCause::Overrun,
            detail: format!("nothing known was met on {} pages", way.pages),
        }
    }
}

fn written(cursor: &Cursor) -> String {
    serde_json::to_string(cursor).expect("names and times always serialise")
}
