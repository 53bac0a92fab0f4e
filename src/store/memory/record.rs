//! Crossings 0 and 1: received and recorded.

use super::State;
use super::change::Change;
use crate::domain::id::{MentionId, SourceId, TopicId};
use crate::domain::mention::RecordedMention;
use crate::domain::post::Post;
use crate::store::{Outcome, PostName, Recalled, Recording, bucket, id_alias, is_id_alias, is_tallied};

impl State {
    /// The id under which a post is kept, if it is known under any of its names.
    fn known_as(&self, source: &SourceId, id: &str, aliases: &[String]) -> Option<String> {
        if self.mentions_of_post(source, id).next().is_some() {
            return Some(id.to_owned());
        }
        let names = std::iter::once(id_alias(id)).chain(aliases.iter().cloned());
        names.map(|alias| (source.clone(), alias)).find_map(|alias| self.aliases.get(&alias).cloned())
    }

    fn mentions_of_post<'a>(
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
    pub fn receive(&mut self, posts: Vec<Post>) -> Outcome {
        for post in posts {
            let waits = self.state.inbox.values().any(|other| {
                (&other.source, &other.id, &other.version, other.deleted)
                    == (&post.source, &post.id, &post.version, post.deleted)
            });
            if waits {
                continue;
            }
            let number = self.state.inbox_last.get(&post.source).copied().unwrap_or(0) + 1;
            self.put(|state| &mut state.inbox_last, post.source.clone(), Some(number));
            self.put(|state| &mut state.inbox, (post.source.clone(), number), Some(post));
        }
        Outcome::Done
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
        for id in erased {
            self.forget_inbox(id);
            self.erase(id, forgotten_at);
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

    /// Erases a mention; its post's other names go with the last mention that bears its text.
    pub fn erase(&mut self, id: MentionId, now: jiff::Timestamp) {
        let Some(mut mention) = self.state.mentions.get(&id).cloned() else { return };
        mention.erase(now);
        let (source, post) = (mention.post().source.clone(), mention.post().id.clone());
        self.put(|state| &mut state.mentions, id, Some(mention));
        let bears_text = self
            .state
            .mentions_of_post(&source, &post)
            .filter_map(|(_, mention)| self.state.mentions.get(&mention))
            .any(|mention| mention.erased_at.is_none());
        if bears_text {
            return;
        }
        let names: Vec<_> = self
            .state
            .aliases
            .iter()
            .filter(|((of, alias), target)| *of == source && **target == post && !is_id_alias(alias))
            .map(|(key, _)| key.clone())
            .collect();
        for key in names {
            self.put(|state| &mut state.aliases, key, None);
        }
    }
}
