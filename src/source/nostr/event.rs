//! An event as a relay hands it on: read, and believed only when its name is the hash of what it says and its
//! author has signed that name. Relays are anybody's, and nothing else stands between a forger and a post in
//! somebody's name, or the deletion of somebody else's.

use jiff::Timestamp;
use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::{self, Signature};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::code;
use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::source::{record, text};

/// A note, an answer to what is no note, an article; and the word that withdraws one.
pub const NOTE: u32 = 1;
pub const COMMENT: u32 = 1_111;
pub const ARTICLE: u32 = 30_023;
pub const DELETION: u32 = 5;

/// Where notes can be read on the web: the network itself has no pages.
pub const SITE: &str = "njump.me";

/// A longer list of tags belongs to no post.
const MOST_TAGS: usize = 5_000;

/// An event whose name and signature are in order; there is no other way to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event(Raw);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Raw {
    id: String,
    pubkey: String,
    created_at: i64,
    kind: u32,
    tags: Vec<Vec<String>>,
    content: String,
    sig: String,
}

/// What an event takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn<'a> {
    /// An event of that name, if it is by the same author.
    Event(&'a str),
    /// An article of the same author's: as its posts are called.
    Article(&'a str),
}

impl Event {
    /// Reads an event and proves it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(value: &Value) -> Result<Self, &'static str> {
        let raw = Raw::deserialize(value).map_err(|_| "it lacks what every event has")?;
        if raw.tags.len() > MOST_TAGS {
            return Err("it has more tags than any post");
        }
        let names = code::hex::<32>(&raw.id).zip(code::hex::<32>(&raw.pubkey));
        let (id, author) = names.ok_or("its names are no hashes")?;
        let said = (0, &raw.pubkey, raw.created_at, raw.kind, &raw.tags, &raw.content);
        let said = serde_json::to_vec(&said).expect("texts and numbers always serialise");
        if Sha256::digest(said)[..] != id {
            return Err("its id is not the hash of what it says");
        }
        let signature: [u8; 64] = code::hex(&raw.sig).ok_or("its signature is none")?;
        let key = XOnlyPublicKey::from_byte_array(author).map_err(|_| "its author's key is none")?;
        schnorr::verify(&Signature::from_byte_array(signature), &id, &key)
            .map_err(|_| "its signature is not its author's")?;
        Ok(Self(raw))
    }

    /// The hash of what it says.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The author's public key.
    pub fn author(&self) -> &str {
        &self.0.pubkey
    }

    /// When its author says that it was written, in seconds since 1970.
    pub fn at(&self) -> i64 {
        self.0.created_at
    }

    pub fn kind(&self) -> u32 {
        self.0.kind
    }

    /// Whether its author gave it this hashtag, which is written in lower case.
    pub fn has_hashtag(&self, wanted: &str) -> bool {
        self.0.tags.iter().any(|tag| tag.len() > 1 && tag[0] == "t" && tag[1].to_lowercase() == wanted)
    }

    /// What it takes back. Whether an event named there is by the same author is the caller's to know.
    pub fn withdraws(&self) -> Vec<Withdrawn<'_>> {
        if self.0.kind != DELETION {
            return Vec::new();
        }
        let own = format!("{ARTICLE}:{}:", self.0.pubkey);
        let found = self.0.tags.iter().filter_map(|tag| match tag.as_slice() {
            [name, id, ..] if name == "e" => Some(Withdrawn::Event(id)),
            [name, address, ..] if name == "a" && address.starts_with(&own) => {
                Some(Withdrawn::Article(address))
            }
            _ => None,
        });
        found.collect()
    }

    /// The post that it is, if it is one.
    ///
    /// # Errors
    /// What a post needs and it lacks.
    pub fn post(&self, source: &SourceId) -> Result<Option<Post>, &'static str> {
        let Raw { id, pubkey, kind, content, .. } = &self.0;
        let (sort, parent, name) = match *kind {
            NOTE => (PostKind::Post, self.answers(), id.clone()),
            COMMENT => (PostKind::Comment, self.tag("e").map(str::to_owned), id.clone()),
            ARTICLE => {
                (PostKind::Article, None, format!("{ARTICLE}:{pubkey}:{}", self.tag("d").unwrap_or_default()))
            }
            _ => return Ok(None),
        };
        let title = self.tag(if *kind == ARTICLE { "title" } else { "subject" }).map(text::one_line);
        let (title, words) = (title.filter(|title| !title.is_empty()), text::plain(content));
        if title.is_none() && words.is_empty() {
            return Err("has neither a title nor words");
        }
        let lang = self.0.tags.iter().find_map(|tag| match tag.as_slice() {
            [name, lang, space, ..] if name == "l" && space == "ISO-639-1" => Some(lang.to_ascii_lowercase()),
            _ => None,
        });
        Ok(Some(Post {
            source: source.clone(),
            site: SITE.into(),
            id: name,
            // A note cannot be edited; an article can, by an event of another name.
            version: id.clone(),
            aliases: Vec::new(),
            kind: if parent.is_some() { PostKind::Comment } else { sort },
            url: page(id, pubkey),
            author: Some(pubkey.clone()),
            created_at: Timestamp::from_second(self.0.created_at).ok(),
            title,
            text: words,
            lang: lang.filter(|lang| lang.len() == 2 && lang.bytes().all(|b| b.is_ascii_lowercase())),
            parent,
            reach: None,
            deleted: false,
        }))
    }

    /// What a note answers: what it names as such, else the last note it names, which is how it was done before
    /// names were marked.
    fn answers(&self) -> Option<String> {
        let named = || self.0.tags.iter().filter(|tag| tag.len() > 1 && tag[0] == "e");
        let mark = |tag: &[String]| tag.get(3).cloned().unwrap_or_default();
        let marked = |wanted: &str| named().find(|tag| mark(tag) == wanted);
        let unmarked = || named().rfind(|tag| mark(tag).is_empty());
        let found = marked("reply").or_else(|| marked("root")).or_else(unmarked)?;
        code::hex::<32>(&found[1]).map(|_| found[1].clone())
    }

    fn tag(&self, name: &str) -> Option<&str> {
        self.0.tags.iter().find(|tag| tag.len() > 1 && tag[0] == name).map(|tag| tag[1].as_str())
    }
}

/// A post that its author took back.
pub fn withdrawn(source: &SourceId, id: &str, author: &str) -> Post {
    Post {
        source: source.clone(),
        site: SITE.into(),
        id: id.to_owned(),
        version: record::version(None, "", true),
        aliases: Vec::new(),
        kind: PostKind::Post,
        url: page(id, author),
        author: Some(author.to_owned()),
        created_at: None,
        title: None,
        text: String::new(),
        lang: None,
        parent: None,
        reach: None,
        deleted: true,
    }
}

/// Where an event can be read. The address names its author too, so that a later deletion can be proven by it.
fn page(id: &str, author: &str) -> Option<String> {
    Some(format!("https://{SITE}/{}", code::event(code::hex(id)?, code::hex(author)?)))
}

/// The author of the post at an address of ours.
pub fn author_of(url: &str) -> Option<String> {
    code::author_of_event(url.strip_prefix("https://")?.strip_prefix(SITE)?.strip_prefix('/')?)
}
