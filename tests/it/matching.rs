//! Matching over recorded posts of real people, where those lie beside the checkout: whatever they
//! write, spans point at the words that the query names, and a plain search agrees.

use std::io::{BufRead, BufReader};
use std::path::Path;

use earmark::domain::mention::Field;
use earmark::domain::post::Post;
use earmark::domain::topic::Topic;
use earmark::matching::Matcher;
use serde_json::Value;

const POSTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/train/twitter_entity_train.jsonl.gz");

fn topic(name: &str) -> Topic {
    Topic {
        id: name.into(),
        name: name.to_owned(),
        query: format!("\"{name}\""),
        owner: None,
        policy: None,
        panel: None,
        retention: None,
    }
}

fn post(text: &str) -> Post {
    let json = serde_json::json!({
        "source": "s", "site": "", "id": "1", "version": "1", "kind": "post", "text": text,
    });
    serde_json::from_value(json).expect("the fields that must be there are")
}

/// The words of a text, as far as plain ASCII goes; none when it goes further.
fn plainly_holds(text: &str, name: &str) -> Option<bool> {
    let text = text.is_ascii().then(|| text.to_ascii_lowercase())?;
    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    Some(text.match_indices(name).any(|(at, _)| {
        !word(text[..at].chars().next_back()) && !word(text[at + name.len()..].chars().next())
    }))
}

#[test]
fn recorded_posts_are_matched_as_a_plain_search_does() {
    if !Path::new(POSTS).exists() {
        eprintln!("skipped: no recorded posts at {POSTS}");
        return;
    }
    let names = [
        "amazon",
        "google",
        "home depot",
        "red dead redemption",
        "borderlands",
        "microsoft",
        "xbox series x",
    ];
    let matcher = Matcher::compile(&names.map(topic)).expect("the names are sound");
    let file = std::fs::File::open(POSTS).expect("it exists");
    let (mut posts, mut mentions, mut compared) = (0, 0, 0);
    for line in BufReader::new(flate2::read::GzDecoder::new(file)).lines() {
        let line: Value = serde_json::from_str(&line.expect("it is text")).expect("it is JSON");
        let Some(text) = line["text"].as_str() else { continue };
        let found = matcher.find(&post(text));
        posts += 1;
        mentions += found.len();
        for found in &found {
            for span in &found.spans {
                assert_eq!(span.field, Field::Text);
                let piece = text.get(span.start..span.end).expect("both ends are borders");
                assert!(!piece.is_empty());
                assert_eq!(span.term.trim_matches('"'), found.topic.as_str());
            }
        }
        for name in names {
            if let Some(expected) = plainly_holds(text, name) {
                compared += 1;
                let claimed = found.iter().any(|found| found.topic.as_str() == name);
                assert_eq!(claimed, expected, "{name} in {text}");
            }
        }
    }
    eprintln!("{posts} posts, {mentions} mentions, {compared} verdicts compared");
    assert!(mentions > 100, "the names stand in the recorded posts");
}
