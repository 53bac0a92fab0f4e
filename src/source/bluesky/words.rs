//! A record of the network as a post: its words with their links written out, whom it answers, which language
//! it says it is in.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::frame::{POSTS, Text};
use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{record, text};

/// The site on which posts are read.
pub const SITE: &str = "bsky.app";

/// An address longer than this is left out of the text.
const LONGEST_LINK: usize = 500;

/// A post as its author's repository holds it, of the parts that are of use here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Record<'a> {
    #[serde(borrow, rename = "$type")]
    sort: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    created_at: Option<Text<'a>>,
    #[serde(borrow)]
    langs: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    reply: Option<Reply<'a>>,
    #[serde(borrow)]
    facets: Option<Vec<Facet<'a>>>,
    #[serde(borrow)]
    embed: Option<Embed<'a>>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Reply<'a> {
    #[serde(borrow)]
    parent: Option<Target<'a>>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Target<'a> {
    #[serde(borrow)]
    uri: Option<Text<'a>>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Facet<'a> {
    index: Index,
    #[serde(borrow)]
    features: Vec<Target<'a>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Index {
    byte_start: usize,
    byte_end: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Embed<'a> {
    #[serde(borrow)]
    external: Option<Target<'a>>,
    #[serde(borrow)]
    images: Option<Vec<Described<'a>>>,
    /// Of a film.
    #[serde(borrow)]
    alt: Option<Text<'a>>,
    /// Of a quote with something beside it.
    #[serde(borrow)]
    media: Option<Box<Embed<'a>>>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Described<'a> {
    #[serde(borrow)]
    alt: Option<Text<'a>>,
}

/// Whose record it is and what it is called.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    /// The author's repository.
    pub did: &'a str,
    /// The record in it.
    pub rkey: &'a str,
}

impl<'a> Name<'a> {
    /// Of `at://did/app.bsky.feed.post/rkey`.
    pub fn of(uri: &'a str) -> Option<Self> {
        let (did, rest) = uri.strip_prefix("at://")?.split_once('/')?;
        let rkey = rest.strip_prefix(POSTS)?.strip_prefix('/')?;
        (!did.is_empty() && !rkey.is_empty() && !rkey.contains('/')).then_some(Self { did, rkey })
    }

    /// What the network calls it.
    pub fn uri(self) -> String {
        format!("at://{}/{POSTS}/{}", self.did, self.rkey)
    }
}

impl<'a> Record<'a> {
    /// From a value of an answer: what is of another form than it should be is left out, for the site has shown it.
    pub fn of(node: &Node<'a>) -> Self {
        if let Ok(record) = Record::deserialize(node.value()) {
            return record;
        }
        let text = |key: &str| node.text(key).map(|text| Text(Cow::Borrowed(text)));
        let part = |key: &str| node.value().get(key);
        Record {
            sort: text("$type"),
            text: text("text"),
            created_at: text("createdAt"),
            langs: part("langs").and_then(|part| Deserialize::deserialize(part).ok()),
            reply: part("reply").and_then(|part| Deserialize::deserialize(part).ok()),
            facets: part("facets").and_then(|part| Deserialize::deserialize(part).ok()),
            embed: part("embed").and_then(|part| Deserialize::deserialize(part).ok()),
        }
    }

    /// Whether it says that it is a post, or nothing.
    pub fn is_post(&self) -> bool {
        self.sort.as_ref().is_none_or(|sort| sort.as_str() == POSTS)
    }

    /// The post. `seen` is when the network saw it, for where the record has no date.
    pub fn post(
        &self,
        source: &SourceId,
        name: Name<'_>,
        cid: &str,
        author: &str,
        seen: Option<Timestamp>,
    ) -> Post {
        let parent = self.reply.as_ref().and_then(|reply| reply.parent.as_ref());
        let parent = parent.and_then(|parent| parent.uri.as_ref()).map(|uri| uri.as_str().to_owned());
        let words = self.words();
        Post {
            source: source.clone(),
            site: SITE.to_owned(),
            id: name.uri(),
            version: if cid.is_empty() { record::version(None, &words, false) } else { cid.to_owned() },
            aliases: Vec::new(),
            kind: if parent.is_some() { PostKind::Comment } else { PostKind::Post },
            url: Some(page(name)),
            author: Some(author.to_owned()),
            created_at: self.created_at.as_ref().and_then(|at| instant(at.as_str())).or(seen),
            title: None,
            text: words,
            lang: self.lang(),
            parent,
            reach: None,
            deleted: false,
        }
    }

    fn lang(&self) -> Option<String> {
        // Several languages are as good as none: nobody says which words are in which.
        match self.langs.as_deref()? {
            [one] => lang(one.as_str()),
            _ => None,
        }
    }

    fn words(&self) -> String {
        let plain = self.text.as_ref().map_or("", Text::as_str);
        let mut words = match self.facets.as_deref() {
            Some(facets) if !facets.is_empty() => text::plain(&linked(plain, facets)),
            _ => text::plain(plain),
        };
        let Some(embed) = &self.embed else { return words };
        let mut add = |more: &str| {
            if !more.is_empty() && !words.contains(more) {
                if !words.is_empty() {
                    words.push_str("\n\n");
                }
                words.push_str(more);
            }
        };
        for embed in std::iter::once(embed).chain(embed.media.as_deref()) {
            let card = embed.external.as_ref().and_then(|card| card.uri.as_ref()).map_or("", Text::as_str);
            if is_link(card) {
                add(card);
            }
            // What stands on a picture are often words of somebody else; where there is nothing beside them,
            // they are what the author wanted to be read.
            if plain.trim().is_empty() {
                let images = embed.images.iter().flatten().filter_map(|image| image.alt.as_ref());
                for alt in images.chain(&embed.alt) {
                    add(&text::plain(alt.as_str()));
                }
            }
        }
        words
    }
}

/// A post that its author took back.
pub fn deleted(source: &SourceId, name: Name<'_>) -> Post {
    Post {
        source: source.clone(),
        site: SITE.to_owned(),
        id: name.uri(),
        version: record::version(None, "", true),
        aliases: Vec::new(),
        kind: PostKind::Post,
        url: Some(page(name)),
        author: Some(name.did.to_owned()),
        created_at: None,
        title: None,
        text: String::new(),
        lang: None,
        parent: None,
        reach: None,
        deleted: true,
    }
}

fn page(name: Name<'_>) -> String {
    format!("https://{SITE}/profile/{}/post/{}", name.did, name.rkey)
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| api::time(&Value::String(text.to_owned())))
}

fn lang(tag: &str) -> Option<String> {
    let value = serde_json::json!({ "lang": tag });
    // The common case needs no look at the rest.
    let plain = tag.len() == 2 && tag.bytes().all(|byte| byte.is_ascii_lowercase());
    if plain { Some(tag.to_owned()) } else { Node::root(&value).lang("lang") }
}

fn is_link(uri: &str) -> bool {
    uri.len() <= LONGEST_LINK && (uri.starts_with("https://") || uri.starts_with("http://"))
}

/// The text with its links written out: in the place of a shortened one, else behind its words. Places are
/// counted in bytes, and come from strangers.
fn linked(plain: &str, facets: &[Facet<'_>]) -> String {
    let mut links: Vec<(Index, &str)> = facets
        .iter()
        .filter_map(|facet| {
            let mut uris = facet.features.iter().filter_map(|feature| feature.uri.as_ref());
            Some((facet.index, uris.find(|uri| is_link(uri.as_str()))?.as_str()))
        })
        .collect();
    links.sort_by_key(|(index, _)| index.byte_start);
    let mut text = String::with_capacity(plain.len() + 64);
    let mut done = 0;
    for (index, uri) in links {
        let (Some(before), Some(words)) =
            (plain.get(done..index.byte_start), plain.get(index.byte_start..index.byte_end))
        else {
            continue;
        };
        text.push_str(before);
        let shown = words.trim();
        if !shown.contains(' ') && bare(uri).starts_with(bare(shown.trim_end_matches(['…', '.']))) {
            text.push_str(uri);
        } else {
            text.push_str(words);
            text.push_str(" (");
            text.push_str(uri);
            text.push(')');
        }
        done = index.byte_end;
    }
    text.push_str(&plain[done..]);
    text
}

fn bare(uri: &str) -> &str {
    let uri = uri.trim_start_matches("https://").trim_start_matches("http://");
    uri.trim_start_matches("www.").trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(record: &Value) -> String {
        Record::of(&Node::root(record)).words()
    }

    #[test]
    fn links_are_written_out_where_they_stand() {
        let facet = |from: usize, to: usize, uri: &str| json!({ "index": { "byteStart": from, "byteEnd": to }, "features": [{ "$type": "app.bsky.richtext.facet#link", "uri": uri }] });
        let whole = "https://acme.example/a/long/way";
        for (said, facets, expected) in [
            ("see acme.example/a/lo... now", json!([facet(4, 24, whole)]), format!("see {whole} now")),
            (
                "grüße: acme.example",
                json!([facet(9, 21, "https://www.acme.example/")]),
                "grüße: https://www.acme.example/".into(),
            ),
            ("read this", json!([facet(5, 9, whole)]), format!("read this ({whole})")),
            // Backwards, beyond the end, inside a character, over each other, no link, not even a number.
            ("ää", json!([facet(2, 1, whole)]), "ää".into()),
            ("ää", json!([facet(0, 90, whole)]), "ää".into()),
            ("ää", json!([facet(1, 2, whole)]), "ää".into()),
            ("a b", json!([facet(0, 3, whole), facet(1, 2, whole)]), format!("a b ({whole})")),
            ("a", json!([facet(0, 1, "javascript:alert(1)")]), "a".into()),
            ("a", json!([{ "index": { "byteStart": -1 }, "features": 7 }]), "a".into()),
            (
                "a #b",
                json!([{ "index": { "byteStart": 2, "byteEnd": 4 }, "features": [{ "tag": "b" }] }]),
                "a #b".into(),
            ),
        ] {
            assert_eq!(text(&json!({ "text": said, "facets": facets })), expected, "{said}");
        }
    }

    #[test]
    fn cards_are_part_of_it_and_pictures_where_nothing_else_is() {
        let card = json!({ "$type": "app.bsky.embed.external", "external": { "uri": "https://acme.example/x", "title": "no words of the author" } });
        let images = json!({ "images": [{ "alt": "a cat" }, { "alt": "" }] });
        assert_eq!(text(&json!({ "text": "look", "embed": card })), "look\n\nhttps://acme.example/x");
        assert_eq!(
            text(&json!({ "text": "https://acme.example/x", "embed": card })),
            "https://acme.example/x"
        );
        assert_eq!(text(&json!({ "text": "look", "embed": images })), "look");
        assert_eq!(
            text(&json!({ "text": "", "embed": { "media": images, "record": { "record": {} } } })),
            "a cat"
        );
        assert_eq!(text(&json!({ "text": 7, "embed": [] })), "");
    }
}
