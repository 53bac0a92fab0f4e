//! The task that empties the outbox: lease, ask whether it is still needed, write the attempt as
//! begun, send, write how it ended. The rules are in `outbox` and `throttle`.
//!
//! Sends run side by side, but at most `LANE` over one channel: a server that answers nothing
//! holds up its own messages and no others. While sends are under way the outbox is looked at
//! again every [`LOOK_AGAIN`], so an urgent message need not wait for a slow server either. How
//! attempts ended is decided and written one after the other (see `outbox`, races handled).
//!
//! When told to stop it leases nothing more, waits [`LAST_WAIT`] for what is in hand, and hands
//! back what it has not begun. What was begun and not finished is sent again with the same key by
//! whoever opens the store next.

mod lanes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use self::lanes::Lanes;
use super::outbox::{self, Patience, Verdict};
use super::throttle::{Throttle, Turn};
use super::ways::SharedWays;
use super::{Message, Retry, SendError};
use crate::domain::id::ChannelId;
use crate::domain::notification::{About, Delivery, Hold, HoldReason, Notification};
use crate::domain::owner::Roster;
use crate::runtime::clock::SharedClock;
use crate::runtime::stage::{self, Stage};
use crate::runtime::stop::Stop;
use crate::runtime::task::{Nudge, Task, Wake};
use crate::store::{Attempted, Effects, NotificationFilter, Outcome, Page, Store, StoreError};
use crate::telemetry::metrics;

/// The longest one delivery may take, whatever the channel thinks.
pub const SEND_LIMIT: Duration = Duration::from_secs(40);
/// Longer than writing, queueing and sending together: what is in hand stays in hand.
const LEASE: SignedDuration = SignedDuration::from_mins(3);
/// A leased row older than this is handed back and not begun: its lease may end under way.
const FRESH: SignedDuration = SignedDuration::from_mins(1);
/// Rows of one channel in hand, waiting or under way; more are put off by [`QUEUE_REST`].
const LANE_QUEUE: usize = 24;
/// Rows in hand over all channels.
const IN_HAND: usize = 128;
const QUEUE_REST: SignedDuration = SignedDuration::from_secs(15);
/// Real time, like all waits on sockets: how long a slow send keeps us from looking for others.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Inside the daemon's own limit of 20 s for a stop.
const LAST_WAIT: Duration = Duration::from_secs(8);
/// A message that could not be written (the store failed, a row is damaged) is looked at again.
const UNWRITTEN_REST: SignedDuration = SignedDuration::from_mins(1);
/// How often a refused end is decided again before it is left to the lease.
const CONFLICTS: usize = 8;
/// Messages a minute and channel.
pub const PER_MINUTE: usize = 60;

/// What a row becomes when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Rendered {
    /// Words.
    Message(Box<Message>),
    /// Nothing: it is not needed any more, and why.
    NotNeeded(HoldReason),
}

/// Writes messages. The app does, since a digest's words are not ours.
#[async_trait]
pub trait Render: Send + Sync + 'static {
    /// The message of a row as things are at `now`, or that it is not needed.
    ///
    /// # Errors
    /// What could not be read.
    async fn render(&self, row: &Notification, now: Timestamp) -> anyhow::Result<Rendered>;
}

/// The roster as it is now: it changes with a reload.
pub type RosterNow = Arc<dyn Fn() -> Roster + Send + Sync>;

/// The task.
pub struct DeliverTask {
    store: Arc<dyn Store>,
    clock: SharedClock,
    ways: SharedWays,
    roster: RosterNow,
    render: Arc<dyn Render>,
    escalate: Nudge,
    throttle: Throttle,
    /// The hour in which the operator was last told of a channel: saves asking the store.
    told: BTreeMap<ChannelId, i64>,
}

/// One row on its way.
struct Ended {
    row: Notification,
    how: How,
    /// From the attempt written as begun to its end written.
    sending: Option<Stage>,
}

enum How {
    Sent {
        took: Duration,
    },
    Refused {
        tries: u32,
        error: SendError,
    },
    NotNeeded(HoldReason),
    Unwritten(String),
    /// Somebody else has it now.
    Lost,
}

impl DeliverTask {
    /// A task that sends what `store` holds over `ways`, at most `per_minute` messages a channel.
    pub fn new(
        store: Arc<dyn Store>,
        clock: SharedClock,
        ways: SharedWays,
        roster: RosterNow,
        render: Arc<dyn Render>,
        escalate: Nudge,
        per_minute: usize,
    ) -> Self {
        let throttle = Throttle::new(per_minute);
        Self { store, clock, ways, roster, render, escalate, throttle, told: BTreeMap::new() }
    }

    /// Leases what there is room for and puts it into lanes; whether there may be more.
    async fn take(&mut self, lanes: &mut Lanes) -> anyhow::Result<bool> {
        let room = IN_HAND.saturating_sub(lanes.in_hand());
        if room == 0 {
            return Ok(false);
        }
        let now = self.clock.now();
        let mut rows = self.store.lease(now, now + LEASE, room).await?;
        let more = rows.len() == room;
        // Urgent first, then as decided: the throttle gives turns in this order.
        rows.sort_by_key(|row| (!row.urgent, row.created_at, row.id));
        for row in rows {
            if !self.ways.load().channels.contains_key(&row.channel) {
                let what = format!("no channel is named \"{}\" any more", row.channel);
                self.refused(row, u32::MAX, SendError { what, retry: Retry::Never }).await?;
            } else if lanes.of(&row.channel) >= LANE_QUEUE {
                self.put_off(&row, now + QUEUE_REST, None).await?;
            } else {
                match self.throttle.turn(&row.channel, row.id, row.urgent, now) {
                    Turn::At(at) => self.put_off(&row, at, Some(HoldReason::Throttled)).await?,
                    Turn::Now => lanes.waiting.entry(row.channel.clone()).or_default().push_back((now, row)),
                }
            }
        }
        Ok(more)
    }

    async fn start(&self, lanes: &mut Lanes, sends: &mut JoinSet<Ended>) -> Result<(), StoreError> {
        let now = self.clock.now();
        while let Some((leased_at, row)) = lanes.next() {
            if now.duration_since(leased_at) > FRESH {
                lanes.ended(&row.channel);
                self.put_off(&row, now, None).await?;
                continue;
            }
            let attempt = Attempt {
                store: self.store.clone(),
                ways: self.ways.clone(),
                render: self.render.clone(),
                now,
            };
            sends.spawn(attempt.run(row));
        }
        Ok(())
    }

    async fn end(&mut self, ended: Ended) -> Result<(), StoreError> {
        let Ended { row, how, sending: _sending } = ended;
        let now = self.clock.now();
        match how {
            How::Lost => Ok(()),
            How::Sent { took } => {
                metrics::attempt(self.ways.load().kind_of(&row.channel), "sent");
                tracing::info!(
                    notification.id = %row.id,
                    owner.id = %row.owner,
                    channel.id = %row.channel,
                    duration_ms = took.as_millis(),
                    "told {} over {}",
                    row.owner,
                    row.channel
                );
                let effects = Effects { events: vec![outbox::sent(&row, now)], ..Effects::default() };
                self.finish(&row, Attempted::Sent, effects).await.map(drop)
            }
            How::NotNeeded(reason) => {
                metrics::held(reason.as_str());
                let effects = Effects { holds: vec![hold(&row, reason, None, now)], ..Effects::default() };
                self.finish(&row, Attempted::Dropped { reason }, effects).await.map(drop)
            }
            How::Unwritten(why) => {
                tracing::error!(
                    notification.id = %row.id,
                    "the message {} could not be written: {why}",
                    row.id
                );
                let again = Attempted::Again { not_before: now + UNWRITTEN_REST, why };
                self.finish(&row, again, Effects::default()).await.map(drop)
            }
            How::Refused { tries, error } => self.refused(row, tries, error).await,
        }
    }

    /// Writes a failed try, decided on what the store holds now; decides again on a conflict.
    async fn refused(&mut self, row: Notification, tries: u32, error: SendError) -> Result<(), StoreError> {
        for _ in 0..CONFLICTS {
            let now = self.clock.now();
            let escalation = match outbox::escalation_of(&row) {
                Some(id) => self.store.escalation(id).await?,
                None => None,
            };
            let patience = Patience::with(&row, escalation.as_ref().map(|escalation| escalation.severity));
            let verdict = outbox::judge(tries, &error, patience, now, rand::random());
            let (how, effects) = match verdict {
                Verdict::Again(not_before) => {
                    (Attempted::Again { not_before, why: error.what.clone() }, Effects::default())
                }
                Verdict::GiveUp => {
                    let all = self.rows_of(&row).await?;
                    let (roster, reach) = ((self.roster)(), self.ways.load().reach());
                    let effects = outbox::fall_back(&row, &all, escalation.as_ref(), &roster, &reach, now);
                    (Attempted::Failed { why: error.what.clone() }, effects)
                }
            };
            let steps = !effects.escalations.is_empty();
            let log = |text: &str| {
                tracing::warn!(
                    notification.id = %row.id,
                    owner.id = %row.owner,
                    channel.id = %row.channel,
                    attempts = tries,
                    "{} was not told over {}, {text}: {}",
                    row.owner,
                    row.channel,
                    error.what
                );
            };
            match self.finish(&row, how, effects).await? {
                Outcome::Conflict if self.is_ours(&row).await? => {}
                Outcome::Conflict => return Ok(()),
                Outcome::Done => {
                    let kind = self.ways.load().kind_of(&row.channel);
                    match verdict {
                        Verdict::Again(_) => {
                            metrics::attempt(kind, "failed");
                            log("trying again");
                        }
                        Verdict::GiveUp => {
                            metrics::attempt(kind, "given_up");
                            log("given up");
                            self.tell_operator(&row.channel, &error.what, now).await?;
                        }
                    }
                    if steps {
                        self.escalate.nudge();
                    }
                    return Ok(());
                }
            }
        }
        tracing::error!(
            notification.id = %row.id,
            "the end of the attempt at {} was refused {CONFLICTS} times; it is tried again when its lease ends",
            row.id
        );
        Ok(())
    }

    async fn rows_of(&self, row: &Notification) -> Result<Vec<Notification>, StoreError> {
        match outbox::escalation_of(row) {
            Some(id) => rows_of_escalation(self.store.as_ref(), id).await,
            None => Ok(Vec::new()),
        }
    }

    /// Whether the lease on a row is still this daemon's.
    async fn is_ours(&self, row: &Notification) -> Result<bool, StoreError> {
        let stored = self.store.notification(row.id).await?;
        let me = self.store.instance();
        Ok(stored.is_some_and(|row| matches!(row.delivery, Delivery::Leased { by, .. } if by == me)))
    }

    async fn tell_operator(
        &mut self,
        channel: &ChannelId,
        error: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let hour = now.as_second() / 3_600;
        if self.told.insert(channel.clone(), hour) == Some(hour) {
            return Ok(());
        }
        let (roster, reach) = ((self.roster)(), self.ways.load().reach());
        let notifications = outbox::channel_failed(channel, error, roster.operator(), &reach, now);
        if notifications.is_empty() {
            return Ok(());
        }
        // A conflict means that an earlier life of ours told it within the same hour.
        let _ = self.store.step(Effects { notifications, ..Effects::default() }).await?;
        Ok(())
    }

    async fn put_off(
        &self,
        row: &Notification,
        not_before: Timestamp,
        why: Option<HoldReason>,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let holds = why.map(|reason| hold(row, reason, Some(not_before), now)).into_iter().collect();
        let effects = Effects { holds, ..Effects::default() };
        self.finish(row, Attempted::Postponed { not_before }, effects).await.map(drop)
    }

    async fn finish(
        &self,
        row: &Notification,
        how: Attempted,
        effects: Effects,
    ) -> Result<Outcome, StoreError> {
        let sent = how == Attempted::Sent;
        let outcome = self.store.finish(row.id, self.clock.now(), how, effects).await?;
        if sent && outcome == Outcome::Conflict {
            tracing::warn!(
                notification.id = %row.id,
                "the lease on {} ended while it was sent: it may arrive twice, with one key",
                row.id
            );
        }
        Ok(outcome)
    }

    async fn empty(
        &mut self,
        stop: &Stop,
        lanes: &mut Lanes,
        sends: &mut JoinSet<Ended>,
    ) -> anyhow::Result<()> {
        loop {
            let more = !stop.is_stopped() && self.take(lanes).await?;
            if !stop.is_stopped() {
                self.start(lanes, sends).await?;
            }
            if sends.is_empty() {
                if stop.is_stopped() || (!more && lanes.in_hand() == 0) {
                    return Ok(());
                }
                continue;
            }
            let ended = tokio::select! {
                biased;
                ended = tokio::time::timeout(LOOK_AGAIN, sends.join_next()) => ended.ok().flatten(),
                () = stop.stopped() => return Ok(()),
            };
            if let Some(ended) = ended {
                self.reap(ended, lanes).await?;
            }
        }
    }

    async fn reap(
        &mut self,
        ended: Result<Ended, tokio::task::JoinError>,
        lanes: &mut Lanes,
    ) -> anyhow::Result<()> {
        // `Attempt::run` catches panics of channels, so only an abort of ours could end up here.
        let ended = ended?;
        lanes.ended(&ended.row.channel);
        Ok(self.end(ended).await?)
    }

    /// What is under way, within bounds; then what was not begun goes back.
    async fn wind_up(&mut self, lanes: &mut Lanes, sends: &mut JoinSet<Ended>) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + LAST_WAIT;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, sends.join_next()).await {
            self.reap(ended, lanes).await?;
        }
        sends.abort_all();
        for (_, row) in std::mem::take(&mut lanes.waiting).into_values().flatten() {
            let not_before = row.not_before;
            self.put_off(&row, not_before, None).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Task for DeliverTask {
    async fn run(&mut self, _now: Timestamp, stop: &Stop) -> anyhow::Result<Wake> {
        let (mut lanes, mut sends) = (Lanes::default(), JoinSet::new());
        let emptied = self.empty(stop, &mut lanes, &mut sends).await;
        let wound_up = self.wind_up(&mut lanes, &mut sends).await;
        emptied.and(wound_up)?;
        Ok(self.store.next_ready().await?)
    }
}

/// What one attempt needs, so that it can run beside others.
struct Attempt {
    store: Arc<dyn Store>,
    ways: SharedWays,
    render: Arc<dyn Render>,
    now: Timestamp,
}

impl Attempt {
    async fn run(self, row: Notification) -> Ended {
        let mut sending = None;
        let how = self.send(&row, &mut sending).await;
        Ended { row, how, sending }
    }

    async fn send(&self, row: &Notification, sending_now: &mut Option<Stage>) -> How {
        let message = match self.render.render(row, self.now).await {
            Ok(Rendered::Message(message)) => message,
            Ok(Rendered::NotNeeded(reason)) => return How::NotNeeded(reason),
            Err(error) => return How::Unwritten(format!("{error:#}")),
        };
        match self.store.begin(row.id).await {
            Ok(Outcome::Done) => {}
            Ok(Outcome::Conflict) => return How::Lost,
            Err(error) => return How::Unwritten(error.to_string()),
        }
        *sending_now = Some(stage::enter("send"));
        let tries = row.attempts + 1;
        let begun = tokio::time::Instant::now();
        let ways = self.ways.load_full();
        let (channel, recipient) = (row.channel.clone(), row.recipient.clone());
        // A task of its own, so that a panic in a channel is one failed try.
        let mut sending = JoinSet::new();
        sending.spawn(async move {
            match ways.channels.get(&channel) {
                Some(way) => way.send(&message, recipient.as_deref()).await,
                None => Err(SendError {
                    what: format!("no channel is named \"{channel}\" any more"),
                    retry: Retry::Never,
                }),
            }
        });
        let soon = |what: String| Err(SendError { what, retry: Retry::Soon });
        let taken = match tokio::time::timeout(SEND_LIMIT, sending.join_next()).await {
            Ok(Some(Ok(taken))) => taken,
            Ok(Some(Err(_))) | Ok(None) => soon("the channel broke down while sending".into()),
            Err(_) => soon(format!("no answer within {} s", SEND_LIMIT.as_secs())),
        };
        match taken {
            Ok(()) => How::Sent { took: begun.elapsed() },
            Err(error) => How::Refused { tries, error },
        }
    }
}

/// Every outbox row of an escalation.
///
/// # Errors
/// The store's.
pub async fn rows_of_escalation(
    store: &dyn Store,
    id: crate::domain::id::EscalationId,
) -> Result<Vec<Notification>, StoreError> {
    let filter = NotificationFilter { escalation: Some(id), waiting: false };
    let (mut all, mut page) = (Vec::new(), Page::first(1_000));
    loop {
        let rows = store.notifications(filter.clone(), page.clone()).await?;
        all.extend(rows.rows);
        match rows.next {
            Some(next) => page.after = Some(next),
            None => return Ok(all),
        }
    }
}

fn hold(row: &Notification, reason: HoldReason, until: Option<Timestamp>, at: Timestamp) -> Hold {
    let escalation = match row.about {
        About::Escalation(id) => Some(id),
        _ => None,
    };
    Hold { at, reason, until, mention: None, escalation, owner: Some(row.owner.clone()), silence: None }
}
