//! Asks a forum, and knows what its refusals mean.

use jiff::SignedDuration;
use serde_json::Value;

use super::TERMS;
use crate::source::api::{Api, Credential, Node, Sign};
use crate::source::fetch::{self, from_status};
use crate::source::{Nothing, Retry, SourceError, Tools};

pub(super) struct Site {
    api: Api,
    base: String,
}

/// An answer of the site about one thing.
pub(super) enum Said {
    There(Box<fetch::Answer>, Value),
    /// The site knows no such thing, or shows it to us no more.
    Gone,
}

impl Site {
    /// A key of the forum's staff acts for somebody; a person's own key needs no name.
    pub(super) fn new(
        tools: &Tools,
        base: &str,
        key: Option<Credential>,
        username: Option<&str>,
        private: bool,
    ) -> Self {
        let sign = if username.is_some() { Sign::Header("api-key") } else { Sign::Header("user-api-key") };
        let mut api = Api::new(tools, &TERMS).signed(key, sign).private(private);
        if let Some(name) = username {
            api = api.header("api-username", name);
        }
        Self { api, base: base.to_owned() }
    }

    /// Asks for a path that should be there.
    pub(super) async fn get(&self, path: &str) -> Result<(Box<fetch::Answer>, Value), SourceError> {
        match self.one(path).await? {
            Said::There(answer, value) => Ok((answer, value)),
            Said::Gone => Err(SourceError {
                what: format!("{}{} is not there, or not for us", self.base, shown(path)),
                retry: Retry::Never,
                position: None,
            }),
        }
    }

    /// Asks for something that may be gone.
    pub(super) async fn one(&self, path: &str) -> Result<Said, SourceError> {
        let url = format!("{}{path}", self.base);
        let answer = self.api.get_any(&url).await?;
        let error = |why: &str, retry| {
            Err(SourceError { what: format!("{}{} {why}", self.base, shown(path)), retry, position: None })
        };
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let root = Node::root(&value);
        let sort = root.text("error_type").unwrap_or_default();
        match answer.status {
            429 => {
                let said = root.find("/extras/wait_seconds").and_then(|node| node.value().as_i64());
                let said = said.map(|seconds| SignedDuration::from_secs(seconds.clamp(1, 86_400)));
                let wait = said.max(answer.rest).unwrap_or(SignedDuration::from_mins(1));
                self.api.pause(&url, wait);
                error("answered 429: it was asked too much", Retry::After(wait))
            }
            // Its own words, for what stands in front of a forum answers so too when the forum is down.
            404 | 410 if root.has("errors") => Ok(Said::Gone),
            401 | 403 if sort == "not_logged_in" => error("wants a login; name a key", Retry::Never),
            401 | 403 if sort == "invalid_access" => Ok(Said::Gone),
            401 | 403 => error(
                "refuses us: the key is not taken or has no right to this",
                from_status(403, answer.rest),
            ),
            status if status >= 400 => error(&format!("answered {status}"), from_status(status, answer.rest)),
            _ if answer.url.trim_end_matches('/').ends_with("/login") => {
                error("wants a login; name a key", Retry::Never)
            }
            _ => match answer.borrowed().json() {
                Ok(value) => Ok(Said::There(Box::new(answer), value)),
                Err(nothing) => error(nothing.words(), Retry::Soon),
            },
        }
    }
}

/// A path without what was searched for.
fn shown(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

pub(super) fn strange(path: &str, nothing: Nothing) -> SourceError {
    SourceError { what: format!("{} {}", shown(path), nothing.words()), retry: Retry::Soon, position: None }
}
