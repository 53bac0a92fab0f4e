//! Where the work is, as a trail in the log: each stage says when it is entered and when it is
//! left. Shown with `EARMARK_LOG=earmark::runtime::stage=trace`. After a crash, what was entered
//! and not left is where it happened.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tells stages of one name that run beside each other apart.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A stage under way; left when dropped.
#[derive(Debug)]
pub struct Stage {
    name: &'static str,
    number: u64,
}

/// Enters the stage of this name.
#[must_use]
pub fn enter(name: &'static str) -> Stage {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    tracing::trace!(stage = name, number, "entered");
    Stage { name, number }
}

impl Drop for Stage {
    fn drop(&mut self) {
        tracing::trace!(stage = self.name, number = self.number, "left");
    }
}
