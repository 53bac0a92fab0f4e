//! The one writer: a thread that takes all changes that wait, decides one after the other, and
//! flushes once for all of them before it answers any.
//!
//! A change is decided on what sled holds and applied at once, so the next one sees it; being the
//! only writer, it has no races. Readers may see a change a few milliseconds before it is on
//! disk. That is accepted: whatever they decide on it must come back as a change, whose flush
//! writes out everything before it, so nothing leaves the machine that a crash could take back.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::open::{Engine, commit};
use super::txn::Txn;
use crate::store::{Result, StoreError};

/// Changes that may wait; more wait with their callers.
const WAITING: usize = 1_024;

/// Changes that share a flush at most.
const GROUP: usize = 256;

/// Tells a caller how it went, given why the flush failed, if it did.
type Answer = Box<dyn FnOnce(Option<&str>) + Send>;

/// Decides and applies one change; whether it wrote.
type Job = Box<dyn FnOnce(&Engine) -> (bool, Answer) + Send>;

/// The callers' end.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Starts the thread; it ends, with everything flushed, once all clones are gone.
    pub fn start(engine: Arc<Engine>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let thread =
            std::thread::Builder::new().name("store-writer".into()).spawn(move || run(&engine, receiver))?;
        Ok((Self(sender), thread))
    }

    /// Has a change decided and written. `decide` answers whether what it put shall be kept.
    pub async fn change<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Txn<'_>) -> Result<(T, bool)> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |engine| {
            let mut txn = engine.txn();
            let result = decide(&mut txn).and_then(|(answer, keep)| {
                let wrote = if keep { commit(engine, txn)? } else { false };
                Ok((answer, wrote))
            });
            let wrote = !matches!(result, Ok((_, false)));
            let place = engine.place.clone();
            let answer: Answer = Box::new(move |fault| {
                let result = result.and_then(|(answer, wrote)| match fault {
                    Some(why) if wrote => Err(StoreError::Engine { place, doing: "flush", why: why.into() }),
                    _ => Ok(answer),
                });
                // A caller that went away has no use for the answer; the change stands.
                let _ = sender.send(result);
            });
            (wrote, answer)
        });
        if self.0.send(job).await.is_err() {
            return Err(ended());
        }
        receiver.await.unwrap_or_else(|_| Err(ended()))
    }
}

fn ended() -> StoreError {
    StoreError::Engine {
        place: "its folder".into(),
        doing: "write",
        why: "its writer panicked and is gone; restart the daemon".into(),
    }
}

fn run(engine: &Engine, mut jobs: mpsc::Receiver<Job>) {
    let mut answers = Vec::new();
    while let Some(first) = jobs.blocking_recv() {
        let mut wrote = false;
        let mut next = Some(first);
        while let Some(job) = next {
            let (wrote_one, answer) = job(engine);
            wrote |= wrote_one;
            answers.push(answer);
            next = if answers.len() < GROUP { jobs.try_recv().ok() } else { None };
        }
        let fault = if wrote { engine.flush().err().map(|error| error.to_string()) } else { None };
        for answer in answers.drain(..) {
            answer(fault.as_deref());
        }
    }
}
