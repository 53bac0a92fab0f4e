//! `telegram` as the Bot API serves it, of our own making.

use std::sync::Arc;
use std::time::Duration;

use earmark::net;
use earmark::runtime::clock::SystemClock;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{
    Answer, Built, Nothing, Position, Retry, Settings, Source, SourceError, Tools, kind, telegram,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::site::{self, Pages, Told};
use crate::support::fake_site::{Asked, FakeSite, Page};

const TOKEN: &str = "123456:a-secret-of-the-bot";

fn token_file() -> (tempfile::TempDir, Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let pointer = json!({ "file": file });
    (folder, pointer)
}

fn parse(body: &Value, params: Value) -> earmark::source::Parsed {
    let settings = Settings { id: "t".into(), params };
    telegram::parse(&Answer::saved(body.to_string().as_bytes()), &settings)
}

fn group() -> Value {
    json!({ "id": -1001, "type": "supergroup", "title": "Acme users", "username": "acme_users" })
}

fn message(number: u64, more: Value) -> Value {
    let mut message = json!({ "message_id": number, "chat": group(), "date": 1_772_616_000 + number,
        "from": { "id": 7, "is_bot": false, "first_name": "Ann", "last_name": "Ö.", "language_code": "de" } });
    for (key, value) in more.as_object().unwrap() {
        message[key] = value.clone();
    }
    message
}

#[test]
fn updates_become_posts_that_know_whom_they_answer() {
    let channel = json!({ "id": -1002, "type": "channel", "title": "Acme news" });
    let body = json!({ "ok": true, "result": [
        { "update_id": 1, "message": message(10, json!({ "text": "see 😀 here and bye",
            "entities": [{ "type": "text_link", "offset": 7, "length": 4, "url": "https://acme.example/a" }] })) },
        { "update_id": 2, "message": message(11, json!({ "caption": "broken", "photo": [{}],
            "reply_to_message": message(10, json!({ "text": "see" })) })) },
        { "update_id": 3, "edited_message": message(11, json!({ "caption": "very broken", "edit_date": 1_772_617_000 })) },
        { "update_id": 4, "message": message(12, json!({ "text": "help",
            "forward_origin": { "type": "hidden_user", "sender_user_name": "Bo", "date": 1 } })) },
        { "update_id": 5, "channel_post": { "message_id": 3, "chat": channel, "date": 1_772_616_000, "text": "News" } },
        { "update_id": 6, "message": message(13, json!({ "text": "News", "is_automatic_forward": true,
            "sender_chat": channel, "forward_origin": { "type": "channel", "chat": channel, "message_id": 3, "date": 1 } })) },
        { "update_id": 7, "message": message(14, json!({ "new_chat_members": [{ "id": 8 }] })) },
        { "update_id": 8, "message_reaction": { "chat": group(), "message_id": 10, "date": 1, "new_reaction": [] } },
        { "update_id": 9, "message": message(15, json!({ "text": "> mine\ntheirs", "is_topic_message": true,
            "reply_to_message": message(9, json!({ "forum_topic_created": { "name": "x" } })),
            "entities": [{ "type": "blockquote", "offset": 7, "length": 6 }, { "type": "bold", "offset": 900, "length": 1 }] })) },
        { "update_id": 10, "deleted_business_messages": { "chat": { "id": 7, "type": "private" }, "message_ids": [4, 5] } },
    ] });
    let parsed = parse(&body, Value::Null);
    assert!(parsed.rejects.is_empty() && parsed.nothing.is_none(), "{parsed:?}");
    let told: Vec<(&str, &str, Option<&str>)> = parsed
        .posts
        .iter()
        .map(|post| (post.id.as_str(), post.text.as_str(), post.parent.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("-1001/10", "see 😀 here (https://acme.example/a) and bye", None),
            ("-1001/11", "broken", Some("-1001/10")),
            ("-1001/11", "very broken", None),
            ("-1001/12", "Forwarded from Bo:\nhelp", None),
            ("-1002/3", "News", None),
            ("-1001/13", "News", None),
            ("-1001/15", "> mine\n> theirs", None),
            ("7/4", "", None),
            ("7/5", "", None),
        ]
    );
    let post = |index: usize| &parsed.posts[index];
    assert_eq!((post(0).author.as_deref(), post(0).site.as_str()), (Some("Ann Ö."), "t.me"));
    assert_eq!(post(0).url.as_deref(), Some("https://t.me/acme_users/10"));
    assert_eq!(post(0).created_at.map(Timestamp::as_second), Some(1_772_616_010));
    assert_ne!(post(1).version, post(2).version, "an edit is a version");
    assert_eq!(post(4).author.as_deref(), Some("Acme news"));
    assert!(post(4).aliases.contains(&"post:-1002/3".to_owned()), "{:?}", post(4).aliases);
    assert!(
        post(5).aliases.contains(&"post:-1002/3".to_owned()),
        "a copy in the group is the channel's post"
    );
    assert!(post(7).deleted && !post(0).deleted);

    let chosen = parse(&body, json!({ "chats": ["@Acme_Users"] }));
    assert_eq!(chosen.posts.len(), 6);
    assert_eq!(parse(&body, json!({ "chats": [-1002] })).posts.len(), 1);
}

#[test]
fn what_holds_no_posts_says_so() {
    for (body, expected) in [
        (json!({ "ok": true, "result": [] }), Nothing::NoPostsInside),
        (json!({ "ok": true, "result": true }), Nothing::NoPostsInside),
        (json!({ "ok": false, "error_code": 429, "description": "Too Many Requests" }), Nothing::ErrorAnswer),
        (json!({ "update_id": 1, "my_chat_member": {} }), Nothing::NoPostsInside),
        (json!({ "message_id": 1, "date": 0, "chat": { "id": 1 } }), Nothing::NoPostsInside),
        (json!({ "update_id": 1, "message": { "text": "of nobody" } }), Nothing::Broken),
        (json!({ "items": [] }), Nothing::ForeignInterface),
    ] {
        assert_eq!(parse(&body, Value::Null).nothing, Some(expected), "{body}");
    }
    let young = json!({ "update_id": 1, "guest_message": message(1, json!({ "text": "hi" })) });
    assert_eq!(parse(&young, Value::Null).posts.len(), 1, "sorts of updates to come");
}

/// The Bot API with a history: gives what is not confirmed, and forgets what is.
struct Bot {
    token: Value,
    _folder: tempfile::TempDir,
}

impl Pages for Bot {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "token": self.token, "interval": "2m", "wait": "1s", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let json =
            |status: u16, value: Value| Page { status, ..Page::of("application/json", value.to_string()) };
        if asked.path != format!("/bot{TOKEN}/getUpdates") {
            return json(401, json!({ "ok": false, "error_code": 401, "description": "Unauthorized" }));
        }
        let body: Value = serde_json::from_slice(&asked.body).expect("a question in JSON");
        assert!(body["limit"].as_u64().is_some_and(|limit| (1..=100).contains(&limit)), "{body}");
        assert!(body["allowed_updates"].as_array().is_some_and(|list| !list.is_empty()), "{body}");
        let offset = body["offset"].as_u64().unwrap_or(0);
        let updates: Vec<Value> = history
            .iter()
            .filter(|told| 5_000 + told.number >= offset)
            .take(100)
            .map(|told| {
                let text = format!("post {}", told.number);
                let date = told.at.as_second();
                json!({ "update_id": 5_000 + told.number, "message": message(told.number, json!({ "text": text, "date": date })) })
            })
            .collect();
        json(200, json!({ "ok": true, "result": updates }))
    }

    fn id(&self, number: u64) -> String {
        format!("-1001/{number}")
    }
}

#[tokio::test]
async fn nothing_is_lost_in_an_outage() {
    let (folder, token) = token_file();
    site::outage("telegram", Bot { token, _folder: folder }).await;
}

#[tokio::test]
async fn two_sources_with_one_bot_stay_within_its_budget() {
    let (folder, token) = token_file();
    site::together("telegram", Bot { token, _folder: folder }).await;
}

fn now() -> Timestamp {
    "2026-03-04T12:00:00Z".parse().unwrap()
}

struct Bench {
    site: FakeSite,
    source: Box<dyn Source>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let (folder, token) = token_file();
        let site = FakeSite::start().await;
        let params = json!({ "base_url": site.url(""), "token": token, "allow_private": true });
        let settings = Settings { id: "t".into(), params };
        let kind = kind("telegram").expect("it is listed");
        let problems = (kind.check)(&settings);
        assert!(problems.is_empty(), "{problems}");
        let client = net::Client::new(&net::Settings::new("")).unwrap();
        let fetch = Fetcher::with_limits(client, Limits { at_once: 8, apart: Duration::ZERO });
        let fetch = fetch.on(Arc::new(SystemClock));
        let Ok(Built::Pull(source)) = (kind.build)(&settings, &Tools { fetch: fetch.into() }) else {
            panic!("a pulled source")
        };
        Self { site, source, _folder: folder }
    }

    fn answer(&self, status: u16, value: &Value) {
        let page = Page { status, ..Page::of("application/json", value.to_string()) };
        self.site.put(&format!("/bot{TOKEN}/getUpdates"), page);
    }

    async fn refused(&mut self, status: u16, value: Value) -> SourceError {
        self.answer(status, &value);
        let error = self.source.poll(&Position::default(), now()).await.expect_err("an error answer");
        assert!(!error.what.contains("a-secret") && !error.what.contains("123456"), "{}", error.what);
        error
    }

    fn offset(&self) -> Value {
        let body: Value = serde_json::from_slice(&self.site.asked().pop().unwrap().body).unwrap();
        body["offset"].clone()
    }
}

#[tokio::test]
async fn errors_mean_what_the_platform_says_and_show_no_token() {
    let error = |code: u16, words: &str| json!({ "ok": false, "error_code": code, "description": words });
    let mut bench = Bench::new().await;
    let said = bench.refused(401, error(401, "Unauthorized")).await;
    assert!(said.retry == Retry::Never && said.what.contains("token"), "{said:?}");
    assert_eq!(bench.refused(404, error(404, "Not Found")).await.retry, Retry::Never);
    let said =
        bench.refused(409, error(409, "Conflict: can't use getUpdates method while webhook is active")).await;
    assert!(said.retry == Retry::Never && said.what.contains("deleteWebhook"), "{said:?}");
    let said = bench.refused(409, error(409, "Conflict: terminated by other getUpdates request")).await;
    assert!(said.retry == Retry::Soon && said.what.contains("somebody else"), "{said:?}");
    assert_eq!(bench.refused(502, json!({})).await.retry, Retry::Soon);
    let mut busy = error(429, "Too Many Requests: retry after 35");
    busy["parameters"] = json!({ "retry_after": 35 });
    assert_eq!(bench.refused(429, busy).await.retry, Retry::After(SignedDuration::from_secs(35)));

    // Nobody listens there: the error of the connection names the address, and not with the token.
    let (folder, token) = token_file();
    let params = json!({ "base_url": "http://127.0.0.1:1", "token": token, "allow_private": true });
    let settings = Settings { id: "t".into(), params };
    let client = net::Client::new(&net::Settings::new("")).unwrap();
    let tools = Tools { fetch: Fetcher::new(client).on(Arc::new(SystemClock)).into() };
    let Ok(Built::Pull(mut source)) = (telegram::KIND.build)(&settings, &tools) else {
        panic!("a pulled source")
    };
    let error = source.poll(&Position::default(), now()).await.expect_err("nobody listens");
    assert!(!error.what.contains("a-secret") && error.what.contains("127.0.0.1"), "{}", error.what);
    drop(folder);
}

#[tokio::test]
async fn an_update_is_confirmed_by_the_look_after_the_one_that_took_it_in() {
    let mut bench = Bench::new().await;
    let update = |id: u64, more: Value| json!({ "update_id": id, "message": message(id, more) });
    let one = json!({ "ok": true, "result": [update(70, json!({ "text": "a" })), update(71, json!({ "text": "b" }))] });
    bench.answer(200, &one);
    let first = bench.source.poll(&Position::default(), now()).await.unwrap();
    assert_eq!((first.posts.len(), bench.offset()), (2, Value::Null));
    // What was not stored is asked for again.
    let again = bench.source.poll(&Position::default(), now()).await.unwrap();
    assert_eq!((again.posts == first.posts, bench.offset()), (true, Value::Null));
    bench.answer(200, &json!({ "ok": true, "result": [] }));
    let next = bench.source.poll(&first.position, now()).await.unwrap();
    assert_eq!((next.posts.len(), bench.offset()), (0, json!(72)));
    assert!(next.gaps.is_empty() && !next.more);
}

#[tokio::test]
async fn a_long_silence_of_ours_is_a_gap_and_one_of_theirs_begins_anew() {
    let mut bench = Bench::new().await;
    let update = json!({ "update_id": 70, "message": message(70, json!({ "text": "a" })) });
    bench.answer(200, &json!({ "ok": true, "result": [update] }));
    let first = bench.source.poll(&Position::default(), now()).await.unwrap();
    bench.answer(200, &json!({ "ok": true, "result": [] }));
    let later = now() + SignedDuration::from_hours(30);
    let back = bench.source.poll(&first.position, later).await.unwrap();
    let gap = back.gaps.first().expect("six hours are gone");
    assert_eq!((gap.from, gap.until), (Some(now()), now() + SignedDuration::from_hours(6)));
    bench.offset();
    let mut position = back.position;
    for hours in [50, 70, 90, 110, 130, 150] {
        let at = now() + SignedDuration::from_hours(hours);
        let batch = bench.source.poll(&position, at).await.unwrap();
        assert!(batch.gaps.is_empty());
        let expected = if hours < 144 { json!(71) } else { Value::Null };
        assert_eq!(bench.offset(), expected, "after {hours} hours");
        position = batch.position;
    }
}

#[tokio::test]
async fn a_group_that_moves_is_followed() {
    let (folder, token) = token_file();
    let site = FakeSite::start().await;
    let params = json!({ "base_url": site.url(""), "token": token, "allow_private": true, "chats": [-5] });
    let client = net::Client::new(&net::Settings::new("")).unwrap();
    let tools = Tools { fetch: Fetcher::new(client).on(Arc::new(SystemClock)).into() };
    let settings = Settings { id: "t".into(), params };
    let Ok(Built::Pull(mut source)) = (telegram::KIND.build)(&settings, &tools) else {
        panic!("a pulled source")
    };
    let chat = |id: i64| json!({ "id": id, "type": "group", "title": "Acme" });
    let path = format!("/bot{TOKEN}/getUpdates");
    let put = |updates: Value| {
        site.put(&path, Page::of("application/json", json!({ "ok": true, "result": updates }).to_string()))
    };
    put(json!([
        { "update_id": 1, "message": { "message_id": 1, "date": 1_772_616_000, "chat": chat(-5), "text": "old" } },
        { "update_id": 2, "message": { "message_id": 2, "date": 1_772_616_001, "chat": chat(-5), "migrate_to_chat_id": -1009 } },
    ]));
    let first = source.poll(&Position::default(), now()).await.unwrap();
    put(json!([
        { "update_id": 3, "message": { "message_id": 1, "date": 1_772_616_002, "chat": chat(-1009), "text": "new" } },
        { "update_id": 4, "message": { "message_id": 9, "date": 1_772_616_003, "chat": chat(-77), "text": "other" } },
    ]));
    let next = source.poll(&first.position, now()).await.unwrap();
    let ids: Vec<&str> = first.posts.iter().chain(&next.posts).map(|post| post.id.as_str()).collect();
    assert_eq!(ids, ["-5/1", "-1009/1"]);
    drop(folder);
}
