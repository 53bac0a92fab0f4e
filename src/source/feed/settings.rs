//! What a feed is configured with.

use jiff::SignedDuration;
use serde_json::Value;

use crate::domain::duration;
use crate::domain::post::PostKind;
use crate::domain::problem::{Problem, Problems};
use crate::net::address;

/// More often than this is not polite to anyone.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// This machine is ours to crowd: something beside us that turns what has no feed into one.
const SHORTEST_HERE: SignedDuration = SignedDuration::from_secs(1);

/// What most readers do.
const USUAL: SignedDuration = SignedDuration::from_mins(60);

const KEYS: [&str; 5] = ["url", "interval", "site", "allow_private", "kind"];

/// `[sources.params]` of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSettings {
    /// Where it is.
    pub url: String,
    /// How often to look.
    pub interval: SignedDuration,
    /// Stands in for the host of each post's link.
    pub site: Option<String>,
    /// Whether it may lie in a private network.
    pub allow_private: bool,
    /// What its posts are.
    pub kind: PostKind,
}

impl Default for FeedSettings {
    fn default() -> Self {
        let url = String::new();
        Self { url, interval: USUAL, site: None, allow_private: false, kind: PostKind::Article }
    }
}

impl FeedSettings {
    /// Reads them.
    ///
    /// # Errors
    /// All faults; keys relative to `params`.
    pub fn read(params: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let empty = serde_json::Map::new();
        let table = params.as_object().unwrap_or(&empty);
        for key in table.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let nearest = KEYS.iter().max_by(|a, b| strsim::jaro(a, key).total_cmp(&strsim::jaro(b, key)));
            let remedy = nearest.map(|near| format!("did you mean \"{near}\"?")).unwrap_or_default();
            problems.push(Problem::new(key, "a feed has no such setting").remedy(remedy));
        }
        let mut text = |key: &str, needed: bool| match table.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                problems.push(Problem::new(key, "it must be a text").remedy("put it in quotation marks"));
                None
            }
            None if needed => {
                problems.push(Problem::new(key, "it is missing").remedy("write the address of the feed"));
                None
            }
            None => None,
        };
        let (url, interval) = (text("url", true), text("interval", false));
        let (site, kind) = (text("site", false), text("kind", false));
        if let Some(Err(error)) = url.as_deref().map(address::parse) {
            let remedy = "write the feed's whole address, like \"https://acme.example/feed.xml\"";
            problems.push(Problem::new("url", error.to_string()).remedy(remedy));
        }
        let shortest =
            if url.as_deref().is_some_and(address::is_this_machine) { SHORTEST_HERE } else { SHORTEST };
        let interval = interval.map_or(USUAL, |text| match duration::parse(&text) {
            Ok(interval) if interval >= shortest => interval,
            Ok(_) => {
                problems.push(
                    Problem::new("interval", "a feed is looked at once a minute at most")
                        .remedy("write \"1m\" or more"),
                );
                USUAL
            }
            Err(what) => {
                problems.push(Problem::new("interval", what));
                USUAL
            }
        });
        let kind = kind.map_or(PostKind::Article, |word| {
            PostKind::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or_else(|| {
                let words: Vec<&str> = PostKind::ALL.iter().map(|kind| kind.as_str()).collect();
                let what = format!("no kind of post is called \"{word}\"");
                problems.push(Problem::new("kind", what).remedy(format!("one of {}", words.join(", "))));
                PostKind::Article
            })
        });
        let allow_private = match table.get("allow_private") {
            None => false,
            Some(Value::Bool(allowed)) => *allowed,
            Some(_) => {
                problems.push(Problem::new("allow_private", "it is neither true nor false"));
                false
            }
        };
        let site = site.map(|site| site.trim().trim_start_matches("www.").to_ascii_lowercase());
        match url {
            Some(url) if problems.is_empty() => Ok(Self { url, interval, site, allow_private, kind }),
            _ => Err(problems),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_every_fault_at_once() {
        let faults = FeedSettings::read(&json!({
            "url": "ftp://acme.example", "intervall": "5m", "interval": "10s", "kind": "rant", "allow_private": "yes",
        }))
        .expect_err("five faults");
        let keys: Vec<&str> = faults.0.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["intervall", "url", "interval", "kind", "allow_private"]);
        assert_eq!(faults.0[0].remedy, "did you mean \"interval\"?");
        assert_eq!(FeedSettings::read(&Value::Null).expect_err("no url").0[0].key, "url");
    }

    #[test]
    fn only_this_machine_may_be_asked_every_second() {
        let is_taken =
            |url, interval| FeedSettings::read(&json!({ "url": url, "interval": interval })).is_ok();
        for url in ["http://localhost:8080/feed", "http://127.0.0.1/feed", "http://[::1]/feed"] {
            assert!(is_taken(url, "1s") && !is_taken(url, "500ms"), "{url}");
        }
        for url in ["https://acme.example/feed", "http://10.0.0.1/feed", "http://localhost.acme.example/feed"]
        {
            assert!(!is_taken(url, "59s") && is_taken(url, "1m"), "{url}");
        }
    }

    #[test]
    fn fills_in_what_is_usual() {
        let read = FeedSettings::read(&json!({ "url": "https://acme.example/feed" })).expect("in order");
        assert_eq!(
            (read.interval.as_secs(), read.kind, read.allow_private),
            (3_600, PostKind::Article, false)
        );
    }
}
