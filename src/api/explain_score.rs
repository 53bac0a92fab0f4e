//! Why a text got its score: which words moved it, judged by the model of now.

use serde::{Deserialize, Serialize};

use super::{Api, ApiError, Result};
use crate::domain::id::MentionId;
use crate::domain::sentiment::Sentiment;
use crate::pipeline::ingest::scorable;
use crate::sentiment::explain::{self, Explained};
use crate::sentiment::{Scorable, language_of};

/// Why a mention got its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedMention {
    /// Which.
    pub mention: MentionId,
    /// The verdict that was kept; another model than that of now may have given it.
    pub kept: Sentiment,
    /// The verdict of now, and the words behind it.
    pub now: Explained,
}

impl Api {
    /// Which words moved the score of a text.
    ///
    /// # Errors
    /// An empty text, or the scorer's.
    pub async fn explain_score(&self, mut text: Scorable) -> Result<Explained> {
        if text.text.trim().is_empty() {
            return Err(ApiError::Bad("there is no text to explain".into()));
        }
        let scorer =
            self.scorer.as_ref().ok_or_else(|| ApiError::Unavailable("no model is loaded".into()))?;
        // Once, of the whole text: a reading that lacks a word must not count as another language.
        text.lang = language_of(text.lang.as_deref(), &text.text);
        let plan = explain::plan(text);
        let verdicts = scorer.score(plan.batch()).await.map_err(anyhow::Error::from)?;
        let explained = plan.weigh(verdicts);
        Ok(explained.ok_or_else(|| anyhow::anyhow!("the scorer gave another number of verdicts"))?)
    }

    /// Which words moved the score of a mention, asked as it was when it was heard.
    ///
    /// # Errors
    /// Where there is no such mention or its text is gone, or the scorer's.
    pub async fn explain_mention(&self, id: MentionId) -> Result<ExplainedMention> {
        let mention = self.mention(id).await?.mention;
        if mention.erased_at.is_some() {
            let gone = "the text is gone, so nobody can say any more which words moved its score";
            return Err(ApiError::Refused(gone.into()));
        }
        let text = scorable(&self.desk.load(), &mention.scored.mention);
        let now = self.explain_score(text).await?;
        Ok(ExplainedMention { mention: id, kept: mention.scored.sentiment, now })
    }
}
