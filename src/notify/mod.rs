//! From an outbox row to a person. One file a channel kind, and one line in `KINDS`.
//! Outbox rows are written by `escalation` and `digest`; `deliver` leases and sends them;
//! `message` holds every sentence a person reads.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::domain::channel::EmailServer;
use crate::domain::id::ChannelId;
use crate::domain::problem::Problems;

/// A message, ready to be sent in whatever form a channel needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The idempotency key, the same at every try.
    pub key: String,
    /// One line, no line ends: a mail's subject.
    pub subject: String,
    /// Plain text, lines under 78 characters where words allow.
    pub text: String,
    /// A whole HTML page with inline styles and nothing fetched from elsewhere.
    pub html: String,
    /// The same for machines: `{"type","timestamp","data"}` (Standard Webhooks' payload).
    pub json: Value,
    /// Messages with the same thread belong together: the escalation's number; `None` for others.
    pub thread: Option<String>,
    /// First of its thread to this recipient.
    pub opens_thread: bool,
    /// Goes out whatever the hour.
    pub urgent: bool,
    /// When it was decided.
    pub at: Timestamp,
}

/// Whether trying again helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The other side will never take it.
    Never,
    /// With back-off.
    Soon,
    /// Not before this much time has passed, the other side says.
    After(SignedDuration),
}

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct SendError {
    /// A fragment: `smtp.acme.example:587 refused the recipient: 550 …`. No secrets, no address.
    pub what: String,
    /// Whether trying again helps.
    pub retry: Retry,
}

/// A configured way out.
#[async_trait]
pub trait Channel: Send + Sync + 'static {
    /// Addresses that each get a message of their own; empty: there is one way and no address.
    fn recipients(&self) -> Vec<String>;

    /// Hands one message over. Returns when the other side has taken it.
    ///
    /// # Errors
    /// Why it was not taken and whether trying again helps.
    async fn send(&self, message: &Message, recipient: Option<&str>) -> Result<(), SendError>;

    /// Asks the other side whether it would take messages, without sending one (`check --live`).
    ///
    /// # Errors
    /// Why it would not.
    async fn probe(&self) -> Result<(), SendError>;
}

/// What a channel was configured with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Its name.
    pub id: ChannelId,
    /// `[channels.params]`, checked by the kind.
    pub params: Value,
}

/// What kinds may use.
#[derive(Clone)]
pub struct Tools {
    /// The guarded HTTP client.
    pub http: crate::net::Client,
    /// The mail server, if one is configured.
    pub email: Option<EmailServer>,
    /// Relative paths are taken from here: the store's folder.
    pub folder: std::path::PathBuf,
}

/// Builds a channel from settings that were found in order; says why not otherwise.
pub type Build = fn(&Settings, &Tools) -> Result<Box<dyn Channel>, String>;

/// What a kind is: how its settings are checked and how it is built.
pub struct Kind {
    /// As written in the configuration.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// All faults of the settings; keys relative to `params`.
    pub check: fn(&Settings, &Tools) -> Problems,
    /// A channel from settings that `check` found in order.
    pub build: Build,
}

pub mod chat;
pub mod deliver;
pub mod email;
pub mod file;
pub mod link;
pub mod message;
pub mod outbox;
pub mod params;
pub mod render;
pub mod throttle;
pub mod ways;
pub mod webhook;

/// Every kind, by name.
pub const KINDS: &[Kind] = &[email::KIND, webhook::KIND, file::KIND];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
