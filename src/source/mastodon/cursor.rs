//! How far each timeline of each server was read. Pure.
//!
//! # Properties wanted
//! * What came between two looks is read once, however much it was, and the newest of it first where it is
//!   more than a page: fresh complaints do not wait behind the night's.
//! * A post that reaches a server late is filed under the time at which it was written, so it appears behind
//!   the newest ones. Each look begins [`OVERLAP`] posts before the newest known one.
//!
//! # Accepted
//! * A post that is filed further back than that is not seen on that timeline.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// So many of the newest posts known are asked for again.
pub const OVERLAP: usize = 20;

/// Stretches not yet read, of one timeline; of more, the oldest are one.
const MOST_HOLES: usize = 8;

/// All timelines, by server and name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    pub places: BTreeMap<String, Place>,
}

/// One timeline of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The newest known, newest first.
    pub recent: Vec<String>,
    /// Everything up to here has been read.
    pub through: Option<Timestamp>,
    /// What lies between, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
}

/// A stretch not yet read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Newer than this one.
    pub after: String,
    /// Older than this one.
    pub before: String,
}

impl Cursor {
    /// As kept; what cannot be read begins anew.
    pub fn read(kept: Option<&str>) -> Self {
        kept.and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default()
    }

    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("names and numbers always serialise")
    }
}

impl Place {
    /// Whether nothing was ever read here.
    pub fn is_new(&self) -> bool {
        self.through.is_none() && self.recent.is_empty()
    }

    /// After which post to ask.
    pub fn anchor(&self) -> Option<&str> {
        self.recent.last().map(String::as_str)
    }

    pub fn newest(&self) -> Option<&str> {
        self.recent.first().map(String::as_str)
    }

    /// Whether this one was read already, as far as is remembered.
    pub fn knows(&self, id: &str) -> bool {
        self.recent.iter().any(|known| known == id)
    }

    /// Remembers one, if it is among the newest.
    pub fn meet(&mut self, id: &str) {
        if let Err(at) = self.recent.binary_search_by(|known| order(id, known))
            && at < OVERLAP
        {
            self.recent.insert(at, id.to_owned());
            self.recent.truncate(OVERLAP);
        }
    }

    /// What lies between two posts is still to be read.
    pub fn open(&mut self, after: &str, before: &str) {
        self.holes.insert(0, Hole { after: after.to_owned(), before: before.to_owned() });
        if self.holes.len() > MOST_HOLES
            && let Some(oldest) = self.holes.pop()
            && let Some(last) = self.holes.last_mut()
        {
            // What is known between the two is read again, and known then.
            last.after = oldest.after;
        }
    }
}

/// Which of two names of a server's posts is the later one. Whatever the software makes them of (numbers,
/// time and a counter in base 62 or 32), they sort by length and then as text.
pub fn order(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_in_order_and_no_more() {
        let mut place = Place::default();
        assert!(place.is_new());
        for id in [9, 11, 10, 8] {
            place.meet(&id.to_string());
        }
        place.meet("10");
        assert!(place.knows("10") && !place.knows("7"));
        assert_eq!(place.recent, ["11", "10", "9", "8"]);
        assert_eq!((place.newest(), place.anchor()), (Some("11"), Some("8")));
        for id in 100..200 {
            place.meet(&id.to_string());
        }
        assert_eq!((place.recent.len(), place.newest(), place.anchor()), (OVERLAP, Some("199"), Some("180")));
        place.meet("7");
        assert!(!place.knows("7") && place.anchor() == Some("180"));
        assert_eq!(order("01ABC", "01ABD"), Ordering::Less);
        assert_eq!(order("99", "100"), Ordering::Less);
    }

    #[test]
    fn too_many_holes_become_one_and_lose_nothing() {
        let mut place = Place::default();
        for number in 1..20_u32 {
            place.open(&(number * 10).to_string(), &(number * 10 + 5).to_string());
        }
        assert_eq!(place.holes.len(), MOST_HOLES);
        let oldest = place.holes.last().expect("some");
        assert_eq!((oldest.after.as_str(), oldest.before.as_str()), ("10", "125"));
        let cursor = Cursor { places: [("acme.example tag x".to_owned(), place)].into() };
        assert_eq!(Cursor::read(Some(&cursor.write())), cursor);
        assert_eq!(Cursor::read(Some("nonsense")), Cursor::default());
    }
}
