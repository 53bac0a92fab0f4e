//! One escalation: who answers and until when, what was said, why, who was told.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use maud::{Markup, html};

use super::show::{self, Reading, severity_badge, state_badge, state_sentence};
use super::{Frame, PageAnswer};
use crate::api::Api;
use crate::api::caller::Caller;
use crate::api::list::EscalationDetail;
use crate::domain::escalation::Escalation;
use crate::domain::id::EscalationId;
use crate::domain::notification::{Delivery, Notification};
use crate::domain::words;
use crate::web::v1::number;

pub async fn one(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let detail = api.escalation(number::<EscalationId>(&id, "escalation")?).await?;
    let desk = api.desk.load_full();
    let one = &detail.escalation;
    let read = Reading::of(&desk, Some(&one.accountable), api.clock.now());
    let public = api.config.load().web.public_url.is_some();
    // A page read over loopback may act only where nobody else could have come that way.
    let may_act = caller.acts_as(&desk, None).is_ok() && !(public && caller == Caller::Loopback);
    let title = format!("{}: {}", read.topic(&one.topic), words::count(one.mentions, "mention"));
    let body = html! {
        h1 { (title) }
        div.badges { (state_badge(&one.state)) (severity_badge(one.severity)) }
        p { (state_sentence(&read, one, detail.next.as_ref())) }
        @if one.state.is_unresolved() {
            @if let Some(due) = one.overdue_at { p.quiet { "It should be resolved by " (read.time_away(due)) "." } }
            @if may_act { (buttons(&read, one)) } @else { (elsewhere(&read, one)) }
        }
        h2 { "Why it escalated" }
        (why(&read, &detail))
        h2 { "What was said" }
        @if detail.mentions.is_empty() { p { "Nothing is left of it." } }
        @for view in &detail.mentions { (show::mention(&read, view, Some(one.id))) }
        @if one.mentions > detail.mentions.len() as u64 {
            p { a href=(format!("/mentions?escalation={}", one.id)) { "All " (words::count(one.mentions, "mention")) } }
        }
        h2 { "Who was told" }
        (told(&read, &detail.notifications))
    };
    let twin = Some(format!("/api/v1/escalations/{}", one.id));
    Ok(Frame { title: &title, place: "", twin, may_roam: true }.around(&body))
}

fn buttons(read: &Reading<'_>, one: &Escalation) -> Markup {
    let action = format!("/escalations/{}/act", one.id);
    html! {
        form.row method="post" action=(action) {
            button.main name="action" value="acknowledge" { "I have it" }
            button name="action" value="resolve" { "It is resolved" }
        }
        form.row method="post" action=(action) {
            label { "Hand over to"
                select name="to" {
                    @for owner in read.desk.roster.owners() {
                        option value=(owner.id) selected[owner.id == one.accountable] { (owner.name) }
                    }
                }
            }
            button name="action" value="reassign" { "Hand over" }
        }
        p.small.quiet { "Here you act as " (read.desk.roster.champion().name) ". “I have it” holds for "
            (words::length(one.policy.acknowledgement_lasts)) "." }
    }
}

/// How to act where this page may not.
fn elsewhere(read: &Reading<'_>, one: &Escalation) -> Markup {
    html! {
        p.card {
            "To act, follow the link in the message that " (read.owner(&one.accountable)) " got, or type "
            code { "earmark escalations acknowledge " (one.id) }
            " on the machine that earmark runs on. Programs act over the API with the token."
        }
    }
}

fn why(read: &Reading<'_>, detail: &EscalationDetail) -> Markup {
    let one = &detail.escalation;
    // It names its rule for where it stands alone.
    let found = one.why.strip_suffix(&format!("; rule {}", one.trigger)).unwrap_or(&one.why);
    let routed = detail.mentions.first().map(|view| view.mention.routed_by.as_str());
    html! {
        ul {
            li { "The trigger " strong { (one.trigger) } " found it due: " (words::one_line(found, 300)) "." }
            li {
                "Routed to " (read.owner(&one.owner))
                @if let Some(routed) = routed { ": " (words::one_line(routed, 200)) }
                "."
            }
            li {
                "Opened " (read.time(one.opened_at)) "; the newest mention joined " (read.time(one.joined_at))
                ". The policy " (one.policy.id) " says who is told, and when."
            }
            @if let Some(first) = one.first_acknowledged_at {
                li { "First answered " (read.time(first)) ", after " (words::length(first.duration_since(one.opened_at))) "." }
            }
        }
    }
}

fn told(read: &Reading<'_>, rows: &[Notification]) -> Markup {
    html! {
        @if rows.is_empty() { p { "Nobody yet." } }
        @else {
            table.stack {
                thead { tr {
                    th scope="col" { "who" } th scope="col" { "why" } th scope="col" { "how" }
                    th scope="col" { "decided" } th scope="col" { "what came of it" }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (read.owner(&row.owner)) }
                            td data-label="why" { (words::told(row.reason)) }
                            td data-label="how" { (row.channel) }
                            td data-label="decided" { (read.time(row.created_at)) }
                            td data-label="what came of it" { (delivery(read, row)) }
                        }
                    }
                }
            }
        }
    }
}

fn delivery(read: &Reading<'_>, row: &Notification) -> Markup {
    html! {
        @match &row.delivery {
            Delivery::Queued if row.attempts == 0 => { "goes out " (read.time(row.not_before)) }
            Delivery::Queued => {
                span.warn { "tried " (row.attempts) (if row.attempts == 1 { " time" } else { " times" }) ": "
                    (words::one_line(row.last_error.as_deref().unwrap_or("no answer"), 200)) }
                "; again " (read.time(row.not_before))
            }
            Delivery::Leased { .. } => { "is being delivered" }
            Delivery::Sent { at } => { span.good { "delivered" } " " (read.time(*at)) }
            Delivery::Failed { why, .. } => { span.bad { "not delivered: " (words::one_line(why, 200)) } }
            Delivery::Dropped { reason, .. } => { "not sent: " (words::held(*reason)) }
        }
    }
}
