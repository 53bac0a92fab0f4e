//! An escalation: an open matter with one accountable owner,
//! `open → acknowledged → resolved`, or `expired` (which can still be resolved).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::duration;
use super::id::{EscalationId, OwnerId, TopicId, TriggerId};
use super::policy::Policy;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// In working hours, when there is time.
    Low,
    /// In working hours, soon.
    High,
    /// Now, working hours or not.
    Urgent,
}

impl Severity {
    /// The word used in the configuration, files and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::High => "high",
            Severity::Urgent => "urgent",
        }
    }
}

/// Where a matter stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Steps are being taken.
    Open,
    /// Somebody said "I have it": steps stop until it runs out.
    Acknowledged {
        /// Who has it.
        by: OwnerId,
        /// Since when.
        at: Timestamp,
        /// When the steps go on.
        until: Timestamp,
    },
    /// Closed.
    Resolved {
        /// Who closed it.
        by: OwnerId,
        /// When.
        at: Timestamp,
    },
    /// All steps were taken and nobody answered; the champion answers for it.
    Expired {
        /// Since when.
        at: Timestamp,
    },
}

impl State {
    /// The word used in files and pages.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::Open => "open",
            State::Acknowledged { .. } => "acknowledged",
            State::Resolved { .. } => "resolved",
            State::Expired { .. } => "expired",
        }
    }

    /// Everything but `resolved`.
    pub fn is_unresolved(&self) -> bool {
        !matches!(self, State::Resolved { .. })
    }
}

/// What makes mentions belong to one matter: trigger, topic (if grouped by it) and so on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupKey(pub String);

/// An open matter. A value: every change makes the next one with `seen` counted up, and the store
/// takes it only if the one it was made from is still the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// Its number.
    pub id: EscalationId,
    /// Counts its changes, from 1; what a change was decided on.
    pub seen: u64,
    /// What it is about.
    pub topic: TopicId,
    /// What belongs to it.
    pub group: GroupKey,
    /// Which rule found it due.
    pub trigger: TriggerId,
    /// Why, for readers: `sentiment.score <= -0.6 && …` or `12 negative in 1 h, 3.4 usual`.
    pub why: String,
    /// The most severe of what joined.
    pub severity: Severity,
    /// The policy as it was when the matter opened.
    pub policy: Policy,
    /// The routed owner.
    pub owner: OwnerId,
    /// Who answers for it now. Exactly one, always.
    pub accountable: OwnerId,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When the newest mention joined.
    pub joined_at: Timestamp,
    /// How long after `joined_at` a mention still joins (never past 24 h from `opened_at`).
    #[serde(with = "duration::text")]
    pub group_for: SignedDuration,
    /// How many mentions belong to it; which ones, the store says (`mentions_of`).
    pub mentions: u64,
    /// Mentions of the newest bundle for whoever acknowledged: gathered until `bundle_due`, told then.
    pub untold: u64,
    /// Round of steps under way, from 0.
    pub round: u32,
    /// How many steps of this round have been taken.
    pub taken: u32,
    /// When the next step is due; none while acknowledged, and after the last.
    pub step_due: Option<Timestamp>,
    /// When the bundle of joined mentions goes to whoever acknowledged.
    pub bundle_due: Option<Timestamp>,
    /// When it should be resolved; none once that was said.
    pub overdue_at: Option<Timestamp>,
    /// When somebody first acknowledged, for the digest's "how fast".
    pub first_acknowledged_at: Option<Timestamp>,
    /// First `Message-ID` parts and subjects hang on this, so that its mails form one thread.
    pub notified: u64,
}

impl Escalation {
    /// The earliest instant at which something must be done for it: the store's timer row.
    pub fn due(&self) -> Option<Timestamp> {
        let acknowledged_until = match &self.state {
            State::Acknowledged { until, .. } => Some(*until),
            State::Resolved { .. } => return None,
            _ => None,
        };
        [self.step_due, self.bundle_due, self.overdue_at, acknowledged_until].into_iter().flatten().min()
    }
}
