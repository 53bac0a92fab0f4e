//! The queue of one source's posts that are asked for anew: which of them were edited, which are gone.
//!
//! # Properties wanted
//! * Every post of a source that can be asked by id stands in the queue for as long as its text is kept, as a
//!   row of the store: it enters in the transaction that records it. What is in no queue (rows of an earlier
//!   earmark, of an import, of settings that could not ask) is entered at the start.
//! * A turn is one question. What it learnt is recorded before its rows move on, so a kill costs the question
//!   once more.
//! * The source's own looks come first: turns keep to half of the budget, step back when a look had to wait
//!   for it, and happen when no look is due. A source that never rests gives a turn a minute, for a deadline
//!   is a deadline.
//! * An error is no sign that a post is gone, and no sign that the source is sick: its own looks say that.
//! * A row moves on only with what was said of its post. What a question left open is asked again in time, soon
//!   where the place cut it short, and stands behind the others meanwhile, so that a post of which nobody ever
//!   says a word holds up none. Its row keeps its due time: what is overdue is counted as that.
//! * A question that fails is asked again in halves, down to the one post that the place cannot bear to be asked
//!   for, so that it keeps no other from its deadline.
//! * While the source's own looks fail, a post that is merely missing is not taken for gone: a gate before the
//!   place, or a place that moved, answers the same for everything. One that shows as deleted is.
//!
//! # Accepted
//! * From the moment a place breaks in that way to its next own look, what is missing is believed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::ingest::Ingest;
use crate::domain::id::{MentionId, SourceId};
use crate::domain::mention::RecordedMention;
use crate::domain::post::Post;
use crate::runtime::stage;
use crate::runtime::stop::Stop;
use crate::source::recheck::{next_recheck, next_try, pace};
use crate::source::{Known, Rechecked, Retry, Source, SourceError, Terms, schedule};
use crate::store::{Effects, Recheck};
use crate::telemetry::metrics;

/// Rows entered at once.
const ENTERED: usize = 500;
/// A source that never rests lets a turn wait this long.
const STARVED: SignedDuration = SignedDuration::from_mins(1);
/// A queue in which all that is due waits for its next try is looked at this often.
const IDLE: SignedDuration = SignedDuration::from_mins(15);
/// How far turns step back behind looks that wait for the budget.
const SLOWEST: u32 = 64;

/// Posts asked for in vain that are remembered; of more than that the rows move on as if they had been seen.
const MOST_VAIN: usize = 2_000;

/// See the module page.
pub struct Queue {
    id: SourceId,
    kind: &'static str,
    terms: &'static Terms,
    at_once: usize,
    ingest: Arc<Ingest>,
    /// Where entering what is in no queue goes on; none: all are entered.
    entering: Option<Option<String>>,
    /// No turn before this.
    next: Timestamp,
    /// Set once the queue was looked at.
    known: bool,
    slow: u32,
    failures: u32,
    /// Until when to leave alone what was asked for in vain. Not written down: a restart asks once more.
    vain: HashMap<MentionId, Timestamp>,
    /// Posts in one question now: fewer after one that failed.
    portion: usize,
}

/// When a mention's post, served at `now`, is to be asked for again.
pub fn after_seeing(terms: &Terms, mention: &RecordedMention, now: Timestamp) -> Recheck {
    Recheck { mention: mention.id(), due: next_recheck(terms, age(mention, now), now), seen_at: now }
}

fn age(mention: &RecordedMention, now: Timestamp) -> SignedDuration {
    let written = mention.post().created_at.map_or(mention.recorded_at, |at| at.min(mention.recorded_at));
    now.duration_since(written)
}

impl Queue {
    /// The queue of a source that may be asked for `at_once` posts in one question.
    pub fn new(
        id: SourceId,
        kind: &'static str,
        terms: &'static Terms,
        at_once: usize,
        ingest: Arc<Ingest>,
    ) -> Self {
        Self {
            id,
            kind,
            terms,
            at_once,
            ingest,
            entering: Some(None),
            next: Timestamp::MIN,
            known: false,
            slow: 1,
            failures: 0,
            vain: HashMap::new(),
            portion: at_once,
        }
    }

    /// By what it goes.
    pub fn terms(&self) -> &'static Terms {
        self.terms
    }

    /// Whether a turn is in order at `now`; `polls`: a look of the source's own is due too.
    pub fn is_due(&self, now: Timestamp, polls: bool) -> bool {
        let at = if polls { self.next.checked_add(STARVED).unwrap_or(Timestamp::MAX) } else { self.next };
        self.known && at <= now
    }

    /// A look of the source's own had to wait for the budget, or had not.
    pub fn looked(&mut self, waited: bool) {
        self.slow = if waited { (self.slow * 2).min(SLOWEST) } else { self.slow.saturating_sub(1).max(1) };
    }

    /// When the next turn is in order, as the store now stands.
    pub async fn wakes_at(&mut self, now: Timestamp) -> anyhow::Result<Timestamp> {
        if !self.known {
            self.known = true;
            self.next = now;
        }
        if self.entering.is_some() {
            return Ok(self.next);
        }
        let due = self.ingest.store().next_recheck(self.id.clone()).await?;
        Ok(due.map_or(Timestamp::MAX, |due| due.max(self.next)))
    }

    /// One turn; `false`: the daemon stops, or a reload took the source away. `well`: its own looks succeed.
    pub async fn turn(
        &mut self,
        source: &mut dyn Source,
        now: Timestamp,
        well: bool,
        stop: &Stop,
    ) -> anyhow::Result<bool> {
        if let Some(after) = self.entering.clone() {
            self.entering = self.enter(after).await?;
            self.next = now;
            return Ok(true);
        }
        let (rows, others) = self.due(now).await?;
        self.next = now + pace(self.terms) * i32::try_from(self.slow).unwrap_or(1);
        if rows.is_empty() {
            // All that is due waits for its next try, and would wake us at every pace.
            let again = self.vain.values().min().map_or(now, |again| (*again).min(now + IDLE));
            self.next = self.next.max(again);
            return Ok(true);
        }
        let posts: BTreeMap<&str, &Post> =
            rows.iter().map(|(_, mention)| (mention.post().id.as_str(), mention.post())).collect();
        let known: Vec<Known> = posts
            .values()
            .map(|post| Known { id: post.id.clone(), url: post.url.clone(), parent: post.parent.clone() })
            .collect();
        let asking = stage::enter("poll");
        let answer = stop.or(source.recheck(&known, now)).await;
        drop(asking);
        let rechecked = match answer {
            None => return Ok(false),
            Some(Err(error)) => {
                self.failures = self.failures.saturating_add(1);
                let wait = pace(self.terms).max(SignedDuration::from_mins(1));
                let retry = if error.pause().is_some() {
                    error.retry
                } else {
                    self.narrow(&rows, others, &error, now)
                };
                let failures = self.failures;
                self.next = schedule::next_poll(wait, None, Some(retry), failures, now, rand::random());
                metrics::rechecked(self.kind, "failed", known.len());
                tracing::debug!(source.id = %self.id, "source {} did not say what became of posts: {}", self.id, error.what);
                return Ok(true);
            }
            Some(Ok(rechecked)) => rechecked,
        };
        self.failures = 0;
        self.portion = (self.portion * 2).min(self.at_once);
        let cut = rechecked.rest.is_some();
        if let Some(rest) = rechecked.rest {
            self.next = self.next.max(now.checked_add(rest.min(schedule::LONGEST)).unwrap_or(Timestamp::MAX));
        }
        let rechecked = if well { rechecked } else { Rechecked { gone: Vec::new(), ..rechecked } };
        let (seen, changed) = self.compare(&posts, rechecked);
        let gone: BTreeSet<String> =
            changed.iter().filter(|post| post.deleted).map(|post| post.id.clone()).collect();
        if !changed.is_empty() && !self.ingest.renew(&self.id, changed, self.terms, stop).await? {
            return Ok(false);
        }
        let mut effects = Effects::default();
        for (old, mention) in &rows {
            let id = &mention.post().id;
            if seen.contains(id) {
                effects.rechecks.push(after_seeing(self.terms, mention, now));
            } else if gone.contains(id) || (!cut && !self.later(old, mention.id(), now)) {
                // Rows of what is gone went with its text, and are passed over.
                effects
                    .rechecks
                    .push(Recheck { seen_at: old.seen_at, ..after_seeing(self.terms, mention, now) });
            }
        }
        // There is nothing in it that could conflict.
        let _ = self.ingest.store().step(effects).await?;
        Ok(true)
    }

    /// What is to be asked for now, most pressing first, and whether others wait behind it.
    async fn due(&mut self, now: Timestamp) -> anyhow::Result<(Vec<(Recheck, RecordedMention)>, bool)> {
        self.vain.retain(|_, until| *until > now);
        let most = self.portion + self.vain.len() + 1;
        let mut rows = self.ingest.store().rechecks(self.id.clone(), now, most).await?;
        rows.retain(|(old, _)| !self.vain.contains_key(&old.mention));
        let others = rows.len() > self.portion;
        rows.truncate(self.portion);
        Ok((rows, others))
    }

    /// After a question that failed: the next one is half of it, and one that cannot be halved stands back. How
    /// to go on: where others wait, a fault that only a person can mend may be that one post's.
    fn narrow(
        &mut self,
        rows: &[(Recheck, RecordedMention)],
        others: bool,
        error: &SourceError,
        now: Timestamp,
    ) -> Retry {
        self.portion = (rows.len() / 2).max(1);
        if let [(old, mention)] = rows {
            self.later(old, mention.id(), now);
            if !others {
                return error.retry;
            }
        }
        Retry::Soon
    }

    /// Leaves alone for a while what was asked for in vain; `false` where there is no room to remember it.
    fn later(&mut self, row: &Recheck, id: MentionId, now: Timestamp) -> bool {
        let fits = self.vain.len() < MOST_VAIN;
        if fits {
            self.vain.insert(id, next_try(now.duration_since(row.seen_at), now));
        }
        fits
    }

    /// Enters a portion of what is in no queue, as seen when it was last written down; where to go on.
    async fn enter(&self, after: Option<String>) -> anyhow::Result<Option<Option<String>>> {
        let rows = self.ingest.store().unscheduled(self.id.clone(), after, ENTERED).await?;
        let rechecks = rows.rows.iter().map(|mention| after_seeing(self.terms, mention, mention.updated_at));
        let effects = Effects { rechecks: rechecks.collect(), ..Effects::default() };
        let _ = self.ingest.store().step(effects).await?;
        Ok(rows.next.map(Some))
    }

    /// Which posts are still served, and what changed: edits, and notices of those that are gone.
    fn compare(&self, posts: &BTreeMap<&str, &Post>, rechecked: Rechecked) -> (BTreeSet<String>, Vec<Post>) {
        let Rechecked { posts: served, gone, .. } = rechecked;
        let mut seen = BTreeSet::new();
        let mut changed = Vec::new();
        let (mut edited, mut lost) = (0, 0);
        for post in served {
            let Some(old) = posts.get(post.id.as_str()) else { continue };
            if !post.deleted {
                seen.insert(post.id.clone());
            }
            if post.deleted || post.version != old.version {
                edited += usize::from(!post.deleted);
                lost += usize::from(post.deleted);
                changed.push(Post { source: self.id.clone(), ..post });
            }
        }
        for id in gone {
            let Some(old) = posts.get(id.as_str()) else { continue };
            if !seen.remove(&id) {
                lost += 1;
                let bare =
                    Post { title: None, text: String::new(), author: None, url: None, ..(*old).clone() };
                changed.push(Post { deleted: true, ..bare });
            }
        }
        metrics::rechecked(self.kind, "edited", edited);
        metrics::rechecked(self.kind, "gone", lost);
        metrics::rechecked(self.kind, "unchanged", seen.len().saturating_sub(edited));
        (seen, changed)
    }
}
