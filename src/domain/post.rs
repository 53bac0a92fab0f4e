//! A post: one item by one author at one URL, as the site gave it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::SourceId;

/// What sort of thing a post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostKind {
    /// A message that opens a thread, or stands alone.
    #[default]
    Post,
    /// An answer to another post.
    Comment,
    /// A verdict on a product, often with stars.
    Review,
    /// An editorial text: news, a blog entry.
    Article,
    /// A question to support, a survey's answer, a call's transcript.
    Ticket,
}

impl PostKind {
    /// All of them, in a fixed order.
    pub const ALL: [PostKind; 5] =
        [PostKind::Post, PostKind::Comment, PostKind::Review, PostKind::Article, PostKind::Ticket];

    /// The word used in queries, conditions, files and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            PostKind::Post => "post",
            PostKind::Comment => "comment",
            PostKind::Review => "review",
            PostKind::Article => "article",
            PostKind::Ticket => "ticket",
        }
    }
}

/// One item by one author at one URL. Text is plain: a source has turned HTML into text already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The configured source that gave it.
    pub source: SourceId,
    /// Host name of the site it stands on, lower case, without `www.`; empty when it has none.
    pub site: String,
    /// What the site calls it; unique inside the source. An edit keeps it.
    pub id: String,
    /// Changes with every edit: the site's own revision, else a hash of title and text.
    pub version: String,
    /// Other names under which the source may give the same post again (its link, a hash of its
    /// body): a feed that changes the GUID with the headline gives no second post (see
    /// `source::feed`). Prefixed by their sort, `link:` or `body:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What sort of thing it is.
    pub kind: PostKind,
    /// Where a person can read it.
    pub url: Option<String>,
    /// Name or handle as shown on the site, without a leading `@`.
    pub author: Option<String>,
    /// The site's own date; shown, never counted by (see `recorded_at`).
    pub created_at: Option<Timestamp>,
    /// Headline, where the site has one.
    pub title: Option<String>,
    /// The words.
    pub text: String,
    /// BCP 47 language, lower case, as the site gave it.
    pub lang: Option<String>,
    /// `id` of the post it answers.
    pub parent: Option<String>,
    /// Audience as given by the site; absent is absent, not zero.
    pub reach: Option<u64>,
    /// The site says that it is gone.
    #[serde(default)]
    pub deleted: bool,
}

impl Post {
    /// Title and text together, as the model and a reader see them.
    pub fn full_text(&self) -> String {
        match self.title.as_deref().filter(|title| !title.is_empty()) {
            Some(title) if self.text.is_empty() => title.to_owned(),
            Some(title) => format!("{title}\n{}", self.text),
            None => self.text.clone(),
        }
    }

    /// What the author says, for the model: without the lines in which others are quoted, which a source
    /// begins with `> `; all of it where nothing else is there.
    pub fn own_words(&self) -> String {
        let whole = self.full_text();
        let own: Vec<&str> = whole.lines().filter(|line| !line.starts_with("> ")).collect();
        let own = own.join("\n");
        if own.trim().is_empty() { whole } else { own.trim().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_said_is_not_what_the_author_says() {
        let said = |title: Option<&str>, text: &str| {
            Post {
                source: "s".into(),
                site: String::new(),
                id: "1".into(),
                version: "1".into(),
                aliases: Vec::new(),
                kind: PostKind::Post,
                url: None,
                author: None,
                created_at: None,
                title: title.map(str::to_owned),
                text: text.to_owned(),
                lang: None,
                parent: None,
                reach: None,
                deleted: false,
            }
            .own_words()
        };
        assert_eq!(said(None, "> it is bad\n\nNo, a > b."), "No, a > b.");
        assert_eq!(said(Some("Acme"), "> it is bad"), "Acme");
        assert_eq!(said(None, "> it is bad\n> really"), "> it is bad\n> really");
    }
}
