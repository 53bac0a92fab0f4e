//! Answers of Lemmy's interface, versions 3 and 4, and of what speaks it too → posts. Pure.
//!
//! Whatever the endpoint, a post or a comment comes as a *view*: an object that holds it beside its author and
//! its community. Lists, threads, searches, notifications are read by walking to the views in them.
//!
//! # Names
//! `server/post/7` and `server/comment/9`, as the server that was asked numbers them: it says by number whom a
//! comment answers. The one name on all servers, `ap_id`, is the alias.

use std::collections::BTreeSet;

use url::Url;

use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, record};

/// Deeper than any view lies.
const DEEPEST: usize = 5;

/// What an answer holds.
#[derive(Debug, Default)]
pub struct Reading {
    pub parsed: Parsed,
    /// Ids of those that are shown above the newest for being pinned.
    pub pinned: BTreeSet<String>,
    /// How to ask for the next page, where the server says it.
    pub next: Option<String>,
}

/// The posts and comments of a list, a thread, a search, or of one of them.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let host = answer.url.and_then(|url| Url::parse(url).ok()).and_then(|url| host(&url));
    read(answer, &settings.id, host.as_deref()).parsed.settled()
}

/// The name of a server: its host, and its port where it is not the usual one.
pub fn host(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"))?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Reads an answer of the server of that name.
pub fn read(answer: &Answer<'_>, source: &SourceId, host: Option<&str>) -> Reading {
    let mut reader =
        Reader { source, host, seen: BTreeSet::new(), known: false, reading: Reading::default() };
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => {
            reader.reading.parsed.nothing = Some(nothing);
            return reader.reading;
        }
    };
    if let Some(nothing) = api::error(&value) {
        reader.reading.parsed.nothing = Some(nothing);
        return reader.reading;
    }
    let root = Node::root(&value);
    reader.reading.next = root.id("next_page");
    reader.walk(&root, 0);
    let parsed = &mut reader.reading.parsed;
    if parsed.posts.is_empty() && parsed.rejects.is_empty() {
        parsed.nothing = Some(if reader.known { Nothing::NoPostsInside } else { Nothing::ForeignInterface });
    }
    reader.reading
}

/// Keys by which answers without posts are known.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "posts", "comments", "items", "search", "communities", "community_view", "users", "site_view", "person_view",
    "moderators", "jwt", "private_messages", "federated_instances", "metadata", "replies", "mentions",
    "notifications", "version", "community", "next_page", "unread_count", "custom_emojis",
];

struct Reader<'a> {
    source: &'a SourceId,
    host: Option<&'a str>,
    seen: BTreeSet<String>,
    known: bool,
    reading: Reading,
}

impl Reader<'_> {
    fn walk(&mut self, node: &Node<'_>, depth: usize) {
        if node.value().is_array() {
            self.known |= depth == 0 && node.items().len() == 0;
            node.items().for_each(|item| self.walk(&item, depth + 1));
            return;
        }
        let Some(object) = node.value().as_object() else { return };
        // Objects of the servers' own federation are another interface.
        let federated = ["@context", "orderedItems", "attributedTo", "actor"];
        if depth > DEEPEST || federated.iter().any(|key| object.contains_key(*key)) {
            return;
        }
        self.known |= KNOWN.iter().any(|key| object.contains_key(*key));
        if let Some(comment) =
            node.get("comment").filter(|comment| comment.has("content") || comment.has("path"))
        {
            return self.take(&comment, node, true);
        }
        if let Some(post) = node.get("post").filter(|post| post.has("name")) {
            return self.take(&post, node, false);
        }
        for key in object.keys().filter(|key| !matches!(key.as_str(), "creator" | "community" | "moderators"))
        {
            if let Some(inner) = node.get(key) {
                self.walk(&inner, depth + 1);
            }
        }
    }

    fn take(&mut self, node: &Node<'_>, view: &Node<'_>, comment: bool) {
        let Some(number) = node.id("id") else {
            self.reading.parsed.reject(node.at(), "has no id");
            return;
        };
        let id = self.name(if comment { "comment" } else { "post" }, &number);
        if !self.seen.insert(id.clone()) {
            return;
        }
        let link = node.link("ap_id");
        let deleted = node.flag("deleted") || node.flag("removed");
        let title = if comment { None } else { node.title("name") }.filter(|_| !deleted);
        let words = node.words(if comment { "content" } else { "body" });
        // The link is part of what a post says, and its own address is the discussion.
        let rest = if comment { [None, None] } else { [node.words("alt_text"), node.link("url")] };
        let text: Vec<String> = [words].into_iter().chain(rest).flatten().filter(|_| !deleted).collect();
        let text = text.join("\n\n");
        let edited = node.time("updated_at").or_else(|| node.time("updated"));
        let version = match edited {
            Some(at) if !deleted => at.as_second().to_string(),
            _ => record::version(title.as_deref(), &text, deleted),
        };
        let parent = if comment { self.parent(node) } else { None };
        let origin = link.as_deref().and_then(|link| Url::parse(link).ok());
        let site = origin.as_ref().and_then(Url::host_str).or(self.host).unwrap_or_default();
        if node.flag("featured_community") || node.flag("featured_local") {
            self.reading.pinned.insert(id.clone());
        }
        self.reading.parsed.posts.push(Post {
            source: self.source.clone(),
            site: site.trim_start_matches("www.").to_lowercase(),
            id,
            version,
            aliases: node.text("ap_id").map(|name| format!("uri:{}", name.trim())).into_iter().collect(),
            kind: if comment { PostKind::Comment } else { PostKind::Post },
            url: link,
            author: view.get("creator").and_then(|creator| author(&creator)).filter(|_| !deleted),
            created_at: node.time("published_at").or_else(|| node.time("published")),
            title,
            text,
            lang: None,
            parent,
            reach: None,
            deleted,
        });
    }

    /// `0.2.4` is comment 4, which answers comment 2, which answers the post.
    fn parent(&self, node: &Node<'_>) -> Option<String> {
        let above = node.text("path").and_then(|path| path.rsplit('.').nth(1)).filter(|above| *above != "0");
        match above {
            Some(above) => Some(self.name("comment", above)),
            None => node.id("post_id").map(|post| self.name("post", &post)),
        }
    }

    fn name(&self, sort: &str, number: &str) -> String {
        let local = format!("{sort}/{number}");
        self.host.map_or(local.clone(), |host| format!("{host}/{local}"))
    }
}

/// `ann@acme.example`.
fn author(creator: &Node<'_>) -> Option<String> {
    let name = creator.author("name")?;
    let home = creator.link("ap_id").or_else(|| creator.link("actor_id"));
    let home = home.and_then(|home| Url::parse(&home).ok()).and_then(|home| host(&home));
    Some(home.map_or(name.clone(), |home| format!("{name}@{home}")))
}
