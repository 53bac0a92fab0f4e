//! Acting on escalations: acknowledge, resolve, reassign, silence. One function behind the
//! socket, the web and signed links.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::{Api, ApiError, Result};
use crate::domain::escalation::{Escalation, Severity};
use crate::domain::event::Actor;
use crate::domain::id::{EscalationId, OwnerId, SilenceId, TopicId, TriggerId};
use crate::domain::silence::Silence;
use crate::escalation::{self, Action};
use crate::notify::link::{Claim, LinkAction};
use crate::store::Outcome;

/// Conflicts in a row after which the caller is told.
const TRIES: u32 = 10;
/// The longest a silence may last.
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is asked for over the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
pub enum Ask {
    /// "I have it."
    Acknowledge,
    /// "It is done."
    Resolve,
    /// "It is theirs."
    Reassign {
        /// Whose.
        to: OwnerId,
    },
}

/// A silence as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceAsk {
    /// Only for this topic.
    pub topic: Option<TopicId>,
    /// Only for this trigger.
    pub trigger: Option<TriggerId>,
    /// Only messages to this owner.
    pub owner: Option<OwnerId>,
    /// Up to this severity; default `high`.
    pub up_to: Option<Severity>,
    /// For how long from now.
    #[serde(with = "crate::domain::duration::text")]
    pub lasts: SignedDuration,
    /// Why; shown to everyone it concerns.
    pub reason: String,
}

impl Api {
    /// Does what is asked, as the caller or as the owner it names.
    ///
    /// # Errors
    /// Where the caller may not, or the matter stands otherwise.
    pub async fn act(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        id: EscalationId,
        ask: Ask,
    ) -> Result<Escalation> {
        let actor = caller.acts_as(&self.desk.load(), wanted)?;
        self.act_as(&actor, id, &action_of(ask), None).await
    }

    /// Does what a signed link says, once.
    ///
    /// # Errors
    /// Where the link is not ours, has ended, or was used before.
    pub async fn act_by_link(&self, token: &str) -> Result<(Claim, Escalation)> {
        let claim = self.claim(token)?;
        let action = match claim.action {
            LinkAction::Acknowledge => Action::Acknowledge,
            LinkAction::Resolve => Action::Resolve,
        };
        let actor = Actor::Link(claim.owner.clone());
        let escalation = self.act_as(&actor, claim.escalation, &action, Some(&claim)).await?;
        Ok((claim, escalation))
    }

    /// What a signed link says, without doing it.
    ///
    /// # Errors
    /// Where the link is not ours or has ended.
    pub fn claim(&self, token: &str) -> Result<Claim> {
        self.links.verify(token, self.clock.now()).map_err(|error| ApiError::Forbidden(error.to_string()))
    }

    async fn act_as(
        &self,
        actor: &Actor,
        id: EscalationId,
        action: &Action,
        claim: Option<&Claim>,
    ) -> Result<Escalation> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let current = self.store.escalation(id).await?;
            let current =
                current.ok_or_else(|| ApiError::NotFound { what: "escalation", id: id.to_string() })?;
            let desk = self.desk.load_full();
            let silences = self.store.silences(None, now).await?;
            let mut effects = escalation::act(&desk, &silences, &current, actor, action, now)
                .map_err(|refused| ApiError::Refused(refused.to_string()))?;
            effects.link = claim.map(|claim| (claim.link, claim.expires));
            let before = current.seen;
            let after = effects.escalations.last().cloned().unwrap_or(current);
            if self.store.step(effects).await? == Outcome::Done {
                tracing::info!(escalation.id = %id, "escalation {id} is now {}", after.state.as_str());
                self.escalate.nudge();
                self.deliver.nudge();
                return Ok(after);
            }
            // The matter is what it was, so the conflict was the link's.
            if let Some(claim) = claim
                && self.store.escalation(id).await?.is_some_and(|stored| stored.seen == before)
            {
                return Err(ApiError::Refused(format!(
                    "this link was used before; the matter is {}",
                    self.store
                        .escalation(claim.escalation)
                        .await?
                        .map_or("gone", |found| found.state.as_str())
                )));
            }
        }
        Err(ApiError::Unavailable("the matter keeps changing; try again".into()))
    }

    /// Holds messages for a while.
    ///
    /// # Errors
    /// Where the caller may not, or it would last too long.
    pub async fn silence(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        ask: SilenceAsk,
    ) -> Result<Silence> {
        let desk = self.desk.load_full();
        let actor = caller.acts_as(&desk, wanted)?;
        if ask.lasts <= SignedDuration::ZERO || ask.lasts > LONGEST_SILENCE {
            return Err(ApiError::Bad("a silence lasts longer than nothing and at most 30d".into()));
        }
        if ask.reason.trim().is_empty() {
            return Err(ApiError::Bad("a silence needs a reason: others will read it".into()));
        }
        if let Some(topic) = ask.topic.as_ref().filter(|topic| !desk.topics.contains_key(topic)) {
            return Err(ApiError::Bad(format!("no topic is named \"{topic}\"")));
        }
        let now = self.clock.now();
        let silence = Silence {
            id: SilenceId::new(now),
            author: actor_name(&actor),
            reason: ask.reason,
            from: now,
            until: now + ask.lasts,
            topic: ask.topic,
            trigger: ask.trigger,
            owner: ask.owner,
            up_to: ask.up_to.unwrap_or(Severity::High),
        };
        self.store.silence(silence.clone()).await?;
        Ok(silence)
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// Where the caller may not, or there is none of that number.
    pub async fn end_silence(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        id: SilenceId,
    ) -> Result<Silence> {
        caller.acts_as(&self.desk.load(), wanted)?;
        let now = self.clock.now();
        let found = self.store.silences(Some(id), now).await?.into_iter().next();
        let mut silence = found.ok_or_else(|| ApiError::NotFound { what: "silence", id: id.to_string() })?;
        silence.until = silence.until.min(now);
        self.store.silence(silence.clone()).await?;
        Ok(silence)
    }

    /// Silences that have not ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn silences(&self) -> Result<Vec<Silence>> {
        let now: Timestamp = self.clock.now();
        Ok(self.store.silences(None, now).await?)
    }
}

fn action_of(ask: Ask) -> Action {
    match ask {
        Ask::Acknowledge => Action::Acknowledge,
        Ask::Resolve => Action::Resolve,
        Ask::Reassign { to } => Action::Reassign(to),
    }
}

fn actor_name(actor: &Actor) -> String {
    match actor {
        Actor::Daemon => "earmark".into(),
        Actor::Owner(owner) | Actor::Link(owner) => owner.to_string(),
    }
}
