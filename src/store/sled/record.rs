//! Crossings 0 and 1: received and recorded.

use super::forget::Order;
use super::keys::{Key, Parts, Sort};
use super::rows::{alias_key, inbox_key, post_key, tally_key, version_key, waiting_key};
use super::txn::Txn;
use crate::domain::erasure::ErasedFor;
use crate::domain::event::Actor;
use crate::domain::id::{MentionId, SourceId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::post::Post;
use crate::domain::sentiment::Counts;
use crate::domain::source::{Gap, SourceState};
use crate::store::{Outcome, PostName, Recalled, Recording, Result, bucket, id_alias, is_tallied};

/// Half a hash tells gaps that end at the same instant apart. What became of it is no part of the name.
pub(super) fn gap_key(gap: &Gap) -> Key {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(serde_json::to_vec(gap).expect("a gap is plain data"));
    Key::of(Sort::Gap).time(gap.until).raw(&hash[..16])
}

impl Txn<'_> {
    fn known_as(&self, source: &SourceId, id: &str, aliases: &[String]) -> Result<Option<String>> {
        let mentions = post_key(source, id);
        if !self.scan(&mentions, &mentions.clone().end(), false, 1)?.is_empty() {
            return Ok(Some(id.to_owned()));
        }
        for alias in std::iter::once(&id_alias(id)).chain(aliases) {
            if let Some(known) = self.get(&alias_key(source, alias))? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    pub fn mentions_of_post(&self, source: &SourceId, id: &str) -> Result<Vec<(TopicId, RecordedMention)>> {
        let prefix = post_key(source, id);
        let mut mentions = Vec::new();
        for (key, value) in self.all(&prefix)? {
            let topic = Parts(&key[prefix.0.len()..]).text();
            let topic = topic.ok_or_else(|| self.unreadable("post", "its key has no topic"))?;
            if let Some(mention) = self.mention(self.decode(&value)?)? {
                mentions.push((topic.into(), mention));
            }
        }
        Ok(mentions)
    }

    pub fn recall(&self, source: &SourceId, name: &PostName) -> Result<Option<Recalled>> {
        let Some(id) = self.known_as(source, &name.id, &name.aliases)? else { return Ok(None) };
        let version = version_key(source, &id, &name.version);
        let version_known = !self.scan(&version, &version.clone().end(), false, 1)?.is_empty();
        let mentions = self.mentions_of_post(source, &id)?;
        let mentions = mentions.into_iter().map(|(topic, row)| (topic, row.id(), row.revision)).collect();
        Ok(Some(Recalled { id, version_known, mentions }))
    }

    pub fn receive(&mut self, posts: &[Post]) -> Result<u64> {
        let mut forgotten = 0;
        for post in posts {
            if self.has(&waiting_key(post))? {
                continue;
            }
            if !post.deleted && self.forgotten(post)?.is_some() {
                forgotten += 1;
                continue;
            }
            let last = Key::of(Sort::InboxLast).text(post.source.as_str());
            let number = self.get::<u64>(&last)?.unwrap_or(0) + 1;
            self.put(last, &number);
            self.put_inbox(number, post);
        }
        Ok(forgotten)
    }

    pub fn record(&mut self, recording: Recording) -> Result<Outcome> {
        let Recording { source, mentions, erased, effects, gaps, inbox_through } = recording;
        let key = Key::of(Sort::Source).text(source.id.as_str());
        let stored = self.get::<SourceState>(&key)?.map_or(0, |stored| stored.seen);
        if source.seen != stored + 1 {
            return Ok(Outcome::Conflict);
        }
        self.put(key, &source);
        for mention in mentions {
            if self.take_mention(mention)? == Outcome::Conflict {
                return Ok(Outcome::Conflict);
            }
        }
        let forgotten_at = source.answered_at.or(source.asked_at).unwrap_or(source.next_poll);
        let order = Order { at: forgotten_at, by: &Actor::Daemon, reason: ErasedFor::DeletedByAuthor };
        for id in erased {
            self.forget_inbox(id)?;
            self.erase(id, order)?;
        }
        for gap in gaps {
            self.put(gap_key(&gap.gap), &gap);
        }
        if let Some(through) = inbox_through {
            let inbox = inbox_key(&source.id);
            let end = inbox.clone().number(through).next();
            for (number, post) in self.inbox_between(&inbox, &end, usize::MAX)? {
                self.remove_inbox(number, &post);
            }
        }
        self.effects(effects)
    }

    pub fn inbox_between(&self, from: &Key, until: &Key, limit: usize) -> Result<Vec<(u64, Post)>> {
        let mut posts = Vec::new();
        for (key, value) in self.scan(from, until, false, limit)? {
            let number = key.last_chunk().copied().map(u64::from_be_bytes);
            let number =
                number.ok_or_else(|| self.unreadable("post in the inbox", "its key is too short"))?;
            posts.push((number, self.decode(&value)?));
        }
        Ok(posts)
    }

    fn take_mention(&mut self, mut row: RecordedMention) -> Result<Outcome> {
        let post = row.post().clone();
        if self.forgotten(&post)?.is_some() {
            return Ok(Outcome::Conflict);
        }
        let topic = row.topic().as_str().to_owned();
        let known = self.known_as(&post.source, &post.id, &post.aliases)?;
        let id = known.unwrap_or_else(|| post.id.clone());
        let stored = self.mention(row.id())?;
        let newest = stored.as_ref().map_or(0, |stored| stored.revision);
        let holder: Option<MentionId> = self.get(&post_key(&post.source, &id).text(&topic))?;
        let fits = match holder {
            None => newest == 0 && row.revision == 1,
            Some(holder) => holder == row.id() && row.revision == newest + 1,
        };
        let version = version_key(&post.source, &id, &post.version).text(&topic);
        if !fits || self.has(&version)? {
            return Ok(Outcome::Conflict);
        }
        let mut aliases = post.aliases;
        if id != post.id {
            aliases.push(id_alias(&post.id));
            row.scored.mention.post.id.clone_from(&id);
        }
        for alias in aliases {
            if !self.has(&alias_key(&post.source, &alias))? {
                self.put_alias(&post.source, &alias, &id);
            }
        }
        if is_tallied(&row) {
            let tally = tally_key(row.topic()).time(bucket(row.recorded_at));
            let mut counts: Counts = self.get(&tally)?.unwrap_or_default();
            counts.add(row.sentiment().polarity);
            self.put(tally, &counts);
        }
        if let Some(stored) = stored {
            row.correction = stored.correction;
        }
        self.put(version, &());
        self.put_mention(&row)?;
        Ok(Outcome::Done)
    }

    /// Takes away what waits in the inbox of the same post; a notice of its deletion stays.
    fn forget_inbox(&mut self, id: MentionId) -> Result<()> {
        let Some(mention) = self.mention(id)? else { return Ok(()) };
        let post = mention.post();
        let inbox = inbox_key(&post.source);
        for (number, copy) in self.inbox_between(&inbox, &inbox.clone().end(), usize::MAX)? {
            let same = !copy.deleted
                && self.known_as(&copy.source, &copy.id, &copy.aliases)?.as_ref() == Some(&post.id);
            if same {
                self.remove_inbox(number, &copy);
            }
        }
        Ok(())
    }
}
