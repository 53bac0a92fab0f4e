//! What people do with an escalation: acknowledge, resolve, hand over. Pure; the caller writes the
//! effects and, on a conflict, reads and asks again, so that a click on an old page is judged by
//! how things stand now.
//!
//! Messages that were queued before are not taken back here: `deliver` looks at the matter at send
//! time and drops what is no longer due, because a row may be in the sender's hand already.

use jiff::Timestamp;

use super::check::nearest;
use super::desk::Desk;
use super::draft::{Draft, Scene, passes};
use super::steps::{begin_walk, take_step, wait_from};
use crate::domain::escalation::{Escalation, State};
use crate::domain::event::{Actor, What};
use crate::domain::id::{EscalationId, OwnerId};
use crate::domain::notification::Reason;
use crate::domain::policy::Tell;
use crate::domain::silence::Silence;
use crate::store::Effects;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// "I have it."
    Acknowledge,
    /// It is done.
    Resolve,
    /// Somebody else shall have it.
    Reassign(OwnerId),
}

/// Why it was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is closed.
    #[error("escalation {id} was resolved by {by} at {at:.0}; a new mention will open a new one")]
    Resolved {
        /// Which.
        id: EscalationId,
        /// Who closed it.
        by: OwnerId,
        /// When.
        at: Timestamp,
    },
    /// Nobody has that name.
    #[error("no owner is named \"{name}\"; {remedy}")]
    UnknownOwner {
        /// The name.
        name: OwnerId,
        /// What would be right.
        remedy: String,
    },
    /// It is theirs already.
    #[error("escalation {id} is {owner}'s already; acknowledge it to stop the steps")]
    AlreadyTheirs {
        /// Which.
        id: EscalationId,
        /// Whose.
        owner: OwnerId,
    },
}

/// Does what `actor` asks for.
///
/// # Errors
/// Why it was not done.
pub fn act(
    desk: &Desk,
    silences: &[Silence],
    escalation: &Escalation,
    actor: &Actor,
    action: &Action,
    now: Timestamp,
) -> Result<Effects, Refused> {
    match action {
        Action::Acknowledge => acknowledge(desk, silences, escalation, actor, now),
        Action::Resolve => resolve(desk, silences, escalation, actor, now),
        Action::Reassign(to) => reassign(desk, silences, escalation, actor, to, now),
    }
}

/// "I have it": the actor answers, and the steps stop for the policy's time, counted in the
/// actor's working hours like any wait. Saying it again begins that time again, so that whoever
/// works on something long can keep it; somebody else saying it takes it over, and whoever had it
/// is informed.
///
/// # Errors
/// Why it was not done.
pub fn acknowledge(
    desk: &Desk,
    silences: &[Silence],
    escalation: &Escalation,
    actor: &Actor,
    now: Timestamp,
) -> Result<Effects, Refused> {
    let scene = Scene { desk, silences, now };
    let by = who(desk, escalation, actor)?;
    let person = desk.roster.owner(&by);
    let until = passes(person, escalation.severity, escalation.policy.acknowledgement_lasts, now);
    let mut draft = Draft::change(escalation);
    if let State::Acknowledged { by: before, .. } = &escalation.state
        && *before != by
    {
        draft.tell(before, Reason::Informed);
    }
    draft.now.state = State::Acknowledged { by: by.clone(), at: now, until };
    draft.now.accountable = by.clone();
    draft.now.step_due = None;
    draft.now.bundle_due = None;
    draft.now.untold = 0;
    draft.now.first_acknowledged_at.get_or_insert(now);
    draft.event(now, actor.clone(), None, What::Acknowledged { accountable: by, until });
    Ok(draft.finish(scene))
}

/// Closes it, from any state. Who answered for it stays on the record.
///
/// # Errors
/// Why it was not done.
pub fn resolve(
    desk: &Desk,
    silences: &[Silence],
    escalation: &Escalation,
    actor: &Actor,
    now: Timestamp,
) -> Result<Effects, Refused> {
    let by = who(desk, escalation, actor)?;
    let mut draft = Draft::change(escalation);
    draft.now.state = State::Resolved { by: by.clone(), at: now };
    draft.now.step_due = None;
    draft.now.bundle_due = None;
    draft.now.overdue_at = None;
    draft.now.untold = 0;
    draft.event(now, actor.clone(), None, What::Resolved { by });
    Ok(draft.finish(Scene { desk, silences, now }))
}

/// Hands it over: `to` becomes the routed owner, so that `deputy` is theirs, and a new walk
/// begins. The handover is itself a step: they have as long as the policy's first step gives.
/// An acknowledgement ends, because it was somebody else's; whoever loses it is informed, unless
/// they did it themselves. The deadline for resolving stays: the customer has waited since then.
///
/// # Errors
/// Why it was not done.
pub fn reassign(
    desk: &Desk,
    silences: &[Silence],
    escalation: &Escalation,
    actor: &Actor,
    to: &OwnerId,
    now: Timestamp,
) -> Result<Effects, Refused> {
    let scene = Scene { desk, silences, now };
    let by = who(desk, escalation, actor)?;
    known(desk, to)?;
    let is_theirs = escalation.owner == *to && escalation.accountable == *to;
    if is_theirs && !matches!(escalation.state, State::Expired { .. }) {
        return Err(Refused::AlreadyTheirs { id: escalation.id, owner: to.clone() });
    }
    let person = desk.roster.present(to, now);
    let mut draft = Draft::change(escalation);
    let from = escalation.accountable.clone();
    begin_walk(&mut draft.now);
    draft.now.owner = to.clone();
    draft.now.accountable = person.id.clone();
    draft.event(now, actor.clone(), None, What::Reassigned { from: from.clone(), to: person.id.clone() });
    draft.tell(&person.id, Reason::Reassigned);
    if from != by && from != person.id {
        draft.tell(&from, Reason::Informed);
    }
    // Policies mostly begin with the owner: that step is this one.
    if draft.now.policy.steps.first().and_then(|step| step.tell.first()) == Some(&Tell::Owner) {
        draft.now.taken = 1;
    }
    if desk.way(person).is_some() {
        draft.now.step_due = Some(wait_from(&draft.now, person, now));
    } else {
        // The hold that says why is written with the message that cannot be.
        take_step(&mut draft, scene, Reason::Accountable);
    }
    Ok(draft.finish(scene))
}

/// Who acts, if they still can.
fn who(desk: &Desk, escalation: &Escalation, actor: &Actor) -> Result<OwnerId, Refused> {
    if let State::Resolved { by, at } = &escalation.state {
        return Err(Refused::Resolved { id: escalation.id, by: by.clone(), at: *at });
    }
    match actor {
        Actor::Daemon => Ok(desk.roster.champion().id.clone()),
        Actor::Owner(id) | Actor::Link(id) => known(desk, id).map(|()| id.clone()),
    }
}

fn known(desk: &Desk, name: &OwnerId) -> Result<(), Refused> {
    if desk.roster.get(name).is_some() {
        return Ok(());
    }
    let near = nearest(name.as_str(), desk.roster.owners().map(|owner| owner.id.as_str()));
    let remedy = near.map_or_else(
        || {
            let all: Vec<_> = desk.roster.owners().map(|owner| owner.id.as_str()).collect();
            format!("there are {}", all.join(", "))
        },
        |near| format!("did you mean \"{near}\"?"),
    );
    Err(Refused::UnknownOwner { name: name.clone(), remedy })
}
