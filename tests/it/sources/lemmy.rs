//! `lemmy` as its servers answer in both versions, of our own making.

use std::sync::{Arc, Mutex, OnceLock};

use earmark::domain::post::{Post, PostKind};
use earmark::source::{Answer, Nothing, Parsed, Retry, Settings, lemmy};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::served::{Hidden, Reader, Served, now, query};
use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

fn read(url: Option<&str>, body: &Value) -> Parsed {
    let settings = Settings { id: "l".into(), params: Value::Null };
    lemmy::parse(&Answer { url, ..Answer::saved(body.to_string().as_bytes()) }, &settings)
}

fn post(id: u64, more: Value) -> Value {
    let mut post = json!({ "id": id, "name": format!("Post &amp; {id}"), "body": format!("words of {id}"), "removed": false,
        "published": "2026-03-04T10:00:00.5Z", "deleted": false, "ap_id": format!("https://acme.example/post/{id}") });
    merge(&mut post, &more);
    json!({ "post": post, "creator": { "id": 1, "name": "ann", "actor_id": "https://globex.example/u/ann" },
        "community": { "id": 2, "name": "talk", "title": "Talk" } })
}

fn comment(id: u64, path: &str, more: Value) -> Value {
    let mut comment = json!({ "id": id, "post_id": 1, "content": format!("words of {id}"), "removed": false,
        "published_at": "2026-03-04T10:00:00Z", "deleted": false, "ap_id": format!("https://acme.example/comment/{id}"),
        "path": path });
    merge(&mut comment, &more);
    let mut view = post(1, json!({}));
    view["comment"] = comment;
    view
}

fn merge(object: &mut Value, more: &Value) {
    for (key, value) in more.as_object().expect("fields") {
        object[key] = value.clone();
    }
}

#[test]
fn posts_and_comments_know_whom_they_answer() {
    let body = json!({ "posts": [post(1, json!({ "url": "https://acme.example/a", "alt_text": "a cup" })), post(2, json!({ "deleted": true }))],
        "comments": [comment(4, "0.4", json!({})), comment(9, "0.4.9", json!({ "updated_at": "2026-03-04T11:00:00.7Z" })),
            comment(11, "0.4.11", json!({ "removed": true }))] });
    let parsed = read(Some("https://acme.example/api/v3/search?q=acme"), &body);
    let told: Vec<(&str, Option<&str>, PostKind)> =
        parsed.posts.iter().map(|post| (post.id.as_str(), post.parent.as_deref(), post.kind)).collect();
    assert_eq!(
        told,
        [
            // In the order of their keys.
            ("acme.example/comment/4", Some("acme.example/post/1"), PostKind::Comment),
            ("acme.example/comment/9", Some("acme.example/comment/4"), PostKind::Comment),
            ("acme.example/comment/11", Some("acme.example/comment/4"), PostKind::Comment),
            ("acme.example/post/1", None, PostKind::Post),
            ("acme.example/post/2", None, PostKind::Post),
        ]
    );
    let [_, edited, removed, first, deleted] = &parsed.posts[..] else { panic!("{parsed:?}") };
    assert_eq!(
        (first.title.as_deref(), first.text.as_str()),
        (Some("Post & 1"), "words of 1\n\na cup\n\nhttps://acme.example/a")
    );
    assert_eq!((first.author.as_deref(), first.site.as_str()), (Some("ann@globex.example"), "acme.example"));
    assert_eq!(first.aliases, ["uri:https://acme.example/post/1"]);
    assert_eq!(
        (edited.version.as_str(), edited.url.as_deref()),
        ("1772622000", Some("https://acme.example/comment/9"))
    );
    for gone in [removed, deleted] {
        assert!(gone.deleted && gone.text.is_empty() && gone.author.is_none() && gone.title.is_none());
    }
}

#[test]
fn every_answer_gives_posts_or_says_why_not() {
    for (body, ids) in [
        (
            json!({ "post_view": post(1, json!({})), "community_view": {}, "moderators": [{ "community": {}, "moderator": {} }], "cross_posts": [post(2, json!({}))] }),
            vec!["post/2", "post/1"],
        ),
        (json!({ "comment_view": comment(4, "0.4", json!({})), "recipient_ids": [] }), vec!["comment/4"]),
        (json!({ "comment_reply_view": comment(4, "0.4", json!({})) }), vec!["comment/4"]),
        (json!({ "items": [post(1, json!({}))], "next_page": "P1" }), vec!["post/1"]),
        (
            json!({ "search": [post(1, json!({})), comment(4, "0.4", json!({})), { "type_": "community", "community": { "name": "x" } }] }),
            vec!["post/1", "comment/4"],
        ),
        (
            json!({ "items": [{ "notification": {}, "data": comment(4, "0.4", json!({})) }] }),
            vec!["comment/4"],
        ),
        (json!({ "op": "GetPosts", "data": { "posts": [post(1, json!({}))] } }), vec!["post/1"]),
    ] {
        let parsed = read(None, &body);
        let found: Vec<&str> = parsed.posts.iter().map(|post| post.id.as_str()).collect();
        let (mut found, mut ids) = (found, ids);
        found.sort_unstable();
        ids.sort_unstable();
        assert_eq!((found, parsed.nothing), (ids, None), "{body}");
    }
    for (body, why) in [
        (json!({ "posts": [] }), Nothing::NoPostsInside),
        (json!({ "items": [], "next_page": null }), Nothing::NoPostsInside),
        (json!({ "communities": [{ "community": { "id": 2, "name": "talk" } }] }), Nothing::NoPostsInside),
        (json!({ "error": "couldnt_find_post" }), Nothing::ErrorAnswer),
        (
            json!({ "@context": [], "type": "Page", "id": "https://acme.example/post/1", "content": "x" }),
            Nothing::ForeignInterface,
        ),
        (
            json!({ "type": "OrderedCollection", "orderedItems": [{ "object": post(1, json!({})) }] }),
            Nothing::ForeignInterface,
        ),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (json!({ "posts": [{ "post": { "name": "no number" } }] }), Nothing::Broken),
    ] {
        assert_eq!(read(None, &body).nothing, Some(why), "{body}");
    }
}

/// A post of a history.
#[derive(Debug, Clone)]
struct Said {
    id: u64,
    at: Timestamp,
    more: Value,
}

fn said(id: u64, minutes: i64) -> Said {
    Said { id, at: now() + SignedDuration::from_mins(minutes), more: json!({}) }
}

/// The page of a list, the newest first, in either version; a pinned post stands above all.
fn page(history: &[Said], asked: &Asked, four: bool) -> Page {
    let limit: usize = query(&asked.path, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(10);
    if limit > 50 {
        return Page { status: 400, ..Page::of("application/json", "{\"error\": \"couldnt_get_posts\"}") };
    }
    let mut list: Vec<&Said> = history.iter().collect();
    list.sort_by_key(|said| (said.more["featured_community"] == true, said.at, said.id));
    list.reverse();
    let start = match (query(&asked.path, "page_cursor"), query(&asked.path, "page")) {
        // A cursor names the post behind which the page begins, whatever came above it meanwhile.
        (Some(cursor), _) => {
            list.iter().position(|said| format!("P{:x}", said.id) == cursor).map_or(list.len(), |at| at + 1)
        }
        (_, Some(page)) => (page.parse::<usize>().expect("a number") - 1) * limit,
        _ => 0,
    };
    let comments = asked.path.contains("/comment/list")
        || query(&asked.path, "type_").is_some_and(|sort| sort.eq_ignore_ascii_case("comments"));
    let rest: Vec<&Said> = list.into_iter().skip(start).collect();
    let items: Vec<Value> = rest
        .iter()
        .take(limit)
        .map(|said| {
            let mut more = json!({ "published": said.at.to_string(), "published_at": said.at.to_string() });
            merge(&mut more, &said.more);
            if comments { comment(said.id, &format!("0.{}", said.id), more) } else { post(said.id, more) }
        })
        .collect();
    let next =
        if rest.len() > limit { rest.get(limit - 1).map(|said| format!("P{:x}", said.id)) } else { None };
    let key = match (asked.path.contains("/search"), four, comments) {
        (true, true, _) => "search",
        (false, true, _) => "items",
        (_, false, true) => "comments",
        (_, false, false) => "posts",
    };
    let mut body = json!({ key: items });
    // Version 3 gives cursors for lists of posts only.
    if four || (!comments && !asked.path.contains("/search")) {
        body["next_page"] = json!(next);
    }
    Page::of("application/json", body.to_string())
}

type History = Arc<Mutex<Vec<Said>>>;

/// A server that speaks one version, and answers for the other as web servers do.
async fn server(history: &History, four: bool) -> Served {
    let history = Arc::clone(history);
    Served::start(move |asked| {
        let spoken = asked.path.starts_with(if four { "/api/v4/" } else { "/api/v3/" });
        let history = history.lock().expect("no test panics while holding it").clone();
        if spoken { page(&history, asked, four) } else { Page::new(404) }
    })
    .await
}

fn numbers(posts: &[Post]) -> Vec<u64> {
    posts
        .iter()
        .map(|post| post.id.rsplit('/').next().and_then(|id| id.parse().ok()).expect("a number"))
        .collect()
}

#[tokio::test]
async fn both_versions_are_read_back_to_what_is_known_and_the_newest_first() {
    for (four, comments) in [(false, false), (false, true), (true, false), (true, true)] {
        let history: History = Arc::new(Mutex::new((1..=3).map(|id| said(id, id as i64 - 100)).collect()));
        let mut pinned = said(1_000_000, -9_000);
        pinned.more = json!({ "featured_community": true });
        history.lock().unwrap().push(pinned);
        let server = server(&history, four).await;
        let params = json!({ "server": server.base, "communities": ["!talk@acme.example"], "posts": !comments,
            "comments": comments, "allow_private": true });
        let mut reader = Reader::new("lemmy", params);
        let mut first = numbers(&reader.all().await);
        first.sort_unstable();
        assert_eq!(first, [1, 2, 3, 1_000_000]);
        history.lock().unwrap().extend((4..=1_500).map(|id| said(id, id as i64)));
        reader.wait(SignedDuration::from_hours(26));
        let batch = reader.look().await.unwrap();
        assert!(batch.more && batch.fetched_through < Some(reader.now));
        let mut all = numbers(&batch.posts);
        assert!(all.contains(&1_500), "the newest wait");
        all.extend(numbers(&reader.all().await));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, (4..=1_500).collect::<Vec<u64>>(), "four: {four}, comments: {comments}");
        server.asked();
        // An edit, a removal and a late post show on the newest page; what is known is not given again.
        {
            let mut history = history.lock().unwrap();
            let find = |id: u64| move |said: &&mut Said| said.id == id;
            history.iter_mut().find(find(1_499)).unwrap().more = json!({ "updated": "2026-03-05T14:00:00Z" });
            history.iter_mut().find(find(1_498)).unwrap().more = json!({ "removed": true });
            history.push(said(1_501, 1_490));
        }
        reader.wait(SignedDuration::from_mins(5));
        let batch = reader.look().await.unwrap();
        let mut told: Vec<(u64, bool)> =
            numbers(&batch.posts).into_iter().zip(batch.posts.iter().map(|post| post.deleted)).collect();
        told.sort_unstable();
        assert_eq!(told, [(1_498, true), (1_499, false), (1_501, false)]);
        assert!(!batch.more && batch.fetched_through == Some(reader.now));
        assert_eq!(server.asked().len(), 1, "the version is known, and one page is enough");
    }
}

/// What the server is called.
#[derive(Default)]
struct Community(OnceLock<String>);

impl Pages for Community {
    fn params(&self, base: &str) -> Value {
        self.0.get_or_init(|| base.trim_start_matches("http://").to_owned());
        json!({ "server": base, "communities": ["talk"], "comments": false, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if !asked.path.starts_with("/api/v3/post/list?")
            || query(&asked.path, "community_name").as_deref() != Some("talk")
        {
            return Page::new(404);
        }
        let history: Vec<Said> =
            history.iter().map(|told| Said { id: told.number, at: told.at, more: json!({}) }).collect();
        page(&history, asked, false)
    }

    fn id(&self, number: u64) -> String {
        format!("{}/post/{number}", self.0.get().expect("it was started"))
    }
}

#[tokio::test]
async fn a_community_is_read_through_an_outage() {
    outage("lemmy", Community::default()).await;
}

#[tokio::test]
async fn a_wrong_name_keeps_no_other_list_and_a_closed_server_says_so() {
    let history: History = Arc::new(Mutex::new(vec![said(1, 0)]));
    let kept = Arc::clone(&history);
    let server = Served::start(move |asked| {
        let error = |status, word: &str| Page {
            status,
            ..Page::of("application/json", json!({ "error": word }).to_string())
        };
        if asked.path.starts_with("/api/v4") {
            return Page::new(404);
        }
        if query(&asked.path, "community_name").as_deref() == Some("nowhere") {
            return error(404, "couldnt_find_community");
        }
        if asked.headers.get("authorization").is_none_or(|held| held != "Bearer hunter2") {
            return error(401, "instance_is_private");
        }
        page(&kept.lock().unwrap(), asked, false)
    })
    .await;
    let token = Hidden::new("hunter2");
    let params = |token: Value| {
        let mut params = json!({ "server": server.base, "communities": ["nowhere"], "search": ["acme"], "comments": false,
            "allow_private": true });
        if !token.is_null() {
            params["token"] = token;
        }
        params
    };
    let batch = Reader::new("lemmy", params(token.pointer())).look().await.unwrap();
    assert_eq!((numbers(&batch.posts), batch.fetched_through), (vec![1], None));
    assert_eq!(batch.trouble.len(), 1);
    assert_eq!(batch.trouble[0].part, "posts of nowhere");
    assert!(batch.trouble[0].remedy.contains("settings"), "{:?}", batch.trouble);
    let error = Reader::new("lemmy", params(Value::Null)).look().await.unwrap_err();
    assert_eq!(error.retry, Retry::Never);
    assert!(error.what.contains("couldnt_find_community"), "{}", error.what);
}

#[tokio::test]
async fn a_recheck_tells_what_is_gone() {
    let server = Served::start(|asked| {
        let error = |status, word: &str| Page { status, ..Page::of("application/json", json!({ "error": word }).to_string()) };
        match asked.path.as_str() {
            "/api/v3/post?id=1" => Page::of("application/json", json!({ "post_view": post(1, json!({ "removed": true })), "cross_posts": [post(7, json!({}))] }).to_string()),
            "/api/v3/comment?id=4" => Page::of("application/json", json!({ "comment_view": comment(4, "0.4", json!({ "updated": "2026-03-04T11:00:00Z" })) }).to_string()),
            "/api/v3/post?id=2" => error(404, "couldnt_find_post"),
            "/api/v3/comment?id=5" => error(400, "couldnt_find_comment"),
            "/api/v3/post?id=3" => error(401, "instance_is_private"),
            "/api/v3/post?id=6" => Page::new(503),
            _ => Page::new(404),
        }
    })
    .await;
    let params = json!({ "server": server.base, "communities": ["talk"], "allow_private": true });
    let mut reader = Reader::new("lemmy", params);
    let ids: Vec<String> = ["post/1", "comment/4", "post/2", "comment/5", "post/3", "post/6", "post/8"]
        .map(|local| format!("{}/{local}", server.name))
        .to_vec();
    let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ids.push("elsewhere.example/post/1");
    let rechecked = reader.recheck(&ids).await.unwrap();
    let told: Vec<(&str, bool)> =
        rechecked.posts.iter().map(|post| (post.id.as_str(), post.deleted)).collect();
    assert_eq!(told, [(ids[0], true), (ids[1], false)]);
    assert_eq!(rechecked.gone, [ids[2], ids[3]]);
    assert!(reader.recheck(&ids[5..6]).await.is_err());
}

#[test]
fn settings_are_checked_at_once() {
    let faults = |params: Value| {
        let check = lemmy::KIND.check;
        check(&Settings { id: "l".into(), params }).to_string()
    };
    let said = faults(json!({ "server": "acme.example/c/talk", "comunities": ["talk"], "token": "hunter2" }));
    for part in ["is no server", "nothing is to be read", "did you mean \"communities\"", "never stands"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("hunter2"));
    assert!(faults(json!({ "communities": ["talk"] })).contains("is missing"));
    assert_eq!(
        faults(json!({ "server": "acme.example", "communities": ["talk"], "search": ["acme app"] })),
        ""
    );
}
