//! Starts that cannot be: a configuration at fault, a store in use.

use nix::sys::signal::Signal;

use crate::support::daemon::{Place, SMALL, until};

/// 78 is the one exit code after which systemd does not start us again, whichever stage finds the
/// fault; `check` says the same.
#[tokio::test(flavor = "multi_thread")]
async fn fault_of_any_stage_exits_78() {
    let faults = [
        ("shape", SMALL.replace("champion", "champoin"), "did you mean"),
        ("query", SMALL.replace("'\"acme app\"'", "'(\"acme app\"'"), "topics[\"acme-app\"].query"),
        (
            "condition",
            format!("{SMALL}\n[[triggers]]\nid = \"t\"\nwhen = 'no_such_name > 1'\n"),
            "triggers[\"t\"].when",
        ),
        ("channel", SMALL.replace("kind = \"file\"", "kind = \"pigeon\""), "no kind is named \"pigeon\""),
        ("model", SMALL.replace("\"word_list\"", "\"bert\"\nmodel = \"/nonexistent\""), "sentiment.model"),
    ];
    for (stage, config, said) in faults {
        let place = Place::new(&config).await;
        let mut daemon = place.start();
        let (status, messages) = daemon.ended().await;
        let log = daemon.log();
        assert_eq!(status.code(), Some(78), "{stage}: {log}");
        assert!(messages.is_empty(), "{stage}: {messages:?}");
        assert!(log.contains(said), "{stage}: {log}");
        assert!(!place.path("store").exists(), "{stage}: nothing was opened");
        let checked = place.run(&["check", "--no-tests"]).await;
        assert_eq!(checked.status.code(), Some(78), "{stage}");
    }
}

/// One that finds the store in use waits for it, then says who has it; told to stop, it does not
/// wait on.
#[tokio::test(flavor = "multi_thread")]
async fn second_daemon_waits_and_says_who_has_the_store() {
    let place = Place::new(SMALL).await;
    let first = place.ready().await;
    let other = Place::new(SMALL).await;
    std::os::unix::fs::symlink(place.path("store"), other.path("store")).expect("a link");

    let mut second = other.start();
    let (status, messages) = second.ended().await;
    assert_eq!(status.code(), Some(1), "it may be free the next time: {}", second.log());
    assert!(messages.is_empty(), "{messages:?}");
    let holder = format!("is in use by process {}", first.pid());
    assert!(second.log().contains(&holder), "{}", second.log());
    assert_eq!(first.page("/readyz").await, Some(200), "the first one did not notice");

    let mut third = other.start();
    until("a word about the wait", async || third.log().contains("waiting up to").then_some(())).await;
    third.signal(Signal::SIGTERM);
    let (status, messages) = third.ended().await;
    assert!(status.success(), "{status}: {}", third.log());
    assert_eq!(messages, ["STOPPING=1"]);

    // A third one that waits gets the store when the first lets go of it.
    let mut fourth = other.start();
    until("a word about the wait", async || fourth.log().contains("waiting up to").then_some(())).await;
    first.terminated().await;
    fourth.heard("READY=1").await;
    fourth.terminated().await;
}
