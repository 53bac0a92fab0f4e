//! How far a listing was read, and the walk from its newest page back to there. Pure: pages go in, and out
//! comes whether to go on.
//!
//! A walk that is longer than one look is kept with what it began with; the mark itself moves only when the
//! walk has arrived, so that a walk broken off is a walk to be taken again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// So many of the newest are remembered: all of them must be removed before a walk goes by time alone.
const REMEMBERED: usize = 25;

/// So many names of a page serve to go on from, should the last have been removed in between.
const ANCHORS: usize = 3;

/// A listing that ends this close to its depth was cut, and did not end by itself.
const SLACK: usize = 100;

/// How far a listing was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// The newest names, newest first.
    newest: Vec<String>,
    /// When the newest of them was written.
    written: Option<Timestamp>,
    /// Up to when everything was read.
    at: Option<Timestamp>,
    /// Not arrived yet.
    walk: Option<Walk>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Walk {
    newest: Vec<String>,
    written: Option<Timestamp>,
    began: Timestamp,
    /// Where to go on, best last.
    anchors: Vec<String>,
    count: usize,
    /// When the oldest met so far was written.
    oldest: Option<Timestamp>,
}

/// What lies between the end of a listing and what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    pub from: Option<Timestamp>,
    pub until: Timestamp,
}

/// What a page means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask for the page after [`Mark::anchor`].
    Further,
    /// All is read, except for what is lost.
    Reached(Option<Lost>),
    /// Nothing where there was something.
    Empty,
}

impl Mark {
    /// The name to go on after; none: from the newest.
    pub fn anchor(&self) -> Option<&str> {
        self.walk.as_ref()?.anchors.last().map(String::as_str)
    }

    /// Whether an earlier look left a walk.
    pub fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    /// Takes a page of a listing of that depth, newest first, and what it says to go on after.
    pub fn take(
        &mut self,
        names: &[(String, Option<Timestamp>)],
        after: Option<String>,
        depth: usize,
        now: Timestamp,
    ) -> Step {
        let resumed = self.walk.is_some();
        if names.is_empty() && !resumed && !self.newest.is_empty() {
            return Step::Empty;
        }
        let times = || names.iter().filter_map(|(_, at)| *at);
        let mut walk = self.walk.take().unwrap_or_else(|| Walk {
            newest: names.iter().take(REMEMBERED).map(|(name, _)| name.clone()).collect(),
            written: times().max(),
            began: now,
            anchors: Vec::new(),
            count: 0,
            oldest: None,
        });
        walk.count += names.len();
        walk.oldest = walk.oldest.into_iter().chain(times()).min();
        // Whatever was removed meanwhile: something older than the newest known means that we are there.
        let older = self.written.is_some_and(|written| times().any(|at| at < written));
        let met = older || names.iter().any(|(name, _)| self.newest.contains(name));
        if self.at.is_none() || met {
            self.arrive(walk);
            return Step::Reached(None);
        }
        let promised = resumed && names.is_empty();
        if promised {
            walk.anchors.pop();
        } else if after.is_some() {
            let last = names.iter().rev().skip(1).take(ANCHORS - 1).map(|(name, _)| name.clone());
            let mut anchors: Vec<String> = last.collect();
            anchors.reverse();
            walk.anchors = anchors.into_iter().chain(after).collect();
        } else {
            walk.anchors.clear();
        }
        if walk.anchors.is_empty() {
            let until = walk.oldest.unwrap_or(walk.began);
            let cut = promised || walk.count + SLACK >= depth;
            let lost = cut.then_some(Lost { from: self.at, until });
            self.arrive(walk);
            return Step::Reached(lost);
        }
        self.walk = Some(walk);
        Step::Further
    }

    fn arrive(&mut self, walk: Walk) {
        self.newest.retain(|name| !walk.newest.contains(name));
        self.newest.splice(0..0, walk.newest);
        self.newest.truncate(REMEMBERED);
        self.written = self.written.max(walk.written);
        self.at = Some(walk.began);
        self.walk = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("in range")
    }

    /// Post n is written at second n; newest first.
    fn page(numbers: impl IntoIterator<Item = i64>) -> Vec<(String, Option<Timestamp>)> {
        numbers.into_iter().map(|n| (format!("t3_{n}"), Some(at(n)))).collect()
    }

    fn after(n: i64) -> Option<String> {
        Some(format!("t3_{n}"))
    }

    fn read_to(n: i64) -> Mark {
        let mut mark = Mark::default();
        assert_eq!(mark.take(&page((1..=n).rev()), after(1), 1_000, at(n)), Step::Reached(None));
        mark
    }

    #[test]
    fn the_first_look_takes_a_page_and_the_next_goes_back_to_it() {
        let mut mark = read_to(10);
        assert_eq!(mark.take(&page((21..=30).rev()), after(21), 1_000, at(30)), Step::Further);
        assert_eq!(mark.anchor(), Some("t3_21"));
        assert_eq!(mark.take(&page((8..=20).rev()), after(8), 1_000, at(31)), Step::Reached(None));
        assert!(!mark.is_walking());
        // The walk stands for what was there when it began.
        assert_eq!((mark.at, mark.written, mark.newest[0].as_str()), (Some(at(30)), Some(at(30)), "t3_30"));
    }

    #[test]
    fn names_that_were_removed_stop_no_walk_and_no_look() {
        let mut mark = read_to(10);
        // All that was known is gone; what is older than it is still there.
        mark.newest.truncate(2);
        assert_eq!(mark.take(&page([30, 20, 5]), after(5), 1_000, at(30)), Step::Reached(None));
        // The name to go on from is removed between two pages: the one before it serves.
        assert_eq!(mark.take(&page((41..=60).rev()), after(41), 1_000, at(60)), Step::Further);
        assert_eq!(mark.take(&[], None, 1_000, at(60)), Step::Further);
        assert_eq!(mark.anchor(), Some("t3_42"));
        assert_eq!(mark.take(&page([29]), None, 1_000, at(60)), Step::Reached(None));
    }

    #[test]
    fn what_a_listing_holds_no_more_is_lost_and_what_never_was_is_not() {
        let mut mark = read_to(10);
        for step in 0..9 {
            let (low, high) = (2_000 - 100 * (step + 1), 2_000 - 100 * step);
            assert_eq!(
                mark.take(&page((low + 1..=high).rev()), after(low + 1), 1_000, at(2_000)),
                Step::Further
            );
        }
        let last = mark.take(&page((1_001..=1_100).rev()), None, 1_000, at(2_001));
        assert_eq!(last, Step::Reached(Some(Lost { from: Some(at(10)), until: at(1_001) })));
        assert_eq!(mark.at, Some(at(2_000)));
        // A small listing that lost all it had before ends by itself.
        let mut mark = read_to(1);
        assert_eq!(mark.take(&page([3, 2]), None, 1_000, at(3)), Step::Reached(None));
        assert_eq!(mark.take(&[], None, 1_000, at(4)), Step::Empty);
    }

    #[test]
    fn a_walk_is_kept_over_looks() {
        let mut mark = read_to(10);
        assert_eq!(mark.take(&page((21..=30).rev()), after(21), 1_000, at(30)), Step::Further);
        let written = serde_json::to_string(&mark).expect("it serialises");
        let read: Mark = serde_json::from_str(&written).expect("it reads");
        assert_eq!((read.anchor(), read.at), (Some("t3_21"), Some(at(10))));
    }
}
