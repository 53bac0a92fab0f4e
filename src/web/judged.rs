//! What people say of verdicts, over `/api/v1`: corrections and calibrations.

use std::sync::Arc;

use axum::extract::{Extension, Path, Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::v1::{Answer, As, number};
use crate::api::Api;
use crate::api::calibrate::{CalibrateAsk, Calibrated};
use crate::api::caller::Caller;
use crate::api::correct::CorrectAsk;
use crate::api::list::MentionView;
use crate::domain::correction::Calibration;
use crate::domain::id::MentionId;

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/mentions/{id}/correction", post(correct).delete(uncorrect))
        .route("/calibration", get(calibration).post(calibrate).delete(uncalibrate))
}

async fn correct(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<As>,
    Json(ask): Json<CorrectAsk>,
) -> Answer<MentionView> {
    let id = number::<MentionId>(&id, "mention")?;
    Ok(Json(api.correct(&caller, wanted.r#as.as_ref(), id, ask).await?))
}

async fn uncorrect(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(wanted): Query<As>,
) -> Answer<MentionView> {
    let id = number::<MentionId>(&id, "mention")?;
    Ok(Json(api.uncorrect(&caller, wanted.r#as.as_ref(), id).await?))
}

async fn calibration(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Answer<Calibrated> {
    caller.may_read(&api.desk.load())?;
    Ok(Json(api.calibration().await?))
}

async fn calibrate(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<As>,
    Json(ask): Json<CalibrateAsk>,
) -> Answer<Calibration> {
    Ok(Json(api.calibrate(&caller, wanted.r#as.as_ref(), ask).await?))
}

async fn uncalibrate(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Query(wanted): Query<As>,
) -> Answer<Vec<Calibration>> {
    Ok(Json(api.uncalibrate(&caller, wanted.r#as.as_ref()).await?))
}
