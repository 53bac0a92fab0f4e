//! What a site answered, saved or fresh, and what it holds. A kind's `parse` turns one into the other: pure,
//! without a clock, and never panicking, so that a saved answer says next year what it says today, and an
//! answer that nobody foresaw costs one look and not the daemon.

use serde_json::Value;

use super::{Reject, SourceError};
use crate::domain::post::Post;
use crate::domain::source::SkipReason;

/// An answer of a site.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Where it came from, where that is known: relative links are read against it.
    pub url: Option<&'a str>,
    /// The status code; 200 where it was not kept.
    pub status: u16,
    /// Header names (lower case) and values.
    pub headers: &'a [(String, String)],
    /// After decompression.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// A good answer of which nothing but the body is known.
    pub fn saved(body: &'a [u8]) -> Self {
        Self { url: None, status: 200, headers: &[], body }
    }

    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Why there is nothing to read: an error status, nothing at all, a page for people, half a document.
    pub fn json(&self) -> Result<Value, Nothing> {
        if self.status >= 400 {
            return Err(Nothing::ErrorAnswer);
        }
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.body).trim_ascii();
        match body.first() {
            // A redirect and "no content" have none by right; else something is missing.
            None if self.status != 200 => Err(Nothing::NoPostsInside),
            None => Err(Nothing::Broken),
            Some(b'<') => Err(Nothing::ForeignInterface),
            Some(_) => serde_json::from_slice(body).or_else(|_| lenient(body)).map_err(|_| Nothing::Broken),
        }
    }
}

/// JSON whose texts were cut in the middle of a character: half a surrogate pair, half an UTF-8 sequence.
/// The rest of such an answer is worth having.
fn lenient(body: &[u8]) -> serde_json::Result<Value> {
    let text = String::from_utf8_lossy(body);
    let mut mended = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match unit(rest) {
            Some(0xd800..=0xdbff) if matches!(rest.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            Some(_) => 6,
            // A backslash and what it escapes, which may have any length.
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    mended.push_str(rest);
    serde_json::from_str(&mended)
}

/// The number of a `\uXXXX` at the beginning of a text.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

/// Why a whole answer gave no posts. Closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nothing {
    /// The site says that it did not do what was asked.
    ErrorAnswer,
    /// In order, and there are none in it: an empty list, a person, a count.
    NoPostsInside,
    /// Of another interface of the site, or of another site; a page for people.
    ForeignInterface,
    /// Cut short, or of no form at all.
    Broken,
}

impl Nothing {
    /// All of them, in a fixed order.
    pub const ALL: [Nothing; 4] =
        [Nothing::ErrorAnswer, Nothing::NoPostsInside, Nothing::ForeignInterface, Nothing::Broken];

    /// The word printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Nothing::ErrorAnswer => "error_answer",
            Nothing::NoPostsInside => "no_posts_inside",
            Nothing::ForeignInterface => "foreign_interface",
            Nothing::Broken => "broken",
        }
    }

    /// For people: what the answer is.
    pub fn words(self) -> &'static str {
        match self {
            Nothing::ErrorAnswer => "is an error answer",
            Nothing::NoPostsInside => "has no posts inside",
            Nothing::ForeignInterface => "is of a form that this kind does not read",
            Nothing::Broken => "is broken off, or of no known form",
        }
    }
}

/// What an answer holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// In the order found.
    pub posts: Vec<Post>,
    /// What could not become a post, in the order found.
    pub rejects: Vec<Reject>,
    /// Why there is no post at all.
    pub nothing: Option<Nothing>,
}

impl From<Nothing> for Parsed {
    fn from(nothing: Nothing) -> Self {
        Self { nothing: Some(nothing), ..Self::default() }
    }
}

impl Parsed {
    /// Adds what could not be read; `at` is a JSON pointer, or `line 12`, or `entry 3`.
    pub fn reject(&mut self, at: &str, why: impl Into<String>) {
        self.rejects.push(Reject { reason: SkipReason::Malformed, at: at.to_owned(), why: why.into() });
    }

    /// This, unless it is no answer of the place: `whose` begins what is said then.
    ///
    /// # Errors
    /// What it is instead.
    pub fn or_strange(self, whose: &str) -> Result<Self, SourceError> {
        match self.nothing {
            None | Some(Nothing::NoPostsInside) => Ok(self),
            Some(nothing) => Err(SourceError::soon(format!("{whose} {}", nothing.words()))),
        }
    }

    /// Says why it is empty, where it is and nobody has said so. What holds nothing but rejects is broken.
    #[must_use]
    pub fn settled(mut self) -> Self {
        if !self.posts.is_empty() {
            self.nothing = None;
        } else if self.nothing.is_none() {
            let none = self.rejects.is_empty();
            self.nothing = Some(if none { Nothing::NoPostsInside } else { Nothing::Broken });
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json(status: u16, body: &[u8]) -> Result<Value, Nothing> {
        Answer { status, ..Answer::saved(body) }.json()
    }

    #[test]
    fn says_why_there_is_nothing_to_read() {
        for (status, body, expected) in [
            (404, "{}", Nothing::ErrorAnswer),
            (204, "", Nothing::NoPostsInside),
            (301, "", Nothing::NoPostsInside),
            (200, " \n", Nothing::Broken),
            (200, "<!doctype html><title>Blocked</title>", Nothing::ForeignInterface),
            (200, "{\"a\": [1, 2", Nothing::Broken),
            (200, "\u{1}\u{2}", Nothing::Broken),
        ] {
            assert_eq!(json(status, body.as_bytes()), Err(expected), "{status} {body}");
        }
        assert_eq!(json(200, b"\xef\xbb\xbf {\"a\": 1}"), Ok(json!({ "a": 1 })));
    }

    #[test]
    fn a_text_cut_inside_a_character_costs_one_character() {
        let body = br#"{"a": "x \ud83d", "b": "\ud83d\ude00 \\ud83d \u00e9", "c": "\udc00\""}"#;
        assert_eq!(json(200, body), Ok(json!({ "a": "x \u{fffd}", "b": "😀 \\ud83d é", "c": "\u{fffd}\"" })));
        assert_eq!(json(200, b"[\"\xe2\x82\"]"), Ok(json!(["\u{fffd}"])));
        for hopeless in [&b"\"\\ud83d"[..], b"\\", b"[\"\\u12\"]", b"\"\\\xe2\x82\xac"] {
            assert_eq!(json(200, hopeless), Err(Nothing::Broken));
        }
    }

    #[test]
    fn an_empty_answer_says_why() {
        let mut parsed = Parsed::default();
        assert_eq!(parsed.clone().settled().nothing, Some(Nothing::NoPostsInside));
        parsed.reject("/0", "has no words");
        assert_eq!(parsed.settled().nothing, Some(Nothing::Broken));
        assert_eq!(Parsed::from(Nothing::ErrorAnswer).settled().nothing, Some(Nothing::ErrorAnswer));
    }
}
