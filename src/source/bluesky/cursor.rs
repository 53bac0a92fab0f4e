//! How far a stream was read, and whether what an instance goes on with joins what was read before. Pure.
//!
//! An instance numbers its events by itself, so a number is worth something on that instance only; when an event
//! was seen is worth about the same everywhere. One instance is therefore resumed by number, another one by time
//! with some seconds to spare, and what comes twice is dropped by name ([`Recent`]).
//!
//! An instance that does not hold what was asked for says so, or goes on from what it has and says nothing. The
//! second can be seen all the same: it was asked for more than is missing, so the last event known, or one before
//! it, must come first. When neither does, the stretch between is a gap ([`Seam`]).

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::SourceId;
use crate::domain::source::{Gap, GapCause};

/// So far is gone back in time, for instances do not see an event at the same instant.
pub const REWIND: i64 = 10_000_000;

/// For so long an event's name is remembered, by the network's time.
const REMEMBERED: i64 = REWIND + 60_000_000;

/// How far it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// Whose `seq` it is.
    pub instance: String,
    /// The last event's number there.
    pub seq: Option<u64>,
    /// When the last event was seen, in microseconds since 1970; never moves back.
    pub time: i64,
    /// The last event's name; empty before the first.
    pub last: String,
}

impl Cursor {
    /// As kept in a position.
    pub fn read(text: Option<&str>) -> Option<Self> {
        serde_json::from_str(text?).ok()
    }

    /// To be kept.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers always serialise")
    }

    /// Where to ask another instance, or one that has forgotten its numbers, to go on.
    pub fn rewound(&self) -> i64 {
        self.time.saturating_sub(REWIND)
    }
}

/// An instant of the network.
pub fn instant(time: i64) -> Timestamp {
    Timestamp::from_microsecond(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The place where what comes must join what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seam {
    through: i64,
    last: String,
    /// The instance says itself that it begins later.
    said: bool,
    joined: bool,
    first: Option<i64>,
}

impl Seam {
    /// Behind what was read.
    pub fn after(cursor: &Cursor) -> Self {
        Self { through: cursor.time, last: cursor.last.clone(), said: false, joined: false, first: None }
    }

    /// The instance said that it begins later than asked.
    pub fn said(&mut self) {
        self.said = true;
    }

    /// An event came.
    pub fn see(&mut self, time: i64, name: &str) {
        self.joined |= time <= self.through || name == self.last;
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
    }

    /// Whether anything came by which to judge.
    pub fn has_seen(&self) -> bool {
        self.first.is_some()
    }

    /// What is missing, once the first events have come.
    pub fn gap(&self, source: &SourceId, instance: &str) -> Option<Gap> {
        let first = self.first?;
        // Before its first event a stream has nothing that could be asked for again; an instance that is
        // ahead of what was read has skipped nothing, whatever it says.
        let missed = if self.said { first > self.through } else { !self.joined && !self.last.is_empty() };
        missed.then(|| Gap {
            source: source.clone(),
            from: Some(instant(self.through)),
            until: instant(first),
            cause: GapCause::Overrun,
            detail: format!("{instance} holds nothing of it any more"),
        })
    }
}

/// Names of the last events.
#[derive(Debug, Default)]
pub struct Recent {
    known: HashSet<u64>,
    order: VecDeque<(i64, u64)>,
    newest: i64,
}

impl Recent {
    /// Whether it is new; it is not from now on.
    pub fn meet(&mut self, time: i64, name: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let hash = hasher.finish();
        if !self.known.insert(hash) {
            return false;
        }
        self.order.push_back((time, hash));
        self.newest = self.newest.max(time);
        while let Some(&(time, hash)) = self.order.front()
            && time < self.newest - REMEMBERED
        {
            self.order.pop_front();
            self.known.remove(&hash);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn seam() -> Seam {
        Seam::after(&Cursor { time: 100 * SECOND, last: "b".into(), ..Cursor::default() })
    }

    fn gap(seam: &Seam) -> Option<(i64, i64)> {
        let gap = seam.gap(&"b".into(), "it")?;
        Some((gap.from?.as_second(), gap.until.as_second()))
    }

    #[test]
    fn what_joins_is_no_gap_and_what_does_not_is_one() {
        type Seen = &'static [(i64, &'static str)];
        type Case = (&'static str, bool, Seen, Option<(i64, i64)>);
        let cases: [Case; 7] = [
            ("the last one again", false, &[(100, "b"), (101, "c")], None),
            ("one before it", false, &[(95, "a"), (101, "c")], None),
            ("the last one by another clock", false, &[(103, "b"), (104, "c")], None),
            ("a live one pushes in", false, &[(140, "z"), (99, "a")], None),
            ("clamped in silence", false, &[(140, "z"), (139, "y")], Some((100, 139))),
            ("clamped and said so", true, &[(140, "z")], Some((100, 140))),
            ("said for nothing", true, &[(90, "a")], None),
        ];
        for (name, said, seen, expected) in cases {
            let mut seam = seam();
            if said {
                seam.said();
            }
            seen.iter().for_each(|(second, name)| seam.see(second * SECOND, name));
            assert_eq!(gap(&seam), expected, "{name}");
        }
        assert!(!seam().has_seen() && gap(&seam()).is_none());
        let mut first = Seam::after(&Cursor { time: 100 * SECOND, ..Cursor::default() });
        first.see(140 * SECOND, "z");
        assert_eq!(gap(&first), None, "nothing was read before");
    }

    #[test]
    fn names_are_remembered_for_a_while() {
        let mut recent = Recent::default();
        assert!(recent.meet(0, "a") && !recent.meet(0, "a") && recent.meet(REMEMBERED, "b"));
        assert!(!recent.meet(0, "a"), "not long enough ago");
        assert!(recent.meet(REMEMBERED + 1, "c") && recent.meet(REMEMBERED + 1, "a"), "long ago");
        assert_eq!((recent.known.len(), recent.order.len()), (3, 3));
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor { instance: "https://a.example".into(), seq: Some(7), time: 3, last: "x".into() };
        assert_eq!(Cursor::read(Some(&cursor.write())), Some(cursor));
        assert_eq!((Cursor::read(None), Cursor::read(Some("soon"))), (None, None));
    }
}
