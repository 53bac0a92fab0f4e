//! Rules as written: who owns what, and when an escalation is due.

use jiff::SignedDuration;

use super::escalation::Severity;
use super::id::{OwnerId, TriggerId};
use super::sentiment::Polarity;

/// A rule that gives mentions to an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// CEL.
    pub when: String,
    /// Whom to give them to.
    pub owner: OwnerId,
}

/// A rule that finds an escalation due.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerRule {
    /// Its name.
    pub id: TriggerId,
    /// On single mentions, or on their number.
    pub on: TriggerOn,
    /// How much it matters.
    pub severity: Severity,
    /// Which of `topic`, `source`, `author`, `site`, `owner` a matter's mentions share.
    pub group_by: Vec<GroupBy>,
    /// How long after the last mention another joins the same matter (24 h after the first at most).
    pub group_for: SignedDuration,
}

/// On what a trigger looks.
#[derive(Debug, Clone, PartialEq)]
pub enum TriggerOn {
    /// CEL over one mention.
    When(String),
    /// More than usual.
    Spike(Spike),
}

/// `count(window) ≥ at_least` and `count(window) ≥ factor × the mean count of such windows in the
/// baseline before it`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spike {
    /// Which mentions count; none: all of them.
    pub of: Option<Polarity>,
    /// Length of the window.
    pub window: SignedDuration,
    /// How far back "usual" reaches.
    pub baseline: SignedDuration,
    /// How many times the usual.
    pub factor: f64,
    /// Never below this many.
    pub at_least: u64,
}

/// What a matter's mentions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// The topic. Always shared, since a matter has one topic.
    Topic,
    /// The source.
    Source,
    /// The author and the site.
    Author,
    /// The site.
    Site,
    /// The thread: the post that is answered, else the post itself.
    Thread,
}
