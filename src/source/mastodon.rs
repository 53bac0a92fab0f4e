//! Mastodon, and what speaks its client interface: hashtags and public timelines of chosen servers without an
//! account; with a token also search, notifications, the home timeline, and streams.
//!
//! # Properties wanted
//! * A post is taken in once, though several servers show it: it has one name on all of them (see [`read`]).
//! * What came while nobody looked is read page by page afterwards (see [`look`]), the newest first.
//! * A stream brings posts, edits and deletes at once and is never trusted to have brought all: when it opens,
//!   and every ten minutes, the timelines are read as if there were none.
//! * One server that fails does not keep the others from being read; `fetched_through` stands still meanwhile.
//!
//! # Races handled
//! * Connect first, then read what is missed: what comes in between comes twice and is known the second time.
//! * Events move a cursor only after that reading, so a break in between costs no post.
//! * A look whose posts were not recorded is followed by one from where the look before it ended: the streams are
//!   closed then, and the timelines read from there.
//!
//! # Accepted
//! * A server's copy of another server's post may be deleted for want of space; a re-check takes it for gone.
//! * Not all servers stream in this way; those that do not are looked at like others.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::api::look::trouble;
use super::api::{Api, Credential, Sign};
use super::terms::{Access, Budget, Erase, Over, Word};
use super::{Batch, Built, Kind, Known, Position, Rechecked, Settings, Source, SourceError, Terms, Tools};
use crate::domain::problem::Problems;

mod cursor;
pub mod events;
mod look;
mod read;
mod stream;
mod wanted;

use cursor::Cursor;
use look::Line;
use stream::{Channel, Connection};
use wanted::{Server, Timeline, Wanted};

pub use read::parse;

/// The kind `mastodon`.
pub const KIND: Kind = Kind {
    name: "mastodon",
    about: "hashtags, public timelines, search and notifications of Mastodon and servers like it",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::KeyOptional,
    needs: "nothing for hashtags and public timelines of open servers; a token with the scope read for the rest",
    budgets: &[Budget::new(300, 300, Over::Host)],
    budgets_word: Word::theirs("Mastodon API, Rate limits", "https://docs.joinmastodon.org/api/rate-limits/"),
    least_every: 60,
    paging: "40 posts a page",
    erase: &[Erase::new("what was deleted there", 48, Word::Habit)],
    sees: "posts with chosen hashtags and on public timelines; with a token search, notifications, home, and \
        edits and deletes at once; without one edits and deletes on re-check",
    cannot: "posts that have not reached the servers named; other people's private posts; authors who ask not to \
        be indexed; words anywhere in the network, for it has no search",
    document: "https://docs.joinmastodon.org/api/rate-limits/",
    ..Terms::OPEN
};

/// Most events taken in one look.
const MOST_EVENTS: usize = 500;
/// How often timelines are read while their streams are open.
const VERIFIED: SignedDuration = SignedDuration::from_mins(10);
/// Posts asked about at once.
const AT_ONCE: usize = 20;

fn check(settings: &Settings) -> Problems {
    wanted::wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted::wanted(settings).0;
    let mut apis = Vec::new();
    for server in &wanted.servers {
        let token = server.token.as_ref().map(Credential::fetch).transpose()?;
        apis.push(Api::new(tools, &TERMS).private(wanted.allow_private).signed(token, Sign::Bearer));
    }
    let hosts = vec![None; apis.len()];
    let settings = settings.clone();
    let next = Timestamp::MIN;
    Ok(Built::Pull(Box::new(Mastodon { settings, wanted, apis, hosts, open: Vec::new(), left: None, next })))
}

struct Mastodon {
    settings: Settings,
    wanted: Wanted,
    /// One a server.
    apis: Vec<Api>,
    /// Where a server streams, once it has said so.
    hosts: Vec<Option<Url>>,
    open: Vec<Connection>,
    /// Where the last look ended.
    left: Option<String>,
    /// When timelines are read again though streams are open.
    next: Timestamp,
}

impl Mastodon {
    fn line(&self, server: usize) -> Line<'_> {
        Line { source: &self.settings.id, server: &self.wanted.servers[server], api: &self.apis[server] }
    }

    /// What is asked of a server: without a token, what is open to everybody.
    fn timelines<'a>(&'a self, server: &'a Server) -> impl Iterator<Item = &'a Timeline> {
        let signed = server.token.is_some();
        self.wanted.timelines.iter().filter(move |timeline| signed || !timeline.signed())
    }

    /// Reads all timelines; gives the servers that failed, which are left alone until the next look and are told
    /// as trouble. Nobody answered: that is an error.
    async fn look(
        &self,
        cursor: &mut Cursor,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Result<Vec<usize>, SourceError> {
        let mut pages = look::MOST_PAGES;
        let mut failed: Vec<usize> = Vec::new();
        let mut first: Option<SourceError> = None;
        let mut answered = false;
        for (number, server) in self.wanted.servers.iter().enumerate() {
            let line = self.line(number);
            for timeline in self.timelines(server) {
                let place = cursor.places.entry(key(server, timeline)).or_default();
                let looked = match line.look(timeline, place, batch, now).await {
                    Ok(()) => {
                        answered = true;
                        line.fill(timeline, place, batch, &mut pages).await
                    }
                    Err(error) => Err(error),
                };
                if place.holes.is_empty() && looked.is_ok() {
                    place.through = Some(now);
                }
                let Err(error) = looked else { continue };
                batch.rest = batch.rest.max(error.pause());
                batch.trouble.push(trouble(&server.name, &error));
                failed.push(number);
                first.get_or_insert(error);
                break;
            }
        }
        first.filter(|_| !answered).map_or(Ok(failed), Err)
    }

    /// Opens the streams that are not open.
    async fn connect(&mut self) {
        for number in 0..self.wanted.servers.len() {
            if self.wanted.servers[number].token.is_none() {
                continue;
            }
            for channel in Channel::of(&self.wanted.timelines) {
                if self.open.iter().any(|open| open.server == number && open.channel == channel) {
                    continue;
                }
                match self.connected(number, channel).await {
                    Ok(connection) => self.open.push(connection),
                    Err(error) => {
                        tracing::debug!(source.id = %self.settings.id, "no stream: {}", error.what);
                        break;
                    }
                }
            }
        }
    }

    async fn connected(&mut self, server: usize, channel: Channel) -> Result<Connection, SourceError> {
        let api = &self.apis[server];
        let base = match &self.hosts[server] {
            Some(base) => base.clone(),
            None => stream::host(&self.wanted.servers[server], api).await?,
        };
        self.hosts[server] = Some(base.clone());
        Connection::open(server, &base, channel, api).await
    }

    /// Whether a stream keeps up with every timeline.
    fn covered(&self) -> bool {
        let channels = Channel::of(&self.wanted.timelines).len();
        !self.open.is_empty()
            && self.open.len() == self.wanted.servers.len() * channels
            && !self.wanted.timelines.iter().any(|timeline| matches!(timeline, Timeline::Search(_)))
    }

    /// Takes in what has come on the streams.
    async fn listen(&mut self, cursor: &mut Cursor, batch: &mut Batch) {
        for (number, channel, event) in stream::gather(&mut self.open, MOST_EVENTS).await {
            if !channel.wants(&event) {
                continue;
            }
            let server = &self.wanted.servers[number];
            let reading = read::event(&event, &self.settings.id, &server.name);
            if let Some(timeline) = channel.timeline(&event) {
                let place = cursor.places.entry(key(server, &timeline)).or_default();
                for item in &reading.items {
                    place.meet(item);
                }
            }
            batch.rejects.extend(reading.parsed.rejects);
            let found = reading.found.into_iter().filter(look::may_be_taken);
            batch.posts.extend(found.map(|found| found.post));
        }
    }
}

fn key(server: &Server, timeline: &Timeline) -> String {
    format!("{} {}", server.name, timeline.name())
}

#[async_trait]
impl Source for Mastodon {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor = Cursor::read(position.cursor.as_deref());
        let mut batch = Batch::default();
        // What was given last was not recorded. Streams do not repeat themselves; timelines do.
        if position.cursor != self.left {
            self.open.clear();
        }
        // Nothing but streams is read while they are open and the timelines are not due.
        if self.open.is_empty() || now >= self.next {
            if self.wanted.stream {
                self.connect().await;
            }
            let looked = self.look(&mut cursor, &mut batch, now).await;
            // What was missed is not known, so what comes now must not move the cursor beyond it.
            match &looked {
                Ok(failed) => self.open.retain(|open| !failed.contains(&open.server)),
                Err(_) => self.open.clear(),
            }
            let failed = looked?;
            let unread = failed.is_empty() && cursor.places.values().any(|place| !place.holes.is_empty());
            batch.more = unread && batch.rest.is_none();
            let interval = self.wanted.interval;
            let wait = match (batch.more, self.covered()) {
                (true, _) => SignedDuration::ZERO,
                (false, true) => interval.max(VERIFIED),
                (false, false) => interval,
            };
            self.next = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        }
        let open = self.open.len();
        if open > 0 {
            self.listen(&mut cursor, &mut batch).await;
            batch.more = true;
        }
        if self.open.len() < open {
            // Opened anew, and what was missed read, before long and not at once: it may break again.
            let soon = now.checked_add(self.wanted.interval).unwrap_or(Timestamp::MAX);
            self.next = self.next.min(soon);
            batch.more = !self.open.is_empty();
        }
        let holes = cursor.places.values().any(|place| !place.holes.is_empty());
        batch.fetched_through = if self.covered() && !holes {
            Some(now)
        } else {
            let through = self.wanted.servers.iter().flat_map(|server| {
                self.timelines(server).map(|timeline| cursor.places.get(&key(server, timeline))?.through)
            });
            through.min().flatten()
        };
        batch.position = Position { cursor: Some(cursor.write()), memo: None };
        self.left.clone_from(&batch.position.cursor);
        Ok(batch)
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
            let asked = known.id.rsplit_once('/').and_then(|(name, number)| {
                Some((self.wanted.servers.iter().position(|server| server.name == name)?, number))
            });
            // Of a server that is read no more.
            let Some((server, number)) = asked else { continue };
            let mut url = self.wanted.servers[server].base.clone();
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.clear().extend(["api", "v1", "statuses", number]);
            }
            let answer = match self.apis[server].get_any(url.as_str()).await {
                Ok(answer) => answer,
                Err(error) if error.pause().is_some() => {
                    rechecked.rest = error.pause();
                    break;
                }
                Err(error) => {
                    failed.get_or_insert(error);
                    continue;
                }
            };
            match answer.status {
                // Only the interface itself may say so: a server that is shut down, or a gate before it that
                // lets nobody in, answers the same for every post.
                404 | 410 if look::says_why(&answer) => rechecked.gone.push(known.id.clone()),
                400.. => {
                    let error = answer.refused();
                    if error.pause().is_some() {
                        rechecked.rest = error.pause();
                        break;
                    }
                    failed.get_or_insert(error);
                }
                _ => {
                    let source = &self.settings.id;
                    let reading =
                        read::read(&answer.borrowed(), source, Some(&self.wanted.servers[server].name));
                    rechecked.posts.extend(reading.found.into_iter().map(|found| found.post));
                }
            }
        }
        match failed {
            Some(error) if rechecked == Rechecked::default() => Err(error),
            _ => Ok(rechecked),
        }
    }
}
