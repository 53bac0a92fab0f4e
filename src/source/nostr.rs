//! Nostr: notes, comments and articles as relays tell them, with a hashtag, by an author, or found by a relay
//! that searches. There is no site to ask and nobody to believe: a relay is anybody's server, so every event is
//! proven by its author's signature ([`event`]), several relays are read at once, and an event counts once,
//! whoever hands it on.
//!
//! A look keeps the connections, waits a moment for something to happen and gives what has come by then. Where
//! each relay was read to, and what of a break is still to be read, is [`cursor`]'s. A relay that fails rests by
//! itself while the others are read.
//!
//! What an author takes back (NIP-09) is withdrawn only when the event that says so is by the author of what it
//! names. Of an event that we have just read that is known; of an older one its address says it, so it is
//! found when posts are asked for anew.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::fetch::{self, Fetcher};
use super::params::Params;
use super::terms::{Budget, Erase, Over, Proven, Word};
use super::{
    Batch, Built, Kind, Known, Position, Rechecked, Reject, Retry, Settings, Source, SourceError, Terms,
    Tools,
};
use crate::domain::problem::Problems;
use crate::domain::source::{Gap, GapCause, SkipReason, Trouble};

mod code;
mod cursor;
pub mod event;
mod relay;
pub mod saved;

use cursor::{Cursor, Recent};
use event::{Event, Withdrawn};
use relay::{BUCKET, Filter, Link, Said, Way};

/// The kind `nostr`.
pub const KIND: Kind = Kind {
    name: "nostr",
    about: "notes, comments and articles of Nostr, from relays, by hashtag, author or search; no account needed",
    check,
    build,
    parse: Some(saved::parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    budgets: &[Budget::per_minute(60, Over::Host), Budget::per_minute(20, Over::Host).of(BUCKET)],
    least_every: 1,
    paging: "pushed; 500 events at once of what was missed",
    erase: &[Erase::new("what its author has taken back", 24, Word::Habit)],
    sees: "notes, comments and articles with chosen hashtags, by chosen authors, or found by relays that search, as \
           chosen relays tell them; what authors take back; signatures are verified",
    cannot: "notes without such a hashtag that no relay of yours finds, what only other relays hold, relays that want \
             an account, names of people (authors are named by their key)",
    proven: Proven::Documents,
    document: "https://github.com/nostr-protocol/nips",
    ..Terms::OPEN
};

/// Large ones that let everybody read.
const RELAYS: [&str; 3] = ["wss://relay.damus.io", "wss://nos.lol", "wss://relay.primal.net"];

/// How long a look waits for something to happen.
const LOOK: Duration = Duration::from_secs(1);
/// Most posts of a look, and most rounds over the connections.
const MOST_POSTS: usize = 500;
const MOST_ROUNDS: usize = 4_000;
/// Looks without a word of what a relay owes us, after which it is asked anew.
const PATIENCE: u32 = 30;
/// As many posts may be asked for at once.
const AT_ONCE: usize = 100;
/// Relays refuse questions of more parts than this.
const MOST_FILTERS: usize = 8;

struct Wanted {
    relays: Vec<String>,
    filters: Vec<Filter>,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let mut relays: Vec<String> = Vec::new();
    let mut given = params.list("relays", r#"["wss://relay.acme.example"]"#);
    if given.is_empty() {
        given = RELAYS.map(str::to_owned).to_vec();
    }
    for relay in &given {
        let relay = relay.trim_end_matches('/');
        let fits = |url: Url| matches!(url.scheme(), "ws" | "wss") && url.has_host() && url.query().is_none();
        if !Url::parse(relay).is_ok_and(fits) {
            params.fault("relays", format!("\"{relay}\" is no address of a relay"), "begin with wss://");
        } else if !relays.iter().any(|known| known == relay) {
            relays.push(relay.to_owned());
        }
    }
    let mut filters = Vec::new();
    let tags = params.list("hashtags", r#"["acme"]"#);
    let tags: Vec<String> = tags.iter().map(|tag| tag.trim_start_matches('#').to_lowercase()).collect();
    if !tags.is_empty() {
        filters.push(Filter::Hashtags(tags));
    }
    let mut authors = Vec::new();
    for author in params.list("authors", r#"["npub1…"]"#) {
        match code::key(&author) {
            Some(key) => authors.push(key),
            None => {
                params.fault("authors", format!("\"{author}\" is no public key"), "write npub1… or 64 digits")
            }
        }
    }
    if !authors.is_empty() {
        filters.push(Filter::Authors(authors));
    }
    filters.extend(params.list("search", r#"["acme app"]"#).into_iter().map(Filter::Search));
    if filters.len() > MOST_FILTERS {
        params.fault(
            "search",
            "these are more searches than relays take",
            "leave some out, or make a second source",
        );
    }
    let asks = ["hashtags", "authors", "search"];
    let empty = |given: Option<&Value>| given.is_none_or(|given| given.as_array().is_some_and(Vec::is_empty));
    if filters.is_empty() && asks.iter().all(|key| empty(settings.params.get(key))) {
        params.fault("hashtags", "nothing is asked for", "write hashtags, authors or search");
    }
    let allow_private = params.flag("allow_private");
    (Wanted { relays, filters, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let relays = wanted.relays.iter().map(|url| Relay { url: url.clone(), ..Relay::default() }).collect();
    Ok(Built::Pull(Box::new(Nostr {
        settings: settings.clone(),
        wanted,
        relays,
        fetch: Arc::clone(&tools.fetch),
        recent: Recent::default(),
        handed: None,
    })))
}

#[derive(Default)]
struct Relay {
    url: String,
    link: Option<Link>,
    /// Failures in a row, the last of them, and until when it rests.
    failures: u32,
    fault: Option<SourceError>,
    rests: Option<Timestamp>,
}

impl Relay {
    fn fail(&mut self, error: SourceError, now: Timestamp) {
        self.link = None;
        self.failures += 1;
        self.rests = now.checked_add(relay::rest(error.retry, self.failures)).ok();
        self.fault = Some(error);
    }
}

struct Nostr {
    settings: Settings,
    wanted: Wanted,
    relays: Vec<Relay>,
    fetch: Arc<Fetcher>,
    recent: Recent,
    /// The cursor last given. Another one means that what was given was not taken in.
    handed: Option<String>,
}

/// A look while it lasts.
struct Look {
    batch: Batch,
    cursor: Cursor,
    /// Frames that came.
    frames: usize,
    /// Nothing more was there to be read.
    drained: bool,
}

impl Nostr {
    fn way(&self) -> Way<'_> {
        Way { fetch: &self.fetch, terms: &TERMS, allow_private: self.wanted.allow_private }
    }

    /// Connects to the relays that are not connected and do not rest.
    async fn connect(&mut self, cursor: &Cursor, now: Timestamp) {
        let way = self.way();
        let due = |relay: &Relay| relay.link.is_none() && relay.rests.is_none_or(|rests| rests <= now);
        let filters = &self.wanted.filters;
        let opening = self.relays.iter().enumerate().filter(|(_, relay)| due(relay)).map(|(at, relay)| {
            let url = relay.url.as_str();
            async move { (at, way.open(url, filters, cursor, now).await) }
        });
        let opened = futures::future::join_all(opening).await;
        for (at, opened) in opened {
            match opened {
                Ok(link) => self.relays[at].link = Some(link),
                Err(error) => self.relays[at].fail(error, now),
            }
        }
    }

    /// The fault of which most can be hoped for.
    fn worst(&self) -> SourceError {
        let rank = |error: &&SourceError| match error.retry {
            Retry::Soon => 0,
            Retry::After(_) | Retry::Budget(_) => 1,
            Retry::Never => 2,
        };
        let fault = self.relays.iter().filter_map(|relay| relay.fault.as_ref()).min_by_key(rank);
        fault.cloned().unwrap_or_else(|| SourceError {
            what: "no relay is connected".into(),
            retry: Retry::Soon,
            position: None,
        })
    }

    /// Reads what has come on all connections, in turns, until nothing more is there.
    async fn read(&mut self, look: &mut Look, now: Timestamp) {
        let mut wait = LOOK;
        for _ in 0..MOST_ROUNDS {
            if look.batch.posts.len() >= MOST_POSTS {
                return;
            }
            let next = self.relays.iter_mut().enumerate().filter_map(|(at, relay)| {
                let link = relay.link.as_mut()?;
                Some(async move { (at, link.socket.next(wait).await) })
            });
            let came = futures::future::join_all(next).await;
            wait = Duration::ZERO;
            let before = look.frames;
            for (at, came) in came {
                let words = match came {
                    Ok(Some(frame)) => {
                        look.frames += 1;
                        frame.text().map_or(Ok(Vec::new()), |text| self.take(at, text, look))
                    }
                    Ok(None) => Ok(Vec::new()),
                    Err(error) => Err(fetch::broken(error)),
                };
                if let Err(error) = self.answer(at, words).await {
                    self.relays[at].fail(error, now);
                }
            }
            if look.frames == before {
                look.drained = true;
                return;
            }
        }
    }

    async fn answer(
        &mut self,
        at: usize,
        words: Result<Vec<String>, SourceError>,
    ) -> Result<(), SourceError> {
        for words in words? {
            if let Some(link) = &mut self.relays[at].link {
                link.socket.send(&words).await.map_err(fetch::broken)?;
            }
        }
        Ok(())
    }

    /// Takes a message; what is to be said to it.
    fn take(&mut self, at: usize, text: &str, look: &mut Look) -> Result<Vec<String>, SourceError> {
        let relay = &mut self.relays[at];
        let Some(link) = &mut relay.link else { return Ok(Vec::new()) };
        let message = relay::said(text).unwrap_or(Said::Other);
        let (name, event) = match message {
            Said::Event(name, event) => (name, Some(event)),
            Said::Stored(name) => (name, None),
            // A page that is done with was closed by us, and some confirm that.
            Said::Closed(name, why) => {
                let done = link.subs.iter().any(|sub| !sub.paging && name == format!("p{}", sub.filter));
                return if done { Ok(Vec::new()) } else { Err(relay::closed(&relay.url, &why)) };
            }
            Said::Other => return Ok(Vec::new()),
        };
        let (stored, number) =
            (name.starts_with('l'), name.get(1..).and_then(|number| number.parse::<usize>().ok()));
        let Some(sub) = link.subs.iter_mut().find(|sub| Some(sub.filter) == number) else {
            return Ok(Vec::new());
        };
        let filter = &self.wanted.filters[sub.filter];
        link.owed = 0;
        if let Some(value) = event {
            let counts = if stored { sub.stored.is_some() } else { sub.paging };
            if counts {
                // What the relay says of it counts here, proven or not: it is about what the relay has given.
                sub.page.see(value.get("created_at").and_then(Value::as_i64));
            }
            match Event::read(&value) {
                Ok(event) if filter.wants(&event) => {
                    take_event(&self.settings, &mut self.recent, &event, look)
                }
                Ok(_) => {}
                Err(why) => reject(look, why),
            }
            return Ok(Vec::new());
        }
        let page = std::mem::take(&mut sub.page);
        link.most = link.most.max(page.count);
        let place = look.cursor.places.entry(sub.place.clone()).or_default();
        let mut words = Vec::new();
        if stored {
            let Some((since, asked)) = sub.stored.take() else { return Ok(words) };
            place.caught_up(since, &page, asked);
        } else {
            if !std::mem::take(&mut sub.paging) {
                return Ok(words);
            }
            words.push(json!(["CLOSE", name]).to_string());
            if let Some((from, until)) = place.paged(&page, link.most) {
                let instant = |second| Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
                look.batch.gaps.push(Gap {
                    source: self.settings.id.clone(),
                    from: Some(instant(from)),
                    until: instant(until),
                    cause: GapCause::Overrun,
                    detail: format!("{} gives no more of it at once and does not page", relay.url),
                });
            }
        }
        if let Some(hole) = place.holes.first() {
            sub.paging = true;
            words.push(relay::page(sub.filter, filter, *hole));
        } else {
            relay.failures = 0;
            relay.fault = None;
        }
        Ok(words)
    }

    /// After a look: what is owed, and how far each place was read.
    fn settle(&mut self, look: &mut Look, now: Timestamp) {
        let mut all = look.drained;
        for relay in &mut self.relays {
            let Some(link) = &mut relay.link else {
                all = false;
                continue;
            };
            let owes = link.subs.iter().any(|sub| sub.stored.is_some() || sub.paging);
            all &= !owes;
            link.owed = if owes { link.owed + 1 } else { 0 };
            for sub in link.subs.iter().filter(|sub| look.drained && sub.stored.is_none()) {
                let place = look.cursor.places.entry(sub.place.clone()).or_default();
                place.through = place.through.max(Some(now.as_second()));
            }
            if link.owed > PATIENCE {
                let what = format!("{} does not come to an end with what it has", relay.url);
                relay.fail(SourceError { what, retry: Retry::Soon, position: None }, now);
            }
        }
        if all {
            look.batch.fetched_through = Some(now);
        }
    }
}

fn take_event(settings: &Settings, recent: &mut Recent, event: &Event, look: &mut Look) {
    if !recent.meet(event.id(), event.at(), event.author()) {
        return;
    }
    for withdrawn in event.withdraws() {
        let id = match withdrawn {
            Withdrawn::Event(id) if recent.is_by(id, event.author()) => id,
            Withdrawn::Article(id) => id,
            Withdrawn::Event(_) => continue,
        };
        look.batch.posts.push(event::withdrawn(&settings.id, id, event.author()));
    }
    match event.post(&settings.id) {
        Ok(Some(post)) => look.batch.posts.push(post),
        Ok(None) => {}
        Err(why) => reject(look, why),
    }
}

fn reject(look: &mut Look, why: &str) {
    let reason = SkipReason::Malformed;
    look.batch.rejects.push(Reject { reason, at: String::new(), why: why.to_owned() });
}

#[async_trait]
impl Source for Nostr {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor = Cursor::read(position.cursor.as_deref());
        if self.handed != position.cursor {
            // The connections are ahead of what is stored: they are dropped, and all is asked for again.
            self.relays.iter_mut().for_each(|relay| relay.link = None);
            self.recent = Recent::of(&cursor);
        }
        let names: Vec<String> = self
            .wanted
            .relays
            .iter()
            .flat_map(|relay| self.wanted.filters.iter().map(|filter| filter.place(relay)))
            .collect();
        cursor.places.retain(|name, _| names.contains(name));
        self.connect(&cursor, now).await;
        if self.relays.iter().all(|relay| relay.link.is_none()) {
            return Err(self.worst());
        }
        let mut look = Look { batch: Batch::default(), cursor, frames: 0, drained: false };
        self.read(&mut look, now).await;
        self.settle(&mut look, now);
        let Look { mut batch, mut cursor, frames, .. } = look;
        if frames == 0 && self.relays.iter().all(|relay| relay.link.is_none()) {
            return Err(self.worst());
        }
        let since = cursor.places.values().filter_map(cursor::Place::since).min().unwrap_or(i64::MIN);
        cursor.known = self.recent.known(since);
        // Relays give the newest first.
        batch.posts.sort_by_key(|post| (post.deleted, post.created_at));
        batch.more = frames > 0;
        let faults = self.relays.iter().filter_map(|relay| Some((relay.url.clone(), relay.fault.as_ref()?)));
        batch.trouble = faults
            .map(|(part, fault)| Trouble { part, what: fault.what.clone(), remedy: fault.retry.remedy() })
            .collect();
        let written = cursor.write();
        self.handed = Some(written.clone());
        batch.position = Position { cursor: Some(written), memo: None };
        Ok(batch)
    }

    fn interval(&self) -> SignedDuration {
        SignedDuration::from_secs(1)
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    /// Whether their authors have taken them back. That a relay holds a note no more says nothing: it may hold
    /// none for long.
    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut rechecked = Rechecked::default();
        let authors: BTreeMap<&str, String> = known
            .iter()
            .filter_map(|known| {
                let author = known.url.as_deref().and_then(event::author_of)?;
                Some((known.id.as_str(), author))
            })
            .collect();
        let ids: Vec<&str> = authors.keys().copied().collect();
        for ids in ids.chunks(AT_ONCE) {
            let mut answered = false;
            let mut fault = None;
            for relay in &self.wanted.relays {
                match self.way().once(relay, &relay::withdrawals(ids)).await {
                    Ok(events) => {
                        answered = true;
                        for event in events.iter().filter_map(|event| Event::read(event).ok()) {
                            let gone =
                                event.withdraws().into_iter().filter_map(|withdrawn| match withdrawn {
                                    Withdrawn::Event(id) => (authors.get(id).map(String::as_str)
                                        == Some(event.author()))
                                    .then_some(id),
                                    Withdrawn::Article(id) => ids.contains(&id).then_some(id),
                                });
                            rechecked.gone.extend(gone.map(str::to_owned));
                        }
                    }
                    Err(error) => fault = Some(error),
                }
            }
            if let Some(fault) = fault.filter(|_| !answered) {
                return Err(fault);
            }
        }
        rechecked.gone.sort();
        rechecked.gone.dedup();
        Ok(rechecked)
    }
}
