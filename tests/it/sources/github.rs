//! `github` as its site serves it, of our own making: shapes, pages, limits, deletes.

use earmark::source::{Answer, Known, Nothing, Position, Retry, Settings, github};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Served, json as page, path, query, source};
use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

fn parse(value: &Value) -> earmark::source::Parsed {
    let settings = Settings { id: "g".into(), params: Value::Null };
    github::parse(&Answer::saved(value.to_string().as_bytes()), &settings)
}

fn issue(number: u64, updated: Timestamp) -> Value {
    json!({ "id": 1_000 + number, "number": number, "title": format!("Acme <b> fails {number}"), "body": "> it works\n\nNo.",
        "url": format!("https://api.github.com/repos/acme/app/issues/{number}"),
        "html_url": format!("https://github.com/acme/app/issues/{number}"), "comments": 0,
        "user": { "login": "ann", "type": "User" }, "created_at": updated.to_string(), "updated_at": updated.to_string() })
}

fn comment(id: u64, number: u64, updated: Timestamp) -> Value {
    json!({ "id": id, "body": format!("words of {id}"), "issue_url": format!("https://api.github.com/repos/Acme/app/issues/{number}"),
        "html_url": format!("https://github.com/Acme/app/issues/{number}#issuecomment-{id}"),
        "user": { "login": "bo", "type": "User" }, "created_at": updated.to_string(), "updated_at": updated.to_string() })
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
    let one = |id: &str, parent: Option<&str>| vec![(id.to_owned(), parent.map(str::to_owned))];
    let review = json!({ "id": 5, "body": "why?", "diff_hunk": "@@", "pull_request_url": "https://api.github.com/repos/acme/app/pulls/3",
        "html_url": "https://github.com/acme/app/pull/3#discussion_r5", "user": null, "in_reply_to_id": 4 });
    let graph = json!({ "data": { "repository": { "discussions": { "nodes": [{ "id": "D_1", "number": 8, "title": "Slow?",
        "body": "so slow", "url": "https://github.com/acme/app/discussions/8", "author": { "login": "ann" },
        "comments": { "nodes": [{ "id": "DC_1", "body": "yes", "url": "https://github.com/acme/app/discussions/8#discussioncomment-1",
            "author": { "login": "helper", "__typename": "Bot" }, "replies": { "nodes": [{ "id": "DC_2", "body": "no", "author": null }] } }] } }] } } } });
    for (value, expected) in [
        (json!([issue(1, now)]), one("issue:1001", None)),
        (
            json!({ "total_count": 1, "incomplete_results": false, "items": [issue(1, now)] }),
            one("issue:1001", None),
        ),
        (issue(1, now), one("issue:1001", None)),
        (json!([comment(7, 1, now)]), one("comment:7", Some("acme/app#1"))),
        (json!([review]), one("review_comment:5", Some("review_comment:4"))),
        (
            json!({ "action": "created", "issue": issue(1, now), "comment": comment(7, 1, now), "repository": { "id": 1 } }),
            vec![("comment:7".into(), Some("issue:1001".into())), ("issue:1001".into(), None)],
        ),
        (
            json!([{ "event": "labeled", "id": 3, "node_id": "x" }, { "event": "commented", "id": 7, "body": "hi", "actor": {},
                "html_url": "https://github.com/acme/app/issues/1#issuecomment-7", "user": { "login": "bo" } }]),
            one("comment:7", Some("acme/app#1")),
        ),
        (
            json!([{ "id": "9", "type": "IssuesEvent", "actor": {}, "payload": { "action": "opened", "issue": issue(1, now) } }]),
            one("issue:1001", None),
        ),
        (
            graph,
            vec![
                ("discussion:D_1".into(), None),
                ("discussion_comment:DC_1".into(), Some("discussion:D_1".into())),
                ("discussion_comment:DC_2".into(), Some("discussion_comment:DC_1".into())),
            ],
        ),
        (
            json!([{ "id": 2, "tag_name": "v2", "name": "", "body": "fixed", "html_url": "https://github.com/acme/app/releases/tag/v2",
                "author": { "login": "ann" } }]),
            one("release:2", None),
        ),
    ] {
        assert_eq!(told(value.clone()), expected, "{value}");
    }
    let post = parse(&issue(1, now)).posts.remove(0);
    assert_eq!((post.title.as_deref(), post.text.as_str()), (Some("Acme <b> fails 1"), "> it works\n\nNo."));
    assert_eq!(
        (post.author.as_deref(), post.site.as_str(), post.created_at),
        (Some("ann"), "github.com", Some(now))
    );
}

#[test]
fn a_delete_an_edit_and_what_is_no_post() {
    let now = at("2026-03-04T10:00:00Z");
    let gone = json!({ "action": "deleted", "issue": issue(1, now), "comment": comment(7, 1, now) });
    let posts = parse(&gone).posts;
    assert!(posts[0].deleted && posts[0].text.is_empty() && posts[0].author.is_none() && !posts[1].deleted);
    let mut later = issue(1, now + SignedDuration::from_hours(1));
    let version = |value: &Value| parse(value).posts.remove(0).version;
    assert_eq!(version(&issue(1, now)), version(&later), "a comment below it is no edit");
    later["body"] = json!("Yes!");
    assert_ne!(version(&issue(1, now)), version(&later));
    for (value, expected) in [
        (json!([]), Nothing::NoPostsInside),
        (json!({ "total_count": 0, "items": [] }), Nothing::NoPostsInside),
        (json!({ "login": "ann", "id": 1, "html_url": "https://github.com/ann" }), Nothing::NoPostsInside),
        (json!({ "message": "Not Found" }), Nothing::ErrorAnswer),
        (
            json!({ "data": { "repository": null }, "errors": [{ "type": "NOT_FOUND", "message": "none" }] }),
            Nothing::ErrorAnswer,
        ),
        (json!({ "errors": [{ "message": "Parse error" }] }), Nothing::ErrorAnswer),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (json!({ "data": { "repository": { "discussions": { "nodes": [] } } } }), Nothing::NoPostsInside),
        (json!(["x"]), Nothing::Broken),
    ] {
        assert_eq!(parse(&value).nothing, Some(expected), "{value}");
    }
}

struct GitHub;

impl Pages for GitHub {
    fn params(&self, base: &str) -> Value {
        json!({ "base_url": base, "repositories": ["acme/app"], "interval": "10m", "allow_private": true })
    }

    /// Every other post is a comment below the first issue.
    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let since: Timestamp = query(&asked.path, "since").map_or(Timestamp::MIN, |since| at(&since));
        let number = |name: &str| query(&asked.path, name).and_then(|value| value.parse::<usize>().ok());
        let ours = |issues: bool| {
            history.iter().filter(move |told| told.at >= since && (told.number % 2 == 1) == issues)
        };
        let all: Vec<Value> = match path(asked) {
            "/repos/acme/app/issues" => ours(true).map(|told| issue(told.number, told.at)).collect(),
            "/repos/acme/app/issues/comments" => {
                ours(false).map(|told| comment(told.number, 1, told.at)).collect()
            }
            "/repos/acme/app/pulls/comments" => Vec::new(),
            "/repos/acme/app/issues/1" => return page(&issue(1, history[0].at)),
            _ => return Page::new(404),
        };
        let (size, number) = (number("per_page").unwrap_or(30), number("page").unwrap_or(1));
        page(&json!(all.into_iter().skip((number - 1) * size).take(size).collect::<Vec<_>>()))
    }

    fn id(&self, number: u64) -> String {
        if number % 2 == 1 { format!("issue:{}", 1_000 + number) } else { format!("comment:{number}") }
    }
}

#[tokio::test]
async fn github_goes_on_from_the_last_change() {
    outage("github", GitHub).await;
}

fn token() -> (tempfile::NamedTempFile, Value) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "sesame").expect("written");
    let pointer = json!({ "file": file.path() });
    (file, pointer)
}

#[tokio::test]
async fn a_backlog_is_read_from_the_oldest_change_on_and_the_newest_page_first() {
    let now = at("2026-03-04T10:00:00Z");
    // Three hundred in the last hour, all of the middle hundred within one second.
    let changed = move |number: u64| {
        let second =
            if (100..200).contains(&number) { 1_500 } else { i64::try_from(number).expect("small") * 10 };
        now - SignedDuration::from_secs(3_500) + SignedDuration::from_secs(second)
    };
    let served = Served::start(move |asked| {
        let since = at(&query(&asked.path, "since").expect("a bound"));
        let number: usize = query(&asked.path, "page").expect("a page").parse().expect("a number");
        let mut all: Vec<(Timestamp, u64)> =
            (0..300).map(|number| (changed(number), number)).filter(|(at, _)| *at >= since).collect();
        all.sort();
        if query(&asked.path, "direction").as_deref() == Some("desc") {
            all.reverse();
        }
        let part: Vec<Value> =
            all.iter().skip((number - 1) * 100).take(100).map(|(at, number)| issue(*number, *at)).collect();
        page(&json!(part))
    })
    .await;
    let params = json!({ "base_url": served.base, "repositories": ["acme/app"], "read": ["issues"], "allow_private": true });
    let mut source = source("github", params, now);
    let mut position = Position::default();
    let mut ids = Vec::new();
    for look in 0..5 {
        let batch = source.poll(&position, now).await.expect("it answers");
        ids.extend(batch.posts.into_iter().map(|post| post.id));
        position = batch.position;
        if !batch.more {
            assert_eq!(batch.fetched_through, Some(now), "look {look}");
            break;
        }
    }
    assert_eq!(ids.first().map(String::as_str), Some("issue:1299"), "the newest first");
    let unique: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), 300);
    let newest = served.paths().iter().filter(|path| path.contains("direction=desc")).count();
    assert_eq!(newest, 1, "once a backlog");
}

#[tokio::test]
async fn a_search_moves_its_bound_reads_comments_and_leaves_programs_out() {
    let now = at("2026-03-04T10:00:00Z");
    let changed = now - SignedDuration::from_mins(5);
    let (_kept, pointer) = token();
    let served = Served::start(move |asked| {
        if asked.headers.get("authorization").map(String::as_str) != Some("Bearer sesame") {
            return page(&json!({ "message": "Bad credentials" })).header("x", "y");
        }
        match path(asked) {
            "/search/issues" => {
                let mut found = issue(1, changed);
                found["comments"] = json!(2);
                let mut robot = issue(2, changed);
                robot["user"] = json!({ "login": "mender[bot]", "type": "Bot" });
                page(&json!({ "total_count": 2, "incomplete_results": false, "items": [found, robot] }))
            }
            "/repos/acme/app/issues/1/comments" => page(&json!([comment(7, 1, changed)])),
            _ => Page::new(404),
        }
    })
    .await;
    let params = json!({ "base_url": served.base, "searches": ["globex in:body"], "token": pointer, "allow_private": true });
    let mut source = source("github", params, now);
    let batch = source.poll(&Position::default(), now).await.expect("it answers");
    let told: Vec<(&str, Option<&str>)> =
        batch.posts.iter().map(|post| (post.id.as_str(), post.parent.as_deref())).collect();
    assert_eq!(told, [("issue:1001", None), ("comment:7", Some("issue:1001"))]);
    let first = served.asked().remove(0);
    assert_eq!(query(&first.path, "q").as_deref(), Some("globex in:body updated:>=2026-03-04T09:00:00Z"));
    source.poll(&batch.position, now).await.expect("it answers");
    let second = served.asked().remove(0);
    assert_eq!(
        query(&second.path, "q").as_deref(),
        Some("globex in:body updated:>=2026-03-04T09:53:00Z"),
        "the search lags"
    );
}

#[tokio::test]
async fn what_did_not_change_is_asked_with_its_validator() {
    let now = at("2026-03-04T10:00:00Z");
    let served = Served::start(move |asked| {
        if asked.headers.get("if-none-match").is_some_and(|etag| etag == "\"e\"") {
            return Page::new(304);
        }
        page(&json!([])).header("etag", "\"e\"")
    })
    .await;
    let params = json!({ "base_url": served.base, "repositories": ["acme/app"], "read": ["issues"], "allow_private": true });
    let mut source = source("github", params, now);
    let first = source.poll(&Position::default(), now).await.expect("it answers");
    let second = source.poll(&first.position, now).await.expect("unchanged is an answer");
    assert_eq!((second.fetched_through, second.position.cursor), (Some(now), first.position.cursor));
    let conditional =
        served.asked().iter().filter(|asked| asked.headers.contains_key("if-none-match")).count();
    assert_eq!(conditional, 1);
}

#[tokio::test]
async fn a_refusal_means_what_the_site_says() {
    let now = at("2026-03-04T10:00:00Z");
    let limit = json!({ "message": "You have exceeded a secondary rate limit." });
    let spent =
        || Page::new(403).header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "4102444800");
    for (answer, expected, part) in [
        (Page { status: 403, ..page(&limit) }, Retry::After(SignedDuration::from_mins(1)), "asked too much"),
        (
            Page { status: 429, ..page(&limit) }.header("retry-after", "8"),
            Retry::After(SignedDuration::from_secs(8)),
            "asked too much",
        ),
        (
            Page { status: 403, ..page(&json!({ "message": "Resource not accessible" })) },
            Retry::Never,
            "no right",
        ),
        (
            Page { status: 401, ..page(&json!({ "message": "Bad credentials" })) },
            Retry::Never,
            "the token is not taken",
        ),
        (Page { status: 404, ..page(&json!({ "message": "Not Found" })) }, Retry::Never, "not there"),
        (
            Page { status: 422, ..page(&json!({ "message": "Validation Failed" })) },
            Retry::Never,
            "cannot be read",
        ),
        (Page::new(502), Retry::Soon, "502"),
    ] {
        let served = Served::start(move |_| answer.clone()).await;
        let params = json!({ "base_url": served.base, "repositories": ["acme/app"], "read": ["issues"], "allow_private": true });
        let error =
            source("github", params, now).poll(&Position::default(), now).await.expect_err("it refuses");
        assert_eq!(error.retry, expected, "{error}");
        assert!(error.what.contains(part), "{error}");
    }
    let served = Served::start(move |_| spent()).await;
    let params = json!({ "base_url": served.base, "repositories": ["acme/app"], "read": ["issues"], "allow_private": true });
    let error = source("github", params, now).poll(&Position::default(), now).await.expect_err("it refuses");
    assert!(matches!(error.retry, Retry::After(wait) if wait > SignedDuration::from_hours(1)), "{error:?}");
}

#[tokio::test]
async fn discussions_are_read_back_to_what_is_known() {
    let now = at("2026-03-04T10:00:00Z");
    let (_kept, pointer) = token();
    let served = Served::start(move |asked| {
        let question: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if path(asked) != "/api/graphql" || asked.headers.get("authorization").map(String::as_str) != Some("Bearer sesame") {
            return Page::new(404);
        }
        let second = question["variables"]["after"] == "c1";
        let node = |number: u64, minutes: i64| {
            let updated = now - SignedDuration::from_mins(minutes);
            json!({ "id": format!("D_{number}"), "number": number, "title": "Acme?", "body": "words", "updatedAt": updated.to_string(),
                "createdAt": updated.to_string(), "url": format!("https://git.globex.example/acme/app/discussions/{number}"),
                "author": { "login": "ann", "__typename": "User" }, "comments": { "nodes": [] } })
        };
        let nodes = if second { json!([node(2, 50), node(1, 90)]) } else { json!([node(3, 10)]) };
        page(&json!({ "data": { "repository": { "discussions": { "nodes": nodes,
            "pageInfo": { "hasNextPage": true, "endCursor": "c1" } } } } }))
    })
    .await;
    let base = format!("{}/api/v3", served.base);
    let params = json!({ "base_url": base, "repositories": ["acme/app"], "read": ["discussions"], "token": pointer, "allow_private": true });
    let mut source = source("github", params, now);
    let batch = source.poll(&Position::default(), now).await.expect("it answers");
    let ids: Vec<&str> = batch.posts.iter().map(|post| post.id.as_str()).collect();
    assert_eq!(ids, ["discussion:D_3", "discussion:D_2"], "older ones are none of ours");
    assert!(batch.gaps.is_empty() && served.paths().len() == 2);
    assert_eq!(batch.posts[0].site, "git.globex.example");
}

#[tokio::test]
async fn what_is_gone_is_told_from_what_is_closed_to_us() {
    let now = at("2026-03-04T10:00:00Z");
    let answers = move |asked: &Asked| match path(asked) {
        "/repos/acme/app/issues/1" => page(&issue(1, now)),
        "/repos/acme/app/issues/2" => Page::new(410),
        "/repos/acme/app/issues/3" => Page::to(301, "/repos/globex/new/issues/9"),
        "/repos/globex/new/issues/9" => page(
            &json!({ "id": 77, "number": 9, "title": "moved", "html_url": "https://github.com/globex/new/issues/9" }),
        ),
        "/repos/acme/app/issues/comments/8" | "/repos/globex/closed/issues/5" | "/repos/globex/closed" => {
            Page { status: 404, ..page(&json!({ "message": "Not Found" })) }
        }
        // Something stands before the interface.
        "/repos/globex/gate/issues/6" | "/repos/globex/gate" => Page::new(404),
        "/repos/acme/app" => page(&json!({ "id": 1, "full_name": "acme/app" })),
        _ => Page::new(500),
    };
    let known = |id: &str, url: &str| Known {
        id: id.into(),
        url: Some(format!("https://github.com/{url}")),
        parent: None,
    };
    let asked = [
        known("issue:1001", "acme/app/issues/1"),
        known("issue:1002", "acme/app/issues/2"),
        known("issue:1003", "acme/app/pull/3"),
        known("comment:8", "acme/app/issues/1#issuecomment-8"),
        known("issue:1005", "globex/closed/issues/5"),
        known("comment:6", "acme/app/issues/1#issuecomment-6"),
        known("issue:1006", "globex/gate/issues/6"),
    ];
    let (_kept, pointer) = token();
    for (token, expected) in [
        (None, vec!["issue:1002", "comment:8", "issue:1005"]),
        (Some(pointer), vec!["issue:1002", "comment:8"]),
    ] {
        let served = Served::start(answers).await;
        let mut params = json!({ "base_url": served.base, "repositories": ["acme/app"], "read": ["issues"], "allow_private": true });
        if let Some(token) = token {
            params["token"] = token;
        }
        let mut source = source("github", params, now);
        assert!(source.recheck_at_once() > 0);
        let told = source.recheck(&asked, now).await.expect("it answers");
        assert_eq!(told.gone, expected);
        assert_eq!(told.posts.iter().map(|post| post.id.as_str()).collect::<Vec<_>>(), ["issue:1001"]);
    }
}

#[test]
fn settings_outside_the_terms_are_refused() {
    let said = |params: Value| (github::KIND.check)(&Settings { id: "g".into(), params }).to_string();
    for (params, part) in [
        (json!({}), "nothing to read"),
        (json!({ "repositories": ["acme"] }), "repositories"),
        (json!({ "repositories": ["acme/app"], "read": ["discussions"] }), "to a token only"),
        (json!({ "repositories": ["a/a", "a/b", "a/c", "a/d"] }), "interval = \"720s\""),
        (json!({ "repositories": ["acme/app"], "token": "hunter2" }), "a secret never stands"),
        (json!({ "repositorie": ["acme/app"] }), "did you mean \"repositories\"?"),
        (json!({ "searches": ["acme updated:>2020"] }), "searches"),
    ] {
        let said = said(params.clone());
        assert!(said.contains(part) && !said.contains("hunter2"), "{params}: {said}");
    }
}

#[tokio::test]
async fn a_list_that_fails_keeps_no_other_back_and_is_told() {
    let now = at("2026-03-04T10:00:00Z");
    let served = Served::start(move |asked| match path(asked) {
        "/repos/acme/app/issues"
            if query(&asked.path, "since").as_deref() == Some("2026-03-04T09:00:00Z") =>
        {
            page(&json!([issue(1, now - SignedDuration::from_mins(1))]))
        }
        "/repos/acme/app/issues" => page(&json!([])),
        _ => Page { status: 404, ..page(&json!({ "message": "Not Found" })) },
    })
    .await;
    let params = json!({ "base_url": served.base, "repositories": ["acme/gone", "acme/app"], "read": ["issues"], "allow_private": true });
    let mut source = source("github", params, now);
    let batch = source.poll(&Position::default(), now).await.expect("one of them answers");
    assert_eq!((batch.posts.len(), batch.fetched_through), (1, None), "not all was read");
    let batch = source.poll(&batch.position, now).await.expect("one of them answers, though nothing is new");
    assert_eq!((batch.posts.len(), batch.fetched_through, batch.more), (0, None, false));
    let [trouble] = batch.trouble.as_slice() else { panic!("{:?}", batch.trouble) };
    assert!(trouble.what.contains("acme/gone/issues answered 404"), "{trouble:?}");
}

#[tokio::test]
async fn a_search_that_does_not_finish_is_asked_again_and_in_the_end_said_to_be_blind() {
    let now = at("2026-03-04T10:00:00Z");
    let served = Served::start(move |_| {
        page(&json!({ "total_count": 1, "incomplete_results": true, "items": [issue(1, now - SignedDuration::from_mins(9))] }))
    })
    .await;
    let params = json!({ "base_url": served.base, "searches": ["globex"], "allow_private": true });
    let mut source = source("github", params, now);
    let mut position = Position::default();
    for look in 1..=4 {
        let batch = source.poll(&position, now).await.expect("it answers");
        assert_eq!(batch.posts.len(), 1, "what it found is given");
        assert_eq!(batch.gaps.len(), usize::from(look == 4), "look {look}");
        assert_eq!(batch.fetched_through == Some(now), look == 4, "look {look}");
        position = batch.position;
    }
    let bounds: Vec<_> = served.asked().iter().filter_map(|asked| query(&asked.path, "q")).collect();
    assert!(bounds.iter().all(|bound| bound == "globex updated:>=2026-03-04T09:00:00Z"), "{bounds:?}");
}

#[tokio::test]
async fn discussions_are_asked_about_by_name() {
    let now = at("2026-03-04T10:00:00Z");
    let (_kept, pointer) = token();
    let served = Served::start(move |asked| match path(asked) {
        "/graphql" => page(&json!({ "data": { "nodes": [
            { "__typename": "Discussion", "id": "D_1", "number": 1, "title": "Acme?", "body": "edited", "url": "https://github.com/acme/app/discussions/1" },
            null,
        ] }, "errors": [{ "type": "NOT_FOUND", "message": "Could not resolve to a node" }] })),
        "/repos/acme/app" => page(&json!({ "id": 1, "full_name": "acme/app" })),
        _ => Page::new(404),
    })
    .await;
    let params = json!({ "base_url": served.base, "repositories": ["acme/app"], "token": pointer, "allow_private": true });
    let mut source = source("github", params, now);
    let url = Some("https://github.com/acme/app/discussions/1".to_owned());
    let known = |id: &str, parent: Option<&str>| Known {
        id: id.into(),
        url: url.clone(),
        parent: parent.map(str::to_owned),
    };
    let asked = [known("discussion:D_1", None), known("discussion_comment:DC_9", Some("discussion:D_1"))];
    let told = source.recheck(&asked, now).await.expect("it answers");
    assert_eq!(told.gone, ["discussion_comment:DC_9"]);
    assert_eq!(told.posts.iter().map(|post| post.text.as_str()).collect::<Vec<_>>(), ["edited"]);
    let question: Value = serde_json::from_slice(&served.asked()[0].body).expect("JSON");
    assert_eq!(question["variables"]["ids"], json!(["D_1", "DC_9"]));
}
