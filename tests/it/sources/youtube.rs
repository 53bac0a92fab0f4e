//! `youtube` as its interface serves it, of our own making: units, threads with answers, reasons.

use std::sync::{Arc, Mutex};

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Batch, Known, Nothing, Position, Retry, Settings, Source, kind, youtube};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Hidden, Served, now, query, source};
use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

const VIDEO: &str = "aaaaaaaaaaa";
const CHANNEL: &str = "UCaaaaaaaaaaaaaaaaaaaaaa";

fn settings() -> Settings {
    Settings { id: "y".into(), params: Value::Null }
}

fn minutes(count: i64) -> Timestamp {
    now() + SignedDuration::from_mins(count)
}

fn comment(id: &str, video: Option<&str>, words: &str, at: Timestamp) -> Value {
    let mut snippet = json!({ "textOriginal": words, "textDisplay": words, "authorDisplayName": "@ann",
        "publishedAt": at.to_string(), "updatedAt": at.to_string() });
    if let Some(video) = video {
        snippet["videoId"] = json!(video);
    }
    if let Some((thread, _)) = id.split_once('.') {
        snippet["parentId"] = json!(thread);
    }
    json!({ "kind": "youtube#comment", "id": id, "snippet": snippet })
}

fn thread(id: &str, at: Timestamp, replies: &[Value], total: usize) -> Value {
    let mut thread = json!({ "kind": "youtube#commentThread", "id": id, "snippet": { "videoId": VIDEO,
        "topLevelComment": comment(id, Some(VIDEO), &format!("words of {id}"), at), "totalReplyCount": total } });
    if !replies.is_empty() {
        thread["replies"] = json!({ "comments": replies });
    }
    thread
}

fn list(kind: &str, items: Vec<Value>, next: Option<String>) -> Page {
    let mut body = json!({ "kind": format!("youtube#{kind}ListResponse"), "items": items });
    if let Some(next) = next {
        body["nextPageToken"] = json!(next);
    }
    Page::of("application/json", body.to_string())
}

fn error(status: u16, reason: &str) -> Page {
    let body = json!({ "error": { "code": status, "message": "no", "errors": [{ "domain": "youtube", "reason": reason }] } });
    Page { body: body.to_string().into(), ..Page::new(status) }
}

fn is_signed(asked: &Asked) -> bool {
    asked.headers.get("x-goog-api-key").map(String::as_str) == Some("hush") && !asked.path.contains("hush")
}

/// Newest first, in pages of what was asked for and no more than a hundred.
fn paged(threads: &[Value], asked: &Asked) -> Page {
    let size = query(&asked.path, "maxResults").and_then(|size| size.parse().ok()).unwrap_or(20).min(100);
    let from: usize = query(&asked.path, "pageToken").and_then(|token| token[1..].parse().ok()).unwrap_or(0);
    let page: Vec<Value> = threads.iter().skip(from).take(size).cloned().collect();
    let next = (from + page.len() < threads.len()).then(|| format!("p{}", from + page.len()));
    list("commentThread", page, next)
}

struct Site {
    key: Hidden,
}

impl Pages for Site {
    fn params(&self, base: &str) -> Value {
        json!({ "key": self.key.pointer(), "videos": [VIDEO], "base_url": base, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if !is_signed(asked) {
            return error(403, "forbidden");
        }
        let is_threads = asked.path.starts_with("/youtube/v3/commentThreads?");
        if !is_threads || query(&asked.path, "videoId").as_deref() != Some(VIDEO) {
            return error(404, "videoNotFound");
        }
        let threads: Vec<Value> =
            history.iter().rev().map(|told| thread(&Pages::id(self, told.number), told.at, &[], 0)).collect();
        paged(&threads, asked)
    }

    fn id(&self, number: u64) -> String {
        format!("Ug{number:020}")
    }
}

#[tokio::test]
async fn youtube_finds_everything_after_an_outage() {
    outage("youtube", Site { key: Hidden::new("hush") }).await;
}

#[test]
fn every_list_of_youtube_becomes_posts() {
    let parse = |body: &Value| youtube::parse(&Answer::saved(body.to_string().as_bytes()), &settings());
    let told = |body: &Value| -> Vec<(String, Option<String>)> {
        parse(body).posts.into_iter().map(|post| (post.id, post.parent)).collect()
    };
    let pair = |id: &str, parent: Option<&str>| (id.to_owned(), parent.map(str::to_owned));
    let threads = json!({ "kind": "youtube#commentThreadListResponse",
        "items": [thread("Ug1", now(), &[comment("Ug1.a", None, "an answer", now())], 1)] });
    assert_eq!(told(&threads), [pair("Ug1", Some(VIDEO)), pair("Ug1.a", Some("Ug1"))]);
    let parsed = parse(&threads);
    let (top, answer) = (&parsed.posts[0], &parsed.posts[1]);
    assert_eq!((top.text.as_str(), top.author.as_deref()), ("words of Ug1", Some("ann")));
    assert_eq!(top.url.as_deref(), Some("https://www.youtube.com/watch?v=aaaaaaaaaaa&lc=Ug1"));
    assert_eq!(answer.url.as_deref(), Some("https://www.youtube.com/watch?v=aaaaaaaaaaa&lc=Ug1.a"));
    assert_eq!(
        (top.kind, top.site.as_str(), top.created_at),
        (PostKind::Comment, "youtube.com", Some(now()))
    );

    let replies =
        json!({ "kind": "youtube#commentListResponse", "items": [comment("Ug1.b", None, "x", now())] });
    assert_eq!(told(&replies), [pair("Ug1.b", Some("Ug1"))]);
    // Without the original there is only what is shown, as HTML.
    let mut display = comment("Ug2", Some(VIDEO), "", now());
    display["snippet"]["textDisplay"] =
        json!("it&#39;s <b>bad</b><br>see <a href=\"https://acme.example/\">here</a>");
    assert_eq!(parse(&display).posts[0].text, "it's bad\nsee here (https://acme.example/)");
    display["snippet"]["textDisplay"] = json!("I <3 Acme\nreally");
    assert_eq!(parse(&display).posts[0].text, "I <3 Acme\nreally");

    let snippet = json!({ "title": "Acme &amp; Globex", "description": "a test", "channelTitle": "Bo", "channelId": CHANNEL,
        "publishedAt": "2026-03-04T12:00:00Z", "defaultAudioLanguage": "en-US" });
    let video = json!({ "kind": "youtube#videoListResponse",
        "items": [{ "kind": "youtube#video", "id": VIDEO, "snippet": snippet }, { "kind": "youtube#video", "id": "bbbbbbbbbbb", "statistics": {} }] });
    let parsed = parse(&video);
    let [post] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!(
        (post.title.as_deref(), post.text.as_str(), post.lang.as_deref()),
        (Some("Acme & Globex"), "a test", Some("en-us"))
    );
    assert_eq!((post.author.as_deref(), post.kind), (Some("Bo"), PostKind::Post));
    let search = json!({ "kind": "youtube#searchListResponse", "items": [
        { "kind": "youtube#searchResult", "id": { "kind": "youtube#channel", "channelId": CHANNEL }, "snippet": snippet },
        { "kind": "youtube#searchResult", "id": { "kind": "youtube#video", "videoId": VIDEO }, "snippet": snippet }] });
    assert_eq!(told(&search), [pair(VIDEO, None)]);
    let entry = json!({ "items": [{ "id": "UExx", "snippet": { "title": "Private video", "description": "This video is private.",
        "resourceId": { "videoId": VIDEO } } }] });
    assert!(parse(&entry).posts[0].deleted && parse(&entry).posts[0].text.is_empty());
    let chat = json!({ "items": [{ "kind": "youtube#liveChatMessage", "id": "m", "snippet": { "displayMessage": "hello" },
        "authorDetails": { "displayName": "bo" } }] });
    assert_eq!(parse(&chat).posts[0].author.as_deref(), Some("bo"));

    let feed = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><feed xmlns:yt=\"http://www.youtube.com/xml/schemas/2015\" \
        xmlns:media=\"http://search.yahoo.com/mrss/\" xmlns=\"http://www.w3.org/2005/Atom\"><title>Bo</title><entry>\
        <id>yt:video:aaaaaaaaaaa</id><yt:videoId>aaaaaaaaaaa</yt:videoId><title>Acme &amp; Globex</title><author><name>Bo</name>\
        </author><published>2026-03-04T12:00:00+00:00</published><media:group><media:title>x</media:title>\
        <media:description>a test</media:description></media:group></entry></feed>";
    let from_feed = youtube::parse(&Answer::saved(feed.as_bytes()), &settings()).posts.remove(0);
    assert_eq!((&from_feed.version, &from_feed.id, &from_feed.url), (&post.version, &post.id, &post.url));
    assert_eq!(from_feed.created_at, Some(now()));
}

#[test]
fn what_holds_no_posts_says_why() {
    for (status, body, expected) in [
        (200, "{\"kind\": \"youtube#searchListResponse\", \"items\": []}", Nothing::NoPostsInside),
        (200, "{\"etag\": \"x\", \"pageInfo\": {\"totalResults\": 0}}", Nothing::NoPostsInside),
        (
            200,
            "{\"kind\": \"youtube#channelListResponse\", \"items\": [{\"kind\": \"youtube#channel\", \"id\": \"UC\"}]}",
            Nothing::NoPostsInside,
        ),
        (200, "{\"error\": {\"code\": 403, \"errors\": []}}", Nothing::ErrorAnswer),
        (403, "{}", Nothing::ErrorAnswer),
        (200, "<html><title>Sign in</title></html>", Nothing::ForeignInterface),
        (200, "{\"hits\": []}", Nothing::ForeignInterface),
        (
            200,
            "{\"kind\": \"youtube#commentListResponse\", \"items\": [{\"kind\": \"youtube#comment\"}]}",
            Nothing::Broken,
        ),
        (200, "{\"kind\": \"youtube#comm", Nothing::Broken),
    ] {
        let answer = Answer { status, ..Answer::saved(body.as_bytes()) };
        assert_eq!(youtube::parse(&answer, &settings()).nothing, Some(expected), "{status} {body}");
    }
}

fn ids(batch: &Batch) -> String {
    batch.posts.iter().map(|post| post.id.as_str()).collect::<Vec<_>>().join(" ")
}

/// What was asked: the last part of its path, and what it was asked about.
fn told(asked: &[Asked]) -> Vec<String> {
    let about = |path: &str| {
        ["allThreadsRelatedToChannelId", "videoId", "parentId", "q", "id", "channel_id"]
            .iter()
            .find_map(|key| query(path, key))
    };
    let last = |path: &str| {
        path.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
    };
    asked
        .iter()
        .map(|asked| format!("{} {}", last(&asked.path), about(&asked.path).unwrap_or_default()))
        .collect()
}

/// A source with these places over a site that answers so.
async fn visited(
    places: Value,
    answer: impl Fn(&Asked) -> Page + Send + Sync + 'static,
) -> (Served, Box<dyn Source>) {
    let key = Hidden::new("hush");
    let site = Served::start(move |asked| {
        let is_feed = asked.path.starts_with("/feeds/");
        if is_feed == is_signed(asked) { error(400, "keyInvalid") } else { answer(asked) }
    })
    .await;
    let mut params = places;
    params["key"] = key.pointer();
    params["base_url"] = json!(site.base);
    params["allow_private"] = json!(true);
    // The key is read when the source is built, and not again.
    let source = source("youtube", params, now());
    (site, source)
}

#[tokio::test]
async fn a_channel_gives_its_videos_its_threads_and_all_their_answers() {
    let threads = Arc::new(Mutex::new(vec![thread("Ug1", minutes(-9), &[], 0)]));
    let served = Arc::clone(&threads);
    let (site, mut source) = visited(json!({ "channels": [CHANNEL] }), move |asked| {
        if asked.path.starts_with("/feeds/") {
            let entry = format!("<entry><id>yt:video:{VIDEO}</id><title>Acme</title></entry>");
            return Page::of(
                "text/xml",
                format!("<feed xmlns=\"http://www.w3.org/2005/Atom\">{entry}</feed>"),
            );
        }
        if let Some(parent) = query(&asked.path, "parentId") {
            let second = query(&asked.path, "pageToken").is_some();
            let replies = if second { 5..7 } else { 0..5 };
            let replies =
                replies.map(|n| comment(&format!("{parent}.{n}"), None, "an answer", minutes(n))).collect();
            return list("comment", replies, (!second).then(|| "next".to_owned()));
        }
        assert_eq!(query(&asked.path, "allThreadsRelatedToChannelId").as_deref(), Some(CHANNEL));
        paged(&served.lock().unwrap(), asked)
    })
    .await;
    let first = source.poll(&Position::default(), now()).await.expect("a look");
    assert_eq!(
        (ids(&first).as_str(), first.more, first.fetched_through),
        ("aaaaaaaaaaa Ug1", false, Some(now()))
    );
    assert_eq!(told(&site.asked()), [format!("videos.xml {CHANNEL}"), format!("commentThreads {CHANNEL}")]);

    let carried: Vec<Value> =
        (0..5).map(|n| comment(&format!("Ug2.{n}"), Some(VIDEO), "an answer", minutes(n))).collect();
    threads.lock().unwrap().insert(0, thread("Ug2", minutes(3), &carried, 7));
    let second = source.poll(&first.position, minutes(30)).await.expect("a look");
    assert_eq!(told(&site.asked())[2..], ["comments Ug2", "comments Ug2"]);
    let answer = second.posts.iter().find(|post| post.id == "Ug2.6").expect("the last answer");
    assert_eq!(answer.parent.as_deref(), Some("Ug2"));
    assert_eq!(answer.url.as_deref(), Some("https://www.youtube.com/watch?v=aaaaaaaaaaa&lc=Ug2.6"));
    source.poll(&second.position, minutes(60)).await.expect("a look");
    assert_eq!(site.asked().len(), 2, "answers that were read are not asked for again");

    // A long way back is gone over several looks, newest first.
    *threads.lock().unwrap() =
        (1..=950).rev().map(|n| thread(&format!("Ug{n}"), minutes(n), &[], 0)).collect();
    let (mut position, mut found, mut looks) = (second.position, Vec::new(), 0);
    loop {
        let batch = source.poll(&position, minutes(2_000)).await.expect("a look");
        found.extend(batch.posts.into_iter().map(|post| post.id));
        (position, looks) = (batch.position, looks + 1);
        if !batch.more {
            break;
        }
    }
    let threads: Vec<&String> = found.iter().filter(|id| id.starts_with("Ug")).collect();
    assert_eq!((looks, threads.len(), threads[0].as_str()), (4, 950, "Ug950"));
}

#[tokio::test]
async fn every_refusal_is_told_by_its_reason() {
    for (status, reason, expected, part) in [
        (403, "quotaExceeded", Some(Retry::Budget(SignedDuration::from_hours(20))), "units"),
        (403, "rateLimitExceeded", Some(Retry::After(SignedDuration::from_mins(1))), "rateLimitExceeded"),
        (400, "keyInvalid", Some(Retry::Never), "refuses the key"),
        (404, "videoNotFound", Some(Retry::Never), "videoNotFound"),
        (403, "forbidden", Some(Retry::Never), "forbidden"),
        (503, "backendError", Some(Retry::Soon), "503"),
        (403, "commentsDisabled", None, ""),
    ] {
        let (site, mut source) = visited(json!({ "videos": [VIDEO] }), move |_| error(status, reason)).await;
        let outcome = source.poll(&Position::default(), now()).await;
        assert_eq!(site.asked().len(), 1);
        match (outcome, expected) {
            (Err(error), Some(retry)) => {
                assert_eq!(error.retry, retry, "{error:?}");
                assert!(error.what.contains(part), "{error:?}");
            }
            (Ok(batch), None) => {
                assert!(batch.posts.is_empty() && batch.fetched_through == Some(now()));
                source.poll(&batch.position, minutes(60)).await.expect("a look");
                assert!(site.asked().is_empty(), "it is left alone for a day");
                source.poll(&batch.position, minutes(1_441)).await.expect("a look");
                assert_eq!(site.asked().len(), 1);
            }
            (outcome, _) => panic!("{reason}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_search_is_counted_apart_and_what_it_finds_is_read() {
    let spent = Arc::new(Mutex::new(false));
    let is_spent = Arc::clone(&spent);
    let places = json!({ "search": ["acme app"], "search_every": "2h", "videos": ["bbbbbbbbbbb"] });
    let (site, mut source) = visited(places, move |asked| {
        let snippet = |words: &str| {
            json!({ "title": "Acme", "description": words, "channelTitle": "Bo", "publishedAt": minutes(-5).to_string() })
        };
        let path = asked.path.split('?').next().unwrap_or_default();
        match path.trim_start_matches("/youtube/v3/") {
            "search" if *is_spent.lock().unwrap() => error(403, "quotaExceeded"),
            "search" => {
                let found = json!({ "id": { "videoId": VIDEO }, "snippet": snippet("cut …") });
                list("search", vec![found], None)
            }
            "videos" => list("video", vec![json!({ "kind": "youtube#video", "id": VIDEO, "snippet": snippet("not cut off") })], None),
            "commentThreads" if query(&asked.path, "videoId").as_deref() == Some(VIDEO) => {
                paged(&[thread("Ug1", minutes(-1), &[], 0)], asked)
            }
            _ => paged(&[], asked),
        }
    })
    .await;
    let first = source.poll(&Position::default(), now()).await.expect("a look");
    assert_eq!((ids(&first).as_str(), first.posts[0].text.as_str()), (VIDEO, "not cut off"));
    let asked = site.asked();
    assert_eq!(told(&asked), ["commentThreads bbbbbbbbbbb", "search acme app", "videos aaaaaaaaaaa"]);
    assert_eq!(query(&asked[1].path, "publishedAfter"), None);
    let second = source.poll(&first.position, minutes(60)).await.expect("a look");
    assert_eq!(ids(&second), "Ug1");
    assert_eq!(told(&site.asked()), ["commentThreads bbbbbbbbbbb", "commentThreads aaaaaaaaaaa"]);

    *spent.lock().unwrap() = true;
    let third = source.poll(&second.position, minutes(121)).await.expect("the rest goes on");
    assert_eq!((third.rest, told(&site.asked()).len()), (None, 3));
    *spent.lock().unwrap() = false;
    let fourth = source.poll(&third.position, minutes(300)).await.expect("a look");
    assert_eq!(site.asked().len(), 2, "no search before midnight in California");
    source.poll(&fourth.position, minutes(1_300)).await.expect("a look");
    let asked = site.asked();
    assert_eq!(told(&asked)[2], "search acme app");
    assert_eq!(
        query(&asked[2].path, "publishedAfter").as_deref(),
        Some("2026-03-04T06:00:00Z"),
        "from where it was"
    );
}

#[tokio::test]
async fn what_is_known_is_asked_for_by_name() {
    let (site, mut source) = visited(json!({ "videos": [VIDEO] }), |asked| {
        let ids = query(&asked.path, "id").expect("names");
        assert!(ids.split(',').count() <= 50, "{ids}");
        if asked.path.contains("/videos?") {
            return list("video", Vec::new(), None);
        }
        list("comment", vec![comment("Ug1", None, "better words", now())], None)
    })
    .await;
    let known = |id: &str| Known {
        id: id.into(),
        url: Some("https://acme.example/".into()),
        parent: Some(VIDEO.into()),
    };
    let told = source.recheck(&[known("Ug1"), known(VIDEO), known("Ug2")], now()).await.expect("an answer");
    assert_eq!(site.asked().len(), 2);
    let [post] = told.posts.as_slice() else { panic!("{told:?}") };
    assert_eq!((post.text.as_str(), post.parent.as_deref()), ("better words", Some(VIDEO)));
    assert_eq!(post.url.as_deref(), Some("https://acme.example/"));
    assert_eq!(told.gone, [VIDEO, "Ug2"]);
}

#[test]
fn settings_keep_to_a_day_of_units() {
    let said = |params: Value| {
        let settings = Settings { id: "y".into(), params };
        (kind("youtube").expect("listed").check)(&settings).to_string()
    };
    let key = json!({ "env": "X" });
    assert_eq!(said(json!({ "key": key, "channels": [CHANNEL], "videos": [VIDEO], "search": ["acme"] })), "");
    let many: Vec<String> = (0..30).map(|n| format!("video{n:06}")).collect();
    for (params, part) in [
        (json!({ "channels": [CHANNEL] }), "API key"),
        (json!({ "key": key }), "nothing to read"),
        (json!({ "key": key, "channels": ["@acme"] }), "no channel's id"),
        (json!({ "key": key, "videos": ["https://youtu.be/x"] }), "no video's id"),
        (json!({ "key": key, "videos": many, "interval": "5m" }), "units a day"),
        (json!({ "key": key, "search": ["a", "b"], "search_every": "15m" }), "searches a day"),
        (json!({ "key": key, "videos": [VIDEO], "channel": CHANNEL }), "did you mean \"channels\""),
    ] {
        let told = said(params);
        assert!(told.contains(part), "{part}: {told}");
    }
}
