//! A walk over a foreign JSON value: every step says what it gives as a type, and every place knows its
//! pointer, for rejects. Nothing here fails: what is absent or of another type is none.

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::source::record::date;
use crate::source::text;

/// A value and where it stands in the answer.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    value: &'a Value,
    at: String,
}

impl<'a> Node<'a> {
    /// The whole answer.
    pub fn root(value: &'a Value) -> Self {
        Self { value, at: String::new() }
    }

    /// The value itself.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// Its JSON pointer.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// What stands under a key; null is absent.
    pub fn get(&self, key: &str) -> Option<Node<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Node { value, at: format!("{}/{}", self.at, key.replace('~', "~0").replace('/', "~1")) })
    }

    /// What stands at a JSON pointer below; null is absent.
    pub fn find(&self, pointer: &str) -> Option<Node<'a>> {
        let value = self.value.pointer(pointer).filter(|value| !value.is_null())?;
        Some(Node { value, at: format!("{}{pointer}", self.at) })
    }

    /// Whether there is such a key, null or not.
    pub fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    /// Its elements; none unless it is a list.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = Node<'a>> + ExactSizeIterator + use<'a> {
        let at = self.at.clone();
        let list = self.value.as_array().map_or(&[][..], Vec::as_slice);
        list.iter().enumerate().map(move |(index, value)| Node { value, at: format!("{at}/{index}") })
    }

    /// The elements of the list under a key, if there is a list.
    pub fn list(&self, key: &str) -> Option<Vec<Node<'a>>> {
        let node = self.get(key)?;
        node.value.is_array().then(|| node.items().collect())
    }

    /// A text as written; one without a word is absent.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key)?.as_str().filter(|text| !text.trim().is_empty())
    }

    /// A name or number of something: a text or a whole number, as a text.
    pub fn id(&self, key: &str) -> Option<String> {
        match self.value.get(key)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            _ => None,
        }
    }

    /// A whole number, also one in quotes.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.value.get(key)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Yes; anything else is no.
    pub fn flag(&self, key: &str) -> bool {
        self.value.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// An instant in any form that [`time`] reads.
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        time(self.value.get(key)?)
    }

    /// HTML as plain text, relative links read against `base`; absent when no word is left.
    pub fn html(&self, key: &str, base: Option<&Url>) -> Option<String> {
        Some(text::from_html(self.value.get(key)?.as_str()?, base)).filter(|words| !words.is_empty())
    }

    /// Plain text with its white space in order; absent when no word is left.
    pub fn words(&self, key: &str) -> Option<String> {
        Some(text::plain(self.value.get(key)?.as_str()?)).filter(|words| !words.is_empty())
    }

    /// A headline: one line, character references resolved, without markup.
    pub fn title(&self, key: &str) -> Option<String> {
        Some(text::line_from_html(self.value.get(key)?.as_str()?)).filter(|title| !title.is_empty())
    }

    /// A web address; anything else is absent, for links are shown to people.
    pub fn link(&self, key: &str) -> Option<String> {
        let text = self.text(key)?.trim();
        let url = Url::parse(text).ok()?;
        (matches!(url.scheme(), "http" | "https") && text.len() <= 4_096).then(|| text.to_owned())
    }

    /// A name as shown, without a leading `@`.
    pub fn author(&self, key: &str) -> Option<String> {
        let name = text::one_line(self.text(key)?);
        let name = name.trim_start_matches('@');
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// A BCP 47 language, lower case; what people write instead is none.
    pub fn lang(&self, key: &str) -> Option<String> {
        let tag = self.text(key)?.trim().replace('_', "-").to_ascii_lowercase();
        let first = tag.split('-').next().unwrap_or_default();
        let fits = (2..=3).contains(&first.len())
            && first.bytes().all(|byte| byte.is_ascii_alphabetic())
            && tag.len() <= 35
            && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        // "und" and "zxx" say that nobody knows, or that there are no words.
        (fits && !matches!(first, "und" | "zxx" | "qme" | "qst" | "qht" | "art")).then_some(tag)
    }
}

/// An instant: RFC 3339 and its relatives (an offset without a colon, none at all), RFC 2822, `Wed Oct 10
/// 20:19:24 +0000 2018`, seconds, milliseconds or microseconds since 1970, as a number or a text.
pub fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => date::parse(text).or_else(|| {
            let forms = ["%a %b %d %H:%M:%S %z %Y", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z"];
            forms.iter().find_map(|form| Timestamp::strptime(form, text.trim()).ok())
        }),
        Value::Number(number) => match number.as_i64() {
            Some(whole @ 0..100_000_000_000) => Timestamp::from_second(whole).ok(),
            Some(whole @ 100_000_000_000..100_000_000_000_000) => Timestamp::from_millisecond(whole).ok(),
            Some(whole) => Timestamp::from_microsecond(whole).ok(),
            None => date::parse(&number.as_f64().filter(|number| number.is_finite())?.to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_know_where_they_are() {
        let value =
            json!({ "data": { "a/b": [{ "id": 7 }, { "id": "x" }, { "id": 1.5 }, null] }, "none": null });
        let root = Node::root(&value);
        let list = root.get("data").and_then(|data| data.list("a/b")).expect("a list");
        let said: Vec<_> = list.iter().map(|node| (node.at(), node.id("id"))).collect();
        assert_eq!(said[1], ("/data/a~1b/1", Some("x".into())));
        assert_eq!(
            said.iter().map(|(_, id)| id.as_deref()).collect::<Vec<_>>(),
            [Some("7"), Some("x"), None, None]
        );
        assert!(root.get("none").is_none() && root.has("none") && root.list("data").is_none());
        assert_eq!(
            root.find("/data/a~1b/0").map(|node| node.at().to_owned()).as_deref(),
            Some("/data/a~1b/0")
        );
        assert!(list.iter().all(|node| value.pointer(node.at()).is_some()));
    }

    #[test]
    fn every_value_is_read_as_what_it_should_be_or_not_at_all() {
        let value = json!({
            "html": "<p>Acme &amp; <a href=\"/x\">more</a></p>", "title": " Acme &#39;s\n<b>day</b> ", "blank": " ",
            "link": "javascript:alert(1)", "page": "https://acme.example/a", "author": "@ann", "n": "12", "yes": true,
            "lang": "pt_BR", "word": "English (US)", "und": "und",
        });
        let node = Node::root(&value);
        assert_eq!(node.html("html", None).as_deref(), Some("Acme & more"));
        assert_eq!(node.title("title").as_deref(), Some("Acme 's day"));
        assert_eq!((node.text("blank"), node.link("link"), node.words("blank")), (None, None, None));
        assert_eq!(node.link("page").as_deref(), Some("https://acme.example/a"));
        assert_eq!(
            (node.author("author").as_deref(), node.number("n"), node.flag("yes")),
            (Some("ann"), Some(12), true)
        );
        assert_eq!(
            (node.lang("lang").as_deref(), node.lang("word"), node.lang("und")),
            (Some("pt-br"), None, None)
        );
        assert!(!node.flag("n") && node.time("page").is_none());
    }

    #[test]
    fn instants_are_read_in_every_form() {
        for value in [
            json!("2018-10-10T20:19:24Z"),
            json!("2018-10-10T20:19:24.000Z"),
            json!("2018-10-10T15:19:24.000-05:00"),
            json!("2018-10-10T20:19:24+0000"),
            json!("Wed Oct 10 20:19:24 +0000 2018"),
            json!("Wed, 10 Oct 2018 20:19:24 GMT"),
            json!("2018-10-10 20:19:24 UTC"),
            json!("1539202764"),
            json!(1_539_202_764),
            json!(1_539_202_764.0),
            json!(1_539_202_764_000_i64),
            json!(1_539_202_764_000_000_i64),
        ] {
            assert_eq!(time(&value).map(|at| at.as_second()), Some(1_539_202_764), "{value}");
        }
        for value in [json!("soon"), json!(null), json!(true), json!(""), json!(-1e300), json!({})] {
            assert_eq!(time(&value), None, "{value}");
        }
    }
}
