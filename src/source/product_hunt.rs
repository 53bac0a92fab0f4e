//! Product Hunt: launches of chosen topics, or all of them, and the comments below chosen launches and below
//! the newest of a topic. Version 2 of its interface, a query language, with a token of one's own.
//!
//! What a question costs is counted in points by what it may open; the place says in its headers how many are
//! left, and the fetcher rests when there are none.
//!
//! # Accepted
//! Names of people are withheld from everybody but themselves (`[REDACTED]`): such an author is none.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::api::back::{self, Lists, Page};
use super::api::{self, Api, Credential, Node, Sign};
use super::params::Params;
use super::terms::{Access, Budget, Commercial, Erase, Over, Word};
use super::{
    Answer, Batch, Built, Kind, Known, Nothing, Parsed, Position, Rechecked, Retry, Settings, Source,
    SourceError, Terms, Tools, fetch, record,
};
use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;

/// The kind `product_hunt`.
pub const KIND: Kind = Kind {
    name: "product_hunt",
    about: "launches on Product Hunt, all or of chosen topics, and comments below them; needs a token",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    access: Access::Key,
    needs: "a developer token of a Product Hunt account",
    // Points, not requests: 6,250 in fifteen minutes, by what a question may open.
    budgets: &[Budget::new(6_000, 900, Over::Credential)],
    budgets_word: Word::stricter(
        "6,250 points in 15 minutes",
        "Product Hunt API, Rate Limits",
        "https://api.producthunt.com/v2/docs/rate_limits/headers",
    ),
    asks: COST.0,
    each: &["topics"],
    least_every: 300,
    paging: "20 launches or 50 comments a page",
    erase: &[Erase::new("what was deleted there, found by asking again", 48, Word::Habit)],
    commercial: Commercial::Contract,
    sees: "new launches; new comments below chosen launches and the newest of a topic; removals on re-check",
    cannot: "names of people (withheld); reviews; answers below comments of launches that were not chosen",
    document: "https://api.producthunt.com/v2/docs",
    ..Terms::OPEN
};

/// What a question for a page of launches with their comments costs at most, and one for comments.
const COST: (u32, u32) = (300, 150);
/// Posts asked after in one go; each is a question of its own.
const AT_ONCE: usize = 20;

const LAUNCH: &str = "id name slug tagline description url createdAt user { name username }";
const COMMENT: &str = "id body createdAt url parentId user { name username }";

struct Wanted {
    base: String,
    token: Option<SecretRef>,
    topics: Vec<String>,
    posts: Vec<String>,
    interval: SignedDuration,
    allow_private: bool,
}

fn wanted(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let base =
        params.text("base_url").unwrap_or("https://api.producthunt.com").trim_end_matches('/').to_owned();
    if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        params.fault("base_url", format!("\"{base}\" is no address"), "begin with https://");
    }
    let token = params.secret("token");
    if params.value("token").is_none() {
        params.fault("token", "is missing", "write token = { credential = \"product-hunt\" }");
    }
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let topics = params.texts("topics", "[\"developer-tools\"], as in the address of its page", plain);
    let posts = params.texts("posts", "[\"acme-2\"], as in the address of its page", plain);
    let interval = params.wait("interval", 900, 300);
    let allow_private = params.flag("allow_private");
    (Wanted { base, token, topics, posts, interval, allow_private }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    wanted(settings).1
}

fn build(settings: &Settings, tools: &Tools) -> Result<Built, String> {
    let wanted = wanted(settings).0;
    let token = wanted.token.as_ref().map(Credential::fetch).transpose()?;
    let api = Api::new(tools, &TERMS).private(wanted.allow_private).signed(token, Sign::Bearer);
    Ok(Built::Pull(Box::new(ProductHunt { settings: settings.clone(), wanted, api })))
}

/// Launches and comments, wherever they stand in an answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let root = Node::root(&value);
    if let Some(data) = root.get("data").filter(|data| data.value().is_object()) {
        let mut parsed = Parsed::default();
        for name in ["posts", "post", "comments", "comment", "topic", "collection", "user", "viewer"] {
            if let Some(found) = data.get(name) {
                walk(&mut parsed, settings, &found, None, 0);
            }
        }
        return parsed.settled();
    }
    // The first version of the interface, which is gone.
    let mut parsed = Parsed::default();
    for name in ["posts", "post", "comments", "comment"] {
        if let Some(found) = root.get(name) {
            walk(&mut parsed, settings, &found, None, 0);
        }
    }
    if !parsed.posts.is_empty() || !parsed.rejects.is_empty() {
        return parsed.settled();
    }
    if is_launch(&root) || is_comment(&root) {
        walk(&mut parsed, settings, &root, None, 0);
        return parsed.settled();
    }
    let own = ["posts", "post", "comments", "slug", "topics", "data", "user", "collections"];
    if own.iter().any(|name| root.has(name)) {
        Nothing::NoPostsInside.into()
    } else {
        Nothing::ForeignInterface.into()
    }
}

fn is_launch(node: &Node<'_>) -> bool {
    node.has("tagline") && node.has("name")
}

fn is_comment(node: &Node<'_>) -> bool {
    node.has("body") && !node.has("tagline")
}

/// Takes launches and comments out of lists (`edges`, `nodes`, plain) and out of each other.
fn walk(parsed: &mut Parsed, settings: &Settings, node: &Node<'_>, parent: Option<&str>, depth: usize) {
    if depth > 12 {
        return;
    }
    let mut below = parent.map(str::to_owned);
    if is_launch(node) || is_comment(node) {
        below = take(parsed, settings, node, parent).or(below);
    } else if node.value().is_object() && (node.has("comments") || node.has("posts")) {
        // A launch asked for its comments only is named, and no more.
        below = node.id("id").filter(|_| node.has("comments")).or(below);
    }
    for inside in node.items() {
        walk(parsed, settings, &inside, below.as_deref(), depth + 1);
    }
    for name in ["edges", "nodes", "node", "comments", "replies", "child_comments", "posts", "madePosts"] {
        if let Some(inside) = node.get(name).filter(|inside| !inside.value().is_number()) {
            walk(parsed, settings, &inside, below.as_deref(), depth + 1);
        }
    }
}

/// Adds a launch or a comment; its id.
fn take(parsed: &mut Parsed, settings: &Settings, node: &Node<'_>, parent: Option<&str>) -> Option<String> {
    let Some(number) = node.id("id") else {
        parsed.reject(node.at(), "has no id");
        return None;
    };
    let comment = is_comment(node);
    // Launches and comments are counted apart, and may have the same number.
    let id = if comment { format!("comment/{number}") } else { number };
    let title = if comment { None } else { node.title("name") };
    let words = if comment {
        node.html("body", None).unwrap_or_default()
    } else {
        let parts = [node.words("tagline"), node.words("description")];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    };
    if title.is_none() && words.is_empty() {
        parsed.reject(node.at(), "has neither a name nor words");
        return Some(id);
    }
    let above = ["parentId", "parent_comment_id"].iter().find_map(|key| node.id(key));
    let above = above.map(|number| format!("comment/{number}")).or_else(|| parent.map(str::to_owned));
    let user = node.get("user").and_then(|user| user.author("username").or_else(|| user.author("name")));
    let url = ["url", "discussion_url"]
        .iter()
        .find_map(|key| node.link(key))
        .or_else(|| Some(format!("https://www.producthunt.com/posts/{}", node.text("slug")?)));
    parsed.posts.push(Post {
        source: settings.id.clone(),
        site: "producthunt.com".to_owned(),
        version: record::version(title.as_deref(), &words, false),
        aliases: Vec::new(),
        kind: if comment { PostKind::Comment } else { PostKind::Post },
        url,
        author: user.filter(|name| name != "[REDACTED]"),
        created_at: ["createdAt", "created_at"].iter().find_map(|key| node.time(key)),
        title,
        text: words,
        lang: None,
        parent: above.filter(|_| comment),
        reach: None,
        deleted: false,
        id: id.clone(),
    });
    Some(id)
}

struct ProductHunt {
    settings: Settings,
    wanted: Wanted,
    api: Api,
}

impl ProductHunt {
    async fn ask(&self, query: &str, variables: Value, cost: u32) -> Result<fetch::Answer, SourceError> {
        let url = format!("{}/v2/api/graphql", self.wanted.base);
        let body = json!({ "query": query, "variables": variables });
        let answer = self.api.counted("", cost).post(&url, &body).await?;
        parse(&answer.borrowed(), &self.settings).or_strange("the answer of Product Hunt")?;
        Ok(answer)
    }
}

#[async_trait]
impl Lists for ProductHunt {
    fn id(&self) -> &SourceId {
        &self.settings.id
    }

    async fn page(&mut self, list: &str, next: Option<&str>, _: Timestamp) -> Result<Page, SourceError> {
        let (sort, name) = list.split_once(' ').unwrap_or((list, ""));
        let (query, variables, cost, at) = if sort == "post" {
            let query = format!(
                "query($slug: String, $after: String) {{ post(slug: $slug) {{ id comments(first: 50, after: $after, \
                 order: NEWEST) {{ pageInfo {{ endCursor hasNextPage }} edges {{ node {{ {COMMENT} }} }} }} }} }}"
            );
            (query, json!({ "slug": name, "after": next }), COST.1, "/data/post/comments")
        } else {
            let query = format!(
                "query($topic: String, $after: String) {{ posts(first: 20, after: $after, order: NEWEST, topic: $topic) \
                 {{ pageInfo {{ endCursor hasNextPage }} edges {{ node {{ {LAUNCH} comments(first: 10, order: NEWEST) \
                 {{ edges {{ node {{ {COMMENT} }} }} }} }} }} }} }}"
            );
            let topic = (sort == "topic").then_some(name);
            (query, json!({ "topic": topic, "after": next }), COST.0, "/data/posts")
        };
        let answer = self.ask(&query, variables, cost).await?;
        let value = answer.borrowed().json().unwrap_or_default();
        let Some(connection) = Node::root(&value).find(at) else {
            let what = format!("Product Hunt has no {list}");
            return Err(SourceError { what, retry: Retry::Never, position: None });
        };
        let page = connection.get("pageInfo").filter(|page| page.flag("hasNextPage"));
        let more = page.and_then(|page| page.id("endCursor"));
        let parsed = parse(&answer.borrowed(), &self.settings);
        let mut page = Page::new(parsed, more);
        if sort != "post" {
            // The list is one of launches; comments stand among them as they please.
            let launches = || page.posts.iter().filter(|post| post.kind == PostKind::Post);
            let times = (launches().next_back(), launches().next());
            page.oldest = times.0.and_then(|post| post.created_at);
            page.newest = times.1.and_then(|post| post.created_at);
        }
        Ok(page)
    }
}

#[async_trait]
impl Source for ProductHunt {
    async fn poll(&mut self, position: &Position, now: Timestamp) -> Result<Batch, SourceError> {
        let mut names: Vec<String> =
            self.wanted.topics.iter().map(|topic| format!("topic {topic}")).collect();
        names.extend(self.wanted.posts.iter().map(|post| format!("post {post}")));
        if names.is_empty() {
            names.push("newest".to_owned());
        }
        back::read(self, &names, position, now).await
    }

    fn interval(&self) -> SignedDuration {
        self.wanted.interval
    }

    fn recheck_at_once(&self) -> usize {
        AT_ONCE
    }

    async fn recheck(&mut self, known: &[Known], _now: Timestamp) -> Result<Rechecked, SourceError> {
        let mut told = Rechecked::default();
        for post in known.iter().take(AT_ONCE) {
            let (what, number, fields) = match post.id.strip_prefix("comment/") {
                Some(number) => ("comment", number, COMMENT),
                None => ("post", post.id.as_str(), LAUNCH),
            };
            let query = format!("query($id: ID!) {{ {what}(id: $id) {{ {fields} }} }}");
            let answer = match self.ask(&query, json!({ "id": number }), 10).await {
                Ok(answer) => answer,
                Err(error) if error.pause().is_some() => {
                    told.rest = error.pause();
                    break;
                }
                Err(error) => return Err(error),
            };
            let value = answer.borrowed().json().unwrap_or_default();
            // Asked for by number and answered with null, without an error: it is not there.
            if value.pointer("/data").and_then(|data| data.get(what)).is_some_and(Value::is_null) {
                told.gone.push(post.id.clone());
            } else {
                told.posts.extend(parse(&answer.borrowed(), &self.settings).posts.into_iter().map(
                    |mut found| {
                        found.parent.clone_from(&post.parent);
                        found
                    },
                ));
            }
        }
        Ok(told)
    }
}
