//! Every sentence that a person is sent about an escalation or about the daemon itself. Pure: from
//! a [`View`] or a notice to a [`Message`](super::Message), so that wording can be read and
//! reviewed in one place and is kept by snapshots (`tests/it/notify.rs`).
//!
//! The reader looks at a phone at a bad moment. So the subject says how bad, what and where; the
//! first lines say what was said and by whom; then why it came to this reader, and what happens,
//! when, if nobody does anything.
//!
//! # The subject
//! Gmail threads by subject as much as by header, so all messages of a matter bear the same one:
//! severity, what it opened with, topic, place. What has changed since stands in the first line.
//! It holds nothing that the author wrote: a lock screen shows it to everyone.
//!
//! # JSON
//! `{"type": "escalation.<reason>", "timestamp", "data": {"escalation", "to", "mentions", "links",
//! "text"}}`, see `payload`; notices have `"type": "notice.<what>"`.

mod escalation;
mod notice;
mod page;
mod payload;
pub mod words;

pub use escalation::escalation;
pub use notice::notice;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::domain::escalation::Escalation;
use crate::domain::id::OwnerId;
use crate::domain::mention::RecordedMention;
use crate::domain::notification::Reason;

/// Who reads a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Reader {
    /// Who.
    pub id: OwnerId,
    /// By its name for readers.
    pub name: String,
    /// Zone of the times it reads.
    pub zone: TimeZone,
}

/// What happens if nobody does anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// When.
    pub at: Timestamp,
    /// Who is told then, by name; empty: nobody is left, and the matter counts as expired.
    pub tells: Vec<String>,
}

/// Addresses that act for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// "I have it".
    pub acknowledge: String,
    /// Closed.
    pub resolve: String,
}

/// All that a message about an escalation says, as plain values.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The matter as it is now.
    pub escalation: Escalation,
    /// The topic's name for readers.
    pub topic: String,
    /// Who is told.
    pub reader: Reader,
    /// Why.
    pub reason: Reason,
    /// Who answers for it now, by name.
    pub accountable: String,
    /// Who has it in hand, by name, when somebody acknowledged.
    pub in_hand_of: Option<String>,
    /// The mentions with which it opened: the subject is made of these and never changes.
    pub opened_with: Vec<RecordedMention>,
    /// The newest mentions, newest first, as many as are shown.
    pub newest: Vec<RecordedMention>,
    /// Who was told before and stayed silent: name and when, oldest first.
    pub silent: Vec<(String, Timestamp)>,
    /// What happens if nobody does anything; none when nothing does.
    pub next: Option<Next>,
    /// Links that act, where readers can reach the daemon.
    pub act: Option<Act>,
    /// The matter's page.
    pub page: Option<String>,
    /// The row's key.
    pub key: String,
    /// When it was decided to tell.
    pub decided_at: Timestamp,
    /// When it is told.
    pub now: Timestamp,
    /// First of its thread to this recipient.
    pub opens_thread: bool,
    /// Goes out whatever the hour.
    pub urgent: bool,
}
