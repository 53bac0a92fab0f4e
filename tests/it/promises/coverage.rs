//! P6: blind spots are reported.

use serde_json::json;

use crate::support::fake_site::Page;
use crate::world::{Scene, World};

const SCENE: &str = "[[digests]]\nid = \"daily\"\nto = [\"cco\"]\nat = \"20:00\"\n\
    [[sources]]\nid = \"blog\"\nkind = \"feed\"\n\
    params = { url = \"{site}/feed.json\", interval = \"5m\", allow_private = true }\n";

fn feed(ids: &[u32]) -> Page {
    let items: Vec<_> = ids
        .iter()
        .map(|n| json!({ "id": n.to_string(), "url": format!("https://blog.example/{n}"), "content_text": "Acme app" }))
        .collect();
    let feed = json!({ "version": "https://jsonfeed.org/version/1.1", "title": "Blog", "items": items });
    Page::of("application/feed+json", feed.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sick_source_is_told_once_and_once_when_it_is_well() {
    let mut world = World::start(Scene::new().with(SCENE).page("/feed.json", feed(&[1, 2]))).await;
    world.advance("10m").await;
    world.site.put("/feed.json", Page::new(500));
    world.advance("10m").await;
    world.expect_nobody_told();
    world.advance("1h").await;
    world.expect_line("ops", "source_sick").says("blog");
    // Short enough that the back-off, whatever its jitter, ends within the four hours below.
    world.advance("1h").await;
    world.restart().await;
    world.expect_nobody_told();
    let digest = world.get("/api/v1/digests/daily?format=text").await.body;
    assert!(digest.contains("blog: cannot be read since"), "{digest}");
    let page = world.get("/").await.body;
    assert!(page.contains("cannot be read since"), "{page}");
    world.site.put("/feed.json", feed(&[1, 2, 3]));
    world.advance("4h").await;
    world.expect_line("ops", "source_well");
    assert_eq!(world.mentions().await.len(), 3);
    world.advance("6h").await;
    world.expect_mail_to("cco", "WHAT WE COULD NOT SEE").says("Nothing that we know of");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hiccup_is_nobodys_business() {
    let mut world = World::start(Scene::new().with(SCENE).page("/feed.json", feed(&[1, 2]))).await;
    for _ in 0..3 {
        world.site.put("/feed.json", Page::new(503));
        world.advance("8m").await;
        world.site.put("/feed.json", feed(&[1, 2]));
        world.advance("30m").await;
    }
    world.expect_nobody_told();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passed_unseen_while_the_daemon_was_off_stands_in_the_digest() {
    let mut world = World::start(Scene::new().with(SCENE).page("/feed.json", feed(&[1, 2]))).await;
    world.off().await;
    world.site.put("/feed.json", feed(&[8, 9]));
    world.set(jiff::SignedDuration::from_hours(6));
    world.on().await;
    let digest = world.get("/api/v1/digests/daily").await.json();
    let blog = digest["coverage"].as_array().expect("a list").iter().find(|watch| watch["source"] == "blog");
    let gaps = blog.expect("the source is there")["gaps"].as_array().expect("a list").clone();
    assert_eq!(gaps.len(), 1, "{digest}");
    assert_eq!(gaps[0]["cause"], "overrun");
    assert_eq!(gaps[0]["from"], "2026-01-12T09:00:00Z");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_somebody_mended_is_asked_at_once_and_one_that_is_gone_is_not_blind() {
    let scene =
        Scene::new().with(&SCENE.replace("/feed.json", "/fed.json")).page("/feed.json", feed(&[1, 2]));
    let mut world = World::start(scene).await;
    world.advance("10m").await;
    assert_eq!(world.mentions().await.len(), 0);
    assert!(world.source("blog").await.failing_since.is_some());
    let mended = world.toml().replace("/fed.json", "/feed.json");
    world.reload(&mended).await.expect("in order");
    assert_eq!(world.mentions().await.len(), 2, "a person's remedy shows at once");
    world.site.put("/feed.json", Page::new(410));
    world.advance("10m").await;
    let text = "/api/v1/digests/daily?format=text";
    assert!(world.get(text).await.body.contains("blog: cannot be read since"));
    let without = mended.split("[[sources]]\nid = \"blog\"").next().expect("the part before").to_owned();
    world.reload(&without).await.expect("in order");
    let body = world.get(text).await.body;
    assert!(!body.contains("blog"), "{body}");
    world.read_all();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_that_was_read_through_afterwards_is_in_the_ledger_and_nothing_is_missing() {
    let mut world = World::start(Scene::new().with(SCENE).page("/feed.json", feed(&[1, 2]))).await;
    world.advance("10m").await;
    world.site.put("/feed.json", Page::new(503));
    world.advance("2h").await;
    world.expect_line("ops", "source_sick");
    world.site.put("/feed.json", feed(&[1, 2, 3]));
    // Longer than the back-off of two hours of failures, whatever its jitter.
    world.advance("4h").await;
    world.expect_line("ops", "source_well");
    let status = world.get("/api/v1/status").await.json();
    let gaps = status["gaps"].as_array().expect("a list").clone();
    assert_eq!(gaps.len(), 1, "{gaps:#?}");
    assert_eq!((&gaps[0]["source"], &gaps[0]["cause"]), (&json!("blog"), &json!("source_failed")));
    assert!(gaps[0]["repaired_at"].is_string() && gaps[0]["repaired_at"] == gaps[0]["until"], "{gaps:#?}");
    let coverage = status["coverage"].as_array().expect("a list");
    let blog = coverage.iter().find(|one| one["source"] == "blog").expect("it is watched");
    assert_eq!((&blog["behind_seconds"], &blog["quiet_since"]), (&json!(null), &json!(null)));
    let text = world.get("/api/v1/digests/daily?format=text").await.body;
    assert!(text.contains("Nothing that we know of") && text.contains("has been read afterwards"), "{text}");
    let page = world.get("/").await.body;
    assert!(page.contains("it gave no answer; read afterwards"), "{page}");
    let metrics = world.get("/metrics").await.body;
    assert!(metrics.contains("earmark_source_behind_seconds{source=\"blog\"} 0"), "{metrics}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_pushes_finds_nobody_while_the_daemon_is_off_and_a_restart_is_no_stretch() {
    let mut world = World::start(Scene::new()).await;
    world.says("nothing much").await;
    world.restart().await;
    world.off_for("6h").await;
    let gaps = world.get("/api/v1/status").await.json()["gaps"].clone();
    assert_eq!(gaps.as_array().map(Vec::len), Some(1), "{gaps:#}");
    let expected = json!({ "source": "desk", "from": "2026-01-12T09:00:00Z", "until": "2026-01-12T15:00:00Z",
        "cause": "daemon_off", "detail": "" });
    assert_eq!(gaps[0], expected);
    let page = world.get("/").await.body;
    assert!(
        page.contains("earmark did not run; <span class=\"bad\">what was said then is missing"),
        "{page}"
    );
    world.read_all();
    world.end().await;
}

/// The newest posts of a community, and where a Lemmy server shows them.
fn community(name: &str, posts: &[(u32, &str)]) -> (String, Page) {
    let path = format!(
        "/api/v4/post/list?sort=new&limit=50&type_=all&community_name={name}&community_name_or_id={name}"
    );
    let items: Vec<_> = posts
        .iter()
        .map(|(id, at)| {
            json!({ "post": { "id": id, "name": format!("Post {id}"), "body": "Acme app", "published_at": at,
                    "ap_id": format!("https://forum.example/post/{id}") },
                "creator": { "id": 1, "name": "ann", "actor_id": "https://forum.example/u/ann" },
                "community": { "id": 2, "name": name, "title": name } })
        })
        .collect();
    (path, Page::of("application/json", json!({ "items": items, "next_page": null }).to_string()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_fails_beside_others_is_told_as_a_part_until_it_is_read_again() {
    const FORUM: &str = "[[digests]]\nid = \"daily\"\nto = [\"cco\"]\nat = \"20:00\"\n\
        [[sources]]\nid = \"forum\"\nkind = \"lemmy\"\n\
        params = { server = \"{site}\", communities = [\"talk\", \"desk\"], comments = false, interval = \"5m\", \
        allow_private = true }\n";
    let old = "2026-01-12T08:00:00Z";
    let (talk, first) = community("talk", &[(1, old)]);
    let (desk, second) = community("desk", &[(2, old)]);
    let scene = Scene::new().with(FORUM).page(&talk, first).page(&desk, second);
    let mut world = World::start(scene).await;
    world.advance("10m").await;
    assert_eq!(world.mentions().await.len(), 2);
    assert!(world.source("forum").await.unread.is_empty());

    world.site.put(&talk, community("talk", &[(3, "2026-01-12T09:12:00Z"), (1, old)]).1);
    world.site.put(&desk, Page::new(404));
    world.advance("1h").await;
    assert_eq!(world.mentions().await.len(), 3, "the other list is read as ever");
    world.expect_line("ops", "source_in_part").says("posts of desk");
    let source = world.source("forum").await;
    assert_eq!((source.failing_since, source.failures), (None, 0));
    let [part] = &source.unread[..] else { panic!("{:?}", source.unread) };
    assert!(part.trouble.part == "posts of desk" && part.trouble.what.contains("404"), "{part:?}");
    assert!(part.looks > 2 && source.fetched_through < Some(part.since), "{source:?}");
    let status = world.get("/api/v1/status").await.json();
    let find = |list: &str, key: &str| {
        let rows = status[list].as_array().expect("a list").clone();
        rows.into_iter().find(|row| row[key] == "forum").expect("it is there")
    };
    assert_eq!(find("coverage", "source")["in_part_since"], json!(part.since));
    assert_eq!(find("sources", "id")["unread"][0]["part"], "posts of desk");
    let page = world.get("/").await.body;
    assert!(page.contains("is read in part") && page.contains("posts of desk"), "{page}");
    let text = world.get("/api/v1/digests/daily?format=text").await.body;
    assert!(text.contains("forum: is read in part since"), "{text}");

    world.restart().await;
    world.expect_nobody_told();
    let missed = "2026-01-12T09:30:00Z";
    world.site.put(&desk, community("desk", &[(4, missed), (2, old)]).1);
    world.advance("1h").await;
    world.expect_line("ops", "source_well");
    assert_eq!(world.mentions().await.len(), 4, "what was missed is read");
    assert!(world.source("forum").await.unread.is_empty());
    let gaps = world.get("/api/v1/status").await.json()["gaps"].clone();
    assert_eq!(gaps.as_array().map(Vec::len), Some(1), "{gaps:#}");
    let gap = &gaps[0];
    assert_eq!((&gap["source"], &gap["cause"]), (&json!("forum"), &json!("source_failed")));
    assert_eq!(gap["from"], json!(source.fetched_through), "nothing of it was read up to later");
    assert!(gap["detail"].as_str().is_some_and(|detail| detail.starts_with("posts of desk: ")), "{gap}");
    assert!(gap["repaired_at"].is_string() && gap["repaired_at"] == gap["until"], "{gap}");
    let page = world.get("/").await.body;
    assert!(!page.contains("is read in part"), "{page}");
    world.end().await;
}
