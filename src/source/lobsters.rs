//! Lobsters: the newest stories of a site that runs its software, and the comments below them. The site has
//! no search and no change list; what it serves is read page by page, back to the newest story known.
//!
//! A story is asked for by itself as often as its count of comments has changed, so a look costs a page and
//! the threads that moved.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use super::api::{self, Api, Node};
use super::params::Params;
use super::terms::{Budget, Over};
use super::{
    Answer, Batch, Built, Kind, Nothing, Parsed, Position, Retry, Settings, Source, SourceError, Terms,
    Tools, record,
};
use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::domain::problem::Problems;
use crate::domain::source::{Gap, GapCause};

/// The kind `lobsters`.
pub const KIND: Kind = Kind {
    name: "lobsters",
    about: "stories and comments of lobste.rs or a site like it; no account needed",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    // The site names no limit; its operators ask readers to be gentle.
    budgets: &[Budget::per_minute(20, Over::Host)],
    asks: 3,
    least_every: 60,
    paging: "25 stories a page",
    sees: "new stories, their comments, edits and removals while a story is among those watched",
    cannot: "comments below stories older than the 200 watched; votes",
    document: "https://lobste.rs/about",
    ..Terms::OPEN
};

/// Most pages read back in one look.
const MOST_PAGES: u32 = 4;
/// Stories whose comments are watched, the newest.
const MOST_WATCHED: usize = 200;
/// Most threads asked for in one look.
const MOST_THREADS: usize = 10;

struct Wanted {
    base: String,
    interval: SignedDuration,
    comments: bool,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params.text("base_url").unwrap_or("https://lobste.rs").trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let interval = params.wait("interval", 300, 60);
    let comments = params.value("comments").is_none_or(|value| value.as_bool().unwrap_or(true));
    let allow_private = params.flag("allow_private");
    (Wanted { base, interval, comments, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private);
    Ok(Built::Pull(Box::new(Lobsters { settings: settings.clone(), wanted, api })))
}

/// The posts of a list of stories, of a story with its comments, or of one of either.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let root = Node::root(&value);
    let mut parsed = Parsed::default();
    let mut stories: Vec<Node<'_>> = root.items().collect();
    if value.is_object() {
        if !root.has("short_id") {
            return Nothing::ForeignInterface.into();
        }
        stories.push(root);
    }
    for story in stories {
        let took = take(&mut parsed, settings, &story, None);
        // A thread is a flat list in reading order; depth says whose answer a comment is.
        let mut above: Vec<Option<String>> = Vec::new();
        for comment in story.list("comments").unwrap_or_default() {
            let depth = comment
                .number("depth")
                .or_else(|| comment.number("indent_level").map(|n| n.saturating_sub(1)));
            let depth = depth.and_then(|depth| usize::try_from(depth).ok()).unwrap_or(0).min(above.len());
            let parent = comment.id("parent_comment").or_else(|| above[..depth].last().cloned().flatten());
            above.truncate(depth);
            above.push(take(&mut parsed, settings, &comment, parent.or_else(|| took.clone())));
        }
    }
    parsed.settled()
}

/// Adds a story or a comment; its id.
fn take(parsed: &mut Parsed, settings: &Settings, node: &Node<'_>, parent: Option<String>) -> Option<String> {
    let Some(id) = node.id("short_id") else {
        parsed.reject(node.at(), "has no short_id");
        return None;
    };
    let url = node.link("short_id_url").or_else(|| node.link("url"));
    let base = url.as_deref().and_then(|url| Url::parse(url).ok());
    let comment = node.has("comment");
    let deleted = node.flag("is_deleted") || node.flag("is_moderated");
    let words = node.html(if comment { "comment" } else { "description" }, base.as_ref());
    // The link is part of what a story says, and the post's own link is the discussion.
    let link = if comment { None } else { node.link("url") };
    let text: Vec<String> = [words, link].into_iter().flatten().filter(|_| !deleted).collect();
    let text = text.join("\n\n");
    let title = if comment { None } else { node.title("title") }.filter(|_| !deleted);
    if text.is_empty() && title.is_none() && !deleted {
        parsed.reject(node.at(), "has neither a title nor words");
        return Some(id);
    }
    // A user was an object in the years before 2024 and is a name now.
    let user = if comment { "commenting_user" } else { "submitter_user" };
    let author = node.author(user).or_else(|| node.get(user)?.author("username")).filter(|_| !deleted);
    let site = base.as_ref().and_then(Url::host_str).unwrap_or("lobste.rs").trim_start_matches("www.");
    parsed.posts.push(Post {
        source: settings.id.clone(),
        site: site.to_owned(),
        version: record::version(title.as_deref(), &text, deleted),
        aliases: Vec::new(),
        kind: if comment { PostKind::Comment } else { PostKind::Post },
        url,
        author,
        created_at: node.time("created_at"),
        title,
        text,
        lang: None,
        parent,
        reach: None,
        deleted,
        id: id.clone(),
    });
    Some(id)
}

/// What is known of the stories watched, newest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    at: Option<Timestamp>,
    stories: Vec<Watched>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    id: String,
    /// Comments when the thread was last read; none: never.
    read: Option<u64>,
}

struct Lobsters {
    settings: Settings,
    wanted: Wanted,
    api: Api,
}

struct Page {
    parsed: Parsed,
    /// Story → count of comments, in the order of the page.
    stories: Vec<(String, u64)>,
}

impl Lobsters {
    async fn page(&self, number: u32) -> Result<Page, SourceError> {
        let url = format!("{}/newest/page/{number}.json", self.wanted.base);
        let answer = self.api.get(&url).await?;
        let value = answer.borrowed().json().ok();
        let parsed = parse(&answer.borrowed(), &self.settings);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            Some(nothing) => return Err(strange(&url, nothing)),
        }
        let stories = value.iter().flat_map(|value| Node::root(value).items().collect::<Vec<_>>());
        let stories = stories
            .filter_map(|story| Some((story.id("short_id")?, story.number("comment_count").unwrap_or(0))))
            .collect();
        Ok(Page { parsed, stories })
    }

    async fn thread(&self, id: &str) -> Result<Vec<Post>, SourceError> {
        let url = format!("{}/s/{id}.json", self.wanted.base);
        let answer = self.api.get(&url).await?;
        Ok(parse(&answer.borrowed(), &self.settings).posts)
    }
}

fn strange(url: &str, nothing: Nothing) -> SourceError {
    SourceError { what: format!("{url} {}", nothing.words()), retry: Retry::Soon, position: None }
}

#[async_trait]
impl Source for Lobsters {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept = position.cursor.as_deref().and_then(|cursor| serde_json::from_str::<Cursor>(cursor).ok());
        let first = kept.is_none();
        let mut cursor = kept.unwrap_or_default();
        let mut batch = Batch { fetched_through: Some(now), ..Batch::default() };
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut fresh = Vec::new();
        let mut met = first;
        for number in 1..=MOST_PAGES {
            let page = self.page(number).await?;
            let ended = page.stories.is_empty();
            for (id, count) in page.stories {
                met |= cursor.stories.iter().any(|story| story.id == id);
                if counts.insert(id.clone(), count).is_none()
                    && !cursor.stories.iter().any(|story| story.id == id)
                {
                    fresh.push(Watched { id, read: None });
                }
            }
            batch.posts.extend(page.parsed.posts);
            batch.rejects.extend(page.parsed.rejects);
            if met || ended {
                met = true;
                break;
            }
        }
        if !met {
            batch.gaps.push(gap(&self.settings.id, cursor.at, now));
        }
        // The oldest first, as they were said.
        batch.posts.reverse();
        fresh.append(&mut cursor.stories);
        fresh.truncate(MOST_WATCHED);
        cursor.stories = fresh;
        if self.wanted.comments {
            let moved = cursor.stories.iter_mut().filter(|story| {
                counts.get(&story.id).is_some_and(|count| *count > 0 && story.read != Some(*count))
            });
            let mut failed = false;
            for (asked, story) in moved.enumerate() {
                if asked == MOST_THREADS {
                    batch.more = !failed;
                    break;
                }
                match self.thread(&story.id).await {
                    Ok(posts) => {
                        story.read = counts.get(&story.id).copied();
                        batch.posts.extend(posts.into_iter().filter(|post| post.kind == PostKind::Comment));
                    }
                    // What was had is given; the rest is asked for when there is room again.
                    Err(error) if error.pause().is_some() => {
                        batch.rest = error.pause();
                        break;
                    }
                    Err(error) if error.retry == Retry::Never => story.read = counts.get(&story.id).copied(),
                    Err(_) => failed = true,
                }
            }
        }
        if batch.rest.is_some() {
            // Threads are left that could not be asked for.
            batch.fetched_through = None;
        }
        cursor.at = Some(now);
        let written = serde_json::to_string(&cursor).expect("names and numbers always serialise");
        batch.position = Position { cursor: Some(written), memo: None };
        Ok(batch)
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }
}

fn gap(source: &SourceId, from: Option<Timestamp>, until: Timestamp) -> Gap {
    let detail = format!("more than {MOST_PAGES} pages of stories came since the last look");
    Gap { source: source.clone(), from, until, cause: GapCause::Overrun, detail }
}
