//! P5: every "no" has a reason that can be read afterwards.

use earmark::domain::mention::Finding;
use earmark::domain::notification::{Delivery, HoldReason};
use earmark::domain::source::SkipReason;
use earmark::store::{NotificationFilter, Page};
use serde_json::json;

use crate::world::{ANGRY, Scene, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mention_that_wakes_nobody_says_why() {
    // Divides by zero for a text of exactly 20 characters, which no made mention of the check has.
    let scene = Scene::new()
        .with("[[triggers]]\nid = \"odd\"\nwhen = '100 / (size(post.text) - 20) > 1000'\n")
        .with("[[digests]]\nid = \"daily\"\nto = [\"cco\"]\nat = \"20:00\"\n");
    let mut world = World::start(scene).await;
    world.says("I use the Acme app on my phone").await;
    world.says("The Globex app crashed, terrible, the worst").await;
    world.push(&json!({ "text": ANGRY, "created_at": "2026-01-02T09:00:00Z" })).await;
    world.says("Acme app, 20 letters").await;
    let quiet = json!({ "quiet": true, "posts": [post("1", ANGRY)] });
    assert_eq!(world.post("/api/v1/import", &quiet).await.status, 200);
    let mentions = world.mentions().await;
    let mut reasons: Vec<HoldReason> = mentions
        .iter()
        .map(|mention| match mention.finding {
            Finding::Held(reason) => reason,
            ref other => panic!("it woke somebody: {other:?}"),
        })
        .collect();
    reasons.sort();
    let expected = [
        HoldReason::NoTrigger,
        HoldReason::NoPolicy,
        HoldReason::RuleError,
        HoldReason::Imported,
        HoldReason::OldNews,
    ];
    assert_eq!(reasons, expected);
    world.advance("1s").await;
    world.expect_hold(HoldReason::NoPolicy).await;
    world.expect_hold(HoldReason::RuleError).await;
    world.expect_line("ops", "trigger odd");
    let digest = world.get("/api/v1/digests/daily").await.json();
    let held: Vec<&str> =
        digest["held"].as_array().expect("a list").iter().filter_map(|pair| pair[0].as_str()).collect();
    for reason in expected {
        assert!(held.contains(&reason.as_str()), "{reason:?} is not in the digest: {held:?}");
    }
    world.end().await;
}

fn post(id: &str, text: &str) -> serde_json::Value {
    json!({
        "source": "import", "site": "", "id": id, "version": "1", "kind": "post", "url": null, "author": null,
        "created_at": null, "title": null, "text": text, "lang": null, "parent": null, "reach": null,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_not_quiet_escalates() {
    let mut world = World::start(Scene::new()).await;
    let loud = json!({ "posts": [post("1", ANGRY)] });
    for _ in 0..2 {
        assert_eq!(world.post("/api/v1/import", &loud).await.status, 200);
    }
    world.expect_mail_to("care", "This one is yours");
    assert_eq!(world.mentions().await.len(), 1);
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_becomes_no_mention_is_counted_with_its_reason() {
    let scene = Scene::new().instead("id = \"desk\"", "id = \"desk\"\nours = false");
    let mut world = World::start(scene).await;
    world.says("Nothing about anybody").await;
    world.push(&json!({ "id": "1", "text": "The Acme app" })).await;
    world.push(&json!({ "id": "1", "text": "The Acme app" })).await;
    world.push(&json!({ "text": "The Acme app", "created_at": "2020-01-01T00:00:00Z" })).await;
    world.push(&json!({ "id": "never seen", "deleted": true })).await;
    let skipped = world.source("desk").await.skipped;
    for reason in [SkipReason::Unmatched, SkipReason::Duplicate, SkipReason::TooOld, SkipReason::Deleted] {
        assert_eq!(skipped.get(&reason), Some(&1), "{reason:?}: {skipped:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_not_due_any_more_is_dropped_with_its_reason() {
    let mut world = World::start(Scene::new().at("2026-01-18T12:00:00Z")).await;
    world.says(ANGRY).await;
    world.resolve("lead").await;
    world.advance("1d").await;
    world.expect_nobody_told();
    let rows = world.store().notifications(NotificationFilter::default(), Page::first(10)).await;
    let rows = rows.expect("they are read").rows;
    assert_eq!(rows.len(), 1);
    assert!(
        matches!(rows[0].delivery, Delivery::Dropped { reason: HoldReason::NoLongerDue, .. }),
        "{:?}",
        rows[0].delivery
    );
    world.expect_hold(HoldReason::NoLongerDue).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_is_no_worse_was_told_already() {
    let mut world = World::start(Scene::new()).await;
    world.push(&json!({ "id": "7", "text": ANGRY })).await;
    world.expect_mail_to("care", "This one is yours");
    world.push(&json!({ "id": "7", "text": format!("{ANGRY}!") })).await;
    world.expect_hold(HoldReason::AlreadyTold).await;
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_throttled_and_nothing_of_it_lost() {
    let scene = Scene::new().instead(
        "when = 'sentiment.score <= -0.6'\nseverity = \"high\"\ngroup_by = [\"topic\"]",
        "when = 'sentiment.score <= -0.6'\nseverity = \"high\"\ngroup_by = [\"author\"]",
    );
    let mut world = World::start(scene).await;
    let posts: Vec<_> =
        (0..70).map(|n| json!({ "text": format!("{ANGRY} {n}"), "author": format!("author {n}") })).collect();
    world.push(&json!(posts)).await;
    // A quarter of the minute is kept for what is urgent.
    world.advance("59s").await;
    for _ in 0..45 {
        world.expect_mail_to("care", "This one is yours");
    }
    world.expect_nobody_told();
    world.expect_hold(HoldReason::Throttled).await;
    world.advance("2m").await;
    for _ in 45..70 {
        world.expect_mail_to("care", "This one is yours");
    }
    assert_eq!(world.matters().await.len(), 70);
    world.end().await;
}
