//! From an outbox row to its message: asks whether it is still needed, gathers what it says from
//! the store as it is now, and has `message` write it.
//!
//! A row keeps no copy of a post, so a message that waits for the morning says what is known in the
//! morning, and what an author took back meanwhile is not sent.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::deliver::{Rendered, rows_of_escalation};
use super::link::{self, LinkAction, Links};
use super::message::{self, Act, Next, Reader, View};
use crate::domain::escalation::{Escalation, State};
use crate::domain::id::{EscalationId, TopicId};
use crate::domain::notification::{About, Delivery, HoldReason, Notification, Reason};
use crate::domain::owner::{Owner, Roster};
use crate::domain::policy::Tell;
use crate::domain::topic::Topic;
use crate::store::{Page, Store, StoreError};

/// Mentions shown in one message.
const SHOWN: usize = 5;
/// Mentions looked at for the subject; more than that at one instant are "25 posts".
const OPENED_WITH: usize = 25;
/// How long a link in a message works.
const LINK_LASTS: SignedDuration = SignedDuration::from_hours(24 * 7);

/// What writing needs besides the store.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Who answers.
    pub roster: &'a Roster,
    /// What is listened for.
    pub topics: &'a BTreeMap<TopicId, Topic>,
    /// Makes links that act; none where readers cannot reach the daemon.
    pub links: Option<&'a Links>,
    /// Where readers reach the pages, without a slash at the end.
    pub public_url: Option<&'a str>,
}

/// The message of a row about an escalation or the daemon itself, or that it is not needed. None
/// for a digest: its words are not ours.
///
/// # Errors
/// The store's.
pub async fn render(
    store: &dyn Store,
    setting: Setting<'_>,
    row: &Notification,
    now: Timestamp,
) -> Result<Option<Rendered>, StoreError> {
    match &row.about {
        About::Digest(..) => Ok(None),
        About::Notice(notice) => {
            let reader = reader(setting.roster.owner(&row.owner));
            Ok(Some(Rendered::Message(Box::new(message::notice(notice, row, &reader, now)))))
        }
        About::Escalation(id) => render_escalation(store, setting, *id, row, now).await.map(Some),
    }
}

async fn render_escalation(
    store: &dyn Store,
    setting: Setting<'_>,
    id: EscalationId,
    row: &Notification,
    now: Timestamp,
) -> Result<Rendered, StoreError> {
    let (Some(escalation), Some(owner)) = (store.escalation(id).await?, setting.roster.get(&row.owner))
    else {
        // Whoever answers now was told by the change that took the owner away.
        return Ok(Rendered::NotNeeded(HoldReason::NoLongerDue));
    };
    if !is_needed(row, &escalation) {
        return Ok(Rendered::NotNeeded(HoldReason::NoLongerDue));
    }
    let page = |limit, newest_first| Page { limit, after: None, newest_first };
    let mut opened_with = store.mentions_of(id, page(OPENED_WITH, false)).await?.rows;
    let opened_at = escalation.opened_at;
    // At least one, however the clock stood when they were recorded.
    let later = opened_with.iter().skip(1).position(|mention| mention.recorded_at > opened_at);
    opened_with.truncate(later.map_or(opened_with.len(), |at| at + 1));
    let newest = store.mentions_of(id, page(SHOWN, true)).await?.rows;
    let rows = rows_of_escalation(store, id).await?;
    let name = |id| setting.roster.owner(id).name.clone();
    let view = View {
        topic: setting
            .topics
            .get(&escalation.topic)
            .map_or_else(|| escalation.topic.to_string(), |topic| topic.name.clone()),
        reader: reader(owner),
        reason: row.reason,
        accountable: name(&escalation.accountable),
        in_hand_of: match &escalation.state {
            State::Acknowledged { by, .. } => Some(name(by)),
            _ => None,
        },
        opened_with,
        newest,
        silent: silent(row, &rows, setting.roster),
        next: next(&escalation, setting.roster, now),
        act: setting.links.map(|links| act(links, &escalation, row)),
        page: setting.public_url.map(|url| format!("{url}/escalations/{id}")),
        key: row.key.clone(),
        decided_at: row.created_at,
        now,
        opens_thread: opens_thread(row, &rows),
        urgent: row.urgent,
        escalation,
    };
    Ok(Rendered::Message(Box::new(message::escalation(&view))))
}

/// Whether a message still tells its reader something to be known or done. A step that passed its
/// reader by meanwhile is still told: one more who knows is better than one who never heard.
pub fn is_needed(row: &Notification, escalation: &Escalation) -> bool {
    let yours = escalation.accountable == row.owner;
    match (&escalation.state, row.reason) {
        (State::Resolved { .. }, _) => false,
        (State::Acknowledged { by, .. }, Reason::Joined) => *by == row.owner,
        (_, Reason::Joined) => false,
        (State::Acknowledged { .. }, Reason::Overdue) => true,
        (State::Acknowledged { .. }, _) => false,
        (_, Reason::Reassigned | Reason::Expired) => yours,
        _ => true,
    }
}

fn reader(owner: &Owner) -> Reader {
    Reader { id: owner.id.clone(), name: owner.name.clone(), zone: owner.timezone.clone() }
}

/// Who was asked for an answer before this row was decided, in the same round of steps or an
/// earlier one, and reached; each once, by the first time.
fn silent(row: &Notification, rows: &[Notification], roster: &Roster) -> Vec<(String, Timestamp)> {
    let mut silent: Vec<(String, Timestamp)> = Vec::new();
    for other in rows {
        let Delivery::Sent { at } = other.delivery else { continue };
        let asked = matches!(other.reason, Reason::Accountable | Reason::Worse | Reason::Reassigned);
        if !asked || other.created_at >= row.created_at || other.owner == row.owner {
            continue;
        }
        let name = roster.owner(&other.owner).name.clone();
        if !silent.iter().any(|(known, _)| *known == name) {
            silent.push((name, at));
        }
    }
    silent
}

/// Whether no earlier decision reached this very recipient.
fn opens_thread(row: &Notification, rows: &[Notification]) -> bool {
    !rows.iter().any(|other| {
        matches!(other.delivery, Delivery::Sent { .. })
            && other.created_at < row.created_at
            && (&other.channel, &other.recipient) == (&row.channel, &row.recipient)
    })
}

/// The next step of an escalation, if nobody does anything.
pub fn next(escalation: &Escalation, roster: &Roster, now: Timestamp) -> Option<Next> {
    let at = escalation.step_due?;
    let policy = &escalation.policy;
    let taken = usize::try_from(escalation.taken).unwrap_or(usize::MAX);
    let step = match policy.steps.get(taken) {
        Some(step) => Some(step),
        None if escalation.round < policy.repeat => policy.steps.first(),
        None => None,
    };
    let mut tells: Vec<String> = Vec::new();
    for tell in step.map_or(&[][..], |step| &step.tell) {
        let owner = match tell {
            Tell::Owner => roster.present(&escalation.owner, now),
            Tell::Deputy => roster.present(&roster.deputy_of(&escalation.owner).id, now),
            Tell::Champion => roster.champion(),
            Tell::Named(id) => roster.present(id, now),
        };
        if !tells.contains(&owner.name) {
            tells.push(owner.name.clone());
        }
    }
    Some(Next { at, tells })
}

fn act(links: &Links, escalation: &Escalation, row: &Notification) -> Act {
    // From the row alone, so that a repetition carries the same links.
    let expires = row.created_at + LINK_LASTS;
    let link =
        |action| links.sign(action, escalation.id, &row.owner, expires, link::number(&row.key, action));
    Act { acknowledge: link(LinkAction::Acknowledge), resolve: link(LinkAction::Resolve) }
}
