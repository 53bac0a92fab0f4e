//! One stop token around every wait: finish the unit in hand, interrupt only the waiting.

use std::future::Future;

use tokio_util::sync::CancellationToken;

/// Told once, heard by all clones.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// A token nobody has pulled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everyone who holds a clone to end.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether it was told.
    pub fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Ends when told.
    pub async fn stopped(&self) {
        self.0.cancelled().await;
    }

    /// `work`'s answer, or nothing if the token is pulled first.
    pub async fn or<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.0.cancelled() => None,
            output = work => Some(output),
        }
    }
}
