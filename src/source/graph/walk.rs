//! Reads lists of the Graph API from their newest end, and below what stands in one of them the comments that
//! moved. The three kinds differ in their [`Plan`] only.
//!
//! A list is read down to what was known at the look before. What does not fit into one look stays in the
//! cursor as the query of its next page and is read behind whatever is newer by then; should the place refuse
//! that query by then, the stretch is a gap, and said.
//!
//! Comments hang below posts, and nothing lists all of them. So the newest posts are watched: the comments of
//! one are asked for as often as its count has changed, or in turn where the place tells no count.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Got, Graph, read, strange};
use crate::domain::id::SourceId;
use crate::domain::post::Post;
use crate::domain::source::{Gap, GapCause};
use crate::source::{Answer, Batch, Nothing, Parsed, Position, Retry, SourceError, api};

/// Most pages of one list in one look.
const MOST_PAGES: u32 = 5;
/// Most pages of comments below one post in one look.
const MOST_BELOW: u32 = 5;
/// Most posts whose comments are asked for in one look.
const MOST_THREADS: usize = 20;
/// More unread stretches of one list than this and the oldest is given up.
const MOST_LEFT: usize = 4;

/// A list of posts, newest first.
pub struct List {
    /// What it is called in the cursor and in messages.
    pub key: String,
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    /// Whether it can be asked for what is newer than an instant.
    pub since: bool,
    /// How far back it goes, where it does not go back for ever.
    pub served: Option<SignedDuration>,
    /// What the place counts it under.
    pub bucket: &'static str,
}

/// What hangs below the posts of a list.
pub struct Watch {
    /// The list whose posts are watched; it is always read without `since`.
    pub key: &'static str,
    /// Where a post says how many comments it has, or whether.
    pub count: &'static str,
    /// The list below a post, and how it is asked for.
    pub edge: &'static str,
    pub query: &'static [(&'static str, &'static str)],
    /// Newest first with all answers among them, so that reading may end at what is known.
    pub flat: bool,
    /// How many posts are watched, the newest.
    pub most: usize,
}

/// What one source reads.
pub struct Plan {
    pub lists: Vec<List>,
    pub watch: Option<&'static Watch>,
}

/// How far was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    /// When a look last read all there was.
    at: Option<Timestamp>,
    lists: BTreeMap<String, Through>,
    watched: Vec<Watched>,
    /// Names of the place for names of ours (hashtags).
    pub names: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Through {
    newest: Option<Timestamp>,
    /// Stretches not read yet, oldest first.
    left: Vec<Left>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Left {
    /// The query of the next page.
    query: String,
    /// Read down to what is as old as this, or to the end.
    down_to: Option<Timestamp>,
    /// The stretch ends here.
    until: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Watched {
    id: String,
    /// Comments when they were last read; none: never.
    read: Option<u64>,
    /// The newest comment known.
    newest: Option<Timestamp>,
    asked: Option<Timestamp>,
    /// What the place says now; not kept.
    #[serde(skip)]
    now: Option<u64>,
}

/// One look.
pub struct Look<'a, Read> {
    pub graph: &'a Graph,
    pub source: &'a SourceId,
    /// A kind's `parse` with its settings.
    pub read: Read,
    pub now: Timestamp,
    pub cursor: Cursor,
    look: api::Look,
    /// Something failed that may pass: nothing is said to be read through.
    failed: bool,
}

impl<'a, Read: Fn(&Answer<'_>) -> Parsed + Send + Sync> Look<'a, Read> {
    pub fn new(graph: &'a Graph, source: &'a SourceId, read: Read, cursor: Cursor, now: Timestamp) -> Self {
        Self { graph, source, read, now, cursor, look: api::Look::default(), failed: false }
    }

    /// Reads what the plan says.
    ///
    /// # Errors
    /// Where nothing could be read.
    pub async fn run(mut self, plan: &Plan) -> Result<Batch, SourceError> {
        for list in &plan.lists {
            if self.look.batch.rest.is_some() || self.look.pauses() {
                self.failed = true;
                break;
            }
            match self.list(list, plan.watch).await {
                Ok(()) => self.look.answered(),
                Err(error) => {
                    self.look.note(&list.key, error);
                }
            }
        }
        if let Some(watch) = plan.watch.filter(|_| !self.look.pauses())
            && let Err(error) = self.below(watch).await
        {
            self.look.note(watch.edge, error);
        }
        self.failed |= !self.look.is_whole();
        let left = self.cursor.lists.values().any(|through| !through.left.is_empty());
        self.look.batch.more |= left && self.look.batch.rest.is_none() && !self.failed;
        if !left && !self.failed && !self.look.batch.more && self.look.batch.rest.is_none() {
            self.cursor.at = Some(self.now);
        }
        self.look.batch.fetched_through = self.cursor.at;
        self.look.batch.posts.sort_by_key(|post| post.created_at);
        self.look.end(Position::of(&self.cursor))
    }

    async fn list(&mut self, list: &List, watch: Option<&Watch>) -> Result<(), SourceError> {
        let watch = watch.filter(|watch| watch.key == list.key);
        let before = self.cursor.lists.get(&list.key).cloned();
        // A list that was empty at the last look is known down to that look.
        let known = before.as_ref().and_then(|through| through.newest.or(self.cursor.at));
        let mut through = before.unwrap_or_default();
        if let (Some(served), Some(at)) = (list.served, self.cursor.at) {
            let floor = self.now.checked_sub(served).unwrap_or(at);
            if floor > at {
                self.lost(list, Some(at), floor, "the place lists no further back");
            }
        }
        let mut query = list.query.clone();
        if let Some(known) = known.filter(|_| list.since && watch.is_none()) {
            query.push(("since", (known.as_second() - 60).to_string()));
        }
        let mut pages = 0;
        let mut after: Option<String> = None;
        loop {
            let got = self.ask(list, &query, after.as_deref()).await?;
            pages += 1;
            let posts = self.take(&got)?;
            if let Some(watch) = watch {
                self.watch(watch, &got.value);
            }
            through.newest = through.newest.max(newest(&posts));
            let met =
                known.is_none() || posts.iter().any(|post| post.created_at <= known) || posts.is_empty();
            after = read::next(&got.value).filter(|_| !met);
            let Some(next) = &after else { break };
            if pages == MOST_PAGES || got.rest.is_some() {
                let until = oldest(&posts).unwrap_or(self.now);
                through.left.push(Left { query: next.clone(), down_to: known, until });
                break;
            }
        }
        while through.left.len() > MOST_LEFT {
            let left = through.left.remove(0);
            self.lost(list, left.down_to, left.until, "more came than can be read");
        }
        while pages < MOST_PAGES && self.look.batch.rest.is_none() {
            let Some(left) = through.left.pop() else { break };
            pages += 1;
            match self.ask(list, &list.query, Some(&left.query)).await {
                Ok(got) => {
                    let posts = self.take(&got)?;
                    let met = posts.is_empty()
                        || left
                            .down_to
                            .is_some_and(|down| posts.iter().any(|post| post.created_at <= Some(down)));
                    if let Some(query) = read::next(&got.value).filter(|_| !met) {
                        let until = oldest(&posts).unwrap_or(left.until);
                        through.left.push(Left { query, until, ..left });
                    }
                }
                // The page that was to be next is not there any more.
                Err(error) if error.retry == Retry::Never => {
                    self.lost(list, left.down_to, left.until, "its next page is not served any more");
                }
                Err(error) => {
                    self.look.batch.rest = self.look.batch.rest.or(error.pause());
                    self.failed |= error.pause().is_none();
                    through.left.push(left);
                    break;
                }
            }
        }
        self.cursor.lists.insert(list.key.clone(), through);
        Ok(())
    }

    async fn ask(
        &mut self,
        list: &List,
        query: &[(&'static str, String)],
        after: Option<&str>,
    ) -> Result<Got, SourceError> {
        let next: Vec<(String, String)> = after
            .map(|after| url::form_urlencoded::parse(after.as_bytes()).into_owned().collect())
            .unwrap_or_default();
        let mut pairs: Vec<(&str, &str)> =
            next.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        for (key, value) in query {
            if !pairs.iter().any(|(known, _)| known == key) {
                pairs.push((key, value));
            }
        }
        let got = self.graph.get(&list.path, &pairs, list.bucket).await.map_err(|fault| {
            let what = format!("{}: {}", list.key, fault.error.what);
            SourceError { what, ..fault.error }
        })?;
        self.look.batch.rest = self.look.batch.rest.max(got.rest);
        Ok(got)
    }

    /// The posts of a page, into the batch; those that came are given back.
    fn take(&mut self, got: &Got) -> Result<Vec<Post>, SourceError> {
        let answer = got.answer.borrowed();
        let parsed = (self.read)(&answer);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            Some(nothing) => return Err(strange(&answer, nothing)),
        }
        self.look.batch.posts.extend(parsed.posts.iter().cloned());
        self.look.batch.rejects.extend(parsed.rejects);
        Ok(parsed.posts)
    }

    fn lost(&mut self, list: &List, from: Option<Timestamp>, until: Timestamp, why: &str) {
        let detail = format!("{}: {why}", list.key);
        self.look.batch.gaps.push(Gap {
            source: self.source.clone(),
            from,
            until,
            cause: GapCause::Overrun,
            detail,
        });
    }

    /// Notes what a page says of the posts watched; new ones go before the others.
    fn watch(&mut self, watch: &Watch, page: &Value) {
        let mut fresh = Vec::new();
        for (id, count) in read::counts(page, watch.count) {
            let count = count.and_then(|count| match count {
                Value::Bool(some) => Some(u64::from(some)),
                Value::String(text) => text.parse().ok(),
                count => count.as_u64(),
            });
            match self.cursor.watched.iter_mut().find(|watched| watched.id == id) {
                Some(watched) => watched.now = count,
                None => fresh.push(Watched { id, now: count, ..Watched::default() }),
            }
        }
        fresh.append(&mut self.cursor.watched);
        fresh.truncate(watch.most);
        self.cursor.watched = fresh;
    }

    /// Asks for the comments of what moved.
    async fn below(&mut self, watch: &Watch) -> Result<(), SourceError> {
        // A yes is no count: nobody knows whether there are more, so all are asked in turn.
        let counted = !watch.count.contains("has_");
        let moved =
            |one: &&Watched| one.now.is_some_and(|now| now > 0 && (!counted || one.read != Some(now)));
        let mut due: Vec<Watched> = self.cursor.watched.iter().filter(moved).cloned().collect();
        if !counted {
            due.sort_by_key(|one| one.asked);
        }
        self.look.batch.more |= counted && due.len() > MOST_THREADS;
        let (mut worked, mut failure) = (0, None);
        for mut one in due.into_iter().take(MOST_THREADS) {
            if self.look.batch.rest.is_some() {
                self.failed = true;
                break;
            }
            match self.thread(watch, &mut one).await {
                Ok(()) => worked += 1,
                Err(error) if error.pause().is_some() => {
                    self.look.batch.rest = error.pause();
                    break;
                }
                Err(error) if error.retry == Retry::Never && !error.what.contains("code 100") => {
                    return Err(error);
                }
                // Removed since the page was made, most likely: asked again when its count moves.
                Err(error) if error.retry == Retry::Never => one.read = one.now,
                Err(error) => failure = Some(error),
            }
            if let Some(kept) = self.cursor.watched.iter_mut().find(|kept| kept.id == one.id) {
                *kept = one;
            }
        }
        if let Some(error) = failure {
            self.failed = true;
            self.look.batch.more = false;
            if worked == 0 && self.look.batch.posts.is_empty() {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn thread(&mut self, watch: &Watch, one: &mut Watched) -> Result<(), SourceError> {
        let list = List {
            key: watch.edge.to_owned(),
            path: format!("{}/{}", one.id, watch.edge),
            query: watch.query.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
            since: false,
            served: None,
            bucket: "",
        };
        let known = one.newest;
        let mut after: Option<String> = None;
        for page in 1..=MOST_BELOW {
            let got = self.ask(&list, &list.query, after.as_deref()).await?;
            let posts = self.take(&got)?;
            one.newest = one.newest.max(newest(&posts));
            let met = watch.flat && known.is_some() && posts.iter().any(|post| post.created_at <= known);
            after = read::next(&got.value).filter(|_| !met && !posts.is_empty());
            if after.is_none() {
                break;
            }
            if page == MOST_BELOW && known.is_some() && watch.flat {
                let until = oldest(&posts).unwrap_or(self.now);
                self.lost(&list, known, until, "more comments came below one post than can be read");
            }
        }
        one.read = one.now;
        one.asked = Some(self.now);
        Ok(())
    }
}

fn newest(posts: &[Post]) -> Option<Timestamp> {
    posts.iter().filter_map(|post| post.created_at).max()
}

fn oldest(posts: &[Post]) -> Option<Timestamp> {
    posts.iter().filter_map(|post| post.created_at).min()
}
