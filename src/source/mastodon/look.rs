//! Reads timelines page by page: what is newer than what is known, and what was left out before.
//!
//! A page is asked for by `min_id`, which gives what comes right behind a post. Where it brought something, the
//! newest page is asked for by `since_id`, and what lies between the two becomes a hole in the cursor, to be
//! filled from its new end by `max_id`. A server may hold posts back after it has counted them into a page, so
//! a short page ends nothing: only an empty one does.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::cursor::{Hole, Place, order};
use super::read::{self, Found, Reading};
use super::wanted::{Scope, Server, Timeline};
use crate::domain::id::SourceId;
use crate::domain::source::{Gap, GapCause};
use crate::source::api::{self, Api};
use crate::source::{Answer, Batch, Nothing, Retry, SourceError, fetch};

/// The most that a server puts on a page of a timeline.
const PAGE: usize = 40;
/// Most pages with which holes are filled in one look.
pub const MOST_PAGES: usize = 20;
/// So many known posts do not all go within a look.
const FEW: usize = 5;

/// Which part of a timeline.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Newest,
    /// Right behind this one.
    Behind(&'a str),
    /// The newest of those newer than this one.
    Since(&'a str),
    /// The newest of those between the two.
    Between(&'a str, &'a str),
}

struct Page {
    reading: Reading,
    /// The newest on it, as the server's own link names it.
    newest: Option<String>,
}

/// One server as it is asked.
pub struct Line<'a> {
    pub source: &'a SourceId,
    pub server: &'a Server,
    pub api: &'a Api,
}

impl Line<'_> {
    /// Reads what is new on a timeline.
    pub async fn look(
        &self,
        timeline: &Timeline,
        place: &mut Place,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Result<(), SourceError> {
        if place.is_new() {
            let page = self.page(timeline, Part::Newest).await?;
            take(page.reading, place, batch);
            place.through = Some(now);
            return Ok(());
        }
        // A search gives the newest first, whatever bounds it from below; so does a list that was empty.
        let forward = place.anchor().is_some() && !matches!(timeline, Timeline::Search(_));
        let part = place.anchor().map_or(Part::Newest, Part::Behind);
        let page = self.page(timeline, part).await?;
        if forward {
            // Servers keep the newest 400 posts of it, or 800.
            let known = |item: &String| place.knows(item);
            if *timeline == Timeline::Home
                && place.recent.len() > FEW
                && !page.reading.items.iter().any(known)
            {
                let oldest = page.reading.found.iter().filter_map(|found| found.post.created_at).min();
                batch.gaps.extend(oldest.map(|until| self.gap(place.through, until)));
            }
            let came = take(page.reading, place, batch);
            if let Some(last) = page.newest.filter(|_| came) {
                let top = self.page(timeline, Part::Since(&last)).await?;
                let oldest = oldest(&top.reading);
                take(top.reading, place, batch);
                if let Some(oldest) = oldest {
                    place.open(&last, &oldest);
                }
            }
        } else {
            let known = place.newest().unwrap_or("0").to_owned();
            let oldest = oldest(&page.reading).filter(|oldest| order(oldest, &known).is_gt());
            take(page.reading, place, batch);
            if let Some(oldest) = oldest {
                place.open(&known, &oldest);
            }
        }
        if place.holes.is_empty() {
            place.through = Some(now);
        }
        Ok(())
    }

    /// Fills holes, the newest first, with at most so many pages.
    pub async fn fill(
        &self,
        timeline: &Timeline,
        place: &mut Place,
        batch: &mut Batch,
        pages: &mut usize,
    ) -> Result<(), SourceError> {
        while let Some(hole) = place.holes.first().cloned() {
            if *pages == 0 {
                return Ok(());
            }
            *pages -= 1;
            let page = self.page(timeline, Part::Between(&hole.after, &hole.before)).await?;
            match oldest(&page.reading).filter(|oldest| order(oldest, &hole.before).is_lt()) {
                Some(oldest) => {
                    place.holes[0] = Hole { before: oldest, ..hole };
                    take(page.reading, place, batch);
                }
                None => drop(place.holes.remove(0)),
            }
        }
        Ok(())
    }

    fn gap(&self, from: Option<Timestamp>, until: Timestamp) -> Gap {
        let detail = format!("{} keeps only the newest posts of a home timeline", self.server.name);
        Gap { source: self.source.clone(), from, until, cause: GapCause::Overrun, detail }
    }

    async fn page(&self, timeline: &Timeline, part: Part<'_>) -> Result<Page, SourceError> {
        let url = address(&self.server.base, timeline, part);
        let answer = self.api.get_any(url.as_str()).await?;
        let borrowed = Answer { url: Some(url.as_str()), ..answer.borrowed() };
        if answer.status >= 400 {
            return refused(&self.server.name, timeline, &answer);
        }
        if answer.status == 206 {
            return Err(self.strange(timeline, "is being built by the server"));
        }
        let reading = read::read(&borrowed, self.source, Some(&self.server.name));
        let list = borrowed.json().is_ok_and(|value| value.is_array() || value.get("statuses").is_some());
        match reading.parsed.nothing {
            None if list => {}
            Some(Nothing::NoPostsInside) if list => {}
            Some(nothing) => return Err(self.strange(timeline, nothing.words())),
            None => return Err(self.strange(timeline, Nothing::ForeignInterface.words())),
        }
        let linked = api::linked(&borrowed, "prev").and_then(|url| Url::parse(&url).ok());
        let linked = linked.and_then(|url| {
            url.query_pairs().find(|(name, _)| name == "min_id").map(|(_, id)| id.into_owned())
        });
        let newest = linked.or_else(|| reading.items.iter().max_by(|one, other| order(one, other)).cloned());
        Ok(Page { reading, newest })
    }

    fn strange(&self, timeline: &Timeline, why: &str) -> SourceError {
        let what = format!("{} of {} {why}", timeline.name(), self.server.name);
        SourceError { what, retry: Retry::Soon, position: None }
    }
}

fn oldest(reading: &Reading) -> Option<String> {
    reading.items.iter().min_by(|one, other| order(one, other)).cloned()
}

/// Gives the new posts of a page, the oldest first, and of those asked for once more the edited ones; whether
/// anything was new.
fn take(reading: Reading, place: &mut Place, batch: &mut Batch) -> bool {
    // The page as a whole is compared with what was known before it.
    let new: BTreeSet<String> = reading.items.into_iter().filter(|item| !place.knows(item)).collect();
    new.iter().for_each(|item| place.meet(item));
    batch.rejects.extend(reading.parsed.rejects);
    let given = reading.found.into_iter().rev().filter(may_be_taken).filter(|found| {
        found.post.version != read::NEVER_EDITED || found.item.as_ref().is_none_or(|item| new.contains(item))
    });
    batch.posts.extend(given.map(|found| found.post));
    !new.is_empty()
}

/// What is not meant for everybody, and whose author does not want to be found, is left where it is.
pub fn may_be_taken(found: &Found) -> bool {
    found.open && !found.shy
}

fn address(base: &Url, timeline: &Timeline, part: Part<'_>) -> Url {
    let mut url = base.clone();
    let path: &[&str] = match timeline {
        Timeline::Tag(tag) => &["api", "v1", "timelines", "tag", tag],
        Timeline::Public(_) => &["api", "v1", "timelines", "public"],
        Timeline::Search(_) => &["api", "v2", "search"],
        Timeline::Notifications => &["api", "v1", "notifications"],
        Timeline::Home => &["api", "v1", "timelines", "home"],
    };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear().extend(path);
    }
    let mut query = url.query_pairs_mut();
    query.append_pair("limit", &PAGE.to_string());
    match timeline {
        Timeline::Public(Scope::Local) => drop(query.append_pair("local", "true")),
        Timeline::Public(Scope::Remote) => drop(query.append_pair("remote", "true")),
        Timeline::Search(words) => {
            query.append_pair("type", "statuses").append_pair("q", words);
        }
        Timeline::Notifications => {
            for sort in ["mention", "quote", "status"] {
                query.append_pair("types[]", sort);
            }
        }
        Timeline::Public(Scope::All) | Timeline::Tag(_) | Timeline::Home => {}
    }
    // A search gives the newest first, whatever bounds it from below.
    let since = if matches!(timeline, Timeline::Search(_)) { "min_id" } else { "since_id" };
    match part {
        Part::Newest => {}
        Part::Behind(id) => drop(query.append_pair("min_id", id)),
        Part::Since(id) => drop(query.append_pair(since, id)),
        Part::Between(after, before) => {
            query.append_pair(since, after).append_pair("max_id", before);
        }
    }
    drop(query);
    url
}

/// What an error status of a timeline means.
fn refused(server: &str, timeline: &Timeline, answer: &fetch::Answer) -> Result<Page, SourceError> {
    // A hashtag that nobody has used yet is unknown to some servers.
    if answer.status == 404 && says_why(answer) && matches!(timeline, Timeline::Tag(_)) {
        return Ok(Page { reading: Reading::default(), newest: None });
    }
    let hint = match answer.status {
        401 | 403 | 422 if timeline.signed() => ": its token is refused, or lacks the scope read",
        401 | 403 | 422 => ": it shows this to accounts only, or refuses the token; give it one in tokens",
        _ => "",
    };
    let what = format!("{} of {server} answered {}{hint}", timeline.name(), answer.status);
    Err(SourceError { what, ..answer.refused() })
}

/// Whether an error comes from the interface itself, and not from what stands before it.
pub fn says_why(answer: &fetch::Answer) -> bool {
    serde_json::from_slice::<Value>(&answer.body).is_ok_and(|said| said.get("error").is_some())
}
