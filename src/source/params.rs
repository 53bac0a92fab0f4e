//! Reads `[sources.params]`: every fault at once, and an unknown key with the nearest known one.

use jiff::SignedDuration;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::domain::duration;
use crate::domain::problem::{Problem, Problems};
use crate::domain::secret::SecretRef;

/// The table of one source while it is read; a key that was never asked for is unknown.
pub struct Params<'a> {
    table: Option<&'a Map<String, Value>>,
    known: Vec<&'static str>,
    problems: Problems,
}

impl<'a> Params<'a> {
    /// Over `params` as written; absent is empty.
    pub fn new(params: &'a Value) -> Self {
        let mut problems = Problems::new();
        let table = params.as_object();
        if table.is_none() && !params.is_null() {
            problems.push(Problem::new("", "params must be a table").remedy("write params = { … }"));
        }
        Self { table, known: Vec::new(), problems }
    }

    /// The value as it stands.
    pub fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.table?.get(key)
    }

    /// Notes a fault.
    pub fn fault(&mut self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::new(key, what).remedy(remedy));
    }

    /// A string that is not empty.
    pub fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.value(key)?;
        match value.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text),
            _ => {
                self.fault(key, format!("{value} is no text"), "write it in quotes");
                None
            }
        }
    }

    /// A list of texts, or numbers as texts, that are of a form; empty when absent.
    pub fn texts(&mut self, key: &'static str, sample: &str, fits: impl Fn(&str) -> bool) -> Vec<String> {
        let text = |item: &Value| {
            let text = item.as_str().map(|text| text.trim().to_owned());
            text.or_else(|| Some(item.as_u64()?.to_string())).filter(|text| fits(text))
        };
        self.items(key, sample, (1, &format!("is not what {key} look like")), text)
    }

    /// A list of any texts; empty when absent, or when written so.
    pub fn list(&mut self, key: &'static str, sample: &str) -> Vec<String> {
        self.items(key, sample, (0, "is no list of texts"), |item| Some(item.as_str()?.trim().to_owned()))
    }

    /// A list of so many at least, of which each can be read and is not empty. One item stands for a list of one.
    fn items(
        &mut self,
        key: &'static str,
        sample: &str,
        (least, fault): (usize, &str),
        read: impl Fn(&Value) -> Option<String>,
    ) -> Vec<String> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let list: Vec<String> = items.iter().filter_map(read).filter(|text| !text.is_empty()).collect();
        if list.len() < items.len().max(least) {
            self.fault(key, format!("{value} {fault}"), format!("write {key} = {sample}"));
        }
        list
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(key, format!("\"{text}\" is not known here"), choice(text, &names));
        }
        found
    }

    /// Yes or no; no when absent.
    pub fn flag(&mut self, key: &'static str) -> bool {
        let Some(value) = self.value(key) else { return false };
        if value.as_bool().is_none() {
            self.fault(key, format!("{value} is neither true nor false"), "write it without quotes");
        }
        value.as_bool().unwrap_or(false)
    }

    /// A length of time, `default` when absent, at least `least` and at most a day.
    pub fn wait(&mut self, key: &'static str, default: i64, least: i64) -> SignedDuration {
        let default = SignedDuration::from_secs(default);
        let Some(text) = self.text(key) else { return default };
        match duration::parse(text) {
            Ok(wait) if wait < SignedDuration::from_secs(least) => {
                self.fault(key, format!("\"{text}\" is too short"), format!("at least \"{least}s\""));
                default
            }
            Ok(wait) if wait > SignedDuration::from_hours(24) => {
                self.fault(key, format!("\"{text}\" is too long"), "at most \"24h\"");
                default
            }
            Ok(wait) => wait,
            Err(what) => {
                self.fault(key, what, "");
                default
            }
        }
    }

    /// Where a secret lies.
    pub fn secret(&mut self, key: &'static str) -> Option<SecretRef> {
        let value = self.value(key)?;
        match SecretRef::deserialize(value) {
            Ok(pointer) => Some(pointer),
            Err(_) => {
                self.fault(
                    key,
                    "a secret never stands in the configuration",
                    format!("write {key} = {{ credential = \"name\" }}, {{ file = \"path\" }} or {{ env = \"NAME\" }}"),
                );
                None
            }
        }
    }

    /// All faults, those of keys nobody asked for too.
    pub fn finish(mut self) -> Problems {
        let unknown = self.table.into_iter().flat_map(Map::keys);
        for key in unknown.filter(|key| !self.known.contains(&key.as_str())) {
            let remedy = choice(key, &self.known);
            self.problems
                .push(Problem::new(key.as_str(), "this kind of source has no such key").remedy(remedy));
        }
        self.problems
    }
}

/// `did you mean …`, else the whole list.
pub fn choice(given: &str, known: &[&str]) -> String {
    let near = known.iter().map(|word| (strsim::damerau_levenshtein(given, word), word)).min();
    match near {
        Some((distance, word)) if distance <= 2.max(given.len() / 4) => format!("did you mean \"{word}\"?"),
        _ => format!("known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_every_fault_at_once() {
        let table =
            json!({ "intervall": "10s", "interval": "5", "pace": "yes", "secret": "hunter2", "path": "" });
        let mut params = Params::new(&table);
        params.wait("interval", 30, 10);
        params.flag("pace");
        params.secret("secret");
        params.text("path");
        let said = params.finish().to_string();
        for part in ["intervall", "did you mean \"interval\"", "no length of time", "neither true", "path"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_list_is_whole_or_a_fault() {
        let table = json!({ "one": " acme ", "some": ["acme", 57], "none": [], "blank": ["acme", " "] });
        let mut params = Params::new(&table);
        assert_eq!(params.list("one", "[\"acme\"]"), ["acme"]);
        assert_eq!(params.texts("some", "[57]", |_| true), ["acme", "57"]);
        assert!(params.list("absent", "[]").is_empty());
        params.list("none", "[\"acme\"]");
        params.texts("none", "[57]", |_| true);
        params.list("blank", "[\"acme\"]");
        params.list("some", "[\"acme\"]");
        params.texts("some", "[57]", |text| text == "57");
        let said = params.finish().to_string();
        for part in [
            "[] is not what none look like",
            "\" \"] is no list",
            "57] is no list",
            "57] is not what some look like",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("[] is no list"), "{said}");
    }

    #[test]
    fn absent_is_the_default() {
        let mut params = Params::new(&Value::Null);
        assert_eq!(params.wait("interval", 30, 10).as_secs(), 30);
        assert!(params.finish().is_empty());
        assert!(Params::new(&json!([1])).finish().has_faults());
    }
}
