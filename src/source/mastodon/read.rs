//! Answers of the client interface that Mastodon made and others speak too (Pleroma, Akkoma, GoToSocial,
//! Pixelfed, Friendica, …) → posts. Pure.
//!
//! # Names
//! A post is called `server/number`, as the server that was asked numbers it: its answers, its deletes and
//! its re-checks name posts in no other way, and an answer to it says whom it answers by that number. The one
//! name it has on all servers, its ActivityPub `uri`, is its alias, so that it is one post however many
//! servers show it.
//!
//! # Versions
//! `edited_at` down to the second (servers cut it differently), so that an edit seen on two servers is one.
//! Where a server does not know edits, the words decide.

use std::collections::BTreeSet;

use url::Url;

use super::events::{Decoder, Event};
use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, record, text};

/// The version of a post that nobody has edited.
pub const NEVER_EDITED: &str = "0";

/// A post and what decides whether it may be taken in.
#[derive(Debug, Clone)]
pub struct Found {
    pub post: Post,
    /// What pages are counted by: the number of the list's item it stands in.
    pub item: Option<String>,
    /// Everybody may read it.
    pub open: bool,
    /// Its author asks not to be found by search engines.
    pub shy: bool,
}

/// What an answer holds.
#[derive(Debug, Default)]
pub struct Reading {
    pub found: Vec<Found>,
    /// The numbers of a list's items, in their order; those of notifications are not those of posts.
    pub items: Vec<String>,
    pub parsed: Parsed,
}

/// The posts of a timeline, a thread, a search, notifications, one post, or a saved stream.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let host = answer.url.and_then(|url| Url::parse(url).ok()).and_then(|url| host(&url));
    let Reading { found, mut parsed, .. } = read(answer, &settings.id, host.as_deref());
    parsed.posts = found.into_iter().map(|found| found.post).collect();
    parsed.settled()
}

/// The name of a server: its host, and its port where it is not the usual one.
pub fn host(url: &Url) -> Option<String> {
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"))?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Reads an answer of the server of that name.
pub fn read(answer: &Answer<'_>, source: &SourceId, host: Option<&str>) -> Reading {
    let mut reader = Reader::new(source, host);
    match answer.json() {
        Ok(value) => match api::error(&value) {
            Some(nothing) => reader.reading.parsed.nothing = Some(nothing),
            None => reader.answer(&Node::root(&value)),
        },
        Err(Nothing::Broken) => reader.stream(answer.body),
        Err(nothing) => reader.reading.parsed.nothing = Some(nothing),
    }
    reader.reading
}

/// The post of an event of a stream, or what says that one is gone.
pub fn event(event: &Event, source: &SourceId, host: &str) -> Reading {
    let mut reader = Reader::new(source, Some(host));
    reader.event(&event.name, &event.data, "");
    reader.reading
}

struct Reader<'a> {
    source: &'a SourceId,
    host: Option<&'a str>,
    seen: BTreeSet<String>,
    /// Something of this interface was there, though it may be no post.
    known: bool,
    item: Option<String>,
    reading: Reading,
}

impl<'a> Reader<'a> {
    fn new(source: &'a SourceId, host: Option<&'a str>) -> Self {
        let (seen, reading) = (BTreeSet::new(), Reading::default());
        Self { source, host, seen, known: false, item: None, reading }
    }

    fn answer(&mut self, root: &Node<'_>) {
        if root.value().is_array() {
            let items: Vec<Node<'_>> = root.items().collect();
            self.known = items.is_empty();
            for item in &items {
                self.listed(item);
            }
        } else if !self.item(root) {
            // Nothing but "done".
            self.known |= root.value().as_object().is_some_and(serde_json::Map::is_empty);
            // A thread, a search, notifications in groups.
            for key in ["ancestors", "descendants", "statuses"] {
                self.known |= root.has(key);
                for item in root.list(key).unwrap_or_default() {
                    self.listed(&item);
                }
            }
        }
        let parsed = &mut self.reading.parsed;
        if self.reading.found.is_empty() && parsed.rejects.is_empty() {
            parsed.nothing =
                Some(if self.known { Nothing::NoPostsInside } else { Nothing::ForeignInterface });
        }
    }

    /// A saved stream: events, or a line of JSON each.
    fn stream(&mut self, body: &[u8]) {
        let mut decoder = Decoder::default();
        let whole = decoder.push(body).is_ok();
        decoder.finish();
        let mut events = 0;
        while let Some(event) = decoder.take() {
            events += 1;
            self.event(&event.name, &event.data, &format!("event {events}"));
        }
        let lines = body.split(|byte| *byte == b'\n').filter(|line| line.trim_ascii().starts_with(b"{"));
        let lines: Vec<serde_json::Value> = if events == 0 {
            lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
        } else {
            Vec::new()
        };
        for line in &lines {
            self.item(&Node::root(line));
        }
        let parsed = &mut self.reading.parsed;
        if self.reading.found.is_empty() && parsed.rejects.is_empty() {
            let known = whole && (events > 0 || self.known);
            parsed.nothing = Some(if known { Nothing::NoPostsInside } else { Nothing::Broken });
        }
    }

    fn event(&mut self, name: &str, data: &str, at: &str) {
        match name {
            "delete" => {
                let id = data.trim().trim_matches('"');
                if id.is_empty() || id.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
                    self.reading.parsed.reject(at, "does not say which post is gone");
                } else {
                    let post = self.gone(id);
                    self.keep(post, true, false);
                }
            }
            "update" | "status.update" | "notification" | "conversation" => {
                let Ok(value) = serde_json::from_str(data) else {
                    self.reading.parsed.reject(at, "is no JSON");
                    return;
                };
                self.listed(&Node::root(&value));
            }
            // Announcements, filters, reactions.
            _ => self.known = true,
        }
    }

    fn listed(&mut self, node: &Node<'_>) {
        self.item = node.id("id");
        self.reading.items.extend(self.item.clone());
        self.item(node);
        self.item = None;
    }

    /// Anything that a list may hold; whether it was a post, or news of one.
    fn item(&mut self, node: &Node<'_>) -> bool {
        if let (Some(name), Some(data)) = (node.text("event"), node.id("payload")) {
            self.known = true;
            self.event(name, &data, node.at());
            return true;
        }
        let post = if is_post(node) {
            Some((node.clone(), false))
        } else if let Some(post) = node.get("status").filter(is_post) {
            Some((post, true))
        } else {
            node.get("last_status").filter(is_post).map(|post| (post, true))
        };
        if let Some((post, to_us)) = post {
            self.known = true;
            // Who shows others' words says nothing of their own.
            let boosted = post.get("reblog").filter(is_post);
            self.post(boosted.as_ref().unwrap_or(&post), to_us);
            return true;
        }
        let person = node.get("account").is_some_and(|account| account.has("acct"));
        self.known |= (person || KNOWN.iter().any(|key| node.has(key))) && !node.has("@context");
        false
    }

    fn post(&mut self, node: &Node<'_>, to_us: bool) {
        let Some(number) = node.id("id") else {
            self.reading.parsed.reject(node.at(), "has no id");
            return;
        };
        let link = node.link("url").or_else(|| node.link("uri"));
        let base = link.as_deref().and_then(|link| Url::parse(link).ok());
        // The answer to a deletion has the words as they were typed, for whoever wants to write them anew.
        let deleted = node.has("text") && !node.has("content");
        let marked = node.text("content").map(|html| text::from_html_quoting(html, base.as_ref()));
        let words = marked.filter(|words| !words.is_empty()).or_else(|| node.words("content_text"));
        let text: Vec<String> = [words, options(node), pictures(node)].into_iter().flatten().collect();
        let text = if deleted { String::new() } else { text.join("\n\n") };
        let title = node.title("spoiler_text").filter(|_| !deleted);
        let version = match node.value().get("edited_at") {
            _ if deleted => record::version(None, "", true),
            None => record::version(title.as_deref(), &text, false),
            Some(_) => node
                .time("edited_at")
                .map_or_else(|| NEVER_EDITED.to_owned(), |at| at.as_second().to_string()),
        };
        let answered = node.id("in_reply_to_id");
        let kind = if answered.is_some() { PostKind::Comment } else { PostKind::Post };
        let parent = answered.or_else(|| quoted(node)).map(|parent| self.name(&parent));
        let site = base.as_ref().and_then(Url::host_str).or(self.host).unwrap_or_default();
        let post = Post {
            source: self.source.clone(),
            site: site.trim_start_matches("www.").to_lowercase(),
            id: self.name(&number),
            version,
            aliases: node.text("uri").map(|uri| format!("uri:{}", uri.trim())).into_iter().collect(),
            kind,
            url: link,
            author: node.get("account").and_then(|account| self.author(&account)).filter(|_| !deleted),
            created_at: node.time("created_at"),
            title,
            text,
            lang: node.lang("language"),
            parent,
            reach: node.get("account").and_then(|account| account.number("followers_count")),
            deleted,
        };
        let open = to_us || matches!(node.text("visibility"), None | Some("public" | "unlisted" | "local"));
        let shy = !to_us && node.get("account").is_some_and(|account| account.flag("noindex"));
        self.keep(post, open, shy);
    }

    fn keep(&mut self, post: Post, open: bool, shy: bool) {
        if self.seen.insert(format!("{} {}", post.id, post.version)) {
            self.reading.found.push(Found { post, item: self.item.clone(), open, shy });
        }
    }

    fn gone(&self, number: &str) -> Post {
        Post {
            source: self.source.clone(),
            site: self.host.unwrap_or_default().to_lowercase(),
            id: self.name(number),
            version: record::version(None, "", true),
            aliases: Vec::new(),
            kind: PostKind::Post,
            url: None,
            author: None,
            created_at: None,
            title: None,
            text: String::new(),
            lang: None,
            parent: None,
            reach: None,
            deleted: true,
        }
    }

    fn name(&self, number: &str) -> String {
        self.host.map_or_else(|| number.to_owned(), |host| format!("{host}/{number}"))
    }

    /// `ann@acme.example`, also where a server leaves its own name out.
    fn author(&self, account: &Node<'_>) -> Option<String> {
        let name = account.author("acct").or_else(|| account.author("username"))?;
        if name.contains('@') {
            return Some(name);
        }
        let own = account.link("url").and_then(|url| Url::parse(&url).ok()).and_then(|url| host(&url));
        Some(
            own.or_else(|| self.host.map(str::to_owned))
                .map_or(name.clone(), |host| format!("{name}@{host}")),
        )
    }
}

/// Keys by which answers without posts are known: people, servers, tags, lists, links, versions of a post that
/// they do not name, posts not yet written.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "acct", "spoiler_text", "statuses", "ancestors", "notification_groups", "hashtags", "history", "provider_name",
    "shortcode", "scheduled_at", "last_read_id", "followed_by", "registrations", "streaming_api", "domain", "phrase",
    "replies_policy", "starts_at", "voters_count", "blurhash", "vapid_key", "severity", "last_status",
];

fn is_post(node: &Node<'_>) -> bool {
    let words = ["content", "uri", "text"].iter().any(|key| node.has(key));
    node.has("id") && words && node.get("account").is_some_and(|account| account.value().is_object())
}

/// The post that this one shows and speaks of. Its words are its author's, and no part of these.
fn quoted(node: &Node<'_>) -> Option<String> {
    let quote = node.get("quote")?;
    let shown = quote.get("quoted_status").and_then(|post| post.id("id"));
    shown.or_else(|| quote.id("quoted_status_id")).or_else(|| quote.id("id").filter(|_| is_post(&quote)))
}

/// What a poll lets people choose from.
fn options(node: &Node<'_>) -> Option<String> {
    let options = node.get("poll")?.list("options")?;
    let options: Vec<String> = options.iter().filter_map(|option| option.title("title")).collect();
    (!options.is_empty()).then(|| options.join("\n"))
}

/// What pictures and recordings show, as their authors describe it.
fn pictures(node: &Node<'_>) -> Option<String> {
    let media = node.list("media_attachments")?;
    let said: Vec<String> = media.iter().filter_map(|one| one.words("description")).collect();
    (!said.is_empty()).then(|| said.join("\n\n"))
}
