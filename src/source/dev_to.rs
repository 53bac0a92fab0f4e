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
use super::api::{self, Api, Credential, Node, Sign};
use super::params::Params;
use super::terms::{Access, Budget, Erase, Over};
use super::{
    Answer, Batch, Built, Kind, Known, Nothing, Parsed, Position, Rechecked, Reject, Retry, Settings, Source,
    SourceError, Terms, Tools, record, text,
};
use crate::domain::post::{Post, PostKind};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::domain::source::SkipReason;

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
    erase: &[Erase { what: "what was deleted there, found by asking again", hours: 48 }],
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

/// Articles and comments of any answer: lists, single ones, threads, reading lists.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let url = answer.url.and_then(|url| Url::parse(url).ok());
    let root = Node::root(&value);
    let mut parsed = Parsed::default();
    let mut things: Vec<Node<'_>> = root.items().collect();
    if value.is_object() {
        // `{"type_of": …}`, or another interface's `{"articles": […]}`.
        let known = root.has("type_of") || is_article(&root) || root.has("id_code");
        let own = ["domain", "version", "username", "slug", "name"].iter().any(|name| root.has(name));
        if !known {
            return if own { Nothing::NoPostsInside.into() } else { Nothing::ForeignInterface.into() };
        }
        things.push(root);
    }
    // A thread does not say what it stands under; the question did.
    let mut query = url.iter().flat_map(Url::query_pairs);
    let below = query.find(|(name, _)| name == "a_id" || name == "p_id").map(|(_, id)| id.into_owned());
    for thing in things {
        match thing.text("type_of") {
            Some("comment") => thread(&mut parsed, settings, &thing, below.as_deref(), url.as_ref()),
            Some("readinglist") => {
                if let Some(inside) = thing.get("article") {
                    let alias = thing.id("id").map(|id| format!("readinglist/{id}"));
                    article(&mut parsed, settings, &inside, alias, url.as_ref());
                }
            }
            Some("article" | "video_article") => article(&mut parsed, settings, &thing, None, url.as_ref()),
            None if thing.has("id_code") => {
                thread(&mut parsed, settings, &thing, below.as_deref(), url.as_ref());
            }
            None if is_article(&thing) => article(&mut parsed, settings, &thing, None, url.as_ref()),
            _ => {}
        }
    }
    parsed.settled()
}

/// Pages, podcasts and trends have titles too, and nobody who wrote them.
fn is_article(node: &Node<'_>) -> bool {
    node.has("title") && (node.has("user") || node.has("tag_list")) && (node.has("url") || node.has("path"))
}

/// The site a thing stands on, and where it does: a video has a path only.
fn place(node: &Node<'_>, asked: Option<&Url>) -> (Option<String>, Option<Url>) {
    let base = asked.and_then(|url| url.join("/").ok());
    let url = node.link("url").or_else(|| {
        let home = base.clone().or_else(|| Url::parse("https://dev.to/").ok())?;
        home.join(node.text("path")?).ok().map(Into::into)
    });
    let base = url.as_deref().and_then(|url| Url::parse(url).ok()).or(base);
    (url, base)
}

fn host(base: Option<&Url>) -> String {
    base.and_then(Url::host_str).unwrap_or("dev.to").trim_start_matches("www.").to_owned()
}

fn article(
    parsed: &mut Parsed,
    settings: &Settings,
    node: &Node<'_>,
    alias: Option<String>,
    asked: Option<&Url>,
) {
    let Some(id) = node.id("id") else {
        parsed.reject(node.at(), "has no id");
        return;
    };
    let (url, base) = place(node, asked);
    let title = node.title("title");
    let body = node.text("body_html").map(|html| text::from_html_quoting(html, base.as_ref()));
    let words = body.filter(|body| !body.is_empty()).or_else(|| node.words("body_markdown"));
    let words = words.or_else(|| node.words("description")).unwrap_or_default();
    if title.is_none() && words.is_empty() {
        parsed.reject(node.at(), "has neither a title nor words");
        return;
    }
    let author = node.get("user").and_then(|user| user.author("username").or_else(|| user.author("name")));
    let created_at = ["published_at", "published_timestamp", "created_at"];
    // A list holds less of an article than it is: what says that it was changed is the site's own date.
    let version = match node.text("edited_at") {
        Some(edited) => edited.to_owned(),
        None => record::version(title.as_deref(), "", false),
    };
    parsed.posts.push(Post {
        source: settings.id.clone(),
        site: host(base.as_ref()),
        version,
        aliases: alias.into_iter().collect(),
        kind: PostKind::Article,
        url,
        author,
        created_at: created_at.iter().find_map(|key| node.time(key)),
        title,
        text: words,
        lang: node.lang("language"),
        parent: None,
        reach: None,
        deleted: false,
        id,
    });
}

/// A comment and those below it, in reading order.
fn thread(
    parsed: &mut Parsed,
    settings: &Settings,
    root: &Node<'_>,
    below: Option<&str>,
    asked: Option<&Url>,
) {
    let mut left: Vec<(Node<'_>, Option<String>)> = vec![(root.clone(), below.map(str::to_owned))];
    while let Some((node, parent)) = left.pop() {
        let id = node.id("id_code");
        for child in node.list("children").unwrap_or_default().into_iter().rev() {
            left.push((child, id.clone().or_else(|| parent.clone())));
        }
        let Some(id) = id else {
            parsed.reject(node.at(), "has no id_code");
            continue;
        };
        let base = asked.and_then(|url| url.join("/").ok());
        let words = node.text("body_html").map(|html| text::from_html_quoting(html, base.as_ref()));
        let words = words.unwrap_or_default();
        let user = node.get("user").and_then(|user| user.author("username"));
        // What is gone keeps its place for the sake of the answers.
        let deleted = words == "[deleted]" || words == "[hidden by post author]";
        if words.is_empty() && !deleted {
            parsed.reject(node.at(), "has no words");
            continue;
        }
        let home = base.clone().or_else(|| Url::parse("https://dev.to/").ok());
        let url = user
            .as_ref()
            .zip(home)
            .and_then(|(user, home)| home.join(&format!("{user}/comment/{id}")).ok().map(String::from));
        let text = if deleted { String::new() } else { words };
        parsed.posts.push(Post {
            source: settings.id.clone(),
            site: host(base.as_ref()),
            version: record::version(None, &text, deleted),
            aliases: Vec::new(),
            kind: PostKind::Comment,
            url,
            author: user.filter(|_| !deleted),
            created_at: node.time("created_at"),
            title: None,
            text,
            lang: None,
            parent,
            reach: None,
            deleted,
            id,
        });
    }
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
    async fn page(&mut self, list: &str, next: Option<&str>) -> Result<Page, SourceError> {
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
        let parsed = parse(answer, &self.settings);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => Ok(parsed),
            Some(nothing) => {
                let what = format!("an answer of {} {}", self.wanted.base, nothing.words());
                Err(SourceError { what, retry: Retry::Soon, position: None })
            }
        }
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
    async fn settle(&self, cursor: &mut Cursor, look: &mut back::Look) {
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
                    look.note(error);
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
                    look.note(error);
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl Source for DevTo {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let kept = position.cursor.as_deref().and_then(|cursor| serde_json::from_str(cursor).ok());
        let mut cursor: Cursor = kept.unwrap_or_default();
        self.heard.clear();
        let mut look = back::Look::default();
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
        let paused = look.trouble.as_ref().is_some_and(|error| error.pause().is_some());
        if !paused && (look.trouble.is_none() || !self.heard.is_empty()) {
            self.settle(&mut cursor, &mut look).await;
        }
        if look.batch.more || !cursor.owed.is_empty() {
            look.batch.fetched_through = None;
        }
        look.end(&cursor)
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
