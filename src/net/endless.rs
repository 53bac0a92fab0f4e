//! Answers without an end: the head is read, and then piece after piece as somebody asks for it. Who does not
//! ask is not sent more than the connection holds, so a slow reader slows the sender and loses nothing.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response};
use url::Url;

use super::{Cap, Client, Error, REPLY_CAP, Reply, header_map, read};

/// An answer open for longer is asked for anew.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The rest of an answer whose head was read.
#[derive(Debug)]
pub struct Endless {
    response: Response,
    shown: String,
}

impl Endless {
    /// The next piece; none at the end. Who stops waiting for it loses nothing.
    ///
    /// # Errors
    /// It broke off, or the other side was silent for longer than the client's patience.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.response.chunk().await.map_err(|error| Error::from_reqwest(&self.shown, &error))
    }
}

impl Client {
    /// Asks for an answer without an end. An answer that is none (an error, a redirect) comes whole, up to
    /// 64 KiB of it, and without a stream.
    ///
    /// # Errors
    /// Why there is no answer; an error status is an answer.
    pub async fn open(
        &self,
        url: &Url,
        shown: &str,
        headers: &[(&str, &str)],
        allow_private: bool,
    ) -> Result<(Reply, Option<Endless>), Error> {
        let client = self.way(&self.requests, url, allow_private)?;
        let request = client.request(Method::GET, url.clone()).headers(header_map(headers, shown)?);
        let sent = request.timeout(LONGEST).send().await;
        let response = sent.map_err(|error| Error::from_reqwest(shown, &error))?;
        let status = response.status().as_u16();
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers = headers.collect();
        if (200..300).contains(&status) {
            let reply = Reply { status, headers, body: Bytes::new() };
            return Ok((reply, Some(Endless { response, shown: shown.to_owned() })));
        }
        let body = read(response, shown, Cap { bytes: REPLY_CAP, cut: true }).await?;
        Ok((Reply { status, headers, body }, None))
    }
}
