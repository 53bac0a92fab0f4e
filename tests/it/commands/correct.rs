//! `earmark mentions correct`, and `earmark eval` on what was corrected.

use std::ffi::OsStr;

use serde_json::Value;

use super::scene::{Ran, Scene};

fn id_of(scene: &Scene, part: &str) -> String {
    let said = scene.json(["mentions"]);
    let one =
        said.iter().find(|one| one["scored"]["mention"]["post"]["text"].as_str().unwrap().contains(part));
    one.unwrap()["scored"]["mention"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_correction_is_made_listed_exported_measured_and_taken_back() {
    let scene = Scene::with_posts();
    scene.run(["eval"]).fails(1, &["nobody has corrected", "mentions correct ID"]);
    let (glad, angry) = (id_of(&scene, "love"), id_of(&scene, "crashed"));
    let correct = |args: &[&str]| scene.run([&["mentions", "correct"], args].concat());
    correct(&[&glad, "--confirm"]).fails(1, &["--as OWNER"]);
    let note = "=HYPERLINK(\"x\")";
    let said = correct(&[
        &glad,
        "--as-polarity",
        "negative",
        "--needs-answer",
        "yes",
        "--note",
        note,
        "--as",
        "care",
    ]);
    assert!(said.ok().out.contains("is negative; word-list"));
    assert!(correct(&[&angry, "--confirm", "--as", "cco"]).ok().out.contains("too."));

    let table = scene.run(["mentions", "--polarity", "negative", "--ids"]).ok().out;
    assert!(table.contains("negative*") && table.contains(&glad), "{table}");
    assert_eq!(scene.json(["mentions", "--corrected", "yes"]).len(), 2);
    assert_eq!(scene.json(["mentions", "--sample", "5"]).len(), 1, "of those that nobody judged");
    let text = scene.run(["mentions", "--format", "csv"]).ok().out;
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let column = |name: &str, csv: &mut csv::Reader<&[u8]>| {
        csv.headers().unwrap().iter().position(|header| header == name).unwrap()
    };
    let (polarity, corrected, noted) = (
        column("polarity", &mut csv),
        column("corrected_polarity", &mut csv),
        column("correction_note", &mut csv),
    );
    let rows: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let row = rows.iter().find(|row| row[0] == glad).unwrap();
    assert_eq!((&row[polarity], &row[corrected]), ("positive", "negative"));
    assert_eq!(&row[noted], format!("'{note}"), "a spreadsheet must not run it");

    let rows = scene.path("verdicts.jsonl");
    let measured = scene.json([OsStr::new("eval"), OsStr::new("--rows"), rows.as_os_str()]);
    assert_eq!((&measured[0]["n"], &measured[0]["accuracy"]), (&Value::from(2), &Value::from(0.5)));
    let written = std::fs::read_to_string(&rows).unwrap();
    assert!(written.contains(&glad) && !written.contains("love"), "rows bear no text: {written}");
    let by = scene.json(["eval", "--by", "by"]);
    assert_eq!(
        (&by[0]["by"]["care"]["accuracy"], &by[0]["by"]["cco"]["accuracy"]),
        (&0.0.into(), &1.0.into())
    );
    scene.run(["eval", "--by", "mood"]).fails(1, &["topic, source"]);
    let ran = scene.run(["eval", "--calibrate"]).fails(1, &["1 right and 1 wrong", "it takes 50"]);
    assert_eq!(ran.out, "");
    let shown = scene.run(["eval"]).ok().out;
    assert!(shown.contains("on 2 corrections") && shown.contains("the surest"), "{shown}");

    assert!(correct(&[&glad, "--undo", "--as", "care"]).ok().out.contains("as the model says again"));
    assert_eq!(scene.json(["mentions", "--polarity", "positive"]).len(), 1);
    correct(&[&glad, "--as-polarity", "unsure"]).fails(2, &["unsure"]);
    correct(&[&glad]).fails(2, &["--as-polarity"]);
    assert_eq!(scene.run(["store", "verify"]).ok().code, 0);
}

#[test]
fn a_temperature_is_fitted_kept_over_a_restart_and_dropped() {
    let scene = Scene::new();
    // Surely positive words, of which the people say otherwise two times of five.
    let row = |n: usize| {
        let label = if n % 5 < 3 { "positive" } else { "negative" };
        format!("{{\"text\":\"great, I love it, number {n}\",\"label\":\"{label}\"}}\n")
    };
    let file = scene.write("labelled.jsonl", &(0..60).map(row).collect::<String>());
    let calibrate = |more: &[&str]| {
        let mut command = scene.earmark([OsStr::new("eval"), file.as_os_str()]);
        Ran::of(command.args(["--word-list", "--calibrate", "--as", "cco"]).args(more))
    };
    let dry = calibrate(&["--dry-run"]).ok();
    assert!(dry.out.contains("too sure of itself") && dry.out.contains("dry run"), "{dry:?}");
    assert!(!scene.path("state").exists(), "a dry run needs no store");

    let daemon = scene.daemon();
    let sure = || {
        let said = scene.json(["score", "great, I love it, number 1"]);
        said[0]["sentiment"]["confidence"].as_f64().unwrap()
    };
    let own = sure();
    let kept = calibrate(&["--json"]).ok().json();
    let temperature = kept[0]["fit"]["temperature"].as_f64().unwrap();
    assert!(temperature > 1.1, "{kept:?}");
    assert!(kept[0]["fit"]["after"]["ece"].as_f64() < kept[0]["fit"]["before"]["ece"].as_f64(), "{kept:?}");
    assert_eq!(kept[0]["kept"]["number"], 1);
    let drawn = sure();
    assert!(drawn < own, "{drawn} is not below {own}");
    assert!(scene.run(["score", "great"]).ok().err.contains("drawn by a temperature of"));
    daemon.stop();
    // Without the daemon the store still says so; with it again, it is in use.
    assert_eq!(scene.json(["status"])[0]["calibration"], Value::Null, "no model is loaded");
    let daemon = scene.daemon();
    assert!((sure() - drawn).abs() < 1e-6);
    assert!(scene.run(["status"]).ok().out.contains("fitted on 60 texts of your own"));
    let reset = scene.run(["eval", "--calibrate", "--reset", "--as", "cco"]).ok();
    assert!(reset.out.contains("its own probabilities again"), "{reset:?}");
    assert!((sure() - own).abs() < 1e-6);
    scene.run(["eval", "--calibrate", "--reset", "--as", "cco"]).fails(1, &["no temperature of your own"]);
    daemon.stop();
}
