//! `mastodon` as its servers answer, of our own making: pages, edits and deletes, streams, limits; saved answers
//! in a file of their own.

use std::sync::{Arc, Mutex, OnceLock};

use earmark::domain::post::Post;
use earmark::source::{Retry, Settings, mastodon};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::served::{Hidden, Reader, Served, now, query};
use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

mod saved;

fn status(id: u64, more: Value) -> Value {
    let mut status = json!({
        "id": id.to_string(), "created_at": "2026-03-04T10:00:00.123Z", "in_reply_to_id": null, "spoiler_text": "",
        "visibility": "public", "language": "en", "uri": format!("https://acme.example/users/ann/statuses/{id}"),
        "url": format!("https://acme.example/@ann/{id}"), "edited_at": null, "content": format!("<p>words of {id}</p>"),
        "reblog": null, "media_attachments": [], "mentions": [], "tags": [], "poll": null, "card": null,
        "account": { "id": "1", "username": "ann", "acct": "ann", "url": "https://acme.example/@ann",
            "followers_count": 12, "noindex": false },
    });
    for (key, value) in more.as_object().expect("fields") {
        status[key] = value.clone();
    }
    status
}

/// Numbers as these servers give them: milliseconds and a counter.
fn number(number: u64) -> u64 {
    (1_772_000_000_000 + number * 1_000) << 16
}

/// The page that the documented parameters ask for, and its links; the newest first, 40 at most.
fn page(ids: &[u64], asked: &Asked, item: impl Fn(u64) -> Value) -> Page {
    let bound = |name: &str| query(&asked.path, name).map(|id| id.parse::<u64>().expect("a number"));
    let limit = bound("limit").unwrap_or(20).min(40) as usize;
    let (max, min, since) = (bound("max_id"), bound("min_id"), bound("since_id"));
    let mut fits: Vec<u64> = ids.to_vec();
    fits.sort_unstable();
    fits.retain(|id| max.is_none_or(|max| *id < max) && *id > min.max(since).unwrap_or(0));
    if min.is_some() {
        fits.truncate(limit);
    } else {
        fits.drain(..fits.len().saturating_sub(limit));
    }
    fits.reverse();
    let body: Vec<Value> = fits.iter().map(|id| item(*id)).collect();
    let page = Page::of("application/json; charset=utf-8", json!(body).to_string());
    match (fits.first(), fits.last()) {
        (Some(newest), Some(oldest)) => {
            let path = asked.path.split('?').next().unwrap_or_default();
            let link = format!(
                "<http://acme.example{path}?limit=40&max_id={oldest}>; rel=\"next\", <http://acme.example{path}?limit=40&min_id={newest}>; rel=\"prev\""
            );
            page.header("link", &link)
        }
        _ => page,
    }
}

/// What the server is called.
#[derive(Default)]
struct Tag(OnceLock<String>);

impl Pages for Tag {
    fn params(&self, base: &str) -> Value {
        self.0.get_or_init(|| base.trim_start_matches("http://").to_owned());
        json!({ "servers": [base], "hashtags": ["#Acme"], "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if !asked.path.starts_with("/api/v1/timelines/tag/acme?") {
            return Page::of("application/json", "{\"error\": \"Record not found\"}").with(404);
        }
        let ids: Vec<u64> = history.iter().map(|told| number(told.number)).collect();
        let name = asked.headers.get("host").cloned().unwrap_or_default();
        page(&ids, asked, |id| {
            let told = history.iter().find(|told| number(told.number) == id).expect("told");
            let uri = format!("http://{name}/ap/{}", told.number);
            status(id, json!({ "created_at": told.at.to_string(), "uri": uri }))
        })
    }

    fn id(&self, told: u64) -> String {
        format!("{}/{}", self.0.get().expect("it was started"), number(told))
    }
}

trait With {
    fn with(self, status: u16) -> Self;
}

impl With for Page {
    fn with(self, status: u16) -> Self {
        Page { status, ..self }
    }
}

#[tokio::test]
async fn a_hashtag_is_read_through_an_outage() {
    outage("mastodon", Tag::default()).await;
}

/// Names without the port, which is another one each time.
fn told(posts: &[Post]) -> Vec<(u64, bool)> {
    let number = |post: &Post| post.id.rsplit('/').next().and_then(|id| id.parse().ok()).expect("a number");
    posts.iter().map(|post| (number(post), post.deleted)).collect()
}

type Ids = Arc<Mutex<Vec<u64>>>;

fn ids(ids: &Ids) -> Vec<u64> {
    ids.lock().expect("no test panics while holding it").clone()
}

#[tokio::test]
async fn a_large_backlog_comes_newest_first_and_whole() {
    let posts: Ids = Arc::new(Mutex::new((1..=3).collect()));
    let kept = Arc::clone(&posts);
    let server = Served::start(move |asked| {
        // A server counts posts into a page before it takes some out again.
        let page = page(&ids(&kept), asked, |id| status(id, json!({})));
        let mut list: Vec<Value> = serde_json::from_slice(&page.body).expect("ours");
        list.retain(|status| !status["id"].as_str().is_some_and(|id| id.ends_with("13")));
        Page { body: json!(list).to_string().into(), ..page }
    })
    .await;
    let mut reader = Reader::new(
        "mastodon",
        json!({ "servers": [server.base], "hashtags": ["acme"], "allow_private": true }),
    );
    assert_eq!(told(&reader.all().await), [(1, false), (2, false), (3, false)]);
    posts.lock().unwrap().extend(4..=1_500);
    reader.wait(SignedDuration::from_hours(6));
    let batch = reader.look().await.unwrap();
    assert!(batch.more && batch.fetched_through < Some(reader.now), "{:?}", batch.fetched_through);
    let first = told(&batch.posts);
    assert!(first.contains(&(1_500, false)), "the newest wait");
    let mut all: Vec<u64> = first.into_iter().chain(told(&reader.all().await)).map(|(id, _)| id).collect();
    all.sort_unstable();
    let expected: Vec<u64> = (4..=1_500).filter(|id| id % 100 != 13).collect();
    assert_eq!(all, expected, "each once");
    // A post that comes late stands behind newer ones.
    posts.lock().unwrap().retain(|id| *id != 1_490);
    reader.wait(SignedDuration::from_mins(5));
    assert!(reader.all().await.is_empty());
    posts.lock().unwrap().extend([1_501, 1_490]);
    reader.position = earmark::source::Position {
        cursor: reader.position.cursor.take().map(|cursor| cursor.replace("\"1490\",", "")),
        memo: None,
    };
    reader.wait(SignedDuration::from_mins(5));
    assert_eq!(told(&reader.all().await), [(1_490, false), (1_501, false)]);
}

#[tokio::test]
async fn two_servers_are_read_and_one_that_fails_keeps_nobody() {
    let posts: Ids = Arc::new(Mutex::new(vec![1]));
    let kept = Arc::clone(&posts);
    let good = Served::start(move |asked| page(&ids(&kept), asked, |id| status(id, json!({})))).await;
    let closed = Served::start(|_| {
        Page::of("application/json", "{\"error\": \"This method requires an authenticated user\"}").with(422)
    })
    .await;
    let params = json!({ "servers": [closed.base, good.base], "hashtags": ["acme"], "allow_private": true });
    let mut reader = Reader::new("mastodon", params);
    let batch = reader.look().await.unwrap();
    assert_eq!((batch.posts.len(), batch.fetched_through), (1, None));
    let [trouble] = &batch.trouble[..] else { panic!("{:?}", batch.trouble) };
    assert_eq!(trouble.part, closed.name);
    assert!(trouble.what.contains("422") && !trouble.remedy.is_empty(), "{trouble:?}");
    let params =
        json!({ "servers": [closed.base], "hashtags": ["acme"], "public": "local", "allow_private": true });
    let error = Reader::new("mastodon", params).look().await.unwrap_err();
    assert_eq!(error.retry, Retry::Never);
    assert!(error.what.contains("422") && error.what.contains("token"), "{}", error.what);
    assert_eq!(closed.asked().len(), 2, "a server that refuses is asked once a look");
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_obeyed() {
    let reset = (now() + SignedDuration::from_mins(4)).to_string();
    let server = Served::start(move |asked| {
        page(&[1], asked, |id| status(id, json!({})))
            .header("x-ratelimit-limit", "300")
            .header("x-ratelimit-remaining", "0")
            .header("x-ratelimit-reset", &reset)
    })
    .await;
    let params = json!({ "servers": [server.base], "hashtags": ["acme", "globex"], "allow_private": true });
    let mut reader = Reader::new("mastodon", params);
    let batch = reader.look().await.unwrap();
    assert_eq!((batch.posts.len(), server.asked().len()), (1, 1));
    assert!(batch.rest.is_some_and(|rest| rest > SignedDuration::from_mins(3)), "{:?}", batch.rest);
    reader.wait(SignedDuration::from_mins(1));
    let error = reader.look().await.unwrap_err();
    assert!(matches!(error.retry, Retry::Budget(_)), "{error:?}");
    reader.wait(SignedDuration::from_mins(4));
    assert!(reader.look().await.is_ok());
}

#[tokio::test]
async fn what_a_home_timeline_has_thrown_away_is_a_gap() {
    let posts: Ids = Arc::new(Mutex::new((1..=10).collect()));
    let kept = Arc::clone(&posts);
    let server = Served::start(move |asked| {
        let ids = ids(&kept);
        page(&ids[ids.len().saturating_sub(400)..], asked, |id| {
            status(id, json!({ "created_at": (now() + SignedDuration::from_mins(id as i64)).to_string() }))
        })
    })
    .await;
    let token = Hidden::new("hunter2");
    let params =
        json!({ "servers": [server.base], "token": token.pointer(), "home": true, "allow_private": true });
    let mut reader = Reader::new("mastodon", params);
    reader.all().await;
    for (until, gap) in [(200, None), (1_000, Some(601))] {
        let last = *posts.lock().unwrap().last().unwrap();
        posts.lock().unwrap().extend(last + 1..=until);
        reader.wait(SignedDuration::from_hours(1));
        let batch = reader.look().await.unwrap();
        assert_eq!(batch.posts.len() as u64, gap.map_or(until - last, |first| until + 1 - first as u64));
        assert!(!batch.more);
        let told: Vec<_> = batch.gaps.iter().map(|gap| (gap.from, gap.until)).collect();
        let lost = gap.map(|first: i64| {
            (Some(reader.now - SignedDuration::from_hours(1)), now() + SignedDuration::from_mins(first))
        });
        assert_eq!(told, Vec::from_iter(lost));
    }
}

fn signed(asked: &Asked) -> bool {
    asked.headers.get("authorization").is_some_and(|held| held == "Bearer hunter2")
}

#[tokio::test]
async fn with_a_token_search_notifications_and_home_are_read() {
    let server = Served::start(|asked| {
        if !signed(asked) {
            return Page::of("application/json", "{\"error\": \"The access token is invalid\"}").with(401);
        }
        let private = |id: u64, more: Value| {
            let mut status = status(id, json!({ "visibility": "private" }));
            status["account"]["noindex"] = more;
            status
        };
        match asked.path.split('?').next().unwrap_or_default() {
            "/api/v2/search" => {
                assert_eq!(query(&asked.path, "type").as_deref(), Some("statuses"));
                let page = page(&(1..=100).collect::<Vec<u64>>(), &Asked { path: asked.path.replace("min_id", "since_id"), ..asked.clone() }, |id| status(id, json!({})));
                let statuses: Value = serde_json::from_slice(&page.body).expect("ours");
                Page::of("application/json", json!({ "accounts": [], "hashtags": [], "statuses": statuses }).to_string())
            }
            "/api/v1/notifications" => page(&[900], asked, |id| {
                json!({ "id": id.to_string(), "type": "mention", "account": { "acct": "bo" }, "status": private(201, json!(true)) })
            }),
            "/api/v1/timelines/home" => page(&[202, 203], asked, |id| {
                if id == 202 { private(id, json!(false)) } else { status(id, json!({ "reblog": status(204, json!({})) })) }
            }),
            _ => Page::new(404),
        }
    })
    .await;
    let token = Hidden::new("hunter2\n");
    let params = json!({ "servers": [server.base], "tokens": { &server.name: token.pointer() }, "search": ["acme app"],
        "notifications": true, "home": true, "allow_private": true });
    let mut reader = Reader::new("mastodon", params);
    let posts: Vec<u64> = told(&reader.all().await).into_iter().map(|(id, _)| id).collect();
    // The newest page of the search; a private post where it was addressed to us, and nowhere else.
    let expected: Vec<u64> = (61..=100).chain([201, 204]).collect();
    assert_eq!(posts, expected);
    let cursor = reader.position.cursor.clone().unwrap();
    assert!(
        cursor.contains("\"900\"") && cursor.contains("\"203\"") && !cursor.contains("hunter2"),
        "{cursor}"
    );
    reader.wait(SignedDuration::from_mins(5));
    assert!(reader.all().await.is_empty());
}

#[tokio::test]
async fn a_stream_brings_posts_edits_and_deletes_and_what_it_missed_is_read() {
    let posts: Ids = Arc::new(Mutex::new(vec![1]));
    let kept = Arc::clone(&posts);
    let server = Served::start(move |asked| {
        if !signed(asked) {
            return Page::of("application/json", "{\"error\": \"The access token is invalid\"}").with(401);
        }
        match asked.path.split('?').next().unwrap_or_default() {
            "/api/v2/instance" => Page::of("application/json", "{\"domain\": \"acme.example\"}"),
            "/api/v1/streaming/hashtag" => Page::of("text/event-stream", ""),
            "/api/v1/timelines/tag/acme" => page(&ids(&kept), asked, |id| status(id, json!({}))),
            _ => Page::new(404),
        }
    })
    .await;
    let token = Hidden::new("hunter2");
    let params = json!({ "servers": [server.base], "token": token.pointer(), "hashtags": ["acme"], "stream": true,
        "allow_private": true });
    let mut reader = Reader::new("mastodon", params);
    let batch = reader.look().await.unwrap();
    assert_eq!((told(&batch.posts), batch.more), (vec![(1, false)], true));
    assert_eq!(server.streams(), ["/api/v1/streaming/hashtag?tag=acme"]);
    server.asked();

    server.send("hashtag", "update", &status(2, json!({})).to_string());
    server.send(
        "hashtag",
        "status.update",
        &status(1, json!({ "edited_at": "2026-03-04T11:00:00Z" })).to_string(),
    );
    server.send("hashtag", "announcement", "{}");
    server.send("hashtag", "delete", "2");
    let come = reader.until(3).await;
    assert_eq!(told(&come), [(2, false), (1, false), (2, true)]);
    assert_eq!(come[1].version, "1772622000");
    assert_eq!(come[2].id, format!("{}/2", server.name));
    assert!(server.asked().is_empty(), "the timelines are left alone meanwhile");
    assert!(reader.look().await.unwrap().fetched_through == Some(reader.now));

    // What was given and not recorded is given again, though streams do not repeat themselves.
    posts.lock().unwrap().push(5);
    let recorded = reader.position.clone();
    server.send("hashtag", "update", &status(5, json!({})).to_string());
    assert_eq!(told(&reader.until(1).await), [(5, false)]);
    reader.position = recorded;
    assert_eq!(told(&reader.until(1).await), [(5, false)]);

    server.hang_up();
    posts.lock().unwrap().extend([2, 3, 4]);
    while reader.look().await.unwrap().more {}
    reader.wait(SignedDuration::from_mins(5));
    let come = reader.until(2).await;
    assert_eq!(told(&come), [(3, false), (4, false)]);
    assert_eq!(server.streams().len(), 1, "it is open again");
}

#[tokio::test]
async fn a_recheck_tells_what_is_gone_from_what_is_not_shown() {
    let server = Served::start(|asked| {
        let said = |status, words: &str| {
            Page::of("application/json", json!({ "error": words }).to_string()).with(status)
        };
        match asked.path.trim_start_matches("/api/v1/statuses/") {
            "1" => Page::of(
                "application/json",
                status(1, json!({ "edited_at": "2026-03-04T11:00:00Z" })).to_string(),
            ),
            "2" => said(404, "Record not found"),
            "3" => Page::of("text/html", "<html>").with(404),
            "4" => said(401, "This API requires an authenticated user"),
            "5" => said(410, "Gone"),
            "6" => Page::new(410),
            "7" => said(403, "This action is not allowed"),
            _ => Page::new(500),
        }
    })
    .await;
    let params = json!({ "servers": [server.base], "hashtags": ["acme"], "allow_private": true });
    let mut reader = Reader::new("mastodon", params);
    let ids: Vec<String> = (1..=8).map(|number| format!("{}/{number}", server.name)).collect();
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.push("elsewhere.example/1");
    let rechecked = reader.recheck(&ids).await.unwrap();
    assert_eq!(told(&rechecked.posts), [(1, false)]);
    assert_eq!(rechecked.gone, [ids[1], ids[4]]);
    let error = reader.recheck(&ids[7..8]).await.unwrap_err();
    assert_eq!(error.retry, Retry::Soon);
}

#[test]
fn settings_are_checked_at_once() {
    let faults = |params: Value| {
        let check = mastodon::KIND.check;
        check(&Settings { id: "m".into(), params }).to_string()
    };
    let said = faults(
        json!({ "servers": ["acme.example", "https://acme.example", "no server"], "hashtags": ["two words"],
        "token": "hunter2", "search": ["acme"], "interval": "10s", "steam": true }),
    );
    for part in [
        "named twice",
        "no server",
        "no hashtag",
        "never stands",
        "need an account's token",
        "too short",
        "\"stream\"",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("hunter2"));
    assert!(faults(json!({ "servers": ["acme.example"] })).contains("nothing is to be read"));
    let tokens = json!({ "globex.example": { "env": "TOKEN" } });
    assert!(
        faults(json!({ "servers": ["acme.example"], "public": "local", "tokens": tokens }))
            .contains("none of the servers")
    );
    let fine =
        json!({ "servers": ["acme.example"], "public": "all", "stream": true, "token": { "env": "TOKEN" } });
    assert_eq!(faults(fine), "");
}
