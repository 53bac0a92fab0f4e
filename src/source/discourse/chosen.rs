//! Chosen categories, topics and searches: lists say what moved, and what is new in it is read by number.

use jiff::Timestamp;

use super::{Discourse, Look, since};
use crate::domain::source::{Gap, GapCause};
use crate::source::api::Node;
use crate::source::{Retry, SourceError};

/// Most topics and posts read in one look, and that wait for it.
const MOST_READ: usize = 15;
const MOST_WAITING: usize = 500;
/// Most topics whose last post is remembered.
const MOST_TOPICS: usize = 2_000;
/// Most pages of a list read back in one look.
const MOST_PAGES: usize = 5;
/// Posts of a topic asked for at once.
const MOST_POSTS: usize = 20;

impl Discourse {
    pub(super) async fn chosen(&mut self, look: &mut Look) -> Result<(), SourceError> {
        for topic in self.wanted.topics.clone() {
            wait_for(look, format!("t/{topic}"));
        }
        let categories = self.wanted.categories.iter().map(|name| ("category", name.clone()));
        let searches = self.wanted.searches.iter().map(|words| ("search", words.clone()));
        let lists: Vec<(&str, String)> = categories.chain(searches).collect();
        for (number, (what, name)) in lists.iter().enumerate() {
            let read = match *what {
                "category" => self.category(look, name).await,
                _ => self.search(look, name).await,
            };
            let Err(error) = read else {
                look.inner.answered();
                continue;
            };
            // One that is closed to us keeps the others not back; anything else ends the look.
            let alone = error.retry == Retry::Never;
            look.inner.note(format!("{what} {name}"), error);
            if !alone {
                look.inner.note_rest(lists[number + 1..].iter().map(|(what, name)| format!("{what} {name}")));
                return Ok(());
            }
        }
        for _ in 0..MOST_READ {
            let Some(next) = look.cursor.waiting.first().cloned() else { break };
            match self.read(look, &next).await {
                Err(error) if error.retry != Retry::Never => return Err(error),
                // Gone, or closed to us: the others are not.
                read => {
                    if read.is_ok() {
                        look.inner.answered();
                    }
                    look.cursor.waiting.remove(0);
                }
            }
        }
        look.inner.batch.more = !look.cursor.waiting.is_empty();
        look.complete &= look.cursor.waiting.is_empty();
        Ok(())
    }

    /// A list goes farther back than is read.
    fn too_much(&self, look: &mut Look, what: &str, from: Option<Timestamp>) {
        let detail = format!("more came in {what} than is read back to");
        let source = self.settings.id.clone();
        look.inner.batch.gaps.push(Gap { source, from, until: look.now, cause: GapCause::Overrun, detail });
    }

    /// Notes the topics of a category in which something was said since the last look.
    async fn category(&mut self, look: &mut Look, category: &str) -> Result<(), SourceError> {
        let known = look.cursor.active.get(category).copied().or(look.cursor.began).unwrap_or(look.now);
        let mut newest = known;
        for page in 0..MOST_PAGES {
            let (_, value) = self.posts(&format!("/c/{category}/l/latest.json?page={page}")).await?;
            let root = Node::root(&value);
            let list = root.get("topic_list").and_then(|list| list.list("topics")).unwrap_or_default();
            let mut met = list.is_empty();
            for topic in &list {
                let active = topic.time("bumped_at").max(topic.time("last_posted_at"));
                let (Some(id), Some(active)) = (topic.id("id"), active) else { continue };
                if active >= known {
                    newest = newest.max(active);
                    wait_for(look, format!("t/{id}"));
                } else {
                    // What is pinned stands above what is new.
                    met |= !topic.flag("pinned") && !topic.flag("pinned_globally");
                }
            }
            if met {
                break;
            }
            if page + 1 == MOST_PAGES {
                self.too_much(look, category, Some(known));
            }
        }
        look.cursor.active.insert(category.to_owned(), newest);
        Ok(())
    }

    /// Notes the posts that a search found since the last look.
    async fn search(&mut self, look: &mut Look, search: &str) -> Result<(), SourceError> {
        let known = look.cursor.found.get(search).copied();
        let mut highest = known.unwrap_or(0);
        for page in 1..=MOST_PAGES {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("q", &format!("{search} order:latest"))
                .append_pair("page", &page.to_string())
                .finish();
            let (_, value) = self.posts(&format!("/search.json?{query}")).await?;
            let root = Node::root(&value);
            let hits: Vec<(u64, Option<Timestamp>)> = root
                .list("posts")
                .unwrap_or_default()
                .iter()
                .filter_map(|post| Some((post.number("id")?, post.time("created_at"))))
                .collect();
            let old = |(id, at): &(u64, Option<Timestamp>)| {
                known.is_some_and(|known| *id <= known) || (known.is_none() && *at < look.cursor.began)
            };
            let met = hits.is_empty() || hits.iter().any(old);
            let fresh: Vec<u64> = hits.iter().filter(|hit| !old(hit)).map(|(id, _)| *id).collect();
            for id in fresh {
                highest = highest.max(id);
                wait_for(look, format!("posts/{id}"));
            }
            let more = root
                .find("/grouped_search_result/more_full_page_results")
                .is_some_and(|more| more.value() == true);
            if met || !more {
                break;
            }
            if page == MOST_PAGES {
                let from = look.cursor.through.or(look.cursor.began);
                self.too_much(look, "a search", from);
            }
        }
        look.cursor.found.insert(search.to_owned(), highest);
        Ok(())
    }

    /// Reads a post, or what is new in a topic.
    async fn read(&mut self, look: &mut Look, what: &str) -> Result<(), SourceError> {
        let (parsed, value) = self.posts(&format!("/{what}.json")).await?;
        let Some(topic) = what.strip_prefix("t/") else {
            Self::take(look, parsed);
            return Ok(());
        };
        let root = Node::root(&value);
        let stream =
            root.find("/post_stream/stream").map(|stream| stream.value().clone()).unwrap_or_default();
        let numbers: Vec<u64> =
            stream.as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64).collect();
        let known = look.cursor.topics.get(topic).copied();
        let there: Vec<u64> = parsed.posts.iter().filter_map(|post| post.id.parse().ok()).collect();
        let mut missing: Vec<u64> = numbers
            .iter()
            .copied()
            .filter(|id| known.is_none_or(|known| *id > known) && !there.contains(id))
            .collect();
        // A topic met for the first time is read from its end.
        if known.is_none() {
            missing.drain(..missing.len().saturating_sub(MOST_POSTS));
        }
        let began = look.cursor.began;
        Self::take(look, crate::source::Parsed { posts: since(parsed.posts, began), ..parsed });
        for part in missing.chunks(MOST_POSTS).take(MOST_PAGES) {
            let ids: Vec<String> = part.iter().map(|id| format!("post_ids[]={id}")).collect();
            let (parsed, _) = self.posts(&format!("/t/{topic}/posts.json?{}", ids.join("&"))).await?;
            Self::take(look, crate::source::Parsed { posts: since(parsed.posts, began), ..parsed });
        }
        let read = missing.chunks(MOST_POSTS).take(MOST_PAGES).flatten().max().copied();
        let left = missing.len() > MOST_POSTS * MOST_PAGES;
        let last = if left { read } else { numbers.iter().max().copied() };
        if let Some(last) = last {
            let topics = &mut look.cursor.topics;
            topics.insert(topic.to_owned(), last);
            if topics.len() > MOST_TOPICS
                && let Some(oldest) =
                    topics.iter().min_by_key(|(_, last)| **last).map(|(topic, _)| topic.clone())
            {
                topics.remove(&oldest);
            }
        }
        if left {
            wait_for(look, format!("t/{topic}#"));
        }
        Ok(())
    }
}

fn wait_for(look: &mut Look, what: String) {
    // Left for the end of the line, also where it is the one being read.
    let again = what.strip_suffix('#').map(str::to_owned);
    let waiting = &mut look.cursor.waiting;
    if waiting.len() < MOST_WAITING && (again.is_some() || !waiting.contains(&what)) {
        waiting.push(again.unwrap_or(what));
    }
}
