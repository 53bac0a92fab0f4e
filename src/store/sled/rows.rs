//! Rows that bear indexes: the one place where a row and what follows from it are written
//! together, for changes and for import alike.

use jiff::Timestamp;

use super::keys::{Key, Sort};
use super::txn::Txn;
use crate::domain::escalation::Escalation;
use crate::domain::event::{ChainedEvent, Event};
use crate::domain::id::{EscalationId, LinkId, MentionId, NotificationId, SourceId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::note::Note;
use crate::domain::notification::{About, Hold, Notification};
use crate::domain::post::Post;
use crate::store::chain::Link;
use crate::store::{Result, is_nameless, ready};

pub(super) fn mention_key(id: MentionId) -> Key {
    Key::of(Sort::Mention).id(id.as_bytes())
}

pub(super) fn escalation_key(id: EscalationId) -> Key {
    Key::of(Sort::Escalation).id(id.as_bytes())
}

pub(super) fn notification_key(id: NotificationId) -> Key {
    Key::of(Sort::Notification).id(id.as_bytes())
}

pub(super) fn post_key(source: &SourceId, id: &str) -> Key {
    Key::of(Sort::Post).text(source.as_str()).text(id)
}

pub(super) fn alias_key(source: &SourceId, alias: &str) -> Key {
    Key::of(Sort::Alias).text(source.as_str()).text(alias)
}

pub(super) fn version_key(source: &SourceId, id: &str, version: &str) -> Key {
    Key::of(Sort::Version).text(source.as_str()).text(id).text(version)
}

pub(super) fn inbox_key(source: &SourceId) -> Key {
    Key::of(Sort::Inbox).text(source.as_str())
}

pub(super) fn waiting_key(post: &Post) -> Key {
    let named = Key::of(Sort::Waiting).text(post.source.as_str()).text(&post.id);
    named.text(&post.version).flag(post.deleted)
}

pub(super) fn tally_key(topic: &TopicId) -> Key {
    Key::of(Sort::Tally).text(topic.as_str())
}

/// Of the texts of one topic from one source.
pub(super) fn text_key(topic: &TopicId, source: &SourceId) -> Key {
    Key::of(Sort::Text).text(topic.as_str()).text(source.as_str())
}

fn by_time(sort: Sort, at: Timestamp, id: &[u8; 16]) -> Key {
    Key::of(sort).time(at).id(id)
}

impl Txn<'_> {
    pub fn mention(&self, id: MentionId) -> Result<Option<RecordedMention>> {
        self.get(&mention_key(id))
    }

    pub fn put_mention(&mut self, row: &RecordedMention) -> Result<()> {
        let (id, at, post) = (row.id(), row.recorded_at, row.post());
        let old = self.mention(id)?;
        match &old {
            None => {
                let count = Key::of(Sort::MentionCount);
                let kept: u64 = self.get(&count)?.unwrap_or(0);
                self.put(count, &(kept + 1));
            }
            Some(old) if old.recorded_at != at => {
                let place = |key: Key| key.time(old.recorded_at).id(id.as_bytes());
                self.remove(place(Key::of(Sort::MentionByTime)));
                self.remove(place(Key::of(Sort::MentionByTopic).text(old.topic().as_str())));
                self.remove(place(text_key(old.topic(), &old.post().source)));
            }
            Some(_) => {}
        }
        if let Some(old) = old.filter(|old| old.erased_at.is_none()) {
            self.remove_leads(&old)?;
        }
        self.put(by_time(Sort::MentionByTime, at, id.as_bytes()), &());
        let topic = Key::of(Sort::MentionByTopic).text(row.topic().as_str());
        self.put(topic.time(at).id(id.as_bytes()), &());
        if row.erased_at.is_none() || !is_nameless(&post.id) {
            self.put(post_key(&post.source, &post.id).text(row.topic().as_str()), &id);
        }
        let text = text_key(row.topic(), &post.source).time(at).id(id.as_bytes());
        match row.erased_at {
            None => {
                self.put(text, &());
                self.put_leads(row)?;
            }
            Some(_) => self.remove(text),
        }
        self.put(mention_key(id), row);
        Ok(())
    }

    pub fn put_alias(&mut self, source: &SourceId, alias: &str, id: &str) {
        self.put(alias_key(source, alias), &id.to_owned());
        self.put(Key::of(Sort::NameOfPost).text(source.as_str()).text(id).text(alias), &());
    }

    pub fn put_inbox(&mut self, number: u64, post: &Post) {
        self.put(waiting_key(post), &number);
        self.put(inbox_key(&post.source).number(number), post);
    }

    pub fn remove_inbox(&mut self, number: u64, post: &Post) {
        self.remove(waiting_key(post));
        self.remove(inbox_key(&post.source).number(number));
    }

    pub fn escalation(&self, id: EscalationId) -> Result<Option<Escalation>> {
        self.get(&escalation_key(id))
    }

    pub fn put_escalation(&mut self, row: &Escalation) -> Result<()> {
        let id = row.id.as_bytes();
        if let Some(old) = self.escalation(row.id)? {
            self.remove(by_time(Sort::EscalationByTime, old.opened_at, id));
            self.remove(by_time(Sort::Unresolved, old.opened_at, id));
            if let Some(due) = old.due() {
                self.remove(by_time(Sort::Due, due, id));
            }
        }
        self.put(by_time(Sort::EscalationByTime, row.opened_at, id), &());
        if row.state.is_unresolved() {
            self.put(by_time(Sort::Unresolved, row.opened_at, id), &());
        }
        if let Some(due) = row.due() {
            self.put(by_time(Sort::Due, due, id), &());
        }
        self.put(escalation_key(row.id), row);
        Ok(())
    }

    pub fn put_join(&mut self, escalation: EscalationId, mention: MentionId) -> Result<()> {
        let joined = Key::of(Sort::Joined).id(escalation.as_bytes()).id(mention.as_bytes());
        if self.has(&joined)? {
            return Ok(());
        }
        let joins = Key::of(Sort::Join).id(escalation.as_bytes());
        let place = self.next_number(&joins)?;
        self.put(joins.number(place), &mention);
        self.put(joined, &());
        if let Some(row) = self.mention(mention)? {
            let at = Key::of(Sort::MentionByEscalation).id(escalation.as_bytes()).time(row.recorded_at);
            self.put(at.id(mention.as_bytes()), &());
        }
        Ok(())
    }

    pub fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        self.get(&notification_key(id))
    }

    pub fn put_notification(&mut self, row: &Notification) -> Result<()> {
        if let Some(old) = self.notification(row.id)? {
            self.remove_notification(&old);
        }
        let id = row.id.as_bytes();
        self.put(by_time(Sort::NotificationByTime, row.created_at, id), &());
        if let About::Escalation(escalation) = &row.about {
            let of = Key::of(Sort::NotificationByEscalation).id(escalation.as_bytes());
            self.put(of.time(row.created_at).id(id), &());
        }
        if let Some(at) = ready(row) {
            self.put(by_time(Sort::Ready, at, id), &());
        }
        self.put(Key::of(Sort::NotificationKey).text(&row.key), &row.id);
        self.put(notification_key(row.id), row);
        Ok(())
    }

    pub fn remove_notification(&mut self, row: &Notification) {
        let id = row.id.as_bytes();
        self.remove(by_time(Sort::NotificationByTime, row.created_at, id));
        if let About::Escalation(escalation) = &row.about {
            let of = Key::of(Sort::NotificationByEscalation).id(escalation.as_bytes());
            self.remove(of.time(row.created_at).id(id));
        }
        if let Some(at) = ready(row) {
            self.remove(by_time(Sort::Ready, at, id));
        }
        self.remove(Key::of(Sort::NotificationKey).text(&row.key));
        self.remove(notification_key(row.id));
    }

    pub fn put_hold(&mut self, hold: &Hold) -> Result<()> {
        let at = Key::of(Sort::Hold).time(hold.at);
        let number = self.next_number(&at)?;
        self.put(at.number(number), hold);
        Ok(())
    }

    pub fn put_link(&mut self, id: LinkId, forget_at: Timestamp) {
        self.put(by_time(Sort::LinkByTime, forget_at, id.as_bytes()), &id);
        self.put(Key::of(Sort::Link).id(id.as_bytes()), &forget_at);
    }

    pub fn remove_link(&mut self, id: LinkId, forget_at: Timestamp) {
        self.remove(by_time(Sort::LinkByTime, forget_at, id.as_bytes()));
        self.remove(Key::of(Sort::Link).id(id.as_bytes()));
    }

    pub fn put_note(&mut self, note: &Note) {
        self.put(Key::of(Sort::Note).text(&note.name()), note);
    }

    pub fn put_event(&mut self, entry: &ChainedEvent) {
        self.put(Key::of(Sort::Event).id(entry.instance.as_bytes()).number(entry.sequence), entry);
    }

    /// Ties an event to this instance's chain.
    pub fn tie(&mut self, event: Event) -> Result<()> {
        let mut end = match self.chain.take() {
            Some(end) => end,
            None => match self.last(&Key::of(Sort::Event).id(self.instance.as_bytes()))? {
                Some((_, value)) => Link::of(&self.decode(&value)?),
                None => Link::start(),
            },
        };
        let entry = end.tie(self.instance, event);
        self.chain = Some(end);
        self.put_event(&entry);
        Ok(())
    }
}
