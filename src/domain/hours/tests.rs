//! Tables for the days on which clocks change, and properties over random weeks and instants.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::WorkingHours;

fn hours(lines: &[&str]) -> WorkingHours {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    WorkingHours::parse(&lines).expect("the table's hours are in order")
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("the zone is in every database")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("the table's instants are in order")
}

#[test]
fn refuses_what_is_no_hours_and_says_what_is() {
    for (lines, part) in [
        (vec![], "no hours are given"),
        (vec![""], "empty"),
        (vec!["Mon"], "times are missing"),
        (vec!["Mom 08:00-18:00"], "is no day"),
        (vec!["Mon-Fri 8-18"], "is no time of day"),
        (vec!["Mon 08:60-09:00"], "is no time of day"),
        (vec!["Mon 08:00-24:01"], "is no time of day"),
        (vec!["Mon 08:00-08:00"], "00:00-24:00"),
        (vec!["Mon 24:00-08:00"], "24:00 can only end"),
        (vec!["Mon 08:00"], "no span"),
        (vec!["Mon 08:0-09:00"], "is no time of day"),
        (vec!["Mon +8:00-09:00"], "is no time of day"),
    ] {
        let lines: Vec<String> = lines.into_iter().map(Into::into).collect();
        let error = WorkingHours::parse(&lines).expect_err("refused");
        assert!(error.contains(part), "{lines:?}: {error}");
        assert!(error.contains("Mon-Fri 08:00-18:00"), "{error}");
    }
}

#[test]
fn spans_written_in_different_ways_are_the_same_week() {
    for (one, other) in [
        (vec!["Mon-Fri 08:00-18:00"], vec!["mon,tue,wednesday,Thu-Fri 8:00-12:00 12:00-18:00"]),
        (vec!["22:00-06:00"], vec!["Mon-Sun 00:00-06:00, 22:00-24:00"]),
        (vec!["Sat-Mon 10:00-11:00"], vec!["Sat,Sun,Mon 10:00-11:00"]),
        (vec!["Sun 22:00-02:00"], vec!["Sun 22:00-24:00", "Mon 00:00-02:00"]),
    ] {
        assert_eq!(hours(&one), hours(&other));
    }
}

#[test]
fn a_wait_passes_only_in_working_hours() {
    let week = hours(&["Mon-Fri 08:00-18:00"]);
    // 2026-06-05 is a Friday; Berlin is two hours ahead.
    for (from, minutes, until) in [
        ("2026-06-05T07:00:00Z", 30, "2026-06-05T07:30:00Z"),
        ("2026-06-05T15:45:00Z", 30, "2026-06-08T06:15:00Z"),
        ("2026-06-05T15:45:00Z", 15, "2026-06-05T16:00:00Z"),
        ("2026-06-06T12:00:00Z", 0, "2026-06-08T06:00:00Z"),
        ("2026-06-05T16:00:00Z", 60, "2026-06-08T07:00:00Z"),
        ("2026-06-05T06:00:00Z", 1_200, "2026-06-08T16:00:00Z"),
    ] {
        assert_eq!(
            week.after(at(from), SignedDuration::from_mins(minutes), &berlin()),
            at(until),
            "{from} and {minutes} min"
        );
    }
}

#[test]
fn a_span_over_midnight_is_one_stretch() {
    let nights = hours(&["22:00-06:00"]);
    let zone = TimeZone::UTC;
    assert!(nights.contains(at("2026-06-05T23:59:59Z"), &zone));
    assert!(nights.contains(at("2026-06-06T00:00:00Z"), &zone));
    assert!(!nights.contains(at("2026-06-06T06:00:00Z"), &zone));
    let two_hours = SignedDuration::from_hours(2);
    assert_eq!(nights.after(at("2026-06-05T23:00:00Z"), two_hours, &zone), at("2026-06-06T01:00:00Z"));
}

#[test]
fn the_night_on_which_clocks_go_forward_is_an_hour_short() {
    // 2026-03-29: 02:00 becomes 03:00, at 01:00 UTC.
    let night = hours(&["Sun 00:00-06:00"]);
    let two_hours = SignedDuration::from_hours(2);
    assert_eq!(night.after(at("2026-03-28T23:00:00Z"), two_hours, &berlin()), at("2026-03-29T01:00:00Z"));
    assert_eq!(
        night.after(at("2026-03-28T23:00:00Z"), SignedDuration::from_hours(5), &berlin()),
        at("2026-03-29T04:00:00Z")
    );
    // A border that the clock never shows is the change itself.
    let half_past = hours(&["Sun 02:30-04:00"]);
    assert_eq!(half_past.next_open(at("2026-03-28T12:00:00Z"), &berlin()), at("2026-03-29T01:00:00Z"));
    // A span that lies in the missing hour is left out for that week.
    let missing = hours(&["Sun 02:00-03:00"]);
    assert_eq!(missing.next_open(at("2026-03-28T12:00:00Z"), &berlin()), at("2026-04-05T00:00:00Z"));
}

#[test]
fn the_night_on_which_clocks_go_back_is_an_hour_long() {
    // 2026-10-25: 03:00 becomes 02:00, at 01:00 UTC.
    let night = hours(&["Sun 00:00-06:00"]);
    assert_eq!(
        night.after(at("2026-10-24T22:00:00Z"), SignedDuration::from_hours(7), &berlin()),
        at("2026-10-25T05:00:00Z")
    );
    // 02:30 comes twice: what ends then ends the second time, and what begins then begins the first.
    let early = hours(&["Sun 01:00-02:30"]);
    assert!(early.contains(at("2026-10-25T01:15:00Z"), &berlin()));
    assert!(!early.contains(at("2026-10-25T01:30:00Z"), &berlin()));
    let late = hours(&["Sun 02:30-04:00"]);
    assert_eq!(late.next_open(at("2026-10-24T12:00:00Z"), &berlin()), at("2026-10-25T00:30:00Z"));
    // Two spans that overlap for that reason are not counted twice.
    let both = hours(&["Sun 01:00-02:30", "Sun 02:31-04:00"]);
    assert_eq!(
        both.after(at("2026-10-24T23:00:00Z"), SignedDuration::from_hours(4), &berlin()),
        at("2026-10-25T03:00:00Z")
    );
}

#[test]
fn a_wait_longer_than_life_ends() {
    let week = hours(&["Mon 08:00-08:01"]);
    let end = week.after(at("2026-06-05T07:00:00Z"), SignedDuration::from_hours(1_000_000), &berlin());
    assert!(end > at("2035-01-01T00:00:00Z"));
    assert_eq!(week.next_open(Timestamp::MAX, &berlin()), Timestamp::MAX);
    assert!(week.after(Timestamp::MIN, SignedDuration::from_hours(1), &berlin()) >= Timestamp::MIN);
}

fn any_hours() -> impl Strategy<Value = WorkingHours> {
    // At least four hours, so that the longest wait below ends within the bound of ten years.
    let span = (0_u16..7, 0_u16..1_440, 240_u16..1_200).prop_map(|(day, from, length)| {
        (day, from, if from + length == 1_440 { 1_440 } else { (from + length) % 1_440 })
    });
    prop::collection::vec(span, 1..6).prop_map(|spans| {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let lines: Vec<String> = spans
            .into_iter()
            .map(|(day, from, until)| format!("{} {}-{}", DAYS[usize::from(day)], time(from), time(until)))
            .collect();
        WorkingHours::parse(&lines).expect("built in order")
    })
}

fn any_zone() -> impl Strategy<Value = TimeZone> {
    prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Asia/Beirut",
    ])
    .prop_map(|name| TimeZone::get(name).expect("the zone is in every database"))
}

proptest! {
    #[test]
    fn waits_end_inside_hours_and_keep_their_order(
        week in any_hours(),
        zone in any_zone(),
        start in 1_760_000_000_i64..1_860_000_000,
        later in 0_i64..2_000_000,
        wait in 0_i64..400_000,
        longer in 0_i64..100_000,
    ) {
        let first = Timestamp::from_second(start).expect("in range");
        let second = Timestamp::from_second(start + later).expect("in range");
        let wait = SignedDuration::from_secs(wait);
        let longer = wait + SignedDuration::from_secs(longer);
        let end = week.after(first, wait, &zone);
        let inside = week.contains(end, &zone)
            || week.contains(end - SignedDuration::from_nanos(1), &zone);
        prop_assert!(inside, "{end} is outside");
        prop_assert!(end >= first + wait);
        prop_assert!(end <= week.after(second, wait, &zone));
        prop_assert!(end <= week.after(first, longer, &zone));
        let open = week.next_open(first, &zone);
        prop_assert!(open >= first && week.contains(open, &zone));
        prop_assert_eq!(open == first, week.contains(first, &zone));
    }
}
