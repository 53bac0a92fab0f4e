//! What would happen to a text: which topics claim it and why, what the model says, who would own
//! it, whether a trigger fires, and the whole timetable of who would be told when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Api, ApiError, Result};
use crate::domain::escalation::Severity;
use crate::domain::id::{MentionId, OwnerId, SourceId, TopicId};
use crate::domain::mention::{Mention, ScoredMention, Span};
use crate::domain::post::{Post, PostKind};
use crate::domain::sentiment::Sentiment;
use crate::escalation::Facts;
use crate::escalation::timetable;
use crate::pipeline::ingest::{lang, scorable};
use crate::sentiment::{Scorable, language_of};

/// A post to try.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trial {
    /// The words.
    pub text: String,
    /// The headline.
    pub title: Option<String>,
    /// By whom.
    pub author: Option<String>,
    /// BCP 47.
    pub lang: Option<String>,
    /// What sort of thing.
    pub kind: PostKind,
    /// From which source.
    pub source: Option<SourceId>,
    /// On which site.
    pub site: Option<String>,
    /// As if it were a mention of this topic, whatever its query says.
    pub topic: Option<TopicId>,
    /// As if now were then.
    pub at: Option<Timestamp>,
}

/// What would happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The instant it was decided for.
    pub at: Timestamp,
    /// One entry a topic that claims it.
    pub mentions: Vec<Would>,
    /// For every topic, whether its query holds and why.
    pub queries: serde_json::Value,
}

/// What one topic would make of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Would {
    /// The topic.
    pub topic: TopicId,
    /// Where its terms stand.
    pub spans: Vec<Span>,
    /// The model's verdict.
    pub sentiment: Sentiment,
    /// Who would answer.
    pub owner: OwnerId,
    /// Why.
    pub routed_by: String,
    /// The trigger that would fire.
    pub trigger: Option<String>,
    /// Why it would.
    pub why: Option<String>,
    /// How severe it would be.
    pub severity: Option<Severity>,
    /// Rules that failed on it.
    pub faults: Vec<String>,
    /// Who would be told when, if everybody stayed silent.
    pub timetable: serde_json::Value,
}

impl Api {
    /// Tries a post. Stores nothing, tells nobody.
    ///
    /// # Errors
    /// An empty text, an unknown topic, or the scorer's.
    pub async fn explain(&self, trial: Trial) -> Result<Explanation> {
        if trial.text.trim().is_empty() && trial.title.is_none() {
            return Err(ApiError::Bad("there is no text to try".into()));
        }
        let now = trial.at.unwrap_or_else(|| self.clock.now());
        let desk = self.desk.load_full();
        let plan = self.plan.load_full();
        let post = post_of(&trial, now);
        let queries = serde_json::to_value(plan.matcher.explain(&post)).map_err(anyhow::Error::from)?;
        let mut found: Vec<(TopicId, Vec<Span>)> =
            plan.matcher.find(&post).into_iter().map(|found| (found.topic, found.spans)).collect();
        let source = trial.source.as_ref().and_then(|id| plan.sources.get(id));
        let bound = source.and_then(|source| source.topic.clone());
        for topic in trial.topic.iter().chain(&bound) {
            if !desk.topics.contains_key(topic) {
                return Err(ApiError::Bad(format!("no topic is named \"{topic}\"")));
            }
            if !found.iter().any(|(of, _)| of == topic) {
                found.push((topic.clone(), Vec::new()));
            }
        }
        if let Some(topic) = &trial.topic {
            found.retain(|(of, _)| of == topic);
        }
        let kind = source.map_or("file", |source| source.kind);
        let mut mentions = Vec::with_capacity(found.len());
        for (topic, spans) in found {
            mentions.push(self.would(&desk, &post, topic, spans, kind, now).await?);
        }
        Ok(Explanation { at: now, mentions, queries })
    }

    async fn would(
        &self,
        desk: &crate::escalation::Desk,
        post: &Post,
        topic_id: TopicId,
        spans: Vec<Span>,
        kind: &str,
        now: Timestamp,
    ) -> Result<Would> {
        let topic = desk.topics.get(&topic_id);
        let topic = topic.ok_or_else(|| ApiError::Bad(format!("no topic is named \"{topic_id}\"")))?;
        // As ingest does: what is explained is what would be done.
        let post = Post { lang: lang(post), ..post.clone() };
        let mention = Mention { id: MentionId::new(now), post, topic: topic_id.clone(), spans };
        let sentiment = self.score(vec![scorable(desk, &mention)]).await?;
        let sentiment =
            sentiment.into_iter().next().ok_or_else(|| anyhow::anyhow!("the scorer gave no verdict"))?;
        let scored = ScoredMention { mention, sentiment };
        let routed = desk.rules.route(&scored, kind, topic, &desk.roster);
        let needs_answer = scored.sentiment.wants_answer();
        let facts = Facts { owner: &routed.owner, source_kind: kind, needs_answer, tallies: &[], now };
        let fired = desk.rules.fire(&scored, &facts);
        let faults = routed.faults.iter().chain(&fired.faults);
        let severity = fired.fired.as_ref().map(|firing| firing.severity);
        let planned = severity.map(|severity| timetable(desk, topic, &routed.owner, severity, now));
        Ok(Would {
            topic: topic_id,
            spans: scored.mention.spans,
            sentiment: scored.sentiment,
            faults: faults.map(|fault| format!("{}: {}", fault.rule, fault.error)).collect(),
            owner: routed.owner,
            routed_by: routed.by,
            trigger: fired.fired.as_ref().map(|firing| firing.trigger.to_string()),
            why: fired.fired.map(|firing| firing.why),
            severity,
            timetable: serde_json::to_value(planned).map_err(anyhow::Error::from)?,
        })
    }

    /// The model's verdicts. The language of a text that says none is detected.
    ///
    /// # Errors
    /// The scorer's, or that there is none.
    pub async fn score(&self, mut texts: Vec<Scorable>) -> Result<Vec<Sentiment>> {
        let scorer =
            self.scorer.as_ref().ok_or_else(|| ApiError::Unavailable("no model is loaded".into()))?;
        for text in &mut texts {
            text.lang = language_of(text.lang.as_deref(), &text.text);
        }
        Ok(scorer.score(texts).await.map_err(anyhow::Error::from)?)
    }
}

fn post_of(trial: &Trial, now: Timestamp) -> Post {
    Post {
        source: trial.source.clone().unwrap_or_else(|| "trial".into()),
        site: trial.site.clone().unwrap_or_default(),
        id: "trial".into(),
        version: "1".into(),
        aliases: Vec::new(),
        kind: trial.kind,
        url: None,
        author: trial.author.clone(),
        created_at: Some(now),
        title: trial.title.clone(),
        text: trial.text.clone(),
        lang: trial.lang.clone(),
        parent: None,
        reach: None,
        deleted: false,
    }
}
