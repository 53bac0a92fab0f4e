//! What is learnt, by hand.

use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 / 3_600 * 3_600 + hour * 3_600).expect("in range")
}

/// Weeks in which noon brings so many posts and no other hour any.
fn noons(weeks: i64, posts: u64) -> Rhythm {
    let mut rhythm = Rhythm::new("forum".into(), at(0));
    for hour in 0..weeks * 168 {
        let noon = at(hour).as_second() / 3_600 % 24 == 12;
        rhythm.learn(at(hour), at(hour + 1), if noon { posts } else { 0 });
    }
    rhythm
}

#[test]
fn an_hour_is_learnt_once_and_only_where_it_was_watched() {
    let mut rhythm = Rhythm::new("forum".into(), at(0));
    rhythm.learn(at(0), at(1), 5);
    let once = rhythm.clone();
    rhythm.learn(at(0), at(1), 5);
    assert_eq!(rhythm, once, "said twice after a crash");
    rhythm.learn(at(3), at(3), 5);
    assert_eq!(rhythm, once, "no time has passed");
    assert_eq!((rhythm.hours, rhythm.posts), (1.0, 5.0));
}

#[test]
fn nights_count_little_and_noons_much() {
    let rhythm = noons(8, 6);
    let noon = (0..24).find(|hour| at(*hour).as_second() / 3_600 % 24 == 12).expect("there is a noon");
    let usual = |hour: i64| rhythm.usual(at(hour)).expect("eight weeks are enough");
    assert!(
        (5.0..=6.0).contains(&usual(noon)) && usual(noon + 5) < 0.1,
        "{} {}",
        usual(noon),
        usual(noon + 5)
    );
    let day = rhythm.expected(at(0), at(24));
    assert!((5.0..=8.0).contains(&day), "{day}");
    assert!(rhythm.expected(at(noon + 2), at(noon + 20)) < 1.0);
    let parts: f64 = (0..48).map(|half| rhythm.expected(half_hour(half), half_hour(half + 1))).sum();
    assert!((parts - day).abs() < 1e-6, "{parts} {day}");
}

fn half_hour(half: i64) -> Timestamp {
    at(0) + SignedDuration::from_mins(30 * half)
}

#[test]
fn nothing_is_strange_before_enough_was_heard() {
    let young = noons(1, 50);
    assert!(
        !young.is_strange(1e9, SignedDuration::from_hours(99), SignedDuration::ZERO)
            && young.usual(at(0)).is_none()
    );
    let still = noons(9, 0);
    assert!(!still.is_strange(1e9, SignedDuration::from_hours(99), SignedDuration::ZERO));
    let known = noons(3, 5);
    let hour = SignedDuration::from_hours(1);
    assert!(known.is_strange(1e3, hour, SignedDuration::ZERO));
    assert!(!known.is_strange(1e3, hour - SignedDuration::from_secs(1), SignedDuration::ZERO));
    assert!(!known.is_strange(1e3, hour, hour), "that is one look");
}

#[test]
fn a_pause_makes_patient_and_one_that_was_told_not_without_end() {
    let mut rhythm = noons(8, 6);
    let before = rhythm.patience();
    assert!(rhythm.paused(before * 0.9, false) && !rhythm.paused(1.0, false));
    let after = rhythm.patience();
    assert!((after / before - 1.8).abs() < 0.01, "{before} {after}");
    assert!(rhythm.paused(1e6, true));
    assert!((rhythm.patience() / after - 2.0).abs() < 0.01, "dead for years, and doubled");
    let most = rhythm.longest;
    for hour in 8 * 168..26 * 168 {
        rhythm.learn(at(hour), at(hour + 1), 0);
    }
    assert!(rhythm.longest < most * 0.8, "it fades");
}

#[test]
fn a_row_stays_small_and_comes_back_as_it_was() {
    let rhythm = noons(30, 7);
    let written = serde_json::to_string(&rhythm).expect("plain data");
    assert!(written.len() < 4_000, "{}", written.len());
    assert_eq!(serde_json::from_str::<Rhythm>(&written).expect("its own"), rhythm);
}
