//! Reads what senders pushed: the inbox is a source like any other, whose cursor is the deletion
//! of what was taken in.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::coverage::Look;
use super::ingest::{Given, Ingest};
use super::plan::IMPORT;
use crate::domain::id::SourceId;
use crate::runtime::stage;
use crate::runtime::stop::Stop;
use crate::runtime::task::{Task, Wake};
use crate::store::Store;
use crate::telemetry::metrics;

/// Posts taken in at once.
const BATCH: usize = 500;
/// A nudge wakes the reader; this is how long a lost one would cost.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// How often it is written that nothing came, once anything has.
const QUIET_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Takes in what one source's senders pushed.
pub struct InboxReader {
    id: SourceId,
    kind: &'static str,
    store: Arc<dyn Store>,
    ingest: Arc<Ingest>,
}

impl InboxReader {
    /// A reader for a source of this kind.
    pub fn new(id: SourceId, kind: &'static str, store: Arc<dyn Store>, ingest: Arc<Ingest>) -> Self {
        Self { id, kind, store, ingest }
    }
}

impl InboxReader {
    /// Whether it is time to write that nothing came: what is expected and does not come is news too.
    async fn is_quiet(&self, now: Timestamp) -> anyhow::Result<bool> {
        if self.kind == IMPORT {
            return Ok(false);
        }
        let answered = self.ingest.state(&self.id, now).await?.answered_at;
        Ok(answered.is_some_and(|at| now.duration_since(at) >= QUIET_EVERY))
    }
}

#[async_trait]
impl Task for InboxReader {
    async fn run(&mut self, now: Timestamp, stop: &Stop) -> anyhow::Result<Wake> {
        loop {
            let polling = stage::enter("poll");
            let rows = self.store.inbox(self.id.clone(), None, BATCH).await?;
            drop(polling);
            if rows.is_empty() && !self.is_quiet(now).await? {
                return Ok(Some(now + LOOK_AGAIN));
            }
            let last = rows.last().map(|(number, _)| *number);
            let learns = self.kind != IMPORT;
            let given = Given {
                inbox_through: last,
                look: Look { learns, ..Look::pushed(rows.len(), now) },
                next_poll: now + LOOK_AGAIN,
                fetched_through: Some(now),
                posts: rows.into_iter().map(|(_, post)| post).collect(),
                rejects: Vec::new(),
                gaps: Vec::new(),
                position: None,
                gone: Vec::new(),
                terms: None,
            };
            metrics::posts_polled(self.kind, given.posts.len());
            if !self.ingest.take(&self.id, given, stop).await? || stop.is_stopped() {
                return Ok(None);
            }
            if last.is_none() {
                return Ok(Some(now + LOOK_AGAIN));
            }
        }
    }
}
