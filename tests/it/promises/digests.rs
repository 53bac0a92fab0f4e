//! P7: every number can be opened, and every mention is in one digest.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{ANGRY, Scene, World};

const DAILY: &str =
    "[[digests]]\nid = \"daily\"\nto = [\"cco\"]\nat = \"08:00\"\ntimezone = \"Europe/Berlin\"\n";

fn ids(volume: &Value) -> BTreeSet<String> {
    let lists = volume["ids"].as_array().expect("a list a polarity");
    lists
        .iter()
        .flat_map(|list| list.as_array().expect("ids"))
        .map(|id| id.as_str().expect("an id").to_owned())
        .collect()
}

fn total(volume: &Value) -> u64 {
    ["negative", "neutral", "positive", "unsure"]
        .iter()
        .map(|p| volume["counts"][p].as_u64().expect("a count"))
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_add_up_and_every_id_can_be_opened() {
    let mut world = World::start(Scene::new().with(DAILY)).await;
    for text in [
        ANGRY,
        "I love the Acme app, excellent",
        "The Acme app is out",
        "The Globex app crashed, terrible",
        "the globex app and the acme app",
        "Where is my receipt?",
        "love the Acme app, hate the Acme app",
    ] {
        world.says(text).await;
    }
    world.expect_mail_to("care", "High:");
    world.advance("1s").await;
    let digest = world.get("/api/v1/digests/daily").await.json();
    let all = ids(&digest["volume"]);
    assert_eq!((all.len(), total(&digest["volume"])), (8, 8), "{digest}");
    for lines in ["topics", "owners"] {
        let lines = digest[lines].as_array().expect("lines");
        let sum: u64 = lines.iter().map(|line| total(&line["volume"])).sum();
        assert_eq!(sum, 8);
        let united: BTreeSet<String> = lines.iter().flat_map(|line| ids(&line["volume"])).collect();
        assert_eq!(united, all);
    }
    let own = world.get("/api/v1/digests/daily?reader=care").await.json();
    assert_eq!(total(&own["volume"]), 5, "an owner's digest shows its own: {own}");
    assert!(ids(&own["volume"]).is_subset(&all));
    for id in &all {
        assert_eq!(world.get(&format!("/api/v1/mentions/{id}")).await.status, 200);
    }
    for id in digest["matters"]["opened"].as_array().expect("ids") {
        let path = format!("/api/v1/escalations/{}", id.as_str().expect("an id"));
        assert_eq!(world.get(&path).await.status, 200);
    }
    for matter in world.matters().await {
        world.act("care", matter.id, json!({ "action": "resolve" })).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_post_is_in_the_next_digest_and_in_no_two() {
    let mut world = World::start(Scene::new().at("2026-01-12T06:00:00Z").with(DAILY)).await;
    world.says("The Acme app").await;
    world.advance("90m").await;
    world.expect_mail_to("cco", "daily: 1 mention");
    world
        .push(&json!({ "text": "I love the Acme app, of last week", "created_at": "2026-01-11T10:00:00Z" }))
        .await;
    world.advance("24h").await;
    world.expect_mail_to("cco", "daily: 1 mention").says("of last week");
    world.advance("24h").await;
    world.expect_mail_to("cco", "daily: 0 mentions");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_change_to_summer_time_makes_no_gap_and_no_second_digest() {
    let mut world = World::start(Scene::new().at("2026-03-27T12:00:00Z").with(DAILY)).await;
    let mut said = 0;
    for (instant, hours) in
        [("2026-03-28T07:00:00Z", 19), ("2026-03-29T06:00:00Z", 23), ("2026-03-30T06:00:00Z", 24)]
    {
        for hour in 0..hours {
            said += 1;
            world.says(&format!("The Acme app at {hour} of the day, number {said}")).await;
            world.advance("1h").await;
        }
        assert_eq!(world.now(), instant.parse().expect("a time"));
        world.expect_mail_to("cco", &format!("daily: {hours} mentions"));
    }
    world.expect_nobody_told();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_off_are_one_digest_that_leaves_nothing_out() {
    let mut world = World::start(Scene::new().with(DAILY)).await;
    world.says("The Acme app").await;
    world.off_for("3d").await;
    world.expect_mail_to("cco", "daily: 1 mention");
    world.restart().await;
    world.advance("1d").await;
    world.expect_mail_to("cco", "daily: 0 mentions");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_answered_stands_in_every_digest_until_it_is_resolved() {
    let mut world = World::start(Scene::new().with(DAILY)).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "yours");
    world.advance("30m").await;
    world.expect_mail_to("lead", "yours");
    world.advance("5h").await;
    world.expect_mail_to("cco", "yours now");
    world.expect_mail_to("cco", "Nobody answered.");
    // Next morning the digest comes first, and the matter is overdue two hours later.
    world.advance("24h").await;
    world.expect_mail_to("cco", "Nobody answered 1 escalation in time").says("1 open");
    world.expect_mail_to("cco", "Overdue:");
    world.advance("24h").await;
    world.expect_mail_to("cco", "Nobody answered 1 escalation in time").says("1 open");
    world.resolve("cco").await;
    world.advance("24h").await;
    let last = world.expect_mail_to("cco", "Nothing is open now.");
    assert!(!last.words.contains("Nobody answered"), "{}", last.words);
    world.end().await;
}
