//! A silence: a person's time-boxed matcher that holds notifications. It holds only messages:
//! steps go on, so that a silenced owner is passed by and somebody always answers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::escalation::{Escalation, Severity};
use super::id::{OwnerId, SilenceId, TopicId, TriggerId};

/// Holds what all of its given parts match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its number.
    pub id: SilenceId,
    /// Who asked for it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; never open-ended.
    pub until: Timestamp,
    /// Only for this topic.
    pub topic: Option<TopicId>,
    /// Only for what this trigger found.
    pub trigger: Option<TriggerId>,
    /// Only messages to this owner.
    pub owner: Option<OwnerId>,
    /// Only up to this severity; `urgent` passes unless named here.
    pub up_to: Severity,
}

impl Silence {
    /// Whether it holds a message about `escalation` to `owner` at `now`.
    pub fn holds(&self, escalation: &Escalation, owner: &OwnerId, now: Timestamp) -> bool {
        self.from <= now
            && now < self.until
            && escalation.severity <= self.up_to
            && self.topic.as_ref().is_none_or(|topic| *topic == escalation.topic)
            && self.trigger.as_ref().is_none_or(|trigger| *trigger == escalation.trigger)
            && self.owner.as_ref().is_none_or(|held| held == owner)
    }
}
