//! How the daemon is: sources and their blind spots, queues, tasks, the model.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::forget::Rechecks;
use super::{Api, Result};
use crate::domain::correction::Calibration;
use crate::domain::digest::Window;
use crate::domain::id::SourceId;
use crate::domain::note::Note;
use crate::domain::sentiment::{Counts, Model};
use crate::domain::source::{Blind, SourceState};
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
    /// How well each of them is watched.
    #[serde(default)]
    pub coverage: Vec<Coverage>,
    /// Blind stretches of the last week, and which of them were repaired.
    pub gaps: Vec<Blind>,
    /// How full the outbox is.
    pub outbox: OutboxDepth,
    /// How large the store is.
    pub store: Size,
    /// Unresolved escalations, at most a page of them counted.
    pub unresolved: usize,
    /// From when `today` and `hours` count: the full hour 23 hours before the present one.
    pub since: Timestamp,
    /// Until when, exclusive: just past the present, so that what is recorded this instant counts.
    pub until: Timestamp,
    /// Mentions of the last 24 hours, by topic.
    pub today: BTreeMap<String, Counts>,
    /// How many of them count as a person said.
    #[serde(default)]
    pub corrected: u64,
    /// The temperature fitted on this house's own corrections, if one is in use.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// The same by hour; adds up to `today`.
    pub hours: Vec<Hour>,
    /// Queues of posts to be asked for anew.
    #[serde(default)]
    pub rechecks: Vec<Rechecks>,
    /// What the tasks are doing.
    pub tasks: BTreeMap<String, serde_json::Value>,
}

/// How well a source is watched, beside what its row says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Which.
    pub source: SourceId,
    /// How far it is behind, in seconds, while posts that have piled up are being read.
    pub behind_seconds: Option<i64>,
    /// Posts an hour that are usual at this hour of the week; none while too little was heard to say.
    pub usual_per_hour: Option<f64>,
    /// Posts that were to be expected since it last spoke.
    pub awaited: f64,
    /// Since when it has been strangely quiet.
    pub quiet_since: Option<Timestamp>,
    /// Since when a part of it is not read while the rest is; which part stands in its row.
    #[serde(default)]
    pub in_part_since: Option<Timestamp>,
}

/// Mentions of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Its first instant.
    pub from: Timestamp,
    /// How many lean which way.
    pub counts: Counts,
}

impl Api {
    /// Everything at a glance.
    ///
    /// # Errors
    /// The store's.
    pub async fn status(&self) -> Result<Status> {
        let now = self.clock.now();
        // Whole hours, so that each bar of the day and the list behind it have the same borders.
        let hour = jiff::SignedDuration::from_hours(1);
        let since =
            Timestamp::from_second(now.as_second().div_euclid(3_600) * 3_600).unwrap_or(now) - hour * 23;
        let until = now + jiff::SignedDuration::from_secs(1);
        let week = Window { from: now - hour * (7 * 24), until };
        let mut hours: Vec<Hour> =
            (0..24).map(|n| Hour { from: since + hour * n, counts: Counts::default() }).collect();
        let (today, corrected) = self.counts(Window { from: since, until }, &mut hours).await?;
        let open = EscalationFilter { unresolved: true, ..EscalationFilter::default() };
        let sources = self.store.sources().await?;
        let tasks = self.driver.iter().flat_map(|driver| driver.status());
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            now,
            started_at: self.started_at,
            model: self.scorer.as_ref().map(|scorer| scorer.model().clone()),
            coverage: self.coverage(&sources, now).await?,
            sources,
            gaps: self.store.gaps(week).await?,
            outbox: self.store.outbox(now).await?,
            store: self.store.size().await?,
            unresolved: self.store.escalations(open, Page::first(super::list::MOST)).await?.rows.len(),
            since,
            until,
            today,
            corrected,
            calibration: self.calibration().await?.in_use,
            hours,
            rechecks: self.rechecks().await?,
            tasks: tasks
                .map(|(name, status)| (name, serde_json::to_value(status).unwrap_or_default()))
                .collect(),
        })
    }

    async fn coverage(&self, sources: &[SourceState], now: Timestamp) -> Result<Vec<Coverage>> {
        let notes = self.store.notes().await?;
        let usual: BTreeMap<SourceId, f64> = notes
            .into_iter()
            .filter_map(|note| match note {
                Note::Rhythm(rhythm) => rhythm.usual(now).map(|usual| (rhythm.source, usual)),
                _ => None,
            })
            .collect();
        let coverage = sources.iter().map(|state| Coverage {
            source: state.id.clone(),
            behind_seconds: state.behind(now).map(|length| length.as_secs()),
            usual_per_hour: usual.get(&state.id).copied(),
            #[expect(clippy::cast_precision_loss, reason = "thousandths of posts are far below 2^52")]
            awaited: state.awaited as f64 / 1e3,
            quiet_since: state.spoke_at.filter(|_| state.told_quiet),
            in_part_since: state.unread.iter().map(|part| part.since).min(),
        });
        Ok(coverage.collect())
    }

    /// Mentions of a window by topic, and added to its hours, and how many a person judged: counted
    /// from the rows themselves, so that each figure is the length of the list that it opens.
    async fn counts(&self, window: Window, hours: &mut [Hour]) -> Result<(BTreeMap<String, Counts>, u64)> {
        let topics = self.desk.load();
        let mut counts: BTreeMap<String, Counts> =
            topics.topics.keys().map(|topic| (topic.to_string(), Counts::default())).collect();
        let filter = MentionFilter { window: Some(window), ..MentionFilter::default() };
        let mut corrected = 0;
        let mut page = Page::first(super::list::MOST);
        loop {
            let rows = self.store.mentions(filter.clone(), page.clone()).await?;
            for mention in rows.rows {
                let polarity = mention.polarity();
                corrected += u64::from(mention.correction.is_some());
                counts.entry(mention.topic().to_string()).or_default().add(polarity);
                let place = hours.partition_point(|hour| hour.from <= mention.recorded_at);
                if let Some(hour) = place.checked_sub(1).and_then(|place| hours.get_mut(place)) {
                    hour.counts.add(polarity);
                }
            }
            match rows.next {
                Some(next) => page.after = Some(next),
                None => return Ok((counts, corrected)),
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
