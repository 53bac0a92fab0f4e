//! What only the store on disk can show: its folder, its lock, its past, its compaction.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use earmark::domain::digest::DigestRun;
use earmark::domain::erasure::{ErasedFor, Whose};
use earmark::domain::escalation::Severity;
use earmark::domain::event::{Actor, What};
use earmark::domain::id::{InstanceId, LinkId, SilenceId};
use earmark::domain::note::Note;
use earmark::domain::notification::{Delivery, Hold, HoldReason};
use earmark::domain::sentiment::Polarity;
use earmark::domain::silence::Silence;
use earmark::domain::source::{Blind, Gap, GapCause};
use earmark::runtime::stop::Stop;
use earmark::store::{Effects, Forgetting, Forgot, Outcome, Store, StoreError};
use earmark::store::{SledStore, compact};

use super::judged::{calibrating, correcting, correction};
use super::open;
use super::samples::{at, escalation, event, mention, notification, opening, post, recording, window};
use super::upkeep::{all_rows, sorted};

/// Puts every sort of row into a store, some more than once.
pub async fn fill(store: &dyn Store) {
    let mut named = post("1", "a");
    named.aliases = vec!["link:https://forum.example/1".into()];
    let rows = vec![
        mention(named.clone(), "acme", 1),
        mention(named, "rivals", 1),
        mention(post("2", "a"), "acme", 12),
    ];
    let first = escalation("g", 1);
    let mut whole = recording(store, rows.clone()).await;
    whole.effects = opening(&first, None);
    whole.effects.joins = vec![(first.id, rows[2].id()), (first.id, rows[0].id())];
    whole.effects.notifications = vec![notification("k1", first.id, 1), notification("k2", first.id, 2)];
    whole.effects.events = vec![event(What::Joined), event(What::Recorded { owner: "care".into() })];
    whole.effects.link = Some((LinkId::new(at(1)), at(60)));
    let hold = Hold {
        at: at(1),
        reason: HoldReason::Silenced,
        until: Some(at(9)),
        mention: Some(rows[1].id()),
        escalation: None,
        owner: Some("care".into()),
        silence: None,
    };
    whole.effects.holds = vec![hold.clone(), hold];
    let gap = Gap {
        source: "forum".into(),
        from: None,
        until: at(1),
        cause: GapCause::DaemonOff,
        detail: String::new(),
    };
    whole.gaps = vec![Blind { gap, repaired_at: Some(at(2)) }];
    assert_eq!(store.record(whole).await.expect("works"), Outcome::Done);
    store.receive(vec![post("3", "a"), post("4", "a")]).await.expect("received");
    store.keep(vec![Note::Alive(at(1))]).await.expect("kept");
    store
        .silence(Silence {
            id: SilenceId::new(at(1)),
            author: "care".into(),
            reason: "release".into(),
            from: at(1),
            until: at(99),
            topic: None,
            trigger: None,
            owner: None,
            up_to: Severity::Low,
        })
        .await
        .expect("taken");
    let run = DigestRun { digest: "daily".into(), window: window(0, 10), made_at: at(10) };
    assert_eq!(store.digest(run, Vec::new(), Vec::new()).await.expect("works"), Outcome::Done);
    let said = correcting(&rows[0], Some(correction(Polarity::Positive, 3)));
    assert_eq!(store.correct(said).await.expect("works"), Outcome::Done);
    assert_eq!(store.calibrate(calibrating(1, "1")).await.expect("works"), Outcome::Done);
    let forgetting = Forgetting {
        whose: vec![Whose::Author { author: "somebody".into(), site: None }],
        reason: ErasedFor::Request,
        by: Actor::Owner("cco".into()),
        at: at(11),
        keep_out: true,
        limit: 1,
    };
    assert_eq!(store.forget(forgetting).await.expect("works"), Forgot::default());
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[tokio::test]
async fn the_folder_is_its_owners_alone() {
    let folder = folder();
    let path = folder.path().join("deep/store");
    let store = open(&path, 0).await;
    store.ping().await.expect("well");
    let mode = path.metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn one_process_has_it_at_a_time() {
    let folder = folder();
    let first = open(folder.path(), 0).await;
    let stop = Stop::new();
    let second = || SledStore::open(folder.path(), InstanceId::new(at(1)), Duration::ZERO, &stop);
    let error = second().await.err().expect("it is locked");
    let held = format!("{} is in use by process {}", folder.path().display(), std::process::id());
    assert!(matches!(&error, StoreError::Locked(said) if *said == held), "{error}");
    assert!(matches!(compact(folder.path(), at(3), &mut |_, _| ()), Err(StoreError::Locked(_))));
    // Told to stop, nobody waits for the lock.
    let stop = Stop::new();
    stop.stop();
    let waiting = SledStore::open(folder.path(), InstanceId::new(at(1)), Duration::from_secs(600), &stop);
    assert!(matches!(waiting.await, Err(StoreError::Locked(_))));
    // Whoever waits gets it when it is free.
    let (store, closed) = tokio::join!(open(folder.path(), 1), first.close());
    closed.expect("closes");
    store.ping().await.expect("well");
}

#[tokio::test]
async fn what_was_done_is_there_after_a_drop_without_close() {
    let folder = folder();
    let store = open(folder.path(), 0).await;
    fill(&store).await;
    let leased = store.lease(at(5), at(500), 1).await.expect("works");
    let before = all_rows(&store, 100).await;
    drop(store);
    let store = open(folder.path(), 1).await;
    let after = all_rows(&store, 100).await;
    assert_eq!(before.len(), after.len());
    let row = store.notification(leased[0].id).await.expect("works").expect("there");
    assert_eq!(row.delivery, Delivery::Queued, "the lease of the earlier life has ended");
    assert_eq!(store.verify().await.expect("works").faults, Vec::<String>::new());
}

#[tokio::test]
async fn changes_that_come_together_are_all_decided() {
    let folder = folder();
    let store = std::sync::Arc::new(open(folder.path(), 0).await);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let store = store.clone();
        tasks.spawn(async move { store.step(opening(&escalation("one", n), None)).await.expect("works") });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count(), 1);
    let events = Effects { events: vec![event(What::Joined)], ..Effects::default() };
    let steps = (0..50).map(|_| store.step(events.clone()));
    let all = futures::future::join_all(steps).await;
    assert!(all.iter().all(|outcome| matches!(outcome, Ok(Outcome::Done))));
    let entries = store.events(None, 100).await.expect("works");
    let numbers: Vec<_> = entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
    assert_eq!(store.verify().await.expect("works").faults, Vec::<String>::new());
}

/// A closed store with rows in it, and its rows.
async fn filled(path: &Path) -> Vec<String> {
    let store = open(path, 0).await;
    fill(&store).await;
    let rows = sorted(&all_rows(&store, 100).await);
    store.close().await.expect("closes");
    rows
}

fn compacted(path: &Path, progress: &mut dyn FnMut(u64, u64)) -> (u64, u64) {
    loop {
        match compact(path, at(3), progress) {
            // Threads of the store that was closed just now.
            Err(StoreError::Locked(_)) => std::thread::yield_now(),
            result => return result.expect("compacts"),
        }
    }
}

#[tokio::test]
async fn compaction_keeps_every_row_and_gives_room_back() {
    let folder = folder();
    let store = open(folder.path(), 0).await;
    fill(&store).await;
    // Many states of one escalation: all but the last are dead weight.
    let mut state = escalation("churn", 5);
    assert_eq!(store.step(opening(&state, None)).await.expect("works"), Outcome::Done);
    for _ in 0..40 {
        state = super::samples::stepped(&state);
        state.why = "x".repeat(100_000);
        let step = super::samples::stepping(state.clone());
        assert_eq!(store.step(step).await.expect("works"), Outcome::Done);
    }
    let before = sorted(&all_rows(&store, 100).await);
    store.close().await.expect("closes");
    let mut last = (0, 0);
    let (from, to) = compacted(folder.path(), &mut |done, total| last = (done, total));
    assert!(to < from, "{from} bytes became {to}");
    assert!(last.0 == last.1 && last.0 > 0, "{last:?}");
    let store = open(folder.path(), 1).await;
    assert_eq!(sorted(&all_rows(&store, 100).await), before);
    assert_eq!(store.verify().await.expect("works").faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_compaction_cut_off_anywhere_leaves_a_whole_store() {
    for state in ["copying", "between the renames", "swapped", "old alone"] {
        let folder = folder();
        let rows = filled(folder.path()).await;
        let at = |name: &str| folder.path().join(name);
        let rename = |from: &str, to: &str| std::fs::rename(at(from), at(to)).expect("renames");
        match state {
            "copying" => std::fs::create_dir(at("db.compacting")).expect("creates"),
            "between the renames" => {
                compacted(folder.path(), &mut |_, _| ());
                rename("db", "db.compacting");
                std::fs::create_dir(at("db.old")).expect("creates");
            }
            "swapped" => std::fs::create_dir(at("db.old")).expect("creates"),
            _ => rename("db", "db.old"),
        }
        let store = open(folder.path(), 1).await;
        assert_eq!(sorted(&all_rows(&store, 100).await), rows, "{state}");
        assert!(!at("db.compacting").exists() && !at("db.old").exists(), "{state}");
    }
}

#[tokio::test]
async fn half_a_copy_is_not_taken_for_a_store() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("db.compacting")).expect("creates");
    let opened = SledStore::open(folder.path(), InstanceId::new(at(0)), Duration::ZERO, &Stop::new()).await;
    let error = opened.err().expect("refused").to_string();
    assert!(error.contains("db.compacting"), "{error}");
    assert!(compact(&folder.path().join("nothing"), at(3), &mut |_, _| ()).is_err());
}
