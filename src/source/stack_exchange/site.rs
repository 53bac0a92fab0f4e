//! Asks the Stack Exchange API: a wrapper around every answer, which also says how long to wait and what is
//! left for the day.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::TERMS;
use crate::source::api::{self, Api, Credential, Node, Sign};
use crate::source::fetch::{self, from_status};
use crate::source::{Nothing, Retry, SourceError, Tools};

/// The site asks for this much where it does not say.
const UNSAID: SignedDuration = SignedDuration::from_mins(1);

pub(super) struct Site {
    api: Api,
    base: String,
}

/// An answer that is in order.
pub(super) struct Page {
    pub answer: fetch::Answer,
    pub more: bool,
}

impl Site {
    pub(super) fn new(tools: &Tools, base: &str, key: Option<Credential>, private: bool) -> Self {
        let api = Api::new(tools, &TERMS).signed(key, Sign::Query("key")).private(private);
        Self { api, base: base.to_owned() }
    }

    /// Asks for a path below the interface's version.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Page, SourceError> {
        let url = api::with_query(&format!("{}{path}", self.base), query);
        let answer = self.api.get_any(&url).await?;
        let shown = format!("{}{path}", self.base);
        let error =
            |what: String, retry| SourceError { what: format!("{shown} {what}"), retry, position: None };
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let root = Node::root(&value);
        if let Some(wait) = wait(&root, now) {
            self.api.pause(&url, wait);
        }
        if let Some((what, retry)) = refusal(&root) {
            if let Retry::After(wait) = retry {
                self.api.pause(&url, wait);
            }
            return Err(error(what, retry));
        }
        if answer.status >= 400 {
            return Err(error(
                format!("answered {}", answer.status),
                from_status(answer.status, answer.rest),
            ));
        }
        if root.list("items").is_none() {
            let nothing = answer.borrowed().json().err().unwrap_or(Nothing::ForeignInterface);
            return Err(error(nothing.words().to_owned(), Retry::Soon));
        }
        Ok(Page { more: root.flag("has_more"), answer })
    }
}

/// For how long nothing more may be asked, says a wrapper.
fn wait(root: &Node<'_>, now: Timestamp) -> Option<SignedDuration> {
    let backoff = root.get("backoff").and_then(|node| node.value().as_f64()).filter(|seconds| *seconds > 0.0);
    #[expect(clippy::cast_possible_truncation, reason = "at most a day")]
    let backoff = backoff.map(|seconds| SignedDuration::from_secs(seconds.ceil().min(86_400.0) as i64));
    // What is left is counted anew every day.
    let spent = (root.number("quota_remaining") == Some(0)).then(|| {
        let second = now.as_second().rem_euclid(86_400);
        SignedDuration::from_secs(86_400 - second)
    });
    backoff.max(spent)
}

/// What an error says, with whatever status it comes.
fn refusal(root: &Node<'_>) -> Option<(String, Retry)> {
    let id = root.number("error_id")?;
    let name = root.text("error_name").unwrap_or("an error");
    let said = root.text("error_message").unwrap_or_default();
    // `too many requests from this IP, more requests available in 71664 seconds`
    let mut words = said.split_ascii_whitespace().rev().skip_while(|word| !word.starts_with("second"));
    let seconds =
        words.nth(1).and_then(|word| word.parse().ok()).map(|seconds: i64| seconds.clamp(1, 86_400));
    let retry = match id {
        502 | 429 => Retry::After(seconds.map_or(UNSAID, SignedDuration::from_secs)),
        500 | 503 => Retry::Soon,
        _ => Retry::Never,
    };
    let said = crate::source::text::cut(said, 200);
    Some((format!("answered {id} {name}: {said}"), retry))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn waits_as_long_as_the_wrapper_says() {
        let now: Timestamp = "2026-03-04T23:00:00Z".parse().expect("a time");
        for (value, expected) in [
            (json!({ "backoff": 10, "quota_remaining": 9 }), Some(10)),
            (json!({ "backoff": 0.2 }), Some(1)),
            (json!({ "backoff": 0, "quota_remaining": 1 }), None),
            (json!({ "backoff": 10, "quota_remaining": 0 }), Some(3_600)),
            (json!({}), None),
        ] {
            assert_eq!(wait(&Node::root(&value), now).map(|wait| wait.as_secs()), expected, "{value}");
        }
    }

    #[test]
    fn an_error_says_whether_and_when_to_ask_again() {
        let said = |id: u64, message: &str| {
            let value = json!({ "error_id": id, "error_name": "x", "error_message": message });
            refusal(&Node::root(&value)).map(|(_, retry)| retry)
        };
        let after = |seconds| Some(Retry::After(SignedDuration::from_secs(seconds)));
        assert_eq!(
            said(502, "too many requests from this IP, more requests available in 714 seconds"),
            after(714)
        );
        assert_eq!(said(502, "Violation of backoff parameter"), after(60));
        assert_eq!(said(503, "Service temporarily unavailable"), Some(Retry::Soon));
        assert_eq!(said(400, "`key` doesn't match a known application"), Some(Retry::Never));
        assert_eq!(refusal(&Node::root(&json!({ "items": [] }))), None);
    }
}
