//! Crossing 0: what a sender was told we have, we have.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::{ANGRY, Scene, World, http, signed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_taken_when_it_is_signed_whole_and_ours() {
    let mut world = World::start(Scene::new()).await;
    let record = json!({ "text": "The Acme app" });
    let taken = world.push_to("desk", &record).await;
    assert_eq!((taken.status, taken.json()["posts"].as_u64()), (202, Some(1)));
    assert_eq!(world.mentions().await.len(), 1);
    let unsigned = world.post("/push/desk", &record).await;
    assert_eq!(unsigned.status, 401, "{}", unsigned.body);
    let malformed = world.push_to("desk", &json!({ "created_at": "soon" })).await;
    assert_eq!(malformed.status, 400, "{}", malformed.body);
    assert!(malformed.body.contains("created_at"), "{}", malformed.body);
    let elsewhere = world.push_to("nowhere", &record).await;
    assert_eq!(elsewhere.status, 404, "{}", elsewhere.body);
    let pages = world.get("/push/desk").await;
    assert_eq!(pages.status, 405, "{}", pages.body);
    assert_eq!(world.mentions().await.len(), 1, "nothing of the refused was taken");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_between_push_and_ingest_loses_nothing() {
    let mut world = World::start(Scene::new()).await;
    let http = http();
    let mut taken = 0;
    for n in 0..200 {
        let body = json!({ "id": n.to_string(), "text": format!("The Acme app, number {n}") }).to_string();
        if send(&http, &world, &format!("msg_{n}"), body).await == 202 {
            taken += 1;
        }
    }
    // At once: most of it is still in the inbox.
    world.restart().await;
    assert_eq!((taken, world.mentions().await.len()), (200, 200));
    assert!(world.store().inbox("desk".into(), None, 10).await.expect("it is read").is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_missed_the_answer_and_tries_again_brings_no_second_post() {
    let mut world = World::start(Scene::new()).await;
    let body = json!({ "text": ANGRY }).to_string();
    for _ in 0..3 {
        assert_eq!(send(&http(), &world, "msg_again", body.clone()).await, 202);
        world.idle().await;
        world.restart().await;
    }
    world.expect_mail_to("care", "This one is yours");
    assert_eq!(world.mentions().await.len(), 1);
    world.resolve("care").await;
    world.end().await;
}

async fn send(http: &reqwest::Client, world: &World, id: &str, body: String) -> u16 {
    let mut request = http.post(format!("http://{}/push/desk", world.web()));
    for (name, value) in signed(id, world.now(), &body) {
        request = request.header(name, value);
    }
    request.body(body).send().await.expect("the daemon answers").status().as_u16()
}

/// Prints how long a sender waits while posts arrive over several connections and are taken in.
/// No assertion on time: run it on the machine that matters, with `--release`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints a figure and proves nothing"]
async fn webhook_latency() {
    const PUSHES: usize = 5_000;
    let world = World::start(Scene::new()).await;
    for connections in [1, 8, 32] {
        let began = Instant::now();
        let mut senders = tokio::task::JoinSet::new();
        let (address, now) = (world.web(), world.now());
        for sender in 0..connections {
            senders.spawn(async move {
                let http = http();
                let mut took = Vec::new();
                for n in (sender..PUSHES).step_by(connections) {
                    let id = format!("{connections}-{n}");
                    let body = json!({ "id": id, "text": format!("The Acme app, number {id}") }).to_string();
                    let mut request = http.post(format!("http://{address}/push/desk"));
                    for (name, value) in signed(&id, now, &body) {
                        request = request.header(name, value);
                    }
                    let sent = Instant::now();
                    let answer = request.body(body).send().await.expect("the daemon answers");
                    assert_eq!(answer.status().as_u16(), 202);
                    took.push(sent.elapsed());
                }
                took
            });
        }
        let mut took: Vec<Duration> = senders.join_all().await.into_iter().flatten().collect();
        let pushed = began.elapsed();
        took.sort();
        world.idle().await;
        let at =
            |share: usize| took[(took.len() * share / 1_000).min(took.len() - 1)].as_secs_f64() * 1_000.0;
        println!(
            "{PUSHES} pushes over {connections} connections in {:.1} s ({:.0}/s), all taken in after {:.1} s: \
             p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, longest {:.1} ms",
            pushed.as_secs_f64(),
            PUSHES as f64 / pushed.as_secs_f64(),
            began.elapsed().as_secs_f64(),
            at(500),
            at(990),
            at(999),
            at(1_000),
        );
    }
    world.end().await;
}
