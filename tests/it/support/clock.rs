//! A clock for whoever must never wait: a wait moves its hand to where it ends.

use async_trait::async_trait;
use earmark::runtime::clock::{Clock, ManualClock};
use jiff::{SignedDuration, Timestamp};

/// Clones share the hand.
#[derive(Debug, Clone)]
pub struct JumpClock {
    hand: ManualClock,
    start: Timestamp,
}

impl JumpClock {
    pub fn new(now: Timestamp) -> Self {
        Self { hand: ManualClock::new(now), start: now }
    }

    /// How far the hand has come.
    pub fn jumped(&self) -> SignedDuration {
        self.hand.now().duration_since(self.start)
    }

    /// Puts the hand to an instant, unless it is past it.
    pub fn to(&self, at: Timestamp) {
        self.hand.set(self.hand.now().max(at));
    }
}

#[async_trait]
impl Clock for JumpClock {
    fn now(&self) -> Timestamp {
        self.hand.now()
    }

    async fn until(&self, at: Timestamp) {
        tokio::task::yield_now().await;
        self.to(at);
    }
}
