//! What leads to an author without naming one: names, addresses and posts as keyed hashes.
//!
//! Two things stand in the store under such a mark. **Leads** go from an author or an address to the mentions
//! that bear text, so that an account's deletion costs a look-up and not a walk; they go with the text.
//! **Tombstones** stay: they say that a post is not to be taken in again. Neither can be read back into a name.
//! Whoever holds the store, and so the key, can ask whether one certain name was forgotten, which is what a
//! tombstone is for; without the key not even that.
//!
//! The key is made at the first need, is a row like others (an export carries it, or its tombstones would say
//! nothing elsewhere), and never changes.

use std::fmt::{self, Write as _};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::domain::erasure::{Whose, address, folded, host};
use crate::domain::post::Post;

/// What an erased post is called from then on, before its mark.
const NAMELESS: &str = "forgotten:";

/// A keyed hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mark(pub [u8; 16]);

/// What marks are made with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ForgetKey([u8; 32]);

impl ForgetKey {
    /// A fresh one.
    pub fn make() -> Self {
        Self(rand::random())
    }

    fn mark(&self, sort: &str, parts: &[&str]) -> Mark {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in std::iter::once(&sort).chain(parts) {
            // The length keeps "ab", "c" apart from "a", "bc".
            mac.update(&part.len().to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut mark = [0; 16];
        mark.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        Mark(mark)
    }

    /// Of everybody who is called that.
    pub fn author(&self, author: &str) -> Mark {
        self.mark("author", &[&folded(author)])
    }

    /// Of a site.
    pub fn site(&self, site: &str) -> Mark {
        self.mark("site", &[&host(site)])
    }

    /// Of an address.
    pub fn url(&self, url: &str) -> Mark {
        self.mark("url", &[&address(url)])
    }

    /// Of a post, by its source and id.
    pub fn post(&self, source: &str, id: &str) -> Mark {
        self.mark("post", &[source, id])
    }

    /// Of another name of a post; none where that name says too little to keep anything out by: two people
    /// may say the same words.
    pub fn alias(&self, source: &str, alias: &str) -> Option<Mark> {
        match alias.split_once(':') {
            Some(("id", id)) => Some(self.post(source, id)),
            Some(("body", _)) => None,
            _ => Some(self.mark("alias", &[source, alias])),
        }
    }

    /// What leads to a post that bears text: pairs of a mark and its site's.
    pub fn leads(&self, post: &Post) -> Vec<(Mark, Mark)> {
        let author = post.author.as_deref().map(|author| (self.author(author), self.site(&post.site)));
        let url = post.url.as_deref().map(|url| (self.url(url), self.site("")));
        author.into_iter().chain(url).collect()
    }

    /// The leads that a question follows: a mark, and a site's where it names one.
    pub fn lead_of(&self, whose: &Whose) -> Option<(Mark, Option<Mark>)> {
        match whose {
            Whose::Author { author, site } => {
                Some((self.author(author), site.as_deref().map(|site| self.site(site))))
            }
            Whose::Account { author, site } => Some((self.author(author), Some(self.site(site)))),
            Whose::Url(url) => Some((self.url(url), None)),
            Whose::Post { .. } | Whose::Mention(_) => None,
        }
    }

    /// The tombstone that keeps out what a question asks for; none where the posts' own do.
    pub fn tombstone(&self, whose: &Whose) -> Option<Mark> {
        match whose {
            Whose::Author { author, site: None } => Some(self.author(author)),
            Whose::Author { author, site: Some(site) } | Whose::Account { author, site } => {
                Some(self.mark("author at", &[&folded(author), &host(site)]))
            }
            Whose::Url(url) => Some(self.url(url)),
            Whose::Post { source, id } => Some(self.post(source.as_str(), id)),
            Whose::Mention(_) => None,
        }
    }

    /// Every tombstone under which a post that comes may have been forgotten.
    pub fn tombstones(&self, post: &Post) -> Vec<Mark> {
        let source = post.source.as_str();
        let mut marks = self.own_tombstones(post);
        marks.extend(post.aliases.iter().filter_map(|alias| self.alias(source, alias)));
        marks
    }

    /// Those of a post that is kept: another post may have borne one of its names, and be gone.
    pub fn own_tombstones(&self, post: &Post) -> Vec<Mark> {
        let mut marks = self.asked_tombstones(post);
        marks.push(self.post(post.source.as_str(), &post.id));
        marks
    }

    /// Those that stand there because somebody asked for it: of its author and its address.
    pub fn asked_tombstones(&self, post: &Post) -> Vec<Mark> {
        let mut marks = Vec::new();
        marks.extend(post.url.as_deref().map(|url| self.url(url)));
        if let Some(author) = post.author.as_deref() {
            marks.push(self.author(author));
            marks.push(self.mark("author at", &[&folded(author), &host(&post.site)]));
        }
        marks
    }
}

/// What a post is called once nothing of it is left: a feed's id may be its address, and a network's may
/// hold its author's name.
pub(super) fn nameless(mark: Mark) -> String {
    format!("{NAMELESS}{mark}")
}

/// Whether that is such a name.
pub(super) fn is_nameless(id: &str) -> bool {
    id.starts_with(NAMELESS)
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({self})")
    }
}

impl fmt::Debug for ForgetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForgetKey(…)")
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        mark.to_string()
    }
}

impl From<ForgetKey> for String {
    fn from(key: ForgetKey) -> Self {
        hex(&key.0)
    }
}

impl TryFrom<String> for Mark {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        unhex(&text).map(Self).ok_or_else(|| "a mark is 32 hexadecimal digits".into())
    }
}

impl TryFrom<String> for ForgetKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        unhex(&text).map(Self).ok_or_else(|| "the key is 64 hexadecimal digits".into())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_tell_names_apart_and_show_none() {
        let key = ForgetKey([7; 32]);
        assert_eq!(key.author("@Ann"), key.author("ann "));
        assert_ne!(key.author("ann"), key.author("bo"));
        assert_ne!(key.author("ann"), key.url("ann"));
        assert_ne!(key.author("ann"), ForgetKey([8; 32]).author("ann"));
        assert_ne!(key.post("ab", "c"), key.post("a", "bc"));
        assert_eq!(key.alias("a", "id:7"), Some(key.post("a", "7")));
        assert_eq!(key.alias("a", "body:77"), None, "two people may say the same");
        assert_eq!(format!("{key:?}"), "ForgetKey(…)");
    }

    #[test]
    fn marks_and_keys_come_back() {
        let key = ForgetKey::make();
        let mark = key.author("ann");
        let text = serde_json::to_string(&(&key, mark)).expect("text");
        assert_eq!(serde_json::from_str::<(ForgetKey, Mark)>(&text).expect("they come back"), (key, mark));
        for wrong in ["\"\"", "\"zz\"", "\"0123456789abcdef0123456789abcdeä\""] {
            assert!(serde_json::from_str::<Mark>(wrong).is_err(), "{wrong}");
        }
    }
}
