//! Durable periodic work. A task has no input: it reads the store, does what is due, and says
//! when it wants to look again. So a restart is the normal path, and nothing is lost with a
//! message that was on its way.
//!
//! # Rules, and the mistake each prevents
//! * A task is woken by its own due time or by a [`Nudge`]; nudges collapse. A nudge is only a
//!   hint that saves latency: losing one costs time, never work.
//! * A task does not retry inside. An error waits out a back-off and the task runs again; the
//!   activation is the retry, so that there is one loop in the house and not twenty.
//! * It is cut only between activations. The stop token reaches inside an activation only to end
//!   its waiting for others.
//! * A panic is an error of that activation, counted and shown; the task lives on.
//! * Its state is data ([`TaskStatus`]): `earmark status`, the health page and the tests read it.
//!   A test knows that all is idle when every task sleeps towards a time that has not come and
//!   has seen every nudge ([`Driver::is_idle`]).
//!
//! The pattern is that of Oxide's `nexus/src/app/background`.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::backoff::Backoff;
use super::clock::SharedClock;
use super::stop::Stop;

/// When a task wants to look again; `None`: only when nudged.
pub type Wake = Option<Timestamp>;

/// Work that is done again and again.
#[async_trait]
pub trait Task: Send + 'static {
    /// Does what is due. `now` is the clock's at the start of the activation.
    ///
    /// # Errors
    /// What went wrong, as a sentence; logged once, here, by the driver.
    async fn run(&mut self, now: Timestamp, stop: &Stop) -> anyhow::Result<Wake>;
}

/// Wakes a task early. Clones nudge the same task.
#[derive(Debug, Clone, Default)]
pub struct Nudge(Arc<NudgeState>);

#[derive(Debug, Default)]
struct NudgeState {
    given: AtomicU64,
    bell: Notify,
}

impl Nudge {
    /// A handle that can exist before its task does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the task to look now; collapses with other nudges.
    pub fn nudge(&self) {
        self.0.given.fetch_add(1, Ordering::SeqCst);
        self.0.bell.notify_one();
    }

    fn given(&self) -> u64 {
        self.0.given.load(Ordering::SeqCst)
    }
}

/// What a task is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    /// Inside an activation, since when.
    pub running_since: Option<Timestamp>,
    /// When it will look again by itself.
    pub wakes_at: Wake,
    /// Activations begun.
    pub iterations: u64,
    /// Failures in a row.
    pub failures: u32,
    /// What the last failure said.
    pub last_error: Option<String>,
    /// When the last activation ended.
    pub ended_at: Option<Timestamp>,
    /// Nudges seen when the last activation began.
    #[serde(skip)]
    nudges_seen: u64,
}

struct Entry {
    nudge: Nudge,
    status: watch::Receiver<TaskStatus>,
    stop: Stop,
}

/// Runs tasks. Knows nothing of the product.
pub struct Driver {
    clock: SharedClock,
    stop: Stop,
    /// A plain mutex: held for map look-ups only, never across an await.
    entries: Mutex<BTreeMap<String, Entry>>,
    running: Mutex<JoinSet<()>>,
}

impl Driver {
    /// A driver with no task yet.
    pub fn new(clock: SharedClock, stop: Stop) -> Self {
        Self { clock, stop, entries: Mutex::default(), running: Mutex::default() }
    }

    /// Starts a task at once. A name in use is an error of the caller's and replaces nothing.
    pub fn start(&self, name: impl Into<String>, nudge: Nudge, task: impl Task) {
        let name = name.into();
        let (sender, receiver) = watch::channel(TaskStatus {
            running_since: Some(self.clock.now()),
            wakes_at: None,
            iterations: 0,
            failures: 0,
            last_error: None,
            ended_at: None,
            nudges_seen: nudge.given(),
        });
        let stop = Stop::new();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!entries.contains_key(&name), "two tasks are named {name}");
        entries.insert(name.clone(), Entry { nudge: nudge.clone(), status: receiver, stop: stop.clone() });
        drop(entries);
        let runner = Runner {
            name,
            clock: self.clock.clone(),
            all: self.stop.clone(),
            own: stop,
            nudge,
            status: sender,
        };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).spawn(runner.run(task));
    }

    /// Ends one task after its activation in hand; its name is free at once.
    pub fn end(&self, name: &str) {
        if let Some(entry) = self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(name) {
            entry.stop.stop();
        }
    }

    /// What every task is doing.
    pub fn status(&self) -> BTreeMap<String, TaskStatus> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|(name, entry)| (name.clone(), entry.status.borrow().clone())).collect()
    }

    /// Whether every task sleeps towards a time that has not come and has seen every nudge.
    pub fn is_idle(&self) -> bool {
        let now = self.clock.now();
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.values().all(|entry| {
            let status = entry.status.borrow();
            status.running_since.is_none()
                && status.wakes_at.is_none_or(|at| at > now)
                && status.nudges_seen == entry.nudge.given()
        })
    }

    /// Returns when every task has ended; call after the stop token was pulled.
    pub async fn ended(&self) {
        let mut running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        while running.join_next().await.is_some() {}
    }
}

struct Runner {
    name: String,
    clock: SharedClock,
    all: Stop,
    own: Stop,
    nudge: Nudge,
    status: watch::Sender<TaskStatus>,
}

impl Runner {
    async fn run(self, mut task: impl Task) {
        let backoff = Backoff::new(SignedDuration::from_secs(1), SignedDuration::from_mins(5))
            .expect("one second is positive and shorter than five minutes");
        while !self.all.is_stopped() && !self.own.is_stopped() {
            let now = self.clock.now();
            let nudges_seen = self.nudge.given();
            self.status.send_modify(|status| {
                status.running_since = Some(now);
                status.iterations += 1;
                status.nudges_seen = nudges_seen;
            });
            let result = AssertUnwindSafe(task.run(now, &self.all)).catch_unwind().await;
            let result =
                result.unwrap_or_else(|panic| Err(anyhow::anyhow!("panicked: {}", panic_text(&*panic))));
            let wakes_at = self.publish(result, &backoff);
            tokio::select! {
                () = self.all.stopped() => {}
                () = self.own.stopped() => {}
                () = self.nudge.0.bell.notified() => {}
                () = wait(&self.clock, wakes_at) => {}
            }
        }
    }

    /// Writes down how the activation ended; answers when to look again.
    fn publish(&self, result: anyhow::Result<Wake>, backoff: &Backoff) -> Wake {
        let ended = self.clock.now();
        let mut wakes_at = None;
        self.status.send_modify(|status| {
            match result {
                Ok(wake) => {
                    status.failures = 0;
                    wakes_at = wake;
                }
                Err(error) => {
                    status.failures += 1;
                    wakes_at = Some(ended + backoff.after(status.failures, rand::random()));
                    let text = format!("{error:#}");
                    tracing::error!(
                        task.name = self.name,
                        task.failures = status.failures,
                        "task {} failed: {text}",
                        self.name
                    );
                    status.last_error = Some(text);
                }
            }
            status.running_since = None;
            status.ended_at = Some(ended);
            status.wakes_at = wakes_at;
        });
        wakes_at
    }
}

async fn wait(clock: &SharedClock, wakes_at: Wake) {
    match wakes_at {
        Some(at) => clock.until(at).await,
        None => std::future::pending().await,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "with no words".into())
}
