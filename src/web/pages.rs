//! Pages for people: one overview, lists behind every figure, one page an escalation. No script;
//! everything works with a keyboard and on a phone.

use std::sync::Arc;

use axum::Form;
use axum::Router;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use super::v1::{Failed, Narrow, number};
use crate::api::act::Ask;
use crate::api::caller::Caller;
use crate::api::list::MentionView;
use crate::api::status::Status;
use crate::api::{Api, ApiError};
use crate::domain::escalation::{Escalation, State as Standing};
use crate::domain::id::{EscalationId, OwnerId};
use crate::domain::sentiment::Polarity;
use crate::domain::source::SourceState;
use crate::escalation::Desk;
use crate::store::{EscalationFilter, Page};

type PageAnswer = Result<Html<String>, Failed>;

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(overview))
        .route("/mentions", get(mentions))
        .route("/escalations/{id}", get(escalation))
        .route("/escalations/{id}/act", post(act))
}

const STYLE: &str = "body{margin:0;font:16px/1.5 system-ui,sans-serif;color-scheme:light dark}main{max-width:52rem;margin:auto;\
padding:1rem}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%;display:block;\
overflow-x:auto}th,td{text-align:left;padding:.35rem .8rem .35rem 0;border-bottom:1px solid #8884;vertical-align:top}.number{\
text-align:right;font-variant-numeric:tabular-nums}.quiet{opacity:.75}.bad{color:#c22;font-weight:600}button{font:inherit;\
padding:.5rem 1rem;margin:.2rem .4rem .2rem 0;min-height:2.75rem}blockquote{margin:.8rem 0;padding-left:.8rem;border-left:3px \
solid #888;overflow-wrap:anywhere}a{color:inherit}nav{padding:.6rem 1rem;border-bottom:1px solid #8884}";

/// The frame of every page.
pub fn shell(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – earmark" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                nav { a href="/" { "earmark" } " · " a href="/mentions" { "mentions" } " · " a href="/mentions?polarity=unsure" { "to review" } }
                main { (body) }
            }
        }
    }
}

async fn overview(State(api): State<Arc<Api>>, Extension(caller): Extension<Caller>) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let status = api.status().await?;
    let filter = EscalationFilter { unresolved: true, ..EscalationFilter::default() };
    let open = api.escalations(filter, Page { limit: 100, after: None, newest_first: true }).await?;
    let desk = api.desk.load_full();
    let zone = desk.roster.champion().timezone.clone();
    let body = html! {
        h1 { "Overview" }
        p.quiet { "As of " (when(status.now, &zone)) ", earmark " (status.version) ", up since " (when(status.started_at, &zone)) "." }
        h2 { "Open matters" }
        @if open.rows.is_empty() { p { "Nothing is open." } }
        @else { (matters(&desk, &open.rows, &zone)) }
        h2 { "Last 24 hours" }
        (today(&desk, &status))
        h2 { "What we can see" }
        (sources(&status, &zone))
        h2 { "Sending" }
        p {
            (status.outbox.waiting) " messages wait"
            @if let Some(oldest) = status.outbox.oldest { ", the oldest since " (when(oldest, &zone)) }
            "."
        }
    };
    Ok(Html(shell("Overview", &body).into_string()))
}

fn matters(desk: &Desk, rows: &[Escalation], zone: &TimeZone) -> Markup {
    html! {
        table {
            thead { tr { th { "what" } th { "how bad" } th { "who answers" } th { "where it stands" } th.number { "posts" } th { "since" } } }
            tbody {
                @for one in rows {
                    tr {
                        td { a href=(format!("/escalations/{}", one.id)) { (topic_name(desk, one)) } }
                        td { (one.severity.as_str()) }
                        td { (desk.roster.owner(&one.accountable).name) }
                        td .bad[matches!(one.state, Standing::Expired { .. })] { (one.state.as_str()) }
                        td.number { (one.mentions) }
                        td { (when(one.opened_at, zone)) }
                    }
                }
            }
        }
    }
}

fn today(desk: &Desk, status: &Status) -> Markup {
    let from = status.now - jiff::SignedDuration::from_hours(24);
    html! {
        table {
            thead { tr { th { "topic" } @for polarity in Polarity::ALL { th.number { (polarity.as_str()) } } th.number { "net" } } }
            tbody {
                @for (topic, counts) in &status.today {
                    tr {
                        td { a href=(format!("/mentions?topic={topic}&from={from}")) { (desk.topics.get(&topic.as_str().into()).map_or(topic.as_str(), |one| one.name.as_str())) } }
                        @for polarity in Polarity::ALL {
                            td.number { a href=(format!("/mentions?topic={topic}&from={from}&polarity={}", polarity.as_str())) { (counts.of(polarity)) } }
                        }
                        td.number { (counts.net().map_or_else(|| "–".into(), |net| format!("{net:+.0}"))) }
                    }
                }
            }
        }
    }
}

fn sources(status: &Status, zone: &TimeZone) -> Markup {
    let ago = |at: Option<Timestamp>| at.map_or_else(|| "never".into(), |at| when(at, zone));
    let health = |source: &SourceState| match (&source.last_error, source.failing_since) {
        (Some(error), Some(since)) => format!("failing since {}: {error}", when(since, zone)),
        _ => "well".into(),
    };
    html! {
        @if status.sources.is_empty() { p { "No source has been read yet." } }
        table {
            thead { tr { th { "source" } th { "health" } th { "read through" } th { "last new post" } th.number { "posts" } } }
            tbody {
                @for source in &status.sources {
                    tr {
                        td { (source.id) }
                        td .bad[source.failing_since.is_some()] { (health(source)) }
                        td { (ago(source.fetched_through)) }
                        td { (ago(source.spoke_at)) }
                        td.number { (source.posts) }
                    }
                }
            }
        }
        @for gap in &status.gaps { p { (gap.source) " was blind until " (when(gap.until, zone)) ": " (gap.detail) } }
    }
}

async fn mentions(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    axum::extract::RawQuery(raw): axum::extract::RawQuery,
    Query(narrow): Query<Narrow>,
) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let found = api.mentions(narrow.of_mentions(), narrow.page()).await?;
    let desk = api.desk.load_full();
    let zone = desk.roster.champion().timezone.clone();
    let kept: Vec<&str> = raw
        .as_deref()
        .unwrap_or("")
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("after="))
        .collect();
    let body = html! {
        h1 { "Mentions" }
        p.quiet { a href=(format!("/api/v1/mentions?{}", kept.join("&"))) { "the same as JSON" } }
        @if found.rows.is_empty() { p { "None." } }
        @for one in &found.rows { (mention(&desk, one, &zone)) }
        @if let Some(next) = &found.next { p { a href=(format!("/mentions?{}&after={next}", kept.join("&"))) { "more" } } }
    };
    Ok(Html(shell("Mentions", &body).into_string()))
}

fn mention(desk: &Desk, view: &MentionView, zone: &TimeZone) -> Markup {
    let one = &view.mention;
    let post = one.post();
    let link = post.url.as_deref().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    html! {
        blockquote {
            @if one.erased_at.is_some() { em { "The text was erased." } }
            @if let Some(title) = &post.title { strong { (title) } br; }
            (crate::digest::build::excerpt(&post.text, 600)) br;
            span.quiet {
                (one.sentiment().polarity.as_str()) " " (format!("{:+.2}", one.sentiment().score)) " · "
                @if let Some(author) = &post.author { (author) " · " }
                (post.site) " · " (when(one.recorded_at, zone)) " · " (one.topic()) " · "
                (desk.roster.owner(&view.accountable).name) " answers · "
                @if let Some(id) = one.finding.escalation() { a href=(format!("/escalations/{id}")) { "matter" } " · " }
                @if let Some(link) = link { a href=(link) rel="noreferrer" { "open" } }
            }
        }
    }
}

async fn escalation(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let detail = api.escalation(number::<EscalationId>(&id, "escalation")?).await?;
    let desk = api.desk.load_full();
    let one = &detail.escalation;
    let zone = desk.roster.owner(&one.accountable).timezone.clone();
    let may_act = caller.acts_as(&desk, None).is_ok();
    let body = html! {
        h1 { (topic_name(&desk, one)) ": " (one.mentions) " posts" }
        p {
            "It is " strong { (one.state.as_str()) } ". " strong { (desk.roster.owner(&one.accountable).name) } " answers for it. "
            "Severity " (one.severity.as_str()) ", opened " (when(one.opened_at, &zone)) "."
        }
        p.quiet { "Why: " (one.why) }
        @if let Some(due) = one.step_due { p { "Next step: " (when(due, &zone)) "." } }
        @if may_act && one.state.is_unresolved() {
            form method="post" action=(format!("/escalations/{}/act", one.id)) {
                button name="action" value="acknowledge" { "I have it" }
                button name="action" value="resolve" { "It is resolved" }
            }
            form method="post" action=(format!("/escalations/{}/act", one.id)) {
                label { "Hand over to "
                    select name="to" { @for owner in desk.roster.owners() { option value=(owner.id) { (owner.name) } } }
                }
                button name="action" value="reassign" { "Hand over" }
            }
        }
        h2 { "What was said" }
        @for view in &detail.mentions { (mention(&desk, view, &zone)) }
        h2 { "Who was told" }
        table {
            thead { tr { th { "who" } th { "how" } th { "why" } th { "when" } th { "what came of it" } } }
            tbody {
                @for row in &detail.notifications {
                    tr {
                        td { (desk.roster.owner(&row.owner).name) }
                        td { (row.channel) }
                        td { (serde_json::to_value(row.reason).ok().and_then(|word| word.as_str().map(|word| word.replace('_', " "))).unwrap_or_default()) }
                        td { (when(row.created_at, &zone)) }
                        td { (delivery(row)) }
                    }
                }
            }
        }
    };
    Ok(Html(shell("Matter", &body).into_string()))
}

fn delivery(row: &crate::domain::notification::Notification) -> String {
    use crate::domain::notification::Delivery;
    match &row.delivery {
        Delivery::Queued if row.attempts == 0 => "waits".into(),
        Delivery::Queued => {
            format!("tried {} times: {}", row.attempts, row.last_error.as_deref().unwrap_or("no answer"))
        }
        Delivery::Leased { .. } => "being sent".into(),
        Delivery::Sent { .. } => "delivered".into(),
        Delivery::Failed { why, .. } => format!("not delivered: {why}"),
        Delivery::Dropped { reason, .. } => format!("not needed: {}", reason.as_str().replace('_', " ")),
    }
}

#[derive(Debug, Deserialize)]
struct ActForm {
    action: String,
    to: Option<OwnerId>,
}

async fn act(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Form(form): Form<ActForm>,
) -> Result<Redirect, Failed> {
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

fn topic_name(desk: &Desk, one: &Escalation) -> String {
    desk.topics.get(&one.topic).map_or_else(|| one.topic.to_string(), |topic| topic.name.clone())
}

fn when(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%-d %b %Y, %H:%M %Z").to_string()
}
