//! Items of an answer → posts, as a description says: each of our fields is a pointer into the item, a text with
//! pointers in it, or a constant. What comes out goes through `record`, like every record that somebody wrote.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use url::Url;

use super::form::Form;
use crate::source::record::{self, Fault, Shape};
use crate::source::{Answer, Nothing, Parsed, api, text};

/// Where a field comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A JSON pointer into the item.
    Pointer(String),
    /// Words and pointers in turn; absent where one of the pointers is.
    Template(Vec<(String, Option<String>)>),
    /// The same for every item.
    Constant(String),
}

impl Taken {
    /// From how it is written: `/id`, `https://acme.example/t/{/id}`, `ticket`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(written: &str) -> Result<Self, String> {
        if written.starts_with('/') {
            return Ok(Taken::Pointer(written.to_owned()));
        }
        let mut pieces = Vec::new();
        let mut rest = written;
        while let Some((words, after)) = rest.split_once("{/") {
            let Some((pointer, after)) = after.split_once('}') else {
                return Err("a { is not closed".into());
            };
            pieces.push((words.to_owned(), Some(format!("/{pointer}"))));
            rest = after;
        }
        if pieces.is_empty() {
            return Ok(Taken::Constant(written.to_owned()));
        }
        pieces.push((rest.to_owned(), None));
        Ok(Taken::Template(pieces))
    }

    fn of(&self, item: &Value) -> Option<Value> {
        match self {
            Taken::Pointer(pointer) => item.pointer(pointer).filter(|value| is_there(value)).cloned(),
            Taken::Constant(words) => Some(words.as_str().into()),
            Taken::Template(pieces) => {
                let mut whole = String::new();
                for (words, pointer) in pieces {
                    whole.push_str(words);
                    if let Some(pointer) = pointer {
                        whole.push_str(&scalar(item.pointer(pointer)?)?);
                    }
                }
                Some(whole.into())
            }
        }
    }
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// How items become posts.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Whose they are, and what they are unless they say so.
    pub shape: Shape,
    /// Our field → where it comes from; the first that is there.
    pub fields: BTreeMap<String, Vec<Taken>>,
    /// Fields that are HTML.
    pub html: Vec<String>,
    /// The form of `created_at`; none: any that cannot be misread.
    pub time: Option<Form>,
    /// Values of `deleted` that say so; empty: whatever is not no.
    pub deleted_if: Vec<String>,
}

impl Reader {
    /// The posts of an answer whose items stand at that pointer.
    pub fn parse(&self, answer: &Answer<'_>, items: &str) -> (Parsed, Value) {
        let value = match answer.json() {
            Ok(value) => value,
            Err(nothing) => return (nothing.into(), Value::Null),
        };
        (self.read(answer, &value, items), value)
    }

    fn read(&self, answer: &Answer<'_>, value: &Value, items: &str) -> Parsed {
        let base = answer.url.and_then(|url| Url::parse(url).ok());
        let mut parsed = Parsed::default();
        match value.pointer(items) {
            Some(Value::Array(list)) if !list.is_empty() => {
                for (number, item) in list.iter().enumerate() {
                    let at = format!("{items}/{number}");
                    parsed.take(&at, self.post(item, base.as_ref()));
                }
            }
            found => {
                if let Some(nothing) = api::error(value) {
                    return nothing.into();
                }
                match found {
                    Some(item @ Value::Object(table)) if !table.is_empty() => {
                        parsed.take(items, self.post(item, base.as_ref()));
                    }
                    Some(Value::Null | Value::Array(_)) => {}
                    _ => return Nothing::ForeignInterface.into(),
                }
            }
        }
        parsed.settled()
    }

    fn post(&self, item: &Value, base: Option<&Url>) -> Result<crate::domain::post::Post, Vec<Fault>> {
        if self.fields.is_empty() {
            return record::post(&self.shape, item, None);
        }
        if !item.is_object() {
            return Err(vec![Fault { at: String::new(), why: "is no object".into() }]);
        }
        let mut told = Map::new();
        for (field, sources) in &self.fields {
            let Some(value) = sources.iter().find_map(|source| source.of(item)) else { continue };
            let value = match (field.as_str(), value) {
                ("deleted", value) => self.is_deleted(&value).into(),
                ("created_at", value) => {
                    let read = match &self.time {
                        Some(form) => form.time(&value),
                        None => api::time(&value),
                    };
                    let why = || vec![Fault { at: "created_at".into(), why: record::date::REMEDY.into() }];
                    read.ok_or_else(why)?.to_string().into()
                }
                ("title", Value::String(words)) if self.is_html(field) => text::line_from_html(&words).into(),
                (_, Value::String(words)) if self.is_html(field) => {
                    text::from_html_quoting(&words, base).into()
                }
                ("title", Value::String(words)) => text::one_line(&words).into(),
                ("text", Value::String(words)) => text::plain(&words).into(),
                ("url", Value::String(link)) => absolute(link, base),
                (_, Value::Bool(yes)) => yes.to_string().into(),
                (_, value) => value,
            };
            told.insert(field.clone(), value);
        }
        record::post(&self.shape, &Value::Object(told), None)
    }

    fn is_html(&self, field: &str) -> bool {
        self.html.iter().any(|name| name == field)
    }

    fn is_deleted(&self, value: &Value) -> bool {
        let said = match value {
            Value::Bool(yes) => yes.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.trim().to_lowercase(),
            _ => return false,
        };
        if self.deleted_if.is_empty() {
            !matches!(said.as_str(), "" | "false" | "no" | "0")
        } else {
            self.deleted_if.iter().any(|word| word.to_lowercase() == said)
        }
    }
}

/// A link as people follow it: many places write but the path.
fn absolute(link: String, base: Option<&Url>) -> Value {
    let is_path = link.starts_with('/');
    let joined = base.filter(|_| is_path).and_then(|base| base.join(&link).ok());
    joined.map_or(link, Into::into).into()
}
