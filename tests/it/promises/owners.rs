//! P1: somebody always owns the moment, through reloads, absences and clocks that jump.

use jiff::SignedDuration;

use crate::world::{ANGRY, Scene, World};

const CARE: &str = r#"[[owners]]
id = "care"
name = "Customer care"
timezone = "Europe/Berlin"
hours = ["Mon-Fri 08:00-18:00"]
channels = ["care-mail", "care-hook"]
deputy = "lead"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_topic_claims_the_champion_owns() {
    let mut world = World::start(Scene::new()).await;
    world.says("I cannot find the receipt of last month").await;
    world.says("Your hotline is terrible, awful, the worst").await;
    for mention in world.mentions().await {
        assert_eq!((mention.topic().as_str(), mention.owner.as_str()), ("unclaimed", "cco"));
    }
    world.expect_nobody_told();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_a_reload_takes_away_leaves_nothing_behind() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    let without = world.toml().replace(CARE, "").replace("owner = \"care\"", "owner = \"lead\"");
    world.reload(&without).await.expect("in order");
    world.expect_owners().await;
    world.expect_mail_to("cco", "yours");
    let matter = world.matter().await;
    assert_eq!((matter.accountable.as_str(), matter.owner.as_str()), ("cco", "cco"));
    world.restart().await;
    world.expect_nobody_told();
    world.resolve("cco").await;
    world.says(&format!("{ANGRY} again")).await;
    world.expect_mail_to("lead", "This one is yours");
    world.resolve("lead").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_away_is_stood_in_for() {
    let absent = "channels = [\"care-mail\", \"care-hook\"]\nabsent = [{ from = \"2026-01-12\", to = \"2026-01-12\" }]";
    let scene = Scene::new().instead("channels = [\"care-mail\", \"care-hook\"]", absent);
    let mut world = World::start(scene).await;
    world.says(ANGRY).await;
    world.expect_mail_to("lead", "This one is yours");
    world.resolve("lead").await;
    let both = world.toml().replace(
        "channels = [\"lead-mail\"]",
        "channels = [\"lead-mail\"]\nabsent = [{ from = \"2026-01-12\", to = \"2026-01-12\" }]",
    );
    world.reload(&both).await.expect("in order");
    world.says(&format!("{ANGRY} again")).await;
    world.expect_mail_to("cco", "This one is yours");
    world.resolve("cco").await;
    world.advance("1d").await;
    world.says(&format!("{ANGRY} and again")).await;
    world.expect_mail_to("care", "This one is yours");
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_back_stops_no_step() {
    let mut world = World::start(Scene::new().instead("hours = [\"Mon-Fri 08:00-18:00\"]\n", "")).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.jump(SignedDuration::from_hours(-24 * 365)).await;
    world.expect_owners().await;
    world.advance("29m").await;
    world.expect_nobody_told();
    world.advance("1m").await;
    world.expect_mail_to("lead", "yours");
    world.resolve("lead").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_record_goes_on_when_the_clock_was_set_back_between_two_lives() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.advance("2m").await;
    world.off().await;
    let lines = |world: &World| {
        let text = std::fs::read_to_string(world.store_folder().join("audit.jsonl")).expect("it was written");
        text.lines().count()
    };
    let before = lines(&world);
    assert!(before >= 3, "recorded, opened, sent: {before}");
    world.set(SignedDuration::from_hours(-1));
    world.on().await;
    world.resolve("care").await;
    world.advance("2m").await;
    assert!(lines(&world) > before, "the second life's entries are copied too");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn summer_time_moves_no_deadline_out_of_hours() {
    // The Friday before the change to summer time, a quarter of an hour before the end of work.
    let scene = Scene::new()
        .at("2026-03-27T16:45:00Z")
        .instead("resolve_within = \"24h\"", "resolve_within = \"14d\"");
    let mut world = World::start(scene).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.advance_to("2026-03-30T06:14:59Z".parse().expect("a time")).await;
    world.expect_nobody_told();
    world.advance("1s").await;
    world.expect_mail_to("lead", "yours now");
    world.resolve("lead").await;
    world.end().await;
}
