//! `facebook` against answers of our own making and a page that keeps the Graph API's rules.

use std::sync::{Arc, Mutex};

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Known, Nothing, Parsed, Position, Retry, Settings, kind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::graph::{SECRET, TOKEN, list, refusal, signed};
use super::served::{Served, json as json_page, path, query, secret};
use crate::site::{Pages, Told, outage, together};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

fn parse_at(url: Option<&str>, value: &Value) -> Parsed {
    let body = value.to_string();
    let settings = Settings { id: "f".into(), params: Value::Null };
    let parse = kind("facebook").and_then(|kind| kind.parse).expect("it reads answers");
    parse(&Answer { url, ..Answer::saved(body.as_bytes()) }, &settings)
}

fn parse(value: &Value) -> Parsed {
    parse_at(None, value)
}

#[test]
fn posts_comments_and_recommendations_know_what_they_are() {
    let feed = json!({ "data": [{
        "id": "17_1", "message": "Acme is open", "created_time": "2026-03-04T10:00:00+0000", "from": { "id": "17", "name": "Acme" },
        "permalink_url": "https://www.facebook.com/17/posts/1",
        "comments": { "data": [
            { "id": "1_5", "message": "No, it is not", "created_time": "2026-03-04T11:00:00+0000", "from": { "name": "Ann" } },
            { "id": "1_6", "message": "Truly", "parent": { "id": "1_5" } },
        ], "summary": { "total_count": 2 } },
    }, { "id": "17_2", "story": "Acme updated its picture", "created_time": "2026-03-03T10:00:00+0000" }],
    "paging": { "cursors": { "after": "x" } } });
    let parsed = parse(&feed);
    let told: Vec<_> =
        parsed.posts.iter().map(|post| (post.id.as_str(), post.kind, post.parent.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("17_1", PostKind::Post, None),
            ("1_5", PostKind::Comment, Some("17_1")),
            ("1_6", PostKind::Comment, Some("1_5")),
            ("17_2", PostKind::Post, None),
        ]
    );
    let (post, comment) = (&parsed.posts[0], &parsed.posts[1]);
    assert_eq!((post.author.as_deref(), post.site.as_str()), (Some("Acme"), "facebook.com"));
    assert_eq!(post.created_at, "2026-03-04T10:00:00Z".parse().ok());
    assert_eq!((comment.author.as_deref(), comment.text.as_str()), (Some("Ann"), "No, it is not"));

    let rating = json!({ "data": [{ "created_time": "2026-03-04T10:00:00+0000", "recommendation_type": "negative",
        "review_text": "Slow", "reviewer": { "name": "Bo" }, "open_graph_story": { "id": "99" } }] });
    let review = &parse(&rating).posts[0];
    assert_eq!(
        (review.kind, review.id.as_str(), review.author.as_deref()),
        (PostKind::Review, "99", Some("Bo"))
    );
    assert_eq!(review.full_text(), "Does not recommend\nSlow");
}

#[test]
fn comments_without_a_number_have_it_in_their_link() {
    let link = "https://www.facebook.com/17/posts/1/?comment_id=5";
    let body = json!({ "data": [{ "message": "Hello", "comment_count": 0, "permalink_url": link },
        { "message": "Yes", "permalink_url": format!("{link}&reply_comment_id=6") }] });
    let told: Vec<_> = parse(&body).posts.into_iter().map(|post| (post.id, post.parent)).collect();
    assert_eq!(told, [("1_5".into(), Some("17_1".into())), ("1_6".into(), Some("17_1".into()))]);
    let below = parse_at(
        Some("https://graph.facebook.com/v25.0/17_1/comments?limit=2"),
        &json!({ "data": [{ "id": "1_7", "message": "a" }] }),
    );
    assert_eq!((below.posts[0].kind, below.posts[0].parent.as_deref()), (PostKind::Comment, Some("17_1")));
}

#[test]
fn what_the_page_tells_by_itself_is_read_too() {
    let change = |value: Value| json!({ "object": "page", "entry": [{ "id": "17", "changes": [{ "field": "feed", "value": value }] }] });
    let added = parse(&change(
        json!({ "item": "comment", "verb": "add", "comment_id": "1_5", "post_id": "17_1",
        "parent_id": "17_1", "message": "Hello", "from": { "name": "Ann" }, "created_time": 1_772_618_400 }),
    ));
    assert_eq!((added.posts[0].id.as_str(), added.posts[0].parent.as_deref()), ("1_5", Some("17_1")));
    let removed = parse(&change(
        json!({ "item": "comment", "verb": "remove", "comment_id": "1_5", "post_id": "17_1" }),
    ));
    assert!(removed.posts[0].deleted && removed.posts[0].text.is_empty());
    let liked = parse(&change(
        json!({ "item": "reaction", "verb": "add", "post_id": "17_1", "reaction_type": "like" }),
    ));
    assert_eq!(liked.nothing, Some(Nothing::NoPostsInside));
}

#[test]
fn what_holds_no_posts_says_why() {
    for (value, expected) in [
        (json!({ "data": [] }), Nothing::NoPostsInside),
        (json!({ "data": [{ "id": "1", "name": "Ann", "pic": "x" }], "paging": {} }), Nothing::NoPostsInside),
        (json!({ "id": "17", "name": "Acme" }), Nothing::NoPostsInside),
        (
            json!({ "error": { "message": "(#4) limit", "type": "OAuthException", "code": 4 } }),
            Nothing::ErrorAnswer,
        ),
        (json!({ "kind": "Listing", "data": { "children": [] } }), Nothing::ForeignInterface),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (json!({ "data": [{ "message": "no number" }] }), Nothing::Broken),
    ] {
        assert_eq!(parse(&value).nothing, Some(expected), "{value}");
    }
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

fn post(id: &str, at: Timestamp, comments: usize) -> Value {
    json!({ "id": id, "message": format!("words of {id}"), "created_time": at.to_string(), "from": { "name": "Ann" },
        "permalink_url": format!("https://www.facebook.com/{}", id.replace('_', "/posts/")),
        "comments": { "data": [], "summary": { "total_count": comments } } })
}

struct Facebook {
    folder: TempDir,
}

impl Pages for Facebook {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "allow_private": true, "interval": "10m", "page": "17",
            "token": secret(&self.folder, "token", TOKEN), "app_secret": secret(&self.folder, "secret", SECRET) })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if let Err(refused) = signed(asked, true) {
            return refused;
        }
        match path(asked) {
            "/v25.0/17/feed" => {
                let posts =
                    history.iter().rev().map(|told| post(&self.id(told.number), told.at, 0)).collect();
                list(posts, "created_time", asked)
            }
            "/v25.0/17/tagged" => list(Vec::new(), "created_time", asked),
            _ => refusal(404, 803),
        }
    }

    fn id(&self, number: u64) -> String {
        format!("17_{number}")
    }
}

#[tokio::test]
async fn facebook_loses_nothing() {
    outage("facebook", Facebook { folder: tempfile::tempdir().expect("a temp folder") }).await;
}

#[tokio::test]
async fn two_sources_with_one_token_stay_within_its_budget() {
    together("facebook", Facebook { folder: tempfile::tempdir().expect("a temp folder") }).await;
}

/// Posts of the page, each with its comments, oldest first.
type Shelf = Arc<Mutex<Vec<(Value, Vec<Value>)>>>;

struct Bench {
    site: Served,
    shelf: Shelf,
    clock: JumpClock,
    params: Value,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let (shelf, clock) = (Shelf::default(), JumpClock::new(began()));
        let folder = tempfile::tempdir().expect("a temp folder");
        let params = json!({ "page": 17, "reads": ["feed"], "token": secret(&folder, "token", TOKEN),
            "app_secret": secret(&folder, "secret", SECRET) });
        let served = Arc::clone(&shelf);
        let site = Served::start(move |asked| {
            if let Err(refused) = signed(asked, true) {
                return refused;
            }
            let shelf = served.lock().expect("unpoisoned");
            let what = path(asked).trim_start_matches("/v25.0/").to_owned();
            if what == "17/feed" {
                let posts = shelf.iter().rev().map(|(post, comments)| {
                    let mut post = post.clone();
                    post["comments"]["summary"]["total_count"] = comments.len().into();
                    post
                });
                return list(posts.collect(), "created_time", asked);
            }
            if let Some(id) = what.strip_suffix("/comments") {
                let found = shelf.iter().find(|(post, _)| post["id"] == id);
                return found.map_or_else(
                    || refusal(400, 100),
                    |(_, comments)| list(comments.iter().rev().cloned().collect(), "created_time", asked),
                );
            }
            let all = || shelf.iter().flat_map(|(_, comments)| comments);
            if let Some(ids) = query(&asked.path, "ids") {
                let found: Vec<&Value> =
                    ids.split(',').filter_map(|id| all().find(|one| one["id"] == id)).collect();
                if found.len() < ids.split(',').count() {
                    return refusal(400, 803);
                }
                let named =
                    found.into_iter().map(|one| (one["id"].as_str().unwrap_or("").to_owned(), one.clone()));
                return json_page(&Value::Object(named.collect()));
            }
            if what == "17" {
                return json_page(&json!({ "id": "17" }));
            }
            all().find(|one| one["id"] == what).map_or_else(|| refusal(400, 100), json_page)
        })
        .await;
        Self { site, shelf, clock, params, _folder: folder }
    }

    fn source(&self) -> Box<dyn earmark::source::Source> {
        self.site.source("facebook", self.params.clone(), &self.clock)
    }

    fn told(&self, id: &str, minutes: i64) {
        let at = after(minutes);
        self.shelf.lock().expect("unpoisoned").push((post(id, at, 0), Vec::new()));
    }

    fn comment(&self, below: &str, id: &str, minutes: i64) {
        let mut shelf = self.shelf.lock().expect("unpoisoned");
        let (_, comments) = shelf.iter_mut().find(|(post, _)| post["id"] == below).expect("a post");
        comments.push(
            json!({ "id": id, "message": format!("words of {id}"), "created_time": after(minutes).to_string(),
            "comment_count": 0 }),
        );
    }
}

fn after(minutes: i64) -> Timestamp {
    began().checked_add(SignedDuration::from_mins(minutes)).expect("in range")
}

#[tokio::test]
async fn comments_are_asked_for_where_their_count_moved() {
    let bench = Bench::new().await;
    bench.told("17_1", -60);
    bench.told("17_2", -30);
    (0..250).for_each(|n| bench.comment("17_1", &format!("1_{n}"), n - 300));
    let mut source = bench.source();
    let batch = source.poll(&Position::default(), began()).await.expect("an answer");
    assert_eq!(batch.posts.len(), 252, "every page of a busy post");
    assert!(batch.gaps.is_empty() && !batch.more && batch.fetched_through == Some(began()));
    let below = |batch: &earmark::source::Batch| {
        batch.posts.iter().filter(|post| post.parent.as_deref() == Some("17_1")).count()
    };
    assert_eq!(below(&batch), 250);
    bench.site.asked();
    bench.comment("17_1", "1_900", 5);
    bench.comment("17_2", "2_1", 5);
    let batch = source.poll(&batch.position, after(10)).await.expect("an answer");
    assert_eq!(below(&batch), 100, "one page, down to what is known");
    assert!(
        batch.posts.iter().any(|post| post.id == "1_900") && batch.posts.iter().any(|post| post.id == "2_1")
    );
    let asked: Vec<String> = bench.site.asked().iter().map(|asked| path(asked).to_owned()).collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    let batch = source.poll(&batch.position, after(20)).await.expect("an answer");
    assert_eq!(
        (batch.posts.len(), bench.site.asked().len()),
        (2, 1),
        "nothing moved: the page of posts alone"
    );
}

#[tokio::test]
async fn a_backlog_of_posts_is_finished_in_later_looks_or_said_to_be_lost() {
    let bench = Bench::new().await;
    bench.told("17_0", -1);
    let first = bench.source().poll(&Position::default(), began()).await.expect("an answer").position;
    (1..=730).for_each(|n| bench.told(&format!("17_{n}"), n));
    let mut position = first.clone();
    let mut found = std::collections::BTreeSet::new();
    for look in 1..=2 {
        let batch = bench.source().poll(&position, after(800)).await.expect("an answer");
        assert_eq!(batch.more, look == 1);
        assert_eq!(batch.fetched_through, Some(if look == 1 { began() } else { after(800) }), "look {look}");
        if look == 1 {
            assert_eq!(
                batch.posts.last().map(|post| post.id.as_str()),
                Some("17_730"),
                "the fresh ones first"
            );
        }
        found.extend(batch.posts.into_iter().map(|post| post.id));
        position = batch.position;
    }
    assert_eq!(found.len(), 731);
    // The thing that the cursor stood for is gone: what lay behind it is lost, and said.
    let batch = bench.source().poll(&first, after(800)).await.expect("an answer");
    bench.shelf.lock().expect("unpoisoned").retain(|(post, _)| post["id"] != "17_231");
    let batch = bench.source().poll(&batch.position, after(801)).await.expect("an answer");
    assert_eq!(batch.gaps.len(), 1, "{:?}", batch.gaps);
    assert!(batch.gaps[0].from <= Some(after(1)) && batch.gaps[0].until >= after(230), "{:?}", batch.gaps);
}

#[tokio::test]
async fn comments_gone_are_told_and_a_withdrawn_permission_is_not_taken_for_it() {
    let bench = Bench::new().await;
    bench.told("17_1", -60);
    bench.comment("17_1", "1_1", -50);
    bench.comment("17_1", "1_2", -40);
    let known = |id: &str| Known { id: id.into(), url: None, parent: Some("17_1".into()) };
    let mut source = bench.source();
    let said = source.recheck(&[known("1_1"), known("1_2")], began()).await.expect("an answer");
    assert_eq!((said.posts.len(), said.gone.len(), bench.site.asked().len()), (2, 0, 1));
    bench.shelf.lock().expect("unpoisoned")[0].1.remove(0);
    let said = source.recheck(&[known("1_1"), known("1_2")], began()).await.expect("an answer");
    assert_eq!((said.posts.len(), said.gone), (1, vec!["1_1".to_owned()]));

    let denied = Served::start(|_| refusal(400, 100)).await;
    let mut source = denied.source("facebook", bench.params.clone(), &bench.clock);
    let error = source.recheck(&[known("1_1")], began()).await.expect_err("nobody can say");
    assert_eq!(error.retry, Retry::Never);
}

#[tokio::test]
async fn refusals_say_what_to_do_and_which_list_they_are_about() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let params = json!({ "page": "17", "token": secret(&folder, "token", TOKEN) });
    let clock = JumpClock::new(began());
    let usage =
        json!({ "17": [{ "type": "pages", "call_count": 100, "estimated_time_to_regain_access": 12 }] })
            .to_string();
    for (code, retry, part) in [
        (32, Retry::After(SignedDuration::from_mins(12)), "limit"),
        (190, Retry::Never, "expired or was withdrawn"),
    ] {
        let usage = usage.clone();
        let site =
            Served::start(move |_| refusal(400, code).header("x-business-use-case-usage", &usage)).await;
        let mut source = site.source("facebook", params.clone(), &clock);
        let error = source.poll(&Position::default(), began()).await.expect_err("refused");
        assert_eq!(error.retry, retry, "{code}");
        assert!(error.what.contains(part) && !error.what.contains(TOKEN), "{part}: {}", error.what);
    }
    // What the token may not read is told, and keeps the feed not back, though there is nothing new in it.
    let site = Served::start(move |asked| match path(asked) {
        "/v25.0/17/feed" => list(Vec::new(), "created_time", asked),
        _ => refusal(400, 10),
    })
    .await;
    let mut source = site.source("facebook", params, &clock);
    let batch = source.poll(&Position::default(), began()).await.expect("the feed answers");
    assert_eq!((batch.posts.len(), batch.fetched_through), (0, None));
    assert!(batch.trouble.iter().any(|one| one.what.starts_with("mentions: ")), "{:?}", batch.trouble);
    assert!(batch.trouble.iter().all(|one| one.part != "feed" && !one.what.contains(TOKEN)));
}

#[test]
fn settings_are_checked() {
    let check = kind("facebook").expect("the kind is listed").check;
    let said = |params: Value| check(&Settings { id: "f".into(), params }).to_string();
    let bad = said(
        json!({ "page": "a b", "version": "25", "reads": ["everything"], "interval": "1s", "pages": 1 }),
    );
    for part in ["page:", "version", "feed, mentions, ratings", "token", "too short", "did you mean \"page\""]
    {
        assert!(bad.contains(part), "{part}: {bad}");
    }
    assert_eq!(said(json!({ "page": "17", "token": { "env": "T" } })), "");
}
