//! `instagram` against answers of our own making and an account that keeps the Graph API's rules.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Parsed, Position, Retry, Settings, kind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::graph::{TOKEN, list, refusal, signed};
use super::served::{Served, json as json_page, path, query, secret};
use crate::site::{Pages, Told, outage, together};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

fn parse(value: &Value) -> Parsed {
    let body = value.to_string();
    let settings = Settings { id: "i".into(), params: Value::Null };
    let parse = kind("instagram").and_then(|kind| kind.parse).expect("it reads answers");
    parse(&Answer::saved(body.as_bytes()), &settings)
}

#[test]
fn media_and_comments_become_posts() {
    let parsed = parse(&json!({ "data": [
        { "id": "1", "caption": "Acme day", "timestamp": "2026-03-04T10:00:00+0000", "username": "acme",
          "media_type": "IMAGE", "permalink": "https://www.instagram.com/p/x/", "comments_count": 2 },
        { "id": "2", "media_type": "VIDEO", "comments_count": 0, "like_count": 4 },
    ] }));
    let (media, bare) = (&parsed.posts[0], &parsed.posts[1]);
    assert_eq!(
        (media.site.as_str(), media.author.as_deref(), media.kind),
        ("instagram.com", Some("acme"), PostKind::Post)
    );
    assert_eq!((bare.id.as_str(), bare.text.as_str()), ("2", ""));

    let comments = parse(&json!({ "data": [
        { "id": "5", "text": "Broken", "timestamp": "2026-03-04T11:00:00+0000", "from": { "id": "7", "username": "ann" },
          "media": { "id": "1" }, "replies": { "data": [{ "id": "6", "text": "Truly", "username": "bo" }] } },
    ] }));
    let told: Vec<_> = comments
        .posts
        .iter()
        .map(|post| (post.id.as_str(), post.parent.as_deref(), post.author.as_deref()))
        .collect();
    assert_eq!(told, [("5", Some("1"), Some("ann")), ("6", Some("5"), Some("bo"))]);

    let named = parse(
        &json!({ "mentioned_comment": { "id": "8", "text": "@acme hello", "timestamp": "2026-03-04T11:00:00+0000",
        "media": { "id": "3" } }, "id": "17" }),
    );
    assert_eq!(
        (named.posts.len(), named.posts[0].id.as_str(), named.posts[0].parent.as_deref()),
        (1, "8", Some("3"))
    );
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

struct Instagram {
    folder: TempDir,
}

impl Pages for Instagram {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "allow_private": true, "interval": "10m", "account": "17",
            "token": secret(&self.folder, "token", TOKEN) })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if let Err(refused) = signed(asked, false) {
            return refused;
        }
        let media = |told: &Told| {
            json!({ "id": self.id(told.number), "caption": "@acme look", "timestamp": told.at.to_string(),
                "media_type": "IMAGE", "username": "ann", "permalink": "https://www.instagram.com/p/x/" })
        };
        match path(asked) {
            "/v25.0/17/tags" => list(history.iter().rev().map(media).collect(), "timestamp", asked),
            "/v25.0/17/media" => list(Vec::new(), "timestamp", asked),
            _ => refusal(404, 803),
        }
    }

    fn id(&self, number: u64) -> String {
        format!("9{number}")
    }
}

#[tokio::test]
async fn instagram_loses_nothing() {
    outage("instagram", Instagram { folder: tempfile::tempdir().expect("a temp folder") }).await;
}

#[tokio::test]
async fn two_sources_with_one_token_stay_within_its_budget() {
    together("instagram", Instagram { folder: tempfile::tempdir().expect("a temp folder") }).await;
}

#[tokio::test]
async fn hashtags_are_named_once_and_their_last_day_is_all_there_is() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let (clock, names) = (JumpClock::new(began()), Arc::new(AtomicUsize::new(0)));
    let named = Arc::clone(&names);
    let site = Served::start(move |asked| match (path(asked), query(&asked.path, "q").as_deref()) {
        ("/v25.0/ig_hashtag_search", Some("acme")) => {
            named.fetch_add(1, Ordering::Relaxed);
            json_page(&json!({ "data": [{ "id": "178" }] }))
        }
        ("/v25.0/ig_hashtag_search", _) => refusal(400, 24),
        ("/v25.0/178/recent_media", _) if query(&asked.path, "user_id").as_deref() == Some("17") => {
            let media = json!({ "id": "1", "caption": "#acme is slow", "timestamp": began().to_string(), "media_type": "IMAGE" });
            list(vec![media], "timestamp", asked)
        }
        _ => list(Vec::new(), "timestamp", asked),
    })
    .await;
    let params = |hashtag: &str| json!({ "account": "17", "hashtags": [hashtag], "token": secret(&folder, "token", TOKEN) });
    let mut source = site.source("instagram", params("#Acme"), &clock);
    let batch = source.poll(&Position::default(), began()).await.expect("an answer");
    assert_eq!((batch.posts.len(), batch.posts[0].text.as_str()), (1, "#acme is slow"));
    let hours = |hours: i64| began().checked_add(SignedDuration::from_hours(hours)).expect("in range");
    let soon = source.poll(&batch.position, hours(20)).await.expect("an answer");
    assert!(soon.gaps.is_empty());
    let late = source.poll(&soon.position, hours(50)).await.expect("an answer");
    assert_eq!(
        late.gaps.iter().map(|gap| (gap.from, gap.until)).collect::<Vec<_>>(),
        [(Some(hours(20)), hours(26))]
    );
    assert_eq!(names.load(Ordering::Relaxed), 1, "a name is a question of thirty");
    let mut unknown = site.source("instagram", params("nothing"), &clock);
    assert_eq!(
        unknown.poll(&Position::default(), began()).await.map(|_| ()).map_err(|error| error.retry),
        Err(Retry::Never)
    );
}

#[tokio::test]
async fn an_answer_to_an_old_comment_is_found() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let clock = JumpClock::new(began());
    let answers = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&answers);
    let site = Served::start(move |asked| match path(asked) {
        "/v25.0/17/media" => {
            let media = json!({ "id": "1", "caption": "day", "timestamp": "2026-03-03T10:00:00+0000", "media_type": "IMAGE",
                "comments_count": 2 + now.load(Ordering::Relaxed) });
            list(vec![media], "timestamp", asked)
        }
        "/v25.0/1/comments" => {
            let replies: Vec<Value> = (0..now.load(Ordering::Relaxed))
                .map(|n| json!({ "id": format!("r{n}"), "text": "yes", "timestamp": "2026-03-04T01:00:00+0000" }))
                .collect();
            let old = json!({ "id": "c1", "text": "old", "timestamp": "2026-03-03T11:00:00+0000", "replies": { "data": replies } });
            let new = json!({ "id": "c2", "text": "new", "timestamp": "2026-03-03T12:00:00+0000" });
            list(vec![new, old], "timestamp", asked)
        }
        _ => list(Vec::new(), "timestamp", asked),
    })
    .await;
    let params = json!({ "account": "17", "token": secret(&folder, "token", TOKEN) });
    let mut source = site.source("instagram", params, &clock);
    let first = source.poll(&Position::default(), began()).await.expect("an answer");
    answers.store(1, Ordering::Relaxed);
    let batch = source.poll(&first.position, began()).await.expect("an answer");
    let reply = batch.posts.iter().find(|post| post.id == "r0").expect("the answer");
    assert_eq!(reply.parent.as_deref(), Some("c1"));
}

#[test]
fn no_more_hashtags_than_the_place_allows() {
    let check = kind("instagram").expect("the kind is listed").check;
    let names: Vec<String> = (0..31).map(|n| format!("acme{n}")).collect();
    let said = check(&Settings {
        id: "i".into(),
        params: json!({ "account": "17", "token": { "env": "T" }, "hashtags": names }),
    });
    assert!(said.to_string().contains("30 in 7 days"), "{said}");
}
