//! Posts that are pushed, and files that grow, turn over and are torn.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use earmark::domain::post::PostKind;
use earmark::net;
use earmark::net::standard_webhooks::{ID, Key, SIGNATURE, TIMESTAMP, sign};
use earmark::source::fetch::Fetcher;
use earmark::source::{
    Answer, Batch, Built, Position, Push, Pushed, Refusal, Settings, Source, SourceError, Tools, kind,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

fn build(name: &str, params: Value) -> Built {
    let settings = Settings { id: "ours".into(), params };
    let kind = kind(name).expect("in the list");
    let problems = (kind.check)(&settings);
    assert!(problems.is_empty(), "{problems}");
    (kind.build)(
        &settings,
        &Tools {
            fetch: Arc::new(Fetcher::new(net::Client::new(&net::Settings::new("")).expect("a client"))),
        },
    )
    .expect("a source")
}

fn noon() -> Timestamp {
    "2025-01-01T12:00:00Z".parse().expect("a time")
}

const NEW: &str = "whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcyE=";
const OLD: &str = "whsec_b2xkIHNlY3JldCBvZiAyNCBieXRlcyE=";

struct Hook {
    push: Box<dyn Push>,
    _folder: TempDir,
}

impl Hook {
    fn new(more: Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, secret: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("{secret}\n")).expect("written");
            json!({ "file": path })
        };
        let mut params = json!({ "secret": file("new", NEW), "previous_secret": file("old", OLD) });
        params.as_object_mut().expect("a table").extend(more.as_object().cloned().unwrap_or_default());
        let Built::Push(push) = build("webhook", params) else { panic!("a pushed source") };
        Self { push, _folder: folder }
    }

    fn send(
        &self,
        secret: &str,
        signed_at: Timestamp,
        body: &str,
    ) -> Result<Vec<earmark::domain::post::Post>, Refusal> {
        let signature = sign(&Key::new(secret).expect("a secret"), "msg_1", signed_at, body.as_bytes());
        let headers =
            [(ID, "msg_1".into()), (TIMESTAMP, signed_at.as_second().to_string()), (SIGNATURE, signature)]
                .map(|(name, value)| (name.to_owned(), value));
        self.push.receive(Pushed { headers: &headers, body: body.as_bytes() }, noon())
    }

    fn malformed(&self, body: &str) -> String {
        match self.send(NEW, noon(), body) {
            Err(Refusal::Malformed(why)) => why,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_push_is_taken_with_either_secret_and_refused_with_another_or_late() {
    let hook = Hook::new(json!({}));
    let body = r#"{"text": "the app is down"}"#;
    for secret in [NEW, OLD] {
        let posts = hook.send(secret, noon(), body).expect("taken");
        assert_eq!((posts.len(), posts[0].id.as_str(), posts[0].kind), (1, "msg_1/0", PostKind::Ticket));
    }
    let stranger = hook.send("whsec_c3RyYW5nZXIgb2YgMjQgYnl0ZXMhISE=", noon(), body);
    assert!(matches!(stranger, Err(Refusal::Unsigned(_))), "{stranger:?}");
    for minutes in [-6, 6] {
        let late = hook.send(NEW, noon() + SignedDuration::from_mins(minutes), body);
        assert!(matches!(late, Err(Refusal::Unsigned(_))), "{late:?}");
    }
    let unsigned = hook.push.receive(Pushed { headers: &[], body: body.as_bytes() }, noon());
    assert!(matches!(unsigned, Err(Refusal::Unsigned(_))));
}

#[test]
fn every_form_of_body_is_read() {
    let hook = Hook::new(json!({ "site": "help.example", "fields": { "text": "/ticket/words" } }));
    let record = |n: u32| json!({ "ticket": { "words": format!("words {n}") }, "user": "ann" });
    let lines = format!("{}\n\n{}\r\n", record(1), record(2));
    for (body, count) in [
        (record(1).to_string(), 1),
        (json!([record(1), record(2)]).to_string(), 2),
        (json!({ "posts": [record(1), record(2)] }).to_string(), 2),
        (lines, 2),
    ] {
        let posts = hook.send(NEW, noon(), &body).expect("taken");
        assert_eq!(posts.len(), count, "{body}");
        assert_eq!((posts[0].text.as_str(), posts[0].site.as_str()), ("words 1", "help.example"));
        let again = hook.send(NEW, noon(), &body).expect("taken");
        assert_eq!(posts, again, "tried again it is the same posts");
    }
}

#[test]
fn a_body_with_a_fault_is_refused_whole_and_every_fault_is_named() {
    let hook = Hook::new(json!({}));
    let said = hook
        .malformed(r#"[{"text": "good"}, {"text": "x", "url": "ftp://secret"}, {"created_at": "soon"}, 5]"#);
    for part in ["/1/url", "/2/created_at", "/2: has neither", "/3: a record must be"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("secret"), "{said}");
    assert!(hook.malformed("{\"text\": \"a\"}\n{\"text\": \"half").contains("line 2"));
    assert!(hook.malformed(r#"{"posts": [{"id": 1}]}"#).contains("/posts/0"));
    for body in ["", "[]", "{", "7", "text=form"] {
        hook.malformed(body);
    }
    let many = json!(vec![json!({ "text": "x" }); 1_001]).to_string();
    assert!(hook.malformed(&many).contains("1001"));
    assert!(hook.malformed(&" ".repeat(5 << 20)).contains("bytes"));
}

#[test]
fn settings_of_a_push_name_a_secret_and_never_hold_one() {
    let check = |params| {
        (kind("webhook").expect("in the list").check)(&Settings { id: "w".into(), params }).to_string()
    };
    assert!(check(json!({})).contains("secret: is missing"));
    let said = check(json!({ "secret": "hunter2", "tolerence": "5m" }));
    assert!(
        said.contains("never stands") && said.contains("\"tolerance\"") && !said.contains("hunter2"),
        "{said}"
    );
}

struct Files {
    folder: TempDir,
    source: Box<dyn Source>,
    position: Position,
    now: Timestamp,
}

impl Files {
    fn new(path: &str, more: Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = json!({ "path": folder.path().join(path) });
        params.as_object_mut().expect("a table").extend(more.as_object().cloned().unwrap_or_default());
        let Built::Pull(source) = build("file", params) else { panic!("a pulled source") };
        Self { folder, source, position: Position::default(), now: noon() }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), bytes).expect("written");
    }

    fn append(&self, name: &str, bytes: &str) {
        use std::io::Write as _;
        let mut file =
            fs::File::options().append(true).create(true).open(self.folder.path().join(name)).expect("open");
        file.write_all(bytes.as_bytes()).expect("written");
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn look(&mut self) -> Result<Batch, SourceError> {
        let batch = self.source.poll(&self.position, self.now).await?;
        self.position = batch.position.clone();
        Ok(batch)
    }

    async fn texts(&mut self) -> Vec<String> {
        let batch = self.look().await.expect("readable");
        assert!(!batch.more);
        batch.posts.into_iter().map(|post| post.text).collect()
    }

    fn later(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }
}

fn line(text: &str) -> String {
    format!("{}\n", json!({ "text": text }))
}

#[tokio::test]
async fn a_growing_file_is_followed_line_by_whole_line() {
    let mut files = Files::new("app.jsonl", json!({}));
    let missing = files.look().await.expect_err("not there yet");
    assert!(missing.what.contains("app.jsonl"), "{missing}");
    files.write("app.jsonl", line("one"));
    assert_eq!(files.texts().await, ["one"]);
    assert_eq!(files.texts().await, [""; 0]);
    files.append("app.jsonl", "{\"text\": \"tw");
    assert_eq!(files.texts().await, [""; 0]);
    files.later(3_600);
    assert_eq!(files.texts().await, [""; 0], "half a line waits for as long as it takes");
    files.append("app.jsonl", "o\"}\n\n{\"text\": \"three\"}");
    assert_eq!(files.texts().await, ["two"]);
    files.later(59);
    assert_eq!(files.texts().await, [""; 0]);
    files.later(1);
    assert_eq!(files.texts().await, ["three"], "whole, and nothing was added for a minute");
    files.append("app.jsonl", "\n{\"text\": \"four\"}\n");
    assert_eq!(files.texts().await, ["four"]);
}

#[tokio::test]
async fn a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_start() {
    let mut files = Files::new("app.jsonl", json!({}));
    files.write("app.jsonl", line("one"));
    assert_eq!(files.texts().await, ["one"]);
    files.append("app.jsonl", &line("two"));
    fs::rename(files.path().join("app.jsonl"), files.path().join("app.jsonl.1")).expect("renamed");
    files.write("app.jsonl", line("three"));
    assert_eq!(files.texts().await, ["two", "three"]);
    files.append("app.jsonl.1", &line("late"));
    files.append("app.jsonl", &line("four"));
    assert_eq!(files.texts().await, ["late", "four"]);
    files.later(61);
    files.texts().await;
    files.later(61);
    files.texts().await;
    let cursor = files.position.cursor.clone().expect("kept");
    assert!(!cursor.contains("app.jsonl.1"), "let go: {cursor}");
}

#[tokio::test]
async fn a_file_that_was_cut_or_written_over_is_read_anew() {
    let mut files = Files::new("app.jsonl", json!({}));
    files.write("app.jsonl", line("one") + &line("two"));
    assert_eq!(files.texts().await, ["one", "two"]);
    files.write("app.jsonl", line("new"));
    assert_eq!(files.texts().await, ["new"], "shorter than before");
    files.write("app.jsonl", line("old") + &line("more") + &line("and more"));
    assert_eq!(files.texts().await, ["old", "more", "and more"], "longer, with other bytes");
}

#[tokio::test]
async fn a_table_with_quotes_line_ends_and_old_letters_is_read() {
    let mut files = Files::new("survey.csv", json!({ "kind": "review", "fields": { "text": "Was fehlt?" } }));
    let head = "\u{feff}ID;Was fehlt?;User\r\n";
    files.write(
        "survey.csv",
        format!("{head}1;\"two\nlines; and \"\"quotes\"\"\";ann\r\n2;a 5\" screen;bo\r\n3;\"half"),
    );
    let batch = files.look().await.expect("readable");
    assert_eq!(batch.rejects, []);
    let posts: Vec<(&str, &str)> =
        batch.posts.iter().map(|post| (post.id.as_str(), post.text.as_str())).collect();
    assert_eq!(posts, [("1", "two\nlines; and \"quotes\""), ("2", "a 5\" screen")]);
    assert!(batch.posts.iter().all(|post| post.kind == PostKind::Review));
    files.append("survey.csv", "\n and whole\";cy\n4;too;many;cells\n");
    let batch = files.look().await.expect("readable");
    assert_eq!(batch.posts[0].text, "half\n and whole");
    assert_eq!((batch.rejects.len(), batch.rejects[0].at.as_str()), (1, "line 7"));

    let mut files = Files::new("old.csv", json!({}));
    files.write("old.csv", b"text,author\ncaf\xe9 \x80,Andr\xe9\n");
    let batch = files.look().await.expect("readable");
    assert_eq!((batch.posts[0].text.as_str(), batch.posts[0].author.as_deref()), ("café €", Some("André")));
}

#[tokio::test]
async fn a_table_that_is_written_piece_by_piece_gives_each_row_once() {
    for seed in 1..=20_u64 {
        let mut state = seed;
        let mut dice = move |sides: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % sides
        };
        let cells = ["a", "b,c", "line\nend", "\"quoted\"", "=1+1", "\r\n", "x\"y", "é"];
        let texts: Vec<String> = (0..30)
            .map(|_| (0..=dice(3)).map(|_| cells[dice(cells.len())]).collect::<String>() + ".")
            .collect();
        let table = texts.iter().enumerate().fold(String::from("text,id\n"), |table, (id, text)| {
            format!("{table}\"{}\",{id}\n", text.replace('"', "\"\""))
        });
        let mut files = Files::new("t.csv", json!({}));
        let mut given = Vec::new();
        let mut rest = table.as_bytes();
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(rest.len().min(1 + dice(40)));
            rest = left;
            use std::io::Write as _;
            let path = files.path().join("t.csv");
            let mut file = fs::File::options().append(true).create(true).open(path).expect("open");
            file.write_all(piece).expect("written");
            given.extend(files.texts().await);
        }
        assert_eq!(given, texts, "seed {seed}");
    }
}

#[tokio::test]
async fn a_stray_quote_costs_one_row_and_not_the_rest() {
    let mut files = Files::new("a.csv", json!({}));
    files.write("a.csv", "text\n\"stray\ngood\nfine\n");
    assert_eq!(files.texts().await, [""; 0], "the cell may still be closed");
    files.later(601);
    let batch = files.look().await.expect("readable");
    assert_eq!(batch.rejects[0].at, "line 2");
    assert_eq!(batch.posts.iter().map(|post| post.text.as_str()).collect::<Vec<_>>(), ["good", "fine"]);
}

#[tokio::test]
async fn a_bad_line_is_rejected_with_its_place_and_the_rest_is_read() {
    let mut files = Files::new("a.jsonl", json!({}));
    let long = json!({ "text": "x".repeat(1 << 20) });
    files.write("a.jsonl", format!("{}{{oops\n{long}\n[1]\n{}", line("one"), line("two")));
    let batch = files.look().await.expect("readable");
    assert_eq!(batch.posts.len(), 2);
    let places: Vec<&str> = batch.rejects.iter().map(|reject| reject.at.as_str()).collect();
    assert_eq!(places, ["line 2", "line 3", "line 4"]);

    let mut files = Files::new("wide.csv", json!({}));
    files.write("wide.csv", b"\xff\xfet\0e\0x\0t\0\n\0");
    let batch = files.look().await.expect("readable");
    assert!(batch.rejects[0].why.contains("UTF-16"), "{:?}", batch.rejects);
    assert_eq!(files.look().await.expect("readable").rejects, [], "told once");
}

#[tokio::test]
async fn a_folder_is_read_in_name_order_and_a_hundred_thousand_lines_in_bounded_batches() {
    let mut files = Files::new("", json!({}));
    let mut big = String::new();
    for n in 0..100_000 {
        let _ = writeln!(big, "{{\"id\": {n}, \"text\": \"words {n}\"}}");
    }
    files.write("b.jsonl", big);
    files.write("a.csv", "id,text\nfirst,words\n");
    files.write(".c.jsonl", line("hidden"));
    files.write("notes.txt", "not ours");
    let mut ids = Vec::new();
    let mut looks = 0;
    loop {
        let batch = files.look().await.expect("readable");
        assert!(batch.posts.len() <= 500 && batch.rejects.is_empty());
        ids.extend(batch.posts.into_iter().map(|post| post.id));
        looks += 1;
        if !batch.more {
            break;
        }
    }
    assert!(looks >= 200, "{looks}");
    assert_eq!(ids[0], "first");
    assert!(ids[1..].iter().enumerate().all(|(n, id)| *id == n.to_string()) && ids.len() == 100_001);
    files.write("aa.jsonl", line("dropped later"));
    assert_eq!(files.texts().await, ["dropped later"]);
    let missing = files.path().join("b.jsonl");
    fs::rename(missing, files.path().join("z.jsonl")).expect("renamed");
    assert_eq!(files.texts().await, [""; 0], "a new name is no new file");
}

#[tokio::test]
async fn paced_records_wait_for_their_time() {
    let mut files = Files::new("sample.jsonl", json!({ "pace": true }));
    let at = |after: &str, text: &str| format!("{}\n", json!({ "after": after, "text": text }));
    files.write("sample.jsonl", at("0s", "one") + &at("90s", "two") + &at("2m", "three"));
    let batch = files.look().await.expect("readable");
    assert_eq!((batch.posts.len(), batch.more, batch.posts[0].created_at), (1, false, Some(noon())));
    files.later(89);
    assert_eq!(files.texts().await, [""; 0]);
    files.later(1);
    assert_eq!(files.texts().await, ["two"]);
    files.later(3_600);
    let batch = files.look().await.expect("readable");
    assert_eq!(batch.posts[0].created_at, Some(noon() + SignedDuration::from_mins(2)));
}

#[test]
fn a_saved_file_is_parsed_whole() {
    use earmark::source::file::parse;
    let settings = Settings { id: "f".into(), params: json!({}) };
    let parse = |url, body| parse(&Answer { url: Some(url), ..Answer::saved(body) }, &settings);
    let parsed = parse("a.csv", b"text\n\"stray\ngood\nlast");
    assert_eq!((parsed.posts.len(), parsed.rejects.len()), (2, 1), "{parsed:?}");
    let parsed = parse("saved", b"{\"text\": \"one\"}\n{\"text\": \"tw");
    assert_eq!((parsed.posts.len(), parsed.rejects[0].at.as_str()), (1, "line 2"));
}

#[test]
fn settings_of_a_file_are_checked() {
    let check =
        |params| (kind("file").expect("in the list").check)(&Settings { id: "f".into(), params }).to_string();
    assert!(check(json!({})).contains("path: is missing"));
    let said = check(json!({ "path": "a", "format": "cvs", "pace": 1, "fields": "text", "interval": "0s" }));
    for part in ["did you mean \"csv\"", "pace:", "fields:", "interval:"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
