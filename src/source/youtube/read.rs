//! Answers of YouTube as posts: lists of threads, comments, videos, search results, entries of playlists and
//! activities, messages of a live chat, single ones of each, and the feed of a channel. A comment is called by
//! its own id, a video by its own, and a video is what the comments below it answer.

use std::collections::HashSet;

use serde_json::Value;

use super::walk::Thread;
use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::feed::tree::{self, Element};
use crate::source::feed::{charset, date};
use crate::source::{Answer, Nothing, Parsed, Settings, record, text};

/// Letters of a video's id; comments have longer ones.
pub const VIDEO: usize = 11;

/// What stands where a video was, in lists that still name it.
const TOMBSTONES: &[&str] = &["Deleted video", "Private video"];

/// The posts of an answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    if answer.status >= 400 {
        return Nothing::ErrorAnswer.into();
    }
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answer.body).trim_ascii();
    if body.starts_with(b"<") {
        return feed(answer, settings);
    }
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let root = Node::root(&value);
    let of_youtube = root.text("kind").is_some_and(|kind| kind.starts_with("youtube#"));
    let mut taker = Taker { settings, parsed: Parsed::default(), taken: HashSet::new(), known: of_youtube };
    match root.list("items") {
        Some(items) => items.iter().for_each(|item| taker.item(item)),
        None if value.is_array() => root.items().for_each(|item| taker.item(&item)),
        None => taker.item(&root),
    }
    if !taker.known && taker.parsed.rejects.is_empty() {
        // A list that was asked for without its kind, and is empty.
        let empty = root.has("pageInfo") || root.has("etag");
        let why = if empty { Nothing::NoPostsInside } else { Nothing::ForeignInterface };
        return why.into();
    }
    taker.parsed.settled()
}

/// The threads of a list, for the walk over it.
pub fn threads(value: &Value) -> Vec<Thread> {
    let root = Node::root(value);
    let items = root.list("items").unwrap_or_default();
    let thread = |item: &Node<'_>| {
        let top = item.find("/snippet/topLevelComment")?;
        let replies = item.find("/replies/comments").map_or(0, |replies| replies.items().len());
        Some(Thread {
            id: top.id("id").or_else(|| item.id("id"))?,
            video: item.get("snippet").and_then(|snippet| snippet.id("videoId")),
            at: top.get("snippet").and_then(|snippet| snippet.time("publishedAt")),
            replies: item.get("snippet").and_then(|snippet| snippet.number("totalReplyCount")).unwrap_or(0),
            carried: replies as u64,
        })
    };
    items.iter().filter_map(thread).collect()
}

/// A video as the walk sees it.
pub fn video(post: &Post) -> Thread {
    Thread { id: post.id.clone(), video: None, at: post.created_at, replies: 0, carried: 0 }
}

/// The page of a video, or of a comment below it.
pub fn address(video: &str, comment: Option<&str>) -> String {
    let comment = comment.map(|comment| format!("&lc={comment}")).unwrap_or_default();
    format!("https://www.youtube.com/watch?v={video}{comment}")
}

struct Taker<'a> {
    settings: &'a Settings,
    parsed: Parsed,
    taken: HashSet<String>,
    /// Something of YouTube's was met.
    known: bool,
}

impl Taker<'_> {
    fn item(&mut self, item: &Node<'_>) {
        let snippet = item.get("snippet");
        let has = |key: &str| snippet.as_ref().is_some_and(|snippet| snippet.has(key));
        let kind = item.text("kind").and_then(|kind| kind.strip_prefix("youtube#"));
        // Who asks for certain fields only gets things without their kind.
        let kind = kind.or_else(|| match () {
            () if has("topLevelComment") => Some("commentThread"),
            () if has("textDisplay") || has("textOriginal") => Some("comment"),
            () if item.find("/id/videoId").is_some() => Some("searchResult"),
            () if has("resourceId") => Some("playlistItem"),
            () if has("channelTitle") && item.id("id").is_some_and(|id| id.len() == VIDEO) => Some("video"),
            () => None,
        });
        self.known |= kind.is_some();
        match kind {
            Some("commentThread") => {
                let thread = snippet.as_ref().and_then(|snippet| snippet.id("videoId"));
                match item.find("/snippet/topLevelComment") {
                    Some(top) => self.comment(&top, thread.as_deref(), None),
                    None => self.parsed.reject(item.at(), "is a thread without its comment"),
                }
                let above = item.id("id");
                for reply in item.find("/replies/comments").iter().flat_map(Node::items) {
                    self.comment(&reply, thread.as_deref(), above.clone());
                }
            }
            Some("comment") => self.comment(item, None, None),
            Some("video") => self.video(item, item.id("id"), item.id("id")),
            Some("searchResult") => {
                // Channels and playlists are found too.
                if let Some(id) = item.get("id").and_then(|id| id.id("videoId")) {
                    self.video(item, Some(id.clone()), Some(id));
                }
            }
            // An entry in a list has a name of its own: the same video may stand in many.
            Some("playlistItem") => {
                let video = item.find("/snippet/resourceId").and_then(|id| id.id("videoId"));
                let video =
                    video.or_else(|| item.get("contentDetails").and_then(|details| details.id("videoId")));
                self.video(item, item.id("id"), video);
            }
            Some("activity") => {
                let details = item.get("contentDetails");
                let video = details.as_ref().and_then(|details| {
                    let sorts = ["upload", "playlistItem", "like", "favorite", "recommendation", "bulletin"];
                    sorts.iter().find_map(|sort| {
                        let told = details.get(sort)?;
                        told.id("videoId").or_else(|| told.get("resourceId")?.id("videoId"))
                    })
                });
                self.video(item, item.id("id"), video);
            }
            Some("liveChatMessage") => self.message(item),
            // Channels, playlists, subscriptions, captions: no posts.
            _ => {}
        }
    }

    fn comment(&mut self, item: &Node<'_>, video: Option<&str>, above: Option<String>) {
        self.known = true;
        let (Some(id), Some(snippet)) = (item.id("id"), item.get("snippet")) else {
            self.parsed.reject(item.at(), "has no id or no snippet");
            return;
        };
        let video = snippet.id("videoId").or_else(|| video.map(str::to_owned));
        let deleted = snippet.text("moderationStatus") == Some("rejected");
        let words = snippet.words("textOriginal").or_else(|| shown(&snippet)).filter(|_| !deleted);
        // An answer's id is its thread's and its own.
        let thread = id.split_once('.').map(|(thread, _)| thread.to_owned());
        let parent = snippet.id("parentId").or(above).or(thread).or_else(|| video.clone());
        let text = words.unwrap_or_default();
        if text.is_empty() && !deleted {
            self.parsed.reject(item.at(), "has no words");
            return;
        }
        let channel =
            snippet.id("channelId").map(|channel| format!("https://www.youtube.com/channel/{channel}"));
        let post = Post {
            url: video.as_deref().map(|video| address(video, Some(&id))).or(channel),
            author: snippet.author("authorDisplayName").filter(|_| !deleted),
            created_at: snippet.time("publishedAt"),
            parent,
            deleted,
            ..self.post(id, PostKind::Comment, None, text)
        };
        self.take(post);
    }

    fn video(&mut self, item: &Node<'_>, id: Option<String>, video: Option<String>) {
        let Some(id) = id else {
            self.parsed.reject(item.at(), "has no id");
            return;
        };
        // Asked for by statistics or details only, a video says nothing.
        let Some(snippet) = item.get("snippet") else { return };
        let title = snippet.title("title");
        let listed = video.as_ref() != Some(&id);
        let deleted = listed && title.as_deref().is_some_and(|title| TOMBSTONES.contains(&title));
        let title = title.filter(|_| !deleted);
        let text = snippet.words("description").filter(|_| !deleted).unwrap_or_default();
        if title.is_none() && text.is_empty() && !deleted {
            self.parsed.reject(item.at(), "has neither a title nor words");
            return;
        }
        let author = snippet.author("videoOwnerChannelTitle").or_else(|| snippet.author("channelTitle"));
        let post = Post {
            url: video.as_deref().map(|video| address(video, None)),
            author: author.filter(|_| !deleted),
            created_at: snippet.time("publishedAt"),
            lang: snippet.lang("defaultAudioLanguage").or_else(|| snippet.lang("defaultLanguage")),
            deleted,
            ..self.post(id, PostKind::Post, title, text)
        };
        self.take(post);
    }

    fn message(&mut self, item: &Node<'_>) {
        let (Some(id), Some(snippet)) = (item.id("id"), item.get("snippet")) else {
            self.parsed.reject(item.at(), "has no id or no snippet");
            return;
        };
        let Some(text) = snippet.words("displayMessage") else { return };
        let author = item.get("authorDetails").and_then(|author| author.author("displayName"));
        let post = Post {
            author,
            created_at: snippet.time("publishedAt"),
            parent: snippet.id("liveChatId"),
            ..self.post(id, PostKind::Comment, None, text)
        };
        self.take(post);
    }

    fn post(&self, id: String, kind: PostKind, title: Option<String>, text: String) -> Post {
        Post {
            source: self.settings.id.clone(),
            site: "youtube.com".to_owned(),
            id,
            version: String::new(),
            aliases: Vec::new(),
            kind,
            url: None,
            author: None,
            created_at: None,
            title,
            text,
            lang: None,
            parent: None,
            reach: None,
            deleted: false,
        }
    }

    fn take(&mut self, post: Post) {
        if self.taken.insert(post.id.clone()) {
            let version = record::version(post.title.as_deref(), &post.text, post.deleted);
            self.parsed.posts.push(Post { version, ..post });
        }
    }
}

/// The words as shown: HTML, unless plain text was asked for, which nothing in the answer says.
fn shown(snippet: &Node<'_>) -> Option<String> {
    let words = snippet.text("textDisplay")?;
    let marks = ["<br", "<a ", "<b>", "<i>", "<s>", "&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
    let words = if marks.iter().any(|mark| words.contains(mark)) {
        text::from_html(words, None)
    } else {
        text::plain(words)
    };
    (!words.is_empty()).then_some(words)
}

/// The feed of a channel or a playlist.
fn feed(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let root = tree::read(&charset::decode(answer.body, answer.header("content-type")));
    let Some(feed) = root.elements().find(|element| local(element) == "feed") else {
        return Nothing::ForeignInterface.into();
    };
    let mut taker = Taker { settings, parsed: Parsed::default(), taken: HashSet::new(), known: true };
    for (number, entry) in feed.elements().filter(|element| local(element) == "entry").enumerate() {
        let id = words(entry, "videoid");
        let id = id.or_else(|| words(entry, "id")?.strip_prefix("yt:video:").map(str::to_owned));
        let Some(id) = id else {
            taker.parsed.reject(&format!("entry {}", number + 1), "has no video's id");
            continue;
        };
        let group = entry.elements().find(|child| local(child) == "group");
        let author = entry.elements().find(|child| local(child) == "author");
        let author = author.and_then(|author| words(author, "name"));
        let description = group.and_then(|group| words(group, "description")).unwrap_or_default();
        let title = words(entry, "title").map(|title| text::one_line(&title));
        if title.is_none() && description.is_empty() {
            taker.parsed.reject(&format!("entry {}", number + 1), "has neither a title nor words");
            continue;
        }
        let post = Post {
            url: Some(address(&id, None)),
            author: author.map(|name| name.trim_start_matches('@').to_owned()),
            created_at: words(entry, "published").and_then(|at| date::parse(&at)),
            ..taker.post(id, PostKind::Post, title, description)
        };
        taker.take(post);
    }
    taker.parsed.settled()
}

/// The name of an element without its prefix.
fn local(element: &Element) -> &str {
    element.name.rsplit(':').next().unwrap_or_default()
}

fn words(element: &Element, name: &str) -> Option<String> {
    let child = element.elements().find(|child| local(child) == name)?;
    Some(text::plain(&child.text())).filter(|words| !words.is_empty())
}
