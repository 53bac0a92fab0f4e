//! JSON Feed 1.0 and 1.1.

use serde_json::Value;
use url::Url;

use super::date;
use super::document::{Document, Entry, Unreadable, line, resolved};
use crate::source::text;

/// Reads a JSON Feed.
///
/// # Errors
/// When it is other JSON, or none.
pub fn read(json: &str, url: Option<&Url>) -> Result<Document, Unreadable> {
    let feed: Value = serde_json::from_str(json).map_err(|_| Unreadable::Unknown)?;
    let items = feed.get("items").and_then(Value::as_array).ok_or(Unreadable::OtherJson)?;
    let home = word(&feed, "home_page_url").and_then(|home| resolved(&home, url));
    let site = home.as_deref().and_then(|home| Url::parse(home).ok());
    let base = site.as_ref().or(url);
    Ok(Document {
        title: word(&feed, "title").and_then(|title| line(&title)),
        home,
        lang: word(&feed, "language"),
        author: author(&feed),
        ttl: None,
        entries: items.iter().map(|item| entry(item, base)).collect(),
    })
}

fn entry(item: &Value, base: Option<&Url>) -> Entry {
    let html = word(item, "content_html").map(|html| text::from_html(&html, base));
    let plain =
        || word(item, "content_text").or_else(|| word(item, "summary")).map(|words| text::plain(&words));
    let guid = word(item, "id").and_then(|id| line(&id));
    let link =
        word(item, "url").or_else(|| word(item, "external_url")).and_then(|link| resolved(&link, base));
    Entry {
        link: link.or_else(|| guid.clone().filter(|guid| guid.starts_with("http"))),
        title: word(item, "title")
            .map(|title| text::line_from_html(&title))
            .filter(|title| !title.is_empty()),
        body: html.filter(|body| !body.is_empty()).or_else(plain).unwrap_or_default(),
        enclosure: enclosure(item).and_then(|address| resolved(&address, base)),
        author: author(item),
        date: ["date_published", "date_modified"]
            .iter()
            .filter_map(|name| word(item, name))
            .find_map(|text| date::parse(&text)),
        lang: word(item, "language"),
        guid,
    }
}

fn enclosure(item: &Value) -> Option<String> {
    let attached = item.get("attachments").and_then(Value::as_array).and_then(|attached| attached.first());
    attached
        .and_then(|first| word(first, "url"))
        .or_else(|| word(item, "image"))
        .or_else(|| word(item, "banner_image"))
}

/// A string, or a number where people wrote one.
fn word(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn author(value: &Value) -> Option<String> {
    let listed = value.get("authors").and_then(Value::as_array).and_then(|authors| authors.first());
    word(listed.or_else(|| value.get("author"))?, "name").and_then(|name| line(&name))
}
