//! P2 and P3: nothing heard is lost, and nobody is told twice for one thing.

use serde_json::{Value, json};

use crate::support::fake_site::Page;
use crate::world::{ANGRY, Scene, World};

const BLOG: &str = "[[sources]]\nid = \"blog\"\nkind = \"feed\"\n\
    params = { url = \"{site}/feed.json\", interval = \"10m\", allow_private = true, kind = \"post\" }\n";

fn entry(id: &str, path: &str, title: &str, text: &str) -> Value {
    json!({
        "id": id, "url": format!("https://blog.example{path}"), "title": title, "content_text": text,
        "date_published": "2026-01-12T08:00:00Z",
    })
}

fn feed(entries: &[Value]) -> Page {
    let feed = json!({
        "version": "https://jsonfeed.org/version/1.1", "title": "Blog",
        "home_page_url": "https://blog.example/", "items": entries,
    });
    Page::of("application/feed+json", feed.to_string())
}

fn scene(entries: &[Value]) -> Scene {
    Scene::new().with(BLOG).page("/feed.json", feed(entries))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_feed_again_tells_nobody_again() {
    let mut world = World::start(scene(&[entry("1", "/1", "Acme", ANGRY)])).await;
    world.expect_mail_to("care", "This one is yours");
    world.acknowledge("care").await;
    world.advance("1h").await;
    world.restart().await;
    world.advance("1h").await;
    let mentions = world.mentions().await;
    assert_eq!((mentions.len(), mentions[0].revision), (1, 1));
    assert!(world.source("blog").await.cursor.is_some());
    assert!(world.site.asked().len() > 5, "it was looked at again and again");
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_is_a_new_version_and_no_second_mention() {
    let mut world = World::start(scene(&[entry("1", "/1", "Acme", ANGRY)])).await;
    world.expect_mail_to("care", "This one is yours");
    world.acknowledge("care").await;
    world.site.put("/feed.json", feed(&[entry("1", "/1", "Acme", &format!("{ANGRY}. Edit: still broken"))]));
    world.advance("20m").await;
    let mentions = world.mentions().await;
    assert_eq!((mentions.len(), mentions[0].revision), (1, 2));
    assert!(mentions[0].post().text.ends_with("still broken"));
    assert_eq!(world.matter().await.mentions, 1);
    world.expect_nobody_told();
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guid_that_changes_with_the_headline_is_the_same_post() {
    let mut world = World::start(scene(&[entry("acme-crashes", "/1", "Acme crashes", ANGRY)])).await;
    world.expect_mail_to("care", "This one is yours");
    world.acknowledge("care").await;
    world.site.put("/feed.json", feed(&[entry("acme-crashes-again", "/1", "Acme crashes again", ANGRY)]));
    world.advance("20m").await;
    let mentions = world.mentions().await;
    assert_eq!((mentions.len(), mentions[0].revision), (1, 2), "{mentions:#?}");
    assert_eq!(mentions[0].post().title.as_deref(), Some("Acme crashes again"));
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_guid_for_two_posts_loses_neither() {
    let other = "The Acme app broke my phone, awful, horrible, a disaster";
    let entries = [entry("blog", "/1", "One", ANGRY), entry("blog", "/2", "Two", other)];
    let mut world = World::start(scene(&entries)).await;
    world.expect_mail_to("care", "2 very negative");
    world.acknowledge("care").await;
    world.advance("30m").await;
    assert_eq!(world.mentions().await.len(), 2);
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_read_on_where_it_was_left() {
    let line =
        |n: u32| format!("{}\n", json!({ "id": n.to_string(), "text": format!("Acme app, line {n}") }));
    let scene = Scene::new().with(
        "[[sources]]\nid = \"tickets\"\nkind = \"file\"\n\
         params = { path = \"{folder}/tickets.jsonl\", interval = \"5m\" }\n",
    );
    let mut world = World::start(scene).await;
    std::fs::write(world.file("tickets.jsonl"), line(1) + &line(2)).expect("written");
    world.advance("10m").await;
    assert_eq!(world.mentions().await.len(), 2);
    world.off().await;
    std::fs::write(world.file("tickets.jsonl"), line(1) + &line(2) + &line(3)).expect("written");
    world.on().await;
    world.advance("10m").await;
    let mut texts: Vec<String> =
        world.mentions().await.iter().map(|mention| mention.post().text.clone()).collect();
    texts.sort();
    assert_eq!(texts, ["Acme app, line 1", "Acme app, line 2", "Acme app, line 3"]);
    assert_eq!(world.source("tickets").await.posts, 3, "no line was read twice");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_walk_goes_on_over_a_restart() {
    let item = |n: u32| {
        Page::of(
            "application/json",
            json!({ "id": n, "type": "comment", "by": "ann", "time": 1_768_208_000, "parent": 1,
                    "text": format!("The Acme app, number {n}") })
            .to_string(),
        )
    };
    let highest = |n: u32| Page::of("application/json", n.to_string());
    let mut scene = Scene::new().with(
        "[[sources]]\nid = \"hn\"\nkind = \"hacker_news\"\n\
         params = { base_url = \"{site}\", start = 3, interval = \"1m\", allow_private = true }\n",
    );
    for n in 1..=9 {
        scene = scene.page(&format!("/v0/item/{n}.json"), item(n));
    }
    scene = scene.page("/v0/maxitem.json", highest(5));
    let mut world = World::start(scene).await;
    world.advance("5m").await;
    let first = world.mentions().await.len();
    assert!(first >= 3, "{first}");
    world.off().await;
    world.site.put("/v0/maxitem.json", highest(9));
    world.on().await;
    world.advance("5m").await;
    let mut ids: Vec<String> =
        world.mentions().await.iter().map(|mention| mention.post().id.clone()).collect();
    ids.sort();
    assert_eq!(ids.len(), first + 4, "{ids:?}");
    ids.dedup();
    assert_eq!(ids.len(), first + 4, "each once: {ids:?}");
    world.end().await;
}
