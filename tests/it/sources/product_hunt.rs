//! `product_hunt` as its interface serves it, of our own making: connections, cursors, points.

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Known, Nothing, Parsed, Position, Settings, kind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::served::{Served, json as page, secret};
use crate::site::{Pages, Told, outage};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

fn parse(value: &Value) -> Parsed {
    let body = value.to_string();
    let settings = Settings { id: "p".into(), params: Value::Null };
    let parse = kind("product_hunt").and_then(|kind| kind.parse).expect("it reads answers");
    parse(&Answer::saved(body.as_bytes()), &settings)
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

fn launch(id: &str, at: Timestamp) -> Value {
    json!({ "id": id, "name": "Acme", "tagline": "Better", "description": "More words", "slug": "acme",
        "url": "https://www.producthunt.com/posts/acme", "createdAt": at.to_string(), "user": { "username": "ann" } })
}

fn comment(id: &str, parent: Option<&str>) -> Value {
    json!({ "id": id, "body": format!("words of {id}"), "createdAt": began().to_string(), "parentId": parent,
        "url": "https://www.producthunt.com/posts/acme?comment=1", "user": { "username": "[REDACTED]" } })
}

fn edges(nodes: Vec<Value>, next: Option<String>) -> Value {
    let edges: Vec<Value> = nodes.into_iter().map(|node| json!({ "node": node })).collect();
    json!({ "edges": edges, "pageInfo": { "hasNextPage": next.is_some(), "endCursor": next } })
}

#[test]
fn launches_and_comments_know_each_other() {
    let mut one = launch("7", began());
    one["comments"] = edges(vec![comment("1", None), comment("2", Some("1"))], None);
    let parsed = parse(&json!({ "data": { "posts": edges(vec![one.clone()], None) } }));
    let told: Vec<_> =
        parsed.posts.iter().map(|post| (post.id.as_str(), post.kind, post.parent.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("7", PostKind::Post, None),
            ("comment/1", PostKind::Comment, Some("7")),
            ("comment/2", PostKind::Comment, Some("comment/1")),
        ]
    );
    assert_eq!(parsed.posts[0].text, "Better\n\nMore words");
    assert_eq!((parsed.posts[0].author.as_deref(), parsed.posts[1].author.as_deref()), (Some("ann"), None));
    assert_eq!(parse(&json!({ "data": { "post": one } })).posts, parsed.posts);
}

#[test]
fn what_holds_no_posts_says_why() {
    for (value, expected) in [
        (json!({ "data": { "posts": edges(Vec::new(), None) } }), Nothing::NoPostsInside),
        (json!({ "data": { "post": null } }), Nothing::NoPostsInside),
        (json!({ "data": null, "errors": [{ "error": "invalid_oauth_token" }] }), Nothing::ErrorAnswer),
        (json!({ "id": 1, "slug": "tech", "name": "Tech" }), Nothing::NoPostsInside),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (
            json!({ "data": { "posts": edges(vec![json!({ "name": "x", "tagline": "y" })], None) } }),
            Nothing::Broken,
        ),
    ] {
        assert_eq!(parse(&value).nothing, Some(expected), "{value}");
    }
}

struct Newest(tempfile::TempDir);

impl Pages for Newest {
    fn params(&self, base: &str) -> Value {
        json!({ "token": secret(&self.0, "token", "t0ken"), "base_url": base, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if asked.headers.get("authorization").map(String::as_str) != Some("Bearer t0ken") {
            return Page::new(401);
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let from: usize =
            body["variables"]["after"].as_str().and_then(|after| after.parse().ok()).unwrap_or(0);
        let shown: Vec<Value> = history
            .iter()
            .rev()
            .skip(from)
            .take(20)
            .map(|told| launch(&self.id(told.number), told.at))
            .collect();
        let next = from + shown.len();
        page(&json!({ "data": { "posts": edges(shown, (next < history.len()).then(|| next.to_string())) } }))
    }

    /// A point for everything that the question may open: so many of a list, and of the lists in it.
    fn cost(&self, asked: &Asked) -> u32 {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        let firsts = body.split("first: ").skip(1);
        let sizes =
            firsts.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok());
        let nested = sizes.scan(1, |all, size| {
            *all *= size;
            Some(*all)
        });
        nested.sum()
    }

    fn id(&self, number: u64) -> String {
        number.to_string()
    }
}

#[tokio::test]
async fn product_hunt_loses_nothing() {
    outage("product_hunt", Newest(tempfile::tempdir().expect("a folder"))).await;
}

#[tokio::test]
async fn comments_of_a_chosen_launch_are_read_and_asked_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Served::start(|asked| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let query = body["query"].as_str().unwrap_or_default();
        if body["variables"]["slug"] == "acme" {
            let comments = edges(vec![comment("2", None), comment("1", None)], None);
            page(&json!({ "data": { "post": { "id": "7", "comments": comments } } }))
        } else if query.contains("comment(id:") {
            let found = (body["variables"]["id"] == "1").then(|| comment("1", None));
            page(&json!({ "data": { "comment": found } }))
        } else {
            Page::new(400)
        }
    })
    .await;
    let clock = JumpClock::new(began());
    let params = json!({ "posts": ["acme"], "token": secret(&folder, "token", "t0ken") });
    let mut source = site.source("product_hunt", params, &clock);
    let first = source.poll(&Position::default(), began()).await.expect("a look");
    let told: Vec<_> = first.posts.iter().map(|post| (post.id.as_str(), post.parent.as_deref())).collect();
    assert_eq!(told, [("comment/1", Some("7")), ("comment/2", Some("7"))]);
    let known = |id: &str| Known { id: id.into(), url: None, parent: Some("7".into()) };
    let told = source.recheck(&[known("comment/1"), known("comment/9")], began()).await.expect("an answer");
    assert_eq!((told.posts.len(), told.gone.as_slice()), (1, &["comment/9".to_owned()][..]));
}
