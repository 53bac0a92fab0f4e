//! What a person should look at: mentions on which the model would not commit itself, by topic,
//! owner and reason, then one by one, the newest first. A row's own page is where it is corrected.

use std::sync::Arc;

use axum::extract::{Extension, RawQuery, State};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::mentions::{Asked, choice};
use super::show::{self, Reading};
use super::{Frame, PageAnswer};
use crate::api::caller::Caller;
use crate::api::review::{Part, Review};
use crate::api::{Api, ApiError};
use crate::domain::sentiment::Doubt;
use crate::domain::words;

/// How far back is looked when nobody says: counting reads every row of that time.
const LATELY: SignedDuration = SignedDuration::from_hours(7 * 24);

pub async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    RawQuery(raw): RawQuery,
) -> PageAnswer {
    caller.may_read(&api.desk.load())?;
    let now = api.clock.now();
    let asked = bounded(Asked::read(raw.as_deref())?, now)?;
    let narrow = &asked.narrow;
    let found = api.review(narrow.of_mentions(), narrow.which(), narrow.page()).await?;
    let desk = api.desk.load_full();
    let read = Reading::of(&desk, narrow.owner.as_ref(), now);
    let topics = desk.topics.values().map(|topic| (topic.id.as_str(), topic.name.as_str()));
    let owners = desk.roster.owners().map(|owner| (owner.id.as_str(), owner.name.as_str()));
    let doubts = Doubt::ALL.iter().map(|doubt| (doubt.as_str(), words::doubt(*doubt)));
    let body = html! {
        h1 { (headline(found.total)) }
        p { "On these the model would not commit itself, so a person should look. None of them counts as negative or positive." }
        form.row method="get" action="/review" {
            (choice("Topic", "topic", "all", asked.get("topic"), topics))
            (choice("Routed to", "owner", "anybody", asked.get("owner"), owners))
            (choice("Why", "doubt", "any reason", asked.get("doubt"), doubts))
            (asked.hidden(&["from", "until", "source", "escalation", "needs_answer"]))
            button type="submit" { "Show" }
        }
        (window(&read, &asked))
        @if found.total > 0 { (parts(&read, &asked, &found)) h2 { "One by one" } }
        @for one in &found.mentions.rows {
            (show::mention(&read, one, None))
            p.small {
                (words::sentence(&words::why_unsure(one.mention.sentiment()))) " "
                a href=(format!("/mentions/{}", one.mention.id())) { "Open it to judge it" }
            }
        }
        (asked.more("/review", found.mentions.next.as_deref()))
    };
    let twin = Some(asked.address("/api/v1/review"));
    Ok(Frame { title: "To review", place: "/review", twin, may_roam: true }.around(&body))
}

/// Of lately, unless somebody says otherwise.
fn bounded(asked: Asked, now: Timestamp) -> Result<Asked, ApiError> {
    if asked.narrow.from.is_some() || asked.narrow.until.is_some() {
        return Ok(asked);
    }
    let from = Timestamp::from_second((now - LATELY).as_second()).unwrap_or(now);
    Asked::of(asked.with("from", &from.to_string()))
}

fn headline(total: u64) -> String {
    match total {
        0 => "Nothing waits for a look".into(),
        total => format!("{} to review", words::count(total, "mention")),
    }
}

fn window(read: &Reading<'_>, asked: &Asked) -> Markup {
    let narrow = &asked.narrow;
    let is_all = narrow.from == Some(Timestamp::UNIX_EPOCH) && narrow.until.is_none();
    html! {
        p.quiet {
            @if is_all { "Of all that is kept." }
            @else {
                "Heard "
                @if let Some(from) = narrow.from { "from " (read.time(from)) " " }
                @if let Some(until) = narrow.until { "until " (read.time(until)) " " }
                "· " a href=(format!("/review?from={}", Timestamp::UNIX_EPOCH)) { "all that is kept" }
            }
        }
    }
}

/// Each figure opens the list of as many.
fn parts(read: &Reading<'_>, asked: &Asked, found: &Review) -> Markup {
    let address = |part: &Part| {
        let narrowed = asked.with("topic", part.topic.as_str()).with("owner", part.owner.as_str());
        narrowed.with("doubt", part.doubt.as_str()).with("after", "").address("/review")
    };
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "topic" } th scope="col" { "routed to" } th scope="col" { "why" } th.number scope="col" { "mentions" }
            } }
            tbody {
                @for part in &found.parts {
                    tr {
                        th scope="row" { (read.topic(&part.topic)) }
                        td data-label="routed to" { (read.owner(&part.owner)) }
                        td data-label="why" { (words::doubt(part.doubt)) }
                        td.number data-label="mentions" { a href=(address(part)) { (words::figure(part.count)) } }
                    }
                }
            }
        }
    }
}
