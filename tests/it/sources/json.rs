//! `json`: descriptions of our own and those that ship, over places that page, cut and refuse as help desks do.

use std::sync::{Arc, Mutex};

use earmark::domain::post::PostKind;
use earmark::domain::source::GapCause;
use earmark::source::{
    Answer, Known, Nothing, Parsed, Position, Retry, Settings, Source, json as described, kind,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Hidden, Served, now, query, source};
use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

fn minutes(count: i64) -> Timestamp {
    now() + SignedDuration::from_mins(count)
}

fn page(body: &Value) -> Page {
    Page::of("application/json", body.to_string())
}

fn parse(params: Value, body: &Value) -> Parsed {
    let settings = Settings { id: "j".into(), params };
    let body = body.to_string();
    let url = Some("https://desk.acme.example/api/tickets?page=1");
    described::parse(&Answer { url, ..Answer::saved(body.as_bytes()) }, &settings)
}

fn said(params: Value) -> String {
    let settings = Settings { id: "j".into(), params };
    (kind("json").expect("listed").check)(&settings).to_string()
}

/// A place whose list is asked from an instant on, oldest first, with a token to the next page.
struct Growing;

impl Pages for Growing {
    fn params(&self, base: &str) -> Value {
        json!({ "url": format!("{base}/tickets?order=asc"), "items": "/data", "interval": "10m", "allow_private": true,
            "page": { "next": "/meta/next", "param": "after" },
            "cursor": { "field": "/changed", "param": "since", "format": "seconds" },
            "fields": { "id": "/nr", "text": "/said", "created_at": "/changed" } })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let Some(since) = query(&asked.path, "since").and_then(|since| since.parse::<i64>().ok()) else {
            return Page::new(400);
        };
        let from: usize = query(&asked.path, "after").and_then(|from| from.parse().ok()).unwrap_or(0);
        let found: Vec<&Told> = history.iter().filter(|told| told.at.as_second() >= since).collect();
        let list: Vec<Value> = found
            .iter()
            .skip(from)
            .take(10)
            .map(|told| json!({ "nr": told.number, "said": "words", "changed": told.at.as_second() }))
            .collect();
        let next = (from + list.len() < found.len()).then(|| (from + list.len()).to_string());
        page(&json!({ "data": list, "meta": { "next": next } }))
    }

    fn id(&self, number: u64) -> String {
        number.to_string()
    }
}

#[tokio::test]
async fn a_growing_field_finds_everything_after_an_outage() {
    outage("json", Growing).await;
}

/// A place with numbered pages, newest first, that serves its last thirty.
struct Numbered;

impl Pages for Numbered {
    fn params(&self, base: &str) -> Value {
        json!({ "url": format!("{base}/list"), "interval": "10m", "allow_private": true,
            "page": { "number": "page", "size": 10 },
            "fields": { "id": "n-{/nr}", "title": "/said", "created_at": "/at" }, "time_format": "%d.%m.%Y %H:%M" })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let number: usize = query(&asked.path, "page").and_then(|page| page.parse().ok()).unwrap_or(1);
        let served = history.iter().rev().take(30);
        let list: Vec<Value> = served
            .skip((number - 1) * 10)
            .take(10)
            .map(|told| json!({ "nr": told.number, "said": "words", "at": told.at.strftime("%d.%m.%Y %H:%M").to_string() }))
            .collect();
        page(&json!(list))
    }

    fn id(&self, number: u64) -> String {
        format!("n-{number}")
    }

    fn depth(&self) -> usize {
        30
    }
}

#[tokio::test]
async fn counted_pages_are_read_back_to_what_is_known_and_the_rest_is_a_gap() {
    outage("json", Numbered).await;
}

#[test]
fn fields_are_pointers_templates_and_constants() {
    let params = json!({
        "url": "https://desk.acme.example/api", "items": "/data/list", "html": ["text", "title"], "deleted_if": ["Spam"],
        "kind": "ticket", "time_format": "milliseconds",
        "fields": { "id": "t-{/nr}", "title": "/head", "text": ["/long", "/short"], "author": "{/by/first} {/by/last}",
            "url": "/path", "created_at": "/at", "lang": "en", "parent": "/to", "deleted": "/state", "reach": "/views" }
    });
    let item = |nr: u64, more: Value| {
        let mut item = json!({ "nr": nr, "head": "Acme &amp; <b>more</b>", "short": "<p>It <i>broke</i></p>", "at": 1_772_625_600_000_i64,
            "by": { "first": "ann", "last": "b" }, "path": "/t/1", "to": 4, "state": "open", "views": 12, "long": " " });
        for (key, value) in more.as_object().unwrap() {
            item[key] = value.clone();
        }
        item
    };
    let list = json!([
        item(1, json!({})),
        item(2, json!({ "state": "spam", "by": {} })),
        item(3, json!({ "at": "soon" })),
        7
    ]);
    let parsed = parse(params.clone(), &json!({ "data": { "list": list } }));
    let places: Vec<&str> = parsed.rejects.iter().map(|reject| reject.at.as_str()).collect();
    assert_eq!(places, ["/data/list/2", "/data/list/3"]);
    let [one, two] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!(
        (one.id.as_str(), one.title.as_deref(), one.text.as_str()),
        ("t-1", Some("Acme & more"), "It broke")
    );
    assert_eq!(
        (one.kind, one.author.as_deref(), one.created_at),
        (PostKind::Ticket, Some("ann b"), Some(now()))
    );
    assert_eq!(
        (one.url.as_deref(), one.site.as_str()),
        (Some("https://desk.acme.example/t/1"), "desk.acme.example")
    );
    assert_eq!((one.lang.as_deref(), one.parent.as_deref(), one.reach), (Some("en"), Some("4"), Some(12)));
    assert!(!one.deleted && two.deleted && two.author.is_none(), "a template without its parts is absent");
    let edited =
        parse(params.clone(), &json!({ "data": { "list": [item(1, json!({ "long": "It works" }))] } }));
    assert!(edited.posts[0].id == one.id && edited.posts[0].version != one.version);

    for (body, expected) in [
        (json!({ "data": { "list": [] } }), Nothing::NoPostsInside),
        (json!({ "data": { "list": null } }), Nothing::NoPostsInside),
        (json!({ "error": "expired" }), Nothing::ErrorAnswer),
        (json!({ "tickets": [] }), Nothing::ForeignInterface),
        (json!({ "data": { "list": [1, 2] } }), Nothing::Broken),
    ] {
        assert_eq!(parse(params.clone(), &body).nothing, Some(expected), "{body}");
    }
}

#[test]
fn a_saved_answer_is_read_without_a_description() {
    let item = |id: u64| {
        json!({ "id": id, "subject": "Late", "body": "<p>Where is it?</p>", "tags": ["a"],
        "user": { "name": "ann", "id": 7 }, "created_at": "2026-03-04T12:00:00Z" })
    };
    let body =
        json!({ "meta": { "facets": [{ "key": "x" }] }, "results": { "tickets": [item(1), item(2)] } });
    let parsed = parse(Value::Null, &body);
    let [one, _] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!(
        (one.id.as_str(), one.title.as_deref(), one.text.as_str()),
        ("1", Some("Late"), "Where is it?")
    );
    assert_eq!((one.author.as_deref(), one.created_at), (Some("ann"), Some(now())));
    assert_eq!(parse(Value::Null, &item(3)).posts[0].id, "3");
    assert_eq!(parse(Value::Null, &json!({ "results": [] })).nothing, Some(Nothing::NoPostsInside));
    assert_eq!(parse(Value::Null, &json!({ "count": 3 })).nothing, Some(Nothing::ForeignInterface));
    assert_eq!(parse(Value::Null, &json!({ "error": "no" })).nothing, Some(Nothing::ErrorAnswer));
}

#[test]
fn all_faults_of_a_description_are_told_at_once() {
    let told = said(json!({
        "url": "desk.acme.example", "items": "data", "headers": { "Authorization": "Bearer hunter2", "a b": "x" },
        "sign": "digest", "html": ["txt"], "time_format": "epoch", "per_minute": 0, "interval": "soon",
        "page": { "nxt": "/next", "most": 1_000 }, "cursor": { "param": "/query/value", "format": "unix" },
        "recheck": { "url": "https://acme.example/t" }, "fields": { "txt": "/body", "id": 5, "author": "{/a" }, "curser": 1,
    }));
    for part in [
        "url: \"desk.acme.example\" is no address",
        "items:",
        "headers.Authorization: a secret never stands",
        "headers.a b",
        "sign: \"digest\"",
        "html: a post has no field \"txt\"",
        "time_format: \"epoch\"",
        "per_minute",
        "interval",
        "page.nxt",
        "did you mean \"next\"?",
        "page.most",
        "page: says nothing",
        "cursor.field: is missing",
        "cursor.param: a pointer into the body",
        "cursor.format: \"unix\"",
        "recheck.url",
        "fields.txt",
        "did you mean \"text\"?",
        "fields.id",
        "fields.author: a { is not closed",
        "fields.text: neither",
        "did you mean \"cursor\"?",
    ] {
        assert!(told.contains(part), "{part}:\n{told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
    for (params, part) in [
        (json!({}), "url: is missing"),
        (json!({ "url": "https://a.example/", "user": "ann" }), "credential: is missing"),
        (json!({ "url": "https://a.example/", "page": { "link": true, "next": "/n" } }), "several ways"),
        (json!({ "preset": "zendsk" }), "did you mean \"zendesk\"?"),
        (json!({ "preset": "zendesk", "subdomain": "acme" }), "email: the preset \"zendesk\" needs it"),
        (
            json!({ "preset": "zendesk", "subdomain": "acme", "email": "a@acme.example" }),
            "credential: is missing",
        ),
        (
            json!({ "preset": "freshdesk", "subdomian": "acme", "credential": { "env": "X" } }),
            "did you mean \"subdomain\"?",
        ),
    ] {
        let told = said(params);
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(said(json!({ "preset": "zendsk" })).lines().count(), 1, "nothing more can be said of it");
}

#[test]
fn every_preset_is_in_order_and_says_where_its_place_says_so() {
    let secret = json!({ "env": "X" });
    for (name, given) in [
        ("zendesk", json!({ "subdomain": "acme", "email": "care@acme.example" })),
        ("intercom", json!({})),
        ("freshdesk", json!({ "subdomain": "acme" })),
        ("help_desk_search", json!({ "host": "acme.example", "query": "type:ticket acme & co" })),
        ("nodebb", json!({ "forum": "https://forum.acme.example" })),
        ("wordpress", json!({ "blog": "https://blog.acme.example" })),
        ("wordpress_comments", json!({ "blog": "https://blog.acme.example" })),
    ] {
        let mut params = given;
        params["preset"] = json!(name);
        params["credential"] = secret.clone();
        assert_eq!(said(params), "", "{name}");
    }
    assert_eq!(described::preset::PRESETS.len(), 7);
    for preset in described::preset::PRESETS.iter() {
        assert!(!preset.about.is_empty() && preset.document.starts_with("https://"));
    }
}

/// All looks until there is no more.
async fn looks(source: &mut dyn Source, mut position: Position, now: Timestamp) -> (Vec<String>, Position) {
    let mut found = Vec::new();
    loop {
        let batch = source.poll(&position, now).await.expect("a look");
        assert!(batch.gaps.is_empty(), "{:?}", batch.gaps);
        found.extend(batch.posts.into_iter().map(|post| post.id));
        position = batch.position;
        if !batch.more {
            return (found, position);
        }
    }
}

#[tokio::test]
async fn zendesk_is_exported_page_by_page_and_asked_by_id() {
    type Ticket = (u64, Timestamp, &'static str);
    let tickets: Arc<Mutex<Vec<Ticket>>> = Arc::default();
    let base = Arc::new(Mutex::new(String::new()));
    let (served, own) = (Arc::clone(&tickets), Arc::clone(&base));
    let site = Served::start(move |asked| {
        // care@acme.example/token:hunter2
        let key = "Basic Y2FyZUBhY21lLmV4YW1wbGUvdG9rZW46aHVudGVyMg==";
        if asked.headers.get("authorization").map(String::as_str) != Some(key) {
            return Page { body: "{\"error\": \"Couldn't authenticate you\"}".into(), ..Page::new(401) };
        }
        let tickets = served.lock().unwrap();
        let ticket = |(id, at, status): &(u64, Timestamp, &str)| {
            json!({ "id": id, "subject": "Late", "raw_subject": "Late", "description": "Where is it?", "status": status,
                "requester_id": 9, "created_at": now().to_string(), "updated_at": at.to_string(),
                "via": { "channel": "email", "source": { "from": { "name": "ann", "address": "ann@acme.example" } } } })
        };
        if let Some(id) = asked.path.strip_prefix("/api/v2/tickets/").and_then(|name| name.strip_suffix(".json")) {
            let found = tickets.iter().find(|(known, ..)| known.to_string() == id);
            return found.map_or_else(|| Page::new(404), |found| page(&json!({ "ticket": ticket(found) })));
        }
        let (since, from) = match query(&asked.path, "cursor") {
            Some(cursor) => {
                let (since, from) = cursor.split_once('-').expect("a cursor of ours");
                (since.parse::<i64>().unwrap(), from.parse::<usize>().unwrap())
            }
            None => match query(&asked.path, "start_time").and_then(|since| since.parse().ok()) {
                Some(since) => (since, 0),
                None => return Page::new(400),
            },
        };
        let found: Vec<_> = tickets.iter().filter(|(_, at, _)| at.as_second() >= since).collect();
        let list: Vec<Value> = found.iter().skip(from).take(2).map(|found| ticket(found)).collect();
        let next = from + list.len();
        let url = format!("{}/api/v2/incremental/tickets/cursor.json?cursor={since}-{next}", own.lock().unwrap());
        page(&json!({ "tickets": list, "after_url": url, "after_cursor": "x", "end_of_stream": next >= found.len() }))
    })
    .await;
    *base.lock().unwrap() = site.base.clone();
    let secret = Hidden::new("hunter2");
    let params = |secret: &Hidden| {
        json!({ "preset": "zendesk", "subdomain": "acme", "email": "care@acme.example", "credential": secret.pointer(),
            "url": format!("{}/api/v2/incremental/tickets/cursor.json?per_page=200", site.base), "allow_private": true,
            "recheck": { "url": format!("{}/api/v2/tickets/{{id}}.json", site.base), "items": "/ticket" } })
    };
    let mut desk = source("json", params(&secret), now());
    *tickets.lock().unwrap() = (1..=5).map(|id| (id, minutes(id as i64 - 60), "open")).collect();
    let (found, position) = looks(&mut *desk, Position::default(), now()).await;
    assert_eq!(found, ["1", "2", "3", "4", "5"]);
    let asked = site.asked();
    let since = now().as_second() - 24 * 3_600 - 120;
    assert!(asked[0].path.ends_with(&format!("?per_page=200&start_time={since}")), "{}", asked[0].path);
    assert_eq!(asked.len(), 3, "until the end of the stream");

    tickets.lock().unwrap().push((6, minutes(50), "deleted"));
    let batch = desk.poll(&position, minutes(60)).await.expect("a look");
    let last = batch.posts.last().expect("the new one");
    assert!(last.id == "6" && last.deleted && last.author.as_deref() == Some("ann"), "{last:?}");
    assert_eq!(last.url.as_deref(), Some("https://acme.zendesk.com/agent/tickets/6"));
    let since = minutes(-55).as_second() - 120;
    assert!(
        site.asked()[0].path.contains(&format!("start_time={since}")),
        "an overlap before the newest known"
    );

    let known = |id: &str| Known { id: id.into(), url: None, parent: None };
    assert_eq!(desk.recheck_at_once(), 20);
    let told = desk.recheck(&[known("5"), known("77")], minutes(61)).await.expect("an answer");
    assert_eq!((told.posts[0].id.as_str(), told.gone.as_slice()), ("5", &["77".to_owned()][..]));

    let wrong = Hidden::new("wrong");
    let error = source("json", params(&wrong), now())
        .poll(&Position::default(), now())
        .await
        .expect_err("a wrong key");
    assert!(
        error.retry == Retry::Never && error.what.contains("401") && !error.what.contains("wrong"),
        "{error:?}"
    );
}

#[tokio::test]
async fn intercom_is_searched_with_the_cursor_in_the_body() {
    let site = Served::start(|asked| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let signed = asked.headers.get("authorization").map(String::as_str) == Some("Bearer t0ken");
        if !signed || asked.headers.get("intercom-version").map(String::as_str) != Some("2.11") {
            return Page::new(401);
        }
        let (Some(since), "updated_at") = (body["query"]["value"].as_i64(), body["query"]["field"].as_str().unwrap_or(""))
        else {
            return Page::new(400);
        };
        assert_eq!(body["pagination"]["per_page"], 150);
        let ticket = |id: &str, at: Timestamp| {
            json!({ "type": "ticket", "id": id, "created_at": at.as_second(), "updated_at": at.as_second(),
                "ticket_attributes": { "_default_title_": "Late", "_default_description_": "Where is it?" },
                "contacts": { "contacts": [{ "id": "c1", "external_id": null }] } })
        };
        let body = match body["pagination"]["starting_after"].as_str() {
            None => json!({ "tickets": [ticket("2", minutes(-1))], "pages": { "next": { "starting_after": "p2" } } }),
            Some("p2") => json!({ "tickets": [ticket("1", minutes(-9))], "pages": { "page": 2 } }),
            Some(_) => return Page::new(400),
        };
        assert!(since < now().as_second());
        page(&body)
    })
    .await;
    let secret = Hidden::new("t0ken");
    let params = json!({ "preset": "intercom", "url": format!("{}/tickets/search", site.base), "allow_private": true,
        "credential": secret.pointer() });
    let batch = source("json", params, now()).poll(&Position::default(), now()).await.expect("a look");
    assert_eq!(batch.posts.iter().map(|post| post.id.as_str()).collect::<Vec<_>>(), ["2", "1"]);
    let post = &batch.posts[0];
    assert_eq!((post.title.as_deref(), post.text.as_str()), (Some("Late"), "Where is it?"));
    assert_eq!((post.author.as_deref(), post.created_at), (Some("c1"), Some(minutes(-1))));
    assert_eq!(batch.fetched_through, Some(now()));
}

#[tokio::test]
async fn freshdesk_pages_by_links_and_a_broken_page_holds_nothing_back() {
    let fails = Arc::new(Mutex::new(true));
    let broken = Arc::clone(&fails);
    let site = Served::start(move |asked| {
        // t0ken:X
        if asked.headers.get("authorization").map(String::as_str) != Some("Basic dDBrZW46WA==") {
            return Page::new(401);
        }
        let ticket = |id: u64| {
            json!({ "id": id, "subject": "Late", "description_text": "Where is it?", "requester": { "name": "bo" },
                "created_at": "2026-03-04T11:00:00Z", "updated_at": "2026-03-04T11:30:00Z", "deleted": id == 2 })
        };
        if query(&asked.path, "updated_since").is_none() && query(&asked.path, "page").is_none() {
            return Page::new(400);
        }
        match query(&asked.path, "page").as_deref() {
            None => page(&json!([ticket(1)])).header("link", "</api/v2/tickets?page=2>; rel=\"next\""),
            Some("2") if *broken.lock().unwrap() => Page::new(500),
            Some(_) => page(&json!([ticket(2)])),
        }
    })
    .await;
    let secret = Hidden::new("t0ken");
    let params = json!({ "preset": "freshdesk", "subdomain": "acme", "credential": secret.pointer(), "allow_private": true,
        "url": format!("{}/api/v2/tickets?include=description,requester", site.base) });
    let mut desk = source("json", params, now());
    let batch = desk.poll(&Position::default(), now()).await.expect("what was had");
    assert_eq!((batch.posts.len(), batch.more, batch.fetched_through), (1, false, None));
    let error = desk.poll(&batch.position, minutes(5)).await.expect_err("the second page again");
    assert_eq!((error.retry, error.position), (Retry::Soon, None));
    *fails.lock().unwrap() = false;
    let batch = desk.poll(&batch.position, minutes(10)).await.expect("a look");
    assert!(batch.posts[0].id == "2" && batch.posts[0].deleted, "{:?}", batch.posts);
    assert_eq!(batch.fetched_through, Some(now()), "the way began then");
    assert_eq!(batch.posts[0].url.as_deref(), Some("https://acme.freshdesk.com/a/tickets/2"));
}

#[tokio::test]
async fn a_search_is_read_back_to_what_is_known_and_never_elsewhere() {
    let list: Arc<Mutex<Vec<u64>>> = Arc::new(Mutex::new(vec![2, 1]));
    let elsewhere = Arc::new(Mutex::new(false));
    let (served, away) = (Arc::clone(&list), Arc::clone(&elsewhere));
    let site = Served::start(move |asked| {
        if asked.headers.get("x-key").map(String::as_str) != Some("k") || query(&asked.path, "q").as_deref() != Some("a b") {
            return Page::new(403);
        }
        let from: usize = query(&asked.path, "from").and_then(|from| from.parse().ok()).unwrap_or(0);
        let list = served.lock().unwrap();
        let results: Vec<Value> = list.iter().skip(from).take(2).map(|id| {
            json!({ "id": id, "title": "Late", "snippet": "<em>Where</em> is it?", "created_at": minutes(*id as i64).to_string() })
        }).collect();
        let next = from + results.len();
        let host = if *away.lock().unwrap() { "https://globex.example" } else { "" };
        let next = (next < list.len()).then(|| format!("{host}/search?q=a+b&from={next}"));
        page(&json!({ "results": results, "next_page": next }))
    })
    .await;
    let secret = Hidden::new("k");
    let params = json!({ "preset": "help_desk_search", "host": "acme.example", "query": "a b", "sign": "header:X-Key",
        "credential": secret.pointer(), "allow_private": true, "url": format!("{}/search?q=a+b", site.base) });
    let mut search = source("json", params, now());
    let batch = search.poll(&Position::default(), now()).await.expect("a look");
    let ids = |batch: &earmark::source::Batch| {
        batch.posts.iter().map(|post| post.id.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((ids(&batch).as_str(), batch.posts[0].text.as_str()), ("1 2", "Where is it?"));
    *list.lock().unwrap() = (1..=7).rev().collect();
    let batch = search.poll(&batch.position, minutes(10)).await.expect("a look");
    assert_eq!((ids(&batch).as_str(), batch.gaps.len()), ("3 4 5 6 7", 0));
    // None of those known is served any more.
    *list.lock().unwrap() = (20..=25).rev().collect();
    let batch = search.poll(&batch.position, minutes(30)).await.expect("a look");
    let [gap] = batch.gaps.as_slice() else { panic!("{:?}", batch.gaps) };
    assert_eq!((gap.cause, gap.from, gap.until), (GapCause::Overrun, Some(minutes(10)), minutes(20)));
    *elsewhere.lock().unwrap() = true;
    *list.lock().unwrap() = (30..=35).rev().collect();
    let error = search.poll(&batch.position, minutes(40)).await.expect_err("another's page");
    assert!(error.what.contains("another address"), "{error:?}");
}
