//! Answers of Reddit as posts: listings, threads with their answers, `morechildren`, an inbox, and the same as
//! RSS. Kinds of things are told by their prefix: `t1_` comment, `t3_` post; subreddits, people and stubs of
//! unloaded comments are passed by.

use std::collections::HashSet;

use serde_json::Value;
use url::Url;

use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::feed::document;
use crate::source::{Answer, Nothing, Parsed, Settings, record, text};

/// What stands where words were.
const TOMBSTONES: &[&str] = &["[deleted]", "[removed]", "[deleted by user]", "[ removed by reddit ]"];

/// The posts of an answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    page(answer, settings).0
}

/// The posts of an answer and the name that the listing goes on after.
pub fn page(answer: &Answer<'_>, settings: &Settings) -> (Parsed, Option<String>) {
    if answer.status < 400 && is_feed(answer.body) {
        return (feed(answer, settings), None);
    }
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return (nothing.into(), None),
    };
    if api::error(&value).is_some() || is_refusal(&value) {
        return (Nothing::ErrorAnswer.into(), None);
    }
    let root = Node::root(&value);
    let mut reader = Reader { settings, parsed: Parsed::default(), taken: HashSet::new(), known: false };
    match &value {
        // A thread is the post's listing and its answers'; a list of things is one too.
        Value::Array(_) => root.items().for_each(|item| reader.thing(&item)),
        _ if root.has("json") => {
            let things = root.find("/json/data/things").or_else(|| root.find("/json/data/children"));
            reader.known = things.is_some() || root.find("/json/data").is_some();
            things.iter().flat_map(Node::items).for_each(|thing| reader.thing(&thing));
        }
        _ => reader.thing(&root),
    }
    if !reader.known && reader.parsed.rejects.is_empty() {
        return (Nothing::ForeignInterface.into(), None);
    }
    let after = root.get("data").and_then(|data| data.id("after")).filter(|after| is_fullname(after));
    (reader.parsed.settled(), after)
}

/// The names of all things that stand right inside a listing, posts or not.
pub fn names_in(value: &Value) -> impl Iterator<Item = &str> {
    let children = value.pointer("/data/children").and_then(Value::as_array);
    children.into_iter().flatten().filter_map(|child| child.pointer("/data/name").and_then(Value::as_str))
}

/// Whether a text can be the name of a post or a comment.
pub fn is_fullname(name: &str) -> bool {
    let number = name.strip_prefix("t1_").or_else(|| name.strip_prefix("t3_"));
    number.is_some_and(|number| {
        (1..=16).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The other ways in which Reddit says no: `{"json": {"errors": [["…"]]}}`, `{"reason": …, "explanation": …}`.
fn is_refusal(value: &Value) -> bool {
    let errors = value.pointer("/json/errors").and_then(Value::as_array);
    errors.is_some_and(|errors| !errors.is_empty())
        || (value.get("reason").is_some() && value.get("data").is_none())
        || value.pointer("/jquery").is_some_and(|_| value.get("success") == Some(&Value::Bool(false)))
}

fn is_feed(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    [&b"<?xml"[..], b"<feed", b"<rss"].iter().any(|start| body.starts_with(start))
}

struct Reader<'a> {
    settings: &'a Settings,
    parsed: Parsed,
    taken: HashSet<String>,
    /// Something of Reddit's was met.
    known: bool,
}

impl Reader<'_> {
    fn thing(&mut self, thing: &Node<'_>) {
        let Some(data) = thing.get("data") else { return };
        match thing.text("kind") {
            Some("Listing") => {
                self.known = true;
                let children = data.list("children").unwrap_or_default();
                children.iter().for_each(|child| self.thing(child));
            }
            Some("t3") => self.take(&data, PostKind::Post),
            Some("t1") => {
                self.take(&data, PostKind::Comment);
                // No answers are an empty text.
                data.get("replies").iter().for_each(|replies| self.thing(replies));
            }
            // Stubs, people, messages, subreddits, awards, wiki pages: none of them posts.
            Some(_) => self.known = true,
            None => {}
        }
    }

    fn take(&mut self, data: &Node<'_>, kind: PostKind) {
        self.known = true;
        let prefix = if kind == PostKind::Comment { "t1_" } else { "t3_" };
        let id = data.id("name").or_else(|| data.id("id").map(|id| format!("{prefix}{id}")));
        let Some(id) = id.filter(|id| is_fullname(id)) else {
            self.parsed.reject(data.at(), "has no name");
            return;
        };
        if !self.taken.insert(id.clone()) {
            return;
        }
        let comment = kind == PostKind::Comment;
        let own = words(data, if comment { ["body_html", "body"] } else { ["selftext_html", "selftext"] });
        let title = if comment { None } else { data.text("title").map(|title| text::one_line(&bare(title))) };
        let deleted = is_gone(data, title.as_deref(), own.as_deref());
        let mut parts: Vec<String> = own.into_iter().collect();
        if !comment {
            parts.extend(choices(data));
            parts.extend(linked(data));
        }
        let text = if deleted { String::new() } else { parts.join("\n\n") };
        let title = title.filter(|_| !deleted);
        if text.is_empty() && title.is_none() && !deleted {
            self.parsed.reject(data.at(), "has neither a title nor words");
            return;
        }
        let author = data.author("author").filter(|author| !deleted && author != "[deleted]");
        self.parsed.posts.push(Post {
            source: self.settings.id.clone(),
            site: "reddit.com".to_owned(),
            version: record::version(title.as_deref(), &text, deleted),
            aliases: Vec::new(),
            kind,
            url: address(data, &id),
            author,
            created_at: data.time("created_utc"),
            title,
            text,
            lang: None,
            parent: data.id("parent_id").filter(|parent| comment && is_fullname(parent)),
            reach: None,
            deleted,
            id,
        });
    }
}

/// The words, from HTML where it is there; Reddit escapes it once more unless asked not to.
fn words(data: &Node<'_>, [html, markup]: [&str; 2]) -> Option<String> {
    let base = Url::parse("https://www.reddit.com/").ok();
    let from_html = data.text(html).map(|html| {
        let html = if html.trim_start().starts_with("&lt;") { bare(html) } else { html.to_owned() };
        text::from_html(&html, base.as_ref())
    });
    let found = from_html.or_else(|| data.text(markup).map(|markup| text::plain(&bare(markup))));
    found.filter(|words| !words.is_empty())
}

/// The three characters that Reddit escapes.
fn bare(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// The answers to choose from in a poll.
fn choices(data: &Node<'_>) -> Option<String> {
    let options = data.find("/poll_data/options")?;
    let lines: Vec<String> = options.items().filter_map(|option| option.words("text")).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What a post links to is part of what it says; its own page is not.
fn linked(data: &Node<'_>) -> Option<String> {
    let link = data.link("url_overridden_by_dest").or_else(|| data.link("url"))?;
    let own = data.text("permalink").is_some_and(|page| bare(&link).ends_with(page));
    (!data.flag("is_self") && !own).then(|| bare(&link))
}

fn is_gone(data: &Node<'_>, title: Option<&str>, words: Option<&str>) -> bool {
    let is_tombstone = |text: &str| TOMBSTONES.contains(&text.trim().to_ascii_lowercase().as_str());
    data.text("removed_by_category").is_some()
        || data.flag("removed")
        || data.flag("spam")
        || words.is_some_and(is_tombstone)
        || title.is_some_and(is_tombstone)
}

fn address(data: &Node<'_>, id: &str) -> Option<String> {
    // A mention in an inbox names its page as its context.
    let page = data.text("permalink").or_else(|| data.text("context")).map(|page| bare(page.trim()));
    match page {
        Some(page) if page.starts_with('/') => Some(format!("https://www.reddit.com{page}")),
        Some(page) if page.starts_with("https://") => Some(page),
        _ => {
            let thread = data.id("link_id")?;
            let (thread, number) = (thread.strip_prefix("t3_")?, id.strip_prefix("t1_")?);
            let subreddit = data.text("subreddit").map(|name| format!("/r/{name}")).unwrap_or_default();
            Some(format!("https://www.reddit.com{subreddit}/comments/{thread}/_/{number}/"))
        }
    }
}

/// The same as RSS: what a personal feed gives.
fn feed(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let url = answer.url.and_then(|url| Url::parse(url).ok());
    let document = match document::read(answer.body, answer.header("content-type"), url.as_ref()) {
        Ok(document) => document,
        Err(document::Unreadable::Html | document::Unreadable::OtherJson) => {
            return Nothing::ForeignInterface.into();
        }
        Err(_) => return Nothing::Broken.into(),
    };
    let mut parsed = Parsed::default();
    let mut taken = HashSet::new();
    for (number, entry) in document.entries.into_iter().enumerate() {
        let Some(id) = entry.guid.filter(|id| is_fullname(id)) else {
            // Lists of subreddits and of people come as feeds too.
            let thing = |link: &str| link.contains("/comments/");
            if entry.link.as_deref().is_some_and(thing) {
                parsed.reject(&format!("entry {}", number + 1), "has no name");
            }
            continue;
        };
        if !taken.insert(id.clone()) {
            continue;
        }
        let comment = id.starts_with("t1_");
        let text = without_footer(&entry.body);
        let gone = [Some(text.as_str()), entry.title.as_deref()].into_iter().flatten();
        let deleted = gone
            .map(|words| words.trim().to_ascii_lowercase())
            .any(|words| TOMBSTONES.contains(&words.as_str()));
        let title = entry.title.filter(|_| !comment && !deleted);
        let text = if deleted { String::new() } else { text };
        if title.is_none() && text.is_empty() && !deleted {
            parsed.reject(&format!("entry {}", number + 1), "has neither a title nor words");
            continue;
        }
        let author = entry.author.as_deref().map(|name| name.trim_start_matches("/u/").to_owned());
        parsed.posts.push(Post {
            source: settings.id.clone(),
            site: "reddit.com".to_owned(),
            version: record::version(title.as_deref(), &text, deleted),
            aliases: Vec::new(),
            kind: if comment { PostKind::Comment } else { PostKind::Post },
            parent: entry.link.as_deref().filter(|_| comment).and_then(thread_of),
            url: entry.link,
            author: author.filter(|name| !deleted && name != "[deleted]"),
            created_at: entry.date,
            title,
            text,
            lang: None,
            reach: None,
            deleted,
            id,
        });
    }
    parsed.settled()
}

/// Every entry of a post ends with `submitted by /u/ann [link] [comments]`, of which the link is part of what it
/// says where it leads out.
fn without_footer(body: &str) -> String {
    let Some((words, footer)) = body.rsplit_once("submitted by") else { return body.to_owned() };
    let Some((_, links)) = footer.split_once("[link]") else { return body.to_owned() };
    let link = links.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(link, _)| link);
    let link = link.filter(|link| !link.contains("/comments/"));
    // The picture beside the words links to the thread; without its words nothing of it is left.
    let words = words.trim();
    [Some(words), link].into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The name of the thread that an address leads to.
fn thread_of(link: &str) -> Option<String> {
    let (_, path) = link.split_once("/comments/")?;
    let name = format!("t3_{}", path.split('/').next()?);
    is_fullname(&name).then_some(name)
}
