//! `kill -9` of the real binary, at every call that leaves the process and at random instants; then
//! everything is drained, and the promises P1 to P4 are held against what is there.
//!
//! # How
//! * **At every call.** One seeded run is repeated; the n-th time it is killed at its n-th call that
//!   writes, syncs or sends, started again, and drained. strace's own `when=N` counts for each
//!   thread and each sort of call by itself, and the daemon spreads its calls over a dozen threads,
//!   so it would miss most. Instead strace's fault injection holds every call back for a moment and
//!   says so, we count over all threads, and the kill comes while the n-th is held. Nothing in the
//!   shipped code helps.
//! * **At random instants.** One store lives through all kills, while posts wait at three sources
//!   (a file that grows and is torn, a sender that pushes until it is told 202, a Hacker News of our
//!   own) and a mail server and a receiver of webhooks refuse, hang up and dawdle. Most instants are
//!   drawn; where few of them fall into a stage, the next is aimed: the kill comes when the log says
//!   that the stage was entered. The trail in the log (`runtime::stage`) says which stage was under
//!   way: the last that was entered and not left.
//!
//! # What must hold, once drained
//! See [`invariants`]: posts stored once, steps taken once and told, one key a message, no more
//! repetitions than attempts cut off, an owner for everything, a store and a record without fault.
//!
//! `make torture` runs all of it; the test suite a seeded part. `EARMARK_TORTURE_SEED` chooses
//! other instants.

mod daemon;
mod fakes;
mod invariants;
mod posts;
mod world;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::{Handle, Runtime};

use daemon::{STAGES, Trail};
use invariants::Found;
use world::{Settings, World};

const SEED: u64 = 20_261_121;
/// Kills that each stage must have seen.
const LEAST: usize = 10;

fn seed() -> u64 {
    std::env::var("EARMARK_TORTURE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Runs within the test suite: a few of both.
#[test]
fn seeded_part() {
    let seed = seed();
    let mut lottery = StdRng::seed_from_u64(seed);
    // One of each stretch of ten calls.
    let calls: Vec<usize> = (0..30).map(|stretch| stretch * 10 + lottery.random_range(1..=10)).collect();
    let worlds = [("random instants", Settings { posts: 500, seed, faulty: true, model: false }, 25)];
    print_stages(&both(&calls, 3, worlds));
}

/// All of it.
#[test]
#[ignore = "long: make torture"]
fn everything() {
    let (seed, began) = (seed(), Instant::now());
    let every: Vec<usize> = (1..=300).collect();
    let worlds = [
        ("random instants", Settings { posts: 5_000, seed, faulty: true, model: false }, 200),
        ("with the model", Settings { posts: 300, seed: seed + 1, faulty: true, model: true }, 10),
    ];
    let stages = both(&every, 6, worlds);
    print_stages(&stages);
    println!("torture: all of it in {:.0?}", began.elapsed());
    for stage in STAGES {
        let (drawn, aimed) = stages.get(stage).copied().unwrap_or_default();
        assert!(drawn + aimed >= LEAST, "only {} kills fell into the stage {stage}", drawn + aimed);
    }
}

/// Kills at calls and, beside them, at instants of these worlds, one after the other.
fn both<const N: usize>(
    calls: &[usize],
    side_by_side: usize,
    worlds: [(&str, Settings, usize); N],
) -> Stages {
    let runtime = runtime();
    let handle = runtime.handle();
    std::thread::scope(|scope| {
        let calls = scope.spawn(move || at_calls(handle, calls, side_by_side));
        let mut stages = Stages::new();
        for (name, settings, kills) in worlds {
            for (stage, (drawn, aimed)) in at_instants(handle, name, &settings, kills) {
                let counted = stages.entry(stage).or_default();
                counted.0 += drawn;
                counted.1 += aimed;
            }
        }
        calls.join().expect("the kills at calls did no harm");
        stages
    })
}

/// Kills of one run at these calls, each in a world of its own, some worlds side by side.
fn at_calls(runtime: &Handle, calls: &[usize], side_by_side: usize) {
    if !daemon::strace_works() {
        println!("skipped: strace is not installed, or may not trace");
        return;
    }
    let began = Instant::now();
    let (next, total) = (AtomicUsize::new(0), Mutex::new(Found::default()));
    let (fell, faults) = (Mutex::new(BTreeMap::<String, usize>::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..side_by_side {
            scope.spawn(|| {
                while let Some(&call) = calls.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let settings = Settings { posts: 30, seed: SEED, faulty: false, model: false };
                    let mut world = World::new(runtime, &settings);
                    world.let_out(1, 1, 0);
                    let hit = daemon::kill_at_call(world.folder.path(), call, Duration::from_secs(60));
                    *fell.lock().unwrap().entry(kind_of(hit.as_deref())).or_default() += 1;
                    let _ = world.drain();
                    match invariants::check(runtime, &world, None) {
                        Ok(found) => *total.lock().unwrap() += found,
                        Err(why) => {
                            faults.lock().unwrap().push(format!("killed at call {call} ({hit:?}):\n{why}"));
                        }
                    }
                    if call % 50 == 0 {
                        println!("torture: killed at call {call}, {:.0?}", began.elapsed());
                    }
                }
            });
            // Not all first starts at once.
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    println!("torture: killed at {} calls in {:.0?}, seed {SEED}", calls.len(), began.elapsed());
    for (kind, count) in fell.into_inner().unwrap() {
        println!("  {count:>4} at {kind}");
    }
    print_found(&total.into_inner().unwrap());
    let faults = faults.into_inner().unwrap();
    assert!(
        faults.is_empty(),
        "{} of {} kills did harm:\n{}",
        faults.len(),
        calls.len(),
        faults.join("\n\n")
    );
}

/// `fdatasync of db`: the call and what it was on, from a line of strace.
fn kind_of(line: Option<&str>) -> String {
    let Some(line) = line else { return "no call: the run had fewer".into() };
    let name = line.split('(').next().unwrap_or("").split_whitespace().last().unwrap_or("");
    let on = line.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or("");
    let on = match on.rsplit('/').next().unwrap_or("") {
        socket
            if socket.starts_with("socket:") || socket.starts_with("TCP") || socket.starts_with("UNIX") =>
        {
            "a socket"
        }
        key if key.starts_with("link.key") => "link.key",
        file => file,
    };
    format!("{name} on {on}")
}

type Stages = BTreeMap<String, (usize, usize)>;

/// Kills of one world at instants, drawn or aimed; where each fell.
fn at_instants(runtime: &Handle, name: &str, settings: &Settings, kills: usize) -> Stages {
    let began = Instant::now();
    let mut lottery = StdRng::seed_from_u64(settings.seed);
    let mut world = World::new(runtime, settings);
    let (mut stages, mut interrupted) = (Stages::new(), 0);
    for kill in 0..kills {
        let tear = if lottery.random_bool(0.3) { lottery.random_range(1..60) } else { 0 };
        world.let_out(kill + 1, kills + 10, tear);
        let drawn = lottery.random_bool(0.6);
        let trail =
            if drawn { drawn_kill(&world, &mut lottery) } else { aimed_kill(&world, &stages, &mut lottery) };
        interrupted += trail.sending();
        let stage = match trail.stage() {
            Some(stage) => stage.to_owned(),
            None if trail.ready => "between stages".into(),
            None => "starting".into(),
        };
        let counted = stages.entry(stage).or_default();
        *(if drawn { &mut counted.0 } else { &mut counted.1 }) += 1;
        if (kill + 1) % 20 == 0 {
            println!("torture: {name}: {} of {kills} kills, {:.0?}", kill + 1, began.elapsed());
        }
    }
    let (waited, killing) = (world.waiting(), began.elapsed());
    assert!(waited > 0, "posts still wait at the last kill");
    let _ = world.drain();
    let found = invariants::check(runtime, &world, Some(interrupted))
        .unwrap_or_else(|why| panic!("{name}, seed {}:\n{why}", settings.seed));
    println!(
        "torture: {name}: {kills} kills in {killing:.0?}, {waited} posts or pushes waited at the last, \
         drained after {:.0?}, seed {}",
        began.elapsed(),
        settings.seed
    );
    print_found(&found);
    stages
}

/// At an instant within two seconds: one in five counted from the start, the others from when it was
/// ready, since a start is long on a slow machine and is not what is tried here.
fn drawn_kill(world: &World, lottery: &mut StdRng) -> Trail {
    let (starting, wait) = (lottery.random_bool(0.2), Duration::from_millis(lottery.random_range(0..2_000)));
    let daemon = world.start();
    if !starting {
        let _ = daemon.wait_for(Duration::from_secs(30), |trail| trail.ready);
    }
    let _ = daemon.wait_for(wait, |trail| trail.ended);
    daemon.kill()
}

/// When the stage that saw the fewest kills is entered, some later time than the first.
fn aimed_kill(world: &World, stages: &Stages, lottery: &mut StdRng) -> Trail {
    let seen = |stage: &&str| stages.get(*stage).map_or(0, |(drawn, aimed)| drawn + aimed);
    let stage = STAGES.into_iter().min_by_key(seen).expect("there are stages");
    let times = lottery.random_range(1..=3);
    let daemon = world.start();
    let _ = daemon.wait_for(Duration::from_secs(6), |trail| {
        trail.entered.get(stage).copied().unwrap_or(0) >= times
            && trail.open.values().any(|open| open == stage)
    });
    daemon.kill()
}

fn print_stages(stages: &Stages) {
    println!("torture: where the kills fell\n  {:<16} {:>6} {:>6}", "stage", "drawn", "aimed");
    let others = stages.keys().map(String::as_str).filter(|stage| !STAGES.contains(stage));
    for stage in STAGES.into_iter().chain(others) {
        let (drawn, aimed) = stages.get(stage).copied().unwrap_or_default();
        println!("  {stage:<16} {drawn:>6} {aimed:>6}");
    }
}

fn print_found(found: &Found) {
    println!(
        "  stored once: {}; escalations: {}; steps: {}; messages sent: {}, refused for good: {}; arrived again: {} \
         (attempts cut off: {}); torn lines of file channels: {}; lives in the record: {}",
        found.mentions,
        found.escalations,
        found.steps,
        found.sent,
        found.refused,
        found.duplicates,
        found.interrupted.map_or("bounded by key".into(), |most| most.to_string()),
        found.torn,
        found.instances
    );
}
