//! A feed as its document says it, whatever its form, before anything of ours is made of it.

use jiff::Timestamp;
use url::Url;

use super::tree::Element;
use super::{atom, charset, json, rss, tree};
use crate::source::text;

/// A feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Its name.
    pub title: Option<String>,
    /// Its home page, resolved where a base is known.
    pub home: Option<String>,
    /// Its language, as written.
    pub lang: Option<String>,
    /// Who writes it.
    pub author: Option<String>,
    /// It asks not to be asked again for this many minutes.
    pub ttl: Option<u64>,
    /// In the order written.
    pub entries: Vec<Entry>,
}

/// An entry of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// What the feed calls it.
    pub guid: Option<String>,
    /// Where it can be read, resolved where a base is known.
    pub link: Option<String>,
    /// On one line, without markup.
    pub title: Option<String>,
    /// Plain text.
    pub body: String,
    /// The recording, the picture or the film that it brings.
    pub enclosure: Option<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// When it was published, or else last changed.
    pub date: Option<Timestamp>,
    /// As written.
    pub lang: Option<String>,
}

/// Why a document is no feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing but white space.
    #[error("the answer is empty")]
    Empty,
    /// A page for people.
    #[error(
        "the answer is an HTML page, not a feed; the page may name its feed in a <link rel=\"alternate\">"
    )]
    Html,
    /// JSON of another sort.
    #[error("the answer is JSON, but no JSON Feed: it has no list of items")]
    OtherJson,
    /// XML of another sort, or nothing known.
    #[error("the answer is neither RSS, Atom nor JSON Feed")]
    Unknown,
    /// The reader gave up.
    #[error("the feed's reader failed on this document")]
    Panicked,
}

/// Reads a document of any form; `url` is where it came from.
///
/// # Errors
/// When it is no feed. Faults inside a feed are stepped over.
pub fn read(body: &[u8], content_type: Option<&str>, url: Option<&Url>) -> Result<Document, Unreadable> {
    // Foreign documents have brought down every feed parser there is; this one only loses a poll.
    std::panic::catch_unwind(|| read_text(&charset::decode(body, content_type), url))
        .unwrap_or(Err(Unreadable::Panicked))
}

fn read_text(text: &str, url: Option<&Url>) -> Result<Document, Unreadable> {
    let start = text.trim_start();
    if start.is_empty() {
        return Err(Unreadable::Empty);
    }
    if start.starts_with(['{', '[']) {
        return json::read(start, url);
    }
    let root = tree::read(text);
    for element in root.elements() {
        match element.name.as_str() {
            "atom:feed" => return Ok(atom::read(element, url)),
            // Atom that forgot its namespace: it is given one.
            "feed" => return Ok(atom::read(&as_atom(element), url)),
            // An entry alone is a feed of one.
            "atom:entry" => return Ok(atom::read(&root, url)),
            "rss" | "rdf:rdf" | "rdf" | "channel" => return Ok(rss::read(element, url)),
            name if name.ends_with(":rss") => return Ok(rss::read(&unprefixed(element), url)),
            // Servers leave the outermost tag out where they say that a page has moved.
            "html" | "xhtml:html" | "head" | "body" => return Err(Unreadable::Html),
            _ => {}
        }
    }
    let beginning = text::cut(start, 2_048).to_ascii_lowercase();
    let is_html = beginning.contains("<html") || beginning.contains("<!doctype html");
    Err(if is_html { Unreadable::Html } else { Unreadable::Unknown })
}

fn as_atom(element: &Element) -> Element {
    renamed(element, &|name| if name.contains(':') { name.to_owned() } else { format!("atom:{name}") })
}

/// RSS whose own elements all carry an unknown prefix.
fn unprefixed(element: &Element) -> Element {
    let prefix = element.name.trim_end_matches("rss").to_owned();
    renamed(element, &|name| name.strip_prefix(&prefix).unwrap_or(name).to_owned())
}

fn renamed(element: &Element, rename: &dyn Fn(&str) -> String) -> Element {
    let children = element.children.iter().map(|node| match node {
        tree::Node::Element(child) => tree::Node::Element(renamed(child, rename)),
        text => text.clone(),
    });
    Element {
        name: rename(&element.name),
        attributes: element.attributes.clone(),
        children: children.collect(),
    }
}

/// The base for what is inside `element`: its own `xml:base`, read against the one around it.
pub fn base_of(element: &Element, around: Option<&Url>) -> Option<Url> {
    match element.attribute("xml:base") {
        Some(own) => resolve_url(own, around).or_else(|| around.cloned()),
        None => around.cloned(),
    }
}

fn resolve_url(address: &str, base: Option<&Url>) -> Option<Url> {
    Url::parse(address).ok().or_else(|| base?.join(address).ok())
}

/// An address as it stands when it is whole, else resolved; as written where there is no base.
pub fn resolved(address: &str, base: Option<&Url>) -> Option<String> {
    let address: String = address.trim().chars().filter(|c| !c.is_control()).collect();
    if address.is_empty() || address.len() > 4_096 {
        return None;
    }
    if Url::parse(&address).is_ok() {
        return Some(address);
    }
    Some(base.and_then(|base| base.join(&address).ok()).map_or(address, Into::into))
}

/// What an entry brings beside its words, in any of the forms there are for it.
pub fn enclosure(entry: &Element, base: Option<&Url>) -> Option<String> {
    let group = entry.child("media:group");
    let mut inside = entry.elements().chain(group.into_iter().flat_map(Element::elements));
    let address = inside.find_map(|child| match child.name.as_str() {
        "enclosure" | "media:content" | "media:thumbnail" => child.attribute("url"),
        "atom:link" => child.attribute("href").filter(|_| child.attribute("rel") == Some("enclosure")),
        _ => None,
    });
    resolved(address?, base)
}

/// A line of text, if there is any.
pub fn line(text: &str) -> Option<String> {
    Some(text::one_line(text)).filter(|line| !line.is_empty())
}
