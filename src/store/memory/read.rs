//! What is asked, answered by looking at everything.

use jiff::Timestamp;

use super::State;
use crate::domain::digest::{DigestRun, Window};
use crate::domain::escalation::Escalation;
use crate::domain::id::{DigestId, EscalationId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::notification::{Hold, Notification};
use crate::domain::source::Blind;
use crate::store::{
    EscalationFilter, MentionFilter, NotificationFilter, OutboxDepth, Page, Rows, TALLY_BUCKET, Tally,
};

/// The part of all fitting rows that a page asks for. A row's place is its time and number.
fn page<T: Clone>(mut all: Vec<(Timestamp, String, T)>, page: &Page) -> Rows<T> {
    all.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    if page.newest_first {
        all.reverse();
    }
    let place = |row: &(Timestamp, String, T)| format!("{} {}", row.0, row.1);
    let start = page
        .after
        .as_ref()
        .map_or(0, |after| all.iter().position(|row| place(row) == *after).map_or(all.len(), |at| at + 1));
    let limit = page.limit.max(1);
    let end = all.len().min(start + limit);
    let next = (end < all.len()).then(|| place(&all[end - 1]));
    Rows { rows: all[start..end].iter().map(|row| row.2.clone()).collect(), next }
}

impl State {
    pub(super) fn mentions(&self, filter: &MentionFilter, wanted: &Page) -> Rows<RecordedMention> {
        let joined = |escalation: EscalationId, row: &RecordedMention| {
            self.joins
                .range((escalation, 0)..=(escalation, u64::MAX))
                .any(|(_, mention)| *mention == row.id())
        };
        let fits = |row: &&RecordedMention| {
            filter.fits(row) && filter.escalation.is_none_or(|escalation| joined(escalation, row))
        };
        let rows = self.mentions.values().filter(fits);
        page(rows.map(|row| (row.recorded_at, row.id().to_string(), row.clone())).collect(), wanted)
    }

    pub(super) fn mentions_of(&self, id: EscalationId, wanted: &Page) -> Rows<RecordedMention> {
        let joins = self.joins.range((id, 0)..=(id, u64::MAX));
        let rows = joins.filter_map(|(key, mention)| {
            let row = self.mentions.get(mention)?;
            Some((Timestamp::UNIX_EPOCH, format!("{:020}", key.1), row.clone()))
        });
        page(rows.collect(), wanted)
    }

    pub(super) fn escalations(&self, filter: &EscalationFilter, wanted: &Page) -> Rows<Escalation> {
        let rows = self.escalations.values().filter(|row| filter.fits(row));
        page(rows.map(|row| (row.opened_at, row.id.to_string(), row.clone())).collect(), wanted)
    }

    pub(super) fn notifications(&self, filter: &NotificationFilter, wanted: &Page) -> Rows<Notification> {
        let rows = self.notifications.values().filter(|row| filter.fits(row));
        page(rows.map(|row| (row.created_at, row.id.to_string(), row.clone())).collect(), wanted)
    }

    pub(super) fn holds(&self, window: Window, wanted: &Page) -> Rows<Hold> {
        let rows = self.holds.iter().filter(|(key, _)| window.contains(key.0));
        page(rows.map(|(key, hold)| (key.0, format!("{:020}", key.1), hold.clone())).collect(), wanted)
    }

    pub(super) fn tallies(&self, topic: &TopicId, window: Window) -> Vec<Tally> {
        let touches = |from: Timestamp| from < window.until && from + TALLY_BUCKET > window.from;
        let mine = self.tallies.iter().filter(|(key, _)| key.0 == *topic && touches(key.1));
        mine.map(|(key, counts)| Tally { from: key.1, counts: *counts }).collect()
    }

    pub(super) fn gaps(&self, window: Window) -> Vec<Blind> {
        let gaps = self.gaps.iter().map(|((_, gap), repaired_at)| (gap, *repaired_at));
        gaps.filter(|(gap, _)| gap.until > window.from && gap.from.is_none_or(|from| from < window.until))
            .map(|(gap, repaired_at)| Blind { gap: gap.clone(), repaired_at })
            .collect()
    }

    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<Escalation> {
        let mut due: Vec<_> = self
            .escalations
            .values()
            .filter_map(|row| row.due().filter(|at| *at <= now).map(|at| (at, row.id, row)))
            .collect();
        due.sort_by_key(|(at, id, _)| (*at, *id));
        due.into_iter().take(limit).map(|(_, _, row)| row.clone()).collect()
    }

    pub(super) fn outbox(&self, now: Timestamp) -> OutboxDepth {
        let mut depth = OutboxDepth::default();
        for row in self.notifications.values().filter(|row| !row.delivery.is_final()) {
            depth.count(row, now);
        }
        depth
    }

    pub(super) fn last_digest(&self, id: &DigestId) -> Option<DigestRun> {
        self.digests.values().rfind(|run| run.digest == *id).cloned()
    }
}
