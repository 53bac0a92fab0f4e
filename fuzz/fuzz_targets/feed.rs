//! RSS, Atom and JSON Feed, in any charset. The first byte says what the server calls it.

#![no_main]

use earmark::source::Answer;
use earmark_fuzz::{known, parse, settings};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const TYPES: [Option<&str>; 6] = [
    None,
    Some("application/rss+xml; charset=utf-8"),
    Some("application/feed+json"),
    Some("text/xml; charset=iso-8859-1"),
    Some("text/xml; charset=shift_jis"),
    Some("application/atom+xml; charset=utf-16le"),
];

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else { return };
    let content_type = TYPES[usize::from(*first) % TYPES.len()];
    let headers: Vec<_> =
        content_type.into_iter().map(|value| ("content-type".to_owned(), value.to_owned())).collect();
    let url = (*first < 128).then_some("https://blog.example/posts/feed.xml");
    let answer = Answer { url, status: 200, headers: &headers, body };
    parse(known("feed"), &answer, &settings(json!({ "url": "https://blog.example/posts/feed.xml" })));
});
