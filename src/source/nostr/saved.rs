//! The posts of what was saved of a relay: events alone, in lists, and as a relay sends them, one message a line.

use std::collections::HashMap;

use serde_json::Value;

use super::event::{self, Event, Withdrawn};
use crate::domain::id::SourceId;
use crate::source::{Answer, Nothing, Parsed, Settings};

/// The posts of an answer, or one reason why there are none.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let mut found = Found { source: &settings.id, parsed: Parsed::default(), authors: HashMap::new() };
    match answer.json() {
        Ok(value) => {
            if !found.value(&value, "") {
                return Nothing::ForeignInterface.into();
            }
        }
        Err(Nothing::Broken) => {
            let body = String::from_utf8_lossy(answer.body);
            let mut known = false;
            for (number, line) in body.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let at = format!("line {}", number + 1);
                match serde_json::from_str(line) {
                    Ok(value) => known |= found.value(&value, &at),
                    Err(_) => found.parsed.reject(&at, "it is no JSON"),
                }
            }
            if !known {
                return Nothing::Broken.into();
            }
        }
        Err(nothing) => return nothing.into(),
    }
    found.parsed.settled()
}

struct Found<'a> {
    source: &'a SourceId,
    parsed: Parsed,
    /// Who wrote the events of this answer: what a deletion is held against.
    authors: HashMap<String, String>,
}

impl Found<'_> {
    /// Whether that is something of a relay's.
    fn value(&mut self, value: &Value, at: &str) -> bool {
        match value {
            Value::Object(object) if object.contains_key("pubkey") && object.contains_key("kind") => {
                self.event(value, at);
                true
            }
            // A relay's word on itself.
            Value::Object(object) if object.contains_key("supported_nips") => true,
            Value::Object(object) if object.contains_key("error") => {
                self.parsed.nothing = Some(Nothing::ErrorAnswer);
                true
            }
            Value::Array(list) => match list.as_slice() {
                [] => true,
                [Value::String(word), rest @ ..] => self.message(word, rest, at),
                // All of them are looked at.
                list => list.iter().enumerate().fold(false, |known, (number, value)| {
                    self.value(value, &format!("{at}/{number}")) || known
                }),
            },
            _ => false,
        }
    }

    fn message(&mut self, word: &str, rest: &[Value], at: &str) -> bool {
        match (word, rest) {
            ("EVENT", [.., event]) => self.event(event, at),
            ("CLOSED" | "NOTICE" | "AUTH", _) => self.parsed.nothing = Some(Nothing::ErrorAnswer),
            // A refusal of what somebody published.
            ("OK", [_, Value::Bool(false), ..]) => self.parsed.nothing = Some(Nothing::ErrorAnswer),
            ("EOSE" | "OK" | "COUNT" | "REQ" | "CLOSE", _) => {}
            _ => return false,
        }
        true
    }

    fn event(&mut self, value: &Value, at: &str) {
        let event = match Event::read(value) {
            Ok(event) => event,
            Err(why) => return self.parsed.reject(at, why),
        };
        // Several relays hand on the same.
        if self.authors.insert(event.id().to_owned(), event.author().to_owned()).is_some() {
            return;
        }
        for withdrawn in event.withdraws() {
            let id = match withdrawn {
                Withdrawn::Event(id) if self.authors.get(id).is_some_and(|by| by == event.author()) => id,
                Withdrawn::Article(id) => id,
                Withdrawn::Event(_) => continue,
            };
            self.parsed.posts.push(event::withdrawn(self.source, id, event.author()));
        }
        match event.post(self.source) {
            Ok(Some(post)) => self.parsed.posts.push(post),
            Ok(None) => {}
            Err(why) => self.parsed.reject(at, why),
        }
    }
}
