//! How the daemon is: sources and their blind spots, queues, tasks, the model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Api, Result};
use crate::domain::digest::Window;
use crate::domain::sentiment::{Counts, Model};
use crate::domain::source::{Gap, SourceState};
use crate::store::{EscalationFilter, OutboxDepth, Page, Size};

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
        let mut today = BTreeMap::new();
        let topics: Vec<_> = self.desk.load().topics.keys().cloned().collect();
        for topic in topics {
            let mut counts = Counts::default();
            for tally in self.store.tallies(topic.clone(), day).await? {
                counts += tally.counts;
            }
            today.insert(topic.to_string(), counts);
        }
        let open = EscalationFilter { unresolved: true, ..EscalationFilter::default() };
        let tasks = self.driver.iter().flat_map(|driver| driver.status());
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            now,
            started_at: self.started_at,
            model: self.scorer.as_ref().map(|scorer| scorer.model().clone()),
            sources: self.source_states().await?,
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

    /// Every configured source, one that was never read among them, and those of which a row is left.
    pub(super) async fn source_states(&self) -> Result<Vec<SourceState>> {
        let mut states = self.store.sources().await?;
        let started = self.started_at;
        for source in &self.config.load().sources {
            if !states.iter().any(|state| state.id == source.id) {
                states.push(SourceState::new(source.id.clone(), started));
            }
        }
        Ok(states)
    }

    /// Whether store, scorer and tasks answer; the words for `/readyz` if not.
    pub async fn ready(&self) -> std::result::Result<(), String> {
        self.store.ping().await.map_err(|error| error.to_string())?;
        match &self.scorer {
            Some(scorer) if !scorer.is_alive() => Err("the scorer has stopped".into()),
            _ => Ok(()),
        }
    }
}
