//! `POST /push/{source}`: a sender brings posts, signed by the Standard Webhooks scheme.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};

use super::v1::Failed;
use crate::api::Api;
use crate::api::push::Received;
use crate::domain::id::SourceId;

pub fn routes() -> Router<Arc<Api>> {
    Router::new().route("/push/{source}", post(push))
}

async fn push(
    State(api): State<Arc<Api>>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Received>), Failed> {
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let received = api.receive(&SourceId::from(source), &headers, &body).await?;
    Ok((StatusCode::ACCEPTED, Json(received)))
}
