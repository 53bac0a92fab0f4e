//! Hacker News against a local site made of an in-memory model: every item exactly once, whatever the site
//! does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::clock::JumpClock;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use earmark::domain::post::{Post, PostKind};
use earmark::domain::source::{Gap, GapCause};
use earmark::net;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{
    Answer, Batch, Built, Nothing, Position, Retry, Settings, Source, SourceError, Tools, hacker_news, kind,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The site as it is at one moment.
#[derive(Default)]
struct Model {
    items: BTreeMap<u64, Value>,
    highest: u64,
    /// Numbers that answer 500.
    broken: BTreeSet<u64>,
    /// Everything but the highest number answers 500.
    down: bool,
    /// Everything answers 429, with this many seconds.
    busy: Option<u64>,
    changed: Vec<u64>,
    /// How often each number was asked for.
    asked: BTreeMap<u64, usize>,
}

type Shared = Arc<Mutex<Model>>;

struct Site {
    model: Shared,
    source: Box<dyn Source>,
    position: Position,
    now: Timestamp,
    /// The fetcher's: jumps where it waits.
    clock: JumpClock,
}

fn fetcher(clock: JumpClock) -> Fetcher {
    let client = net::Client::new(&net::Settings::new("")).expect("a client");
    Fetcher::with_limits(client, Limits { at_once: 16, apart: Duration::ZERO }).on(Arc::new(clock))
}

fn comment(id: u64) -> Value {
    json!({ "id": id, "type": "comment", "by": "ann", "time": 1_700_000_000 + id, "parent": 1, "text": format!("words {id}") })
}

async fn answer(State(model): State<Shared>, Path(path): Path<String>) -> Response {
    // Some answers are slower than those asked for later.
    for _ in 0..path.bytes().map(usize::from).sum::<usize>() * 7 % 40 {
        tokio::task::yield_now().await;
    }
    let mut model = model.lock().expect("no test panics while holding it");
    if let Some(seconds) = model.busy {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())], "").into_response();
    }
    let json = |value: Value| value.to_string().into_response();
    match path.as_str() {
        "maxitem.json" => json(json!(model.highest)),
        "updates.json" => json(json!({ "items": model.changed, "profiles": ["ann"] })),
        _ => {
            let number = path.trim_start_matches("item/").trim_end_matches(".json").parse().unwrap_or(0);
            *model.asked.entry(number).or_default() += 1;
            if model.down || model.broken.contains(&number) {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
            json(model.items.get(&number).cloned().unwrap_or(Value::Null))
        }
    }
}

impl Site {
    async fn new(params: Value) -> Self {
        let model = Shared::default();
        let app = Router::new().route("/v0/{*path}", get(answer)).with_state(Arc::clone(&model));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut all = json!({ "base_url": format!("http://{address}/"), "allow_private": true });
        all.as_object_mut().expect("a table").extend(params.as_object().cloned().unwrap_or_default());
        let settings = Settings { id: "hn".into(), params: all };
        assert!((hacker_news::KIND.check)(&settings).is_empty());
        let now = "2025-01-01T00:00:00Z".parse().expect("a time");
        let clock = JumpClock::new(now);
        let tools = Tools { fetch: Arc::new(fetcher(clock.clone())) };
        let Ok(Built::Pull(source)) = (hacker_news::KIND.build)(&settings, &tools) else {
            panic!("a pulled source")
        };
        Self { model, source, position: Position::default(), now, clock }
    }

    fn site(&self, change: impl FnOnce(&mut Model)) {
        change(&mut self.model.lock().expect("no test panics while holding it"));
    }

    /// Comments up to a number, all there.
    fn grow(&self, to: u64) {
        self.site(|model| {
            for id in model.highest + 1..=to {
                model.items.insert(id, comment(id));
            }
            model.highest = to;
        });
    }

    async fn look(&mut self) -> Result<Batch, SourceError> {
        let batch = self.source.poll(&self.position, self.now).await?;
        self.position = batch.position.clone();
        Ok(batch)
    }

    /// Looks until there is no more, as the poller does; what it gave.
    async fn catch_up(&mut self) -> (Vec<Post>, Vec<Gap>) {
        let (mut posts, mut gaps) = (Vec::new(), Vec::new());
        loop {
            let batch = self.look().await.expect("an answer");
            posts.extend(batch.posts);
            gaps.extend(batch.gaps);
            if !batch.more {
                return (posts, gaps);
            }
        }
    }

    fn later(&mut self, minutes: i64) {
        self.now += SignedDuration::from_mins(minutes);
    }
}

fn numbers(posts: &[Post]) -> Vec<u64> {
    posts.iter().map(|post| post.id.parse().expect("a number")).collect()
}

#[tokio::test]
async fn after_an_outage_exactly_the_missed_stretch_is_read_once() {
    let mut site = Site::new(json!({})).await;
    site.grow(1_000);
    assert_eq!(site.catch_up().await.0, [], "the first look begins at the newest item");
    site.grow(1_010);
    assert_eq!(numbers(&site.catch_up().await.0), (1_001..=1_010).collect::<Vec<_>>());

    site.grow(2_345);
    site.site(|model| model.down = true);
    let before = site.position.clone();
    for _ in 0..3 {
        let error = site.look().await.expect_err("nothing answers");
        assert_eq!(error.retry, Retry::Soon);
    }
    assert_eq!(site.position, before);
    site.site(|model| model.down = false);
    let batch = site.look().await.expect("an answer");
    assert!(batch.more && batch.posts.len() == 200, "bounded: {}", batch.posts.len());
    let mut all = batch.posts;
    all.extend(site.catch_up().await.0);
    assert_eq!(numbers(&all), (1_011..=2_345).collect::<Vec<_>>());
    assert_eq!(site.look().await.expect("an answer").posts, []);
}

#[tokio::test]
async fn an_item_that_appears_late_is_given_and_one_that_never_does_is_a_gap() {
    let mut site = Site::new(json!({})).await;
    site.grow(10);
    site.catch_up().await;
    site.grow(20);
    site.site(|model| {
        model.items.remove(&13);
        model.items.remove(&17);
    });
    let (posts, gaps) = site.catch_up().await;
    assert_eq!((posts.len(), gaps.len()), (8, 0));
    site.site(|model| {
        model.items.insert(13, comment(13));
    });
    site.later(1);
    assert_eq!(numbers(&site.catch_up().await.0), [13]);
    site.later(58);
    assert_eq!(site.catch_up().await, (vec![], vec![]));
    site.later(1);
    let (posts, gaps) = site.catch_up().await;
    assert_eq!((posts.len(), gaps.len()), (0, 1));
    assert_eq!((gaps[0].cause, gaps[0].detail.as_str()), (GapCause::Missing, "item 17"));
    assert_eq!(site.catch_up().await, (vec![], vec![]), "told once");
}

#[tokio::test]
async fn a_broken_item_neither_stops_the_walk_nor_is_lost() {
    let mut site = Site::new(json!({ "start": 5 })).await;
    site.grow(10);
    site.site(|model| model.broken = [7, 9].into());
    assert_eq!(numbers(&site.catch_up().await.0), [6, 8, 10]);
    site.later(300);
    assert_eq!(site.catch_up().await, (vec![], vec![]), "a failure is no proof that it is gone");
    site.site(|model| model.broken.clear());
    assert_eq!(numbers(&site.catch_up().await.0), [7, 9]);
}

#[tokio::test]
async fn a_site_that_asks_for_a_pause_gets_it_and_nothing_moves() {
    let mut site = Site::new(json!({})).await;
    site.grow(10);
    site.catch_up().await;
    site.grow(12);
    site.site(|model| model.busy = Some(90));
    let before = site.position.clone();
    let error = site.look().await.expect_err("busy");
    assert_eq!(error.retry, Retry::After(SignedDuration::from_secs(90)));
    assert_eq!(site.position, before);
    site.site(|model| model.busy = None);
    assert_eq!(numbers(&site.catch_up().await.0), [11, 12]);
    assert!(site.clock.jumped() >= SignedDuration::from_secs(90), "it was left alone");
}

#[tokio::test]
async fn any_order_of_nulls_failures_and_outages_gives_every_item_once() {
    for seed in 1..=8_u64 {
        let mut state = seed;
        let mut dice = move |sides: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % sides
        };
        let mut site = Site::new(json!({ "start": 0 })).await;
        site.look().await.expect("an empty site");
        let mut given: Vec<u64> = Vec::new();
        let mut highest = 0;
        for _ in 0..12 {
            highest += dice(60);
            site.grow(highest);
            let hidden: Vec<u64> = (0..dice(6)).map(|_| dice(highest + 1)).collect();
            site.site(|model| {
                model.down = dice(4) == 0;
                model.broken = (0..dice(6)).map(|_| dice(highest + 1)).collect();
                for id in &hidden {
                    model.items.remove(id);
                }
            });
            site.later(1);
            if let Ok(batch) = site.look().await {
                given.extend(numbers(&batch.posts));
            }
            site.site(|model| {
                model.items.extend(hidden.iter().filter(|&&id| id > 0).map(|&id| (id, comment(id))))
            });
        }
        site.site(|model| {
            model.down = false;
            model.broken.clear();
        });
        given.extend(numbers(&site.catch_up().await.0));
        given.extend(numbers(&site.catch_up().await.0));
        given.sort_unstable();
        assert_eq!(given, (1..=highest).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[tokio::test]
async fn an_edit_and_a_deletion_are_seen_as_new_versions() {
    let mut site = Site::new(json!({ "start": 2 })).await;
    site.grow(12);
    let before = site.catch_up().await.0;
    assert_eq!(numbers(&before), [11, 12]);
    site.site(|model| {
        model.items.insert(11, json!({ "id": 11, "type": "comment", "time": 1, "deleted": true }));
        model
            .items
            .insert(12, json!({ "id": 12, "type": "comment", "by": "ann", "text": "<i>other</i> words" }));
        model.changed = vec![3, 11, 12];
    });
    let mut after = site.catch_up().await.0;
    after.extend(site.catch_up().await.0);
    assert_eq!(numbers(&after), [11, 12], "3 is older than the first look");
    assert!(after[0].deleted && after[0].text.is_empty() && after[0].author.is_none());
    assert_eq!(after[1].text, "other words");
    assert!(after.iter().zip(&before).all(|(new, old)| new.id == old.id && new.version != old.version));
}

#[tokio::test]
async fn a_story_carries_its_link_and_only_wanted_kinds_are_given() {
    let mut site = Site::new(json!({ "start": 3, "kinds": ["story"] })).await;
    site.site(|model| {
        model.highest = 3;
        model.items.insert(
            1,
            json!({ "id": 1, "type": "story", "by": "bo", "time": 1_700_000_000,
            "title": "Acme &amp; Globex", "url": "https://acme.example/a?b=1" }),
        );
        model.items.insert(2, comment(2));
        model.items.insert(3, json!({ "id": 3, "type": "story", "dead": true, "title": "spam", "by": "x" }));
    });
    let batch = site.look().await.expect("an answer");
    assert_eq!(numbers(&batch.posts), [1, 3]);
    let story = &batch.posts[0];
    assert_eq!((story.title.as_deref(), story.kind), (Some("Acme & Globex"), PostKind::Post));
    assert_eq!(story.text, "https://acme.example/a?b=1");
    assert_eq!(story.url.as_deref(), Some("https://news.ycombinator.com/item?id=1"));
    assert_eq!((story.site.as_str(), story.author.as_deref()), ("news.ycombinator.com", Some("bo")));
    assert!(batch.posts[1].deleted && batch.posts[1].title.is_none());
    assert_eq!(batch.fetched_through, Some(site.now), "all there is was read");
}

#[test]
fn settings_are_checked_all_at_once() {
    let params = json!({ "base_url": "hn", "interval": "1s", "start": "then", "kinds": ["storys"], "intervall": "1m" });
    let problems = (kind("hacker_news").expect("in the list").check)(&Settings { id: "hn".into(), params });
    assert_eq!(problems.0.len(), 5, "{problems}");
}

#[test]
fn a_saved_answer_is_parsed_by_its_form() {
    let settings = Settings { id: "hn".into(), params: json!({}) };
    let count = |body: Value| {
        let parsed = hacker_news::parse(&Answer::saved(body.to_string().as_bytes()), &settings);
        (parsed.posts.len(), parsed.rejects.len(), parsed.nothing)
    };
    assert_eq!(count(comment(4)), (1, 0, None));
    assert_eq!(count(json!([comment(4), comment(5), { "by": "ann" }, null, 7])), (2, 1, None));
    for none in [
        json!(4_711),
        json!(null),
        json!([1, 2]),
        json!({ "items": [1], "profiles": [] }),
        json!({ "hits": [], "nbHits": 0 }),
        json!({ "id": 7, "objectID": "ann", "username": "ann", "karma": 1 }),
        json!({ "id": "ann", "karma": 1 }),
    ] {
        assert_eq!(count(none.clone()), (0, 0, Some(Nothing::NoPostsInside)), "{none}");
    }
    assert_eq!(count(json!({ "hits": [] })).2, Some(Nothing::NoPostsInside));
    assert_eq!(count(json!({ "error": "Permission denied" })).2, Some(Nothing::ErrorAnswer));
    assert_eq!(count(json!("text")).2, Some(Nothing::ForeignInterface));
    let page = hacker_news::parse(&Answer::saved(b"<html>"), &settings);
    assert_eq!(page.nothing, Some(Nothing::ForeignInterface));
}

#[test]
fn what_the_search_serves_is_read() {
    let settings = Settings { id: "hn".into(), params: json!({}) };
    let parse = |body: Value| hacker_news::parse(&Answer::saved(body.to_string().as_bytes()), &settings);
    let found = parse(json!({ "nbHits": 2, "hits": [
        { "objectID": "7", "author": "ann", "created_at_i": 1_700_000_000, "_tags": ["comment", "author_ann"],
          "comment_text": "Acme &amp; <i>me</i>", "story_id": 3, "parent_id": 4 },
        { "objectID": "3", "author": "bo", "title": "Acme", "url": "https://acme.example/", "_tags": ["story"] },
        { "author": "no number" },
    ] }));
    assert_eq!((numbers(&found.posts), found.rejects[0].at.as_str()), (vec![7, 3], "/hits/2"));
    let comment = &found.posts[0];
    assert_eq!((comment.text.as_str(), comment.parent.as_deref()), ("Acme & me", Some("4")));
    assert_eq!(
        (comment.kind, comment.created_at),
        (PostKind::Comment, Timestamp::from_second(1_700_000_000).ok())
    );
    assert_eq!((found.posts[1].kind, found.posts[1].parent.as_deref()), (PostKind::Post, None));
    let thread = parse(json!({ "id": 1, "type": "story", "author": "bo", "title": "Acme", "children": [
        { "id": 2, "type": "comment", "author": "ann", "text": "one", "parent_id": 1, "children": [
            { "id": 3, "type": "comment", "author": null, "text": null, "parent_id": 2, "children": [] } ] },
        { "id": 4, "type": "comment", "author": "cy", "text": "two", "parent_id": 1, "children": [] },
    ] }));
    assert_eq!(numbers(&thread.posts), [1, 2, 3, 4]);
    assert_eq!(thread.posts.iter().map(|post| post.deleted).collect::<Vec<_>>(), [false, false, true, false]);
}
