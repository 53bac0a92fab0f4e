//! `earmark check` refuses what sources would ask together beyond what one credential may.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::commands::scene::{CONFIG, Scene};

/// A configuration with these sources of a kind, each with the same secret under that key.
fn config(kind: &str, key: &str, sources: &[Value]) -> (Scene, tempfile::TempDir) {
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("key");
    std::fs::write(&file, "hush").unwrap();
    let mut text = CONFIG.to_owned();
    for (number, params) in sources.iter().enumerate() {
        writeln!(text, "\n[[sources]]\nid = \"s{number}\"\nkind = \"{kind}\"\n[sources.params]").unwrap();
        writeln!(text, "{key} = {{ file = \"{}\" }}", file.display()).unwrap();
        // What stands here is written in both languages alike.
        for (name, value) in params.as_object().unwrap() {
            writeln!(text, "{name} = {value}").unwrap();
        }
    }
    (Scene::with(&text), keys)
}

#[test]
fn sources_that_together_exceed_a_quota_are_refused() {
    let many = |what: &str, count: usize| (0..count).map(|n| format!("{what} {n}")).collect::<Vec<_>>();
    let reddit = json!({ "approved": true, "client_id": "acme", "user_agent": "linux:example.acme:v1 (by /u/acme)", "interval": "1m",
        "search": many("acme", 40) });
    let x = json!({ "paid": true, "cap_per_month": 60, "query": "acme", "cap_together": 100 });
    let table = [
        // Each alone is within it.
        (
            "youtube",
            "key",
            json!({ "search": many("acme", 3), "search_every": "1h" }),
            "144 times (search) in 1 d",
            "100",
        ),
        (
            "stack_exchange",
            "key",
            json!({ "sites": ["stackoverflow"], "tags": many("acme", 10).iter().map(|t| t.replace(' ', "-")).collect::<Vec<_>>(),
                "interval": "10m" }),
            "11520 times in 1 d",
            "10000",
        ),
        (
            "github",
            "token",
            json!({ "searches": many("acme", 20), "interval": "1m" }),
            "40 times (search) in 1 min",
            "30",
        ),
        ("reddit", "client_secret", reddit, "80 times in 1 min", "60"),
        ("x", "token", x, "together up to $120.00 a month", "$100.00"),
    ];
    for (kind, key, params, said, allowed) in table {
        let (alone, _keys) = config(kind, key, std::slice::from_ref(&params));
        let ran = alone.run(["check"]);
        assert_eq!(ran.code, 0, "{kind} alone: {ran:#?}");
        let (both, _keys) = config(kind, key, &[params.clone(), params]);
        let ran = both.run(["check"]).fails(78, &["s0 and s1", said, allowed]);
        assert!(kind != "youtube" || ran.out.contains("search_every = \"87m\" for s0"), "{ran:#?}");
    }
}
