//! `earmark sources`: saved answers, terms, one look.

use earmark::source::{KINDS, Settings, kind, terms};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::commands::scene::{Ran, Scene, bare, fed};
use crate::support::fake_site::{FakeSite, Page};

const FEED: &str = "<rss version=\"2.0\"><channel><title>Acme</title>\
    <item><guid>1</guid><link>/1</link><title>One</title><description>&lt;b&gt;words&lt;/b&gt;</description></item>\
    <item><guid>2</guid></item></channel></rss>";

fn parse(file: &str, body: &str, args: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), body).unwrap();
    let mut command = bare(folder.path());
    Ran::of(command.args(["sources", "parse"]).args(args).arg(file)).ok().json()
}

#[test]
fn posts_and_rejects_of_a_saved_answer_are_printed_field_by_field() {
    let lines = parse("saved.xml", FEED, &["feed", "--url", "https://acme.example/feed"]);
    let version = lines[0]["version"].clone();
    assert_eq!(
        lines,
        [
            json!({ "id": "1", "version": version, "kind": "article", "url": "https://acme.example/1", "author": null,
                "created_at": null, "title": "One", "text": "words", "lang": null, "parent": null, "deleted": false }),
            json!({ "rejected": "malformed", "at": "entry 2" }),
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare(folder.path());
    command.args(["sources", "parse", "hacker_news", "-"]);
    let item = "{\"id\": 7, \"type\": \"comment\", \"time\": 1700000000, \"by\": \"ann\", \"text\": \"Acme\", \"parent\": 6}";
    let read = fed(command, item).ok();
    assert!(
        read.out.starts_with("{\"id\":\"7\",\"version\":\"")
            && read.out.contains("\"created_at\":\"2023-11-14T22:13:20Z\""),
        "{}",
        read.out
    );
}

#[test]
fn an_answer_without_posts_says_why() {
    let why = |kind: &str, body: &str, args: &[&str]| {
        let args: Vec<&str> = [kind].iter().chain(args).copied().collect();
        let lines = parse("saved", body, &args);
        assert_eq!((lines.len(), &lines[0]["at"]), (1, &json!("")), "{lines:?}");
        lines[0]["rejected"].as_str().unwrap().to_owned()
    };
    assert_eq!(why("feed", "<html></html>", &[]), "foreign_interface");
    assert_eq!(why("feed", "", &[]), "broken");
    assert_eq!(why("feed", "<rss><channel/></rss>", &[]), "no_posts_inside");
    assert_eq!(why("feed", FEED, &["--status", "503"]), "error_answer");
    assert_eq!(
        why("hacker_news", "{\"error\": \"Permission denied\"}", &["--header", "X-A: b"]),
        "error_answer"
    );
    assert_eq!(why("hacker_news", "{\"id\": 1, \"ty", &[]), "broken");
    let folder = tempfile::tempdir().unwrap();
    Ran::of(bare(folder.path()).args(["sources", "parse", "fead", "x"]))
        .fails(2, &["did you mean \"feed\"?"]);
    Ran::of(bare(folder.path()).args(["sources", "parse", "feed", "absent"])).fails(1, &["absent"]);
}

#[test]
fn no_kind_panics_on_what_is_no_answer_of_it() {
    let bodies: Vec<Vec<u8>> = vec![
        vec![],
        vec![0; 64],
        vec![0xff; 64],
        b"null".into(),
        b"true".into(),
        b"-1e999".into(),
        b"[[[[]]]]".into(),
        b"[null, 1, \"a\", {}]".into(),
        b"{\"id\": {}, \"short_id\": 1, \"hits\": {}, \"children\": 7, \"comments\": [[]], \"objectID\": \"x\"}".into(),
        b"{\"children\": [{\"children\": [null]}]}".into(),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into(),
        format!("{}{}", "{\"children\":[".repeat(50), "]}".repeat(50)).into(),
        FEED.into(),
        FEED.as_bytes()[..FEED.len() / 2].into(),
    ];
    let settings = Settings { id: "saved".into(), params: Value::Null };
    for kind in KINDS {
        let Some(parse) = kind.parse else { continue };
        for body in &bodies {
            for (status, url) in
                [(200, None), (200, Some("no address")), (404, Some("https://acme.example/")), (0, None)]
            {
                let answer = earmark::source::Answer { url, status, headers: &[], body };
                let parsed = parse(&answer, &settings).settled();
                assert_eq!(parsed.posts.is_empty(), parsed.nothing.is_some(), "{}", kind.name);
            }
        }
    }
}

#[test]
fn the_readme_shows_the_terms_as_the_command_prints_them() {
    let folder = tempfile::tempdir().unwrap();
    let printed = Ran::of(bare(folder.path()).args(["sources", "terms", "--markdown"])).ok().out;
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(
        readme.contains(printed.trim_end()),
        "README.md has another table of sources; put in what `earmark sources terms --markdown` prints:\n{printed}"
    );
    let listed = Ran::of(bare(folder.path()).args(["sources", "terms"])).ok().out;
    assert!(KINDS.iter().all(|kind| listed.contains(kind.about)), "{listed}");
    let objects = Ran::of(bare(folder.path()).args(["sources", "terms", "--json"])).ok().json();
    assert_eq!(objects.len(), KINDS.len());
    assert_eq!(objects[0]["kind"], KINDS[0].name);
}

#[test]
fn the_terms_of_a_kind_fit_a_screen_and_say_whose_word_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let earmark = |args: &[&str]| Ran::of(bare(folder.path()).args(["sources"]).args(args));
    let both = earmark(&["terms", "x", "reddit"]).ok().out;
    assert!(
        both.contains("https://docs.x.com/developer-terms/policy") && both.contains("Data API Wiki"),
        "{both}"
    );
    assert!(!both.contains("lobsters") && both.lines().count() <= 2 * 17, "{both}");
    let habit = earmark(&["terms", "discourse"]).ok().out;
    assert!(habit.contains("our habit; not confirmed"), "{habit}");
    assert_eq!(
        earmark(&["terms", "x", "--json"]).ok().json()[0]["document"],
        "https://docs.x.com/x-api/getting-started/pricing"
    );
    let table = earmark(&["terms", "x", "--markdown"]).ok().out;
    assert_eq!(table.lines().count(), 3, "{table}");
    earmark(&["terms", "redit"]).fails(2, &["redit", "did you mean \"reddit\"?"]);
}

#[test]
fn a_preset_is_printed_as_it_ships() {
    let folder = tempfile::tempdir().unwrap();
    let earmark = |args: &[&str]| Ran::of(bare(folder.path()).args(["sources", "preset"]).args(args));
    let listed = earmark(&[]).ok().out;
    assert_eq!(listed.lines().count(), 7, "{listed}");
    let text = earmark(&["freshdesk"]).ok().out;
    let table: toml::Table = text.parse().unwrap();
    assert!(table.contains_key("asks") && table["params"].get("fields").is_some(), "{text}");
    assert!(listed.contains(table["document"].as_str().unwrap()), "{listed}");
    assert_eq!(earmark(&["zendesk", "--json"]).ok().json()[0]["preset"], "zendesk");
    earmark(&["zendisk"]).fails(2, &["did you mean \"zendesk\"?"]);
}

#[test]
fn what_is_said_to_be_a_platforms_word_names_its_document() {
    for kind in KINDS {
        let terms = kind.terms;
        let words = terms.erase.iter().map(|erase| erase.word).chain([terms.budgets_word, terms.keep_word]);
        for word in words {
            let place = match word {
                terms::Word::Theirs(place) | terms::Word::Stricter(_, place) => place,
                terms::Word::Habit => continue,
            };
            assert!(place.url.starts_with("https://") && !place.title.is_empty(), "{}: {place:?}", kind.name);
        }
        let has_term = terms.keep_days.is_some();
        assert!(has_term || terms.keep_word == terms::Word::Habit, "{} keeps as long as we like", kind.name);
    }
}

#[test]
fn terms_say_what_people_must_know() {
    for kind in KINDS {
        let terms = kind.terms;
        assert!(!terms.sees.is_empty() && !terms.cannot.is_empty(), "{} hides something", kind.name);
        let foreign = terms.access != terms::Access::Own;
        // Of these two the place is whatever the settings name.
        assert!(
            !foreign || matches!(kind.name, "feed" | "json") || !terms.document.is_empty(),
            "{} has no document",
            kind.name
        );
        assert!(
            terms.budgets.iter().all(|budget| budget.requests > 0 && budget.seconds > 0),
            "{}",
            kind.name
        );
    }
}

#[test]
fn settings_outside_the_terms_are_refused() {
    let check = |name: &str, params: Value, keep| {
        let kind = kind(name).unwrap();
        terms::check(kind, &Settings { id: "one".into(), params }, keep).to_string()
    };
    let said = check("lobsters", json!({ "interval": "59s" }), None);
    assert!(said.contains("interval") && said.contains("60s"), "{said}");
    assert_eq!(said.lines().count(), 1, "said once: {said}");
    assert_eq!(check("lobsters", json!({ "interval": "60s" }), Some(SignedDuration::from_hours(24_000))), "");
    let here = json!({ "url": "http://127.0.0.1:8080/feed", "interval": "1s" });
    assert_eq!(check("feed", here, None), "", "this machine is ours to crowd");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_asked_once_and_nothing_is_stored() {
    let site = FakeSite::start().await;
    let words = "<rss version=\"2.0\"><channel><item><guid>1</guid><title>The Acme app \u{1b}[31mcrashed</title></item>\
                 <item><guid>2</guid><title>Weather</title></item><item/></channel></rss>";
    site.put("/feed", Page::of("application/rss+xml", words));
    let config = crate::commands::scene::CONFIG.to_owned()
        + &format!(
            "\n[[sources]]\nid = \"blog\"\nkind = \"feed\"\nparams = {{ url = \"{}\" }}\n",
            site.url("/feed")
        );
    let ran = tokio::task::spawn_blocking(move || {
        let scene = Scene::with(&config);
        let shown = scene.run(["sources", "test", "blog"]).ok();
        let posts = scene.json(["sources", "test", "blog"]);
        scene.run(["sources", "test", "blag"]).fails(1, &["blag", "blog"]);
        assert!(!scene.path("state").exists(), "nothing was stored");
        (shown, posts)
    });
    let (shown, posts) = ran.await.unwrap();
    assert!(!shown.out.contains('\u{1b}') && shown.out.contains("[acme-app]"), "{}", shown.out);
    assert!(shown.err.contains("2 posts, 1 of them on a topic, 1 rejected"), "{}", shown.err);
    let topics = |id: &str| posts.iter().find(|post| post["id"] == id).unwrap()["topics"].clone();
    assert_eq!((topics("1"), topics("2")), (json!(["acme-app"]), json!([])));
    assert_eq!(site.asked().len(), 2, "once a call");
}
