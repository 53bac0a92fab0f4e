//! After a reload, a restart, or a clock set back: nobody who is gone answers for anything (P1),
//! and nothing open is without a deadline (P4).

use jiff::Timestamp;

use super::desk::Desk;
use super::draft::{Draft, Scene};
use super::steps::wait_from;
use crate::domain::escalation::{Escalation, State};
use crate::domain::event::{Actor, What};
use crate::domain::id::OwnerId;
use crate::domain::mention::RecordedMention;
use crate::domain::notification::Reason;
use crate::domain::owner::Roster;
use crate::domain::silence::Silence;
use crate::store::Effects;

/// What must change so that the escalation fits the desk; empty if it does.
pub fn reconcile(desk: &Desk, silences: &[Silence], escalation: &Escalation, now: Timestamp) -> Effects {
    let scene = Scene { desk, silences, now };
    if !escalation.state.is_unresolved() {
        return Effects::default();
    }
    let champion = desk.roster.champion();
    let gone = |id: &OwnerId| desk.roster.get(id).is_none();
    let mut draft = Draft::change(escalation);
    if gone(&escalation.owner) {
        draft.now.owner = champion.id.clone();
    }
    let acknowledger = match &escalation.state {
        State::Acknowledged { by, .. } => Some(by),
        _ => None,
    };
    let lost = [Some(&escalation.accountable), acknowledger].into_iter().flatten().find(|id| gone(id));
    if lost.is_some() {
        draft.now.accountable = champion.id.clone();
        draft.tell(&champion.id, Reason::Accountable);
        if acknowledger.is_some() {
            // "I have it" went with them: the steps go on, once the champion had the time that
            // the last of them gave.
            draft.now.state = State::Open;
            draft.now.bundle_due = None;
            draft.now.untold = 0;
            draft.now.step_due = Some(wait_from(&draft.now, champion, now));
        }
    }
    let from = lost.or_else(|| gone(&escalation.owner).then_some(&escalation.owner));
    if let Some(from) = from {
        let what = What::OwnerGone { from: from.clone(), to: champion.id.clone() };
        draft.event(now, Actor::Daemon, None, what);
    }
    restore_deadline(&mut draft.now, desk, now);
    draft.finish(scene)
}

/// An open matter has a deadline, and one that was set by a clock far ahead is set anew: without
/// this, a clock that was a year ahead for a minute would stop the steps for a year.
fn restore_deadline(escalation: &mut Escalation, desk: &Desk, now: Timestamp) {
    let person = desk.roster.owner(&escalation.accountable);
    let set_back = escalation.joined_at > now;
    if escalation.state == State::Open {
        let latest = wait_from(escalation, person, now);
        let due = escalation.step_due.unwrap_or(now);
        escalation.step_due = Some(if set_back { due.min(latest) } else { due });
    }
    if set_back {
        escalation.opened_at = escalation.opened_at.min(now);
        escalation.joined_at = now;
        let overdue = now.checked_add(escalation.policy.resolve_within).unwrap_or(now);
        escalation.overdue_at = escalation.overdue_at.map(|at| at.min(overdue));
        if let State::Acknowledged { at, until, .. } = &mut escalation.state {
            let latest = super::draft::passes(
                person,
                escalation.severity,
                escalation.policy.acknowledgement_lasts,
                now,
            );
            *at = (*at).min(now);
            *until = (*until).min(latest);
        }
        let bundle = super::steps::bundle(now);
        escalation.bundle_due = escalation.bundle_due.map(|at| at.min(bundle));
    }
}

/// Who answers for a mention now: whoever answers for its unresolved escalation, else its routed
/// owner; the champion for those whom a reload took away.
pub fn accountable(roster: &Roster, mention: &RecordedMention, escalation: Option<&Escalation>) -> OwnerId {
    let open = escalation.filter(|escalation| escalation.state.is_unresolved());
    roster.owner(open.map_or(&mention.owner, |escalation| &escalation.accountable)).id.clone()
}
