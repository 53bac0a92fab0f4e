//! What is known of a source: its cursor, its health, and where it was blind.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::SourceId;

/// Why a post given by a source became no mention. Closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// This version is known already.
    Duplicate,
    /// Older than the retention of texts.
    TooOld,
    /// No topic claims it.
    Unmatched,
    /// It could not be read; the rest of the answer could.
    Malformed,
    /// The site says that it is gone.
    Deleted,
    /// It is a newer version of what was erased: what is forgotten stays so.
    Forgotten,
    /// Nobody wrote it: a machine answered, or could not deliver.
    Automatic,
}

impl SkipReason {
    /// The word used in metrics, files and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            SkipReason::Duplicate => "duplicate",
            SkipReason::TooOld => "too_old",
            SkipReason::Unmatched => "unmatched",
            SkipReason::Malformed => "malformed",
            SkipReason::Deleted => "deleted",
            SkipReason::Forgotten => "forgotten",
            SkipReason::Automatic => "automatic",
        }
    }
}

/// Why a stretch of time is not, or not surely, known. Closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The source answered with errors or not at all.
    SourceFailed,
    /// This daemon did not run.
    DaemonOff,
    /// The source serves only its newest items, and more than those came since the last look.
    Overrun,
    /// Single items were announced and never served.
    Missing,
}

/// A stretch of time of which a source may have told us nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// Which source.
    pub source: SourceId,
    /// From when; none when not even that is known.
    pub from: Option<Timestamp>,
    /// Until when.
    pub until: Timestamp,
    /// Why.
    pub cause: GapCause,
    /// In the source's own terms, for the operator: `items 4711 to 4720`.
    pub detail: String,
}

/// The row of a source. `cursor` and `memo` are the adapter's own and opaque to everyone else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// Which.
    pub id: SourceId,
    /// Counts its changes, from 0 for a source never read; what a change was decided on.
    pub seen: u64,
    /// How far it was read.
    pub cursor: Option<String>,
    /// What makes the next request cheap (validators, a moved address); losing it costs one
    /// request and no post.
    pub memo: Option<String>,
    /// Last time it was asked.
    pub asked_at: Option<Timestamp>,
    /// Last time it answered well.
    pub answered_at: Option<Timestamp>,
    /// Everything up to here has been read, except for gaps.
    pub fetched_through: Option<Timestamp>,
    /// Last time it gave a post that was new.
    pub spoke_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// What the last failure said; no post text.
    pub last_error: Option<String>,
    /// Since when it has been failing.
    pub failing_since: Option<Timestamp>,
    /// Whether the operator has been told that it is sick.
    pub told_sick: bool,
    /// When to ask next.
    pub next_poll: Timestamp,
    /// Posts given so far.
    pub posts: u64,
    /// Posts that became no mention, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}

impl SourceState {
    /// A source that was never read, due at once.
    pub fn new(id: SourceId, now: Timestamp) -> Self {
        Self {
            id,
            seen: 0,
            cursor: None,
            memo: None,
            asked_at: None,
            answered_at: None,
            fetched_through: None,
            spoke_at: None,
            failures: 0,
            last_error: None,
            failing_since: None,
            told_sick: false,
            next_poll: now,
            posts: 0,
            skipped: BTreeMap::new(),
        }
    }
}
