//! `reddit` as its site serves it, of our own making: tokens, listings, the depth of a listing, blocks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use earmark::domain::post::PostKind;
use earmark::domain::source::GapCause;
use earmark::source::{Answer, Known, Nothing, Position, Retry, Settings, Source, kind, reddit};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Hidden, Served, now, query, source};
use crate::site::{Pages, Told, outage, together};
use crate::support::fake_site::{Asked, Page};

const AGENT: &str = "linux:example.acme.earmark:v1 (by /u/ann)";

fn settings() -> Settings {
    Settings { id: "r".into(), params: json!({}) }
}

fn post(number: u64, at: Timestamp) -> Value {
    json!({ "kind": "t3", "data": { "id": number.to_string(), "name": format!("t3_{number}"),
        "title": format!("Post {number}"), "selftext": "words", "selftext_html": "<div class=\"md\"><p>words</p></div>",
        "author": "ann", "author_fullname": "t2_7", "subreddit": "acme", "is_self": true,
        "permalink": format!("/r/acme/comments/{number}/post/"), "created_utc": at.as_second() as f64 } })
}

fn listing(children: Vec<Value>, after: Option<String>) -> Page {
    let body = json!({ "kind": "Listing", "data": { "after": after, "before": null, "children": children } });
    Page::of("application/json", body.to_string())
}

/// What the interface enforces whoever asks: a token for the key, the token, a name, a hundred at once.
struct Site {
    key: Hidden,
}

impl Site {
    fn new() -> Self {
        Self { key: Hidden::new("hush") }
    }

    fn params(&self, base: &str) -> Value {
        json!({ "approved": true, "base_url": base, "allow_private": true, "user_agent": AGENT, "interval": "5m",
            "client_id": "app", "client_secret": self.key.pointer(), "subreddits": ["acme"], "comments": false })
    }

    fn page(&self, newest_first: &[(u64, Timestamp)], asked: &Asked) -> Page {
        if asked.headers.get("user-agent").map(String::as_str) != Some(AGENT) {
            return Page::new(429);
        }
        let authorization = asked.headers.get("authorization").map(String::as_str);
        if asked.path == "/api/v1/access_token" {
            // app:hush
            return if authorization == Some("Basic YXBwOmh1c2g=")
                && &asked.body[..] == b"grant_type=client_credentials"
            {
                let token = json!({ "access_token": "t", "token_type": "bearer", "expires_in": 86_400 });
                Page::of("application/json", token.to_string())
            } else {
                Page::new(401)
            };
        }
        if authorization != Some("Bearer t") {
            return Page {
                body: json!({ "message": "Unauthorized", "error": 401 }).to_string().into(),
                ..Page::new(401)
            };
        }
        if asked.path.starts_with("/api/info?sr_name=acme&") {
            let subreddit = json!({ "kind": "t5", "data": { "name": "t5_1", "display_name": "Acme" } });
            return listing(vec![subreddit], None);
        }
        if !asked.path.starts_with("/r/acme/new?") {
            return Page::new(404);
        }
        let limit: usize = query(&asked.path, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(25);
        let held = &newest_first[..newest_first.len().min(1_000)];
        // After a name that is not there (any more) comes nothing.
        let from = match query(&asked.path, "after") {
            None => 0,
            Some(after) => held
                .iter()
                .position(|(number, _)| format!("t3_{number}") == after)
                .map_or(held.len(), |at| at + 1),
        };
        let part: Vec<(u64, Timestamp)> = held.iter().skip(from).take(limit.min(100)).copied().collect();
        let after =
            (from + part.len() < held.len()).then(|| part.last().map(|(number, _)| format!("t3_{number}")));
        listing(part.iter().map(|(number, at)| post(*number, *at)).collect(), after.flatten())
    }
}

impl Pages for Site {
    fn params(&self, base: &str) -> Value {
        Site::params(self, base)
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let newest_first: Vec<(u64, Timestamp)> =
            history.iter().rev().map(|told| (told.number, told.at)).collect();
        Site::page(self, &newest_first, asked)
    }

    fn id(&self, number: u64) -> String {
        format!("t3_{number}")
    }
}

#[tokio::test]
async fn reddit_finds_everything_after_an_outage() {
    outage("reddit", Site::new()).await;
}

#[tokio::test]
async fn two_sources_with_one_application_stay_within_its_budget() {
    together("reddit", Site::new()).await;
}

#[test]
fn what_reddit_serves_becomes_posts() {
    let comment = |id: &str, more: Value| {
        let mut data = json!({ "id": id, "name": format!("t1_{id}"), "author": "bo", "link_id": "t3_a", "parent_id": "t3_a",
            "subreddit": "acme", "created_utc": 1_772_620_000.0, "body": "**good** &gt; bad", "replies": "",
            "body_html": "&lt;div class=\"md\"&gt;&lt;p&gt;&lt;strong&gt;good&lt;/strong&gt; &amp;gt; bad&lt;/p&gt;&lt;/div&gt;" });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "kind": "t1", "data": data })
    };
    let replies = json!({ "kind": "Listing", "data": { "children": [
        comment("c2", json!({ "parent_id": "t1_c1", "author": "[deleted]" })),
        comment("c3", json!({ "parent_id": "t1_c1", "author": "[deleted]", "body": "[removed]", "body_html": "<p>[removed]</p>" })),
        { "kind": "more", "data": { "count": 9, "name": "t1_x", "children": ["x"] } },
    ] } });
    let link = json!({ "kind": "t3", "data": { "id": "a", "title": "Acme &amp; Globex &lt;3", "is_self": false, "author": "ann",
        "url": "https://acme.example/?a=1&amp;b=2", "permalink": "/r/acme/comments/a/acme/", "created_utc": "1772620000",
        "selftext": "", "selftext_html": null, "poll_data": { "options": [{ "text": "yes" }, { "text": "no" }] } } });
    let removed = json!({ "kind": "t3", "data": { "id": "b", "name": "t3_b", "title": "Still here", "selftext": "words",
        "removed_by_category": "moderator", "author": "ann", "permalink": "/r/acme/comments/b/x/" } });
    let thread = json!([
        { "kind": "Listing", "data": { "children": [link, removed, { "kind": "t3", "data": { "title": "no name" } }] } },
        { "kind": "Listing", "data": { "children": [comment("c1", json!({ "replies": replies }))] } },
    ]);
    let parsed = reddit::parse(&Answer::saved(thread.to_string().as_bytes()), &settings());
    let told: Vec<(&str, Option<&str>, bool)> =
        parsed.posts.iter().map(|post| (post.id.as_str(), post.parent.as_deref(), post.deleted)).collect();
    assert_eq!(
        told,
        [
            ("t3_a", None, false),
            ("t3_b", None, true),
            ("t1_c1", Some("t3_a"), false),
            ("t1_c2", Some("t1_c1"), false),
            ("t1_c3", Some("t1_c1"), true)
        ]
    );
    assert_eq!(parsed.rejects.len(), 1);
    assert_eq!(parsed.rejects[0].at, "/0/data/children/2/data");
    let (link, gone, said, orphan) = (&parsed.posts[0], &parsed.posts[1], &parsed.posts[2], &parsed.posts[3]);
    assert_eq!(link.title.as_deref(), Some("Acme & Globex <3"));
    assert_eq!(link.text, "yes\nno\n\nhttps://acme.example/?a=1&b=2");
    assert_eq!(link.url.as_deref(), Some("https://www.reddit.com/r/acme/comments/a/acme/"));
    assert_eq!((link.kind, link.site.as_str()), (PostKind::Post, "reddit.com"));
    assert_eq!(link.created_at, Timestamp::from_second(1_772_620_000).ok());
    assert!(gone.title.is_none() && gone.text.is_empty() && gone.author.is_none());
    assert_eq!((said.text.as_str(), said.author.as_deref()), ("good > bad", Some("bo")));
    assert_eq!(said.url.as_deref(), Some("https://www.reddit.com/r/acme/comments/a/_/c1/"));
    assert_eq!((said.kind, said.created_at), (PostKind::Comment, link.created_at));
    // The account went, the words stand.
    assert_eq!((orphan.author.as_deref(), orphan.text.as_str()), (None, "good > bad"));

    let edited = post(1, now()).to_string().replace("words", "better words");
    let one = |body: &str| reddit::parse(&Answer::saved(body.as_bytes()), &settings()).posts.remove(0);
    let (before, after) = (one(&post(1, now()).to_string()), one(&edited));
    assert_eq!(before.id, after.id);
    assert_ne!(before.version, after.version);
}

#[test]
fn what_holds_no_posts_says_why() {
    for (status, body, expected) in [
        (200, r#"{"kind": "Listing", "data": {"children": [], "after": null}}"#, Nothing::NoPostsInside),
        (
            200,
            r#"{"kind": "Listing", "data": {"children": [{"kind": "t5", "data": {"name": "t5_1"}}]}}"#,
            Nothing::NoPostsInside,
        ),
        (200, r#"{"kind": "t2", "data": {"name": "ann"}}"#, Nothing::NoPostsInside),
        (200, r#"{"json": {"errors": [["RATELIMIT", "take a break", "ratelimit"]]}}"#, Nothing::ErrorAnswer),
        (200, r#"{"message": "Forbidden", "reason": "private", "error": 403}"#, Nothing::ErrorAnswer),
        (
            200,
            r#"{"fields": ["id"], "explanation": "no such person", "message": "Bad Request", "reason": "USER"}"#,
            Nothing::ErrorAnswer,
        ),
        (403, "<html>", Nothing::ErrorAnswer),
        (200, "<!doctype html><title>over 18?</title>", Nothing::ForeignInterface),
        (200, r#"{"hits": []}"#, Nothing::ForeignInterface),
        (200, "", Nothing::Broken),
        (200, r#"{"kind": "t3", "data": {"title": "no name"}}"#, Nothing::Broken),
        (
            200,
            "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"></feed>",
            Nothing::NoPostsInside,
        ),
    ] {
        let answer = Answer { status, ..Answer::saved(body.as_bytes()) };
        assert_eq!(reddit::parse(&answer, &settings()).nothing, Some(expected), "{status} {body}");
    }
}

fn atom(entries: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"><id>/.rss</id>{entries}</feed>"
    )
}

fn entry(id: &str, link: &str, content: &str) -> String {
    format!(
        "<entry><author><name>/u/ann</name></author><content type=\"html\">{content}</content><id>{id}</id>\
         <link href=\"https://www.reddit.com/r/acme/comments/{link}/\"/><updated>2026-03-04T10:00:00+00:00</updated>\
         <title>Title of {id}</title></entry>"
    )
}

const FOOTER: &str = "&amp;#32; submitted by &amp;#32; &lt;a href=\"https://www.reddit.com/user/ann\"&gt; /u/ann &lt;/a&gt; \
    &lt;br/&gt; &lt;span&gt;&lt;a href=\"https://acme.example/x\"&gt;[link]&lt;/a&gt;&lt;/span&gt; &amp;#32; \
    &lt;span&gt;&lt;a href=\"https://www.reddit.com/r/acme/comments/a/\"&gt;[comments]&lt;/a&gt;&lt;/span&gt;";

#[test]
fn a_feed_gives_the_words_without_its_footer() {
    let body = atom(
        &[
            entry("t3_a", "a/title", &format!("&lt;p&gt;words&lt;/p&gt; {FOOTER}")),
            entry("t1_c", "a/title/c", "&lt;p&gt;an answer&lt;/p&gt;"),
            entry("t5_s", "", "a subreddit").replace("/comments/", "/"),
        ]
        .concat(),
    );
    let parsed = reddit::parse(&Answer::saved(body.as_bytes()), &settings());
    let [post, comment] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((post.id.as_str(), post.text.as_str()), ("t3_a", "words\n\nhttps://acme.example/x"));
    assert_eq!((post.author.as_deref(), post.title.as_deref()), (Some("ann"), Some("Title of t3_a")));
    assert_eq!((comment.parent.as_deref(), comment.title.as_deref()), (Some("t3_a"), None));
}

/// A source over a site whose newest-first list the test may change, and who was let in.
async fn visited(list: Arc<Mutex<Vec<(u64, Timestamp)>>>) -> (Served, Box<dyn Source>) {
    let site = Site::new();
    let visited =
        Served::start(move |asked| site.page(&list.lock().expect("no test panics while holding it"), asked))
            .await;
    // The key is read when the source is built, and not again.
    let kept = Site::new();
    let source = source("reddit", kept.params(&visited.base), now());
    (visited, source)
}

fn minutes(count: i64) -> Timestamp {
    now() + SignedDuration::from_mins(count)
}

#[tokio::test]
async fn a_large_backlog_comes_newest_first_and_what_lies_too_deep_is_said() {
    let list = Arc::new(Mutex::new(vec![(1, minutes(-1))]));
    let (site, mut source) = visited(Arc::clone(&list)).await;
    let first = source.poll(&Position::default(), now()).await.expect("a look");
    assert_eq!((first.posts.len(), first.more, first.fetched_through), (1, false, Some(now())));
    site.asked();

    *list.lock().unwrap() = (2..=1_502).rev().map(|number| (number, minutes(number as i64))).collect();
    let later = minutes(2_000);
    let (mut position, mut looks, mut found, mut gaps) = (first.position, 0, Vec::new(), Vec::new());
    loop {
        let batch = source.poll(&position, later).await.expect("a look");
        found.extend(batch.posts.into_iter().map(|post| post.id));
        gaps.extend(batch.gaps);
        position = batch.position;
        looks += 1;
        if !batch.more {
            assert_eq!(batch.fetched_through, Some(later));
            break;
        }
        assert_eq!(batch.fetched_through, None);
    }
    assert_eq!((looks, found.len()), (3, 1_000));
    assert_eq!((found[0].as_str(), found[999].as_str()), ("t3_1502", "t3_503"));
    // A new token and ten pages.
    assert_eq!(site.asked().len(), 11);
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.cause, gap.from, gap.until), (GapCause::Overrun, Some(now()), minutes(503)));

    // All that was newest is removed: the next look is neither silent nor at a loss.
    list.lock().unwrap().drain(..30);
    list.lock().unwrap().insert(0, (1_503, minutes(2_001)));
    let batch = source.poll(&position, minutes(2_002)).await.expect("a look");
    assert!(batch.gaps.is_empty() && batch.posts.iter().any(|post| post.id == "t3_1503"), "{:?}", batch.gaps);

    list.lock().unwrap().clear();
    let error =
        source.poll(&batch.position, minutes(2_003)).await.expect_err("nothing where there was something");
    assert!(error.what.contains("came empty") && error.retry == Retry::Soon, "{error:?}");
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_when_it_ends() {
    let (given, strict) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let key = Hidden::new("hush");
    let password = Hidden::new("sesame");
    let (count, revoked) = (Arc::clone(&given), Arc::clone(&strict));
    let site = Served::start(move |asked| {
        if asked.path == "/api/v1/access_token" {
            assert_eq!(&asked.body[..], b"grant_type=password&username=ann&password=sesame");
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let token = json!({ "access_token": format!("t{number}"), "expires_in": 3_600 });
            return Page::of("application/json", token.to_string());
        }
        let newest = format!("Bearer t{}", count.load(Ordering::SeqCst));
        if revoked.load(Ordering::SeqCst) || asked.headers.get("authorization") != Some(&newest) {
            revoked.store(false, Ordering::SeqCst);
            return Page::new(401);
        }
        listing(vec![post(1, minutes(-1))], None)
    })
    .await;
    let mut source = source(
        "reddit",
        json!({ "approved": true, "base_url": site.base, "allow_private": true, "user_agent": AGENT, "client_id": "app",
            "client_secret": key.pointer(), "username": "ann", "password": password.pointer(), "search": ["acme app"] }),
        now(),
    );
    let mut position = source.poll(&Position::default(), now()).await.expect("a look").position;
    let asked = site.asked();
    assert_eq!(asked[1].path, "/search?q=acme+app&sort=new&type=link&limit=100&raw_json=1");
    position = source.poll(&position, minutes(30)).await.expect("a look").position;
    assert_eq!(given.load(Ordering::SeqCst), 1);
    position = source.poll(&position, minutes(60)).await.expect("a look").position;
    assert_eq!(given.load(Ordering::SeqCst), 2, "it is renewed before it ends");
    strict.store(true, Ordering::SeqCst);
    source.poll(&position, minutes(61)).await.expect("a look");
    assert_eq!(given.load(Ordering::SeqCst), 3, "a token that was withdrawn is replaced");
}

#[tokio::test]
async fn a_block_stops_everything_and_is_told_in_plain_words() {
    for (status, body, blocked) in [
        (403, "<html><body>You've been blocked by network security.</body></html>", true),
        (429, "<!doctype html><h1>whoa there, pardner!</h1>", true),
        (429, "<!doctype html><h1>Too Many Requests</h1>", false),
        (403, "{\"message\": \"Forbidden\", \"reason\": \"private\", \"error\": 403}", false),
    ] {
        let site = Served::start(move |asked| {
            if asked.path == "/api/v1/access_token" {
                return Page::of("application/json", json!({ "access_token": "t" }).to_string());
            }
            Page { body: body.into(), ..Page::new(status) }
        })
        .await;
        let scene = Site::new();
        let mut params = scene.params(&site.base);
        params["subreddits"] = json!([]);
        params["search"] = json!(["acme", "globex"]);
        let error =
            source("reddit", params, now()).poll(&Position::default(), now()).await.expect_err("refused");
        let asked = site.asked().len();
        assert_eq!(error.what.contains("block page"), blocked, "{error:?}");
        match (status, blocked) {
            (_, true) => assert_eq!((error.retry, asked), (Retry::Never, 2), "{error:?}"),
            (429, _) => assert_eq!((error.retry, asked), (Retry::Soon, 2), "{error:?}"),
            // Another search may be open.
            _ => assert_eq!((error.retry, asked), (Retry::Never, 3), "{error:?}"),
        }
        assert_eq!(error.what.contains("private"), status == 403 && !blocked, "{error:?}");
    }
}

#[tokio::test]
async fn a_subreddit_that_is_not_there_is_named_at_the_first_look() {
    let site = Site::new();
    let visited = Served::start(move |asked| {
        if asked.path.starts_with("/api/info") { listing(Vec::new(), None) } else { site.page(&[], asked) }
    })
    .await;
    let kept = Site::new();
    let error = source("reddit", kept.params(&visited.base), now())
        .poll(&Position::default(), now())
        .await
        .expect_err("none");
    assert!(error.what.contains("no subreddit acme") && error.retry == Retry::Never, "{error:?}");
}

#[tokio::test]
async fn a_personal_feed_is_read_slowly_and_its_address_never_shown() {
    let served = Arc::new(Mutex::new(Page::new(503)));
    let answer = Arc::clone(&served);
    let site = Served::start(move |asked| {
        assert_eq!(asked.headers.get("user-agent").map(String::as_str), Some(AGENT));
        assert_eq!(asked.headers.get("authorization"), None);
        assert!(asked.path.ends_with("?feed=hush&user=ann"));
        answer.lock().unwrap().clone()
    })
    .await;
    let feed = Hidden::new(&format!("{}/.rss?feed=hush&user=ann", site.base));
    let params =
        json!({ "approved": true, "feed": feed.pointer(), "user_agent": AGENT, "allow_private": true });
    let mut source = source("reddit", params, now());
    let error = source.poll(&Position::default(), now()).await.expect_err("503");
    assert!(error.what.contains("personal feed") && !error.what.contains("hush"), "{error:?}");
    let put = |entries: &str| *served.lock().unwrap() = Page::of("application/atom+xml", atom(entries));
    put(&[entry("t3_b", "b/x", "words"), entry("t3_a", "a/x", "words")].concat());
    let first = source.poll(&Position::default(), now()).await.expect("a look");
    assert_eq!(first.posts.iter().map(|post| post.id.as_str()).collect::<Vec<_>>(), ["t3_a", "t3_b"]);
    assert!(first.rest >= Some(SignedDuration::from_mins(10)) && first.gaps.is_empty(), "{:?}", first.rest);
    let newer = |id: &str| entry(id, "c/x", "words").replace("2026-03-04T10", "2026-03-04T11");
    put(&[newer("t3_d"), newer("t3_c")].concat());
    let second = source.poll(&first.position, minutes(30)).await.expect("a look");
    assert_eq!(second.gaps.len(), 1, "nothing of the last look was left");
    assert_eq!(source.recheck_at_once(), 0);
}

#[tokio::test]
async fn a_recheck_trusts_only_an_answer_with_its_witness() {
    let honest = Arc::new(AtomicBool::new(true));
    let witness = Arc::clone(&honest);
    let site = Served::start(move |asked| {
        if asked.path == "/api/v1/access_token" {
            return Page::of("application/json", json!({ "access_token": "t" }).to_string());
        }
        let asked_for = query(&asked.path, "id").expect("names");
        assert!(asked_for.split(',').count() <= 100, "{asked_for}");
        let mut children = vec![post(1, now())];
        let mut removed = post(2, now());
        removed["data"]["selftext"] = json!("[removed]");
        removed["data"]["selftext_html"] = json!("<p>[removed]</p>");
        children.push(removed);
        if witness.load(Ordering::SeqCst) {
            children.push(json!({ "kind": "t5", "data": { "name": "t5_6" } }));
        }
        listing(children, None)
    })
    .await;
    let kept = Site::new();
    let mut source = source("reddit", kept.params(&site.base), now());
    let known: Vec<Known> = (1..=3)
        .map(|number| Known { id: format!("t3_{number}"), url: None, parent: None })
        .chain([Known { id: "not a name".into(), url: None, parent: None }])
        .collect();
    let told = source.recheck(&known, now()).await.expect("an answer");
    let states: Vec<(&str, bool)> = told.posts.iter().map(|post| (post.id.as_str(), post.deleted)).collect();
    assert_eq!(states, [("t3_1", false), ("t3_2", true)]);
    assert_eq!(told.gone, ["t3_3"]);
    honest.store(false, Ordering::SeqCst);
    assert_eq!(source.recheck(&known, now()).await.expect_err("no witness").retry, Retry::Soon);
}

#[test]
fn it_is_off_until_somebody_says_that_reddit_agreed() {
    let said = |params: Value| {
        let settings = Settings { id: "r".into(), params };
        (kind("reddit").expect("listed").check)(&settings).to_string()
    };
    let secret = json!({ "env": "X" });
    let good = json!({ "approved": true, "user_agent": AGENT, "client_id": "a", "client_secret": secret,
        "subreddits": ["r/acme"] });
    assert_eq!(said(good.clone()), "");
    let with = |key: &str, value: Value| {
        let mut params = good.clone();
        params[key] = value;
        said(params)
    };
    for (told, part) in [
        (with("approved", json!(false)), "without its consent"),
        (with("user_agent", json!("curl/8")), "who asks"),
        (with("user_agent", json!("linux:acme (by /u/ann)")), "who asks"),
        (with("subreddits", json!(["a b"])), "cannot be a subreddit"),
        (with("subreddits", json!([])), "nothing to read"),
        (with("feed", secret.clone()), "two sources"),
        (with("client_secret", json!("hunter2")), "never stands"),
        (with("username", json!("ann")), "go together"),
        (with("interval", json!("10s")), "too short"),
        (with("subreddit", json!("acme")), "did you mean \"subreddits\""),
    ] {
        assert!(told.contains(part), "{part}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
