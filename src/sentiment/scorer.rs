//! The thread that owns the model, and the handle the rest of the daemon holds.
//!
//! # Properties wanted
//! * **Idle means now.** A call that finds the thread idle is scored at once. A batch is what
//!   waited while the one before was judged; there is no timer that gathers.
//! * **Bounded.** The queue holds [`QUEUE`] calls, then callers wait. A batch holds at most
//!   [`BATCH`] texts; a longer call is judged in several, with a beat between them. What is
//!   remembered of texts that come again is bounded too ([`cache`](super::cache)).
//! * **A caller may go away** at any time (time-out, reload, stop): its texts are skipped if they
//!   still wait, its answer is dropped if they do not. The thread never notices.
//! * **One bad text sinks nobody.** A batch that fails, by an error or a panic, is judged again
//!   text by text. A text that fails alone while the model still judges others is the text's own
//!   fault: its verdict is `unsure` with no probability behind it, so that a person looks and the
//!   source's cursor moves on; it is not remembered, so that its next repost is tried again. Were it an error, the poll that holds the text would fail for ever.
//!   A model that judges nothing any more, not even the warm-up text, is an error for all of them.
//! * **Death is seen.** When the thread has ended, every call answers [`ScoreError::Stopped`] and
//!   [`Scorer::is_alive`] says so; a thread that hangs inside the model shows in
//!   [`Scorer::busy_for`]. Both are for the watchdog; nothing here restarts the thread.
//!
//! # Races handled
//! * Stop against calls: the stop is a message in the same queue. What was queued before it is
//!   answered; what comes after it finds the queue closed and gets `Stopped`.
//! * The daemon's end against a long call: [`Scorer::hurry`] lets the batch in hand finish and
//!   answers the rest with `Stopped`. Its callers record nothing and ask again after the start;
//!   and the process never ends below a model that works, which crashes.
//! * A new floor or temperature against a call in hand: they are read once per turn, so all texts
//!   of a call are held against the same ones.
//!
//! # Races accepted
//! * A caller that goes away while its texts are being judged has cost that work.
//! * Calls share batches, so a long call delays those behind it by its length.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::judge::{Judge, Limits, panicked};
use super::{Classifier, Scorable, ScoreError};
use crate::domain::sentiment::{Model, Sentiment};

/// Most texts the model is handed at once: enough that texts of like length find each other.
pub const BATCH: usize = 128;
/// Most calls that wait; the next caller waits for room.
pub const QUEUE: usize = 256;

/// Who judges, and the languages it was made for.
type Ready = (Model, Arc<[&'static str]>);
type Answer = oneshot::Sender<Result<Vec<Sentiment>, ScoreError>>;

enum Message {
    Score(Vec<Scorable>, Answer),
    Ping(oneshot::Sender<()>),
    Stop,
}

/// What the handle and the thread share beside the queue.
#[derive(Default)]
struct Shared {
    /// The floor's bits.
    floor: AtomicU32,
    /// The temperature's bits.
    temperature: AtomicU32,
    /// Set when the daemon ends: no further batch is begun.
    ending: AtomicBool,
    /// Since when the model has been at its batch. A plain mutex: held to copy a value only.
    busy_since: Mutex<Option<Instant>>,
}

impl Shared {
    fn limits(&self) -> Limits {
        let value = |bits: &AtomicU32| f32::from_bits(bits.load(Ordering::Relaxed));
        Limits { floor: value(&self.floor), temperature: value(&self.temperature) }
    }

    fn set_busy(&self, since: Option<Instant>) {
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// A cheap handle to the thread that judges; clones talk to the same thread.
#[derive(Clone)]
pub struct Scorer {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    model: Model,
    languages: Arc<[&'static str]>,
}

impl Scorer {
    /// As [`Scorer::remembering`], with no memory for texts that come again.
    ///
    /// # Errors
    /// What `build` or the first text met.
    pub async fn start(
        build: impl FnOnce() -> Result<Box<dyn Classifier>, ScoreError> + Send + 'static,
        floor: f32,
    ) -> Result<Self, ScoreError> {
        Self::remembering(build, floor, 0).await
    }

    /// Starts the thread, builds the classifier on it and lets it judge one text. Returns when
    /// that is done, so whoever holds a `Scorer` holds one that has worked once. It remembers what
    /// was said of up to `cache` texts.
    ///
    /// # Errors
    /// What `build` or the first text met.
    pub async fn remembering(
        build: impl FnOnce() -> Result<Box<dyn Classifier>, ScoreError> + Send + 'static,
        floor: f32,
        cache: usize,
    ) -> Result<Self, ScoreError> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (ready, built) = oneshot::channel();
        let shared = Arc::new(Shared {
            floor: AtomicU32::new(floor.to_bits()),
            temperature: AtomicU32::new(1.0_f32.to_bits()),
            ..Shared::default()
        });
        let thread = Thread { waiting, shared: shared.clone() };
        std::thread::Builder::new()
            .name("scorer".into())
            .spawn(move || thread.run(build, cache, ready))
            .map_err(|error| ScoreError::Batch(format!("its thread could not be started: {error}")))?;
        let (model, languages) = built.await.map_err(|_| ScoreError::Stopped)??;
        Ok(Self { queue, shared, model, languages })
    }

    /// A verdict for each text, in order. Waits while the queue is full.
    ///
    /// # Errors
    /// [`ScoreError::Batch`] when the model judges nothing any more, [`ScoreError::Stopped`] when
    /// its thread has ended.
    pub async fn score(&self, texts: Vec<Scorable>) -> Result<Vec<Sentiment>, ScoreError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let (answer, verdicts) = oneshot::channel();
        self.queue.send(Message::Score(texts, answer)).await.map_err(|_| ScoreError::Stopped)?;
        verdicts.await.map_err(|_| ScoreError::Stopped)?
    }

    /// Below this confidence a verdict is `unsure`; holds from the next batch on.
    pub fn set_floor(&self, floor: f32) {
        self.shared.floor.store(floor.to_bits(), Ordering::Relaxed);
    }

    /// What the user's own corrections make of the probabilities, before the floor: they are
    /// raised to the power of 1 by `temperature`. 1: nothing. Holds from the next batch on.
    pub fn set_temperature(&self, temperature: f32) {
        self.shared.temperature.store(temperature.to_bits(), Ordering::Relaxed);
    }

    /// The languages the model was made for, as ISO 639-1 codes; empty: it takes any.
    pub fn languages(&self) -> &[&'static str] {
        &self.languages
    }

    /// Who judges.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether the thread still takes calls.
    pub fn is_alive(&self) -> bool {
        !self.queue.is_closed()
    }

    /// How long the model has been at the batch in hand; `None`: it is idle. The watchdog starves
    /// when this outgrows any batch that could be honest.
    pub fn busy_for(&self) -> Option<Duration> {
        self.shared.busy_since.lock().unwrap_or_else(PoisonError::into_inner).map(|since| since.elapsed())
    }

    /// How many calls wait, the one in hand not counted.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Returns when the thread has answered everything that was queued before.
    ///
    /// # Errors
    /// [`ScoreError::Stopped`].
    pub async fn ping(&self) -> Result<(), ScoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Message::Ping(answer)).await.map_err(|_| ScoreError::Stopped)?;
        answered.await.map_err(|_| ScoreError::Stopped)
    }

    /// From now on no batch is begun; what waits is answered with [`ScoreError::Stopped`].
    pub fn hurry(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
    }

    /// Answers what is queued, ends the thread, and returns when it has let go of the queue.
    pub async fn stop(&self) {
        // An error means that the thread has ended already.
        let _ = self.queue.send(Message::Stop).await;
        self.queue.closed().await;
    }
}

struct Thread {
    waiting: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
}

impl Thread {
    fn run(
        mut self,
        build: impl FnOnce() -> Result<Box<dyn Classifier>, ScoreError>,
        cache: usize,
        ready: oneshot::Sender<Result<Ready, ScoreError>>,
    ) {
        let built = catch_unwind(AssertUnwindSafe(|| Judge::new(build()?, cache)));
        let mut judge = match built.unwrap_or_else(|_| Err(panicked())) {
            Ok(judge) => judge,
            Err(error) => {
                // Whoever started the thread may have gone; nobody else waits.
                let _ = ready.send(Err(error));
                return;
            }
        };
        if ready.send(Ok((judge.model().clone(), judge.languages().into()))).is_err() {
            return;
        }
        while let Some(first) = self.waiting.blocking_recv() {
            let stop = self.take_turn(&mut judge, first);
            self.shared.set_busy(None);
            if stop {
                break;
            }
        }
    }

    /// Judges `first` and what waits behind it, up to a batch; answers whether to stop.
    fn take_turn(&mut self, judge: &mut Judge, first: Message) -> bool {
        let mut calls = VecDeque::new();
        let mut texts = Vec::new();
        let mut pings = Vec::new();
        let mut stop = false;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Score(_, answer) if answer.is_closed() => {}
                Message::Score(mut call, answer) => {
                    calls.push_back((call.len(), answer));
                    texts.append(&mut call);
                }
                Message::Ping(answer) => pings.push(answer),
                Message::Stop => stop = true,
            }
            let full = stop || texts.len() >= BATCH;
            next = if full { None } else { self.waiting.try_recv().ok() };
        }
        let limits = self.shared.limits();
        let mut verdicts = Vec::with_capacity(texts.len());
        let mut texts = texts.into_iter();
        while texts.len() > 0 {
            if self.shared.ending.load(Ordering::Relaxed) {
                verdicts.extend(texts.by_ref().map(|_| Err(ScoreError::Stopped)));
                continue;
            }
            self.shared.set_busy(Some(Instant::now()));
            verdicts.extend(judge.judge(texts.by_ref().take(BATCH).collect(), limits));
        }
        let mut verdicts = verdicts.into_iter();
        for (texts, answer) in calls {
            let own: Vec<_> = verdicts.by_ref().take(texts).collect();
            // A caller that went away is no fault of the thread's.
            let _ = answer.send(own.into_iter().collect());
        }
        for ping in pings {
            let _ = ping.send(());
        }
        stop
    }
}
