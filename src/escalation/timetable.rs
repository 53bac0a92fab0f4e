//! Who is told when, if everybody stays silent: found by opening an escalation in memory and
//! letting [`advance`](super::advance) walk it, so that it cannot say anything else than what
//! would happen.

use jiff::{SignedDuration, Timestamp};

use super::desk::Desk;
use super::draft::Scene;
use super::intake::opening;
use super::rules::Firing;
use super::steps::advance;
use crate::domain::escalation::{Escalation, GroupKey, Severity};
use crate::domain::event::What;
use crate::domain::id::{ChannelId, OwnerId, TriggerId};
use crate::domain::notification::{Hold, HoldReason, Reason};
use crate::domain::topic::Topic;
use crate::store::Effects;

/// Rows shown at most: a policy may repeat for ever.
const ROWS: usize = 200;

/// One line of the timetable.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Planned {
    /// When it would go out.
    pub at: Timestamp,
    /// To whom.
    pub owner: OwnerId,
    /// Over which channels; empty when nobody can be told.
    pub channels: Vec<ChannelId>,
    /// In what role.
    pub role: Reason,
    /// Why then, or why not.
    pub why: String,
}

/// Who is told when of a mention of `topic` that a trigger of `severity` finds at `now`. Empty
/// without a policy.
pub fn timetable(
    desk: &Desk,
    topic: &Topic,
    owner: &OwnerId,
    severity: Severity,
    now: Timestamp,
) -> Vec<Planned> {
    let Some(policy) = topic.policy.as_ref().and_then(|policy| desk.policies.get(policy)) else {
        return Vec::new();
    };
    let firing = Firing {
        trigger: TriggerId::from("timetable"),
        severity,
        why: String::new(),
        group: GroupKey(String::new()),
        group_for: SignedDuration::ZERO,
    };
    let scene = Scene { desk, silences: &[], now };
    let mut effects = opening(scene, &topic.id, owner, policy, firing, None, None).finish(scene);
    let mut rows = Vec::new();
    let mut at = now;
    while let Some(escalation) = effects.escalations.pop() {
        rows.extend(lines(&escalation, &effects, at));
        let Some(due) = escalation.due().filter(|_| rows.len() < ROWS) else { break };
        at = at.max(due);
        effects = advance(desk, &[], &escalation, at);
    }
    rows.sort_by_key(|row| row.at);
    rows
}

/// What one decision tells, a line a person.
fn lines(escalation: &Escalation, effects: &Effects, decided: Timestamp) -> Vec<Planned> {
    let mut rows: Vec<Planned> = Vec::new();
    for told in &effects.notifications {
        if let Some(row) = rows.iter_mut().find(|row| row.owner == told.owner) {
            if !row.channels.contains(&told.channel) {
                row.channels.push(told.channel.clone());
            }
            continue;
        }
        let why = if told.not_before > decided {
            format!("decided at {decided:.0}, held until their hours begin")
        } else {
            format!("round {}, step {}", escalation.round + 1, escalation.taken)
        };
        let (at, role) = (told.not_before, told.reason);
        rows.push(Planned { at, owner: told.owner.clone(), channels: vec![told.channel.clone()], role, why });
    }
    rows.extend(effects.holds.iter().filter_map(|hold| unreached(hold, effects)));
    rows
}

fn unreached(hold: &Hold, effects: &Effects) -> Option<Planned> {
    let owner = hold.owner.clone().filter(|_| hold.reason == HoldReason::NoChannel)?;
    let is_step = |what: &What| matches!(what, What::Stepped { accountable, .. } if *accountable == owner);
    let stepped = effects.events.iter().any(|event| is_step(&event.what));
    let (role, then) = if stepped {
        (Reason::Accountable, "; the next step is taken at once")
    } else {
        (Reason::Informed, "")
    };
    let why = format!("has no channel that can be used{then}");
    Some(Planned { at: hold.at, owner, channels: Vec::new(), role, why })
}
