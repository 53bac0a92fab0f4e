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
    /// From when `today` and `hours` count: the full hour 23 hours before the present one.
    pub since: Timestamp,
    /// Mentions of the last 24 hours, by topic.
    pub today: BTreeMap<String, Counts>,
    /// The same by hour; adds up to `today`.
    pub hours: Vec<Hour>,
    /// What the tasks are doing.
    pub tasks: BTreeMap<String, serde_json::Value>,
}

/// Mentions of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Its first instant.
    pub from: Timestamp,
    /// How many leant which way.
    pub counts: Counts,
}

impl Api {
    /// Everything at a glance.
    ///
    /// # Errors
    /// The store's.
    pub async fn status(&self) -> Result<Status> {
        let now = self.clock.now();
        // Whole hours, so that a count and the list behind it have the same borders.
        let hour = jiff::SignedDuration::from_hours(1);
        let since =
            Timestamp::from_second(now.as_second().div_euclid(3_600) * 3_600).unwrap_or(now) - hour * 23;
        let day = Window { from: since, until: now + jiff::SignedDuration::from_secs(1) };
        let week = Window { from: now - jiff::SignedDuration::from_hours(7 * 24), until: day.until };
        let mut today = BTreeMap::new();
        let mut hours: Vec<Hour> =
            (0..24).map(|n| Hour { from: since + hour * n, counts: Counts::default() }).collect();
        let topics: Vec<_> = self.desk.load().topics.keys().cloned().collect();
        for topic in topics {
            let mut counts = Counts::default();
            for tally in self.store.tallies(topic.clone(), day).await? {
                counts += tally.counts;
                let place = hours.partition_point(|hour| hour.from <= tally.from);
                if let Some(hour) = place.checked_sub(1).and_then(|place| hours.get_mut(place)) {
                    hour.counts += tally.counts;
                }
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
            sources: self.store.sources().await?,
            gaps: self.store.gaps(week).await?,
            outbox: self.store.outbox(now).await?,
            store: self.store.size().await?,
            unresolved: self.store.escalations(open, Page::first(super::list::MOST)).await?.rows.len(),
            since,
            today,
            hours,
            tasks: tasks
                .map(|(name, status)| (name, serde_json::to_value(status).unwrap_or_default()))
                .collect(),
        })
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
