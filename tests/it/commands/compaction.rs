//! What was erased leaves the store's bytes without anybody's command: at a start of the daemon, which may be
//! killed in the middle of it as often as it likes.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use earmark::domain::erasure::{ErasedFor, Whose};
use earmark::domain::event::{Actor, Event, What};
use earmark::domain::id::InstanceId;
use earmark::runtime::stop::Stop;
use earmark::store::{Effects, Forgets, Forgetting, Outcome, SledStore, Store};
use jiff::{SignedDuration, Timestamp};

use super::scene::{ANGRY, Scene};
use crate::support::files::found_in;

/// The angry post is forgotten so long ago; beside it lie so many rows.
async fn forget(store: &Path, ago: SignedDuration, rows: usize) {
    let now = Timestamp::now();
    let patience = Duration::from_secs(30);
    let store = SledStore::open(store, InstanceId::new(now), patience, &Stop::new()).await.expect("it opens");
    let event = Event { at: now, by: Actor::Daemon, escalation: None, mention: None, what: What::Joined };
    for _ in 0..rows.div_ceil(1_000) {
        let effects = Effects { events: vec![event.clone(); 1_000], ..Effects::default() };
        assert_eq!(store.step(effects).await.expect("it is written"), Outcome::Done);
    }
    let mention =
        store.mentions(Default::default(), earmark::store::Page::first(10)).await.expect("read").rows;
    let angry = mention.iter().find(|one| one.post().text == ANGRY).expect("it was taken in").id();
    let forgetting = Forgetting {
        whose: vec![Whose::Mention(angry)],
        reason: ErasedFor::Request,
        by: Actor::Owner("cco".into()),
        at: now - ago,
        keep_out: true,
        limit: 10,
    };
    assert_eq!(store.forget(forgetting).await.expect("it is forgotten").mentions, 1);
    store.close().await.expect("it closes");
}

fn wait(scene: &Scene) -> serde_json::Value {
    scene.json(["status"])[0]["store"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_compacts_what_was_erased_half_a_day_ago_and_no_sooner() {
    let scene = Scene::with_posts();
    let store = scene.path("state");
    assert!(wait(&scene)["erased_since"].is_null(), "nothing was erased");
    forget(&store, SignedDuration::from_hours(2), 0).await;
    scene.daemon().stop();
    assert!(!found_in(&store.join("db"), &[ANGRY]).is_empty(), "not yet");
    let said = scene.run(["status"]).ok().out;
    assert!(said.contains("bytes of what was erased since") && said.contains("store compact"), "{said}");

    // By the command it is done at once.
    scene.run(["store", "compact"]).ok();
    assert_eq!(found_in(&store.join("db"), &[ANGRY]), Vec::<String>::new());
    let size = wait(&scene);
    assert!(size["erased_since"].is_null() && size["compacted_at"].is_string(), "{size}");
    assert!(scene.run(["status"]).ok().out.contains("compacted on "));

    let scene = Scene::with_posts();
    let store = scene.path("state");
    forget(&store, SignedDuration::from_hours(13), 0).await;
    assert!(!found_in(&store.join("db"), &[ANGRY]).is_empty(), "erased, and still to be read in the file");
    let daemon = scene.daemon();
    assert_eq!(found_in(&store.join("db"), &[ANGRY]), Vec::<String>::new());
    let size = wait(&scene);
    assert!(size["erased_since"].is_null() && size["compacted_at"].is_string(), "{size}");
    daemon.stop();
    scene.run(["store", "verify"]).ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_killed_while_it_compacts_leaves_the_store_whole() {
    let scene = Scene::with_posts();
    let store = scene.path("state");
    forget(&store, SignedDuration::from_hours(13), 30_000).await;
    let rows = scene.run(["store", "export", "-"]).ok().out;
    let copy = store.join("db.compacting");
    let mut halfway = 0;
    for round in 0..8 {
        let mut daemon = scene.earmark(["run"]);
        let mut daemon = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let began = Instant::now();
        while !copy.join("db").exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not compact");
            assert!(daemon.try_wait().expect("ours").is_none(), "it ended");
            std::thread::yield_now();
        }
        // Later from round to round, so that it comes at different rows.
        std::thread::sleep(Duration::from_millis(round * 15));
        daemon.kill().expect("it is killed");
        daemon.wait().expect("it is gone");
        if !copy.exists() {
            break;
        }
        halfway += 1;
        let after = scene.run(["store", "export", "-"]).ok().out;
        assert!(after == rows, "round {round}: the rows are not what they were");
        assert!(!copy.exists(), "what was half done is cleared away");
        scene.run(["store", "verify"]).ok();
    }
    assert!(halfway > 0, "no kill came in the middle");
    println!("{halfway} kills in the middle");
    scene.daemon().stop();
    assert_eq!(found_in(&store.join("db"), &[ANGRY]), Vec::<String>::new());
    assert!(wait(&scene)["erased_since"].is_null());
    scene.run(["store", "verify"]).ok();
}
