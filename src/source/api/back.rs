//! How far lists were read that a place serves newest first only. A look reads a list from its front back to
//! what is known; where that is farther than one look may go, the way is kept and gone on with, so nothing
//! waits for nothing: what is said now is at the front, and what was missed follows.
//!
//! # Properties wanted
//! * The mark of a list moves when its way is done, to the time at which the way began.
//! * An entry known in the same version is no news; a changed one is. Two pages that overlap give it once.
//! * A list that held much and comes empty is an error and moves nothing, where a kind says that it cannot be.
//! * What a place does not serve any more is a gap: what is older than it keeps, what lies behind a way that is
//!   given up, what came before the end of a list that was not met again.
//!
//! # Accepted
//! Where pages are counted, an entry that is removed while a long way is gone draws one unread entry past the
//! reader.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::look::Look;
use crate::domain::id::SourceId;
use crate::domain::post::Post;
use crate::domain::source::{Gap, GapCause};
use crate::source::{Batch, Parsed, Position, Reject, Retry, SourceError};

/// How far is read, and what is not served for ever.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most pages of one list in one look.
    pub pages: usize,
    /// After so many posts of one list a look goes on to the next.
    pub enough: usize,
    /// Entries remembered of a list.
    pub remembered: usize,
    /// A list that held as many does not come empty by right; none: it may.
    pub many: Option<usize>,
    /// How far back the place serves, and how that is said.
    pub served: Option<(SignedDuration, &'static str)>,
    /// A way of so many pages is given up, and a list that ends before anything known was met has lost what lay
    /// between; none: lists go back to their first entry.
    pub deepest: Option<usize>,
}

impl Bounds {
    /// Of a list that goes back to its first entry.
    pub const USUAL: Self =
        Self { pages: 5, enough: usize::MAX, remembered: 300, many: Some(20), served: None, deepest: None };
}

/// A page of a list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// What is on it.
    pub posts: Vec<Post>,
    /// What could not be read.
    pub rejects: Vec<Reject>,
    /// The time of its last entry, in the list's own order; none where that is not the order of time.
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
    /// What it met.
    seen: Vec<(String, String)>,
    newest: Option<Timestamp>,
    next: String,
    pages: usize,
    /// When the oldest it met was written.
    oldest: Option<Timestamp>,
    /// Whether it met anything known, in whatever version.
    met: bool,
}

impl Way {
    fn new(began: Timestamp) -> Self {
        let (seen, next) = (Vec::new(), String::new());
        Self { began, seen, newest: None, next, pages: 0, oldest: None, met: false }
    }
}

/// The name of a post, and enough of its version.
fn mark(post: &Post) -> (String, String) {
    (post.id.clone(), post.version.chars().take(20).collect())
}

/// What a page meant.
#[derive(Debug, Default)]
struct Taken {
    /// What is new on it.
    fresh: Vec<Post>,
    /// Whether the way is done.
    done: bool,
    /// What is lost then: from when, until when, and behind how many pages.
    lost: Option<(Option<Timestamp>, Timestamp, usize)>,
}

impl Back {
    /// Takes a page in.
    fn read(&mut self, page: Page, bounds: &Bounds, now: Timestamp) -> Taken {
        let mut way = self.way.take().unwrap_or_else(|| Way::new(now));
        let marks: Vec<(String, String)> = page.posts.iter().map(mark).collect();
        let arrived = self.at.is_none()
            || marks.last().is_some_and(|last| self.seen.contains(last))
            || page.oldest.is_some_and(|oldest| self.newest.is_some_and(|newest| oldest < newest));
        way.pages += 1;
        way.newest = way.newest.max(page.newest);
        way.oldest = way.oldest.into_iter().chain(page.posts.iter().filter_map(|post| post.created_at)).min();
        way.met |= marks.iter().any(|(id, _)| self.seen.iter().any(|(known, _)| known == id));
        let mut fresh = Vec::new();
        for (post, mark) in page.posts.into_iter().zip(marks) {
            if way.seen.contains(&mark) {
                continue;
            }
            if !self.seen.contains(&mark) {
                fresh.push(post);
            }
            if way.seen.len() < bounds.remembered {
                way.seen.push(mark);
            }
        }
        let next = page.next.filter(|next| !arrived && *next != way.next);
        let deep = bounds.deepest.is_some_and(|deepest| way.pages >= deepest);
        match next {
            Some(next) if !deep => {
                way.next = next;
                self.way = Some(way);
                Taken { fresh, ..Taken::default() }
            }
            next => {
                let cut = bounds.deepest.is_some() && !way.met && !way.seen.is_empty();
                let is_lost = next.is_some() || (cut && !arrived && !self.seen.is_empty());
                let oldest = way.oldest.filter(|oldest| self.at.is_none_or(|at| *oldest > at));
                let lost = is_lost.then(|| (self.at, oldest.unwrap_or(now), way.pages));
                self.arrive(way, bounds);
                Taken { fresh, done: true, lost }
            }
        }
    }

    fn arrive(&mut self, way: Way, bounds: &Bounds) {
        self.at = Some(way.began);
        self.newest = self.newest.max(way.newest);
        let before = std::mem::replace(&mut self.seen, way.seen);
        let met: BTreeSet<String> = self.seen.iter().map(|(id, _)| id.clone()).collect();
        self.seen.extend(before.into_iter().filter(|(id, _)| !met.contains(id)));
        self.seen.truncate(bounds.remembered);
    }

    /// The stretch from the last look to where the place begins to serve, at the beginning of a way.
    fn unserved(&self, bounds: &Bounds, now: Timestamp) -> Option<(Timestamp, Timestamp, &'static str)> {
        let (served, why) = bounds.served.filter(|_| self.way.is_none())?;
        let (from, until) = (self.at?, now.checked_sub(served).ok()?);
        (until > from).then_some((from, until, why))
    }
}

/// A place that serves lists newest first.
#[async_trait]
pub trait Lists: Send {
    /// The source that it is.
    fn id(&self) -> &SourceId;

    /// How far it is read.
    fn bounds(&self) -> Bounds {
        Bounds::USUAL
    }

    /// A page of a list: its front, or where it goes on. None behind its end.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    async fn page(&mut self, list: &str, next: Option<&str>, now: Timestamp) -> Result<Page, SourceError>;
}

/// Reads a place of which nothing but its lists is known.
///
/// # Errors
/// What went wrong, with how far it got.
pub async fn read(
    place: &mut impl Lists,
    names: &[String],
    position: &Position,
    now: Timestamp,
) -> Result<Batch, SourceError> {
    let mut lists: BTreeMap<String, Back> = position.kept();
    let look = look(place, names, &mut lists, now).await;
    look.end(Position::of(&lists))
}

/// Reads lists back to what is known of them, each as far as a look goes. What one has is not held back by
/// another that fails.
pub async fn look(
    place: &mut impl Lists,
    names: &[String],
    lists: &mut BTreeMap<String, Back>,
    now: Timestamp,
) -> Look {
    let (bounds, source) = (place.bounds(), place.id().clone());
    let gap = |from, until, detail| {
        let cause = GapCause::Overrun;
        Gap { source: source.clone(), from, until, cause, detail }
    };
    lists.retain(|name, _| names.contains(name));
    let mut look = Look::default();
    for name in names {
        let back = lists.entry(name.clone()).or_default();
        let mut found = Vec::new();
        let resumed = back.way.is_some();
        let mut done = false;
        let mut trouble = None;
        for _ in 0..bounds.pages {
            if done || found.len() >= bounds.enough {
                break;
            }
            let next = back.way.as_ref().map(|way| way.next.clone());
            match place.page(name, next.as_deref(), now).await {
                Ok(page)
                    if page.posts.is_empty()
                        && next.is_none()
                        && bounds.many.is_some_and(|many| back.seen.len() >= many) =>
                {
                    trouble = Some(SourceError::soon(format!("{name} came empty, and held posts before")));
                    break;
                }
                Ok(page) => {
                    let unserved = back.unserved(&bounds, now);
                    look.batch
                        .gaps
                        .extend(unserved.map(|(from, until, why)| gap(Some(from), until, why.into())));
                    look.batch.rejects.extend(page.rejects.iter().cloned());
                    let taken = back.read(page, &bounds, now);
                    look.batch.gaps.extend(taken.lost.map(|(from, until, pages)| {
                        gap(from, until, format!("{name}: nothing known was met on {pages} pages"))
                    }));
                    found.extend(taken.fresh);
                    done = taken.done;
                }
                Err(error) => {
                    // The name of a page does not live for ever: from the front, then.
                    if resumed && error.retry == Retry::Never {
                        back.way = None;
                    }
                    trouble = Some(error);
                    break;
                }
            }
        }
        if done && !resumed {
            found.reverse();
        }
        look.batch.posts.extend(found);
        look.batch.more |= !done;
        match trouble {
            None => look.answered(),
            Some(error) => {
                if look.note(name, error) {
                    break;
                }
            }
        }
    }
    if look.is_whole() && !look.batch.more {
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
        let mut read = |numbers: &[i64], next: &str, second: i64| {
            let taken = back.read(page(numbers, Some(next)), &Bounds::USUAL, at(second));
            assert_eq!(taken.lost, None);
            (ids(&taken.fresh), taken.done, back.at)
        };
        assert_eq!(read(&[2, 1], "a", 10), ("2 1".into(), true, Some(at(10))));
        assert_eq!(read(&[6, 5], "b", 20), ("6 5".into(), false, Some(at(10))));
        // The list has grown meanwhile: what the last page ended with stands on this one again.
        assert_eq!(read(&[5, 4, 3], "c", 30), ("4 3".into(), false, Some(at(10))));
        assert_eq!(read(&[2, 1], "d", 30), (String::new(), true, Some(at(20))));
        // A place that names the same page again has come to its end.
        assert!(!read(&[9], "x", 40).1);
        assert!(read(&[8], "x", 40).1);
    }

    #[test]
    fn a_changed_entry_is_news_and_no_end() {
        let mut back = Back::default();
        back.read(page(&[2, 1], None), &Bounds::USUAL, at(10));
        let mut changed = page(&[3, 2], None);
        changed.posts[1].version = "2".into();
        let fresh = back.read(changed, &Bounds::USUAL, at(20)).fresh;
        assert_eq!(fresh.iter().map(|post| post.version.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn what_is_not_served_any_more_is_lost() {
        let week = SignedDuration::from_hours(24 * 7);
        let bounds = Bounds { served: Some((week, "a week")), deepest: Some(2), ..Bounds::USUAL };
        let mut back = Back::default();
        assert_eq!(back.unserved(&bounds, at(10)), None, "before the first look nothing was watched");
        back.read(page(&[2, 1], Some("a")), &bounds, at(10));
        let later = at(20) + week;
        assert_eq!(back.unserved(&bounds, at(5) + week), None);
        assert_eq!(back.unserved(&bounds, later), Some((at(10), at(20), "a week")));
        // Too far back.
        assert_eq!(back.read(page(&[40, 39], Some("a")), &bounds, at(40)).lost, None);
        assert_eq!(back.unserved(&bounds, later), None, "it was said when the way began");
        let lost = back.read(page(&[38, 37], Some("b")), &bounds, at(41)).lost;
        assert_eq!(lost, Some((Some(at(10)), at(37), 2)));
        // The end before anything known, and the end behind it.
        let lost = back.read(page(&[60, 59], None), &bounds, at(60)).lost;
        assert_eq!(lost, Some((Some(at(40)), at(59), 1)));
        assert_eq!(back.read(page(&[70, 60], None), &bounds, at(70)).lost, None);
        assert_eq!(back.read(page(&[], None), &bounds, at(80)).lost, None);
        let usual = back.read(page(&[90], None), &Bounds::USUAL, at(90)).lost;
        assert_eq!(usual, None, "a list that goes back to its first entry has lost nothing");
    }
}
