//! `nostr` against relays of our own: what events become, who is believed, and that after every sort of break all
//! that is still served is found once and the rest is said to be missing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use earmark::domain::post::{Post, PostKind};
use earmark::domain::source::Gap;
use earmark::net;
use earmark::source::fetch::{Fetcher, Limits};
use earmark::source::{
    Answer, Batch, Built, Known, Nothing, Parsed, Position, Retry, Settings, Source, SourceError, Tools, kind,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::clock::JumpClock;
use crate::support::fake_relay::{Author, FakeRelay, Manner};

const START: i64 = 1_788_480_000;

fn ann() -> Author {
    Author::new(1)
}

fn bo() -> Author {
    Author::new(2)
}

/// The note of that number, a minute after the last.
fn note(number: i64) -> Value {
    ann().says(START + number * 60, 1, json!([["t", "acme"]]), &format!("note {number}"))
}

fn notes(numbers: std::ops::Range<i64>) -> Vec<Value> {
    numbers.map(note).collect()
}

fn id(event: &Value) -> String {
    event["id"].as_str().expect("an id").to_owned()
}

fn parse(body: &str) -> Parsed {
    let parse = kind("nostr").and_then(|kind| kind.parse).expect("it reads answers");
    parse(&Answer::saved(body.as_bytes()), &Settings { id: "n".into(), params: Value::Null })
}

struct Reader {
    source: Box<dyn Source>,
    position: Position,
    now: Timestamp,
    clock: JumpClock,
    params: Value,
    /// How often each post was given, and in which order.
    found: BTreeMap<String, usize>,
    posts: Vec<Post>,
    gaps: Vec<Gap>,
    errors: Vec<SourceError>,
    rejects: usize,
    trouble: Vec<String>,
    through: Option<Timestamp>,
}

fn source(params: &Value, clock: &JumpClock) -> Box<dyn Source> {
    let kind = kind("nostr").expect("the kind is listed");
    let settings = Settings { id: "n".into(), params: params.clone() };
    let problems = (kind.check)(&settings);
    assert!(problems.is_empty(), "{problems}");
    let client = net::Client::new(&net::Settings::new("")).expect("a client");
    let fetch = Fetcher::with_limits(client, Limits { at_once: 8, apart: Duration::ZERO })
        .on(Arc::new(clock.clone()));
    match (kind.build)(&settings, &Tools { fetch: Arc::new(fetch) }) {
        Ok(Built::Pull(source)) => source,
        _ => panic!("a pulled source"),
    }
}

impl Reader {
    fn of(relays: &[&FakeRelay], mut params: Value) -> Self {
        params["relays"] = relays.iter().map(|relay| relay.url.as_str()).collect();
        params["allow_private"] = json!(true);
        let now = Timestamp::from_second(START).expect("a time");
        let clock = JumpClock::new(now);
        Self {
            source: source(&params, &clock),
            position: Position::default(),
            now,
            clock,
            params,
            found: BTreeMap::new(),
            posts: Vec::new(),
            gaps: Vec::new(),
            errors: Vec::new(),
            rejects: 0,
            trouble: Vec::new(),
            through: None,
        }
    }

    fn tagged(relays: &[&FakeRelay]) -> Self {
        Self::of(relays, json!({ "hashtags": ["#Acme"] }))
    }

    fn later(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).expect("in range");
        self.clock.to(self.now);
    }

    async fn look(&mut self) -> Batch {
        match self.source.poll(&self.position, self.now).await {
            Ok(batch) => {
                self.position.clone_from(&batch.position);
                for post in &batch.posts {
                    *self.found.entry(post.id.clone()).or_default() += 1;
                }
                self.posts.extend(batch.posts.clone());
                self.gaps.extend(batch.gaps.clone());
                self.rejects += batch.rejects.len();
                self.trouble = batch.trouble.iter().map(|trouble| trouble.part.clone()).collect();
                self.through = batch.fetched_through;
                batch
            }
            Err(error) => {
                self.errors.push(error);
                Batch::default()
            }
        }
    }

    /// Looks until all has been read.
    async fn settle(&mut self) {
        for _ in 0..200 {
            let batch = self.look().await;
            if !batch.more && batch.fetched_through.is_some() {
                return;
            }
        }
        panic!("it never came to an end: {:?} {:?}", self.errors, self.found.len());
    }

    /// The daemon was off in between.
    fn restart(&mut self) {
        self.source = source(&self.params, &self.clock);
    }

    fn has_once(&self, numbers: std::ops::Range<i64>) {
        for number in numbers {
            assert_eq!(self.found.get(&id(&note(number))), Some(&1), "note {number}; {:?}", self.errors);
        }
    }
}

#[test]
fn events_become_posts_with_their_threads() {
    let root = ann().says(
        START,
        1,
        json!([["t", "acme"], ["subject", "Slow"], ["l", "en", "ISO-639-1"]]),
        "It is slow.\u{1f40c}\n\"really\"\t\\",
    );
    let marked = bo().says(
        START + 1,
        1,
        json!([["e", id(&root), "", "root"], ["e", id(&note(7)), "", "mention"]]),
        "is it",
    );
    let unmarked =
        bo().says(START + 2, 1, json!([["e", id(&root)], ["e", id(&marked)], ["p", ann().key()]]), "yes");
    let comment =
        bo().says(START + 3, 1_111, json!([["E", id(&root)], ["e", id(&marked)], ["k", "1"]]), "here too");
    let article =
        ann().says(START + 4, 30_023, json!([["d", "why"], ["title", "Why we left"]]), "At length.");
    let profile = ann().says(START + 5, 0, json!([]), "{\"name\":\"ann\"}");
    let parsed = parse(&json!([root, marked, unmarked, comment, article, profile, root]).to_string());
    assert!(parsed.rejects.is_empty() && parsed.nothing.is_none(), "{parsed:?}");
    let posts = parsed.posts;
    let told: Vec<_> = posts.iter().map(|post| (post.id.clone(), post.kind, post.parent.clone())).collect();
    let article_id = format!("30023:{}:why", ann().key());
    assert_eq!(
        told,
        [
            (id(&root), PostKind::Post, None),
            (id(&marked), PostKind::Comment, Some(id(&root))),
            (id(&unmarked), PostKind::Comment, Some(id(&marked))),
            (id(&comment), PostKind::Comment, Some(id(&marked))),
            (article_id, PostKind::Article, None),
        ]
    );
    let first = &posts[0];
    assert_eq!((first.title.as_deref(), first.lang.as_deref()), (Some("Slow"), Some("en")));
    assert_eq!(first.text, "It is slow.\u{1f40c}\n\"really\"\t\\");
    assert_eq!((first.author.as_deref(), first.site.as_str()), (Some(ann().key().as_str()), "njump.me"));
    assert_eq!(first.created_at, Timestamp::from_second(START).ok());
    assert!(first.url.as_deref().is_some_and(|url| url.starts_with("https://njump.me/nevent1")), "{first:?}");
    // An article that is edited stays itself.
    let edited = parse(&ann().says(START + 9, 30_023, json!([["d", "why"]]), "At more length.").to_string());
    assert_eq!(edited.posts[0].id, posts[4].id);
    assert_ne!(edited.posts[0].version, posts[4].version);
}

#[test]
fn nobody_is_believed_who_has_not_signed() {
    let whole = note(1);
    let with = |key: &str, value: Value| {
        let mut event = whole.clone();
        event[key] = value;
        event
    };
    let other = bo().says(START, 1, json!([]), "mine");
    for (forged, why) in [
        (with("content", json!("another text")), "hash"),
        (with("pubkey", other["pubkey"].clone()), "hash"),
        (with("created_at", json!(START)), "hash"),
        (with("sig", other["sig"].clone()), "signature"),
        (with("sig", json!("00")), "signature"),
        (with("sig", Value::Null), "lacks"),
        (with("id", other["id"].clone()), "hash"),
        (with("id", json!("ÿ")), "names"),
        (with("tags", json!([["t", 7]])), "lacks"),
    ] {
        let parsed = parse(&json!([whole, forged]).to_string());
        assert_eq!((parsed.posts.len(), parsed.rejects.len()), (1, 1), "{forged}");
        assert!(parsed.rejects[0].why.contains(why) && parsed.rejects[0].at == "/1", "{:?}", parsed.rejects);
    }
    // Signed, in order, and by somebody else: the name in it is not theirs.
    let mut stolen = bo().says(START, 1, json!([]), "as ann");
    stolen["pubkey"] = json!(ann().key());
    assert_eq!(parse(&stolen.to_string()).nothing, Some(Nothing::Broken));
}

#[test]
fn every_form_in_which_a_relay_speaks_is_read() {
    let (one, two) = (note(1), note(2));
    let taken_back = ann().says(START + 999, 5, json!([["e", id(&one)], ["k", "1"]]), "");
    let forged =
        bo().says(START + 999, 5, json!([["e", id(&two)], ["a", format!("30023:{}:why", ann().key())]]), "");
    let lines = [
        json!(["EVENT", "l0", one]).to_string(),
        json!(["EVENT", "l0", two]).to_string(),
        json!(["EVENT", "l0", taken_back]).to_string(),
        json!(["EVENT", forged]).to_string(),
        json!(["EOSE", "l0"]).to_string(),
        json!(["NOTICE", "slow down"]).to_string(),
    ];
    let parsed = parse(&lines.join("\n"));
    let told: Vec<_> = parsed.posts.iter().map(|post| (post.id.clone(), post.deleted)).collect();
    assert_eq!(told, [(id(&one), false), (id(&two), false), (id(&one), true)]);
    for (body, nothing) in [
        ("[]".to_owned(), Nothing::NoPostsInside),
        (json!(["EOSE", "l0"]).to_string(), Nothing::NoPostsInside),
        (json!({ "supported_nips": [1] }).to_string(), Nothing::NoPostsInside),
        (json!(["CLOSED", "l0", "rate-limited: slow down"]).to_string(), Nothing::ErrorAnswer),
        (json!(["AUTH", "challenge"]).to_string(), Nothing::ErrorAnswer),
        (json!(["OK", id(&one), false, "blocked: no"]).to_string(), Nothing::ErrorAnswer),
        (json!({ "error": "no" }).to_string(), Nothing::ErrorAnswer),
        (json!({ "items": [] }).to_string(), Nothing::ForeignInterface),
        ("<html>".to_owned(), Nothing::ForeignInterface),
        ("[\"EVENT\",\"l0\",{\"id\"".to_owned(), Nothing::Broken),
    ] {
        let parsed = parse(&body);
        assert_eq!((parsed.nothing, parsed.posts.len()), (Some(nothing), 0), "{body}");
    }
}

#[tokio::test]
async fn after_hours_away_all_that_is_served_is_found_once_and_the_newest_first() {
    let relay = FakeRelay::start(Manner { cap: 20, ..Manner::default() }).await;
    relay.tell(&notes(-5..0));
    let mut reader = Reader::tagged(&[&relay]);
    reader.settle().await;
    assert_eq!((reader.found.len(), reader.through), (5, Some(reader.now)));
    relay.tell(&notes(0..3));
    reader.later(180);
    reader.settle().await;
    relay.be(|manner| manner.down = true);
    relay.tell(&notes(3..363));
    for _ in 0..4 {
        reader.look().await;
        reader.later(5_400);
    }
    assert!(
        reader.errors.len() >= 3 && reader.errors.iter().all(|error| error.retry == Retry::Soon),
        "{:?}",
        reader.errors
    );
    relay.be(|manner| manner.down = false);
    let before = reader.posts.len();
    reader.look().await;
    let first = &reader.posts[before..];
    assert!(!first.is_empty() && first.iter().any(|post| post.id == id(&note(362))), "the newest come first");
    assert!(first.windows(2).all(|two| two[0].created_at <= two[1].created_at), "and in a look in order");
    assert_eq!(reader.through, None, "the night is still missing");
    // The daemon itself is off in the middle of it.
    reader.restart();
    reader.settle().await;
    reader.has_once(-5..363);
    assert!(reader.gaps.is_empty() && reader.rejects == 0, "{:?}", reader.gaps);
    assert_eq!(reader.through, Some(reader.now));
    // What is given twice, because authors' clocks are their own, is dropped by name.
    assert!(reader.found.values().all(|times| *times == 1), "{:?}", reader.found);
}

#[tokio::test]
async fn what_a_relay_does_not_page_is_a_gap() {
    let relay = FakeRelay::start(Manner { cap: 20, heedless: true, ..Manner::default() }).await;
    relay.tell(&notes(-2..0));
    let mut reader = Reader::tagged(&[&relay]);
    reader.settle().await;
    relay.be(|manner| manner.down = true);
    relay.tell(&notes(1..121));
    reader.look().await;
    reader.later(7_200);
    relay.be(|manner| manner.down = false);
    reader.settle().await;
    reader.has_once(101..121);
    assert_eq!(reader.found.len(), 22);
    let [gap] = reader.gaps.as_slice() else { panic!("one gap: {:?}", reader.gaps) };
    let at = |number: i64| Timestamp::from_second(START + number * 60).expect("a time");
    assert!(gap.from <= Some(at(1)) && gap.until >= at(100) && gap.until <= at(101), "{gap:?}");
}

#[tokio::test]
async fn one_note_counts_once_whoever_hands_it_on_and_a_relay_that_fails_stops_no_other() {
    let (one, two) = (FakeRelay::start(Manner::default()).await, FakeRelay::start(Manner::default()).await);
    one.tell(&notes(0..3));
    two.tell(&notes(1..4));
    let mut reader = Reader::tagged(&[&one, &two]);
    reader.settle().await;
    reader.has_once(0..4);
    one.be(|manner| manner.down = true);
    two.tell(&notes(4..6));
    for _ in 0..3 {
        reader.look().await;
    }
    reader.has_once(0..6);
    assert_eq!((reader.through, reader.errors.len()), (None, 0), "what the other one holds is not known");
    assert_eq!(reader.trouble, std::slice::from_ref(&one.url));
    one.tell(&notes(4..8));
    one.be(|manner| manner.down = false);
    reader.later(600);
    reader.settle().await;
    reader.has_once(0..8);
    assert!(reader.trouble.is_empty(), "{:?}", reader.trouble);
}

#[tokio::test]
async fn a_relay_that_wants_rest_or_an_account_is_left_alone() {
    for (closes, retry) in [
        ("rate-limited: slow down", Retry::After(SignedDuration::from_secs(60))),
        ("auth-required: who are you", Retry::Never),
        ("restricted: members only", Retry::Never),
        ("error: shutting down", Retry::Soon),
    ] {
        let relay = FakeRelay::start(Manner { closes: Some(closes), ..Manner::default() }).await;
        let mut reader = Reader::tagged(&[&relay]);
        // The words may come with the first look or with the second.
        for _ in 0..3 {
            reader.look().await;
        }
        let error = reader.errors.first().unwrap_or_else(|| panic!("{closes}: no error"));
        assert_eq!(error.retry, retry, "{closes}");
        assert!(error.what.contains(closes), "{}", error.what);
        assert_eq!(relay.asked().len(), 1, "{closes}: it rests");
        relay.be(|manner| manner.closes = None);
        relay.tell(&notes(0..2));
        reader.later(3_601);
        reader.settle().await;
        reader.has_once(0..2);
    }
}

#[tokio::test]
async fn only_authors_speak_for_themselves_and_take_back_what_is_theirs() {
    let relay = FakeRelay::start(Manner::default()).await;
    let params = json!({ "authors": [ann().key(), bo().key()] });
    let mut reader = Reader::of(&[&relay], params);
    let (mine, yours, old) = (note(1), bo().says(START, 1, json!([]), "bo's"), note(-9_999));
    let mut forged = ann().says(START, 1, json!([]), "as ann");
    forged["content"] = json!("as ann, but by nobody");
    let stranger = Author::new(9).says(START, 1, json!([["t", "acme"]]), "who asked me");
    relay.tell(&[mine.clone(), yours.clone(), forged, stranger]);
    reader.settle().await;
    assert_eq!((reader.found.len(), reader.rejects), (2, 1));
    let mut forged = note(2);
    forged["sig"] = yours["sig"].clone();
    relay.tell(&[
        forged,
        bo().says(START + 5, 5, json!([["e", id(&mine)]]), "not bo's to take"),
        ann().says(START + 6, 5, json!([["e", id(&old)]]), "not known whose"),
        ann().says(START + 7, 5, json!([["e", id(&mine)]]), ""),
    ]);
    reader.later(60);
    reader.settle().await;
    assert_eq!(reader.rejects, 2);
    let gone: Vec<(&str, Option<&str>)> = reader
        .posts
        .iter()
        .filter(|post| post.deleted)
        .map(|post| (post.id.as_str(), post.author.as_deref()))
        .collect();
    assert_eq!(gone, [(id(&mine).as_str(), Some(ann().key().as_str()))]);
    // What was read long ago says by its address whose it is.
    let known = |event: &Value| {
        let post = parse(&event.to_string()).posts.remove(0);
        Known { id: post.id, url: post.url, parent: None }
    };
    let asked =
        [known(&old), known(&yours), known(&note(3)), Known { id: "7".into(), url: None, parent: None }];
    relay.tell(&[ann().says(START + 8, 5, json!([["e", id(&yours)]]), "nor ann's")]);
    let rechecked = reader.source.recheck(&asked, reader.now).await.expect("an answer");
    assert_eq!((rechecked.gone, rechecked.posts.len()), (vec![id(&old)], 0));
    relay.be(|manner| manner.down = true);
    assert!(reader.source.recheck(&asked, reader.now).await.is_err(), "nobody answered");
}

#[tokio::test]
async fn words_are_searched_for_only_where_a_relay_searches() {
    let finds = FakeRelay::start(Manner { searches: true, ..Manner::default() }).await;
    let other = FakeRelay::start(Manner::default()).await;
    for relay in [&finds, &other] {
        relay.tell(&[
            ann().says(START, 1, json!([]), "Globex is slow"),
            ann().says(START, 1, json!([]), "lunch"),
        ]);
    }
    let params = json!({ "search": ["Globex"] });
    let mut reader = Reader::of(&[&finds], params.clone());
    reader.settle().await;
    assert_eq!(reader.posts.iter().map(|post| post.text.as_str()).collect::<Vec<_>>(), ["Globex is slow"]);
    let mut reader = Reader::of(&[&other], params);
    reader.look().await;
    assert!(other.asked().is_empty(), "it would give everything");
    assert!(
        reader.errors[0].retry == Retry::Never && reader.errors[0].what.contains("NIP-50"),
        "{:?}",
        reader.errors
    );
}

#[tokio::test]
async fn private_relays_are_refused_unless_allowed() {
    let relay = FakeRelay::start(Manner::default()).await;
    let clock = JumpClock::new(Timestamp::from_second(START).expect("a time"));
    let mut source = source(&json!({ "relays": [relay.url], "hashtags": ["acme"] }), &clock);
    let error = source.poll(&Position::default(), Timestamp::UNIX_EPOCH).await.expect_err("refused");
    assert!(error.retry == Retry::Never && error.what.contains("allow_private"), "{error}");
}

#[test]
fn settings_are_checked() {
    let check = |params: Value| {
        (kind("nostr").expect("listed").check)(&Settings { id: "n".into(), params }).to_string()
    };
    let npub = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg";
    assert_eq!(check(json!({ "hashtags": ["acme"] })), "");
    assert_eq!(
        check(json!({ "relays": ["wss://relay.example/"], "authors": [npub], "search": ["acme app"] })),
        ""
    );
    for (params, part) in [
        (json!({}), "nothing is asked for"),
        (json!({ "hashtags": [] }), "nothing is asked for"),
        (json!({ "hashtags": ["acme"], "relays": ["https://relay.example"] }), "wss://"),
        (json!({ "authors": ["ann"] }), "no public key"),
        (json!({ "authors": [npub.replace("z9qk", "z8qk")] }), "no public key"),
        (json!({ "hashtag": ["acme"] }), "did you mean \"hashtags\""),
        (json!({ "search": ["1", "2", "3", "4", "5", "6", "7", "8", "9"] }), "more searches"),
    ] {
        let said = check(params);
        assert!(said.contains(part), "{said}");
    }
}
