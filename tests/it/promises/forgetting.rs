//! P9: what has outlived its time is forgotten, and who answered for it is not.

use earmark::domain::escalation::State;
use serde_json::json;

use crate::world::{ANGRY, Scene, World};

async fn outlives(scene: Scene) {
    let mut world = World::start(scene).await;
    world.push(&json!({ "text": ANGRY, "author": "ann", "url": "https://help.acme.example/7" })).await;
    world.expect_mail_to("care", "This one is yours");
    world.acknowledge("care").await;
    world.resolve("care").await;
    world.advance("47h").await;
    assert_eq!(world.mentions().await[0].post().text, ANGRY, "its time is not over");
    world.advance("3h").await;
    let mention = world.mentions().await.remove(0);
    let post = mention.post();
    assert_eq!((post.text.as_str(), &post.author, &post.url), ("", &None, &None));
    assert!(mention.erased_at.is_some());
    assert_eq!(mention.owner.as_str(), "care", "who answered stays");
    assert!(mention.finding.escalation().is_some(), "what came of it stays");
    assert!(matches!(world.matter().await.state, State::Resolved { .. }));
    let rows = world.get("/api/v1/mentions").await.body;
    assert!(!rows.contains("crashed") && !rows.contains("ann\""), "{rows}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_ends_by_the_rule_of_its_topic() {
    outlives(Scene::new().instead("policy = \"standard\"\n", "policy = \"standard\"\nretention = \"2d\"\n"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_ends_by_the_rule_of_its_source() {
    outlives(Scene::new().instead("id = \"desk\"", "id = \"desk\"\nretention = \"2d\"")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_author_takes_back_is_forgotten_at_once() {
    let mut world = World::start(Scene::new().at("2026-01-18T12:00:00Z")).await;
    world.push(&json!({ "id": "7", "text": ANGRY, "author": "ann" })).await;
    world.push(&json!({ "id": "7", "deleted": true })).await;
    assert_eq!(world.mentions().await[0].post().text, "");
    // The mail that waited for the morning quotes nothing of it.
    world.advance("1d").await;
    let told = world.expect_mail_to("care", "yours");
    assert!(!told.words.contains("crashed"), "{}", told.words);
    let row = world.store().rows(None, 10_000).await.expect("they are read").rows;
    assert!(!format!("{row:?}").contains("crashed"), "no row quotes it");
    world.expect_mail_to("lead", "yours");
    world.read_all();
    world.resolve("lead").await;
    world.end().await;
}
