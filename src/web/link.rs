//! Signed links of mails. `GET` shows what would be done and a button; only `POST` does it, so
//! that a mail scanner that follows every link acknowledges nothing.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use maud::html;

use super::pages::shell;
use crate::api::{Api, ApiError};
use crate::notify::link::{Claim, LinkAction};

pub fn routes() -> Router<Arc<Api>> {
    Router::new().route("/link/{token}", get(show).post(act))
}

async fn show(State(api): State<Arc<Api>>, Path(token): Path<String>) -> Response {
    let claim = match api.claim(&token) {
        Ok(claim) => claim,
        Err(error) => return sorry(&error),
    };
    let Ok(detail) = api.escalation(claim.escalation).await else {
        return sorry(&ApiError::NotFound { what: "escalation", id: claim.escalation.to_string() });
    };
    let desk = api.desk.load_full();
    let topic = &detail.escalation.topic;
    let name = desk.topics.get(topic).map_or_else(|| topic.to_string(), |topic| topic.name.clone());
    let (title, button) = words(&claim);
    let body = html! {
        h1 { (title) }
        p { (detail.escalation.mentions) " posts about " strong { (name) } ", now " strong { (detail.escalation.state.as_str()) } "." }
        form method="post" { button type="submit" { (button) } }
        p.quiet { "This link was made for " (desk.roster.owner(&claim.owner).name) " and works once." }
    };
    Html(shell(title, &body).into_string()).into_response()
}

async fn act(State(api): State<Arc<Api>>, Path(token): Path<String>) -> Response {
    match api.act_by_link(&token).await {
        Err(error) => sorry(&error),
        Ok((claim, escalation)) => {
            let body = html! {
                h1 { "Thank you" }
                p { "The matter is now " strong { (escalation.state.as_str()) } "." }
                @if claim.action == LinkAction::Acknowledge {
                    p { "It is yours until you resolve it. If nothing comes of it in time, others will be told." }
                }
            };
            Html(shell("Done", &body).into_string()).into_response()
        }
    }
}

fn words(claim: &Claim) -> (&'static str, &'static str) {
    match claim.action {
        LinkAction::Acknowledge => ("Take this on?", "Yes, I have it"),
        LinkAction::Resolve => ("Close this?", "Yes, it is resolved"),
    }
}

/// A person with a phone follows these links: a page, not a problem detail.
fn sorry(error: &ApiError) -> Response {
    let problem = error.problem();
    let body = html! {
        h1 { "That did not work" }
        p { (problem.detail) "." }
        p.quiet { "Nothing was changed." }
    };
    let status = axum::http::StatusCode::from_u16(problem.status).unwrap_or_default();
    (status, Html(shell("That did not work", &body).into_string())).into_response()
}
