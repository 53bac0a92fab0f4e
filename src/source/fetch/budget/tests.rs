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
