//! P9: what has outlived its time is forgotten, and who answered for it is not.

use earmark::domain::erasure::ErasedFor;
use earmark::domain::escalation::State;
use earmark::domain::event::{Actor, What};
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
    assert_eq!(mention.erased_for, Some(ErasedFor::Retention));
    let events = world.store().events(None, 1_000).await.expect("they are read");
    let is_erased = |what: &What| matches!(what, What::Erased { reason: Some(ErasedFor::Retention), .. });
    assert_eq!(events.iter().filter(|entry| is_erased(&entry.event.what)).count(), 1);
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
    let mention = world.mentions().await.remove(0);
    assert_eq!(mention.post().text, "");
    let page = world.get(&format!("/mentions/{}", mention.id())).await.body;
    assert!(page.contains("its author deleted it"), "{page}");
    // The mail that waited for the morning quotes nothing of it.
    world.advance("1d").await;
    let told = world.expect_mail_to("care", "yours");
    assert!(!told.words.contains("crashed"), "{}", told.words);
    told.says("its author deleted it");
    let row = world.store().rows(None, 10_000).await.expect("they are read").rows;
    assert!(!format!("{row:?}").contains("crashed"), "no row quotes it");
    world.expect_mail_to("lead", "yours");
    world.read_all();
    world.resolve("lead").await;
    world.end().await;
}

const DAILY: &str = "[[digests]]\nid = \"daily\"\nto = [\"cco\"]\nat = \"08:00\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forgotten_on_request_stays_counted_and_does_not_come_again() {
    let mut world = World::start(Scene::new().with(DAILY)).await;
    world
        .push(&json!({ "id": "1", "text": ANGRY, "author": "Ann", "url": "https://help.acme.example/1" }))
        .await;
    world.expect_mail_to("care", "This one is yours").says("crashed");
    world.push(&json!({ "id": "2", "text": "I love the Acme app", "author": "bo" })).await;
    let ask = json!({ "author": "@ann", "site": "help.acme.example" });
    for (who, status) in [("care", 403), ("who", 400), ("cco", 200), ("ops", 200)] {
        let answer = world.post(&format!("/api/v1/forget?as={who}"), &ask).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.body);
        if who == "cco" {
            let said = answer.json();
            assert_eq!((&said["mentions"], &said["sent"]["email"]), (&json!(1), &json!(1)), "{said}");
            assert!(
                said["out_of_reach"][0].as_str().is_some_and(|said| said.contains("1 email message")),
                "{said}"
            );
        }
    }
    for (ask, status) in [
        (json!({}), 400),
        (json!({ "author": "ann", "url": "help.acme.example/1" }), 400),
        (json!({ "id": "01890000-0000-7000-8000-000000000000" }), 404),
        (json!({ "name": "ann" }), 422),
    ] {
        assert_eq!(world.post("/api/v1/forget", &ask).await.status, status, "{ask}");
    }
    // Pushed again, under another number: it is not taken in, and nobody is told.
    world.push(&json!({ "id": "9", "text": ANGRY, "author": "ANN" })).await;
    assert_eq!(world.mentions().await.len(), 2);
    world.expect_nobody_told();
    world.advance("1m").await;
    let digest = world.get("/api/v1/digests/daily").await.json();
    let counts = digest["volume"]["counts"].as_object().expect("counts");
    assert_eq!(counts.values().filter_map(serde_json::Value::as_u64).sum::<u64>(), 2, "{digest}");
    let matter = world.matter().await;
    let page = world.get(&format!("/escalations/{}", matter.id)).await.body;
    assert!(page.contains("forgotten on request") && !page.contains("crashed"), "{page}");
    let events = world.store().events(None, 1_000).await.expect("they are read");
    let asked: Vec<_> = events
        .iter()
        .filter(|entry| matches!(entry.event.what, What::Forgot { .. }))
        .map(|entry| (entry.event.by.clone(), entry.event.what.clone()))
        .collect();
    let said = |mentions, sent| What::Forgot { mentions, inbox: 0, queued: 0, sent };
    let owner = |name: &str| Actor::Owner(name.into());
    assert_eq!(asked, [(owner("cco"), said(1, 1)), (owner("ops"), said(0, 0))]);
    let rows = world.store().rows(None, 10_000).await.expect("they are read").rows;
    let rows = serde_json::to_string(&rows).expect("plain data").to_lowercase();
    assert!(!rows.contains("crashed") && !rows.contains("\"ann\"") && !rows.contains("example/1"), "{rows}");
    world.resolve("care").await;
    world.end().await;
}
