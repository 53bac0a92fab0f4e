//! `earmark escalations`, `earmark digest`, `earmark status`: over the socket, and in the command's
//! own process where no daemon runs.

use super::scene::{Ran, Scene};

fn id(escalation: &serde_json::Value) -> String {
    escalation["id"].as_str().unwrap().to_owned()
}

/// From open to closed, by whichever way the commands go.
fn walk(scene: &Scene) {
    let open = scene.escalation();
    let id = id(&open);
    assert_eq!(open["accountable"], "care");
    let table = scene.run(["escalations"]).ok().out;
    assert!(table.contains(&id) && table.contains("acme-app") && table.contains("care"), "{table}");
    let shown = scene.run(["escalations", "show", &id]).ok().out;
    assert!(shown.contains("crashed again") && shown.contains("care over care-inbox"), "{shown}");
    let detail = scene.json(["escalations", "show", &id]);
    assert_eq!(detail[0]["mentions"].as_array().unwrap().len(), 1);

    // Nobody acts as nobody.
    scene.run(["escalations", "acknowledge", &id]).fails(1, &["--as OWNER"]);
    scene.run(["escalations", "acknowledge", &id, "--as", "nobody"]).fails(1, &["known are care, cco"]);
    let ran = scene.run(["escalations", "acknowledge", &id, "--as", "care"]).ok();
    assert!(ran.out.contains("is now acknowledged; care answers for it"), "{ran:?}");
    let after = scene.json(["escalations", "reassign", &id, "--to", "cco", "--as", "care"]);
    assert_eq!((&after[0]["accountable"], after.len()), (&"cco".into(), 1), "{after:?}");
    let wrong = scene.run(["escalations", "reassign", &id, "--to", "nobody", "--as", "cco"]);
    wrong.fails(1, &["nobody", "cco"]);
    let ran = scene.run(["escalations", "resolve", &id, "--as", "cco"]).ok();
    assert!(ran.out.contains("is now resolved"), "{ran:?}");
    scene.run(["escalations", "resolve", &id, "--as", "cco"]).fails(1, &["resolved"]);
    assert_eq!(scene.json(["escalations"]).len(), 0);
    assert_eq!(scene.json(["escalations", "--all"]).len(), 1);
    let other = "0193a000-0000-7000-8000-000000000000";
    scene.run(["escalations", "show", other]).fails(1, &["there is no escalation", other]);
}

#[test]
fn an_escalation_is_worked_off_over_the_socket() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    scene.import_posts();
    walk(&scene);
    daemon.stop();
}

#[test]
fn an_escalation_is_worked_off_without_a_daemon() {
    walk(&Scene::with_posts());
}

#[test]
fn a_silence_holds_until_it_is_ended() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    let silence = ["escalations", "silence"];
    let held = |args: &[&str]| scene.json([&silence[..], args].concat());
    assert_eq!(held(&[]).len(), 0);
    scene.run([&silence[..], &["--topic", "acme-app", "--lasts", "2h"]].concat()).fails(2, &["--reason"]);
    let made = held(&["--topic", "acme-app", "--lasts", "2h", "--reason", "known outage", "--as", "care"]);
    assert_eq!((&made[0]["author"], &made[0]["topic"]), (&"care".into(), &"acme-app".into()));
    assert_eq!(held(&[]), made);
    scene.import_posts();
    let told = |owner: &str| {
        std::fs::read_to_string(scene.path(&format!("state/{owner}.jsonl"))).unwrap_or_default()
    };
    assert!(!told("care").contains("crashed again"), "a silence held nothing");
    let id = made[0]["id"].as_str().unwrap();
    assert_eq!(held(&["--end", id, "--as", "care"]).len(), 1);
    assert_eq!(held(&[]).len(), 0);
    scene
        .run([&silence[..], &["--lasts", "90d", "--reason", "x", "--as", "care"]].concat())
        .fails(1, &["30d"]);
    daemon.stop();
}

#[test]
fn a_digest_is_read_in_three_forms_and_sent() {
    let scene = Scene::with_posts();
    let text = scene.run(["digest", "daily", "--since", "1h"]).ok().out;
    assert!(text.contains("digest for cco") && text.contains("crashed again"), "{text}");
    let html = scene.run(["digest", "daily", "--since", "1h", "--format", "html"]).ok().out;
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("crashed again"), "{html}");
    let json = scene.run(["digest", "daily", "--since", "1h", "--format", "json"]).ok().json();
    assert_eq!(json[0]["id"], "daily");
    assert_eq!(scene.json(["digest", "daily", "--since", "1h"])[0]["matters"], json[0]["matters"]);
    assert!(json[0].to_string().contains("crashed again"), "{json:?}");
    let reader = scene.run(["digest", "daily", "--reader", "care"]).ok().out;
    assert!(reader.contains("digest for care"), "{reader}");
    scene.run(["digest", "weekly"]).fails(1, &["no digest is named \"weekly\"", "daily"]);

    let ran = scene.run(["digest", "daily", "--since", "1h", "--send"]).ok();
    assert!(ran.out.contains("2 messages in the outbox until the daemon runs"), "{ran:?}");
    let daemon = scene.daemon();
    let sent = |owner: &str| {
        std::fs::read_to_string(scene.path(&format!("state/{owner}.jsonl"))).unwrap_or_default()
    };
    let is_digest = |text: &str| text.contains("\"digest\"") && text.contains("I love the Acme app");
    scene.until("both digests", || is_digest(&sent("cco")) && is_digest(&sent("care")));
    assert_eq!(scene.json(["digest", "daily", "--since", "1h", "--send"])[0]["notifications"], 2);
    daemon.stop();
}

#[test]
fn status_is_for_people_and_for_programs() {
    let scene = Scene::new();
    scene.run(["status"]).fails(1, &["no store", "earmark run"]);
    let daemon = scene.daemon();
    scene.import_posts();
    let text = scene.run(["status"]).ok().out;
    assert!(text.contains("up for") && text.contains("1 escalation open, "), "{text}");
    assert!(text.contains("tickets") && text.contains("acme-app"), "{text}");
    let said = scene.json(["status"]);
    assert_eq!((&said[0]["unresolved"], &said[0]["model"]["name"]), (&1.into(), &"word-list".into()));
    daemon.stop();
    let text = scene.run(["status"]).ok().out;
    assert!(text.contains("No daemon runs") && text.contains("3 mentions kept"), "{text}");
}

#[test]
fn another_stores_daemon_is_refused_where_it_is_named_and_passed_by_elsewhere() {
    let (ours, theirs) = (Scene::with_posts(), Scene::new());
    let daemon = theirs.daemon();
    let socket = theirs.path("state/run/earmark.sock");
    let mut named = ours.earmark(["status", "--socket"]);
    let ran = Ran::of(named.arg(&socket)).fails(1, &["has the store", "--config"]);
    assert!(ran.err.contains(theirs.path("state").to_str().unwrap()), "{ran:?}");
    // Both look below XDG_RUNTIME_DIR.
    let shared = tempfile::tempdir().unwrap();
    std::fs::create_dir(shared.path().join("earmark")).unwrap();
    std::os::unix::fs::symlink(&socket, shared.path().join("earmark/earmark.sock")).unwrap();
    let mut looking = ours.earmark(["status"]);
    let ran = Ran::of(looking.env("XDG_RUNTIME_DIR", shared.path())).ok();
    assert!(ran.out.contains("No daemon runs") && ran.out.contains("3 mentions kept"), "{ran:?}");
    // Nor is its socket taken away by a second daemon.
    let mut second = ours.earmark(["run"]);
    let ran = Ran::of(second.env("XDG_RUNTIME_DIR", shared.path()));
    ran.fails(1, &["another daemon answers", "--socket"]);
    daemon.stop();
    let mut nobody = ours.earmark(["status", "--socket"]);
    Ran::of(nobody.arg(&socket)).fails(1, &["no daemon answers at", socket.to_str().unwrap()]);
}
