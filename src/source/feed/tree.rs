//! XML to a small tree, tolerant of what people serve as XML: tags that never close or were never
//! opened, loose ampersands, undeclared prefixes, HTML laid bare.
//!
//! quick-xml cuts the text into tokens and we nest them ourselves. Entities that a document
//! declares are never expanded, so there is nothing to blow up; an unknown one stays as written,
//! for the HTML reader to make sense of. Depth, namespaces and restarts are bounded.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesStart, Event};

use super::charset;

/// Deeper elements lose their tags and keep their text.
const DEEPEST: usize = 100;

/// More elements than any honest feed of the size that is read; later ones lose their tags too.
const MOST_ELEMENTS: usize = 200_000;

/// More attributes than any element of a feed has.
const MOST_ATTRIBUTES: usize = 64;

/// More prefixes than any feed declares.
const MOST_PREFIXES: usize = 128;

/// So often what is no tag is stepped over before the rest is taken for lost.
const MOST_RESTARTS: usize = 500;

/// An element. Its name is in lower case and carries a fixed prefix for each namespace we know
/// (`atom:`, `dc:`, `content:`, …), whatever prefix the document chose; those of RSS have none.
#[derive(Debug, Default, Clone)]
pub struct Element {
    /// As above.
    pub name: String,
    /// Names by the same rule, without a namespace bare.
    pub attributes: Vec<(String, String)>,
    /// In order.
    pub children: Vec<Node>,
}

/// What an element contains.
#[derive(Debug, Clone)]
pub enum Node {
    /// Another element.
    Element(Element),
    /// Text, its references resolved.
    Text(String),
}

impl Element {
    /// The elements right inside.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first element of that name right inside.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.elements().find(|element| element.name == name)
    }

    /// An attribute with something in it.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(found, _)| found == name)?;
        Some(found.1.trim()).filter(|value| !value.is_empty())
    }

    /// All text inside, however deep.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write_text(&mut text);
        charset::mended(text)
    }

    fn write_text(&self, into: &mut String) {
        for node in &self.children {
            match node {
                Node::Text(text) => into.push_str(text),
                Node::Element(element) => element.write_text(into),
            }
        }
    }

    /// What is inside as HTML: text as it is when nothing but text is there (escaped markup),
    /// else written out again (markup laid bare).
    pub fn inner_html(&self) -> String {
        if self.elements().next().is_none() {
            return self.text();
        }
        let mut html = String::new();
        self.write_html(&mut html);
        charset::mended(html)
    }

    fn write_html(&self, into: &mut String) {
        for node in &self.children {
            match node {
                Node::Text(text) => escape(text, into),
                Node::Element(element) => {
                    let name = element.name.rsplit(':').next().unwrap_or_default();
                    into.push('<');
                    into.push_str(name);
                    for (name, value) in &element.attributes {
                        into.push(' ');
                        into.push_str(name);
                        into.push_str("=\"");
                        escape(value, into);
                        into.push('"');
                    }
                    into.push('>');
                    element.write_html(into);
                    if !matches!(name, "br" | "img" | "hr" | "input" | "meta" | "link") {
                        into.push_str("</");
                        into.push_str(name);
                        into.push('>');
                    }
                }
            }
        }
    }
}

fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '&' => into.push_str("&amp;"),
            '"' => into.push_str("&quot;"),
            c => into.push(c),
        }
    }
}

/// Everything that could be read; the root's children are the top of the document.
pub fn read(text: &str) -> Element {
    let mut builder = Builder::default();
    let mut rest = text;
    for _ in 0..=MOST_RESTARTS {
        let mut reader = Reader::from_str(rest);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        let broken = loop {
            let before = reader.buffer_position();
            match reader.read_event() {
                Ok(Event::Eof) => return builder.finish(),
                // `1 < 2`: no name can begin so, and what follows is no tag.
                Ok(Event::Start(tag) | Event::Empty(tag)) if !tag.starts_with(is_name_start) => break before,
                Ok(event) => builder.take(event),
                Err(_) => break reader.error_position(),
            }
        };
        let broken = usize::try_from(broken).ok().and_then(|at| rest.get(at..)).unwrap_or_default();
        // An open end: no later token can begin, but the words are there.
        if let Some(words) = broken.strip_prefix("<![CDATA[") {
            builder.text(words);
            return builder.finish();
        }
        let mut chars = broken.chars();
        let Some(first) = chars.next() else { return builder.finish() };
        builder.text(first.encode_utf8(&mut [0; 4]));
        rest = chars.as_str();
    }
    builder.finish()
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == ':'
}

#[derive(Default)]
struct Builder {
    root: Element,
    open: Vec<Open>,
    /// Prefixes in force and what they stand for.
    prefixes: Vec<(String, Cow<'static, str>)>,
    /// Open elements beyond the deepest, or beyond the most.
    beyond: usize,
    elements: usize,
}

struct Open {
    element: Element,
    /// As written, to find its end tag.
    written: String,
    /// How many prefixes were in force before.
    prefixes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag, false),
            Event::Empty(tag) => self.start(&tag, true),
            Event::End(tag) => self.end(tag.name().into_inner()),
            Event::Text(text) => self.text(&text),
            Event::CData(text) => self.text(&text),
            Event::GeneralRef(name) => {
                let mut resolved = String::new();
                resolve(&name, &mut resolved);
                self.text(&resolved);
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, empty: bool) {
        let written = tag.name().into_inner().to_ascii_lowercase();
        if self.open.len() >= DEEPEST || self.elements >= MOST_ELEMENTS {
            self.beyond += usize::from(!empty);
            return;
        }
        self.elements += 1;
        let before = self.prefixes.len();
        let mut found = Vec::new();
        let mut attributes = tag.html_attributes();
        for attribute in Attributes::with_checks(&mut attributes, false).take(MOST_ATTRIBUTES).flatten() {
            let key = attribute.key.into_inner().to_ascii_lowercase();
            let value = unescape(&attribute.value);
            if key == "xmlns" || key.starts_with("xmlns:") {
                if self.prefixes.len() < MOST_PREFIXES {
                    let prefix = key.strip_prefix("xmlns:").unwrap_or_default().to_owned();
                    let space = space(&value, &prefix);
                    self.prefixes.push((prefix, space));
                }
            } else {
                found.push((key, value));
            }
        }
        let name = self.name(&written, true);
        // An entry inside an entry means that the outer one was never closed. An empty one says
        // nothing either way.
        let is_entry = !empty && matches!(name.as_str(), "item" | "atom:entry");
        let outer = self.open.iter().position(|open| is_entry && open.element.name == name);
        if let Some(outer) = outer {
            let declared = self.prefixes.split_off(before.min(self.prefixes.len()));
            self.close_to(outer);
            self.prefixes.extend(declared);
        }
        let attributes = found.into_iter().map(|(key, value)| (self.name(&key, false), value)).collect();
        let element = Element { name, attributes, children: Vec::new() };
        self.open.push(Open { element, written, prefixes: before.min(self.prefixes.len()) });
        if empty {
            self.close_to(self.open.len() - 1);
        }
    }

    fn end(&mut self, written: &str) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        let written = written.to_ascii_lowercase();
        if let Some(at) = self.open.iter().rposition(|open| open.written == written) {
            self.close_to(at);
        }
    }

    fn close_to(&mut self, at: usize) {
        while self.open.len() > at {
            let Some(closed) = self.open.pop() else { return };
            self.prefixes.truncate(closed.prefixes);
            self.parent().children.push(Node::Element(closed.element));
        }
    }

    fn parent(&mut self) -> &mut Element {
        self.open.last_mut().map_or(&mut self.root, |open| &mut open.element)
    }

    fn text(&mut self, text: &str) {
        let parent = self.parent();
        match parent.children.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ => parent.children.push(Node::Text(text.to_owned())),
        }
    }

    fn finish(mut self) -> Element {
        self.close_to(0);
        self.root
    }

    /// The name under the fixed prefix of its namespace.
    fn name(&self, written: &str, default: bool) -> String {
        let (prefix, local) = written.rsplit_once(':').unwrap_or(("", written));
        if prefix.is_empty() && !default {
            return local.to_owned();
        }
        let declared = self.prefixes.iter().rev().find(|(found, _)| found == prefix);
        let space = declared.map_or(prefix, |(_, space)| space.as_ref());
        // Some write `rss:` before everything and never say what it stands for.
        if space.is_empty() || space == "rss" { local.to_owned() } else { format!("{space}:{local}") }
    }
}

/// The fixed prefix of a namespace; of an unknown one, the document's own.
fn space(uri: &str, prefix: &str) -> Cow<'static, str> {
    let uri = uri.trim().to_ascii_lowercase();
    let known = match uri.as_str() {
        "http://www.w3.org/2005/atom" | "https://www.w3.org/2005/atom" => "atom",
        "http://purl.org/dc/elements/1.1/" | "http://purl.org/dc/elements/1.0/" => "dc",
        "http://purl.org/dc/terms/" => "dcterms",
        "http://purl.org/rss/1.0/modules/content/" => "content",
        "http://www.w3.org/1999/xhtml" => "xhtml",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#" => "rdf",
        "http://purl.org/rss/1.0/" | "http://purl.org/net/rss1.1#" | "" => "",
        uri if uri.starts_with("http://purl.org/atom/ns") => "atom",
        uri if uri.contains("search.yahoo.com/mrss") => "media",
        uri if uri.contains("itunes.com/dtds") || uri.contains("itunes.com/dtd") => "itunes",
        // RSS has been given many namespaces, none of them its own.
        uri if uri.contains("/rss") && !uri.contains("module") => "",
        uri if uri.contains("my.netscape.com") || uri.contains("channel.netscape.com") => "",
        _ => return Cow::Owned(prefix.to_owned()),
    };
    Cow::Borrowed(known)
}

fn unescape(value: &str) -> String {
    let mut rest = value;
    let mut text = String::with_capacity(value.len());
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name = rest.find(';').filter(|end| *end <= 10 && *end > 0).map(|end| &rest[..end]);
        match name {
            Some(name) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#') => {
                resolve(name, &mut text);
                rest = &rest[name.len() + 1..];
            }
            _ => text.push('&'),
        }
    }
    text.push_str(rest);
    text
}

/// Resolves one reference: the five of XML and the numbered; an unknown one stays as written.
fn resolve(name: &str, into: &mut String) {
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    let c = match (name, number) {
        ("lt", _) => '<',
        ("gt", _) => '>',
        ("amp", _) => '&',
        ("quot", _) => '"',
        ("apos", _) => '\'',
        (_, Some(number)) => western(number).or(char::from_u32(number)).unwrap_or('\u{fffd}'),
        _ => {
            into.push('&');
            into.push_str(name);
            into.push(';');
            return;
        }
    };
    into.push(c);
}

/// Templates number their quotes and dashes by Windows' table; XML has control characters there.
fn western(number: u32) -> Option<char> {
    let byte = u8::try_from(number).ok().filter(|byte| (0x80..0xa0).contains(byte))?;
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next()
}

#[cfg(test)]
mod tests;
