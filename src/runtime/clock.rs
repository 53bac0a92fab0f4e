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

    /// Returns once `now() >= at`, or when the clock is set back: whoever waits looks again, since
    /// a time reckoned before that may be years away. Cancel-safe.
    async fn until(&self, at: Timestamp);
}

/// A clock as it is passed around.
pub type SharedClock = Arc<dyn Clock>;

/// The wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The longest stretch slept without looking at the wall.
const LONGEST_NAP: Duration = Duration::from_secs(60);

/// A clock that is corrected by less than this was not set back.
const SLACK: SignedDuration = SignedDuration::from_secs(10);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn until(&self, at: Timestamp) {
        let mut latest = self.now();
        loop {
            let now = self.now();
            let left = at.duration_since(now);
            if left <= SignedDuration::ZERO || latest.duration_since(now) > SLACK {
                return;
            }
            latest = latest.max(now);
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
        let mut latest = self.now();
        let done = |now: &Timestamp| {
            let is_set_back = latest.duration_since(*now) > SLACK;
            latest = latest.max(*now);
            *now >= at || is_set_back
        };
        // The sender lives in `self`, which is borrowed here: the channel cannot close.
        let _ = hand.wait_for(done).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_wait_ends_at_its_time_and_when_the_clock_is_set_back() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(48));
        let at = clock.now() + SignedDuration::from_hours(1);
        let mut waits = [clock.until(at), clock.until(at)];
        assert!(waits.iter_mut().all(|wait| wait.now_or_never().is_none()));
        clock.advance(SignedDuration::from_hours(-24));
        assert!((&mut waits[0]).now_or_never().is_some(), "the clock was set back");
        clock.set(at);
        assert!((&mut waits[1]).now_or_never().is_some(), "its time has come");
    }
}
