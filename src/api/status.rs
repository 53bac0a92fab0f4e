//! How the daemon is: sources and their blind spots, queues, tasks, the model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Api, Result};
use crate::domain::digest::Window;
use crate::domain::sentiment::{Counts, Model};
use crate::domain::source::{Gap, SourceState};
use crate::store::{EscalationFilter, MentionFilter, OutboxDepth, Page, Size};

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Of this program.
    pub version: String,
    /// The present, as the daemon sees it.
    pub now: Timestamp,
    /// When it started.
    pub started_at: Timestamp,
    /// The model in use.
    pub model: Option<Model>,
    /// Every configured source, and those of which a row is left.
    pub sources: Vec<SourceState>,
    /// Blind stretches of the last week.
    pub gaps: Vec<Gap>,
    /// How full the outbox is.
    pub outbox: OutboxDepth,
    /// How large the store is.
    pub store: Size,
    /// Unresolved escalations, at most a page of them counted.
    pub unresolved: usize,
    /// Mentions of the last 24 hours, by topic.
    pub today: BTreeMap<String, Counts>,
    /// What the tasks are doing.
    pub tasks: BTreeMap<String, serde_json::Value>,
}

impl Api {
    /// Everything at a glance.
    ///
    /// # Errors
    /// The store's.
    pub async fn status(&self) -> Result<Status> {
        let now = self.clock.now();
        let day = Window {
            from: now - jiff::SignedDuration::from_hours(24),
            until: now + jiff::SignedDuration::from_secs(1),
        };
        let week = Window { from: now - jiff::SignedDuration::from_hours(7 * 24), until: day.until };
        let today = self.counts(day).await?;
        let open = EscalationFilter { unresolved: true, ..EscalationFilter::default() };
        let tasks = self.driver.iter().flat_map(|driver| driver.status());
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            now,
            started_at: self.started_at,
            model: self.scorer.as_ref().map(|scorer| scorer.model().clone()),
            sources: self.store.sources().await?,
            gaps: self.store.gaps(week).await?,
            outbox: self.store.outbox(now).await?,
            store: self.store.size().await?,
            unresolved: self.store.escalations(open, Page::first(super::list::MOST)).await?.rows.len(),
            today,
            tasks: tasks
                .map(|(name, status)| (name, serde_json::to_value(status).unwrap_or_default()))
                .collect(),
        })
    }

    /// Mentions of a window by topic: counted from the rows themselves, so that each figure is the
    /// length of the list that it opens.
    async fn counts(&self, window: Window) -> Result<BTreeMap<String, Counts>> {
        let topics = self.desk.load();
        let mut counts: BTreeMap<String, Counts> =
            topics.topics.keys().map(|topic| (topic.to_string(), Counts::default())).collect();
        let filter = MentionFilter { window: Some(window), ..MentionFilter::default() };
        let mut page = Page::first(super::list::MOST);
        loop {
            let rows = self.store.mentions(filter.clone(), page.clone()).await?;
            for mention in rows.rows {
                counts.entry(mention.topic().to_string()).or_default().add(mention.sentiment().polarity);
            }
            match rows.next {
                Some(next) => page.after = Some(next),
                None => return Ok(counts),
            }
        }
    }

    /// Whether store, scorer and tasks answer; the words for `/readyz` if not.
    pub async fn ready(&self) -> std::result::Result<(), String> {
        if let Err(error) = self.store.ping().await {
            // Anybody may ask, so nobody is told where the store lies.
            tracing::warn!("not ready: {error}");
            return Err("the store does not answer; the log says why".into());
        }
        match &self.scorer {
            Some(scorer) if !scorer.is_alive() => Err("the scorer has stopped".into()),
            _ => Ok(()),
        }
    }
}
