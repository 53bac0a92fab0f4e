//! What the daemon tells systemd, and that it is true when it is told.

use std::fs::OpenOptions;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::Signal;

use crate::support::daemon::{Daemon, Place, SMALL, SOCKET, until};

/// Freezes a daemon while its model loads; none if it was too late for that.
async fn frozen_while_loading(daemon: &mut Daemon) -> bool {
    let scorer = async {
        while !daemon.has_thread("scorer") {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), scorer).await.expect("a scorer's thread");
    daemon.signal(Signal::SIGSTOP);
    daemon.page("/readyz").await.is_none()
}

/// READY comes after the store, the model and the listeners; then the watchdog is fed.
#[tokio::test(flavor = "multi_thread")]
async fn ready_is_true_when_it_is_told() {
    let place = Place::new(&SMALL.replace("word_list", "bert")).await;
    std::fs::create_dir(place.path("store")).expect("a folder");
    let lock = OpenOptions::new().create(true).append(true).open(place.path("store/lock")).expect("a file");
    let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| error).expect("free");

    let mut daemon = place.start_with(&[("WATCHDOG_USEC", "400000")]);
    until("a word about the wait", async || daemon.log().contains("waiting up to").then_some(())).await;
    assert_eq!(daemon.hears(Duration::ZERO).await, None, "the store is not open yet");
    assert_eq!(daemon.page("/readyz").await, None);
    assert_eq!(daemon.page_over_socket("/readyz").await, None);

    drop(lock);
    // Where the test came too late to freeze it, the half before this one has still been seen.
    if frozen_while_loading(&mut daemon).await {
        assert_eq!(daemon.hears(Duration::ZERO).await, None, "nobody listens yet");
        assert_eq!(daemon.page_over_socket("/readyz").await, None);
    } else {
        println!("skipped: the model was loaded before the test could look");
    }
    daemon.signal(Signal::SIGCONT);

    let messages = daemon.heard("READY=1").await;
    assert_eq!(messages.len(), 1, "READY comes first: {messages:?}");
    assert!(messages[0].contains("STATUS=reading 0 sources"), "{messages:?}");
    assert_eq!(daemon.page("/readyz").await, Some(200));
    assert_eq!(daemon.page_over_socket("/readyz").await, Some(200));
    for _ in 0..3 {
        daemon.heard("WATCHDOG=1").await;
    }
    daemon.terminated().await;
}

/// A stop that meets the model while it loads is a clean one; READY is never told.
#[tokio::test(flavor = "multi_thread")]
async fn stop_while_the_model_loads() {
    let place = Place::new(&SMALL.replace("word_list", "bert")).await;
    let mut daemon = place.start();
    if !frozen_while_loading(&mut daemon).await {
        println!("skipped: the model was loaded before the test could look");
        return;
    }
    daemon.signal(Signal::SIGTERM);
    daemon.signal(Signal::SIGCONT);
    let (status, messages) = daemon.ended().await;
    assert!(status.success(), "{status}: {}", daemon.log());
    assert_eq!(messages, ["STOPPING=1"]);
    assert!(!place.path(SOCKET).exists(), "what was begun is taken back");
}

/// A good configuration is taken, a bad one refused out loud; either way systemd hears both ends.
#[tokio::test(flavor = "multi_thread")]
async fn reload_takes_the_good_and_refuses_the_bad() {
    let place = Place::new(SMALL).await;
    let mut daemon = place.ready().await;

    place.configure(&format!("{SMALL}\n[[topics]]\nid = \"globex-app\"\nquery = '\"globex app\"'\n"));
    let taken = reload(&mut daemon).await;
    assert!(taken.contains("STATUS=reloaded"), "{taken}");
    assert!(daemon.log().contains("the configuration was read again"), "{}", daemon.log());
    assert_eq!(topics(&place).await, ["acme-app", "globex-app"]);

    place.configure(&SMALL.replace("query = '\"acme app\"'", "query = '\"acme app'\nqery = 1"));
    let refused = reload(&mut daemon).await;
    assert!(refused.contains("STATUS=the new configuration was refused"), "{refused}");
    let log = daemon.log();
    assert!(log.contains("the new configuration was refused, the old one stays"), "{log}");
    assert!(log.contains("qery"), "the key is named: {log}");
    place.configure(SMALL);
    assert_eq!(topics(&place).await, ["acme-app", "globex-app"], "the old one stays");
    assert_eq!(daemon.page("/readyz").await, Some(200));
    daemon.terminated().await;
}

/// Sends SIGHUP; answers the message that ends the reload.
async fn reload(daemon: &mut Daemon) -> String {
    daemon.signal(Signal::SIGHUP);
    let messages = daemon.heard("READY=1").await;
    let began = messages.iter().find(|said| said.starts_with("RELOADING=1"));
    let began = began.unwrap_or_else(|| panic!("no RELOADING before READY: {messages:?}"));
    assert!(began.contains("MONOTONIC_USEC="), "systemd wants to know when: {began}");
    messages.last().cloned().unwrap_or_default()
}

/// The topics that the running daemon counts.
async fn topics(place: &Place) -> Vec<String> {
    let status = place.ask(&["status"]).await.remove(0);
    status["today"].as_object().expect("a map").keys().cloned().collect()
}
