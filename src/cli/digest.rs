//! `earmark digest`: preview or send.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::door::{Door, Needs};
use super::{Common, mentions, output};

/// Previews or sends a digest
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earmark digest care-daily
  earmark digest care-daily --since 7d --format html > digest.html
  earmark digest care-daily --reader cco
  earmark digest care-daily --send")]
pub struct DigestArgs {
    /// Its name in the configuration
    id: String,
    /// Since when: a time (RFC 3339) or a length (24h, 7d) [default: the last digest]
    #[arg(long, value_name = "WHEN", value_parser = mentions::instant)]
    since: Option<Timestamp>,
    /// As this owner would read it [default: its first reader]
    #[arg(long, value_name = "OWNER")]
    reader: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// Send it to its readers now; the next one comes when it would have
    #[arg(long, conflicts_with_all = ["reader", "format"])]
    send: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Text,
    Html,
    Json,
}

pub async fn run(common: &Common, args: &DigestArgs) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Store).await?;
    let mut query: Vec<(&str, String)> = args.since.iter().map(|at| ("since", at.to_string())).collect();
    let path = format!("/digests/{}", args.id);
    if args.send {
        let sent: serde_json::Value = door.post(&path, &query, &serde_json::json!({})).await?;
        if common.json {
            output::json(&sent)?;
            return Ok(ExitCode::SUCCESS);
        }
        let messages = output::count(sent["notifications"].as_u64().unwrap_or_default(), "message");
        match door.is_daemon() {
            true => output::line(&format!("{messages} on the way.")),
            false => output::line(&format!("{messages} in the outbox until the daemon runs.")),
        }
        return Ok(ExitCode::SUCCESS);
    }
    query.extend(args.reader.iter().map(|reader| ("reader", reader.clone())));
    let format = match (common.json, args.format) {
        (true, _) | (_, Form::Json) => "json",
        (_, Form::Html) => "html",
        (_, Form::Text) => "text",
    };
    query.push(("format", format.into()));
    output::line(door.get_text(&path, &query).await?.trim_end());
    Ok(ExitCode::SUCCESS)
}
