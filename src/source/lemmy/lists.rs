//! What is asked of a Lemmy server, in both versions of its interface, and how far each list was read. Pure.
//!
//! Version 3 (servers up to 0.19) pages most lists by number and posts by a cursor too; version 4 (1.0) pages
//! all of them by a cursor. Both are read from the newest back to what is known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

/// The most that a server puts on a page.
pub const PAGE: usize = 50;
/// So many of the newest are remembered, with their versions: they are looked at anew each time.
const REMEMBERED: usize = 2 * PAGE;

/// Which interface a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    #[serde(rename = "v3")]
    Three,
    #[serde(rename = "v4")]
    Four,
}

impl Version {
    pub fn other(self) -> Self {
        match self {
            Version::Three => Version::Four,
            Version::Four => Version::Three,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Version::Three => "v3",
            Version::Four => "v4",
        }
    }
}

/// Posts or comments of a community or of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    pub of: Of,
    pub comments: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    Community(String),
    Search(String),
}

impl List {
    /// In the cursor and in messages.
    pub fn name(&self) -> String {
        let sort = if self.comments { "comments" } else { "posts" };
        match &self.of {
            Of::Community(name) => format!("{sort} of {name}"),
            Of::Search(words) => format!("{sort} with {words}"),
        }
    }

    /// The address of a page; none: the newest.
    pub fn address(&self, base: &Url, version: Version, page: Option<&Next>) -> Url {
        let mut url = base.clone();
        let four = version == Version::Four;
        let path = match (&self.of, self.comments) {
            (Of::Search(_), _) => "search",
            (Of::Community(_), true) => "comment/list",
            (Of::Community(_), false) => "post/list",
        };
        url.set_path(&format!("/api/{}/{path}", version.word()));
        let word = |three: &'static str, four_: &'static str| if four { four_ } else { three };
        let mut query = url.query_pairs_mut();
        query.append_pair("sort", word("New", "new")).append_pair("limit", &PAGE.to_string());
        match &self.of {
            Of::Community(name) => {
                query.append_pair("type_", word("All", "all"));
                query.append_pair("community_name", name);
                if four {
                    // The name of this parameter changed before 1.0 was done; servers pass over the other.
                    query.append_pair("community_name_or_id", name);
                }
            }
            Of::Search(words) => {
                let sort = if self.comments { word("Comments", "comments") } else { word("Posts", "posts") };
                query.append_pair("listing_type", word("All", "all")).append_pair("type_", sort);
                query.append_pair("q", words);
                if four {
                    query.append_pair("search_term", words);
                }
            }
        }
        match page {
            Some(Next::Cursor(cursor)) => drop(query.append_pair("page_cursor", cursor)),
            Some(Next::Page(number)) => drop(query.append_pair("page", &number.to_string())),
            None => {}
        }
        drop(query);
        url
    }
}

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    Cursor(String),
    Page(u32),
}

impl Next {
    /// Behind a page that held something, and whose answer said so or did not.
    pub fn after(page: Option<&Next>, said: Option<String>, version: Version) -> Option<Next> {
        match (said, page, version) {
            (Some(cursor), ..) => Some(Next::Cursor(cursor)),
            // The end: cursors are given as long as there is more.
            (None, _, Version::Four) | (None, Some(Next::Cursor(_)), _) => None,
            (None, Some(Next::Page(number)), _) => Some(Next::Page(number + 1)),
            (None, None, _) => Some(Next::Page(2)),
        }
    }
}

/// All lists, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cursor {
    pub places: BTreeMap<String, Place>,
}

/// One list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// When the newest known was published.
    pub newest: Option<Timestamp>,
    /// Everything up to here has been read.
    pub through: Option<Timestamp>,
    /// Id and version of the newest, newest first.
    pub recent: Vec<(String, String)>,
    /// Read down to here, not yet down to what was known; the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
}

/// What is still to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    pub next: Next,
    /// Down to what was published then.
    pub until: Timestamp,
}

impl Cursor {
    /// As kept; what cannot be read begins anew.
    pub fn read(kept: Option<&str>) -> Self {
        kept.and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default()
    }

    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("names and numbers always serialise")
    }
}

impl Place {
    /// Whether this version of a post was given already.
    pub fn knows(&self, id: &str, version: &str) -> bool {
        self.recent.iter().any(|(known, last)| known == id && last == version)
    }

    /// Remembers the first page of a look.
    pub fn remember(&mut self, page: impl Iterator<Item = (String, String)>) {
        let mut recent: Vec<(String, String)> = page.collect();
        let old = std::mem::take(&mut self.recent);
        for (id, version) in old {
            if recent.len() < REMEMBERED && !recent.iter().any(|(known, _)| *known == id) {
                recent.push((id, version));
            }
        }
        self.recent = recent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_asked_in_their_own_words() {
        let base = Url::parse("https://acme.example").expect("an address");
        let list = |of, comments| List { of, comments };
        let posts = list(Of::Community("talk@globex.example".into()), false);
        let found = list(Of::Search("acme app".into()), true);
        let three = |list: &List, next: Option<&Next>| list.address(&base, Version::Three, next).to_string();
        let four = |list: &List, next: Option<&Next>| list.address(&base, Version::Four, next).to_string();
        assert_eq!(
            three(&posts, Some(&Next::Cursor("P1".into()))),
            "https://acme.example/api/v3/post/list?sort=New&limit=50&type_=All&community_name=talk%40globex.example&page_cursor=P1"
        );
        assert_eq!(
            three(&found, Some(&Next::Page(2))),
            "https://acme.example/api/v3/search?sort=New&limit=50&listing_type=All&type_=Comments&q=acme+app&page=2"
        );
        let asked = four(&found, None);
        assert!(
            asked.contains("/api/v4/search?sort=new") && asked.contains("search_term=acme+app"),
            "{asked}"
        );
        assert!(four(&posts, None).contains("community_name_or_id=talk"));
    }

    #[test]
    fn the_next_page_is_a_cursor_where_there_are_cursors() {
        let cursor = |text: &str| Some(Next::Cursor(text.into()));
        let page = |number| Some(Next::Page(number));
        let said = |text: &str| Some(text.to_owned());
        for (now, told, version, expected) in [
            (None, said("P1"), Version::Three, cursor("P1")),
            (None, None, Version::Three, page(2)),
            (page(2), None, Version::Three, page(3)),
            (cursor("P1"), None, Version::Three, None),
            (None, None, Version::Four, None),
            (cursor("a"), said("b"), Version::Four, cursor("b")),
        ] {
            assert_eq!(Next::after(now.as_ref(), told, version), expected);
        }
    }

    #[test]
    fn the_newest_are_remembered_in_their_last_version() {
        let mut place = Place::default();
        let named = |ids: std::ops::Range<usize>| ids.rev().map(|id| (id.to_string(), "0".to_owned()));
        place.remember(named(0..50));
        place.remember(
            named(30..80).map(|(id, version)| if id == "40" { (id, "1".into()) } else { (id, version) }),
        );
        assert!(place.knows("40", "1") && !place.knows("40", "0") && place.knows("0", "0"));
        place.remember(named(100..180));
        assert_eq!(place.recent.len(), REMEMBERED);
        assert!(!place.knows("0", "0"));
    }
}
