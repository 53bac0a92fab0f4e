//! What kinds on JSON interfaces have in common: a signed, budgeted way to ask ([`Api`]), a walk over foreign
//! values that knows where it is ([`Node`]), what an error looks like, where the next page is.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::fetch::{self, Ask, Fetcher};
use super::{Nothing, SourceError, Terms, Tools};
use crate::domain::secret::SecretRef;
use crate::runtime::secret;

pub mod back;
mod climb;
pub mod look;
mod node;
mod open;

pub use climb::Climb;
pub use look::Look;
pub use node::{Node, time};

/// What signs us in. Its text is shown nowhere; its account is a hash, so that one key in two sources is one
/// account to the budgets.
#[derive(Clone)]
pub struct Credential {
    secret: SecretString,
    account: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl Credential {
    /// The secret behind a pointer, as `Params::secret` reads it.
    ///
    /// # Errors
    /// Which place could not be read and what to do.
    pub fn fetch(pointer: &SecretRef) -> Result<Self, String> {
        Ok(Self::new(secret::fetch(pointer)?))
    }

    /// From a secret at hand: a token that was given for another one.
    pub fn new(secret: SecretString) -> Self {
        let account = super::record::version(None, secret.expose_secret(), false);
        Self { secret, account }
    }

    /// For requests only.
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }

    /// A name for the budgets.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// This credential counted as another one: a token that is renewed stays one account.
    #[must_use]
    pub fn counted_as(self, other: &Credential) -> Self {
        Self { account: other.account.clone(), ..self }
    }
}

/// How a credential goes into a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `authorization: Bearer …`.
    Bearer,
    /// A header of that name.
    Header(&'static str),
    /// A query parameter of that name; messages show names only.
    Query(&'static str),
}

/// Asks one interface, signed, within its terms.
#[derive(Clone)]
pub struct Api {
    fetch: Arc<Fetcher>,
    terms: &'static Terms,
    credential: Option<(Credential, Sign)>,
    headers: Vec<(String, String)>,
    allow_private: bool,
    bucket: &'static str,
    cost: u32,
}

impl Api {
    /// By nobody in particular.
    pub fn new(tools: &Tools, terms: &'static Terms) -> Self {
        Self {
            fetch: Arc::clone(&tools.fetch),
            terms,
            credential: None,
            headers: Vec::new(),
            allow_private: false,
            bucket: "",
            cost: 1,
        }
    }

    /// Signed, where there is a credential.
    #[must_use]
    pub fn signed(self, credential: Option<Credential>, sign: Sign) -> Self {
        Self { credential: credential.map(|credential| (credential, sign)), ..self }
    }

    /// With a header in every request; never a secret.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether private networks may be reached.
    #[must_use]
    pub fn private(self, allow_private: bool) -> Self {
        Self { allow_private, ..self }
    }

    /// The same, counted under a name of its own and at this price.
    #[must_use]
    pub fn counted(&self, bucket: &'static str, cost: u32) -> Self {
        Self { bucket, cost, ..self.clone() }
    }

    /// Asks for an address. An error status is an error.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn get(&self, url: &str) -> Result<fetch::Answer, SourceError> {
        self.ask(url, None, false).await
    }

    /// Asks for an address; an error status is an answer, for places whose body says more.
    ///
    /// # Errors
    /// Where there is no answer at all.
    pub async fn get_any(&self, url: &str) -> Result<fetch::Answer, SourceError> {
        self.ask(url, None, true).await
    }

    /// Sends JSON: a question in a query language.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn post(&self, url: &str, body: &Value) -> Result<fetch::Answer, SourceError> {
        self.ask(url, Some(("application/json", body.to_string().into())), false).await
    }

    /// Sends a form, as those who give tokens want it.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<fetch::Answer, SourceError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.ask(url, Some(("application/x-www-form-urlencoded", body.into())), false).await
    }

    /// Leaves the place alone for that long: some say so in the body of an answer.
    pub fn pause(&self, url: &str, wait: SignedDuration) {
        let account = self.credential.as_ref().map(|(credential, _)| credential.account());
        self.fetch.pause(url, account, self.bucket, wait);
    }

    /// Sends a form; an error status is an answer, for places whose body says more.
    ///
    /// # Errors
    /// Where there is no answer at all.
    pub async fn post_form_any(
        &self,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<fetch::Answer, SourceError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.ask(url, Some(("application/x-www-form-urlencoded", body.into())), true).await
    }

    /// The address and the headers as they are sent.
    fn signature(&self, url: &str) -> (String, Vec<(String, String)>) {
        let mut url = url.to_owned();
        let mut headers = self.headers.clone();
        match &self.credential {
            Some((credential, Sign::Bearer)) => {
                headers.push(("authorization".into(), format!("Bearer {}", credential.expose())));
            }
            Some((credential, Sign::Header(name))) => {
                headers.push(((*name).to_owned(), credential.expose().to_owned()));
            }
            Some((credential, Sign::Query(name))) => url = with_query(&url, &[(name, credential.expose())]),
            None => {}
        }
        (url, headers)
    }

    async fn ask(
        &self,
        url: &str,
        body: Option<(&str, Bytes)>,
        any: bool,
    ) -> Result<fetch::Answer, SourceError> {
        let (url, headers) = self.signature(url);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let ask = Ask {
            headers: &headers,
            body,
            account: self.credential.as_ref().map(|(credential, _)| credential.account()),
            bucket: self.bucket,
            cost: self.cost,
            allow_private: self.allow_private,
            ..Ask::get(&url, self.terms)
        };
        if any { self.fetch.ask_any(&ask).await } else { self.fetch.ask(&ask).await }
    }
}

/// The address with more in its query.
pub fn with_query(url: &str, pairs: &[(&str, &str)]) -> String {
    let Ok(mut parsed) = url::Url::parse(url) else { return url.to_owned() };
    parsed.query_pairs_mut().extend_pairs(pairs);
    parsed.into()
}

/// The next page as a `Link` header names it (RFC 8288), made whole.
pub fn next_page(answer: &super::Answer<'_>) -> Option<String> {
    linked(answer, "next")
}

/// The page of that relation as a `Link` header names it (RFC 8288), made whole.
pub fn linked(answer: &super::Answer<'_>, relation: &str) -> Option<String> {
    let base = url::Url::parse(answer.url?).ok()?;
    let headers = answer.headers.iter().filter(|(name, _)| name == "link");
    let link = headers.flat_map(|(_, value)| links(value)).find(|(_, parameters)| {
        parameters.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && relations.any(|word| word.eq_ignore_ascii_case(relation))
        })
    })?;
    base.join(link.0).ok().map(Into::into)
}

/// The targets of a `Link` header with their parameters. Commas stand inside targets too.
fn links(value: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, opened)| opened.split_once('>')) {
        let end = after.find(",<").or_else(|| after.find(", <")).unwrap_or(after.len());
        found.push((target, &after[..end]));
        rest = &after[end..];
    }
    found
}

/// Whether a value is how interfaces say that they did not do what was asked. For kinds to ask first; what is
/// special to a place is the kind's to know.
pub fn error(value: &Value) -> Option<Nothing> {
    let object = value.as_object()?;
    let said = |name: &str| {
        object.get(name).is_some_and(|value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(object) => !object.is_empty(),
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::Bool(true) => true,
        })
    };
    let no = |name: &str| object.get(name) == Some(&Value::Bool(false));
    let no_data = !said("data");
    let code = ["status", "code", "statusCode", "error_code"].iter().any(|name| {
        let value = object.get(*name);
        value.and_then(Value::as_u64).is_some_and(|code| (400..600).contains(&code))
            || value
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok())
                .is_some_and(|code: u64| (400..600).contains(&code))
    });
    let words = ["message", "title", "detail", "reason"].iter().any(|name| said(name));
    let is_error = (no_data
        && (said("error") || said("errors") || said("error_message") || said("error_description")))
        || said("error_id")
        || no("ok")
        || (no("success") && no_data)
        || (code && (words || object.len() <= 3))
        || (said("message") && said("documentation_url"));
    is_error.then_some(Nothing::ErrorAnswer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::Answer;

    #[test]
    fn an_error_is_known_by_what_it_says() {
        for yes in [
            json!({ "error": "invalid_token" }),
            json!({ "error": { "code": 190, "message": "expired" } }),
            json!({ "errors": [{ "title": "Unauthorized" }], "status": 401 }),
            json!({ "message": "Not Found", "documentation_url": "https://acme.example/" }),
            json!({ "error_id": 502, "error_name": "throttle_violation", "items": [] }),
            json!({ "ok": false, "description": "Unauthorized" }),
            json!({ "status": "404", "title": "Not Found" }),
            json!({ "message": "Forbidden", "code": 403 }),
        ] {
            assert_eq!(error(&yes), Some(Nothing::ErrorAnswer), "{yes}");
        }
        for no in [
            json!({ "error": null, "items": [] }),
            json!({ "data": [{ "id": "1" }], "errors": [{ "title": "Not Found" }] }),
            json!({ "ok": true, "result": [] }),
            json!({ "message": "a chat message", "id": 1 }),
            json!([{ "error": "inside a list" }]),
            json!("error"),
        ] {
            assert_eq!(error(&no), None, "{no}");
        }
    }

    #[test]
    fn the_next_page_is_found_among_links() {
        let next = |link: &str| {
            let headers = [("link".to_owned(), link.to_owned())];
            let url = Some("https://acme.example/api/list?page=1");
            next_page(&Answer { url, headers: &headers, ..Answer::saved(b"") })
        };
        for (link, expected) in [
            (
                "<https://acme.example/api/list?page=2>; rel=\"next\"",
                Some("https://acme.example/api/list?page=2"),
            ),
            (
                "<?ids=1,2&page=9>; rel=last, <?ids=1,2&page=2>; title=\"x\"; rel=\"prev next\"",
                Some("https://acme.example/api/list?ids=1,2&page=2"),
            ),
            ("</a>; rel=\"prev\",</b>; REL=next", Some("https://acme.example/b")),
            ("<https://acme.example/>; rel=\"prev\"", None),
            ("nonsense", None),
            ("<", None),
        ] {
            assert_eq!(next(link).as_deref(), expected, "{link}");
        }
        assert_eq!(next_page(&Answer::saved(b"")), None);
    }

    #[test]
    fn a_credential_shows_nothing_and_is_one_account_wherever_it_is_used() {
        let credential = || Credential::new(SecretString::from("hunter2".to_owned()));
        let one = credential();
        assert!(!format!("{one:?} {}", one.account()).contains("hunter2"));
        assert_eq!(one.account(), credential().account());
        let token = Credential::new(SecretString::from("token".to_owned())).counted_as(&one);
        assert_eq!((token.expose(), token.account()), ("token", one.account()));
        assert_eq!(
            with_query("https://acme.example/a?b=1", &[("key", "x y")]),
            "https://acme.example/a?b=1&key=x+y"
        );
    }
}
