//! How far a forum was read, by number.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::SourceId;
use crate::domain::source::{Gap, GapCause};

/// Most holes remembered; beyond, the oldest is given up and said.
const MOST_HOLES: usize = 16;
/// Numbers that a page spans at least, also where it holds fewer posts.
const PAGE: u64 = 50;

/// What is kept between looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Cursor {
    /// What was written before is none of ours.
    pub began: Option<Timestamp>,
    /// When all was read last.
    pub through: Option<Timestamp>,
    /// The highest number met.
    pub highest: Option<u64>,
    /// Stretches below it that were not read, the newest last.
    pub holes: Vec<Hole>,
    /// The last post read of each topic that is watched.
    pub topics: BTreeMap<String, u64>,
    /// When the newest topic of each category was active.
    pub active: BTreeMap<String, Timestamp>,
    /// The highest post found by each search.
    pub found: BTreeMap<String, u64>,
    /// Topics and posts to be read.
    pub waiting: Vec<String>,
}

/// Numbers not read: above the one, up to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hole {
    pub above: u64,
    pub below: u64,
    /// When what lies above it was read.
    pub since: Option<Timestamp>,
}

impl Cursor {
    /// The newest page was read; what lies between it and what was known is a hole.
    pub(super) fn reached(
        &mut self,
        page: &RangeInclusive<u64>,
        known: Option<u64>,
        now: Timestamp,
        source: SourceId,
        gaps: &mut Vec<Gap>,
    ) {
        self.highest = self.highest.max(Some(*page.end()));
        let Some(known) = known else { return };
        if *page.start() > known + 1 {
            self.holes.push(Hole { above: known, below: page.start() - 1, since: self.through });
        }
        if self.holes.len() > MOST_HOLES {
            let hole = self.holes.remove(0);
            let detail = format!("posts {} to {}", hole.above + 1, hole.below);
            gaps.push(Gap { source, from: hole.since, until: now, cause: GapCause::Overrun, detail });
        }
    }

    /// A page of a hole was read, down to that number; none: it was empty.
    pub(super) fn filled(&mut self, hole: &Hole, lowest: Option<u64>) {
        let below = lowest
            .map_or(hole.below.saturating_sub(PAGE), |lowest| lowest.saturating_sub(1).min(hole.below - 1));
        let Some(last) = self.holes.last_mut().filter(|last| *last == hole) else { return };
        last.below = below;
        if below <= hole.above {
            self.holes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_noted_filled_from_above_and_closed() {
        let mut cursor = Cursor::default();
        let mut gaps = Vec::new();
        let mut reached = |cursor: &mut Cursor, page| {
            let known = cursor.highest;
            cursor.reached(&page, known, Timestamp::UNIX_EPOCH, "d".into(), &mut gaps);
        };
        reached(&mut cursor, 51..=100);
        assert!(cursor.holes.is_empty(), "a first look has no past");
        reached(&mut cursor, 90..=120);
        reached(&mut cursor, 121..=130);
        assert!(cursor.holes.is_empty(), "{cursor:?}");
        reached(&mut cursor, 251..=300);
        let hole = cursor.holes[0].clone();
        assert_eq!((hole.above, hole.below), (130, 250));
        cursor.filled(&hole, Some(210));
        assert_eq!(cursor.holes[0].below, 209);
        let hole = cursor.holes[0].clone();
        cursor.filled(&hole, None);
        assert_eq!(cursor.holes[0].below, 159, "an empty page is no end");
        let hole = cursor.holes[0].clone();
        cursor.filled(&hole, Some(131));
        assert!(cursor.holes.is_empty());
        for number in 0..=MOST_HOLES as u64 {
            let page = 1_000 * (number + 1)..=1_000 * (number + 1);
            reached(&mut cursor, page);
        }
        assert_eq!((cursor.holes.len(), gaps.len()), (MOST_HOLES, 1));
        assert_eq!(gaps[0].detail, "posts 301 to 999");
    }
}
