//! Atom 1.0 and 0.3.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::date;
use super::document::{Document, Entry, base_of, enclosure, line, resolved};
use super::tree::Element;
use crate::source::text;

/// Reads `<feed>`.
pub fn read(feed: &Element, url: Option<&Url>) -> Document {
    let base = base_of(feed, url);
    let base = base.as_ref();
    let entries = feed.elements().filter(|child| child.name == "atom:entry");
    Document {
        title: feed.child("atom:title").and_then(headline),
        home: link(feed, base),
        lang: feed.attribute("xml:lang").map(str::to_owned),
        author: author(feed),
        ttl: None,
        entries: entries.map(|element| entry(element, base)).collect(),
    }
}

fn entry(entry: &Element, base: Option<&Url>) -> Entry {
    let base = base_of(entry, base);
    let base = base.as_ref();
    let source = || entry.child("atom:source").and_then(author);
    let guid = entry.child("atom:id").and_then(|id| line(&id.text()));
    let bodies = ["atom:content", "atom:summary", "xhtml:div"].iter().filter_map(|name| entry.child(name));
    let body = bodies.map(|element| words(element, base)).find(|body| !body.is_empty());
    let media = || {
        let group = entry.child("media:group").unwrap_or(entry);
        let found = group.child("media:description");
        found.map(|element| text::from_html(&element.inner_html(), base)).unwrap_or_default()
    };
    let dates = [
        "atom:published",
        "atom:issued",
        "dc:date",
        "atom:updated",
        "atom:modified",
        "atom:created",
        "dcterms:modified",
        "pubdate",
        "atom:pubdate",
    ];
    Entry {
        link: link(entry, base).or_else(|| guid.clone().filter(|guid| guid.starts_with("http"))),
        title: entry.child("atom:title").or(entry.child("media:title")).and_then(headline),
        body: body.unwrap_or_else(media),
        enclosure: enclosure(entry, base),
        author: author(entry).or_else(source),
        date: dates.iter().filter_map(|name| entry.child(name)).find_map(|child| date::parse(&child.text())),
        lang: entry.attribute("xml:lang").map(str::to_owned),
        guid,
    }
}

/// The page for people: an alternate of HTML, else any alternate, else what is related.
fn link(element: &Element, base: Option<&Url>) -> Option<String> {
    let links: Vec<&Element> = element.elements().filter(|child| child.name == "atom:link").collect();
    let rel = |link: &Element| link.attribute("rel").unwrap_or("alternate").to_ascii_lowercase();
    let is_html = |link: &Element| link.attribute("type").is_some_and(|kind| kind.contains("html"));
    let untyped = |link: &Element| link.attribute("type").is_none();
    let alternate = |link: &&&Element| rel(link) == "alternate";
    let chosen = links
        .iter()
        .find(|link| alternate(link) && is_html(link))
        .or_else(|| links.iter().find(|link| alternate(link) && untyped(link)))
        .or_else(|| links.iter().find(alternate))
        .or_else(|| links.iter().find(|link| matches!(rel(link).as_str(), "related" | "via")))?;
    let base = base_of(chosen, base);
    let written = chosen.attribute("href").map(str::to_owned).or_else(|| line(&chosen.text()))?;
    resolved(&written, base.as_ref())
}

fn author(element: &Element) -> Option<String> {
    let person = element.child("atom:author")?;
    let name = person.child("atom:name").or(person.child("atom:email")).unwrap_or(person);
    line(&text::line_from_html(&name.text()))
        .or_else(|| element.child("dc:creator").and_then(|name| line(&name.text())))
}

fn headline(element: &Element) -> Option<String> {
    Some(text::one_line(&words(element, None))).filter(|title| !title.is_empty())
}

/// The plain text of a text construct. Many feeds mark HTML as plain text, and in headlines most
/// readers show it as HTML; so what looks like markup is read as markup unless it was sent as XML.
fn words(element: &Element, base: Option<&Url>) -> String {
    let base = base_of(element, base);
    let base = base.as_ref();
    let kind = element.attribute("type").unwrap_or("text").to_ascii_lowercase();
    let mode = element.attribute("mode").unwrap_or_default().to_ascii_lowercase();
    let textual = matches!(kind.as_str(), "text" | "html" | "xhtml")
        || kind.starts_with("text/")
        || kind.contains("xml");
    if mode == "base64" || (!textual && kind.contains('/')) {
        return from_base64(&element.text(), base);
    }
    let plain = kind == "text" || kind == "text/plain";
    if plain && element.elements().next().is_none() {
        let text = element.text();
        return if looks_like_html(&text) { text::from_html(&text, base) } else { text::plain(&text) };
    }
    text::from_html(&element.inner_html(), base)
}

fn from_base64(text: &str, base: Option<&Url>) -> String {
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let words = STANDARD.decode(packed).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    words.map(|words| text::from_html(&words, base)).unwrap_or_default()
}

/// A closed tag or a reference; `1 < 2 & 3` is neither.
fn looks_like_html(text: &str) -> bool {
    let tag = text.match_indices('<').any(|(at, _)| {
        let rest = &text[at + 1..];
        rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') && rest.contains('>')
    });
    let reference = text.match_indices('&').any(|(at, _)| {
        let rest = &text[at + 1..];
        rest.find(';').is_some_and(|end| {
            (2..=10).contains(&end) && rest[..end].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#')
        })
    });
    tag || reference
}
