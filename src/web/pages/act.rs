//! The buttons of an escalation's page.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::response::Redirect;
use serde::Deserialize;

use super::Sorry;
use crate::api::act::Ask;
use crate::api::caller::Caller;
use crate::api::{Api, ApiError};
use crate::domain::id::{EscalationId, OwnerId};
use crate::web::v1::number;

#[derive(Debug, Deserialize)]
pub struct ActForm {
    action: String,
    to: Option<OwnerId>,
}

pub async fn act(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Form(form): Form<ActForm>,
) -> Result<Redirect, Sorry> {
    let ask = match (form.action.as_str(), form.to) {
        ("acknowledge", _) => Ask::Acknowledge,
        ("resolve", _) => Ask::Resolve,
        ("reassign", Some(to)) => Ask::Reassign { to },
        (other, _) => return Err(ApiError::Bad(format!("no action is named \"{other}\"")).into()),
    };
    let number = number::<EscalationId>(&id, "escalation")?;
    api.act(&caller, None, number, ask).await?;
    Ok(Redirect::to(&format!("/escalations/{number}")))
}
