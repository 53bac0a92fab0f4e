//! The posts of any answer of the site: feeds, searches, threads, notifications, repositories, and frames of a
//! Jetstream, one a line.

use std::collections::HashSet;

use serde_json::Value;

use super::frame::{self, Frame, What};
use super::words::{Name, Record, deleted};
use crate::domain::id::SourceId;
use crate::domain::post::Post;
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, text};

/// Deeper is no thread.
const DEEPEST: usize = 200;

/// What good answers without posts consist of.
const OTHERS: &[&str] = &[
    "actors",
    "blocks",
    "cursor",
    "did",
    "feeds",
    "feed",
    "followers",
    "follows",
    "generator",
    "handle",
    "items",
    "likes",
    "list",
    "lists",
    "mutes",
    "notifications",
    "posts",
    "preferences",
    "profiles",
    "records",
    "repostedBy",
    "repos",
    "starterPacks",
    "suggestions",
    "thread",
    "topics",
    "trends",
    "uri",
    "value",
    "version",
];

/// The posts of an answer, or one reason why there are none.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let mut found = Found { source: &settings.id, parsed: Parsed::default(), known: HashSet::new() };
    match answer.json() {
        Ok(value) => {
            if is_event(&value) {
                found.line(&value.to_string(), "");
                return found.parsed.settled();
            }
            if let Some(nothing) = api::error(&value) {
                return nothing.into();
            }
            if let Some(nothing) = found.answer(&Node::root(&value)) {
                return nothing.into();
            }
        }
        Err(Nothing::Broken) => return found.lines(answer),
        Err(nothing) => return nothing.into(),
    }
    found.parsed.settled()
}

fn is_event(value: &Value) -> bool {
    let has = |key: &str| value.get(key).is_some();
    has("payload") || (has("time_us") && has("did"))
}

struct Found<'a> {
    source: &'a SourceId,
    parsed: Parsed,
    known: HashSet<(String, String)>,
}

impl Found<'_> {
    fn add(&mut self, post: Post) {
        // A repost shows a post again.
        if self.known.insert((post.id.clone(), post.version.clone())) {
            self.parsed.posts.push(post);
        }
    }

    /// Frames, one a line.
    fn lines(mut self, answer: &Answer<'_>) -> Parsed {
        let body = String::from_utf8_lossy(answer.body);
        let lines: Vec<&str> = body.lines().collect();
        let is_frame = |line: &&str| serde_json::from_str(line).is_ok_and(|value| is_event(&value));
        if !lines.iter().any(is_frame) {
            return Nothing::Broken.into();
        }
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            self.line(line, &format!("line {}", number + 1));
        }
        // Deletes and likes are no posts, and no fault.
        self.parsed.settled()
    }

    fn line(&mut self, line: &str, at: &str) {
        match frame::read(line) {
            Ok(Frame::Event(event)) => {
                let did = &*event.did;
                let seen = Some(super::cursor::instant(event.time));
                match &event.what {
                    What::Written { rkey, cid, record, .. } => {
                        self.add(record.post(self.source, Name { did, rkey }, cid, did, seen));
                    }
                    What::Deleted { rkey, .. } => self.add(deleted(self.source, Name { did, rkey })),
                    What::Account { .. } | What::Other => {}
                }
            }
            Ok(Frame::Info { .. }) => {}
            Ok(Frame::Error { .. }) => self.parsed.nothing = Some(Nothing::ErrorAnswer),
            Err(strange) => self.parsed.reject(at, strange.why),
        }
    }

    /// An answer of the site; why it is none of those that may hold posts.
    fn answer(&mut self, root: &Node<'_>) -> Option<Nothing> {
        if root.value().is_array() {
            let before = self.parsed.posts.len() + self.parsed.rejects.len();
            root.items().for_each(|item| self.item(&item));
            let none = self.parsed.posts.len() + self.parsed.rejects.len() == before;
            return (none && root.items().len() > 0).then_some(Nothing::ForeignInterface);
        }
        if root.has("messages") || root.has("convos") || root.has("convo") {
            return Some(Nothing::ForeignInterface);
        }
        for key in ["posts", "feed", "notifications", "records", "bookmarks", "items"] {
            root.list(key).unwrap_or_default().iter().for_each(|item| self.item(item));
        }
        match root.get("thread") {
            Some(thread) if thread.value().is_array() => thread.items().for_each(|item| self.item(&item)),
            Some(thread) => self.thread(&thread, 0),
            None => {}
        }
        // Who liked a post is told beside its name.
        if ["post", "record", "value"].iter().any(|key| root.has(key)) {
            self.item(root);
        }
        let known = root
            .value()
            .as_object()
            .is_some_and(|object| object.is_empty() || OTHERS.iter().any(|key| object.contains_key(*key)));
        let any = !self.parsed.posts.is_empty() || !self.parsed.rejects.is_empty();
        (!known && !any).then_some(Nothing::ForeignInterface)
    }

    /// A post and what stands above and below it.
    fn thread(&mut self, node: &Node<'_>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        if let Some(parent) = node.get("parent") {
            self.thread(&parent, depth + 1);
        }
        self.item(node);
        for reply in node.list("replies").unwrap_or_default() {
            self.thread(&reply, depth + 1);
        }
    }

    /// A post, or what is wrapped around one.
    fn item(&mut self, node: &Node<'_>) {
        if is_event(node.value()) {
            return self.line(&node.value().to_string(), node.at());
        }
        for wrap in ["post", "item"] {
            if let Some(inner) = node.get(wrap).filter(|inner| inner.value().is_object()) {
                return self.item(&inner);
            }
        }
        // A thread of the newer form has the post one level deeper.
        if let Some(inner) = node.get("value").filter(|inner| inner.has("post")) {
            return self.item(&inner);
        }
        let Some(uri) = node.text("uri") else { return };
        let Some(name) = Name::of(uri) else { return };
        let Some(record) =
            node.get("record").or_else(|| node.get("value")).filter(|record| record.value().is_object())
        else {
            // What is blocked or cannot be found is named and no more.
            let told = ["notFound", "blocked", "detached"].iter().any(|key| node.flag(key));
            if !told {
                self.parsed.reject(node.at(), "has no record");
            }
            return;
        };
        let cid = node.id("cid").unwrap_or_default();
        let seen = node.time("indexedAt");
        let author = node.get("author").and_then(|author| author.author("handle"));
        let author = author.unwrap_or_else(|| text::one_line(name.did));
        let record = Record::of(&record);
        if record.is_post() {
            self.add(record.post(self.source, name, &cid, &author, seen));
        }
    }
}
