//! Two sources with one key where a place counts some of its requests by themselves, or has a key's own limit: they
//! stay within it together (see [`crate::site`]). Kinds whose pages serve for that as they are do it beside them.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::served::{path, secret};
use crate::site::{Pages, Told, together};
use crate::support::fake_site::{Asked, Page};

/// A place where nothing is found, however often it is asked.
struct Empty {
    params: Value,
    /// The parameter in which the place's address stands.
    base: &'static str,
    answer: fn(&Asked) -> Option<Value>,
    _folder: TempDir,
}

impl Empty {
    fn new(base: &'static str, key: &str, params: Value, answer: fn(&Asked) -> Option<Value>) -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let mut params = params;
        params[key] = secret(&folder, "key", "hush");
        params["allow_private"] = json!(true);
        Self { params, base, answer, _folder: folder }
    }
}

impl Pages for Empty {
    fn params(&self, base: &str) -> Value {
        let mut params = self.params.clone();
        params[self.base] = json!(base);
        params
    }

    fn page(&self, _: &[Told], asked: &Asked) -> Page {
        (self.answer)(asked).map_or(Page::new(404), |value| Page::of("application/json", value.to_string()))
    }

    fn id(&self, number: u64) -> String {
        number.to_string()
    }
}

#[tokio::test]
async fn searches_of_youtube_are_a_hundred_a_day_in_all() {
    let found = |asked: &Asked| {
        let kind = format!("youtube#{}ListResponse", path(asked).trim_start_matches("/youtube/v3/"));
        Some(json!({ "kind": kind, "items": [] }))
    };
    together("youtube", Empty::new("base_url", "key", json!({ "search": ["acme", "globex"] }), found)).await;
}

#[tokio::test]
async fn searches_of_github_are_counted_by_themselves() {
    let found = |asked: &Asked| {
        let listed = path(asked) == "/search/issues";
        listed.then(|| json!({ "total_count": 0, "incomplete_results": false, "items": [] }))
    };
    together("github", Empty::new("base_url", "token", json!({ "searches": ["acme"] }), found)).await;
}

#[tokio::test]
async fn a_key_of_discourse_has_a_limit_of_its_own() {
    let found = |asked: &Asked| (path(asked) == "/posts.json").then(|| json!({ "latest_posts": [] }));
    together("discourse", Empty::new("url", "key", json!({}), found)).await;
}
