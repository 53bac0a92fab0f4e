//! What is known of a source: its cursor, its health, and where it was blind.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
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
    /// This daemon did not run, or not often enough.
    DaemonOff,
    /// The source serves only its newest items, and more than those came since the last look.
    Overrun,
    /// Single items were announced and never served.
    Missing,
}

impl GapCause {
    /// The word used in metrics and files.
    pub fn as_str(self) -> &'static str {
        match self {
            GapCause::SourceFailed => "source_failed",
            GapCause::DaemonOff => "daemon_off",
            GapCause::Overrun => "overrun",
            GapCause::Missing => "missing",
        }
    }

    /// For people: `it gave no answer`.
    pub fn words(self) -> &'static str {
        match self {
            GapCause::SourceFailed => "it gave no answer",
            GapCause::DaemonOff => "earmark did not run",
            GapCause::Overrun => "more came than it serves at once",
            GapCause::Missing => "single posts were announced and never served",
        }
    }
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

/// A gap as the ledger keeps it: what was told, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blind {
    /// What was told; it names the row.
    #[serde(flatten)]
    pub gap: Gap,
    /// When everything of it that is served had been read after all; none: what was said then is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repaired_at: Option<Timestamp>,
}

impl From<Gap> for Blind {
    fn from(gap: Gap) -> Self {
        Self { gap, repaired_at: None }
    }
}

/// A part of a source (a list, a server) that cannot be read while others are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trouble {
    /// Which, in the source's own terms: `search acme`, `mastodon.example`.
    pub part: String,
    /// What happened, and why where that is known; no secrets, no post text.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Trouble {
    /// For people, behind "reads in part: ".
    pub fn words(&self) -> String {
        let Self { part, what, remedy } = self;
        format!("{part}: {what}; {remedy}")
    }
}

/// A trouble as the row keeps it until the part is read again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unread {
    /// As it was told last.
    #[serde(flatten)]
    pub trouble: Trouble,
    /// Since when.
    pub since: Timestamp,
    /// In how many looks it was told.
    pub looks: u32,
}

impl Unread {
    /// For people, behind "reads in part: ".
    pub fn words(&self) -> String {
        self.trouble.words()
    }
}

/// Posts heard in a stretch of watching that nothing was learnt from yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Since when.
    pub from: Timestamp,
    /// How many were new.
    pub posts: u64,
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
    /// Date of the newest post given, never later than it was given: what is newer is new.
    #[serde(default)]
    pub newest: Option<Timestamp>,
    /// From when on it has not been read through, because posts have piled up.
    #[serde(default)]
    pub behind_since: Option<Timestamp>,
    /// Where the earliest stretch begins that is not, but may still be, repaired.
    #[serde(default)]
    pub open_since: Option<Timestamp>,
    /// Parts that could not be read when it was last looked at; empty: it is read in whole.
    #[serde(default)]
    pub unread: Vec<Unread>,
    /// Whether the operator has been told that it is read in part only.
    #[serde(default)]
    pub told_in_part: bool,
    /// What was heard since its rhythm was last learnt.
    #[serde(default)]
    pub heard: Option<Heard>,
    /// Thousandths of posts that its rhythm lets expect since it last spoke.
    #[serde(default)]
    pub awaited: u64,
    /// Whether it was told that it is strangely quiet.
    #[serde(default)]
    pub told_quiet: bool,
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
            newest: None,
            behind_since: None,
            open_since: None,
            unread: Vec::new(),
            told_in_part: false,
            heard: None,
            awaited: 0,
            told_quiet: false,
        }
    }

    /// How long ago everything had been read, while posts that have piled up are being read; none when nothing
    /// has piled up.
    pub fn behind(&self, now: Timestamp) -> Option<SignedDuration> {
        let since = self.behind_since?;
        let through = self.fetched_through.map_or(since, |through| through.max(since));
        Some(now.duration_since(through).max(SignedDuration::ZERO))
    }
}
