//! `bluesky` against instances of our own: what frames become, and that after every sort of break all that is
//! still served is found once and the rest is said to be missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use earmark::domain::post::{Post, PostKind};
use earmark::domain::source::Gap;
use earmark::net;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{Batch, Built, Known, Position, Retry, Settings, Source, SourceError, Tools, kind};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::clock::JumpClock;
use crate::support::fake_jetstream::{Jetstream, Manner, Told};
use crate::support::fake_site::{FakeSite, Page};

mod saved;

const SECOND: i64 = 1_000_000;

fn start() -> Timestamp {
    "2026-09-04T00:00:00Z".parse().expect("a time")
}

/// So many seconds into the history.
fn at(seconds: i64) -> i64 {
    start().as_microsecond() + seconds * SECOND
}

fn commit(seconds: i64, did: &str, body: Value) -> Told {
    let mut body = body;
    body["collection"] = json!("app.bsky.feed.post");
    body["rev"] = json!(format!("rev{seconds}"));
    Told { time: at(seconds), did: did.into(), body }
}

fn wrote(seconds: i64, operation: &str, rkey: &str, cid: &str, record: Value) -> Told {
    let mut record = record;
    record["$type"] = json!("app.bsky.feed.post");
    record["createdAt"] = json!(Timestamp::from_microsecond(at(seconds)).expect("in range").to_string());
    commit(
        seconds,
        "did:plc:ann",
        json!({ "operation": operation, "rkey": rkey, "cid": cid, "record": record }),
    )
}

fn account(seconds: i64, did: &str, active: bool, status: &str) -> Told {
    let account =
        json!({ "did": did, "active": active, "status": status, "seq": 9, "time": "2026-09-04T00:00:00Z" });
    Told { time: at(seconds), did: did.into(), body: json!({ "account": account }) }
}

/// Post `number` of a history in which one comes every so many seconds.
fn told(number: i64, apart: i64) -> Told {
    wrote(number * apart, "create", &format!("p{number}"), &format!("c{number}"), json!({ "text": "words" }))
}

fn history(numbers: std::ops::Range<i64>, apart: i64) -> Vec<Told> {
    numbers.map(|number| told(number, apart)).collect()
}

fn id(number: i64) -> String {
    format!("at://did:plc:ann/app.bsky.feed.post/p{number}")
}

/// A source as the poller reads it.
struct Reader {
    source: Box<dyn Source>,
    position: Position,
    /// How often each post was given.
    found: BTreeMap<String, usize>,
    gaps: Vec<Gap>,
    errors: Vec<SourceError>,
    through: Option<Timestamp>,
}

fn source(params: Value) -> Box<dyn Source> {
    let kind = kind("bluesky").expect("the kind is listed");
    let settings = Settings { id: "b".into(), params };
    let problems = (kind.check)(&settings);
    assert!(problems.is_empty(), "{problems}");
    let client = net::Client::new(&net::Settings::new("")).expect("a client");
    let fetch = Fetcher::with_limits(client, Limits { at_once: 8, apart: std::time::Duration::ZERO });
    let fetch = Arc::new(fetch.on(Arc::new(JumpClock::new(start()))));
    match (kind.build)(&settings, &Tools { fetch }) {
        Ok(Built::Pull(source)) => source,
        _ => panic!("a pulled source"),
    }
}

impl Reader {
    fn of(instances: &[&Jetstream]) -> Self {
        let urls: Vec<&str> = instances.iter().map(|instance| instance.url.as_str()).collect();
        Self {
            source: source(json!({ "instances": urls, "allow_private": true })),
            position: Position::default(),
            found: BTreeMap::new(),
            gaps: Vec::new(),
            errors: Vec::new(),
            through: None,
        }
    }

    async fn look(&mut self) -> Batch {
        // Long after all of the history; nothing of it may depend on our clock.
        let now = start() + SignedDuration::from_hours(48);
        match self.source.poll(&self.position, now).await {
            Ok(batch) => {
                self.position.clone_from(&batch.position);
                for post in &batch.posts {
                    *self.found.entry(post.id.clone()).or_default() += 1;
                }
                self.gaps.extend(batch.gaps.clone());
                self.through = batch.fetched_through.or(self.through);
                batch
            }
            Err(error) => {
                self.errors.push(error);
                Batch::default()
            }
        }
    }

    /// Opens the stream; it is read from here on.
    async fn begin(&mut self) {
        let now = start();
        let batch = self.source.poll(&self.position, now).await.expect("a connection");
        assert!(batch.posts.is_empty() && batch.gaps.is_empty(), "{batch:?}");
        self.position = batch.position;
    }

    /// Looks until the post of that number was found.
    async fn until(&mut self, number: i64) {
        for _ in 0..40 {
            if self.found.contains_key(&id(number)) {
                return;
            }
            self.look().await;
        }
        panic!("post {number} never came; {:?} {:?}", self.errors, self.found.len());
    }

    fn restarted(self, instances: &[&Jetstream]) -> Self {
        Self { position: self.position, found: self.found, gaps: self.gaps, ..Self::of(instances) }
    }

    /// Each of these was found once but for the lost ones, which lie in the gaps that were told; and no gap
    /// holds anything else.
    fn has(&self, numbers: std::ops::Range<i64>, lost: std::ops::Range<i64>, apart: i64) {
        let covered = |number: i64| {
            let time = Timestamp::from_microsecond(at(number * apart)).expect("in range");
            self.gaps.iter().any(|gap| gap.from.is_some_and(|from| from < time) && time < gap.until)
        };
        for number in numbers {
            let times = self.found.get(&id(number)).copied().unwrap_or(0);
            let is_lost = lost.contains(&number);
            assert_eq!(times, usize::from(!is_lost), "post {number} came {times} times");
            assert_eq!(covered(number), is_lost, "post {number}: {:?}", self.gaps);
        }
        assert_eq!(self.gaps.is_empty(), lost.is_empty(), "{:?}", self.gaps);
    }
}

#[tokio::test]
async fn frames_become_posts_deletions_and_authors_gone() {
    for old in [false, true] {
        let site = Jetstream::start(Manner { old, seq: 7_000, ..Manner::default() }).await;
        let mut reader = Reader::of(&[&site]);
        reader.begin().await;
        let parent = "at://did:plc:bo/app.bsky.feed.post/p0";
        let link = json!([{ "index": { "byteStart": 5, "byteEnd": 17 }, "features": [{ "$type": "app.bsky.richtext.facet#link", "uri": "https://acme.example/a" }] }]);
        let mut like = wrote(4, "create", "like", "c", json!({ "text": "no post" }));
        like.body["collection"] = json!("app.bsky.feed.like");
        site.tell(&[
            wrote(1, "create", "p1", "c1", json!({ "text": "grüße acme.example/… \"you\"\n", "langs": ["en"], "facets": null })),
            wrote(2, "create", "p2", "c2", json!({ "text": "read acme.example", "facets": link, "reply": { "root": { "uri": parent }, "parent": { "uri": parent, "cid": "c" } }, "langs": ["pt-BR"] })),
            wrote(3, "update", "p1", "c3", json!({ "text": "edited", "langs": ["en", "de"] })),
            like,
            wrote(5, "create", "bad", "c", json!({ "text": 7 })),
            commit(6, "did:plc:ann", json!({ "operation": "delete", "rkey": "p2" })),
            account(7, "did:plc:bo", false, "deleted"),
            account(8, "did:plc:cy", false, "takendown"),
            account(9, "did:plc:di", false, "deactivated"),
            account(10, "did:plc:ed", true, "deleted"),
            told(11, 1),
        ]);
        let (mut posts, mut gone, mut rejects): (Vec<Post>, Vec<String>, usize) = (Vec::new(), Vec::new(), 0);
        while !reader.found.contains_key(&id(11)) {
            let batch = reader.look().await;
            posts.extend(batch.posts);
            gone.extend(batch.gone.into_iter().map(|gone| format!("{} {}", gone.site, gone.author)));
            rejects += batch.rejects.len();
        }
        let said: Vec<_> = posts
            .iter()
            .map(|post| (post.id.as_str(), post.version.as_str(), post.text.as_str(), post.deleted))
            .collect();
        let one = id(1);
        assert_eq!(said[0], (one.as_str(), "c1", "grüße acme.example/… \"you\"", false));
        assert_eq!(said[1].2, "read https://acme.example/a");
        assert_eq!(said[2], (one.as_str(), "c3", "edited", false));
        assert_eq!((said[3].0, said[3].3), (id(2).as_str(), true));
        assert_eq!(said.len(), 5, "{said:?}");
        let (first, second) = (&posts[0], &posts[1]);
        assert_eq!(
            (first.lang.as_deref(), second.lang.as_deref(), posts[2].lang.as_deref()),
            (Some("en"), Some("pt-br"), None)
        );
        assert_eq!(
            (first.kind, second.kind, second.parent.as_deref()),
            (PostKind::Post, PostKind::Comment, Some(parent))
        );
        assert_eq!(first.url.as_deref(), Some("https://bsky.app/profile/did:plc:ann/post/p1"));
        assert_eq!((first.site.as_str(), first.author.as_deref()), ("bsky.app", Some("did:plc:ann")));
        assert_eq!(first.created_at.map(|time| time.as_microsecond()), Some(at(1)));
        assert_eq!(gone, ["bsky.app did:plc:bo", "bsky.app did:plc:cy"]);
        assert_eq!((rejects, reader.gaps.len(), reader.errors.len()), (1, 0, 0));
        // How far behind is said by the network's own time.
        assert_eq!(reader.through.map(|time| time.as_microsecond()), Some(at(11)));
    }
}

#[tokio::test]
async fn after_hours_away_all_that_is_served_is_found_once() {
    for old in [false, true] {
        let site = Jetstream::start(Manner { old, seq: 50, ..Manner::default() }).await;
        let mut reader = Reader::of(&[&site]);
        reader.begin().await;
        site.tell(&history(1..60, 60));
        reader.until(59).await;
        site.be(|manner| manner.down = true);
        site.tell(&history(60..420, 60));
        for _ in 0..4 {
            reader.look().await;
        }
        assert!(reader.errors.len() >= 3, "{:?}", reader.errors);
        assert!(reader.errors.iter().all(|error| error.retry == Retry::Soon), "{:?}", reader.errors);
        site.be(|manner| manner.down = false);
        reader.until(419).await;
        // And the daemon itself is off for an hour, and comes back while the stream is cut every now and then.
        site.tell(&history(420..480, 60));
        let mut reader = reader.restarted(&[&site]);
        reader.until(479).await;
        for number in 480..484 {
            site.be(|_| {});
            site.tell(&history(number..number + 1, 60));
            reader.until(number).await;
        }
        reader.has(1..484, 0..0, 60);
    }
}

#[tokio::test]
async fn what_an_instance_holds_no_more_is_a_gap_and_nothing_else_is() {
    // Refused with the floor; clamped in silence; a number that is known, or a time only.
    for (old, silent) in [(false, false), (true, true)] {
        let site = Jetstream::start(Manner { old, silent, seq: 50, ..Manner::default() }).await;
        let mut reader = Reader::of(&[&site]);
        reader.begin().await;
        site.tell(&history(1..60, 60));
        reader.until(59).await;
        site.be(|manner| manner.down = true);
        site.tell(&history(60..420, 60));
        reader.look().await;
        // Post 1 stands at place 0.
        site.be(|manner| (manner.down, manner.floor) = (false, 199));
        reader.until(419).await;
        reader.has(1..420, 60..200, 60);
        assert!(reader.gaps.len() == 1 && reader.gaps[0].detail.contains("127.0.0.1"), "{:?}", reader.gaps);
        // Told once.
        site.be(|_| {});
        site.tell(&history(420..421, 60));
        reader.until(420).await;
        reader.has(1..421, 60..200, 60);
    }
}

#[tokio::test]
async fn another_instance_takes_over_and_nothing_comes_twice() {
    for (old, skew, silent) in
        [(false, 3 * SECOND, false), (false, -4 * SECOND, false), (true, 3 * SECOND, false), (false, 0, true)]
    {
        let one = Jetstream::start(Manner { seq: 9_000, ..Manner::default() }).await;
        // It numbers by itself, and a little off in time; and it may begin long before it is asked to.
        let two =
            Jetstream::start(Manner { seq: 77, skew, old, silent, early: 30, ..Manner::default() }).await;
        let mut reader = Reader::of(&[&one, &two]);
        reader.begin().await;
        let told = |numbers: std::ops::Range<i64>| {
            one.tell(&history(numbers.clone(), 1));
            two.tell(&history(numbers, 1));
        };
        told(1..100);
        reader.until(99).await;
        one.be(|manner| manner.down = true);
        told(100..200);
        reader.until(199).await;
        assert!(reader.errors.is_empty() || reader.errors.len() == 1, "{:?}", reader.errors);
        // And back again, to what it has not forgotten.
        one.be(|manner| manner.down = false);
        two.be(|manner| manner.down = true);
        told(200..300);
        reader.until(299).await;
        reader.has(1..300, 0..0, 1);
        assert!(one.calls().len() >= 2 && !two.calls().is_empty());
    }
}

#[tokio::test]
async fn an_instance_that_begins_a_new_archive_is_asked_by_time() {
    for silent in [false, true] {
        let site = Jetstream::start(Manner { seq: 900_000, silent, ..Manner::default() }).await;
        let mut reader = Reader::of(&[&site]);
        reader.begin().await;
        site.tell(&history(1..40, 30));
        reader.until(39).await;
        site.be(|manner| manner.seq = 1);
        site.tell(&history(40..80, 30));
        // Where nobody says that our number is from elsewhere, the next event shows it.
        let numbers = if silent { 80..81 } else { 80..80 };
        reader.look().await;
        reader.look().await;
        site.tell(&history(numbers.clone(), 30));
        reader.until(numbers.end - 1).await;
        reader.has(1..numbers.end, 0..0, 30);
    }
}

#[tokio::test]
async fn who_was_too_slow_goes_on_where_it_was() {
    let site = Jetstream::start(Manner { patience: Some(700), ..Manner::default() }).await;
    let mut reader = Reader::of(&[&site]);
    reader.begin().await;
    site.tell(&history(1..1_500, 2));
    let batch = reader.look().await;
    assert!(batch.more && batch.posts.len() <= 500, "{}", batch.posts.len());
    let through = reader.through.expect("known");
    assert!(through.as_microsecond() < at(1_499 * 2), "how far it is behind is said: {through}");
    reader.until(1_499).await;
    reader.has(1..1_500, 0..0, 2);
    assert!(site.calls().len() >= 3);
}

#[tokio::test]
async fn what_was_not_taken_in_is_given_again() {
    let site = Jetstream::start(Manner::default()).await;
    let mut reader = Reader::of(&[&site]);
    reader.begin().await;
    site.tell(&history(1..20, 60));
    reader.until(19).await;
    let before = reader.position.clone();
    site.tell(&history(20..30, 60));
    reader.until(29).await;
    // The store was full, say: the cursor is where it was.
    reader.position = before;
    for number in 20..30 {
        reader.found.remove(&id(number));
    }
    reader.until(29).await;
    reader.has(1..30, 0..0, 60);
}

#[tokio::test]
async fn private_instances_are_refused_unless_allowed() {
    let site = Jetstream::start(Manner::default()).await;
    let mut source = source(json!({ "instances": [site.url] }));
    let error = source.poll(&Position::default(), start()).await.expect_err("refused");
    assert!(error.retry == Retry::Never && error.what.contains("allow_private"), "{error}");
    assert!(site.calls().is_empty());
}

#[tokio::test]
async fn posts_are_asked_for_anew_and_those_that_are_gone_are_named() {
    let site = FakeSite::start().await;
    let view = |number: i64, text: &str| {
        json!({ "uri": id(number), "cid": format!("n{number}"), "indexedAt": "2026-09-04T00:00:00Z",
            "author": { "did": "did:plc:ann", "handle": "ann.example" },
            "record": { "$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-09-04T00:00:00Z" } })
    };
    let path = |numbers: std::ops::Range<i64>| {
        let uris: Vec<String> =
            numbers.map(|n| format!("uris=at%3A%2F%2Fdid%3Aplc%3Aann%2Fapp.bsky.feed.post%2Fp{n}")).collect();
        format!("/xrpc/app.bsky.feed.getPosts?{}", uris.join("&"))
    };
    let page = |posts: Value| Page::of("application/json", json!({ "posts": posts }).to_string());
    site.put(&path(1..26), page(json!([view(1, "as it was"), view(3, "edited")])));
    site.put(&path(26..28), page(json!([view(27, "here")])));
    let mut source = source(json!({ "api_url": site.url(""), "allow_private": true }));
    assert_eq!(source.recheck_at_once(), 25);
    let known = |id: String| Known { id, url: None, parent: None };
    let mut asked: Vec<Known> = (1..28).map(|number| known(id(number))).collect();
    asked.push(known("imported-7".into()));
    let rechecked = source.recheck(&asked, start()).await.expect("an answer");
    let said: Vec<_> = rechecked
        .posts
        .iter()
        .map(|post| (post.id.clone(), post.version.as_str(), post.author.as_deref()))
        .collect();
    let ann = Some("did:plc:ann");
    assert_eq!(said, [(id(1), "n1", ann), (id(3), "n3", ann), (id(27), "n27", ann)]);
    let gone: Vec<String> = [2].into_iter().chain(4..27).map(id).collect();
    assert_eq!(rechecked.gone, gone);
    // An answer that is none says nothing of anybody.
    for body in ["{}", "{\"posts\": null}", "<html>", "{\"error\": \"x\"}"] {
        site.put(&path(26..28), Page::of("application/json", body.to_owned()));
        assert!(source.recheck(&asked[25..], start()).await.is_err(), "{body}");
    }
}

#[test]
fn settings_are_checked() {
    let check =
        |params: Value| (kind("bluesky").unwrap().check)(&Settings { id: "b".into(), params }).to_string();
    assert_eq!(check(json!({})), "");
    assert_eq!(
        check(json!({ "instances": ["wss://jet.example/subscribe"], "api_url": "https://api.example" })),
        ""
    );
    for (params, part) in [
        (json!({ "instances": [] }), "instances"),
        (json!({ "instances": "wss://jet.example" }), "instances"),
        (json!({ "instances": ["jet.example", 7] }), "jet.example"),
        (json!({ "instance": ["wss://jet.example"] }), "did you mean \"instances\""),
        (json!({ "api_url": "jet" }), "api_url"),
    ] {
        let said = check(params);
        assert!(said.contains(part), "{said}");
    }
}
