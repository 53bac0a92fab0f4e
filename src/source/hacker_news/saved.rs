//! Every answer of the site that holds posts: an item or a list of items of the Firebase API; what the search
//! (Algolia) found; a whole thread of it. Lists of numbers, the highest number, changes and people hold none.

use serde::Deserialize as _;
use serde_json::Value;

use super::item::{Item, Sort};
use crate::source::{Answer, Nothing, Parsed, Settings};

/// The posts of an answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    // Someone who looks at a saved answer wants all of it; settings that name kinds say otherwise.
    let named = settings.params.get("kinds").is_some();
    let sorts =
        if named { super::wanted(settings).0.sorts } else { Sort::ALL.map(|(_, sort)| sort).to_vec() };
    let mut reader = Reader { settings, sorts: &sorts, parsed: Parsed::default() };
    match &value {
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                if !value.is_number() && !value.is_null() {
                    reader.firebase(&format!("/{index}"), value);
                }
            }
        }
        Value::Object(object) => match object.get("hits") {
            Some(Value::Array(hits)) => {
                for (index, hit) in hits.iter().enumerate() {
                    reader.take(&format!("/hits/{index}"), found(hit));
                }
            }
            _ if object.contains_key("children") => reader.thread(&value),
            // A person, in both interfaces.
            _ if object.contains_key("karma") || is_list(object.get("items")) => {}
            _ if object.contains_key("objectID") => reader.take("", found(&value)),
            _ if object.contains_key("error") => return Nothing::ErrorAnswer.into(),
            _ if object.contains_key("id") => reader.firebase("", &value),
            _ => return Nothing::ForeignInterface.into(),
        },
        Value::Null | Value::Number(_) => {}
        _ => return Nothing::ForeignInterface.into(),
    }
    reader.parsed.settled()
}

fn is_list(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_array)
}

struct Reader<'a> {
    settings: &'a Settings,
    sorts: &'a [Sort],
    parsed: Parsed,
}

impl Reader<'_> {
    fn take(&mut self, at: &str, item: Option<Item>) {
        match item {
            Some(item) => self.parsed.posts.extend(item.post(&self.settings.id, self.sorts)),
            None => self.parsed.reject(at, "is no item: a number in \"id\" and texts are needed"),
        }
    }

    fn firebase(&mut self, at: &str, value: &Value) {
        self.take(at, Item::deserialize(value).ok());
    }

    /// A post and everything below it, in the order of the page.
    fn thread(&mut self, root: &Value) {
        let mut left = vec![(String::new(), root)];
        while let Some((at, value)) = left.pop() {
            self.take(&at, threaded(value));
            let children = value.get("children").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let below = children.iter().enumerate().rev();
            left.extend(below.map(|(index, child)| (format!("{at}/children/{index}"), child)));
        }
    }
}

/// What a search found. Numbers came as texts in the first years.
fn found(hit: &Value) -> Option<Item> {
    let tags = hit.get("_tags").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let tagged = |word: &str| tags.iter().any(|tag| tag.as_str() == Some(word));
    let sort = Sort::ALL.iter().find(|(word, _)| tagged(word)).map(|(word, _)| (*word).to_owned());
    let text = |name: &str| hit.get(name).and_then(Value::as_str).map(str::to_owned);
    // An answer to an option of a poll names the poll as its story.
    let answers = number(hit, "parent_id").or_else(|| number(hit, "story_id"));
    let id = number(hit, "objectID")?;
    Some(Item {
        id,
        sort: sort
            .or_else(|| hit.get("comment_text").is_some_and(Value::is_string).then(|| "comment".into())),
        by: text("author"),
        time: number(hit, "created_at_i").and_then(|at| i64::try_from(at).ok()),
        title: text("title"),
        text: text("comment_text").or_else(|| text("story_text")),
        url: text("url"),
        parent: answers.filter(|parent| *parent != id),
        ..Item::default()
    })
}

/// A post of a thread as the search serves it.
fn threaded(value: &Value) -> Option<Item> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let item = Item {
        id: number(value, "id")?,
        sort: text("type"),
        by: text("author"),
        time: number(value, "created_at_i").and_then(|at| i64::try_from(at).ok()),
        title: text("title"),
        text: text("text"),
        url: text("url"),
        parent: number(value, "parent_id"),
        ..Item::default()
    };
    // It leaves a deleted comment in its place, without author and words.
    let deleted = item.by.is_none() && item.text.is_none() && item.title.is_none();
    Some(Item { deleted, ..item })
}

fn number(value: &Value, name: &str) -> Option<u64> {
    match value.get(name)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
