//! Correcting verdicts: a person says which way a mention leans, agrees with the model, or takes
//! that back. It changes what figures count and what the model is measured on, and nothing else:
//! no trigger is asked again, no escalation opens or closes, and the tallies behind spikes stay as
//! they were when the mention came.

use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::list::MentionView;
use super::{Api, ApiError, Result};
use crate::domain::correction::{Correction, LONGEST_NOTE};
use crate::domain::escalation::Escalation;
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::{MentionId, OwnerId};
use crate::domain::mention::RecordedMention;
use crate::domain::sentiment::Polarity;
use crate::domain::words;
use crate::escalation::{Desk, accountable};
use crate::store::{Correcting, Outcome};

/// Conflicts in a row after which the caller is told.
const TRIES: u32 = 10;

/// A correction as asked for. It replaces whatever was said before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorrectAsk {
    /// Which way it leans.
    pub polarity: Option<Polarity>,
    /// In place of a polarity: the model is right.
    pub confirm: bool,
    /// Whether it asks for an answer.
    pub needs_answer: Option<bool>,
    /// Why, in words.
    pub note: Option<String>,
    /// The revision that the person looked at; refused if the post was edited since.
    pub revision: Option<u32>,
}

impl Api {
    /// Writes what a person says of a verdict.
    ///
    /// # Errors
    /// Where the caller may not, the ask says nothing clear, or there is no text to judge by.
    pub async fn correct(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        id: MentionId,
        ask: CorrectAsk,
    ) -> Result<MentionView> {
        self.correct_to(caller, wanted, id, Some(&ask)).await
    }

    /// Takes a correction back: the model's verdict counts again.
    ///
    /// # Errors
    /// Where the caller may not, or there is none.
    pub async fn uncorrect(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        id: MentionId,
    ) -> Result<MentionView> {
        self.correct_to(caller, wanted, id, None).await
    }

    async fn correct_to(
        &self,
        caller: &Caller,
        wanted: Option<&OwnerId>,
        id: MentionId,
        ask: Option<&CorrectAsk>,
    ) -> Result<MentionView> {
        let by = name_of(caller.acts_as(&self.desk.load(), wanted)?)?;
        for _ in 0..TRIES {
            let view = self.mention(id).await?;
            let mention = &view.mention;
            self.may_correct(&by, mention).await?;
            let now = self.clock.now();
            let correction = match ask {
                Some(ask) => Some(correction_of(ask, mention, &by, now)?),
                None if mention.correction.is_none() => {
                    return Err(ApiError::Refused(format!("nobody has corrected the mention {id}")));
                }
                None => None,
            };
            let what = what(mention, correction.as_ref());
            let event = Event {
                at: now,
                by: Actor::Owner(by.clone()),
                escalation: mention.finding.escalation(),
                mention: Some(id),
                what,
            };
            let correcting = Correcting {
                mention: id,
                revision: mention.revision,
                instead_of: mention.correction.clone(),
                correction,
                events: vec![event],
            };
            if self.store.correct(correcting).await? == Outcome::Done {
                return self.mention(id).await;
            }
        }
        Err(ApiError::Unavailable("the mention keeps changing; try again".into()))
    }

    /// Whether a caller may correct a mention: for a page that would offer it.
    ///
    /// # Errors
    /// The store's.
    pub async fn can_correct(&self, caller: &Caller, mention: &RecordedMention) -> Result<bool> {
        let Ok(actor) = caller.acts_as(&self.desk.load(), None) else { return Ok(false) };
        match self.may_correct(&name_of(actor)?, mention).await {
            Err(ApiError::Forbidden(_)) => Ok(false),
            other => other.map(|()| true),
        }
    }

    async fn may_correct(&self, by: &OwnerId, mention: &RecordedMention) -> Result<()> {
        let escalation = match mention.finding.escalation() {
            Some(id) => self.store.escalation(id).await?,
            None => None,
        };
        let may = correctors(&self.desk.load(), mention, escalation.as_ref());
        if may.contains(by) {
            return Ok(());
        }
        let names: Vec<&str> = may.iter().map(OwnerId::as_str).collect();
        Err(ApiError::Forbidden(format!(
            "{by} may not correct the mention {}: that is for {}",
            mention.id(),
            names.join(", ")
        )))
    }
}

/// Who may correct a mention: the champion, whoever answers for it, the topic's owner, and the
/// deputies of these two.
fn correctors(desk: &Desk, mention: &RecordedMention, escalation: Option<&Escalation>) -> Vec<OwnerId> {
    let roster = &desk.roster;
    let answers = accountable(roster, mention, escalation);
    let owns = desk.topics.get(mention.topic()).and_then(|topic| topic.owner.clone());
    let mut may = vec![roster.champion().id.clone()];
    for one in std::iter::once(answers).chain(owns) {
        may.push(roster.deputy_of(&one).id.clone());
        may.push(one);
    }
    may.sort();
    may.dedup();
    may
}

fn name_of(actor: Actor) -> Result<OwnerId> {
    match actor {
        Actor::Owner(owner) => Ok(owner),
        Actor::Link(_) | Actor::Daemon => {
            Err(ApiError::Forbidden("a signed link does what it says and nothing else".into()))
        }
    }
}

fn correction_of(
    ask: &CorrectAsk,
    mention: &RecordedMention,
    by: &OwnerId,
    now: jiff::Timestamp,
) -> Result<Correction> {
    if mention.erased_at.is_some() {
        return Err(ApiError::Refused(format!(
            "the text of the mention {} is gone, so there is nothing to judge by",
            mention.id()
        )));
    }
    if ask.revision.is_some_and(|seen| seen != mention.revision) {
        return Err(ApiError::Refused("the post was edited since you read it; look again".into()));
    }
    let polarity = match (ask.polarity, ask.confirm) {
        (Some(polarity), false) => polarity,
        (None, true) if mention.sentiment().polarity == Polarity::Unsure => {
            return Err(ApiError::Bad(
                "the model was unsure, so there is nothing to confirm; say negative, neutral or positive"
                    .into(),
            ));
        }
        (None, true) => mention.sentiment().polarity,
        _ => {
            return Err(ApiError::Bad(
                "say which way it leans (negative, neutral or positive), or confirm what the model said"
                    .into(),
            ));
        }
    };
    if polarity == Polarity::Unsure {
        return Err(ApiError::Bad(
            "a person says negative, neutral or positive; unsure is the model's".into(),
        ));
    }
    let note = ask.note.as_deref().map(words::clean);
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        return Err(ApiError::Bad(format!("a note has at most {LONGEST_NOTE} characters")));
    }
    let (needs_answer, revision) = (ask.needs_answer, mention.revision);
    Ok(Correction { polarity, needs_answer, by: by.clone(), at: now, revision, note })
}

fn what(mention: &RecordedMention, correction: Option<&Correction>) -> What {
    let before = mention.correction.as_ref().map(|before| before.polarity);
    match correction {
        Some(correction) => What::Corrected {
            verdict: mention.sentiment().polarity,
            before,
            polarity: correction.polarity,
            needs_answer: correction.needs_answer,
        },
        None => What::Uncorrected { before: before.unwrap_or(mention.sentiment().polarity) },
    }
}
