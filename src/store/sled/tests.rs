//! What an older earmark wrote is read: `tests/fixtures/store-v1` holds every pair of a store of
//! format 1, key and value in hex, and the same store as it was exported then. Both were made
//! once and are never made again; a later format gets a folder of its own.

use super::*;
use crate::store::Row;

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/store-v1/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[tokio::test]
async fn a_store_of_version_1_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = open::sled_at(&folder.path().join("db"), "here").expect("sled opens");
    for line in fixture("pairs.txt").lines() {
        let (key, value) = line.split_once(' ').expect("key and value");
        let bytes = |hex| keys::from_place(hex).expect("hex");
        db.insert(bytes(key), bytes(value)).expect("writes");
    }
    db.flush().expect("flushes");
    drop(db);
    let life = InstanceId::new(Timestamp::UNIX_EPOCH);
    let store = SledStore::open(folder.path(), life, Duration::from_secs(30), &Stop::new()).await;
    let store = store.expect("a store of version 1 opens");
    let rows = store.rows(None, 1_000).await.expect("every row is read").rows;
    let exported: Vec<Row> = fixture("export.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row of version 1"))
        .collect();
    assert_eq!(rows, exported);
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
