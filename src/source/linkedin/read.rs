//! Answers of LinkedIn as posts: what happened on an organisation's page (asked for, or told by a webhook),
//! comments, posts of today's interface and of the two before it. People are numbers there: a name is another
//! question, and may be kept for a day only.

use serde_json::Value;

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
    if root.has("errorCode") || root.has("serviceErrorCode") {
        return Nothing::ErrorAnswer.into();
    }
    let mut reader = Reader { settings, parsed: Parsed::default() };
    let lists = ["elements", "notifications"].iter().find_map(|key| root.list(key));
    // Several asked for by number: each under its own.
    let named = root.get("results").filter(|named| named.value().is_object());
    let known = match (lists, named) {
        (Some(list), _) => {
            list.iter().for_each(|node| reader.take(node));
            true
        }
        (None, Some(named)) => {
            let keys = named.value().as_object().into_iter().flat_map(|object| object.keys());
            keys.filter_map(|key| named.get(key)).for_each(|node| reader.take(&node));
            true
        }
        _ if sort(&root).is_some() => {
            reader.take(&root);
            true
        }
        // The interface of before 2019: people and companies; updates stand in lists of `values`.
        _ => {
            let values = root.list("values").unwrap_or_default();
            values.iter().for_each(|node| reader.before(node));
            let old = ["values", "_total", "numResults", "people", "companies", "paging"];
            let page =
                root.has("id") && (root.has("name") || root.has("localizedName") || root.has("firstName"));
            page || root.has("vanityName") || old.iter().any(|key| root.has(key))
        }
    };
    if !known {
        return Nothing::ForeignInterface.into();
    }
    reader.parsed.settled()
}

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Notification,
    Comment,
    Post,
}

fn sort(node: &Node<'_>) -> Option<Sort> {
    if node.has("notificationId") || (node.has("action") && node.has("generatedActivity")) {
        Some(Sort::Notification)
    } else if node.has("message") && (node.has("actor") || node.has("object") || node.has("commentUrn")) {
        Some(Sort::Comment)
    } else if node.has("commentary")
        || node.has("specificContent")
        || (node.has("owner") && node.has("text"))
        || (node.has("author") && node.has("lifecycleState"))
    {
        Some(Sort::Post)
    } else {
        None
    }
}

struct Reader<'a> {
    settings: &'a Settings,
    parsed: Parsed,
}

impl Reader<'_> {
    fn take(&mut self, node: &Node<'_>) {
        match sort(node) {
            Some(Sort::Notification) => self.told(node),
            Some(Sort::Comment) => self.comment(node),
            Some(Sort::Post) => self.post(node),
            None => {}
        }
    }

    /// Something that happened: what was said is inside it, or has to be asked for.
    fn told(&mut self, node: &Node<'_>) {
        let action = node.text("action").unwrap_or_default();
        let inside = node.get("decoratedGeneratedActivity");
        let inside = inside.as_ref().and_then(|inside| {
            ["comment", "share", "ugcPost", "post"].iter().find_map(|key| inside.get(key))
        });
        let urn = inside
            .as_ref()
            .and_then(|inside| inside.text("entity"))
            .or_else(|| node.text("generatedActivity"));
        let Some(urn) = urn.map(whole) else { return };
        let deleted = action == "COMMENT_DELETE";
        let words = inside.as_ref().and_then(|inside| words(inside, &["text", "message", "commentary"]));
        if words.is_none() && !deleted {
            return;
        }
        let owner = inside.as_ref().and_then(|inside| inside.text("owner").or_else(|| inside.text("actor")));
        let object =
            inside.as_ref().and_then(|inside| inside.text("object")).or_else(|| node.text("sourcePost"));
        let parent = object.filter(|_| urn.starts_with("urn:li:comment:")).map(whole);
        let post = self.made(&urn, words.unwrap_or_default(), parent);
        self.parsed.posts.push(Post {
            author: owner.filter(|_| !deleted).and_then(person),
            created_at: node.time("lastModifiedAt"),
            version: record::version(None, if deleted { "" } else { &post.text }, deleted),
            text: if deleted { String::new() } else { post.text.clone() },
            deleted,
            ..post
        });
    }

    fn comment(&mut self, node: &Node<'_>) {
        let Some(said) = words(node, &["message"]) else { return };
        let object = node.text("object").map(whole);
        let urn = ["commentUrn", "$URN", "urn"].iter().find_map(|key| node.text(key)).map(whole);
        let urn = urn.or_else(|| Some(format!("urn:li:comment:({},{})", object.clone()?, node.id("id")?)));
        let Some(urn) = urn else {
            return self.parsed.reject(node.at(), "has no id");
        };
        let parent = node.text("parentComment").map(whole).or(object);
        let post = self.made(&urn, said, parent);
        let created = ["/created/time", "/createdAt", "/lastModified/time"];
        self.parsed.posts.push(Post {
            author: node.text("actor").and_then(person),
            created_at: created.iter().find_map(|at| api::time(node.find(at)?.value())),
            ..post
        });
    }

    fn post(&mut self, node: &Node<'_>) {
        let Some(id) = node.id("id").or_else(|| node.id("activity")) else {
            return self.parsed.reject(node.at(), "has no id");
        };
        let urn = if id.starts_with("urn:") { id } else { format!("urn:li:share:{id}") };
        let share =
            node.get("specificContent").and_then(|content| content.get("com.linkedin.ugc.ShareContent"));
        let said = words(node, &["commentary", "text"])
            .or_else(|| share.as_ref().and_then(|share| words(share, &["shareCommentary"])));
        let parent = node.get("reshareContext").and_then(|context| context.text("parent").map(whole));
        let post = self.made(&urn, said.unwrap_or_default(), None);
        let created = ["/publishedAt", "/firstPublishedAt", "/createdAt", "/created/time"];
        self.parsed.posts.push(Post {
            author: node.text("author").or_else(|| node.text("owner")).and_then(person),
            created_at: created.iter().find_map(|at| api::time(node.find(at)?.value())),
            parent,
            ..post
        });
    }

    /// An update of the interface of before 2019.
    fn before(&mut self, node: &Node<'_>) {
        let share = ["/updateContent/companyStatusUpdate/share", "/updateContent/person/currentShare"];
        let Some(share) = share.iter().find_map(|at| node.find(at)) else { return };
        let (Some(id), Some(said)) =
            (node.id("updateKey").or_else(|| share.id("id")), share.words("comment"))
        else {
            return;
        };
        let post = self.made(&id, said, None);
        self.parsed.posts.push(Post { created_at: node.time("timestamp"), url: None, ..post });
    }

    fn made(&self, urn: &str, said: String, parent: Option<String>) -> Post {
        Post {
            source: self.settings.id.clone(),
            site: "linkedin.com".into(),
            id: urn.to_owned(),
            version: record::version(None, &said, false),
            aliases: Vec::new(),
            kind: if urn.starts_with("urn:li:comment:") { PostKind::Comment } else { PostKind::Post },
            url: Some(link(urn)),
            author: None,
            created_at: None,
            title: None,
            text: said,
            lang: None,
            parent,
            reach: None,
            deleted: false,
        }
    }
}

/// What was said: a text, or an object with one.
fn words(node: &Node<'_>, keys: &[&str]) -> Option<String> {
    let said = keys.iter().find_map(|key| {
        let inner = node.get(key)?;
        inner.value().as_str().map(str::to_owned).or_else(|| inner.text("text").map(str::to_owned))
    })?;
    Some(text::plain(&unmarked(&said))).filter(|said| !said.is_empty())
}

/// Without the marks of LinkedIn's own text format: `@[Acme](urn:li:organization:17)`, `{hashtag|\#|acme}`, and a
/// backslash before what would be one.
fn unmarked(said: &str) -> String {
    let mut plain = String::with_capacity(said.len());
    let mut rest = said;
    while let Some(at) = rest.find(['\\', '@', '{']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let mention =
            rest.strip_prefix("@[").and_then(|inner| inner.split_once("](urn:")).and_then(|(name, after)| {
                let short = name.len() <= 200 && !name.contains(['[', '\n']);
                after.split_once(')').filter(|_| short).map(|(_, after)| (name, after))
            });
        let hashtag = rest
            .strip_prefix("{hashtag|")
            .and_then(|inner| inner.split_once('}'))
            .and_then(|(inner, after)| inner.rsplit_once('|').map(|(_, name)| (name, after)));
        match (mention, hashtag) {
            (Some((name, after)), _) => {
                plain.push('@');
                plain.push_str(name);
                rest = after;
            }
            (None, Some((name, after))) => {
                plain.push('#');
                plain.push_str(name);
                rest = after;
            }
            _ if rest.starts_with('\\') => {
                let escaped = rest[1..].chars().next();
                let marked = escaped.filter(|c| "|{}@[]()<>#*_~\\".contains(*c));
                plain.push(marked.unwrap_or('\\'));
                rest = &rest[1 + marked.map_or(0, char::len_utf8)..];
            }
            _ => {
                plain.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// A name of LinkedIn's, whole: inside a comment's name the post's is sometimes shortened.
pub fn whole(urn: &str) -> String {
    let urn = urn.trim();
    match urn.strip_prefix("urn:li:comment:(") {
        Some(inside) if !inside.starts_with("urn:") => format!("urn:li:comment:(urn:li:{inside}"),
        _ => urn.to_owned(),
    }
}

/// The post that a comment stands below, and the comment's number.
pub fn parts(urn: &str) -> Option<(&str, &str)> {
    let inside = urn.strip_prefix("urn:li:comment:(")?.strip_suffix(')')?;
    let (object, number) = inside.rsplit_once(',')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some((object, number))
}

fn person(urn: &str) -> Option<String> {
    let name = urn.trim().strip_prefix("urn:li:").unwrap_or(urn.trim());
    (!name.is_empty()).then(|| name.to_owned())
}

fn link(urn: &str) -> String {
    match parts(urn) {
        Some((object, _)) => {
            format!("https://www.linkedin.com/feed/update/{object}?commentUrn={}", encoded(urn))
        }
        None => format!("https://www.linkedin.com/feed/update/{urn}"),
    }
}

/// As LinkedIn wants names in addresses: all that separates inside them is escaped.
pub fn encoded(urn: &str) -> String {
    url::form_urlencoded::byte_serialize(urn.as_bytes()).collect()
}

/// What happened without words: what has to be asked for, and the number under which it was told.
pub fn wordless(value: &Value) -> Vec<(String, String)> {
    let list = Node::root(value).list("elements").unwrap_or_default();
    let asked = list.iter().filter(|node| {
        let inside = node.get("decoratedGeneratedActivity");
        let inside = inside.as_ref().and_then(|inside| {
            ["comment", "share", "ugcPost", "post"].iter().find_map(|key| inside.get(key))
        });
        let said = inside.as_ref().and_then(|inside| words(inside, &["text", "message", "commentary"]));
        said.is_none() && node.text("action") != Some("COMMENT_DELETE")
    });
    let named = |node: &Node<'_>| {
        let urn = whole(node.text("generatedActivity")?);
        Some((urn.clone(), node.id("notificationId").unwrap_or(urn)))
    };
    asked.filter_map(named).collect()
}
