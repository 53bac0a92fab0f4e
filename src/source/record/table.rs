//! Rows of a table: which character parts the columns, the names in the first row, and a row as a
//! record. Cells are taken as they stand: what a spreadsheet would take for a formula is text here.

use serde_json::{Map, Value};

use super::{Fault, Post, Shape};

/// The first row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    delimiter: u8,
    names: Vec<String>,
}

impl Columns {
    /// From the first row as it stands in the file.
    ///
    /// # Errors
    /// Why it cannot be the head of a table.
    pub fn new(row: &str) -> Result<Self, String> {
        let row = row.trim_start_matches('\u{feff}');
        let delimiter = delimiter(row);
        let names = cells(row, delimiter)?;
        if names.iter().all(|name| name.trim().is_empty()) {
            return Err("the first row must name the columns, and it is empty".into());
        }
        Ok(Self { delimiter, names })
    }

    /// The post of a row.
    ///
    /// # Errors
    /// Every fault of the row.
    pub fn post(&self, shape: &Shape, row: &str) -> Result<Post, Vec<Fault>> {
        let whole = |why: String| vec![Fault { at: String::new(), why }];
        let cells = cells(row, self.delimiter).map_err(whole)?;
        if cells.len() != self.names.len() {
            let (has, wants) = (cells.len(), self.names.len());
            return Err(whole(format!("has {has} cells where the first row names {wants}")));
        }
        let record = self.names.iter().cloned().zip(cells.into_iter().map(Value::String));
        super::post(shape, &Value::Object(record.collect::<Map<_, _>>()), None)
    }
}

/// Where one row ends and the next begins: a line end inside quotes belongs to its cell.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowEnd {
    quoted: bool,
    inside: bool,
    after_quote: bool,
}

impl RowEnd {
    /// Takes one more line of the file; whether the row ends with it.
    pub fn line(&mut self, line: &[u8], delimiter: u8) -> bool {
        for &byte in line {
            if self.quoted {
                match (byte, self.after_quote) {
                    (b'"', _) => self.after_quote = !self.after_quote,
                    (_, true) => {
                        self.quoted = false;
                        self.after_quote = false;
                        self.inside = byte != delimiter;
                    }
                    _ => {}
                }
            } else if byte == delimiter {
                self.inside = false;
            } else if byte == b'"' && !self.inside {
                self.quoted = true;
            } else {
                self.inside = true;
            }
        }
        let ends = !self.quoted || self.after_quote;
        if ends {
            *self = Self::default();
        }
        ends
    }
}

/// The character that parts the columns of a first row: spreadsheets of half the world write semicolons.
pub fn delimiter(row: &str) -> u8 {
    let count = |wanted: u8| {
        let mut quoted = false;
        row.bytes()
            .filter(|&byte| {
                quoted ^= byte == b'"';
                byte == wanted && !quoted
            })
            .count()
    };
    // The last of equals wins, so the comma stands last.
    b"\t;,".iter().copied().max_by_key(|&byte| count(byte)).unwrap_or(b',')
}

fn cells(row: &str, delimiter: u8) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(row.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => Ok(record.iter().map(str::to_owned).collect()),
        Ok(false) => Ok(Vec::new()),
        Err(_) => Err("is no row of comma-separated values".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::post::PostKind;

    #[test]
    fn a_row_ends_where_its_quotes_do() {
        let rows = |lines: &[&str]| {
            let mut end = RowEnd::default();
            lines.iter().map(|line| end.line(line.as_bytes(), b',')).collect::<Vec<_>>()
        };
        assert_eq!(rows(&["a,b\n", "c,\"d\n", "e\"\n", "f\n"]), [true, false, true, true]);
        assert_eq!(rows(&["1,\"he said \"\"no\"\"\n", "\"\n", "2\n"]), [false, true, true]);
        // A quote inside a cell that does not begin with one is a character, an inch here.
        assert_eq!(rows(&["a 5\" screen,b\n", "c\n"]), [true, true]);
        assert_eq!(rows(&["\"\",\"\"\r\n", "\"a\"\r\n"]), [true, true]);
    }

    #[test]
    fn the_columns_may_be_parted_by_semicolons_and_tabs() {
        for row in
            ["text;author", "text\tauthor", "text,author", "\"text\";\"author\"", "\u{feff}text;author"]
        {
            let columns = Columns::new(row).expect("a head");
            assert_eq!(columns.names, ["text", "author"], "{row:?}");
        }
    }

    #[test]
    fn a_formula_is_text_and_a_torn_row_is_rejected() {
        let columns = Columns::new("text,author").expect("a head");
        let shape = Shape::new("survey".into(), PostKind::Ticket);
        let post = columns.post(&shape, "\"=HYPERLINK(\"\"x\"\")\",ann").expect("a post");
        assert_eq!(post.text, "=HYPERLINK(\"x\")");
        assert!(columns.post(&shape, "only one").is_err());
        assert!(columns.post(&shape, "one,two,three").is_err());
        assert!(Columns::new("  \r\n").is_err());
    }
}
