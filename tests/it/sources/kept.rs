//! The inputs that fuzzing begins with (`fuzz/corpus/json_answers`): each is an answer of its kind and no
//! other bytes, or fuzzing begins at nothing.

use std::path::Path;

use earmark::source::{Answer, Settings, kind};
use serde_json::json;

#[test]
fn what_fuzzing_begins_with_holds_posts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/json_answers");
    let (mut read, mut without) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("a file").path();
        let input = std::fs::read(&path).expect("its bytes");
        let end = input.iter().position(|byte| *byte == b'\n').unwrap_or_default();
        let head = String::from_utf8_lossy(&input[..end]);
        let Some((kind, "200")) = head.split_once(' ').and_then(|(name, status)| Some((kind(name)?, status)))
        else {
            continue;
        };
        let parse = kind.parse.expect("it reads answers");
        let settings = Settings { id: "kept".into(), params: json!({}) };
        let parsed = parse(&Answer::saved(&input[end + 1..]), &settings);
        read += 1;
        if parsed.posts.is_empty() {
            without.push((path, parsed));
        }
    }
    assert!(read > 20, "only {read} inputs were found");
    assert!(without.is_empty(), "{without:#?}");
}
