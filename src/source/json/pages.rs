//! How the next page is found and asked for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::source::{Answer, api};

/// The way to the next page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Turn {
    /// One page is all.
    #[default]
    None,
    /// A `Link` header.
    Link,
    /// An address at this pointer.
    Address(String),
    /// A token at this pointer, sent in this parameter.
    Token { at: String, param: String },
    /// Pages are counted.
    Number { param: String, first: u64 },
    /// Items are counted.
    Offset { param: String },
}

/// Pages of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    pub turn: Turn,
    /// Where the answer says that there is more.
    pub more: Option<String>,
    /// Where the answer says that this is the end.
    pub end: Option<String>,
    /// Items of a full page, where counted.
    pub size: Option<usize>,
    /// Most pages of one look.
    pub most: usize,
}

impl Default for Paging {
    fn default() -> Self {
        Self { turn: Turn::None, more: None, end: None, size: None, most: 10 }
    }
}

/// A page that is not the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// It has an address of its own.
    Address(String),
    /// The place named it.
    Token(String),
    /// Its number, or how many items come before it.
    Count(u64),
}

impl Paging {
    /// The parameter that takes a page, if one does.
    pub fn param(&self) -> Option<&str> {
        match &self.turn {
            Turn::Token { param, .. } | Turn::Number { param, .. } | Turn::Offset { param } => Some(param),
            Turn::None | Turn::Link | Turn::Address(_) => None,
        }
    }

    /// The page after this one, if there is one: `items` stood in the answer to `asked`.
    ///
    /// # Errors
    /// When the place names a page of somebody else: what signs us in goes nowhere else.
    pub fn next(
        &self,
        now: Option<&At>,
        answer: &Answer<'_>,
        value: &Value,
        items: usize,
        asked: &str,
    ) -> Result<Option<At>, String> {
        let said = |at: &Option<String>| at.as_ref().map(|at| value.pointer(at).is_some_and(is_yes));
        let told = said(&self.more).or(said(&self.end).map(|end| !end));
        // An empty page is the last, unless the place says otherwise.
        if !told.unwrap_or(items > 0) {
            return Ok(None);
        }
        let token = |at: &str| match value.pointer(at)? {
            Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let count = match now {
            Some(At::Count(count)) => Some(*count),
            _ => None,
        };
        let is_short = self.size.is_some_and(|size| items < size);
        let next = match &self.turn {
            Turn::None => None,
            Turn::Link => api::next_page(answer).map(At::Address),
            Turn::Address(at) => match token(at) {
                Some(next) => {
                    let base = Url::parse(answer.url.unwrap_or(asked)).ok();
                    let next = base.and_then(|base| base.join(&next).ok());
                    Some(At::Address(next.ok_or("the next page is no address")?.into()))
                }
                None => None,
            },
            Turn::Token { at, .. } => token(at).map(At::Token),
            Turn::Number { .. } | Turn::Offset { .. } if is_short && told.is_none() => None,
            Turn::Number { first, .. } => Some(At::Count(count.unwrap_or(*first) + 1)),
            Turn::Offset { .. } => Some(At::Count(count.unwrap_or(0) + items as u64)),
        };
        if let Some(At::Address(next)) = &next {
            let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
            if origin(next) != origin(asked) {
                return Err("names a next page at another address than its own".into());
            }
        }
        Ok(next.filter(|next| Some(next) != now))
    }

    /// The address and the body that ask for a page.
    pub fn question(
        &self,
        url: &str,
        body: Option<&Value>,
        at: Option<&At>,
        since: Option<(&str, Value)>,
    ) -> (String, Option<Value>) {
        let (mut url, mut body) = (url.to_owned(), body.cloned());
        if let Some(At::Address(next)) = at {
            return (next.clone(), body);
        }
        if let Some((param, value)) = since {
            put(&mut url, &mut body, param, value);
        }
        if let (Some(param), Some(at)) = (self.param(), at) {
            let value = match at {
                At::Count(count) => (*count).into(),
                At::Token(token) | At::Address(token) => token.as_str().into(),
            };
            put(&mut url, &mut body, param, value);
        }
        (url, body)
    }
}

/// An address without one parameter of its query.
pub fn without(url: &str, name: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    let kept: Vec<(String, String)> =
        parsed.query_pairs().filter(|(found, _)| found != name).map(|(a, b)| (a.into(), b.into())).collect();
    parsed.query_pairs_mut().clear().extend_pairs(kept);
    parsed.into()
}

fn is_yes(value: &Value) -> bool {
    match value {
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.to_lowercase().as_str(), "" | "false" | "no" | "0"),
        _ => false,
    }
}

/// Puts a value into the query in place of what stands there under its name, or into the body at its pointer.
fn put(url: &mut String, body: &mut Option<Value>, param: &str, value: Value) {
    if param.starts_with('/') {
        set(body.get_or_insert_with(|| Map::new().into()), param, value);
        return;
    }
    let Ok(mut parsed) = Url::parse(url) else { return };
    let kept: Vec<(String, String)> =
        parsed.query_pairs().filter(|(name, _)| name != param).map(|(a, b)| (a.into(), b.into())).collect();
    let written = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    parsed.query_pairs_mut().clear().extend_pairs(kept).append_pair(param, &written);
    *url = parsed.into();
}

/// Sets what stands at a pointer; tables on the way are made.
fn set(whole: &mut Value, pointer: &str, value: Value) {
    let mut place = whole;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let index = part.parse::<usize>().ok();
        if let (Some(index), Value::Array(list)) = (index, &*place)
            && index < list.len()
        {
            place = &mut place[index];
            continue;
        }
        if !place.is_object() {
            *place = Map::new().into();
        }
        place = &mut place[part.as_str()];
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paging(turn: Turn) -> Paging {
        Paging { turn, ..Paging::default() }
    }

    const ASKED: &str = "https://acme.example/t?a=1&page=1";

    #[test]
    fn the_next_page_is_found_in_every_way() {
        let answer = Answer { url: Some(ASKED), ..Answer::saved(b"") };
        let next = |paging: &Paging, now: Option<&At>, value: Value, items: usize| {
            paging.next(now, &answer, &value, items, ASKED)
        };
        let address = paging(Turn::Address("/next".into()));
        let token = paging(Turn::Token { at: "/next".into(), param: "after".into() });
        assert_eq!(
            next(&address, None, json!({ "next": "/t?b" }), 1),
            Ok(Some(At::Address("https://acme.example/t?b".into())))
        );
        assert!(next(&address, None, json!({ "next": "https://globex.example/" }), 1).is_err());
        assert_eq!(next(&address, None, json!({ "next": null }), 1), Ok(None));
        assert_eq!(next(&token, None, json!({ "next": 7 }), 1), Ok(Some(At::Token("7".into()))));
        assert_eq!(next(&token, Some(&At::Token("7".into())), json!({ "next": 7 }), 1), Ok(None), "a circle");
        let ended = Paging { end: Some("/end".into()), ..token };
        assert_eq!(next(&ended, None, json!({ "next": "x", "end": true }), 1), Ok(None));
        assert_eq!(
            next(&ended, None, json!({ "next": "x", "end": false }), 0),
            Ok(Some(At::Token("x".into())))
        );
        let number = Paging { size: Some(2), ..paging(Turn::Number { param: "page".into(), first: 1 }) };
        assert_eq!(next(&number, None, json!({}), 2), Ok(Some(At::Count(2))));
        assert_eq!(next(&number, Some(&At::Count(2)), json!({}), 1), Ok(None));
        let offset = paging(Turn::Offset { param: "from".into() });
        assert_eq!(next(&offset, Some(&At::Count(4)), json!({}), 2), Ok(Some(At::Count(6))));
        assert_eq!(next(&offset, None, json!({}), 0), Ok(None));
    }

    #[test]
    fn values_stand_where_they_should() {
        let number = paging(Turn::Number { param: "page".into(), first: 1 });
        let since = Some(("since", json!("2026-03-04T12:00:00Z")));
        let (url, body) = number.question(ASKED, None, Some(&At::Count(2)), since);
        assert_eq!(url, "https://acme.example/t?a=1&since=2026-03-04T12%3A00%3A00Z&page=2");
        assert_eq!(body, None);
        let token = paging(Turn::Token { at: "/n".into(), param: "/pagination/after".into() });
        let body = json!({ "query": [{ "value": 0 }] });
        let (url, body) = token.question(
            ASKED,
            Some(&body),
            Some(&At::Token("x".into())),
            Some(("/query/0/value", json!(7))),
        );
        assert_eq!(url, ASKED);
        assert_eq!(body, Some(json!({ "query": [{ "value": 7 }], "pagination": { "after": "x" } })));
    }
}
