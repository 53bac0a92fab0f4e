//! "More than usual": the number in the window just past against the mean of such windows before.
//!
//! Counted in the store's buckets. The window is the bucket under way and those before it that lie
//! wholly inside, so that it is never longer than configured; the baseline ends where the window
//! begins, so that a storm does not become its own "usual". It begins at the oldest bucket that is
//! known, because a daemon installed yesterday knows of one day and not of fourteen quiet ones.
//! With nothing before the window there is no "usual", and `at_least` alone decides: a topic that
//! was silent and is shouted about is a storm.

use jiff::{SignedDuration, Timestamp};

use crate::domain::duration;
use crate::domain::sentiment::Counts;
use crate::domain::trigger::Spike;
use crate::store::{TALLY_BUCKET, Tally};

/// Why it is a spike, in words; none when it is not.
pub(super) fn spike(rule: &Spike, tallies: &[Tally], now: Timestamp) -> Option<String> {
    let bucket = TALLY_BUCKET.as_secs();
    let current = now.as_second().div_euclid(bucket);
    let wide = buckets(rule.window);
    let first = current - wide + 1;
    let number = |tally: &Tally| tally.from.as_second().div_euclid(bucket);
    let counted = |counts: &Counts| rule.of.map_or(counts.total(), |polarity| counts.of(polarity));

    let count: u64 =
        tallies.iter().filter(|t| (first..=current).contains(&number(t))).map(|t| counted(&t.counts)).sum();
    let earliest = first - buckets(rule.baseline);
    let before: Vec<&Tally> = tallies.iter().filter(|t| (earliest..first).contains(&number(t))).collect();
    let known = before.iter().map(|t| first - number(t)).max().unwrap_or(0).max(wide);
    let total: u64 = before.iter().map(|t| counted(&t.counts)).sum();
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let (count_f, usual) = (count as f64, total as f64 * wide as f64 / known as f64);

    if count < rule.at_least.max(1) || count_f < rule.factor * usual {
        return None;
    }
    let of = rule.of.map_or(String::new(), |polarity| format!("{} ", polarity.as_str()));
    let usual = if before.is_empty() {
        "there was nothing before to compare with".to_owned()
    } else {
        format!("{usual:.1} are usual")
    };
    Some(format!("{count} {of}mentions in {}; {usual}", duration::words(rule.window)))
}

/// How many buckets a length of time has; at least one.
fn buckets(length: SignedDuration) -> i64 {
    (length.as_secs() / TALLY_BUCKET.as_secs()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sentiment::Polarity;

    fn rule(at_least: u64, factor: f64) -> Spike {
        Spike {
            of: Some(Polarity::Negative),
            window: SignedDuration::from_hours(1),
            baseline: SignedDuration::from_hours(24),
            factor,
            at_least,
        }
    }

    /// Buckets as (minutes before `now`'s bucket, negatives).
    fn tallies(now: Timestamp, counts: &[(i64, u64)]) -> Vec<Tally> {
        let floor = now.as_second().div_euclid(600) * 600;
        counts
            .iter()
            .map(|(minutes, negative)| Tally {
                from: Timestamp::from_second(floor - minutes * 60).expect("in range"),
                counts: Counts { negative: *negative, positive: 7, ..Counts::default() },
            })
            .collect()
    }

    #[test]
    fn counts_the_window_and_compares_with_what_lies_before_it() {
        let now: Timestamp = "2026-06-05T12:34:56Z".parse().expect("an instant");
        for (counts, fires, why) in [
            (vec![(0, 4), (50, 6)], true, "the whole window counts, alone `at_least` decides"),
            (vec![(0, 4), (60, 6)], false, "the bucket before the window is not in it"),
            (vec![(0, 9)], false, "too few"),
            (vec![(0, 10), (60, 4)], false, "4 in the only hour before: 10 is less than three times"),
            (vec![(0, 12), (60, 4)], true, "three times as many"),
            (vec![(0, 12), (60, 4), (60 + 23 * 60, 4)], true, "8 in 24 h is little"),
            (vec![(0, 12), (60 + 24 * 60, 400)], true, "before the baseline nothing counts"),
        ] {
            let found = spike(&rule(10, 3.0), &tallies(now, &counts), now);
            assert_eq!(found.is_some(), fires, "{why}: {found:?}");
        }
    }

    #[test]
    fn says_it_in_words() {
        let now: Timestamp = "2026-06-05T12:34:56Z".parse().expect("an instant");
        let said = |counts: &[(i64, u64)]| spike(&rule(10, 3.0), &tallies(now, counts), now);
        assert_eq!(said(&[(0, 12), (60, 4)]).as_deref(), Some("12 negative mentions in 1 h; 4.0 are usual"));
        assert_eq!(
            said(&[(0, 12)]).as_deref(),
            Some("12 negative mentions in 1 h; there was nothing before to compare with")
        );
        assert_eq!(said(&[]), None);
    }
}
