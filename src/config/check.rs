//! Raw → checked. Every fault is noted and the check goes on, so that one run shows them all;
//! a [`Config`] comes out only of what was readable, and is used only if nothing was at fault.

mod listening;
mod people;
mod rules;
mod settings;
mod unused;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, tz::TimeZone};
use serde_json::Value as Json;

use super::fields::{Book, Said};
use super::load::Variables;
use super::nearest;
use super::raw::{Raw, Text, Texts};
use super::{Config, Net};
use crate::domain::duration;
use crate::domain::secret::SecretRef;

pub use listening::explain_kind;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const DECADE: SignedDuration = SignedDuration::from_hours(24 * 3650);

/// What all parts of the check need.
struct Check<'a> {
    raw: &'a Raw,
    book: &'a Book,
    names: Names<'a>,
    /// The configuration file's folder: relative paths are taken from here.
    folder: &'a Path,
}

/// Every `id` that can be referred to, also of tables that have faults.
struct Names<'a> {
    owners: Vec<&'a str>,
    channels: Vec<&'a str>,
    topics: Vec<&'a str>,
    policies: Vec<&'a str>,
    triggers: Vec<&'a str>,
    sources: Vec<&'a str>,
}

/// Checks everything; none where not even a roster could be made.
pub fn check(raw: &Raw, env: &Variables, folder: &Path, book: &Book) -> Option<Config> {
    let names = Names {
        owners: ids(raw.owners.iter().map(|raw| &raw.id)),
        channels: ids(raw.channels.iter().map(|raw| &raw.id)),
        topics: ids(raw.topics.iter().map(|raw| &raw.id)),
        policies: ids(raw.policies.iter().map(|raw| &raw.id)),
        triggers: ids(raw.triggers.iter().map(|raw| &raw.id)),
        sources: ids(raw.sources.iter().map(|raw| &raw.id)),
    };
    let check = Check { raw, book, names, folder };
    let roster = check.roster();
    let store_path = check.store_path(env);
    let retention = check.retention();
    let web = check.web();
    let email = check.email();
    let sentiment = check.sentiment();
    let channels = check.channels();
    let topics = check.topics(retention);
    let routes = check.routes();
    let policies = check.policies();
    let triggers = check.triggers();
    let digests = check.digests();
    let sources = check.sources(retention);
    let tests = check.tests();
    let contact = check.contact();
    check.unused();
    Some(Config {
        roster: roster?,
        folder: folder.to_owned(),
        contact,
        net: Net { allow_private: raw.allow_private.as_ref().is_some_and(|said| said.value) },
        store_path: store_path?,
        retention,
        web,
        email,
        sentiment,
        channels,
        topics,
        routes,
        policies,
        triggers,
        digests,
        sources,
        tests,
        places: BTreeMap::new(),
    })
}

fn ids<'a>(all: impl Iterator<Item = &'a Text>) -> Vec<&'a str> {
    all.flatten().map(|said| said.value.as_str()).collect()
}

impl Check<'_> {
    /// An `id`, its letters looked at, and that nothing before it has the same.
    fn id<T: From<String>>(&self, noun: &str, said: &Text, seen: &mut Seen) -> Option<T> {
        let said = said.as_ref()?;
        let name = said.value.as_str();
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
            self.book.push(
                said.at
                    .fault(format!("{name:?} cannot be the id of {noun}"))
                    .remedy("use up to 64 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\""),
            );
        }
        if let Some(first) = seen.0.get(name) {
            self.book.push(
                said.at
                    .fault(format!("{first} has the id {name:?} already"))
                    .remedy("give one of the two another id"),
            );
        }
        seen.0.entry(name.to_owned()).or_insert_with(|| format!("{noun} at {}", said.at.place));
        Some(T::from(name.to_owned()))
    }

    /// A name that must be among `known`.
    fn refer<T: From<String>>(&self, noun: &str, said: &Text, known: &[&str]) -> Option<T> {
        self.name(noun, said.as_ref()?, known)
    }

    fn name<T: From<String>>(&self, noun: &str, said: &Said<String>, known: &[&str]) -> Option<T> {
        if known.contains(&said.value.as_str()) {
            return Some(T::from(said.value.clone()));
        }
        let remedy = match known {
            [] => format!("there is no {noun} at all"),
            _ => nearest::hint(&said.value, known.iter().copied()),
        };
        self.book.push(said.at.fault(format!("no {noun} is named {:?}", said.value)).remedy(remedy));
        None
    }

    /// One of a closed list of words.
    fn word<T: Copy>(&self, what: &str, said: &Said<String>, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == said.value).map(|(_, value)| *value);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            let mut remedy = format!("it is one of {}", known.clone().collect::<Vec<_>>().join(", "));
            if let Some(near) = nearest::nearest(&said.value, known) {
                remedy = format!("did you mean {near:?}? {remedy}");
            }
            self.book.push(said.at.fault(format!("{:?} is no {what}", said.value)).remedy(remedy));
        }
        found
    }

    /// A length of time between two others.
    fn span(&self, said: &Text, least: SignedDuration, most: SignedDuration) -> Option<SignedDuration> {
        let said = said.as_ref()?;
        match duration::parse(&said.value) {
            Ok(span) if span < least || span > most => {
                let (least, most) = (duration::words(least), duration::words(most));
                self.book.push(
                    said.at
                        .fault(format!("{:?} is out of range", said.value))
                        .remedy(format!("allowed is {least} to {most}")),
                );
                None
            }
            Ok(span) => Some(span),
            Err(what) => {
                self.book.push(said.at.fault(what));
                None
            }
        }
    }

    /// A zone of the time-zone database.
    fn zone(&self, said: &Text) -> Option<TimeZone> {
        let said = said.as_ref()?;
        if let Ok(zone) = TimeZone::get(&said.value) {
            return Some(zone);
        }
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let remedy = match nearest::nearest(&said.value, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "write one of the time-zone database, as \"Europe/Berlin\" or \"UTC\"".to_owned(),
        };
        self.book.push(said.at.fault(format!("there is no time zone {:?}", said.value)).remedy(remedy));
        None
    }

    /// Notes each text that stands in the list twice.
    fn no_doubles(&self, list: &Texts) {
        let Some(list) = list else { return };
        for (index, said) in list.value.iter().enumerate() {
            if list.value[..index].iter().any(|earlier| earlier.value == said.value) {
                self.book.push(
                    said.at.fault(format!("{:?} stands here twice", said.value)).remedy("leave one out"),
                );
            }
        }
    }

    /// A path, taken from the configuration file's folder where it is relative.
    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The same for a secret's file.
    fn secret(&self, said: &Option<Said<SecretRef>>) -> Option<SecretRef> {
        Some(match &said.as_ref()?.value {
            SecretRef::File(path) => SecretRef::File(self.path(path).display().to_string()),
            other => other.clone(),
        })
    }

    /// The same for each `{ file = … }` in a kind's own settings.
    fn resolve_secrets(&self, params: &mut Json) {
        match params {
            Json::Object(map) => {
                if map.len() == 1
                    && let Some(Json::String(path)) = map.get_mut("file")
                {
                    *path = self.path(path).display().to_string();
                    return;
                }
                map.values_mut().for_each(|inner| self.resolve_secrets(inner));
            }
            Json::Array(list) => list.iter_mut().for_each(|inner| self.resolve_secrets(inner)),
            _ => {}
        }
    }
}

/// Which ids were met, and where first.
#[derive(Default)]
struct Seen(BTreeMap<String, String>);
