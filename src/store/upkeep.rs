//! Values of the store's upkeep: retention, the open format of export and import, checks, size.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ForgetKey, Mark, Tally};
use crate::domain::correction::Calibration;
use crate::domain::digest::DigestRun;
use crate::domain::escalation::{Escalation, GroupKey};
use crate::domain::event::ChainedEvent;
use crate::domain::id::{EscalationId, LinkId, MentionId, SourceId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::note::Note;
use crate::domain::notification::{Hold, Notification};
use crate::domain::post::Post;
use crate::domain::silence::Silence;
use crate::domain::source::{Blind, SourceState};

/// What may be deleted or erased because its time is over. For mentions that is `recorded_at`,
/// for outbox rows `created_at`, for holds `at`, for links when they may be forgotten, for tallies
/// the end of their bucket, for gaps when they ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Texts recorded before this are erased; a topic or a source may say earlier or later.
    pub text_before: Timestamp,
    /// Per topic, in place of `text_before`.
    pub topics: Vec<(TopicId, Timestamp)>,
    /// Per source; where topic and source both speak, the shorter life wins.
    pub sources: Vec<(SourceId, Timestamp)>,
    /// Per source, where nobody can be asked again: texts recorded before this are erased, whatever else is
    /// said, because the site's terms say so.
    pub terms: Vec<(SourceId, Timestamp)>,
    /// Per source whose posts are asked for anew: texts that the site has not served since are erased, because
    /// its terms say so.
    pub refreshed: Vec<(SourceId, Timestamp)>,
    /// Final outbox rows, holds, used links, gaps and old tallies before this are deleted.
    pub rows_before: Timestamp,
    /// At most this many rows are looked at in one call.
    pub limit: usize,
    /// What to write as the time of erasure.
    pub now: Timestamp,
}

/// What a call of `retain` did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Mentions whose text was erased.
    pub erased: u64,
    /// Rows deleted.
    pub deleted: u64,
    /// Whether the limit ended it: call again.
    pub more: bool,
}

/// How large the store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Bytes on disk; 0 in memory.
    pub disk_bytes: u64,
    /// Bytes of keys and values that live, as far as known without a scan.
    pub live_bytes: Option<u64>,
    /// Mentions kept.
    pub mentions: u64,
    /// Since when bytes of what was erased may stand in the files, as nothing was compacted since; none in memory.
    #[serde(default)]
    pub erased_since: Option<Timestamp>,
    /// When it was compacted last.
    #[serde(default)]
    pub compacted_at: Option<Timestamp>,
}

/// Any row, in the open format of `store export` and `store import`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "row", content = "value")]
#[expect(clippy::large_enum_variant, reason = "rows pass by in pages, and most of them are mentions")]
pub enum Row {
    /// What tombstones are made with.
    ForgetKey(ForgetKey),
    /// Something was forgotten then and must not come again. These rows lead an export, so that what follows
    /// them is held against them.
    Forgotten { mark: Mark, at: Timestamp },
    /// A source's state.
    Source(SourceState),
    /// A blind stretch.
    Gap(Blind),
    /// The highest number given so far in a source's inbox: the source's cursor may name it after
    /// its post is gone, so no number is given twice.
    InboxLast { source: SourceId, number: u64 },
    /// A post received and not yet taken in, with its number.
    Inbox(u64, Post),
    /// A recorded mention.
    Mention(RecordedMention),
    /// A post version that is known in a topic, with source and post id.
    Version { source: SourceId, id: String, version: String, topic: TopicId },
    /// Another name of a post.
    Alias { source: SourceId, alias: String, id: String },
    /// An escalation.
    Escalation(Escalation),
    /// Which escalation has a group's row.
    Group(GroupKey, EscalationId),
    /// A mention belongs to an escalation.
    Join(EscalationId, MentionId),
    /// An outbox row.
    Notification(Notification),
    /// A "no".
    Hold(Hold),
    /// A silence.
    Silence(Silence),
    /// A digest that was made.
    Digest(DigestRun),
    /// A used link, and when it may be forgotten.
    Link(LinkId, Timestamp),
    /// A bucket of a topic.
    Tally(TopicId, Tally),
    /// An entry of the accountability record.
    Event(ChainedEvent),
    /// A temperature of a model.
    Calibration(Calibration),
    /// What the daemon keeps for itself.
    Note(Note),
}

impl Row {
    /// Whether it says only that something was forgotten.
    pub fn is_tombstone(&self) -> bool {
        matches!(self, Row::ForgetKey(_) | Row::Forgotten { .. })
    }
}

/// What a check of the whole store found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Rows read.
    pub rows: u64,
    /// What does not fit together, as sentences: an index that points nowhere, a broken chain.
    pub faults: Vec<String>,
}
