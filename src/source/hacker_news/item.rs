//! An item as the site gives it → a post.

use jiff::Timestamp;
use serde::Deserialize;

use crate::domain::id::SourceId;
use crate::domain::post::{Post, PostKind};
use crate::source::record;
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
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Item {
    /// Its number.
    pub id: u64,
    #[serde(rename = "type")]
    pub(super) sort: Option<String>,
    pub(super) by: Option<String>,
    pub(super) time: Option<i64>,
    pub(super) title: Option<String>,
    pub(super) text: Option<String>,
    pub(super) url: Option<String>,
    pub(super) parent: Option<u64>,
    pub(super) poll: Option<u64>,
    #[serde(default)]
    pub(super) deleted: bool,
    /// Taken down by moderators or by votes.
    #[serde(default)]
    pub(super) dead: bool,
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
