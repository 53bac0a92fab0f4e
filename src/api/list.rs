//! Mentions, escalations, notifications: filtered, paged, with who answers now.

use serde::{Deserialize, Serialize};

use super::{Api, ApiError, Result};
use crate::domain::escalation::Escalation;
use crate::domain::id::{EscalationId, MentionId, OwnerId};
use crate::domain::mention::RecordedMention;
use crate::domain::notification::Notification;
use crate::domain::sentiment::Doubt;
use crate::escalation::accountable;
use crate::notify::message::Next;
use crate::notify::render;
use crate::store::{EscalationFilter, MentionFilter, NotificationFilter, Page, Rows};
pub use crate::store::{Row, Verified};

/// Most rows of one page.
pub const MOST: usize = 1_000;

/// A mention, and who answers for it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MentionView {
    /// As recorded.
    #[serde(flatten)]
    pub mention: RecordedMention,
    /// Whoever answers for its open escalation, else its routed owner.
    pub accountable: OwnerId,
}

/// Which of the mentions that the store gives; what has no index there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Which {
    /// Whether it asks for an answer, as the model says.
    pub needs_answer: Option<bool>,
    /// Unsure for this reason.
    pub doubt: Option<Doubt>,
}

impl Which {
    /// Whether `mention` is one of them.
    pub fn holds(&self, mention: &RecordedMention) -> bool {
        self.needs_answer.is_none_or(|wanted| mention.wants_answer() == Some(wanted))
            && self.doubt.is_none_or(|wanted| mention.doubted() == Some(wanted))
    }
}

/// A page of something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listing<T> {
    /// In the order asked for.
    pub rows: Vec<T>,
    /// Pass as `after` to go on; none at the end.
    pub next: Option<String>,
}

/// An escalation with what belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EscalationDetail {
    /// The matter.
    pub escalation: Escalation,
    /// Its newest mentions.
    pub mentions: Vec<MentionView>,
    /// Who was told, how, and what came of it.
    pub notifications: Vec<Notification>,
    /// What happens if nobody does anything; none when nothing does.
    pub next: Option<Next>,
}

impl Api {
    /// Mentions by time recorded. A page may hold fewer rows than asked for and not be the last.
    ///
    /// # Errors
    /// A bad page, or the store's.
    pub async fn mentions(
        &self,
        filter: MentionFilter,
        which: Which,
        page: Page,
    ) -> Result<Listing<MentionView>> {
        let mut page = clamp(page)?;
        loop {
            let Rows { mut rows, next } = self.store.mentions(filter.clone(), page.clone()).await?;
            rows.retain(|mention| which.holds(mention));
            // A list that shows nothing and yet goes on would look like its end.
            if rows.is_empty() && next.is_some() {
                page.after = next;
                continue;
            }
            let mut views = Vec::with_capacity(rows.len());
            for mention in rows {
                views.push(self.view(mention).await?);
            }
            return Ok(Listing { rows: views, next });
        }
    }

    /// One mention.
    ///
    /// # Errors
    /// Where there is none of that number.
    pub async fn mention(&self, id: MentionId) -> Result<MentionView> {
        let mention = self.store.mention(id).await?;
        self.view(mention.ok_or_else(|| ApiError::NotFound { what: "mention", id: id.to_string() })?).await
    }

    async fn view(&self, mention: RecordedMention) -> Result<MentionView> {
        let escalation = match mention.finding.escalation() {
            Some(id) => self.store.escalation(id).await?,
            None => None,
        };
        let accountable = accountable(&self.desk.load().roster, &mention, escalation.as_ref());
        Ok(MentionView { mention, accountable })
    }

    /// Escalations by time opened.
    ///
    /// # Errors
    /// A bad page, or the store's.
    pub async fn escalations(&self, filter: EscalationFilter, page: Page) -> Result<Listing<Escalation>> {
        let Rows { rows, next } = self.store.escalations(filter, clamp(page)?).await?;
        Ok(Listing { rows, next })
    }

    /// One escalation with its newest mentions and all that was sent.
    ///
    /// # Errors
    /// Where there is none of that number.
    pub async fn escalation(&self, id: EscalationId) -> Result<EscalationDetail> {
        let escalation = self.store.escalation(id).await?;
        let escalation =
            escalation.ok_or_else(|| ApiError::NotFound { what: "escalation", id: id.to_string() })?;
        let newest = Page { limit: 50, after: None, newest_first: true };
        let mut mentions = Vec::new();
        for mention in self.store.mentions_of(id, newest).await?.rows {
            mentions.push(self.view(mention).await?);
        }
        let filter = NotificationFilter { escalation: Some(id), waiting: false };
        let notifications = self.store.notifications(filter, Page::first(MOST)).await?.rows;
        let next = self.next(&escalation);
        Ok(EscalationDetail { escalation, mentions, notifications, next })
    }

    /// What happens to an escalation if nobody does anything.
    pub fn next(&self, escalation: &Escalation) -> Option<Next> {
        render::next(escalation, &self.desk.load().roster, self.clock.now())
    }
}

fn clamp(page: Page) -> Result<Page> {
    if page.limit == 0 || page.limit > MOST {
        return Err(ApiError::Bad(format!("limit must be 1 to {MOST}")));
    }
    Ok(page)
}
