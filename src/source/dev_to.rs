//! DEV and other sites of the Forem software: articles of the whole site, of tags, of organisations and of
//! people, of searches, and the comments below them. A key is not needed; with one, what its owner may read.
//!
//! The site's lists by tag are in the order of what is popular and leave out what is not, so tags are found in
//! the list of everything, which is in the order of time. Searches are ordered by popularity too: their first
//! page is looked at and nothing is promised beyond it.
//!
//! A list holds the beginning of an article. Its words are asked for one by one, within a bound for each look,
//! and an article is given when its words are there. So are comments, as often as their number has changed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use super::api::back::{self, Back, Lists, Page};
use super::api::{self, Api, Credential, Look, Node, Sign};
use super::params::Params;
use super::terms::{Access, Budget, Erase, Over, Word};
use super::{
    Answer, Batch, Built, Kind, Known, Parsed, Position, Rechecked, Reject, Retry, Settings, Source,
    SourceError, Terms, Tools,
};
use crate::domain::id::SourceId;
use crate::domain::post::Post;
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::source::SkipReason;

mod read;

pub use read::parse;

/// The kind `dev_to`.
pub const KIND: Kind = Kind {
    name: "dev_to",
    about: "articles and comments of DEV or another Forem site, by tag, organisation, person or search",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::KeyOptional,
    needs: "nothing; an API key where the site shows nothing without a login",
    // The documents name no figure; the software answers 429 and says for how long.
    budgets: &[Budget::per_minute(30, Over::Host), Budget::new(5, 5, Over::Host)],
    least_every: 60,
    paging: "100 articles a page",
    erase: &[Erase::new("what was deleted there, found by asking again", 48, Word::Habit)],
    sees: "new and edited articles with all their words, comments below them; removals on re-check",
    cannot: "comments below articles older than the newest 100 of a list; hits of a search beyond its first 100",
    document: "https://developers.forem.com/api/v1",
    ..Terms::OPEN
};

/// Articles asked for at once.
const PAGE: usize = 100;
/// Articles whose comments are watched.
const MOST_WATCHED: usize = 300;
/// Most articles and threads asked for in one look.
const MOST_ASKED: usize = 15;
/// Articles that wait for their words: beyond this a look takes no more lists in.
const MOST_OWED: usize = 1_000;
/// Posts asked after in one go; each is a question of its own.
const AT_ONCE: usize = 20;

struct Wanted {
    base: String,
    key: Option<SecretRef>,
    tags: Vec<String>,
    organizations: Vec<String>,
    users: Vec<String>,
    searches: Vec<String>,
    comments: bool,
    interval: SignedDuration,
    allow_private: bool,
}

impl Wanted {
    /// The lists to read, each as its sort and its name.
    fn lists(&self) -> Vec<String> {
        let named = |sort: &'static str, names: &[String]| {
            names.iter().map(|name| format!("{sort} {name}")).collect::<Vec<_>>()
        };
        let mut lists = [
            named("organization", &self.organizations),
            named("user", &self.users),
            named("search", &self.searches),
        ]
        .concat();
        if lists.is_empty() || !self.tags.is_empty() {
            lists.insert(0, "latest".to_owned());
        }
        lists
    }
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base = params.text("base_url").unwrap_or("https://dev.to").trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let key = params.secret("key");
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let tags = params.texts("tags", "[\"webdev\"], without #", |tag| tag.chars().all(char::is_alphanumeric));
    let tags = tags.iter().map(|tag| tag.to_lowercase()).collect();
    let organizations = params.texts("organizations", "[\"acme\"], as in the address of its page", plain);
    let users = params.texts("users", "[\"ann\"], as in the address of their page", plain);
    let searches = params.texts("searches", "[\"acme cloud\"]", |_| true);
    let comments = params.value("comments").is_none() || params.flag("comments");
    let interval = params.wait("interval", 600, 60);
    let allow_private = params.flag("allow_private");
    (
        Wanted { base, key, tags, organizations, users, searches, comments, interval, allow_private },
        params.finish(),
    )
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let key = wanted.key.as_ref().map(Credential::fetch).transpose()?;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private).signed(key, Sign::Header("api-key"));
    Ok(Built::Pull(Box::new(DevTo { settings: settings.clone(), wanted, api, heard: BTreeMap::new() })))
}

/// What is known of the lists, and of the articles on them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Cursor {
    lists: BTreeMap<String, Back>,
    /// Articles whose words are to be asked for, the oldest first.
    owed: Vec<String>,
    /// Articles whose comments are watched, and how many were read; the newest last.
    watched: Vec<(String, u64)>,
}

/// What a list says of an article beside what a post holds.
struct Heard {
    comments: u64,
    /// It is of a list that was asked for by name, or has a tag that was.
    chosen: bool,
}

struct DevTo {
    settings: Settings,
    wanted: Wanted,
    api: Api,
    /// In this look.
    heard: BTreeMap<String, Heard>,
}

#[async_trait]
impl Lists for DevTo {
    fn id(&self) -> &SourceId {
        &self.settings.id
    }

    async fn page(&mut self, list: &str, next: Option<&str>, _: Timestamp) -> Result<Page, SourceError> {
        let number: u32 = next.and_then(|next| next.parse().ok()).unwrap_or(1);
        let (sort, name) = list.split_once(' ').unwrap_or((list, ""));
        let (page, size) = (number.to_string(), PAGE.to_string());
        let mut query = vec![("page", page.as_str()), ("per_page", size.as_str())];
        let path = match sort {
            "organization" => format!("/api/organizations/{name}/articles"),
            "user" => {
                query.push(("username", name));
                "/api/articles".to_owned()
            }
            "search" => {
                query.push(("q", name));
                "/api/articles/search".to_owned()
            }
            _ => "/api/articles/latest".to_owned(),
        };
        let url = api::with_query(&format!("{}{path}", self.wanted.base), &query);
        let answer = self.api.get(&url).await?;
        let parsed = self.read(&answer.borrowed())?;
        let value = answer.borrowed().json().unwrap_or_default();
        for node in Node::root(&value).items() {
            if let Some(id) = node.id("id") {
                let comments = node.number("comments_count").unwrap_or(0);
                let tagged = || tags(&node).iter().any(|tag| self.wanted.tags.contains(tag));
                let chosen = sort != "latest" || self.wanted.tags.is_empty() || tagged();
                let chosen = chosen || self.heard.get(&id).is_some_and(|heard| heard.chosen);
                self.heard.insert(id, Heard { comments, chosen });
            }
        }
        let more = (!parsed.posts.is_empty() && sort != "search").then(|| (number + 1).to_string());
        Ok(Page::new(parsed, more))
    }
}

fn tags(node: &Node<'_>) -> Vec<String> {
    let list = ["tag_list", "tags"].iter().find_map(|key| {
        let value = node.get(key)?;
        match value.value().as_str() {
            Some(text) => Some(text.split(',').map(|tag| tag.trim().to_lowercase()).collect::<Vec<_>>()),
            None => {
                Some(value.items().filter_map(|tag| Some(tag.value().as_str()?.to_lowercase())).collect())
            }
        }
    });
    list.unwrap_or_default()
}

impl DevTo {
    fn read(&self, answer: &Answer<'_>) -> Result<Parsed, SourceError> {
        parse(answer, &self.settings).or_strange(&format!("an answer of {}", self.wanted.base))
    }

    async fn ask(&self, path: &str) -> Result<Vec<Post>, SourceError> {
        let answer = self.api.get(&format!("{}{path}", self.wanted.base)).await?;
        Ok(self.read(&answer.borrowed())?.posts)
    }

    /// A post by its name; none when it is there no more.
    async fn one(&self, path: &str) -> Result<Option<Vec<Post>>, SourceError> {
        let answer = self.api.get_any(&format!("{}{path}", self.wanted.base)).await?;
        match answer.status {
            404 | 410 => Ok(None),
            400.. => Err(answer.refused()),
            _ => Ok(Some(self.read(&answer.borrowed())?.posts)),
        }
    }

    /// Asks for the words of articles, the oldest first, and for comments where their number has changed.
    async fn settle(&self, cursor: &mut Cursor, look: &mut Look) {
        let mut asked = 0;
        while let Some(id) = cursor.owed.first().cloned() {
            if asked == MOST_ASKED {
                look.batch.more = true;
                return;
            }
            asked += 1;
            match self.one(&format!("/api/articles/{id}")).await {
                Ok(posts) => look.batch.posts.extend(posts.unwrap_or_default()),
                // The lists are open and this one is not: it would be asked for until the end of days.
                Err(error) if error.retry == Retry::Never && !self.heard.is_empty() => {
                    let at = format!("article {id}");
                    look.batch.rejects.push(Reject { reason: SkipReason::Malformed, at, why: error.what });
                }
                Err(error) => {
                    look.note(format!("article {id}"), error);
                    return;
                }
            }
            cursor.owed.remove(0);
        }
        if !self.wanted.comments {
            return;
        }
        for (id, read) in cursor.watched.iter_mut().rev() {
            let Some(count) = self.heard.get(id).map(|heard| heard.comments).filter(|count| *count != *read)
            else {
                continue;
            };
            if asked == MOST_ASKED {
                look.batch.more = true;
                return;
            }
            asked += 1;
            match self.ask(&format!("/api/comments?a_id={id}")).await {
                Ok(posts) => {
                    look.batch.posts.extend(posts);
                    *read = count;
                }
                Err(error) if error.retry == Retry::Never => *read = count,
                Err(error) => {
                    look.note(format!("comments of article {id}"), error);
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl Source for DevTo {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut cursor: Cursor = position.kept();
        self.heard.clear();
        let mut look = Look::default();
        if cursor.owed.len() < MOST_OWED {
            let names = self.wanted.lists();
            look = back::look(self, &names, &mut cursor.lists, now).await;
            for post in std::mem::take(&mut look.batch.posts) {
                if !self.heard.get(&post.id).is_some_and(|heard| heard.chosen) {
                    continue;
                }
                if !cursor.owed.contains(&post.id) {
                    cursor.owed.push(post.id.clone());
                }
                if !cursor.watched.iter().any(|(id, _)| *id == post.id) {
                    cursor.watched.push((post.id, 0));
                }
            }
            let many = cursor.watched.len().saturating_sub(MOST_WATCHED);
            cursor.watched.drain(..many);
        }
        // Where no list could be read, nothing else will be; and a wish to be left alone is one for all.
        if !look.pauses() && (look.is_whole() || !self.heard.is_empty()) {
            self.settle(&mut cursor, &mut look).await;
        }
        if look.batch.more || !cursor.owed.is_empty() {
            look.batch.fetched_through = None;
        }
        look.end(Position::of(&cursor))
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut told = Rechecked::default();
        for post in known.iter().take(AT_ONCE) {
            let plain = post.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let comment =
                post.parent.is_some() || post.url.as_deref().is_some_and(|url| url.contains("/comment/"));
            let what = if comment { "comments" } else { "articles" };
            if !plain {
                continue;
            }
            match self.one(&format!("/api/{what}/{}", post.id)).await {
                Ok(Some(posts)) => {
                    told.posts.extend(posts.into_iter().filter(|found| found.id == post.id).map(
                        |mut found| {
                            // A comment asked for alone does not know what it stands under.
                            found.parent.clone_from(&post.parent);
                            found
                        },
                    ));
                }
                Ok(None) => told.gone.push(post.id.clone()),
                Err(error) if error.pause().is_some() => {
                    told.rest = error.pause();
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(told)
    }
}
