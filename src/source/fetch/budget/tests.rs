//! Accounts, by a clock whose hand is moved.

use std::sync::Arc;

use jiff::SignedDuration;

use super::*;
use crate::runtime::clock::ManualClock;

static TWO_A_MINUTE: [Budget; 1] = [Budget::per_minute(2, Over::Host)];
static BY_KEY: [Budget; 2] =
    [Budget::per_minute(1, Over::Anonymous), Budget::per_minute(3, Over::Credential)];

fn claim<'a>(host: &'a str, budgets: &'static [Budget]) -> Claim<'a> {
    Claim { host, account: None, bucket: "", cost: 1, budgets }
}

struct Scene {
    hand: ManualClock,
    clock: SharedClock,
    ledger: Arc<Ledger>,
}

fn scene() -> Scene {
    let hand = ManualClock::new(Timestamp::from_second(1_800_000_000).expect("in range"));
    Scene { clock: Arc::new(hand.clone()), hand, ledger: Arc::default() }
}

impl Scene {
    fn take(&self, claim: &Claim<'_>) -> Result<Spent, Wait> {
        self.ledger.take(claim, &self.clock)
    }

    /// Seconds to wait; 0 when let go, and ended at once.
    fn wait(&self, claim: &Claim<'_>) -> i64 {
        match self.take(claim) {
            Ok(_) => 0,
            // Rounded up: half a second is a wait.
            Err(Wait::Until(until, _)) => until.duration_since(self.clock.now()).as_secs_f64().ceil() as i64,
            Err(Wait::Answer) => -1,
        }
    }

    fn later(&self, seconds: i64) {
        self.hand.advance(SignedDuration::from_secs(seconds));
    }
}

#[test]
fn a_request_on_its_way_counts_until_a_whole_length_after_its_end() {
    let scene = scene();
    let claim = claim("acme.example", &TWO_A_MINUTE);
    let slow = scene.take(&claim).unwrap_or_else(|wait| panic!("the first: {wait:?}"));
    assert_eq!(scene.wait(&claim), 0, "the second");
    assert_eq!(scene.wait(&claim), 60, "the second has ended");
    scene.later(300);
    let other = scene.take(&claim).unwrap_or_else(|wait| panic!("the second is long gone: {wait:?}"));
    assert_eq!(scene.wait(&claim), -1, "two are on their way");
    drop((slow, other));
    assert_eq!(scene.wait(&claim), 60);
    scene.later(59);
    assert_eq!(scene.wait(&claim), 1);
    scene.later(1);
    assert_eq!(scene.wait(&claim), 0);
}

#[test]
fn a_host_is_one_for_all_who_ask_it_and_another_host_is_another() {
    let scene = scene();
    let (named, plain) = (claim("acme.example", &TWO_A_MINUTE), claim("acme.example", &[]));
    assert_eq!([scene.wait(&named), scene.wait(&plain)], [0, 0]);
    assert_eq!([scene.wait(&named), scene.wait(&plain)], [60, 60]);
    assert_eq!(scene.wait(&claim("globex.example", &TWO_A_MINUTE)), 0);
}

#[test]
fn a_credential_is_one_over_all_hosts_and_has_more_than_nobody() {
    let scene = scene();
    let nobody = claim("acme.example", &BY_KEY);
    let with = |host, account| Claim { account: Some(account), ..claim(host, &BY_KEY) };
    assert_eq!([scene.wait(&nobody), scene.wait(&nobody)], [0, 60]);
    assert_eq!([0, 1, 2].map(|_| scene.wait(&with("acme.example", "a"))), [0, 0, 0]);
    assert_eq!(scene.wait(&with("globex.example", "a")), 60);
    assert_eq!(scene.wait(&with("globex.example", "b")), 0);
}

#[test]
fn a_pause_that_was_asked_for_is_kept_and_named_buckets_are_apart() {
    static SEARCHES: [Budget; 2] =
        [Budget::per_minute(9, Over::Host), Budget::per_minute(1, Over::Host).of("search")];
    let scene = scene();
    let plain = claim("acme.example", &SEARCHES);
    let search = Claim { bucket: "search", ..plain };
    assert_eq!([scene.wait(&search), scene.wait(&search), scene.wait(&plain)], [0, 60, 0]);
    scene.ledger.close(&plain, scene.clock.now() + SignedDuration::from_secs(90));
    scene.ledger.close(&plain, scene.clock.now() + SignedDuration::from_secs(10));
    assert_eq!(scene.wait(&plain), 90);
    scene.later(90);
    assert_eq!([scene.wait(&plain), scene.wait(&search)], [0, 0]);
}

#[test]
fn dear_requests_use_up_more_and_none_waits_for_ever() {
    let scene = scene();
    let dear = Claim { cost: 2, ..claim("acme.example", &TWO_A_MINUTE) };
    assert_eq!([scene.wait(&dear), scene.wait(&dear)], [0, 60]);
    scene.later(60);
    assert_eq!(scene.wait(&Claim { cost: 50, ..dear }), 0);
    scene.later(-86_400);
    assert_eq!(scene.wait(&dear), 60, "a clock set back");
}

#[test]
fn no_stretch_of_the_length_holds_more_than_allowed() {
    static HUNDRED: [Budget; 1] = [Budget::new(100, 60, Over::Host)];
    let scene = scene();
    let claim = claim("acme.example", &HUNDRED);
    let mut let_go: Vec<Timestamp> = Vec::new();
    for step in 0..2_000_i64 {
        if scene.wait(&claim) == 0 {
            let_go.push(scene.clock.now());
        }
        scene.hand.advance(SignedDuration::from_millis(step * 37 % 400));
    }
    let most = let_go.iter().map(|from| {
        let within =
            |at: &&Timestamp| **at >= *from && at.duration_since(*from) < SignedDuration::from_secs(60);
        let_go.iter().filter(within).count()
    });
    assert_eq!(most.max(), Some(100), "kept to, and used");
}

#[test]
fn accounts_that_hold_nothing_are_forgotten() {
    let scene = scene();
    for number in 0..5_000 {
        let host = format!("h{number}.example");
        scene.wait(&claim(&host, &TWO_A_MINUTE));
        scene.later(61);
    }
    assert!(scene.ledger.lock().len() <= MANY);
}

static A_DAY: [Budget; 2] = [Budget::per_day(128, Over::Host), Budget::per_minute(1_000, Over::Host)];

/// The rows on disk, each in place of the one of its account and budget.
#[derive(Default)]
struct Disk(std::collections::BTreeMap<(String, u32, u32), Row>);

impl Disk {
    fn keep(&mut self, rows: &[Row]) {
        for row in rows {
            self.0.insert((row.account.clone(), row.requests, row.seconds), row.clone());
        }
    }

    /// A new life that knows what the disk knows.
    fn wake(&self) -> Arc<Ledger> {
        let ledger: Arc<Ledger> = Arc::default();
        ledger.load(self.0.values().cloned().collect());
        ledger
    }
}

#[test]
fn a_daemon_killed_again_and_again_asks_no_more_than_a_day_allows() {
    let scene = scene();
    let claim = claim("acme.example", &A_DAY);
    for asks in [0, 1, 3, 50] {
        let (mut disk, mut let_go, mut idle) = (Disk::default(), 0, 0);
        for _ in 0..600 {
            // Killed in the middle of the last request: nobody writes how it ended.
            let ledger = disk.wake();
            for _ in 0..asks {
                if let Ok(spent) = ledger.take(&claim, &scene.clock) {
                    disk.keep(&spent.rows);
                    let_go += 1;
                    std::mem::forget(spent);
                }
            }
            idle += usize::from(disk.0.is_empty());
            scene.later(60);
        }
        assert!(let_go <= 128, "{asks} in each life: {let_go} in ten hours");
        // What each kill wastes is a small part.
        assert!(asks == 0 || let_go >= 128 / 3, "{asks} in each life: {let_go}");
        assert_eq!(idle, if asks == 0 { 600 } else { 0 }, "who asks nothing writes nothing");
        scene.later(86_400);
        let ledger = disk.wake();
        // The last promise counts from the moment at which it is read.
        assert!(asks < 2 || ledger.take(&claim, &scene.clock).is_ok(), "{asks}: the day is over");
    }
}

#[test]
fn an_orderly_life_writes_seldom_and_a_pause_outlasts_it() {
    let scene = scene();
    let claim = claim("acme.example", &A_DAY);
    let mut disk = Disk::default();
    let mut writes = 0;
    for _ in 0..60 {
        let spent = scene.take(&claim).unwrap_or_else(|wait| panic!("there is enough: {wait:?}"));
        writes += usize::from(!spent.rows.is_empty());
        disk.keep(&spent.rows);
        drop(spent);
        scene.later(30);
    }
    assert!((10..=31).contains(&writes), "{writes} for 60 requests");
    let used: u32 = disk
        .0
        .values()
        .find(|row| row.seconds == 86_400)
        .map_or(0, |row| row.promised + row.ended.iter().map(|(_, count)| count).sum::<u32>());
    assert!((60..=63).contains(&used), "{used}");
    disk.keep(&[scene.ledger.close(&claim, scene.clock.now() + SignedDuration::from_hours(1))]);
    let woken = disk.wake();
    let wait = woken.take(&claim, &scene.clock).err();
    assert!(matches!(wait, Some(Wait::Until(..))), "{wait:?}");
    scene.later(3_600);
    assert!(woken.take(&claim, &scene.clock).is_ok());
}
