//! One TOML file as a tree of values that know their line. All syntax errors are reported, not
//! the first one; nothing here knows which keys there are.

use std::fmt;
use std::path::Path;

use ::config::{ConfigError, Map, Source, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::domain::problem::{Problem, Problems};

/// One file, or several once joined: a layer of the configuration.
#[derive(Clone)]
pub struct Layer {
    /// As messages name it: `earmark.toml`, `conf.d/care.toml`.
    pub name: String,
    /// Top-level keys. Every value's origin is its place, as `earmark.toml:12`.
    pub table: Map<String, Value>,
}

/// Says the name only: values may be secrets written where they should not be.
impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.table.clone())
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// That it cannot be read, or every syntax error in it.
pub fn read(path: &Path, name: &str) -> Result<Layer, Problems> {
    let bytes = std::fs::read(path).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "`earmark init` writes a commented one to start from",
            std::io::ErrorKind::PermissionDenied => "let the account that runs earmark read it",
            _ => "",
        };
        one(Problem::new(path.display().to_string(), format!("cannot be read: {error}")).remedy(remedy))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let mut problem = Problem::new("encoding", "this is not UTF-8").remedy("save the file as UTF-8");
        problem.place = format!("{name}:{line}");
        one(problem)
    })?;
    parse(&text, name)
}

/// Reads `text`, which messages call `name`.
///
/// # Errors
/// Every syntax error.
pub fn parse(text: &str, name: &str) -> Result<Layer, Problems> {
    let lines = Lines::new(text, name);
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems = Problems::new();
    for error in &errors {
        let (line, column) = lines.position(error.span().map_or(0, |span| span.start));
        let mut problem = Problem::new(format!("column {column}"), sentence(error.message()));
        problem.place = format!("{name}:{line}");
        if !problems.0.contains(&problem) {
            problems.push(problem);
        }
    }
    if problems.has_faults() {
        let line = |problem: &Problem| Some(problem.place.rsplit_once(':')?.1.parse::<usize>().unwrap_or(0));
        problems.0.sort_by_key(line);
        return Err(problems);
    }
    Ok(Layer { name: name.to_owned(), table: lines.table(document.get_ref()) })
}

fn one(problem: Problem) -> Problems {
    Problems(vec![problem])
}

fn sentence(message: &str) -> String {
    format!("this is not TOML: {}", message.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Turns offsets into lines.
struct Lines<'a> {
    text: &'a str,
    name: &'a str,
    /// Offset of each line's first byte.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, name: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, name, starts }
    }

    /// Line and column, both from 1; columns count characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1];
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    fn table(&self, table: &DeTable<'_>) -> Map<String, Value> {
        table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), self.value(key.span().start, value)))
            .collect()
    }

    /// `at` is where a reader would look for it: the key's place, not the value's.
    fn value(&self, at: usize, value: &Spanned<DeValue<'_>>) -> Value {
        let place = format!("{}:{}", self.name, self.position(at).0);
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Integer(number) => whole(number.as_str(), number.radix()),
            DeValue::Float(number) => {
                ValueKind::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN))
            }
            DeValue::Boolean(flag) => ValueKind::Boolean(*flag),
            DeValue::Datetime(when) => ValueKind::String(when.to_string()),
            DeValue::Array(list) => {
                ValueKind::Array(list.iter().map(|item| self.value(item.span().start, item)).collect())
            }
            DeValue::Table(table) => ValueKind::Table(self.table(table)),
        };
        Value::new(Some(&place), kind)
    }
}

/// What does not fit 64 bits becomes a float, which no whole number's reader takes.
fn whole(digits: &str, radix: u32) -> ValueKind {
    let digits = digits.replace('_', "");
    match i64::from_str_radix(&digits, radix) {
        Ok(number) => ValueKind::I64(number),
        Err(_) => ValueKind::Float(digits.parse().unwrap_or(f64::NAN)),
    }
}
