//! One frame of a Jetstream, of today's form and of the one before it, read in one pass: every word is borrowed
//! from the frame unless JSON had to escape it, and no tree of values is built. At the peak of a whole network
//! this is where the time goes.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::words::Record;

/// The collection of posts.
pub const POSTS: &str = "app.bsky.feed.post";

/// A text, borrowed where it stands in the frame as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text))
            }
        }
        deserializer.deserialize_str(Words).map(Self)
    }
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame<'a> {
    /// Something happened on the network.
    Event(Event<'a>),
    /// A word about the stream itself.
    Info {
        /// As the lexicon has it: `OutdatedCursor`.
        name: &'a str,
    },
    /// Why the connection ends.
    Error {
        /// As the lexicon has it: `ConsumerTooSlow`.
        name: Cow<'a, str>,
    },
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// Its number on this instance; the form before had none.
    pub seq: Option<u64>,
    /// When the instance saw it, in microseconds since 1970.
    pub time: i64,
    /// Whose.
    pub did: Cow<'a, str>,
    /// What.
    pub what: What<'a>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum What<'a> {
    /// A post was written, or written anew.
    Written {
        /// Its name within the repository.
        rkey: Cow<'a, str>,
        /// The revision of the repository.
        rev: Cow<'a, str>,
        /// The hash of the record.
        cid: Cow<'a, str>,
        /// The record.
        record: Box<Record<'a>>,
    },
    /// A post was taken back.
    Deleted {
        /// Its name within the repository.
        rkey: Cow<'a, str>,
        /// The revision of the repository.
        rev: Cow<'a, str>,
    },
    /// An account stands otherwise than before; none: it is active.
    Account {
        /// `deleted`, `takendown`, `suspended`, `deactivated` and others.
        status: Option<Cow<'a, str>>,
    },
    /// Nothing that is of interest here.
    Other,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire<'a> {
    #[serde(borrow, rename = "$type")]
    sort: Option<Text<'a>>,
    #[serde(borrow)]
    payload: Option<Body<'a>>,
    #[serde(borrow)]
    error: Option<Text<'a>>,
    // What follows is of the form before.
    #[serde(borrow)]
    did: Option<Text<'a>>,
    time_us: Option<i64>,
    #[serde(borrow)]
    commit: Option<Body<'a>>,
    #[serde(borrow)]
    account: Option<Standing<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body<'a> {
    #[serde(borrow, rename = "$type")]
    sort: Option<Text<'a>>,
    seq: Option<u64>,
    #[serde(borrow)]
    did: Option<Text<'a>>,
    #[serde(borrow)]
    time: Option<Text<'a>>,
    #[serde(borrow, rename = "witnessedAt")]
    witnessed: Option<Text<'a>>,
    #[serde(borrow)]
    rev: Option<Text<'a>>,
    #[serde(borrow)]
    operation: Option<Text<'a>>,
    #[serde(borrow)]
    collection: Option<Text<'a>>,
    #[serde(borrow)]
    rkey: Option<Text<'a>>,
    #[serde(borrow)]
    cid: Option<Text<'a>>,
    #[serde(borrow)]
    record: Option<Box<Record<'a>>>,
    #[serde(borrow)]
    account: Option<Standing<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Standing<'a> {
    active: Option<bool>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

/// What a frame is when it is none, or when the record in it is not one of its kind: the site does not show such
/// posts either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strange {
    /// What is wrong; no words of the post.
    pub why: String,
}

/// Reads a frame.
///
/// # Errors
/// Why it is none.
pub fn read(text: &str) -> Result<Frame<'_>, Strange> {
    let wire: Wire<'_> = serde_json::from_str(text).map_err(|error| {
        // The message itself may quote the value.
        Strange { why: format!("is no frame, or its record none of a post (column {})", error.column()) }
    })?;
    let bare = |why: &str| Strange { why: why.to_owned() };
    if let (Some("error"), name) | (None, name @ Some(_)) = (wire.sort.as_ref().map(Text::as_str), wire.error)
    {
        return Ok(Frame::Error {
            name: name.map_or(Cow::Borrowed("an error without a name"), |name| name.0),
        });
    }
    if let Some(body) = wire.payload {
        let sort = body.sort.as_ref().map_or("", Text::as_str);
        let sort = sort.rsplit('#').next().unwrap_or_default();
        // What is added to the stream later says nothing that is missed here.
        if !matches!(sort, "commit" | "account" | "identity" | "sync") {
            let name = match body.name.as_ref().map_or("", Text::as_str) {
                "OutdatedCursor" => "OutdatedCursor",
                "FutureCursor" => "FutureCursor",
                _ => "",
            };
            return Ok(Frame::Info { name });
        }
        let time = body.witnessed.as_ref().or(body.time.as_ref()).map_or("", Text::as_str);
        let time = time.parse::<Timestamp>().map_err(|_| bare("has no time"))?.as_microsecond();
        let did = body.did.clone().ok_or_else(|| bare("is nobody's"))?.0;
        let (seq, account) = (body.seq, sort == "account");
        let what = if account { standing(body.account) } else { commit(body)? };
        return Ok(Frame::Event(Event { seq, time, did, what }));
    }
    let (Some(time), Some(did)) = (wire.time_us, wire.did) else {
        return Err(bare("is of no form known"));
    };
    let what = match (wire.commit, wire.account) {
        (Some(body), _) => commit(body)?,
        (None, Some(account)) => standing(Some(account)),
        (None, None) => What::Other,
    };
    Ok(Frame::Event(Event { seq: None, time, did: did.0, what }))
}

fn standing(account: Option<Standing<'_>>) -> What<'_> {
    let account = account.unwrap_or_default();
    let status = account.status.filter(|_| account.active != Some(true));
    What::Account { status: status.map(|status| status.0) }
}

fn commit(body: Body<'_>) -> Result<What<'_>, Strange> {
    if body.collection.as_ref().map(Text::as_str) != Some(POSTS) {
        return Ok(What::Other);
    }
    let missing = |what: &str| Strange { why: format!("has no {what}") };
    let rkey = body.rkey.ok_or_else(|| missing("rkey"))?.0;
    let rev = body.rev.map_or(Cow::Borrowed(""), |rev| rev.0);
    match body.operation.as_ref().map(Text::as_str) {
        Some("delete") => Ok(What::Deleted { rkey, rev }),
        Some("create" | "update") => {
            let record = body.record.ok_or_else(|| missing("record"))?;
            if !record.is_post() {
                return Ok(What::Other);
            }
            let cid = body.cid.ok_or_else(|| missing("cid"))?.0;
            Ok(What::Written { rkey, rev, cid, record })
        }
        _ => Ok(What::Other),
    }
}
