//! `lobsters` as its site serves it, of our own making.

use earmark::source::{Answer, Nothing, Settings, lobsters};
use serde_json::json;

fn settings() -> Settings {
    Settings { id: "l".into(), params: json!({}) }
}

#[test]
fn a_thread_becomes_posts_that_know_whom_they_answer() {
    let comment = |id: &str, depth: u64| {
        json!({ "short_id": id, "short_id_url": format!("https://lobste.rs/c/{id}"), "depth": depth,
            "created_at": "2026-03-04T05:00:00.000-05:00", "comment": format!("<p>words of {id} &amp; more</p>\n"),
            "is_deleted": id == "c3", "commenting_user": "ann" })
    };
    let body = json!({
        "short_id": "s1", "short_id_url": "https://lobste.rs/s/s1", "title": "Acme &amp; Globex", "description": "",
        "url": "https://acme.example/", "created_at": "2026-03-04T10:00:00Z", "submitter_user": { "username": "bo" },
        "comments": [comment("c1", 0), comment("c2", 1), comment("c3", 2), comment("c4", 1), comment("c5", 0)],
    })
    .to_string();
    let parsed =
        lobsters::KIND.parse.expect("it reads answers")(&Answer::saved(body.as_bytes()), &settings());
    let told: Vec<(&str, Option<&str>)> =
        parsed.posts.iter().map(|post| (post.id.as_str(), post.parent.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("s1", None),
            ("c1", Some("s1")),
            ("c2", Some("c1")),
            ("c3", Some("c2")),
            ("c4", Some("c1")),
            ("c5", Some("s1"))
        ]
    );
    let (story, comment, gone) = (&parsed.posts[0], &parsed.posts[1], &parsed.posts[3]);
    assert_eq!(
        (story.title.as_deref(), story.text.as_str()),
        (Some("Acme & Globex"), "https://acme.example/")
    );
    assert_eq!((story.author.as_deref(), story.site.as_str()), (Some("bo"), "lobste.rs"));
    assert_eq!((comment.author.as_deref(), comment.text.as_str()), (Some("ann"), "words of c1 & more"));
    assert!(gone.deleted && gone.text.is_empty() && gone.author.is_none());
    assert_eq!(story.created_at, comment.created_at);
}

#[test]
fn what_is_no_list_of_stories_says_so() {
    let why = |body: &[u8]| lobsters::parse(&Answer::saved(body), &settings()).nothing;
    assert_eq!(why(b"[]"), Some(Nothing::NoPostsInside));
    assert_eq!(why(b"<html>"), Some(Nothing::ForeignInterface));
    assert_eq!(why(b"{\"hits\": []}"), Some(Nothing::ForeignInterface));
    assert_eq!(why(b"{\"status\": 404, \"error\": \"Not Found\"}"), Some(Nothing::ErrorAnswer));
    assert_eq!(why(b"[{\"title\": \"no name\"}]"), Some(Nothing::Broken));
}
