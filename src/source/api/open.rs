//! Answers without an end, as an interface sends its events.

use super::Api;
use crate::net::Endless;
use crate::source::SourceError;
use crate::source::fetch::Ask;

impl Api {
    /// Opens an answer that is read as it comes (`text/event-stream`); counted as one request.
    ///
    /// # Errors
    /// Why it is not open and whether trying again helps.
    pub async fn open(&self, url: &str) -> Result<Endless, SourceError> {
        let (url, headers) = self.signature(url);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let ask = Ask {
            headers: &headers,
            accept: "text/event-stream",
            account: self.credential.as_ref().map(|(credential, _)| credential.account()),
            bucket: self.bucket,
            cost: self.cost,
            allow_private: self.allow_private,
            ..Ask::get(&url, self.terms)
        };
        self.fetch.open(&ask).await
    }
}
