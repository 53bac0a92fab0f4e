//! How far each relay was read for each thing that is asked of it. Pure.
//!
//! # Properties wanted
//! * What came between two connections is read once, however much it was, and the newest of it first. A relay
//!   gives the newest so many of what it has; what lies between those and the last connection is a hole, which
//!   is read page by page from its newer end.
//! * An event carries its author's time, not the relay's, and may reach a relay late. Each connection begins
//!   [`SLACK`] before what was read; what comes twice is dropped by its name.
//!
//! # Accepted
//! * What reaches a relay later than that, while nobody is connected, is not seen there.
//! * More events of one second than a relay gives at once: that second is said to be a gap.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

/// So many seconds are gone back.
pub const SLACK: i64 = 600;

/// Stretches not yet read, of one place; of more, the oldest are one.
const MOST_HOLES: usize = 8;

/// No relay gives so few at once: fewer events of one second are all there are.
const SMALLEST_PAGE: usize = 10;

/// Events remembered while we run, and in the cursor.
const REMEMBERED: usize = 20_000;
const MOST_KNOWN: usize = 256;

/// So much of a name tells it from all others.
const PREFIX: usize = 16;

/// All relays and all that is asked of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    pub places: BTreeMap<String, Place>,
    /// Names of the last events, for the seconds that are read twice.
    pub known: Vec<String>,
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

/// One question to one relay; times in seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Everything up to here has been read, but for the holes.
    pub through: Option<i64>,
    /// What lies between, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
}

/// A stretch not yet read, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    pub after: i64,
    pub before: i64,
}

/// What a relay gave in one go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    pub count: usize,
    pub oldest: Option<i64>,
    pub newest: Option<i64>,
}

impl Page {
    /// An event came, of that time if it has one.
    pub fn see(&mut self, at: Option<i64>) {
        self.count += 1;
        let Some(at) = at else { return };
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
    }
}

impl Place {
    /// From when on to ask; none: nothing was ever read here.
    pub fn since(&self) -> Option<i64> {
        self.through.map(|through| through.saturating_sub(SLACK))
    }

    /// All that the relay gives at once has come; it was asked at that time for what is since then.
    pub fn caught_up(&mut self, since: Option<i64>, page: &Page, asked: i64) {
        self.through = self.through.max(Some(asked));
        let (Some(after), Some(oldest)) = (since, page.oldest) else { return };
        if oldest < after {
            return;
        }
        self.holes.insert(0, Hole { after, before: oldest });
        if self.holes.len() > MOST_HOLES
            && let Some(oldest) = self.holes.pop()
            && let Some(last) = self.holes.last_mut()
        {
            last.after = oldest.after;
        }
    }

    /// A page of the newest hole has come, from a relay that has given so many at once. What it surely holds
    /// and does not give, from when until when.
    pub fn paged(&mut self, page: &Page, most: usize) -> Option<(i64, i64)> {
        let hole = self.holes.first_mut()?;
        let (Some(oldest), Some(newest)) = (page.oldest, page.newest) else {
            self.holes.remove(0);
            return None;
        };
        let mut lost = None;
        if newest > hole.before {
            // It does not heed where a page is to end, so no page leads any further back.
            lost = Some((hole.after, hole.before));
            hole.before = i64::MIN;
        } else if page.count < most {
            hole.before = i64::MIN;
        } else if oldest < hole.before {
            hole.before = oldest;
        } else {
            lost = (page.count >= SMALLEST_PAGE).then_some((hole.before, hole.before.saturating_add(1)));
            hole.before = hole.before.saturating_sub(1);
        }
        if hole.before < hole.after {
            self.holes.remove(0);
        }
        lost
    }
}

/// The last events and, as far as it is known, who wrote them.
#[derive(Debug, Default)]
pub struct Recent {
    authors: HashMap<String, Option<String>>,
    order: VecDeque<(String, i64)>,
}

impl Recent {
    /// As a cursor remembers them.
    pub fn of(cursor: &Cursor) -> Self {
        let mut recent = Self::default();
        for known in &cursor.known {
            recent.add(known, i64::MAX, None);
        }
        recent
    }

    /// Whether this one is new.
    pub fn meet(&mut self, id: &str, at: i64, author: &str) -> bool {
        self.add(short(id), at, Some(author))
    }

    fn add(&mut self, id: &str, at: i64, author: Option<&str>) -> bool {
        if self.authors.contains_key(id) {
            return false;
        }
        self.authors.insert(id.to_owned(), author.map(str::to_owned));
        self.order.push_back((id.to_owned(), at));
        if self.order.len() > REMEMBERED
            && let Some((oldest, _)) = self.order.pop_front()
        {
            self.authors.remove(&oldest);
        }
        true
    }

    /// Whether that event is known to be by that author.
    pub fn is_by(&self, id: &str, author: &str) -> bool {
        self.authors.get(short(id)).is_some_and(|by| by.as_deref() == Some(author))
    }

    /// What a cursor is to remember: the last of those that will be given again.
    pub fn known(&self, since: i64) -> Vec<String> {
        let again = self.order.iter().rev().filter(|(_, at)| *at >= since).take(MOST_KNOWN);
        let mut known: Vec<String> = again.map(|(id, _)| id.clone()).collect();
        known.reverse();
        known
    }
}

fn short(id: &str) -> &str {
    id.get(..PREFIX).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(times: &[i64]) -> Page {
        let mut page = Page::default();
        times.iter().for_each(|at| page.see(Some(*at)));
        page
    }

    #[test]
    fn a_hole_is_read_from_its_newer_end_until_nothing_more_comes() {
        let mut place = Place { through: Some(1_000), ..Place::default() };
        assert_eq!(place.since(), Some(400));
        place.caught_up(Some(400), &page(&[900, 800, 700]), 2_000);
        assert_eq!(
            (place.through, place.holes.as_slice()),
            (Some(2_000), &[Hole { after: 400, before: 700 }][..])
        );
        assert_eq!(place.paged(&page(&[700, 600, 500]), 3), None);
        assert_eq!(place.holes, [Hole { after: 400, before: 500 }]);
        assert_eq!(place.paged(&page(&[500, 450]), 3), None);
        assert!(place.holes.is_empty(), "fewer than it can give: that was all");
        // The first look has nothing to join; an empty answer leaves nothing to read.
        let mut new = Place::default();
        new.caught_up(None, &page(&[5, 4]), 10);
        new.caught_up(Some(5), &page(&[]), 20);
        assert_eq!(new, Place { through: Some(20), holes: Vec::new() });
    }

    #[test]
    fn what_a_relay_does_not_give_is_said() {
        let crowded = page(&[700; 20]);
        let mut place = Place { through: Some(0), holes: vec![Hole { after: 400, before: 700 }] };
        assert_eq!(place.paged(&crowded, 20), Some((700, 701)));
        assert_eq!(place.holes, [Hole { after: 400, before: 699 }]);
        // Two events of one second are two events of one second.
        let mut place = Place { through: Some(0), holes: vec![Hole { after: 400, before: 700 }] };
        assert_eq!(place.paged(&page(&[700, 700]), 2), None);
        assert_eq!(place.paged(&page(&[900, 800]), 2), Some((400, 699)), "it pages nowhere");
        assert!(place.holes.is_empty());
    }

    #[test]
    fn too_many_holes_become_one_and_lose_nothing() {
        let mut place = Place::default();
        for number in 1..20 {
            place.caught_up(Some(number * 10), &page(&[number * 10 + 5]), number);
        }
        assert_eq!(place.holes.len(), MOST_HOLES);
        assert_eq!(place.holes.last(), Some(&Hole { after: 10, before: 125 }));
        let cursor = Cursor { places: [("acme".to_owned(), place)].into(), known: vec!["a".into()] };
        assert_eq!(Cursor::read(Some(&cursor.write())), cursor);
        assert_eq!(Cursor::read(Some("nonsense")), Cursor::default());
    }

    #[test]
    fn an_event_is_met_once_and_its_author_is_remembered() {
        let mut recent = Recent::default();
        assert!(recent.meet("a", 10, "ann") && !recent.meet("a", 10, "bo") && recent.meet("b", 20, "bo"));
        assert!(recent.is_by("a", "ann") && !recent.is_by("a", "bo") && !recent.is_by("c", "ann"));
        assert_eq!((recent.known(15), recent.known(0)), (vec!["b".to_owned()], vec!["a".into(), "b".into()]));
        let again = Recent::of(&Cursor { known: recent.known(0), ..Cursor::default() });
        assert!(again.authors.contains_key("a") && !again.is_by("a", "ann"));
    }
}
