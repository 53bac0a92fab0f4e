//! Discussions, which the site serves in GraphQL only, and only to a token: the last changed first, back to
//! what is known, with the last comments of each.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::parse;
use super::site::{Site, strange};
use crate::source::api::Node;
use crate::source::{Nothing, Parsed, Settings, SourceError};

/// Most pages read back in one look.
const MOST_PAGES: u32 = 8;
/// What a question costs: one point a hundred lists that it may open.
const COST: u32 = 9;

const WORDS: &str = "id url body createdAt author { login __typename }";

fn question() -> String {
    format!(
        "query($owner: String!, $name: String!, $after: String) {{ repository(owner: $owner, name: $name) {{ \
         discussions(first: 25, after: $after, orderBy: {{ field: UPDATED_AT, direction: DESC }}) {{ \
         pageInfo {{ hasNextPage endCursor }} nodes {{ {WORDS} number title updatedAt \
         comments(last: 30) {{ nodes {{ {WORDS} replies(last: 20) {{ nodes {{ {WORDS} }} }} }} }} }} }} }} }}"
    )
}

/// What was read back to.
pub(super) struct Read {
    pub parsed: Parsed,
    /// The newest change.
    pub newest: Option<Timestamp>,
    /// The oldest change read, where that is not back to what is known.
    pub short: Option<Timestamp>,
}

/// Everything changed since then.
pub(super) async fn read(
    site: &Site,
    settings: &Settings,
    repository: &str,
    since: Timestamp,
) -> Result<Read, SourceError> {
    let (owner, name) = repository.split_once('/').unwrap_or_default();
    let mut read = Read { parsed: Parsed::default(), newest: None, short: None };
    let mut after = Value::Null;
    for number in 1..=MOST_PAGES {
        let variables = json!({ "owner": owner, "name": name, "after": after });
        let answer = site.query(&question(), variables, COST).await?;
        let parsed = parse(&answer.borrowed(), settings);
        match parsed.nothing {
            None | Some(Nothing::NoPostsInside) => {}
            Some(nothing) => return Err(strange(&answer.url, nothing)),
        }
        read.parsed.posts.extend(parsed.posts);
        read.parsed.rejects.extend(parsed.rejects);
        let value = answer.borrowed().json().map_err(|nothing| strange(&answer.url, nothing))?;
        let root = Node::root(&value);
        let list = root.find("/data/repository/discussions");
        let list = list.ok_or_else(|| strange(&answer.url, Nothing::ForeignInterface))?;
        let times: Vec<Timestamp> =
            list.list("nodes").unwrap_or_default().iter().filter_map(|node| node.time("updatedAt")).collect();
        read.newest = read.newest.max(times.iter().max().copied());
        let oldest = times.iter().min().copied();
        let page = list.get("pageInfo");
        let next =
            page.as_ref().filter(|page| page.flag("hasNextPage")).and_then(|page| page.text("endCursor"));
        let (Some(next), true) = (next, oldest.is_some_and(|oldest| oldest >= since)) else { break };
        if number == MOST_PAGES {
            read.short = oldest;
        }
        after = json!(next);
    }
    Ok(read)
}

/// Discussions and comments on them by name; null is what the site serves no more.
pub(super) async fn again(site: &Site, ids: &[&str]) -> Result<Value, SourceError> {
    let question = format!(
        "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ __typename ... on Discussion {{ {WORDS} number title }} \
         ... on DiscussionComment {{ {WORDS} }} }} }}"
    );
    let answer = site.query(&question, json!({ "ids": ids }), 1).await?;
    answer.borrowed().json().map_err(|nothing| strange(&answer.url, nothing))
}
