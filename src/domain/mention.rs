//! A mention: a post seen through one topic, with the matched spans; then scored; then recorded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::correction::Correction;
use super::erasure::ErasedFor;
use super::id::{EscalationId, MentionId, OwnerId, TopicId, TriggerId};
use super::notification::HoldReason;
use super::post::Post;
use super::sentiment::{Doubt, Polarity, Sentiment};

/// Which part of a post a span points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// The headline.
    Title,
    /// The words.
    Text,
}

/// A place where a term of the topic's query stands in the original, untouched text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Which part.
    pub field: Field,
    /// First byte.
    pub start: usize,
    /// One past the last byte; both lie on character borders.
    pub end: usize,
    /// The query's term that stands there, as written in the query.
    pub term: String,
}

/// A post seen through one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Made by the clock of whoever saw it first.
    pub id: MentionId,
    /// What was said.
    pub post: Post,
    /// What it speaks of.
    pub topic: TopicId,
    /// Where the topic's terms stand; empty when the source is bound to the topic and nothing of
    /// the query stands in the text.
    pub spans: Vec<Span>,
}

/// A mention with the model's verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredMention {
    /// What was scored.
    pub mention: Mention,
    /// The verdict.
    pub sentiment: Sentiment,
}

/// What the triggers made of a mention: every "no" has a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It opened an escalation.
    Opened(EscalationId, TriggerId),
    /// It joined one that was open.
    Joined(EscalationId, TriggerId),
    /// Nobody was woken, and why.
    Held(HoldReason),
}

impl Finding {
    /// The escalation it belongs to, if any.
    pub fn escalation(&self) -> Option<EscalationId> {
        match self {
            Finding::Opened(id, _) | Finding::Joined(id, _) => Some(*id),
            Finding::Held(_) => None,
        }
    }
}

/// A mention as the store keeps it. Who answers for it now is whoever answers for its open
/// escalation, else `owner` (see `escalation::accountable`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedMention {
    /// The newest version's text and verdict.
    pub scored: ScoredMention,
    /// When this daemon first wrote it down: windows, digests and clocks count by this.
    pub recorded_at: Timestamp,
    /// When its newest version was written down.
    pub updated_at: Timestamp,
    /// 1 for the first version of the post, one more for each edit seen.
    pub revision: u32,
    /// The routed owner.
    pub owner: OwnerId,
    /// Why this owner: `route 2: when …` or `owner of topic acme-app` or `champion`.
    pub routed_by: String,
    /// What the triggers made of it.
    pub finding: Finding,
    /// What a person says of the verdict. Only the store's own verb sets it: a newer version of
    /// the post is recorded without and keeps what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// Set when the author took the post back, its retention ended or somebody asked for it: the text, the
    /// author and the URL are gone, the rest stays.
    pub erased_at: Option<Timestamp>,
    /// Why; none for what was erased before there were reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_for: Option<ErasedFor>,
}

impl RecordedMention {
    /// Its number.
    pub fn id(&self) -> MentionId {
        self.scored.mention.id
    }

    /// What was said.
    pub fn post(&self) -> &Post {
        &self.scored.mention.post
    }

    /// What it speaks of.
    pub fn topic(&self) -> &TopicId {
        &self.scored.mention.topic
    }

    /// The model's verdict.
    pub fn sentiment(&self) -> &Sentiment {
        &self.scored.sentiment
    }

    /// Which way it leans as far as is known: a person's word, else the model's. What figures count.
    pub fn polarity(&self) -> Polarity {
        self.correction.as_ref().map_or(self.sentiment().polarity, |correction| correction.polarity)
    }

    /// How far it leans: a person's word, else the model's.
    pub fn score(&self) -> f32 {
        self.correction.as_ref().map_or(self.sentiment().score, Correction::score)
    }

    /// Whether it asks for an answer: a person's word, else the model's; none: nobody can say.
    pub fn wants_answer(&self) -> Option<bool> {
        let said = self.correction.as_ref().and_then(|correction| correction.needs_answer);
        said.or(self.sentiment().wants_answer())
    }

    /// Why a person should look; none: the model is sure enough, or somebody has looked.
    pub fn doubted(&self) -> Option<Doubt> {
        self.sentiment().doubted().filter(|_| self.correction.is_none())
    }

    /// Takes text, author and links out; who owned it, when, what was judged, and with
    /// what outcome stays.
    pub fn erase(&mut self, now: Timestamp, reason: ErasedFor) {
        let post = &mut self.scored.mention.post;
        post.text.clear();
        post.title = None;
        post.author = None;
        post.url = None;
        post.parent = None;
        post.aliases.clear();
        self.scored.mention.spans.clear();
        if let Some(correction) = &mut self.correction {
            correction.note = None;
        }
        if self.erased_at.is_none() {
            self.erased_at = Some(now);
            self.erased_for = Some(reason);
        }
    }
}
