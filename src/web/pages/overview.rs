//! The overview: what needs an answer, what was said today, what could not be seen.

use std::sync::Arc;

use axum::extract::{Extension, State};
use jiff::Timestamp;
use maud::{Markup, html};

use super::show::Reading;
use super::{Frame, PageAnswer, chart, escalations};
use crate::api::Api;
use crate::api::caller::Caller;
use crate::api::status::Status;
use crate::domain::escalation::Escalation;
use crate::domain::sentiment::{Counts, Polarity};
use crate::domain::source::{Blind, SourceState};
use crate::domain::words;
use crate::store::{EscalationFilter, Page};

/// Escalations shown here; the list shows all.
const SHOWN: usize = 10;

pub async fn overview(State(api): State<Arc<Api>>, Extension(caller): Extension<Caller>) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let status = api.status().await?;
    let filter = EscalationFilter { unresolved: true, ..EscalationFilter::default() };
    let open = api.escalations(filter, Page { limit: SHOWN, after: None, newest_first: true }).await?;
    let desk = api.desk.load_full();
    let read = Reading::of(&desk, None, status.now);
    let digests = api.digests.load_full();
    let body = html! {
        h1 { (headline(&status)) }
        p.quiet { "As of " (read.time(status.now)) "." }
        (warnings(&status))
        h2 { "Escalations" }
        (waiting(&api, &read, &open.rows, status.unresolved))
        h2 { "What was said in the last 24 hours" }
        (today(&read, &status))
        h2 { "What we can see" }
        (sources(&read, &status))
        h2 { "Messages" }
        p {
            @if status.outbox.waiting == 0 { "All messages are delivered; none waits." }
            @else {
                (words::count(status.outbox.waiting, "message")) " to be delivered, " (status.outbox.due) " of them now"
                @if let Some(oldest) = status.outbox.oldest { "; the oldest since " (read.time(oldest)) }
                "."
            }
        }
        @if !digests.plans.is_empty() {
            p {
                "Digests as they would read now: "
                @for (place, plan) in digests.plans.iter().enumerate() {
                    @if place > 0 { ", " }
                    a href=(format!("/api/v1/digests/{}?format=html", plan.id)) { (plan.id) }
                }
            }
        }
        p.small.quiet {
            "earmark " (status.version) ", up since " (read.time(status.started_at))
            @if let Some(model) = &status.model { "; sentiment by the model " (model.name) " " (model.version) }
            @if let Some(own) = &status.calibration { ", calibrated on " (words::count(own.n, "text")) " of our own" }
            "."
        }
    };
    Ok(Frame { title: "Overview", place: "/", twin: Some("/api/v1/status".into()), may_roam: true }
        .around(&body))
}

fn headline(status: &Status) -> String {
    match status.unresolved {
        0 => "No escalation is open".into(),
        1 => "1 escalation is open".into(),
        many => format!("{many} escalations are open"),
    }
}

/// What makes the rest of the page less than it seems.
fn warnings(status: &Status) -> Markup {
    let failing = status.sources.iter().filter(|source| source.failing_since.is_some()).count();
    html! {
        @if failing > 0 {
            p.bad {
                (failing) " of " (words::count(status.sources.len() as u64, "source"))
                " cannot be read: what is said there is not heard. "
                a href="#sources" { "Which, and since when" }
            }
        }
    }
}

fn waiting(api: &Api, read: &Reading<'_>, rows: &[Escalation], all: usize) -> Markup {
    html! {
        @if rows.is_empty() { p { "Nothing waits for an answer." } }
        @for one in rows { (escalations::card(read, one, api.next(one).as_ref())) }
        p {
            @if all > rows.len() { a href="/escalations?unresolved=true" { "All " (all) " open escalations" } " · " }
            a href="/escalations" { "All escalations, also resolved ones" }
        }
    }
}

fn today(read: &Reading<'_>, status: &Status) -> Markup {
    let mut all = Counts::default();
    for counts in status.today.values() {
        all += *counts;
    }
    let window = format!("from={}&until={}", status.since, status.until);
    let linked = |count: u64, query: &str| {
        html! { @if count == 0 { "0" } @else { a href=(format!("/mentions?{window}{query}")) { (words::figure(count)) } } }
    };
    html! {
        dl.facts {
            div { dt { "mentions" } dd { (linked(all.total(), "")) } }
            div { dt { "net sentiment" } dd { (net(all)) } }
            div { dt { "unsure, to review" } dd {
                @if all.unsure == 0 { "0" } @else { a href=(format!("/review?{window}")) { (words::figure(all.unsure)) } }
            } }
            @if status.corrected > 0 { div { dt { "judged by a person" } dd { (linked(status.corrected, "&corrected=true")) } } }
        }
        (chart::hours(read, &status.hours))
        table.flow {
            caption {
                "Since " (read.time(status.since)) ". Net sentiment: positive less negative, as a share of all n mentions, −100 to +100."
            }
            thead { tr {
                th scope="col" { "topic" }
                @for (polarity, class) in Polarity::ALL.iter().zip(["bad", "quiet", "good", "odd"]) {
                    th.number scope="col" { span class=(format!("key {class}")) { (polarity.as_str()) } }
                }
                th.number scope="col" { "net" }
            } }
            tbody {
                @for (topic, counts) in &status.today {
                    tr {
                        th scope="row" { (read.topic(&topic.as_str().into())) }
                        @for polarity in Polarity::ALL {
                            td.number data-label=(polarity.as_str()) { (linked(counts.of(polarity), &format!("&topic={topic}&polarity={}", polarity.as_str()))) }
                        }
                        td.number data-label="net" { (net(*counts)) }
                    }
                }
            }
        }
    }
}

fn net(counts: Counts) -> Markup {
    html! {
        @match counts.net() {
            Some(net) => { (words::signed(net, 0)) " " small.quiet { "n " (words::figure(counts.total())) } }
            None => { span aria-label="none" { "–" } }
        }
    }
}

fn sources(read: &Reading<'_>, status: &Status) -> Markup {
    html! {
        @if status.sources.is_empty() { p { "No source has been read yet." } }
        @else {
            table.stack id="sources" {
                thead { tr {
                    th scope="col" { "source" } th scope="col" { "how it is" } th scope="col" { "read through" }
                    th scope="col" { "last new post" } th.number scope="col" { "posts" }
                } }
                tbody { @for source in &status.sources { (source_row(read, source, status.now)) } }
            }
        }
        @if !status.gaps.is_empty() {
            h3 { "Not watched in the last 7 days" }
            ul {
                @for Blind { gap, repaired_at } in &status.gaps {
                    li {
                        strong { (gap.source) } ": "
                        @if let Some(from) = gap.from { "from " (read.time(from)) " to " (read.time(gap.until)) }
                        @else { "up to " (read.time(gap.until)) }
                        ", " (gap.cause.words()) "; "
                        @match repaired_at {
                            Some(at) => { "read afterwards, by " (read.time(*at)) }
                            None => { span.bad { "what was said then is missing" } }
                        }
                        @if !gap.detail.is_empty() { span.quiet { " (" (words::one_line(&gap.detail, 200)) ")" } }
                    }
                }
            }
        }
    }
}

fn source_row(read: &Reading<'_>, source: &SourceState, now: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" { (source.id) }
            td data-label="how it is" {
                @match (source.failing_since, source.answered_at) {
                    (Some(since), _) => {
                        span.bad { "cannot be read since " (read.time(since)) }
                        @if let Some(error) = &source.last_error { br; span.small.quiet { (words::one_line(error, 300)) } }
                    }
                    (None, None) => { span.quiet { "not asked yet" } }
                    (None, Some(_)) if !source.unread.is_empty() => { span.odd { "is read in part" } }
                    (None, Some(_)) if source.told_quiet => { span.odd { "is read, and strangely quiet" } }
                    (None, Some(_)) => { span.good { "is read" } }
                }
                @for part in &source.unread {
                    br; span.small.quiet {
                        "not read since " (read.time(part.since)) ": " (words::one_line(&part.words(), 400))
                    }
                }
                @if let Some(behind) = source.behind(now) {
                    br; span.small.quiet { "behind by " (words::length(behind)) ": what has piled up is being read" }
                }
            }
            td data-label="read through" { @match source.fetched_through { Some(at) => (read.time(at)), None => "–" } }
            td data-label="last new post" { @match source.spoke_at { Some(at) => (read.time(at)), None => "–" } }
            td.number data-label="posts" { (words::figure(source.posts)) }
        }
    }
}
