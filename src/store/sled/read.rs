//! What is asked. Pages walk an index, look up its rows and filter them; one call looks at a
//! bounded number, so that a filter that fits nothing costs little and the caller can stop.

use jiff::Timestamp;

use super::keys::{Key, Parts, Sort, from_place, to_place};
use super::rows::{inbox_key, tally_key};
use super::txn::{Pair, Txn};
use super::value::Stored;
use crate::domain::digest::{DigestRun, Window};
use crate::domain::escalation::{Escalation, GroupKey};
use crate::domain::event::ChainedEvent;
use crate::domain::id::{DigestId, EscalationId, InstanceId, MentionId, NotificationId, SourceId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::notification::{Hold, Notification};
use crate::domain::post::Post;
use crate::domain::silence::Silence;
use crate::domain::source::Blind;
use crate::store::{
    EscalationFilter, MentionFilter, NotificationFilter, OutboxDepth, PLACE, Page, Result, Rows,
    TALLY_BUCKET, Tally,
};

/// Rows looked at in one call for a page.
const LOOKED_AT: usize = 10_000;

/// Rows taken out of sled at once while walking.
const STRIDE: usize = 256;

impl Txn<'_> {
    /// A page of what lies under `prefix`, where keys go on with a time and a number.
    fn page<T>(
        &self,
        prefix: &Key,
        window: Option<Window>,
        page: &Page,
        row: impl Fn(&Pair) -> Result<Option<T>>,
    ) -> Result<Rows<T>> {
        let mut from = prefix.clone();
        let mut until = prefix.clone().end();
        if let Some(window) = window {
            from = from.time(window.from);
            until = prefix.clone().time(window.until);
        }
        if let Some(after) = &page.after {
            let tail = from_place(after)
                .ok_or_else(|| self.unreadable(PLACE, "it is not one that this store gave"))?;
            let last = prefix.clone().raw(&tail);
            match page.newest_first {
                true => until = until.min(last),
                false => from = from.max(last.next()),
            }
        }
        let limit = page.limit.clamp(1, LOOKED_AT);
        let mut rows = Vec::new();
        let mut looked_at = 0;
        loop {
            let stride = STRIDE.min(LOOKED_AT - looked_at).min((limit - rows.len()).max(16));
            let pairs = self.scan(&from, &until, page.newest_first, stride)?;
            let ended = pairs.len() < stride;
            for pair in &pairs {
                rows.extend(row(pair)?);
                looked_at += 1;
                let here = Key(pair.0.clone());
                match page.newest_first {
                    true => until = here,
                    false => from = here.next(),
                }
                if rows.len() == limit || looked_at == LOOKED_AT {
                    let more = !self.scan(&from, &until, false, 1)?.is_empty();
                    let next = more.then(|| to_place(&pair.0[prefix.0.len()..]));
                    return Ok(Rows { rows, next });
                }
            }
            if ended {
                return Ok(Rows { rows, next: None });
            }
        }
    }

    /// The number at the end of an index's key.
    fn indexed(&self, key: &[u8]) -> Result<uuid::Uuid> {
        let id = key.last_chunk().copied().map(uuid::Uuid::from_bytes);
        id.ok_or_else(|| self.unreadable("index", "its key is too short"))
    }

    fn values<T: Stored>(&self, pairs: Vec<Pair>) -> Result<Vec<T>> {
        pairs.iter().map(|(_, value)| self.decode(value)).collect()
    }

    pub fn every<T: Stored>(&self, sort: Sort) -> Result<Vec<T>> {
        self.values(self.all(&Key::of(sort))?)
    }

    pub fn inbox(&self, source: &SourceId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Post)>> {
        let inbox = inbox_key(source);
        let from = after.map_or(inbox.clone(), |after| inbox.clone().number(after).next());
        self.inbox_between(&from, &inbox.end(), limit)
    }

    pub fn mentions(&self, filter: &MentionFilter, page: &Page) -> Result<Rows<RecordedMention>> {
        let index = match (&filter.escalation, &filter.topic) {
            (Some(escalation), _) => Key::of(Sort::MentionByEscalation).id(escalation.as_bytes()),
            (None, Some(topic)) => Key::of(Sort::MentionByTopic).text(topic.as_str()),
            (None, None) => Key::of(Sort::MentionByTime),
        };
        self.page(&index, filter.window, page, |(key, _)| {
            let row = self.mention(MentionId(self.indexed(key)?))?;
            Ok(row.filter(|row| filter.fits(row)))
        })
    }

    pub fn mentions_of(&self, id: EscalationId, page: &Page) -> Result<Rows<RecordedMention>> {
        let joins = Key::of(Sort::Join).id(id.as_bytes());
        self.page(&joins, None, page, |(_, value)| self.mention(self.decode(value)?))
    }

    pub fn tallies(&self, topic: &TopicId, window: Window) -> Result<Vec<Tally>> {
        let tallies = tally_key(topic);
        let first = window.from.checked_sub(TALLY_BUCKET).unwrap_or(Timestamp::MIN);
        let from = tallies.clone().time(first).next();
        let pairs = self.scan(&from, &tallies.clone().time(window.until), false, usize::MAX)?;
        let mut found = Vec::new();
        for (key, value) in pairs {
            let from = Parts(&key[tallies.0.len()..]).time();
            let from = from.ok_or_else(|| self.unreadable("tally", "its key has no time"))?;
            found.push(Tally { from, counts: self.decode(&value)? });
        }
        Ok(found)
    }

    pub fn gaps(&self, window: Window) -> Result<Vec<Blind>> {
        let from = Key::of(Sort::Gap).time(window.from).raw(&[0xFF; 17]);
        let mut gaps: Vec<Blind> =
            self.values(self.scan(&from, &Key::of(Sort::Gap).end(), false, usize::MAX)?)?;
        gaps.retain(|gap| gap.gap.from.is_none_or(|from| from < window.until));
        gaps.sort_by(|a, b| (a.gap.until, &a.gap).cmp(&(b.gap.until, &b.gap)));
        Ok(gaps)
    }

    pub fn escalations(&self, filter: &EscalationFilter, page: &Page) -> Result<Rows<Escalation>> {
        let sort = if filter.unresolved { Sort::Unresolved } else { Sort::EscalationByTime };
        self.page(&Key::of(sort), filter.window, page, |(key, _)| {
            let row = self.escalation(EscalationId(self.indexed(key)?))?;
            Ok(row.filter(|row| filter.fits(row)))
        })
    }

    pub fn group(&self, group: &GroupKey) -> Result<Option<Escalation>> {
        let id = self.get(&Key::of(Sort::Group).text(&group.0))?;
        id.map_or(Ok(None), |id| self.escalation(id))
    }

    pub fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Escalation>> {
        let due = Key::of(Sort::Due);
        let pairs = self.scan(&due, &due.clone().time(now).raw(&[0xFF; 17]), false, limit)?;
        let mut rows = Vec::new();
        for (key, _) in pairs {
            // A row that moved on between the two reads is not due any more.
            let row = self.escalation(EscalationId(self.indexed(&key)?))?;
            rows.extend(row.filter(|row| row.due().is_some_and(|due| due <= now)));
        }
        Ok(rows)
    }

    /// The earliest time in an index that begins with one.
    pub fn earliest(&self, sort: Sort) -> Result<Option<Timestamp>> {
        let index = Key::of(sort);
        let first = self.scan(&index, &index.clone().end(), false, 1)?;
        Ok(first.first().and_then(|(key, _)| Parts::of(key).time()))
    }

    pub fn holds(&self, window: Window, page: &Page) -> Result<Rows<Hold>> {
        self.page(&Key::of(Sort::Hold), Some(window), page, |(_, value)| self.decode(value).map(Some))
    }

    pub fn silences(&self, now: Timestamp) -> Result<Vec<Silence>> {
        let mut silences: Vec<Silence> = self.every(Sort::Silence)?;
        silences.retain(|silence| silence.until > now);
        Ok(silences)
    }

    pub fn notifications(&self, filter: &NotificationFilter, page: &Page) -> Result<Rows<Notification>> {
        let index = match &filter.escalation {
            Some(escalation) => Key::of(Sort::NotificationByEscalation).id(escalation.as_bytes()),
            None => Key::of(Sort::NotificationByTime),
        };
        self.page(&index, None, page, |(key, _)| {
            let row = self.notification(NotificationId(self.indexed(key)?))?;
            Ok(row.filter(|row| filter.fits(row)))
        })
    }

    pub fn outbox(&self, now: Timestamp) -> Result<OutboxDepth> {
        let mut depth = OutboxDepth::default();
        for (key, _) in self.all(&Key::of(Sort::Ready))? {
            let row = self.notification(NotificationId(self.indexed(&key)?))?;
            if let Some(row) = row.filter(|row| !row.delivery.is_final()) {
                depth.count(&row, now);
            }
        }
        Ok(depth)
    }

    pub fn last_digest(&self, id: &DigestId) -> Result<Option<DigestRun>> {
        let last = self.last(&Key::of(Sort::Digest).text(id.as_str()))?;
        last.map(|(_, value)| self.decode(&value)).transpose()
    }

    pub fn events(&self, after: Option<(InstanceId, u64)>, limit: usize) -> Result<Vec<ChainedEvent>> {
        let events = Key::of(Sort::Event);
        let from = match after {
            Some((instance, sequence)) => events.clone().id(instance.as_bytes()).number(sequence).next(),
            None => events.clone(),
        };
        self.values(self.scan(&from, &events.end(), false, limit)?)
    }
}
