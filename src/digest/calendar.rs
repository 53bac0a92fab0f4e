//! When a digest is due and what it covers. Pure, in local time, through daylight-saving changes:
//! a local time that does not exist is taken at the change's end, one that comes twice the first
//! time (RFC 5545's rule, jiff's `compatible`).

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use crate::domain::digest::{DigestPlan, DigestRun, Window};

/// Days looked at for the next or last instant: a plan names at least one day of the week.
const DAYS: i32 = 8;

/// What is to be done about a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// It was never looked at before: its first window begins here. Nothing is sent, since what
    /// came before this daemon ran is unknown and "0 mentions" would be a lie.
    Begin(Timestamp),
    /// It is to be made over this window.
    Make(Window),
}

/// What is due at `now`, and when to look again.
pub fn due(plan: &DigestPlan, last: Option<&DigestRun>, now: Timestamp) -> (Due, Timestamp) {
    let next = following(plan, now);
    let Some(until) = preceding(plan, now) else { return (Due::Nothing, next) };
    let due = match last {
        None => Due::Begin(until),
        Some(run) if run.window.until < until => Due::Make(Window { from: run.window.until, until }),
        Some(_) => Due::Nothing,
    };
    (due, next)
}

/// The window that ends at `now`: a preview.
pub fn preview(plan: &DigestPlan, last: Option<&DigestRun>, now: Timestamp) -> Window {
    let from = last.map(|run| run.window.until).or_else(|| preceding(plan, now));
    Window { from: from.filter(|from| *from < now).unwrap_or(now - 24.hours()), until: now }
}

/// The first instant of the plan after `now`.
fn following(plan: &DigestPlan, now: Timestamp) -> Timestamp {
    let today = now.to_zoned(plan.timezone.clone()).date();
    (0..=DAYS)
        .filter_map(|ahead| instant(plan, today, ahead))
        .find(|at| *at > now)
        .unwrap_or(now + 24.hours())
}

/// The last instant of the plan at or before `now`.
fn preceding(plan: &DigestPlan, now: Timestamp) -> Option<Timestamp> {
    let today = now.to_zoned(plan.timezone.clone()).date();
    (0..=DAYS).filter_map(|back| instant(plan, today, -back)).find(|at| *at <= now)
}

fn instant(plan: &DigestPlan, today: Date, days: i32) -> Option<Timestamp> {
    let date = today.checked_add(days.days()).ok()?;
    if !plan.days.contains(&date.weekday()) {
        return None;
    }
    let local = date.to_datetime(plan.at).to_zoned(plan.timezone.clone()).ok()?;
    Some(local.timestamp())
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Time, Weekday};
    use jiff::tz::TimeZone;

    use super::*;

    fn plan(at: &str, days: &[Weekday]) -> DigestPlan {
        DigestPlan {
            id: "daily".into(),
            to: vec!["care".into()],
            at: at.parse::<Time>().expect("a time"),
            days: days.to_vec(),
            timezone: TimeZone::get("Europe/Berlin").expect("a zone"),
        }
    }

    const ALL: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn make(from: &str, until: &str) -> Due {
        Due::Make(Window { from: at(from), until: at(until) })
    }

    fn run(from: &str, until: &str) -> DigestRun {
        let window = Window { from: at(from), until: at(until) };
        DigestRun { digest: "daily".into(), window, made_at: at(until) }
    }

    #[test]
    fn a_daily_digest_covers_what_came_since_the_last() {
        let last = run("2026-03-01T07:00:00Z", "2026-03-02T07:00:00Z");
        let plan = plan("08:00", &ALL);
        let (window, next) = due(&plan, Some(&last), at("2026-03-03T07:00:00Z"));
        assert_eq!(window, make("2026-03-02T07:00:00Z", "2026-03-03T07:00:00Z"));
        assert_eq!(next, at("2026-03-04T07:00:00Z"));
        let (window, next) = due(&plan, Some(&last), at("2026-03-03T06:59:59Z"));
        assert_eq!((window, next), (Due::Nothing, at("2026-03-03T07:00:00Z")));
    }

    #[test]
    fn the_clock_change_moves_the_instant_and_leaves_no_gap() {
        let plan = plan("02:30", &ALL);
        // 29 March 2026: 02:00 becomes 03:00, so 02:30 is taken at 03:30 summer time.
        let (window, next) = due(
            &plan,
            Some(&run("2026-03-27T01:30:00Z", "2026-03-28T01:30:00Z")),
            at("2026-03-29T01:30:00Z"),
        );
        assert_eq!(window, make("2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z"));
        assert_eq!(next, at("2026-03-30T00:30:00Z"));
        // 25 October 2026: 02:30 comes twice; once is enough.
        let (_, next) = due(&plan, None, at("2026-10-24T12:00:00Z"));
        assert_eq!(next, at("2026-10-25T00:30:00Z"));
        let (_, after) = due(&plan, None, next);
        assert_eq!(after, at("2026-10-26T01:30:00Z"));
    }

    #[test]
    fn a_weekly_digest_and_a_long_absence() {
        let plan = plan("08:00", &[Weekday::Monday]);
        let (first, _) = due(&plan, None, at("2026-06-10T00:00:00Z"));
        assert_eq!(first, Due::Begin(at("2026-06-08T06:00:00Z")));
        let long_ago = run("2026-04-27T06:00:00Z", "2026-05-04T06:00:00Z");
        let (late, _) = due(&plan, Some(&long_ago), at("2026-06-10T00:00:00Z"));
        assert_eq!(late, make("2026-05-04T06:00:00Z", "2026-06-08T06:00:00Z"));
    }

    #[test]
    fn windows_tile_time_whatever_the_hour_is_looked_at() {
        let plan = plan("08:00", &[Weekday::Monday, Weekday::Thursday]);
        let mut last: Option<DigestRun> = None;
        let mut now = at("2026-01-01T00:00:00Z");
        for step in 0..4_000 {
            let (window, next) = due(&plan, last.as_ref(), now);
            assert!(next > now);
            let taken = match window {
                Due::Nothing => None,
                Due::Begin(at) => Some(Window { from: at, until: at }),
                Due::Make(window) => {
                    assert!(window.from < window.until && window.until <= now);
                    assert_eq!(last.as_ref().map(|last| last.window.until), Some(window.from));
                    Some(window)
                }
            };
            if let Some(window) = taken {
                last = Some(DigestRun { digest: "daily".into(), window, made_at: now });
            }
            now += ((step * 7_919) % 40_000 + 1).seconds();
        }
    }
}
