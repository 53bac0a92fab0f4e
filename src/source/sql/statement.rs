//! The statement around a query, and the values of its growing column. Pure.

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grows {
    /// A number, as a sequence gives it.
    Integer,
    /// A time.
    Time,
    /// A text that sorts, as some ids do.
    Text,
}

/// How far below the highest value known a sweep begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// At it.
    None,
    /// So many numbers.
    Numbers(i64),
    /// So much time.
    Time(SignedDuration),
}

/// A query, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// As configured.
    pub query: String,
    /// The column that grows.
    pub column: String,
    /// The column that tells rows apart.
    pub id: String,
    /// Rows at once.
    pub most: u64,
}

impl Statement {
    /// For PostgreSQL: rows as JSON, whatever their types. Parameters have the types of the columns they are
    /// compared with, so an index serves.
    pub fn postgres(&self, values: usize) -> String {
        self.around("row_to_json(q)::text", values, ["$1", "$2"])
    }

    /// For SQLite.
    pub fn sqlite(&self, values: usize) -> String {
        self.around("*", values, ["?1", "?2"])
    }

    /// No value: from the beginning. One: from there on. Two: behind that row.
    fn around(&self, what: &str, values: usize, [first, second]: [&str; 2]) -> String {
        let Self { query, most, .. } = self;
        let (column, id) = (quoted(&self.column), quoted(&self.id));
        let condition = match values {
            0 => String::new(),
            1 => format!("WHERE q.{column} >= {first} "),
            _ => format!("WHERE (q.{column}, q.{id}) > ({first}, {second}) "),
        };
        // The query ends with a line: its last one may be a comment.
        format!("SELECT {what} FROM (\n{query}\n) AS q {condition}ORDER BY q.{column}, q.{id} LIMIT {most}")
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Back {
    /// Where a sweep begins whose highest value is this.
    pub fn from(self, top: &Value) -> Value {
        let back = match (self, top) {
            (Back::Numbers(numbers), Value::Number(number)) => {
                number.as_i64().map(|number| number.saturating_sub(numbers).into())
            }
            (Back::Time(time), Value::Number(number)) => number.as_i64().map(|number| {
                // Seconds, or milliseconds, since 1970.
                let unit = if number.abs() < 100_000_000_000 { 1 } else { 1_000 };
                number.saturating_sub(time.as_secs().saturating_mul(unit)).into()
            }),
            (Back::Time(time), Value::String(text)) => earlier(text, time).map(Value::String),
            _ => None,
        };
        back.unwrap_or_else(|| top.clone())
    }
}

/// A time so much earlier, written as it was: SQLite compares times as texts.
fn earlier(text: &str, time: SignedDuration) -> Option<String> {
    let spaced = text.get(10..11) == Some(" ");
    let written = match text.parse::<Timestamp>() {
        Ok(at) => at.checked_sub(time).ok()?.to_string(),
        Err(_) => text.parse::<DateTime>().ok()?.checked_sub(time).ok()?.to_string(),
    };
    Some(if spaced { written.replacen('T', " ", 1) } else { written })
}

/// Whether one value of the column is above another.
pub fn is_above(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one > other,
            _ => one.as_f64() > other.as_f64(),
        },
        // The database sorts texts by rules of its own, and gives them in order: the last is the highest.
        _ => match (text(one).parse::<Timestamp>(), text(other).parse::<Timestamp>()) {
            (Ok(one), Ok(other)) => one > other,
            _ => text(one) > text(other),
        },
    }
}

/// A value as a parameter in words.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_stands_inside_another_one() {
        let statement = Statement {
            query: "SELECT id, a\"b FROM t -- all".into(),
            column: "a\"b".into(),
            id: "id".into(),
            most: 9,
        };
        let inside = "FROM (\nSELECT id, a\"b FROM t -- all\n) AS q";
        let order = "ORDER BY q.\"a\"\"b\", q.\"id\" LIMIT 9";
        assert_eq!(statement.sqlite(0), format!("SELECT * {inside} {order}"));
        assert_eq!(statement.sqlite(1), format!("SELECT * {inside} WHERE q.\"a\"\"b\" >= ?1 {order}"));
        assert_eq!(
            statement.postgres(2),
            format!("SELECT row_to_json(q)::text {inside} WHERE (q.\"a\"\"b\", q.\"id\") > ($1, $2) {order}")
        );
    }

    #[test]
    fn a_sweep_begins_a_little_below() {
        let hour = Back::Time(SignedDuration::from_hours(1));
        for (back, top, expected) in [
            (Back::None, json!(7), json!(7)),
            (Back::Numbers(5), json!(7), json!(2)),
            (Back::Numbers(5), json!(i64::MIN), json!(i64::MIN)),
            (Back::Numbers(5), json!("x"), json!("x")),
            (hour, json!("2026-03-04T05:06:07.5+00:00"), json!("2026-03-04T04:06:07.5Z")),
            (hour, json!("2026-03-04T05:06:07.123456"), json!("2026-03-04T04:06:07.123456")),
            (hour, json!("2026-03-04 05:06:07"), json!("2026-03-04 04:06:07")),
            (hour, json!(1_772_600_000), json!(1_772_596_400)),
            (hour, json!(1_772_600_000_000_i64), json!(1_772_596_400_000_i64)),
            (hour, json!("soon"), json!("soon")),
        ] {
            assert_eq!(back.from(&top), expected, "{top}");
        }
        assert!(
            is_above(&json!(10), &json!(9))
                && !is_above(&json!(9), &json!(9))
                && is_above(&json!("b"), &json!("a"))
        );
        assert!(is_above(&json!("2026-03-04T05:00:00+00:00"), &json!("2026-03-04T04:59:59.5+00:00")));
    }
}
