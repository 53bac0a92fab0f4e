//! Entries that say nothing: what they point to is what they say, and what points nowhere is no post. A feed of
//! such entries is a feed all the same.

use earmark::source::{Answer, Nothing, Parsed, Settings, kind};
use serde_json::Value;

use super::rss;

fn read(body: &str) -> Parsed {
    let parse = kind("feed").and_then(|kind| kind.parse).expect("feeds are read");
    let answer = Answer { url: Some("https://acme.example/feed"), ..Answer::saved(body.as_bytes()) };
    parse(&answer, &Settings { id: "f".into(), params: Value::Null })
}

fn atom(entry: &str) -> String {
    format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:media=\"http://search.yahoo.com/mrss/\"><entry>{entry}</entry></feed>"
    )
}

fn json(item: &str) -> String {
    format!("{{\"version\": \"https://jsonfeed.org/version/1.1\", \"items\": [{item}]}}")
}

#[test]
fn what_a_wordless_entry_points_to_is_what_it_says() {
    for (document, text, url) in [
        (
            rss("<item><link>https://acme.example/1?a=1&amp;b=2</link></item>"),
            "https://acme.example/1?a=1&b=2",
            true,
        ),
        (rss("<item><guid>https://acme.example/1</guid></item>"), "https://acme.example/1", true),
        (
            rss("<item><enclosure url=\"/1.mp3\" length=\"9\" type=\"audio/mpeg\"/></item>"),
            "https://acme.example/1.mp3",
            false,
        ),
        (
            rss(
                "<item><enclosure url=\"https://cdn.example/1.mp3\"/><link>https://acme.example/1</link><description>&lt;img src='x'&gt;</description></item>",
            ),
            "https://acme.example/1",
            true,
        ),
        (
            atom("<link href=\"https://acme.example/1\"/><content type=\"html\"> </content>"),
            "https://acme.example/1",
            true,
        ),
        (
            atom("<link rel=\"enclosure\" href=\"https://cdn.example/1.mp4\"/>"),
            "https://cdn.example/1.mp4",
            false,
        ),
        (
            atom("<media:group><media:content url=\"https://cdn.example/1.png\"/></media:group>"),
            "https://cdn.example/1.png",
            false,
        ),
        (
            json("{\"id\": \"1\", \"content_html\": \"\", \"url\": \"https://acme.example/1\"}"),
            "https://acme.example/1",
            true,
        ),
        (
            json("{\"id\": 1, \"attachments\": [{\"url\": \"https://cdn.example/1.mp3\"}]}"),
            "https://cdn.example/1.mp3",
            false,
        ),
    ] {
        let parsed = read(&document);
        let [post] = parsed.posts.as_slice() else { panic!("one post: {document} {parsed:?}") };
        assert_eq!((post.title.as_deref(), post.text.as_str()), (None, text), "{document}");
        assert_eq!(post.url.is_some(), url, "{document}");
        assert!(parsed.nothing.is_none() && parsed.rejects.is_empty(), "{document}");
    }
}

#[test]
fn words_are_not_joined_by_what_is_pointed_to() {
    let link = "<link>https://acme.example/1</link><enclosure url=\"https://cdn.example/1.mp3\"/>";
    let titled = read(&rss(&format!("<item><title>Acme</title>{link}</item>")));
    assert_eq!((titled.posts[0].title.as_deref(), titled.posts[0].text.as_str()), (Some("Acme"), ""));
    let worded = read(&rss(&format!("<item><description>words</description>{link}</item>")));
    assert_eq!(worded.posts[0].text, "words");
    // Words that come later are an edit of the same post.
    let before = read(&rss(&format!("<item><guid>1</guid>{link}</item>")));
    let after = read(&rss(&format!("<item><guid>1</guid><title>Acme</title>{link}</item>")));
    assert_eq!(before.posts[0].id, after.posts[0].id);
    assert_ne!(before.posts[0].version, after.posts[0].version);
}

#[test]
fn a_feed_of_nothing_has_no_posts_and_is_not_broken() {
    for (document, nothing, rejects) in [
        (
            rss("<item/><item><guid isPermaLink=\"false\">1</guid><category>news</category></item>"),
            Nothing::NoPostsInside,
            2,
        ),
        (
            atom("<id>tag:acme.example,2026:1</id><updated>2026-03-04T10:00:00Z</updated>"),
            Nothing::NoPostsInside,
            1,
        ),
        (json("{\"id\": \"1\", \"content_html\": \"\"}"), Nothing::NoPostsInside, 1),
        (rss(""), Nothing::NoPostsInside, 0),
        ("<head><title>Moved</title></head><body>here</body>".into(), Nothing::ForeignInterface, 0),
        ("<!-- nothing -->".into(), Nothing::Broken, 0),
        ("{\"items\": [{\"id\": \"1\", \"ti".into(), Nothing::Broken, 0),
    ] {
        let parsed = read(&document);
        assert_eq!((parsed.nothing, parsed.rejects.len()), (Some(nothing), rejects), "{document}");
        assert!(parsed.posts.is_empty());
    }
}
