//! What a post of a feed is called. GUIDs lie both ways, and neither lie may cost a post or make
//! one twice.
//!
//! * One GUID for several posts (a template that prints the blog's address): inside a document,
//!   entries of one GUID that differ in link or words are different posts. Each is called by its
//!   GUID and a hash of what sets it apart.
//! * Several GUIDs for one post (a site that builds them from the headline, or moves to `https`):
//!   a post carries its link and a hash of its words as aliases, and the store knows it again by
//!   them. An alias must not join what is apart, so a link that several entries share, or that is
//!   the home page, is none; nor are short words, or words that come twice. The hash covers the
//!   date too, because a weekly thread opens with the same words each time.
//!
//! A GUID that lies in one document and stands alone in the next gives a post another name; its
//! link is then what it is known by. Accepted: a post that changes GUID, link and words at once
//! between two looks is a new one.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use url::Url;

use super::document::{Document, Entry};

/// Shorter words come back by chance.
const LEAST_BODY: usize = 80;

/// A longer name is replaced by its hash: it is a key of the store.
const LONGEST_ID: usize = 512;

/// What a post is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Its name in this source.
    pub id: String,
    /// Other names it may come under.
    pub aliases: Vec<String>,
    /// Changes with its words, and with nothing else.
    pub version: String,
}

/// The names of all entries, in their order.
pub fn names(document: &Document) -> Vec<Names> {
    let links = link_keys(document);
    let bodies: Vec<String> = document.entries.iter().map(body_hash).collect();
    let liars = lying_guids(&document.entries, &links, &bodies);
    let link_counts = counts(links.iter().flatten());
    let body_counts = counts(&bodies);
    let home = document.home.as_deref().and_then(|home| link_key(home, false));
    let every = document.entries.iter().zip(links.iter().zip(&bodies));
    every
        .map(|(entry, (link, body))| {
            let id = match (&entry.guid, link) {
                (Some(guid), link) if liars.contains(guid.as_str()) => {
                    let alone = link.as_ref().filter(|link| link_counts[*link] == 1);
                    format!("{guid}#{}", alone.map_or_else(|| body.clone(), |link| hash(&[link])))
                }
                (Some(guid), _) => guid.clone(),
                (None, Some(link)) if link_counts[link] == 1 => link.clone(),
                (None, _) => body.clone(),
            };
            let own_link =
                link.as_ref().filter(|link| link_counts[*link] == 1 && Some(*link) != home.as_ref());
            let own_body = entry.body.chars().count() > LEAST_BODY && body_counts[body] == 1;
            let mut aliases: Vec<String> = own_link.map(|link| format!("link:{link}")).into_iter().collect();
            aliases.extend(own_body.then(|| format!("body:{}", hash(&[&entry.body, &date(entry)]))));
            let title = entry.title.as_deref().unwrap_or_default();
            Names { id: short(id), aliases, version: hash(&[title, &entry.body]) }
        })
        .collect()
}

/// What a link leads to: without scheme, `www.`, default port, tracking marks and the slash at the
/// end. The fragment stays only where it is all that tells two entries of the document apart.
fn link_keys(document: &Document) -> Vec<Option<String>> {
    let key = |fragment| {
        move |entry: &Entry| {
            entry.link.as_deref().and_then(|link| link_key(link, fragment)).map(|key| cut_key(&key))
        }
    };
    let bare: Vec<_> = document.entries.iter().map(key(false)).collect();
    let full: Vec<_> = document.entries.iter().map(key(true)).collect();
    let bare_counts = counts(bare.iter().flatten());
    let mut variants: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (bare, full) in bare.iter().flatten().zip(full.iter().flatten()) {
        variants.entry(bare).or_default().insert(full);
    }
    let chosen = bare.iter().zip(&full).map(|(bare, full)| {
        let key = bare.as_ref()?;
        let apart = bare_counts[key] > 1 && variants[key.as_str()].len() > 1;
        if apart { full.clone() } else { bare.clone() }
    });
    chosen.collect()
}

fn link_key(link: &str, with_fragment: bool) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let host = url.host_str()?.trim_start_matches("www.");
    let mut key = host.to_owned();
    if let Some(port) = url.port() {
        let _ = write!(key, ":{port}");
    }
    key.push_str(url.path().trim_end_matches('/'));
    let kept: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_tracking(pair))
        .collect();
    if !kept.is_empty() {
        let _ = write!(key, "?{}", kept.join("&"));
    }
    if let Some(fragment) = url.fragment().filter(|_| with_fragment) {
        let _ = write!(key, "#{fragment}");
    }
    Some(key)
}

fn is_tracking(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    name.starts_with("utm_") || matches!(name.as_str(), "fbclid" | "gclid" | "mc_cid" | "mc_eid" | "wt_mc")
}

/// GUIDs that stand on entries which differ.
fn lying_guids<'a>(entries: &'a [Entry], links: &[Option<String>], bodies: &[String]) -> HashSet<&'a str> {
    let mut first: HashMap<&str, (&Option<String>, &String)> = HashMap::new();
    let mut liars = HashSet::new();
    for (entry, seen) in entries.iter().zip(links.iter().zip(bodies)) {
        let Some(guid) = entry.guid.as_deref() else { continue };
        if *first.entry(guid).or_insert(seen) != seen {
            liars.insert(guid);
        }
    }
    liars
}

fn body_hash(entry: &Entry) -> String {
    hash(&[entry.title.as_deref().unwrap_or_default(), &entry.body, &date(entry)])
}

fn date(entry: &Entry) -> String {
    entry.date.map(|date| date.as_second().to_string()).unwrap_or_default()
}

fn counts<'a>(keys: impl IntoIterator<Item = &'a String>) -> HashMap<&'a String, usize> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

fn short(id: String) -> String {
    if id.len() > LONGEST_ID { hash(&[&id]) } else { id }
}

fn cut_key(key: &str) -> String {
    if key.len() > LONGEST_ID { hash(&[key]) } else { key.to_owned() }
}

/// 128 bits in hexadecimal; parts are told apart.
pub fn hash(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize()[..16].iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(guid: &str, link: &str, body: &str) -> Entry {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Entry { guid: some(guid), link: some(link), body: body.into(), ..Entry::default() }
    }

    fn named(entries: Vec<Entry>) -> Vec<Names> {
        let home = Some("https://acme.example/".into());
        names(&Document { home, entries, ..Document::default() })
    }

    #[test]
    fn one_guid_for_many_posts_is_no_name() {
        let names = named(vec![
            entry("same", "https://acme.example/1", "a"),
            entry("same", "https://acme.example/2", "a"),
            entry("own", "https://acme.example/3", "a"),
        ]);
        assert!(names[0].id.starts_with("same#") && names[0].id != names[1].id);
        assert_eq!(names[2].id, "own");
        let twice = named(vec![entry("same", "https://acme.example/1", "a"); 2]);
        assert_eq!(twice[0].id, "same");
        assert_eq!(twice[0].id, twice[1].id);
    }

    #[test]
    fn a_link_is_an_alias_only_where_it_names_one_post() {
        let names = named(vec![
            entry("1", "http://www.acme.example:80/post/?utm_source=feed&id=7#comments", "a"),
            entry("2", "https://acme.example", "b"),
            entry("3", "https://acme.example/shared", "c"),
            entry("4", "https://acme.example/shared", "d"),
            entry("5", "https://acme.example/page#one", "e"),
            entry("6", "https://acme.example/page#two", "f"),
        ]);
        let aliases: Vec<&[String]> = names.iter().map(|names| names.aliases.as_slice()).collect();
        assert_eq!(aliases[0], ["link:acme.example/post?id=7"]);
        assert!(aliases[1].is_empty() && aliases[2].is_empty() && aliases[3].is_empty());
        assert_eq!(aliases[4], ["link:acme.example/page#one"]);
        assert_eq!(aliases[5], ["link:acme.example/page#two"]);
    }

    #[test]
    fn words_are_an_alias_only_where_they_are_many_and_alone() {
        let long = "long words ".repeat(10);
        let names = named(vec![entry("1", "", &long), entry("2", "", "short")]);
        assert!(names[0].aliases[0].starts_with("body:"));
        assert!(names[1].aliases.is_empty());
        assert!(named(vec![entry("1", "", &long), entry("2", "", &long)])[0].aliases.is_empty());
    }

    #[test]
    fn an_edit_changes_the_version_and_a_new_guid_does_not() {
        let one = &named(vec![entry("1", "https://acme.example/1", "words")])[0];
        let edited = &named(vec![entry("1", "https://acme.example/1", "better words")])[0];
        let renamed = &named(vec![entry("2", "https://acme.example/1", "words")])[0];
        assert_eq!(one.id, edited.id);
        assert_ne!(one.version, edited.version);
        assert_eq!((&one.version, &one.aliases), (&renamed.version, &renamed.aliases));
    }

    #[test]
    fn nameless_posts_are_called_by_link_then_by_words() {
        let names =
            named(vec![entry("", "https://acme.example/1", "a"), entry("", "", "b"), entry("", "", "c")]);
        assert_eq!(names[0].id, "acme.example/1");
        assert_ne!(names[1].id, names[2].id);
        let long = named(vec![entry(&"x".repeat(10_000), "", "a")]);
        assert_eq!(long[0].id.len(), 32);
    }
}
