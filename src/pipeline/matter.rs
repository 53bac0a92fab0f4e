//! What scored mentions amount to: owners, escalations, and the reasons for every "no". Reads the
//! store for what the rules need, and leaves the deciding to `escalation`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::notice;
use super::plan::{SourcePlan, UNCLAIMED};
use crate::domain::digest::Window;
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::{OwnerId, TopicId};
use crate::domain::mention::{Finding, RecordedMention, ScoredMention};
use crate::domain::notification::{HoldReason, Notice};
use crate::domain::sentiment::Counts;
use crate::escalation::Desk;
use crate::escalation::{Facts, Fired, Intake, RuleFault, Subject};
use crate::store::{Effects, Store, TALLY_BUCKET, Tally};

/// A post that old by its site's date wakes nobody: the first look at a feed brings its past.
const OLD_NEWS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How often the operator hears of one failing rule.
const FAULT_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Mentions ready to be recorded, and what they cause.
#[derive(Default)]
pub struct Decided {
    /// New, and newer versions.
    pub mentions: Vec<RecordedMention>,
    /// Escalations, outbox rows, holds, events.
    pub effects: Effects,
    /// Rules that failed and of which the effects tell the operator.
    pub faults: Vec<RuleFault>,
}

/// Which rules have been told to the operator, and when.
#[derive(Default)]
pub struct FaultLog(Mutex<BTreeMap<String, Timestamp>>);

impl FaultLog {
    /// Whether it is time to tell of this rule (again).
    fn is_news(&self, rule: &str, now: Timestamp) -> bool {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(rule).is_none_or(|at| now.duration_since(*at).abs() >= FAULT_EVERY)
    }

    /// Notes what was told, once it is on disk: a conflict between deciding and writing must not
    /// swallow it.
    pub fn told(&self, faults: &[RuleFault], now: Timestamp) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(faults.iter().map(|fault| (fault.rule.clone(), now)));
    }
}

struct Considered {
    mention: ScoredMention,
    revision: u32,
    earlier: Option<RecordedMention>,
    owner: OwnerId,
    routed_by: String,
    fired: Fired,
    /// Its rules were not asked, and why.
    stays_quiet: Option<HoldReason>,
}

/// Decides on mentions in the order in which they were given.
pub async fn decide(
    store: &dyn Store,
    desk: &Desk,
    faults: &FaultLog,
    source: &SourcePlan,
    scored: Vec<(ScoredMention, u32)>,
    now: Timestamp,
) -> anyhow::Result<Decided> {
    if scored.is_empty() {
        return Ok(Decided::default());
    }
    let mut tallies = Tallies::new(store, desk, now);
    let mut considered = Vec::with_capacity(scored.len());
    let mut broken: Vec<RuleFault> = Vec::new();
    for (mention, revision) in scored {
        let earlier = if revision > 1 { store.mention(mention.mention.id).await? } else { None };
        let quiet = stays_quiet(source, &mention, revision, now);
        tallies.load(&mention).await?;
        if revision == 1 && quiet.is_none() {
            tallies.count(&mention);
        }
        considered.push(consider(
            desk,
            source,
            mention,
            revision,
            earlier,
            quiet,
            &tallies,
            &mut broken,
            now,
        ));
    }
    let silences = store.silences(None, now).await?;
    let mut intake = Intake::new(desk, &silences, now);
    let firings = considered.iter().filter_map(|one| one.fired.fired.as_ref());
    for group in firings.map(|firing| firing.group.clone()).collect::<BTreeSet<_>>() {
        let escalation = store.group(group.clone()).await?;
        intake.know(&group, escalation);
    }
    let own = considered.iter().filter_map(|one| one.earlier.as_ref()?.finding.escalation());
    for id in own.collect::<BTreeSet<_>>() {
        if let Some(escalation) = store.escalation(id).await? {
            intake.know_own(escalation);
        }
    }
    let mut decided = Decided::default();
    for one in considered {
        let earlier = one.earlier.as_ref().map(|earlier| &earlier.finding);
        let subject = Subject {
            mention: one.mention.mention.id,
            topic: &one.mention.mention.topic,
            owner: &one.owner,
            before: earlier,
        };
        let finding = match (one.stays_quiet, earlier) {
            (Some(reason), None) => Finding::Held(reason),
            _ => intake.take(&subject, one.fired.clone()),
        };
        if one.revision == 1 {
            decided.effects.events.push(Event {
                at: now,
                by: Actor::Daemon,
                escalation: finding.escalation(),
                mention: Some(one.mention.mention.id),
                what: What::Recorded { owner: one.owner.clone() },
            });
        }
        decided.mentions.push(RecordedMention {
            recorded_at: one.earlier.as_ref().map_or(now, |earlier| earlier.recorded_at),
            updated_at: now,
            revision: one.revision,
            owner: one.owner,
            routed_by: one.routed_by,
            finding,
            correction: None,
            erased_at: None,
            erased_for: None,
            scored: one.mention,
        });
    }
    decided.effects.merge(intake.finish());
    let broken: BTreeMap<String, String> =
        broken.into_iter().rev().map(|fault| (fault.rule, fault.error)).collect();
    for (rule, error) in broken.into_iter().filter(|(rule, _)| faults.is_news(rule, now)) {
        let notice = Notice::RuleError { rule: rule.clone(), error: error.clone() };
        decided.effects.notifications.extend(notice::to_operator(desk, &notice, now));
        decided.faults.push(RuleFault { rule, error });
    }
    Ok(decided)
}

#[expect(clippy::too_many_arguments, reason = "what a mention is considered by")]
fn consider(
    desk: &Desk,
    source: &SourcePlan,
    mention: ScoredMention,
    revision: u32,
    earlier: Option<RecordedMention>,
    stays_quiet: Option<HoldReason>,
    tallies: &Tallies<'_>,
    broken: &mut Vec<RuleFault>,
    now: Timestamp,
) -> Considered {
    let topic = &mention.mention.topic;
    let (owner, routed_by) = match (&earlier, desk.topics.get(topic)) {
        // Who owns it was decided when it was first seen; an edit does not pass it on.
        (Some(earlier), _) => (earlier.owner.clone(), earlier.routed_by.clone()),
        (None, Some(topic)) => {
            let routed = desk.rules.route(&mention, source.kind, topic, &desk.roster);
            broken.extend(routed.faults);
            (routed.owner, routed.by)
        }
        (None, None) => {
            let why = if topic.as_str() == UNCLAIMED { "no topic claims it" } else { "its topic is gone" };
            (desk.roster.champion().id.clone(), format!("champion: {why}"))
        }
    };
    let mut fired = Fired::default();
    if stays_quiet.is_none() {
        let tallies = tallies.of(topic);
        let needs_answer = mention.sentiment.wants_answer();
        let facts = Facts { owner: &owner, source_kind: source.kind, needs_answer, tallies, now };
        fired = desk.rules.fire(&mention, &facts);
        broken.extend(fired.faults.iter().cloned());
    }
    Considered { mention, revision, earlier, owner, routed_by, fired, stays_quiet }
}

/// Why the rules are not asked about a mention, if they are not.
fn stays_quiet(
    source: &SourcePlan,
    mention: &ScoredMention,
    revision: u32,
    now: Timestamp,
) -> Option<HoldReason> {
    let is_old = mention.mention.post.created_at.is_some_and(|at| now.duration_since(at) > OLD_NEWS);
    match (source.quiet, is_old && revision == 1) {
        (true, _) => Some(HoldReason::Imported),
        (false, true) => Some(HoldReason::OldNews),
        (false, false) => None,
    }
}

/// Counts per topic for spike triggers: what the store has, and what this batch adds.
struct Tallies<'a> {
    store: &'a dyn Store,
    reach: Option<SignedDuration>,
    now: Timestamp,
    topics: BTreeMap<TopicId, Vec<Tally>>,
}

impl<'a> Tallies<'a> {
    fn new(store: &'a dyn Store, desk: &Desk, now: Timestamp) -> Self {
        Self { store, reach: desk.rules.longest_baseline(), now, topics: BTreeMap::new() }
    }

    async fn load(&mut self, mention: &ScoredMention) -> anyhow::Result<()> {
        let Some(reach) = self.reach else { return Ok(()) };
        let topic = &mention.mention.topic;
        if !self.topics.contains_key(topic) {
            let window = Window { from: self.now - reach, until: self.now + TALLY_BUCKET };
            let tallies = self.store.tallies(topic.clone(), window).await?;
            self.topics.insert(topic.clone(), tallies);
        }
        Ok(())
    }

    /// Adds what the store will only know once this batch is recorded.
    fn count(&mut self, mention: &ScoredMention) {
        if self.reach.is_none() {
            return;
        }
        let topic = &mention.mention.topic;
        let bucket = self.now.as_second() - self.now.as_second().rem_euclid(TALLY_BUCKET.as_secs());
        let from = Timestamp::from_second(bucket).unwrap_or(self.now);
        let tallies = self.topics.entry(topic.clone()).or_default();
        if tallies.last().is_none_or(|tally| tally.from < from) {
            tallies.push(Tally { from, counts: Counts::default() });
        }
        if let Some(tally) = tallies.last_mut() {
            tally.counts.add(mention.sentiment.polarity);
        }
    }

    fn of(&self, topic: &TopicId) -> &[Tally] {
        self.topics.get(topic).map_or(&[], Vec::as_slice)
    }
}
