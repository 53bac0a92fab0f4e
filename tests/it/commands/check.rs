//! `earmark check` and `earmark init`.

use super::scene::{CONFIG, Ran, Scene, bare};
use crate::support::fake_site::{FakeSite, Page};

#[test]
fn what_is_in_order_is_said_in_a_line() {
    let scene = Scene::new();
    let ran = scene.run(["check"]).ok();
    assert_eq!(ran.out, "", "faults are what was asked for, and there is none");
    assert!(ran.err.contains("1 topic, 2 owners, 1 source, 2 channels: in order"), "{ran:?}");
}

#[test]
fn every_fault_is_said_at_once_with_its_line() {
    let broken = CONFIG
        .replace("query = '\"acme app\"'", "query = '\"acme app'")
        .replace("kind = \"file\"\nparams = { path = \"cco.jsonl\" }", "kind = \"pigeon\"")
        .replace("deputy = \"cco\"", "deputy = \"nobody\"")
        .replace("champion = \"cco\"", "champion = \"caco\"");
    let scene = Scene::with(&broken);
    let ran = scene.run(["check"]).fails(78, &["pigeon", "nobody", "query", "caco"]);
    let line = |of: &str| broken.lines().position(|line| line.contains(of)).unwrap() + 1;
    let topic = format!("earmark.toml:{}", line("[[topics]]"));
    assert!(
        ran.out.contains(&topic) || ran.out.contains(&format!("earmark.toml:{}", line("query ="))),
        "{ran:#?}"
    );
    assert!(ran.err.contains("4 faults"), "{ran:#?}");
    let said = Ran::of(&mut scene.earmark(["check", "--json"])).fails(78, &[]).json();
    assert_eq!(said.len(), 4, "{said:#?}");
    assert!(said.iter().all(|one| one["severity"] == "error"), "{said:#?}");
    assert!(said.iter().all(|one| one["place"].as_str().unwrap().starts_with("earmark.toml:")), "{said:#?}");
    // Nothing else starts with it either.
    scene.run(["status"]).fails(78, &["nobody"]);
    scene.run(["run"]).fails(78, &["nobody"]);
    scene.write("earmark.toml", &CONFIG.replace("query = '\"acme app\"'", "query = '\"acme app'"));
    scene.run(["run"]).fails(78, &["topics[\"acme-app\"].query"]);
}

#[test]
fn a_test_that_fails_is_no_fault_of_the_configuration() {
    let tests = r#"
[[tests]]
text = "The Acme app crashed again, worst update ever"
expect = { topic = "acme-app", owner = "care", polarity = "negative" }
[[tests]]
text = "The Acme app is great"
expect = { topic = "acme-app", owner = "cco" }
"#;
    let scene = Scene::with(&format!("{CONFIG}{tests}"));
    let ran = scene.run(["check"]).fails(1, &["test 2: expected owner cco, found care"]);
    assert!(!ran.out.contains("test 1"), "{ran:?}");
    scene.run(["check", "--no-tests"]).ok();
    let said = Ran::of(&mut scene.earmark(["check", "--json"])).fails(1, &[]).json();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0]["test"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_asks_every_source_and_channel_once() {
    let site = FakeSite::start().await;
    let feed = r#"<rss version="2.0"><channel><title>t</title><item><guid>1</guid><title>Acme app</title></item></channel></rss>"#;
    site.put("/feed.xml", Page::of("application/rss+xml", feed));
    let sources = format!(
        "\n[[sources]]\nid = \"news\"\nkind = \"feed\"\nparams = {{ url = \"{0}/feed.xml\" }}\n\n[[sources]]\nid = \"gone\"\nkind = \"feed\"\nparams = {{ url = \"{0}/gone.xml\" }}\n",
        site.url("")
    );
    let reviews =
        |country: &str| format!("/{country}/rss/customerreviews/page=1/id=7/sortby=mostrecent/json");
    site.put(
        &reviews("de"),
        Page::of("text/javascript", r#"{"feed":{"title":{"label":"Customer Reviews"}}}"#),
    );
    let stores = format!(
        "\n[[sources]]\nid = \"stores\"\nkind = \"app_store\"\nparams = {{ app = \"7\", countries = [\"de\", \"us\"], base_url = \"{0}\", allow_private = true }}\n",
        site.url("")
    );
    let scene = Scene::with(&format!("{CONFIG}{sources}{stores}"));
    let ran = tokio::task::spawn_blocking(move || scene.run(["check", "--live"])).await.unwrap();
    assert!(ran.out.contains("source stores: answers, 0 posts now; it is read in part: us: "), "{ran:#?}");
    let ran = ran.fails(1, &["source news: answers, 1 posts now", "channel cco-inbox", "channel care-inbox"]);
    assert!(ran.out.lines().any(|line| line.starts_with("source gone:") && line.contains("404")), "{ran:#?}");
}

#[test]
fn what_init_writes_is_in_order() {
    let scene = Scene::new();
    let starter = Ran::of(bare(scene.folder.path()).arg("init")).ok().out;
    assert!(starter.contains("[[owners]]"));
    let path = scene.write("starter.toml", &starter);
    // The word list stands in for the model, which a checkout may not have.
    let mut check = bare(scene.folder.path());
    check.arg("--config").arg(&path).arg("check").env("EARMARK__SENTIMENT__CLASSIFIER", "word_list");
    let ran = Ran::of(&mut check).ok();
    assert!(ran.err.contains("in order") && ran.err.contains("1 test run"), "{ran:?}");
    // A file that is there is left alone.
    let ran = Ran::of(bare(scene.folder.path()).args(["init", "starter.toml"]));
    ran.fails(1, &["starter.toml", "exists"]);
    Ran::of(bare(scene.folder.path()).args(["init", "new.toml"])).ok();
    assert_eq!(std::fs::read_to_string(scene.path("new.toml")).unwrap().trim(), starter.trim());
}

#[test]
fn the_configuration_is_looked_for_in_its_places() {
    let scene = Scene::new();
    let folder = scene.folder.path();
    let none = Ran::of(bare(folder).arg("check"));
    // A machine where earmark is installed has one for everybody.
    if !std::path::Path::new("/etc/earmark/earmark.toml").exists() {
        none.fails(1, &["/etc/earmark/earmark.toml", ".config/earmark/earmark.toml", "earmark init"]);
        std::fs::create_dir(scene.path("config")).unwrap();
        scene.write("config/earmark.toml", CONFIG);
        Ran::of(bare(folder).arg("check")).ok();
        std::fs::create_dir_all(scene.path(".config/earmark")).unwrap();
        scene.write(".config/earmark/earmark.toml", "champion = 1");
        Ran::of(bare(folder).arg("check")).fails(78, &["champion"]);
    }
    Ran::of(bare(folder).arg("check").env("EARMARK_CONFIG", "earmark.toml")).ok();
    Ran::of(bare(folder).args(["check", "--config", "none.toml"])).fails(78, &["none.toml"]);
}
