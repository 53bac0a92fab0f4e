//! The accountability record: who answered for what, when, and with what outcome. Ids only, no
//! text and no author, so that it can stay when a post is forgotten.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::erasure::ErasedFor;
use super::id::{ChannelId, EscalationId, InstanceId, MentionId, NotificationId, OwnerId, TriggerId};
use super::notification::{HoldReason, Reason};
use super::sentiment::Polarity;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The daemon, by its rules.
    Daemon,
    /// An owner, over the socket or the web.
    Owner(OwnerId),
    /// Whoever held the link that was sent to this owner.
    Link(OwnerId),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum What {
    /// A mention was written down and given to its routed owner.
    Recorded { owner: OwnerId },
    /// A mention was not escalated.
    Held { reason: HoldReason },
    /// A matter opened.
    Opened { trigger: TriggerId, accountable: OwnerId },
    /// A mention joined an open matter.
    Joined,
    /// A step was taken.
    Stepped { round: u32, step: u32, accountable: OwnerId },
    /// "I have it".
    Acknowledged { accountable: OwnerId, until: Timestamp },
    /// Nothing came of it in time; the steps go on.
    AcknowledgementRanOut {
        /// Whose; named apart from the event's own `by`, beside which it is written.
        #[serde(rename = "acknowledged_by")]
        by: OwnerId,
    },
    /// Handed over.
    Reassigned { from: OwnerId, to: OwnerId },
    /// Its owner left the configuration; the champion answers.
    OwnerGone { from: OwnerId, to: OwnerId },
    /// It should have been resolved by now.
    Overdue { accountable: OwnerId },
    /// Nobody answered.
    Expired { accountable: OwnerId },
    /// Closed.
    Resolved {
        /// By whom; named apart from the event's own `by`, beside which it is written.
        #[serde(rename = "resolved_by")]
        by: OwnerId,
    },
    /// A message was taken by the other side.
    Sent { notification: NotificationId, owner: OwnerId, channel: ChannelId, reason: Reason },
    /// A message will never be delivered over this channel.
    NotSent { notification: NotificationId, owner: OwnerId, channel: ChannelId, reason: Reason },
    /// A mention was forgotten: its text, its author, its links.
    Erased {
        /// Why; events before there were reasons name none.
        #[serde(rename = "erased_for", default, skip_serializing_if = "Option::is_none")]
        reason: Option<ErasedFor>,
        /// Messages about its matter that had left by then, as a mail or a file say: what they quote is out
        /// of reach.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent: Option<u64>,
    },
    /// Somebody asked for words to be forgotten. Whose, nobody can read here.
    Forgot {
        /// Mentions erased.
        mentions: u64,
        /// Posts not yet taken in that went with them.
        inbox: u64,
        /// Messages still to be sent, which will quote nothing of it.
        queued: u64,
        /// Messages that had left: what they quote is out of reach.
        sent: u64,
    },
    /// A person judged a verdict; a note is text and does not stand here.
    Corrected {
        /// What the model had said.
        verdict: Polarity,
        /// What the person had said before, if they had.
        before: Option<Polarity>,
        /// What the person says.
        polarity: Polarity,
        /// Whether it asks for an answer, if that was judged.
        needs_answer: Option<bool>,
    },
    /// A correction was taken back: the model's verdict counts again.
    Uncorrected {
        /// What the person had said.
        before: Polarity,
    },
    /// A model's probabilities are drawn by this from now on; 1: not at all.
    Calibrated {
        /// Its name.
        model: String,
        /// Its version.
        version: String,
        /// In thousandths: a chain of hashes has no use for fractions.
        temperature_milli: u32,
        /// Fitted on so many texts.
        n: u64,
    },
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// Which matter.
    pub escalation: Option<EscalationId>,
    /// Which mention.
    pub mention: Option<MentionId>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// An entry as the store chains it: per instance, each with the hash of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainedEvent {
    /// Which life of the daemon wrote it.
    pub instance: InstanceId,
    /// Counts up from 1 inside the instance.
    pub sequence: u64,
    /// SHA-256, in hex, of the previous entry's JSON line; all zeros for the first.
    pub previous: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
