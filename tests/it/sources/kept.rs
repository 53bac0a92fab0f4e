//! The inputs that fuzzing begins with (`fuzz/corpus`): each of `json_answers` is an answer of its kind and no
//! other bytes, or fuzzing begins at nothing; each mail, those that once were findings among them, is read to
//! its end.

use std::path::{Path, PathBuf};

use earmark::source::{Answer, Settings, kind};
use serde_json::json;

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(folder).expect("the folder");
    entries.map(|entry| entry.expect("a file").path()).collect()
}

#[test]
fn what_fuzzing_begins_with_holds_posts() {
    let (mut read, mut without) = (0, Vec::new());
    for path in inputs("json_answers") {
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

#[test]
fn kept_mails_are_read_to_their_end() {
    let parse = kind("imap").and_then(|kind| kind.parse).expect("it reads mails");
    let settings = Settings { id: "kept".into(), params: json!({}) };
    let mails: Vec<Vec<u8>> =
        inputs("mail").iter().map(|path| std::fs::read(path).expect("its bytes")).collect();
    let told = |mail: &Vec<u8>| {
        let parsed = parse(&Answer::saved(mail.get(1..).unwrap_or_default()), &settings);
        !parsed.posts.is_empty() || !parsed.rejects.is_empty() || parsed.nothing.is_some()
    };
    assert!(mails.len() > 5 && mails.iter().all(told), "{} mails", mails.len());
}
