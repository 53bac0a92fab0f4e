//! `dev_to` as its interface serves it, of our own making: lists that hold the beginning of an article, words
//! and comments asked for one by one.

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Known, Nothing, Parsed, Position, Settings, kind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::served::{Served, json as page, path, query, secret};
use crate::site::{Pages, Told, outage};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

fn parse(url: Option<&str>, value: &Value) -> Parsed {
    let body = value.to_string();
    let settings = Settings { id: "d".into(), params: Value::Null };
    let parse = kind("dev_to").and_then(|kind| kind.parse).expect("it reads answers");
    parse(&Answer { url, ..Answer::saved(body.as_bytes()) }, &settings)
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

fn article(number: u64, at: Timestamp, comments: u64) -> Value {
    json!({ "type_of": "article", "id": number, "title": format!("Post {number}"), "description": "The beginning...",
        "url": format!("https://dev.example/ann/post-{number}"), "published_at": at.to_string(), "edited_at": null,
        "comments_count": comments, "tag_list": ["acme", "webdev"], "user": { "name": "Ann", "username": "ann" } })
}

fn whole(number: u64, at: Timestamp, comments: u64) -> Value {
    let mut whole = article(number, at, comments);
    whole["body_html"] = json!("<p>All the words of Acme.</p>");
    whole["tag_list"] = json!("acme, webdev");
    whole
}

fn comment(code: &str, children: Value) -> Value {
    json!({ "type_of": "comment", "id_code": code, "created_at": "2026-03-04T10:00:00Z",
        "body_html": format!("<p>words of {code}</p>"), "user": { "username": "bo" }, "children": children })
}

#[test]
fn articles_and_threads_become_posts() {
    let (list, single) = (article(7, began(), 2), whole(7, began(), 2));
    let (short, long) = (parse(None, &json!([list])), parse(None, &single));
    let post = &long.posts[0];
    assert_eq!(
        (post.id.as_str(), post.kind, post.text.as_str()),
        ("7", PostKind::Article, "All the words of Acme.")
    );
    assert_eq!((post.author.as_deref(), post.site.as_str()), (Some("ann"), "dev.example"));
    // The beginning of an article is no other version of it; an edit is.
    assert_eq!(short.posts[0].version, post.version);
    let mut edited = list;
    edited["edited_at"] = json!("2026-03-05T00:00:00Z");
    assert_ne!(parse(None, &edited).posts[0].version, post.version);
    let kept = json!([{ "type_of": "readinglist", "id": 70, "article": edited }]);
    assert_eq!(parse(None, &kept).posts[0].aliases, ["readinglist/70"]);

    let mut gone = comment("c3", json!([comment("c4", json!([]))]));
    gone["body_html"] = json!("<p>[deleted]</p>");
    gone["user"] = json!({});
    let thread = json!([comment("c1", json!([comment("c2", json!([]))])), gone]);
    let parsed = parse(Some("https://dev.example/api/comments?a_id=7"), &thread);
    let told: Vec<_> =
        parsed.posts.iter().map(|post| (post.id.as_str(), post.parent.as_deref(), post.deleted)).collect();
    assert_eq!(
        told,
        [
            ("c1", Some("7"), false),
            ("c2", Some("c1"), false),
            ("c3", Some("7"), true),
            ("c4", Some("c3"), false)
        ]
    );
    assert_eq!(parsed.posts[0].url.as_deref(), Some("https://dev.example/bo/comment/c1"));
}

#[test]
fn what_holds_no_posts_says_why() {
    for (value, expected) in [
        (json!([]), Nothing::NoPostsInside),
        (json!([{ "type_of": "podcast_episodes", "id": 1, "title": "x" }]), Nothing::NoPostsInside),
        (json!([{ "id": 1, "title": "a page", "slug": "x", "body_html": "x" }]), Nothing::NoPostsInside),
        (json!({ "type_of": "user", "id": 1, "username": "ann" }), Nothing::NoPostsInside),
        (json!({ "domain": "dev.example", "name": "DEV", "version": "edge" }), Nothing::NoPostsInside),
        (json!({ "error": "not found", "status": 404 }), Nothing::ErrorAnswer),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (json!([{ "type_of": "article", "title": "nameless" }]), Nothing::Broken),
    ] {
        assert_eq!(parse(None, &value).nothing, Some(expected), "{value}");
    }
}

/// What a site answers of articles, newest first; each with as many comments as is said.
fn place(articles: &[(u64, Timestamp, u64)], asked: &Asked) -> Page {
    let missing =
        || Page { body: json!({ "error": "not found", "status": 404 }).to_string().into(), ..Page::new(404) };
    let number = |text: &str| articles.iter().find(|(id, _, _)| id.to_string() == text).copied();
    match path(asked) {
        "/api/articles/latest" | "/api/organizations/acme/articles" => {
            let size: usize = query(&asked.path, "per_page").and_then(|size| size.parse().ok()).unwrap_or(30);
            let from =
                query(&asked.path, "page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1) - 1;
            let shown = articles.iter().skip(from * size).take(size);
            page(&shown.map(|(id, at, comments)| article(*id, *at, *comments)).collect())
        }
        "/api/comments" => {
            let below = query(&asked.path, "a_id").and_then(|id| number(&id));
            let thread = |(id, _, count): (u64, Timestamp, u64)| {
                page(&(0..count).map(|n| comment(&format!("c{id}x{n}"), json!([]))).collect())
            };
            below.map_or_else(missing, thread)
        }
        path => match path.strip_prefix("/api/articles/").and_then(number) {
            Some((id, at, comments)) => page(&whole(id, at, comments)),
            None => missing(),
        },
    }
}

struct Latest;

impl Pages for Latest {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let newest: Vec<_> = history.iter().rev().map(|told| (told.number, told.at, 0)).collect();
        place(&newest, asked)
    }

    fn id(&self, number: u64) -> String {
        number.to_string()
    }
}

#[tokio::test]
async fn dev_to_loses_nothing() {
    outage("dev_to", Latest).await;
}

#[tokio::test]
async fn an_article_comes_with_its_words_and_its_comments_and_the_key_where_it_belongs() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Served::start(|asked| {
        if asked.headers.get("api-key").map(String::as_str) != Some("k3y") {
            return Page::new(401);
        }
        place(&[(9, began(), 2), (8, began(), 0)], asked)
    })
    .await;
    let clock = JumpClock::new(began());
    let params = json!({ "organizations": ["acme"], "key": secret(&folder, "key", "k3y") });
    let mut source = site.source("dev_to", params, &clock);
    let first = source.poll(&Position::default(), began()).await.expect("a look");
    let ids: Vec<&str> = first.posts.iter().map(|post| post.id.as_str()).collect();
    assert_eq!(ids, ["8", "9", "c9x0", "c9x1"]);
    assert!(first.posts[0].text == "All the words of Acme." && first.fetched_through == Some(began()));
    site.asked();
    let second = source.poll(&first.position, began()).await.expect("a look");
    assert!(second.posts.is_empty() && site.asked().len() == 1);

    let known = |id: &str| Known { id: id.into(), url: None, parent: None };
    let told = source.recheck(&[known("8"), known("77")], began()).await.expect("an answer");
    assert_eq!((told.posts.len(), told.gone.as_slice()), (1, &["77".to_owned()][..]));
}

#[test]
fn settings_out_of_order_say_what_to_write() {
    let said = |params: Value| {
        let settings = Settings { id: "d".into(), params };
        (kind("dev_to").expect("listed").check)(&settings).to_string()
    };
    assert_eq!(said(json!({ "tags": ["webdev"], "comments": false })), "");
    for (params, part) in [
        (json!({ "tags": ["#webdev"] }), "is not what tags look like"),
        (json!({ "key": "hunter2" }), "never stands in the configuration"),
        (json!({ "organisations": ["acme"] }), "did you mean \"organizations\""),
    ] {
        let told = said(params);
        assert!(told.contains(part), "{part}: {told}");
    }
}
