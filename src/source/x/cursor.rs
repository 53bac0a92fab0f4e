//! How far X was read. Numbers of posts grow with time, and carry it: the stretch from the newest post known to
//! now is read from its newest end, so fresh posts do not wait behind a backlog, and what is not read yet
//! stays as a hole with two ends. Pure.
//!
//! A number need not be anybody's post to be the end of a stretch, so a time is one too. The place serves seven
//! days; a hole that begins earlier begins there, and what is lost is said.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::money::Purse;

/// The first instant of the numbering, in milliseconds since 1970.
const EPOCH: i64 = 1_288_834_974_657;

/// How far back the place serves, less what passes until an answer is made.
const SERVED: SignedDuration = SignedDuration::from_mins(7 * 24 * 60 - 10);

/// A newest post older than this is no good end of a stretch: few numbers, and the place may refuse it.
const STALE: SignedDuration = SignedDuration::from_hours(6 * 24);

/// More unread stretches than this and the oldest is given up.
const MOST_HOLES: usize = 8;

/// A stretch not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Posts after this number.
    pub since: u64,
    /// Posts before this number; none: up to now.
    pub until: Option<u64>,
}

/// All that is kept between looks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// The newest post known.
    tip: u64,
    /// When a look last came to its end.
    through: Option<Timestamp>,
    /// Oldest first.
    pub holes: Vec<Hole>,
    pub purse: Purse,
}

/// A stretch that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Cursor {
    /// A first look goes so far back.
    pub fn first(now: Timestamp, back: SignedDuration) -> Self {
        let from = now.checked_sub(back).unwrap_or(now);
        Self { tip: number(from), ..Self::default() }
    }

    /// Nothing was read yet, and this is what was paid all the same.
    pub fn unread(purse: Purse) -> Self {
        Self { purse, ..Self::default() }
    }

    /// Whether nothing was read yet.
    pub fn is_unread(&self) -> bool {
        self.tip == 0 && self.through.is_none() && self.holes.is_empty()
    }

    /// Opens the stretch up to now, and gives up what the place serves no more.
    pub fn open(&mut self, now: Timestamp) -> Vec<Lost> {
        let stale = number(back(now, STALE));
        let through = self.through.map_or(0, |through| number(back(through, SignedDuration::from_mins(10))));
        let since = if self.tip > stale { self.tip } else { self.tip.max(through) };
        // An open end from a look before means the same as this one.
        self.holes.retain(|hole| hole.until.is_some());
        self.holes.push(Hole { since, until: None });
        let floor = number(back(now, SERVED));
        let mut lost = Vec::new();
        for hole in &mut self.holes {
            if hole.since < floor {
                let until = hole.until.map_or(floor, |until| until.min(floor));
                lost.push(Lost { from: instant(hole.since), until: instant(until) });
                hole.since = floor;
            }
        }
        self.holes.retain(|hole| hole.until.is_none_or(|until| until > hole.since + 1));
        while self.holes.len() > MOST_HOLES {
            let hole = self.holes.remove(0);
            lost.push(Lost { from: instant(hole.since), until: hole.until.map_or(now, instant) });
        }
        lost
    }

    /// A page of the newest hole was read: these numbers, and whether there are older ones in it.
    pub fn took(&mut self, numbers: &[u64], older: bool) {
        self.tip = self.tip.max(numbers.iter().copied().max().unwrap_or(0));
        let Some(hole) = self.holes.last_mut() else { return };
        match numbers.iter().copied().min() {
            Some(oldest) if older && oldest > hole.since + 1 => hole.until = Some(oldest),
            _ => drop(self.holes.pop()),
        }
    }

    /// As it was, with what was spent since.
    pub fn spent(self, purse: &Purse) -> Self {
        Self { purse: purse.clone(), ..self }
    }

    /// As before a first look that failed: the stretch is opened again.
    pub fn closed(&self) -> Self {
        Self { holes: Vec::new(), ..self.clone() }
    }

    /// Nothing is unread: until when that is so.
    pub fn ended(&mut self, now: Timestamp) {
        if self.holes.is_empty() {
            self.through = Some(now);
        }
    }

    /// Everything up to here was read.
    pub fn fetched_through(&self, now: Timestamp) -> Timestamp {
        self.holes.iter().map(|hole| instant(hole.since)).min().unwrap_or(now)
    }
}

fn back(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(now)
}

/// The smallest number of an instant.
pub fn number(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond() - EPOCH).unwrap_or(0) << 22
}

/// When a number was given.
pub fn instant(number: u64) -> Timestamp {
    let milliseconds = i64::try_from(number >> 22).unwrap_or(0);
    Timestamp::from_millisecond(milliseconds + EPOCH).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_number_is_a_time() {
        assert_eq!(instant(1_541_815_603_606_036_480).to_string(), "2022-06-28T16:07:40.105Z");
        let when = at("2026-11-05T10:00:00Z");
        assert_eq!(instant(number(when)), when);
        assert_eq!(number(at("1990-01-01T00:00:00Z")), 0);
    }

    #[test]
    fn a_backlog_is_read_from_its_newest_end_and_fresh_posts_go_before_it() {
        let now = at("2026-11-05T10:00:00Z");
        let hour = SignedDuration::from_hours(1);
        let mut cursor = Cursor::first(back(now, hour), hour);
        let first = cursor.tip;
        assert!(cursor.open(now).is_empty());
        let numbers: Vec<u64> = (1..=3).map(|n| number(now) - n).collect();
        cursor.took(&numbers, true);
        assert_eq!(cursor.holes, [Hole { since: first, until: Some(number(now) - 3) }]);
        cursor.ended(now);
        assert_eq!(cursor.fetched_through(now), instant(first), "a hole is not read through");
        let later = at("2026-11-05T11:00:00Z");
        cursor.open(later);
        assert_eq!(cursor.holes.len(), 2);
        cursor.took(&[], false);
        cursor.took(&[number(now) - 4], false);
        cursor.ended(later);
        assert_eq!((cursor.holes.len(), cursor.fetched_through(later)), (0, later));
        assert_eq!(cursor.tip, number(now) - 1);
    }

    #[test]
    fn after_more_than_seven_days_the_rest_is_lost_and_said() {
        let now = at("2026-11-20T10:00:00Z");
        let began = at("2026-11-05T10:00:00Z");
        let mut cursor = Cursor::first(began, SignedDuration::ZERO);
        let lost = cursor.open(now);
        assert_eq!(lost.len(), 1);
        assert_eq!((lost[0].from, lost[0].until), (began, at("2026-11-13T10:10:00Z")));
        // Days without a post are no gap: the looks were made.
        let mut quiet = Cursor {
            tip: number(began),
            through: Some(back(now, SignedDuration::from_hours(1))),
            ..Cursor::default()
        };
        assert!(quiet.open(now).is_empty());
        // A hole that lies wholly before what is served is given up, and no more than it.
        let holes = vec![Hole { since: number(began), until: Some(number(began) + 100) }];
        let mut left = Cursor { tip: number(now) - 5, through: None, holes, purse: Purse::default() };
        let lost = left.open(now);
        assert_eq!((lost.len(), left.holes.len()), (1, 1));
        assert!(lost[0].until < at("2026-11-05T10:00:01Z"));
    }
}
