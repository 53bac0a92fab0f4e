//! What an answer of a Forem site holds: articles and threads of comments.

use url::Url;

use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, record, text};

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
