//! Forgetting, and the queue of posts to be asked for anew; see [`crate::store::Forgets`].

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;

use super::SledStore;
use super::keys::{Key, Parts, Sort, from_place, to_place};
use super::rows::{alias_key, post_key, version_key};
use super::txn::Txn;
use crate::domain::erasure::{ErasedFor, Whose};
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::{EscalationId, MentionId, SourceId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::notification::Delivery;
use crate::domain::post::Post;
use crate::store::{
    ForgetKey, Forgets, Forgetting, Forgot, Mark, PLACE, Page, Recheck, Result, Rows, nameless,
};

/// Why, by whom and when something is erased.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub at: Timestamp,
    pub by: &'a Actor,
    pub reason: ErasedFor,
}

fn lead_key(mark: Mark, site: Mark) -> Key {
    Key::of(Sort::Lead).id(&mark.0).id(&site.0)
}

pub(super) fn tombstone_key(mark: Mark) -> Key {
    Key::of(Sort::Forgotten).id(&mark.0)
}

fn recheck_key(id: MentionId) -> Key {
    Key::of(Sort::Recheck).id(id.as_bytes())
}

fn due_key(source: &SourceId) -> Key {
    Key::of(Sort::RecheckDue).text(source.as_str())
}

impl Txn<'_> {
    /// What marks are made with; none as long as nothing needed it.
    pub fn known_key(&self) -> Result<Option<ForgetKey>> {
        self.get(&Key::of(Sort::ForgetKey))
    }

    fn forget_key(&mut self) -> Result<ForgetKey> {
        if let Some(key) = self.known_key()? {
            return Ok(key);
        }
        let key = ForgetKey::make();
        self.put(Key::of(Sort::ForgetKey), &key);
        Ok(key)
    }

    pub fn put_leads(&mut self, row: &RecordedMention) -> Result<()> {
        for (mark, site) in self.forget_key()?.leads(row.post()) {
            self.put(lead_key(mark, site).id(row.id().as_bytes()), &());
        }
        Ok(())
    }

    pub fn remove_leads(&mut self, row: &RecordedMention) -> Result<()> {
        let Some(key) = self.known_key()? else { return Ok(()) };
        for (mark, site) in key.leads(row.post()) {
            self.remove(lead_key(mark, site).id(row.id().as_bytes()));
        }
        Ok(())
    }

    /// Since when a post is forgotten, if it is.
    pub fn forgotten(&self, post: &Post) -> Result<Option<Timestamp>> {
        let Some(key) = self.known_key()? else { return Ok(None) };
        self.buried(&key.tombstones(post))
    }

    /// The same of a post that an export holds.
    pub fn forgotten_since(&self, post: &Post) -> Result<Option<Timestamp>> {
        let Some(key) = self.known_key()? else { return Ok(None) };
        self.buried(&key.own_tombstones(post))
    }

    /// Whether somebody asked for a post's author or address to be forgotten.
    pub fn is_unwanted(&self, post: &Post) -> Result<bool> {
        let Some(key) = self.known_key()? else { return Ok(false) };
        Ok(self.buried(&key.asked_tombstones(post))?.is_some())
    }

    fn buried(&self, marks: &[Mark]) -> Result<Option<Timestamp>> {
        for mark in marks {
            if let Some(at) = self.get(&tombstone_key(*mark))? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    pub fn bury(&mut self, mark: Mark, at: Timestamp) -> Result<()> {
        let key = tombstone_key(mark);
        if !self.has(&key)? {
            self.put(key, &at);
        }
        Ok(())
    }

    /// Messages about a matter that have left.
    fn sent(&mut self, escalation: EscalationId) -> Result<u64> {
        if let Some(sent) = self.sent.get(&escalation) {
            return Ok(*sent);
        }
        let mut sent = 0;
        let index = Key::of(Sort::NotificationByEscalation).id(escalation.as_bytes());
        for (key, _) in self.all(&index)? {
            let id = key.last_chunk().copied().map(uuid::Uuid::from_bytes);
            let row = id.map_or(Ok(None), |id| self.notification(crate::domain::id::NotificationId(id)))?;
            sent += u64::from(row.is_some_and(|row| matches!(row.delivery, Delivery::Sent { .. })));
        }
        self.sent.insert(escalation, sent);
        Ok(sent)
    }

    /// Erases a mention, and its post's names with the last mention that bears its text. Whether there was
    /// something to erase.
    pub fn erase(&mut self, id: MentionId, order: Order<'_>) -> Result<bool> {
        let Some(mut mention) = self.mention(id)?.filter(|mention| mention.erased_at.is_none()) else {
            return Ok(false);
        };
        self.stain(order.at)?;
        let escalation = mention.finding.escalation();
        let sent = escalation.map_or(Ok(0), |escalation| self.sent(escalation))?;
        self.unschedule(&mention)?;
        // With its leads, which follow from what still stands in the stored row.
        mention.erase(order.at, order.reason);
        self.put_mention(&mention)?;
        self.tie(Event {
            at: order.at,
            by: order.by.clone(),
            escalation,
            mention: Some(id),
            what: What::Erased { reason: Some(order.reason), sent: Some(sent) },
        })?;
        self.unname(&mention.post().source.clone(), &mention.post().id.clone(), order.at)?;
        Ok(true)
    }

    /// Writes down since when bytes of what was erased may stand in the files.
    fn stain(&mut self, at: Timestamp) -> Result<()> {
        let key = Key::of(Sort::ErasedSince);
        if !self.has(&key)? {
            self.put(key, &at);
        }
        Ok(())
    }

    /// Takes a post's names away once no mention of it bears text, and leaves tombstones in their place.
    pub fn unname(&mut self, source: &SourceId, id: &str, at: Timestamp) -> Result<()> {
        let mentions = self.mentions_of_post(source, id)?;
        if mentions.iter().any(|(_, mention)| mention.erased_at.is_none()) {
            return Ok(());
        }
        let key = self.forget_key()?;
        let mark = key.post(source.as_str(), id);
        for (topic, mut mention) in mentions {
            self.remove(post_key(source, id).text(topic.as_str()));
            let post = &mut mention.scored.mention.post;
            post.id = nameless(mark);
            post.version.clear();
            self.put_mention(&mention)?;
        }
        for (version, _) in self.all(&Key::of(Sort::Version).text(source.as_str()).text(id))? {
            self.remove(Key(version));
        }
        self.bury(mark, at)?;
        let names = Key::of(Sort::NameOfPost).text(source.as_str()).text(id);
        for (name, _) in self.all(&names)? {
            let alias = Parts(&name[names.0.len()..]).text();
            let alias = alias.ok_or_else(|| self.unreadable("post's name", "its key holds no name"))?;
            self.remove(Key(name));
            self.remove(alias_key(source, &alias));
            if let Some(mark) = key.alias(source.as_str(), &alias) {
                self.bury(mark, at)?;
            }
        }
        Ok(())
    }

    /// A question about a mention is one about its post and its address.
    fn resolved(&self, whose: Whose) -> Result<Vec<Whose>> {
        let Whose::Mention(id) = whose else { return Ok(vec![whose]) };
        let Some(mention) = self.mention(id)? else { return Ok(Vec::new()) };
        let post = mention.post();
        let own = Whose::Post { source: post.source.clone(), id: post.id.clone() };
        Ok(std::iter::once(own).chain(post.url.clone().map(Whose::Url)).collect())
    }

    /// Mentions that bear text and are of these words, in the order of their numbers.
    fn of(&self, whose: &[Whose]) -> Result<BTreeSet<MentionId>> {
        let mut found = BTreeSet::new();
        for whose in whose {
            if let Whose::Post { source, id } = whose {
                let mentions = self.mentions_of_post(source, id)?.into_iter().map(|(_, mention)| mention);
                found.extend(mentions.filter(|one| one.erased_at.is_none()).map(|one| one.id()));
            }
            let Some((mark, site)) = self.known_key()?.and_then(|key| key.lead_of(whose)) else { continue };
            let mut leads = Key::of(Sort::Lead).id(&mark.0);
            if let Some(site) = site {
                leads = leads.id(&site.0);
            }
            for (key, _) in self.all(&leads)? {
                let id = key.last_chunk().copied().map(uuid::Uuid::from_bytes);
                let id = id.ok_or_else(|| self.unreadable("lead", "its key is too short"))?;
                let exact = matches!(whose, Whose::Account { .. });
                if !exact || self.mention(MentionId(id))?.is_some_and(|one| whose.fits(one.post())) {
                    found.insert(MentionId(id));
                }
            }
        }
        Ok(found)
    }

    fn written(&self, whose: Whose, page: &Page) -> Result<Rows<RecordedMention>> {
        let after = match &page.after {
            None => None,
            Some(place) => Some(
                from_place(place)
                    .and_then(|bytes| bytes.try_into().ok())
                    .map(|bytes| MentionId(uuid::Uuid::from_bytes(bytes)))
                    .ok_or_else(|| self.unreadable(PLACE, "it is not one that this store gave"))?,
            ),
        };
        let found = self.of(&self.resolved(whose)?)?;
        let mut left = found.into_iter().filter(|id| after.is_none_or(|after| *id > after));
        let ids: Vec<MentionId> = left.by_ref().take(page.limit.max(1)).collect();
        let next = left.next().and(ids.last()).map(|last| to_place(last.as_bytes()));
        let rows = ids.into_iter().map(|id| self.mention(id)).collect::<Result<Vec<_>>>()?;
        Ok(Rows { rows: rows.into_iter().flatten().collect(), next })
    }

    fn forget(&mut self, forgetting: &Forgetting) -> Result<Forgot> {
        let order = Order { at: forgetting.at, by: &forgetting.by, reason: forgetting.reason };
        let mut whose = Vec::new();
        for one in &forgetting.whose {
            whose.extend(self.resolved(one.clone())?);
        }
        let mut done = Forgot::default();
        if forgetting.keep_out {
            let key = self.forget_key()?;
            // First, so that nothing comes in between two portions.
            for mark in whose.iter().filter_map(|one| key.tombstone(one)) {
                self.bury(mark, forgetting.at)?;
            }
        }
        let inbox = Key::of(Sort::Inbox);
        for (number, copy) in self.inbox_between(&inbox, &inbox.clone().end(), usize::MAX)? {
            if !copy.deleted && whose.iter().any(|whose| whose.fits(&copy)) {
                self.remove_inbox(number, &copy);
                done.inbox += 1;
            }
        }
        if done.inbox > 0 {
            self.stain(forgetting.at)?;
        }
        let found = self.of(&whose)?;
        done.more = found.len() > forgetting.limit.max(1);
        for id in found.into_iter().take(forgetting.limit.max(1)) {
            done.mentions += u64::from(self.erase(id, order)?);
        }
        Ok(done)
    }

    // ---- the queue ------------------------------------------------------------------------

    pub fn schedule(&mut self, recheck: &Recheck) -> Result<()> {
        let Some(mention) = self.mention(recheck.mention)?.filter(|mention| mention.erased_at.is_none())
        else {
            return Ok(());
        };
        self.unschedule(&mention)?;
        let due = due_key(&mention.post().source).time(recheck.due).id(recheck.mention.as_bytes());
        self.put(due, &recheck.seen_at);
        self.put(recheck_key(recheck.mention), recheck);
        Ok(())
    }

    pub fn unschedule(&mut self, mention: &RecordedMention) -> Result<()> {
        let key = recheck_key(mention.id());
        if let Some(old) = self.get::<Recheck>(&key)? {
            let due = due_key(&mention.post().source).time(old.due);
            self.remove(due.id(mention.id().as_bytes()));
            self.remove(key);
        }
        Ok(())
    }

    /// The queue of a source up to an instant: due, seen, mention.
    fn queue(&self, source: &SourceId, until: Timestamp, limit: usize) -> Result<Vec<Recheck>> {
        let queue = due_key(source);
        let end = queue.clone().time(until).raw(&[0xFF; 17]);
        let mut found = Vec::new();
        for (key, value) in self.scan(&queue, &end, false, limit)? {
            let mut parts = Parts(&key[queue.0.len()..]);
            let (due, id) = parts
                .time()
                .zip(parts.id())
                .ok_or_else(|| self.unreadable("queue of posts to be asked for", "its key is too short"))?;
            found.push(Recheck { mention: MentionId(id), due, seen_at: self.decode(&value)? });
        }
        Ok(found)
    }

    /// Those in a queue that their site has not served since an instant; they are past due, all of them.
    pub fn unconfirmed(&self, source: &SourceId, since: Timestamp, now: Timestamp) -> Result<Vec<MentionId>> {
        let queue = self.queue(source, now, usize::MAX)?;
        Ok(queue.into_iter().filter(|one| one.seen_at < since).map(|one| one.mention).collect())
    }

    fn unscheduled(
        &self,
        source: &SourceId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Rows<RecordedMention>> {
        let mut from = match after {
            None => Key::of(Sort::Text),
            Some(place) => Key(from_place(place)
                .ok_or_else(|| self.unreadable(PLACE, "it is not one that this store gave"))?)
            .next(),
        };
        let end = Key::of(Sort::Text).end();
        let mut rows = Vec::new();
        let mut left = limit.max(1);
        // From topic to topic by a seek: the texts of other sources are passed over whole.
        while let Some((key, _)) = self.scan(&from, &end, false, 1)?.pop() {
            let topic = Parts::of(&key).text();
            let topic: TopicId =
                topic.ok_or_else(|| self.unreadable("text index", "its key has no topic"))?.into();
            let pair = super::rows::text_key(&topic, source);
            let pairs = self.scan(&from.clone().max(pair.clone()), &pair.clone().end(), false, left)?;
            for (key, _) in &pairs {
                let id = key.last_chunk().copied().map(uuid::Uuid::from_bytes);
                let id = MentionId(id.ok_or_else(|| self.unreadable("text index", "its key is too short"))?);
                if !self.has(&recheck_key(id))? {
                    rows.extend(self.mention(id)?);
                }
            }
            left -= pairs.len();
            if left == 0 {
                return Ok(Rows { rows, next: pairs.last().map(|(key, _)| to_place(key)) });
            }
            from = Key::of(Sort::Text).text(topic.as_str()).end();
        }
        Ok(Rows { rows, next: None })
    }

    /// Takes in a version or a name of a post, unless the post was forgotten.
    pub fn load_version(
        &mut self,
        source: &SourceId,
        id: &str,
        version: &str,
        topic: &TopicId,
    ) -> Result<()> {
        if !self.is_buried(source, id)? {
            self.put(version_key(source, id, version).text(topic.as_str()), &());
        }
        Ok(())
    }

    pub fn load_alias(&mut self, source: &SourceId, alias: &str, id: &str) -> Result<()> {
        if !self.is_buried(source, id)? {
            self.put_alias(source, alias, id);
        }
        Ok(())
    }

    fn is_buried(&self, source: &SourceId, id: &str) -> Result<bool> {
        let mark = self.known_key()?.map(|key| key.post(source.as_str(), id));
        mark.map_or(Ok(false), |mark| self.has(&tombstone_key(mark)))
    }
}

#[async_trait]
impl Forgets for SledStore {
    async fn written(&self, whose: Whose, page: Page) -> Result<Rows<RecordedMention>> {
        self.read(move |txn| txn.written(whose, &page)).await
    }

    async fn forget(&self, forgetting: Forgetting) -> Result<Forgot> {
        self.write(move |txn| txn.forget(&forgetting)).await
    }

    async fn kept_out(&self, posts: Vec<Post>) -> Result<Vec<bool>> {
        let ask = move |txn: &Txn<'_>| {
            posts.iter().map(|post| Ok(txn.forgotten(post)?.is_some())).collect::<Result<_>>()
        };
        self.read(ask).await
    }

    async fn rechecks(
        &self,
        source: SourceId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Recheck, RecordedMention)>> {
        let ask = move |txn: &Txn<'_>| {
            let queue = txn.queue(&source, now, limit)?.into_iter();
            let rows = queue.map(|one| Ok(txn.mention(one.mention)?.map(|mention| (one, mention))));
            Ok(rows.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        };
        self.read(ask).await
    }

    async fn next_recheck(&self, source: SourceId) -> Result<Option<Timestamp>> {
        self.read(move |txn| Ok(txn.queue(&source, Timestamp::MAX, 1)?.first().map(|one| one.due))).await
    }

    async fn count_rechecks(&self, source: SourceId, until: Timestamp, most: usize) -> Result<usize> {
        self.read(move |txn| Ok(txn.queue(&source, until, most)?.len())).await
    }

    async fn unscheduled(
        &self,
        source: SourceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Rows<RecordedMention>> {
        self.read(move |txn| txn.unscheduled(&source, after.as_deref(), limit)).await
    }
}
