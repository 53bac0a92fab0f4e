//! `stack_exchange` as its interface serves it, of our own making: shapes, pages, waits, deletes.

use earmark::source::{Answer, Known, Nothing, Parsed, Position, Retry, Settings, stack_exchange};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Served, json as page, path, query, source};
use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

fn parse(url: Option<&str>, value: &Value) -> Parsed {
    let settings = Settings { id: "s".into(), params: Value::Null };
    let body = value.to_string();
    stack_exchange::parse(&Answer { url, ..Answer::saved(body.as_bytes()) }, &settings)
}

fn question(id: u64, at: Timestamp) -> Value {
    json!({ "question_id": id, "title": "Acme &amp; Globex: a &lt;b&gt; too much?", "body": "<p>It fails:</p><pre><code>error\n</code></pre>",
        "owner": { "display_name": "O&#39;Ann", "link": "https://stackoverflow.com/users/1/ann" }, "view_count": 17,
        "creation_date": at.as_second(), "last_activity_date": at.as_second(), "link": format!("https://stackoverflow.com/questions/{id}/acme") })
}

fn answer(id: u64, question: u64, at: Timestamp) -> Value {
    json!({ "answer_id": id, "question_id": question, "body": "<blockquote>It fails</blockquote><p>No.</p>", "is_accepted": false,
        "owner": { "display_name": "bo" }, "creation_date": at.as_second(), "last_activity_date": at.as_second() })
}

fn comment(id: u64, post: u64, at: Timestamp) -> Value {
    json!({ "comment_id": id, "post_id": post, "body": "words", "owner": { "display_name": "bo" }, "creation_date": at.as_second() })
}

fn wrapped(items: Vec<Value>, more: bool) -> Value {
    json!({ "items": items, "has_more": more, "quota_max": 300, "quota_remaining": 200 })
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn every_shape_becomes_posts_that_know_whom_they_answer() {
    let now = at("2026-03-04T10:00:00Z");
    let asked = Some("https://api.stackexchange.com/2.3/questions?site=stackoverflow&filter=withbody");
    let told = |url, value: Value| -> Vec<(String, Option<String>)> {
        parse(url, &value).posts.into_iter().map(|post| (post.id, post.parent)).collect()
    };
    let one = |id: &str, parent: Option<&str>| vec![(id.to_owned(), parent.map(str::to_owned))];
    let mut nested = question(1, now);
    nested["answers"] = json!([answer(2, 1, now)]);
    nested["answers"][0]["comments"] = json!([comment(2, 2, now)]);
    let q1 = ("stackoverflow/1".to_owned(), None);
    for (url, value, expected) in [
        (asked, wrapped(vec![question(1, now)], false), vec![q1.clone()]),
        (None, wrapped(vec![question(1, now)], false), vec![q1.clone()]),
        (None, question(1, now), vec![q1.clone()]),
        (asked, wrapped(vec![answer(2, 1, now)], false), one("stackoverflow/2", Some("stackoverflow/1"))),
        (
            asked,
            wrapped(vec![comment(2, 1, now)], false),
            one("stackoverflow/comment/2", Some("stackoverflow/1")),
        ),
        (
            asked,
            wrapped(vec![nested], true),
            vec![
                q1,
                ("stackoverflow/2".into(), Some("stackoverflow/1".into())),
                ("stackoverflow/comment/2".into(), Some("stackoverflow/2".into())),
            ],
        ),
        (
            Some("https://api.stackexchange.com/2.3/posts?site=cooking.stackexchange.com"),
            wrapped(
                vec![json!({ "post_id": 4, "post_type": "question", "title": "Salt?", "body": "" })],
                false,
            ),
            one("cooking/4", None),
        ),
    ] {
        assert_eq!(told(url, value.clone()), expected, "{value}");
    }
    let posts =
        parse(asked, &wrapped(vec![question(1, now), answer(2, 1, now), comment(3, 2, now)], false)).posts;
    assert_eq!(posts[0].title.as_deref(), Some("Acme & Globex: a <b> too much?"));
    assert_eq!((posts[0].text.as_str(), posts[0].author.as_deref()), ("It fails:\n\n> error", Some("O'Ann")));
    assert_eq!(
        (posts[0].created_at, posts[0].reach, posts[0].site.as_str()),
        (Some(now), Some(17), "stackoverflow.com")
    );
    assert_eq!(posts[1].text, "> It fails\n\nNo.");
    assert_eq!(posts[1].url.as_deref(), Some("https://stackoverflow.com/a/2"));
    assert_eq!(posts[2].url.as_deref(), Some("https://stackoverflow.com/posts/comments/3"));
}

#[test]
fn what_holds_no_posts_says_so() {
    for (value, expected) in [
        (wrapped(vec![], false), Nothing::NoPostsInside),
        (
            wrapped(vec![json!({ "answer_id": 1, "question_id": 2, "owner": {} })], false),
            Nothing::NoPostsInside,
        ),
        (wrapped(vec![json!({ "user_id": 1, "display_name": "ann" })], false), Nothing::NoPostsInside),
        (
            wrapped(vec![json!({ "timeline_type": "question", "question_id": 2 })], false),
            Nothing::NoPostsInside,
        ),
        (
            json!({ "error_id": 502, "error_name": "throttle_violation", "error_message": "x" }),
            Nothing::ErrorAnswer,
        ),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (wrapped(vec![json!("x")], false), Nothing::Broken),
    ] {
        assert_eq!(parse(None, &value).nothing, Some(expected), "{value}");
    }
}

struct StackExchange;

impl Pages for StackExchange {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "sites": ["acme"], "everything": true, "interval": "20m", "allow_private": true })
    }

    /// Questions, answers and comments by turns; every page is small, as the site may have it.
    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let number = |name: &str| query(&asked.path, name).and_then(|value| value.parse::<i64>().ok());
        let since = number("min").or(number("fromdate")).unwrap_or(i64::MIN);
        let turn = match path(asked) {
            "/questions" => 0,
            "/answers" => 1,
            "/comments" => 2,
            _ => {
                return Page {
                    status: 400,
                    ..page(&json!({ "error_id": 404, "error_name": "no_method", "error_message": "x" }))
                };
            }
        };
        let mut ours: Vec<&Told> =
            history.iter().filter(|told| told.number % 3 == turn && told.at.as_second() >= since).collect();
        if query(&asked.path, "order").as_deref() == Some("desc") {
            ours.reverse();
        }
        let skip = usize::try_from((number("page").unwrap_or(1) - 1) * 4).unwrap_or(0);
        let items = ours.iter().skip(skip).take(4).map(|told| match turn {
            0 => question(told.number, told.at),
            1 => answer(told.number, 3, told.at),
            _ => comment(told.number, 3, told.at),
        });
        page(&wrapped(items.collect(), ours.len() > skip + 4))
    }

    fn id(&self, number: u64) -> String {
        if number % 3 == 2 { format!("acme/comment/{number}") } else { format!("acme/{number}") }
    }
}

#[tokio::test]
async fn stack_exchange_goes_on_from_the_last_activity() {
    outage("stack_exchange", StackExchange).await;
}

#[tokio::test]
async fn a_tag_is_read_with_its_answers_and_comments_and_signed() {
    let now = at("2026-03-04T10:00:00Z");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "sesame").expect("written");
    let new = now - SignedDuration::from_mins(5);
    let old = now - SignedDuration::from_hours(500);
    let served = Served::start(move |asked| {
        if query(&asked.path, "key").as_deref() != Some("sesame")
            || query(&asked.path, "site").as_deref() != Some("stackoverflow")
        {
            return Page {
                status: 400,
                ..page(&json!({ "error_id": 400, "error_name": "bad_parameter", "error_message": "`key`" }))
            };
        }
        let mut awake = question(1, old);
        awake["last_activity_date"] = json!(new.as_second());
        match path(asked) {
            "/search/advanced" if query(&asked.path, "tagged").as_deref() == Some("acme") => {
                page(&wrapped(vec![awake, question(5, new)], false))
            }
            "/questions/1;5/answers" => page(&wrapped(vec![answer(2, 1, new)], false)),
            "/questions/5;1/comments" => page(&wrapped(vec![comment(7, 1, new)], false)),
            "/answers/2/comments" => page(&wrapped(vec![comment(8, 2, new)], false)),
            _ => Page::new(404),
        }
    })
    .await;
    let params = json!({ "base_url": served.base, "sites": ["stackoverflow.com"], "tags": ["acme"], "key": { "file": file.path() }, "allow_private": true });
    let mut source = source("stack_exchange", params, now);
    let batch = source.poll(&Position::default(), now).await.expect("it answers");
    let ids: Vec<&str> = batch.posts.iter().map(|post| post.id.as_str()).collect();
    assert_eq!(
        ids,
        ["stackoverflow/5", "stackoverflow/2", "stackoverflow/comment/7", "stackoverflow/comment/8"]
    );
    assert_eq!(batch.fetched_through, Some(now));
}

#[tokio::test]
async fn waits_as_long_as_the_site_says_and_tells_refusals_apart() {
    let now = at("2026-03-04T10:00:00Z");
    let ask = |served: &Served| {
        let params = json!({ "base_url": served.base, "sites": ["acme"], "everything": true, "comments": false, "allow_private": true });
        source("stack_exchange", params, now)
    };
    let mut waiting = wrapped(vec![question(1, now)], false);
    waiting["backoff"] = json!(600);
    let served = Served::start(move |_| page(&waiting)).await;
    let batch = ask(&served).poll(&Position::default(), now).await.expect("what was had is given");
    assert_eq!(batch.posts.len(), 1);
    assert!(
        batch.rest.is_some_and(|rest| rest > SignedDuration::from_secs(590)) && !batch.more,
        "{:?}",
        batch.rest
    );
    assert_eq!(served.paths().len(), 1, "it was left alone");
    for (status, body, expected) in [
        (
            400,
            json!({ "error_id": 502, "error_name": "throttle_violation", "error_message": "more requests available in 714 seconds" }),
            Retry::After(SignedDuration::from_secs(714)),
        ),
        (
            400,
            json!({ "error_id": 400, "error_name": "bad_parameter", "error_message": "site" }),
            Retry::Never,
        ),
        (
            503,
            json!({ "error_id": 503, "error_name": "temporarily_unavailable", "error_message": "x" }),
            Retry::Soon,
        ),
        (502, json!("x"), Retry::Soon),
    ] {
        let served = Served::start(move |_| Page { status, ..page(&body) }).await;
        let error = ask(&served).poll(&Position::default(), now).await.expect_err("it refuses");
        assert_eq!(error.retry, expected, "{error}");
    }
}

#[tokio::test]
async fn what_is_missing_by_its_number_is_gone() {
    let now = at("2026-03-04T10:00:00Z");
    let served = Served::start(move |asked| match path(asked) {
        "/questions/1;3" => page(&wrapped(vec![question(1, now)], false)),
        "/answers/2" => page(&wrapped(vec![json!({ "answer_id": 2, "question_id": 1 })], false)),
        "/comments/7" => page(&wrapped(vec![], false)),
        // One of the two sites has nothing for anybody just now.
        "/questions" if query(asked, "site").as_deref() == Some("stackoverflow") => {
            page(&wrapped(vec![question(1, now)], true))
        }
        "/questions" | "/questions/5" => page(&wrapped(vec![], false)),
        _ => Page::new(404),
    })
    .await;
    let params = json!({ "base_url": served.base, "sites": ["stackoverflow", "cooking"], "tags": ["acme"], "interval": "2h", "allow_private": true });
    let mut source = source("stack_exchange", params, now);
    let known = |id: &str, parent: Option<&str>| Known {
        id: id.into(),
        url: None,
        parent: parent.map(str::to_owned),
    };
    let asked = [
        known("stackoverflow/1", None),
        known("stackoverflow/2", Some("stackoverflow/1")),
        known("stackoverflow/3", None),
        known("stackoverflow/comment/7", Some("stackoverflow/1")),
        known("cooking/5", None),
    ];
    let told = source.recheck(&asked, now).await.expect("it answers");
    assert_eq!(told.gone, ["stackoverflow/comment/7", "stackoverflow/3"]);
    assert_eq!(told.posts.len(), 1);
    assert_eq!(source.recheck_at_once(), 100);
}

#[test]
fn settings_outside_the_terms_are_refused() {
    let said = |params: Value| (stack_exchange::KIND.check)(&Settings { id: "s".into(), params }).to_string();
    for (params, part) in [
        (json!({}), "no site is named"),
        (json!({ "sites": ["stackoverflow"] }), "nothing is asked for"),
        (json!({ "sites": ["stackoverflow"], "tags": ["a b"] }), "tags"),
        (json!({ "sites": ["a", "b", "c"], "tags": ["acme"] }), "300 a day"),
        (json!({ "sites": ["stackoverflow"], "tags": ["acme"], "keys": 1 }), "did you mean \"key\"?"),
    ] {
        let said = said(params.clone());
        assert!(said.contains(part), "{params}: {said}");
    }
}
