//! `x` against answers of our own making and a site that keeps X's rules: the token, pages of 10 to 100, seven
//! days, the length of a query, prices.

use std::sync::{Arc, Mutex};

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Known, Nothing, Parsed, Position, Retry, Settings, kind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::served::{Served, path, query, secret};
use crate::site::{Pages, Told, outage, together};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

fn parse(value: &Value) -> Parsed {
    let body = value.to_string();
    let settings = Settings { id: "x".into(), params: Value::Null };
    kind("x").and_then(|kind| kind.parse).expect("it reads answers")(
        &Answer::saved(body.as_bytes()),
        &settings,
    )
}

#[test]
fn an_answer_of_today_becomes_posts() {
    let parsed = parse(&json!({
        "data": [
            { "id": "103", "edit_history_tweet_ids": ["101", "103"], "author_id": "7", "lang": "en",
              "created_at": "2026-03-04T10:00:00.000Z", "text": "short &amp; cut…",
              "note_tweet": { "text": "Acme &amp; Globex: https://t.co/a is &lt;slow&gt;\nhttps://t.co/pic",
                "entities": { "urls": [
                    { "url": "https://t.co/a", "expanded_url": "https://acme.example/status" },
                    { "url": "https://t.co/pic", "expanded_url": "https://x.com/ann/status/103/photo/1" }] } } },
            { "id": "104", "edit_history_tweet_ids": ["104"], "author_id": "8", "text": "@ann no, it is not",
              "referenced_tweets": [{ "type": "quoted", "id": "90" }, { "type": "replied_to", "id": "103" }] },
            { "id": "105", "text": "RT @ann: the begin…", "lang": "qme",
              "referenced_tweets": [{ "type": "retweeted", "id": "91" }] },
            { "text": "no number" }, { "id": "106" },
        ],
        "includes": {
            "users": [{ "id": "7", "username": "ann", "public_metrics": { "followers_count": 12 } }],
            "tweets": [{ "id": "91", "text": "the beginning and the end" }],
        },
        "errors": [{ "resource_type": "user", "resource_id": "9", "title": "Not Found Error" }],
        "meta": { "result_count": 3, "next_token": "n" },
    }));
    let told: Vec<(&str, &str, Option<&str>)> = parsed
        .posts
        .iter()
        .map(|post| (post.id.as_str(), post.version.as_str(), post.parent.as_deref()))
        .collect();
    assert_eq!((told[0], told[1]), (("101", "103", None), ("104", "104", Some("103"))));
    let [edited, answer, repost] = &parsed.posts[..] else { panic!("{:?}", parsed.posts) };
    assert_eq!(edited.text, "Acme & Globex: https://acme.example/status is <slow>");
    assert_eq!(edited.url.as_deref(), Some("https://x.com/ann/status/103"));
    assert_eq!(
        (edited.author.as_deref(), edited.reach, edited.lang.as_deref()),
        (Some("ann"), Some(12), Some("en"))
    );
    assert_eq!((answer.kind, answer.author.as_deref()), (PostKind::Comment, Some("8")));
    assert_eq!(answer.url.as_deref(), Some("https://x.com/i/web/status/104"));
    assert_eq!((repost.text.as_str(), repost.lang.as_deref()), ("RT @ann: the beginning and the end", None));
    assert_eq!(parsed.rejects.len(), 2);
}

#[test]
fn answers_of_the_years_before_and_embedded_posts_are_read_too() {
    let user = json!({ "screen_name": "ann", "followers_count": 3 });
    let statuses = json!([
        { "id": 1, "id_str": "1", "full_text": "hello", "user": user, "created_at": "Wed Mar 04 10:00:00 +0000 2026" },
        { "id_str": "2", "text": "cut…", "extended_tweet": { "full_text": "whole" }, "user": user,
          "in_reply_to_status_id_str": "1" },
        { "id_str": "3", "full_text": "RT @bo: beg…", "user": user,
          "retweeted_status": { "id_str": "9", "full_text": "beginning", "user": { "screen_name": "bo" } } },
    ]);
    let texts = |value: &Value| parse(value).posts.into_iter().map(|post| post.text).collect::<Vec<_>>();
    let expected = ["hello", "whole", "RT @bo: beginning"];
    assert_eq!(texts(&json!({ "statuses": statuses, "search_metadata": {} })), expected);
    assert_eq!(texts(&statuses), expected);
    assert_eq!(texts(&json!({ "id": { "1": statuses[0], "5": null } })), ["hello"]);
    assert_eq!(texts(&statuses[1]), ["whole"]);
    let first = &parse(&statuses).posts[0];
    assert_eq!(first.created_at, "2026-03-04T10:00:00Z".parse().ok());
    assert_eq!(first.url.as_deref(), Some("https://x.com/ann/status/1"));
    let frame = parse(&json!({ "url": "https://twitter.com/ann/status/77", "author_name": "Ann",
        "author_url": "https://twitter.com/ann", "provider_name": "Twitter",
        "html": "<blockquote class=\"twitter-tweet\"><p lang=\"en\">Acme is <b>down</b></p>&mdash; Ann</blockquote>" }));
    assert_eq!((frame.posts[0].id.as_str(), frame.posts[0].text.as_str()), ("77", "Acme is down"));
    assert_eq!(frame.posts[0].author.as_deref(), Some("ann"));
}

#[test]
fn what_holds_no_posts_says_why() {
    for (value, expected) in [
        (json!({ "meta": { "result_count": 0 } }), Nothing::NoPostsInside),
        (json!({ "statuses": [], "search_metadata": {} }), Nothing::NoPostsInside),
        (json!([]), Nothing::NoPostsInside),
        (json!({ "data": [{ "id": "1", "username": "ann", "name": "Ann" }] }), Nothing::NoPostsInside),
        (
            json!({ "data": [{ "start": "a", "end": "b", "tweet_count": 4 }], "meta": {} }),
            Nothing::NoPostsInside,
        ),
        (json!({ "errors": [{ "code": 88, "message": "Rate limit exceeded" }] }), Nothing::ErrorAnswer),
        (json!({ "title": "Unauthorized", "type": "about:blank", "status": 401 }), Nothing::ErrorAnswer),
        (json!({ "request": "/1.1/x.json", "error": "Not authorized." }), Nothing::ErrorAnswer),
        (json!({ "__typename": "TweetTombstone", "tombstone": {} }), Nothing::NoPostsInside),
        (json!({ "kind": "Listing", "data": { "children": [] } }), Nothing::ForeignInterface),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (json!({ "data": [{ "id": "1" }] }), Nothing::Broken),
    ] {
        assert_eq!(parse(&value).nothing, Some(expected), "{value}");
    }
}

/// The instant that numbers begin at.
const EPOCH: i64 = 1_288_834_974_657;

fn number(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond() - EPOCH).expect("after 2010") << 22
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

/// What the place does with a question, given the instants of its posts.
fn place(posts: &[Timestamp], now: Timestamp, token: &str, asked: &Asked) -> Page {
    let problem = |status: u16, title: &str| {
        let body = json!({ "title": title, "detail": title, "type": "about:blank", "status": status });
        Page { status, ..Page::of("application/json", body.to_string()) }
    };
    if asked.headers.get("authorization") != Some(&format!("Bearer {token}")) {
        return problem(401, "Unauthorized");
    }
    let words = query(&asked.path, "query").unwrap_or_default();
    let post = |at: &Timestamp| {
        let id = number(*at).to_string();
        json!({ "id": id, "edit_history_tweet_ids": [id], "author_id": "7", "text": format!("words of {id}"),
            "created_at": at.to_string() })
    };
    let users = json!({ "users": [{ "id": "7", "username": "ann" }] });
    match path(asked) {
        "/2/tweets/search/recent" => {
            let most: usize =
                query(&asked.path, "max_results").and_then(|most| most.parse().ok()).unwrap_or(10);
            let since: u64 = query(&asked.path, "since_id").and_then(|id| id.parse().ok()).unwrap_or(0);
            let until: u64 =
                query(&asked.path, "until_id").and_then(|id| id.parse().ok()).unwrap_or(u64::MAX);
            let floor = number(now.checked_sub(SignedDuration::from_hours(7 * 24)).expect("in range"));
            if !(10..=100).contains(&most) || words.is_empty() || words.chars().count() > 512 || since < floor
            {
                return problem(400, "Invalid Request");
            }
            let fits = |at: &&Timestamp| number(**at) > since && number(**at) < until;
            let mut found: Vec<&Timestamp> = posts.iter().rev().filter(fits).collect();
            let mut meta = json!({ "result_count": found.len().min(most) });
            if found.len() > most {
                meta["next_token"] = "n".into();
                found.truncate(most);
            }
            let data: Vec<Value> = found.into_iter().map(post).collect();
            let body = if data.is_empty() {
                json!({ "meta": meta })
            } else {
                json!({ "data": data, "includes": users, "meta": meta })
            };
            Page::of("application/json", body.to_string())
        }
        "/2/tweets/counts/recent" => Page::of(
            "application/json",
            json!({ "data": [], "meta": { "total_tweet_count": 700 } }).to_string(),
        ),
        "/2/tweets" => {
            let ids = query(&asked.path, "ids").unwrap_or_default();
            let ids: Vec<&str> = ids.split(',').collect();
            if ids.len() > 100 {
                return problem(400, "Invalid Request");
            }
            let has = |id: &&str| posts.iter().any(|at| number(*at).to_string() == **id);
            let data: Vec<Value> =
                posts.iter().filter(|at| ids.contains(&&*number(**at).to_string())).map(post).collect();
            let gone: Vec<Value> = ids
                .iter()
                .filter(|id| !has(id))
                .map(|id| {
                    let kind =
                        if id.ends_with('1') { "not-authorized-for-resource" } else { "resource-not-found" };
                    json!({ "resource_type": "tweet", "parameter": "ids", "resource_id": id,
                    "type": format!("https://api.twitter.com/2/problems/{kind}") })
                })
                .collect();
            Page::of("application/json", json!({ "data": data, "errors": gone }).to_string())
        }
        _ => problem(404, "Not Found"),
    }
}

struct X {
    folder: TempDir,
}

/// From one post of the history to the next, as the site tells it.
fn told_at(number: u64) -> Timestamp {
    let after = SignedDuration::from_mins(7 * (i64::try_from(number).expect("a short history") - 5));
    began().checked_add(after).expect("in range")
}

impl Pages for X {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "allow_private": true, "interval": "10m", "paid": true, "cap_per_month": 500,
            "token": secret(&self.folder, "token", "t0ken"), "phrases": ["acme"] })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let posts: Vec<Timestamp> = history.iter().map(|told| told.at).collect();
        place(&posts, posts.last().copied().unwrap_or_default(), "t0ken", asked)
    }

    fn id(&self, told: u64) -> String {
        number(told_at(told)).to_string()
    }
}

#[tokio::test]
async fn x_loses_nothing_in_seven_days() {
    // The one warning is what may be spent.
    let folder = tempfile::tempdir().expect("a temp folder");
    outage("x", X { folder }).await;
}

#[tokio::test]
async fn two_sources_with_one_bearer_stay_within_its_budget() {
    let folder = tempfile::tempdir().expect("a temp folder");
    together("x", X { folder }).await;
}

/// A site with posts that a test adds, and a source that reads it.
struct Bench {
    site: Served,
    posts: Arc<Mutex<Vec<Timestamp>>>,
    clock: JumpClock,
    _folder: TempDir,
    params: Value,
}

impl Bench {
    async fn new(more: Value) -> Self {
        let (clock, posts) = (JumpClock::new(began()), Arc::new(Mutex::new(Vec::new())));
        let folder = tempfile::tempdir().expect("a temp folder");
        let mut params = json!({ "paid": true, "token": secret(&folder, "token", "t0ken"), "query": "acme",
            "forecast": false, "rechecks": 0 });
        params.as_object_mut().expect("a table").extend(more.as_object().expect("a table").clone());
        let (served, hand) = (Arc::clone(&posts), clock.clone());
        let site = Served::start(move |asked| {
            use earmark::runtime::clock::Clock as _;
            place(&served.lock().expect("unpoisoned"), hand.now(), "t0ken", asked)
        })
        .await;
        Self { site, posts, clock, _folder: folder, params }
    }

    fn tell(&self, from: Timestamp, count: i64) {
        let mut posts = self.posts.lock().expect("unpoisoned");
        posts.extend((0..count).map(|n| from.checked_add(SignedDuration::from_secs(n)).expect("in range")));
    }

    fn source(&self) -> Box<dyn earmark::source::Source> {
        self.site.source("x", self.params.clone(), &self.clock)
    }
}

fn after(hours: i64) -> Timestamp {
    began().checked_add(SignedDuration::from_hours(hours)).expect("in range")
}

#[tokio::test]
async fn a_backlog_comes_newest_first_in_pages_and_once() {
    let bench = Bench::new(json!({ "cap_per_month": 500 })).await;
    let mut source = bench.source();
    let batch = source.poll(&Position::default(), began()).await.expect("an answer");
    assert!(batch.posts.is_empty() && !batch.more);
    bench.tell(after(1), 1_230);
    bench.clock.to(after(2));
    let mut position = batch.position;
    let mut found = Vec::new();
    for look in 1..=3 {
        let batch = source.poll(&position, after(2)).await.expect("an answer");
        assert_eq!(batch.more, look < 3, "look {look}");
        if look == 1 {
            let newest = bench.posts.lock().expect("unpoisoned")[1_229];
            assert_eq!(batch.posts.last().and_then(|post| post.created_at), Some(newest));
            assert!(batch.fetched_through < Some(after(1)), "what is not read is not said to be read");
            // A fresh post does not wait behind the backlog.
            bench.tell(after(2), 1);
        }
        if look == 2 {
            assert_eq!(batch.posts.last().and_then(|post| post.created_at), Some(after(2)));
        }
        found.extend(batch.posts.into_iter().map(|post| post.id));
        position = batch.position;
    }
    found.sort();
    let count = found.len();
    found.dedup();
    assert_eq!((found.len(), count), (1_231, 1_231));
    let batch = source.poll(&position, after(2)).await.expect("an answer");
    assert!(batch.posts.is_empty() && batch.fetched_through == Some(after(2)));
}

/// What a run of looks brought and cost.
async fn drain(
    bench: &Bench,
    position: &mut Position,
    now: Timestamp,
) -> (usize, earmark::source::SourceError) {
    let mut read = 0;
    loop {
        // A new process each time: what was spent must stand in the cursor.
        match bench.source().poll(position, now).await {
            Ok(batch) => {
                read += batch.posts.len();
                *position = batch.position;
            }
            Err(error) => return (read, error),
        }
    }
}

#[tokio::test]
async fn no_month_costs_more_than_its_cap_whatever_comes() {
    // A post and its author are asked for together: $0.015 at worst, so the last questions are small ones.
    let bench = Bench::new(json!({ "cap_per_month": 5 })).await;
    let mut position = bench.source().poll(&Position::default(), began()).await.expect("an answer").position;
    bench.tell(after(1), 5_000);
    bench.clock.to(after(3));
    let (read, error) = drain(&bench, &mut position, after(3)).await;
    let billed = |site: &Served| -> u64 {
        let asked = site.asked();
        asked.iter().filter(|asked| path(asked).ends_with("recent")).count() as u64
    };
    // Pages name one author however many posts they hold: each page costs its posts and $0.010.
    let questions = billed(&bench.site);
    let spent = read as u64 * 5_000 + questions * 10_000;
    assert!(spent <= 5_000_000, "${}", spent as f64 / 1e6);
    assert!(read > 800, "{read} of about 980 that the money pays for");
    assert!(
        matches!(error.retry, Retry::After(wait) if wait == SignedDuration::from_hours(27 * 24 + 21)),
        "{error:?}"
    );
    for part in ["money for X is used up", "of $5.00", "asked again in 27 days", "raise cap_per_month"] {
        assert!(error.what.contains(part), "{part}: {}", error.what);
    }
    // It asks nothing until the month has turned, and then says what it lost.
    let kept = error.position.expect("what was spent is kept");
    assert_eq!(
        bench.source().poll(&kept, after(30)).await.map(|_| ()).map_err(|error| error.retry).err(),
        Some(Retry::After(SignedDuration::from_hours(28 * 24 - 30)))
    );
    assert_eq!(billed(&bench.site), 0);
    let april = "2026-04-01T00:00:01Z".parse().expect("a time");
    bench.clock.to(april);
    let batch = bench.source().poll(&kept, april).await.expect("money again");
    assert!(
        batch.gaps.iter().any(|gap| gap.from <= Some(after(1)) && gap.until >= after(1)),
        "{:?}",
        batch.gaps
    );
    assert!(batch.gaps.iter().all(|gap| gap.until < april));
}

#[tokio::test]
async fn a_forecast_is_said_before_much_is_spent() {
    let bench = Bench::new(json!({ "cap_per_month": 30, "forecast": true, "back": "23h" })).await;
    bench.tell(began().checked_sub(SignedDuration::from_hours(2)).expect("in range"), 500);
    let mut source = bench.source();
    let batch = source.poll(&Position::default(), began()).await.expect("an answer");
    assert_eq!((batch.posts.len(), batch.more), (10, true), "a first look is a trial");
    let said = source.remark().expect("a remark");
    assert!(said.contains("100 posts a day match, $45.00 a month: the money lasts for 20 days"), "{said}");
    assert!(said.contains("$0.07 of $30.00"), "{said}");
    source.poll(&batch.position, began()).await.expect("an answer");
    let counts = bench.site.asked().iter().filter(|asked| path(asked).contains("counts")).count();
    assert_eq!(counts, 1, "it is asked once a week");
}

#[tokio::test]
async fn posts_gone_are_told_by_asking_anew_and_on_money_set_aside() {
    let bench = Bench::new(json!({ "cap_per_month": 500, "rechecks": 3 })).await;
    bench.tell(began(), 2);
    let known = |id: u64| Known { id: id.to_string(), url: None, parent: None };
    let there = number(began());
    let asked_for = [known(there), known(1_230), known(1_231)];
    let mut source = bench.source();
    let error = source.recheck(&asked_for, began()).await.expect_err("nothing was set aside yet");
    assert!(matches!(error.retry, Retry::Budget(_)), "{error:?}");
    let batch = source.poll(&Position::default(), began()).await.expect("an answer");
    let batch = source.poll(&batch.position, began()).await.expect("an answer");
    let said = source.recheck(&asked_for, began()).await.expect("an answer");
    assert_eq!(said.posts.iter().map(|post| post.id.clone()).collect::<Vec<_>>(), [there.to_string()]);
    assert_eq!(said.gone, ["1230", "1231"], "removed, and not for us any more");
    assert!(source.recheck(&asked_for, began()).await.is_err(), "the money set aside is used up");
    let before = source.remark().expect("a remark");
    source.poll(&batch.position, began()).await.expect("an answer");
    assert_ne!(source.remark().expect("a remark"), before, "what rechecks used is set aside anew");
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let hour = SignedDuration::from_hours(1);
    for (status, body, header, retry, part) in [
        (401, json!({ "title": "Unauthorized" }), None, Retry::Never, "make a new one"),
        (402, json!({ "title": "CreditsDepleted" }), None, Retry::After(hour), "no credits are left"),
        (
            403,
            json!({ "reason": "client-not-enrolled", "detail": "no" }),
            None,
            Retry::Never,
            "developer console",
        ),
        (
            429,
            json!({}),
            Some(began().as_second() + 600),
            Retry::After(SignedDuration::from_secs(600)),
            "too many",
        ),
        (429, json!({ "title": "UsageCapExceeded" }), None, Retry::After(6 * hour), "own cap"),
        (400, json!({ "errors": [{ "message": "Invalid 'query'" }] }), None, Retry::Never, "Invalid 'query'"),
        (503, json!({}), None, Retry::Soon, "503"),
    ] {
        let site = Served::start(move |_| {
            let page = Page { status, ..Page::of("application/json", body.to_string()) };
            header.map_or(page.clone(), |reset: i64| page.header("x-rate-limit-reset", &reset.to_string()))
        })
        .await;
        let folder = tempfile::tempdir().expect("a temp folder");
        let params = json!({ "paid": true, "cap_per_month": 5, "query": "acme", "forecast": false,
            "token": secret(&folder, "token", "t0ken") });
        let mut source = site.source("x", params, &JumpClock::new(began()));
        let error = source.poll(&Position::default(), began()).await.expect_err("refused");
        assert_eq!(error.retry, retry, "{status}");
        assert!(error.what.contains(part) && !error.what.contains("t0ken"), "{part}: {}", error.what);
    }
}

#[test]
fn it_is_off_until_it_is_switched_on_with_a_cap() {
    let check = kind("x").expect("the kind is listed").check;
    let faults = |params: Value| check(&Settings { id: "x".into(), params });
    let off = faults(json!({ "query": "acme", "token": { "env": "X" } }));
    assert!(off.has_faults(), "{off}");
    for part in ["paid = true", "cap_per_month"] {
        assert!(off.to_string().contains(part), "{part}: {off}");
    }
    let small =
        faults(json!({ "query": "acme", "token": { "env": "X" }, "paid": true, "cap_per_month": 0.1 }));
    assert!(small.to_string().contains("do not pay for one question"), "{small}");
    let on = faults(json!({ "query": "acme", "token": { "env": "X" }, "paid": true, "cap_per_month": 30 }));
    assert!(!on.has_faults() && on.to_string().contains("2000 posts, 66 a day"), "{on}");
    let clear = faults(json!({ "query": "acme", "token": "t0ken", "paid": true, "cap_per_month": 30 }));
    assert!(clear.has_faults() && !clear.to_string().contains("t0ken"), "{clear}");
}
