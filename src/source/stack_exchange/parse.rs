//! Posts in the answers of the Stack Exchange API, of every version: questions, answers and comments, in lists
//! and one inside the other, and the excerpts of searches and inboxes.
//!
//! Questions and answers share one row of numbers, comments have their own, and every site counts by itself:
//! `stackoverflow/7`, `stackoverflow/comment/7`. A version is a hash of the words, for a comment that was
//! edited does not say when.

use std::collections::BTreeSet;

use url::Url;

use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, record, text};

/// Sites that stand under a name of their own.
const OWN: [&str; 6] = [
    "stackoverflow.com",
    "serverfault.com",
    "superuser.com",
    "askubuntu.com",
    "mathoverflow.net",
    "stackapps.com",
];

/// The interface's name of the site at a host.
pub fn site_name(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    match host {
        "meta.stackexchange.com" => "meta".to_owned(),
        _ => {
            let own = OWN
                .iter()
                .any(|own| host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
            let name = if own {
                host.rsplit_once('.').map(|(name, _)| name)
            } else {
                host.strip_suffix(".stackexchange.com")
            };
            name.unwrap_or(host).to_owned()
        }
    }
}

/// The host of the site of that name.
pub fn site_host(name: &str) -> String {
    let own = |name: &str| OWN.iter().find(|own| own.rsplit_once('.').is_some_and(|(stem, _)| stem == name));
    let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
    match (name, own(last)) {
        ("meta", _) => "meta.stackexchange.com".to_owned(),
        (_, Some(own)) => format!("{}{own}", &name[..name.len() - last.len()]),
        _ if name.contains('.') && !name.ends_with(".meta") => name.to_owned(),
        _ => format!("{name}.stackexchange.com"),
    }
}

/// The posts of an answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    // An error comes with status 400, and with its reason.
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let asked = answer.url.and_then(|url| Url::parse(url).ok());
    let site = asked.as_ref().and_then(|url| url.query_pairs().find(|(name, _)| name == "site"));
    let site = site.map(|(_, site)| if site.contains('.') { site_name(&site) } else { site.to_lowercase() });
    let mut reading =
        Reading { settings, site, parsed: Parsed::default(), seen: BTreeSet::new(), wordless: false };
    let root = Node::root(&value);
    // The first version named its lists.
    let bare = ["question_id", "answer_id", "comment_id", "post_id"].iter().any(|key| root.has(key));
    let named =
        || ["questions", "answers", "comments"].iter().find_map(|key| root.list(key)).filter(|_| !bare);
    let wrapped = root.list("items").or_else(named);
    let known = wrapped.is_some() || value.as_array().is_some_and(Vec::is_empty);
    match wrapped {
        Some(items) => items.iter().for_each(|item| reading.entry(item, None)),
        None if value.is_array() => root.items().for_each(|item| reading.entry(&item, None)),
        None => reading.entry(&root, None),
    }
    let Reading { mut parsed, wordless, .. } = reading;
    if parsed.posts.is_empty() && (wordless || parsed.rejects.is_empty()) {
        parsed.nothing =
            Some(if known || wordless { Nothing::NoPostsInside } else { Nothing::ForeignInterface });
    }
    parsed.settled()
}

struct Reading<'a> {
    settings: &'a Settings,
    /// As asked for; else its own links say it.
    site: Option<String>,
    parsed: Parsed,
    seen: BTreeSet<String>,
    /// There was a post without words: its body was not asked for.
    wordless: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Question,
    Answer,
    Comment,
}

impl Sort {
    fn of<'a>(node: &Node<'a>) -> Option<(Self, String)> {
        let number = |key: &str| node.id(key).filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
        let kinds =
            [("comment_id", Sort::Comment), ("answer_id", Sort::Answer), ("question_id", Sort::Question)];
        let named = kinds.into_iter().find_map(|(key, sort)| Some((sort, number(key)?)));
        named.or_else(|| {
            let sort = match node.text("post_type")? {
                "question" => Sort::Question,
                "answer" => Sort::Answer,
                _ => return None,
            };
            Some((sort, number("post_id")?))
        })
    }
}

impl Reading<'_> {
    /// Adds a post and those inside it.
    fn entry(&mut self, node: &Node<'_>, above: Option<&str>) {
        if !node.value().is_object() {
            self.parsed.reject(node.at(), "is no object");
            return;
        }
        // What happened to a post is no post.
        let happened = ["timeline_type", "notification_type", "event_type", "revision_guid", "vote_type"];
        if happened.iter().any(|key| node.has(key)) {
            return;
        }
        let Some((sort, number)) = Sort::of(node) else { return };
        let host = |link: Option<String>| Some(Url::parse(&link?).ok()?.host_str()?.to_owned());
        let linked = || host(node.link("link")).or_else(|| host(node.get("owner")?.link("link")));
        let own = || {
            node.find("/site/api_site_parameter").and_then(|name| name.value().as_str().map(str::to_owned))
        };
        let site = self
            .site
            .clone()
            .or_else(own)
            .or_else(|| linked().map(|host| site_name(&host)))
            .unwrap_or_default();
        let id = match sort {
            Sort::Comment => format!("{site}/comment/{number}"),
            Sort::Question | Sort::Answer => format!("{site}/{number}"),
        };
        if self.seen.insert(id.clone()) {
            self.post(node, sort, &id, &site, &number, above);
        }
        for key in ["answers", "comments"] {
            node.list(key).unwrap_or_default().iter().for_each(|inner| self.entry(inner, Some(&id)));
        }
    }

    fn post(&mut self, node: &Node<'_>, sort: Sort, id: &str, site: &str, number: &str, above: Option<&str>) {
        let host = site_host(site);
        let base = Url::parse(&format!("https://{host}/")).ok();
        let html = |key: &str| node.text(key).map(|html| text::from_html_quoting(html, base.as_ref()));
        let text = html("body").filter(|words| !words.is_empty());
        let text =
            text.or_else(|| html("excerpt")).or_else(|| node.words("body_markdown")).unwrap_or_default();
        let title = node.title("title").filter(|_| sort == Sort::Question);
        // Questions were made anonymous by others to the last word, and are questions all the same.
        let is_bare = text.is_empty() && title.is_none() && !(sort == Sort::Question && node.has("title"));
        if is_bare {
            self.wordless = true;
            self.parsed.reject(node.at(), "has no words; ask with filter=withbody");
            return;
        }
        let page = || {
            let path = match sort {
                Sort::Question => "q",
                Sort::Answer => "a",
                Sort::Comment => "posts/comments",
            };
            (!site.is_empty()).then(|| format!("https://{host}/{path}/{number}"))
        };
        let parent = match sort {
            Sort::Question => None,
            Sort::Answer => node.id("question_id"),
            Sort::Comment => {
                node.id("post_id").or_else(|| node.id("answer_id")).or_else(|| node.id("question_id"))
            }
        };
        let owner = node.get("owner").or_else(|| node.get("user"));
        self.parsed.posts.push(Post {
            source: self.settings.id.clone(),
            site: if site.is_empty() { String::new() } else { host.trim_start_matches("www.").to_owned() },
            version: record::version(title.as_deref(), &text, false),
            aliases: Vec::new(),
            kind: if sort == Sort::Question { PostKind::Post } else { PostKind::Comment },
            url: node.link("link").or_else(page),
            author: owner
                .and_then(|owner| owner.title("display_name"))
                .map(|name| name.trim_start_matches('@').to_owned()),
            created_at: node.time("creation_date"),
            title,
            text,
            lang: None,
            parent: parent.map(|number| format!("{site}/{number}")).or_else(|| above.map(str::to_owned)),
            reach: node.number("view_count").filter(|_| sort == Sort::Question),
            deleted: false,
            id: id.to_owned(),
        });
    }
}

/// When the items of a list were active last, or written where that is not said.
pub fn times(answer: &Answer<'_>) -> Vec<jiff::Timestamp> {
    let Ok(value) = answer.json() else { return Vec::new() };
    let items = Node::root(&value).list("items").unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item.time("last_activity_date").or_else(|| item.time("creation_date")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_have_a_name_and_a_host() {
        for (name, host) in [
            ("stackoverflow", "stackoverflow.com"),
            ("pt.stackoverflow", "pt.stackoverflow.com"),
            ("meta.stackoverflow", "meta.stackoverflow.com"),
            ("mathoverflow", "mathoverflow.net"),
            ("meta", "meta.stackexchange.com"),
            ("cooking", "cooking.stackexchange.com"),
            ("cooking.meta", "cooking.meta.stackexchange.com"),
        ] {
            assert_eq!((site_name(host).as_str(), site_host(name).as_str()), (name, host));
        }
        assert_eq!(site_name("www.superuser.com"), "superuser");
    }
}
