//! What an older earmark wrote is read: `tests/fixtures/store-v1` holds every pair of a store of
//! format 1, key and value in hex, and the same store as it was exported then. Both were made
//! once and are never made again; a later format gets a folder of its own.

use super::*;
use crate::domain::erasure::Whose;
use crate::store::{Forgets, Row};

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/store-v1/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Lays the store of version 1 down, its values as `change` makes them.
fn lay(folder: &Path, change: impl Fn(Vec<u8>) -> Vec<u8>) {
    let db = open::sled_at(&folder.join("db"), "here").expect("sled opens");
    for line in fixture("pairs.txt").lines() {
        let (key, value) = line.split_once(' ').expect("key and value");
        let bytes = |hex| keys::from_place(hex).expect("hex");
        db.insert(bytes(key), change(bytes(value))).expect("writes");
    }
    db.flush().expect("flushes");
}

async fn opened(folder: &Path) -> SledStore {
    let life = InstanceId::new(Timestamp::UNIX_EPOCH);
    let store = SledStore::open(folder, life, Duration::from_secs(30), &Stop::new()).await;
    store.expect("a store of version 1 opens")
}

#[tokio::test]
async fn in_a_store_of_version_1_words_are_found_and_erased_posts_lose_their_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // As an earlier earmark erased: the second post is gone, and its id stands still.
    lay(folder.path(), |value| {
        let text = String::from_utf8(value).expect("JSON behind a version");
        let erased = text.contains("The Acme app lost my order 2 a");
        let gone = |text: String| {
            text.replace("The Acme app lost my order 2 a", "")
                .replace("\"author\":\"customer\"", "\"author\":null")
                .replace("\"url\":\"https://forum.example/2\"", "\"url\":null")
                .replace("\"erased_at\":null", "\"erased_at\":\"2026-02-25T07:00:00Z\"")
        };
        if erased { gone(text) } else { text }.into_bytes()
    });
    let store = opened(folder.path()).await;
    assert_eq!(store.verify().await.expect("works").faults, Vec::<String>::new());
    let all = store.mentions(MentionFilter::default(), Page::first(9)).await.expect("works").rows;
    let gone: Vec<_> = all.iter().filter(|row| row.erased_at.is_some()).collect();
    assert_eq!(gone.len(), 1);
    assert!(gone[0].post().id.starts_with("forgotten:") && gone[0].post().version.is_empty());
    let author = Whose::Author { author: "Customer".into(), site: None };
    let found = store.written(author, Page::first(9)).await.expect("works").rows;
    assert_eq!(found.iter().filter(|row| row.post().id == "1").count(), 2, "one post in two topics");
    assert_eq!(found.len(), 2);
    let again = Post { author: None, url: None, ..found[0].post().clone() };
    let again = [Post { id: "2".into(), aliases: Vec::new(), ..again.clone() }, again];
    assert_eq!(store.kept_out(again.to_vec()).await.expect("works"), [true, false]);
    // Opened once more, there is nothing left to bring up to date.
    store.close().await.expect("closes");
    let store = opened(folder.path()).await;
    assert_eq!(store.mentions(MentionFilter::default(), Page::first(9)).await.expect("works").rows, all);
}

#[tokio::test]
async fn a_store_of_version_1_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    lay(folder.path(), |value| value);
    let store = opened(folder.path()).await;
    let rows = store.rows(None, 1_000).await.expect("every row is read").rows;
    let exported: Vec<Row> = fixture("export.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row of version 1"))
        .collect();
    let led: Vec<Row> = rows.iter().filter(|row| !matches!(row, Row::ForgetKey(_))).cloned().collect();
    assert_eq!(led, exported);
    assert_eq!(store.verify().await.expect("works").faults, Vec::<String>::new());
    // What became of a gap is no part of its name: one that was told then can be repaired now.
    for line in fixture("pairs.txt").lines() {
        let (key, value) = line.split_once(' ').expect("key and value");
        let (key, value) = (keys::from_place(key).expect("hex"), keys::from_place(value).expect("hex"));
        if key.first() == Some(&(Sort::Gap as u8)) {
            let mut blind: Blind = value::decode(&value).expect("a gap");
            blind.repaired_at = Some(Timestamp::UNIX_EPOCH);
            assert_eq!(record::gap_key(&blind.gap).0, key);
        }
    }
    assert_eq!(store.size().await.expect("works").mentions, 3);
}
