//! Feeds beside Python's `feedparser`: documents and megabytes a second from bytes to posts, HTML turned into
//! text, next to `feedparser.parse` with its usual cleaning, over the same documents with the same content
//! types, each on one core.
//!
//! Both hold all documents in memory and take turns, so that a machine that is busy for a while is busy for
//! both; of each one's rounds the best counts. `feedparser` reads no JSON Feed, so those are left out for both.
//!
//! ```text
//! make peer-feeds                          # with the Python it wants
//! FEEDS=folder ROUNDS=9 make peer-feeds    # other documents, more rounds
//! ```

#![expect(clippy::print_stdout, reason = "the table is what this is run for")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use earmark::source::{Answer, Kind, Settings, kind};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

/// The usual number of turns.
const ROUNDS: usize = 5;

/// Which Python to ask; `make peer-feeds` names it.
const PYTHON: &str = "EARMARK_PEER_PYTHON";

struct Document {
    body: Vec<u8>,
    headers: Vec<(String, String)>,
}

/// What one turn took, and what it found.
#[derive(Clone, Copy)]
struct Turn {
    clock: f64,
    cpu: f64,
    entries: u64,
    failed: u64,
}

fn main() {
    let Some(python) = std::env::var_os(PYTHON) else {
        println!("skipped: {PYTHON} names no Python with feedparser; `make peer-feeds` sets one up");
        return;
    };
    let folder = std::env::var_os("FEEDS").filter(|folder| !folder.is_empty()).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/feeds"),
        PathBuf::from,
    );
    let mut documents = recorded(&folder);
    let from =
        if documents.is_empty() { "made here".to_owned() } else { format!("from {}", folder.display()) };
    if documents.is_empty() {
        documents = made();
    }
    let bytes: usize = documents.iter().map(|document| document.body.len()).sum();
    let megabytes = bytes as f64 / 1e6;
    println!("{} documents {from}, {megabytes:.2} MB", documents.len());
    let rounds = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut peer = Peer::start(&python, &documents);
    println!("{}", peer.name);
    let kind = kind("feed").expect("the kind is listed");
    // The first turn of each warms it up.
    ours(kind, &documents);
    peer.turn();
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        own.push(ours(kind, &documents));
        theirs.push(peer.turn());
    }
    peer.end();
    println!(
        "{:<12}{:>14}{:>10}{:>14}{:>10}{:>9}{:>8}",
        "", "documents/s", "MB/s", "per CPU s", "MB", "entries", "failed"
    );
    let best = |turns: &[Turn], of: fn(&Turn) -> f64| turns.iter().map(of).fold(f64::INFINITY, f64::min);
    for (name, turns) in [("earmark", &own), ("feedparser", &theirs)] {
        let (clock, cpu, count) = (best(turns, |t| t.clock), best(turns, |t| t.cpu), documents.len() as f64);
        println!(
            "{name:<12}{:>14.0}{:>10.2}{:>14.0}{:>10.2}{:>9}{:>8}",
            count / clock,
            megabytes / clock,
            count / cpu,
            megabytes / cpu,
            turns[0].entries,
            turns[0].failed
        );
    }
    println!(
        "{:.1} times by the clock, {:.1} times by the processor, best of {} turns each",
        best(&theirs, |t| t.clock) / best(&own, |t| t.clock),
        best(&theirs, |t| t.cpu) / best(&own, |t| t.cpu),
        own.len()
    );
}

fn ours(kind: &Kind, documents: &[Document]) -> Turn {
    let parse = kind.parse.expect("feeds are read");
    let settings = Settings { id: "feeds".into(), params: json!({ "url": "https://acme.example/feed" }) };
    let (began, used) = (Instant::now(), cpu());
    let (mut entries, mut failed) = (0, 0);
    for document in documents {
        let answer = Answer { headers: &document.headers, ..Answer::saved(&document.body) };
        let parsed = std::hint::black_box(parse(&answer, &settings));
        entries += parsed.posts.len() as u64;
        failed += u64::from(parsed.nothing.is_some());
    }
    Turn { clock: began.elapsed().as_secs_f64(), cpu: (cpu() - used).as_secs_f64(), entries, failed }
}

fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the system counts");
    let of = |time: TimeVal| {
        Duration::from_micros(time.tv_sec().unsigned_abs() * 1_000_000 + time.tv_usec().unsigned_abs())
    };
    of(usage.user_time()) + of(usage.system_time())
}

/// Another process, given the documents once and then told when its turn is.
struct Peer {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    name: String,
}

impl Peer {
    fn start(python: &std::ffi::OsStr, documents: &[Document]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/feed_peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python that was named");
        let mut to = child.stdin.take().expect("piped");
        let from = BufReader::new(child.stdout.take().expect("piped"));
        let all: Vec<Value> = documents
            .iter()
            .map(|document| {
                let headers: serde_json::Map<String, Value> =
                    document.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                json!({ "body": STANDARD.encode(&document.body), "headers": headers })
            })
            .collect();
        writeln!(to, "{}", Value::Array(all)).expect("the peer listens");
        let mut peer = Self { child, to, from, name: String::new() };
        peer.name = peer.line();
        peer
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("the peer answers");
        line.trim().to_owned()
    }

    fn turn(&mut self) -> Turn {
        writeln!(self.to, "go").expect("the peer listens");
        let said: Value = serde_json::from_str(&self.line()).expect("the peer says what it took");
        let number = |name: &str| said[name].as_f64().expect("a number");
        let count = |name: &str| said[name].as_u64().expect("a count");
        Turn {
            clock: number("clock"),
            cpu: number("cpu"),
            entries: count("entries"),
            failed: count("failed"),
        }
    }

    fn end(mut self) {
        drop(self.to);
        self.child.wait().expect("the peer ends when nobody speaks to it");
    }
}

/// The documents of a folder with an index, but for those in JSON.
fn recorded(folder: &Path) -> Vec<Document> {
    let Ok(index) = std::fs::read_to_string(folder.join("index.jsonl")) else { return Vec::new() };
    let rows = index.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    rows.filter_map(|row| {
        let body = std::fs::read(folder.join(row["file"].as_str()?)).ok()?;
        let said = row["headers"]["content-type"].as_str();
        let headers = said.map(|said| ("content-type".to_owned(), said.to_owned())).into_iter().collect();
        Some(Document { body, headers })
    })
    .filter(|document| !matches!(document.body.trim_ascii_start().first(), Some(b'{' | b'[')))
    .collect()
}

/// Blogs of our own making, of different length and both forms.
fn made() -> Vec<Document> {
    let words = "<p>The Acme app &amp; the Globex one: <a href=\"/compare\">compared</a>, at length.</p>";
    let escaped = words.replace('&', "&amp;").replace('<', "&lt;");
    let document = |number: usize| {
        let (entries, length) = (5 + number % 40, 1 + number % 25);
        let words = escaped.repeat(length);
        let rss = number.is_multiple_of(2);
        let entries = (0..entries).map(|n| {
            let link = format!("https://acme.example/{number}/{n}");
            if rss {
                format!(
                    "<item><title>Entry {n}</title><link>{link}</link><guid>{link}</guid>\
                     <pubDate>Wed, 04 Mar 2026 10:00:00 GMT</pubDate><description>{words}</description></item>"
                )
            } else {
                format!(
                    "<entry><title>Entry {n}</title><link href=\"{link}\"/><id>{link}</id>\
                     <updated>2026-03-04T10:00:00Z</updated><content type=\"html\">{words}</content></entry>"
                )
            }
        });
        let entries: String = entries.collect();
        let body = if rss {
            format!("<rss version=\"2.0\"><channel><title>Acme</title>{entries}</channel></rss>")
        } else {
            format!(
                "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>Acme</title><id>acme</id>{entries}</feed>"
            )
        };
        Document { body: body.into_bytes(), headers: vec![("content-type".into(), "application/xml".into())] }
    };
    (0..200).map(document).collect()
}
