//! Files that somebody fills: exports, tickets, surveys, call transcripts; JSON Lines or CSV, one file or a
//! folder of them. Also the scripted source of the sample and of tests (`pace`).
//!
//! Wanted: every whole line is given once, in order, however the file grows, and memory does not grow with
//! the file. So a look reads a bounded stretch from a kept offset ([`cursor::Place`]) and moves it past whole
//! records only.
//!
//! What happens to files, and what comes of it:
//! * *it grows*: reading goes on at the offset; a last line without its end waits. One that stays like that
//!   for a minute is taken if it is whole, because many programs end a file without a line end;
//! * *it is renamed and made anew* (log rotation): the old one is found again by its inode beside the new one
//!   and read to its end first, until nothing was written to it for a minute;
//! * *it is cut, or written over in place*: the offset lies past the end, or the bytes around it are others:
//!   read from the start. Records that were given before have the same ids and are known to the store;
//! * *it is copied over by another one*: a new inode, so read from the start, as above.
//!
//! Accepted: lines written between a look and a cut in place are lost, and lines written to a rotated file
//! that was compressed or moved to another folder before the next look. Nobody could tell.
//! Two records that are the same in author, date and words and have no id are one post.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::params::Params;
use super::record::Shape;
use super::{
    Answer, Batch, Built, Kind, Nothing, Parsed, Position, Retry, Settings, Source, SourceError, Terms, Tools,
};
use crate::domain::post::PostKind;
use crate::domain::problem::Problems;

mod cursor;
mod look;
mod read;

/// The kind `file`.
pub const KIND: Kind = Kind {
    name: "file",
    about: "records in JSON Lines or CSV, a file or a folder",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    needs: "a folder that this machine can read",
    sees: "JSON Lines and CSV files and folders, as they grow",
    cannot: "lines written to a file that was moved away or cut before the next look",
    ..Terms::OWN
};

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a line.
    JsonLines,
    /// A table whose first row names the columns.
    Csv,
}

/// What is read, and how.
#[derive(Debug, Clone)]
struct Wanted {
    path: PathBuf,
    /// None: by the name, else by the first character.
    format: Option<Format>,
    interval: SignedDuration,
    /// Records are given as long after the first look as their `after` says.
    pace: bool,
    shape: Shape,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let path = params.text("path").map(PathBuf::from);
    if path.is_none() && settings.params.get("path").is_none() {
        params.fault("path", "is missing", "write path = \"/var/lib/tickets\", a file or a folder");
    }
    let formats = [("auto", None), ("jsonl", Some(Format::JsonLines)), ("csv", Some(Format::Csv))];
    let format = params.word("format", &formats).flatten();
    let interval = params.wait("interval", 10, 1);
    let pace = params.flag("pace");
    if pace && format == Some(Format::Csv) {
        params.fault(
            "pace",
            "works with JSON Lines only",
            "write the records as JSON, each with after = \"90s\"",
        );
    }
    let shape = Shape::read(&settings.id, PostKind::Post, &mut params);
    (Wanted { path: path.unwrap_or_default(), format, interval, pace, shape }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, _: &Tools) -> Result<Built, String> {
    Ok(Built::Pull(Box::new(Files { wanted: Arc::new(wanted(settings).0) })))
}

struct Files {
    wanted: Arc<Wanted>,
}

#[async_trait]
impl Source for Files {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let (wanted, position) = (Arc::clone(&self.wanted), position.clone());
        let look = tokio::task::spawn_blocking(move || look::look(&wanted, &position, now));
        look.await.unwrap_or_else(|_| Err(failed("reading the file broke off".into())))
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }
}

fn failed(what: String) -> SourceError {
    SourceError { what, retry: Retry::Soon, position: None }
}

/// The posts of a saved file's bytes.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let wanted = wanted(settings).0;
    let format = wanted.format.or_else(|| answer.url.and_then(read::by_name));
    match read::whole(&wanted.shape, format, answer.body) {
        Ok(parsed) => parsed.settled(),
        Err(_) => Nothing::Broken.into(),
    }
}
