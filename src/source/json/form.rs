//! In which form a place writes an instant, or whatever else grows: read from an answer, and written into the
//! next question.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::source::api;

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `2026-03-04T12:00:00Z`.
    Rfc3339,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// As `strftime` has it; in UTC where it names no zone.
    Strftime(String),
    /// A whole number that grows.
    Number,
    /// A text that grows.
    Text,
}

impl Form {
    /// The form of that name; None: there is none.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "rfc3339" => Form::Rfc3339,
            "seconds" => Form::Seconds,
            "milliseconds" => Form::Milliseconds,
            "number" => Form::Number,
            "text" => Form::Text,
            form if form.contains('%') => {
                let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
                strtime::format(form, &sample).ok()?;
                Form::Strftime(form.to_owned())
            }
            _ => return None,
        })
    }

    /// Whether it is one of instants.
    pub fn is_time(&self) -> bool {
        !matches!(self, Form::Number | Form::Text)
    }

    /// An instant in this form.
    pub fn time(&self, value: &Value) -> Option<Timestamp> {
        let number = || match value {
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match self {
            Form::Seconds => Timestamp::from_second(number()?).ok(),
            Form::Milliseconds => Timestamp::from_millisecond(number()?).ok(),
            Form::Strftime(form) => {
                let told = strtime::parse(form, value.as_str()?.trim()).ok()?;
                let utc = |at: jiff::civil::DateTime| Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp());
                told.to_timestamp()
                    .ok()
                    .or_else(|| utc(told.to_datetime().ok()?))
                    .or_else(|| utc(told.to_date().ok()?.at(0, 0, 0, 0)))
            }
            _ => api::time(value),
        }
    }

    /// How far a value of an answer has grown. The field and the question need not be of one form.
    pub fn mark(&self, value: &Value) -> Option<Mark> {
        match (self, value) {
            (Form::Number, Value::Number(number)) => number.as_i64().map(Mark::Number),
            (Form::Number, Value::String(text)) => text.trim().parse().ok().map(Mark::Number),
            (Form::Text, Value::String(text)) if !text.is_empty() => Some(Mark::Text(text.clone())),
            (Form::Text, Value::Number(number)) => Some(Mark::Text(number.to_string())),
            (Form::Number | Form::Text, _) => None,
            (Form::Seconds | Form::Milliseconds, Value::Number(_)) => self.time(value).map(Mark::Time),
            _ => api::time(value).or_else(|| self.time(value)).map(Mark::Time),
        }
    }

    /// As it goes into a question.
    pub fn written(&self, mark: &Mark) -> Value {
        match (self, mark) {
            (_, Mark::Number(number)) => (*number).into(),
            (_, Mark::Text(text)) => text.as_str().into(),
            (Form::Seconds, Mark::Time(at)) => at.as_second().into(),
            (Form::Milliseconds, Mark::Time(at)) => at.as_millisecond().into(),
            (Form::Strftime(form), Mark::Time(at)) => {
                strtime::format(form, &at.to_zoned(TimeZone::UTC)).unwrap_or_default().into()
            }
            (_, Mark::Time(at)) => {
                // Whole seconds: many places read nothing finer.
                Timestamp::from_second(at.as_second()).unwrap_or(*at).to_string().into()
            }
        }
    }
}

fn whole(number: f64) -> Option<i64> {
    // The cast cannot overflow: beyond this there is no date.
    (number.abs() < 1e15).then_some(number as i64)
}

/// How far a growing field was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// To an instant.
    Time(Timestamp),
    /// To a number.
    Number(i64),
    /// To a text.
    Text(String),
}

impl Mark {
    /// The further of two; marks of two sorts are not compared, the newer stands.
    #[must_use]
    pub fn further(old: Option<Mark>, new: Option<Mark>) -> Option<Mark> {
        let (old, new) = match (old, new) {
            (Some(old), Some(new)) => (old, new),
            (old, new) => return old.or(new),
        };
        let order = match (&old, &new) {
            (Mark::Time(old), Mark::Time(new)) => old.cmp(new),
            (Mark::Number(old), Mark::Number(new)) => old.cmp(new),
            (Mark::Text(old), Mark::Text(new)) => old.cmp(new),
            _ => Ordering::Less,
        };
        Some(if order == Ordering::Greater { old } else { new })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn instants_are_read_and_written_in_every_form() {
        let at: Timestamp = "2026-03-04T12:00:00Z".parse().expect("a time");
        for (name, value) in [
            ("rfc3339", json!("2026-03-04T12:00:00Z")),
            ("seconds", json!(1_772_625_600)),
            ("milliseconds", json!(1_772_625_600_000_i64)),
            ("%d.%m.%Y %H:%M", json!("04.03.2026 12:00")),
        ] {
            let form = Form::named(name).expect("a form");
            assert_eq!((form.time(&value), form.written(&Mark::Time(at))), (Some(at), value), "{name}");
        }
        let day = Form::named("%d.%m.%Y").expect("a form").time(&json!("04.03.2026"));
        assert_eq!(day.map(|day| day.to_string()).as_deref(), Some("2026-03-04T00:00:00Z"));
        assert_eq!((Form::named("epoch"), Form::named("%")), (None, None));
        assert_eq!(Form::Seconds.time(&json!("x")), None);
    }

    #[test]
    fn what_grows_is_compared_by_its_sort() {
        let mark = |form: &Form, value: Value| form.mark(&value);
        let further = |form: &Form, old: Value, new: Value| Mark::further(mark(form, old), mark(form, new));
        assert_eq!(further(&Form::Number, json!(9), json!("10")), Some(Mark::Number(10)));
        assert_eq!(further(&Form::Text, json!("b"), json!("a")), Some(Mark::Text("b".into())));
        assert_eq!(Mark::further(None, Some(Mark::Number(1))), Some(Mark::Number(1)));
        // A field in one form and a question in another.
        let at = Form::Seconds.mark(&json!("2026-03-04T12:00:00Z")).expect("an instant");
        assert_eq!(Form::Seconds.written(&at), json!(1_772_625_600));
    }
}
