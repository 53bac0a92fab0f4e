//! Recorded answers of real services: every file gives posts or one reason, and posts have the names that the
//! index of the recordings says. Prints a table. A new kind is covered by its line in `KINDS` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use earmark::source::{Answer, KINDS, Nothing, Settings};
use serde_json::Value;

/// Folders that are not named as their kind; a folder without a kind here is its own.
const FOLDERS: &[(&str, &str)] = &[
    ("app_store", "appstore"),
    ("dev_to", "devto"),
    ("feed", "feeds"),
    ("google_play", "googleplay"),
    ("hacker_news", "hackernews"),
    ("instagram", "facebook"),
    ("product_hunt", "producthunt"),
    ("stack_exchange", "stackexchange"),
    ("threads", "facebook"),
    ("x", "x-twitter"),
];

/// Answers of these stand in a folder of several kinds: what is another's is none of theirs, so their names
/// are not compared.
const SHARED: &[&str] = &["instagram", "threads"];

/// Least share of names that agree.
const LEAST: f64 = 0.97;

fn folder(kind: &str) -> PathBuf {
    let name = FOLDERS.iter().find(|(known, _)| *known == kind).map_or(kind, |(_, folder)| folder);
    let checkout = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    checkout.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).join("../shared/fixtures").join(name)
}

#[derive(Default)]
struct Row {
    files: usize,
    with_posts: usize,
    posts: usize,
    rejects: usize,
    nothing: BTreeMap<&'static str, usize>,
    named: usize,
    found: usize,
    missed: Vec<String>,
}

#[test]
fn every_recorded_answer_gives_posts_or_one_reason() {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let mut wrong = Vec::new();
    for kind in KINDS {
        let (Some(parse), folder) = (kind.parse, folder(kind.name)) else { continue };
        let Ok(index) = std::fs::read_to_string(folder.join("index.jsonl")) else { continue };
        let row = rows.entry(kind.name).or_default();
        let settings = Settings { id: "saved".into(), params: Value::Null };
        for line in index.lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            let name = entry["file"].as_str().unwrap();
            let body = std::fs::read(folder.join(name)).unwrap();
            let headers: Vec<(String, String)> = entry["headers"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())))
                .collect();
            let status =
                entry["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
            let answer = Answer { url: entry["url"].as_str(), status, headers: &headers, body: &body };
            let parsed = parse(&answer, &settings);
            row.files += 1;
            row.with_posts += usize::from(!parsed.posts.is_empty());
            row.posts += parsed.posts.len();
            row.rejects += parsed.rejects.len();
            if parsed.posts.is_empty() != parsed.nothing.is_some() {
                wrong.push(format!("{} {name}: posts and a reason, or neither", kind.name));
            }
            if let Some(nothing) = parsed.nothing {
                *row.nothing.entry(nothing.as_str()).or_default() += 1;
            }
            let unique: BTreeSet<(&str, &str)> =
                parsed.posts.iter().map(|post| (post.id.as_str(), post.version.as_str())).collect();
            if parsed.posts.iter().any(|post| post.id.is_empty()) {
                wrong.push(format!("{} {name}: a post has no id", kind.name));
            }
            if unique.len() < parsed.posts.len() && !SHARED.contains(&kind.name) {
                row.missed.push(format!("{name}: {} posts come twice", parsed.posts.len() - unique.len()));
            }
            names(&entry, name, &parsed.posts, row);
        }
    }
    if rows.is_empty() {
        println!("skipped: the recorded answers are not beside the project");
        return;
    }
    println!("kind             files  with posts    posts  rejects  names  agree  nothing");
    let show = std::env::var_os("EARMARK_TEST_DIFFERENCES").is_some();
    for (kind, row) in &rows {
        let share = if row.named == 0 { 1.0 } else { row.found as f64 / row.named as f64 };
        let nothing: Vec<String> = row.nothing.iter().map(|(why, count)| format!("{why} {count}")).collect();
        println!(
            "{kind:<16} {:>5} {:>11} {:>8} {:>8} {:>6} {:>5.1}%  {}",
            row.files,
            row.with_posts,
            row.posts,
            row.rejects,
            row.named,
            share * 100.0,
            nothing.join(", ")
        );
        if show {
            row.missed.iter().for_each(|missed| println!("  {missed}"));
        }
        if share < LEAST && !SHARED.contains(kind) {
            wrong.push(format!("{kind}: {:.1} % of the names agree: {:?}", share * 100.0, row.missed));
        }
        assert!(row.nothing.keys().all(|why| Nothing::ALL.iter().any(|known| known.as_str() == *why)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Names of the index that are names of posts: those of people, of notifications and of whole tables are none
/// of ours.
fn names(entry: &Value, name: &str, posts: &[earmark::domain::post::Post], row: &mut Row) {
    let covers =
        |word: &str| entry["covers"].as_array().into_iter().flatten().any(|tag| tag.as_str() == Some(word));
    let url = entry["url"].as_str().unwrap_or_default();
    // What happened to a thread (a label, a lock) has a name and is no post.
    if covers("user")
        || covers("error")
        || url.contains("/user/")
        || url.ends_with("/timeline")
        || url.contains("/v1/notifications")
        || posts.is_empty()
    {
        return;
    }
    for id in entry["facts"]["ids"].as_array().into_iter().flatten().filter(|id| !id.is_null()) {
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        // Likes and follows stand among notifications; a name in a repository says what sort of thing it is.
        if id.starts_with("at://") && !id.contains("/app.bsky.feed.post/") {
            continue;
        }
        row.named += 1;
        // A name may carry what makes it one of a kind: a site, a sort, a table.
        let same = |post: &earmark::domain::post::Post| {
            post.id == id
                || post.id.strip_suffix(&id).is_some_and(|before| before.ends_with(['/', ':', '_', '#', '-']))
        };
        // An answer may name what brought a post (an update, an event); such a name is an alias.
        let also = |post: &earmark::domain::post::Post| {
            post.aliases
                .iter()
                .any(|alias| alias.strip_suffix(&id).is_some_and(|before| before.ends_with('/')))
        };
        if posts.iter().any(|post| same(post) || also(post)) {
            row.found += 1;
        } else {
            row.missed.push(format!("{name}: {id} is missing"));
        }
    }
}
