//! Crossings 2 and 3: stepped and attempted; and digests.

use jiff::Timestamp;

use super::keys::{Key, Parts, Sort};
use super::rows::notification_key;
use super::txn::Txn;
use crate::domain::digest::DigestRun;
use crate::domain::event::Event;
use crate::domain::id::{EscalationId, NotificationId};
use crate::domain::notification::{Delivery, Notification};
use crate::store::{Attempted, Effects, Outcome, Result, settle};

impl Txn<'_> {
    pub fn effects(&mut self, effects: Effects) -> Result<Outcome> {
        let Effects { escalations, opens, joins, notifications, holds, events, link, rechecks } = effects;
        if let Some((id, forget_at)) = link {
            if self.has(&Key::of(Sort::Link).id(id.as_bytes()))? {
                return Ok(Outcome::Conflict);
            }
            self.put_link(id, forget_at);
        }
        for row in &escalations {
            let stored = self.escalation(row.id)?.map_or(0, |stored| stored.seen);
            let opened = opens.iter().any(|open| open.by == row.id && open.group == row.group);
            if row.seen != stored + 1 || (row.seen == 1 && !opened) {
                return Ok(Outcome::Conflict);
            }
            self.put_escalation(row)?;
        }
        for open in opens {
            let group = Key::of(Sort::Group).text(&open.group.0);
            let freed = self.get::<EscalationId>(&group)? == open.instead_of;
            if !freed || self.escalation(open.by)?.is_none() {
                return Ok(Outcome::Conflict);
            }
            self.put(group, &open.by);
        }
        for (escalation, mention) in joins {
            self.put_join(escalation, mention)?;
        }
        for hold in holds {
            self.put_hold(&hold)?;
        }
        for recheck in rechecks {
            self.schedule(&recheck)?;
        }
        for event in events {
            self.tie(event)?;
        }
        self.notify(&notifications)
    }

    fn notify(&mut self, rows: &[Notification]) -> Result<Outcome> {
        for row in rows {
            let taken = self.has(&Key::of(Sort::NotificationKey).text(&row.key))?;
            if taken || self.has(&notification_key(row.id))? {
                return Ok(Outcome::Conflict);
            }
            self.put_notification(row)?;
        }
        Ok(Outcome::Done)
    }

    pub fn lease(&mut self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Notification>> {
        let ready = Key::of(Sort::Ready);
        let due = ready.clone().time(now).raw(&[0xFF; 17]);
        let mut leased = Vec::new();
        for (key, _) in self.scan(&ready, &due, false, limit)? {
            let mut parts = Parts::of(&key);
            let id = parts.time().and_then(|_| parts.id());
            let id = id.ok_or_else(|| self.unreadable("outbox index", "its key is too short"))?;
            let Some(mut row) = self.notification(NotificationId(id))? else { continue };
            row.delivery = Delivery::Leased { by: self.instance, until, begun: false };
            self.put_notification(&row)?;
            leased.push(row);
        }
        Ok(leased)
    }

    /// Ends the leases of other lives of the daemon; what they tried stays counted.
    pub fn end_leases(&mut self) -> Result<()> {
        for (key, _) in self.all(&Key::of(Sort::Ready))? {
            let mut parts = Parts::of(&key);
            let Some(id) = parts.time().and_then(|_| parts.id()) else { continue };
            let Some(mut row) = self.notification(NotificationId(id))? else { continue };
            if matches!(row.delivery, Delivery::Leased { by, .. } if by != self.instance) {
                row.delivery = Delivery::Queued;
                self.put_notification(&row)?;
            }
        }
        Ok(())
    }

    /// The row, if this instance has it in hand, and whether its attempt was begun.
    fn in_hand(&self, id: NotificationId) -> Result<Option<(Notification, bool)>> {
        Ok(self.notification(id)?.and_then(|row| match row.delivery {
            Delivery::Leased { by, begun, .. } if by == self.instance => Some((row, begun)),
            _ => None,
        }))
    }

    pub fn begin(&mut self, id: NotificationId) -> Result<Outcome> {
        let Some((mut row, false)) = self.in_hand(id)? else { return Ok(Outcome::Conflict) };
        if let Delivery::Leased { begun, .. } = &mut row.delivery {
            *begun = true;
        }
        row.attempts += 1;
        self.put_notification(&row)?;
        Ok(Outcome::Done)
    }

    pub fn finish(
        &mut self,
        id: NotificationId,
        at: Timestamp,
        how: Attempted,
        effects: Effects,
    ) -> Result<Outcome> {
        let Some((mut row, _)) = self.in_hand(id)? else { return Ok(Outcome::Conflict) };
        settle(&mut row, at, how);
        self.put_notification(&row)?;
        self.effects(effects)
    }

    pub fn digest(&mut self, run: &DigestRun, rows: &[Notification], events: Vec<Event>) -> Result<Outcome> {
        let runs = Key::of(Sort::Digest).text(run.digest.as_str());
        let key = runs.clone().time(run.window.from).time(run.window.until);
        let follows = match self.last(&runs)? {
            Some((_, last)) => self.decode::<DigestRun>(&last)?.window.until == run.window.from,
            None => true,
        };
        if !follows || self.has(&key)? {
            return Ok(Outcome::Conflict);
        }
        self.put(key, run);
        for event in events {
            self.tie(event)?;
        }
        self.notify(rows)
    }
}
