//! A notification: one message to one recipient over one channel, and why it was sent or held.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::digest::Window;
use super::id::{
    ChannelId, DigestId, EscalationId, InstanceId, MentionId, NotificationId, OwnerId, SilenceId, SourceId,
};

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
    /// It works again.
    SourceWell {
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
    /// once. `<escalation>/<round>.<step>/<reason>/<owner>/<channel>/<recipient>`, hashed.
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
