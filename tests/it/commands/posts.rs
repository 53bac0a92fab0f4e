//! `earmark import`, `earmark mentions`, `earmark replay`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::Stdio;

use serde_json::Value;

use super::scene::{ANGRY, Following, POSTS, Ran, Scene};

#[test]
fn what_is_imported_twice_is_recorded_once() {
    let scene = Scene::new();
    let posts = scene.write("posts.jsonl", POSTS);
    let import = [OsStr::new("import"), posts.as_os_str()];
    // Without a daemon they wait in the inbox.
    let ran = scene.run(import).ok();
    assert!(ran.out.contains("3 posts in the inbox") && ran.out.contains("once the daemon runs"), "{ran:?}");
    let daemon = scene.daemon();
    scene.until("three mentions", || scene.json(["mentions"]).len() == 3);
    let ran = scene.run(import).ok();
    assert!(!ran.out.contains("once the daemon runs"), "{ran:?}");
    // One more behind them shows when the inbox has been worked off.
    let more = scene.write("more.csv", "id,text\n9,The Acme app again\n");
    scene.run([OsStr::new("import"), more.as_os_str()]).ok();
    scene.until("the fourth mention", || scene.json(["mentions"]).len() == 4);
    let said = scene.json(["mentions"]);
    let post = |one: &Value| one["scored"]["mention"]["post"]["id"].as_str().unwrap().to_owned();
    let ids: BTreeSet<String> = said.iter().map(post).collect();
    assert_eq!((said.len(), ids.len()), (4, 4), "{said:#?}");
    daemon.stop();
}

#[test]
fn quiet_ones_wake_nobody() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    let posts = scene.write("posts.jsonl", POSTS);
    scene.run([OsStr::new("import"), posts.as_os_str(), OsStr::new("--quiet")]).ok();
    scene.until("three mentions", || scene.json(["mentions"]).len() == 3);
    assert_eq!(scene.json(["escalations", "--all"]).len(), 0);
    daemon.stop();
}

#[test]
fn what_is_no_post_is_named_and_the_rest_taken() {
    let scene = Scene::new();
    let posts = scene.write("posts.jsonl", "{\"text\":\"The Acme app\"}\nno record\n");
    let ran = scene.run([OsStr::new("import"), posts.as_os_str()]);
    assert!(ran.out.contains("1 post in the inbox, 1 could not be read"), "{ran:?}");
    assert!(ran.err.contains("posts.jsonl") && ran.err.contains('2'), "{ran:?}");
    assert_eq!(ran.code, 1);
    scene.run(["import", "none.jsonl"]).fails(1, &["none.jsonl cannot be read"]);
}

#[test]
fn mentions_are_narrowed_and_exported() {
    let scene = Scene::with_posts();
    let count = |args: &[&str]| scene.json([&["mentions"], args].concat()).len();
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--topic", "acme-app"]), 2);
    assert_eq!(count(&["--polarity", "negative"]), 1);
    assert_eq!(count(&["--owner", "cco"]), 1, "what no topic claims is the champion's");
    assert_eq!(count(&["--limit", "2"]), 2);
    assert_eq!(count(&["--since", "1h"]), 3);
    assert_eq!(count(&["--until", "1h"]), 0);
    let id = scene.escalation()["id"].as_str().unwrap().to_owned();
    assert_eq!(count(&["--escalation", &id]), 1);
    let table = scene.run(["mentions", "--topic", "acme-app"]).ok().out;
    assert!(table.contains("negative") && table.contains("crashed again"), "{table}");

    let text = scene.run(["mentions", "--format", "csv"]).ok().out;
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(csv.headers().unwrap().get(0), Some("id"));
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3, "{text}");
    for cell in rows.iter().flat_map(csv::StringRecord::iter) {
        let formula = cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
        assert!(!formula, "a spreadsheet would run {cell}");
    }
    assert!(text.contains("'=cmd()") && text.contains("'+1, \"\"with quotes\"\""), "{text}");
    let lines = scene.run(["mentions", "--format", "jsonl"]).ok().json();
    assert_eq!(lines, scene.json(["mentions"]));
}

#[test]
fn a_reader_that_went_away_ends_an_export_quietly() {
    let scene = Scene::with_posts();
    for args in [&["mentions", "--json"][..], &["store", "export", "-"], &["digest", "daily"]] {
        let mut command = scene.earmark(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr), (Some(0), Vec::new()), "{args:?}");
    }
}

#[test]
fn following_shows_each_mention_once_as_it_comes() {
    let scene = Scene::new();
    scene.run(["mentions", "--follow"]).fails(1, &["no store", "earmark run"]);
    let daemon = scene.daemon();
    let mut following = Following::start(scene.earmark(["mentions", "--follow", "--json"]));
    // It follows from the instant it began: posts until the first one shows.
    let mut number = 0;
    let first = {
        let (sender, receiver) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for _ in 0..2 {
                sender.send(following.line()).unwrap();
            }
            following
        });
        let mut seen: Vec<String> = Vec::new();
        scene.until("two mentions", || {
            number += 1;
            let post = format!("{{\"id\":\"{number}\",\"text\":\"The Acme app, {number}\"}}\n");
            let posts = scene.write("posts.jsonl", &post);
            scene.run([OsStr::new("import"), posts.as_os_str()]).ok();
            seen.extend(receiver.try_iter());
            seen.len() == 2
        });
        drop(reader.join().unwrap());
        seen
    };
    let id = |line: &str| {
        let view: Value = serde_json::from_str(line).unwrap();
        view["scored"]["mention"]["id"].as_str().unwrap().to_owned()
    };
    assert!(first[0].contains("The Acme app"), "{first:?}");
    assert_ne!(id(&first[0]), id(&first[1]));
    daemon.stop();
    scene.run(["mentions", "--follow"]).fails(1, &["no daemon runs"]);
}

#[test]
fn a_replay_stores_nothing_and_tells_nobody() {
    let scene = Scene::new();
    let posts = scene.write(
        "posts.jsonl",
        &format!(
            "{{\"id\":\"1\",\"text\":\"{ANGRY}\",\"created_at\":\"2026-03-02T09:00:00Z\"}}\n{{\"id\":\"2\",\"text\":\"{ANGRY}\",\"created_at\":\"2026-03-02T09:10:00Z\"}}\n"
        ),
    );
    let replay = [OsStr::new("replay"), posts.as_os_str()];
    let said = scene.json(replay);
    assert_eq!(said[0]["posts"], 2);
    assert_eq!(said[0]["topics"]["acme-app"]["negative"], 2);
    assert_eq!(said[0]["escalations"].as_array().unwrap().len(), 1);
    assert_eq!(said[0]["escalations"][0]["opened_at"], "2026-03-02T09:00:00Z");
    assert_eq!(said[0]["messages"]["care"]["accountable"], 1);
    let ran = scene.run(replay).ok();
    assert!(ran.out.contains("1 escalation would have opened"), "{ran:?}");
    assert!(!scene.path("state").exists());
    Ran::of(&mut scene.earmark(["replay", "none.jsonl"])).fails(1, &["none.jsonl"]);
}
