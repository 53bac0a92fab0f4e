//! One question to an interface: with headers of the kind's, with a body where it wants one, without memory.
//! What a page may do a question may not: no move is remembered, and a header that signs us in goes to no
//! other host.

use std::time::SystemTime;

use bytes::Bytes;
use url::Url;

use super::{Answer, Claim, Fetcher, MOST_HOPS, from_net, from_reply, parse, wishes};
use crate::net::{Endless, Reply, address};
use crate::source::{Retry, SourceError, Terms};

/// The most that is read of an answer unless the kind says otherwise.
const MOST_BYTES: usize = 8 << 20;

/// One question.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The address, query and all.
    pub url: &'a str,
    /// How the address is named in messages, where its path is a secret; else without the query's values.
    pub shown: Option<&'a str>,
    /// Beside `accept` and `content-type`; also what signs us in.
    pub headers: &'a [(&'a str, &'a str)],
    /// The `Accept` header.
    pub accept: &'a str,
    /// Content type and body of a POST; none: a GET.
    pub body: Option<(&'a str, Bytes)>,
    /// What the place allows.
    pub terms: &'static Terms,
    /// A name for the credential that signs us in; not the credential itself.
    pub account: Option<&'a str>,
    /// What the place counts the question under (`Budget::bucket`).
    pub bucket: &'static str,
    /// What the question costs of the budgets.
    pub cost: u32,
    /// Whether private networks may be reached.
    pub allow_private: bool,
    /// The most that is read of the answer, after decompression.
    pub cap: usize,
}

impl<'a> Ask<'a> {
    /// A GET for JSON by nobody in particular.
    pub fn get(url: &'a str, terms: &'static Terms) -> Self {
        Self {
            url,
            shown: None,
            headers: &[],
            accept: "application/json",
            body: None,
            terms,
            account: None,
            bucket: "",
            cost: 1,
            allow_private: false,
            cap: MOST_BYTES,
        }
    }
}

impl Fetcher {
    /// Asks; waits its turn and keeps to the budgets. An error status is an error here.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, SourceError> {
        let (url, reply) = self.asked(ask).await?;
        if reply.status >= 400 {
            return Err(from_reply(&shown(ask, &url), &reply));
        }
        Ok(answer(&url, reply))
    }

    /// Asks, for kinds whose place tells more in an error's body than its status says.
    ///
    /// # Errors
    /// Where there is no answer at all.
    pub async fn ask_any(&self, ask: &Ask<'_>) -> Result<Answer, SourceError> {
        let (url, reply) = self.asked(ask).await?;
        Ok(answer(&url, reply))
    }

    /// Opens an answer without an end; waits its turn and keeps to the budgets. No redirect is followed: what
    /// signs us in goes where it was meant to go.
    ///
    /// # Errors
    /// What went wrong and whether trying again helps. An error status is an error here.
    pub async fn open(&self, ask: &Ask<'_>) -> Result<Endless, SourceError> {
        let url = parse(ask.url)?;
        let host = host(&url);
        let (account, budgets) = (ask.account, ask.terms.budgets);
        let claim = Claim { host: &host, account, bucket: ask.bucket, cost: ask.cost, budgets };
        let shown = shown(ask, &url);
        let mut headers = vec![("accept", ask.accept)];
        headers.extend_from_slice(ask.headers);
        let mut stream = None;
        let sent = async {
            let (reply, opened) = self.client.open(&url, &shown, &headers, ask.allow_private).await?;
            stream = opened;
            Ok(reply)
        };
        let reply = self.in_turn(&url, &claim, sent).await?.map_err(from_net)?;
        stream.ok_or_else(|| from_reply(&shown, &reply))
    }

    async fn asked(&self, ask: &Ask<'_>) -> Result<(Url, Reply), SourceError> {
        let mut url = parse(ask.url)?;
        let start = url.origin();
        for _ in 0..=MOST_HOPS {
            let mut headers = vec![("accept", ask.accept)];
            if url.origin() == start {
                headers.extend_from_slice(ask.headers);
            }
            let body = ask.body.as_ref().map(|(content_type, body)| {
                headers.push(("content-type", content_type));
                body.clone()
            });
            let host = host(&url);
            let claim = Claim {
                host: &host,
                account: ask.account.filter(|_| url.origin() == start),
                bucket: ask.bucket,
                cost: ask.cost,
                budgets: ask.terms.budgets,
            };
            let shown = shown(ask, &url);
            let sent = self.client.query(&url, &shown, &headers, body, ask.allow_private, ask.cap);
            let reply = self.in_turn(&url, &claim, sent).await?.map_err(from_net)?;
            let target = match (reply.status, &ask.body) {
                (301 | 302 | 303 | 307 | 308, None) => reply.header("location"),
                _ => None,
            };
            let Some(target) = target else {
                if (300..400).contains(&reply.status) && reply.status != 304 {
                    return Err(from_reply(&shown, &reply));
                }
                return Ok((url, reply));
            };
            url = url.join(target).ok().and_then(|next| address::parse(next.as_str()).ok()).ok_or_else(
                || {
                    let what = format!("{shown} redirects to what is no address");
                    SourceError { what, retry: Retry::Never, position: None }
                },
            )?;
        }
        let what = format!("{} redirects more than {MOST_HOPS} times", shown(ask, &url));
        Err(SourceError { what, retry: Retry::Never, position: None })
    }
}

fn answer(url: &Url, reply: Reply) -> Answer {
    let rest = wishes::rest(&reply, SystemTime::now());
    Answer {
        url: url.to_string(),
        status: reply.status,
        content_type: reply.header("content-type").map(str::to_owned),
        headers: reply.headers,
        body: reply.body,
        memo: String::new(),
        rest,
    }
}

fn shown(ask: &Ask<'_>, url: &Url) -> String {
    ask.shown.map_or_else(|| address::shown(url), str::to_owned)
}

/// The host, and the port where it is not the usual one: what a place's accounts are kept by.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
