//! The list of escalations, open ones and all.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use maud::{Markup, html};

use super::mentions::{Asked, choice};
use super::show::{Reading, severity_badge, state_badge, state_sentence};
use super::{Frame, PageAnswer};
use crate::api::Api;
use crate::api::caller::Caller;
use crate::domain::escalation::{Escalation, State as Standing};
use crate::domain::words;
use crate::notify::message::Next;

pub async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    RawQuery(raw): RawQuery,
) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let asked = Asked::read(raw.as_deref())?;
    let narrow = &asked.narrow;
    let found = api.escalations(narrow.of_escalations(), narrow.page()).await?;
    let desk = api.desk.load_full();
    let read = Reading::of(&desk, narrow.owner.as_ref(), api.clock.now());
    let only_open = narrow.unresolved.unwrap_or(false);
    let topics = desk.topics.values().map(|topic| (topic.id.as_str(), topic.name.as_str()));
    let owners = desk.roster.owners().map(|owner| (owner.id.as_str(), owner.name.as_str()));
    let body = html! {
        h1 { @if only_open { "Open escalations" } @else { "Escalations" } }
        form.row method="get" action="/escalations" {
            (choice("Show", "unresolved", "all", asked.get("unresolved"), [("true", "not resolved yet")].into_iter()))
            (choice("Topic", "topic", "all", asked.get("topic"), topics))
            (choice("Who answers", "owner", "anybody", asked.get("owner"), owners))
            (asked.hidden(&["from", "until"]))
            button type="submit" { "Show" }
        }
        @if found.rows.is_empty() { p { @if only_open { "Nothing waits for an answer." } @else { "There is none." } } }
        @for one in &found.rows { (card(&read, one, api.next(one).as_ref())) }
        (asked.more("/escalations", found.next.as_deref()))
    };
    let twin = Some(asked.address("/api/v1/escalations"));
    Ok(Frame { title: "Escalations", place: "/escalations", twin, may_roam: true }.around(&body))
}

/// One escalation in a list.
pub fn card(read: &Reading<'_>, one: &Escalation, next: Option<&Next>) -> Markup {
    let class = match one.state {
        Standing::Open | Standing::Expired { .. } => "card now",
        Standing::Acknowledged { .. } => "card hand",
        Standing::Resolved { .. } => "card",
    };
    html! {
        article class=(class) {
            h3 {
                a href=(format!("/escalations/{}", one.id)) {
                    (read.topic(&one.topic)) ": " (words::count(one.mentions, "mention"))
                }
            }
            div.badges { (state_badge(&one.state)) (severity_badge(one.severity)) }
            p { (state_sentence(read, one, next)) }
            p.small.quiet { "Opened " (read.time_away(one.opened_at)) ". Why: " (words::one_line(&one.why, 200)) }
        }
    }
}
