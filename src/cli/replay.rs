//! `earmark replay`: what the configuration would have made of a file of posts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Common, output, place};
use crate::app::replay::{Replayed, replay};
use crate::domain::sentiment::Polarity;

/// Says what the configuration would have made of a file of posts
#[derive(Debug, Args)]
#[command(
    after_help = "The posts are played in their own time, as if nobody answered. Stores nothing, tells nobody.

Examples:
  earmark replay last-month.jsonl
  earmark --config new.toml replay last-month.jsonl --json | jq '.escalations | length'"
)]
pub struct ReplayArgs {
    /// JSON Lines or CSV, known by its ending
    file: PathBuf,
}

/// Escalations shown to people.
const SHOWN: usize = 50;

pub async fn run(common: &Common, args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let config = place::config(common)?;
    let mut progress = output::Progress::new("posts", None);
    let replayed = replay(&config, &args.file, |done| progress.at(done)).await?;
    progress.end();
    if common.json {
        output::json(&replayed)?;
    } else {
        show(&replayed);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(replayed: &Replayed) {
    output::line(&format!(
        "{} read, {} could not be read, {:.0} posts a second\n",
        output::count(replayed.posts, "post"),
        replayed.rejected,
        replayed.posts_per_second
    ));
    let rows: Vec<Vec<String>> = replayed
        .topics
        .iter()
        .map(|(topic, counts)| {
            let mut row = vec![topic.clone(), counts.total().to_string()];
            row.extend(Polarity::ALL.iter().map(|one| counts.of(*one).to_string()));
            row
        })
        .collect();
    output::table(&["topic", "mentions", "negative", "neutral", "positive", "unsure"], &rows);
    for (reason, count) in &replayed.skipped {
        output::line(&format!("skipped: {count} {}", reason.replace('_', " ")));
    }
    output::line(&format!(
        "\n{} would have opened:",
        output::count(replayed.escalations.len() as u64, "escalation")
    ));
    let rows: Vec<Vec<String>> = replayed
        .escalations
        .iter()
        .take(SHOWN)
        .map(|one| {
            vec![
                output::when(one.opened_at),
                one.topic.to_string(),
                one.severity.as_str().into(),
                one.trigger.to_string(),
                one.mentions.to_string(),
                one.owner.to_string(),
            ]
        })
        .collect();
    output::table(&["opened", "topic", "severity", "trigger", "posts", "owner"], &rows);
    if replayed.escalations.len() > SHOWN {
        output::line(&format!("and {} more; --json has all", replayed.escalations.len() - SHOWN));
    }
    output::line("\nMessages, had nobody answered:");
    for (owner, reasons) in &replayed.messages {
        let reasons: Vec<String> =
            reasons.iter().map(|(reason, count)| format!("{count} {}", reason.replace('_', " "))).collect();
        output::line(&format!("  {owner}: {}", reasons.join(", ")));
    }
}
