//! The reader over recorded documents of real feeds, against a second opinion on each. Prints a
//! table of rates and holds them above a floor.

#![expect(clippy::print_stdout, reason = "the table is what this test is read for")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use earmark::source::feed::charset;
use earmark::source::feed::document::{self, Entry};
use earmark::source::text;
use serde_json::Value;

/// Beside the checkout in which the tests run, which need not be the one they were built in.
fn folder() -> PathBuf {
    let checkout = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    checkout.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()).join("../shared/fixtures/feeds")
}

#[derive(Default)]
struct Rate {
    right: usize,
    all: usize,
}

impl Rate {
    fn count(&mut self, right: bool) {
        self.all += 1;
        self.right += usize::from(right);
    }

    fn share(&self) -> f64 {
        if self.all == 0 { 1.0 } else { self.right as f64 / self.all as f64 }
    }
}

/// White space, markup and references folded away: opinions differ on whether a title is HTML.
fn folded(text: &str) -> String {
    text::line_from_html(&text::line_from_html(text)).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn same(ours: Option<&str>, theirs: &str) -> bool {
    let ours = ours.unwrap_or_default();
    // The other reader mends double encodings too, but not all of them.
    let theirs = charset::mended(theirs.trim().to_owned());
    ours.trim() == theirs || folded(ours) == folded(&theirs)
}

/// Fields whose opinions agree, and those that were asked.
fn compare(ours: &Entry, theirs: &Value, rates: &mut BTreeMap<&str, Rate>, differences: &mut Vec<String>) {
    let theirs = |name: &str| theirs.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut check = |name: &'static str, right: bool, ours: &str, theirs: &str| {
        rates.entry(name).or_default().count(right);
        if !right {
            differences.push(format!("{name}: {ours:?} for {theirs:?}"));
        }
    };
    let title = theirs("title");
    check("title", same(ours.title.as_deref(), title), ours.title.as_deref().unwrap_or_default(), title);
    let (link, guid) = (theirs("link"), theirs("id"));
    // The other reader takes any GUID for a link where there is none.
    if !link.is_empty() && (link != guid || link.starts_with("http")) {
        check("link", same(ours.link.as_deref(), link), ours.link.as_deref().unwrap_or_default(), link);
    }
    if !guid.is_empty() {
        // The other reader resolves GUIDs like links.
        check(
            "id",
            same(ours.guid.as_deref(), guid) || same(ours.guid.as_deref(), guid.trim_start_matches('/')),
            ours.guid.as_deref().unwrap_or_default(),
            guid,
        );
    }
    let date = if theirs("published").is_empty() { theirs("updated") } else { theirs("published") };
    if !date.is_empty() {
        let ours = ours.date.map(|date| date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
        check("date", ours == date, &ours, date);
    }
}

#[test]
fn agrees_with_a_second_opinion_on_recorded_documents() {
    let folder = folder();
    let Ok(index) = fs::read_to_string(folder.join("index.jsonl")) else {
        println!("skipped: the recorded documents are not here ({})", folder.display());
        return;
    };
    let show = std::env::var_os("EARMARK_TEST_DIFFERENCES").is_some();
    let (mut rates, mut ill, mut expected_counts) = (BTreeMap::new(), Rate::default(), Rate::default());
    let (mut counts, mut unread, mut documents) = (Rate::default(), 0, 0);
    for line in index.lines() {
        let row: Value = serde_json::from_str(line).expect("a row of the index");
        let name = row["file"].as_str().expect("a file name");
        let body = fs::read(folder.join(name)).expect("a document of the index");
        let content_type = row["headers"]["content-type"].as_str();
        documents += 1;
        let read = document::read(&body, content_type, None);
        assert!(!matches!(read, Err(document::Unreadable::Panicked)), "{name}: the reader panicked");
        let document = read.unwrap_or_else(|unreadable| {
            unread += 1;
            if show {
                println!("{name}: {unreadable}");
            }
            document::Document::default()
        });
        if let Some(count) = row["expected"]["entry_count"].as_u64() {
            let right = document.entries.len() as u64 == count;
            expected_counts.count(right);
            if show && !right {
                println!("{name}: {} entries, the origin expects {count}", document.entries.len());
            }
        }
        let reference = &row["reference_parse"];
        let Some(count) = reference["entry_count"].as_u64() else { continue };
        let right = document.entries.len() as u64 == count;
        let ill_formed = reference["bozo"].as_bool() == Some(true);
        if ill_formed { &mut ill } else { &mut counts }.count(right);
        if show && !right {
            println!("{name}: {} entries for {count} (ill-formed: {ill_formed})", document.entries.len());
        }
        if ill_formed {
            continue;
        }
        let theirs = reference["entries"].as_array().expect("a list");
        for (number, theirs) in theirs.iter().enumerate() {
            let nothing = Entry::default();
            let mut differences = Vec::new();
            let ours = document.entries.get(number).unwrap_or(&nothing);
            compare(ours, theirs, &mut rates, &mut differences);
            rates.entry("all four").or_default().count(differences.is_empty());
            if show && !differences.is_empty() {
                println!("{name} #{number}: {}", differences.join("; "));
            }
        }
    }
    println!("{documents} documents, {unread} of them no feed");
    println!("{:<34}{:>8}{:>8}{:>8}", "", "agree", "of", "rate");
    let print = |name: &str, rate: &Rate| {
        println!("{name:<34}{:>8}{:>8}{:>7.1}%", rate.right, rate.all, rate.share() * 100.0);
    };
    for (name, rate) in &rates {
        print(&format!("well-formed, entries: {name}"), rate);
    }
    print("well-formed, number of entries", &counts);
    print("ill-formed, number of entries", &ill);
    print("number of entries, by the origin", &expected_counts);
    assert!(rates["all four"].share() >= 0.97, "entries of well-formed documents");
    assert!(counts.share() >= 0.97, "numbers of entries of well-formed documents");
    assert!(ill.share() >= 0.80, "numbers of entries of ill-formed documents");
}
