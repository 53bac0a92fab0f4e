//! An item as the site gives it → a post.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::source::Settings;
use crate::source::record::{self, Parsed};
use crate::source::text;

const SITE: &str = "news.ycombinator.com";

/// What the site calls the type of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// A link or a question, opening a thread.
    Story,
    /// An answer.
    Comment,
    /// A question with options.
    Poll,
    /// One option of a poll.
    PollOption,
    /// An offer of work.
    Job,
}

impl Sort {
    /// All of them with the site's words.
    pub const ALL: [(&str, Sort); 5] = [
        ("story", Sort::Story),
        ("comment", Sort::Comment),
        ("poll", Sort::Poll),
        ("pollopt", Sort::PollOption),
        ("job", Sort::Job),
    ];
    /// Those read unless the settings say otherwise: an option of a poll is no statement of anybody's.
    pub const DEFAULT: [Sort; 4] = [Sort::Story, Sort::Comment, Sort::Poll, Sort::Job];
}

/// The type of that name.
pub fn sort(word: &str) -> Option<Sort> {
    Sort::ALL.iter().find(|(known, _)| *known == word).map(|(_, sort)| *sort)
}

/// An item as the site gives it; what we do not use is left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Item {
    /// Its number.
    pub id: u64,
    #[serde(rename = "type")]
    sort: Option<String>,
    by: Option<String>,
    time: Option<i64>,
    title: Option<String>,
    text: Option<String>,
    url: Option<String>,
    parent: Option<u64>,
    poll: Option<u64>,
    #[serde(default)]
    deleted: bool,
    /// Taken down by moderators or by votes.
    #[serde(default)]
    dead: bool,
}

impl Item {
    /// When it was written.
    pub fn written(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.time?).ok()
    }

    /// The post, if items of this sort are wanted. A sort that is new to us is kept: better one post too
    /// many than a new kind of statement missed.
    pub fn post(&self, source: &SourceId, wanted: &[Sort]) -> Option<Post> {
        let sort = self.sort.as_deref().and_then(sort);
        if sort.is_some_and(|sort| !wanted.contains(&sort)) {
            return None;
        }
        let deleted = self.deleted || self.dead;
        let html = |html: &Option<String>| html.clone().filter(|_| !deleted);
        let words =
            html(&self.text).map(|html| text::from_html(&html, None)).filter(|words| !words.is_empty());
        let title =
            html(&self.title).map(|html| text::line_from_html(&html)).filter(|title| !title.is_empty());
        // The link is part of what a story says, and the post's own link is the discussion.
        let link = self.url.clone().filter(|link| !deleted && !link.is_empty());
        let text = [words, link].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
        let comment = matches!(sort, Some(Sort::Comment | Sort::PollOption));
        Some(Post {
            source: source.clone(),
            site: SITE.into(),
            id: self.id.to_string(),
            version: record::version(title.as_deref(), &text, deleted),
            aliases: Vec::new(),
            kind: if comment { PostKind::Comment } else { PostKind::Post },
            url: Some(format!("https://{SITE}/item?id={}", self.id)),
            author: self.by.clone().filter(|_| !deleted),
            created_at: self.written(),
            title,
            text,
            lang: None,
            parent: self.parent.or(self.poll).map(|id| id.to_string()),
            reach: None,
            deleted,
        })
    }
}

/// The posts of a saved answer: an item, a list of items; lists of numbers, the highest number, changes and
/// people hold none.
///
/// # Errors
/// Why it is no answer of this site.
pub fn parse(settings: &Settings, body: &[u8]) -> Result<Parsed, String> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| format!("no JSON from line {}, column {} on", error.line(), error.column()))?;
    let mut parsed = Parsed::default();
    match &value {
        Value::Null | Value::Number(_) => {}
        Value::Array(list) => {
            for (index, value) in
                list.iter().enumerate().filter(|(_, value)| !value.is_number() && !value.is_null())
            {
                take(&mut parsed, settings, &format!("/{index}"), value);
            }
        }
        Value::Object(object) if object.contains_key("type") || object.contains_key("deleted") => {
            take(&mut parsed, settings, "", &value);
        }
        Value::Object(object) if object.contains_key("items") || object.contains_key("karma") => {}
        Value::Object(object) if object.contains_key("error") => {
            return Err("the site answered with an error".into());
        }
        _ => {
            return Err(
                "neither an item nor a list of the Firebase API; its search answers are not read".into()
            );
        }
    }
    Ok(parsed)
}

fn take(parsed: &mut Parsed, settings: &Settings, at: &str, value: &Value) {
    match Item::deserialize(value) {
        Ok(item) => parsed.posts.extend(item.post(&settings.id, &super::wanted(settings).0.sorts)),
        Err(_) => parsed.reject(at, "is no item: a number in \"id\" and texts are needed"),
    }
}
