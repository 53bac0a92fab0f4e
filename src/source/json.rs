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
//! * Without: pages come newest first and are read back to one that ends with a post known (see [`back`]). Where the
//!   list ends, or the way back grows too long, before anything known is met, what came in between is a gap.
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
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::api::back::{self, Bounds, Lists, Page};
use super::api::{Credential, Look, with_query};
use super::fetch::{self, Ask, Fetcher};
use super::terms::{Access, Budget, Over, Proven};
use super::{
    Answer, Batch, Built, Kind, Known, Parsed, Position, Rechecked, Retry, Settings, Source, SourceError,
    Terms, Tools,
};
use crate::domain::id::SourceId;
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
const DEEPEST: usize = 100;

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
    /// Pages of that mark that are not read yet.
    way: Option<Way>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Way {
    began: Timestamp,
    next: Option<At>,
    pages: usize,
    mark: Option<Mark>,
    /// The oldest post met.
    oldest: Option<Timestamp>,
}

struct Json {
    settings: Settings,
    description: Description,
    door: Door,
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

    /// A page, where the list goes on behind it, and how far its growing field has grown.
    async fn ask(
        &self,
        at: Option<&At>,
        since: Option<(&str, Value)>,
        began: Timestamp,
    ) -> Result<(Parsed, Option<At>, Option<Mark>), SourceError> {
        let Description { url, body, items, paging, reader, cursor: growing, .. } = &self.description;
        let (asked, body) = paging.question(url, body.as_ref(), at, since);
        let answer = self.door.ask(&asked, body.as_ref()).await?;
        if answer.status >= 400 {
            return Err(answer.refused());
        }
        let shown = url.split('?').next().unwrap_or_default();
        let (mut parsed, value) = reader.parse(&answer.borrowed(), items);
        // Items that cannot be read are told one by one, and hold nothing up.
        parsed.nothing = parsed.nothing.filter(|_| parsed.rejects.is_empty());
        let parsed = parsed.or_strange(shown)?;
        let list = value.pointer(items).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mark = growing.as_ref().and_then(|growing| furthest(growing, list, began));
        let next = paging.next(at, &answer.borrowed(), &value, list.len(), url);
        let next = next.map_err(|what| SourceError::soon(format!("{shown} {what}")))?;
        Ok((parsed, next.map(|next| self.door.unsigned(next)), mark))
    }

    /// Reads what has grown beyond the mark.
    async fn grown(
        &self,
        growing: &Growing,
        position: &Position,
        now: Timestamp,
    ) -> Result<Batch, SourceError> {
        let mut cursor: Cursor = position.kept();
        if growing.form.is_time() && cursor.mark.is_none() {
            cursor.mark = now.checked_sub(growing.back).ok().map(Mark::Time);
        }
        let resumed = cursor.way.is_some();
        let way = Way { began: now, next: None, pages: 0, mark: None, oldest: None };
        let mut way = cursor.way.take().unwrap_or(way);
        let mut look = Look::default();
        let mut done = false;
        for _ in 0..self.description.paging.most {
            if look.batch.posts.len() >= ENOUGH {
                break;
            }
            let since = self.since(cursor.mark.as_ref(), way.began);
            let (parsed, next, mark) = match self.ask(way.next.as_ref(), since, way.began).await {
                Ok(page) => page,
                Err(error) => {
                    // A page that is refused may have been named too long ago: from the front, then.
                    if resumed && error.retry == Retry::Never {
                        way.pages = 0;
                    }
                    look.note("list", error);
                    break;
                }
            };
            way.pages += 1;
            way.mark = Mark::further(way.mark.take(), mark);
            let oldest = parsed.posts.iter().filter_map(|post| post.created_at).min();
            way.oldest = way.oldest.into_iter().chain(oldest).min();
            look.batch.rejects.extend(parsed.rejects);
            look.batch.posts.extend(parsed.posts);
            way.next = next;
            done = way.next.is_none() || way.pages >= DEEPEST;
            if done {
                break;
            }
        }
        if done {
            if way.next.is_some() {
                look.batch.gaps.push(self.gap(&cursor, &way, now));
            }
            cursor.at = Some(way.began);
            cursor.mark = Mark::further(cursor.mark.take(), way.mark);
            look.batch.fetched_through = cursor.at;
        } else {
            look.batch.more = true;
            cursor.way = Some(way).filter(|way| way.pages > 0);
        }
        let ended = look.end(Position::of(&cursor));
        ended.map_err(|error| {
            let moved = error.position.filter(|next| next != position);
            SourceError { position: moved, ..error }
        })
    }

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

/// How far the growing field of a page's items has grown.
fn furthest(growing: &Growing, list: &[Value], now: Timestamp) -> Option<Mark> {
    let marks = list.iter().filter_map(|item| growing.form.mark(item.pointer(&growing.field)?));
    let future = now.checked_add(SignedDuration::from_mins(10)).unwrap_or(now);
    let sane = marks.filter(|mark| !matches!(mark, Mark::Time(at) if *at > future));
    sane.fold(None, |far, mark| Mark::further(far, Some(mark)))
}

#[async_trait]
impl Lists for Json {
    fn id(&self) -> &SourceId {
        &self.settings.id
    }

    fn bounds(&self) -> Bounds {
        let pages = self.description.paging.most;
        let deepest = Some(DEEPEST);
        Bounds { pages, enough: ENOUGH, remembered: REMEMBERED, many: None, deepest, ..Bounds::USUAL }
    }

    async fn page(&mut self, _: &str, next: Option<&str>, now: Timestamp) -> Result<Page, SourceError> {
        let at: Option<At> = next.and_then(|next| serde_json::from_str(next).ok());
        let (parsed, next, _) = self.ask(at.as_ref(), None, now).await?;
        let next = next.map(|next| serde_json::to_string(&next).expect("texts and numbers always serialise"));
        // Whether the place's order is that of our dates is not known.
        Ok(Page { posts: parsed.posts, rejects: parsed.rejects, next, ..Page::default() })
    }
}

#[async_trait]
impl Source for Json {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        match &self.description.cursor {
            Some(growing) => self.grown(growing, position, now).await,
            None => back::read(self, &["list".to_owned()], position, now).await,
        }
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
