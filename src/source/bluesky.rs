//! Bluesky: every public post of the whole network, as a Jetstream tells it, matched here. Nothing is searched
//! for, so nobody learns what is looked for, and a new query needs no new right.
//!
//! A look keeps the connection, waits a moment for something to happen and gives what has come by then. Between
//! two looks nothing is read: while the store is slow the instance waits, and the cursor says how far behind we
//! are. What comes after a break is joined to what was read by [`cursor`]. Several instances tell the same; when
//! one fails, the next is asked in the same look.
//!
//! Authors are called by their account's own name (`did:plc:…`): the stream knows no other, it survives a change
//! of handle, and an account that is deleted is named by it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use url::Url;

use super::api::{self, Api};
use super::fetch::{self, Fetcher};
use super::params::Params;
use super::terms::{Budget, Commercial, Erase, Over, Word};
use super::{
    AuthorGone, Batch, Built, Kind, Known, Position, Rechecked, Reject, Retry, Settings, Source, SourceError,
    Terms, Tools,
};
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::source::SkipReason;

pub mod cursor;
pub mod frame;
pub mod saved;
mod stream;
pub mod words;

use cursor::{Cursor, Recent};
use frame::{Event, Frame, What};
use stream::{BUCKET, Instance, Link, Way};
use words::{Name, SITE};

/// The kind `bluesky`.
pub const KIND: Kind = Kind {
    name: "bluesky",
    about: "every public post of Bluesky, streamed and matched here; no account needed",
    check,
    build,
    parse: Some(saved::parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    budgets: &[Budget::new(3_000, 300, Over::Host), Budget::per_minute(30, Over::Host).of(BUCKET)],
    budgets_word: Word::theirs(
        "Rate Limits, Hosted Account Limits",
        "https://docs.bsky.app/docs/advanced-guides/rate-limits",
    ),
    least_every: 1,
    paging: "pushed; 25 posts at once when they are asked for anew",
    erase: &[Erase::new(
        "posts deleted there, and all of accounts deleted there",
        24,
        Word::stricter(
            "there must be a way to delete what a user wants deleted",
            "Bluesky Developer Guidelines, 3",
            "https://docs.bsky.app/docs/support/developer-guidelines",
        ),
    )],
    commercial: Commercial::ItsTerms,
    sees: "every public post and answer of the network as it is written, edits, deletions, accounts deleted; after \
           an outage what the last 36 hours held",
    cannot: "handles (authors are named by their DID), likes, reposts, words on pictures; what was missed more than \
             36 hours ago (said as a gap)",
    document: "https://docs.bsky.app/docs/support/developer-guidelines",
    ..Terms::OPEN
};

/// Those of the network's makers; the last two speak the older form.
const INSTANCES: [&str; 4] = [
    "wss://jetstream.us-east.bsky.network",
    "wss://jetstream.us-west.bsky.network",
    "wss://jetstream2.us-east.bsky.network",
    "wss://jetstream2.us-west.bsky.network",
];

/// How long a look waits for something to happen.
const LOOK: Duration = Duration::from_secs(1);
/// How long it goes on once something has: what is stored together is flushed once.
const LINGER: Duration = Duration::from_millis(250);
/// Most posts of a look.
const MOST_POSTS: usize = 500;
/// Most frames of a look.
const MOST_FRAMES: usize = 4_000;
/// Looks without an event after which another instance may know more.
const QUIET: u32 = 180;
/// An instance's clock may be this far ahead of ours, in microseconds; a cursor further on would skip what comes.
const AHEAD: i64 = 600_000_000;
/// As many posts may be asked for at once.
const AT_ONCE: usize = 25;

struct Wanted {
    instances: Vec<Instance>,
    api: String,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let mut instances = Vec::new();
    let given = params.value("instances");
    let texts: Vec<Option<&str>> = match given {
        None => INSTANCES.iter().map(|instance| Some(*instance)).collect(),
        Some(value) => value.as_array().into_iter().flatten().map(|value| value.as_str()).collect(),
    };
    if texts.is_empty() {
        params.fault(
            "instances",
            "names no instance",
            "write [\"wss://…\"], or leave it out for the public ones",
        );
    }
    for text in texts {
        match text.map_or_else(|| Err("is no text".to_owned()), Instance::read) {
            Ok(instance) => instances.push(instance),
            Err(what) => params.fault("instances", what, "begin with wss://"),
        }
    }
    let api =
        params.text("api_url").unwrap_or("https://public.api.bsky.app").trim_end_matches('/').to_owned();
    if !Url::parse(&api).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("api_url", format!("\"{api}\" is no address"), "begin with https://");
    }
    let allow_private = params.flag("allow_private");
    (Wanted { instances, api, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private);
    Ok(Built::Pull(Box::new(Bluesky {
        settings: settings.clone(),
        wanted,
        api,
        fetch: Arc::clone(&tools.fetch),
        current: 0,
        link: None,
        recent: Recent::default(),
        handed: None,
        quiet: 0,
    })))
}

/// The post of an event, if it is of one.
pub fn post(event: &Event<'_>, settings: &Settings) -> Option<Post> {
    let did = &*event.did;
    match &event.what {
        What::Written { rkey, cid, record, .. } => {
            Some(record.post(&settings.id, Name { did, rkey }, cid, did, Some(cursor::instant(event.time))))
        }
        What::Deleted { rkey, .. } => Some(words::deleted(&settings.id, Name { did, rkey })),
        What::Account { .. } | What::Other => None,
    }
}

struct Bluesky {
    settings: Settings,
    wanted: Wanted,
    api: Api,
    fetch: Arc<Fetcher>,
    /// The instance that is read.
    current: usize,
    link: Option<Link>,
    recent: Recent,
    /// The cursor last given. Another one means that what was given was not taken in.
    handed: Option<String>,
    /// Looks in a row without an event.
    quiet: u32,
}

/// What became of a frame.
enum Flow {
    Go,
    /// The instance numbers its events anew.
    Anew,
    /// The connection ends.
    End(SourceError),
}

/// A look while it lasts.
struct Look {
    batch: Batch,
    cursor: Option<Cursor>,
    events: usize,
}

impl Bluesky {
    fn way(&self) -> Way<'_> {
        Way { fetch: &self.fetch, terms: &TERMS, allow_private: self.wanted.allow_private }
    }

    /// Opens a connection to the first instance that lets us, beginning with the current one.
    async fn connect(&mut self, cursor: Option<&Cursor>) -> Result<(), SourceError> {
        let mut worst: Option<SourceError> = None;
        for _ in 0..self.wanted.instances.len() {
            let mut instance = self.wanted.instances[self.current].clone();
            match self.way().open(&mut instance, cursor, false).await {
                Ok(link) => {
                    self.wanted.instances[self.current] = instance;
                    self.link = Some(link);
                    return Ok(());
                }
                Err(error) => {
                    // What may pass by itself is worth a try sooner than what needs a person.
                    let passes = |error: &SourceError| error.retry == Retry::Soon;
                    if worst.as_ref().is_none_or(|worst| !passes(worst) && passes(&error)) {
                        worst = Some(error);
                    }
                    self.next_instance();
                }
            }
        }
        Err(worst.unwrap_or_else(|| SourceError {
            what: "no instance is configured".into(),
            retry: Retry::Never,
            position: None,
        }))
    }

    fn next_instance(&mut self) {
        self.current = (self.current + 1) % self.wanted.instances.len().max(1);
        self.link = None;
    }

    fn take(&mut self, text: &str, look: &mut Look) -> Flow {
        let (Some(link), Some(instance)) = (&mut self.link, self.wanted.instances.get(self.current)) else {
            return Flow::Go;
        };
        let event = match frame::read(text) {
            Ok(Frame::Event(event)) => event,
            Ok(Frame::Info { name: "FutureCursor" }) if link.read_through.is_some() => return Flow::Anew,
            Ok(Frame::Info { name: "OutdatedCursor" }) => {
                if let Some(seam) = &mut link.seam {
                    seam.said();
                }
                return Flow::Go;
            }
            Ok(Frame::Info { .. }) => return Flow::Go,
            Ok(Frame::Error { name }) => {
                let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).take(60).collect();
                let what = format!("{} ended the stream: {name}", instance.name());
                return Flow::End(SourceError { what, retry: Retry::Soon, position: None });
            }
            Err(strange) => {
                let reason = SkipReason::Malformed;
                look.batch.rejects.push(Reject { reason, at: String::new(), why: strange.why });
                return Flow::Go;
            }
        };
        // A number of ours on an event that is newer than all we know: it is another archive's.
        if let (Some(seq), Some((through, time))) = (event.seq, link.read_through)
            && seq <= through
            && event.time > time
        {
            return Flow::Anew;
        }
        let name = match &event.what {
            What::Written { rkey, rev, .. } | What::Deleted { rkey, rev } => {
                format!("{}/{rev}/{rkey}", event.did)
            }
            What::Account { status } => {
                format!("{}/account/{}", event.did, status.as_deref().unwrap_or("active"))
            }
            What::Other => format!("{}/{}", event.did, event.time),
        };
        if let Some(seam) = &mut link.seam {
            seam.see(event.time, &name);
        }
        look.events += 1;
        let known = event.seq.zip(link.read_through).is_some_and(|(seq, (through, _))| seq <= through);
        let fresh = !known && event.time >= link.read_before && self.recent.meet(event.time, &name);
        if fresh {
            if let Some(post) = post(&event, &self.settings) {
                look.batch.posts.push(post);
            } else if let What::Account { status: Some(status) } = &event.what
                && matches!(&**status, "deleted" | "takendown")
            {
                // A pause of one's own, or a move to another host, is no deletion.
                look.batch
                    .gone
                    .push(AuthorGone { site: SITE.into(), author: event.did.clone().into_owned() });
            }
        }
        let cursor = look.cursor.get_or_insert_default();
        if cursor.instance != instance.base {
            cursor.instance.clone_from(&instance.base);
            cursor.seq = None;
        }
        cursor.seq = event.seq.or(cursor.seq);
        if event.time >= cursor.time {
            cursor.time = event.time;
            cursor.last = name;
        }
        Flow::Go
    }

    /// Reads frames until something ends the look.
    async fn read(&mut self, look: &mut Look) -> Option<SourceError> {
        let mut until = Instant::now() + LOOK;
        let mut frames = 0;
        while look.batch.posts.len() < MOST_POSTS && frames < MOST_FRAMES {
            let left = until.saturating_duration_since(Instant::now());
            let Some(link) = &mut self.link else { break };
            let frame = match link.socket.next(left).await {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => return Some(fetch::broken(error)),
            };
            if frames == 0 {
                until = until.min(Instant::now() + LINGER);
            }
            frames += 1;
            match frame.text().map_or(Flow::Go, |text| self.take(text, look)) {
                Flow::Go => {}
                Flow::End(error) => return Some(error),
                Flow::Anew => {
                    let mut instance = self.wanted.instances[self.current].clone();
                    match self.way().open(&mut instance, look.cursor.as_ref(), true).await {
                        Ok(link) => self.link = Some(link),
                        Err(error) => return Some(error),
                    }
                }
            }
            if left.is_zero() {
                break;
            }
        }
        None
    }
}

#[async_trait]
impl Source for Bluesky {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        if self.handed != position.cursor {
            // The connection is ahead of what is stored: it is dropped, and all is asked for again.
            self.link = None;
            self.recent = Recent::default();
            self.handed.clone_from(&position.cursor);
            if let Some(cursor) = Cursor::read(position.cursor.as_deref()) {
                self.recent.meet(cursor.time, &cursor.last);
            }
        }
        // Before its first event a stream is read from the first look on.
        let cursor = Cursor::read(position.cursor.as_deref());
        let begun = cursor.is_some();
        if self.link.is_none() {
            self.connect(cursor.as_ref()).await?;
        }
        let cursor = cursor.or_else(|| Some(Cursor { time: now.as_microsecond(), ..Cursor::default() }));
        let mut look = Look { batch: Batch::default(), cursor, events: 0 };
        let ended = self.read(&mut look).await;
        let Look { mut batch, mut cursor, events } = look;
        if let Some(cursor) = &mut cursor {
            cursor.time = cursor.time.min(now.as_microsecond().saturating_add(AHEAD));
        }
        if let (Some(link), Some(instance)) = (&mut self.link, self.wanted.instances.get(self.current))
            && link.seam.as_ref().is_some_and(cursor::Seam::has_seen)
        {
            let seam = link.seam.take();
            batch.gaps.extend(seam.and_then(|seam| seam.gap(&self.settings.id, instance.name())));
        }
        self.quiet = if events == 0 { self.quiet + 1 } else { 0 };
        if let Some(error) = ended {
            self.next_instance();
            if events == 0 {
                return Err(error);
            }
        } else if self.quiet >= QUIET {
            self.quiet = 0;
            self.next_instance();
        }
        batch.more = events > 0;
        batch.fetched_through = cursor.as_ref().filter(|_| events > 0 || !begun).map(|cursor| {
            // An instance's clock may be ahead of ours.
            cursor::instant(cursor.time).min(now)
        });
        let written = cursor.as_ref().map(Cursor::write);
        self.handed.clone_from(&written);
        batch.position = Position { cursor: written, memo: None };
        Ok(batch)
    }

    fn interval(&self) -> SignedDuration {
        SignedDuration::from_secs(1)
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        // One id of another form and the whole question is refused.
        let asked: Vec<&str> =
            known.iter().map(|known| known.id.as_str()).filter(|id| Name::of(id).is_some()).collect();
        let mut rechecked = Rechecked::default();
        for uris in asked.chunks(AT_ONCE) {
            let pairs: Vec<(&str, &str)> = uris.iter().map(|uri| ("uris", *uri)).collect();
            let url = api::with_query(&format!("{}/xrpc/app.bsky.feed.getPosts", self.wanted.api), &pairs);
            let answer = self.api.get(&url).await?;
            let complete = answer
                .borrowed()
                .json()
                .is_ok_and(|value| value.get("posts").is_some_and(|posts| posts.is_array()));
            let parsed = saved::parse(&answer.borrowed(), &self.settings);
            if !complete || !parsed.rejects.is_empty() {
                let what = format!("{}/xrpc/app.bsky.feed.getPosts gave no list of posts", self.wanted.api);
                return Err(SourceError { what, retry: Retry::Soon, position: None });
            }
            let served = |uri: &&&str| !parsed.posts.iter().any(|post| post.id == **uri);
            rechecked.gone.extend(uris.iter().filter(served).map(|uri| (*uri).to_owned()));
            for mut post in parsed.posts {
                post.author = Name::of(&post.id).map(|name| name.did.to_owned()).or(post.author);
                rechecked.posts.push(post);
            }
            rechecked.rest = rechecked.rest.max(answer.rest);
        }
        Ok(rechecked)
    }
}
