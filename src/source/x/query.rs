//! What is asked: a query in the platform's own language, or phrases of which any is enough, with what is
//! always added. Checked against the platform's longest before anything is paid for.

use crate::source::params::Params;

/// The longest query of recent search for who pays by use; enterprises get 4,096.
pub const LONGEST: u64 = 512;

/// The query, whole. Faults name the keys `query`, `phrases`, `langs`, `retweets`, `longest_query`.
pub fn read(params: &mut Params<'_>) -> String {
    let own = params.text("query").map(str::to_owned);
    let phrases = params.list("phrases", "[\"acme cloud\"]");
    let langs = params.list("langs", "[\"en\"]");
    let retweets = params.flag("retweets");
    let longest = match params.value("longest_query") {
        None => LONGEST,
        Some(value) => value.as_u64().filter(|most| (1..=4_096).contains(most)).unwrap_or_else(|| {
            let remedy = "512 with pay-per-use, 1024 or 4096 where the contract says so";
            params.fault("longest_query", format!("{value} is no length of a query"), remedy);
            LONGEST
        }),
    };
    let mut parts = Vec::new();
    match (own, phrases.is_empty()) {
        (None, true) => params.fault(
            "query",
            "nothing is asked for",
            "write phrases = [\"acme cloud\"], or query = \"…\" in X's own operators",
        ),
        (Some(_), false) => params.fault(
            "phrases",
            "stands beside query",
            "write one of the two; query takes (a OR \"b c\") as well",
        ),
        (Some(own), true) => {
            let simple = !own.contains(" OR ");
            parts.push(if simple || phrases_wrapped(&own) { own } else { format!("({own})") });
        }
        (None, false) => parts.push(any(phrases.iter().map(|phrase| quoted(phrase)))),
    }
    for lang in &langs {
        if !(2..=8).contains(&lang.len())
            || !lang.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
        {
            params.fault("langs", format!("\"{lang}\" is no language"), "write it as \"en\"");
        }
    }
    if !langs.is_empty() {
        parts.push(any(langs.iter().map(|lang| format!("lang:{lang}"))));
    }
    let says = parts.iter().any(|part| part.contains("is:retweet"));
    if !retweets && !says {
        parts.push("-is:retweet".into());
    }
    let query = parts.join(" ");
    let length = query.chars().count() as u64;
    if length > longest {
        let key = if phrases.is_empty() { "query" } else { "phrases" };
        params.fault(
            key,
            format!("the query is {length} characters long, X takes {longest}"),
            "name fewer phrases, or make two sources",
        );
    }
    query
}

fn phrases_wrapped(query: &str) -> bool {
    query.starts_with('(') && query.ends_with(')')
}

/// A phrase is looked for as written; a mark, a hashtag or a handle stands by itself.
fn quoted(phrase: &str) -> String {
    let bare = phrase.strip_prefix(['#', '@', '$']).unwrap_or(phrase);
    if !bare.is_empty() && bare.chars().all(char::is_alphanumeric) {
        return phrase.to_owned();
    }
    format!("\"{}\"", phrase.replace('"', " "))
}

fn any(parts: impl ExactSizeIterator<Item = String>) -> String {
    let one = parts.len() == 1;
    let joined = parts.collect::<Vec<_>>().join(" OR ");
    if one { joined } else { format!("({joined})") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn phrases_become_a_query_and_retweets_are_left_out() {
        for (table, expected) in [
            (json!({ "phrases": ["acme"] }), "acme -is:retweet"),
            (
                json!({ "phrases": ["@acme", "acme cloud", "#acme", "a.b"], "langs": ["en", "de"] }),
                "(@acme OR \"acme cloud\" OR #acme OR \"a.b\") (lang:en OR lang:de) -is:retweet",
            ),
            (json!({ "query": "acme OR globex" }), "(acme OR globex) -is:retweet"),
            (
                json!({ "query": "(acme OR globex) has:links", "retweets": true }),
                "((acme OR globex) has:links)",
            ),
            (json!({ "query": "acme is:retweet" }), "acme is:retweet"),
        ] {
            let mut params = Params::new(&table);
            assert_eq!(read(&mut params), expected);
            assert!(params.finish().is_empty(), "{table}");
        }
    }

    #[test]
    fn what_the_place_would_refuse_is_refused_here() {
        for (table, part) in [
            (json!({}), "nothing is asked for"),
            (json!({ "query": "a", "phrases": ["b"] }), "beside query"),
            (json!({ "phrases": ["a", 5] }), "no list of texts"),
            (json!({ "phrases": ["acme"], "langs": ["english (US)"] }), "no language"),
            (json!({ "query": "a".repeat(501) }), "512"),
            (json!({ "query": "a", "longest_query": 9_999 }), "no length"),
        ] {
            let mut params = Params::new(&table);
            read(&mut params);
            let said = params.finish().to_string();
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
