//! What a user can do, as functions: list, act, correct, explain, try, digest, push. Web pages, the socket
//! and the commands all call these, so that the three can never differ.
//!
//! Every function takes what it needs from [`Api`] and answers with plain serialisable values or
//! an [`ApiError`], which knows its HTTP status and its words.

pub mod act;
pub mod calibrate;
pub mod caller;
pub mod correct;
pub mod digest;
pub mod explain;
pub mod explain_score;
pub mod forget;
pub mod import;
pub mod list;
pub mod push;
pub mod review;
pub mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::digest::task::Digests;
use crate::domain::id::SourceId;
use crate::escalation::SharedDesk;
use crate::notify::link::Links;
use crate::notify::ways::SharedWays;
use crate::pipeline::SharedPlan;
use crate::runtime::clock::SharedClock;
use crate::runtime::task::{Driver, Nudge};
use crate::sentiment::scorer::Scorer;
use crate::source::Push;
use crate::store::{PLACE, Store, StoreError};

/// Everything the functions need. The daemon has all of it; a command that works without a
/// daemon has no driver and, where it needs none, no scorer.
pub struct Api {
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: SharedClock,
    /// Routing, owners, policies.
    pub desk: SharedDesk,
    /// Queries and sources.
    pub plan: SharedPlan,
    /// Channels.
    pub ways: SharedWays,
    /// Digest plans.
    pub digests: Arc<ArcSwap<Digests>>,
    /// Senders that may push.
    pub pushes: Arc<ArcSwap<BTreeMap<SourceId, Arc<dyn Push>>>>,
    /// The configuration in force.
    pub config: Arc<ArcSwap<Config>>,
    /// The model.
    pub scorer: Option<Scorer>,
    /// The tasks.
    pub driver: Option<Arc<Driver>>,
    /// Signs and verifies links.
    pub links: Arc<Links>,
    /// Wakes the steps.
    pub escalate: Nudge,
    /// Wakes the sending.
    pub deliver: Nudge,
    /// Wakes the reader of a source's inbox.
    pub inboxes: Arc<ArcSwap<BTreeMap<SourceId, Nudge>>>,
    /// When this daemon started.
    pub started_at: Timestamp,
    /// What `GET /metrics` shows.
    pub metrics: Option<PrometheusHandle>,
}

/// Why a function did not do what it was asked. Its JSON form is a problem detail (RFC 9457).
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 404
    #[error("there is no {what} {id}")]
    NotFound {
        /// What sort of thing.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// 400
    #[error("{0}")]
    Bad(String),
    /// 401
    #[error("{0}")]
    Unauthenticated(String),
    /// 403
    #[error("{0}")]
    Forbidden(String),
    /// 409: the matter stands otherwise than the caller believes.
    #[error("{0}")]
    Refused(String),
    /// 413
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// 503
    #[error("{0}")]
    Unavailable(String),
    /// 500; the words go to the log, not to the caller.
    #[error("something failed inside: {0:#}")]
    Internal(anyhow::Error),
}

impl ApiError {
    /// The HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match self {
            ApiError::Bad(_) => 400,
            ApiError::Unauthenticated(_) => 401,
            ApiError::Forbidden(_) => 403,
            ApiError::NotFound { .. } => 404,
            ApiError::Refused(_) => 409,
            ApiError::TooLarge(_) => 413,
            ApiError::Internal(_) => 500,
            ApiError::Unavailable(_) => 503,
        }
    }

    /// The problem detail of it.
    pub fn problem(&self) -> ProblemDetail {
        let (title, detail) = match self {
            ApiError::Internal(_) => {
                ("internal error", "something failed inside; the log says what".to_owned())
            }
            ApiError::NotFound { .. } => ("not found", self.to_string()),
            ApiError::Bad(_) => ("bad request", self.to_string()),
            ApiError::Unauthenticated(_) => ("sign-in needed", self.to_string()),
            ApiError::Forbidden(_) => ("not allowed", self.to_string()),
            ApiError::Refused(_) => ("refused", self.to_string()),
            ApiError::TooLarge(_) => ("too large", self.to_string()),
            ApiError::Unavailable(_) => ("not now", self.to_string()),
        };
        ProblemDetail { r#type: "about:blank".into(), title: title.into(), status: self.status(), detail }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => ApiError::Unavailable("the daemon is stopping".into()),
            StoreError::Unreadable { row: PLACE, why, .. } => ApiError::Bad(format!("`after`: {why}")),
            error => ApiError::Internal(error.into()),
        }
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        ApiError::Internal(error)
    }
}

/// `application/problem+json`, RFC 9457.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDetail {
    /// Always `about:blank`: the status says what sort it is.
    pub r#type: String,
    /// The sort of problem.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This one.
    pub detail: String,
}

/// What every function gives.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;
