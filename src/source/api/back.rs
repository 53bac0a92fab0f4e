//! How far lists were read that a place serves newest first only. A look reads a list from its front back to
//! what is known; where that is farther than one look may go, the way is kept and gone on with, so nothing
//! waits for nothing: what is said now is at the front, and what was missed follows.
//!
//! # Properties wanted
//! * The mark of a list moves when its way is done, to the time at which the way began.
//! * An entry known in the same version is no news; a changed one is.
//! * A list that held much and comes empty is an error and moves nothing.
//!
//! # Accepted
//! Where pages are counted, an entry that is removed while a long way is gone draws one unread entry past the
//! reader.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::post::Post;
use crate::source::{Batch, Parsed, Position, Reject, Retry, SourceError};

/// Most pages of one list in one look.
const MOST_PAGES: usize = 5;
/// Entries remembered of a list.
const REMEMBERED: usize = 300;
/// A list that held as many does not come empty by right.
const MANY: usize = 20;

/// A page of a list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// What is on it.
    pub posts: Vec<Post>,
    /// What could not be read.
    pub rejects: Vec<Reject>,
    /// The time of its last entry, in the list's own order.
    pub oldest: Option<Timestamp>,
    /// That of its first.
    pub newest: Option<Timestamp>,
    /// Where the list goes on.
    pub next: Option<String>,
}

impl Page {
    /// Of a list in the order in which its posts were written.
    pub fn new(parsed: Parsed, next: Option<String>) -> Self {
        let oldest = parsed.posts.last().and_then(|post| post.created_at);
        let newest = parsed.posts.iter().filter_map(|post| post.created_at).max();
        Self { posts: parsed.posts, rejects: parsed.rejects, oldest, newest, next }
    }
}

/// How far one list was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Back {
    /// Up to when it was read; none: never.
    pub at: Option<Timestamp>,
    seen: Vec<(String, String)>,
    newest: Option<Timestamp>,
    way: Option<Way>,
}

/// A way back that is not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Way {
    began: Timestamp,
    seen: Vec<(String, String)>,
    newest: Option<Timestamp>,
    next: String,
}

/// The name of a post, and enough of its version.
fn mark(post: &Post) -> (String, String) {
    (post.id.clone(), post.version.chars().take(20).collect())
}

impl Back {
    /// Takes a page in: what is new on it, and whether the way is done.
    fn read(&mut self, page: Page, now: Timestamp) -> (Vec<Post>, bool) {
        let known = |post: &Post| self.seen.contains(&mark(post));
        let arrived = self.at.is_none()
            || page.posts.last().is_some_and(known)
            || page.oldest.is_some_and(|oldest| self.newest.is_some_and(|newest| oldest < newest));
        let marks: Vec<(String, String)> = page.posts.iter().map(mark).collect();
        let fresh: Vec<Post> = page.posts.into_iter().filter(|post| !known(post)).collect();
        let mut way = self.way.take().unwrap_or_else(|| {
            let older = self.seen.iter().filter(|(id, _)| !marks.iter().any(|(other, _)| other == id));
            let mut seen: Vec<(String, String)> = marks.iter().chain(older).cloned().collect();
            seen.truncate(REMEMBERED);
            Way { began: now, seen, newest: page.newest, next: String::new() }
        });
        match page.next.filter(|_| !arrived) {
            Some(next) if next != way.next => {
                way.next = next;
                self.way = Some(way);
                (fresh, false)
            }
            _ => {
                self.at = Some(way.began);
                self.seen = way.seen;
                self.newest = self.newest.max(way.newest);
                (fresh, true)
            }
        }
    }
}

/// A place that serves lists newest first.
#[async_trait]
pub trait Lists: Send {
    /// A page of a list: its front, or where it goes on. None behind its end.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    async fn page(&mut self, list: &str, next: Option<&str>) -> Result<Page, SourceError>;
}

/// What one look gave.
#[derive(Debug, Default)]
pub struct Look {
    /// Without a position yet.
    pub batch: Batch,
    /// What kept it from being complete.
    pub trouble: Option<SourceError>,
}

impl Look {
    /// Notes what went wrong; a wish to be left alone goes before all else. Whether it is one.
    pub fn note(&mut self, error: SourceError) -> bool {
        let pause = error.pause().is_some();
        if pause || self.trouble.is_none() {
            self.trouble = Some(error);
        }
        pause
    }

    /// The outcome: what was had is given, and an error is one where there is nothing else to tell.
    ///
    /// # Errors
    /// What went wrong, with how far it got.
    pub fn end(self, cursor: &impl Serialize) -> Result<Batch, SourceError> {
        let written = serde_json::to_string(cursor).expect("names and times always serialise");
        let position = Position { cursor: Some(written), memo: None };
        let Look { mut batch, trouble } = self;
        match trouble {
            Some(error) if batch.posts.is_empty() && batch.gaps.is_empty() => {
                return Err(SourceError { position: Some(position), ..error });
            }
            Some(error) => {
                batch.rest = error.pause();
                batch.more = false;
                batch.fetched_through = None;
            }
            None => {}
        }
        batch.position = position;
        Ok(batch)
    }
}

/// Reads lists back to what is known of them, each as far as a look goes. What one has is not held back by
/// another that fails.
pub async fn look(
    place: &mut impl Lists,
    names: &[String],
    lists: &mut BTreeMap<String, Back>,
    now: Timestamp,
) -> Look {
    lists.retain(|name, _| names.contains(name));
    let mut look = Look::default();
    for name in names {
        let back = lists.entry(name.clone()).or_default();
        let mut found = Vec::new();
        let resumed = back.way.is_some();
        let mut done = false;
        let mut paused = false;
        for _ in 0..MOST_PAGES {
            let next = back.way.as_ref().map(|way| way.next.clone());
            match place.page(name, next.as_deref()).await {
                Ok(page) if page.posts.is_empty() && next.is_none() && back.seen.len() >= MANY => {
                    let what = format!("{name} came empty, and held posts before");
                    look.note(SourceError { what, retry: Retry::Soon, position: None });
                    break;
                }
                Ok(page) => {
                    look.batch.rejects.extend(page.rejects.iter().cloned());
                    let (fresh, ended) = back.read(page, now);
                    found.extend(fresh);
                    done = ended;
                }
                Err(error) => {
                    // The name of a page does not live for ever: from the front, then.
                    if resumed && error.retry == Retry::Never {
                        back.way = None;
                    }
                    paused = look.note(error);
                    break;
                }
            }
            if done {
                break;
            }
        }
        if done && !resumed {
            found.reverse();
        }
        look.batch.posts.extend(found);
        look.batch.more |= !done;
        if paused {
            break;
        }
    }
    if look.trouble.is_none() && !look.batch.more {
        look.batch.fetched_through = lists.values().filter_map(|back| back.at).min();
    }
    look
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::post::PostKind;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_600_000 + second).expect("in range")
    }

    fn post(number: i64) -> Post {
        Post {
            source: "s".into(),
            site: String::new(),
            id: number.to_string(),
            version: "1".into(),
            aliases: Vec::new(),
            kind: PostKind::Post,
            url: None,
            author: None,
            created_at: Some(at(number)),
            title: None,
            text: "words".into(),
            lang: None,
            parent: None,
            reach: None,
            deleted: false,
        }
    }

    fn page(numbers: &[i64], next: Option<&str>) -> Page {
        let posts = numbers.iter().map(|number| post(*number)).collect();
        Page::new(Parsed { posts, ..Parsed::default() }, next.map(str::to_owned))
    }

    #[test]
    fn a_way_is_gone_to_its_end_and_the_mark_moves_then() {
        let mut back = Back::default();
        let ids = |posts: &[Post]| posts.iter().map(|post| post.id.clone()).collect::<Vec<_>>().join(" ");
        let (fresh, done) = back.read(page(&[2, 1], Some("a")), at(10));
        assert_eq!((ids(&fresh).as_str(), done, back.at), ("2 1", true, Some(at(10))));
        let (fresh, done) = back.read(page(&[6, 5], Some("b")), at(20));
        assert_eq!((ids(&fresh).as_str(), done, back.at), ("6 5", false, Some(at(10))));
        let (fresh, done) = back.read(page(&[4, 3], Some("c")), at(30));
        assert_eq!((ids(&fresh).as_str(), done), ("4 3", false));
        let (fresh, done) = back.read(page(&[2, 1], Some("d")), at(30));
        assert_eq!((ids(&fresh).as_str(), done, back.at), ("", true, Some(at(20))));
        // A place that names the same page again has come to its end.
        assert!(!back.read(page(&[9], Some("x")), at(40)).1);
        assert!(back.read(page(&[8], Some("x")), at(40)).1);
    }

    #[test]
    fn a_changed_entry_is_news_and_no_end() {
        let mut back = Back::default();
        back.read(page(&[2, 1], None), at(10));
        let mut changed = page(&[3, 2], None);
        changed.posts[1].version = "2".into();
        let (fresh, _) = back.read(changed, at(20));
        assert_eq!(fresh.iter().map(|post| post.version.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    }
}
