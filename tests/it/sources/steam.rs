//! `steam` as its interfaces serve it, of our own making: verdicts, markup, cursors, changed reviews.

use std::sync::{Arc, Mutex};

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Nothing, Parsed, Position, Retry, Settings, kind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Served, json as page, path, query};
use crate::site::{Pages, Told, outage};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

fn parse(url: Option<&str>, value: &Value) -> Parsed {
    let body = value.to_string();
    let settings = Settings { id: "s".into(), params: Value::Null };
    let parse = kind("steam").and_then(|kind| kind.parse).expect("it reads answers");
    parse(&Answer { url, ..Answer::saved(body.as_bytes()) }, &settings)
}

fn review(number: u64, words: &str, written: Timestamp, changed: Timestamp) -> Value {
    json!({ "recommendationid": number.to_string(), "author": { "steamid": "7650", "playtime_forever": 7 },
        "language": "german", "review": words, "timestamp_created": written.as_second(),
        "timestamp_updated": changed.as_second(), "voted_up": false, "steam_purchase": true })
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

fn minutes(count: i64) -> Timestamp {
    began() + SignedDuration::from_mins(count)
}

#[test]
fn a_review_is_a_verdict_and_words_without_markup() {
    let words = "[h1]Acme[/h1]Crashes [b]always[/b], see [url=https://acme.example/x]here[/url]\n[quote=bo]works for me[/quote]no [sic]";
    let list = json!({ "success": 1, "query_summary": { "num_reviews": 1 }, "cursor": "a=",
        "reviews": [review(5, words, began(), began())] });
    let parsed = parse(Some("https://store.acme.example/appreviews/620?json=1"), &list);
    let [post] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!(
        post.text,
        "Not recommended\nAcme\nCrashes always, see here https://acme.example/x\n\n> works for me\nno [sic]"
    );
    assert_eq!((post.id.as_str(), post.kind, post.lang.as_deref()), ("5", PostKind::Review, Some("de")));
    assert_eq!((post.author.as_deref(), post.created_at), (Some("7650"), Some(began())));
    assert_eq!(post.url.as_deref(), Some("https://steamcommunity.com/profiles/7650/recommended/620/"));

    // Today's envelope, a table by number, and a single one hold the same review.
    let one = review(5, words, began(), began());
    let asked =
        "https://api.acme.example/IUserReviewsService/GetAppReviews/v1/?input_json=%7B%22appid%22%3A620%7D";
    for value in [
        json!({ "response": { "reviews": [one], "cursor": "b" } }),
        json!({ "reviews": { "5": one }, "cursors": {} }),
        json!([one]),
        one.clone(),
    ] {
        assert_eq!(parse(Some(asked), &value).posts, std::slice::from_ref(post), "{value}");
    }
    let mut changed = one;
    changed["voted_up"] = json!(true);
    let changed = &parse(None, &changed).posts[0];
    assert!(changed.text.starts_with("Recommended\n") && changed.version != post.version);
    assert!(changed.url.is_none());
}

#[test]
fn what_holds_no_reviews_says_why() {
    for (value, expected) in [
        (json!({ "success": 2 }), Nothing::ErrorAnswer),
        (json!({ "success": false }), Nothing::ErrorAnswer),
        (
            json!({ "success": 1, "query_summary": { "num_reviews": 0 }, "reviews": [] }),
            Nothing::NoPostsInside,
        ),
        (json!({ "success": 1, "query_summary": { "total_reviews": 9 } }), Nothing::NoPostsInside),
        (json!({ "response": {} }), Nothing::NoPostsInside),
        (json!([]), Nothing::NoPostsInside),
        (json!({ "success": 1, "html": "<div>", "recommendationids": ["1"] }), Nothing::ForeignInterface),
        (json!({ "appnews": { "appid": 620, "newsitems": [] } }), Nothing::ForeignInterface),
        (
            json!({ "success": 1, "reviews": [{ "review": "nameless" }, { "recommendationid": "1" }] }),
            Nothing::Broken,
        ),
    ] {
        assert_eq!(parse(None, &value).nothing, Some(expected), "{value}");
    }
}

/// What the interface answers of reviews, oldest first, twenty at a time whatever is asked for.
fn place(reviews: &[Value], asked: &Asked) -> Page {
    if path(asked) != "/IUserReviewsService/GetAppReviews/v1/" {
        return Page::new(404);
    }
    let input: Value = query(&asked.path, "input_json")
        .and_then(|input| serde_json::from_str(&input).ok())
        .unwrap_or_default();
    let fits = input["appid"] == 620 && input["num_per_page"] == 100 && input["purchase_type"] == 1;
    let key = match input["filter"].as_u64() {
        Some(1) if fits => "timestamp_created",
        Some(2) if fits => "timestamp_updated",
        _ => return Page::new(400),
    };
    let cursor = input["cursor"].as_str().unwrap_or_default();
    let from: usize = cursor.trim_start_matches("+/=").parse().unwrap_or(0);
    let mut sorted = reviews.to_vec();
    sorted.sort_by_key(|review| std::cmp::Reverse(review[key].as_i64()));
    let shown: Vec<Value> = sorted.into_iter().skip(from).take(20).collect();
    let next = format!("+/={}", from + shown.len());
    page(&json!({ "response": { "success": 1, "query_summary": { "num_reviews": shown.len() },
        "reviews": shown, "cursor": next } }))
}

struct Reviews;

impl Pages for Reviews {
    fn params(&self, base: &str) -> Value {
        json!({ "apps": ["620"], "base_url": base, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let reviews: Vec<Value> =
            history.iter().map(|told| review(1_000 + told.number, "words", told.at, told.at)).collect();
        place(&reviews, asked)
    }

    fn id(&self, number: u64) -> String {
        (1_000 + number).to_string()
    }
}

#[tokio::test]
async fn steam_reads_back_to_what_it_knows() {
    outage("steam", Reviews).await;
}

#[tokio::test]
async fn a_changed_review_comes_again_and_a_long_way_takes_several_looks() {
    let reviews: Arc<Mutex<Vec<Value>>> = Arc::default();
    let served = Arc::clone(&reviews);
    let site = Served::start(move |asked| place(&served.lock().expect("nobody panics"), asked)).await;
    let put = |list: Vec<Value>| *reviews.lock().expect("nobody panics") = list;
    let clock = JumpClock::new(began());
    let mut source = site.source("steam", json!({ "apps": [620] }), &clock);
    let ids = |batch: &earmark::source::Batch| {
        batch.posts.iter().map(|post| post.id.clone()).collect::<Vec<_>>().join(" ")
    };
    let many: Vec<Value> =
        (0..30).map(|n| review(n, "words", minutes(n.cast_signed()), minutes(n.cast_signed()))).collect();
    put(many.clone());
    let first = source.poll(&Position::default(), minutes(40)).await.expect("a look");
    assert_eq!((first.posts.len(), first.more, first.fetched_through), (20, false, Some(minutes(40))));

    let mut changed = many.clone();
    changed[3] = review(3, "it got worse", minutes(3), minutes(50));
    put(changed);
    let second = source.poll(&first.position, minutes(60)).await.expect("a look");
    assert_eq!(ids(&second), "3");
    assert_eq!(second.posts[0].text, "Not recommended\nit got worse");

    // Two hundred in a night: what is fresh comes first, and the mark waits.
    let night: Vec<Value> =
        (100..300).map(|n| review(n, "words", minutes(n.cast_signed()), minutes(n.cast_signed()))).collect();
    put([many, night].concat());
    let (mut position, mut found, mut looks) = (second.position, Vec::new(), 0);
    loop {
        let batch = source.poll(&position, minutes(400)).await.expect("a look");
        looks += 1;
        assert!(looks > 1 || batch.posts[0].id == "299", "{:?}", ids(&batch));
        found.extend(batch.posts.into_iter().map(|post| post.id).filter(|id| id.len() == 3));
        position = batch.position;
        assert_eq!(batch.fetched_through, (!batch.more).then(|| minutes(400)));
        if !batch.more {
            break;
        }
    }
    found.sort();
    found.dedup();
    assert_eq!((found.len(), looks), (200, 3));

    put(Vec::new());
    let error = source.poll(&position, minutes(500)).await.expect_err("it held reviews");
    assert!(error.what.contains("came empty") && error.retry == Retry::Soon, "{error:?}");
}

#[test]
fn settings_out_of_order_say_what_to_write() {
    let said = |params: Value| {
        let settings = Settings { id: "s".into(), params };
        (kind("steam").expect("listed").check)(&settings).to_string()
    };
    assert_eq!(said(json!({ "apps": ["620"], "languages": ["german", "en"] })), "");
    for (params, part) in [
        (json!({}), "nothing to read"),
        (json!({ "apps": ["Acme"] }), "is not what apps look like"),
        (json!({ "apps": ["620"], "languages": ["klingon"] }), "no language of Steam"),
        (json!({ "app": ["620"], "apps": ["620"] }), "did you mean \"apps\""),
    ] {
        let told = said(params);
        assert!(told.contains(part), "{part}: {told}");
    }
}
