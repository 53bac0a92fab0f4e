//! Why a text is gone, and whose words shall go: what the author deletes, we forget.

use serde::{Deserialize, Serialize};

use super::id::{MentionId, SourceId};
use super::post::Post;

/// Why text, author and links of a mention were taken out. Closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasedFor {
    /// The site says that the post is gone, by its own word or when it was asked anew.
    DeletedByAuthor,
    /// The account is gone, with all it wrote.
    AuthorLeft,
    /// Its time was over: `[retention]`, or its topic's or source's own.
    Retention,
    /// Somebody asked for it: `earmark forget`.
    Request,
    /// The site's terms let nobody keep it for longer without asking again, and asking failed.
    Terms,
}

impl ErasedFor {
    /// The word used in the record, files and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            ErasedFor::DeletedByAuthor => "deleted_by_author",
            ErasedFor::AuthorLeft => "author_left",
            ErasedFor::Retention => "retention",
            ErasedFor::Request => "request",
            ErasedFor::Terms => "terms",
        }
    }
}

/// Whose words shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Of everybody who is called that: at one site, else anywhere. However it is capitalised, for that is
    /// how a person asks.
    Author {
        /// Name or handle.
        author: String,
        /// As in [`Post::site`]; none: all of them.
        site: Option<String>,
    },
    /// Of one account, letter by letter: a site's own word must not reach a namesake.
    Account {
        /// As in [`Post::author`].
        author: String,
        /// As in [`Post::site`].
        site: String,
    },
    /// What stands at this address, however it was heard of.
    Url(String),
    /// One post, in all its topics.
    Post {
        /// Which source gave it.
        source: SourceId,
        /// As in [`Post::id`].
        id: String,
    },
    /// The post of this mention, and what else stands at its address.
    Mention(MentionId),
}

impl Whose {
    /// Whether a post is one of them. A mention's post is found by whoever knows the mention.
    pub fn fits(&self, post: &Post) -> bool {
        let of = |author: &str| post.author.as_deref().map(folded) == Some(folded(author));
        match self {
            Whose::Author { author, site } => {
                of(author) && site.as_ref().is_none_or(|site| host(site) == host(&post.site))
            }
            Whose::Account { author, site } => {
                post.author.as_deref().map(bare) == Some(bare(author)) && host(site) == host(&post.site)
            }
            Whose::Url(url) => post.url.as_deref().map(address) == Some(address(url)),
            Whose::Post { source, id } => post.source == *source && post.id == *id,
            Whose::Mention(_) => false,
        }
    }
}

fn bare(author: &str) -> &str {
    author.trim().trim_start_matches('@')
}

/// An author's name as it is compared.
pub fn folded(author: &str) -> String {
    bare(author).to_lowercase()
}

/// A site's name as it is compared.
pub fn host(site: &str) -> String {
    let site = site.trim().trim_end_matches('/').to_lowercase();
    site.strip_prefix("www.").unwrap_or(&site).to_owned()
}

/// An address as it is compared: the scheme, `www.`, a slash at the end and what stands behind `#` make no
/// other post of it.
pub fn address(url: &str) -> String {
    let url = url.trim();
    let url = url.split('#').next().unwrap_or(url);
    let rest = match url.split_once("://") {
        Some((scheme, rest)) if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") => rest,
        // An address of another sort is compared as it is.
        Some(_) => return url.to_owned(),
        None => url,
    };
    let (name, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    format!("{}{}", host(name), path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_post_are_one() {
        let plain = address("https://forum.example/t/1?page=2");
        for same in ["http://www.Forum.example/t/1?page=2#last", " forum.example/t/1?page=2/ "] {
            assert_eq!(address(same), plain, "{same}");
        }
        for other in
            ["https://forum.example/T/1?page=2", "https://forum.example/t/1", "at://forum.example/t/1"]
        {
            assert_ne!(address(other), plain, "{other}");
        }
        assert_eq!(address("https://acme.example"), address("https://www.acme.example/"));
    }

    #[test]
    fn a_person_is_asked_for_loosely_and_an_account_letter_by_letter() {
        let post = Post {
            source: "forum".into(),
            site: "forum.example".into(),
            id: "1".into(),
            version: "a".into(),
            aliases: Vec::new(),
            kind: super::super::post::PostKind::Post,
            url: None,
            author: Some("Ann".into()),
            created_at: None,
            title: None,
            text: String::new(),
            lang: None,
            parent: None,
            reach: None,
            deleted: false,
        };
        let author = |author: &str, site: Option<&str>| Whose::Author {
            author: author.into(),
            site: site.map(str::to_owned),
        };
        let account = |author: &str| Whose::Account { author: author.into(), site: "forum.example".into() };
        assert!(author("@ann", None).fits(&post) && author("ANN", Some("www.forum.example")).fits(&post));
        assert!(!author("ann", Some("shop.example")).fits(&post) && !author("bo", None).fits(&post));
        assert!(account("@Ann").fits(&post) && !account("ann").fits(&post));
        assert!(!Whose::Url("https://forum.example/1".into()).fits(&post));
        let nobody = Post { author: None, ..post };
        assert!(!author("", None).fits(&nobody), "nobody's name is no name");
    }
}
