//! The routes, called in this process by a command that runs without a daemon.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tower::ServiceExt;

use super::router;
use crate::api::Api;

/// The largest answer taken.
const ANSWER: usize = 256 * 1024 * 1024;

/// A router with nobody listening.
pub struct Local {
    router: Router,
}

impl Local {
    /// The routes over `api`.
    pub fn new(api: Arc<Api>) -> Self {
        Self { router: router(api) }
    }

    /// Status and body of the answer to a request.
    ///
    /// # Errors
    /// Where the request cannot be formed.
    pub async fn ask(
        &self,
        method: &str,
        url: &url::Url,
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<(u16, Vec<u8>)> {
        let target = &url[url::Position::BeforePath..];
        let request =
            Request::builder().method(method).uri(target).header("content-type", "application/json");
        let request = request.body(body.map_or_else(Body::empty, Body::from))?;
        // A router's error type has no values.
        let answer = match self.router.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), ANSWER).await?;
        Ok((status, body.to_vec()))
    }
}
