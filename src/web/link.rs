//! Signed links of mails. `GET` shows what would be done and a button; only `POST` does it, so
//! that a mail scanner that follows every link acknowledges nothing. The pages show as much of
//! the matter as the message did, because they are open to whoever holds the link.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Html;
use axum::routing::get;
use maud::{Markup, html};

use super::pages::{Frame, Reading, Sorry, state_sentence};
use crate::api::Api;
use crate::domain::escalation::{Escalation, State as Standing};
use crate::domain::words;
use crate::notify::link::{Claim, LinkAction};

pub fn routes() -> Router<Arc<Api>> {
    Router::new().route("/link/{token}", get(show).post(act))
}

async fn show(State(api): State<Arc<Api>>, Path(token): Path<String>) -> Result<Html<String>, Sorry> {
    let claim = api.claim(&token).map_err(Sorry::by_link)?;
    let one = api.escalation(claim.escalation).await.map_err(Sorry::by_link)?.escalation;
    let desk = api.desk.load_full();
    let read = Reading::of(&desk, Some(&claim.owner), api.clock.now());
    let (title, button) = words(&claim);
    let is_over = matches!(one.state, Standing::Resolved { .. });
    let body = html! {
        h1 { @if is_over { "Already resolved" } @else { (title) } }
        (about(&read, &one, &api))
        @if !is_over {
            form.row method="post" { button.main type="submit" { (button) } }
            @if claim.action == LinkAction::Acknowledge {
                p { "You then have " (words::length(one.policy.acknowledgement_lasts)) " before others are told." }
            }
            p.small.quiet {
                "Nothing has happened yet. This link was made for " (read.owner(&claim.owner)) " and works once, until "
                (read.time(claim.expires)) "."
            }
        }
    };
    Ok(Frame { title, place: "", twin: None, may_roam: false }.around(&body))
}

async fn act(State(api): State<Arc<Api>>, Path(token): Path<String>) -> Result<Html<String>, Sorry> {
    let (claim, one) = api.act_by_link(&token).await.map_err(Sorry::by_link)?;
    let desk = api.desk.load_full();
    let read = Reading::of(&desk, Some(&claim.owner), api.clock.now());
    let title = match claim.action {
        LinkAction::Acknowledge => "Thank you, you have it",
        LinkAction::Resolve => "Thank you, it is resolved",
    };
    let body = html! {
        h1 { (title) }
        (about(&read, &one, &api))
        p.small.quiet { "You can close this page." }
    };
    Ok(Frame { title, place: "", twin: None, may_roam: false }.around(&body))
}

fn about(read: &Reading<'_>, one: &Escalation, api: &Api) -> Markup {
    html! {
        p {
            (words::severity(one.severity)) " severity: " (words::count(one.mentions, "mention")) " of "
            strong { (read.topic(&one.topic)) } ", open since " (read.time(one.opened_at)) "."
        }
        p { (state_sentence(read, one, api.next(one).as_ref())) }
    }
}

fn words(claim: &Claim) -> (&'static str, &'static str) {
    match claim.action {
        LinkAction::Acknowledge => ("Take this on?", "Yes, I have it"),
        LinkAction::Resolve => ("Is this resolved?", "Yes, it is resolved"),
    }
}
