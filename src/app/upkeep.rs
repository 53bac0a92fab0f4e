//! What must be done now and then: ending what has outlived its time, reading the gauges, and
//! telling the operator of queues and disk.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::alarms::{Alarms, Room};
use super::memory;
use crate::api::Api;
use crate::config::Config;
use crate::pipeline::notice;
use crate::runtime::stop::Stop;
use crate::runtime::task::{Task, Wake};
use crate::source::{self, recheck};
use crate::store::{Effects, OutboxDepth, Retention};
use crate::telemetry::metrics;

/// How often the gauges are read.
const GAUGES_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// How often retention is looked at.
const RETAIN_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How often it is written that the daemon runs: what a kill leaves unsaid of it.
const ALIVE_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Rows looked at between two looks at the stop token.
const ROWS: usize = 500;

/// Does all of it.
pub struct Upkeep {
    api: Arc<Api>,
    retain_at: Option<Timestamp>,
    alive_at: Option<Timestamp>,
    alarms: Alarms,
}

impl Upkeep {
    /// Due at once.
    pub fn new(api: Arc<Api>) -> Self {
        Self { api, retain_at: None, alive_at: None, alarms: Alarms::default() }
    }

    /// Tells the operator of queues and disk, if there is something to tell.
    async fn alarm(&mut self, outbox: &OutboxDepth, now: Timestamp) -> anyhow::Result<()> {
        let room = nix::sys::statvfs::statvfs(&self.api.config.load().store_path).ok().map(|disk| Room {
            free: disk.blocks_available() * disk.fragment_size(),
            total: disk.blocks() * disk.fragment_size(),
        });
        let desk = self.api.desk.load_full();
        for notice in self.alarms.look(outbox, room, now) {
            let effects =
                Effects { notifications: notice::to_operator(&desk, &notice, now), ..Effects::default() };
            // Fresh keys: nothing can be in the way.
            let _ = self.api.store.step(effects).await?;
            self.api.deliver.nudge();
        }
        Ok(())
    }
}

#[async_trait]
impl Task for Upkeep {
    async fn run(&mut self, now: Timestamp, stop: &Stop) -> anyhow::Result<Wake> {
        if self.retain_at.is_none_or(|at| at <= now) {
            let config = self.api.config.load_full();
            loop {
                let done = self.api.store.retain(retention(&config, now)).await?;
                if done.erased > 0 {
                    tracing::info!(
                        mentions = done.erased,
                        "{} texts have outlived their time and were erased",
                        done.erased
                    );
                }
                if !done.more || stop.is_stopped() {
                    break;
                }
            }
            self.retain_at = Some(now + RETAIN_EVERY);
        }
        if self.alive_at.is_none_or(|at| at <= now) {
            memory::alive(&*self.api.store, now).await?;
            self.alive_at = Some(now + ALIVE_EVERY);
        }
        if let Some(metrics) = &self.api.metrics {
            // Samples pile up until they are counted, and nobody may ever ask for /metrics.
            metrics.run_upkeep();
        }
        let outbox = self.api.store.outbox(now).await?;
        let oldest = outbox.oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
        metrics::outbox(outbox.waiting, oldest);
        self.alarm(&outbox, now).await?;
        for queue in self.api.rechecks().await? {
            metrics::rechecks(queue.source.as_str(), queue.waiting, queue.overdue);
        }
        let size = self.api.store.size().await?;
        metrics::store(size.disk_bytes, size.mentions);
        for (task, status) in self.api.driver.iter().flat_map(|driver| driver.status()) {
            metrics::task_failures(&task, status.failures);
        }
        Ok(Some(now + GAUGES_EVERY))
    }
}

/// What has outlived its time at `now`.
fn retention(config: &Config, now: Timestamp) -> Retention {
    let ago = |length: SignedDuration| now.checked_sub(length).unwrap_or(Timestamp::UNIX_EPOCH);
    let (mut terms, mut refreshed) = (Vec::new(), Vec::new());
    for settings in &config.sources {
        let of = source::kind(&settings.kind).map(|kind| kind.terms);
        let Some((of, keep)) = of.and_then(|of| Some((of, recheck::keep(of)?))) else { continue };
        let list = if of.refresh { &mut refreshed } else { &mut terms };
        list.push((settings.id.clone(), ago(keep)));
    }
    Retention {
        terms,
        refreshed,
        text_before: ago(config.retention.text),
        topics: config
            .topics
            .iter()
            .filter_map(|topic| topic.retention.map(|length| (topic.id.clone(), ago(length))))
            .collect(),
        sources: config
            .sources
            .iter()
            .filter_map(|source| source.retention.map(|length| (source.id.clone(), ago(length))))
            .collect(),
        rows_before: ago(config.retention.rows),
        limit: ROWS,
        now,
    }
}
