//! A notification: one message to one recipient over one channel, and why it was sent or held.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::channel::Reach;
use super::digest::Window;
use super::id::{
    ChannelId, DigestId, EscalationId, InstanceId, MentionId, NotificationId, OwnerId, SilenceId, SourceId,
};
use super::owner::Owner;

/// Why somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A step made them accountable.
    Accountable,
    /// A step informs them; somebody else is accountable.
    Informed,
    /// More mentions joined what they acknowledged.
    Joined,
    /// A more severe mention joined: the steps start again.
    Worse,
    /// Their acknowledgement ran out.
    AcknowledgementRanOut,
    /// Somebody handed it to them.
    Reassigned,
    /// It should have been resolved by now.
    Overdue,
    /// Nobody answered: it is the champion's.
    Expired,
    /// A scheduled summary.
    Digest,
    /// Something about the daemon itself: a sick source, a failed channel, a rule error.
    Notice,
}

impl Reason {
    /// The word used in keys, logs and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Accountable => "accountable",
            Reason::Informed => "informed",
            Reason::Joined => "joined",
            Reason::Worse => "worse",
            Reason::AcknowledgementRanOut => "acknowledgement_ran_out",
            Reason::Reassigned => "reassigned",
            Reason::Overdue => "overdue",
            Reason::Expired => "expired",
            Reason::Digest => "digest",
            Reason::Notice => "notice",
        }
    }
}

/// Why somebody is *not* told, or not now. Closed: every "no" is one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// No trigger found the mention due.
    NoTrigger,
    /// A trigger fired, but the topic has no policy: nobody is to be told.
    NoPolicy,
    /// A trigger's condition failed at run time; the operator is told.
    RuleError,
    /// An older version of the same post was judged the same already.
    AlreadyTold,
    /// The mention came from an import that was asked not to escalate.
    Imported,
    /// The post was old by its site's date when it was first seen: a source's past.
    OldNews,
    /// A silence matches.
    Silenced,
    /// The owner does not work now; it goes out when the hours begin.
    OutsideHours,
    /// The owner has no channel that could be used.
    NoChannel,
    /// The matter was acknowledged, reassigned or resolved before it was sent.
    NoLongerDue,
    /// Too many messages to this channel in too short a time; it goes out later.
    Throttled,
}

impl HoldReason {
    /// The word used in metrics, files and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            HoldReason::NoTrigger => "no_trigger",
            HoldReason::NoPolicy => "no_policy",
            HoldReason::RuleError => "rule_error",
            HoldReason::AlreadyTold => "already_told",
            HoldReason::Imported => "imported",
            HoldReason::OldNews => "old_news",
            HoldReason::Silenced => "silenced",
            HoldReason::OutsideHours => "outside_hours",
            HoldReason::NoChannel => "no_channel",
            HoldReason::NoLongerDue => "no_longer_due",
            HoldReason::Throttled => "throttled",
        }
    }
}

/// A "no" that concerns a mention or an escalation, kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// When it was decided.
    pub at: Timestamp,
    /// Why.
    pub reason: HoldReason,
    /// Until when, if it ends by itself.
    pub until: Option<Timestamp>,
    /// Which mention was not escalated.
    pub mention: Option<MentionId>,
    /// Which escalation was not notified of.
    pub escalation: Option<EscalationId>,
    /// Who was not told.
    pub owner: Option<OwnerId>,
    /// Which silence holds it.
    pub silence: Option<SilenceId>,
}

/// Something about the daemon itself that the operator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A source failed several times in a row, with its last error.
    SourceSick {
        /// Which.
        source: SourceId,
        /// Since when it has given nothing.
        since: Timestamp,
        /// What it said last; no post text.
        error: String,
    },
    /// A part of a source cannot be read while the rest is.
    SourceInPart {
        /// Which.
        source: SourceId,
        /// Since when.
        since: Timestamp,
        /// Which part, what happened, what to do; no post text.
        said: String,
    },
    /// It works again, in whole.
    SourceWell {
        /// Which.
        source: SourceId,
    },
    /// A source that should have spoken did not.
    SourceQuiet {
        /// Which.
        source: SourceId,
        /// When it last spoke.
        since: Timestamp,
        /// Posts that were to be expected since.
        awaited: u64,
    },
    /// It speaks again.
    SourceSpeaks {
        /// Which.
        source: SourceId,
    },
    /// A channel could not deliver; the next one was tried.
    ChannelFailed {
        /// Which.
        channel: ChannelId,
        /// What it said; no address, no text.
        error: String,
    },
    /// Messages are due and do not leave.
    OutboxStuck {
        /// How many.
        waiting: u64,
        /// Since when.
        since: Timestamp,
    },
    /// The disk that the store lies on is nearly full.
    DiskLow {
        /// Bytes that may still be written.
        free_bytes: u64,
    },
    /// A trigger's or route's condition failed on a mention.
    RuleError {
        /// Which.
        rule: String,
        /// What it said.
        error: String,
    },
}

/// What a message is about. The words are made when it is sent, from what the store then holds:
/// an outbox row keeps no copy of a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// An open matter.
    Escalation(EscalationId),
    /// A summary of a window.
    Digest(DigestId, Window),
    /// The daemon itself.
    Notice(Notice),
}

/// How far a notification has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "delivery")]
pub enum Delivery {
    /// Waits for its time.
    Queued,
    /// A daemon has it in hand; after `until` another may take it.
    Leased {
        /// Who has it.
        by: InstanceId,
        /// Until when.
        until: Timestamp,
        /// Whether an attempt was written as begun: it may have reached the recipient.
        begun: bool,
    },
    /// The other side took it.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// It will never be delivered over this channel.
    Failed {
        /// When we gave up.
        at: Timestamp,
        /// What the other side said last; no post text.
        why: String,
    },
    /// Not needed any more.
    Dropped {
        /// When.
        at: Timestamp,
        /// Why. Named apart from the row's own `reason`, beside which it is written.
        #[serde(rename = "drop_reason")]
        reason: HoldReason,
    },
}

impl Delivery {
    /// Whether nothing more will happen to it.
    pub fn is_final(&self) -> bool {
        matches!(self, Delivery::Sent { .. } | Delivery::Failed { .. } | Delivery::Dropped { .. })
    }
}

/// One row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its number.
    pub id: NotificationId,
    /// The idempotency key: the same message always bears the same, and the store takes a key
    /// once. Made by [`Notification::key_of`].
    pub key: String,
    /// Whom it is for.
    pub owner: OwnerId,
    /// Over which channel.
    pub channel: ChannelId,
    /// To which address of the channel; none when the channel has only one way to go.
    pub recipient: Option<String>,
    /// What it is about.
    pub about: About,
    /// Why it is sent.
    pub reason: Reason,
    /// Goes out whatever the hour.
    pub urgent: bool,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it may go out: the beginning of hours, or the next try.
    pub not_before: Timestamp,
    /// Tries so far.
    pub attempts: u32,
    /// What the last failed try said.
    pub last_error: Option<String>,
    /// Where it stands.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// What causes a message, before it is known over which channel it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// What it is about.
    pub about: About,
    /// Why it is sent.
    pub reason: Reason,
    /// What makes it this occasion and no other: the key's cause.
    pub stem: String,
    /// Goes out whatever the hour.
    pub urgent: bool,
    /// When it was decided.
    pub now: Timestamp,
    /// When it may go out.
    pub not_before: Timestamp,
}

impl Occasion {
    /// The outbox rows that tell `owner` over `channel`: one a recipient.
    pub fn over(&self, owner: &OwnerId, channel: &ChannelId, recipients: &[String]) -> Vec<Notification> {
        let recipients: Vec<Option<&String>> =
            if recipients.is_empty() { vec![None] } else { recipients.iter().map(Some).collect() };
        let rows = recipients.into_iter().map(|recipient| Notification {
            id: NotificationId::new(self.now),
            key: Notification::key_of(&self.stem, self.reason, owner, channel, recipient.map(String::as_str)),
            owner: owner.clone(),
            channel: channel.clone(),
            recipient: recipient.cloned(),
            about: self.about.clone(),
            reason: self.reason,
            urgent: self.urgent,
            created_at: self.now,
            not_before: self.not_before,
            attempts: 0,
            last_error: None,
            delivery: Delivery::Queued,
        });
        rows.collect()
    }

    /// The rows that tell `owner` over the first of its channels that can be used; none if it has
    /// none.
    pub fn to(&self, owner: &Owner, reach: &Reach) -> Vec<Notification> {
        let usable = owner.channels.iter().find_map(|channel| reach.0.get_key_value(channel));
        usable.map(|(channel, recipients)| self.over(&owner.id, channel, recipients)).unwrap_or_default()
    }
}

impl Notification {
    /// The idempotency key: `<cause>/<reason>/<owner>/<channel>/<recipient>`. The cause names the
    /// decision: an escalation's number and the `seen` of the change that tells (a change is taken
    /// once, so a decision made again after a crash bears the same), or a digest and its window.
    /// Readable, because it stands in logs and headers; the recipient is only its fingerprint,
    /// because an address must not.
    pub fn key_of(
        cause: &str,
        reason: Reason,
        owner: &OwnerId,
        channel: &ChannelId,
        recipient: Option<&str>,
    ) -> String {
        format!("{cause}/{}/{owner}/{}", reason.as_str(), key_end(channel, recipient))
    }

    /// The key of the same message over another channel: what a fallback bears.
    pub fn key_over(&self, channel: &ChannelId, recipient: Option<&str>) -> String {
        let end = key_end(&self.channel, self.recipient.as_deref());
        let head = self.key.strip_suffix(&end).unwrap_or(&self.key);
        format!("{head}{}", key_end(channel, recipient))
    }
}

fn key_end(channel: &ChannelId, recipient: Option<&str>) -> String {
    match recipient {
        None => format!("{channel}/-"),
        Some(address) => format!("{channel}/{:016x}", fingerprint(address)),
    }
}

/// FNV-1a: the same on every machine and for ever, which the standard library's hashes do not
/// promise. It tells the few recipients of a channel apart; it is no secret.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_recipients_apart_and_shows_no_address() {
        let (owner, mail) = ("care".into(), "care-mail".into());
        let key = |to| Notification::key_of("e/1", Reason::Accountable, &owner, &mail, to);
        assert_eq!(key(None), "e/1/accountable/care/care-mail/-");
        assert_ne!(key(Some("a@acme.example")), key(Some("b@acme.example")));
        assert!(!key(Some("a@acme.example")).contains('@'));
    }
}
