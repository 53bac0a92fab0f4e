//! The one guarded HTTP client: who may be asked (no private network unless allowed), how much is
//! read, how long is waited, and who we say we are.

use std::time::Duration;

use bytes::Bytes;

pub mod standard_webhooks;

/// What a client is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who we say we are, with a contact.
    pub user_agent: String,
    /// Longest time for a request and its answer together.
    pub total_timeout: Duration,
}

impl Settings {
    /// The usual limits, and a name with a contact.
    pub fn new(contact: &str) -> Self {
        Self { user_agent: format!("earmark ({contact})"), total_timeout: Duration::from_secs(30) }
    }
}

/// The guarded client; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(reqwest::Client);

/// What the other side answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header names (lower case) and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl Error {
    /// Whether the same request may fare better later.
    pub fn may_pass(&self) -> bool {
        true
    }
}

impl Client {
    /// A client with these limits.
    ///
    /// # Errors
    /// When the TLS roots of this machine cannot be read.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .timeout(settings.total_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Sends a body.
    ///
    /// # Errors
    /// Why there is no answer; an error status is an answer.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: impl Into<Bytes>,
        _allow_private: bool,
    ) -> Result<Reply, Error> {
        let text = |error: reqwest::Error| Error(error.without_url().to_string());
        let mut request = self.0.post(url).body(body.into());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(text)?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        Ok(Reply { status, headers, body: answer.bytes().await.map_err(text)? })
    }
}
