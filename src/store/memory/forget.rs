//! Forgetting, and the queue of posts to be asked for anew; see [`crate::store::Forgets`].

use async_trait::async_trait;
use jiff::Timestamp;

use super::change::Change;
use super::{Memory, State};
use crate::domain::erasure::{ErasedFor, Whose};
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::{EscalationId, MentionId, SourceId};
use crate::domain::mention::RecordedMention;
use crate::domain::notification::{About, Delivery};
use crate::domain::post::Post;
use crate::store::{ForgetKey, Forgets, Forgetting, Forgot, Mark, Page, Recheck, Result, Rows, nameless};

/// Why, by whom and when something is erased.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub at: Timestamp,
    pub by: &'a Actor,
    pub reason: ErasedFor,
}

impl State {
    pub(super) fn forgotten(&self, post: &Post) -> Option<Timestamp> {
        let marks = self.forget_key.get(&())?.tombstones(post);
        marks.iter().find_map(|mark| self.forgotten.get(mark).copied())
    }

    /// The same of a post that an export holds.
    pub(super) fn forgotten_since(&self, post: &Post) -> Option<Timestamp> {
        let marks = self.forget_key.get(&())?.own_tombstones(post);
        marks.iter().find_map(|mark| self.forgotten.get(mark).copied())
    }

    /// Whether somebody asked for a post's author or address to be forgotten.
    pub(super) fn is_unwanted(&self, post: &Post) -> bool {
        let marks = self.forget_key.get(&()).map(|key| key.asked_tombstones(post));
        marks.is_some_and(|marks| marks.iter().any(|mark| self.forgotten.contains_key(mark)))
    }

    fn sent(&self, escalation: EscalationId) -> u64 {
        let about = self.notifications.values().filter(|row| row.about == About::Escalation(escalation));
        about.filter(|row| matches!(row.delivery, Delivery::Sent { .. })).count() as u64
    }

    fn resolved(&self, whose: &Whose) -> Vec<Whose> {
        let Whose::Mention(id) = whose else { return vec![whose.clone()] };
        let Some(mention) = self.mentions.get(id) else { return Vec::new() };
        let post = mention.post();
        let own = Whose::Post { source: post.source.clone(), id: post.id.clone() };
        std::iter::once(own).chain(post.url.clone().map(Whose::Url)).collect()
    }

    fn of(&self, whose: &[Whose]) -> Vec<MentionId> {
        let bears_text = self.mentions.values().filter(|row| row.erased_at.is_none());
        bears_text.filter(|row| whose.iter().any(|one| one.fits(row.post()))).map(|row| row.id()).collect()
    }

    fn queue(&self, source: &SourceId, until: Timestamp) -> Vec<Recheck> {
        let of = |one: &&Recheck| {
            self.mentions.get(&one.mention).is_some_and(|mention| mention.post().source == *source)
        };
        let mut queue: Vec<Recheck> =
            self.rechecks.values().filter(|one| one.due <= until).filter(of).copied().collect();
        queue.sort_by_key(|one| (one.due, one.mention));
        queue
    }

    pub(super) fn unconfirmed(&self, source: &SourceId, since: Timestamp, now: Timestamp) -> Vec<MentionId> {
        let queue = self.queue(source, now).into_iter();
        queue.filter(|one| one.seen_at < since).map(|one| one.mention).collect()
    }
}

impl Change<'_> {
    pub fn forget_key(&mut self) -> ForgetKey {
        if let Some(key) = self.state.forget_key.get(&()) {
            return key.clone();
        }
        let key = ForgetKey::make();
        self.put(|state| &mut state.forget_key, (), Some(key.clone()));
        key
    }

    pub fn bury(&mut self, mark: Mark, at: Timestamp) {
        if !self.state.forgotten.contains_key(&mark) {
            self.put(|state| &mut state.forgotten, mark, Some(at));
        }
    }

    /// Erases a mention, and its post's names with the last mention that bears its text. Whether there was
    /// something to erase.
    pub fn erase(&mut self, id: MentionId, order: Order<'_>) -> bool {
        let Some(mut mention) = self.state.mentions.get(&id).filter(|row| row.erased_at.is_none()).cloned()
        else {
            return false;
        };
        let escalation = mention.finding.escalation();
        let sent = escalation.map_or(0, |escalation| self.state.sent(escalation));
        mention.erase(order.at, order.reason);
        let (source, post) = (mention.post().source.clone(), mention.post().id.clone());
        self.put(|state| &mut state.rechecks, id, None);
        self.put(|state| &mut state.mentions, id, Some(mention));
        self.event(Event {
            at: order.at,
            by: order.by.clone(),
            escalation,
            mention: Some(id),
            what: What::Erased { reason: Some(order.reason), sent: Some(sent) },
        });
        self.unname(&source, &post, order.at);
        true
    }

    /// Takes a post's names away once no mention of it bears text, and leaves tombstones in their place.
    fn unname(&mut self, source: &SourceId, id: &str, at: Timestamp) {
        let mentions: Vec<RecordedMention> = self
            .state
            .mentions_of_post(source, id)
            .filter_map(|(_, mention)| self.state.mentions.get(&mention).cloned())
            .collect();
        if mentions.iter().any(|mention| mention.erased_at.is_none()) {
            return;
        }
        let key = self.forget_key();
        let mark = key.post(source.as_str(), id);
        for mut mention in mentions {
            let of_topic = (source.clone(), id.to_owned(), mention.topic().clone());
            self.put(|state| &mut state.posts, of_topic, None);
            let post = &mut mention.scored.mention.post;
            post.id = nameless(mark);
            post.version.clear();
            self.put(|state| &mut state.mentions, mention.id(), Some(mention));
        }
        let versions: Vec<_> =
            self.state.versions.keys().filter(|key| key.0 == *source && key.1 == id).cloned().collect();
        for version in versions {
            self.put(|state| &mut state.versions, version, None);
        }
        self.bury(mark, at);
        let names: Vec<_> = self
            .state
            .aliases
            .iter()
            .filter(|((of, _), target)| of == source && *target == id)
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            if let Some(mark) = key.alias(source.as_str(), &name.1) {
                self.bury(mark, at);
            }
            self.put(|state| &mut state.aliases, name, None);
        }
    }

    fn forget(&mut self, forgetting: &Forgetting) -> Forgot {
        let order = Order { at: forgetting.at, by: &forgetting.by, reason: forgetting.reason };
        let whose: Vec<Whose> = forgetting.whose.iter().flat_map(|one| self.state.resolved(one)).collect();
        if forgetting.keep_out {
            let key = self.forget_key();
            for mark in whose.iter().filter_map(|one| key.tombstone(one)) {
                self.bury(mark, forgetting.at);
            }
        }
        let copies: Vec<_> = self
            .state
            .inbox
            .iter()
            .filter(|(_, copy)| !copy.deleted && whose.iter().any(|whose| whose.fits(copy)))
            .map(|(key, _)| key.clone())
            .collect();
        let mut done = Forgot { inbox: copies.len() as u64, ..Forgot::default() };
        for key in copies {
            self.put(|state| &mut state.inbox, key, None);
        }
        let found = self.state.of(&whose);
        done.more = found.len() > forgetting.limit.max(1);
        for id in found.into_iter().take(forgetting.limit.max(1)) {
            done.mentions += u64::from(self.erase(id, order));
        }
        done
    }

    pub fn schedule(&mut self, recheck: Recheck) {
        if self.state.mentions.get(&recheck.mention).is_some_and(|row| row.erased_at.is_none()) {
            self.put(|state| &mut state.rechecks, recheck.mention, Some(recheck));
        }
    }
}

#[async_trait]
impl Forgets for Memory {
    async fn written(&self, whose: Whose, page: Page) -> Result<Rows<RecordedMention>> {
        let state = self.state()?;
        let found = state.of(&state.resolved(&whose));
        let after = page.after.as_deref();
        let mut left = found.iter().filter(|id| after.is_none_or(|after| *id.to_string() > *after));
        let ids: Vec<&MentionId> = left.by_ref().take(page.limit.max(1)).collect();
        let next = left.next().and(ids.last()).map(ToString::to_string);
        Ok(Rows { rows: ids.iter().filter_map(|id| state.mentions.get(id)).cloned().collect(), next })
    }

    async fn forget(&self, forgetting: Forgetting) -> Result<Forgot> {
        let mut state = self.state()?;
        Ok(Change::new(&mut state, self.instance).forget(&forgetting))
    }

    async fn kept_out(&self, posts: Vec<Post>) -> Result<Vec<bool>> {
        let state = self.state()?;
        Ok(posts.iter().map(|post| state.forgotten(post).is_some()).collect())
    }

    async fn rechecks(
        &self,
        source: SourceId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Recheck, RecordedMention)>> {
        let state = self.state()?;
        let queue = state.queue(&source, now).into_iter().take(limit);
        Ok(queue.filter_map(|one| Some((one, state.mentions.get(&one.mention)?.clone()))).collect())
    }

    async fn next_recheck(&self, source: SourceId) -> Result<Option<Timestamp>> {
        Ok(self.state()?.queue(&source, Timestamp::MAX).first().map(|one| one.due))
    }

    async fn count_rechecks(&self, source: SourceId, until: Timestamp, most: usize) -> Result<usize> {
        Ok(self.state()?.queue(&source, until).len().min(most))
    }

    async fn unscheduled(
        &self,
        source: SourceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<Rows<RecordedMention>> {
        let state = self.state()?;
        let after = after.as_deref();
        let wanted = |row: &&RecordedMention| {
            row.erased_at.is_none()
                && row.post().source == source
                && !state.rechecks.contains_key(&row.id())
                && after.is_none_or(|after| *row.id().to_string() > *after)
        };
        let mut left = state.mentions.values().filter(wanted);
        let rows: Vec<RecordedMention> = left.by_ref().take(limit.max(1)).cloned().collect();
        let next = left.next().and(rows.last()).map(|last| last.id().to_string());
        Ok(Rows { rows, next })
    }
}
