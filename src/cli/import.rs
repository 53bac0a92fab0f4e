//! `earmark import`: posts from a file, through the inbox.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::door::{Door, Needs};
use super::{Common, output};
use crate::api::import::Imported;
use crate::app::reading::FileReading;
use crate::domain::post::Post;

/// Takes in posts from a file: transcripts, surveys, tickets
#[derive(Debug, Args)]
#[command(
    after_help = "What no topic claims becomes the champion's. Taking the same file in twice changes nothing.

Examples:
  earmark import calls.jsonl
  earmark import survey.csv --quiet

A record has at least `text`; also id, url, author, created_at, title, lang, kind, site, parent."
)]
pub struct ImportArgs {
    /// JSON Lines or CSV, known by its ending
    file: PathBuf,
    /// Record them and wake nobody
    #[arg(long)]
    quiet: bool,
}

pub async fn run(common: &Common, args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let mut reading = FileReading::open(&args.file)?;
    let door = Door::open(common, Needs::AnyStore).await?;
    let mut progress = output::Progress::new("posts", None);
    let (mut taken, mut forgotten, mut rejected) = (0u64, 0u64, 0u64);
    while let Some((posts, rejects)) = reading.next().await? {
        for reject in rejects {
            rejected += 1;
            output::note(&format!("{} {}: {}", args.file.display(), reject.at, reject.why));
        }
        let imported = hand_over(&door, posts, args.quiet).await?;
        taken += imported.posts as u64;
        forgotten += imported.forgotten;
        progress.at(taken);
    }
    progress.end();
    if common.json {
        output::json(&json!({ "posts": taken, "forgotten": forgotten, "rejected": rejected }))?;
    } else {
        let then = if door.is_daemon() { "" } else { "; they are scored once the daemon runs" };
        let posts = output::count(taken, "post");
        output::line(&format!("{posts} in the inbox, {rejected} could not be read{then}."));
        if forgotten > 0 {
            let left = output::count(forgotten, "post");
            output::line(&format!("{left} left out: they, their author or their address were forgotten."));
        }
    }
    Ok(if rejected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn hand_over(door: &Door, posts: Vec<Post>, quiet: bool) -> anyhow::Result<Imported> {
    if posts.is_empty() {
        return Ok(Imported { posts: 0, forgotten: 0 });
    }
    let body = json!({ "posts": posts, "quiet": quiet });
    door.post("/import", &[], &body).await.context("the posts were not taken")
}
