//! Posts in the answers of Discourse, of versions from 2013 on: the latest posts, topics with their posts,
//! single posts, searches, lists of topics, what people did, deliveries to webhooks.
//!
//! A post is named by its number, a topic in a list, of which only the headline and some words are there, by
//! `topic:57`. A post says which number in its topic it answers; `parent` is the post's name where the answer
//! holds it, else that place, `57#3`, for whoever knows more ([`resolve`]).
//!
//! A version is the site's count of edits and the time of the last one, for an edit within the first minutes
//! is not counted. What is hidden or was taken back by its author is gone.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, record, text};

/// Where the interface's paths begin.
const PATHS: [&str; 13] = [
    "/posts",
    "/t/",
    "/c/",
    "/latest",
    "/search",
    "/hot",
    "/new",
    "/top",
    "/notifications",
    "/user_actions",
    "/u/",
    "/users/",
    "/tag",
];

/// The address of the forum that answered.
fn base(answer: &Answer<'_>, settings: &Settings) -> Option<Url> {
    let told = settings.params.get("url").and_then(Value::as_str).and_then(|url| Url::parse(url).ok());
    let mut base = told.or_else(|| {
        let mut url = Url::parse(answer.url?).ok()?;
        let path = url.path().to_owned();
        let end = PATHS.iter().filter_map(|start| path.find(start)).min().unwrap_or(0);
        url.set_path(&path[..end]);
        Some(url)
    })?;
    base.set_query(None);
    base.set_fragment(None);
    let path = format!("{}/", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base.host_str().is_some().then_some(base)
}

/// The posts of an answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if api::error(&value).is_some() || value.get("error_type").is_some() || value.get("failed").is_some() {
        return Nothing::ErrorAnswer.into();
    }
    let mut reading = Reading {
        settings,
        base: base(answer, settings),
        parsed: Parsed::default(),
        places: BTreeMap::new(),
    };
    let known = reading.whole(&Node::root(&value));
    let Reading { mut parsed, places, .. } = reading;
    if parsed.posts.is_empty() && parsed.rejects.is_empty() && !known {
        return Nothing::ForeignInterface.into();
    }
    resolve(&mut parsed.posts, &places);
    parsed.settled()
}

/// Puts names of posts in place of where they stand.
pub fn resolve(posts: &mut [Post], known: &BTreeMap<String, String>) {
    for post in posts {
        let name = post.parent.as_ref().and_then(|parent| known.get(parent));
        if let Some(name) = name.filter(|name| **name != post.id) {
            post.parent = Some(name.clone());
        }
    }
}

/// Where the posts of an answer stand, `57#3`, and their names.
pub fn places(value: &Value) -> BTreeMap<String, String> {
    let root = Node::root(value);
    let lists = ["latest_posts", "posts"].iter().filter_map(|key| root.list(key)).flatten();
    let stream = root.get("post_stream").and_then(|stream| stream.list("posts")).into_iter().flatten();
    lists.chain(stream).chain([root.clone()]).filter_map(|post| place(&post)).collect()
}

fn place(post: &Node<'_>) -> Option<(String, String)> {
    Some((format!("{}#{}", post.number("topic_id")?, post.number("post_number")?), post.id("id")?))
}

/// What the answer as a whole says of a topic.
#[derive(Default)]
struct Topic {
    title: Option<String>,
    slug: Option<String>,
    deleted: bool,
}

impl Topic {
    fn of(node: &Node<'_>) -> Self {
        let title = node.text("title").map(text::one_line).or_else(|| node.title("fancy_title"));
        let slug = node.text("slug").map(str::to_owned);
        Self { title, slug, deleted: node.get("deleted_at").is_some() }
    }
}

struct Reading<'a> {
    settings: &'a Settings,
    base: Option<Url>,
    parsed: Parsed,
    places: BTreeMap<String, String>,
}

/// Keys of answers that hold no posts, and are this software's all the same.
const MARKS: [&str; 13] = [
    "topic_list",
    "latest_posts",
    "post_stream",
    "grouped_search_result",
    "category_list",
    "user_actions",
    "notifications",
    "user",
    "directory_items",
    "badges",
    "private_posts",
    "categories",
    "user_summary",
];

impl Reading<'_> {
    /// Reads an answer; whether it is of this software.
    fn whole(&mut self, root: &Node<'_>) -> bool {
        if root.value().is_array() {
            let mut known = root.items().len() == 0;
            for item in root.items() {
                known |=
                    ["notification_type", "results", "cooked", "fancy_title"].iter().any(|key| item.has(key));
                let is_topics = item.text("type").is_none_or(|sort| sort == "topic");
                match item.list("results") {
                    Some(results) if is_topics => results.iter().for_each(|topic| self.topic(topic, &[])),
                    Some(_) => {}
                    None if item.has("notification_type") => {}
                    None => self.item(&item),
                }
            }
            return known;
        }
        let mut known = MARKS.iter().any(|key| root.has(key));
        let stream = root.get("post_stream").and_then(|stream| stream.list("posts"));
        if let Some(posts) = stream {
            let topic = Topic::of(root);
            posts.iter().for_each(|post| self.post(post, Some(&topic)));
            return true;
        }
        for key in ["latest_posts", "private_posts", "user_actions"] {
            root.list(key).unwrap_or_default().iter().for_each(|post| self.post(post, None));
        }
        let users = root.list("users").unwrap_or_default();
        if let Some(topics) = root.get("topic_list").and_then(|list| list.list("topics")) {
            topics.iter().for_each(|topic| self.topic(topic, &users));
        }
        match (root.list("posts"), root.list("topics")) {
            (Some(posts), topics) if !posts.is_empty() => {
                let topics = topics.unwrap_or_default();
                for post in posts {
                    let topic = topics
                        .iter()
                        .find(|topic| topic.id("id").is_some() && topic.id("id") == post.id("topic_id"));
                    self.post(&post, topic.map(Topic::of).as_ref());
                }
                known = true;
            }
            (posts, Some(topics)) => {
                topics.iter().for_each(|topic| self.topic(topic, &users));
                known |= posts.is_some() || !topics.is_empty();
            }
            _ => {}
        }
        for key in ["post", "topic"] {
            if let Some(inner) = root.get(key).filter(|inner| inner.value().is_object()) {
                self.item(&inner);
                known = true;
            }
        }
        if root.has("id") && (root.has("cooked") || root.has("post_number") || root.has("fancy_title")) {
            self.item(root);
            known = true;
        }
        known
    }

    /// A post or a topic, by what it has.
    fn item(&mut self, node: &Node<'_>) {
        let is_post = ["cooked", "post_number", "raw", "blurb"].iter().any(|key| node.has(key));
        match is_post {
            _ if !node.value().is_object() => self.parsed.reject(node.at(), "is no object"),
            true => self.post(node, None),
            false if node.has("title") || node.has("fancy_title") => self.topic(node, &[]),
            false => {}
        }
    }

    fn link(&self, path: &str) -> Option<String> {
        self.base.as_ref()?.join(path.trim_start_matches('/')).ok().map(Into::into)
    }

    fn site(&self) -> String {
        let host = self.base.as_ref().and_then(Url::host_str).unwrap_or_default();
        host.trim_start_matches("www.").to_owned()
    }

    fn post(&mut self, node: &Node<'_>, topic: Option<&Topic>) {
        // What people did has the number of the action in no field, and that of the post in this one.
        let Some(id) = node.id("post_id").or_else(|| node.id("id")) else {
            self.parsed.reject(node.at(), "has no id");
            return;
        };
        self.places.extend(place(node).map(|(place, _)| (place, id.clone())));
        let deleted = node.get("deleted_at").is_some()
            || ["user_deleted", "hidden", "deleted"].iter().any(|key| node.flag(key))
            || topic.is_some_and(|topic| topic.deleted);
        let number = node.number("post_number");
        let html = |key: &str| node.text(key).map(|html| text::from_html_quoting(html, self.base.as_ref()));
        let words =
            ["cooked", "blurb", "excerpt"].iter().find_map(|key| html(key)).filter(|words| !words.is_empty());
        let text = words.or_else(|| node.words("raw")).filter(|_| !deleted).unwrap_or_default();
        let own = || node.text("topic_title").or_else(|| node.text("title")).map(text::one_line);
        let title = topic
            .and_then(|topic| topic.title.clone())
            .or_else(own)
            .filter(|_| number == Some(1) && !deleted);
        if text.is_empty() && title.is_none() && !deleted {
            // A topic was closed, a person was invited: nobody's words.
            if node.number("post_type") != Some(3) {
                self.parsed.reject(node.at(), "has neither a title nor words");
            }
            return;
        }
        let thread = node.number("topic_id");
        let slug = topic
            .and_then(|topic| topic.slug.clone())
            .or_else(|| node.text("topic_slug").or_else(|| node.text("slug")).map(str::to_owned));
        let page = || Some(format!("t/{}/{}/{}", slug.as_deref().unwrap_or("-"), thread?, number?));
        let parent = node
            .number("reply_to_post_number")
            .or(Some(1))
            .filter(|_| number.is_none_or(|number| number > 1));
        let version = node.id("version").map(|edits| {
            let changed = node.time("updated_at").map_or(0, jiff::Timestamp::as_second);
            format!("{edits}@{changed}{}", if deleted { " gone" } else { "" })
        });
        self.parsed.posts.push(Post {
            source: self.settings.id.clone(),
            site: self.site(),
            version: version.unwrap_or_else(|| record::version(title.as_deref(), &text, deleted)),
            aliases: Vec::new(),
            kind: if number.is_none_or(|number| number > 1) { PostKind::Comment } else { PostKind::Post },
            url: node.text("post_url").map(str::to_owned).or_else(page).and_then(|path| self.link(&path)),
            author: node.author("username").filter(|_| !deleted),
            created_at: node.time("created_at"),
            title,
            text,
            lang: node.lang("locale"),
            parent: parent.and_then(|parent| Some(format!("{}#{parent}", thread?))),
            reach: None,
            deleted,
            id,
        });
    }

    /// A topic in a list.
    fn topic(&mut self, node: &Node<'_>, users: &[Node<'_>]) {
        let Some(id) = node.id("id") else {
            self.parsed.reject(node.at(), "has no id");
            return;
        };
        let Topic { title, slug, .. } = Topic::of(node);
        let excerpt = node.text("excerpt").map(|html| text::from_html_quoting(html, self.base.as_ref()));
        let text = excerpt.unwrap_or_default();
        if title.is_none() && text.is_empty() {
            self.parsed.reject(node.at(), "has neither a title nor words");
            return;
        }
        let posters = node.list("posters").unwrap_or_default();
        let first = posters
            .iter()
            .find(|poster| poster.text("description").is_some_and(|role| role.contains("Original Poster")));
        let first = first.and_then(|poster| poster.id("user_id"));
        let user = users.iter().find(|user| first.is_some() && user.id("id") == first);
        let path = node
            .text("url")
            .map_or_else(|| format!("t/{}/{id}", slug.as_deref().unwrap_or("-")), str::to_owned);
        self.parsed.posts.push(Post {
            source: self.settings.id.clone(),
            site: self.site(),
            version: record::version(title.as_deref(), &text, false),
            aliases: Vec::new(),
            kind: PostKind::Post,
            url: self.link(&path),
            author: user.and_then(|user| user.author("username")),
            created_at: node.time("created_at"),
            title,
            text,
            lang: node.lang("locale"),
            parent: None,
            reach: None,
            deleted: false,
            id: format!("topic:{id}"),
        });
    }
}
