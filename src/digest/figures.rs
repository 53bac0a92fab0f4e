//! What a digest says, as values. Every figure carries the ids behind it, so that it can be
//! opened and added up by anyone (P7).

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::digest::Window;
use crate::domain::escalation::{Severity, State};
use crate::domain::id::{DigestId, EscalationId, MentionId, OwnerId, SourceId, TopicId};
use crate::domain::notification::HoldReason;
use crate::domain::sentiment::{Counts, Doubt, Polarity};
use crate::domain::source::{Blind, Unread};

/// Mentions of a window, by polarity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// How many lean which way.
    pub counts: Counts,
    /// Which ones: one list a polarity, in the order of [`Polarity::ALL`].
    pub ids: [Vec<MentionId>; 4],
    /// Those of them that stand where a person put them, agreeing with the model or not.
    pub corrected: Vec<MentionId>,
}

impl Volume {
    /// Counts one more.
    pub fn add(&mut self, id: MentionId, polarity: Polarity, is_corrected: bool) {
        self.corrected.extend(is_corrected.then_some(id));
        self.counts.add(polarity);
        let place = Polarity::ALL.iter().position(|one| *one == polarity).unwrap_or(0);
        self.ids[place].push(id);
    }
}

/// One topic's or one owner's share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line<Id> {
    /// Whose.
    pub id: Id,
    /// Name for readers.
    pub name: String,
    /// In this window.
    pub volume: Volume,
    /// In the window of the same length before.
    pub before: Counts,
}

/// Mentions on which the model would not commit itself, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doubted {
    /// Why.
    pub doubt: Doubt,
    /// Which ones.
    pub ids: Vec<MentionId>,
}

/// A mention worth reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pick {
    /// Which.
    pub id: MentionId,
    /// Of which topic.
    pub topic: TopicId,
    /// Where it stands.
    pub url: Option<String>,
    /// On which site.
    pub site: String,
    /// By whom.
    pub author: Option<String>,
    /// Its first words.
    pub excerpt: String,
    /// −1 to 1.
    pub score: f32,
    /// Whether it asks for an answer; none where the model has no opinion.
    pub needs_answer: Option<bool>,
    /// The site's own date, else when it was recorded.
    pub at: Timestamp,
}

/// What escalated, and how fast it was answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Matters {
    /// Opened in the window.
    pub opened: Vec<EscalationId>,
    /// Of those, acknowledged or resolved by somebody by now.
    pub answered: Vec<EscalationId>,
    /// Of those, closed by now.
    pub resolved: Vec<EscalationId>,
    /// Unresolved whatever their age, expired ones among them.
    pub unresolved: Vec<EscalationId>,
    /// Unresolved, and nobody answered in time: named in every digest until resolved.
    pub expired: Vec<EscalationId>,
    /// Seconds from opening to the first acknowledgement or resolution: the median of `answered`.
    #[serde(serialize_with = "seconds")]
    pub median_answer: Option<SignedDuration>,
    /// The slowest of `answered`, in seconds.
    #[serde(serialize_with = "seconds")]
    pub slowest_answer: Option<SignedDuration>,
    /// Those worth a line: unresolved ones first, then those opened in the window; the most
    /// severe and the newest first.
    pub shown: Vec<Matter>,
}

/// One escalation as a digest names it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matter {
    /// Which.
    pub id: EscalationId,
    /// About what.
    pub topic: TopicId,
    /// For readers.
    pub topic_name: String,
    /// How much it matters.
    pub severity: Severity,
    /// How many mentions belong to it.
    pub mentions: u64,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// Who answers for it, for readers.
    pub accountable_name: String,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Seconds until somebody first answered.
    #[serde(serialize_with = "seconds")]
    pub answered_after: Option<SignedDuration>,
}

/// How well a source was watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Watch {
    /// Which.
    pub source: SourceId,
    /// Everything up to here has been read, except for gaps.
    pub fetched_through: Option<Timestamp>,
    /// Last time it answered well.
    pub answered_at: Option<Timestamp>,
    /// Last time it gave something new.
    pub spoke_at: Option<Timestamp>,
    /// Since when it has been failing.
    pub failing_since: Option<Timestamp>,
    /// What it said last.
    pub last_error: Option<String>,
    /// From when on what has piled up is still being read.
    pub behind_since: Option<Timestamp>,
    /// Parts of it that are not read while the rest is.
    pub unread: Vec<Unread>,
    /// Since when it has been strangely quiet.
    pub quiet_since: Option<Timestamp>,
    /// Blind stretches that touch the window, those among them that were repaired too.
    pub gaps: Vec<Blind>,
}

impl Watch {
    /// Whether there is something that a reader must know.
    pub fn is_blind(&self) -> bool {
        let unseen =
            self.failing_since.is_some() || self.answered_at.is_none() || self.behind_since.is_some();
        unseen || !self.unread.is_empty() || self.gaps.iter().any(|blind| blind.repaired_at.is_none())
    }
}

/// A summary of a window for one reader.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Digest {
    /// Which digest.
    pub id: DigestId,
    /// Over which window.
    pub window: Window,
    /// For whom.
    pub reader: OwnerId,
    /// For readers.
    pub reader_name: String,
    /// Whether it covers all owners: the champion's does.
    pub all_owners: bool,
    /// The reader's zone.
    pub timezone: String,
    /// Everything in it.
    pub volume: Volume,
    /// The unsure of `volume`, by reason; adds up to them.
    pub unsure: Vec<Doubted>,
    /// Those of `volume` that ask for an answer, as the model says.
    pub needs_answer: Vec<MentionId>,
    /// The window of the same length before.
    pub before: Counts,
    /// By topic; sums to `volume`.
    pub topics: Vec<Line<TopicId>>,
    /// By routed owner; sums to `volume`.
    pub owners: Vec<Line<OwnerId>>,
    /// What escalated.
    pub matters: Matters,
    /// The most negative, worst first.
    pub worst: Vec<Pick>,
    /// The most positive, best first.
    pub best: Vec<Pick>,
    /// Mentions and messages held back, by reason.
    pub held: Vec<(HoldReason, u64)>,
    /// Every source, the blind ones first.
    pub coverage: Vec<Watch>,
    /// How readers reach the pages; links begin with it.
    pub public_url: Option<String>,
}

fn seconds<S: serde::Serializer>(duration: &Option<SignedDuration>, to: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => to.serialize_some(&duration.as_secs()),
        None => to.serialize_none(),
    }
}
