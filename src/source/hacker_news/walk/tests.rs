//! The walk, answer by answer.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn there() -> Outcome {
    Outcome::There(Some(at(1_000)))
}

fn failed() -> Outcome {
    Outcome::Failed("503".into())
}

fn look(cursor: Cursor, now: i64, answers: &[(u64, Outcome)], complete: bool) -> (Cursor, Vec<Gap>) {
    let mut walk = Walk::new(cursor, at(now));
    for (id, outcome) in answers {
        let goes_on = if *id <= walk.began { walk.again(*id, outcome) } else { walk.next(*id, outcome) };
        assert!(goes_on, "{id}");
    }
    walk.settle(complete);
    walk.finish(&"hn".into())
}

fn ids(cursor: &Cursor) -> Vec<u64> {
    cursor.pending.iter().map(|pending| pending.id).collect()
}

#[test]
fn a_null_and_a_failure_among_answers_stay_pending() {
    let answers = [(11, there()), (12, Outcome::Null), (13, failed()), (14, there())];
    let (cursor, gaps) = look(Cursor::new(10), 2_000, &answers, true);
    assert_eq!((cursor.through, ids(&cursor), gaps.len()), (14, vec![12, 13], 0));
    assert_eq!(cursor.newest, Some(at(1_000)));
}

#[test]
fn failures_at_the_end_of_a_broken_run_hold_the_cursor_back() {
    let answers = [(11, there()), (12, failed()), (13, failed())];
    let (cursor, _) = look(Cursor::new(10), 2_000, &answers, false);
    assert_eq!((cursor.through, ids(&cursor)), (11, vec![]));
    let (cursor, _) = look(Cursor::new(10), 2_000, &answers, true);
    assert_eq!((cursor.through, ids(&cursor)), (13, vec![12, 13]));
    let (cursor, _) = look(Cursor::new(10), 2_000, &[(11, failed())], true);
    assert_eq!((cursor.through, ids(&cursor)), (10, vec![]), "nothing answered");
}

#[test]
fn an_hour_of_null_or_a_day_of_failure_ends_as_one_gap_a_stretch() {
    let answers: Vec<_> =
        (11..=14).map(|id| (id, Outcome::Null)).chain([(15, failed()), (16, there())]).collect();
    let (cursor, _) = look(Cursor::new(10), 10_000, &answers, true);
    let nulls =
        [(11, Outcome::Null), (12, Outcome::Null), (13, there()), (14, Outcome::Null), (15, failed())];
    let (early, gaps) = look(cursor.clone(), 13_599, &nulls, true);
    assert_eq!((ids(&early), gaps.len()), (vec![11, 12, 14, 15], 0));
    let (late, gaps) = look(cursor, 13_600, &nulls, true);
    assert_eq!(ids(&late), [15]);
    let details: Vec<&str> = gaps.iter().map(|gap| gap.detail.as_str()).collect();
    assert_eq!(details, ["items 11 to 12", "item 14"]);
    assert!(gaps.iter().all(|gap| gap.cause == GapCause::Missing && gap.until == at(10_000)));
    let (end, gaps) = look(late, 10_000 + 86_400, &[(15, failed())], true);
    assert_eq!((ids(&end), gaps[0].detail.as_str()), (vec![], "item 15: 503"));
}

#[test]
fn a_full_list_stops_the_walk_and_loses_nothing() {
    let mut walk = Walk::new(Cursor::new(0), at(0));
    let most = MOST_PENDING as u64;
    assert!((1..=most).all(|id| walk.next(id, &Outcome::Null)));
    assert!(walk.next(most + 1, &there()));
    assert!(!walk.next(most + 2, &Outcome::Null));
    assert_eq!(walk.settle(true), most + 1);
    assert_eq!(walk.to_retry().len(), MOST_RETRIES);
}

#[test]
fn only_what_was_read_before_counts_as_known() {
    let (cursor, _) = look(Cursor::new(10), 0, &[(11, there()), (12, Outcome::Null)], true);
    let walk = Walk::new(cursor, at(1));
    let known: Vec<u64> = (9..=14).filter(|&id| walk.knows(id)).collect();
    assert_eq!(known, [11]);
}
