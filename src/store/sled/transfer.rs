//! Export and import: rows out in the order of their sorts, which is the order in which they can
//! be taken in; indexes are left out and made anew.

use super::keys::{Key, Parts, Sort, from_place, to_place};
use super::record::gap_key;
use super::rows::{tally_key, version_key};
use super::txn::{Pair, Txn};
use crate::domain::escalation::GroupKey;
use crate::domain::id::{EscalationId, LinkId};
use crate::domain::post::Post;
use crate::domain::source::SourceState;
use crate::store::{Result, Row, Rows, Tally};

impl Txn<'_> {
    pub fn rows(&self, after: Option<&str>, limit: usize) -> Result<Rows<Row>> {
        let from = match after {
            None => Key::of(Sort::Source),
            Some(place) => Key(from_place(place)
                .ok_or_else(|| self.unreadable("export's place", "it is not one that this store gave"))?)
            .next(),
        };
        let limit = limit.max(1);
        let pairs = self.scan(&from, &Key(vec![Sort::LAST_ROW + 1]), false, limit)?;
        let next = pairs.get(limit - 1).map(|(key, _)| to_place(key));
        let rows = pairs.iter().map(|pair| self.row(pair)).collect::<Result<_>>()?;
        Ok(Rows { rows, next })
    }

    /// The row that a pair is.
    pub fn row(&self, (key, value): &Pair) -> Result<Row> {
        let lame = || self.unreadable("row", format!("its key {} is not one of ours", to_place(key)));
        let mut parts = Parts::of(key);
        let sort = *key.first().ok_or_else(lame)?;
        Ok(match sort {
            s if s == Sort::Source as u8 => Row::Source(self.decode(value)?),
            s if s == Sort::Gap as u8 => Row::Gap(self.decode(value)?),
            s if s == Sort::InboxLast as u8 => {
                Row::InboxLast { source: parts.text().ok_or_else(lame)?.into(), number: self.decode(value)? }
            }
            s if s == Sort::Inbox as u8 => {
                let number = parts.text().and_then(|_| parts.number()).ok_or_else(lame)?;
                Row::Inbox(number, self.decode(value)?)
            }
            s if s == Sort::Mention as u8 => Row::Mention(self.decode(value)?),
            s if s == Sort::Version as u8 => {
                let mut text = || parts.text().ok_or_else(lame);
                Row::Version { source: text()?.into(), id: text()?, version: text()?, topic: text()?.into() }
            }
            s if s == Sort::Alias as u8 => {
                let (source, alias) = parts.text().zip(parts.text()).ok_or_else(lame)?;
                Row::Alias { source: source.into(), alias, id: self.decode(value)? }
            }
            s if s == Sort::Escalation as u8 => Row::Escalation(self.decode(value)?),
            s if s == Sort::Group as u8 => {
                Row::Group(GroupKey(parts.text().ok_or_else(lame)?), self.decode(value)?)
            }
            s if s == Sort::Join as u8 => {
                Row::Join(EscalationId(parts.id().ok_or_else(lame)?), self.decode(value)?)
            }
            s if s == Sort::Notification as u8 => Row::Notification(self.decode(value)?),
            s if s == Sort::Hold as u8 => Row::Hold(self.decode(value)?),
            s if s == Sort::Silence as u8 => Row::Silence(self.decode(value)?),
            s if s == Sort::Digest as u8 => Row::Digest(self.decode(value)?),
            s if s == Sort::Link as u8 => {
                Row::Link(LinkId(parts.id().ok_or_else(lame)?), self.decode(value)?)
            }
            s if s == Sort::Tally as u8 => {
                let (topic, from) = parts.text().zip(parts.time()).ok_or_else(lame)?;
                Row::Tally(topic.into(), Tally { from, counts: self.decode(value)? })
            }
            s if s == Sort::Event as u8 => Row::Event(self.decode(value)?),
            s if s == Sort::Calibration as u8 => Row::Calibration(self.decode(value)?),
            s if s == Sort::Note as u8 => Row::Note(self.decode(value)?),
            _ => return Err(lame()),
        })
    }

    pub fn load(&mut self, row: Row) -> Result<()> {
        match row {
            Row::Source(row) => self.put_source(&row),
            Row::Gap(gap) => self.put(gap_key(&gap.gap), &gap),
            Row::InboxLast { source, number } => {
                self.put(Key::of(Sort::InboxLast).text(source.as_str()), &number);
            }
            Row::Inbox(number, post) => self.load_inbox(number, &post)?,
            Row::Mention(row) => self.put_mention(&row)?,
            Row::Version { source, id, version, topic } => {
                self.put(version_key(&source, &id, &version).text(topic.as_str()), &());
            }
            Row::Alias { source, alias, id } => self.put_alias(&source, &alias, &id),
            Row::Escalation(row) => self.put_escalation(&row)?,
            Row::Group(group, id) => self.put(Key::of(Sort::Group).text(&group.0), &id),
            Row::Join(escalation, mention) => self.put_join(escalation, mention)?,
            Row::Notification(row) => self.put_notification(&row)?,
            Row::Hold(hold) => self.put_hold(&hold)?,
            Row::Silence(row) => self.put(Key::of(Sort::Silence).id(row.id.as_bytes()), &row),
            Row::Digest(run) => {
                let key = Key::of(Sort::Digest).text(run.digest.as_str());
                self.put(key.time(run.window.from).time(run.window.until), &run);
            }
            Row::Link(id, forget_at) => self.put_link(id, forget_at),
            Row::Tally(topic, tally) => self.put(tally_key(&topic).time(tally.from), &tally.counts),
            Row::Event(entry) => self.put_event(&entry),
            Row::Calibration(row) => self.put_calibration(&row),
            Row::Note(note) => self.put_note(&note),
        }
        Ok(())
    }

    fn put_source(&mut self, row: &SourceState) {
        self.put(Key::of(Sort::Source).text(row.id.as_str()), row);
    }

    fn load_inbox(&mut self, number: u64, post: &Post) -> Result<()> {
        let last = Key::of(Sort::InboxLast).text(post.source.as_str());
        if self.get::<u64>(&last)?.is_none_or(|highest| highest < number) {
            self.put(last, &number);
        }
        self.put_inbox(number, post);
        Ok(())
    }
}
