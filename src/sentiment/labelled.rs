//! Texts whose label is known, read from JSON Lines or CSV, packed with gzip or not. A line that
//! is no labelled text is an error that says which line; nothing is skipped in silence.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::Scorable;
use crate::domain::sentiment::Polarity;

/// A text, and what people say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// What is scored.
    pub text: Scorable,
    /// Negative, neutral or positive; none where the row only says whether it asks for an answer.
    pub label: Option<Polarity>,
    /// Whether it asks for an answer, where the row says so.
    pub needs_answer: Option<bool>,
    /// The value of the field by which rows are grouped.
    pub group: Option<String>,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LabelledError {
    /// The file itself.
    #[error("{path} cannot be read: {error}")]
    File {
        /// Which file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A line of it.
    #[error(
        "{path}:{line}: {what}; expected are `text`, `label` (negative, neutral or positive) or `needs_answer` (true or false) and, if known, `target`"
    )]
    Line {
        /// Which file.
        path: String,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// There is nothing in it.
    #[error("{path} holds no labelled text")]
    Empty {
        /// Which file.
        path: String,
    },
}

#[derive(Deserialize)]
struct Row {
    text: String,
    #[serde(default)]
    label: Option<Label>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    needs_answer: Option<bool>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Label {
    Negative,
    Neutral,
    Positive,
}

/// All labelled texts of a file. `.csv` and `.csv.gz` are CSV with a header line; everything else
/// is JSON Lines. Other columns and keys are ignored.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(path: &Path) -> Result<Vec<Labelled>, LabelledError> {
    read_by(path, None)
}

/// As [`read`], each with its value of the field `by`.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_by(path: &Path, by: Option<&str>) -> Result<Vec<Labelled>, LabelledError> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| LabelledError::File { path: shown.clone(), error })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let plain = name.strip_suffix(".gz");
    let input: Box<dyn Read> =
        if plain.is_some() { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let rows = if plain.unwrap_or(&name).ends_with(".csv") {
        read_csv(input, &shown, by)?
    } else {
        read_json_lines(input, &shown, by)?
    };
    if rows.is_empty() { Err(LabelledError::Empty { path: shown }) } else { Ok(rows) }
}

fn read_csv(input: impl Read, path: &str, by: Option<&str>) -> Result<Vec<Labelled>, LabelledError> {
    let fault = |error: &csv::Error| LabelledError::Line {
        path: path.into(),
        line: error.position().map_or(1, csv::Position::line),
        what: error.to_string(),
    };
    let mut reader = csv::Reader::from_reader(input);
    let headers = reader.headers().map_err(|error| fault(&error))?.clone();
    let column = by.and_then(|by| headers.iter().position(|name| name == by));
    let mut rows = Vec::new();
    for record in reader.into_records() {
        let record = record.map_err(|error| fault(&error))?;
        let line = record.position().map_or(1, csv::Position::line);
        let row = record.deserialize::<Row>(Some(&headers)).map_err(|error| fault(&error))?;
        let group = column.and_then(|column| record.get(column)).map(str::to_owned);
        let fault = |what| LabelledError::Line { path: path.into(), line, what };
        rows.push(row.labelled(by.map(|_| group)).map_err(fault)?);
    }
    Ok(rows)
}

fn read_json_lines(input: impl Read, path: &str, by: Option<&str>) -> Result<Vec<Labelled>, LabelledError> {
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(input).lines()) {
        let fault = |what: String| LabelledError::Line { path: path.into(), line: number, what };
        let line = line.map_err(|error| fault(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let row: Row = serde_json::from_str(&line).map_err(|error| fault(error.to_string()))?;
        let group = by.map(|by| value_of(&line, by));
        rows.push(row.labelled(group).map_err(fault)?);
    }
    Ok(rows)
}

/// A field's value as text.
fn value_of(line: &str, field: &str) -> Option<String> {
    let object: serde_json::Value = serde_json::from_str(line).ok()?;
    match object.get(field)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Rows that lack the field by which others are grouped.
const NO_GROUP: &str = "(none)";

impl Row {
    /// `group`: none where rows are not grouped; the inner none where this one lacks the field.
    fn labelled(self, group: Option<Option<String>>) -> Result<Labelled, String> {
        let target = self.target.filter(|target| !target.trim().is_empty());
        let label = self.label.map(|label| match label {
            Label::Negative => Polarity::Negative,
            Label::Neutral => Polarity::Neutral,
            Label::Positive => Polarity::Positive,
        });
        if label.is_none() && self.needs_answer.is_none() {
            return Err("there is neither a label nor needs_answer".into());
        }
        let text = Scorable { text: decode_escapes(&self.text), target, lang: None };
        let group = group.map(|group| group.filter(|group| !group.is_empty()).unwrap_or(NO_GROUP.into()));
        Ok(Labelled { text, label, needs_answer: self.needs_answer, group })
    }
}

/// Sets of tweets carry `\u2019` and the like as six letters; people read them as one.
fn decode_escapes(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let escape = rest.strip_prefix("\\u").and_then(|hex| hex.get(..4));
        if let Some(unit) = escape.and_then(|hex| u16::from_str_radix(hex, 16).ok()) {
            units.push(unit);
            rest = &rest[6..];
        } else {
            units.extend_from_slice(first.encode_utf16(&mut [0; 2]));
            rest = &rest[first.len_utf8()..];
        }
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file in it");
        (folder, path)
    }

    fn row(text: &str, label: Polarity, target: Option<&str>) -> Labelled {
        let text = Scorable { target: target.map(Into::into), ..Scorable::new(text) };
        Labelled { text, label: Some(label), needs_answer: None, group: None }
    }

    #[test]
    fn json_lines_and_csv_packed_or_not() {
        let json = br#"{"text":"good, \"really\"","label":"positive","lang":"en"}

{"text":"bad","label":"negative","target":"Acme"}
"#;
        let csv = b"label,text,target\npositive,\"good, \"\"really\"\"\",\nnegative,bad,Acme\n";
        let packed = |content: &[u8]| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(content).expect("memory");
            gzip.finish().expect("memory")
        };
        let expected =
            [row("good, \"really\"", Polarity::Positive, None), row("bad", Polarity::Negative, Some("Acme"))];
        for (name, content) in [
            ("a.jsonl", json.to_vec()),
            ("a.jsonl.gz", packed(json)),
            ("A.CSV", csv.to_vec()),
            ("a.csv.gz", packed(csv)),
        ] {
            let (_folder, path) = file(name, &content);
            assert_eq!(read(&path).expect(name), expected, "{name}");
        }
    }

    #[test]
    fn rows_may_say_whether_they_ask_for_an_answer_and_be_grouped() {
        let json = r#"{"text":"where is it?","needs_answer":true,"source":"desk"}
{"text":"fine","label":"neutral","needs_answer":false}
"#;
        let csv = "text,label,needs_answer,source\nwhere is it?,,true,desk\nfine,neutral,false,\n";
        for (name, content) in [("a.jsonl", json), ("a.csv", csv)] {
            let (_folder, path) = file(name, content.as_bytes());
            let rows = read_by(&path, Some("source")).expect(name);
            let said = |row: &Labelled| (row.label, row.needs_answer, row.group.clone());
            assert_eq!(said(&rows[0]), (None, Some(true), Some("desk".into())), "{name}");
            assert_eq!(said(&rows[1]), (Some(Polarity::Neutral), Some(false), Some("(none)".into())));
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        for (name, content, line) in [
            (
                "a.jsonl",
                "{\"text\":\"x\",\"label\":\"neutral\"}\n{\"text\":\"x\",\"label\":\"unsure\"}",
                ":2: ",
            ),
            ("a.csv", "text,label\nx,neutral\ny,great\n", ":3: "),
            ("b.csv", "text\nx\n", ":2: "),
            ("b.jsonl", "", "holds no labelled text"),
        ] {
            let (_folder, path) = file(name, content.as_bytes());
            let error = read(&path).expect_err(name).to_string();
            assert!(error.contains(name) && error.contains(line), "{error}");
        }
        let error = read(Path::new("/nowhere/a.jsonl")).expect_err("missing").to_string();
        assert!(error.starts_with("/nowhere/a.jsonl cannot be read"), "{error}");
    }

    #[test]
    fn written_out_escapes_become_letters() {
        assert_eq!(decode_escapes(r"don\u2019t \ud83d\ude00 \u12 C:\users"), "don’t 😀 \\u12 C:\\users");
    }
}
