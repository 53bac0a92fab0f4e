//! A topic: what we listen for, with its query and its owner.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::id::{OwnerId, PolicyId, TopicId};

/// What we listen for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Its name in the configuration.
    pub id: TopicId,
    /// Its name for readers; the target of sentiment when no term of ours stands in the text.
    pub name: String,
    /// The boolean expression that defines it (see `matching::query`).
    pub query: String,
    /// Who answers for it; else the champion.
    pub owner: Option<OwnerId>,
    /// Whom to tell when it escalates; without one nobody is told and the champion owns.
    pub policy: Option<PolicyId>,
    /// Share of voice is counted inside a panel.
    pub panel: Option<String>,
    /// How long texts of its mentions are kept, when shorter than the general rule.
    pub retention: Option<SignedDuration>,
}
