//! Answers of X in every form it has had: the interface of today (`data`, `includes`, `errors`), the one before
//! it (`statuses`, `full_text`, `extended_tweet`), and what embedded posts are made of.
//!
//! An edit is a post of its own there, with the numbers of all before it. Ours is one post under the first
//! number, and the number of the edit is its version.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, record, text};

/// The posts of any answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let root = Node::root(&value);
    let mut reader =
        Reader { settings, people: people(&root), quoted: BTreeMap::new(), parsed: Parsed::default() };
    reader.quoted = referred(&root);
    let known = if root.has("data") || root.has("meta") || root.has("includes") {
        reader.today(&root)
    } else if value.is_array() {
        root.items().for_each(|node| reader.old(&node));
        true
    } else if let Some(list) = root.list("statuses").or_else(|| root.list("results")) {
        list.iter().for_each(|node| reader.old(node));
        true
    } else if let Some(map) = root.get("id").filter(|map| map.value().is_object()) {
        // A lookup that says of each number what it is; null: gone, or not for us.
        for key in map.value().as_object().into_iter().flat_map(|map| map.keys()) {
            map.get(key).iter().for_each(|node| reader.old(node));
        }
        true
    } else {
        reader.single(&root)
    };
    if !known {
        return Nothing::ForeignInterface.into();
    }
    reader.parsed.settled()
}

/// A person as a post shows them.
struct Person {
    name: Option<String>,
    followers: Option<u64>,
}

struct Reader<'a> {
    settings: &'a Settings,
    people: BTreeMap<String, Person>,
    /// Posts that came with others, by number: their whole words.
    quoted: BTreeMap<String, String>,
    parsed: Parsed,
}

fn people(root: &Node<'_>) -> BTreeMap<String, Person> {
    let users =
        root.find("/includes/users").map(|users| users.items().collect::<Vec<_>>()).unwrap_or_default();
    let person = |user: Node<'_>| {
        let followers = user.get("public_metrics").and_then(|metrics| metrics.number("followers_count"));
        Some((user.id("id")?, Person { name: user.author("username"), followers }))
    };
    users.into_iter().filter_map(person).collect()
}

fn referred(root: &Node<'_>) -> BTreeMap<String, String> {
    let posts =
        root.find("/includes/tweets").map(|posts| posts.items().collect::<Vec<_>>()).unwrap_or_default();
    posts.into_iter().filter_map(|post| Some((post.id("id")?, words(&post)?))).collect()
}

impl Reader<'_> {
    /// `data` is a list, one post, or something that is none.
    fn today(&mut self, root: &Node<'_>) -> bool {
        let Some(data) = root.get("data") else { return true };
        let mut nodes: Vec<Node<'_>> = data.items().collect();
        if data.value().is_object() {
            nodes.push(data);
        }
        let strange = nodes.iter().any(|node| node.has("children") || node.has("kind"));
        for node in &nodes {
            let other = ["username", "tweet_count", "start", "member_count", "state", "name", "trend_name"];
            match node.has("text") || node.has("note_tweet") {
                true => self.post_of_today(node),
                false if other.iter().any(|key| node.has(key)) => {}
                false => self.parsed.reject(node.at(), "has no text"),
            }
        }
        !strange
    }

    fn post_of_today(&mut self, node: &Node<'_>) {
        let Some(own) = node.id("id") else { return self.parsed.reject(node.at(), "has no id") };
        let referred = node.list("referenced_tweets").unwrap_or_default();
        let to = |what: &str| {
            referred.iter().find(|one| one.text("type") == Some(what)).and_then(|one| one.id("id"))
        };
        let mut said = words(node).unwrap_or_default();
        // A repost's own words end in the middle; those of what it repeats are whole.
        if let Some(whole) = to("retweeted").and_then(|id| self.quoted.get(&id))
            && let Some((by, _)) = said.split_once(": ").filter(|(by, _)| by.starts_with("RT @"))
        {
            said = format!("{by}: {whole}");
        }
        let history = node.list("edit_history_tweet_ids").unwrap_or_default();
        let first = history.first().and_then(|first| first.value().as_str()).map(str::to_owned);
        let version = if first.is_some() { own.clone() } else { record::version(None, &said, false) };
        let author = node.id("author_id");
        let person = author.as_ref().and_then(|id| self.people.get(id));
        let name = person.and_then(|person| person.name.clone());
        let parent = to("replied_to");
        self.parsed.posts.push(Post {
            url: Some(address(name.as_deref(), &own)),
            author: name.clone().or(author),
            reach: person.and_then(|person| person.followers),
            created_at: node.time("created_at"),
            lang: node.lang("lang"),
            version,
            ..self.post(first.unwrap_or(own), said, parent)
        });
    }

    /// A status of the old interface; what it repeats or quotes is inside it and not listed again.
    fn old(&mut self, node: &Node<'_>) {
        let Some(id) = node.id("id_str").or_else(|| node.id("id")) else {
            return self.parsed.reject(node.at(), "has no id");
        };
        let person = node.get("user");
        let name = person.as_ref().and_then(|person| person.author("screen_name"));
        let repeated = node.get("retweeted_status").or_else(|| node.get("retweeted_tweet"));
        let said = match &repeated {
            Some(repeated) => {
                let by = repeated.get("user").and_then(|user| user.author("screen_name"));
                let whole = words(repeated).unwrap_or_default();
                by.map(|by| format!("RT @{by}: {whole}")).or_else(|| words(node))
            }
            None => words(node),
        };
        let Some(said) = said.or_else(|| has_words(node).then(String::new)) else {
            if node.text("screen_name").is_none() {
                self.parsed.reject(node.at(), "has no text");
            }
            return;
        };
        let parent = node.id("in_reply_to_status_id_str").or_else(|| node.id("in_reply_to_status_id"));
        let number = |id: &&Node<'_>| id.value().as_str().map(str::to_owned);
        let first = node.find("/edit_control/edit_tweet_ids");
        let first = first.and_then(|list| list.items().next().as_ref().and_then(|id| number(&id)));
        let version = record::version(None, &said, false);
        self.parsed.posts.push(Post {
            url: Some(address(name.as_deref(), &id)),
            author: name,
            reach: person.and_then(|person| person.number("followers_count")),
            created_at: node.time("created_at"),
            lang: node.lang("lang"),
            version,
            ..self.post(first.unwrap_or(id), said, parent)
        });
    }

    /// One post by itself: a status, what an embedded post is made of, or its frame. False: none of ours.
    fn single(&mut self, root: &Node<'_>) -> bool {
        if root.text("__typename") == Some("TweetTombstone") || root.has("tombstone") {
            return true;
        }
        if (root.has("id_str") || root.has("id")) && has_words(root) {
            self.old(root);
            return true;
        }
        let from = root.text("provider_url").or_else(|| root.text("provider_name")).unwrap_or_default();
        let from = from.to_lowercase();
        if root.has("html") && (from == "x" || ["twitter", "x.com"].iter().any(|name| from.contains(name))) {
            self.frame(root);
            return true;
        }
        // A person, a place, a page of a list: known, and without posts.
        root.has("screen_name") || root.has("next_cursor") || root.has("tweet_count")
    }

    /// The frame of an embedded post: its words are the first paragraph of the quotation.
    fn frame(&mut self, root: &Node<'_>) {
        let link = root.link("url").and_then(|link| Url::parse(&link).ok());
        let id = link.as_ref().and_then(|link| link.path_segments()?.next_back().map(str::to_owned));
        let Some(id) = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())) else {
            return self.parsed.reject(root.at(), "frames no post");
        };
        let html = root.text("html").unwrap_or_default();
        let inside = html.split_once("<p").and_then(|(_, rest)| rest.split_once("</p>"));
        let said =
            inside.map_or_else(String::new, |(inside, _)| text::from_html(&format!("<p{inside}</p>"), None));
        let person = root.link("author_url").and_then(|link| Url::parse(&link).ok());
        let name = person.and_then(|person| person.path_segments()?.next().map(str::to_owned));
        let version = record::version(None, &said, false);
        self.parsed.posts.push(Post {
            url: Some(address(name.as_deref(), &id)),
            author: name.filter(|name| !name.is_empty()),
            version,
            ..self.post(id, said, None)
        });
    }

    fn post(&self, id: String, text: String, parent: Option<String>) -> Post {
        Post {
            source: self.settings.id.clone(),
            site: "x.com".into(),
            id,
            version: String::new(),
            aliases: Vec::new(),
            kind: if parent.is_some() { PostKind::Comment } else { PostKind::Post },
            url: None,
            author: None,
            created_at: None,
            title: None,
            text,
            lang: None,
            parent,
            reach: None,
            deleted: false,
        }
    }
}

fn address(name: Option<&str>, id: &str) -> String {
    let plain = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    plain.map_or_else(
        || format!("https://x.com/i/web/status/{id}"),
        |name| format!("https://x.com/{name}/status/{id}"),
    )
}

fn has_words(node: &Node<'_>) -> bool {
    ["text", "full_text", "extended_tweet", "note_tweet"].iter().any(|key| node.has(key))
}

/// The whole words of a post, short links replaced by what they lead to; those of its own pictures, which
/// lead back to it, left out.
fn words(node: &Node<'_>) -> Option<String> {
    let long = ["note_tweet", "extended_tweet"].iter().find_map(|key| node.get(key));
    let source = long.as_ref().filter(|long| long.has("text") || long.has("full_text")).unwrap_or(node);
    let said = source.text("full_text").or_else(|| source.text("text"))?;
    let mut said = said.to_owned();
    let links = ["/entities/urls", "/entities/media", "/extended_entities/media"];
    for link in links
        .iter()
        .filter_map(|at| source.find(at).or_else(|| node.find(at)))
        .flat_map(|list| list.items().collect::<Vec<_>>())
    {
        let Some(short) = link.text("url") else { continue };
        let whole = link.text("unwound_url").or_else(|| link.text("expanded_url")).unwrap_or(short);
        let own = ["/photo/", "/video/"].iter().any(|part| whole.contains(part))
            && ["twitter.com/", "x.com/"].iter().any(|host| whole.contains(host));
        said = said.replace(short, if own { "" } else { whole });
    }
    // The place escapes these three and no others.
    Some(text::plain(&said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")))
}

/// What the place says of numbers asked for that it does not serve: the numbers that are surely gone.
pub fn gone(value: &Value) -> Vec<String> {
    let errors = Node::root(value).list("errors").unwrap_or_default();
    let surely = |error: &Node<'_>| {
        let kind = error.text("type").unwrap_or_default();
        let about_posts = error.text("resource_type").is_none_or(|sort| sort == "tweet" || sort == "post");
        about_posts
            && (kind.ends_with("/resource-not-found") || kind.ends_with("/not-authorized-for-resource"))
    };
    errors
        .iter()
        .filter(|error| surely(error))
        .filter_map(|error| error.id("resource_id").or_else(|| error.id("value")))
        .collect()
}
