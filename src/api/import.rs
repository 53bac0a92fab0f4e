//! Posts brought by hand: transcripts, surveys, tickets. They go through the inbox like anything
//! else that is not offered twice.

use serde::{Deserialize, Serialize};

use super::{Api, ApiError, Result};
use crate::domain::post::Post;
use crate::pipeline::{IMPORT, IMPORT_QUIET};

/// The most posts taken by one call.
pub const MOST: usize = 1_000;

/// How much was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Posts now in the inbox.
    pub posts: usize,
    /// Posts left out because they, their author or their address were forgotten.
    #[serde(default)]
    pub forgotten: u64,
}

impl Api {
    /// Puts posts into the inbox of the built-in source for imports; `quiet` ones wake nobody.
    ///
    /// # Errors
    /// Too many at once, or the store's.
    pub async fn import(&self, mut posts: Vec<Post>, quiet: bool) -> Result<Imported> {
        if posts.len() > MOST {
            return Err(ApiError::Bad(format!("at most {MOST} posts at once")));
        }
        let source = if quiet { IMPORT_QUIET } else { IMPORT };
        for post in &mut posts {
            post.source = source.into();
        }
        let mut imported = Imported { posts: posts.len(), forgotten: 0 };
        if imported.posts > 0 {
            imported.forgotten = self.take_in(posts).await?;
            imported.posts -= usize::try_from(imported.forgotten).unwrap_or(imported.posts);
            if let Some(nudge) = self.inboxes.load().get(&source.into()) {
                nudge.nudge();
            }
        }
        Ok(imported)
    }
}
