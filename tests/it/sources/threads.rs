//! `threads` against answers of our own making and an account that keeps its interface's rules.

use std::sync::{Arc, Mutex};

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Position, Settings, kind};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::graph::{TOKEN, list, refusal, signed};
use super::served::{Served, path, query, secret};
use crate::site::{Pages, Told, outage, together};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

#[test]
fn threads_and_answers_become_posts() {
    let body = json!({ "data": [
        { "id": "1", "text": "Acme is new", "timestamp": "2026-03-04T10:00:00+0000", "username": "acme",
          "media_product_type": "THREADS", "media_type": "TEXT_POST", "permalink": "https://www.threads.net/@acme/post/x" },
        { "id": "2", "text": "and slow", "timestamp": "2026-03-04T11:00:00+0000", "username": "ann", "is_reply": true,
          "media_type": "TEXT_POST", "replied_to": { "id": "1" }, "root_post": { "id": "1" } },
    ], "paging": { "cursors": {} } })
    .to_string();
    let settings = Settings { id: "t".into(), params: Value::Null };
    let parse = kind("threads").and_then(|kind| kind.parse).expect("it reads answers");
    let parsed = parse(&Answer::saved(body.as_bytes()), &settings);
    let told: Vec<_> =
        parsed.posts.iter().map(|post| (post.kind, post.parent.as_deref(), post.site.as_str())).collect();
    assert_eq!(told, [(PostKind::Post, None, "threads.net"), (PostKind::Comment, Some("1"), "threads.com")]);
    assert_eq!(parsed.posts[1].author.as_deref(), Some("ann"));
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

fn thread(id: &str, at: Timestamp) -> Value {
    json!({ "id": id, "text": format!("@acme words of {id}"), "timestamp": at.to_string(), "username": "ann",
        "media_type": "TEXT_POST", "permalink": format!("https://www.threads.com/@ann/post/{id}"), "has_replies": true })
}

struct Threads {
    folder: TempDir,
}

impl Pages for Threads {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "allow_private": true, "interval": "15m", "phrases": ["acme"],
            "token": secret(&self.folder, "token", TOKEN) })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if let Err(refused) = signed(asked, false) {
            return refused;
        }
        let found = || history.iter().rev().map(|told| thread(&self.id(told.number), told.at)).collect();
        match path(asked) {
            "/v1.0/me/threads" | "/v1.0/me/mentions" => list(Vec::new(), "timestamp", asked),
            "/v1.0/keyword_search" if query(&asked.path, "search_type").as_deref() == Some("RECENT") => {
                list(found(), "timestamp", asked)
            }
            _ => refusal(404, 100),
        }
    }

    fn id(&self, number: u64) -> String {
        format!("t{number}")
    }
}

#[tokio::test]
async fn threads_loses_nothing() {
    outage("threads", Threads { folder: tempfile::tempdir().expect("a temp folder") }).await;
}

#[tokio::test]
async fn two_sources_with_one_token_stay_within_its_budget() {
    together("threads", Threads { folder: tempfile::tempdir().expect("a temp folder") }).await;
}

#[tokio::test]
async fn threads_that_tell_no_count_are_asked_in_turn() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let clock = JumpClock::new(began());
    let turns: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&turns);
    let site = Served::start(move |asked| {
        let what = path(asked).trim_start_matches("/v1.0/").to_owned();
        if what == "me/threads" {
            return list((0..30).map(|n| thread(&format!("o{n}"), began())).collect(), "timestamp", asked);
        }
        let Some(id) = what.strip_suffix("/conversation") else { return list(Vec::new(), "timestamp", asked) };
        seen.lock().expect("unpoisoned").push(id.to_owned());
        let answer = json!({ "id": format!("a{id}"), "text": "no", "timestamp": began().to_string(), "is_reply": true,
            "replied_to": { "id": id } });
        list(vec![answer], "timestamp", asked)
    })
    .await;
    let params = json!({ "token": secret(&folder, "token", TOKEN), "reads": ["answers"] });
    let mut source = site.source("threads", params, &clock);
    let first = source.poll(&Position::default(), began()).await.expect("an answer");
    assert!(!first.more, "the next look takes the others");
    assert!(first.posts.iter().any(|post| post.id == "ao0" && post.parent.as_deref() == Some("o0")));
    source
        .poll(&first.position, began().checked_add(jiff::SignedDuration::from_mins(15)).expect("in range"))
        .await
        .expect("an answer");
    let mut turns = turns.lock().expect("unpoisoned").clone();
    assert_eq!(turns.len(), 40);
    turns.sort();
    turns.dedup();
    assert_eq!(turns.len(), 30, "every thread had its turn");
}

#[test]
fn no_more_questions_than_the_place_allows() {
    let check = kind("threads").expect("the kind is listed").check;
    let phrases: Vec<String> = (0..40).map(|n| format!("acme {n}")).collect();
    let said = |interval: &str| {
        let params = json!({ "token": { "env": "T" }, "phrases": phrases, "interval": interval });
        check(&Settings { id: "t".into(), params }).to_string()
    };
    assert!(said("15m").contains("2,200 questions a day"), "{}", said("15m"));
    assert_eq!(said("30m"), "");
}
