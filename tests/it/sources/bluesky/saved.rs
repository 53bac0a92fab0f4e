//! Saved answers of the site, in the forms that its interfaces have, of our own making.

use earmark::source::bluesky::saved::parse;
use earmark::source::{Answer, Nothing, Parsed, Settings};
use serde_json::{Value, json};

fn parsed(body: &str) -> Parsed {
    parse(&Answer::saved(body.as_bytes()), &Settings { id: "b".into(), params: Value::Null })
}

fn uri(name: &str) -> String {
    format!("at://did:plc:ann/app.bsky.feed.post/{name}")
}

fn record(text: &str) -> Value {
    json!({ "$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-09-04T00:00:00.000Z" })
}

fn view(name: &str) -> Value {
    json!({ "uri": uri(name), "cid": format!("c-{name}"), "author": { "did": "did:plc:ann", "handle": "ann.example" },
        "record": record(name), "indexedAt": "2026-09-04T00:00:01.000Z", "likeCount": 3 })
}

#[test]
fn every_form_of_answer_gives_its_posts() {
    let gone = json!({ "$type": "app.bsky.feed.defs#notFoundPost", "uri": uri("gone"), "notFound": true });
    let blocked = json!({ "$type": "app.bsky.feed.defs#blockedPost", "uri": uri("blocked"), "blocked": true, "author": {} });
    let thread = json!({ "thread": { "$type": "app.bsky.feed.defs#threadViewPost", "post": view("b"),
        "parent": { "post": view("a"), "parent": gone },
        "replies": [{ "post": view("c"), "replies": [{ "post": view("d") }, blocked] }] } });
    let flat = json!({ "hasOtherReplies": false, "thread": [
        { "uri": uri("a"), "depth": 0, "value": { "$type": "app.bsky.unspecced.defs#threadItemPost", "post": view("a") } },
        { "uri": uri("x"), "depth": 1, "value": { "$type": "app.bsky.unspecced.defs#threadItemNotFound" } },
        { "uri": uri("b"), "depth": 1, "value": { "$type": "app.bsky.unspecced.defs#threadItemPost", "post": view("b") } }] });
    let repost = json!({ "post": view("b"), "reason": { "$type": "app.bsky.feed.defs#reasonRepost" } });
    let like = json!({ "uri": "at://did:plc:bo/app.bsky.feed.like/1", "cid": "l", "reason": "like", "author": { "handle": "bo.example" },
        "record": { "$type": "app.bsky.feed.like", "subject": { "uri": uri("a") } } });
    let mut mention = view("m");
    mention["reason"] = json!("mention");
    let foreign = json!({ "uri": uri("f"), "cid": "f", "value": { "$type": "example.acme.note", "text": "of another sort" } });
    let frame = |operation: &str, rkey: &str| {
        json!({ "did": "did:plc:ann", "time_us": 1_788_480_000_000_000_i64, "kind": "commit", "commit": { "rev": "r",
            "operation": operation, "collection": "app.bsky.feed.post", "rkey": rkey, "cid": "c", "record": record(rkey) } })
    };
    for (name, body, expected) in [
        (
            "posts, search, quotes",
            json!({ "posts": [view("a"), view("b")], "hitsTotal": 2, "cursor": "2" }),
            "a b",
        ),
        (
            "a feed",
            json!({ "feed": [{ "post": view("a"), "reply": { "parent": view("z"), "root": gone } }, { "post": view("b") }, repost] }),
            "a b",
        ),
        ("a thread", thread, "a b c d"),
        ("a thread of the newer form", flat, "a b"),
        ("notifications", json!({ "notifications": [like, mention], "seenAt": "2026-09-04T00:00:00Z" }), "m"),
        (
            "records",
            json!({ "records": [{ "uri": uri("a"), "cid": "c", "value": record("a") }, foreign] }),
            "a",
        ),
        ("a record", json!({ "uri": uri("a"), "cid": "c", "value": record("a") }), "a"),
        (
            "bookmarks",
            json!({ "bookmarks": [{ "subject": { "uri": uri("a") }, "item": view("a") }, { "item": blocked }] }),
            "a",
        ),
        ("a view by itself", view("a"), "a"),
        ("views by themselves", json!([view("a"), view("b")]), "a b"),
        ("a frame", frame("create", "a"), "a"),
        ("frames", json!([frame("create", "a"), frame("delete", "b")]), "a b"),
    ] {
        let parsed = parsed(&body.to_string());
        let names: Vec<&str> =
            parsed.posts.iter().map(|post| post.id.rsplit('/').next().unwrap_or_default()).collect();
        assert_eq!(names.join(" "), expected, "{name}: {parsed:?}");
        assert!(parsed.rejects.is_empty() && parsed.nothing.is_none(), "{name}: {parsed:?}");
    }
    let first = &parsed(&json!({ "posts": [view("a")] }).to_string()).posts[0];
    assert_eq!((first.author.as_deref(), first.version.as_str()), (Some("ann.example"), "c-a"));
}

#[test]
fn what_holds_no_posts_says_why() {
    for (body, expected) in [
        (json!({ "error": "InvalidRequest", "message": "no" }).to_string(), Nothing::ErrorAnswer),
        (
            json!({ "$type": "error", "error": "ConsumerTooSlow", "message": "m" }).to_string(),
            Nothing::ErrorAnswer,
        ),
        (json!({ "feed": [] }).to_string(), Nothing::NoPostsInside),
        (json!({ "feed": [{ "post": uri("a") }] }).to_string(), Nothing::NoPostsInside),
        (
            json!({ "likes": [{ "actor": { "handle": "bo.example" } }], "uri": uri("a") }).to_string(),
            Nothing::NoPostsInside,
        ),
        (json!({ "thread": { "uri": uri("a"), "notFound": true } }).to_string(), Nothing::NoPostsInside),
        (json!({ "posts": [] }).to_string(), Nothing::NoPostsInside),
        (json!({ "messages": [{ "id": "1", "text": "private" }] }).to_string(), Nothing::ForeignInterface),
        (json!({ "data": { "children": [] } }).to_string(), Nothing::ForeignInterface),
        (
            json!([{ "id": "1", "content": "<p>of another network</p>" }]).to_string(),
            Nothing::ForeignInterface,
        ),
        ("<html>".into(), Nothing::ForeignInterface),
        ("{\"posts\": [{\"uri\"".into(), Nothing::Broken),
        ("{}\n{}\n".into(), Nothing::Broken),
        (json!({ "posts": [{ "uri": uri("a") }] }).to_string(), Nothing::Broken),
    ] {
        assert_eq!(parsed(&body).nothing, Some(expected), "{body}");
    }
}

#[test]
fn a_window_of_a_stream_is_read_line_by_line() {
    let line = |body: Value| body.to_string();
    let two = |rkey: &str, operation: &str| {
        line(
            json!({ "$type": "message", "payload": { "$type": "network.bsky.jetstream.subscribeEvents#commit", "seq": 1,
            "did": "did:plc:ann", "time": "2026-09-04T00:00:00.000001Z", "rev": "r", "operation": operation,
            "collection": "app.bsky.feed.post", "rkey": rkey, "cid": "c", "record": record(rkey) } }),
        )
    };
    let account = line(
        json!({ "did": "did:plc:bo", "time_us": 1, "kind": "account", "account": { "active": true, "did": "did:plc:bo" } }),
    );
    let identity = line(
        json!({ "did": "did:plc:bo", "time_us": 1, "kind": "identity", "identity": { "did": "did:plc:bo" } }),
    );
    let info = line(
        json!({ "$type": "message", "payload": { "$type": "network.bsky.jetstream.subscribeEvents#info", "name": "OutdatedCursor" } }),
    );
    let body = [
        info,
        two("a", "create"),
        account.clone(),
        String::new(),
        identity.clone(),
        two("b", "delete"),
        "{\"$type\": \"mess".into(),
    ]
    .join("\n");
    let window = parsed(&body);
    assert_eq!(
        window.posts.iter().map(|post| (post.id.clone(), post.deleted)).collect::<Vec<_>>(),
        [(uri("a"), false), (uri("b"), true)]
    );
    assert_eq!(window.rejects.iter().map(|reject| reject.at.as_str()).collect::<Vec<_>>(), ["line 7"]);
    assert_eq!(parsed(&[account, identity].join("\n")).nothing, Some(Nothing::NoPostsInside));
}

#[test]
fn what_is_cut_anywhere_gives_posts_or_one_reason() {
    let mut post = view("a");
    post["record"]["text"] = json!("grüße 👍 acme.example/…");
    post["record"]["facets"] = json!([{ "index": { "byteStart": 8, "byteEnd": 12 }, "features": [{ "uri": "https://acme.example/" }] }]);
    let frame = json!({ "did": "did:plc:ann", "time_us": i64::MAX, "kind": "commit", "commit": { "rev": "r", "operation": "create",
        "collection": "app.bsky.feed.post", "rkey": "a", "cid": "c", "record": post["record"] } });
    let settings = Settings { id: "b".into(), params: Value::Null };
    for body in [json!({ "posts": [post] }).to_string(), format!("{frame}\n{frame}")] {
        for end in 0..=body.len() {
            let found = parse(&Answer::saved(&body.as_bytes()[..end]), &settings);
            assert_eq!(
                found.posts.is_empty(),
                found.nothing.is_some(),
                "{}",
                &body[..body.floor_char_boundary(end)]
            );
        }
        assert_eq!(parsed(&body).posts.len(), 1);
    }
}
