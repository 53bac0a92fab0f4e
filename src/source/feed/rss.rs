//! RSS in all its versions: 0.90 and 1.0 (RDF), 0.91 to 0.94, 2.0, with the extensions that carry
//! words, names and dates.

use url::Url;

use super::date;
use super::document::{Document, Entry, base_of, enclosure, line, resolved};
use super::tree::Element;
use crate::source::text;

/// Where the words stand, the fullest first.
const BODIES: [&str; 11] = [
    "content:encoded",
    "encoded",
    "xhtml:body",
    "body",
    "description",
    "content",
    "atom:content",
    "atom:summary",
    "itunes:summary",
    "media:description",
    "dc:description",
];

const DATES: [&str; 13] = [
    "pubdate",
    "dcterms:issued",
    "atom:published",
    "published",
    "issued",
    "dc:date",
    "dcterms:created",
    "date",
    "dcterms:modified",
    "atom:updated",
    "updated",
    "modified",
    "created",
];

/// Reads `<rss>`, `<rdf:RDF>` or a bare `<channel>`.
pub fn read(root: &Element, url: Option<&Url>) -> Document {
    let channel = root.child("channel").unwrap_or(root);
    let base = base_of(root, url);
    let base = base_of(channel, base.as_ref());
    let home = link(channel, base.as_ref());
    // Feeds are often served from elsewhere; what is relative is meant relative to the site.
    let explicit = channel.attribute("xml:base").or(root.attribute("xml:base")).is_some();
    let site = home.as_deref().filter(|_| !explicit && url.is_some()).and_then(|home| Url::parse(home).ok());
    let base = site.or(base);
    let mut document = Document {
        title: channel.child("title").and_then(headline),
        home,
        lang: first(channel, &["language", "dc:language"])
            .or(channel.attribute("xml:lang").map(str::to_owned)),
        author: None,
        ttl: first(channel, &["ttl"]).and_then(|ttl| ttl.parse().ok()),
        entries: Vec::new(),
    };
    collect(root, base.as_ref(), &mut document.entries);
    document
}

/// Entries stand in the channel, beside it, or in wrappers of people's own.
fn collect(element: &Element, base: Option<&Url>, entries: &mut Vec<Entry>) {
    for child in element.elements() {
        match child.name.as_str() {
            "item" | "atom:entry" => entries.push(entry(child, base)),
            "image" | "textinput" | "description" => {}
            _ => collect(child, base, entries),
        }
    }
}

fn entry(item: &Element, base: Option<&Url>) -> Entry {
    let base = base_of(item, base);
    let base = base.as_ref();
    let guid = ["guid", "atom:id", "id"].iter().find_map(|name| item.child(name));
    let guid_text = guid.and_then(|guid| line(&guid.text()));
    let is_link = guid.is_some_and(|guid| {
        !guid.attribute("ispermalink").is_some_and(|value| value.eq_ignore_ascii_case("false"))
    });
    let is_address = |guid: &String| guid.starts_with("http") || guid.starts_with('/');
    let from_guid = || guid_text.clone().filter(|guid| is_link && is_address(guid));
    let body = BODIES.iter().filter_map(|name| item.child(name)).map(|element| {
        let base = base_of(element, base);
        text::from_html(&element.inner_html(), base.as_ref())
    });
    let media = || {
        let group = item.child("media:group").unwrap_or(item);
        group
            .child("media:description")
            .map(|words| text::from_html(&words.inner_html(), base))
            .unwrap_or_default()
    };
    Entry {
        link: link(item, base).or_else(|| resolved(&from_guid()?, base)),
        title: ["title", "atom:title", "dc:title", "media:title", "itunes:title"]
            .iter()
            .filter_map(|name| item.child(name))
            .find_map(headline),
        body: body.into_iter().find(|body| !body.is_empty()).unwrap_or_else(media),
        enclosure: enclosure(item, base),
        author: author(item),
        date: DATES.iter().filter_map(|name| first(item, &[name])).find_map(|text| date::parse(&text)),
        lang: first(item, &["dc:language", "language"]).or(item.attribute("xml:lang").map(str::to_owned)),
        guid: guid_text.or_else(|| item.attribute("rdf:about").and_then(line)),
    }
}

/// The first link that says something: RSS's own, Atom's inside RSS.
fn link(element: &Element, base: Option<&Url>) -> Option<String> {
    let own = element.elements().filter(|child| child.name == "link");
    let mut own = own.filter_map(|link| line(&link.text()).or(link.attribute("href").map(str::to_owned)));
    let atom = element.elements().filter(|child| child.name == "atom:link").find_map(|link| {
        let usual = link.attribute("rel").is_none_or(|rel| rel == "alternate");
        link.attribute("href").filter(|_| usual).map(str::to_owned)
    });
    let link = own.next().or(atom)?;
    resolved(&link, base)
}

fn author(item: &Element) -> Option<String> {
    let name = |element: &Element| {
        let inner = element.child("name").or(element.child("atom:name")).unwrap_or(element);
        line(&text::line_from_html(&inner.text()))
    };
    let written = ["dc:creator", "author", "itunes:author", "atom:author", "creator"]
        .iter()
        .filter_map(|found| item.child(found))
        .find_map(name)?;
    Some(person(&written))
}

/// `mail@host (Name)` and `Name <mail@host>` name a person; the name is what is shown.
fn person(written: &str) -> String {
    let (outside, inside) = match written.split_once(['(', '<']) {
        Some((outside, inside)) => (outside.trim(), inside.trim_end_matches([')', '>']).trim()),
        None => return written.to_owned(),
    };
    match (outside.contains('@'), inside.contains('@')) {
        (true, false) if !inside.is_empty() => inside.to_owned(),
        (false, true) if !outside.is_empty() => outside.to_owned(),
        _ => written.to_owned(),
    }
}

fn headline(element: &Element) -> Option<String> {
    Some(text::line_from_html(&element.inner_html())).filter(|title| !title.is_empty())
}

fn first(element: &Element, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| element.child(name).and_then(|child| line(&child.text())))
}
