//! Retention, export, import, and the check of the whole.

use std::collections::BTreeMap;

use super::change::Change;
use super::forget::Order;
use super::{Memory, State};
use crate::domain::erasure::ErasedFor;
use crate::domain::event::Actor;
use crate::domain::id::{InstanceId, SourceId};
use crate::domain::source::Blind;
use crate::store::chain::Link;
use crate::store::{
    Result, Retained, Retention, Row, Rows, StoreError, TALLY_BUCKET, Tally, Verified, is_nameless,
};

type Deletion = Box<dyn FnOnce(&mut Change<'_>)>;

impl Change<'_> {
    pub fn retain(&mut self, retention: &Retention) -> Retained {
        let mut done = Retained::default();
        let mut left = retention.limit.max(1);
        let mut texts: Vec<_> = self
            .state
            .mentions
            .values()
            .filter(|row| row.erased_at.is_none())
            .filter_map(|row| {
                let (limit, reason) = retention.text_limit(row.topic(), &row.post().source);
                (row.recorded_at < limit).then(|| (row.id(), reason))
            })
            .collect();
        // In the order in which they lie on disk: each erasure is an entry of the one chain.
        texts.sort_by_key(|(id, _)| {
            let row = &self.state.mentions[id];
            (row.topic().clone(), row.post().source.clone(), row.recorded_at, *id)
        });
        let unconfirmed = retention.refreshed.iter().flat_map(|(source, since)| {
            self.state.unconfirmed(source, *since, retention.now).into_iter().map(|id| (id, ErasedFor::Terms))
        });
        let mut doomed: Vec<_> = unconfirmed.collect();
        doomed.retain(|(id, _)| texts.iter().all(|(other, _)| other != id));
        texts.extend(doomed);
        done.more = texts.len() > left;
        for (id, reason) in texts.into_iter().take(left) {
            self.erase(id, Order { at: retention.now, by: &Actor::Daemon, reason });
            done.erased += 1;
            left -= 1;
        }
        let before = retention.rows_before;
        let mut doomed: Vec<Deletion> = Vec::new();
        for row in self.state.notifications.values() {
            if row.delivery.is_final() && row.created_at < before {
                let (id, key) = (row.id, row.key.clone());
                doomed.push(Box::new(move |change| {
                    change.put(|state| &mut state.notifications, id, None);
                    change.put(|state| &mut state.keys, key, None);
                }));
            }
        }
        for key in self.state.holds.keys().copied().filter(|key| key.0 < before) {
            doomed.push(Box::new(move |change| change.put(|state| &mut state.holds, key, None)));
        }
        for key in self.state.gaps.keys().filter(|key| key.0 < before) {
            let key = key.clone();
            doomed.push(Box::new(move |change| change.put(|state| &mut state.gaps, key, None)));
        }
        for (id, _) in self.state.links.iter().filter(|(_, forget_at)| **forget_at < before) {
            let id = *id;
            doomed.push(Box::new(move |change| change.put(|state| &mut state.links, id, None)));
        }
        for key in self.state.tallies.keys().filter(|key| key.1 + TALLY_BUCKET <= before) {
            let key = key.clone();
            doomed.push(Box::new(move |change| change.put(|state| &mut state.tallies, key, None)));
        }
        done.more |= doomed.len() > left;
        for delete in doomed.into_iter().take(left) {
            delete(self);
            done.deleted += 1;
        }
        done
    }
}

impl Change<'_> {
    /// Takes a row of an export; what was forgotten since it was made stays forgotten.
    pub fn load(&mut self, row: Row) -> Result<()> {
        let known = self.state.forget_key.get(&());
        let is_buried = |source: &SourceId, id: &str| {
            let mark = known.map(|key| key.post(source.as_str(), id));
            mark.is_some_and(|mark| self.state.forgotten.contains_key(&mark))
        };
        match &row {
            Row::ForgetKey(key) if known.is_some_and(|known| known != key) => {
                return Err(StoreError::Unreadable {
                    place: "memory".into(),
                    row: "key of tombstones",
                    why: "the rows are of another store than what was forgotten here".into(),
                });
            }
            Row::Inbox(_, post) if !post.deleted && self.state.is_unwanted(post) => return Ok(()),
            Row::Version { source, id, .. } | Row::Alias { source, id, .. } if is_buried(source, id) => {
                return Ok(());
            }
            _ => {}
        }
        let forgotten = match &row {
            Row::Mention(mention) if mention.erased_at.is_none() => {
                self.forget_key();
                self.state.forgotten_since(mention.post()).map(|at| (mention.id(), at))
            }
            _ => None,
        };
        self.state.load(row);
        if let Some((id, at)) = forgotten {
            self.erase(id, Order { at, by: &Actor::Daemon, reason: ErasedFor::Request });
        }
        Ok(())
    }
}

impl State {
    pub(super) fn rows(&self, after: Option<&str>, limit: usize) -> Rows<Row> {
        let all = self.all_rows();
        let start = after.map_or(0, |after| after.parse().unwrap_or(all.len())).min(all.len());
        let end = all.len().min(start.saturating_add(limit.max(1)));
        let next = (end < all.len()).then(|| end.to_string());
        Rows { rows: all[start..end].to_vec(), next }
    }

    fn all_rows(&self) -> Vec<Row> {
        let mut all: Vec<Row> = Vec::new();
        all.extend(self.forget_key.values().cloned().map(Row::ForgetKey));
        all.extend(self.forgotten.iter().map(|(mark, at)| Row::Forgotten { mark: *mark, at: *at }));
        all.extend(self.sources.values().cloned().map(Row::Source));
        let gaps = self.gaps.iter();
        all.extend(
            gaps.map(|(key, repaired_at)| Row::Gap(Blind { gap: key.1.clone(), repaired_at: *repaired_at })),
        );
        all.extend(
            self.inbox_last
                .iter()
                .map(|(source, number)| Row::InboxLast { source: source.clone(), number: *number }),
        );
        all.extend(self.inbox.iter().map(|(key, post)| Row::Inbox(key.1, post.clone())));
        all.extend(self.mentions.values().cloned().map(Row::Mention));
        all.extend(self.versions.keys().map(|(source, id, version, topic)| Row::Version {
            source: source.clone(),
            id: id.clone(),
            version: version.clone(),
            topic: topic.clone(),
        }));
        all.extend(self.aliases.iter().map(|((source, alias), id)| Row::Alias {
            source: source.clone(),
            alias: alias.clone(),
            id: id.clone(),
        }));
        all.extend(self.escalations.values().cloned().map(Row::Escalation));
        all.extend(self.groups.iter().map(|(group, id)| Row::Group(group.clone(), *id)));
        all.extend(self.joins.iter().map(|(key, mention)| Row::Join(key.0, *mention)));
        all.extend(self.notifications.values().cloned().map(Row::Notification));
        all.extend(self.holds.values().cloned().map(Row::Hold));
        all.extend(self.silences.values().cloned().map(Row::Silence));
        all.extend(self.digests.values().cloned().map(Row::Digest));
        all.extend(self.links.iter().map(|(id, forget_at)| Row::Link(*id, *forget_at)));
        all.extend(
            self.tallies
                .iter()
                .map(|(key, counts)| Row::Tally(key.0.clone(), Tally { from: key.1, counts: *counts })),
        );
        all.extend(self.events.values().cloned().map(Row::Event));
        all.extend(self.calibrations.values().cloned().map(Row::Calibration));
        all.extend(self.notes.values().cloned().map(Row::Note));
        all
    }

    fn load(&mut self, row: Row) {
        match row {
            Row::ForgetKey(key) => drop(self.forget_key.insert((), key)),
            Row::Forgotten { mark, at } => drop(self.forgotten.insert(mark, at)),
            Row::Source(row) => drop(self.sources.insert(row.id.clone(), row)),
            Row::Gap(gap) => drop(self.gaps.insert((gap.gap.until, gap.gap), gap.repaired_at)),
            Row::InboxLast { source, number } => drop(self.inbox_last.insert(source, number)),
            Row::Inbox(number, post) => {
                let last = self.inbox_last.entry(post.source.clone()).or_default();
                *last = number.max(*last);
                self.inbox.insert((post.source.clone(), number), post);
            }
            Row::Mention(row) => {
                let post = row.post();
                if row.erased_at.is_none() || !is_nameless(&post.id) {
                    self.posts.insert((post.source.clone(), post.id.clone(), row.topic().clone()), row.id());
                }
                self.mentions.insert(row.id(), row);
            }
            Row::Version { source, id, version, topic } => {
                self.versions.insert((source, id, version, topic), ());
            }
            Row::Alias { source, alias, id } => drop(self.aliases.insert((source, alias), id)),
            Row::Escalation(row) => drop(self.escalations.insert(row.id, row)),
            Row::Group(group, id) => drop(self.groups.insert(group, id)),
            Row::Join(escalation, mention) => {
                let last = self.joins.range((escalation, 0)..=(escalation, u64::MAX)).next_back();
                let number = last.map_or(0, |(key, _)| key.1) + 1;
                self.joins.insert((escalation, number), mention);
            }
            Row::Notification(row) => {
                self.keys.insert(row.key.clone(), row.id);
                self.notifications.insert(row.id, row);
            }
            Row::Hold(hold) => {
                let last = self.holds.range((hold.at, 0)..=(hold.at, u64::MAX)).next_back();
                let number = last.map_or(0, |(key, _)| key.1) + 1;
                self.holds.insert((hold.at, number), hold);
            }
            Row::Silence(row) => drop(self.silences.insert(row.id, row)),
            Row::Digest(run) => {
                self.digests.insert((run.digest.clone(), run.window.from, run.window.until), run);
            }
            Row::Link(id, forget_at) => drop(self.links.insert(id, forget_at)),
            Row::Tally(topic, tally) => drop(self.tallies.insert((topic, tally.from), tally.counts)),
            Row::Event(entry) => drop(self.events.insert((entry.instance, entry.sequence), entry)),
            Row::Calibration(row) => {
                let model = &row.model;
                self.calibrations.insert((model.name.clone(), model.version.clone(), row.number), row);
            }
            Row::Note(note) => drop(self.notes.insert(note.name(), note)),
        }
    }

    pub(super) fn verify(&self) -> Verified {
        let mut faults = Vec::new();
        for (group, id) in &self.groups {
            if !self.escalations.contains_key(id) {
                faults.push(format!("the group {:?} names the escalation {id}, which is not there", group.0));
            }
        }
        for (key, mention) in &self.joins {
            if !self.mentions.contains_key(mention) {
                faults
                    .push(format!("the mention {mention} joined the escalation {}, but is not there", key.0));
            }
            if !self.escalations.contains_key(&key.0) {
                faults.push(format!(
                    "the mention {mention} joined the escalation {}, which is not there",
                    key.0
                ));
            }
        }
        let mut ends: BTreeMap<InstanceId, Link> = BTreeMap::new();
        for entry in self.events.values() {
            faults.extend(ends.entry(entry.instance).or_insert_with(Link::start).check(entry));
        }
        Verified { rows: self.all_rows().len() as u64, faults }
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("instance", &self.instance).finish_non_exhaustive()
    }
}
