//! What becomes of an outbox row when an attempt ends: try again, fall to the owner's next
//! channel, or let the escalation take its next step at once. Pure functions; `deliver` does the
//! input and output.
//!
//! # Properties wanted
//! * Every row ends as sent, failed or dropped, and each end is written with its event.
//! * One message has one key, at every try, over restarts. The other side may use it to tell a
//!   repetition.
//! * An owner who can be reached over any of its channels is reached. An owner who cannot is
//!   passed by at once, not after the step's wait.
//! * A channel that is dead for one recipient is not dead for the others.
//!
//! # Words
//! A **telling** is all rows that one decision made for one owner and reason: its recipients on
//! the first channel, and what later fell to the next ones. They share `about`, `reason`, `owner`
//! and `created_at` (a row on the next channel bears the instant of the first decision).
//!
//! # How long a channel is tried
//! Counted in tries, not by the clock, so that a daemon that was off or a message that was held
//! until the morning does not find its patience used up ([`Patience`]): urgent 6 tries in about
//! 2 minutes, high 8 in about 10 minutes, low 9 in about an hour; digests and notices 30 in about
//! a day, and these do not fall to another channel. "Not before" of the other side is obeyed,
//! unless it is longer than the whole patience: then the next channel is sooner.
//!
//! # Races handled
//! * *A crash between begin and finish.* The lease runs out (or the store is opened anew), the row
//!   is leased again and sent again **with the same key**: at-least-once, and we claim no more.
//! * *Acknowledged while the message waits.* It is asked for just before it is sent whether it is
//!   still needed, so an acknowledgement stops all that was not yet on its way.
//! * *The escalation moves on while an attempt is finished.* `finish` carries the new `seen`, is
//!   refused, and everything is read and decided again.
//! * *Two recipients of one channel fail at the same moment.* Their ends are decided one after the
//!   other, so the second sees the first, and the key of the fallen row can be taken only once.
//!
//! # Races accepted
//! * *Acknowledged between the question and the send.* The message arrives a moment late; the page
//!   behind its link says who has it.
//! * *Two daemons on one store fail the last two recipients within the same instant.* Neither
//!   sees the other's failure, so no next channel is tried. The step's wait still ends it.
//! * *A crash between the end of a row and the notice about its channel.* The notice is lost, the
//!   event is not; the next failure makes another.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Retry, SendError};
use crate::domain::channel::Reach;
use crate::domain::escalation::{Escalation, Severity, State};
use crate::domain::event::{Actor, Event, What};
use crate::domain::id::{ChannelId, EscalationId, NotificationId};
use crate::domain::notification::{About, Delivery, Hold, HoldReason, Notice, Notification, Reason};
use crate::domain::owner::{Owner, Roster};
use crate::runtime::backoff::Backoff;
use crate::store::Effects;

/// How long a channel is tried before its owner's next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    first: SignedDuration,
    longest: SignedDuration,
    tries: u32,
    /// A wait that the other side asks for and that is longer than this ends the trying.
    whole: SignedDuration,
}

impl Patience {
    const URGENT: Self = Self::of(5, 60, 6, 120);
    const HIGH: Self = Self::of(10, 180, 8, 600);
    const LOW: Self = Self::of(30, 900, 9, 3_600);
    const UNHURRIED: Self = Self::of(60, 3_600, 30, 86_400);

    const fn of(first: i64, longest: i64, tries: u32, whole: i64) -> Self {
        Self {
            first: SignedDuration::from_secs(first),
            longest: SignedDuration::from_secs(longest),
            tries,
            whole: SignedDuration::from_secs(whole),
        }
    }

    /// With a row, and how much its matter counts (none when it is about no escalation).
    pub fn with(row: &Notification, severity: Option<Severity>) -> Self {
        match (&row.about, severity) {
            (About::Digest(..) | About::Notice(_), _) => Self::UNHURRIED,
            _ if row.urgent => Self::URGENT,
            (_, Some(Severity::Urgent)) => Self::URGENT,
            (_, Some(Severity::High)) => Self::HIGH,
            (_, Some(Severity::Low) | None) => Self::LOW,
        }
    }
}

/// What to do after a try that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again then.
    Again(Timestamp),
    /// Not over this channel.
    GiveUp,
}

/// What to do after try number `tries` failed; `jitter` in 0…1.
pub fn judge(tries: u32, error: &SendError, patience: Patience, now: Timestamp, jitter: f64) -> Verdict {
    let backoff = Backoff::new(patience.first, patience.longest)
        .expect("every patience above begins with a positive wait that is not its longest");
    let wait = match error.retry {
        Retry::Never => return Verdict::GiveUp,
        Retry::Soon => backoff.after(tries.max(1), jitter),
        Retry::After(rest) if rest > patience.whole => return Verdict::GiveUp,
        Retry::After(rest) => rest,
    };
    if tries >= patience.tries { Verdict::GiveUp } else { Verdict::Again(now + wait) }
}

/// Whether two rows belong to one telling.
pub fn same_telling(one: &Notification, other: &Notification) -> bool {
    one.about == other.about
        && one.reason == other.reason
        && one.owner == other.owner
        && one.created_at == other.created_at
}

/// What the end of `row` as failed causes. `all` are the outbox rows of its escalation as the
/// store has them (`row` among them, its own state there not yet failed).
pub fn fall_back(
    row: &Notification,
    all: &[Notification],
    escalation: Option<&Escalation>,
    roster: &Roster,
    reach: &Reach,
    now: Timestamp,
) -> Effects {
    let mut effects = Effects { events: vec![not_sent(row, now)], ..Effects::default() };
    let Some(escalation) = escalation else { return effects };
    let telling: Vec<&Notification> =
        all.iter().filter(|other| other.id != row.id && same_telling(other, row)).collect();
    // Somebody was reached, may still be, or need not be any more: this dead end is not the end.
    if telling.iter().any(|other| !matches!(other.delivery, Delivery::Failed { .. })) {
        return effects;
    }
    let tried = |channel: &ChannelId| {
        *channel == row.channel || telling.iter().any(|other| other.channel == *channel)
    };
    let owner = roster.get(&row.owner);
    let next =
        owner.and_then(|owner| owner.channels.iter().find(|id| !tried(id) && reach.0.contains_key(*id)));
    match next {
        Some(channel) => effects.notifications = on(channel, reach, row, now),
        None => {
            effects.holds.push(Hold {
                at: now,
                reason: HoldReason::NoChannel,
                until: None,
                mention: None,
                escalation: Some(escalation.id),
                owner: Some(row.owner.clone()),
                silence: None,
            });
            effects.escalations.extend(step_at_once(row, escalation, now));
        }
    }
    effects
}

/// The rows that carry `row`'s message over another channel.
fn on(channel: &ChannelId, reach: &Reach, row: &Notification, now: Timestamp) -> Vec<Notification> {
    to_all(reach, channel)
        .into_iter()
        .map(|recipient| Notification {
            id: NotificationId::new(now),
            key: key(&[
                "fallen",
                &about_key(&row.about),
                &format!("{:?}", row.reason),
                row.owner.as_str(),
                &row.created_at.to_string(),
                channel.as_str(),
                recipient.as_deref().unwrap_or(""),
            ]),
            channel: channel.clone(),
            recipient,
            not_before: now,
            attempts: 0,
            last_error: None,
            delivery: Delivery::Queued,
            ..row.clone()
        })
        .collect()
}

fn to_all(reach: &Reach, channel: &ChannelId) -> Vec<Option<String>> {
    match reach.0.get(channel).map(Vec::as_slice) {
        None => Vec::new(),
        Some([]) => vec![None],
        Some(addresses) => addresses.iter().cloned().map(Some).collect(),
    }
}

/// The escalation with its next step due at once: only while nobody has it in hand and whoever
/// could not be reached is the one who answers for it.
fn step_at_once(row: &Notification, escalation: &Escalation, now: Timestamp) -> Option<Escalation> {
    let calls_for_an_answer = matches!(
        row.reason,
        Reason::Accountable | Reason::Worse | Reason::AcknowledgementRanOut | Reason::Reassigned
    );
    let waits = escalation.step_due.is_some_and(|due| due > now);
    let is_open = matches!(escalation.state, State::Open);
    (calls_for_an_answer && waits && is_open && escalation.accountable == row.owner).then(|| Escalation {
        seen: escalation.seen + 1,
        step_due: Some(now),
        ..escalation.clone()
    })
}

/// Tells the operator that a channel failed: at most once a channel and hour, since the key names
/// the hour and the store takes a key once. Over the operator's first channel that is not the
/// failed one; nothing if there is none.
pub fn channel_failed(
    channel: &ChannelId,
    error: &str,
    operator: &Owner,
    reach: &Reach,
    now: Timestamp,
) -> Vec<Notification> {
    let Some(way) = operator.channels.iter().find(|id| *id != channel && reach.0.contains_key(*id)) else {
        return Vec::new();
    };
    let notice = Notice::ChannelFailed { channel: channel.clone(), error: error.to_owned() };
    let hour = (now.as_second() / 3_600).to_string();
    to_all(reach, way)
        .into_iter()
        .map(|recipient| Notification {
            id: NotificationId::new(now),
            key: key(&[
                "channel_failed",
                channel.as_str(),
                &hour,
                operator.id.as_str(),
                way.as_str(),
                recipient.as_deref().unwrap_or(""),
            ]),
            owner: operator.id.clone(),
            channel: way.clone(),
            recipient,
            about: About::Notice(notice.clone()),
            reason: Reason::Notice,
            urgent: false,
            created_at: now,
            not_before: now,
            attempts: 0,
            last_error: None,
            delivery: Delivery::Queued,
        })
        .collect()
}

/// The event of a row that was taken.
pub fn sent(row: &Notification, now: Timestamp) -> Event {
    event(
        row,
        now,
        What::Sent {
            notification: row.id,
            owner: row.owner.clone(),
            channel: row.channel.clone(),
            reason: row.reason,
        },
    )
}

fn not_sent(row: &Notification, now: Timestamp) -> Event {
    event(
        row,
        now,
        What::NotSent {
            notification: row.id,
            owner: row.owner.clone(),
            channel: row.channel.clone(),
            reason: row.reason,
        },
    )
}

fn event(row: &Notification, at: Timestamp, what: What) -> Event {
    Event { at, by: Actor::Daemon, escalation: escalation_of(row), mention: None, what }
}

/// Which escalation a row is about.
pub fn escalation_of(row: &Notification) -> Option<EscalationId> {
    match row.about {
        About::Escalation(id) => Some(id),
        _ => None,
    }
}

fn about_key(about: &About) -> String {
    match about {
        About::Escalation(id) => id.to_string(),
        About::Digest(id, window) => format!("{id}@{}", window.from),
        About::Notice(_) => "notice".into(),
    }
}

/// Parts joined so that no two lists of parts give the same text, hashed.
fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
