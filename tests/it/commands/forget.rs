//! `earmark forget`, to the last byte: what is in the store's files, the log and the record afterwards.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::scene::{CONFIG, Scene};

const TEXT: &str = "The Acme app crashed again and lost my order, worst update ever";
const TITLE: &str = "Quietly furious";
const AUTHOR: &str = "ann-of-the-forum";
const URL: &str = "https://forum.example/t/secret-7";

/// A post whose id is its address, as feeds give them, and two of others.
fn posts() -> String {
    let angry = serde_json::json!({ "id": URL, "url": URL, "title": TITLE, "text": TEXT, "author": AUTHOR });
    format!(
        "{angry}\n{}\n{}\n",
        r#"{"id":"2","text":"I love the Acme app, it is great","author":"bo"}"#,
        r#"{"id":"3","text":"The parcel came on Tuesday","author":"cy"}"#
    )
}

/// Every file below a folder that holds one of the words, but those of file channels: what has left is out of
/// reach, and said to be.
fn holding(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() && !["cco.jsonl", "care.jsonl"].iter().any(|name| path.ends_with(name)) {
                let bytes = std::fs::read(&path).unwrap();
                for word in words {
                    if bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())) {
                        found.push(format!("{} holds {word}", path.display()));
                    }
                }
            }
        }
    }
    found
}

/// A daemon that logs everything it would ever log into a file.
struct Logging(Child);

impl Logging {
    fn start(scene: &Scene) -> Self {
        let log = File::options().create(true).append(true).open(scene.path("log")).unwrap();
        let mut command = scene.earmark(["run"]);
        command.env("EARMARK_LOG", "earmark=trace,warn").stdout(Stdio::null()).stderr(log);
        let child = Self(command.spawn().unwrap());
        let socket = scene.path("state/run/earmark.sock");
        scene.until("the daemon", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
        child
    }

    fn stop(mut self) {
        let pid = nix::unistd::Pid::from_raw(self.0.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn path(scene: &Scene, words: &[&str], file: &str) -> Vec<std::ffi::OsString> {
    let mut args: Vec<std::ffi::OsString> = words.iter().map(|word| (*word).into()).collect();
    args.push(scene.path(file).into());
    args
}

#[test]
fn nothing_is_left_on_the_disk_and_who_answered_is() {
    let scene = Scene::with(CONFIG);
    let words = [TEXT, TITLE, AUTHOR, URL, "secret-7"];
    scene.write("posts.jsonl", &posts());
    let daemon = Logging::start(&scene);
    scene.run(path(&scene, &["import"], "posts.jsonl")).ok();
    scene.until("three mentions", || scene.json(["mentions"]).len() == 3);
    let sent = || std::fs::read_to_string(scene.path("state/care.jsonl")).unwrap_or_default().contains(TEXT);
    let beside = || std::fs::read_to_string(scene.path("care.jsonl")).unwrap_or_default().contains(TEXT);
    scene.until("the message", || sent() || beside());
    scene.run(path(&scene, &["store", "export"], "backup.jsonl")).ok();
    let before: Vec<Value> = scene.json(["mentions"]);
    let angry = before.iter().find(|one| one["scored"]["mention"]["post"]["url"] == URL).unwrap().clone();

    // Only for whoever answers for all, and only what was asked for.
    scene.run(["forget"]).fails(2, &["--author"]);
    scene.run(["forget", "--author", AUTHOR]).fails(1, &["--as"]);
    scene.run(["forget", "--author", AUTHOR, "--as", "care"]).fails(1, &["for cco", "--as"]);
    let asked = ["forget", "--author", "@Ann-of-the-Forum", "--as", "cco"];
    let would = scene.json([&asked[..], &["--dry-run"]].concat());
    assert_eq!((&would[0]["mentions"], &would[0]["sent"]["file"]), (&1.into(), &1.into()), "{would:?}");
    assert_eq!(scene.json(["mentions"]), before, "a dry run does nothing");
    let said = scene.run(asked).ok().out;
    for part in ["1 mention forgotten.", "1 file message has left", "not taken in", "store compact"] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }
    let again = scene.json(asked);
    assert_eq!(again[0]["mentions"], 0, "twice is once");

    // It does not come again, and is not counted in a replay.
    let ran = scene.run(path(&scene, &["import"], "posts.jsonl")).ok();
    assert!(ran.out.contains("2 posts in the inbox") && ran.out.contains("1 post left out"), "{ran:?}");
    let replayed = scene.json(path(&scene, &["replay"], "posts.jsonl"));
    assert_eq!(replayed[0]["skipped"]["forgotten"], 1, "{replayed:?}");
    daemon.stop();
    let replayed = scene.json(path(&scene, &["replay"], "posts.jsonl"));
    assert_eq!(replayed[0]["skipped"]["forgotten"], 1, "without a daemon too: {replayed:?}");

    // A new life copies what the last one entered into the record.
    let state = scene.path("state");
    let audit = || std::fs::read_to_string(state.join("audit.jsonl")).unwrap_or_default();
    let daemon = Logging::start(&scene);
    scene.until("the record", || audit().contains("\"forgot\""));
    daemon.stop();
    assert!(!holding(&state.join("db"), &words).is_empty(), "else this test sees nothing");
    scene.run(["store", "compact"]).ok();
    assert_eq!(holding(&state, &words), [""; 0]);
    let log = std::fs::read(scene.path("log")).unwrap();
    assert!(log.len() > 500, "it logs");
    for word in words {
        assert!(
            !log.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes())),
            "{word} is logged"
        );
    }

    // The record stays: who answers, when, with what outcome; and the counts add up.
    scene.run(["store", "verify"]).ok();
    let after = scene.json(["mentions"]);
    assert_eq!(after.len(), 3);
    let id = |one: &Value| one["scored"]["mention"]["id"].clone();
    let kept = after.iter().find(|one| id(one) == id(&angry)).expect("the record of it");
    for same in ["recorded_at", "owner", "routed_by", "finding", "accountable"] {
        assert_eq!(kept[same], angry[same], "{same}");
    }
    assert_eq!(kept["scored"]["sentiment"], angry["scored"]["sentiment"]);
    assert_eq!(
        (&kept["erased_for"], &kept["scored"]["mention"]["post"]["text"]),
        (&"request".into(), &"".into())
    );
    assert_eq!(scene.escalation()["mentions"], 1);
    let digest = scene.json(["digest", "daily", "--since", "1d"]);
    let counts = &digest[0]["volume"]["counts"];
    let sum: u64 =
        ["negative", "neutral", "positive", "unsure"].iter().map(|p| counts[p].as_u64().unwrap()).sum();
    assert_eq!(sum, 3, "{digest:?}");
    let audit = audit();
    assert!(
        audit.contains("\"erased_for\":\"request\",\"sent\":1") && audit.contains("\"what\":\"forgot\""),
        "{audit}"
    );
    assert!(scene.run(["mentions"]).ok().out.contains("forgotten on request"));

    // A backup of before does not bring it back where the tombstones went first.
    scene.run(path(&scene, &["store", "export", "--forgotten"], "forgotten.jsonl")).ok();
    let new = Scene::with(CONFIG);
    new.run(path(&scene, &["store", "import"], "forgotten.jsonl")).ok();
    new.run(path(&scene, &["store", "import"], "backup.jsonl")).ok();
    assert_eq!(holding(&new.path("state"), &words), [""; 0]);
    assert_eq!(new.json(["mentions"]).len(), 3);
    new.run(path(&scene, &["store", "import"], "backup.jsonl")).fails(1, &["is not empty", "--forgotten"]);
}
