//! Retention: what has outlived its time, taken in ranges of keys. Work already done is out of
//! the ranges, so the next call goes on where this one stopped without being told where.

use super::forget::Order;
use super::keys::{Key, Parts, Sort};
use super::rows::{tally_key, text_key};
use super::txn::Txn;
use crate::domain::erasure::ErasedFor;
use crate::domain::event::Actor;
use crate::domain::id::{LinkId, MentionId, NotificationId, SourceId, TopicId};
use crate::store::{Result, Retained, Retention, TALLY_BUCKET};

impl Txn<'_> {
    pub fn retain(&mut self, retention: &Retention) -> Result<Retained> {
        let mut done = Retained::default();
        let mut left = retention.limit.max(1);
        self.erase_texts(retention, &mut left, &mut done)?;
        self.erase_unconfirmed(retention, &mut left, &mut done)?;
        self.delete_notifications(retention, &mut left, &mut done)?;
        self.delete_holds(retention, &mut left, &mut done)?;
        self.delete_gaps(retention, &mut left, &mut done)?;
        self.delete_links(retention, &mut left, &mut done)?;
        self.delete_tallies(retention, &mut left, &mut done)?;
        Ok(done)
    }

    /// Up to `left` keys of a range; notes whether there are more.
    fn doomed(&self, from: &Key, until: &Key, left: usize, done: &mut Retained) -> Result<Vec<Vec<u8>>> {
        let mut pairs = self.scan(from, until, false, left.saturating_add(1))?;
        done.more |= pairs.len() > left;
        pairs.truncate(left);
        Ok(pairs.into_iter().map(|(key, _)| key).collect())
    }

    /// Texts lie by topic and source, because each pair has its own limit: from pair to pair by
    /// a seek, and inside a pair by time.
    fn erase_texts(&mut self, retention: &Retention, left: &mut usize, done: &mut Retained) -> Result<()> {
        let mut from = Key::of(Sort::Text);
        let end = from.clone().end();
        while let Some((key, _)) = self.scan(&from, &end, false, 1)?.pop() {
            let mut parts = Parts::of(&key);
            let Some((topic, source)) = parts.text().zip(parts.text()) else {
                return Err(self.unreadable("text index", "its key has no topic and source"));
            };
            let (topic, source) = (TopicId::from(topic), SourceId::from(source));
            let pair = text_key(&topic, &source);
            let (limit, reason) = retention.text_limit(&topic, &source);
            let until = pair.clone().time(limit);
            let order = Order { at: retention.now, by: &Actor::Daemon, reason };
            for key in self.doomed(&pair, &until, *left, done)? {
                let id = key.last_chunk().copied().map(uuid::Uuid::from_bytes);
                let id = id.ok_or_else(|| self.unreadable("text index", "its key is too short"))?;
                self.erase(MentionId(id), order)?;
                done.erased += 1;
                *left -= 1;
            }
            from = pair.end();
        }
        Ok(())
    }

    /// What a site's terms want to be asked for again, and it has not served for too long.
    fn erase_unconfirmed(
        &mut self,
        retention: &Retention,
        left: &mut usize,
        done: &mut Retained,
    ) -> Result<()> {
        let order = Order { at: retention.now, by: &Actor::Daemon, reason: ErasedFor::Terms };
        for (source, since) in &retention.refreshed {
            let unconfirmed = self.unconfirmed(source, *since, retention.now)?;
            done.more |= unconfirmed.len() > *left;
            for id in unconfirmed.into_iter().take(*left) {
                self.erase(id, order)?;
                done.erased += 1;
                *left -= 1;
            }
        }
        Ok(())
    }

    fn delete_notifications(
        &mut self,
        retention: &Retention,
        left: &mut usize,
        done: &mut Retained,
    ) -> Result<()> {
        let index = Key::of(Sort::NotificationByTime);
        let until = index.clone().time(retention.rows_before);
        let mut from = index;
        // Rows that still wait are passed over and do not count: they are few, and counting them
        // would let enough of them stop all deleting.
        while let Some((key, _)) = self.scan(&from, &until, false, 1)?.pop() {
            let id = key.last_chunk().copied().map(uuid::Uuid::from_bytes);
            from = Key(key).next();
            let row = id.map_or(Ok(None), |id| self.notification(NotificationId(id)))?;
            let Some(row) = row.filter(|row| row.delivery.is_final()) else { continue };
            if *left == 0 {
                done.more = true;
                break;
            }
            self.remove_notification(&row);
            done.deleted += 1;
            *left -= 1;
        }
        Ok(())
    }

    fn delete_holds(&mut self, retention: &Retention, left: &mut usize, done: &mut Retained) -> Result<()> {
        let holds = Key::of(Sort::Hold);
        let until = holds.clone().time(retention.rows_before);
        for key in self.doomed(&holds, &until, *left, done)? {
            self.remove(Key(key));
            done.deleted += 1;
            *left -= 1;
        }
        Ok(())
    }

    fn delete_gaps(&mut self, retention: &Retention, left: &mut usize, done: &mut Retained) -> Result<()> {
        let gaps = Key::of(Sort::Gap);
        let until = gaps.clone().time(retention.rows_before);
        for key in self.doomed(&gaps, &until, *left, done)? {
            self.remove(Key(key));
            done.deleted += 1;
            *left -= 1;
        }
        Ok(())
    }

    fn delete_links(&mut self, retention: &Retention, left: &mut usize, done: &mut Retained) -> Result<()> {
        let links = Key::of(Sort::LinkByTime);
        let until = links.clone().time(retention.rows_before);
        for key in self.doomed(&links, &until, *left, done)? {
            let mut parts = Parts::of(&key);
            if let Some((forget_at, id)) = parts.time().zip(parts.id()) {
                self.remove_link(LinkId(id), forget_at);
            }
            done.deleted += 1;
            *left -= 1;
        }
        Ok(())
    }

    fn delete_tallies(&mut self, retention: &Retention, left: &mut usize, done: &mut Retained) -> Result<()> {
        let Ok(last) = retention.rows_before.checked_sub(TALLY_BUCKET) else { return Ok(()) };
        let mut from = Key::of(Sort::Tally);
        let end = from.clone().end();
        while let Some((key, _)) = self.scan(&from, &end, false, 1)?.pop() {
            let topic = Parts::of(&key).text();
            let topic = topic.ok_or_else(|| self.unreadable("tally", "its key has no topic"))?;
            let tallies = tally_key(&topic.into());
            for key in self.doomed(&tallies, &tallies.clone().time(last).next(), *left, done)? {
                self.remove(Key(key));
                done.deleted += 1;
                *left -= 1;
            }
            from = tallies.end();
        }
        Ok(())
    }
}
