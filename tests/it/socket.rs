//! Sockets against a server of our own: words both ways, refusals, silence, guards.

mod secure;

use std::time::Duration;

use earmark::net::socket::{Limits, Opened, Socket};
use earmark::net::{Client, Error, Settings};
use futures::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use url::Url;

use crate::support::fake_socket::serve;

const LONG: Duration = Duration::from_secs(20);

async fn ask(base: &str, limits: Limits) -> Result<Opened, Error> {
    let client = Client::new(&Settings::new("ops@acme.example")).expect("a client");
    client.socket(&Url::parse(base).expect("a URL"), "the fake", &[("x-a", "b")], true, limits).await
}

async fn open(base: &str, limits: Limits) -> Socket {
    match ask(base, limits).await {
        Ok(Opened::Socket(socket)) => *socket,
        other => panic!("no socket: {other:?}"),
    }
}

#[tokio::test]
async fn words_go_both_ways_and_pings_are_answered() {
    let base = serve(|call| async move {
        let named = call.header("user-agent").is_some_and(|name| name.contains("ops@acme.example"));
        assert!(named && call.header("x-a") == Some("b") && call.query("q").as_deref() == Some("1"));
        let mut wire = call.agree().await;
        wire.send(Message::text("one")).await.unwrap();
        wire.send(Message::Ping("are you there".into())).await.unwrap();
        wire.send(Message::binary(vec![0, 255])).await.unwrap();
        // Taken by the other side only while it reads.
        let pong = wire.next().await.unwrap().unwrap();
        assert_eq!(pong, Message::Pong("are you there".into()));
        let said = wire.next().await.unwrap().unwrap();
        wire.send(said).await.unwrap();
        let reason = CloseFrame { code: 4_000.into(), reason: "enough\u{1b}".into() };
        wire.close(Some(reason)).await.unwrap();
    })
    .await;
    let mut socket = open(&format!("{base}/s?q=1"), Limits::default()).await;
    let first = socket.next(LONG).await.unwrap().unwrap();
    assert_eq!((first.text(), first.bytes()), (Some("one"), &b"one"[..]));
    let second = socket.next(LONG).await.unwrap().unwrap();
    assert_eq!((second.text(), second.bytes()), (None, &[0, 255][..]));
    assert_eq!(socket.next(Duration::from_millis(50)).await.unwrap(), None, "nothing more yet");
    socket.send("echo").await.unwrap();
    assert_eq!(socket.next(LONG).await.unwrap().unwrap().text(), Some("echo"));
    let said = socket.next(LONG).await.unwrap_err();
    assert!(matches!(&said, Error::Broken { why, .. } if why.ends_with("4000 enough")), "{said}");
    assert!(socket.next(LONG).await.is_err(), "ended is ended");
}

#[tokio::test]
async fn a_refusal_is_an_answer_with_its_words() {
    let base =
        serve(|call| async move { call.refuse(400, "x-why: old\r\n", "{\"error\":\"Old\"}").await }).await;
    let Ok(Opened::Refused(reply)) = ask(&base, Limits::default()).await else { panic!("not refused") };
    assert_eq!((reply.status, reply.header("x-why")), (400, Some("old")));
    assert_eq!(&reply.body[..], b"{\"error\":\"Old\"}");
}

#[tokio::test]
async fn who_does_not_know_the_key_is_no_socket() {
    let base = serve(|call| async move { drop(call.agree_with("wrong").await) }).await;
    let said = ask(&base, Limits::default()).await.unwrap_err();
    assert!(matches!(&said, Error::Broken { why, .. } if why.contains("WebSocket")), "{said}");
}

#[tokio::test]
async fn closed_networks_are_refused_by_number_and_by_name() {
    let base = serve(|call| async move { drop(call.agree().await) }).await;
    let client = Client::new(&Settings::new("")).expect("a client");
    for url in [base.clone(), base.replace("127.0.0.1", "localhost")] {
        let url = Url::parse(&url).expect("a URL");
        let said = client.socket(&url, "the fake", &[], false, Limits::default()).await.unwrap_err();
        assert!(matches!(said, Error::Private { .. }), "{url}: {said}");
    }
    let said = client
        .socket(&Url::parse("file:///etc/hosts").expect("a URL"), "it", &[], true, Limits::default())
        .await;
    assert!(matches!(said, Err(Error::Request { .. })));
}

#[tokio::test]
async fn too_much_is_not_read() {
    let base = serve(|call| async move {
        let mut wire = call.agree().await;
        let _ = wire.send(Message::text("x".repeat(5_000))).await;
        let _ = wire.next().await;
    })
    .await;
    let mut socket = open(&base, Limits { largest: 4_096, ..Limits::default() }).await;
    let said = socket.next(LONG).await.unwrap_err();
    assert!(matches!(said, Error::TooLarge { limit: 4_096, .. }), "{said}");
}

#[tokio::test]
async fn the_dead_are_noticed_and_the_silent_are_not_taken_for_dead() {
    // This one reads nothing, so it answers no ping.
    let dead = serve(|call| async move {
        let _wire = call.agree().await;
        std::future::pending::<()>().await;
    })
    .await;
    let limits = Limits { silence: Duration::from_millis(200), ..Limits::default() };
    for ping in [false, true] {
        let mut socket = open(&dead, Limits { ping, ..limits }).await;
        let said = socket.next(LONG).await.unwrap_err();
        assert!(matches!(said, Error::Timeout { .. }), "{said}");
    }
    // This one has nothing to say, and answers pings; one that must not be spoken to is not pinged.
    let silent = serve(|call| async move {
        let mut wire = call.agree().await;
        while let Some(Ok(_)) = wire.next().await {}
    })
    .await;
    let mut socket = open(&silent, limits).await;
    assert_eq!(socket.next(Duration::from_secs(1)).await.unwrap(), None);
    let mut socket = open(&silent, Limits { ping: false, ..limits }).await;
    assert!(matches!(socket.next(LONG).await, Err(Error::Timeout { .. })));
}
