//! P8: what is explained beforehand is what happens.

use earmark::store::{NotificationFilter, Page};
use jiff::Timestamp;
use serde_json::json;

use crate::world::{ANGRY, Scene, World};

/// Asks, then lets it happen, and compares who was told when to the timetable.
async fn compare(at: &str, severity: &str) {
    let scene = Scene::new()
        .at(at)
        .instead("severity = \"high\"", &format!("severity = \"{severity}\""))
        .instead("acknowledgement_lasts", "repeat = 1\nacknowledgement_lasts");
    let mut world = World::start(scene).await;
    let trial = json!({ "text": ANGRY, "source": "desk", "site": "help.acme.example", "author": "ann" });
    let said = world.post("/api/v1/route", &trial).await.json();
    let would = &said["mentions"][0];
    world.says(ANGRY).await;
    let mention = world.mentions().await.pop().expect("a mention");
    let matter = world.matter().await;
    assert_eq!(would["topic"], mention.topic().as_str());
    assert_eq!(would["owner"], mention.owner.as_str());
    assert_eq!(would["routed_by"], mention.routed_by.as_str());
    assert_eq!(would["trigger"], matter.trigger.as_str());
    assert_eq!(would["why"], matter.why.as_str());
    assert_eq!(would["sentiment"]["polarity"], mention.sentiment().polarity.as_str());
    world.advance("14d").await;
    let rows = world.store().notifications(NotificationFilter::default(), Page::first(1_000)).await;
    let mut happened: Vec<(Timestamp, String)> =
        rows.expect("they are read").rows.iter().map(|row| (row.not_before, row.owner.to_string())).collect();
    happened.sort();
    let mut planned: Vec<(Timestamp, String)> = would["timetable"]
        .as_array()
        .expect("a timetable")
        .iter()
        .filter(|row| !row["channels"].as_array().is_none_or(Vec::is_empty))
        .map(|row| {
            let at = row["at"].as_str().expect("a time").parse().expect("a time");
            (at, row["owner"].as_str().expect("an owner").to_owned())
        })
        .collect();
    planned.sort();
    assert_eq!(planned, happened);
    assert!(planned.len() >= 7, "{planned:?}");
    world.read_all();
    world.resolve("cco").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timetable_is_what_happens_on_a_monday_morning() {
    compare("2026-01-12T09:00:00Z", "high").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timetable_is_what_happens_on_a_friday_night_over_summer_time() {
    compare("2026-03-27T20:00:00Z", "high").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timetable_is_what_happens_when_it_is_urgent() {
    compare("2026-01-18T03:00:00Z", "urgent").await;
}
