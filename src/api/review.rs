//! What a person should look at: the mentions on which the model would not commit itself and that
//! nobody has judged since, counted by topic, owner and reason. Each count is the length of the list
//! that it opens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::list::{Listing, MOST, MentionView, Which};
use super::{Api, Result};
use crate::domain::id::{OwnerId, TopicId};
use crate::domain::sentiment::{Doubt, Polarity};
use crate::store::{MentionFilter, Page};

/// Mentions to review, newest first, and how many there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// All that match; the sum of `parts`.
    pub total: u64,
    /// By topic, owner and reason; the largest first.
    pub parts: Vec<Part>,
    /// A page of them.
    #[serde(flatten)]
    pub mentions: Listing<MentionView>,
}

/// How many of one topic wait for one owner's look, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The topic.
    pub topic: TopicId,
    /// The routed owner.
    pub owner: OwnerId,
    /// Why the model would not commit itself.
    pub doubt: Doubt,
    /// How many.
    pub count: u64,
}

impl Api {
    /// What there is to review, by time recorded.
    ///
    /// # Errors
    /// A bad page, or the store's.
    pub async fn review(&self, filter: MentionFilter, which: Which, page: Page) -> Result<Review> {
        let filter = MentionFilter { polarity: Some(Polarity::Unsure), ..filter };
        let mentions = self.mentions(filter.clone(), which, page).await?;
        let mut counts: BTreeMap<(TopicId, OwnerId, Doubt), u64> = BTreeMap::new();
        let mut all = Page::first(MOST);
        loop {
            let rows = self.store.mentions(filter.clone(), all.clone()).await?;
            for mention in rows.rows.iter().filter(|mention| which.holds(mention)) {
                if let Some(doubt) = mention.doubted() {
                    *counts.entry((mention.topic().clone(), mention.owner.clone(), doubt)).or_default() += 1;
                }
            }
            match rows.next {
                Some(next) => all.after = Some(next),
                None => break,
            }
        }
        let mut parts: Vec<Part> = counts
            .into_iter()
            .map(|((topic, owner, doubt), count)| Part { topic, owner, doubt, count })
            .collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.count));
        Ok(Review { total: parts.iter().map(|part| part.count).sum(), parts, mentions })
    }
}
