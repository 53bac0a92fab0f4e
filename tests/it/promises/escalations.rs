//! The rules by which a matter goes from one person to the next.

use earmark::domain::escalation::State;
use earmark::domain::notification::HoldReason;
use serde_json::json;

use crate::world::{ANGRY, Scene, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_passes_it_on_until_it_expires() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours").says("crashed again").says("High:");
    world.advance("29m").await;
    world.expect_nobody_told();
    world.advance("1m").await;
    world.expect_mail_to("lead", "Customer care was told on").says("It is yours now.");
    world.advance("1h").await;
    world.expect_mail_to("cco", "It is yours now.");
    world.advance("4h").await;
    world.expect_mail_to("cco", "Nobody answered.");
    let matter = world.matter().await;
    assert!(matches!(matter.state, State::Expired { .. }), "{matter:?}");
    assert_eq!(matter.accountable.as_str(), "cco");
    world.advance("19h").await;
    world.expect_mail_to("cco", "Overdue:");
    world.resolve("cco").await;
    world.advance("3d").await;
    assert!(matches!(world.matter().await.state, State::Resolved { .. }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_stops_the_steps_until_it_runs_out() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.advance("10m").await;
    world.acknowledge("care").await;
    world.advance("3h59m").await;
    world.expect_nobody_told();
    world.advance("1m").await;
    world.expect_mail_to("care", "it is open again");
    world.expect_mail_to("lead", "yours now");
    world.acknowledge("lead").await;
    world.resolve("lead").await;
    world.advance("2d").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_handed_over_is_told_to_who_has_it_now() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    let id = world.matter().await.id;
    let answer = world.act("care", id, json!({ "action": "reassign", "to": "lead" })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.expect_mail_to("lead", "This was handed to you");
    assert_eq!(world.matter().await.accountable.as_str(), "lead");
    let nobody = world.act("care", id, json!({ "action": "reassign", "to": "leed" })).await;
    assert_eq!(nobody.status, 409, "{}", nobody.body);
    assert!(nobody.body.contains("lead"), "it names the nearest: {}", nobody.body);
    world.resolve("lead").await;
    let again = world.act("care", id, json!({ "action": "acknowledge" })).await;
    assert_eq!(again.status, 409, "{}", again.body);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_runs_in_the_working_hours_of_whom_it_waits_for() {
    // Friday, a quarter of an hour before the end of work in Berlin.
    let mut world = World::start(Scene::new().at("2026-01-16T16:45:00Z")).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.advance_to("2026-01-19T07:14:59Z".parse().expect("a time")).await;
    // Overdue counts on the wall, but it is told when work begins.
    world.expect_mail_to("care", "Overdue:");
    world.expect_nobody_told();
    world.advance("1s").await;
    world.expect_mail_to("lead", "yours now");
    world.resolve("lead").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_falls_outside_hours_is_held_until_they_begin() {
    let mut world = World::start(Scene::new().at("2026-01-18T12:00:00Z")).await;
    world.says(ANGRY).await;
    world.expect_nobody_told();
    let hold = world.expect_hold(HoldReason::OutsideHours).await;
    assert_eq!(hold.until, "2026-01-19T07:00:00Z".parse().ok());
    world.advance_to("2026-01-19T06:59:59Z".parse().expect("a time")).await;
    world.expect_nobody_told();
    world.advance("1s").await;
    world.expect_mail_to("care", "This one is yours");
    world.advance("30m").await;
    world.expect_mail_to("lead", "yours now");
    world.resolve("lead").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_urgent_asks_nobody_for_the_hour() {
    let scene =
        Scene::new().at("2026-01-18T02:00:00Z").instead("severity = \"high\"", "severity = \"urgent\"");
    let mut world = World::start(scene).await;
    world.says(ANGRY).await;
    let told = world.expect_mail_to("care", "This one is yours");
    assert_eq!(told.mail.and_then(|mail| mail.header("importance")).as_deref(), Some("high"));
    world.advance("30m").await;
    world.expect_mail_to("lead", "yours now");
    world.resolve("lead").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_repeats_asks_everybody_again() {
    let scene = Scene::new().instead("acknowledgement_lasts", "repeat = 1\nacknowledgement_lasts");
    let mut world = World::start(scene).await;
    world.says(ANGRY).await;
    for _ in 0..2 {
        world.expect_mail_to("care", "It");
        world.advance("30m").await;
        world.expect_mail_to("lead", "yours now");
        world.advance("1h").await;
        world.expect_mail_to("cco", "yours now");
        world.advance("4h").await;
    }
    world.expect_mail_to("cco", "Nobody answered");
    world.resolve("cco").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_model_is_not_sure_of_reaches_a_person() {
    let mut world = World::start(Scene::new()).await;
    world.says("love the Acme app, hate the Acme app").await;
    world.expect_mail_to("care", "Low:").says("a person should look");
    assert_eq!(world.mentions().await[0].sentiment().polarity.as_str(), "unsure");
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_is_one_urgent_matter() {
    let scene = Scene::new().with(
        "[[triggers]]\nid = \"storm\"\nspike = { of = \"negative\", window = \"1h\", baseline = \"14d\", factor = 3.0, \
         at_least = 10 }\nseverity = \"urgent\"\n",
    );
    let mut world = World::start(scene).await;
    for n in 1..10 {
        world.says(&format!("{ANGRY} {n}")).await;
    }
    world.expect_mail_to("care", "High:");
    world.expect_nobody_told();
    world.says(&format!("{ANGRY} 10")).await;
    world.expect_mail_to("care", "Urgent:");
    for n in 11..40 {
        world.says(&format!("{ANGRY} {n}")).await;
    }
    world.expect_nobody_told();
    let matters = world.matters().await;
    assert_eq!(matters.iter().map(|matter| matter.mentions).collect::<Vec<_>>(), [39]);
    for matter in matters {
        let answer = world.act("care", matter.id, json!({ "action": "resolve" })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_matter_is_joined_for_an_hour_after_the_last_mention() {
    let mut world = World::start(Scene::new().instead("wait = \"30m\"", "wait = \"7h\"")).await;
    world.says(&format!("{ANGRY} 1")).await;
    world.expect_mail_to("care", "This one is yours");
    for n in 2..4 {
        world.advance("59m").await;
        world.says(&format!("{ANGRY} {n}")).await;
        world.expect_nobody_told();
    }
    world.advance("61m").await;
    world.says(&format!("{ANGRY} 4")).await;
    world.expect_mail_to("care", "This one is yours");
    let matters = world.matters().await;
    assert_eq!(matters.iter().map(|matter| matter.mentions).collect::<Vec<_>>(), [3, 1]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_joins_after_an_acknowledgement_is_told_bundled() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.acknowledge("care").await;
    for n in 1..4 {
        world.says(&format!("{ANGRY} {n}")).await;
        world.advance("2m").await;
    }
    world.advance("8m").await;
    world.expect_nobody_told();
    world.advance("1m").await;
    world.expect_mail_to("care", "3 more mentions joined the matter that you have in hand.");
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_makes_it_worse_starts_the_steps_again() {
    let scene = Scene::new().with(
        "[[triggers]]\nid = \"lawyer\"\nwhen = 'post.text.contains(\"lawyer\")'\nseverity = \"urgent\"\n",
    );
    let mut world = World::start(scene).await;
    world.push(&json!({ "id": "7", "text": ANGRY })).await;
    world.expect_mail_to("care", "This one is yours");
    world.acknowledge("care").await;
    world.push(&json!({ "id": "7", "text": format!("{ANGRY}. My lawyer will call") })).await;
    world.expect_mail_to("care", "It got worse");
    assert_eq!((world.matters().await.len(), world.mentions().await.len()), (1, 1));
    world.advance("30m").await;
    world.expect_mail_to("lead", "yours now");
    world.resolve("lead").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_holds_messages_while_the_steps_go_on() {
    let mut world = World::start(Scene::new()).await;
    let ask = json!({ "owner": "care", "lasts": "2h", "reason": "a release is rolling out" });
    assert_eq!(world.post("/api/v1/silences?as=care", &ask).await.status, 200);
    world.says(ANGRY).await;
    world.expect_nobody_told();
    let hold = world.expect_hold(HoldReason::Silenced).await;
    assert!(hold.silence.is_some());
    world.advance("30m").await;
    world.expect_mail_to("lead", "This one is yours");
    world.resolve("lead").await;
    world.advance("2h").await;
    world.says(&format!("{ANGRY} again")).await;
    world.expect_mail_to("care", "This one is yours");
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_channel_falls_to_the_next_and_then_to_the_next_step() {
    let mut world = World::start(Scene::new()).await;
    world.bury("care@acme.example");
    world.says(ANGRY).await;
    world.expect_hook("accountable").says("crashed again");
    world.expect_line("ops", "care-mail");
    world.advance("29m").await;
    world.expect_nobody_told();
    world.resolve("care").await;
    world.hooks_answer(410);
    world.says(&format!("{ANGRY} again")).await;
    // Nobody was reached before, so nobody is said to have been silent.
    world.expect_mail_to("lead", "This one is yours");
    world.expect_line("ops", "care-hook");
    world.expect_hold(HoldReason::NoChannel).await;
    assert_eq!(world.matter().await.accountable.as_str(), "lead");
    world.resolve("lead").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_jump_over_several_steps_takes_one() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.jump(jiff::SignedDuration::from_hours(12)).await;
    world.expect_mail_to("lead", "yours now");
    world.expect_nobody_told();
    world.advance("1h").await;
    world.expect_mail_to("cco", "yours now");
    world.resolve("cco").await;
    world.end().await;
}
