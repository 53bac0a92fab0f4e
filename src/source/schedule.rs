//! When to look again: the longest of the source's own interval, the server's wishes and the
//! back-off of its failures. Pure. It slows and never gives up: a source that has failed for a
//! month is still asked every few hours, and one good answer brings it back to its interval.

use jiff::{SignedDuration, Timestamp};

use super::Retry;
use crate::runtime::backoff::Backoff;

/// No server's wish and no back-off keeps a source away for longer.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// Back-off begins here, or at a quarter of the interval where that is shorter.
const FIRST_BACKOFF: SignedDuration = SignedDuration::from_mins(1);

/// The longest back-off of a failure that may pass by itself.
const LONGEST_SOON: SignedDuration = SignedDuration::from_hours(6);

/// How often a source is asked that needs a person first; the person's remedy should show the
/// same day.
const NEEDS_PERSON: SignedDuration = SignedDuration::from_hours(4);

/// Up to this share of the interval is added, so that sources drift apart.
const SPREAD: f64 = 0.1;

/// When to look again. `retry` is the last failure's, none after a success; `failures` counts
/// those in a row; `jitter` lies in 0…1.
pub fn next_poll(
    interval: SignedDuration,
    rest: Option<SignedDuration>,
    retry: Option<Retry>,
    failures: u32,
    now: Timestamp,
    jitter: f64,
) -> Timestamp {
    let interval = interval.max(SignedDuration::from_secs(1));
    let wish = rest.unwrap_or_default().min(LONGEST);
    let wait = match retry {
        None => interval.max(wish),
        // A passing failure is tried again before the next regular look, then ever more slowly.
        Some(Retry::Soon) => backoff(interval).after(failures.max(1), jitter).max(wish),
        Some(Retry::After(asked)) => {
            let back = backoff(interval).after(failures.max(1), jitter);
            asked.min(LONGEST).max(back).max(wish)
        }
        Some(Retry::Budget(left)) => left.min(LONGEST).max(wish),
        Some(Retry::Never) => interval.max(NEEDS_PERSON).max(wish),
    };
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
    let spread = SignedDuration::from_secs_f64(wait.as_secs_f64().min(3_600.0) * SPREAD * jitter);
    let wait = wait.min(LONGEST.max(interval)) + spread;
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// When a source is due whose row says `next_poll`. One that was last asked in what is now the
/// future was asked before the clock was set back: its time says nothing, and may be years away.
pub fn due(next_poll: Timestamp, asked_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    if asked_at.is_some_and(|asked| asked > now) { now } else { next_poll }
}

fn backoff(interval: SignedDuration) -> Backoff {
    let first = FIRST_BACKOFF.min(interval);
    let longest = LONGEST_SOON.max(interval.min(LONGEST)).max(first);
    Backoff::new(first, longest).expect("the first wait is at least a second and not above the longest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_keeps_no_source_away() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        assert_eq!(due(at(400), Some(at(100)), at(200)), at(400));
        assert_eq!(due(at(400), Some(at(300)), at(200)), at(200));
        assert_eq!(due(at(400), None, at(200)), at(400));
    }

    fn wait(interval: i64, rest: Option<i64>, retry: Option<Retry>, failures: u32, jitter: f64) -> i64 {
        let now = Timestamp::from_second(1_800_000_000).expect("in range");
        let rest = rest.map(SignedDuration::from_secs);
        let next = next_poll(SignedDuration::from_secs(interval), rest, retry, failures, now, jitter);
        next.duration_since(now).as_secs()
    }

    #[test]
    fn the_longest_wish_wins_and_none_is_endless() {
        let after = |seconds| Some(Retry::After(SignedDuration::from_secs(seconds)));
        let day = 86_400;
        for (name, got, expected) in [
            ("own interval", wait(3_600, None, None, 0, 0.0), 3_600),
            ("the server wants less", wait(3_600, Some(60), None, 0, 0.0), 3_600),
            ("the server wants more", wait(3_600, Some(7_200), None, 0, 0.0), 7_200),
            ("the server wants a month", wait(3_600, Some(30 * day), None, 0, 0.0), day),
            ("a slow source stays slow", wait(7 * day, Some(60), None, 0, 0.0), 7 * day),
            ("first failure", wait(3_600, None, Some(Retry::Soon), 1, 0.0), 30),
            ("fourth failure", wait(3_600, None, Some(Retry::Soon), 4, 0.0), 240),
            ("failure with wish", wait(3_600, Some(900), Some(Retry::Soon), 1, 0.0), 900),
            ("failing for weeks", wait(3_600, None, Some(Retry::Soon), 5_000, 0.0), 3 * 3_600),
            ("asked to wait", wait(3_600, None, after(1_800), 1, 0.0), 1_800),
            ("asked to wait a year", wait(3_600, None, after(365 * day), 1, 0.0), day),
            ("asked for nothing", wait(3_600, None, after(0), 3, 0.0), 120),
            ("used up", wait(3_600, None, Some(Retry::Budget(SignedDuration::from_secs(90))), 0, 0.0), 90),
            ("needs a person", wait(3_600, None, Some(Retry::Never), 9_000, 0.0), 4 * 3_600),
            ("needs a person, slow", wait(day, None, Some(Retry::Never), 1, 0.0), day),
            ("spread", wait(3_600, None, None, 0, 1.0), 3_960),
            ("nonsense jitter", wait(3_600, None, None, 0, f64::NAN), 3_960),
            ("nonsense interval", wait(-5, None, None, 0, 0.0), 1),
        ] {
            assert_eq!(got, expected, "{name}");
        }
    }

    #[test]
    fn never_gives_up() {
        for failures in 0..2_000 {
            for retry in [
                None,
                Some(Retry::Soon),
                Some(Retry::Never),
                Some(Retry::After(SignedDuration::MAX)),
                Some(Retry::Budget(SignedDuration::MAX)),
            ] {
                let waited = wait(3_600, Some(i64::MAX), retry, failures, 1.0);
                assert!((1..=86_400 + 360).contains(&waited), "{retry:?} {failures}: {waited}");
            }
        }
    }
}
