//! Makes the digests that are due. What it writes is only that a window was taken and the outbox
//! rows; the words are made when a row is sent.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::Timestamp;

use super::calendar::{self, Due};
use crate::domain::channel::Reach;
use crate::domain::digest::{DigestPlan, DigestRun, Window};
use crate::domain::notification::{About, Occasion, Reason};
use crate::domain::owner::Roster;
use crate::runtime::stop::Stop;
use crate::runtime::task::{Nudge, Task, Wake};
use crate::store::{Outcome, Store};

/// What the task goes by, swapped whole at a reload.
pub struct Digests {
    /// What is to be made.
    pub plans: Vec<DigestPlan>,
    /// For whom.
    pub roster: Roster,
    /// Where to reach them.
    pub reach: Reach,
}

/// Makes what is due.
pub struct DigestTask {
    /// Where the figures lie.
    pub store: Arc<dyn Store>,
    /// What to make.
    pub digests: Arc<ArcSwap<Digests>>,
    /// Wakes whoever sends.
    pub deliver: Nudge,
}

#[async_trait]
impl Task for DigestTask {
    async fn run(&mut self, now: Timestamp, stop: &Stop) -> anyhow::Result<Wake> {
        let digests = self.digests.load_full();
        let mut wake: Wake = None;
        for plan in &digests.plans {
            if stop.is_stopped() {
                break;
            }
            let last = self.store.last_digest(plan.id.clone()).await?;
            let (due, next) = calendar::due(plan, last.as_ref(), now);
            wake = Some(wake.map_or(next, |wake| wake.min(next)));
            let (window, readers) = match due {
                Due::Nothing => continue,
                Due::Begin(at) => (Window { from: at, until: at }, &[][..]),
                Due::Make(window) => (window, &plan.to[..]),
            };
            let occasion = Occasion {
                about: About::Digest(plan.id.clone(), window),
                reason: Reason::Digest,
                stem: format!("digest/{}/{}", plan.id, window.until),
                urgent: false,
                now,
                not_before: now,
            };
            let rows: Vec<_> = readers
                .iter()
                .flat_map(|owner| occasion.to(digests.roster.owner(owner), &digests.reach))
                .collect();
            let sent = rows.len();
            let run = DigestRun { digest: plan.id.clone(), window, made_at: now };
            // A conflict means that another look took the window: then there is nothing to do.
            if self.store.digest(run, rows, Vec::new()).await? == Outcome::Done && sent > 0 {
                tracing::info!(digest.id = %plan.id, "digest {} is due for what came until {}", plan.id, window.until);
                self.deliver.nudge();
            }
        }
        Ok(wake)
    }
}
