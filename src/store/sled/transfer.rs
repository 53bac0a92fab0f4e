//! Export and import: rows out in the order of their sorts, which is the order in which they can
//! be taken in; indexes are left out and made anew.

use super::forget::Order;
use super::keys::{Key, Parts, Sort, from_place, to_place};
use super::open::BEFORE_NAMES_WENT;
use super::record::gap_key;
use super::rows::tally_key;
use super::txn::{Pair, Txn};
use crate::domain::erasure::ErasedFor;
use crate::domain::escalation::GroupKey;
use crate::domain::event::Actor;
use crate::domain::id::{EscalationId, LinkId};
use crate::domain::mention::RecordedMention;
use crate::domain::post::Post;
use crate::domain::source::SourceState;
use crate::store::{ForgetKey, Mark, Result, Row, Rows, Tally, is_nameless};

impl Txn<'_> {
    pub fn rows(&self, after: Option<&str>, limit: usize) -> Result<Rows<Row>> {
        let from = match after {
            None => Key::of(Sort::FIRST_ROW),
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
            s if s == Sort::ForgetKey as u8 => Row::ForgetKey(self.decode(value)?),
            s if s == Sort::Forgotten as u8 => {
                let mark = parts.id().ok_or_else(lame)?;
                Row::Forgotten { mark: Mark(*mark.as_bytes()), at: self.decode(value)? }
            }
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
            Row::ForgetKey(key) => self.load_key(&key)?,
            Row::Forgotten { mark, at } => self.bury(mark, at)?,
            Row::Source(row) => self.put_source(&row),
            Row::Gap(gap) => self.put(gap_key(&gap.gap), &gap),
            Row::InboxLast { source, number } => {
                self.put(Key::of(Sort::InboxLast).text(source.as_str()), &number);
            }
            Row::Inbox(number, post) => self.load_inbox(number, &post)?,
            Row::Mention(row) => self.load_mention(row)?,
            Row::Version { source, id, version, topic } => {
                self.load_version(&source, &id, &version, &topic)?;
            }
            Row::Alias { source, alias, id } => self.load_alias(&source, &alias, &id)?,
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

    /// Two keys would make two languages of tombstones. An export is of the store that was forgotten from, or
    /// of one that had no key yet.
    fn load_key(&mut self, key: &ForgetKey) -> Result<()> {
        match self.known_key()? {
            Some(known) if known != *key => Err(self.unreadable(
                "key of tombstones",
                "the rows are of another store than what was forgotten here; take them into an empty folder",
            )),
            Some(_) => Ok(()),
            None => {
                self.put(Key::of(Sort::ForgetKey), key);
                Ok(())
            }
        }
    }

    /// What was forgotten since the export was made stays forgotten.
    fn load_mention(&mut self, row: RecordedMention) -> Result<()> {
        let forgotten = if row.erased_at.is_none() { self.forgotten_since(row.post())? } else { None };
        if row.erased_at.is_some() && !is_nameless(&row.post().id) {
            // Of a time before names went too: the next opening brings the store up to date.
            self.put(Key::of(Sort::Format), &BEFORE_NAMES_WENT);
        }
        self.put_mention(&row)?;
        if let Some(at) = forgotten {
            self.erase(row.id(), Order { at, by: &Actor::Daemon, reason: ErasedFor::Request })?;
        }
        Ok(())
    }

    fn load_inbox(&mut self, number: u64, post: &Post) -> Result<()> {
        let last = Key::of(Sort::InboxLast).text(post.source.as_str());
        if self.get::<u64>(&last)?.is_none_or(|highest| highest < number) {
            self.put(last, &number);
        }
        // What is kept out for other reasons is left out when it is taken in.
        if post.deleted || !self.is_unwanted(post)? {
            self.put_inbox(number, post);
        }
        Ok(())
    }
}
