//! P4: deadlines survive, because they are rows and not tasks in memory.

use crate::world::{ANGRY, Scene, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_the_middle_of_a_wait_moves_no_step() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.advance("20m").await;
    world.restart().await;
    world.advance("9m").await;
    world.restart().await;
    world.expect_nobody_told();
    world.advance("1m").await;
    world.expect_mail_to("lead", "yours now");
    world.acknowledge("lead").await;
    world.restart().await;
    world.advance("3h59m").await;
    world.expect_nobody_told();
    world.advance("1m").await;
    world.expect_mail_to("lead", "it is open again");
    world.expect_mail_to("cco", "yours now");
    world.resolve("cco").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_days_off_are_one_step_and_not_five() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.off_for("3d").await;
    world.expect_mail_to("lead", "yours now");
    world.expect_nobody_told();
    world.advance("59m").await;
    world.expect_nobody_told();
    world.advance("1m").await;
    world.expect_mail_to("cco", "yours now");
    world.resolve("cco").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_held_over_a_restart_goes_out_when_hours_begin() {
    let mut world = World::start(Scene::new().at("2026-01-18T12:00:00Z")).await;
    world.says(ANGRY).await;
    world.off_for("12h").await;
    world.expect_nobody_told();
    world.advance_to("2026-01-19T07:00:00Z".parse().expect("a time")).await;
    world.expect_mail_to("care", "This one is yours");
    world.resolve("care").await;
    world.end().await;
}
