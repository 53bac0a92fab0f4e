//! Answers of `mastodon` servers as they are saved: posts, their names and versions, or the reason for none.

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Nothing, Parsed, Settings, mastodon};
use serde_json::{Value, json};

use super::status;

fn settings() -> Settings {
    Settings { id: "m".into(), params: Value::Null }
}

fn read(url: Option<&str>, body: &str) -> Parsed {
    mastodon::parse(&Answer { url, ..Answer::saved(body.as_bytes()) }, &settings())
}

#[test]
fn a_post_says_all_that_its_author_said() {
    let content = "<p><span class=\"h-card\"><a href=\"https://globex.example/@bo\" class=\"u-url mention\">@<span>bo</span></a></span> \
        see <a href=\"https://acme.example/a/long/path\"><span class=\"invisible\">https://</span><span class=\"ellipsis\">acme.example/a/lo</span><span class=\"invisible\">ng/path</span></a> \
        &amp; <a href=\"https://acme.example/tags/acme\" class=\"mention hashtag\" rel=\"tag\">#<span>acme</span></a></p>";
    let body = json!([
        status(7, json!({ "content": content, "spoiler_text": "Bad &amp; sad", "in_reply_to_id": "5", "edited_at": "2026-03-04T11:00:00.987Z",
            "media_attachments": [{ "type": "image", "description": "A broken cup" }, { "type": "image", "description": null }],
            "poll": { "options": [{ "title": "yes" }, { "title": "no" }] } })),
        status(8, json!({ "reblog": status(3, json!({ "account": { "acct": "bo@globex.example", "followers_count": -1 } })) })),
        status(9, json!({ "content": "", "language": "und", "quote": { "state": "accepted", "quoted_status": status(4, json!({})) } })),
        { "account": {}, "content": "no name", "id": null },
    ]);
    let parsed = read(Some("https://acme.example/api/v1/timelines/tag/acme"), &body.to_string());
    let [post, boosted, silent] = &parsed.posts[..] else { panic!("{parsed:?}") };
    assert_eq!(post.title.as_deref(), Some("Bad & sad"));
    assert_eq!(post.text, "@bo see https://acme.example/a/long/path & #acme\n\nyes\nno\n\nA broken cup");
    assert_eq!((post.id.as_str(), post.parent.as_deref()), ("acme.example/7", Some("acme.example/5")));
    assert_eq!(post.aliases, ["uri:https://acme.example/users/ann/statuses/7"]);
    assert_eq!(
        (post.author.as_deref(), post.reach, post.kind),
        (Some("ann@acme.example"), Some(12), PostKind::Comment)
    );
    assert_eq!((post.lang.as_deref(), post.site.as_str()), (Some("en"), "acme.example"));
    assert_eq!(post.version, "1772622000");
    assert_eq!(
        (boosted.id.as_str(), boosted.author.as_deref()),
        ("acme.example/3", Some("bo@globex.example"))
    );
    assert_eq!((boosted.version.as_str(), boosted.reach, silent.text.as_str()), ("0", None, ""));
    assert_eq!((silent.lang.as_deref(), silent.parent.as_deref()), (None, Some("acme.example/4")));
    assert_eq!(silent.kind, PostKind::Post);
    assert_eq!(parsed.rejects.len(), 1);
    assert_eq!(parsed.rejects[0].at, "/3");
}

#[test]
fn what_others_said_is_marked_and_not_the_authors_own() {
    let content = "<blockquote><p>Acme is down.<br>For hours.</p></blockquote><p>Not for me.</p>";
    let parsed = read(None, &status(7, json!({ "content": content })).to_string());
    let post = &parsed.posts[0];
    assert_eq!(post.text, "> Acme is down.\n> For hours.\n\nNot for me.");
    assert_eq!(post.own_words(), "Not for me.");
}

#[test]
fn one_post_on_two_servers_is_one() {
    let there = status(7, json!({ "edited_at": "2026-03-04T11:00:00.000Z" }));
    let here = status(
        70,
        json!({ "edited_at": "2026-03-04T11:00:00.517Z", "uri": there["uri"], "url": there["url"],
        "account": { "acct": "ann@acme.example" } }),
    );
    let one = read(Some("https://acme.example/api/v1/statuses/7"), &there.to_string());
    let two = read(Some("https://globex.example/api/v1/statuses/70"), &here.to_string());
    let name = |parsed: &Parsed| {
        let post = &parsed.posts[0];
        (post.aliases.clone(), post.version.clone(), post.author.clone(), post.site.clone())
    };
    assert_eq!(name(&one), name(&two));
    assert_ne!(one.posts[0].id, two.posts[0].id);
}

#[test]
fn every_answer_gives_posts_or_says_why_not() {
    let post = || status(7, json!({}));
    let event = |name: &str, data: &Value| format!("event: {name}\ndata: {data}\n\n");
    let frame = json!({ "stream": ["public"], "event": "update", "payload": post().to_string() });
    let notification = json!({ "id": "1", "type": "mention", "account": { "acct": "bo" }, "status": post() });
    for (body, ids) in [
        (post().to_string(), vec!["7"]),
        (json!({ "ancestors": [status(5, json!({}))], "descendants": [post()] }).to_string(), vec!["5", "7"]),
        (json!({ "accounts": [], "statuses": [post()], "hashtags": [] }).to_string(), vec!["7"]),
        (
            json!({ "accounts": [], "statuses": [post()], "notification_groups": [{ "status_id": "7" }] })
                .to_string(),
            vec!["7"],
        ),
        (
            json!([notification, { "id": "2", "type": "follow", "account": { "acct": "bo" } }]).to_string(),
            vec!["7"],
        ),
        (frame.to_string(), vec!["7"]),
        (format!("{frame}\n{}\n", json!({ "event": "delete", "payload": "9" })), vec!["7", "9"]),
        (
            format!(
                ":)\n{}{}:thump\n\nevent: delete\ndata: 9\n\n",
                event("update", &post()),
                event("notification", &notification)
            ),
            vec!["7", "9"],
        ),
        (
            event("conversation", &json!({ "id": "3", "accounts": [], "last_status": post() }))
                .trim_end()
                .to_owned(),
            vec!["7"],
        ),
    ] {
        let parsed = read(None, &body);
        let found: Vec<&str> = parsed.posts.iter().map(|post| post.id.as_str()).collect();
        assert_eq!((found, parsed.nothing), (ids, None), "{body}");
    }
    let version = json!({ "content": "<p>a</p>", "spoiler_text": "", "created_at": "2026-03-04T10:00:00Z", "account": { "acct": "ann" } });
    for (body, why) in [
        ("[]".to_owned(), Nothing::NoPostsInside),
        ("{\"error\": \"Record not found\"}".to_owned(), Nothing::ErrorAnswer),
        (json!([version]).to_string(), Nothing::NoPostsInside),
        (json!([{ "id": "1", "username": "ann", "acct": "ann" }]).to_string(), Nothing::NoPostsInside),
        (json!({ "accounts": [], "statuses": [], "hashtags": [] }).to_string(), Nothing::NoPostsInside),
        ("event: filters_changed\ndata: undefined\n\n".to_owned(), Nothing::NoPostsInside),
        ("<!DOCTYPE html>".to_owned(), Nothing::ForeignInterface),
        (json!({ "@context": "https://www.w3.org/ns/activitystreams", "type": "Note", "id": "x", "content": "a" }).to_string(), Nothing::ForeignInterface),
        (json!({ "hits": [{ "objectID": "1" }] }).to_string(), Nothing::ForeignInterface),
        ("[{\"id\": \"7\", \"cont".to_owned(), Nothing::Broken),
        ("event: update\ndata: {\"id\": \"7\n\n".to_owned(), Nothing::Broken),
    ] {
        assert_eq!(read(None, &body).nothing, Some(why), "{body}");
    }
    let deleted = {
        let mut answer = status(7, json!({ "text": "as typed" }));
        answer.as_object_mut().expect("an object").remove("content");
        read(None, &answer.to_string()).posts.remove(0)
    };
    assert!(deleted.deleted && deleted.text.is_empty() && deleted.author.is_none());
}
