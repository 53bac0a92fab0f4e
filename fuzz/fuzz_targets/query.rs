//! A topic's query, and below its first line a post that it is held against.

#![no_main]

use earmark::domain::mention::Field;
use earmark::domain::topic::Topic;
use earmark::matching::query::{self, Query};
use earmark::matching::{Matcher, check};
use earmark_fuzz::post;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (written, words) = text.split_once('\n').unwrap_or((text, text));
    let problems = query::check("query", written);
    let query = match Query::parse(written) {
        Ok(query) => query,
        Err(error) => {
            assert!(error.at <= written.len(), "{error}");
            assert!(problems.has_faults(), "check accepts {written:?}, and parse does not: {error}");
            return;
        }
    };
    let shown = query.to_string();
    // The form that is shown spells out what was left out, and may so grow beyond the longest query.
    if shown.len() <= query::MAX_BYTES {
        let again = Query::parse(&shown).unwrap_or_else(|error| panic!("{shown:?} of {written:?}: {error}"));
        assert_eq!(again, query, "{shown:?} of {written:?}");
        assert_eq!(again.to_string(), shown);
    }
    let topic = Topic {
        id: "acme".into(),
        name: "Acme".into(),
        query: written.to_owned(),
        owner: None,
        policy: None,
        panel: None,
        retention: None,
    };
    check(std::slice::from_ref(&topic));
    let Ok(matcher) = Matcher::compile(&[topic]) else { return };
    let post = post(words);
    let found = matcher.find(&post);
    let title = post.title.as_deref().unwrap_or_default();
    for span in found.iter().flat_map(|found| &found.spans) {
        let part = if span.field == Field::Title { title } else { &post.text };
        assert!(part.get(span.start..span.end).is_some_and(|part| !part.is_empty()), "{span:?}");
    }
    for explained in matcher.explain(&post) {
        let matched = found.iter().any(|found| found.topic == explained.topic);
        assert_eq!(explained.matched, matched, "{}", explained.sentence);
    }
});
