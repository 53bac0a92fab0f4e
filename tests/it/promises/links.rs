//! Signed links of mails: looking is not acting, and each acts once.

use earmark::domain::escalation::State;

use crate::world::{ANGRY, Scene, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanner_that_opens_every_link_acknowledges_nothing() {
    let mut world = World::start(Scene::new()).await;
    world.says(ANGRY).await;
    let told = world.expect_mail_to("care", "I have it:");
    let [acknowledge, resolve] = told.links.as_slice() else { panic!("two links: {:?}", told.links) };
    for link in [acknowledge, resolve] {
        for method in ["GET", "HEAD", "GET"] {
            let answer = world.ask(method, link, &[], String::new()).await;
            assert_eq!(answer.status, 200);
        }
    }
    assert_eq!(world.matter().await.state, State::Open);

    let done = world.ask("POST", acknowledge, &[], String::new()).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let State::Acknowledged { by, .. } = world.matter().await.state else { panic!("it is acknowledged") };
    assert_eq!(by.as_str(), "care");
    let seen = world.matter().await.seen;
    let again = world.ask("POST", acknowledge, &[], String::new()).await;
    assert_eq!(again.status, 409, "{}", again.body);
    assert!(again.body.contains("used before"), "{}", again.body);
    assert_eq!(world.matter().await.seen, seen, "nothing was changed");
    world.restart().await;
    assert_eq!(world.ask("POST", acknowledge, &[], String::new()).await.status, 409, "nor after a restart");

    // A page elsewhere may send the button's request: the token is the proof.
    let done = world.ask("POST", resolve, &[("origin", "https://mail.example")], String::new()).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(matches!(world.matter().await.state, State::Resolved { .. }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_ran_out_or_was_forged_is_refused() {
    let scene = Scene::new().instead("resolve_within = \"24h\"", "resolve_within = \"30d\"");
    let mut world = World::start(scene).await;
    world.says(ANGRY).await;
    let told = world.expect_mail_to("care", "I have it:");
    let link = &told.links[0];
    let (body, signature) = link["/link/".len()..].split_once('.').expect("two parts");
    let swap = |text: &str| {
        let first = if text.starts_with('A') { 'B' } else { 'A' };
        format!("{first}{}", &text[1..])
    };
    for forged in [
        format!("/link/{}.{signature}", swap(body)),
        format!("/link/{body}.{}", swap(signature)),
        format!("/link/{body}."),
        format!("/link/{body}"),
        "/link/x".to_owned(),
    ] {
        for method in ["GET", "POST"] {
            assert_eq!(world.ask(method, &forged, &[], String::new()).await.status, 403, "{method} {forged}");
        }
    }
    world.acknowledge("cco").await;
    world.off_for("8d").await;
    world.read_all();
    for method in ["GET", "POST"] {
        let late = world.ask(method, link, &[], String::new()).await;
        assert_eq!(late.status, 403);
        assert!(late.body.contains("run out"), "{}", late.body);
    }
    world.resolve("cco").await;
    world.end().await;
}
