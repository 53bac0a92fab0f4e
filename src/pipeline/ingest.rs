//! From what a source gave to what the store keeps: select, score, decide, record. One
//! transaction a piece; a conflict repeats everything but the scoring.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use jiff::Timestamp;

use super::coverage::{Entry, Look, part};
use super::matter::{self, Decided};
use super::notice;
use super::plan::{Plan, SharedPlan, SourcePlan};
use super::poller::{SICK_AFTER, SICK_FOR};
use super::recheck::after_seeing;
use super::select::{Candidate, Selected, name_of, pieces, select, single};
use crate::domain::id::{MentionId, SourceId, TopicId};
use crate::domain::mention::{Field, Mention, ScoredMention, Span};
use crate::domain::notification::Notice;
use crate::domain::post::Post;
use crate::domain::sentiment::Sentiment;
use crate::domain::source::{Gap, SkipReason, SourceState};
use crate::escalation::{Desk, SharedDesk};
use crate::runtime::clock::SharedClock;
use crate::runtime::stage;
use crate::runtime::stop::Stop;
use crate::runtime::task::Nudge;
use crate::sentiment::scorer::Scorer;
use crate::sentiment::{Scorable, language_of};
use crate::source::{AuthorGone, Position, Reject, Terms};
use crate::store::{Effects, Outcome, Recalled, Recording, Store};
use crate::telemetry::metrics;

mod forget;
mod ledger;
mod summary;

use summary::Summary;

/// Posts of one transaction: enough that a flush is shared, few enough that a fresh complaint
/// does not wait long behind a backlog.
const PIECE: usize = 64;
/// Conflicts in a row after which the batch is given back to the task's back-off.
const TRIES: u32 = 10;

/// What one look at a source, or at its inbox, gave.
#[derive(Debug, Default)]
pub struct Given {
    /// In the order in which they should be taken in.
    pub posts: Vec<Post>,
    /// What could not become a post.
    pub rejects: Vec<Reject>,
    /// Blind stretches newly known.
    pub gaps: Vec<Gap>,
    /// Where to go on; none for an inbox.
    pub position: Option<Position>,
    /// Everything up to here has been read.
    pub fetched_through: Option<Timestamp>,
    /// When to look again.
    pub next_poll: Timestamp,
    /// The last inbox row among the posts.
    pub inbox_through: Option<u64>,
    /// Authors who left, as of after these posts.
    pub gone: Vec<AuthorGone>,
    /// By what its posts are asked for anew; none: they are not.
    pub terms: Option<&'static Terms>,
    /// What it says of coverage.
    pub look: Look,
}

/// Takes in what sources give. Shared by all pollers; holds no state but handles.
pub struct Ingest {
    store: Arc<dyn Store>,
    clock: SharedClock,
    plan: SharedPlan,
    desk: SharedDesk,
    scorer: Scorer,
    escalate: Nudge,
    deliver: Nudge,
    faults: matter::FaultLog,
}

/// Verdicts by post version and topic; they survive a conflict.
type Scores = HashMap<(String, String, TopicId), Sentiment>;

impl Ingest {
    /// `escalate` is nudged when a matter opened or changed, `deliver` when the outbox grew.
    pub fn new(
        store: Arc<dyn Store>,
        clock: SharedClock,
        plan: SharedPlan,
        desk: SharedDesk,
        scorer: Scorer,
        escalate: Nudge,
        deliver: Nudge,
    ) -> Self {
        Self { store, clock, plan, desk, scorer, escalate, deliver, faults: matter::FaultLog::default() }
    }

    /// The row of a source, made up if it was never read.
    pub async fn state(&self, id: &SourceId, now: Timestamp) -> anyhow::Result<SourceState> {
        let state = self.store.source(id.clone()).await?;
        Ok(state.unwrap_or_else(|| SourceState::new(id.clone(), now)))
    }

    /// Changes a source's row without any post. `change` answers whether the operator is to be
    /// told that the source is sick. Gives the row's `next_poll`.
    pub async fn note(
        &self,
        id: &SourceId,
        mut state: SourceState,
        change: impl Fn(&mut SourceState) -> bool,
    ) -> anyhow::Result<Timestamp> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let mut effects = Effects::default();
            if change(&mut state) {
                state.told_sick = true;
                let sick = Notice::SourceSick {
                    source: id.clone(),
                    since: state.answered_at.or(state.failing_since).unwrap_or(now),
                    error: state.last_error.clone().unwrap_or_default(),
                };
                effects.notifications = notice::to_operator(&self.desk.load(), &sick, now);
            }
            state.seen += 1;
            let next_poll = state.next_poll;
            let told = !effects.notifications.is_empty();
            let recording = Recording {
                source: state,
                mentions: Vec::new(),
                erased: Vec::new(),
                effects,
                gaps: Vec::new(),
                inbox_through: None,
            };
            if self.store.record(recording).await? == Outcome::Done {
                if told {
                    self.deliver.nudge();
                }
                return Ok(next_poll);
            }
            state = self.state(id, now).await?;
        }
        anyhow::bail!("the row of source {id} kept changing while its failure was written")
    }

    /// Takes in a batch; once it returns `Ok(true)`, all of it is on disk and the cursor has
    /// moved. `Ok(false)`: the cursor is where it was, because the daemon stops or a reload took
    /// the source away; asking again at once would give the same.
    pub async fn take(&self, id: &SourceId, given: Given, stop: &Stop) -> anyhow::Result<bool> {
        let Given {
            posts,
            rejects,
            gaps,
            position,
            fetched_through,
            next_poll,
            inbox_through,
            gone,
            terms,
            look,
        } = given;
        for reject in &rejects {
            tracing::debug!(source.id = %id, "source {id} gave something unreadable at {}: {}", reject.at, reject.why);
        }
        let closing = Closing { rejects, gaps, position, fetched_through, next_poll, inbox_through, look };
        self.feed(id, posts, Some(&closing), &gone, terms, stop).await
    }

    async fn feed(
        &self,
        id: &SourceId,
        posts: Vec<Post>,
        closing: Option<&Closing>,
        gone: &[AuthorGone],
        terms: Option<&'static Terms>,
        stop: &Stop,
    ) -> anyhow::Result<bool> {
        let plan = self.plan.load_full();
        let Some(source) = plan.sources.get(id) else { return Ok(false) };
        let mut pieces = VecDeque::from(pieces(posts, PIECE));
        // Who left may have written one of these posts: they are recorded, then forgotten, and only then the
        // cursor moves.
        if pieces.is_empty() || !gone.is_empty() {
            pieces.push_back(Vec::new());
        }
        while let Some(piece) = pieces.pop_front() {
            if stop.is_stopped() {
                return Ok(false);
            }
            if pieces.is_empty() {
                self.forget_authors(gone).await.with_context(|| format!("source {id}"))?;
            }
            let closing = closing.filter(|_| pieces.is_empty());
            let left = self.piece(id, (&plan, source), piece, closing, terms).await;
            let left = left.with_context(|| format!("source {id}"))?;
            if !left.is_empty() {
                pieces.push_front(left);
            }
        }
        Ok(true)
    }

    /// Takes in a piece, up to the first post that the store knows as one before it; gives those
    /// that are left. `closing` is written with the last of them.
    async fn piece(
        &self,
        id: &SourceId,
        (plan, source): (&Plan, &SourcePlan),
        mut posts: Vec<Post>,
        closing: Option<&Closing>,
        terms: Option<&'static Terms>,
    ) -> anyhow::Result<Vec<Post>> {
        let mut scores = Scores::new();
        let mut left = Vec::new();
        for _ in 0..TRIES {
            let now = self.clock.now();
            let desk = self.desk.load_full();
            let state = self.state(id, now).await?;
            let known = self.store.recall(id.clone(), posts.iter().map(name_of).collect()).await?;
            let mut later = posts.split_off(single(&posts, &known));
            later.append(&mut left);
            left = later;
            let closing = closing.filter(|_| left.is_empty());
            let erased = self.erased(&posts, &known).await?;
            let kept_out = self.store.kept_out(posts.clone()).await?;
            let mut chosen = Chosen::default();
            for ((post, known), kept_out) in posts.iter().zip(known).zip(kept_out) {
                chosen.add(select(plan, source, post.clone(), known, &erased, kept_out, now));
            }
            let scored = self.score(&desk, chosen.candidates, &mut scores).await?;
            // Scoring may have taken seconds. Recorded is when it is written: a mention stamped before
            // that could fall into a window whose digest has been made already.
            let now = self.clock.now();
            let mut decided = matter::decide(&*self.store, &desk, &self.faults, source, scored, now).await?;
            let summary = Summary::of(&mut decided);
            let anew = terms.into_iter().flat_map(|terms| {
                decided.mentions.iter().map(move |mention| after_seeing(terms, mention, now))
            });
            decided.effects.rechecks = anew.collect();
            let entry = match closing {
                Some(closing) => Some(self.enter(&state, closing, !decided.mentions.is_empty()).await?),
                None => None,
            };
            let recording = recording(
                state,
                posts.len(),
                chosen.skipped.clone(),
                chosen.gone,
                decided,
                closing.zip(entry.as_ref()),
                (&desk, source),
                now,
            );
            let tells = !recording.effects.notifications.is_empty();
            let row = entry.is_some().then(|| recording.source.clone());
            let writing = stage::enter("record");
            let outcome = self.store.record(recording).await?;
            drop(writing);
            if outcome == Outcome::Conflict {
                continue;
            }
            for (reason, count) in &chosen.skipped {
                metrics::posts_skipped(reason.as_str(), *count);
            }
            for reject in closing.iter().flat_map(|closing| &closing.rejects) {
                metrics::posts_skipped(reject.reason.as_str(), 1);
            }
            summary.publish(id);
            if let Some((entry, row)) = entry.as_ref().zip(row.as_ref()) {
                ledger::publish(entry, row, now);
            }
            self.faults.told(&summary.faults, now);
            if summary.moved {
                self.escalate.nudge();
            }
            if tells {
                self.deliver.nudge();
            }
            return Ok(left);
        }
        anyhow::bail!("{} posts met a conflict {TRIES} times in a row; they will be read again", posts.len())
    }

    /// Which of the mentions that are about to change have been erased.
    async fn erased(
        &self,
        posts: &[Post],
        known: &[Option<Recalled>],
    ) -> anyhow::Result<BTreeSet<MentionId>> {
        let mut erased = BTreeSet::new();
        for (post, known) in posts.iter().zip(known) {
            let Some(known) = known.as_ref().filter(|known| post.deleted || !known.version_known) else {
                continue;
            };
            for (_, id, _) in &known.mentions {
                if self.store.mention(*id).await?.is_some_and(|mention| mention.erased_at.is_some()) {
                    erased.insert(*id);
                }
            }
        }
        Ok(erased)
    }

    async fn score(
        &self,
        desk: &Desk,
        candidates: Vec<Candidate>,
        scores: &mut Scores,
    ) -> anyhow::Result<Vec<(ScoredMention, u32)>> {
        let key = |mention: &Mention| {
            (mention.post.id.clone(), mention.post.version.clone(), mention.topic.clone())
        };
        let missing: Vec<&Candidate> =
            candidates.iter().filter(|candidate| !scores.contains_key(&key(&candidate.mention))).collect();
        if !missing.is_empty() {
            let began = Instant::now();
            let batch = missing.iter().map(|candidate| scorable(desk, &candidate.mention)).collect();
            let scoring = stage::enter("score");
            let verdicts = self.scorer.score(batch).await?;
            drop(scoring);
            metrics::scored(began.elapsed().as_secs_f64());
            scores.extend(missing.iter().map(|candidate| key(&candidate.mention)).zip(verdicts));
        }
        let scored = candidates.into_iter().map(|Candidate { mention, revision }| {
            let sentiment =
                scores.get(&key(&mention)).cloned().context("the scorer gave fewer verdicts than texts")?;
            Ok((ScoredMention { mention, sentiment }, revision))
        });
        scored.collect()
    }
}

/// The language of a post that is taken in, for rules and for the model.
pub fn lang(post: &Post) -> Option<String> {
    language_of(post.lang.as_deref(), &post.own_words())
}

/// What the model is asked about a mention.
pub fn scorable(desk: &Desk, mention: &Mention) -> Scorable {
    let name = desk.topics.get(&mention.topic).map_or("", |topic| topic.name.as_str());
    Scorable {
        text: mention.post.own_words(),
        target: target(mention, name).map(str::to_owned),
        lang: mention.post.lang.clone(),
    }
}

/// Towards what a mention is scored: a term of ours as it is written in it, else the topic's name.
/// Of several terms the first that shares a word with the name, else the first: a query says what
/// else must stand there, as in `acme (crash OR refund)`, and the refund is not the brand.
fn target<'a>(mention: &'a Mention, name: &'a str) -> Option<&'a str> {
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let own = words(name);
    let written = |span: &Span| {
        let field = match span.field {
            Field::Title => mention.post.title.as_deref()?,
            Field::Text => &mention.post.text,
        };
        field.get(span.start..span.end).filter(|term| !term.trim().is_empty())
    };
    let mut terms = mention.spans.iter().filter_map(written);
    let first = terms.clone().next();
    terms.find(|term| !words(term).is_disjoint(&own)).or(first).or((!name.is_empty()).then_some(name))
}

/// What the last piece of a batch carries: the cursor and all that goes with it.
struct Closing {
    rejects: Vec<Reject>,
    gaps: Vec<Gap>,
    position: Option<Position>,
    fetched_through: Option<Timestamp>,
    next_poll: Timestamp,
    inbox_through: Option<u64>,
    look: Look,
}

#[derive(Default)]
struct Chosen {
    candidates: Vec<Candidate>,
    gone: Vec<MentionId>,
    skipped: BTreeMap<SkipReason, u64>,
}

impl Chosen {
    fn add(&mut self, selected: Selected) {
        match selected {
            Selected::Mentions(mut candidates) => {
                if let Some(first) = candidates.first() {
                    let lang = lang(&first.mention.post);
                    candidates.iter_mut().for_each(|one| one.mention.post.lang.clone_from(&lang));
                }
                self.candidates.extend(candidates);
            }
            Selected::Skipped(reason) => *self.skipped.entry(reason).or_default() += 1,
            Selected::Gone(mentions) => {
                *self.skipped.entry(SkipReason::Deleted).or_default() += 1;
                self.gone.extend(mentions);
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one transaction's parts, put together in one place")]
fn recording(
    mut state: SourceState,
    given: usize,
    skipped: BTreeMap<SkipReason, u64>,
    erased: Vec<MentionId>,
    decided: Decided,
    closing: Option<(&Closing, &Entry)>,
    (desk, source): (&Desk, &SourcePlan),
    now: Timestamp,
) -> Recording {
    let mut effects = decided.effects;
    state.seen += 1;
    state.posts += given as u64;
    for (reason, count) in skipped {
        *state.skipped.entry(reason).or_default() += count;
    }
    if !decided.mentions.is_empty() {
        state.spoke_at = Some(now);
    }
    if let Some((closing, entry)) = closing {
        entry.apply(&mut state);
        if closing.look.fresh > 0 {
            state.spoke_at = Some(now);
        }
        if let Some(said) = &entry.notice {
            effects.notifications.extend(notice::to_concerned(desk, said, source.topic.as_ref(), now));
        }
        for reject in &closing.rejects {
            *state.skipped.entry(reject.reason).or_default() += 1;
        }
        if let Some(position) = &closing.position {
            state.cursor.clone_from(&position.cursor);
            state.memo.clone_from(&position.memo);
        }
        state.asked_at = Some(now);
        state.answered_at = Some(now);
        state.fetched_through = closing.fetched_through.or(state.fetched_through);
        state.next_poll = closing.next_poll;
        state.failures = 0;
        state.failing_since = None;
        state.last_error = None;
        if let Some(part) = part::lasting(&state.unread, SICK_AFTER, SICK_FOR, now) {
            if !std::mem::replace(&mut state.told_in_part, true) {
                let (source, since, said) = (state.id.clone(), part.since, part.words());
                let in_part = Notice::SourceInPart { source, since, said };
                effects.notifications.extend(notice::to_operator(desk, &in_part, now));
            }
        } else if state.unread.is_empty()
            && (std::mem::take(&mut state.told_sick) | std::mem::take(&mut state.told_in_part))
        {
            let well = Notice::SourceWell { source: state.id.clone() };
            effects.notifications.extend(notice::to_operator(desk, &well, now));
        }
    }
    Recording {
        source: state,
        mentions: decided.mentions,
        erased,
        effects,
        gaps: closing.map(|(_, entry)| entry.gaps.clone()).unwrap_or_default(),
        inbox_through: closing.and_then(|(closing, _)| closing.inbox_through),
    }
}
