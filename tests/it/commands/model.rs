//! `earmark score`, `earmark route`, `earmark eval`.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use super::scene::{ANGRY, Ran, Scene, bare, fed};

#[test]
fn texts_are_scored_without_a_store() {
    let scene = Scene::new();
    let ran = scene.run(["score", "The worst update ever", "I love it, great"]).ok();
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("negative") && lines[1].starts_with("positive"), "{ran:?}");
    let said = fed(scene.earmark(["score", "--json", "-"]), "the worst\nthe best, great\n").ok().json();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0]["text"], "the worst");
    assert_eq!(said[0]["sentiment"]["polarity"], "negative");
    assert!(!scene.path("state").exists(), "no store was needed, and one was made");
}

#[test]
fn a_score_is_explained_word_by_word() {
    let scene = Scene::new();
    let hostile = "The Acme app is terrible\u{1b}]0;owned\u{7}\u{9b}31m, the help was \u{202e}great";
    let ran = scene.run(["score", "--explain", "--target", "Acme app", hostile, "It is a phone"]).ok();
    for words in [
        "towards Acme app",
        "towards negative    terrible −",
        "towards positive    great +",
        "no single word moved",
    ] {
        assert!(ran.out.contains(words), "no \"{words}\" in {}", ran.out);
    }
    let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!ran.out.contains(acts), "the text acts on the terminal: {:?}", ran.out);
    let said = scene.json(["score", "--explain", "--target", "Acme app", hostile]);
    assert_eq!(said.len(), 1);
    let words = said[0]["words"].as_array().unwrap();
    let named: Vec<&str> =
        words.iter().filter(|word| word["target"] == true).filter_map(|word| word["word"].as_str()).collect();
    assert_eq!(named, ["Acme", "app"]);
    let worst = words.iter().find(|word| word["word"] == "terrible").unwrap();
    assert_eq!(worst["places"][0]["bytes"], serde_json::json!([16, 24]));
    assert_eq!(worst["places"][0]["chars"], serde_json::json!([16, 24]));
    scene.run(["score", "--explain", " "]).fails(1, &["no text to explain"]);
}

#[test]
fn a_route_tells_the_owner_and_the_whole_timetable() {
    let scene = Scene::new();
    let ran = scene.run(["route", "--at", "2026-03-02T09:00:00Z", ANGRY]).ok();
    for words in [
        "Topic acme-app",
        "matched    \"acme app\"",
        "owner      care",
        "2026-03-02 09:00  care over care-inbox, accountable",
        "2026-03-02 09:30  cco over cco-inbox",
    ] {
        assert!(ran.out.contains(words), "no \"{words}\" in {}", ran.out);
    }
    let said = scene.json(["route", "--at", "2026-03-02T09:00:00Z", ANGRY]);
    assert_eq!(said[0]["at"], "2026-03-02T09:00:00Z");
    assert_eq!(said[0]["mentions"][0]["owner"], "care");
    assert_eq!(said[0]["mentions"][0]["timetable"][0]["at"], "2026-03-02T09:00:00Z");
    let ran = scene.run(["route", "The parcel came"]).ok();
    assert!(ran.out.contains("No topic claims it") && ran.out.contains("acme-app:"), "{ran:?}");
    let ran = scene.run(["route", "--topic", "acme-app", "The parcel came"]).ok();
    assert!(ran.out.contains("Topic acme-app"), "{ran:?}");
    scene.run(["route", "--topic", "acme", "The parcel came"]).fails(1, &["no topic is named \"acme\""]);
    assert!(!scene.path("state").exists());
}

#[test]
fn eval_needs_neither_configuration_nor_daemon() {
    let scene = Scene::new();
    let empty = tempfile::tempdir().unwrap();
    let lines = r#"{"text":"the worst, terrible","label":"negative"}
{"text":"great, I love it","label":"positive","target":"Acme app"}
{"text":"it is a phone","label":"neutral"}
{"text":"awful","label":"positive"}
"#;
    let table = "text,label\n\"the worst, terrible\",negative\n\"great, I love it\",positive\nit is a phone,neutral\nawful,positive\n";
    let mut measured = Vec::new();
    for file in [scene.write("labelled.jsonl", lines), scene.write("labelled.csv", table)] {
        let mut eval = bare(empty.path());
        let ran =
            Ran::of(eval.args([OsStr::new("eval"), file.as_os_str()]).args(["--word-list", "--json"])).ok();
        let said = ran.json();
        assert_eq!(said.len(), 1, "{ran:?}");
        let keys: BTreeSet<&str> = said[0].as_object().unwrap().keys().map(String::as_str).collect();
        let wanted = ["n", "accuracy", "macro_recall", "macro_f1", "ece", "per_class", "coverage"];
        let beside = ["unjudged", "intervals", "needs_answer", "seconds", "posts_per_second"];
        assert_eq!(keys, wanted.into_iter().chain(beside).collect());
        assert_eq!(said[0]["n"], 4);
        measured.extend(said);
    }
    assert_eq!(measured[0]["accuracy"], measured[1]["accuracy"]);
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0, "something was written");
    let wrong = scene.write("wrong.jsonl", "{\"text\":\"a\",\"label\":\"angry\"}\n");
    let mut eval = bare(empty.path());
    Ran::of(eval.args([OsStr::new("eval"), wrong.as_os_str()]).arg("--word-list"))
        .fails(1, &["wrong.jsonl:1"]);
    let mut eval = bare(empty.path());
    eval.args(["--config", "none.toml", "eval", "--word-list"]).arg(&wrong);
    Ran::of(&mut eval).fails(1, &["wrong.jsonl:1"]);
}
