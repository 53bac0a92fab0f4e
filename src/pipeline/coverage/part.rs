//! Parts of a source that cannot be read while others are: which they are after a look, and which stretch ends
//! with it. Pure.
//!
//! While it lasts, the row says so (`unread`), as `failing_since` does for a source as a whole; the look that
//! reads the part again ends it, and where it lasted for longer than an interval the stretch stands in the ledger.

use jiff::{SignedDuration, Timestamp};

use super::Look;
use crate::domain::source::{Gap, GapCause, SourceState, Trouble, Unread};

/// Most parts that the row keeps; those told first.
const MOST: usize = 20;

/// What is not read after a look, and the stretches that it ends.
pub fn after(
    state: &SourceState,
    look: &Look,
    fetched_through: Option<Timestamp>,
) -> (Vec<Unread>, Vec<Gap>) {
    let told = |part: &str| look.trouble.iter().any(|trouble| trouble.part == part);
    // One that was cut off need not have come to the part; but where all is read up to after it began, it has.
    let is_whole = !look.more && !look.pauses;
    let is_read = |one: &Unread| is_whole || fetched_through.is_some_and(|through| through >= one.since);
    let others = state.unread.iter().filter(|one| !told(&one.trouble.part));
    let (ended, kept): (Vec<&Unread>, Vec<&Unread>) = others.partition(|one| is_read(one));
    let unread = look.trouble.iter().map(|trouble| {
        let before = state.unread.iter().find(|one| one.trouble.part == trouble.part);
        let (since, looks) = before.map_or((look.at, 0), |one| (one.since, one.looks));
        Unread { trouble: trouble.clone(), since, looks: looks.saturating_add(1) }
    });
    let mut unread: Vec<Unread> = unread.chain(kept.into_iter().cloned()).collect();
    unread.truncate(MOST);
    let long = |one: &&Unread| look.interval.is_some_and(|least| look.at.duration_since(one.since) >= least);
    let gaps = ended.into_iter().filter(long).map(|one| {
        let Trouble { part, what, .. } = &one.trouble;
        let from = state.fetched_through.map_or(one.since, |through| through.min(one.since));
        let (source, cause) = (state.id.clone(), GapCause::SourceFailed);
        Gap { source, from: Some(from), until: look.at, cause, detail: format!("{part}: {what}") }
    });
    let gaps = gaps.collect();
    (unread, gaps)
}

/// Since when a part has not been read that is worth telling: not for the first time, and not for a moment.
pub fn lasting(unread: &[Unread], looks: u32, length: SignedDuration, now: Timestamp) -> Option<&Unread> {
    let long = |one: &&Unread| one.looks >= looks && now.duration_since(one.since) >= length;
    unread.iter().filter(long).min_by_key(|one| one.since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_772_600_000 + minute * 60).expect("in range")
    }

    fn trouble(part: &str) -> Trouble {
        Trouble { part: part.into(), what: "answered 404".into(), remedy: "put it right".into() }
    }

    fn look(minute: i64, parts: &[&str]) -> Look {
        let trouble = parts.iter().map(|part| trouble(part)).collect();
        Look { at: at(minute), interval: Some(SignedDuration::from_mins(5)), trouble, ..Look::default() }
    }

    fn parts(unread: &[Unread]) -> Vec<(&str, Timestamp, u32)> {
        unread.iter().map(|one| (one.trouble.part.as_str(), one.since, one.looks)).collect()
    }

    #[test]
    fn a_part_is_unread_until_it_is_read_again_and_the_stretch_is_told_then() {
        let mut state = SourceState::new("s".into(), at(0));
        state.fetched_through = Some(at(0));
        let (unread, gaps) = after(&state, &look(5, &["b"]), None);
        assert_eq!((parts(&unread), gaps.len()), (vec![("b", at(5), 1)], 0));
        state.unread = unread;
        // A look that is cut off says nothing of those it did not come to.
        let cut = Look { more: true, ..look(10, &["c"]) };
        let (unread, gaps) = after(&state, &cut, Some(at(0)));
        assert_eq!((parts(&unread), gaps.len()), (vec![("c", at(10), 1), ("b", at(5), 1)], 0));
        state.unread = unread;
        let (unread, gaps) = after(&state, &look(15, &["b"]), None);
        assert_eq!(parts(&unread), [("b", at(5), 2)]);
        assert_eq!((gaps[0].from, gaps[0].until), (Some(at(0)), at(15)));
        state.unread = unread;
        // One that goes on and has read all the same.
        let streams = Look { more: true, ..look(20, &[]) };
        let (unread, gaps) = after(&state, &streams, Some(at(20)));
        assert!(unread.is_empty());
        assert_eq!((gaps[0].detail.as_str(), gaps[0].cause), ("b: answered 404", GapCause::SourceFailed));
        // A moment is no stretch.
        state.unread[0].since = at(18);
        assert!(after(&state, &streams, Some(at(20))).1.is_empty());
    }

    #[test]
    fn what_lasts_is_worth_telling() {
        let one = |minute, looks| Unread { trouble: trouble("b"), since: at(minute), looks };
        let rows = [one(10, 2), one(0, 3), one(5, 9)];
        let quarter = SignedDuration::from_mins(15);
        assert_eq!(lasting(&rows, 3, quarter, at(14)), None);
        assert_eq!(lasting(&rows, 3, quarter, at(25)).map(|one| one.since), Some(at(0)));
        assert_eq!(lasting(&rows[..1], 3, quarter, at(99)), None);
    }
}
