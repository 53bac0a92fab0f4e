//! Answers of the App Store as reviews: the public feed as JSON and as Atom, App Store Connect, and the lists that
//! Apple's own pages load.

use std::collections::HashSet;

use jiff::Timestamp;

use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::feed::tree::{self, Element};
use crate::source::feed::{charset, date};
use crate::source::{Answer, Nothing, Parsed, Settings, rating, record, text};

/// Stars of a full rating.
const MOST_STARS: u64 = 5;

/// What the feed says, in plain words and with a good status, of pages that it does not have.
const DEPTH: &[u8] = b"CustomerReviews RSS page depth";

/// The reviews of an answer.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answer.body).trim_ascii();
    if answer.status >= 400 || body.starts_with(DEPTH) {
        return Nothing::ErrorAnswer.into();
    }
    if body.starts_with(b"<") {
        return atom(answer, settings);
    }
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let root = Node::root(&value);
    let mut taker = Taker { settings, parsed: Parsed::default(), taken: HashSet::new() };
    if let Some(feed) = root.get("feed").filter(|feed| feed.value().is_object()) {
        // One review stands there without a list around it.
        match feed.get("entry") {
            Some(entry) if entry.value().is_array() => entry.items().for_each(|entry| taker.entry(&entry)),
            Some(entry) => taker.entry(&entry),
            None => {}
        }
    } else if let Some(list) = root.list("userReviewList") {
        list.iter().for_each(|review| taker.review(review, review));
    } else if let Some(data) = root.get("data") {
        let mut known = data.value().as_array().is_some_and(Vec::is_empty) && root.has("links");
        let one = [data.clone()];
        let list: Vec<Node<'_>> = if data.value().is_array() { data.items().collect() } else { one.to_vec() };
        for review in &list {
            match review.text("type") {
                Some("customerReviews" | "user-reviews") => {
                    known = true;
                    match review.get("attributes") {
                        Some(attributes) => taker.review(review, &attributes),
                        None => taker.parsed.reject(review.at(), "has no attributes"),
                    }
                }
                // Answers, apps, summaries: the same interface, and no reviews.
                Some(_) => known = true,
                None => {}
            }
        }
        if !known {
            return Nothing::ForeignInterface.into();
        }
    } else {
        return Nothing::ForeignInterface.into();
    }
    taker.parsed.settled()
}

/// A review before it is a post.
#[derive(Default)]
struct Review {
    id: Option<String>,
    title: Option<String>,
    words: String,
    stars: Option<u64>,
    version: Option<String>,
    author: Option<String>,
    at: Option<Timestamp>,
    url: Option<String>,
}

struct Taker<'a> {
    settings: &'a Settings,
    parsed: Parsed,
    taken: HashSet<String>,
}

impl Taker<'_> {
    fn take(&mut self, at: &str, review: Review) {
        let Some(id) = review.id.filter(|id| id.len() <= 512) else {
            self.parsed.reject(at, "has no id");
            return;
        };
        let stars = review.stars.and_then(|stars| rating::stars(stars, MOST_STARS));
        if review.title.is_none() && review.words.is_empty() && stars.is_none() {
            self.parsed.reject(at, "has neither words nor stars");
            return;
        }
        if !self.taken.insert(id.clone()) {
            return;
        }
        let version = review.version.map(|version| format!("version {version}"));
        let text = rating::under(&[stars, version], &review.words);
        self.parsed.posts.push(Post {
            source: self.settings.id.clone(),
            site: "apps.apple.com".to_owned(),
            version: record::version(review.title.as_deref(), &text, false),
            aliases: Vec::new(),
            kind: PostKind::Review,
            url: review.url,
            author: review.author,
            created_at: review.at,
            title: review.title,
            text,
            lang: None,
            parent: None,
            reach: None,
            deleted: false,
            id,
        });
    }

    /// An entry of the feed. The app itself comes first in some years; it has no stars.
    fn entry(&mut self, entry: &Node<'_>) {
        let label = |key: &str| entry.get(key).and_then(|node| node.words("label"));
        let is_app = entry.has("im:name") || entry.has("im:artist") || entry.has("im:price");
        if is_app && !entry.has("im:rating") {
            return;
        }
        let link = entry.get("link");
        // One link or several.
        let link =
            link.and_then(|link| if link.value().is_array() { link.items().next() } else { Some(link) });
        let review = Review {
            id: entry.get("id").and_then(|id| id.id("label")).or_else(|| entry.id("id")),
            title: label("title").map(|title| text::one_line(&title)),
            words: label("content").unwrap_or_default(),
            stars: entry.get("im:rating").and_then(|stars| stars.number("label")),
            version: label("im:version"),
            author: entry.find("/author/name").and_then(|name| name.author("label")),
            at: entry.get("updated").and_then(|updated| updated.time("label")),
            url: link.and_then(|link| link.get("attributes")?.link("href")),
        };
        self.take(entry.at(), review);
    }

    /// A review of App Store Connect, or of the lists that Apple's pages load.
    fn review(&mut self, review: &Node<'_>, told: &Node<'_>) {
        let words = |keys: [&str; 2]| keys.into_iter().find_map(|key| told.words(key));
        let author = ["reviewerNickname", "userName", "name"].into_iter().find_map(|key| told.author(key));
        let at = ["createdDate", "date"].into_iter().find_map(|key| told.time(key));
        let review_of = Review {
            id: review.id("id").or_else(|| review.id("userReviewId")),
            title: told.words("title").map(|title| text::one_line(&title)),
            words: words(["body", "review"]).unwrap_or_default(),
            stars: told.number("rating"),
            version: None,
            author,
            at,
            url: None,
        };
        self.take(review.at(), review_of);
    }
}

/// The feed as Atom.
fn atom(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let root = tree::read(&charset::decode(answer.body, answer.header("content-type")));
    let local = |element: &Element| element.name.rsplit(':').next().unwrap_or_default().to_owned();
    let Some(feed) = root.elements().find(|element| local(element) == "feed") else {
        return Nothing::ForeignInterface.into();
    };
    let mut taker = Taker { settings, parsed: Parsed::default(), taken: HashSet::new() };
    let entries = feed.elements().filter(|element| local(element) == "entry");
    for (number, entry) in entries.enumerate() {
        let child = |name: &str| entry.elements().find(|child| local(child) == name);
        let words = |name: &str| Some(text::plain(&child(name)?.text())).filter(|words| !words.is_empty());
        if child("rating").is_none() && (child("name").is_some() || child("artist").is_some()) {
            continue;
        }
        // The words come twice: plain, and in a table with everything else.
        let mut contents = entry.elements().filter(|child| local(child) == "content");
        let plain = contents.find(|content| content.attribute("type").is_none_or(|sort| sort == "text"));
        let author =
            child("author").and_then(|author| author.elements().find(|child| local(child) == "name"));
        let link = child("link").and_then(|link| link.attribute("href"));
        let review = Review {
            id: words("id"),
            title: words("title").map(|title| text::one_line(&title)),
            words: plain.map(|content| text::plain(&content.text())).unwrap_or_default(),
            stars: words("rating").and_then(|stars| stars.parse().ok()),
            version: words("version"),
            author: author.map(|name| text::one_line(&name.text())).filter(|name| !name.is_empty()),
            at: words("updated").and_then(|updated| date::parse(&updated)),
            url: link.filter(|link| link.starts_with("http")).map(str::to_owned),
        };
        taker.take(&format!("entry {}", number + 1), review);
    }
    taker.parsed.settled()
}
