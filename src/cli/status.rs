//! `earmark status`: sources, coverage, queues, tasks.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::door::{Door, Needs};
use super::{Common, output};
use crate::api::status::Status;
use crate::domain::correction::Calibration;
use crate::domain::duration;
use crate::domain::sentiment::Polarity;
use crate::domain::source::{Blind, SourceState};
use crate::domain::words;

/// Says how sources, queues and tasks are doing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earmark status
  earmark status --json | jq .outbox")]
pub struct StatusArgs {}

pub async fn run(common: &Common, _: &StatusArgs) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Store).await?;
    let status: Status = door.get("/status", &[]).await?;
    if common.json {
        output::json(&status)?;
        return Ok(ExitCode::SUCCESS);
    }
    match door.is_daemon() {
        true => output::line(&format!(
            "earmark {}, up for {}, model {}",
            status.version,
            duration::words(status.now.duration_since(status.started_at)),
            status.model.as_ref().map_or("none".into(), |model| format!("{} {}", model.name, model.version))
        )),
        false => output::line("No daemon runs; this is what the store says."),
    }
    if let Some(own) = &status.calibration {
        output::line(&calibration(own));
    }
    output::line(&format!(
        "{} open, {} waiting, {} kept, {} on disk",
        output::count(status.unresolved as u64, "escalation"),
        output::count(status.outbox.waiting, "message"),
        output::count(status.store.mentions, "mention"),
        bytes(status.store.disk_bytes)
    ));
    if let Some(said) = compaction(&status) {
        output::line(&said);
    }
    output::line("");
    show_sources(&status);
    show_today(&status);
    for (name, task) in &status.tasks {
        if let Some(error) = task["last_error"].as_str().filter(|_| task["failures"].as_u64() > Some(0)) {
            output::line(&output::colour(&format!("task {name} fails: {}", output::safe(error, 200)), "31"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the store's files hold beside its rows, in words.
fn compaction(status: &Status) -> Option<String> {
    let size = &status.store;
    let last = size.compacted_at.map(|at| format!("compacted on {}", output::when(at)));
    let wait = size.erased_since.map(|since| {
        format!(
            "bytes of what was erased since {} may stand in the store's file until it is compacted: at a start of the daemon, or by `earmark store compact`",
            output::when(since)
        )
    });
    let said: Vec<String> = wait.into_iter().chain(last).collect();
    (!said.is_empty()).then(|| said.join("; last "))
}

/// The temperature in use, in words.
pub fn calibration(own: &Calibration) -> String {
    format!(
        "probabilities are drawn by a temperature of {:.3}, fitted on {} of your own on {} by {}",
        own.temperature,
        output::count(own.n, "text"),
        output::when(own.at),
        own.by
    )
}

fn show_sources(status: &Status) {
    let when = |at: Option<Timestamp>| at.map_or_else(|| "never".into(), output::when);
    let rows: Vec<Vec<String>> = status
        .sources
        .iter()
        .map(|source| {
            let skipped: u64 = source.skipped.values().sum();
            vec![
                source.id.to_string(),
                when(source.answered_at),
                when(source.fetched_through),
                when(source.spoke_at),
                source.posts.to_string(),
                skipped.to_string(),
                health(source, status.now),
            ]
        })
        .collect();
    output::table(&["source", "answered", "read through", "last new", "posts", "skipped", "health"], &rows);
    for line in status.sources.iter().flat_map(unread) {
        output::line(&output::colour(&line, "33"));
    }
    for Blind { gap, repaired_at } in &status.gaps {
        let from = gap.from.map_or_else(|| "?".into(), output::when);
        let detail = if gap.detail.is_empty() { "" } else { ": " };
        let became = match repaired_at {
            Some(at) => format!("read afterwards, by {}", output::when(*at)),
            None => "missing".into(),
        };
        output::line(&format!(
            "  {} was blind from {from} to {} ({became}), {}{detail}{}",
            gap.source,
            output::when(gap.until),
            gap.cause.words(),
            output::safe(&gap.detail, 100)
        ));
    }
    for queue in status.rechecks.iter().filter(|queue| queue.waiting > 0) {
        let overdue = if queue.overdue > 0 { format!(", {} overdue", queue.overdue) } else { String::new() };
        let posts = output::count(queue.waiting as u64, "mention");
        output::line(&format!("  {}: {posts} to be asked for anew{overdue}", queue.source));
    }
    output::line("");
}

fn health(source: &SourceState, now: Timestamp) -> String {
    match (&source.last_error, source.behind(now)) {
        (Some(error), _) => format!("failing ×{}: {}", source.failures, output::safe(error, 60)),
        (None, _) if !source.unread.is_empty() => "reads in part".into(),
        (None, Some(behind)) => format!("behind by {}", words::length(behind)),
        (None, None) if source.told_quiet => "strangely quiet".into(),
        (None, None) => "well".into(),
    }
}

/// A line for each part of a source that is not read.
fn unread(source: &SourceState) -> impl Iterator<Item = String> {
    source.unread.iter().map(|part| {
        let (since, said) = (output::when(part.since), output::safe(&part.words(), 300));
        format!("  {} reads in part since {since}: {said}", source.id)
    })
}

fn show_today(status: &Status) {
    let rows: Vec<Vec<String>> = status
        .today
        .iter()
        .map(|(topic, counts)| {
            let mut row = vec![topic.clone()];
            row.extend(Polarity::ALL.iter().map(|one| counts.of(*one).to_string()));
            row.push(counts.net().map_or_else(|| "–".into(), |net| format!("{net:+.0}")));
            row
        })
        .collect();
    output::table(&["last 24 hours", "negative", "neutral", "positive", "unsure", "net"], &rows);
    if status.corrected > 0 {
        let whose = if status.corrected == 1 { "counts" } else { "count" };
        output::line(&format!("{} of them {whose} as a person said", status.corrected));
    }
}

fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal of megabytes")]
    let megabytes = count as f64 / 1e6;
    format!("{megabytes:.1} MB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::source::{Trouble, Unread};

    #[test]
    fn a_source_that_is_read_in_part_says_which_part_and_what_to_do() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let mut source = SourceState::new("forum".into(), at("2026-03-04T12:00:00Z"));
        let now = at("2026-03-04T13:00:00Z");
        assert_eq!((health(&source, now).as_str(), unread(&source).count()), ("well", 0));
        let trouble = Trouble {
            part: "posts of desk".into(),
            what: "answered 404".into(),
            remedy: "put it right".into(),
        };
        source.unread = vec![Unread { trouble, since: at("2026-03-04T12:30:00Z"), looks: 4 }];
        assert_eq!(health(&source, now), "reads in part");
        let line = unread(&source).next().expect("a line");
        assert!(line.starts_with("  forum reads in part since "), "{line}");
        assert!(line.ends_with(": posts of desk: answered 404; put it right"), "{line}");
        source.last_error = Some("nothing answers".into());
        assert!(health(&source, now).starts_with("failing"));
    }
}
