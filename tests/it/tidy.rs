//! What the tree must keep to: who may import whom, which folder names which crate, how long a
//! file may be, what may not stand in it. Everything found is shown at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// What each part may import, beside itself.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("telemetry", &[]),
    ("net", &[]),
    ("runtime", &[]),
    ("config", &["domain"]),
    ("store", &["domain"]),
    ("matching", &["domain"]),
    ("source", &["domain", "runtime", "net"]),
    ("sentiment", &["domain", "runtime"]),
    ("escalation", &["domain", "store", "runtime"]),
    ("digest", &["domain", "store", "runtime"]),
    ("notify", &["domain", "store", "runtime", "net"]),
    ("pipeline", &["source", "matching", "sentiment", "escalation", "store", "domain", "runtime"]),
    (
        "api",
        &[
            "pipeline",
            "source",
            "matching",
            "sentiment",
            "escalation",
            "notify",
            "digest",
            "store",
            "config",
            "domain",
            "runtime",
        ],
    ),
    ("web", &["api", "domain"]),
    ("cli", &["api", "domain"]),
];

/// What is imported beyond that, and why it is right all the same.
const REASONED: &[(&str, &str, &str)] = &[
    ("runtime", "domain", "a secret is named by the configuration and fetched from the machine"),
    ("store", "runtime", "the wait for the lock is cut by the stop token"),
    ("api", "telemetry", "what is kept out at the door is counted there"),
    ("pipeline", "telemetry", "the stages count what they do"),
    ("sentiment", "telemetry", "reposts are counted where their verdicts are kept"),
    ("escalation", "telemetry", "matters that nobody answered are counted where they expire"),
    ("notify", "telemetry", "attempts are counted where they are made"),
    ("web", "store", "filters and pages are what the functions of the API take"),
    ("web", "sentiment", "texts to score are what the functions of the API take"),
    ("web", "escalation", "who answers is asked of the desk that the API holds"),
    ("web", "notify", "a signed link says what it does"),
    ("web", "digest", "a digest's forms are its own"),
    ("web", "runtime", "listeners close at the stop token; the token is a secret"),
    ("cli", "web", "without a daemon the same routes are called in this process (web::Local)"),
    ("cli", "app", "the command line starts the daemon, and opens the store where none runs"),
    ("cli", "config", "the configuration says where store and socket are"),
    ("cli", "sentiment", "`earmark eval` needs a model and nothing else"),
    (
        "cli",
        "source",
        "`earmark sources` reads saved answers and terms; it needs neither daemon nor configuration",
    ),
    ("cli", "runtime", "`earmark run` pulls the stop token and answers systemd"),
    ("cli", "telemetry", "logs start with the process"),
];

/// Which folder or file alone may name a crate.
const NAMED_IN: &[(&str, &str)] = &[
    ("sled", "src/store/"),
    ("rust_bert", "src/sentiment/bert.rs"),
    ("tch", "src/sentiment/bert.rs"),
    ("axum", "src/web/"),
];

/// Crates of others that the nouns may name.
const DOMAIN_NAMES: &[&str] = &["std", "serde", "jiff", "uuid", "serde_json"];

/// Who may sleep, and why.
const MAY_SLEEP: &[(&str, &str)] = &[
    ("src/app/compaction.rs", "threads of the store that was just closed let go of its lock in real time"),
    ("src/runtime/clock.rs", "the clock: everything else waits through it"),
    (
        "src/source/fetch/gate.rs",
        "the pause between two requests to one host is real time, and its caller is cut",
    ),
    ("src/store/sled.rs", "the pause between two tries at the lock, cut by the stop token"),
    ("src/cli/mentions.rs", "following asks the daemon again each second until Ctrl-C"),
];

/// The only switch of what is built, who alone knows of it, and why.
const MAY_SWITCH: (&str, &str, &str) = (
    "model",
    "src/sentiment/mod.rs",
    "what needs no model, such as the fuzz targets, is built without libtorch",
);

const LONGEST: usize = 500;

struct File {
    /// From the root, with `/`.
    path: String,
    text: String,
    /// Without comments.
    code: String,
}

fn files(folder: &str, comment: &Regex) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = comment.replace_all(&text, "").into_owned();
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push(File { path, text, code });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

/// The part a file belongs to: the folder or file below `src`.
fn part(file: &File) -> &str {
    let below = file.path.strip_prefix("src/").unwrap();
    below.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The parts that a file names: `crate::part` and the names of `use crate::{…}`.
fn imports(code: &str, single: &Regex, group: &Regex) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = single.captures_iter(code).map(|found| found[1].to_owned()).collect();
    for start in group.find_iter(code) {
        let (mut depth, mut name) = (1, String::new());
        for c in code[start.end()..].chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                c if depth == 1 && (c.is_alphanumeric() || c == '_') => {
                    name.push(c);
                    continue;
                }
                ':' | ',' if depth == 1 => {}
                _ => continue,
            }
            // Only the first name of each path is a part.
            if !name.is_empty() {
                found.insert(std::mem::take(&mut name));
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

#[test]
fn the_tree_keeps_to_its_rules() {
    let comment = Regex::new(r"(?m)//.*$").unwrap();
    let sources = files("src", &comment);
    let others: Vec<File> = ["tests", "benches", "fuzz/src", "fuzz/fuzz_targets"]
        .iter()
        .flat_map(|folder| files(folder, &comment))
        .collect();
    let mut wrong: Vec<String> = Vec::new();
    wrong.extend(edges(&sources));
    wrong.extend(crates(&sources));
    wrong.extend(sources.iter().flat_map(waits_and_switches));
    wrong.extend(sources.iter().chain(&others).flat_map(shape));
    assert!(wrong.is_empty(), "{} rules are broken:\n{}", wrong.len(), wrong.join("\n"));
}

fn edges(sources: &[File]) -> Vec<String> {
    let (single, group) = (Regex::new(r"crate::(\w+)").unwrap(), Regex::new(r"crate::\{").unwrap());
    let parts: BTreeSet<&str> = sources.iter().map(part).collect();
    let may: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for known in may.keys().filter(|known| !parts.contains(*known)) {
        wrong.push(format!("tests/it/tidy.rs: there is no part {known}"));
    }
    for file in sources.iter().filter(|file| !matches!(part(file), "main" | "lib" | "app")) {
        let Some(allowed) = may.get(part(file)) else {
            wrong.push(format!("{}: the part {} is not in the table", file.path, part(file)));
            continue;
        };
        for import in imports(&file.code, &single, &group) {
            let reasoned = REASONED.iter().any(|(from, to, _)| *from == part(file) && *to == import);
            if parts.contains(&*import) && import != part(file) && !allowed.contains(&&*import) && !reasoned {
                wrong.push(format!("{}: {} may not import {import}", file.path, part(file)));
            }
        }
    }
    wrong
}

fn crates(sources: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, home) in NAMED_IN {
        // A module of ours of that name has a path in front of it.
        let names = Regex::new(&format!(r"(?m)(?:^|[^\w:])(?:::)?{name}::|\buse {name}\b")).unwrap();
        for file in sources.iter().filter(|file| !file.path.starts_with(home) && names.is_match(&file.code)) {
            wrong.push(format!("{}: only {home} names {name}", file.path));
        }
    }
    let used = Regex::new(r"(?m)^\s*(?:pub )?use (?:::)?([a-z]\w*)").unwrap();
    for file in sources.iter().filter(|file| part(file) == "domain") {
        for found in used.captures_iter(&file.code) {
            let own = matches!(&found[1], "crate" | "super" | "self");
            if !own && !DOMAIN_NAMES.contains(&&found[1]) && !is_test(file) {
                wrong.push(format!("{}: the nouns may not name {}", file.path, &found[1]));
            }
        }
    }
    let metric = Regex::new("\"earmark_[a-z]").unwrap();
    for file in sources.iter().filter(|file| file.path != "src/telemetry/metrics.rs") {
        if metric.is_match(&file.code) {
            wrong.push(format!("{}: a metric's name stands in src/telemetry/metrics.rs only", file.path));
        }
    }
    wrong
}

fn is_test(file: &File) -> bool {
    file.path.ends_with("/tests.rs") || file.path.contains("/tests/")
}

fn waits_and_switches(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    let sleeps = Regex::new(r"\bsleep(_until)?\(").unwrap();
    if sleeps.is_match(&file.code) && !MAY_SLEEP.iter().any(|(path, _)| *path == file.path) {
        wrong.push(format!("{}: sleeps; waits go through the clock or the stop token", file.path));
    }
    let switch = Regex::new(r"cfg!?\((?:all\(|any\()?test\b[^\n]*\n\s*([^\n]*)").unwrap();
    for found in switch.captures_iter(&file.code) {
        if !found[1].starts_with("mod tests") {
            wrong.push(format!("{}: what is tested is what ships: {}", file.path, found[1].trim()));
        }
    }
    let (name, home, _) = MAY_SWITCH;
    let feature = Regex::new(r#"\bfeature\s*=\s*"(\w+)""#).unwrap();
    for found in feature.captures_iter(&file.code) {
        if &found[1] != name || file.path != home {
            wrong.push(format!("{}: is built in two ways, by {}", file.path, &found[1]));
        }
    }
    wrong
}

fn shape(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    if !file.text.starts_with("//!") {
        wrong.push(format!("{}: does not open with //!", file.path));
    }
    let lines = file.text.lines().count();
    if lines > LONGEST {
        wrong.push(format!("{}: {lines} lines, at most {LONGEST}", file.path));
    }
    let unfinished =
        Regex::new(concat!(r"\b(TO", r"DO|FIX", r"ME|XX", r"X)\b|\b(to", r"do|unimple", r"mented)!"))
            .unwrap();
    if let Some(found) = unfinished.find(&file.text) {
        wrong.push(format!("{}: says {}", file.path, found.as_str()));
    }
    wrong
}

#[test]
fn a_reason_is_given_for_what_happens_only() {
    let comment = Regex::new(r"(?m)//.*$").unwrap();
    let sources = files("src", &comment);
    for (path, _) in MAY_SLEEP {
        let file = sources.iter().find(|file| file.path == *path);
        assert!(file.is_some_and(|file| file.code.contains("sleep")), "{path} does not sleep");
    }
    let (feature, home, _) = MAY_SWITCH;
    let switches = format!("feature = \"{feature}\"");
    assert!(
        sources.iter().any(|file| file.path == home && file.code.contains(&switches)),
        "{home} has no switch"
    );
    let (single, group) = (Regex::new(r"crate::(\w+)").unwrap(), Regex::new(r"crate::\{").unwrap());
    let happens = |from: &str, to: &str| {
        let mut of = sources.iter().filter(|file| part(file) == from);
        of.any(|file| imports(&file.code, &single, &group).contains(to))
    };
    let idle: Vec<_> = REASONED.iter().filter(|(from, to, _)| !happens(from, to)).collect();
    assert!(idle.is_empty(), "reasoned and not imported: {idle:?}");
    let both: Vec<_> = REASONED
        .iter()
        .filter(|(from, to, _)| MAY_IMPORT.iter().any(|(part, may)| part == from && may.contains(to)))
        .collect();
    assert!(both.is_empty(), "allowed and reasoned: {both:?}");
}

#[test]
fn imports_are_found_however_they_are_written() {
    let (single, group) = (Regex::new(r"crate::(\w+)").unwrap(), Regex::new(r"crate::\{").unwrap());
    let code = "use crate::domain::id::TopicId;\nuse crate::{net, source::fetch::{Fetcher, gate}, store};\nfn a(b: crate::api::Api) {}";
    let found = imports(code, &single, &group);
    for part in ["domain", "net", "source", "store", "api"] {
        assert!(found.contains(part), "{part} in {found:?}");
    }
}

#[test]
fn kinds_have_names_of_their_own() {
    let sources: Vec<&str> = earmark::source::KINDS.iter().map(|kind| kind.name).collect();
    let channels: Vec<&str> = earmark::notify::KINDS.iter().map(|kind| kind.name).collect();
    for names in [sources, channels] {
        let unique: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        assert!(
            names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')),
            "{names:?}"
        );
    }
}

#[test]
fn every_metric_is_named_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("src/telemetry/metrics.rs")).unwrap();
    let name = Regex::new("\"(earmark_[a-z_]+)\"").unwrap();
    let names: Vec<String> = name.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    let unique: BTreeSet<&String> = names.iter().collect();
    assert!(names.len() > 5, "{names:?}");
    assert_eq!(unique.len(), names.len(), "{names:?}");
}
