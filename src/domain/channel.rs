//! Ways out as written, the mail server they share, and [`Reach`]: which addresses they lead to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::id::ChannelId;
use super::secret::SecretRef;

/// A way out, as written; `params` is checked by its kind.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSettings {
    /// Its name.
    pub id: ChannelId,
    /// Name of its kind.
    pub kind: String,
    /// The kind's own.
    pub params: Value,
}

/// The mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailServer {
    /// Host name.
    pub host: String,
    /// Port: 587 with STARTTLS, 465 with TLS, 25 plain.
    pub port: u16,
    /// How the connection is protected.
    pub security: MailSecurity,
    /// The sender's address.
    pub from: String,
    /// Log-in name; the sender's address when a password is given without one.
    pub username: Option<String>,
    /// Log-in password.
    pub password: Option<SecretRef>,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// TLS after `STARTTLS`; refused if the server does not offer it.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: for a server on this machine. A fault for any other host.
    Plain,
}

/// Which addresses each usable channel leads to; a channel with one way and no address has an
/// empty list. A channel that is not named here cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach(pub BTreeMap<ChannelId, Vec<String>>);
