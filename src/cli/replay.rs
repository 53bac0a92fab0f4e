//! `earmark replay`: what the configuration would have made of a file of posts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::door::Door;
use super::{Common, output, place};
use crate::api::list::{Listing, Row};
use crate::app::offline;
use crate::app::replay::{Replayed, replay};
use crate::config::Config;
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
    let forgotten = forgotten(common, &config).await?;
    let mut progress = output::Progress::new("posts", None);
    let replayed = replay(&config, &args.file, forgotten, |done| progress.at(done)).await?;
    progress.end();
    if common.json {
        output::json(&replayed)?;
    } else {
        show(&replayed);
    }
    Ok(ExitCode::SUCCESS)
}

/// What was forgotten, as far as this account may know: a replay shows nothing of it either.
async fn forgotten(common: &Common, config: &Config) -> anyhow::Result<Vec<Row>> {
    let Some(door) = Door::daemon(common, config).await? else {
        return Ok(offline::tombstones(config).await.unwrap_or_else(|error| {
            output::note(&format!("what was forgotten is not left out here: {error:#}"));
            Vec::new()
        }));
    };
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let query: Vec<(&str, String)> = after.iter().map(|after| ("after", after.clone())).collect();
        let Ok(Listing { rows, next }) = door.get::<Listing<Row>>("/store/rows", &query).await else {
            output::note("what was forgotten is not left out here: this account may not read the store");
            return Ok(Vec::new());
        };
        // These rows lead, so the first other one is their end.
        let ended = !rows.iter().all(Row::is_tombstone);
        found.extend(rows.into_iter().filter(Row::is_tombstone));
        after = next.filter(|_| !ended);
        if after.is_none() {
            return Ok(found);
        }
    }
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
