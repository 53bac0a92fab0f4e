//! What the daemon keeps for itself from one life to the next: small rows, one a name, of no person's matter.
//! Losing one costs caution or patience, and no truth.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rhythm::Rhythm;

/// A row of its own making.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note", content = "of")]
pub enum Note {
    /// The daemon was running then.
    Alive(Timestamp),
    /// How often a source speaks.
    Rhythm(Rhythm),
    /// What was asked of a place.
    Spent(Spent),
}

/// How much of a budget is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Whose budget: a host's, or a credential's by a fingerprint.
    pub account: String,
    /// How many requests it allows.
    pub requests: u32,
    /// In how many seconds.
    pub seconds: u32,
    /// When requests ended, and how many; oldest first, at most a few hundred entries.
    pub ended: Vec<(Timestamp, u32)>,
    /// Requests that may have been made since this was written: under way, or promised to be let go.
    pub promised: u32,
    /// The place asked for a pause until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
}

/// The name of the note that says when the daemon last ran.
pub const ALIVE: &str = "alive";

impl Note {
    /// Its name: a note replaces the one of the same name.
    pub fn name(&self) -> String {
        match self {
            Note::Alive(_) => ALIVE.into(),
            Note::Rhythm(rhythm) => rhythm_of(rhythm.source.as_str()),
            Note::Spent(spent) => format!("spent/{}/{}/{}", spent.account, spent.requests, spent.seconds),
        }
    }
}

/// The name of a source's rhythm.
pub fn rhythm_of(source: &str) -> String {
    format!("rhythm/{source}")
}
