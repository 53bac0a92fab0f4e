//! The web: who may come in, what the overview shows, what foreign text may do to a page.

use serde_json::json;

use crate::world::{ANGRY, Scene, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overview_shows_what_is_open() {
    let mut world = World::start(Scene::new()).await;
    assert!(world.get("/").await.body.contains("No escalation is open"));
    world.says(ANGRY).await;
    world.expect_mail_to("care", "yours");
    let page = world.get("/").await;
    assert_eq!(page.status, 200);
    let id = world.matter().await.id;
    for part in ["Acme app", "Customer care", "High severity", "open", &format!("/escalations/{id}"), "desk"]
    {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let matter = world.get(&format!("/escalations/{id}")).await;
    assert!(matter.body.contains("crashed again") && matter.body.contains("I have it"), "{}", matter.body);
    let act = world
        .ask(
            "POST",
            &format!("/escalations/{id}/act"),
            &[("content-type", "application/x-www-form-urlencoded")],
            "action=resolve".into(),
        )
        .await;
    assert!([200, 303].contains(&act.status), "{}", act.body);
    assert!(world.get("/").await.body.contains("No escalation is open"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_readiness_and_metrics_answer() {
    let mut world = World::start(Scene::new()).await;
    world.says("The Acme app").await;
    for path in ["/healthz", "/readyz"] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("pass")));
    }
    let metrics = world.get("/metrics").await.body;
    for name in ["earmark_mentions_total", "earmark_posts_polled_total", "earmark_score_duration_seconds"] {
        assert!(metrics.contains(name), "{name} is not among the metrics");
    }
    let status = world.get("/api/v1/status").await.json();
    assert_eq!(status["today"]["acme-app"]["neutral"], 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_from_elsewhere_is_refused() {
    let world = World::start(Scene::new()).await;
    for path in ["/", "/mentions", "/api/v1/mentions", "/metrics", "/healthz"] {
        let rebound = world.ask("GET", path, &[("host", "rebound.example")], String::new()).await;
        assert_eq!(rebound.status, 403, "{path}");
    }
    let ask = json!({ "lasts": "1h", "reason": "because" }).to_string();
    for headers in [
        [("content-type", "application/json"), ("origin", "https://evil.example")],
        [("content-type", "application/json"), ("sec-fetch-site", "cross-site")],
    ] {
        let crossed = world.ask("POST", "/api/v1/silences", &headers, ask.clone()).await;
        assert_eq!(crossed.status, 403, "{}", crossed.body);
    }
    // What a form on a page elsewhere can send without asking.
    let simple = world.ask("POST", "/api/v1/silences", &[("content-type", "text/plain")], ask).await;
    assert_eq!(simple.status, 415, "{}", simple.body);
    assert_eq!(world.get("/api/v1/silences").await.json(), json!([]));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_public_address_acting_needs_the_token() {
    let scene = Scene::new().instead(
        "listen = \"127.0.0.1:0\"\n",
        "listen = \"127.0.0.1:0\"\npublic_url = \"https://earmark.acme.example\"\ntoken = { file = \"{folder}/token\" }\n",
    );
    let world = World::start(scene).await;
    let ask = json!({ "lasts": "1h", "reason": "a release" }).to_string();
    let with = |extra: &'static [(&'static str, &'static str)]| {
        let mut headers = vec![("content-type", "application/json"), ("host", "earmark.acme.example")];
        headers.extend(extra);
        headers
    };
    for (headers, expected) in [
        (with(&[]), 401),
        (with(&[("authorization", "Bearer guess")]), 401),
        (with(&[("authorization", "Bearer s3cret-token")]), 200),
    ] {
        let answer = world.ask("POST", "/api/v1/silences", &headers, ask.clone()).await;
        assert_eq!(answer.status, expected, "{headers:?}: {}", answer.body);
    }
    let proxied = world.ask("GET", "/", &[("x-forwarded-for", "203.0.113.9")], String::new()).await;
    assert_eq!(proxied.status, 401, "somebody elsewhere, behind our own proxy");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_text_stays_text() {
    let mut world = World::start(Scene::new()).await;
    let hostile = format!("<script>alert(1)</script><img src=x onerror=alert(2)> \"'& {ANGRY}");
    world.push(&json!({ "text": hostile, "title": "</title><b>bold", "author": "<i>ann" })).await;
    let mail = world.expect_mail_to("care", "yours").mail.expect("a mail");
    let id = world.matter().await.id;
    for page in [
        world.get("/").await.body,
        world.get("/mentions").await.body,
        world.get(&format!("/escalations/{id}")).await.body,
        mail.data.split("text/html").nth(1).expect("an HTML part").replace("=\r\n", ""),
    ] {
        for raw in ["<script>", "<img src=x", "<b>bold", "<i>ann"] {
            assert!(!page.contains(raw), "{raw} stands in a page:\n{page}");
        }
    }
    world.resolve("care").await;
    world.end().await;
}
