//! Crossings 2 and 3: stepped and attempted; and digests.

use jiff::Timestamp;

use super::State;
use super::change::Change;
use crate::domain::digest::DigestRun;
use crate::domain::escalation::Escalation;
use crate::domain::event::Event;
use crate::domain::id::{EscalationId, InstanceId, MentionId, NotificationId};
use crate::domain::notification::{Delivery, Hold, Notification};
use crate::store::chain::Link;
use crate::store::{Attempted, Effects, Outcome, ready, settle};

impl Change<'_> {
    pub fn effects(&mut self, effects: Effects) -> Outcome {
        let Effects { escalations, opens, joins, notifications, holds, events, link, rechecks } = effects;
        if let Some((id, forget_at)) = link {
            if self.state.links.contains_key(&id) {
                return Outcome::Conflict;
            }
            self.put(|state| &mut state.links, id, Some(forget_at));
        }
        for escalation in escalations {
            let opened = opens.iter().any(|open| open.by == escalation.id && open.group == escalation.group);
            if self.escalation(escalation, opened) == Outcome::Conflict {
                return Outcome::Conflict;
            }
        }
        for open in opens {
            let freed = self.state.groups.get(&open.group).copied() == open.instead_of;
            if !freed || !self.state.escalations.contains_key(&open.by) {
                return Outcome::Conflict;
            }
            self.put(|state| &mut state.groups, open.group, Some(open.by));
        }
        for (escalation, mention) in joins {
            self.join(escalation, mention);
        }
        for hold in holds {
            self.hold(hold);
        }
        for recheck in rechecks {
            self.schedule(recheck);
        }
        for event in events {
            self.event(event);
        }
        self.notify(notifications)
    }

    fn escalation(&mut self, escalation: Escalation, opened: bool) -> Outcome {
        let stored = self.state.escalations.get(&escalation.id).map_or(0, |stored| stored.seen);
        if escalation.seen != stored + 1 || (escalation.seen == 1 && !opened) {
            return Outcome::Conflict;
        }
        self.put(|state| &mut state.escalations, escalation.id, Some(escalation));
        Outcome::Done
    }

    fn join(&mut self, escalation: EscalationId, mention: MentionId) {
        let joined = self.state.joins.range((escalation, 0)..=(escalation, u64::MAX));
        let mut last = 0;
        for (key, other) in joined {
            if *other == mention {
                return;
            }
            last = key.1;
        }
        self.put(|state| &mut state.joins, (escalation, last + 1), Some(mention));
    }

    fn hold(&mut self, hold: Hold) {
        let last = self.state.holds.range((hold.at, 0)..=(hold.at, u64::MAX)).next_back();
        let number = last.map_or(0, |(key, _)| key.1) + 1;
        self.put(|state| &mut state.holds, (hold.at, number), Some(hold));
    }

    pub fn event(&mut self, event: Event) {
        let mine = (self.instance, 0)..=(self.instance, u64::MAX);
        let mut end =
            self.state.events.range(mine).next_back().map_or_else(Link::start, |(_, last)| Link::of(last));
        let entry = end.tie(self.instance, event);
        self.put(|state| &mut state.events, (entry.instance, entry.sequence), Some(entry));
    }

    fn notify(&mut self, notifications: Vec<Notification>) -> Outcome {
        for row in notifications {
            if self.state.keys.contains_key(&row.key) || self.state.notifications.contains_key(&row.id) {
                return Outcome::Conflict;
            }
            self.put(|state| &mut state.keys, row.key.clone(), Some(row.id));
            self.put(|state| &mut state.notifications, row.id, Some(row));
        }
        Outcome::Done
    }

    /// The row, if this instance has it in hand, and whether its attempt was begun.
    fn in_hand(&self, id: NotificationId) -> Option<(Notification, bool)> {
        let row = self.state.notifications.get(&id)?;
        match row.delivery {
            Delivery::Leased { by, begun, .. } if by == self.instance => Some((row.clone(), begun)),
            _ => None,
        }
    }

    pub fn begin(&mut self, id: NotificationId) -> Outcome {
        let Some((mut row, false)) = self.in_hand(id) else { return Outcome::Conflict };
        if let Delivery::Leased { begun, .. } = &mut row.delivery {
            *begun = true;
        }
        row.attempts += 1;
        self.put(|state| &mut state.notifications, id, Some(row));
        Outcome::Done
    }

    pub fn finish(&mut self, id: NotificationId, at: Timestamp, how: Attempted, effects: Effects) -> Outcome {
        let Some((mut row, _)) = self.in_hand(id) else { return Outcome::Conflict };
        settle(&mut row, at, how);
        self.put(|state| &mut state.notifications, id, Some(row));
        self.effects(effects)
    }

    pub fn digest(&mut self, run: DigestRun, rows: Vec<Notification>, events: Vec<Event>) -> Outcome {
        let key = (run.digest.clone(), run.window.from, run.window.until);
        let last = self.state.last_digest(&run.digest);
        let follows = last.is_none_or(|last| last.window.until == run.window.from);
        if !follows || self.state.digests.contains_key(&key) {
            return Outcome::Conflict;
        }
        self.put(|state| &mut state.digests, key, Some(run));
        for event in events {
            self.event(event);
        }
        self.notify(rows)
    }
}

impl State {
    pub(super) fn lease(
        &mut self,
        by: InstanceId,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Vec<Notification> {
        let mut ready: Vec<_> = self
            .notifications
            .values()
            .filter_map(|row| ready(row).filter(|at| *at <= now).map(|at| (at, row.id)))
            .collect();
        ready.sort();
        ready.truncate(limit);
        let mut leased = Vec::new();
        for (_, id) in ready {
            if let Some(row) = self.notifications.get_mut(&id) {
                row.delivery = Delivery::Leased { by, until, begun: false };
                leased.push(row.clone());
            }
        }
        leased
    }
}
