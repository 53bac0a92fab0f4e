//! The clock that means something. Due times, zones and stored instants go through it; IO
//! time-outs stay on tokio's (DESIGN §8).
//!
//! [`SystemClock`] looks at the wall at least once a minute while it waits, because a wall clock
//! jumps and a laptop sleeps, and a wait counted from the start would sleep through both.
//! [`ManualClock`] has a hand that somebody moves: tests and `earmark replay`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// What time it is, and waiting until then.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;

    /// Returns once `now() >= at`, or when the clock was set back meanwhile: what was due at `at` was
    /// decided by a time that is not true any more, so the caller looks again. Cancel-safe.
    async fn until(&self, at: Timestamp);
}

/// A clock as it is passed around.
pub type SharedClock = Arc<dyn Clock>;

/// The wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The longest stretch slept without looking at the wall.
const LONGEST_NAP: Duration = Duration::from_secs(60);
/// Time servers shift a clock by less than this without anybody's harm.
const SLEW: SignedDuration = SignedDuration::from_secs(1);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn until(&self, at: Timestamp) {
        let mut seen = self.now();
        loop {
            let now = self.now();
            let left = at.duration_since(now);
            if left <= SignedDuration::ZERO || seen.duration_since(now) > SLEW {
                return;
            }
            seen = now;
            let nap = Duration::try_from(left).unwrap_or(LONGEST_NAP).min(LONGEST_NAP);
            tokio::time::sleep(nap).await;
        }
    }
}

/// A clock whose hand is moved by its holder; clones share the hand.
#[derive(Debug, Clone)]
pub struct ManualClock {
    hand: watch::Sender<Timestamp>,
}

impl ManualClock {
    /// A clock that shows `now` until it is moved.
    pub fn new(now: Timestamp) -> Self {
        Self { hand: watch::Sender::new(now) }
    }

    /// Moves the hand forward (or back: wall clocks do).
    pub fn advance(&self, by: SignedDuration) {
        self.hand.send_modify(|now| *now += by);
    }

    /// Puts the hand to an instant.
    pub fn set(&self, to: Timestamp) {
        self.hand.send_replace(to);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.hand.borrow()
    }

    async fn until(&self, at: Timestamp) {
        let mut hand = self.hand.subscribe();
        let mut seen = *hand.borrow();
        // The sender lives in `self`, which is borrowed here: the channel cannot close.
        let _ = hand
            .wait_for(|now| {
                let set_back = seen.duration_since(*now) > SLEW;
                seen = *now;
                *now >= at || set_back
            })
            .await;
    }
}
