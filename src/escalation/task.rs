//! The task that takes what is due. Thin: it reads, lets the pure functions decide, writes, and on
//! a conflict reads and decides again. It says when it wants to look again; the rest sleeps.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::desk::{Desk, SharedDesk};
use super::reconcile::reconcile;
use super::steps::advance;
use crate::domain::escalation::Escalation;
use crate::domain::event::What;
use crate::domain::silence::Silence;
use crate::runtime::clock::SharedClock;
use crate::runtime::stage;
use crate::runtime::stop::Stop;
use crate::runtime::task::{Nudge, Task, Wake};
use crate::store::{Effects, EscalationFilter, Outcome, Page, Store};
use crate::telemetry::metrics;

/// Escalations read at once: bounds memory, and how long a stop waits.
const BATCH: usize = 128;
/// Times that a decision is made again in one activation when somebody else was quicker. Whoever
/// loses this often is looked at again in the next activation.
const TRIES: usize = 5;
/// When to look again at what was due and would not move: a fault of ours, seen in the log, which
/// must not become a loop that burns a core.
const STUCK: SignedDuration = SignedDuration::from_mins(1);

/// Walks every escalation through its policy.
pub struct EscalateTask {
    store: Arc<dyn Store>,
    clock: SharedClock,
    desk: SharedDesk,
    deliver: Nudge,
    /// The desk that all unresolved escalations were last held against; none after a start.
    reconciled: Option<Arc<Desk>>,
    /// The latest time seen, to notice a clock set back.
    latest: Timestamp,
}

type Decide = fn(&Desk, &[Silence], &Escalation, Timestamp) -> Effects;

impl EscalateTask {
    /// A task that has seen nothing yet.
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, desk: SharedDesk, deliver: Nudge) -> Self {
        Self { store, clock, desk, deliver, reconciled: None, latest: Timestamp::MIN }
    }

    /// Holds every unresolved escalation against a desk they were not decided on.
    async fn reconcile_all(&mut self, desk: &Arc<Desk>, stop: &Stop) -> anyhow::Result<()> {
        let filter = EscalationFilter { unresolved: true, ..EscalationFilter::default() };
        let mut page = Page::first(BATCH);
        while !stop.is_stopped() {
            let now = self.clock.now();
            let silences = self.store.silences(None, now).await?;
            let rows = self.store.escalations(filter.clone(), page.clone()).await?;
            for escalation in rows.rows {
                self.decide(desk, &silences, escalation, now, reconcile).await?;
            }
            if rows.next.is_none() {
                self.reconciled = Some(desk.clone());
                return Ok(());
            }
            page.after = rows.next;
        }
        Ok(())
    }

    /// Takes everything that is due; answers whether something would not move.
    async fn advance_all(&self, desk: &Desk, stop: &Stop) -> anyhow::Result<bool> {
        while !stop.is_stopped() {
            let now = self.clock.now();
            let due = self.store.due(now, BATCH).await?;
            if due.is_empty() {
                return Ok(false);
            }
            let silences = self.store.silences(None, now).await?;
            let mut moved = false;
            for escalation in due {
                let id = escalation.id;
                let written = self.decide(desk, &silences, escalation, now, advance).await?;
                if !written {
                    tracing::warn!(escalation.id = %id, "escalation {id} was due and did not move");
                }
                moved |= written;
            }
            if !moved {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Decides and writes, again if somebody was quicker; answers whether anything was written.
    async fn decide(
        &self,
        desk: &Desk,
        silences: &[Silence],
        mut escalation: Escalation,
        now: Timestamp,
        decide: Decide,
    ) -> anyhow::Result<bool> {
        for _ in 0..TRIES {
            let effects = decide(desk, silences, &escalation, now);
            if effects.is_empty() {
                return Ok(false);
            }
            let tells = !effects.notifications.is_empty();
            let expired = effects.events.iter().any(|event| matches!(event.what, What::Expired { .. }));
            let stepping = stage::enter("step");
            let outcome = self.store.step(effects).await?;
            drop(stepping);
            if outcome == Outcome::Done {
                if expired {
                    metrics::escalation_expired();
                }
                if tells {
                    self.deliver.nudge();
                }
                return Ok(true);
            }
            match self.store.escalation(escalation.id).await? {
                Some(newer) => escalation = newer,
                None => return Ok(false),
            }
        }
        Ok(false)
    }
}

#[async_trait]
impl Task for EscalateTask {
    async fn run(&mut self, now: Timestamp, stop: &Stop) -> anyhow::Result<Wake> {
        let desk = self.desk.load_full();
        let is_new = self.reconciled.as_ref().is_none_or(|known| !Arc::ptr_eq(known, &desk));
        if is_new || now < self.latest {
            self.reconcile_all(&desk, stop).await?;
        }
        self.latest = now;
        let stuck = self.advance_all(&desk, stop).await?;
        let next = self.store.next_due().await?;
        let soonest = self.clock.now().checked_add(STUCK).unwrap_or(Timestamp::MAX);
        Ok(next.map(|at| if stuck { at.max(soonest) } else { at }))
    }
}
