//! The store that forgets when the process ends: for `earmark replay`, for tests, and as the
//! reference against which the other one is tested. Plain maps, whole scans, no cleverness: what
//! it answers is what the contract means.
//!
//! A change is made in place and undone step by step when a later part of it conflicts
//! ([`change::Change`]). The mutex is plain: it is held inside one verb and never across an await.

mod change;
mod effects;
mod forget;
mod judged;
mod read;
mod record;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Attempted, Calibrating, Correcting, Effects, EscalationFilter, ForgetKey, Mark, MentionFilter,
    NotificationFilter, OutboxDepth, Outcome, Page, PostName, Recalled, Recheck, Recording, Result, Retained,
    Retention, Row, Rows, Size, Store, StoreError, Tally, Verified, ready,
};
use crate::domain::correction::Calibration;
use crate::domain::digest::{DigestRun, Window};
use crate::domain::escalation::{Escalation, GroupKey};
use crate::domain::event::{ChainedEvent, Event};
use crate::domain::id::{
    DigestId, EscalationId, InstanceId, LinkId, MentionId, NotificationId, SilenceId, SourceId, TopicId,
};
use crate::domain::mention::RecordedMention;
use crate::domain::note::Note;
use crate::domain::notification::{Hold, Notification};
use crate::domain::post::Post;
use crate::domain::sentiment::Counts;
use crate::domain::silence::Silence;
use crate::domain::source::{Blind, Gap, SourceState};

use change::Change;

/// A store in memory.
pub struct Memory {
    instance: InstanceId,
    state: Mutex<State>,
}

/// All that is kept, one map for each sort of row, and two that follow from others (`posts`,
/// `keys`) because uniqueness is a key.
#[derive(Default)]
struct State {
    closed: bool,
    forget_key: BTreeMap<(), ForgetKey>,
    forgotten: BTreeMap<Mark, Timestamp>,
    rechecks: BTreeMap<MentionId, Recheck>,
    sources: BTreeMap<SourceId, SourceState>,
    /// When a gap was repaired.
    gaps: BTreeMap<(Timestamp, Gap), Option<Timestamp>>,
    inbox: BTreeMap<(SourceId, u64), Post>,
    /// The highest number ever given in an inbox: a number is never given twice.
    inbox_last: BTreeMap<SourceId, u64>,
    mentions: BTreeMap<MentionId, RecordedMention>,
    posts: BTreeMap<(SourceId, String, TopicId), MentionId>,
    versions: BTreeMap<(SourceId, String, String, TopicId), ()>,
    aliases: BTreeMap<(SourceId, String), String>,
    escalations: BTreeMap<EscalationId, Escalation>,
    groups: BTreeMap<GroupKey, EscalationId>,
    joins: BTreeMap<(EscalationId, u64), MentionId>,
    notifications: BTreeMap<NotificationId, Notification>,
    keys: BTreeMap<String, NotificationId>,
    holds: BTreeMap<(Timestamp, u64), Hold>,
    silences: BTreeMap<SilenceId, Silence>,
    digests: BTreeMap<(DigestId, Timestamp, Timestamp), DigestRun>,
    links: BTreeMap<LinkId, Timestamp>,
    tallies: BTreeMap<(TopicId, Timestamp), Counts>,
    events: BTreeMap<(InstanceId, u64), ChainedEvent>,
    calibrations: BTreeMap<(String, String, u64), Calibration>,
    notes: BTreeMap<String, Note>,
}

impl Memory {
    /// An empty store.
    pub fn new(instance: InstanceId) -> Self {
        Self { instance, state: Mutex::default() }
    }

    fn state(&self) -> Result<MutexGuard<'_, State>> {
        // A panic between two steps of a change could leave half of it; every step is a map
        // operation and none can panic.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed { Err(StoreError::Closed) } else { Ok(state) }
    }

    fn change(&self, decide: impl FnOnce(&mut Change<'_>) -> Outcome) -> Result<Outcome> {
        let mut state = self.state()?;
        let mut change = Change::new(&mut state, self.instance);
        let outcome = decide(&mut change);
        if outcome == Outcome::Conflict {
            change.undo();
        }
        Ok(outcome)
    }
}

#[async_trait]
impl Store for Memory {
    fn instance(&self) -> InstanceId {
        self.instance
    }

    async fn receive(&self, posts: Vec<Post>) -> Result<u64> {
        let mut state = self.state()?;
        Ok(Change::new(&mut state, self.instance).receive(posts))
    }

    async fn inbox(&self, source: SourceId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Post)>> {
        Ok(self.state()?.inbox(&source, after, limit))
    }

    async fn source(&self, id: SourceId) -> Result<Option<SourceState>> {
        Ok(self.state()?.sources.get(&id).cloned())
    }

    async fn sources(&self) -> Result<Vec<SourceState>> {
        Ok(self.state()?.sources.values().cloned().collect())
    }

    async fn recall(&self, source: SourceId, names: Vec<PostName>) -> Result<Vec<Option<Recalled>>> {
        let state = self.state()?;
        Ok(names.iter().map(|name| state.recall(&source, name)).collect())
    }

    async fn record(&self, recording: Recording) -> Result<Outcome> {
        self.change(|change| change.record(recording))
    }

    async fn mention(&self, id: MentionId) -> Result<Option<RecordedMention>> {
        Ok(self.state()?.mentions.get(&id).cloned())
    }

    async fn mentions(&self, filter: MentionFilter, page: Page) -> Result<Rows<RecordedMention>> {
        Ok(self.state()?.mentions(&filter, &page))
    }

    async fn tallies(&self, topic: TopicId, window: Window) -> Result<Vec<Tally>> {
        Ok(self.state()?.tallies(&topic, window))
    }

    async fn gaps(&self, window: Window) -> Result<Vec<Blind>> {
        Ok(self.state()?.gaps(window))
    }

    async fn escalation(&self, id: EscalationId) -> Result<Option<Escalation>> {
        Ok(self.state()?.escalations.get(&id).cloned())
    }

    async fn escalations(&self, filter: EscalationFilter, page: Page) -> Result<Rows<Escalation>> {
        Ok(self.state()?.escalations(&filter, &page))
    }

    async fn group(&self, group: GroupKey) -> Result<Option<Escalation>> {
        let state = self.state()?;
        Ok(state.groups.get(&group).and_then(|id| state.escalations.get(id)).cloned())
    }

    async fn mentions_of(&self, id: EscalationId, page: Page) -> Result<Rows<RecordedMention>> {
        Ok(self.state()?.mentions_of(id, &page))
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Escalation>> {
        Ok(self.state()?.due(now, limit))
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        Ok(self.state()?.escalations.values().filter_map(Escalation::due).min())
    }

    async fn step(&self, effects: Effects) -> Result<Outcome> {
        self.change(|change| change.effects(effects))
    }

    async fn holds(&self, window: Window, page: Page) -> Result<Rows<Hold>> {
        Ok(self.state()?.holds(window, &page))
    }

    async fn silence(&self, silence: Silence) -> Result<()> {
        self.state()?.silences.insert(silence.id, silence);
        Ok(())
    }

    async fn silences(&self, id: Option<SilenceId>, now: Timestamp) -> Result<Vec<Silence>> {
        let state = self.state()?;
        let wanted = |silence: &&Silence| match id {
            Some(id) => silence.id == id,
            None => silence.until > now,
        };
        Ok(state.silences.values().filter(wanted).cloned().collect())
    }

    async fn lease(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Notification>> {
        Ok(self.state()?.lease(self.instance, now, until, limit))
    }

    async fn begin(&self, id: NotificationId) -> Result<Outcome> {
        self.change(|change| change.begin(id))
    }

    async fn finish(
        &self,
        id: NotificationId,
        at: Timestamp,
        how: Attempted,
        effects: Effects,
    ) -> Result<Outcome> {
        self.change(|change| change.finish(id, at, how, effects))
    }

    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        Ok(self.state()?.notifications.get(&id).cloned())
    }

    async fn notifications(&self, filter: NotificationFilter, page: Page) -> Result<Rows<Notification>> {
        Ok(self.state()?.notifications(&filter, &page))
    }

    async fn next_ready(&self) -> Result<Option<Timestamp>> {
        Ok(self.state()?.notifications.values().filter_map(ready).min())
    }

    async fn outbox(&self, now: Timestamp) -> Result<OutboxDepth> {
        Ok(self.state()?.outbox(now))
    }

    async fn correct(&self, correcting: Correcting) -> Result<Outcome> {
        self.change(|change| change.correct(correcting))
    }

    async fn calibrate(&self, calibrating: Calibrating) -> Result<Outcome> {
        self.change(|change| change.calibrate(calibrating))
    }

    async fn calibrations(&self) -> Result<Vec<Calibration>> {
        Ok(self.state()?.calibrations.values().cloned().collect())
    }

    async fn keep(&self, notes: Vec<Note>) -> Result<()> {
        self.state()?.notes.extend(notes.into_iter().map(|note| (note.name(), note)));
        Ok(())
    }

    async fn note(&self, name: String) -> Result<Option<Note>> {
        Ok(self.state()?.notes.get(&name).cloned())
    }

    async fn notes(&self) -> Result<Vec<Note>> {
        Ok(self.state()?.notes.values().cloned().collect())
    }

    async fn last_digest(&self, id: DigestId) -> Result<Option<DigestRun>> {
        Ok(self.state()?.last_digest(&id))
    }

    async fn digest(
        &self,
        run: DigestRun,
        notifications: Vec<Notification>,
        events: Vec<Event>,
    ) -> Result<Outcome> {
        self.change(|change| change.digest(run, notifications, events))
    }

    async fn events(&self, after: Option<(InstanceId, u64)>, limit: usize) -> Result<Vec<ChainedEvent>> {
        let state = self.state()?;
        let later =
            |entry: &&ChainedEvent| after.is_none_or(|after| (entry.instance, entry.sequence) > after);
        Ok(state.events.values().filter(later).take(limit).cloned().collect())
    }

    async fn retain(&self, retention: Retention) -> Result<Retained> {
        let mut state = self.state()?;
        let mut change = Change::new(&mut state, self.instance);
        Ok(change.retain(&retention))
    }

    async fn rows(&self, after: Option<String>, limit: usize) -> Result<Rows<Row>> {
        Ok(self.state()?.rows(after.as_deref(), limit))
    }

    async fn load(&self, rows: Vec<Row>) -> Result<()> {
        let mut state = self.state()?;
        let mut change = Change::new(&mut state, self.instance);
        rows.into_iter().try_for_each(|row| change.load(row))
    }

    async fn verify(&self) -> Result<Verified> {
        Ok(self.state()?.verify())
    }

    async fn size(&self) -> Result<Size> {
        let mentions = self.state()?.mentions.len();
        Ok(Size { mentions: mentions as u64, ..Size::default() })
    }

    async fn ping(&self) -> Result<()> {
        self.state().map(drop)
    }

    async fn close(&self) -> Result<()> {
        self.state()?.closed = true;
        Ok(())
    }
}
