//! What every implementation must decide alike: pure functions over the contract's types.

use jiff::Timestamp;

use super::{
    Attempted, EscalationFilter, MentionFilter, NotificationFilter, OutboxDepth, Retention, TALLY_BUCKET,
};
use crate::domain::erasure::ErasedFor;
use crate::domain::escalation::Escalation;
use crate::domain::id::{SourceId, TopicId};
use crate::domain::mention::{Finding, RecordedMention};
use crate::domain::notification::{About, Delivery, HoldReason, Notification};

/// What a finished attempt makes of an outbox row.
pub fn settle(row: &mut Notification, at: Timestamp, how: Attempted) {
    match how {
        Attempted::Sent => row.delivery = Delivery::Sent { at },
        Attempted::Again { not_before, why } => {
            row.not_before = not_before;
            row.last_error = Some(why);
            row.delivery = Delivery::Queued;
        }
        Attempted::Failed { why } => {
            row.last_error = Some(why.clone());
            row.delivery = Delivery::Failed { at, why };
        }
        Attempted::Postponed { not_before } => {
            if matches!(row.delivery, Delivery::Leased { begun: true, .. }) {
                row.attempts = row.attempts.saturating_sub(1);
            }
            row.not_before = not_before;
            row.delivery = Delivery::Queued;
        }
        Attempted::Dropped { reason } => row.delivery = Delivery::Dropped { at, reason },
    }
}

/// When an outbox row can be leased: its time if nobody has it, else the end of the lease; never
/// once it is final.
pub fn ready(row: &Notification) -> Option<Timestamp> {
    match row.delivery {
        Delivery::Queued => Some(row.not_before),
        Delivery::Leased { until, .. } => Some(until),
        Delivery::Sent { .. } | Delivery::Failed { .. } | Delivery::Dropped { .. } => None,
    }
}

/// Whether a row is counted where "more than usual" is looked for: the first version of what
/// happens now. A source's past and a quiet import wake nobody, and must not make a storm of the
/// next mention that may.
pub(super) fn is_tallied(row: &RecordedMention) -> bool {
    let is_past = matches!(row.finding, Finding::Held(HoldReason::Imported | HoldReason::OldNews));
    row.revision == 1 && !is_past
}

/// First instant of the tally's bucket in which `at` lies.
pub fn bucket(at: Timestamp) -> Timestamp {
    let length = TALLY_BUCKET.as_secs();
    let seconds = at.as_nanosecond().div_euclid(1_000_000_000);
    let start = i64::try_from(seconds).map_or(0, |seconds| seconds.div_euclid(length) * length);
    // Only the very first bucket of jiff's range can begin outside it.
    Timestamp::from_second(start).unwrap_or(Timestamp::MIN)
}

/// A post's id as another name of the post under which it is kept.
pub(super) fn id_alias(id: &str) -> String {
    format!("id:{id}")
}

impl MentionFilter {
    /// Whether the row's own values fit; belonging to an escalation is the store's to know.
    pub(super) fn fits(&self, row: &RecordedMention) -> bool {
        self.window.is_none_or(|window| window.contains(row.recorded_at))
            && self.topic.as_ref().is_none_or(|topic| topic == row.topic())
            && self.source.as_ref().is_none_or(|source| *source == row.post().source)
            && self.polarity.is_none_or(|polarity| polarity == row.polarity())
            && self.corrected.is_none_or(|corrected| corrected == row.correction.is_some())
            && self.owner.as_ref().is_none_or(|owner| *owner == row.owner)
    }
}

impl EscalationFilter {
    pub(super) fn fits(&self, row: &Escalation) -> bool {
        self.window.is_none_or(|window| window.contains(row.opened_at))
            && self.topic.as_ref().is_none_or(|topic| *topic == row.topic)
            && self.accountable.as_ref().is_none_or(|owner| *owner == row.accountable)
            && (!self.unresolved || row.state.is_unresolved())
    }
}

impl NotificationFilter {
    pub(super) fn fits(&self, row: &Notification) -> bool {
        self.escalation.is_none_or(|escalation| row.about == About::Escalation(escalation))
            && (!self.waiting || !row.delivery.is_final())
    }
}

impl Retention {
    /// Before when texts of this topic and source are erased, and why.
    pub(super) fn text_limit(&self, topic: &TopicId, source: &SourceId) -> (Timestamp, ErasedFor) {
        let of_topic = self.topics.iter().find(|(id, _)| id == topic).map(|(_, before)| *before);
        let of_source = self.sources.iter().find(|(id, _)| id == source).map(|(_, before)| *before);
        let own = of_topic.max(of_source).unwrap_or(self.text_before);
        match self.terms.iter().find(|(id, _)| id == source) {
            Some((_, before)) if *before > own => (*before, ErasedFor::Terms),
            _ => (own, ErasedFor::Retention),
        }
    }
}

impl OutboxDepth {
    /// Counts a row that is not final.
    pub(super) fn count(&mut self, row: &Notification, now: Timestamp) {
        self.waiting += 1;
        self.due += u64::from(row.not_before <= now);
        self.oldest = Some(self.oldest.map_or(row.created_at, |oldest| oldest.min(row.created_at)));
    }
}
