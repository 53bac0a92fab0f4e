//! Posts in the answers of GitHub: lists, single objects, searches, timelines, events, deliveries to webhooks
//! and answers to questions in GraphQL. What a thing is, its address says best; the oldest answers have no
//! more than that.
//!
//! # Names
//! `issue:7`, `comment:7`, …: the sort and the site's own number, for each sort is numbered by itself. A
//! comment names its thread by number only, so that `parent` is the thread's name where the answer holds the
//! thread, else its address, `acme/app#12`, for whoever knows more (`resolve`).
//!
//! # Versions
//! The site's `updated_at` moves with every comment, label and vote; a version is a hash of the words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use url::Url;

use super::markdown;
use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, record, text};

/// What a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Issue,
    Pull,
    Discussion,
    Comment,
    ReviewComment,
    Review,
    DiscussionComment,
    CommitComment,
    Release,
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Sort::Issue => "issue",
            Sort::Pull => "pull",
            Sort::Discussion => "discussion",
            Sort::Comment => "comment",
            Sort::ReviewComment => "review_comment",
            Sort::Review => "review",
            Sort::DiscussionComment => "discussion_comment",
            Sort::CommitComment => "commit_comment",
            Sort::Release => "release",
        }
    }

    fn is_thread(self) -> bool {
        matches!(self, Sort::Issue | Sort::Pull | Sort::Discussion)
    }

    fn of(node: &Node<'_>, hint: Option<Sort>) -> Option<Self> {
        let link = page(node).unwrap_or_default();
        let fragment = link.split_once('#').map_or("", |(_, fragment)| fragment);
        let by_fragment = [
            ("issuecomment", Sort::Comment),
            ("discussioncomment", Sort::DiscussionComment),
            ("discussion_r", Sort::ReviewComment),
            ("pullrequestreview", Sort::Review),
            ("commitcomment", Sort::CommitComment),
        ];
        if let Some((_, sort)) = by_fragment.into_iter().find(|(start, _)| fragment.starts_with(start)) {
            return Some(sort);
        }
        let typed = match node.text("__typename") {
            Some("Issue") => Some(Sort::Issue),
            Some("PullRequest") => Some(Sort::Pull),
            Some("Discussion") => Some(Sort::Discussion),
            Some("DiscussionComment") => Some(Sort::DiscussionComment),
            Some("IssueComment") => Some(Sort::Comment),
            Some("PullRequestReviewComment") => Some(Sort::ReviewComment),
            Some("PullRequestReview") => Some(Sort::Review),
            Some("Release") => Some(Sort::Release),
            _ => None,
        };
        let has = |key: &str| node.get(key).is_some();
        let titled = node.text("title").is_some();
        let fields = || match () {
            () if has("tag_name") || has("tagName") => Some(Sort::Release),
            () if titled
                && (link.contains("/discussions/") || has("answer_html_url") || has("isAnswered")) =>
            {
                Some(Sort::Discussion)
            }
            () if titled && has("number") && has("head") && has("base") => Some(Sort::Pull),
            // A milestone has both, and dates of its own.
            () if titled && has("number") && !has("due_on") && !has("open_issues") => {
                hint.or(Some(Sort::Issue))
            }
            () if titled || !node.has("body") => None,
            () if has("diff_hunk") || has("pull_request_review_id") => Some(Sort::ReviewComment),
            () if has("submitted_at") || (has("state") && has("pull_request_url")) => Some(Sort::Review),
            () if has("discussion_id") => Some(Sort::DiscussionComment),
            () if has("issue_url") => Some(Sort::Comment),
            () if has("commit_id") => Some(Sort::CommitComment),
            () => hint.filter(|hint| !hint.is_thread()),
        };
        typed.or_else(fields)
    }
}

/// The address of its page for people.
fn page(node: &Node<'_>) -> Option<String> {
    let api = |link: &String| link.contains("://api.") || link.contains("/api/v3/");
    node.link("html_url").or_else(|| node.link("url").filter(|link| !api(link)))
}

/// The posts of an answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    let root = Node::root(&value);
    let refused = root.text("message").is_some()
        && !["id", "items", "data", "action", "sha"].iter().any(|key| root.has(key));
    if refused || api::error(&value).is_some() {
        return Nothing::ErrorAnswer.into();
    }
    let mut reading = Reading { settings, parsed: Parsed::default(), seen: BTreeSet::new(), known: false };
    if let Some(data) = root.get("data").filter(|data| data.value().is_object()) {
        reading.known = true;
        reading.graph(&data, None, None);
        if reading.parsed.posts.is_empty() && root.list("errors").is_some_and(|errors| !errors.is_empty()) {
            return Nothing::ErrorAnswer.into();
        }
    } else if let Some(items) = root.list("items") {
        reading.known = root.has("total_count");
        items.iter().for_each(|item| reading.entry(item, false));
    } else if value.is_array() {
        reading.known = root.items().len() == 0;
        root.items().for_each(|item| reading.entry(&item, false));
    } else {
        reading.entry(&root, false);
    }
    let Reading { mut parsed, known, .. } = reading;
    if parsed.posts.is_empty() && parsed.rejects.is_empty() && !known {
        return Nothing::ForeignInterface.into();
    }
    resolve(&mut parsed.posts, &BTreeMap::new());
    parsed.settled()
}

/// Where a thread stands, `acme/app#12`, from the address of its page or of what the interface serves.
pub fn thread(link: &str) -> Option<String> {
    let url = Url::parse(link).ok()?;
    let parts: Vec<&str> = url.path_segments()?.collect();
    let at = parts.iter().rposition(|part| matches!(*part, "issues" | "pull" | "pulls" | "discussions"))?;
    let number: u64 = parts.get(at + 1)?.parse().ok()?;
    let (owner, name) = (parts.get(at.checked_sub(2)?)?, parts.get(at - 1)?);
    Some(format!("{}/{}#{number}", owner.to_lowercase(), name.to_lowercase()))
}

/// Puts names of threads in place of their addresses, from the posts themselves and from what is known.
pub fn resolve(posts: &mut [Post], known: &BTreeMap<String, String>) {
    let names: BTreeMap<String, String> = posts.iter().filter_map(named).collect();
    for parent in posts.iter_mut().filter_map(|post| post.parent.as_mut()) {
        if let Some(name) = names.get(parent.as_str()).or_else(|| known.get(parent.as_str())) {
            parent.clone_from(name);
        }
    }
}

/// The address and the name of a thread.
pub fn named(post: &Post) -> Option<(String, String)> {
    let is_thread = ["issue:", "pull:", "discussion:"].iter().any(|sort| post.id.starts_with(sort));
    is_thread.then(|| Some((thread(post.url.as_deref()?)?, post.id.clone())))?
}

struct Reading<'a> {
    settings: &'a Settings,
    parsed: Parsed,
    seen: BTreeSet<String>,
    /// It is an answer of this place, posts or none.
    known: bool,
}

/// What a delivery or an event carries, the most special first.
const CARRIED: [&str; 7] = ["comment", "answer", "review", "pull_request", "issue", "discussion", "release"];

/// Keys that only this place's objects have together with no words: people, repositories, events, limits.
const MARKS: [&str; 10] = [
    "node_id",
    "html_url",
    "login",
    "resources",
    "total_count",
    "event",
    "zen",
    "full_name",
    "sha",
    "subject",
];

impl Reading<'_> {
    fn entry(&mut self, node: &Node<'_>, deleted: bool) {
        if !node.value().is_object() {
            self.parsed.reject(node.at(), "is no object");
            return;
        }
        self.known |= MARKS.iter().any(|key| node.has(key));
        if let Some(payload) = node.get("payload").filter(|payload| payload.value().is_object()) {
            self.known |= node.has("actor");
            return self.entry(&payload, false);
        }
        if let Some(comments) = node.list("comments").filter(|_| node.has("event")) {
            return comments.iter().for_each(|comment| self.entry(comment, false));
        }
        if let Some(sort) = Sort::of(node, None) {
            self.post(node, sort, None, deleted);
            return;
        }
        let gone = node.text("action") == Some("deleted");
        let carried: Vec<_> = CARRIED.iter().filter_map(|key| node.get(key)).collect();
        for (index, inner) in carried.iter().filter(|inner| inner.value().is_object()).enumerate() {
            self.known = true;
            self.entry(inner, gone && index == 0);
        }
    }

    /// Posts anywhere in an answer to a question in GraphQL.
    fn graph(&mut self, node: &Node<'_>, hint: Option<Sort>, parent: Option<&str>) {
        if node.value().is_array() {
            return node.items().for_each(|item| self.graph(&item, hint, parent));
        }
        let Some(object) = node.value().as_object() else { return };
        let sort = if hint.is_some() || node.has("__typename") || node.has("number") {
            Sort::of(node, hint)
        } else {
            None
        };
        let took = sort.and_then(|sort| self.post(node, sort, parent, false));
        for key in object.keys() {
            let hint = match (key.as_str(), sort) {
                ("comments" | "replies" | "answer", Some(Sort::Discussion | Sort::DiscussionComment)) => {
                    Some(Sort::DiscussionComment)
                }
                ("comments", Some(Sort::Review)) => Some(Sort::ReviewComment),
                ("comments", Some(_)) => Some(Sort::Comment),
                ("reviews", Some(_)) => Some(Sort::Review),
                ("nodes" | "edges" | "node" | "items", None) => hint,
                ("discussions" | "discussion", None) => Some(Sort::Discussion),
                ("issues" | "issue", None) => Some(Sort::Issue),
                ("pullRequests" | "pullRequest", None) => Some(Sort::Pull),
                ("labels" | "milestone" | "category" | "author" | "owner", _) | (_, Some(_)) => continue,
                (_, None) => None,
            };
            if let Some(inner) = node.get(key) {
                self.graph(&inner, hint, took.as_deref().or(parent));
            }
        }
    }

    /// Adds a post; its name.
    fn post(&mut self, node: &Node<'_>, sort: Sort, above: Option<&str>, deleted: bool) -> Option<String> {
        let name = |id: String| format!("{}:{id}", sort.name());
        let url = page(node);
        // Questions that ask for no name give a number, which is one inside a repository.
        let numbered = || {
            let number = node.number("number")?;
            let repository = ["/repository/owner/login", "/repository/name"]
                .map(|at| node.find(at)?.value().as_str().map(str::to_owned));
            let [Some(owner), Some(name)] = repository else { return Some(format!("#{number}")) };
            Some(format!("{owner}/{name}#{number}"))
        };
        let id =
            node.id("id").or_else(|| node.id("databaseId")).or_else(|| node.id("node_id")).or_else(numbered);
        let Some(id) = id.map(name) else {
            self.parsed.reject(node.at(), "has no id");
            return None;
        };
        if !self.seen.insert(id.clone()) {
            return Some(id);
        }
        let base = url.as_deref().and_then(|url| Url::parse(url).ok());
        let body = node.text("body").map(|body| markdown::words(body, base.as_ref()));
        let body = body.or_else(|| Some(text::from_html_quoting(node.text("body_html")?, base.as_ref())));
        let body = body.or_else(|| node.words("body_text")).or_else(|| node.words("bodyText"));
        let text = body.filter(|_| !deleted).unwrap_or_default();
        let title = node.text("title").or_else(|| node.text("name")).or_else(|| node.text("tag_name"));
        let title = title.filter(|_| !deleted && (sort.is_thread() || sort == Sort::Release));
        let title = title.map(text::one_line).filter(|title| !title.is_empty());
        if text.is_empty() && title.is_none() && !deleted {
            // A verdict needs no words.
            if sort != Sort::Review {
                self.parsed.reject(node.at(), "has neither a title nor words");
            }
            return Some(id);
        }
        self.parsed.posts.push(Post {
            source: self.settings.id.clone(),
            site: base
                .as_ref()
                .and_then(Url::host_str)
                .unwrap_or("github.com")
                .trim_start_matches("www.")
                .to_owned(),
            version: record::version(title.as_deref(), &text, deleted),
            aliases: Vec::new(),
            kind: match sort {
                Sort::Issue | Sort::Pull | Sort::Discussion => PostKind::Post,
                Sort::Release => PostKind::Article,
                _ => PostKind::Comment,
            },
            author: author(node).filter(|_| !deleted),
            created_at: ["created_at", "createdAt", "submitted_at", "published_at", "publishedAt"]
                .iter()
                .find_map(|key| node.time(key)),
            title,
            text,
            lang: None,
            parent: parent(node, sort, url.as_deref()).or_else(|| above.map(str::to_owned)),
            reach: None,
            deleted,
            url,
            id: id.clone(),
        });
        Some(id)
    }
}

/// Programs are told by their name, as on the page.
fn author(node: &Node<'_>) -> Option<String> {
    let user = node.get("user").or_else(|| node.get("author")).or_else(|| node.get("actor"))?;
    let login = user.author("login")?;
    let bot = [user.text("type"), user.text("__typename")].contains(&Some("Bot"));
    Some(if bot && !login.ends_with(BOT) { format!("{login}{BOT}") } else { login })
}

/// How the names of programs end.
pub const BOT: &str = "[bot]";

fn parent(node: &Node<'_>, sort: Sort, url: Option<&str>) -> Option<String> {
    if sort.is_thread() || matches!(sort, Sort::Release | Sort::CommitComment) {
        return None;
    }
    match sort {
        Sort::ReviewComment => node.id("in_reply_to_id").map(|id| format!("review_comment:{id}")),
        Sort::DiscussionComment => node
            .id("parent_id")
            .map(|id| format!("discussion_comment:{id}"))
            .or_else(|| node.id("discussion_id").map(|id| format!("discussion:{id}"))),
        _ => None,
    }
    .or_else(|| ["issue_url", "pull_request_url"].iter().find_map(|key| thread(node.text(key)?)))
    .or_else(|| thread(url?).filter(|_| sort != Sort::DiscussionComment))
}

/// When the entries of a list were changed last.
pub fn updated(value: &Value) -> Vec<jiff::Timestamp> {
    let root = Node::root(value);
    let list: Vec<Node<'_>> = root.list("items").unwrap_or_else(|| root.items().collect());
    list.iter().filter_map(|entry| entry.time("updated_at")).collect()
}
