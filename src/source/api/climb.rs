//! How far a list was read that a place serves by the time of its entries. It is asked for oldest first, and
//! the lower bound moves up with every page. A page number would lie: what changes meanwhile moves to the end
//! and draws the rest forward. Nor does a place's limit on how many results it serves matter to a bound that
//! moves. Only where a whole page is of one second are pages counted.
//!
//! Where more than a page has gathered (days off, a busy hour) the newest page is read once before the rest
//! is gone through: what is said now does not wait for what was said then.
//!
//! # Accepted
//! The last second is read again with every look; its entries are known by their versions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Times in a row that a place may say that it did not finish looking.
const MOST_UNFINISHED: u32 = 3;

/// How far one list was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Climb {
    /// What was written before is none of ours: old threads move with every word below them.
    pub began: Timestamp,
    /// The lower bound; whole seconds.
    pub since: Timestamp,
    /// The page to ask for, from 1.
    pub page: u32,
    /// The newest page of what has gathered was read already.
    pub caught: bool,
    #[serde(default)]
    unfinished: u32,
}

impl Climb {
    /// From there on.
    pub fn new(since: Timestamp) -> Self {
        let since = whole(since);
        Self { began: since, since, page: 1, caught: false, unfinished: 0 }
    }

    /// A page was read, with entries of these times.
    pub fn read(&mut self, times: &[Timestamp], more: bool) {
        let newest = times.iter().max().copied().map_or(self.since, whole);
        self.page = if more && newest <= self.since { self.page + 1 } else { 1 };
        self.since = newest.max(self.since);
        self.caught &= more;
    }

    /// The place says whether it did not finish looking: it is asked again, and in the end gone past. Whether
    /// it is.
    pub fn unfinished(&mut self, unfinished: bool) -> bool {
        self.unfinished = if unfinished { self.unfinished + 1 } else { 0 };
        let past = self.unfinished > MOST_UNFINISHED;
        if past {
            self.unfinished = 0;
        }
        past
    }
}

fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_600_000 + second).expect("in range")
    }

    #[test]
    fn the_bound_moves_with_every_page_and_pages_are_counted_within_a_second_only() {
        let mut climb = Climb::new(at(0));
        climb.caught = true;
        for (times, more, expected) in [
            (vec![1, 5], true, (5, 1, true)),
            (vec![5, 5], true, (5, 2, true)),
            (vec![5, 5], true, (5, 3, true)),
            (vec![5, 9], true, (9, 1, true)),
            (vec![], false, (9, 1, false)),
            (vec![3], false, (9, 1, false)),
        ] {
            let times: Vec<Timestamp> = times.into_iter().map(at).collect();
            climb.read(&times, more);
            let (since, page, caught) = expected;
            assert_eq!((climb.since, climb.page, climb.caught), (at(since), page, caught), "{times:?}");
        }
    }

    #[test]
    fn a_list_that_never_finishes_is_gone_past() {
        let mut climb = Climb::new(at(0));
        let told = [true, true, false, true, true, true, true].map(|broken| climb.unfinished(broken));
        assert_eq!(told, [false, false, false, false, false, false, true]);
    }
}
