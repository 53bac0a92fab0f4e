//! Asks GitHub, and knows what its refusals mean: a 403 is a missing right, or a limit that names its end, or
//! one that does not.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::TERMS;
use crate::source::api::{Api, Credential, Sign};
use crate::source::fetch::{self, from_status};
use crate::source::{Nothing, Retry, SourceError, Tools};

/// The site asks for this much where it does not say how long its second limit lasts.
const UNSAID: SignedDuration = SignedDuration::from_mins(1);

pub(super) struct Site {
    api: Api,
    base: String,
    signed: bool,
}

/// What came back.
pub(super) enum Got {
    Fresh(Box<fetch::Answer>),
    /// What was had before still holds.
    Same,
}

impl Site {
    pub(super) fn new(tools: &Tools, base: &str, token: Option<Credential>, private: bool) -> Self {
        let signed = token.is_some();
        let api = Api::new(tools, &TERMS).signed(token, Sign::Bearer).private(private);
        Self { api: api.header("x-github-api-version", "2022-11-28"), base: base.to_owned(), signed }
    }

    pub(super) fn signed(&self) -> bool {
        self.signed
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A server of one's own has its two interfaces side by side.
    fn graphql(&self) -> String {
        self.base.strip_suffix("/v3").map_or_else(|| self.url("/graphql"), |base| format!("{base}/graphql"))
    }

    /// Asks for an address; with a validator, whether it holds still.
    pub(super) async fn get(
        &self,
        url: &str,
        bucket: &'static str,
        etag: Option<&str>,
    ) -> Result<Got, SourceError> {
        let mut api = self.api.counted(bucket, 1);
        if let Some(etag) = etag {
            api = api.header("if-none-match", etag);
        }
        let answer = api.get_any(url).await?;
        match refusal(&answer, Timestamp::now()) {
            _ if answer.status == 304 => Ok(Got::Same),
            Some(error) => Err(error),
            None => Ok(Got::Fresh(Box::new(answer))),
        }
    }

    /// Asks for an address whose refusal is an answer too; a limit is an error.
    pub(super) async fn any(&self, url: &str) -> Result<fetch::Answer, SourceError> {
        let answer = self.api.get_any(url).await?;
        let limit = refusal(&answer, Timestamp::now()).filter(|error| error.pause().is_some());
        limit.map_or(Ok(answer), Err)
    }

    /// Asks in GraphQL; `cost` in points.
    pub(super) async fn query(
        &self,
        question: &str,
        variables: Value,
        cost: u32,
    ) -> Result<fetch::Answer, SourceError> {
        let url = self.graphql();
        let body = json!({ "query": question, "variables": variables });
        let answer = self.api.counted("graphql", cost).post(&url, &body).await?;
        let value = answer.borrowed().json().map_err(|nothing| strange(&url, nothing))?;
        // It says so with status 200.
        for error in value.get("errors").and_then(Value::as_array).into_iter().flatten() {
            let retry = match error.get("type").and_then(Value::as_str) {
                Some("RATE_LIMITED") => Retry::After(UNSAID),
                // Some of the names asked for are gone; the others are there.
                Some("NOT_FOUND") if variables.get("ids").is_some() => continue,
                Some("NOT_FOUND" | "FORBIDDEN" | "INSUFFICIENT_SCOPES") => Retry::Never,
                _ => Retry::Soon,
            };
            let said = error.get("message").and_then(Value::as_str).unwrap_or("an error");
            let what = format!("{url} answered: {}", crate::source::text::cut(said, 200));
            return Err(SourceError { what, retry, position: None });
        }
        Ok(answer)
    }
}

pub(super) fn strange(url: &str, nothing: Nothing) -> SourceError {
    let shown = url.split('?').next().unwrap_or_default();
    SourceError { what: format!("{shown} {}", nothing.words()), retry: Retry::Soon, position: None }
}

/// What an error status means here.
pub(super) fn refusal(answer: &fetch::Answer, now: Timestamp) -> Option<SourceError> {
    if answer.status < 400 {
        return None;
    }
    let header =
        |name: &str| answer.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = body.get("message").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let limit = said.contains("rate limit") || said.contains("abuse");
    let spent = header("x-ratelimit-remaining") == Some("0");
    let reset = header("x-ratelimit-reset").filter(|_| spent).and_then(|at| at.parse().ok());
    let reset = reset.and_then(|at| Timestamp::from_second(at).ok()).map(|at| at.duration_since(now));
    let asked = header("retry-after").and(answer.rest).or(reset.filter(|wait| wait.is_positive()));
    let retry = match (answer.status, asked) {
        (403 | 429, None) if limit => Retry::After(UNSAID),
        (status, asked) => from_status(status, asked),
    };
    let why = match answer.status {
        401 => ": the token is not taken; make a new one and put it where `token` points",
        _ if limit => ": it was asked too much",
        403 => ": the token has no right to this",
        404 => ": it is not there, or the token may not see it",
        410 => ": it was switched off or deleted",
        422 => ": the search cannot be read; try it on the site",
        451 => ": taken down for legal reasons",
        _ => "",
    };
    let shown = answer.url.split('?').next().unwrap_or_default();
    Some(SourceError { what: format!("{shown} answered {}{why}", answer.status), retry, position: None })
}
