//! Crossings 0 and 1: received and recorded.

use super::State;
use super::change::Change;
use super::forget::Order;
use crate::domain::erasure::ErasedFor;
use crate::domain::event::Actor;
use crate::domain::id::{MentionId, SourceId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::post::Post;
use crate::store::{Outcome, PostName, Recalled, Recording, bucket, id_alias, is_tallied};

impl State {
    /// The id under which a post is kept, if it is known under any of its names.
    fn known_as(&self, source: &SourceId, id: &str, aliases: &[String]) -> Option<String> {
        if self.mentions_of_post(source, id).next().is_some() {
            return Some(id.to_owned());
        }
        let names = std::iter::once(id_alias(id)).chain(aliases.iter().cloned());
        names.map(|alias| (source.clone(), alias)).find_map(|alias| self.aliases.get(&alias).cloned())
    }

    pub(super) fn mentions_of_post<'a>(
        &'a self,
        source: &SourceId,
        id: &str,
    ) -> impl Iterator<Item = (&'a TopicId, MentionId)> + use<'a> {
        let (source, id) = (source.clone(), id.to_owned());
        let first = (source.clone(), id.clone(), TopicId::from(""));
        self.posts
            .range(first..)
            .take_while(move |(key, _)| key.0 == source && key.1 == id)
            .map(|(key, mention)| (&key.2, *mention))
    }

    pub(super) fn recall(&self, source: &SourceId, name: &PostName) -> Option<Recalled> {
        let id = self.known_as(source, &name.id, &name.aliases)?;
        let mentions: Vec<_> = self
            .mentions_of_post(source, &id)
            .filter_map(|(topic, mention)| {
                Some((topic.clone(), mention, self.mentions.get(&mention)?.revision))
            })
            .collect();
        let version_known =
            self.versions.keys().any(|key| key.0 == *source && key.1 == id && key.2 == name.version);
        Some(Recalled { id, version_known, mentions })
    }

    pub(super) fn inbox(&self, source: &SourceId, after: Option<u64>, limit: usize) -> Vec<(u64, Post)> {
        let mine = self.inbox.iter().filter(|(key, _)| key.0 == *source);
        let later = mine.filter(|(key, _)| after.is_none_or(|after| key.1 > after));
        later.take(limit).map(|(key, post)| (key.1, post.clone())).collect()
    }
}

impl Change<'_> {
    pub fn receive(&mut self, posts: Vec<Post>) -> u64 {
        let mut forgotten = 0;
        for post in posts {
            let waits = self.state.inbox.values().any(|other| {
                (&other.source, &other.id, &other.version, other.deleted)
                    == (&post.source, &post.id, &post.version, post.deleted)
            });
            if waits {
                continue;
            }
            if !post.deleted && self.state.forgotten(&post).is_some() {
                forgotten += 1;
                continue;
            }
            let number = self.state.inbox_last.get(&post.source).copied().unwrap_or(0) + 1;
            self.put(|state| &mut state.inbox_last, post.source.clone(), Some(number));
            self.put(|state| &mut state.inbox, (post.source.clone(), number), Some(post));
        }
        forgotten
    }

    pub fn record(&mut self, recording: Recording) -> Outcome {
        let Recording { source, mentions, erased, effects, gaps, inbox_through } = recording;
        let stored = self.state.sources.get(&source.id).map_or(0, |stored| stored.seen);
        if source.seen != stored + 1 {
            return Outcome::Conflict;
        }
        let forgotten_at = source.answered_at.or(source.asked_at).unwrap_or(source.next_poll);
        let name = source.id.clone();
        self.put(|state| &mut state.sources, name.clone(), Some(source));
        for mention in mentions {
            if self.mention(mention) == Outcome::Conflict {
                return Outcome::Conflict;
            }
        }
        let order = Order { at: forgotten_at, by: &Actor::Daemon, reason: ErasedFor::DeletedByAuthor };
        for id in erased {
            self.forget_inbox(id);
            self.erase(id, order);
        }
        for gap in gaps {
            self.put(|state| &mut state.gaps, (gap.gap.until, gap.gap), Some(gap.repaired_at));
        }
        if let Some(through) = inbox_through {
            let done: Vec<_> = self
                .state
                .inbox
                .range((name.clone(), 0)..=(name.clone(), through))
                .map(|(key, _)| key.clone())
                .collect();
            for key in done {
                self.put(|state| &mut state.inbox, key, None);
            }
        }
        self.effects(effects)
    }

    fn mention(&mut self, mut row: RecordedMention) -> Outcome {
        let post = row.post();
        if self.state.forgotten(post).is_some() {
            return Outcome::Conflict;
        }
        let source = post.source.clone();
        let own_id = post.id.clone();
        let id = self.state.known_as(&source, &own_id, &post.aliases).unwrap_or_else(|| own_id.clone());
        let of_topic = (source.clone(), id.clone(), row.topic().clone());
        let version = (source.clone(), id.clone(), post.version.clone(), row.topic().clone());
        let newest = self.state.mentions.get(&row.id()).map_or(0, |stored| stored.revision);
        let held_by = self.state.posts.get(&of_topic).copied();
        let fits = match held_by {
            None => newest == 0 && row.revision == 1,
            Some(holder) => holder == row.id() && row.revision == newest + 1,
        };
        if !fits || self.state.versions.contains_key(&version) {
            return Outcome::Conflict;
        }
        let mut aliases = post.aliases.clone();
        if id != own_id {
            aliases.push(id_alias(&own_id));
            row.scored.mention.post.id = id.clone();
        }
        for alias in aliases {
            if !self.state.aliases.contains_key(&(source.clone(), alias.clone())) {
                self.put(|state| &mut state.aliases, (source.clone(), alias), Some(id.clone()));
            }
        }
        if is_tallied(&row) {
            let key = (row.topic().clone(), bucket(row.recorded_at));
            let mut counts = self.state.tallies.get(&key).copied().unwrap_or_default();
            counts.add(row.sentiment().polarity);
            self.put(|state| &mut state.tallies, key, Some(counts));
        }
        self.put(|state| &mut state.posts, of_topic, Some(row.id()));
        self.put(|state| &mut state.versions, version, Some(()));
        if let Some(stored) = self.state.mentions.get(&row.id()) {
            row.correction.clone_from(&stored.correction);
        }
        // As on disk, where the leads of the first mention make the key.
        self.forget_key();
        self.put(|state| &mut state.mentions, row.id(), Some(row));
        Outcome::Done
    }

    /// Takes away what waits in the inbox of the same post; a notice of its deletion stays.
    fn forget_inbox(&mut self, id: MentionId) {
        let Some(mention) = self.state.mentions.get(&id) else { return };
        let post = mention.post();
        let same = |other: &Post| {
            !other.deleted
                && other.source == post.source
                && self.state.known_as(&other.source, &other.id, &other.aliases).as_ref() == Some(&post.id)
        };
        let copies: Vec<_> =
            self.state.inbox.iter().filter(|(_, other)| same(other)).map(|(key, _)| key.clone()).collect();
        for key in copies {
            self.put(|state| &mut state.inbox, key, None);
        }
    }
}
