//! An escalation while it is being decided on: the new state, what is told to whom, the record.
//!
//! Whatever one decision causes, each person gets one message from it: the weightiest reason wins
//! (`weight`). So a daemon that was off for days, or a batch of forty mentions, tells nobody five
//! things at once.

use jiff::Timestamp;

use super::desk::Desk;
use crate::domain::escalation::{Escalation, Severity};
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::{MentionId, NotificationId, OwnerId};
use crate::domain::notification::{About, Delivery, Hold, HoldReason, Notification, Reason};
use crate::domain::owner::Owner;
use crate::domain::silence::Silence;
use crate::store::{Effects, Open};

/// What a decision looks at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub desk: &'a Desk,
    pub silences: &'a [Silence],
    pub now: Timestamp,
}

/// An escalation being decided on.
pub(super) struct Draft {
    /// As it was; none when this decision opens it.
    was: Option<Escalation>,
    /// As it will be.
    pub now: Escalation,
    told: Vec<(OwnerId, Reason)>,
    effects: Effects,
}

impl Draft {
    /// A change of an escalation.
    pub fn change(was: &Escalation) -> Self {
        let mut now = was.clone();
        now.seen = was.seen.saturating_add(1);
        Self { was: Some(was.clone()), now, told: Vec::new(), effects: Effects::default() }
    }

    /// A new one, which takes its group's row.
    pub fn open(now: Escalation, open: Open) -> Self {
        let effects = Effects { opens: vec![open], ..Effects::default() };
        Self { was: None, now, told: Vec::new(), effects }
    }

    /// Notes that a mention belongs to it.
    pub fn join(&mut self, mention: MentionId) {
        self.effects.joins.push((self.now.id, mention));
    }

    /// Notes what happened.
    pub fn event(&mut self, at: Timestamp, by: Actor, mention: Option<MentionId>, what: What) {
        self.effects.events.push(Event { at, by, escalation: Some(self.now.id), mention, what });
    }

    /// Notes that it opened, before what followed in the same decision.
    pub fn opened(&mut self, at: Timestamp, mention: Option<MentionId>) {
        let what =
            What::Opened { trigger: self.now.trigger.clone(), accountable: self.now.accountable.clone() };
        let escalation = Some(self.now.id);
        self.effects.events.insert(0, Event { at, by: Actor::Daemon, escalation, mention, what });
    }

    /// Notes a "no".
    pub fn hold(&mut self, hold: Hold) {
        self.effects.holds.push(hold);
    }

    /// Has somebody told; once, for the weightiest reason.
    pub fn tell(&mut self, owner: &OwnerId, reason: Reason) {
        match self.told.iter_mut().find(|(told, _)| told == owner) {
            Some((_, known)) if weight(reason) > weight(*known) => *known = reason,
            Some(_) => {}
            None => self.told.push((owner.clone(), reason)),
        }
    }

    /// All that the decision causes; nothing, if it changed nothing.
    pub fn finish(mut self, scene: Scene<'_>) -> Effects {
        // Whoever is gone is the champion, who may be told already.
        for (owner, reason) in std::mem::take(&mut self.told) {
            self.tell(&scene.desk.roster.owner(&owner).id, reason);
        }
        for (owner, reason) in std::mem::take(&mut self.told) {
            self.notify(scene, scene.desk.roster.owner(&owner), reason);
        }
        let changed = match &self.was {
            None => true,
            Some(was) => {
                Escalation { seen: was.seen, ..self.now.clone() } != *was || !self.effects.is_empty()
            }
        };
        if changed {
            self.effects.escalations.push(self.now);
        }
        self.effects
    }

    /// The outbox rows for one person, or why there are none.
    fn notify(&mut self, scene: Scene<'_>, owner: &Owner, reason: Reason) {
        let now = scene.now;
        if let Some(silence) = scene.silences.iter().find(|silence| silence.holds(&self.now, &owner.id, now))
        {
            let hold = self.no(scene, owner, HoldReason::Silenced, Some(silence.until));
            self.hold(Hold { silence: Some(silence.id), ..hold });
            return;
        }
        let Some((channel, addresses)) = scene.desk.way(owner) else {
            let hold = self.no(scene, owner, HoldReason::NoChannel, None);
            self.hold(hold);
            return;
        };
        let not_before = begins(owner, self.now.severity, now);
        if not_before > now {
            let hold = self.no(scene, owner, HoldReason::OutsideHours, Some(not_before));
            self.hold(hold);
        }
        let cause = format!("{}/{}", self.now.id, self.now.seen);
        let one_way = [None];
        let recipients: Vec<Option<&str>> = if addresses.is_empty() {
            one_way.to_vec()
        } else {
            addresses.iter().map(|address| Some(address.as_str())).collect()
        };
        for recipient in recipients {
            let key = Notification::key_of(&cause, reason, &owner.id, channel, recipient);
            if self.effects.notifications.iter().any(|row| row.key == key) {
                // The same address twice in one channel.
                continue;
            }
            self.now.notified = self.now.notified.saturating_add(1);
            self.effects.notifications.push(Notification {
                id: NotificationId::new(now),
                key,
                owner: owner.id.clone(),
                channel: channel.clone(),
                recipient: recipient.map(Into::into),
                about: About::Escalation(self.now.id),
                reason,
                urgent: self.now.severity == Severity::Urgent,
                created_at: now,
                not_before,
                attempts: 0,
                last_error: None,
                delivery: Delivery::Queued,
            });
        }
    }

    fn no(&self, scene: Scene<'_>, owner: &Owner, reason: HoldReason, until: Option<Timestamp>) -> Hold {
        Hold {
            at: scene.now,
            reason,
            until,
            mention: None,
            escalation: Some(self.now.id),
            owner: Some(owner.id.clone()),
            silence: None,
        }
    }
}

/// When `owner` may next be told of something this severe.
pub(super) fn begins(owner: &Owner, severity: Severity, now: Timestamp) -> Timestamp {
    match &owner.hours {
        Some(hours) if severity != Severity::Urgent => hours.next_open(now, &owner.timezone),
        _ => now,
    }
}

/// When `wait` of `owner`'s working time has passed; of all time, if it is urgent.
pub(super) fn passes(
    owner: &Owner,
    severity: Severity,
    wait: jiff::SignedDuration,
    now: Timestamp,
) -> Timestamp {
    match &owner.hours {
        Some(hours) if severity != Severity::Urgent => hours.after(now, wait, &owner.timezone),
        _ => now.checked_add(wait).unwrap_or(Timestamp::MAX),
    }
}

/// Which of two reasons a person is told when both hold at once: what they must do first.
fn weight(reason: Reason) -> u8 {
    match reason {
        Reason::Expired => 9,
        Reason::Worse => 8,
        Reason::Reassigned => 7,
        Reason::Accountable => 6,
        Reason::Overdue => 5,
        Reason::AcknowledgementRanOut => 4,
        Reason::Joined => 3,
        Reason::Informed => 2,
        Reason::Digest | Reason::Notice => 1,
    }
}
