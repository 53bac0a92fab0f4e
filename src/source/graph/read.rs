//! Answers of the Graph API as posts: pages' posts, visitors' posts, comments, recommendations; media, captions,
//! comments; threads and their answers. One reader for the three places, for one answer may hold what belongs
//! to another, and the fields tell them apart.

use serde_json::Value;
use url::Url;

use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, record};

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Facebook,
    Instagram,
    Threads,
}

/// What only posts have.
const OF_POSTS: [&str; 15] = [
    "message",
    "story",
    "text",
    "caption",
    "review_text",
    "recommendation_type",
    "created_time",
    "timestamp",
    "media_type",
    "media_product_type",
    "permalink",
    "permalink_url",
    "comment_count",
    "comments_count",
    "is_reply",
];

/// The posts of any answer; `place` is whose it is where nothing in it says so.
pub fn parse(answer: &Answer<'_>, settings: &Settings, place: Place) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let root = Node::root(&value);
    let below = answer.url.and_then(|url| Url::parse(url).ok()).and_then(|url| owner(&url));
    let mut reader = Reader { settings, place, parsed: Parsed::default() };
    if !reader.whole(&root, below.as_deref()) {
        return Nothing::ForeignInterface.into();
    }
    reader.parsed.settled()
}

/// What a list of comments was asked for below.
fn owner(url: &Url) -> Option<String> {
    let mut parts = url.path_segments()?.rev();
    let edge = parts.next()?;
    matches!(edge, "comments" | "replies" | "conversation").then(|| parts.next().map(str::to_owned))?
}

struct Reader<'a> {
    settings: &'a Settings,
    place: Place,
    parsed: Parsed,
}

impl Reader<'_> {
    /// False: this is no answer of the Graph API.
    fn whole(&mut self, root: &Node<'_>, below: Option<&str>) -> bool {
        if let Some(entries) = root.list("entry") {
            entries.iter().for_each(|entry| self.told(entry));
            return root.has("object");
        }
        if let Some(data) = root.get("data") {
            let strange = data.has("children") || root.has("kind") || root.has("meta");
            let single = data.value().is_object().then(|| data.clone());
            data.items().chain(single).for_each(|node| self.take(&node, below));
            return !strange;
        }
        if root.value().is_array() {
            root.items().for_each(|node| self.take(&node, below));
            return true;
        }
        let mentioned = ["mentioned_comment", "mentioned_media"].map(|key| root.get(key));
        if mentioned.iter().any(Option::is_some) {
            mentioned.into_iter().flatten().for_each(|node| self.take(&node, None));
            return true;
        }
        if root.has("id") {
            self.take(root, below);
            return true;
        }
        // Several asked for by number: each under its own.
        let object = root.value().as_object();
        let named =
            object.filter(|object| !object.is_empty() && object.values().all(|one| one.get("id").is_some()));
        if let Some(named) = named {
            named.keys().filter_map(|key| root.get(key)).for_each(|node| self.take(&node, None));
            return true;
        }
        // A comment without a number, as pages of others give it.
        if is_post(root) && root.has("created_time") {
            self.take(root, below);
            return true;
        }
        root.has("paging") || root.has("summary") || root.has("success")
    }

    /// Adds a post and what hangs below it.
    fn take(&mut self, node: &Node<'_>, below: Option<&str>) {
        let inner = ["comments", "replies"].map(|key| node.get(key).and_then(|inner| inner.list("data")));
        if !is_post(node) {
            return;
        }
        let Some(id) = id(node) else {
            return self.parsed.reject(node.at(), "has no id");
        };
        self.post(node, &id, below);
        for child in inner.into_iter().flatten().flatten() {
            self.take(&child, Some(&id));
        }
    }

    fn post(&mut self, node: &Node<'_>, id: &str, below: Option<&str>) {
        let place = self.place_of(node);
        let url = ["permalink_url", "permalink"].iter().find_map(|key| {
            let relative = || {
                node.text(key)
                    .filter(|text| text.starts_with('/'))
                    .map(|path| format!("https://www.facebook.com{path}"))
            };
            node.link(key).or_else(relative)
        });
        let recommends = node.text("recommendation_type").map(|word| match word {
            "positive" => "Recommends",
            "negative" => "Does not recommend",
            _ => "Reviewed",
        });
        let fields = ["message", "text", "caption", "review_text", "story", "description"];
        let text = fields.iter().find_map(|key| node.words(key)).unwrap_or_default();
        let by = ["from", "owner", "user", "reviewer"].iter().filter_map(|key| node.get(key));
        let by: Vec<Node<'_>> = by.collect();
        let author = node
            .author("username")
            .or_else(|| by.iter().find_map(|one| one.author("username")))
            .or_else(|| by.iter().find_map(|one| one.author("name")));
        let parent = parent(node, place, url.as_deref(), below).filter(|parent| parent != id);
        let named = node.at().starts_with("/mentioned_comment");
        let comment = parent.is_some() || named || node.has("comment_count") || node.flag("is_reply");
        let kind = match (recommends, comment) {
            (Some(_), _) => PostKind::Review,
            (None, true) => PostKind::Comment,
            (None, false) => PostKind::Post,
        };
        let title = recommends.map(str::to_owned);
        self.parsed.posts.push(Post {
            source: self.settings.id.clone(),
            site: site(place, url.as_deref()),
            version: record::version(title.as_deref(), &text, false),
            aliases: Vec::new(),
            kind,
            url,
            author,
            created_at: node.time("created_time").or_else(|| node.time("timestamp")),
            title,
            text,
            lang: None,
            parent,
            reach: None,
            deleted: false,
            id: id.to_owned(),
        });
    }

    fn place_of(&self, node: &Node<'_>) -> Place {
        let link = node.text("permalink").unwrap_or_default();
        if node.text("media_product_type") == Some("THREADS") || link.contains("threads.") {
            Place::Threads
        } else if node.has("created_time") || node.has("message") || node.has("permalink_url") {
            Place::Facebook
        } else if link.contains("instagram.com")
            || (node.has("media_type") && self.place != Place::Threads)
            || (node.has("timestamp") && self.place == Place::Facebook)
        {
            Place::Instagram
        } else {
            self.place
        }
    }

    /// What the place tells by itself: changes of a page or an account, as a webhook carries them.
    fn told(&mut self, entry: &Node<'_>) {
        for change in entry.list("changes").unwrap_or_default() {
            let Some(value) = change.get("value") else { continue };
            let item = value.text("item");
            let posts = item.is_none()
                || matches!(item, Some("comment" | "post" | "status" | "share" | "photo" | "video"));
            let id = ["comment_id", "id", "post_id"].iter().find_map(|key| value.id(key));
            let (Some(id), true) = (id, posts) else { continue };
            let removed = value.text("verb") == Some("remove");
            if !removed && !is_post(&value) {
                continue;
            }
            let post = value.id("post_id").filter(|post| *post != id);
            let below = value.id("parent_id").or(post).filter(|_| value.has("comment_id"));
            let before = self.parsed.posts.len();
            self.post(&value, &id, below.as_deref());
            for post in &mut self.parsed.posts[before..] {
                if removed {
                    post.deleted = true;
                    post.text.clear();
                    post.author = None;
                    post.version = record::version(None, "", true);
                }
            }
        }
    }
}

fn is_post(node: &Node<'_>) -> bool {
    OF_POSTS.iter().any(|key| node.get(key).is_some())
}

/// What a post is called; a comment that came without a number has it in its link.
fn id(node: &Node<'_>) -> Option<String> {
    let story = || node.get("open_graph_story").and_then(|story| story.id("id"));
    node.id("id").or_else(story).or_else(|| {
        let url = Url::parse(node.text("permalink_url")?).ok()?;
        let value =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let comment = value("reply_comment_id").or_else(|| value("comment_id"))?;
        let post = url.path_segments()?.rfind(|part| !part.is_empty())?;
        Some(format!("{post}_{comment}"))
    })
}

/// Whom a post answers.
fn parent(node: &Node<'_>, place: Place, url: Option<&str>, below: Option<&str>) -> Option<String> {
    let inside = |key: &str| node.get(key).and_then(|inner| inner.id("id"));
    let named = match place {
        Place::Facebook => inside("parent").or_else(|| inside("object")),
        Place::Instagram => node.id("parent_id").or_else(|| inside("media")),
        Place::Threads => inside("replied_to").or_else(|| inside("root_post")),
    };
    named.or_else(|| below.map(str::to_owned)).or_else(|| {
        // The link of a comment is that of its post, with the comment's number behind it.
        let url = Url::parse(url?).ok()?;
        url.query_pairs().find(|(key, _)| key == "comment_id")?;
        let parts: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
        match parts[..] {
            [page, "posts", post] => Some(format!("{page}_{post}")),
            _ => None,
        }
    })
}

fn site(place: Place, url: Option<&str>) -> String {
    let host = url.and_then(|url| Url::parse(url).ok()).and_then(|url| url.host_str().map(str::to_lowercase));
    let host = host.map(|host| host.strip_prefix("www.").unwrap_or(&host).to_owned());
    let usual = match place {
        Place::Facebook => "facebook.com",
        Place::Instagram => "instagram.com",
        Place::Threads => "threads.com",
    };
    host.unwrap_or_else(|| usual.to_owned())
}

/// The numbers of the things of a list, and what a pointer says of each.
pub fn counts(value: &Value, pointer: &str) -> Vec<(String, Option<Value>)> {
    let things = Node::root(value).list("data").unwrap_or_default();
    things
        .iter()
        .filter_map(|thing| Some((thing.id("id")?, thing.value().pointer(pointer).cloned())))
        .collect()
}

/// The rest of a list, as a query of its own; what signs us in is left out. None: it ends here.
pub fn next(value: &Value) -> Option<String> {
    let next = Url::parse(value.pointer("/paging/next")?.as_str()?).ok()?;
    let pairs = next.query_pairs().filter(|(key, _)| key != "access_token" && key != "appsecret_proof");
    Some(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}
