//! One record that somebody wrote (a JSON object, a row of a CSV file) → one [`Post`]. Shared by the
//! webhook, by files and by `earmark import`, so that a record means the same on every way in.
//!
//! The fields are those that `earmark sources parse` prints, with `site` and `reach`. Names that
//! tables in the wild use are known too ([`FIELDS`]); others are mapped, `fields = { text = "comment" }`,
//! and into nested JSON by a pointer, `fields = { text = "/answer/body" }`. A field mapped to a column that
//! is not there is not read. Fields nobody asked for are left alone, for a table may hold more than we want.
//!
//! A record needs words: a title or a text, unless it says that the post was deleted. One that has a date,
//! a link or a kind that cannot be read is rejected with the reason and not guessed at: a guess would be
//! found out in a digest, months later.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Post;
pub use super::answer::Parsed;
use super::params::Params;
use crate::domain::id::SourceId;
use crate::domain::post::PostKind;

pub mod date;
pub mod table;

/// Our name of a field, then the names under which it is found as well, best first.
pub const FIELDS: &[(&str, &[&str])] = &[
    ("id", &["guid", "uuid", "post_id", "message_id", "ticket_id", "review_id"]),
    ("version", &["revision"]),
    ("kind", &[]),
    ("url", &["link", "permalink", "href"]),
    ("author", &["user", "username", "user_name", "author_name", "screen_name", "from"]),
    (
        "created_at",
        &["date", "time", "timestamp", "published", "published_at", "created", "posted_at", "datetime"],
    ),
    ("title", &["subject", "headline"]),
    ("text", &["message", "body", "content", "comment", "tweet", "review", "description"]),
    ("lang", &["language"]),
    ("parent", &["parent_id", "reply_to", "in_reply_to"]),
    ("deleted", &[]),
    ("site", &[]),
    ("reach", &["followers", "audience"]),
];

/// What the records of one source have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Whose posts they become.
    pub source: SourceId,
    /// What they are unless they say so.
    pub kind: PostKind,
    /// Where they stand unless they say so, or their link does.
    pub site: Option<String>,
    /// Our name of a field → theirs, or a JSON pointer.
    pub fields: BTreeMap<String, String>,
}

impl Shape {
    /// Records that keep to the known names.
    pub fn new(source: SourceId, kind: PostKind) -> Self {
        Self { source, kind, site: None, fields: BTreeMap::new() }
    }

    /// Reads `kind`, `site` and `fields` of a source's settings.
    pub fn read(source: &SourceId, default: PostKind, params: &mut Params<'_>) -> Self {
        let words = PostKind::ALL.map(|kind| (kind.as_str(), kind));
        let kind = params.word("kind", &words).unwrap_or(default);
        let site = params.text("site").map(site_of);
        let mut fields = BTreeMap::new();
        match params.value("fields").map(|value| (value, value.as_object())) {
            None => {}
            Some((_, Some(table))) => {
                for (ours, theirs) in table {
                    let key = format!("fields.{ours}");
                    match theirs.as_str() {
                        _ if !FIELDS.iter().any(|(name, _)| name == ours) => {
                            let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
                            params.fault(
                                &key,
                                "a post has no such field",
                                format!("known: {}", names.join(", ")),
                            );
                        }
                        Some(theirs) if !theirs.is_empty() => {
                            fields.insert(ours.clone(), theirs.to_owned());
                        }
                        _ => params.fault(&key, "must name a column in quotes", ""),
                    }
                }
            }
            Some((value, None)) => {
                params.fault(
                    "fields",
                    format!("{value} is no table"),
                    "write fields = { text = \"comment\" }",
                );
            }
        }
        Self { source: source.clone(), kind, site, fields }
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer inside the record, or the column's name; empty for the record as a whole.
    pub at: String,
    /// A fragment; no post text.
    pub why: String,
}

impl Parsed {
    /// Adds a record's outcome, found at `at`.
    pub fn take(&mut self, at: &str, outcome: Result<Post, Vec<Fault>>) {
        match outcome {
            Ok(post) => self.posts.push(post),
            Err(faults) => self.reject(at, words(&faults)),
        }
    }
}

/// All faults of a record in one line.
pub fn words(faults: &[Fault]) -> String {
    let said: Vec<String> = faults
        .iter()
        .map(
            |fault| {
                if fault.at.is_empty() { fault.why.clone() } else { format!("{}: {}", fault.at, fault.why) }
            },
        )
        .collect();
    said.join("; ")
}

/// The post of a record. `id` is taken when the record has none; without either the id is made of
/// author, date and text, so that the same record read twice is one post.
///
/// # Errors
/// Every fault of the record.
pub fn post(shape: &Shape, record: &Value, id: Option<&str>) -> Result<Post, Vec<Fault>> {
    let Some(object) = record.as_object() else {
        return Err(vec![Fault { at: String::new(), why: "a record must be a JSON object".into() }]);
    };
    let mut reader = Reader::new(shape, record, object);
    let deleted = reader.flag("deleted");
    let title = reader.text("title", 4_096);
    let text = reader.text("text", 1 << 20).unwrap_or_default();
    if text.is_empty() && title.is_none() && !deleted && reader.faults.is_empty() {
        let column = shape.fields.get("text").map_or("text", String::as_str);
        reader
            .faults
            .push(Fault { at: String::new(), why: format!("has neither a title nor words in \"{column}\"") });
    }
    let author = reader.text("author", 512).map(|author| author.trim_start_matches('@').to_owned());
    let created_at = reader.date();
    let url = reader.url();
    let own_site = reader.text("site", 512).map(|site| site_of(&site));
    let site = own_site.or_else(|| shape.site.clone()).or_else(|| url.as_deref().and_then(host));
    let id = reader.text("id", 512).or_else(|| id.map(str::to_owned)).unwrap_or_else(|| {
        let date = created_at.map(|at| at.to_string()).unwrap_or_default();
        fingerprint(&[author.as_deref().unwrap_or(""), &date, title.as_deref().unwrap_or(""), &text])
    });
    let version = reader.text("version", 512).unwrap_or_else(|| version(title.as_deref(), &text, deleted));
    let post = Post {
        source: shape.source.clone(),
        site: site.unwrap_or_default(),
        id,
        version,
        aliases: Vec::new(),
        kind: reader.kind(),
        url,
        author: author.filter(|author| !author.is_empty()),
        created_at,
        title,
        text,
        lang: reader.lang(),
        parent: reader.text("parent", 512),
        reach: reader.reach(),
        deleted,
    };
    if reader.faults.is_empty() { Ok(post) } else { Err(reader.faults) }
}

/// The version of a post whose site has no revisions: it changes when the words do.
pub fn version(title: Option<&str>, text: &str, deleted: bool) -> String {
    fingerprint(&[title.unwrap_or(""), text, if deleted { "deleted" } else { "" }])
}

/// A short name for a list of strings; where one ends and the next begins matters.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize()[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The site of a link.
fn host(url: &str) -> Option<String> {
    url::Url::parse(url).ok()?.host_str().map(site_of)
}

fn site_of(host: &str) -> String {
    let host = host.trim().to_lowercase();
    host.strip_prefix("www.").unwrap_or(&host).to_owned()
}

/// `Created At`, `created-at` and `created_at` are one name.
fn plain_name(name: &str) -> String {
    name.trim().trim_start_matches('\u{feff}').to_lowercase().replace([' ', '-'], "_")
}

struct Reader<'a> {
    shape: &'a Shape,
    record: &'a Value,
    /// What is there: its plain name, its name as it stands, its value.
    named: Vec<(String, &'a str, &'a Value)>,
    /// Names that the settings gave to a field: they are no other field's.
    taken: Vec<String>,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn new(shape: &'a Shape, record: &'a Value, object: &'a Map<String, Value>) -> Self {
        let there = |value: &Value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        };
        let named = object.iter().filter(|(_, value)| there(value));
        let named = named.map(|(key, value)| (plain_name(key), key.as_str(), value)).collect();
        let taken = shape.fields.values().map(|theirs| plain_name(theirs)).collect();
        Self { shape, record, named, taken, faults: Vec::new() }
    }

    /// The value of a field and where it stands; null and blank are absent.
    fn find(&self, field: &str) -> Option<(String, &'a Value)> {
        let named = |name: &str| self.named.iter().find(|(known, _, _)| known == name);
        let found = |(_, key, value): &(String, &str, &'a Value)| {
            (format!("/{}", key.replace('~', "~0").replace('/', "~1")), *value)
        };
        if let Some(theirs) = self.shape.fields.get(field) {
            if theirs.starts_with('/') {
                let value = self.record.pointer(theirs).filter(|value| !value.is_null())?;
                return Some((theirs.clone(), value));
            }
            return named(&plain_name(theirs)).map(found);
        }
        let aliases = FIELDS.iter().find(|(name, _)| *name == field).map_or(&[][..], |(_, aliases)| *aliases);
        let mut names = std::iter::once(&field).chain(aliases);
        names.find_map(|name| named(name).filter(|(known, _, _)| !self.taken.contains(known))).map(found)
    }

    fn fault(&mut self, at: String, why: impl Into<String>) {
        self.faults.push(Fault { at, why: why.into() });
    }

    fn text(&mut self, field: &str, cap: usize) -> Option<String> {
        let (at, value) = self.find(field)?;
        let text = match value {
            Value::String(text) if field == "text" => text.clone(),
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.fault(at, format!("{field} must be text"));
                return None;
            }
        };
        if text.len() > cap {
            self.fault(at, format!("{field} is longer than {cap} bytes"));
            return None;
        }
        Some(text)
    }

    fn flag(&mut self, field: &str) -> bool {
        let Some((at, value)) = self.find(field) else { return false };
        match value {
            Value::Bool(yes) => *yes,
            Value::Number(number) if number.as_u64().is_some_and(|number| number < 2) => {
                number.as_u64() == Some(1)
            }
            Value::String(text) => match text.trim().to_lowercase().as_str() {
                "true" | "yes" | "1" => true,
                "false" | "no" | "0" => false,
                _ => {
                    self.fault(at, format!("{field} must be true or false"));
                    false
                }
            },
            _ => {
                self.fault(at, format!("{field} must be true or false"));
                false
            }
        }
    }

    fn kind(&mut self) -> PostKind {
        let Some((at, value)) = self.find("kind") else { return self.shape.kind };
        let word = value.as_str().unwrap_or("").trim().to_lowercase();
        let found = PostKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        if found.is_none() {
            let known = PostKind::ALL.map(PostKind::as_str).join(", ");
            self.fault(at, format!("kind must be one of {known}"));
        }
        found.unwrap_or_default()
    }

    fn date(&mut self) -> Option<Timestamp> {
        let (at, value) = self.find("created_at")?;
        let read = match value {
            Value::String(text) => date::parse(text),
            Value::Number(number) => date::parse(&number.to_string()),
            _ => None,
        };
        if read.is_none() {
            self.fault(at, date::REMEDY);
        }
        read
    }

    fn url(&mut self) -> Option<String> {
        let (at, _) = self.find("url")?;
        let text = self.text("url", 4_096)?;
        // Links are shown to people: nothing but the web may be behind them.
        match url::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(text),
            _ => {
                self.fault(at, "url must begin with https:// or http://");
                None
            }
        }
    }

    fn lang(&mut self) -> Option<String> {
        let lang = self.text("lang", 512)?.to_lowercase().replace('_', "-");
        let first = lang.split('-').next().unwrap_or("");
        // "English" is no BCP 47 and nothing depends on it: no language is better than a made-up one.
        let fits = (2..=3).contains(&first.len())
            && lang.len() <= 35
            && lang.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        fits.then_some(lang)
    }

    fn reach(&mut self) -> Option<u64> {
        let (at, value) = self.find("reach")?;
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.fault(at, "reach must be a whole number");
        }
        number
    }
}

#[cfg(test)]
mod tests;
