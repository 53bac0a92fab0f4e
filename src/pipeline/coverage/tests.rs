//! What the ledger says of looks, by hand.

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).expect("in range")
}

const TEN: SignedDuration = SignedDuration::from_mins(10);

/// Well, looked at at minute 0, due at minute 10.
fn well() -> SourceState {
    let mut state = SourceState::new("forum".into(), at(10));
    state.answered_at = Some(at(0));
    state.fetched_through = Some(at(0));
    state
}

fn failing(since: i64) -> SourceState {
    SourceState { failing_since: Some(at(since)), last_error: Some("it said no".into()), ..well() }
}

fn look(minute: i64) -> Look {
    Look { at: at(minute), interval: Some(TEN), ..Look::default() }
}

fn overrun(from: i64, until: i64) -> Gap {
    let (source, detail) = ("forum".into(), String::new());
    Gap { source, from: Some(at(from)), until: at(until), cause: Overrun, detail }
}

/// From, until, cause, whether repaired.
fn rows(entry: &Entry) -> Vec<(i64, i64, GapCause, bool)> {
    let minute = |at_: Timestamp| at_.duration_since(at(0)).as_mins();
    let row = |blind: &Blind| {
        let from = blind.gap.from.map_or(-1, minute);
        (from, minute(blind.gap.until), blind.gap.cause, blind.repaired_at.is_some())
    };
    entry.gaps.iter().map(row).collect()
}

fn entered(state: &SourceState, look: &Look, through: Option<i64>, gaps: &[Gap]) -> Entry {
    enter(state, look, through.map(at), gaps, false, Vec::new(), None)
}

use GapCause::{DaemonOff, Missing, Overrun, SourceFailed};

#[test]
fn a_stretch_without_looks_stands_in_the_ledger_with_its_cause() {
    for (name, state, minute, through, gaps, expected) in [
        ("on time", well(), 10, Some(10), vec![], vec![]),
        ("a little late", well(), 19, Some(19), vec![], vec![]),
        ("a hiccup", failing(10), 15, Some(15), vec![], vec![]),
        ("off, and read afterwards", well(), 300, Some(300), vec![], vec![(0, 300, DaemonOff, true)]),
        (
            "failed, and read afterwards",
            failing(10),
            300,
            Some(300),
            vec![],
            vec![(0, 300, SourceFailed, true)],
        ),
        (
            "failed, and nothing said of it",
            failing(10),
            300,
            None,
            vec![],
            vec![(0, 300, SourceFailed, false)],
        ),
        (
            "failed, and not read through yet",
            failing(10),
            300,
            Some(90),
            vec![],
            vec![(0, 300, SourceFailed, false)],
        ),
        (
            "all lost, as the source says",
            well(),
            300,
            Some(300),
            vec![overrun(0, 300)],
            vec![(0, 300, Overrun, false)],
        ),
        (
            "in part",
            failing(10),
            300,
            Some(300),
            vec![overrun(100, 200)],
            vec![(100, 200, Overrun, false), (0, 100, SourceFailed, true), (200, 300, SourceFailed, true)],
        ),
        (
            "up to somewhere",
            failing(10),
            300,
            Some(300),
            vec![Gap { from: None, ..overrun(0, 200) }],
            vec![(-1, 200, Overrun, false), (200, 300, SourceFailed, true)],
        ),
        (
            "single posts",
            failing(10),
            300,
            Some(300),
            vec![Gap { cause: Missing, ..overrun(5, 6) }],
            vec![(5, 6, Missing, false), (0, 300, SourceFailed, true)],
        ),
        (
            "an old loss",
            failing(10),
            300,
            Some(300),
            vec![overrun(-90, -9)],
            vec![(-90, -9, Overrun, false), (0, 300, SourceFailed, true)],
        ),
    ] {
        assert_eq!(rows(&entered(&state, &look(minute), through, &gaps)), expected, "{name}");
    }
    let pushed = Look { interval: None, ..look(900) };
    assert!(entered(&well(), &pushed, Some(900), &[]).gaps.is_empty(), "nobody was asked");
    let never = SourceState { answered_at: None, fetched_through: None, ..failing(10) };
    assert_eq!(rows(&entered(&never, &look(300), Some(300), &[])), [(10, 300, SourceFailed, true)]);
}

#[test]
fn what_has_piled_up_is_repaired_by_the_look_that_reads_through_it() {
    let mut state = well();
    let step = |state: &mut SourceState, look: &Look, through: i64, open: Vec<Blind>| {
        let entry = enter(state, look, Some(at(through)), &[], false, open, None);
        entry.apply(state);
        (state.answered_at, state.fetched_through) = (Some(look.at), Some(at(through)));
        (state.next_poll, state.failing_since) = (look.at + TEN, None);
        entry
    };
    let first = step(&mut state, &Look { more: true, ..look(300) }, 60, Vec::new());
    assert_eq!(rows(&first), [(0, 300, DaemonOff, false)]);
    assert_eq!(state.behind(at(301)), Some(SignedDuration::from_mins(241)));
    // It fails once more before it has caught up.
    state.failing_since = Some(at(302));
    let second = step(&mut state, &Look { more: true, ..look(400) }, 90, first.gaps.clone());
    assert_eq!(rows(&second), [(60, 400, SourceFailed, false)], "what is open stays as it is");
    let mut open = [first.gaps, second.gaps].concat();
    let third = step(&mut state, &Look { more: true, ..look(401) }, 350, open.clone());
    assert_eq!(rows(&third), [(0, 300, DaemonOff, true)]);
    assert_eq!((state.behind_since, state.open_since), (Some(at(0)), Some(at(60))));
    open.remove(0);
    let last = step(&mut state, &look(402), 402, open);
    assert_eq!(rows(&last), [(60, 400, SourceFailed, true)]);
    assert_eq!((state.behind_since, state.open_since, state.behind(at(402))), (None, None, None));
}

#[test]
fn a_pause_asked_for_is_a_backlog_only_where_the_look_says_so() {
    let paused = Look { pauses: true, ..look(10) };
    let behind = |look: &Look, through: Option<i64>| entered(&well(), look, through, &[]).behind_since;
    assert_eq!(behind(&paused, Some(10)), None, "a feed that wants to be asked rarely");
    assert_eq!(behind(&paused, None), Some(at(0)), "cut off by its budget");
    assert_eq!(behind(&look(10), Some(-500)), None, "the newest post is old: nobody speaks");
    assert_eq!(behind(&Look { more: true, ..look(10) }, None), Some(at(0)));
}

#[test]
fn it_is_told_once_that_nobody_speaks_and_once_that_somebody_does() {
    let mut state = SourceState { spoke_at: Some(at(0)), ..well() };
    let mut rhythm: Option<Rhythm> = None;
    let mut told = Vec::new();
    let hour = 60;
    for n in 1..24 * 7 * 8 {
        let dead = (24 * 7 * 5..24 * 7 * 6).contains(&n);
        let posts = u64::from(!dead);
        let look = Look { fresh: posts, learns: true, ..look(n * hour) };
        let entry = enter(&state, &look, Some(look.at), &[], false, Vec::new(), rhythm.clone());
        entry.apply(&mut state);
        rhythm = entry.rhythm.or(rhythm);
        told.extend(entry.notice.map(|notice| (n, notice)));
        (state.answered_at, state.fetched_through) = (Some(look.at), Some(look.at));
        state.next_poll = look.at + SignedDuration::from_hours(1);
        state.spoke_at = if dead { state.spoke_at } else { Some(look.at) };
    }
    let [(quiet_at, quiet), (speaks_at, speaks)] = told.as_slice() else { panic!("{told:#?}") };
    let source = || SourceId::from("forum");
    let since = at((24 * 7 * 5 - 1) * hour);
    let Notice::SourceQuiet { awaited, .. } = quiet else { panic!("{quiet:?}") };
    assert_eq!(*quiet, Notice::SourceQuiet { source: source(), since, awaited: *awaited });
    assert!((10..20).contains(awaited) && *quiet_at < 24 * 7 * 5 + 24, "{awaited} at {quiet_at}");
    assert_eq!((*speaks_at, speaks), (24 * 7 * 6, &Notice::SourceSpeaks { source: source() }));
}

#[test]
fn what_is_new_is_known_by_its_date() {
    let post = |minute: Option<i64>| Post {
        source: "forum".into(),
        site: String::new(),
        id: String::new(),
        version: String::new(),
        aliases: Vec::new(),
        kind: crate::domain::post::PostKind::Post,
        url: None,
        author: None,
        created_at: minute.map(at),
        title: None,
        text: String::new(),
        lang: None,
        parent: None,
        reach: None,
        deleted: false,
    };
    let state = SourceState { newest: Some(at(3)), ..well() };
    let posts = [post(Some(1)), post(Some(3)), post(Some(5)), post(Some(9_999)), post(None)];
    let look = Look::pulled(&state, &posts, at(10), TEN);
    assert_eq!((look.fresh, look.newest), (2, Some(at(10))), "a date in the future is of now");
}
