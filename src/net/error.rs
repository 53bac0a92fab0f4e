//! Why there is no answer, in fragments that name no secret.

use super::certificate::{self, Trust};
use super::resolve::Refused;

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address cannot be asked at all.
    #[error("{url} cannot be asked: {why}")]
    Request {
        /// Without user, password and query values.
        url: String,
        /// A fragment.
        why: String,
    },
    /// The host lies in a network that is closed to us.
    #[error("{host} is an address of a private network; where that is meant, say allow_private = true")]
    Private {
        /// As written, or the address.
        host: String,
    },
    /// No connection came about.
    #[error("{url} cannot be reached: {why}")]
    Connect {
        /// Without user, password and query values.
        url: String,
        /// A fragment.
        why: String,
    },
    /// The other side was silent for too long.
    #[error("{url} did not answer in time")]
    Timeout {
        /// Without user, password and query values.
        url: String,
    },
    /// The answer broke off or is no HTTP.
    #[error("the answer of {url} broke off: {why}")]
    Broken {
        /// Without user, password and query values.
        url: String,
        /// A fragment.
        why: String,
    },
    /// More than is read.
    #[error("the answer of {url} is larger than {limit} bytes, the most that is read")]
    TooLarge {
        /// Without user, password and query values.
        url: String,
        /// In bytes, after decompression.
        limit: usize,
    },
}

impl Error {
    /// Whether the same request may fare better later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Timeout { .. } | Self::Broken { .. })
    }

    pub(super) fn from_reqwest(shown: &str, error: &reqwest::Error) -> Self {
        let url = shown.to_owned();
        if let Some(refused) = find::<Refused>(error) {
            return Self::Private { host: refused.host.clone() };
        }
        if error.is_timeout() {
            return Self::Timeout { url };
        }
        let why = certificate::words(error, Trust::Machine).unwrap_or_else(|| chain(error));
        if error.is_builder() {
            Self::Request { url, why }
        } else if error.is_connect() {
            Self::Connect { url, why }
        } else {
            Self::Broken { url, why }
        }
    }
}

/// The innermost two causes: the outer ones repeat the address, query and all.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    if causes.is_empty() {
        return "the request failed".into();
    }
    let from = causes.len().saturating_sub(2);
    causes[from..].join(": ")
}

fn find<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<E>() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
