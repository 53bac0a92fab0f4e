//! `earmark store`: what goes out comes back in, and nothing touches a store in use.

use std::ffi::OsStr;

use super::scene::Scene;

#[test]
fn an_export_comes_back_whole() {
    let old = Scene::with_posts();
    let (file, again) = (old.path("backup.jsonl"), old.path("again.jsonl"));
    let ran = old.run([OsStr::new("store"), OsStr::new("export"), file.as_os_str()]).ok();
    assert!(ran.err.contains("rows in"), "{ran:?}");
    let rows = std::fs::read_to_string(&file).unwrap();
    assert!(rows.lines().count() > 10, "{rows}");
    assert_eq!(old.run(["store", "export", "-"]).ok().out, rows);

    let new = Scene::new();
    let import = [OsStr::new("store"), OsStr::new("import"), file.as_os_str()];
    new.run(import).ok();
    assert_eq!(new.json(["store", "verify"])[0]["faults"], serde_json::json!([]));
    new.run([OsStr::new("store"), OsStr::new("export"), again.as_os_str()]).ok();
    assert_eq!(std::fs::read_to_string(&again).unwrap(), rows);
    assert_eq!(new.json(["escalations"]), old.json(["escalations"]));
    // Twice would mix two stores.
    new.run(import).fails(1, &["is not empty", "move"]);

    let mut torn = rows.clone();
    torn.truncate(rows.len() - 10);
    let torn = old.write("torn.jsonl", &torn);
    let ran = Scene::new().run([OsStr::new("store"), OsStr::new("import"), torn.as_os_str()]);
    ran.fails(1, &["torn.jsonl", &format!("line {}", rows.lines().count())]);
}

#[test]
fn a_failed_export_leaves_nothing_behind() {
    let scene = Scene::with_posts();
    scene.run(["store", "export", "none/backup.jsonl"]).fails(1, &["none/backup.partial", "store export -"]);
    std::fs::create_dir_all(scene.path("taken/below")).unwrap();
    scene.run(["store", "export", "taken"]).fails(1, &["taken"]);
    assert!(!scene.path("taken.partial").exists());
}

#[test]
fn compacting_keeps_every_row() {
    let scene = Scene::with_posts();
    let before = scene.run(["store", "export", "-"]).ok().out;
    let said = scene.json(["store", "compact"]);
    assert!(said[0]["bytes_after"].as_u64().unwrap() < said[0]["bytes_before"].as_u64().unwrap(), "{said:?}");
    assert_eq!(scene.run(["store", "export", "-"]).ok().out, before);
    scene.run(["store", "verify"]).ok();
    let ran = Scene::new().run(["store", "compact"]);
    ran.fails(1, &["no such folder"]);
}

#[test]
fn a_store_in_use_is_left_alone() {
    let scene = Scene::new();
    let daemon = scene.daemon();
    scene.import_posts();
    let file = scene.write("backup.jsonl", &scene.run(["store", "export", "-"]).ok().out);
    for what in [&["import", file.to_str().unwrap()][..], &["compact"]] {
        scene
            .run([&["store"], what].concat())
            .fails(1, &["a daemon has the store", "systemctl stop earmark"]);
    }
    scene.run(["store", "verify"]).ok();
    daemon.stop();
}
