//! When to look again: the longest of the source's own pace, the server's wishes and the
//! back-off of its failures. The pace is the configured interval, shorter while much is said and
//! longer while little is ([`pace`]). Pure. It slows and never gives up: a source that has failed for a
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

/// Between which waits a source's pace may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// While it speaks as usual: the configured interval.
    pub usual: SignedDuration,
    /// While it is busy.
    pub least: SignedDuration,
    /// While it sleeps.
    pub most: SignedDuration,
}

/// A busy source is read up to so many times as often, a sleepy one as many times more rarely.
const STRETCH: i32 = 4;
/// As long as a look brings about so many posts, a source is read at its interval.
const FEW: f64 = 0.25;
const MANY: f64 = 2.0;

impl Bounds {
    /// Of a source of that kind: never more often than its terms allow, where its interval keeps to them. What is
    /// ours is not spared when it sleeps.
    pub fn of(interval: SignedDuration, kind: &str) -> Self {
        let usual = interval.max(SignedDuration::from_secs(1));
        let terms = super::kind(kind).map(|kind| kind.terms);
        let least = terms.map_or(usual, super::Terms::least_interval);
        let ours = terms.is_none_or(|terms| terms.access == super::terms::Access::Own);
        let most = if ours { usual } else { usual.saturating_mul(STRETCH).min(LONGEST.max(usual)) };
        Self { usual, least: (usual / STRETCH).max(least).min(usual), most }
    }
}

/// What is known of how much a source says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    /// Posts an hour at this hour of the week; none while nothing is known of it.
    pub usual: Option<f64>,
    /// Posts that the last look brought, and the time they came in.
    pub lately: Option<(u64, SignedDuration)>,
}

/// How long to wait after a look that went well. A look should bring [`FEW`] to [`MANY`] posts; a source that gives
/// more is read more often, at once, and one that gives fewer more rarely, once its rhythm says that this is its
/// way. The wait never grows as more is heard.
pub fn pace(bounds: &Bounds, heard: &Heard) -> SignedDuration {
    let hours = |length: SignedDuration| length.as_secs_f64() / 3_600.0;
    #[expect(clippy::cast_precision_loss, reason = "posts of one look are few")]
    let lately = heard.lately.map_or(0.0, |(posts, time)| posts as f64 / hours(time.max(bounds.least)));
    let usual = heard.usual.filter(|usual| usual.is_finite() && *usual >= 0.0);
    let wait = match (usual.unwrap_or(0.0).max(lately) * hours(bounds.usual), usual) {
        (posts, _) if posts > MANY => bounds.usual.as_secs_f64() * MANY / posts,
        (posts, Some(_)) if posts < FEW => bounds.usual.as_secs_f64() * FEW / posts.max(1e-9),
        _ => return bounds.usual,
    };
    let wait = SignedDuration::try_from_secs_f64(wait).unwrap_or(bounds.most);
    wait.clamp(bounds.least, bounds.most)
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

    fn paced(interval: i64, kind: &str, usual: Option<f64>, lately: Option<(u64, i64)>) -> i64 {
        let lately = lately.map(|(posts, seconds)| (posts, SignedDuration::from_secs(seconds)));
        pace(&Bounds::of(SignedDuration::from_secs(interval), kind), &Heard { usual, lately }).as_secs()
    }

    #[test]
    fn the_busy_are_read_often_and_the_sleepy_rarely() {
        for (name, got, expected) in [
            ("nothing known", paced(600, "feed", None, None), 600),
            ("nothing new, nothing known", paced(600, "feed", None, Some((0, 600))), 600),
            ("as usual", paced(600, "feed", Some(6.0), Some((1, 600))), 600),
            ("a storm is seen at once", paced(600, "feed", None, Some((20, 600))), 150),
            ("busy at this hour", paced(600, "feed", Some(24.0), Some((0, 600))), 300),
            ("asleep", paced(600, "feed", Some(0.5), Some((0, 600))), 1_800),
            ("fast asleep", paced(600, "feed", Some(0.0), Some((0, 600))), 2_400),
            ("asleep by habit, and awake", paced(600, "feed", Some(0.0), Some((5, 600))), 240),
            ("within the terms", paced(90, "feed", None, Some((90, 90))), 60),
            ("below the terms by a person's word", paced(10, "feed", None, Some((90, 10))), 10),
            ("ours does not sleep", paced(600, "file", Some(0.0), Some((0, 600))), 600),
            ("a day at most", paced(80_000, "feed", Some(0.0), None), 86_400),
            ("nonsense", paced(600, "feed", Some(f64::NAN), Some((0, -5))), 600),
        ] {
            assert_eq!(got, expected, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_pace_keeps_to_its_bounds_and_never_slows_as_more_is_heard(
            interval in 1_i64..200_000, usual in 0.0_f64..1e6, more in 1.0_f64..100.0,
            posts in 0_u64..100_000, seconds in 0_i64..100_000, knows: bool,
        ) {
            for kind in ["feed", "hacker_news", "file"] {
                let bounds = Bounds::of(SignedDuration::from_secs(interval), kind);
                proptest::prop_assert!(bounds.least <= bounds.usual && bounds.usual <= bounds.most);
                let at = |usual: f64, posts: u64| {
                    let lately = Some((posts, SignedDuration::from_secs(seconds)));
                    pace(&bounds, &Heard { usual: knows.then_some(usual), lately })
                };
                let wait = at(usual, posts);
                proptest::prop_assert!(bounds.least <= wait && wait <= bounds.most);
                proptest::prop_assert!(at(usual * more, posts) <= wait && at(usual, posts + 1) <= wait);
                let terms = crate::source::kind(kind).expect("known").terms;
                proptest::prop_assert!(wait >= terms.least_interval().min(bounds.usual));
            }
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
