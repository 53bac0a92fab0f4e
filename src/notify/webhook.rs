//! Channel kind `webhook`: posts JSON, signed by the Standard Webhooks scheme when there is a
//! secret. `webhook-id` and `Idempotency-Key` carry the message's key, the same at every try, so
//! that the other side can tell a repetition.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::chat::Format;
use super::{Channel, Kind, Message, Retry, SendError, Settings, Tools, params};
use crate::domain::problem::{Problem, Problems};
use crate::domain::secret::SecretRef;
use crate::net::Client;
use crate::net::standard_webhooks::{self, Key};
use crate::runtime::secret;

/// This kind.
pub const KIND: Kind = Kind {
    name: "webhook",
    about: "posts signed JSON, or chat text; params: url, secret, format, allow_private",
    check,
    build,
};

/// A Retry-After beyond this is not believed.
const LONGEST_REST: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Deserialize)]
struct Params {
    url: String,
    secret: Option<SecretRef>,
    #[serde(default)]
    allow_private: bool,
    #[serde(default)]
    format: Format,
}

fn check(settings: &Settings, _tools: &Tools) -> Problems {
    let mut problems = params::unknown_keys(&settings.params, &["url", "secret", "allow_private", "format"]);
    match params::read::<Params>(&settings.params) {
        Err(problem) => problems.push(problem.remedy(
            "write url = \"https://…\", secret = { credential = \"hook\" }, \
             format = \"earmark\", \"slack\", \"mattermost\", \"teams\" or \"discord\"",
        )),
        Ok(params) => {
            if let Err(why) = address(&params.url) {
                problems.push(Problem::new("url", why).remedy("write url = \"https://host/path\""));
            }
            if params.secret.is_none() && params.format == Format::Earmark {
                problems.push(
                    Problem::new("secret", "is missing: the receiver cannot tell who sent a message")
                        .remedy("add secret = { credential = \"…\" }, { file = … } or { env = … }")
                        .warning(),
                );
            }
        }
    }
    problems
}

fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err("must begin with https:// or http://".into()),
    }
}

fn build(settings: &Settings, tools: &Tools) -> Result<Box<dyn Channel>, String> {
    let params: Params = params::read(&settings.params).map_err(|problem| problem.to_string())?;
    let secret = params.secret.as_ref().map(secret::fetch).transpose()?;
    let key = secret.map(|secret| Key::new(secret.expose_secret())).transpose();
    Ok(Box::new(Webhook {
        url: address(&params.url)?,
        key: key.map_err(|why| format!("the secret cannot sign: {why}"))?,
        allow_private: params.allow_private,
        format: params.format,
        http: tools.http.clone(),
    }))
}

struct Webhook {
    url: Url,
    key: Option<Key>,
    allow_private: bool,
    format: Format,
    http: Client,
}

impl Webhook {
    /// The host only: the path of a chat's hook is its password.
    fn place(&self) -> &str {
        self.url.host_str().unwrap_or("the webhook")
    }
}

#[async_trait]
impl Channel for Webhook {
    fn recipients(&self) -> Vec<String> {
        Vec::new()
    }

    async fn send(&self, message: &Message, _recipient: Option<&str>) -> Result<(), SendError> {
        let body = self.format.body(message).to_string().into_bytes();
        // The wall's time, not that of the decision: the receiver refuses what it finds old, and
        // a held message may be hours old.
        let at = Timestamp::now();
        let mut headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("idempotency-key".to_owned(), message.key.clone()),
            ("webhook-id".to_owned(), message.key.clone()),
            ("webhook-timestamp".to_owned(), at.as_second().to_string()),
        ];
        if let Some(key) = &self.key {
            let signature = standard_webhooks::sign(key, &message.key, at, &body);
            headers.push(("webhook-signature".to_owned(), signature));
        }
        let sent = self.http.post(self.url.as_str(), &headers, body, self.allow_private).await;
        let reply = sent.map_err(|error| SendError {
            what: error.to_string(),
            retry: if error.may_pass() { Retry::Soon } else { Retry::Never },
        })?;
        match from_status(reply.status, reply.header("retry-after"), at) {
            None => Ok(()),
            Some(retry) => {
                Err(SendError { what: format!("{} answered {}", self.place(), reply.status), retry })
            }
        }
    }

    async fn probe(&self) -> Result<(), SendError> {
        // Any answer shows that somebody is there; an empty message would be read by people.
        let place = self.place();
        let port = self.url.port_or_known_default().unwrap_or(443);
        let fault = |why: String| Err(SendError { what: format!("{place} {why}"), retry: Retry::Soon });
        match tokio::net::lookup_host((place, port)).await.map(|mut found| found.next()) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => fault("has no address".into()),
            Err(error) => fault(format!("was not found: {error}")),
        }
    }
}

/// What a status means for trying again; none: taken. A redirect is not followed, since a moved
/// hook may lie in other hands: it counts as a refusal.
fn from_status(status: u16, retry_after: Option<&str>, now: Timestamp) -> Option<Retry> {
    let rest = || {
        let text = retry_after?.trim();
        let rest = match text.parse::<u32>() {
            Ok(seconds) => SignedDuration::from_secs(i64::from(seconds)),
            Err(_) => {
                let at = Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()?;
                at.duration_since(now)
            }
        };
        (rest > SignedDuration::ZERO).then(|| Retry::After(rest.min(LONGEST_REST)))
    };
    match status {
        200..=299 => None,
        408 | 425 => Some(Retry::Soon),
        429 => Some(rest().unwrap_or(Retry::Soon)),
        300..=499 => Some(Retry::Never),
        _ => Some(rest().unwrap_or(Retry::Soon)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_trying_again_helps() {
        let now: Timestamp = "2026-01-12T13:00:00Z".parse().expect("a time");
        let after = |seconds| Some(Retry::After(SignedDuration::from_secs(seconds)));
        for (status, header, expected) in [
            (204, None, None),
            (301, None, Some(Retry::Never)),
            (400, Some("9"), Some(Retry::Never)),
            (410, None, Some(Retry::Never)),
            (429, Some("120"), after(120)),
            (429, Some("soon"), Some(Retry::Soon)),
            (503, Some("Mon, 12 Jan 2026 13:05:00 GMT"), after(300)),
            (503, Some("Mon, 12 Jan 2026 12:00:00 GMT"), Some(Retry::Soon)),
            (503, Some("99999999"), after(86_400)),
            (500, None, Some(Retry::Soon)),
        ] {
            assert_eq!(from_status(status, header, now), expected, "{status} {header:?}");
        }
    }
}
