//! What a source says beside new posts: authors who left, and posts asked for anew.

use super::Ingest;
use crate::domain::erasure::{ErasedFor, Whose};
use crate::domain::event::Actor;
use crate::domain::id::SourceId;
use crate::domain::post::Post;
use crate::runtime::stop::Stop;
use crate::source::{AuthorGone, Terms};
use crate::store::{Forgetting, Store};

/// Mentions erased at once.
const PORTION: usize = 200;

impl Ingest {
    /// The store, for who keeps a queue in it.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Takes in posts that were asked for anew: edits as newer versions, notices of what is gone. The
    /// source's cursor and schedule stay. `Ok(false)` as with [`Ingest::take`].
    pub async fn renew(
        &self,
        id: &SourceId,
        posts: Vec<Post>,
        terms: &'static Terms,
        stop: &Stop,
    ) -> anyhow::Result<bool> {
        self.feed(id, posts, None, &[], Some(terms), stop).await
    }

    /// Forgets all that authors wrote who left; before the cursor moves past the notice of it.
    pub(super) async fn forget_authors(&self, gone: &[AuthorGone]) -> anyhow::Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        let whose = gone
            .iter()
            .map(|one| Whose::Account { author: one.author.clone(), site: one.site.clone() })
            .collect();
        let forgetting = Forgetting {
            whose,
            reason: ErasedFor::AuthorLeft,
            by: Actor::Daemon,
            at: self.clock.now(),
            keep_out: false,
            limit: PORTION,
        };
        let mut erased = 0;
        loop {
            let done = self.store.forget(forgetting.clone()).await?;
            erased += done.mentions;
            if !done.more {
                break;
            }
        }
        if erased > 0 {
            tracing::info!(mentions = erased, "{erased} mentions of authors who left their site were erased");
        }
        Ok(())
    }
}
