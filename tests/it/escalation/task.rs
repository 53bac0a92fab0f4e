//! The task over a real store: it sleeps until something is due, takes it, nudges the delivery,
//! and looks at everything again after a reload.

use std::sync::Arc;

use arc_swap::ArcSwap;
use earmark::domain::escalation::Severity::High;
use earmark::domain::event::Actor;
use earmark::domain::id::InstanceId;
use earmark::escalation::{EscalateTask, acknowledge};
use earmark::runtime::clock::ManualClock;
use earmark::runtime::stop::Stop;
use earmark::runtime::task::{Nudge, Task};
use earmark::store::memory::Memory;
use earmark::store::{NotificationFilter, Outcome, Page, Store};

use super::*;

struct Scene {
    store: Arc<Memory>,
    clock: ManualClock,
    desk: Arc<ArcSwap<Desk>>,
    task: EscalateTask,
}

impl Scene {
    fn new() -> Self {
        let store = Arc::new(Memory::new(InstanceId::new(noon())));
        let clock = ManualClock::new(noon());
        let desk = Arc::new(ArcSwap::from_pointee(desk()));
        let task = EscalateTask::new(store.clone(), Arc::new(clock.clone()), desk.clone(), Nudge::new());
        Self { store, clock, desk, task }
    }

    async fn open(&self) -> EscalationId {
        let desk = self.desk.load_full();
        let mut ledger = Ledger::default();
        let mut intake = Intake::new(&desk, &[], noon());
        let (topic, owner) = ("app".into(), "care".into());
        let subject = Subject { mention: MentionId::new(noon()), topic: &topic, owner: &owner, before: None };
        intake.take(&subject, Fired { fired: Some(firing("g", High)), faults: Vec::new() });
        let effects = intake.finish();
        ledger.apply(effects.clone());
        // The mention itself is the pipeline's to record.
        let effects = Effects { joins: Vec::new(), ..effects };
        assert_eq!(self.store.step(effects).await.expect("written"), Outcome::Done);
        *ledger.escalations.keys().next().expect("one opened")
    }

    async fn run(&mut self) -> Option<Timestamp> {
        let now = earmark::runtime::clock::Clock::now(&self.clock);
        self.task.run(now, &Stop::new()).await.expect("the task works")
    }

    async fn one(&self, id: EscalationId) -> Escalation {
        self.store.escalation(id).await.expect("read").expect("there")
    }

    async fn told(&self) -> Vec<String> {
        let rows = self.store.notifications(NotificationFilter::default(), Page::first(100)).await;
        rows.expect("read").rows.into_iter().map(|row| row.owner.to_string()).collect()
    }
}

#[tokio::test]
async fn it_sleeps_until_a_step_is_due_and_takes_it_once() {
    let mut scene = Scene::new();
    assert_eq!(scene.run().await, None, "nothing to wait for");
    let id = scene.open().await;
    assert_eq!(scene.run().await, Some(noon() + mins(30)));
    assert_eq!(scene.told().await, vec!["care"]);
    scene.clock.advance(mins(30));
    assert_eq!(scene.run().await, Some(noon() + mins(90)));
    assert_eq!(scene.run().await, Some(noon() + mins(90)), "looking again takes nothing twice");
    assert_eq!(scene.told().await, vec!["care", "ann"]);

    let by = Actor::Owner("ann".into());
    let effects = acknowledge(&scene.desk.load(), &[], &scene.one(id).await, &by, noon() + mins(30));
    assert_eq!(scene.store.step(effects.expect("done")).await.expect("written"), Outcome::Done);
    assert_eq!(scene.run().await, Some(noon() + mins(270)));
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let mut scene = Scene::new();
    let id = scene.open().await;
    scene.clock.advance(mins(60 * 24 * 3));
    let store: Arc<dyn Store> = scene.store.clone();
    scene.task = EscalateTask::new(store, Arc::new(scene.clock.clone()), scene.desk.clone(), Nudge::new());
    let wakes = scene.run().await;
    assert_eq!(scene.one(id).await.accountable.as_str(), "ann");
    assert_eq!(wakes, Some(noon() + mins(60 * 24 * 3 + 60)));
    assert_eq!(scene.told().await, vec!["care", "ann"]);
}

#[tokio::test]
async fn a_reload_that_takes_the_owner_away_is_seen_at_once() {
    let mut scene = Scene::new();
    let id = scene.open().await;
    scene.run().await;
    // Rows of one instant have no order among them.
    scene.clock.advance(mins(1));
    scene.desk.store(Arc::new(desk_of(vec![owner("cco", None)], policy(0))));
    scene.run().await;
    assert_eq!(scene.one(id).await.accountable.as_str(), "cco");
    assert_eq!(scene.told().await, vec!["care", "cco"]);
    let seen = scene.one(id).await.seen;
    scene.run().await;
    assert_eq!(scene.one(id).await.seen, seen, "the same desk is not held against it again");
}
