//! Sockets, asked for within the budgets like anything else: opening one is a request.

use bytes::Bytes;
use url::Url;

use super::ask::host;
use super::{Ask, Claim, Fetcher, from_net, from_reply};
use crate::net::socket::{Limits, Opened};
use crate::net::{Reply, address};
use crate::source::{Retry, SourceError};

impl Fetcher {
    /// Opens a connection; of the question its body, its `accept` and its cap do not count. Redirects are not
    /// followed.
    ///
    /// # Errors
    /// Where there is no answer at all.
    pub async fn socket(&self, ask: &Ask<'_>, limits: Limits) -> Result<Opened, SourceError> {
        let url = Url::parse(ask.url).map_err(|error| {
            let what = format!("the address of a socket is no URL ({error})");
            SourceError { what, retry: Retry::Never, position: None }
        })?;
        let shown = ask.shown.map_or_else(|| address::shown(&url), str::to_owned);
        let host = host(&url);
        let claim = Claim {
            host: &host,
            account: ask.account,
            bucket: ask.bucket,
            cost: ask.cost,
            budgets: ask.terms.budgets,
        };
        let mut socket = None;
        let sent = async {
            Ok(match self.client.socket(&url, &shown, ask.headers, ask.allow_private, limits).await? {
                Opened::Refused(reply) => reply,
                Opened::Socket(opened) => {
                    socket = Some(opened);
                    Reply { status: 101, headers: Vec::new(), body: Bytes::new() }
                }
            })
        };
        let reply = self.in_turn(&url, &claim, sent).await?.map_err(from_net)?;
        Ok(socket.map_or(Opened::Refused(reply), Opened::Socket))
    }
}

/// A refusal as an error, named as `shown`.
pub fn refused(shown: &str, reply: &Reply) -> SourceError {
    from_reply(shown, reply)
}

/// A connection that broke.
pub fn broken(error: crate::net::Error) -> SourceError {
    from_net(error)
}
