//! Questions to X and what its refusals mean. An error's body says more than its status; what it says goes to
//! the operator with what to do.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::domain::post::Post;
use crate::source::api::{Api, Node};
use crate::source::fetch::{self, from_status};
use crate::source::{Answer, Nothing, Parsed, Retry, SourceError, text};

/// A good answer.
pub async fn answer(api: &Api, url: &str, now: Timestamp) -> Result<fetch::Answer, SourceError> {
    let answer = api.get_any(url).await?;
    if answer.status >= 400 {
        return Err(refused(&answer.borrowed(), now));
    }
    Ok(answer)
}

/// A good answer's JSON.
pub async fn value(api: &Api, url: &str, now: Timestamp) -> Result<Value, SourceError> {
    let answer = answer(api, url, now).await?;
    answer.borrowed().json().map_err(|nothing| strange(&answer.borrowed(), &nothing.into()))
}

fn refused(answer: &Answer<'_>, now: Timestamp) -> SourceError {
    let value: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    let node = Node::root(&value);
    let title = node.text("title").unwrap_or_default();
    let detail = node.find("/errors/0/message").and_then(|one| one.value().as_str().map(str::to_owned));
    let detail = detail.or_else(|| node.text("detail").map(str::to_owned)).unwrap_or_default();
    let detail = text::cut(&text::one_line(&detail), 200).to_owned();
    let reset = answer.header("x-rate-limit-reset").and_then(|reset| reset.trim().parse().ok());
    let reset = reset.and_then(|reset| Timestamp::from_second(reset).ok()).map(|at| at.duration_since(now));
    let after =
        answer.header("retry-after").and_then(|wait| wait.trim().parse().ok()).map(SignedDuration::from_secs);
    let wait = reset.filter(|wait| wait.is_positive()).or(after);
    let (why, retry) = match answer.status {
        401 => ("the bearer token is not known there: make a new one in the developer console", Retry::Never),
        402 => (
            "no credits are left: buy some in the developer console",
            Retry::After(SignedDuration::from_hours(1)),
        ),
        403 if title.contains("Usage") || detail.contains("usage cap") => {
            ("the app's own cap is reached", Retry::After(SignedDuration::from_hours(6)))
        }
        403 => ("the app may not ask this: see its access in the developer console", Retry::Never),
        429 if title.contains("UsageCap") => (
            "the app's own cap is reached: see the developer console",
            Retry::After(SignedDuration::from_hours(6)),
        ),
        429 => ("too many questions", Retry::After(wait.unwrap_or(SignedDuration::from_mins(15)))),
        status => ("", from_status(status, wait)),
    };
    let mut what = format!("{} answered {}", shown(answer), answer.status);
    for part in [why, title, &detail] {
        if !part.is_empty() && !what.contains(part) {
            what.push_str(if part == why { ": " } else { "; " });
            what.push_str(part);
        }
    }
    SourceError { what, retry, position: None }
}

/// Whether an answer to a search is none.
pub fn is_strange(parsed: &Parsed) -> bool {
    !matches!(parsed.nothing, None | Some(Nothing::NoPostsInside))
}

/// An answer that is no answer.
pub fn strange(answer: &Answer<'_>, parsed: &Parsed) -> SourceError {
    let why = parsed.nothing.unwrap_or(Nothing::Broken).words();
    SourceError { what: format!("{} {why}", shown(answer)), retry: Retry::Soon, position: None }
}

fn shown(answer: &Answer<'_>) -> String {
    let url = answer.url.and_then(|url| url::Url::parse(url).ok());
    url.map_or_else(|| "X".into(), |url| format!("{}{}", url.host_str().unwrap_or("X"), url.path()))
}

/// The numbers of the posts of an answer, as they stand.
pub fn numbers(value: &Value) -> Vec<u64> {
    let posts = Node::root(value).list("data").unwrap_or_default();
    posts.iter().filter_map(|post| post.number("id")).collect()
}

/// The last numbers of posts that were edited after the number asked for.
pub fn later(value: &Value) -> Vec<String> {
    let posts = Node::root(value).list("data").unwrap_or_default();
    let last = |post: &Node<'_>| {
        let history = post.list("edit_history_tweet_ids")?;
        let last = history.last()?.value().as_str()?.to_owned();
        (Some(&last) != post.id("id").as_ref()).then_some(last)
    };
    posts.iter().filter_map(last).collect()
}

/// Whether a post of ours is in the last version that an answer knows of.
pub fn is_latest(value: &Value, post: &Post) -> bool {
    let posts = Node::root(value).list("data").unwrap_or_default();
    !posts.iter().any(|node| {
        let history = node.list("edit_history_tweet_ids").unwrap_or_default();
        let numbers: Vec<&str> = history.iter().filter_map(|id| id.value().as_str()).collect();
        numbers.first() == Some(&post.id.as_str()) && numbers.last() != Some(&post.version.as_str())
    })
}
