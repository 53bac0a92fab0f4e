//! For monitors: alive, ready, and every metric.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::v1::Failed;
use crate::api::caller::Caller;
use crate::api::{Api, ApiError};

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// The process answers.
async fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "status": "pass" }))
}

/// Store and scorer answer too.
async fn readyz(State(api): State<Arc<Api>>) -> Response {
    match api.ready().await {
        Ok(()) => Json(json!({ "status": "pass" })).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "fail", "output": why })))
            .into_response(),
    }
}

/// Prometheus text format 0.0.4.
async fn metrics(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Failed> {
    caller.may_read(&api.desk.load())?;
    let handle = api.metrics.as_ref().ok_or_else(|| ApiError::Unavailable("no metrics are kept".into()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
        .into_response())
}
