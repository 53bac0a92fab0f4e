//! The walk through a policy: (escalation, now) → the next state and whom to tell.
//!
//! # How a step is taken
//! * Its first name becomes accountable, the others are informed; who is away is stood in for.
//! * Neighbouring steps that come to the same person (a deputy that is not set is the champion)
//!   are one: told once, waited for as long as the longest of them says.
//! * A step that comes to whoever answers already since the step before it (absences changed) is
//!   passed over at once. At the beginning of a round it is not: that is the reminder that
//!   `repeat` asks for.
//! * Whoever has no usable channel becomes accountable for an instant, a hold says why nobody was
//!   told, and the next step is taken at once. When a whole round finds nobody, it expires.
//! * Rounds count on through all walks of one escalation (a handover or a worse mention begins a
//!   new walk), so that no (round, step) ever comes twice.
//!
//! # Late and early
//! `advance` takes one step however long ago it was due and counts the next wait from now: after
//! three days off, owners are passed by one at a time and not all in one minute.

use jiff::{SignedDuration, Timestamp};

use super::desk::Desk;
use super::draft::{Draft, Scene, passes};
use crate::domain::escalation::{Escalation, State};
use crate::domain::event::{Actor, What};
use crate::domain::id::OwnerId;
use crate::domain::notification::Reason;
use crate::domain::owner::{Owner, Roster};
use crate::domain::policy::{Step, Tell};
use crate::domain::silence::Silence;
use crate::store::Effects;

/// The shortest wait: a policy that waits for nothing would tell everybody in the same instant.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_secs(1);

/// How long mentions that join an acknowledged matter are gathered before whoever has it is told:
/// long enough that a burst is one message, short enough that it still belongs to the same hour.
pub const BUNDLE_FOR: SignedDuration = SignedDuration::from_mins(15);

/// Everything that is due at `now`; empty if nothing is.
pub fn advance(desk: &Desk, silences: &[Silence], escalation: &Escalation, now: Timestamp) -> Effects {
    let scene = Scene { desk, silences, now };
    let mut draft = Draft::change(escalation);
    let past = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
    match escalation.state.clone() {
        State::Resolved { .. } => return Effects::default(),
        State::Acknowledged { by, until, .. } if until <= now => {
            draft.now.state = State::Open;
            draft.event(now, Actor::Daemon, None, What::AcknowledgementRanOut { by: by.clone() });
            draft.tell(&by, Reason::AcknowledgementRanOut);
            take_step(&mut draft, scene, Reason::Accountable);
        }
        State::Open if past(escalation.step_due) || escalation.step_due.is_none() => {
            take_step(&mut draft, scene, Reason::Accountable);
        }
        State::Acknowledged { .. } | State::Expired { .. } => draft.now.step_due = None,
        State::Open => {}
    }
    if past(draft.now.bundle_due) {
        // In an open matter the steps tell of everything that joined.
        if draft.now.state != State::Open && draft.now.untold > 0 {
            let accountable = draft.now.accountable.clone();
            draft.tell(&accountable, Reason::Joined);
        }
        // `untold` stays: the message is written when it is sent, and says how many they are.
        draft.now.bundle_due = None;
    }
    if past(draft.now.overdue_at) {
        let accountable = draft.now.accountable.clone();
        draft.now.overdue_at = None;
        draft.event(now, Actor::Daemon, None, What::Overdue { accountable: accountable.clone() });
        draft.tell(&accountable, Reason::Overdue);
    }
    draft.finish(scene)
}

/// Takes the next step of the walk, or ends it. `reason` is what the accountable person is told.
pub(super) fn take_step(draft: &mut Draft, scene: Scene<'_>, reason: Reason) {
    let Scene { desk, now, .. } = scene;
    let steps = draft.now.policy.steps.clone();
    let mut unreached = 0;
    while unreached < steps.len() {
        if to_index(draft.now.taken) >= steps.len() {
            if is_last_round(&draft.now) {
                break;
            }
            draft.now.round = draft.now.round.saturating_add(1);
            draft.now.taken = 0;
        }
        let index = to_index(draft.now.taken);
        let begins_round = index == 0;
        let person = first_of(&steps[index], &draft.now, &desk.roster, now);
        let is_same = !begins_round && person.id == draft.now.accountable;
        let together = steps[index..]
            .iter()
            .take_while(|step| first_of(step, &draft.now, &desk.roster, now).id == person.id)
            .count();
        let mut wait = SHORTEST_WAIT;
        for step in &steps[index..index + together] {
            wait = wait.max(step.wait);
            draft.now.accountable = person.id.clone();
            draft.now.taken = draft.now.taken.saturating_add(1);
            let stepped = What::Stepped {
                round: draft.now.round,
                step: draft.now.taken - 1,
                accountable: person.id.clone(),
            };
            draft.event(now, Actor::Daemon, None, stepped);
            for name in step.tell.iter().skip(1) {
                let informed = resolve(name, &draft.now.owner, &desk.roster, now);
                if informed.id != person.id {
                    draft.tell(&informed.id, Reason::Informed);
                }
            }
        }
        if is_same {
            unreached += together;
            continue;
        }
        draft.tell(&person.id, reason);
        if desk.way(person).is_none() {
            unreached += together;
            continue;
        }
        draft.now.state = State::Open;
        draft.now.step_due = Some(passes(person, draft.now.severity, wait, now));
        return;
    }
    expire(draft, scene);
}

/// Nobody answered: the champion does, and whoever stands in for an absent one hears of it.
fn expire(draft: &mut Draft, scene: Scene<'_>) {
    let champion = scene.desk.roster.champion();
    let stand_in = scene.desk.roster.present(&champion.id, scene.now);
    // The walk is over, also when it was cut short because a whole round reached nobody.
    draft.now.round = last_round(&draft.now);
    draft.now.taken = u32::try_from(draft.now.policy.steps.len()).unwrap_or(u32::MAX);
    draft.now.accountable = champion.id.clone();
    draft.now.state = State::Expired { at: scene.now };
    draft.now.step_due = None;
    draft.event(scene.now, Actor::Daemon, None, What::Expired { accountable: champion.id.clone() });
    draft.tell(&champion.id, Reason::Expired);
    if stand_in.id != champion.id {
        draft.tell(&stand_in.id, Reason::Informed);
    }
}

/// Begins a new walk: its rounds are numbered after those of the walk before.
pub(super) fn begin_walk(escalation: &mut Escalation) {
    escalation.round = last_round(escalation).saturating_add(1);
    escalation.taken = 0;
    escalation.state = State::Open;
    escalation.step_due = None;
    escalation.bundle_due = None;
    escalation.untold = 0;
}

/// A walk has `repeat + 1` rounds; walks lie one after another on the count of rounds.
fn last_round(escalation: &Escalation) -> u32 {
    let length = u64::from(escalation.policy.repeat) + 1;
    let last = (u64::from(escalation.round) / length + 1) * length - 1;
    u32::try_from(last).unwrap_or(u32::MAX)
}

fn is_last_round(escalation: &Escalation) -> bool {
    escalation.round >= last_round(escalation)
}

/// When the wait of the step last taken would end if it began now.
pub(super) fn wait_from(escalation: &Escalation, person: &Owner, now: Timestamp) -> Timestamp {
    let index = to_index(escalation.taken).saturating_sub(1);
    let wait = escalation.policy.steps.get(index).map_or(SHORTEST_WAIT, |step| step.wait.max(SHORTEST_WAIT));
    passes(person, escalation.severity, wait, now)
}

/// Whom a name in `tell` comes to at `now`.
pub(super) fn resolve<'a>(name: &Tell, routed: &OwnerId, roster: &'a Roster, now: Timestamp) -> &'a Owner {
    let id = match name {
        Tell::Owner => &roster.owner(routed).id,
        Tell::Deputy => &roster.deputy_of(routed).id,
        Tell::Champion => &roster.champion().id,
        Tell::Named(id) => id,
    };
    roster.present(id, now)
}

fn first_of<'a>(step: &Step, escalation: &Escalation, roster: &'a Roster, now: Timestamp) -> &'a Owner {
    resolve(step.tell.first().unwrap_or(&Tell::Champion), &escalation.owner, roster, now)
}

/// When whoever has an acknowledged or expired matter hears of what joined.
pub(super) fn bundle(now: Timestamp) -> Timestamp {
    now.checked_add(BUNDLE_FOR).unwrap_or(now)
}

fn to_index(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
