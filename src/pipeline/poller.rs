//! One source's task: look, hand over what it gave, say when to look again. Errors slow it and
//! never end it; several in a row are told to the operator, once, and so is the recovery.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::coverage::Look;
use super::ingest::{Given, Ingest};
use super::recheck::Queue;
use crate::domain::id::SourceId;
use crate::domain::source::SourceState;
use crate::runtime::stage;
use crate::runtime::stop::Stop;
use crate::runtime::task::{Task, Wake};
use crate::source::schedule::{self, Bounds, Heard};
use crate::source::{self, Position, Retry, Source, SourceError};
use crate::telemetry::metrics;

/// Failures in a row after which the operator is told, if they lasted [`SICK_FOR`] too: a site
/// that hiccups is nobody's business (USERS U10), one that stays silent is (U6).
pub(super) const SICK_AFTER: u32 = 3;
/// See [`SICK_AFTER`].
pub(super) const SICK_FOR: SignedDuration = SignedDuration::from_mins(15);

/// Asks one source again and again.
pub struct Poller {
    id: SourceId,
    kind: &'static str,
    source: Box<dyn Source>,
    ingest: Arc<Ingest>,
    /// What its row says of the next look was said by other settings.
    anew: bool,
    /// Its posts are asked for anew, where the place can be asked by id.
    queue: Option<Queue>,
}

impl Poller {
    /// A poller for a source of this kind.
    pub fn new(id: SourceId, kind: &'static str, source: Box<dyn Source>, ingest: Arc<Ingest>) -> Self {
        let at_once = source.recheck_at_once();
        let terms = source::kind(kind).map(|kind| kind.terms).filter(|_| at_once > 0);
        let queue = terms.map(|terms| Queue::new(id.clone(), kind, terms, at_once, ingest.clone()));
        Self { id, kind, source, ingest, anew: false, queue }
    }

    /// Looks at once, whatever the row says: a reload changed how the source is read, and a person
    /// waits to see whether it works now.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { anew: true, ..self }
    }

    /// When to wake: for the next look, or for a post to be asked for anew.
    async fn wake(&mut self, next_poll: Timestamp, now: Timestamp) -> anyhow::Result<Wake> {
        Ok(Some(match &mut self.queue {
            Some(queue) => next_poll.min(queue.wakes_at(now).await?),
            None => next_poll,
        }))
    }

    /// How long to wait after a look that went well: less while much is said, more while little is.
    async fn pace(&self, state: &SourceState, look: &Look, now: Timestamp) -> anyhow::Result<SignedDuration> {
        let rhythm = self.ingest.rhythm(&self.id).await?;
        // What a first look gives, or one that makes up for others, says nothing of the present.
        let compares = state.newest.is_some() && state.behind_since.is_none();
        let since = state.answered_at.filter(|_| compares).map(|before| now.duration_since(before));
        let heard = Heard {
            usual: rhythm.and_then(|rhythm| rhythm.usual(now)),
            lately: since.map(|since| (look.fresh, since)),
        };
        Ok(schedule::pace(&Bounds::of(self.source.interval(), self.kind), &heard))
    }

    /// What may be asked of the site is used up: no failure of anybody's, only a later look.
    async fn waits(&self, state: SourceState, left: SignedDuration, now: Timestamp) -> anyhow::Result<Wake> {
        metrics::poll(self.kind, "waits");
        let interval = self.source.interval();
        let retry = Some(Retry::Budget(left));
        let wake = self
            .ingest
            .note(&self.id, state, |state| {
                state.asked_at = Some(now);
                state.next_poll =
                    schedule::next_poll(interval, None, retry, state.failures, now, rand::random());
                false
            })
            .await?;
        tracing::debug!(source.id = %self.id, "source {} waits {left:#} for its budget", self.id);
        Ok(Some(wake))
    }

    async fn failed(&self, state: SourceState, error: SourceError, now: Timestamp) -> anyhow::Result<Wake> {
        metrics::poll(self.kind, "failed");
        let interval = self.source.interval();
        let wake = self
            .ingest
            .note(&self.id, state, |state| {
                state.asked_at = Some(now);
                state.failures = state.failures.saturating_add(1);
                state.failing_since.get_or_insert(now);
                state.last_error = Some(error.what.clone());
                if let Some(position) = &error.position {
                    state.cursor.clone_from(&position.cursor);
                    state.memo.clone_from(&position.memo);
                }
                state.next_poll = schedule::next_poll(
                    interval,
                    None,
                    Some(error.retry),
                    state.failures,
                    now,
                    rand::random(),
                );
                let since = state.failing_since.unwrap_or(now);
                state.failures >= SICK_AFTER
                    && !state.told_sick
                    && (now.duration_since(since) >= SICK_FOR || error.retry == Retry::Never)
            })
            .await?;
        tracing::warn!(source.id = %self.id, "source {} gave nothing: {}", self.id, error.what);
        Ok(Some(wake))
    }
}

#[async_trait]
impl Task for Poller {
    async fn run(&mut self, now: Timestamp, stop: &Stop) -> anyhow::Result<Wake> {
        let state = self.ingest.state(&self.id, now).await?;
        let due = schedule::due(state.next_poll, state.asked_at, now);
        let polls = std::mem::take(&mut self.anew) || due <= now;
        if let Some(queue) = self.queue.as_mut().filter(|queue| queue.is_due(now, polls))
            && !queue.turn(&mut *self.source, now, state.failures == 0, stop).await?
        {
            return Ok(None);
        }
        if !polls {
            return self.wake(due, now).await;
        }
        let position = Position { cursor: state.cursor.clone(), memo: state.memo.clone() };
        let polling = stage::enter("poll");
        let polled = stop.or(self.source.poll(&position, now)).await;
        drop(polling);
        let batch = match polled {
            None => return Ok(None),
            Some(Err(SourceError { retry: Retry::Budget(left), .. })) => {
                self.queue.iter_mut().for_each(|queue| queue.looked(true));
                return self.waits(state, left, now).await;
            }
            Some(Err(error)) => return self.failed(state, error, now).await,
            Some(Ok(batch)) => batch,
        };
        self.queue.iter_mut().for_each(|queue| queue.looked(false));
        metrics::posts_polled(self.kind, batch.posts.len());
        metrics::poll(self.kind, if batch.posts.is_empty() { "nothing_new" } else { "fresh" });
        metrics::source_answered(self.id.as_str(), now.as_duration().as_secs_f64());
        for trouble in &batch.trouble {
            tracing::warn!(source.id = %self.id, "source {} is read in part: {}: {}", self.id, trouble.part, trouble.what);
        }
        let interval = self.source.interval();
        let look = Look {
            more: batch.more,
            pauses: batch.rest.is_some(),
            trouble: batch.trouble,
            ..Look::pulled(&state, &batch.posts, now, interval)
        };
        let next_poll = if batch.more {
            now
        } else {
            let wait = self.pace(&state, &look, now).await?;
            schedule::next_poll(wait, batch.rest, None, 0, now, rand::random())
        };
        let given = Given {
            posts: batch.posts,
            rejects: batch.rejects,
            gaps: batch.gaps,
            position: Some(batch.position),
            fetched_through: batch.fetched_through,
            next_poll,
            inbox_through: None,
            gone: batch.gone,
            terms: self.queue.as_ref().map(Queue::terms),
            look,
        };
        // What was not taken in is asked for again by whoever reads this source next.
        let taken = self.ingest.take(&self.id, given, stop).await?;
        if taken { self.wake(next_poll, now).await } else { Ok(None) }
    }
}
