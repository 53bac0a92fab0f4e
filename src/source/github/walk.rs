//! What is kept of GitHub between looks. Its lists and its search are climbed ([`Climb`]); the search gives no
//! more than 1,000 results of one question, which a climb never needs.
//!
//! # Accepted
//! The search is filled in late: its bound stays some minutes behind the newest result.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::source::api::Climb;

/// Entries of a page.
pub(super) const PAGE: usize = 100;
/// The search may lag this much.
const LAG: SignedDuration = SignedDuration::from_mins(2);

/// What is kept between looks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cursor {
    /// By list.
    pub places: BTreeMap<String, Climb>,
    /// Threads that a search found and whose comments are to be read, with the bound.
    pub threads: Vec<(String, Timestamp)>,
}

/// Since when a search is asked. While pages follow each other the bound must not go back.
pub(super) fn searched_since(climb: &Climb) -> Timestamp {
    let going = climb.caught || climb.page > 1;
    if going { climb.since } else { (climb.since - LAG).max(climb.began) }
}
