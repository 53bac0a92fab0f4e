//! Reads tables key by key and collects every fault on the way: a value of the wrong type, a key
//! that is missing, and, from the keys that were asked for, every key that nobody knows.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ::config::{Map, Value, ValueKind};
use serde_json::{Value as Json, json};

use super::load::TOP;
use super::nearest;
use crate::domain::problem::{Problem, Problems};
use crate::domain::secret::SecretRef;

/// What the `config` crate gives as the origin of everything that came from a variable.
const ENVIRONMENT: &str = "the environment";

/// Where something stands: its key, and its file and line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct At {
    /// As `topics["acme-app"].query`.
    pub key: String,
    /// As `earmark.toml:12`, or the variable's name.
    pub place: String,
}

impl At {
    /// A fault here.
    pub fn fault(&self, what: impl Into<String>) -> Problem {
        let mut problem = Problem::new(self.key.clone(), what);
        problem.place = self.place.clone();
        problem
    }

    /// The key `name` inside this table, at the table's own place.
    pub fn under(&self, name: &str) -> At {
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) };
        At { key, place: self.place.clone() }
    }

    /// The same for an element of this list.
    fn nth(&self, index: usize, origin: Option<&str>) -> At {
        At {
            key: format!("{}[{index}]", self.key),
            place: origin.map_or_else(|| self.place.clone(), str::to_owned),
        }
    }
}

/// A value and where it was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<T> {
    /// Where.
    pub at: At,
    /// What.
    pub value: T,
}

/// What is learnt while reading and checking.
#[derive(Debug, Default)]
pub struct Book {
    problems: RefCell<Problems>,
    places: RefCell<BTreeMap<String, String>>,
}

impl Book {
    /// Notes a fault or a warning.
    pub fn push(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// Notes where a key was written.
    pub fn remember(&self, at: &At) {
        if !at.place.is_empty() && !at.key.is_empty() {
            self.places.borrow_mut().entry(at.key.clone()).or_insert_with(|| at.place.clone());
        }
    }

    /// Notes where a key was written again: the later layer holds.
    pub fn move_to(&self, at: At) {
        self.places.borrow_mut().insert(at.key, at.place);
    }

    /// Where a key was written; empty if nowhere.
    pub fn place(&self, key: &str) -> String {
        self.places.borrow().get(key).cloned().unwrap_or_default()
    }

    /// Everything noted.
    pub fn close(self) -> (Problems, BTreeMap<String, String>) {
        (self.problems.into_inner(), self.places.into_inner())
    }
}

/// A table being read.
pub struct Fields<'a> {
    /// Where it stands.
    pub at: At,
    book: &'a Book,
    table: Map<String, Value>,
    /// The keys asked for so far: all that are known.
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Begins to read `table`.
    pub fn new(book: &'a Book, at: At, table: Map<String, Value>) -> Self {
        book.remember(&at);
        Self { at, book, table, known: Vec::new() }
    }

    /// Renames the table once its `id` is known, so that messages speak of `topics["acme-app"]`.
    pub fn rename(&mut self, key: String) {
        self.at.key = key;
        self.book.remember(&self.at);
    }

    fn take(&mut self, name: &'static str) -> Option<(At, Value)> {
        self.known.push(name);
        let value = self.table.remove(name)?;
        let mut at = self.at.under(name);
        at.place = match value.origin() {
            Some(ENVIRONMENT) => variable(&at.key),
            Some(place) => place.to_owned(),
            None => self.book.place(&at.key),
        };
        if !at.place.is_empty() {
            self.book.move_to(at.clone());
        }
        Some((at, value))
    }

    fn wrong(&self, at: &At, wanted: &str, found: &ValueKind) {
        let what = if at.place.starts_with("EARMARK__") {
            "the variable's value cannot be read".to_owned()
        } else {
            format!("here stands {}", sort(found))
        };
        self.book.push(at.fault(what).remedy(format!("write {wanted}")));
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Option<Said<String>> {
        let (at, value) = self.take(name)?;
        match value.kind {
            ValueKind::String(value) => Some(Said { at, value }),
            other => {
                self.wrong(&at, "a text in quotes", &other);
                None
            }
        }
    }

    /// Notes a fault where the key is absent; `remedy` says what to write.
    pub fn need(&mut self, name: &'static str, remedy: &str) -> &mut Self {
        if !self.table.contains_key(name) {
            self.book.push(self.at.under(name).fault("is missing").remedy(remedy));
        }
        self
    }

    /// A text that must be there.
    pub fn need_text(&mut self, name: &'static str, remedy: &str) -> Option<Said<String>> {
        self.need(name, remedy).text(name)
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &'static str) -> Option<Said<Vec<Said<String>>>> {
        let (at, value) = self.take(name)?;
        let wanted = "a list of texts, as [\"one\", \"two\"]";
        let ValueKind::Array(list) = value.kind else {
            self.wrong(&at, wanted, &value.kind);
            return None;
        };
        let mut texts = Vec::new();
        for (index, item) in list.into_iter().enumerate() {
            let at = at.nth(index, item.origin());
            match item.kind {
                ValueKind::String(value) => texts.push(Said { at, value }),
                other => self.wrong(&at, "a text in quotes", &other),
            }
        }
        Some(Said { at, value: texts })
    }

    /// A whole number, not below zero.
    pub fn whole(&mut self, name: &'static str) -> Option<Said<u64>> {
        let (at, value) = self.take(name)?;
        let number = match &value.kind {
            ValueKind::I64(number) => u64::try_from(*number).ok(),
            ValueKind::String(text) if from_variable(&value) => text.trim().parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(&at, "a whole number, 0 or more", &value.kind);
        }
        number.map(|value| Said { at, value })
    }

    /// A number.
    pub fn number(&mut self, name: &'static str) -> Option<Said<f64>> {
        let (at, value) = self.take(name)?;
        let number = match &value.kind {
            #[expect(clippy::cast_precision_loss, reason = "such numbers fail their range anyway")]
            ValueKind::I64(number) => Some(*number as f64),
            ValueKind::Float(number) => Some(*number),
            ValueKind::String(text) if from_variable(&value) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.wrong(&at, "a number, as 0.5", &value.kind);
        }
        number.map(|value| Said { at, value })
    }

    /// Yes or no.
    pub fn flag(&mut self, name: &'static str) -> Option<Said<bool>> {
        let (at, value) = self.take(name)?;
        let flag = match &value.kind {
            ValueKind::Boolean(flag) => Some(*flag),
            ValueKind::String(text) if from_variable(&value) => text.trim().parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.wrong(&at, "true or false", &value.kind);
        }
        flag.map(|value| Said { at, value })
    }

    /// A table; an empty one where there is none.
    pub fn section(&mut self, name: &'static str) -> Fields<'a> {
        self.table(name).unwrap_or_else(|| Fields::new(self.book, self.at.under(name), Map::new()))
    }

    /// A table.
    pub fn table(&mut self, name: &'static str) -> Option<Fields<'a>> {
        let (at, value) = self.take(name)?;
        match value.kind {
            ValueKind::Table(table) => Some(Fields::new(self.book, at, table)),
            other => {
                self.wrong(&at, "a table, as { key = \"value\" }", &other);
                None
            }
        }
    }

    /// A list of tables; none where the key is absent.
    pub fn tables(&mut self, name: &'static str) -> Option<Said<Vec<Fields<'a>>>> {
        let (at, value) = self.take(name)?;
        let ValueKind::Array(list) = value.kind else {
            self.wrong(&at, "a list of tables", &value.kind);
            return None;
        };
        let mut tables = Vec::new();
        for (index, item) in list.into_iter().enumerate() {
            let at = at.nth(index, item.origin());
            match item.kind {
                ValueKind::Table(table) => tables.push(Fields::new(self.book, at, table)),
                other => self.wrong(&at, "a table, as { key = \"value\" }", &other),
            }
        }
        Some(Said { at, value: tables })
    }

    /// Whatever a kind makes of it; an empty table where there is none.
    pub fn params(&mut self, name: &'static str) -> Json {
        match self.table(name) {
            Some(fields) => self.json(&fields.at, Value::new(None, ValueKind::Table(fields.table))),
            None => json!({}),
        }
    }

    fn json(&self, at: &At, value: Value) -> Json {
        match value.kind {
            ValueKind::Nil => Json::Null,
            ValueKind::Boolean(flag) => Json::Bool(flag),
            ValueKind::I64(number) => json!(number),
            ValueKind::U64(number) => json!(number),
            ValueKind::I128(_) | ValueKind::U128(_) => Json::Null,
            ValueKind::Float(number) => {
                if !number.is_finite() {
                    self.wrong(at, "a finite number", &ValueKind::Float(number));
                }
                json!(number)
            }
            ValueKind::String(text) => Json::String(text),
            ValueKind::Array(list) => list
                .into_iter()
                .enumerate()
                .map(|(index, item)| {
                    let at = at.nth(index, item.origin());
                    self.book.remember(&at);
                    self.json(&at, item)
                })
                .collect(),
            ValueKind::Table(table) => Json::Object(
                table
                    .into_iter()
                    .map(|(name, item)| {
                        let mut inner = at.under(&name);
                        if let Some(place) = item.origin() {
                            inner.place = place.to_owned();
                        }
                        self.book.remember(&inner);
                        let item = self.json(&inner, item);
                        (name, item)
                    })
                    .collect(),
            ),
        }
    }

    /// A pointer to a secret. In clear it is a fault, whose message does not repeat it; a variable
    /// that holds the secret itself becomes a pointer to that variable.
    pub fn secret(&mut self, name: &'static str) -> Option<Said<SecretRef>> {
        const HOW: &str = "write { credential = \"name\" } for a systemd credential, { file = \"/path\" } \
                           for a file that only earmark can read, or { env = \"VARIABLE\" }";
        let (at, value) = self.take(name)?;
        let given = from_variable(&value);
        let mut fields = match value.kind {
            ValueKind::Table(table) => Fields::new(self.book, at, table),
            ValueKind::String(_) if given => {
                return Some(Said { value: SecretRef::Env(at.place.clone()), at });
            }
            ValueKind::String(_) => {
                self.book.push(at.fault("a secret stands here in clear").remedy(HOW));
                return None;
            }
            other => {
                self.book.push(at.fault(format!("here stands {}", sort(&other))).remedy(HOW));
                return None;
            }
        };
        let found: Vec<SecretRef> = [
            fields.text("credential").map(|said| SecretRef::Credential(said.value)),
            fields.text("file").map(|said| SecretRef::File(said.value)),
            fields.text("env").map(|said| SecretRef::Env(said.value)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let at = fields.at.clone();
        let clean = fields.done();
        match <[SecretRef; 1]>::try_from(found) {
            Ok([value]) => Some(Said { at, value }),
            Err(found) => {
                // An unknown key in it was reported already and says what is missing.
                if clean || !found.is_empty() {
                    self.book.push(at.fault("exactly one place of the secret is wanted").remedy(HOW));
                }
                None
            }
        }
    }

    /// Ends the reading: reports every key that was not asked for. Whether there was none.
    pub fn done(self) -> bool {
        let clean = self.table.is_empty();
        // In order of their names: faults of one line would else come now so, now otherwise.
        for (name, value) in self.table.iter().collect::<BTreeMap<_, _>>() {
            let mut at = self.at.under(name);
            if let Some(place) = value.origin() {
                at.place = place.to_owned();
            }
            // The usual slip of TOML: what follows a [table] belongs to it, indented or not.
            let remedy = if TOP.contains(&name.as_str()) {
                "it is a key of the whole: write it above the first [table]".to_owned()
            } else {
                nearest::hint(name, self.known.iter().copied())
            };
            self.book.push(at.fault("there is no such key").remedy(remedy));
        }
        clean
    }
}

/// The variable that sets `key`.
pub fn variable(key: &str) -> String {
    format!("EARMARK__{}", key.replace('.', "__").to_uppercase())
}

fn from_variable(value: &Value) -> bool {
    value.origin() == Some(ENVIRONMENT)
}

fn sort(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::I64(..0) => "a number below zero",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::Float(_) => "a number with a fraction, or one far too large",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
        _ => "a whole number",
    }
}
