//! What the fuzz targets have in common: a source's settings, and what must hold for the posts of an
//! answer, whatever the answer is.

use earmark::domain::post::Post;
use earmark::source::{Answer, Kind, Nothing, Parsed, Settings, kind};
use jiff::Timestamp;

/// A text may grow: a byte that is no character becomes three, a relative link the whole address.
const MOST_GROWTH: usize = 16;
const BEFORE_GROWTH: usize = 1_024;

/// Files, mails and what is pushed come without a status.
const WITHOUT_STATUS: [&str; 3] = ["file", "imap", "webhook"];

/// A kind that exists.
pub fn known(name: &str) -> &'static Kind {
    kind(name).expect("a kind of that name")
}

/// Settings with these params.
pub fn settings(params: serde_json::Value) -> Settings {
    Settings { id: "fuzzed".into(), params }
}

/// Reads an answer twice and holds what comes out against what is promised of every kind.
pub fn parse(kind: &Kind, answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let parse = kind.parse.expect("a kind that reads answers");
    let parsed = parse(answer, settings);
    assert_eq!(parsed, parse(answer, settings), "{}: the same answer was read in two ways", kind.name);
    assert_eq!(
        parsed.posts.is_empty(),
        parsed.nothing.is_some(),
        "{}: posts or one reason why there are none, never both and never neither",
        kind.name
    );
    if answer.status >= 400 && !WITHOUT_STATUS.contains(&kind.name) {
        assert_ne!(parsed.nothing, Some(Nothing::NoPostsInside), "{}: an error is no empty list", kind.name);
    }
    for reject in &parsed.rejects {
        assert!(!reject.why.is_empty(), "{}: rejected without a reason at {}", kind.name, reject.at);
    }
    for post in &parsed.posts {
        assert_eq!(post.source, settings.id);
        sound(post, answer.body.len());
    }
    parsed
}

/// What must hold for every post that was made of so many bytes.
pub fn sound(post: &Post, bytes: usize) {
    assert!(!post.id.is_empty(), "a post without an id: {post:?}");
    let most = BEFORE_GROWTH + MOST_GROWTH * bytes;
    for text in
        [Some(&post.text), post.title.as_ref(), post.url.as_ref(), post.author.as_ref()].into_iter().flatten()
    {
        assert!(text.len() <= most, "{} bytes were made of {bytes}", text.len());
    }
    let kept = serde_json::to_vec(post).expect("every post can be kept");
    let found: Post = serde_json::from_slice(&kept).expect("what is kept can be read");
    assert_eq!(&found, post, "the store gives back another post");
}

/// A post of these words, for what looks at posts.
pub fn post(text: &str) -> Post {
    Post {
        source: "fuzzed".into(),
        site: "forum.example".into(),
        id: "1".into(),
        version: "1".into(),
        aliases: Vec::new(),
        kind: earmark::domain::post::PostKind::Post,
        url: Some("https://forum.example/1".into()),
        author: Some("ann".into()),
        created_at: Some(Timestamp::UNIX_EPOCH),
        title: text.lines().next().map(str::to_owned),
        text: text.to_owned(),
        lang: None,
        parent: None,
        reach: None,
        deleted: false,
    }
}
