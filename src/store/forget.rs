//! The part of the contract that forgets, and that asks in time whether it should: whose words are where,
//! erasing them, keeping them out, and the queue of posts to be asked for anew.
//!
//! # Properties wanted
//! * Erasing takes text, title, author, address, names and a correction's note out of the mention, the leads
//!   and tombstones' clear names out of every index, and copies out of the inbox. A post of which nothing is
//!   left is called by its mark from then on, for its id may be an address.
//! * Every mention that is erased has one event that says why, by whom, and how many messages about its
//!   matter had left by then. Who answered, when, and with what outcome stays, and so do all counts.
//! * What was erased does not come again under the same post, and what was forgotten on request does not
//!   come again under that author or address: not from its source, not pushed, not imported, not from an
//!   export.
//! * Erasing is done in portions and is idempotent: whoever was cut off asks again.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Page, Result, Rows};
use crate::domain::erasure::{ErasedFor, Whose};
use crate::domain::event::Actor;
use crate::domain::id::{MentionId, SourceId};
use crate::domain::mention::RecordedMention;
use crate::domain::post::Post;

/// What shall be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgetting {
    /// Whose words.
    pub whose: Vec<Whose>,
    /// Why.
    pub reason: ErasedFor,
    /// By whom.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Whether what comes later under these names is to be kept out; a post's own tombstone is written either
    /// way.
    pub keep_out: bool,
    /// At most this many mentions in one call.
    pub limit: usize,
}

/// What a call of `forget` did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgot {
    /// Mentions erased.
    pub mentions: u64,
    /// Posts taken out of the inbox.
    pub inbox: u64,
    /// Whether the limit ended it: call again.
    pub more: bool,
}

/// When a mention's post is to be asked for anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recheck {
    /// Which.
    pub mention: MentionId,
    /// When.
    pub due: Timestamp,
    /// When its site last served it.
    pub seen_at: Timestamp,
}

/// See the module page; every [`Store`](super::Store) is one.
#[async_trait]
pub trait Forgets: Send + Sync + 'static {
    /// Mentions that bear text and are of these words, by number; `newest_first` is not looked at.
    async fn written(&self, whose: Whose, page: Page) -> Result<Rows<RecordedMention>>;

    /// Erases words and keeps them out.
    async fn forget(&self, forgetting: Forgetting) -> Result<Forgot>;

    /// For each post whether it was forgotten and must not be taken in again.
    async fn kept_out(&self, posts: Vec<Post>) -> Result<Vec<bool>>;

    /// Mentions of a source whose posts are to be asked for by `now`, most pressing first, with their rows.
    async fn rechecks(
        &self,
        source: SourceId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Recheck, RecordedMention)>>;

    /// When the first post of a source is to be asked for anew.
    async fn next_recheck(&self, source: SourceId) -> Result<Option<Timestamp>>;

    /// How many posts' mentions of a source are to be asked for by `until`; counts no further than `most`.
    async fn count_rechecks(&self, source: SourceId, until: Timestamp, most: usize) -> Result<usize>;

    /// Mentions of a source that bear text and are in no queue. A page may hold none and not be the last.
    async fn unscheduled(
        &self,
        source: SourceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Rows<RecordedMention>>;
}
