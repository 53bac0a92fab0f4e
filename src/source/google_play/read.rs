//! Answers of the Publisher API as reviews: lists, and a review by itself.

use jiff::Timestamp;
use url::Url;

use crate::domain::post::{Post, PostKind};
use crate::source::api::{self, Node};
use crate::source::{Answer, Nothing, Parsed, Settings, rating, record, text};

/// Stars of a full rating.
const MOST_STARS: u64 = 5;

/// The reviews of an answer. What developers answered is our own and left out.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    let value = match answer.json() {
        Ok(value) => value,
        Err(nothing) => return nothing.into(),
    };
    if let Some(nothing) = api::error(&value) {
        return nothing.into();
    }
    let root = Node::root(&value);
    let app = app(answer, settings);
    let mut parsed = Parsed::default();
    let list = root.list("reviews").or_else(|| value.is_array().then(|| root.items().collect()));
    match list {
        Some(list) => {
            if !list.is_empty() && !list.iter().any(|review| is_review(review) || review.has("comments")) {
                return Nothing::ForeignInterface.into();
            }
            list.iter().for_each(|review| take(&mut parsed, settings, app.as_deref(), review));
        }
        None if is_review(&root) => take(&mut parsed, settings, app.as_deref(), &root),
        // An app without reviews this week has no list at all; an answer of ours that was put below a review.
        None if root.has("tokenPagination") || root.has("pageInfo") || root.has("result") => {}
        None if value.as_object().is_some_and(serde_json::Map::is_empty) => {}
        None => return Nothing::ForeignInterface.into(),
    }
    parsed.settled()
}

fn is_review(node: &Node<'_>) -> bool {
    node.has("reviewId")
}

/// The app, as settings name it, else as the address does.
fn app(answer: &Answer<'_>, settings: &Settings) -> Option<String> {
    let told = settings.params.get("package").and_then(|package| package.as_str()).map(str::to_owned);
    told.or_else(|| {
        let url = Url::parse(answer.url?).ok()?;
        let mut parts = url.path_segments()?.skip_while(|part| *part != "applications");
        parts.nth(1).filter(|part| !part.is_empty()).map(str::to_owned)
    })
}

fn take(parsed: &mut Parsed, settings: &Settings, app: Option<&str>, review: &Node<'_>) {
    let Some(id) = review.id("reviewId").filter(|id| id.len() <= 512) else {
        parsed.reject(review.at(), "has no reviewId");
        return;
    };
    if parsed.posts.iter().any(|post| post.id == id) {
        return;
    }
    let comments = review.list("comments").unwrap_or_default();
    let users = comments.iter().filter_map(|comment| comment.get("userComment"));
    // One is usual; of several the newest is what the author says now.
    let Some(user) = users.max_by_key(modified) else {
        // Only our own answer is left: no words of a customer, and no fault either.
        if !comments.iter().any(|comment| comment.has("developerComment")) {
            parsed.reject(review.at(), "has no comment of a user");
        }
        return;
    };
    // Where a translation was asked for, what was written stands beside it.
    let written = user.text("originalText").or_else(|| user.text("text")).unwrap_or_default();
    let (title, words) = match written.split_once('\t') {
        Some((title, words)) => (Some(text::one_line(title)).filter(|title| !title.is_empty()), words),
        None => (None, written),
    };
    let words = text::plain(words);
    let stars = user.number("starRating").and_then(|stars| rating::stars(stars, MOST_STARS));
    if title.is_none() && words.is_empty() && stars.is_none() {
        parsed.reject(user.at(), "has neither words nor stars");
        return;
    }
    let version = user.text("appVersionName").map(|version| format!("version {}", text::one_line(version)));
    let text = rating::under(&[stars, version], &words);
    let url = app.and_then(|app| {
        let pairs = [("id", app), ("reviewId", &id)];
        Url::parse_with_params("https://play.google.com/store/apps/details", pairs).ok()
    });
    parsed.posts.push(Post {
        source: settings.id.clone(),
        site: "play.google.com".to_owned(),
        version: record::version(title.as_deref(), &text, false),
        aliases: Vec::new(),
        kind: PostKind::Review,
        url: url.map(Into::into),
        author: review.author("authorName"),
        created_at: modified(&user),
        title,
        text,
        lang: user.lang("reviewerLanguage"),
        parent: None,
        reach: None,
        deleted: false,
        id,
    });
}

/// When a comment was written or changed last: seconds and nanoseconds, each as a number or a text.
fn modified(comment: &Node<'_>) -> Option<Timestamp> {
    let told = comment.get("lastModified")?;
    if !told.value().is_object() {
        return comment.time("lastModified");
    }
    let seconds = i64::try_from(told.number("seconds")?).ok()?;
    let nanos = told.number("nanos").and_then(|nanos| i32::try_from(nanos).ok()).unwrap_or(0);
    Timestamp::new(seconds, nanos).or_else(|_| Timestamp::from_second(seconds)).ok()
}
