//! Tells the operator about the daemon itself.

use jiff::Timestamp;

use crate::domain::id::{NotificationId, TopicId};
use crate::domain::notification::{About, Notice, Notification, Occasion, Reason};
use crate::domain::owner::Owner;
use crate::escalation::Desk;

/// The outbox rows that carry `notice` to the operator; none if it has no channel.
pub fn to_operator(desk: &Desk, notice: &Notice, now: Timestamp) -> Vec<Notification> {
    occasion(notice, now, now).to(desk.roster.operator(), &desk.reach)
}

/// The outbox rows that carry `notice` to the operator, and in their hours to the owner of the topic that its
/// source is bound to.
pub fn to_concerned(
    desk: &Desk,
    notice: &Notice,
    topic: Option<&TopicId>,
    now: Timestamp,
) -> Vec<Notification> {
    let mut rows = to_operator(desk, notice, now);
    let owner = topic.and_then(|topic| desk.topics.get(topic)?.owner.as_ref());
    let owner: Option<&Owner> = owner.map(|owner| desk.roster.owner(owner));
    if let Some(owner) = owner.filter(|owner| owner.id != desk.roster.operator().id) {
        let begins = owner.hours.as_ref().map_or(now, |hours| hours.next_open(now, &owner.timezone));
        rows.extend(occasion(notice, now, begins).to(owner, &desk.reach));
    }
    rows
}

fn occasion(notice: &Notice, now: Timestamp, not_before: Timestamp) -> Occasion {
    Occasion {
        about: About::Notice(notice.clone()),
        reason: Reason::Notice,
        stem: format!("notice/{}", NotificationId::new(now)),
        urgent: false,
        now,
        not_before,
    }
}
