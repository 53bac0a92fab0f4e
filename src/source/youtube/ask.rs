//! The questions: threads with their answers, a channel's newest videos, searches, and what is known by name.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::refusal::{self, Refusal};
use super::walk::{Mark, Thread};
use super::{MOST_FOUND, Place, SEARCHES, YouTube, read};
use crate::domain::post::Post;
use crate::domain::source::{Gap, GapCause};
use crate::source::api::{Api, with_query};
use crate::source::{Batch, Known, Nothing, Parsed, Rechecked, SourceError, fetch};

/// Where the interface is, and where feeds are.
const INTERFACE: &str = "https://www.googleapis.com";
const FEEDS: &str = "https://www.youtube.com";

/// Most pages of threads in one look.
const MOST_PAGES: usize = 3;

/// Most threads of a page whose answers are asked for in one look, and most pages of each.
const MOST_ANSWERED: usize = 50;
const MOST_ANSWER_PAGES: usize = 10;

/// Most pages of one search; each counts as a search.
const MOST_SEARCH_PAGES: usize = 2;

/// A search finds a video some time after it is there.
const LATE: SignedDuration = SignedDuration::from_hours(6);

impl YouTube {
    async fn get(
        &self,
        api: &Api,
        what: &str,
        query: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<(Parsed, Value), Refusal> {
        let base = self.wanted.base.as_deref().unwrap_or(INTERFACE);
        let answer = api.get_any(&with_query(&format!("{base}/youtube/v3/{what}"), query)).await?;
        self.read(what, &answer, now)
    }

    fn read(&self, what: &str, answer: &fetch::Answer, now: Timestamp) -> Result<(Parsed, Value), Refusal> {
        if answer.status >= 400 {
            return Err(refusal::of(what, answer, now));
        }
        let parsed = read::parse(&answer.borrowed(), &self.settings);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            Some(nothing) => return Err(Refusal::strange(what, nothing)),
        }
        Ok((parsed, answer.borrowed().json().unwrap_or_default()))
    }

    /// Threads below a video or below all videos of a channel, back to one that is known.
    pub(super) async fn threads(
        &self,
        place: &Place,
        mark: &mut Mark,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let (key, id) = match place {
            Place::Channel(id) => ("allThreadsRelatedToChannelId", id),
            Place::Video(id) | Place::Uploads(id) | Place::Search(id) => ("videoId", id),
        };
        let (began, resumed) = (batch.posts.len(), mark.way.is_some());
        for _ in 0..MOST_PAGES {
            let mut query = vec![
                ("part", "snippet,replies"),
                (key, id.as_str()),
                ("order", "time"),
                ("maxResults", "100"),
                ("textFormat", "plainText"),
            ];
            let token = mark.way.as_ref().map(|way| way.next.clone());
            query.extend(token.as_deref().map(|token| ("pageToken", token)));
            let outcome = self.get(&self.api, "commentThreads", &query, now).await;
            if matches!(outcome, Err(Refusal::Here(_))) && token.is_some() {
                // A page can be named for some time only: from the front, then.
                mark.way = None;
            }
            let (parsed, value) = outcome?;
            let threads = read::threads(&value);
            batch.posts.extend(parsed.posts);
            batch.rejects.extend(parsed.rejects);
            let missing: Vec<Thread> = mark.unanswered(&threads).cloned().collect();
            let mut answered = Vec::new();
            for thread in missing.iter().take(MOST_ANSWERED) {
                let answers = match self.answers(thread, now).await {
                    Ok(answers) => answers,
                    // It went while we looked.
                    Err(Refusal::Gone(_) | Refusal::Closed) => Vec::new(),
                    Err(other) => return Err(other),
                };
                batch.posts.extend(answers);
                answered.push(thread.id.clone());
            }
            let next = value.get("nextPageToken").and_then(Value::as_str).map(str::to_owned);
            if mark.take(&threads, &answered, next, now) {
                mark.closed = None;
                if !resumed {
                    // As they were said; of a backlog the newest came first.
                    batch.posts[began..].reverse();
                }
                return Ok(missing.len() <= MOST_ANSWERED);
            }
        }
        Ok(false)
    }

    /// All answers of a thread.
    async fn answers(&self, thread: &Thread, now: Timestamp) -> Result<Vec<Post>, Refusal> {
        let mut found: Vec<Post> = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_ANSWER_PAGES {
            let mut query =
                vec![("part", "snippet"), ("parentId", thread.id.as_str()), ("maxResults", "100")];
            query.push(("textFormat", "plainText"));
            query.extend(token.as_deref().map(|token| ("pageToken", token)));
            let (parsed, value) = self.get(&self.api, "comments", &query, now).await?;
            found.extend(parsed.posts);
            token = value.get("nextPageToken").and_then(Value::as_str).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        // An answer asked for by its thread does not say below which video it stands.
        for post in &mut found {
            let page = thread.video.as_deref().map(|video| read::address(video, Some(&post.id)));
            post.url = post.url.take().or(page);
            post.parent.get_or_insert_with(|| thread.id.clone());
        }
        Ok(found)
    }

    /// The newest videos of a channel, by its feed.
    pub(super) async fn uploads(
        &self,
        channel: &str,
        mark: &mut Mark,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let base = self.wanted.base.as_deref().unwrap_or(FEEDS);
        let url = with_query(&format!("{base}/feeds/videos.xml"), &[("channel_id", channel)]);
        let answer = self.plain.get_any(&url).await?;
        let (parsed, _) = self.read(&format!("the feed of channel {channel}"), &answer, now)?;
        let videos: Vec<Thread> = parsed.posts.iter().map(read::video).collect();
        let unknown = mark.unknown(&videos);
        let met = videos.iter().any(|video| mark.threads.iter().any(|(id, _)| *id == video.id));
        if !met && videos.len() > 1 && !mark.threads.is_empty() && unknown == videos.len() {
            let detail = format!("all {unknown} videos in the feed of channel {channel} are new");
            let oldest = videos.iter().filter_map(|video| video.at).min().unwrap_or(now);
            batch.gaps.push(self.gap(mark.at, oldest, detail));
        }
        batch.posts.extend(parsed.posts.into_iter().rev());
        batch.rejects.extend(parsed.rejects);
        mark.take(&videos, &[], None, now);
        Ok(true)
    }

    /// Videos with these words.
    pub(super) async fn search(
        &self,
        words: &str,
        mark: &mut Mark,
        found: &mut Vec<String>,
        batch: &mut Batch,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let api = self.api.counted(SEARCHES, 1);
        let since = mark.at.and_then(|at| at.checked_sub(LATE).ok());
        let since = since.map(|since| since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let mut videos: Vec<Thread> = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_SEARCH_PAGES {
            let mut query =
                vec![("part", "snippet"), ("type", "video"), ("order", "date"), ("maxResults", "50")];
            query.push(("q", words));
            query.extend(since.as_deref().map(|since| ("publishedAfter", since)));
            query.extend(token.as_deref().map(|token| ("pageToken", token)));
            let (parsed, value) = match self.get(&api, "search", &query, now).await {
                Ok(answer) => answer,
                // Searches are counted apart: the rest goes on, and later this reads from where it was.
                Err(Refusal::Everywhere(error)) if error.pause().is_some() => {
                    mark.closed = error.pause().and_then(|wait| now.checked_add(wait).ok());
                    return Ok(true);
                }
                Err(Refusal::Gone(error)) => return Err(Refusal::Here(error)),
                Err(other) => return Err(other),
            };
            videos.extend(parsed.posts.iter().map(read::video));
            token = value.get("nextPageToken").and_then(Value::as_str).map(str::to_owned);
            if token.is_none() || since.is_none() {
                break;
            }
        }
        if token.is_some()
            && since.is_some()
            && let Some(oldest) = videos.iter().filter_map(|video| video.at).min()
        {
            let detail = format!("more videos than a search gives came with the words \"{words}\"");
            batch.gaps.push(self.gap(mark.at, oldest, detail));
        }
        let new: Vec<&Thread> =
            videos.iter().filter(|video| !mark.threads.iter().any(|(id, _)| *id == video.id)).collect();
        for ids in new.chunks(super::AT_ONCE) {
            let ids: Vec<&str> = ids.iter().map(|video| video.id.as_str()).collect();
            let ids = ids.join(",");
            let query = [("part", "snippet"), ("id", ids.as_str())];
            let (parsed, _) = self.get(&self.api, "videos", &query, now).await?;
            batch.posts.extend(parsed.posts.into_iter().rev());
            batch.rejects.extend(parsed.rejects);
        }
        let newest = new.iter().map(|video| video.id.clone());
        let kept = found.iter().filter(|id| !new.iter().any(|video| video.id == **id)).cloned();
        *found = newest.chain(kept).take(MOST_FOUND).collect();
        mark.take(&videos, &[], None, now);
        Ok(true)
    }

    fn gap(&self, from: Option<Timestamp>, until: Timestamp, detail: String) -> Gap {
        let from = from.filter(|from| *from <= until);
        Gap { source: self.settings.id.clone(), from, until, cause: GapCause::Overrun, detail }
    }

    /// What is known, as it is now.
    pub(super) async fn asked_anew(&self, known: &[Known], now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut told = Rechecked::default();
        let (videos, comments): (Vec<&Known>, Vec<&Known>) =
            known.iter().take(super::AT_ONCE).partition(|known| known.id.len() == read::VIDEO);
        for (what, asked) in [("videos", videos), ("comments", comments)] {
            if asked.is_empty() {
                continue;
            }
            let ids: Vec<&str> = asked.iter().map(|known| known.id.as_str()).collect();
            let ids = ids.join(",");
            let mut query = vec![("part", "snippet"), ("id", ids.as_str()), ("maxResults", "50")];
            query.extend((what == "comments").then_some(("textFormat", "plainText")));
            let (parsed, value) = match self.get(&self.api, what, &query, now).await {
                Ok(answer) => answer,
                Err(refusal) => match refusal.error() {
                    Some(error) => return Err(error),
                    None => continue,
                },
            };
            // Only a list of what was asked for says that something is not in it.
            if !value.get("items").is_some_and(Value::is_array) {
                continue;
            }
            for one in asked {
                match parsed.posts.iter().find(|post| post.id == one.id) {
                    Some(post) => told.posts.push(Post {
                        url: post.url.clone().or_else(|| one.url.clone()),
                        parent: post.parent.clone().or_else(|| one.parent.clone()),
                        ..post.clone()
                    }),
                    None => told.gone.push(one.id.clone()),
                }
            }
        }
        Ok(told)
    }
}
