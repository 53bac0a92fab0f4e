//! When a post that we keep is asked for anew, so that what its author deleted is forgotten in time. Pure.
//!
//! # Rules
//! * A post may have been deleted the moment after it was last served, so the deadline of its place's terms
//!   counts from there: three quarters of it may pass, the last quarter is for budgets and outages.
//! * Terms that let a text be kept for so many days without asking again are met with a tenth to spare.
//! * Where the terms leave it open, questions thin with age: a post is asked for when it is twice as old as at
//!   the last time. Most of what is deleted is deleted soon.

use jiff::{SignedDuration, Timestamp};

use super::Terms;

/// A fresh post is not asked for before it is this old, unless its deadline is nearer.
const FIRST: SignedDuration = SignedDuration::from_hours(6);
/// An old one is asked for this often, whatever its place allows.
const LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Terms that say "at once" are met by asking this often.
const SHORTEST: SignedDuration = SignedDuration::from_mins(15);
/// From one question in vain to the next.
const LONGEST_TRY: SignedDuration = SignedDuration::from_hours(24);
/// Between two questions where the terms name no budget.
const PACE: SignedDuration = SignedDuration::from_secs(5);
/// What may be late where the terms name no deadline.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// The shortest deadline of what is deleted there.
fn deadline(terms: &Terms) -> Option<SignedDuration> {
    terms.erase.iter().map(|erase| SignedDuration::from_hours(i64::from(erase.hours))).min()
}

/// How long a text may be kept without asking again.
pub fn keep(terms: &Terms) -> Option<SignedDuration> {
    terms.keep_days.map(|days| SignedDuration::from_hours(24 * i64::from(days)))
}

/// When to ask for a post again that was served at `now` and is that old.
pub fn next_recheck(terms: &Terms, age: SignedDuration, now: Timestamp) -> Timestamp {
    let thinned = age.clamp(FIRST, LONGEST);
    let by_deadline = deadline(terms).map(|deadline| (deadline * 3 / 4).max(SHORTEST));
    let by_keeping = keep(terms).map(|keep| keep * 9 / 10);
    let wait = [Some(thinned), by_deadline, by_keeping].into_iter().flatten().min().unwrap_or(thinned);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// When to ask again for a post of which a question brought no word, though the place answered or its turn came:
/// a sixteenth of the time it was not seen, so that several tries fit between its due time and its deadline and
/// one that stays mute is asked for ever more rarely.
pub fn next_try(unseen: SignedDuration, now: Timestamp) -> Timestamp {
    now.checked_add((unseen / 16).clamp(SHORTEST, LONGEST_TRY)).unwrap_or(Timestamp::MAX)
}

/// How long after its due time a post is overdue: what is later breaks the terms.
pub fn grace(terms: &Terms) -> SignedDuration {
    let by_deadline = deadline(terms).map(|deadline| deadline / 4);
    let by_keeping = keep(terms).map(|keep| keep / 10);
    by_deadline.into_iter().chain(by_keeping).min().unwrap_or(LATE)
}

/// From one question to the next: half of what the tightest budget allows, for the other half is the source's
/// own looks'.
pub fn pace(terms: &Terms) -> SignedDuration {
    let of = |budget: &super::terms::Budget| {
        let requests = i32::try_from(budget.requests.max(1)).unwrap_or(i32::MAX);
        budget.window() * 2 / requests
    };
    terms.budgets.iter().map(of).max().unwrap_or(PACE).max(SignedDuration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::terms::{Budget, Erase, Over, Word};

    const OPEN: Terms = Terms::OPEN;
    const DAY: Terms = Terms {
        erase: &[Erase::new("posts", 48, Word::Habit), Erase::new("names", 24, Word::Habit)],
        ..OPEN
    };
    const MONTH: Terms = Terms { keep_days: Some(30), refresh: true, ..OPEN };
    const AT_ONCE: Terms = Terms { erase: &[Erase::new("posts", 0, Word::Habit)], ..OPEN };

    fn wait(terms: &Terms, age_hours: i64) -> i64 {
        let now = Timestamp::from_second(1_800_000_000).expect("in range");
        let next = next_recheck(terms, SignedDuration::from_hours(age_hours), now);
        next.duration_since(now).as_mins()
    }

    #[test]
    fn the_deadline_holds_whatever_the_age_and_the_rest_thins() {
        for (name, terms, age, hours) in [
            ("fresh", &OPEN, 0, 6),
            ("of the future", &OPEN, -50, 6),
            ("twice as old at the next time", &OPEN, 48, 48),
            ("years old", &OPEN, 50_000, 90 * 24),
            ("fresh, a day", &DAY, 0, 6),
            ("old, a day", &DAY, 5_000, 18),
            ("old, a month", &MONTH, 5_000, 27 * 24),
        ] {
            assert_eq!(wait(terms, age), hours * 60, "{name}");
        }
        assert_eq!(wait(&AT_ONCE, 5_000), 15);
    }

    #[test]
    fn what_is_not_overdue_is_in_time() {
        for (terms, limit) in [(&DAY, 24), (&MONTH, 30 * 24)] {
            for age in 0..2_000 {
                let latest = wait(terms, age) + grace(terms).as_mins();
                assert!(latest <= limit * 60, "{age}: {latest} minutes");
            }
        }
    }

    #[test]
    fn several_tries_fit_before_a_deadline() {
        let start = Timestamp::from_second(1_800_000_000).expect("in range");
        for terms in [&DAY, &MONTH, &AT_ONCE] {
            let mut at = next_recheck(terms, SignedDuration::from_hours(9_000), start);
            let latest = at + grace(terms);
            let mut tries = 0;
            while at <= latest {
                tries += 1;
                at = next_try(at.duration_since(start), at);
            }
            let least = if std::ptr::eq(terms, &AT_ONCE) { 1 } else { 2 };
            assert!((least..=8).contains(&tries), "{tries} for {:?}", terms.erase);
        }
    }

    #[test]
    fn half_of_the_tightest_budget_is_left_to_the_looks() {
        const TIGHT: Terms = Terms {
            budgets: &[Budget::per_minute(20, Over::Host), Budget::per_day(1_000, Over::Credential)],
            ..OPEN
        };
        assert_eq!(pace(&TIGHT).as_secs(), 172);
        assert_eq!(pace(&OPEN), PACE);
    }
}
