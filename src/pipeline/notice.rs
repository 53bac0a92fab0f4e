//! Tells the operator about the daemon itself.

use jiff::Timestamp;

use crate::domain::id::NotificationId;
use crate::domain::notification::{About, Notice, Notification, Occasion, Reason};
use crate::escalation::Desk;

/// The outbox rows that carry `notice` to the operator; none if it has no channel.
pub fn to_operator(desk: &Desk, notice: &Notice, now: Timestamp) -> Vec<Notification> {
    let occasion = Occasion {
        about: About::Notice(notice.clone()),
        reason: Reason::Notice,
        stem: format!("notice/{}", NotificationId::new(now)),
        urgent: false,
        now,
        not_before: now,
    };
    occasion.to(desk.roster.operator(), &desk.reach)
}
