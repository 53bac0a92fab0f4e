//! `discourse` as its software serves it, of our own making: shapes, holes, limits, closed forums, deletes.

use earmark::source::{Answer, Known, Nothing, Parsed, Position, Retry, Settings, discourse};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Served, json as page, path, query, source};
use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

fn parse(value: &Value) -> Parsed {
    let settings = Settings { id: "d".into(), params: Value::Null };
    let body = value.to_string();
    let url = Some("https://www.acme.example/forum/t/slow/57.json");
    discourse::parse(&Answer { url, ..Answer::saved(body.as_bytes()) }, &settings)
}

fn post(id: u64, number: u64, at: Timestamp) -> Value {
    json!({ "id": id, "username": "ann", "topic_id": 57, "topic_slug": "slow", "topic_title": "Acme is slow", "post_number": number,
        "post_type": 1, "cooked": format!("<p>words of {id}</p>"), "created_at": at.to_string(), "updated_at": at.to_string(),
        "version": 1, "reply_to_post_number": null, "hidden": false, "user_deleted": false, "deleted_at": null })
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn every_shape_becomes_posts_that_know_whom_they_answer() {
    let now = at("2026-03-04T10:00:00Z");
    let told = |value: Value| -> Vec<(String, Option<String>)> {
        parse(&value).posts.into_iter().map(|post| (post.id, post.parent)).collect()
    };
    let named = |list: &[(&str, Option<&str>)]| -> Vec<(String, Option<String>)> {
        list.iter().map(|(id, parent)| ((*id).to_owned(), parent.map(str::to_owned))).collect()
    };
    let mut reply = post(12, 3, now);
    reply["reply_to_post_number"] = json!(2);
    let topic = json!({ "id": 57, "title": "Acme is slow", "fancy_title": "Acme is &ldquo;slow&rdquo;", "slug": "slow",
        "excerpt": "so &amp; so", "created_at": now.to_string() });
    for (value, expected) in [
        (
            json!({ "latest_posts": [post(11, 2, now), post(10, 1, now)] }),
            named(&[("11", Some("10")), ("10", None)]),
        ),
        (
            json!({ "id": 57, "title": "Acme is slow", "post_stream": { "posts": [post(10, 1, now), post(11, 2, now), reply.clone()], "stream": [10, 11, 12] } }),
            named(&[("10", None), ("11", Some("10")), ("12", Some("11"))]),
        ),
        (reply, named(&[("12", Some("57#2"))])),
        (json!({ "topic_list": { "topics": [topic.clone()] }, "users": [] }), named(&[("topic:57", None)])),
        (
            json!({ "posts": [{ "id": 11, "blurb": "so slow", "topic_id": 57, "post_number": 2, "username": "bo" }], "topics": [topic],
                "grouped_search_result": {} }),
            named(&[("11", Some("57#1"))]),
        ),
        (
            json!([{ "type": "topic", "results": [{ "id": 57, "title": "Slow", "url": "/t/slow/57" }] }, { "type": "user", "results": [{ "id": 1 }] }]),
            named(&[("topic:57", None)]),
        ),
        (
            json!({ "user_actions": [{ "post_id": 11, "excerpt": "so slow", "topic_id": 57, "post_number": 2 }] }),
            named(&[("11", Some("57#1"))]),
        ),
        (json!({ "post": post(10, 1, now) }), named(&[("10", None)])),
    ] {
        assert_eq!(told(value.clone()), expected, "{value}");
    }
    let posts = parse(&json!({ "latest_posts": [post(11, 2, now), post(10, 1, now)] })).posts;
    assert_eq!((posts[1].title.as_deref(), posts[0].title.as_deref()), (Some("Acme is slow"), None));
    assert_eq!((posts[0].author.as_deref(), posts[0].site.as_str()), (Some("ann"), "acme.example"));
    assert_eq!(posts[0].url.as_deref(), Some("https://www.acme.example/forum/t/slow/57/2"));
}

#[test]
fn quotes_edits_and_what_is_gone() {
    let now = at("2026-03-04T10:00:00Z");
    let one = |change: Value| {
        let mut post = post(11, 2, now);
        post.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        parse(&json!({ "latest_posts": [post] })).posts.remove(0)
    };
    let quoting = one(
        json!({ "cooked": "<aside class=\"quote\" data-username=\"bo\"><div class=\"title\">bo:</div><blockquote><p>it is slow</p></blockquote></aside><p>Not here.</p>" }),
    );
    assert_eq!(quoting.text, "> bo:\n\n> it is slow\n\nNot here.");
    let plain = one(json!({}));
    for change in [json!({ "version": 2 }), json!({ "updated_at": "2026-03-04T10:03:00Z" })] {
        let edited = one(change.clone());
        assert!(edited.version != plain.version && edited.id == plain.id, "{change}");
    }
    for change in [
        json!({ "user_deleted": true }),
        json!({ "deleted_at": "2026-03-04T10:03:00Z" }),
        json!({ "hidden": true }),
    ] {
        let gone = one(change.clone());
        assert!(
            gone.deleted && gone.text.is_empty() && gone.author.is_none() && gone.version != plain.version,
            "{change}"
        );
    }
    for (value, expected) in [
        (json!({ "latest_posts": [] }), Nothing::NoPostsInside),
        (json!({ "topic_list": { "topics": [] } }), Nothing::NoPostsInside),
        (
            json!({ "post_stream": { "posts": [{ "id": 1, "post_type": 3, "cooked": "", "action_code": "closed.enabled" }] } }),
            Nothing::NoPostsInside,
        ),
        (json!([{ "notification_type": 9, "data": {} }]), Nothing::NoPostsInside),
        (
            json!({ "errors": ["Slow down"], "error_type": "rate_limit", "extras": { "wait_seconds": 15 } }),
            Nothing::ErrorAnswer,
        ),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (json!({ "latest_posts": [{ "username": "ann" }] }), Nothing::Broken),
    ] {
        assert_eq!(parse(&value).nothing, Some(expected), "{value}");
    }
}

struct Discourse;

impl Discourse {
    /// Numbers lie apart: most belong to what is not public.
    const APART: u64 = 9;

    fn post(told: &Told) -> Value {
        post(told.number * Self::APART, told.number, told.at)
    }
}

impl Pages for Discourse {
    fn params(&self, base: &str) -> Value {
        json!({ "url": base, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let newest = history.len() as u64 * Self::APART + 3;
        match path(asked) {
            "/posts.json" => {
                let before =
                    query(&asked.path, "before").and_then(|before| before.parse().ok()).unwrap_or(newest);
                let ours = history.iter().rev().filter(|told| {
                    let id = told.number * Self::APART;
                    id <= before && id + 50 > before
                });
                page(&json!({ "latest_posts": ours.map(Self::post).collect::<Vec<_>>() }))
            }
            "/posts/by_number/57/1.json" => page(&Self::post(&history[0])),
            _ => Page { status: 404, ..page(&json!({ "errors": ["none"], "error_type": "not_found" })) },
        }
    }

    fn id(&self, number: u64) -> String {
        (number * Self::APART).to_string()
    }
}

#[tokio::test]
async fn discourse_fills_the_holes_from_above() {
    outage("discourse", Discourse).await;
}

#[tokio::test]
async fn what_is_fresh_comes_before_what_was_missed() {
    let now = at("2026-03-04T10:00:00Z");
    let served = Served::start(move |asked| {
        let before: u64 =
            query(&asked.path, "before").map_or(1_000, |before| before.parse().expect("a number"));
        // Nothing public between 300 and 800.
        let ids = (before.saturating_sub(49)..=before).rev().filter(|id| !(300..800).contains(id) && *id > 0);
        page(&json!({ "latest_posts": ids.map(|id| post(id, 1, now)).collect::<Vec<_>>() }))
    })
    .await;
    let mut source = source("discourse", json!({ "url": served.base, "allow_private": true }), now);
    let known = json!({ "highest": 250, "began": "2026-03-01T00:00:00Z", "through": "2026-03-04T09:00:00Z" });
    let mut position = Position { cursor: Some(known.to_string()), memo: None };
    let mut ids: Vec<u64> = Vec::new();
    for _ in 0..10 {
        let batch = source.poll(&position, now).await.expect("it answers");
        assert!(batch.gaps.is_empty());
        ids.extend(batch.posts.iter().map(|post| post.id.parse::<u64>().expect("a number")));
        position = batch.position;
        if !batch.more {
            assert_eq!(batch.fetched_through, Some(now));
            break;
        }
        assert_eq!(batch.fetched_through, Some(at("2026-03-04T09:00:00Z")), "not while there is a hole");
    }
    assert_eq!(ids.first(), Some(&1_000));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, (251..300).chain(800..=1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn categories_topics_and_searches_are_read_where_they_moved() {
    let now = at("2026-03-04T10:00:00Z");
    let new = now - SignedDuration::from_mins(5);
    let old = now - SignedDuration::from_hours(90);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "sesame").expect("written");
    let served = Served::start(move |asked| {
        let header = |name: &str| asked.headers.get(name).map(String::as_str);
        if header("api-key") != Some("sesame") || header("api-username") != Some("system") {
            return Page { status: 403, ..page(&json!({ "errors": ["log in"], "error_type": "not_logged_in" })) };
        }
        let topic = |id: u64, bumped: Timestamp, pinned: bool| {
            json!({ "id": id, "title": "Acme", "slug": "acme", "bumped_at": bumped.to_string(), "pinned": pinned })
        };
        match path(asked) {
            "/c/support/5/l/latest.json" => page(&json!({ "topic_list": { "topics": [topic(9, old, true), topic(57, new, false), topic(58, old, false)] } })),
            "/t/57.json" => page(&json!({ "id": 57, "title": "Acme", "slug": "acme", "post_stream": { "posts": [post(10, 1, old)], "stream": [10, 20, 30] } })),
            "/t/57/posts.json" if asked.path.contains("post_ids[]=20&post_ids[]=30") => {
                page(&json!({ "id": 57, "post_stream": { "posts": [post(20, 2, old), post(30, 3, new)] } }))
            }
            "/search.json" if query(&asked.path, "q").as_deref() == Some("globex order:latest") => {
                page(&json!({ "posts": [{ "id": 77, "blurb": "short", "created_at": new.to_string(), "topic_id": 60, "post_number": 1 }], "topics": [] }))
            }
            "/posts/77.json" => {
                let mut found = post(77, 1, new);
                found["topic_id"] = json!(60);
                page(&found)
            }
            _ => Page { status: 404, ..page(&json!({ "errors": ["none"], "error_type": "not_found" })) },
        }
    })
    .await;
    let params = json!({ "url": served.base, "categories": ["support/5"], "searches": ["globex"], "key": { "file": file.path() },
        "username": "system", "allow_private": true });
    let mut source = source("discourse", params, now);
    let batch = source.poll(&Position::default(), now).await.expect("it answers");
    let told: Vec<(&str, &str, Option<&str>)> = batch
        .posts
        .iter()
        .map(|post| (post.id.as_str(), post.text.as_str(), post.parent.as_deref()))
        .collect();
    assert_eq!(told, [("30", "words of 30", Some("10")), ("77", "words of 77", None)]);
    assert!(!batch.more && batch.gaps.is_empty() && batch.fetched_through == Some(now));
    let again = source.poll(&batch.position, now).await.expect("it answers");
    assert!(again.posts.is_empty(), "{:?}", again.posts);
}

#[tokio::test]
async fn a_forum_says_when_to_come_back_and_whom_it_lets_in() {
    let now = at("2026-03-04T10:00:00Z");
    let busy =
        json!({ "errors": ["Slow down"], "error_type": "rate_limit", "extras": { "wait_seconds": 15 } });
    let login = json!({ "errors": ["log in"], "error_type": "not_logged_in" });
    for (status, body, expected, part) in [
        (429, busy, Retry::After(SignedDuration::from_secs(15)), "asked too much"),
        (403, login, Retry::Never, "wants a login"),
        (403, json!({}), Retry::Never, "refuses us"),
        (500, json!({}), Retry::Soon, "500"),
        (404, json!({ "errors": ["none"] }), Retry::Never, "not there"),
    ] {
        let served = Served::start(move |_| Page { status, ..page(&body) }).await;
        let mut source = source("discourse", json!({ "url": served.base, "allow_private": true }), now);
        let error = source.poll(&Position::default(), now).await.expect_err("it refuses");
        assert_eq!(error.retry, expected, "{error}");
        assert!(error.what.contains(part), "{error}");
    }
    let served = Served::start(|asked| match path(asked) {
        "/login" => Page::of("text/html", "<!doctype html>"),
        _ => Page::to(302, "/login"),
    })
    .await;
    let mut source = source("discourse", json!({ "url": served.base, "allow_private": true }), now);
    let error = source.poll(&Position::default(), now).await.expect_err("it refuses");
    assert!(error.retry == Retry::Never && error.what.contains("wants a login"), "{error}");
}

#[tokio::test]
async fn posts_are_asked_about_by_number() {
    let now = at("2026-03-04T10:00:00Z");
    let served = Served::start(move |asked| match path(asked) {
        "/posts/1.json" => page(&post(1, 2, now)),
        "/posts/2.json" => {
            Page { status: 404, ..page(&json!({ "errors": ["none"], "error_type": "not_found" })) }
        }
        "/posts/3.json" => {
            Page { status: 403, ..page(&json!({ "errors": ["no"], "error_type": "invalid_access" })) }
        }
        _ => Page { status: 429, ..page(&json!({ "errors": ["slow"], "extras": { "wait_seconds": 15 } })) },
    })
    .await;
    let mut source = source("discourse", json!({ "url": served.base, "allow_private": true }), now);
    let known = |id: &str| Known { id: id.into(), url: None, parent: Some("99".into()) };
    let asked = ["1", "topic:7", "2", "3", "4", "5"].map(known);
    let told = source.recheck(&asked, now).await.expect("it answers");
    assert_eq!(told.gone, ["2", "3"]);
    assert_eq!((told.posts.len(), told.posts[0].parent.as_deref()), (1, Some("99")));
    assert_eq!(told.rest, Some(SignedDuration::from_secs(15)));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let said = |params: Value| (discourse::KIND.check)(&Settings { id: "d".into(), params }).to_string();
    for (params, part) in [
        (json!({}), "no address of a forum"),
        (json!({ "url": "https://acme.example", "username": "system" }), "a name without a key"),
        (json!({ "url": "https://acme.example", "categories": ["support"] }), "categories"),
        (json!({ "url": "https://acme.example", "topics": ["../1"] }), "topics"),
        (json!({ "url": "https://acme.example", "categorie": [1] }), "did you mean \"categories\"?"),
    ] {
        let said = said(params.clone());
        assert!(said.contains(part), "{params}: {said}");
    }
}
