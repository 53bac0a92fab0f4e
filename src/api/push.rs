//! Takes what a sender pushes. Answered once it lies in the inbox, on disk.

use serde::{Deserialize, Serialize};

use super::{Api, ApiError, Result};
use crate::domain::id::SourceId;
use crate::source::{Pushed, Refusal};

/// How much was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Posts now in the inbox, and those that were forgotten before and are not taken.
    pub posts: usize,
}

impl Api {
    /// Verifies a request to a source of ours and puts its posts into the inbox.
    ///
    /// # Errors
    /// An unknown source, a signature that does not verify, a body that cannot be read.
    pub async fn receive(
        &self,
        id: &SourceId,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Received> {
        let pushes = self.pushes.load_full();
        let push = pushes
            .get(id)
            .ok_or_else(|| ApiError::NotFound { what: "source to push to", id: id.to_string() })?;
        let posts =
            push.receive(Pushed { headers, body }, self.clock.now()).map_err(|refusal| match refusal {
                Refusal::Unsigned(_) => ApiError::Unauthenticated(refusal.to_string()),
                Refusal::Malformed(_) => ApiError::Bad(refusal.to_string()),
            })?;
        let received = Received { posts: posts.len() };
        if !posts.is_empty() {
            self.take_in(posts).await?;
            if let Some(nudge) = self.inboxes.load().get(id) {
                nudge.nudge();
            }
        }
        Ok(received)
    }
}
