//! An answer that nobody described: objects with the usual names, wherever in it they stand. For looking at a
//! saved answer before a description is written.

use serde_json::{Map, Value};

use crate::domain::post::PostKind;
use crate::source::record::{self, FIELDS, Shape};
use crate::source::{Answer, Nothing, Parsed, Settings, api, text};

/// Lists looked at, and how deep they may lie.
const MOST_LISTS: usize = 32;
const DEEPEST: usize = 4;

/// Items of a list by which it is judged.
const SAMPLE: usize = 5;

/// The posts of whichever list holds the most of them.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let shape = Shape::new(settings.id.clone(), PostKind::Post);
    let read = |item: &Value| record::post(&shape, &flat(item), None);
    let mut lists = Vec::new();
    collect(&value, String::new(), 0, &mut lists);
    let posts = |list: &[Value]| list.iter().take(SAMPLE).filter(|item| read(item).is_ok()).count();
    // The first of equals is the outermost.
    let best = lists.iter().rev().max_by_key(|(_, list)| posts(list));
    let mut parsed = Parsed::default();
    match best.filter(|(_, list)| posts(list) > 0) {
        Some((at, list)) => {
            for (number, item) in list.iter().enumerate() {
                parsed.take(&format!("{at}/{number}"), read(item));
            }
        }
        None if value.is_object() && read(&value).is_ok() => parsed.take("", read(&value)),
        None if lists.iter().any(|(_, list)| list.is_empty()) => {}
        None => return Nothing::ForeignInterface.into(),
    }
    parsed.settled()
}

fn collect<'a>(value: &'a Value, at: String, depth: usize, lists: &mut Vec<(String, &'a [Value])>) {
    if lists.len() >= MOST_LISTS || depth > DEEPEST {
        return;
    }
    match value {
        Value::Array(list) if list.is_empty() || list.iter().any(Value::is_object) => {
            lists.push((at, list));
        }
        Value::Object(table) => {
            for (key, inner) in table {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                collect(inner, at, depth + 1, lists);
            }
        }
        _ => {}
    }
}

/// An item as a record: people are their names, other nests are left out, HTML is words.
fn flat(item: &Value) -> Value {
    let Some(table) = item.as_object() else { return item.clone() };
    let people = FIELDS.iter().find(|(name, _)| *name == "author").map_or(&[][..], |(_, others)| *others);
    let mut told = Map::new();
    for (key, value) in table {
        let value = match value {
            Value::Object(person) if key == "author" || people.contains(&key.as_str()) => {
                let names = ["name", "display_name", "displayName", "username", "login"];
                let Some(name) = names.iter().find_map(|name| person.get(*name)?.as_str()) else { continue };
                name.into()
            }
            Value::Object(_) | Value::Array(_) => continue,
            Value::String(words) if words.contains("</") || words.contains("<br") => {
                text::from_html_quoting(words, None).into()
            }
            other => other.clone(),
        };
        told.insert(key.clone(), value);
    }
    Value::Object(told)
}
