//! What the daemon remembers. [`Store`] is the contract; [`sled`](self::sled) and
//! [`memory`] keep it, under one conformance suite (`tests/it/store_conformance.rs`).
//!
//! # Properties wanted
//! * Every writing verb is one transaction: all of it is there after a crash, or none of it.
//! * A verb that returned `Ok(Done)` is on disk: it may be acknowledged to the outside.
//! * A verb carries what it was decided on (`seen` numbers, leases, revisions). When that is no
//!   longer the newest, nothing is written and the answer is [`Outcome::Conflict`]; the caller
//!   reads and decides again. No caller holds a lock while it decides.
//! * Uniqueness is a key, not a scan: a post version, a mention of a post in a topic, the open
//!   matter of a group, a notification's key, a digest's window, a used link.
//! * What can grow is rows, never a list inside a value.
//! * Ids and times come from the caller. The store has no clock.
//!
//! The verbs are `async`, take and give owned values and speak of the domain, so that a third
//! implementation may be a database far away shared by several daemons.

pub mod chain;
mod forget;
mod judged;
pub mod memory;
mod rules;
mod sled;
mod trace;
mod upkeep;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::correction::Calibration;
use crate::domain::digest::{DigestRun, Window};
use crate::domain::escalation::{Escalation, GroupKey};
use crate::domain::event::{ChainedEvent, Event};
use crate::domain::id::{
    DigestId, EscalationId, InstanceId, LinkId, MentionId, NotificationId, OwnerId, SilenceId, SourceId,
    TopicId,
};
use crate::domain::mention::RecordedMention;
use crate::domain::note::Note;
use crate::domain::notification::{Hold, Notification};
use crate::domain::post::Post;
use crate::domain::sentiment::{Counts, Polarity};
use crate::domain::silence::Silence;
use crate::domain::source::{Blind, SourceState};

pub use self::sled::{SledStore, compact, compact_while};
pub use forget::{Forgets, Forgetting, Forgot, Recheck};
pub use judged::{Calibrating, Correcting};
pub use rules::{bucket, ready, settle};
use rules::{id_alias, is_tallied};
pub use trace::{ForgetKey, Mark};
use trace::{is_nameless, nameless};
pub use upkeep::{Retained, Retention, Row, Size, Verified};

/// Why a store could not do what it was asked; never a decision's conflict.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk or the engine failed.
    #[error("the store at {place} failed to {doing}: {why}")]
    Engine {
        /// Folder, or `memory`.
        place: String,
        /// What was tried, as a verb.
        doing: &'static str,
        /// What the engine said.
        why: String,
    },
    /// A row cannot be read: written by a newer earmark, or damaged.
    #[error("the store at {place} holds a {row} that this earmark cannot read: {why}")]
    Unreadable {
        /// Folder, or `memory`.
        place: String,
        /// What sort of row.
        row: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Another process has it open: where, and who that is.
    #[error("the store at {0}, and only one can have it open")]
    Locked(String),
    /// It was closed.
    #[error("the store is closed")]
    Closed,
}

/// What an unreadable [`Page::after`] is called: the caller's fault, not the store's.
pub const PLACE: &str = "page's place";

/// What every reading verb gives.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Whether a change was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Written, and on disk.
    Done,
    /// What it was decided on is no longer the newest; nothing was written.
    Conflict,
}

/// What a decision about escalations causes. One transaction takes all of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// New states. `seen == 1` opens: the row must not exist, and `opens` must free its group.
    /// `seen == n` needs the stored row to be at `n - 1`. One that opens without an entry in
    /// `opens` is a conflict too.
    pub escalations: Vec<Escalation>,
    /// For each escalation that opens: its group, and the older escalation that the group's row
    /// names now (`None`: the group has no row). Conflict if it names another.
    pub opens: Vec<Open>,
    /// Mentions that belong to an escalation from now on; one that belongs already is passed over.
    pub joins: Vec<(EscalationId, MentionId)>,
    /// New outbox rows; conflict if a key was taken before.
    pub notifications: Vec<Notification>,
    /// "No"s to keep.
    pub holds: Vec<Hold>,
    /// The accountability record of all this.
    pub events: Vec<Event>,
    /// A signed link used up by it, and when it may be forgotten; conflict if it was used before.
    pub link: Option<(LinkId, Timestamp)>,
    /// When posts are to be asked for anew; a mention that is not there or erased is passed over.
    pub rechecks: Vec<Recheck>,
}

impl Effects {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Effects) {
        self.escalations.extend(other.escalations);
        self.opens.extend(other.opens);
        self.joins.extend(other.joins);
        self.notifications.extend(other.notifications);
        self.holds.extend(other.holds);
        self.events.extend(other.events);
        self.link = self.link.take().or(other.link);
        self.rechecks.extend(other.rechecks);
    }
}

/// An escalation takes its group's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The group.
    pub group: GroupKey,
    /// Who takes it.
    pub by: EscalationId,
    /// Who had it when this was decided.
    pub instead_of: Option<EscalationId>,
}

/// The second crossing: mentions, what their triggers cause, and the source's cursor.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The source's new state; the stored one must be at `seen - 1` (a source without a row is
    /// at 0).
    pub source: SourceState,
    /// Mentions, new (`revision == 1`) or newer versions of known ones (the stored row must be
    /// at `revision - 1`). Also conflict: the post was forgotten ([`Forgets::kept_out`]), its version
    /// was recorded before for that topic, or another mention of it (by id or alias) is there. One that
    /// comes under another name is kept under the id it is known by ([`Recalled::id`]). Rows of
    /// one recording see those before them. A correction stays as it is stored, whatever a newer
    /// version brings.
    pub mentions: Vec<RecordedMention>,
    /// Mentions to be forgotten because their post is gone: text and author are erased, and so
    /// are copies of it in the inbox; the store writes the event. The time of it is the source's
    /// `answered_at`, else `asked_at`, else `next_poll`. One not there, or erased before, is passed over.
    pub erased: Vec<MentionId>,
    /// What the triggers cause.
    pub effects: Effects,
    /// Stretches of time newly known to be blind, or known to be repaired: one that was written before is
    /// replaced.
    pub gaps: Vec<Blind>,
    /// The last inbox row taken in; it and those before it, of this source, are deleted.
    pub inbox_through: Option<u64>,
}

/// How a post would be known: its id, its version, its other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostName {
    /// As in [`Post::id`].
    pub id: String,
    /// As in [`Post::version`].
    pub version: String,
    /// As in [`Post::aliases`].
    pub aliases: Vec<String>,
}

/// What is known of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// The id under which it is kept: its own, or that of the post whose alias it shares.
    pub id: String,
    /// Whether this very version was recorded before.
    pub version_known: bool,
    /// Its mentions: topic, number, newest revision.
    pub mentions: Vec<(TopicId, MentionId, u32)>,
}

/// How an attempt at delivering ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// Taken by the other side.
    Sent,
    /// Try again then.
    Again {
        /// When.
        not_before: Timestamp,
        /// What the other side said.
        why: String,
    },
    /// Never over this channel.
    Failed {
        /// What the other side said.
        why: String,
    },
    /// Not needed any more, or not now: `Again` without counting as a try.
    Postponed {
        /// When.
        not_before: Timestamp,
    },
    /// Not needed any more.
    Dropped {
        /// Why.
        reason: crate::domain::notification::HoldReason,
    },
}

/// Which rows to give, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most this many; 1 to 10,000.
    pub limit: usize,
    /// Go on after this row, as given by the last page's `next` for the same question.
    pub after: Option<String>,
    /// Newest first; else oldest first.
    pub newest_first: bool,
}

impl Page {
    /// The first rows, oldest first.
    pub fn first(limit: usize) -> Self {
        Self { limit, after: None, newest_first: false }
    }
}

/// Rows, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows<T> {
    /// In the order asked for.
    pub rows: Vec<T>,
    /// Where to go on; none at the end. A page may hold fewer rows than asked for, even none, and
    /// still not be the last: one call looks at a bounded number of rows.
    pub next: Option<String>,
}

/// Which mentions to give. Empty parts match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MentionFilter {
    /// Recorded inside this window.
    pub window: Option<Window>,
    /// Of this topic.
    pub topic: Option<TopicId>,
    /// From this source.
    pub source: Option<SourceId>,
    /// Leaning this way, by a person's word, else the model's.
    pub polarity: Option<Polarity>,
    /// Judged by a person, or not.
    pub corrected: Option<bool>,
    /// Routed to this owner.
    pub owner: Option<OwnerId>,
    /// Belonging to this escalation.
    pub escalation: Option<EscalationId>,
}

/// Which escalations to give. Empty parts match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EscalationFilter {
    /// Opened inside this window.
    pub window: Option<Window>,
    /// About this topic.
    pub topic: Option<TopicId>,
    /// Answered for by this owner now.
    pub accountable: Option<OwnerId>,
    /// Only those that are not resolved.
    pub unresolved: bool,
}

/// Which notifications to give. Empty parts match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotificationFilter {
    /// About this escalation.
    pub escalation: Option<EscalationId>,
    /// Only those that are not final.
    pub waiting: bool,
}

/// How full the outbox is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxDepth {
    /// Rows that are not final.
    pub waiting: u64,
    /// `created_at` of the oldest of them.
    pub oldest: Option<Timestamp>,
    /// Rows not final and due (`not_before` past); decided by the caller's `now`.
    pub due: u64,
}

/// Mentions of one topic recorded inside one bucket of time, without those that were the past
/// when they came (held as `imported` or `old_news`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// First instant of the bucket; buckets are [`TALLY_BUCKET`] long and aligned to the epoch.
    pub from: Timestamp,
    /// How many leant which way when first recorded.
    pub counts: Counts,
}

/// Length of a tally's bucket.
pub const TALLY_BUCKET: SignedDuration = SignedDuration::from_mins(10);

/// The store's contract; see the module page.
#[async_trait]
pub trait Store: Forgets {
    /// The life of the daemon that opened it: names its leases and its event chain. Leases of
    /// earlier instances ended when it was opened.
    fn instance(&self) -> InstanceId;

    // ---- crossing 0: received -------------------------------------------------------------

    /// Takes posts that their sender will not offer again into the inbox of their source. A post
    /// version that waits there already is not taken twice; what was forgotten is left out, and counted.
    async fn receive(&self, posts: Vec<Post>) -> Result<u64>;

    /// Inbox rows of one source in the order received, after `after`, at most `limit`.
    async fn inbox(&self, source: SourceId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Post)>>;

    // ---- crossing 1: recorded -------------------------------------------------------------

    /// The row of a source; none if it was never read.
    async fn source(&self, id: SourceId) -> Result<Option<SourceState>>;

    /// All rows of sources.
    async fn sources(&self) -> Result<Vec<SourceState>>;

    /// What is known of posts, in the order asked; `None` for one never recorded.
    async fn recall(&self, source: SourceId, names: Vec<PostName>) -> Result<Vec<Option<Recalled>>>;

    /// Mentions, effects and cursor in one transaction.
    async fn record(&self, recording: Recording) -> Result<Outcome>;

    /// One mention.
    async fn mention(&self, id: MentionId) -> Result<Option<RecordedMention>>;

    /// Mentions by time recorded.
    async fn mentions(&self, filter: MentionFilter, page: Page) -> Result<Rows<RecordedMention>>;

    /// Counts of a topic by bucket, oldest first, for every bucket that touches the window and
    /// holds a mention.
    async fn tallies(&self, topic: TopicId, window: Window) -> Result<Vec<Tally>>;

    /// Blind stretches that touch the window, oldest first.
    async fn gaps(&self, window: Window) -> Result<Vec<Blind>>;

    // ---- crossing 2: stepped --------------------------------------------------------------

    /// One escalation.
    async fn escalation(&self, id: EscalationId) -> Result<Option<Escalation>>;

    /// Escalations by time opened.
    async fn escalations(&self, filter: EscalationFilter, page: Page) -> Result<Rows<Escalation>>;

    /// The escalation that a group's row names, whatever its state.
    async fn group(&self, group: GroupKey) -> Result<Option<Escalation>>;

    /// Mentions of an escalation in the order in which they joined.
    async fn mentions_of(&self, id: EscalationId, page: Page) -> Result<Rows<RecordedMention>>;

    /// Escalations whose `due()` is at or before `now`, earliest first.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Escalation>>;

    /// The earliest `due()` of all.
    async fn next_due(&self) -> Result<Option<Timestamp>>;

    /// An escalation's new state and the rows it causes, in one transaction.
    async fn step(&self, effects: Effects) -> Result<Outcome>;

    /// Holds by time, oldest first, inside a window.
    async fn holds(&self, window: Window, page: Page) -> Result<Rows<Hold>>;

    /// Takes a silence, new or changed (ended early).
    async fn silence(&self, silence: Silence) -> Result<()>;

    /// One silence by its number, else all that end after `now`.
    async fn silences(&self, id: Option<SilenceId>, now: Timestamp) -> Result<Vec<Silence>>;

    // ---- crossing 3: attempted ------------------------------------------------------------

    /// Takes up to `limit` rows that are due at `now` and in nobody's hand, until `until`.
    async fn lease(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Notification>>;

    /// Writes an attempt as begun, before it is sent: counts it. Conflict if the lease is gone.
    async fn begin(&self, id: NotificationId) -> Result<Outcome>;

    /// Writes how it ended, with what that causes (the next channel's row, the next step, an
    /// event). Conflict if the lease is gone or an escalation moved on.
    async fn finish(
        &self,
        id: NotificationId,
        at: Timestamp,
        how: Attempted,
        effects: Effects,
    ) -> Result<Outcome>;

    /// One outbox row.
    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>>;

    /// Outbox rows by time created.
    async fn notifications(&self, filter: NotificationFilter, page: Page) -> Result<Rows<Notification>>;

    /// The earliest instant at which `lease` would give something, leases of others included.
    async fn next_ready(&self) -> Result<Option<Timestamp>>;

    /// How full it is at `now`.
    async fn outbox(&self, now: Timestamp) -> Result<OutboxDepth>;

    // ---- what people say of verdicts ------------------------------------------------------

    /// Writes or takes back a person's correction of a mention's verdict. Conflict if the mention
    /// is no longer as it was seen; see [`Correcting`]. Tallies stay: they count what was first
    /// recorded, and a correction wakes nobody.
    async fn correct(&self, correcting: Correcting) -> Result<Outcome>;

    /// Writes a model's next calibration. Conflict if its number does not follow the last.
    async fn calibrate(&self, calibrating: Calibrating) -> Result<Outcome>;

    /// All calibrations, by model and number; there are few.
    async fn calibrations(&self) -> Result<Vec<Calibration>>;

    // ---- what the daemon keeps for itself --------------------------------------------------

    /// Writes notes, each in place of the one of its name.
    async fn keep(&self, notes: Vec<Note>) -> Result<()>;

    /// The note of that name.
    async fn note(&self, name: String) -> Result<Option<Note>>;

    /// All notes, by name; there are a few for each source.
    async fn notes(&self) -> Result<Vec<Note>>;

    // ---- digests, record, upkeep ----------------------------------------------------------

    /// The newest run of a digest.
    async fn last_digest(&self, id: DigestId) -> Result<Option<DigestRun>>;

    /// Writes that a digest was made and the rows that carry it. Conflict if the window was
    /// taken, or its `from` is not where the last one ended.
    async fn digest(
        &self,
        run: DigestRun,
        notifications: Vec<Notification>,
        events: Vec<Event>,
    ) -> Result<Outcome>;

    /// The accountability record after (instance, sequence), in order, at most `limit`.
    async fn events(&self, after: Option<(InstanceId, u64)>, limit: usize) -> Result<Vec<ChainedEvent>>;

    /// Erases and deletes what has outlived its time.
    async fn retain(&self, retention: Retention) -> Result<Retained>;

    /// Every row after `after` (opaque; `None` from the start), at most `limit`.
    async fn rows(&self, after: Option<String>, limit: usize) -> Result<Rows<Row>>;

    /// Takes rows as given by `rows`, in their order and in as many calls as wanted, into a store
    /// that began empty; derived rows (indexes) are made anew.
    async fn load(&self, rows: Vec<Row>) -> Result<()>;

    /// Reads everything and says what does not fit together.
    async fn verify(&self) -> Result<Verified>;

    /// How large it is.
    async fn size(&self) -> Result<Size>;

    /// Answers if the store works: what the watchdog asks.
    async fn ping(&self) -> Result<()>;

    /// Writes out everything and closes; afterwards every verb is `Closed`.
    async fn close(&self) -> Result<()>;
}
