//! A reload takes a configuration whole or not at all.

use crate::world::{ANGRY, Scene, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_configuration_keeps_the_old_one() {
    let mut world = World::start(Scene::new()).await;
    let good = world.toml().to_owned();
    for (of, bad) in [
        ("'\"acme app\" OR @acmeapp'", "'\"acme app\" OR ('"),
        ("sentiment.score <= -0.6", "sentiment.scrore <= -0.6"),
        ("kind = \"webhook\"", "kind = \"webhok\""),
        ("champion = \"cco\"", "champion = \"coc\""),
    ] {
        assert!(good.contains(of), "the scene has no {of}");
        let problems = world.reload(&good.replace(of, bad)).await.expect_err("it is bad");
        assert!(problems.has_faults(), "{problems}");
    }
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    world.resolve("care").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_configuration_holds_from_the_next_post_on() {
    let mut world = World::start(Scene::new()).await;
    world.says("The Initech app crashed, terrible, the worst").await;
    let more = format!(
        "{}[[topics]]\nid = \"initech\"\nquery = '\"initech app\"'\nowner = \"lead\"\npolicy = \"standard\"\n\
         [[sources]]\nid = \"shop\"\nkind = \"webhook\"\nparams = {{ secret = {{ file = \"{{folder}}/push.secret\" }} }}\n",
        world.toml()
    );
    world.reload(&more).await.expect("in order");
    let answer = world
        .push_to("shop", &serde_json::json!({ "text": "The Initech app crashed again, terrible, the worst" }))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    world.expect_mail_to("lead", "This one is yours");
    world.resolve("lead").await;
    let fewer = more.replace("id = \"shop\"", "id = \"store\"");
    world.reload(&fewer).await.expect("in order");
    assert_eq!(world.push_to("shop", &serde_json::json!({ "text": "late" })).await.status, 404);
    assert_eq!(world.push_to("store", &serde_json::json!({ "text": "in time" })).await.status, 202);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_matter_keeps_the_policy_it_was_opened_with() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    world.expect_mail_to("care", "This one is yours");
    let slower = world.toml().replace("wait = \"30m\"", "wait = \"2h\"");
    world.reload(&slower).await.expect("in order");
    world.advance("30m").await;
    world.expect_mail_to("lead", "yours now");
    world.resolve("lead").await;
    world.says(&format!("{ANGRY} again")).await;
    world.expect_mail_to("care", "This one is yours");
    world.advance("1h").await;
    world.expect_nobody_told();
    world.resolve("care").await;
    world.end().await;
}
