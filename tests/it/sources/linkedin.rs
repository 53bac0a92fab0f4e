//! `linkedin` against answers of our own making in the shapes that its documents show, and a page that keeps its
//! rules: versioned headers, names escaped, pages, daily limits.

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
    let settings = Settings { id: "l".into(), params: Value::Null };
    let parse = kind("linkedin").and_then(|kind| kind.parse).expect("it reads answers");
    parse(&Answer::saved(body.as_bytes()), &settings)
}

fn comment(number: u64, text: &str) -> Value {
    json!({ "entity": format!("urn:li:comment:(urn:li:activity:7,{number})"), "owner": "urn:li:person:ann",
        "object": "urn:li:activity:7", "text": text })
}

fn told(number: u64, action: &str, at: Timestamp, inside: Option<Value>) -> Value {
    let mut told = json!({ "notificationId": number, "organizationalEntity": "urn:li:organization:17", "action": action,
        "sourcePost": "urn:li:activity:7", "generatedActivity": format!("urn:li:comment:(activity:7,{number})"),
        "lastModifiedAt": at.as_millisecond(), "subscriber": "urn:li:person:us" });
    if let Some(inside) = inside {
        told["decoratedGeneratedActivity"] = json!({ "comment": inside });
    }
    told
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

#[test]
fn what_happened_becomes_posts_edits_and_removals() {
    let list = json!({ "elements": [
        told(3, "COMMENT_DELETE", began(), None),
        told(2, "COMMENT_EDIT", began(), Some(comment(2, "@[Acme](urn:li:organization:17) is \\(very\\) slow {hashtag|\\#|acme}"))),
        told(1, "COMMENT", began(), Some(comment(1, "hello"))),
        told(4, "COMMENT", began(), None),
    ], "paging": { "start": 0, "count": 10 } });
    let parsed = parse(&list);
    let said: Vec<_> =
        parsed.posts.iter().map(|post| (post.id.as_str(), post.text.as_str(), post.deleted)).collect();
    assert_eq!(
        said,
        [
            ("urn:li:comment:(urn:li:activity:7,3)", "", true),
            ("urn:li:comment:(urn:li:activity:7,2)", "@Acme is (very) slow #acme", false),
            ("urn:li:comment:(urn:li:activity:7,1)", "hello", false),
        ]
    );
    let hello = &parsed.posts[2];
    assert_eq!((hello.kind, hello.parent.as_deref()), (PostKind::Comment, Some("urn:li:activity:7")));
    assert_eq!((hello.author.as_deref(), hello.created_at), (Some("person:ann"), Some(began())));
    let hook =
        json!({ "type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": [list["elements"][2]] });
    assert_eq!(parse(&hook).posts, std::slice::from_ref(hello));
}

#[test]
fn comments_and_posts_of_three_interfaces_are_read() {
    let comments = parse(&json!({ "elements": [
        { "actor": "urn:li:person:ann", "commentUrn": "urn:li:comment:(urn:li:activity:7,5)", "id": "5",
          "message": { "attributes": [], "text": "first" }, "object": "urn:li:activity:7",
          "created": { "actor": "urn:li:person:ann", "time": 1_772_618_400_000_i64 } },
        { "actor": "urn:li:person:bo", "id": "6", "message": { "text": "second" }, "object": "urn:li:activity:7",
          "parentComment": "urn:li:comment:(urn:li:activity:7,5)" },
    ] }));
    let said: Vec<_> = comments.posts.iter().map(|post| (post.id.as_str(), post.parent.as_deref())).collect();
    assert_eq!(
        said,
        [
            ("urn:li:comment:(urn:li:activity:7,5)", Some("urn:li:activity:7")),
            ("urn:li:comment:(urn:li:activity:7,6)", Some("urn:li:comment:(urn:li:activity:7,5)")),
        ]
    );
    assert_eq!(comments.posts[0].created_at, "2026-03-04T10:00:00Z".parse().ok());
    for value in [
        json!({ "elements": [{ "id": "urn:li:share:9", "author": "urn:li:organization:17", "commentary": "Acme is new",
            "lifecycleState": "PUBLISHED", "publishedAt": 1_772_618_400_000_i64 }] }),
        json!({ "id": "urn:li:share:9", "author": "urn:li:organization:17", "lifecycleState": "PUBLISHED",
            "specificContent": { "com.linkedin.ugc.ShareContent": { "shareCommentary": { "text": "Acme is new" } } } }),
        json!({ "id": "urn:li:share:9", "owner": "urn:li:organization:17", "text": { "text": "Acme is new" } }),
        json!({ "results": { "urn:li:share:9": { "id": "urn:li:share:9", "author": "a", "commentary": "Acme is new" } } }),
    ] {
        let parsed = parse(&value);
        assert_eq!(
            parsed.posts.iter().map(|post| (post.id.as_str(), post.text.as_str())).collect::<Vec<_>>(),
            [("urn:li:share:9", "Acme is new")],
            "{value}"
        );
    }
}

#[test]
fn what_holds_no_posts_says_why() {
    for (value, expected) in [
        (json!({ "elements": [], "paging": { "start": 0 } }), Nothing::NoPostsInside),
        (json!({ "elements": [told(1, "LIKE", began(), None)] }), Nothing::NoPostsInside),
        (json!({ "numResults": 0, "people": { "_total": 0 } }), Nothing::NoPostsInside),
        (json!({ "id": 1586, "name": "Acme" }), Nothing::NoPostsInside),
        (json!({ "message": "Resource level throttle", "status": 429 }), Nothing::ErrorAnswer),
        (json!({ "serviceErrorCode": 65600, "message": "Invalid access token" }), Nothing::ErrorAnswer),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
    ] {
        assert_eq!(parse(&value).nothing, Some(expected), "{value}");
    }
}

/// What a page's interface answers, newest first; `None` in a thing's place: its words must be asked for.
fn place(things: &[(u64, Timestamp, Option<String>)], asked: &Asked) -> Page {
    let refused = |status: u16, message: &str| {
        let body = json!({ "message": message, "status": status });
        Page { status, ..Page::of("application/json", body.to_string()) }
    };
    let header = |name: &str| asked.headers.get(name).map(String::as_str);
    if header("authorization") != Some("Bearer t0ken") {
        return refused(401, "Invalid access token");
    }
    if header("linkedin-version").is_none_or(|version| version < "202507") {
        return refused(426, "Requested version is not active");
    }
    if header("x-restli-protocol-version") != Some("2.0.0") {
        return refused(400, "Syntax exception in path variables");
    }
    if let Some(number) = path(asked).strip_prefix("/rest/socialActions/urn%3Ali%3Aactivity%3A7/comments/") {
        let found = things.iter().find(|(known, _, _)| known.to_string() == number);
        return found.map_or_else(|| refused(404, "Not Found"), |(number, at, _)| {
            let body = json!({ "actor": "urn:li:person:ann", "commentUrn": format!("urn:li:comment:(urn:li:activity:7,{number})"),
                "id": number.to_string(), "message": { "text": format!("asked {number}") }, "object": "urn:li:activity:7",
                "created": { "time": at.as_millisecond() } });
            Page::of("application/json", body.to_string())
        });
    }
    if path(asked) != "/rest/organizationalEntityNotifications" {
        return refused(404, "Not Found");
    }
    let named = asked.path.contains("organizationalEntity=urn%3Ali%3Aorganization%3A17");
    let listed = asked.path.contains("actions=List(COMMENT,") && asked.path.contains("timeRange=(start:");
    let range = query(&asked.path, "timeRange").unwrap_or_default();
    let edge = |name: &str| -> Option<i64> {
        range.split_once(&format!("{name}:"))?.1.split([',', ')']).next()?.parse().ok()
    };
    let number = |name: &str| query(&asked.path, name).and_then(|text| text.parse::<usize>().ok());
    let (Some(from), Some(until), true, true) = (edge("start"), edge("end"), named, listed) else {
        return refused(400, "Invalid query parameters");
    };
    let (start, count) = (number("start").unwrap_or(0), number("count").unwrap_or(10).min(100));
    let inside = things.iter().rev().filter(|(_, at, _)| (from..=until).contains(&at.as_millisecond()));
    let elements: Vec<Value> = inside
        .skip(start)
        .take(count)
        .map(|(number, at, text)| {
            told(*number, "COMMENT", *at, text.as_ref().map(|text| comment(*number, text)))
        })
        .collect();
    Page::of(
        "application/json",
        json!({ "elements": elements, "paging": { "start": start, "count": count } }).to_string(),
    )
}

struct LinkedIn {
    folder: TempDir,
}

impl Pages for LinkedIn {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "allow_private": true, "interval": "15m", "organization": "17",
            "token": secret(&self.folder, "token", "t0ken") })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let things: Vec<_> = history
            .iter()
            .map(|told| (told.number, told.at, Some(format!("words of {}", told.number))))
            .collect();
        place(&things, asked)
    }

    fn id(&self, number: u64) -> String {
        format!("urn:li:comment:(urn:li:activity:7,{number})")
    }
}

#[tokio::test]
async fn linkedin_loses_nothing() {
    outage("linkedin", LinkedIn { folder: tempfile::tempdir().expect("a temp folder") }).await;
}

#[tokio::test]
async fn two_sources_with_one_token_stay_within_its_budget() {
    together("linkedin", LinkedIn { folder: tempfile::tempdir().expect("a temp folder") }).await;
}

type Things = Arc<Mutex<Vec<(u64, Timestamp, Option<String>)>>>;

struct Bench {
    site: Served,
    things: Things,
    clock: JumpClock,
    params: Value,
    _folder: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let (things, clock) = (Things::default(), JumpClock::new(began()));
        let folder = tempfile::tempdir().expect("a temp folder");
        let params = json!({ "organization": 17, "token": secret(&folder, "token", "t0ken") });
        let served = Arc::clone(&things);
        let site = Served::start(move |asked| place(&served.lock().expect("unpoisoned"), asked)).await;
        Self { site, things, clock, params, _folder: folder }
    }

    fn source(&self) -> Box<dyn earmark::source::Source> {
        self.site.source("linkedin", self.params.clone(), &self.clock)
    }

    fn tell(&self, numbers: std::ops::Range<u64>, minutes: i64, text: Option<&str>) {
        let things = numbers.map(|number| (number, after(minutes), text.map(str::to_owned)));
        self.things.lock().expect("unpoisoned").extend(things);
    }
}

fn after(minutes: i64) -> Timestamp {
    began().checked_add(SignedDuration::from_mins(minutes)).expect("in range")
}

#[tokio::test]
async fn a_backlog_comes_page_by_page_behind_what_is_fresh() {
    let bench = Bench::new().await;
    let mut source = bench.source();
    let first = source.poll(&Position::default(), began()).await.expect("an answer");
    bench.tell(0..720, 30, Some("words"));
    let batch = source.poll(&first.position, after(60)).await.expect("an answer");
    assert_eq!((batch.posts.len(), batch.more), (500, true));
    assert!(batch.fetched_through <= Some(began()), "what is not read is not said to be read");
    bench.tell(800..801, 65, Some("fresh"));
    let rest = source.poll(&batch.position, after(70)).await.expect("an answer");
    assert!(rest.posts.iter().any(|post| post.text == "fresh"));
    assert_eq!((rest.posts.len(), rest.more, rest.fetched_through), (221, false, Some(after(70))));
    assert_eq!(bench.site.asked().len(), 1 + 5 + 4);
}

#[tokio::test]
async fn what_is_told_without_words_is_asked_for_within_a_bound() {
    let bench = Bench::new().await;
    let mut source = bench.source();
    let first = source.poll(&Position::default(), began()).await.expect("an answer");
    bench.tell(1..16, 1, None);
    let batch = source.poll(&first.position, after(2)).await.expect("an answer");
    assert_eq!(
        (batch.posts.len(), batch.more),
        (10, false),
        "the rest waits for the next look: questions are scarce"
    );
    assert!(batch.posts.iter().any(|post| post.text == "asked 15"), "the newest first");
    assert!(batch.fetched_through < Some(after(2)));
    let rest = source.poll(&batch.position, after(3)).await.expect("an answer");
    assert_eq!(rest.posts.len(), 5, "what the overlap tells again is not asked for again");
    let mut found: Vec<&str> = batch.posts.iter().chain(&rest.posts).map(|post| post.id.as_str()).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 15);
}

#[tokio::test]
async fn after_sixty_days_the_rest_is_lost_and_said() {
    let bench = Bench::new().await;
    let mut source = bench.source();
    let first = source.poll(&Position::default(), began()).await.expect("an answer");
    let late = after(70 * 24 * 60);
    bench.clock.to(late);
    let batch = source.poll(&first.position, late).await.expect("an answer");
    assert_eq!(batch.gaps.len(), 1);
    assert!(
        batch.gaps[0].from <= Some(began()) && batch.gaps[0].until == after(10 * 24 * 60),
        "{:?}",
        batch.gaps
    );
}

#[tokio::test]
async fn comments_gone_are_told_by_asking_anew() {
    let bench = Bench::new().await;
    bench.tell(1..2, 1, Some("words"));
    let known = |number: u64| Known {
        id: format!("urn:li:comment:(urn:li:activity:7,{number})"),
        url: None,
        parent: None,
    };
    let said = bench.source().recheck(&[known(1), known(2)], began()).await.expect("an answer");
    assert_eq!((said.posts.len(), said.gone), (1, vec![known(2).id]));
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let day = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached.";
    for (status, message, retry, part) in [
        (401, "Expired access token", Retry::Never, "60 days"),
        (403, "Not enough permissions", Retry::Never, "administrator of the page"),
        (426, "Requested version 20240101 is not active", Retry::Never, "write a newer one"),
        (429, day, Retry::After(SignedDuration::from_hours(24)), "of this day"),
        (429, "Too many", Retry::After(SignedDuration::from_mins(10)), "too many"),
        (500, "", Retry::Soon, "500"),
    ] {
        let site = Served::start(move |_| {
            let body = json!({ "message": message, "status": status });
            Page { status, ..Page::of("application/json", body.to_string()) }
        })
        .await;
        let folder = tempfile::tempdir().expect("a temp folder");
        let params = json!({ "organization": "17", "token": secret(&folder, "token", "t0ken") });
        let mut source = site.source("linkedin", params, &JumpClock::new(began()));
        let error = source.poll(&Position::default(), began()).await.expect_err("refused");
        assert_eq!(error.retry, retry, "{status} {message}");
        assert!(error.what.contains(part) && !error.what.contains("t0ken"), "{part}: {}", error.what);
    }
}

#[test]
fn texts_may_not_be_kept_for_longer_than_two_days() {
    let kind = kind("linkedin").expect("the kind is listed");
    let settings =
        Settings { id: "l".into(), params: json!({ "organization": "17", "token": { "env": "T" } }) };
    let said =
        |hours: i64| earmark::source::terms::check(kind, &settings, Some(SignedDuration::from_hours(hours)));
    assert!(said(24 * 30).has_faults() && !said(48).has_faults(), "{}", said(48));
    let bad =
        (kind.check)(&Settings { id: "l".into(), params: json!({ "organization": "acme", "version": "1" }) });
    for part in ["no number of an organisation", "no version", "token"] {
        assert!(bad.to_string().contains(part), "{part}: {bad}");
    }
}
