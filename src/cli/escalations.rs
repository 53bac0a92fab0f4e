//! `earmark escalations`: list; acknowledge, resolve, reassign, silence.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};

use super::door::{Door, Needs};
use super::{Common, mentions, output};
use crate::api::act::{Ask, SilenceAsk};
use crate::api::list::EscalationDetail;
use crate::domain::duration;
use crate::domain::escalation::{Escalation, Severity};
use crate::domain::id::EscalationId;
use crate::domain::silence::Silence;

/// Lists what is open and who answers for it; acknowledge, resolve, reassign, silence
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Examples:
  earmark escalations                              what is open
  earmark escalations --all --since 7d --json
  earmark escalations show ID                      with its mentions, and who was told
  earmark escalations acknowledge ID               \"I have it\"
  earmark escalations reassign ID --to cco
  earmark escalations silence --topic acme-app --lasts 2h --reason \"known outage\""
)]
pub struct EscalationsArgs {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Args)]
struct List {
    /// Resolved ones too
    #[arg(long)]
    all: bool,
    /// About this topic
    #[arg(long, value_name = "ID")]
    topic: Option<String>,
    /// Answered for by this owner
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
    /// Opened since: a time (RFC 3339) or a length (24h, 7d)
    #[arg(long, value_name = "WHEN", value_parser = mentions::instant)]
    since: Option<Timestamp>,
    /// At most this many [default: 100 as a table, else all]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// One escalation with its mentions and everything that was sent
    #[command(after_help = "Examples:
  earmark escalations show ID
  earmark escalations show ID --json | jq '.notifications[].owner'")]
    Show {
        /// Its id, as the list shows it
        id: EscalationId,
    },
    /// "I have it": the steps stop for as long as the policy allows
    #[command(after_help = "Examples:
  earmark escalations acknowledge ID
  earmark escalations acknowledge ID --as care       as root: say for whom")]
    Acknowledge {
        /// Its id, as the list shows it
        id: EscalationId,
    },
    /// "It is done": closes it
    #[command(after_help = "Examples:
  earmark escalations resolve ID")]
    Resolve {
        /// Its id, as the list shows it
        id: EscalationId,
    },
    /// "It is theirs": hands it over
    #[command(after_help = "Examples:
  earmark escalations reassign ID --to cco")]
    Reassign {
        /// Its id, as the list shows it
        id: EscalationId,
        /// To which owner
        #[arg(long, value_name = "OWNER")]
        to: String,
    },
    /// Holds messages for a while; without --lasts, lists what is held
    #[command(after_help = "Examples:
  earmark escalations silence
  earmark escalations silence --topic acme-app --lasts 2h --reason \"known outage\"
  earmark escalations silence --end ID")]
    Silence(SilenceArgs),
}

#[derive(Debug, Args)]
struct SilenceArgs {
    /// Only about this topic
    #[arg(long, value_name = "ID")]
    topic: Option<String>,
    /// Only what this trigger found
    #[arg(long, value_name = "ID")]
    trigger: Option<String>,
    /// Only to this owner
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
    /// Up to this severity: low, high or urgent [default: high]
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    up_to: Option<Severity>,
    /// For how long: 2h, 3d; at most 30d
    #[arg(long, value_name = "LENGTH", value_parser = length, requires = "reason")]
    lasts: Option<SignedDuration>,
    /// Why; everyone concerned reads it
    #[arg(long, value_name = "TEXT", requires = "lasts")]
    reason: Option<String>,
    /// End this silence now
    #[arg(long, value_name = "ID", conflicts_with = "lasts")]
    end: Option<String>,
}

fn length(text: &str) -> Result<SignedDuration, String> {
    duration::parse(text)
}

fn severity(text: &str) -> Result<Severity, String> {
    [Severity::Low, Severity::High, Severity::Urgent]
        .into_iter()
        .find(|severity| severity.as_str() == text)
        .ok_or_else(|| "low, high or urgent".into())
}

pub async fn run(common: &Common, args: &EscalationsArgs) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Store).await?;
    match &args.act {
        None => list(&door, common, &args.list).await?,
        Some(Act::Show { id }) => show(&door, common, id).await?,
        Some(Act::Acknowledge { id }) => act(&door, common, id, &Ask::Acknowledge).await?,
        Some(Act::Resolve { id }) => act(&door, common, id, &Ask::Resolve).await?,
        Some(Act::Reassign { id, to }) => {
            act(&door, common, id, &Ask::Reassign { to: to.as_str().into() }).await?
        }
        Some(Act::Silence(args)) => silence(&door, common, args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(door: &Door, common: &Common, args: &List) -> anyhow::Result<()> {
    let parts = [
        ("topic", args.topic.clone()),
        ("owner", args.owner.clone()),
        ("from", args.since.map(|at| at.to_string())),
        ("unresolved", Some((!args.all).to_string())),
    ];
    let query: Vec<_> =
        parts.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect();
    if common.json {
        let most = args.limit.unwrap_or(usize::MAX);
        return door.pages("/escalations", &query, most, |one: Escalation| output::json(&one)).await;
    }
    let mut rows = Vec::new();
    let gather = |one: Escalation| {
        rows.push(row(&one));
        Ok(())
    };
    door.pages("/escalations", &query, args.limit.unwrap_or(SHOWN), gather).await?;
    if rows.is_empty() {
        output::note(if args.all { "There is none of that sort." } else { "Nothing of that sort is open." });
        return Ok(());
    }
    output::table(&HEADING, &rows);
    Ok(())
}

/// Shown to people unless they say otherwise.
const SHOWN: usize = 100;
const HEADING: [&str; 8] =
    ["id", "topic", "severity", "state", "accountable", "posts", "opened", "next step"];

fn row(one: &Escalation) -> Vec<String> {
    vec![
        one.id.to_string(),
        one.topic.to_string(),
        one.severity.as_str().into(),
        one.state.as_str().into(),
        one.accountable.to_string(),
        one.mentions.to_string(),
        output::when(one.opened_at),
        one.due().map_or_else(|| "–".into(), output::when),
    ]
}

async fn show(door: &Door, common: &Common, id: &EscalationId) -> anyhow::Result<()> {
    let detail: EscalationDetail = door.get(&format!("/escalations/{id}"), &[]).await?;
    if common.json {
        return output::json(&detail);
    }
    let one = &detail.escalation;
    output::table(&HEADING, &[row(one)]);
    output::line(&format!("\nWhy: {}", output::safe(&one.why, 200)));
    output::line("\nWhat was said:");
    for view in &detail.mentions {
        let mention = &view.mention;
        output::line(&format!(
            "  {:+.2}  {}",
            mention.sentiment().score,
            output::safe(&mention.post().full_text(), 120)
        ));
    }
    output::line("\nWho was told:");
    for sent in &detail.notifications {
        let word = serde_json::to_value(&sent.delivery)?["delivery"].as_str().unwrap_or("?").to_owned();
        output::line(&format!(
            "  {}  {} over {}: {word}, {}",
            output::when(sent.created_at),
            sent.owner,
            sent.channel,
            output::count(sent.attempts.into(), "attempt")
        ));
    }
    Ok(())
}

async fn act(door: &Door, common: &Common, id: &EscalationId, ask: &Ask) -> anyhow::Result<()> {
    let after: Escalation = door.post(&format!("/escalations/{id}"), &[], ask).await?;
    if common.json {
        return output::json(&after);
    }
    output::line(&format!(
        "{} is now {}; {} answers for it.",
        after.id,
        after.state.as_str(),
        after.accountable
    ));
    Ok(())
}

async fn silence(door: &Door, common: &Common, args: &SilenceArgs) -> anyhow::Result<()> {
    let silences: Vec<Silence> = if let Some(id) = &args.end {
        vec![door.delete(&format!("/silences/{id}")).await?]
    } else if let (Some(lasts), Some(reason)) = (args.lasts, &args.reason) {
        let ask = SilenceAsk {
            topic: args.topic.as_deref().map(Into::into),
            trigger: args.trigger.as_deref().map(Into::into),
            owner: args.owner.as_deref().map(Into::into),
            up_to: args.up_to,
            lasts,
            reason: reason.clone(),
        };
        vec![door.post("/silences", &[], &ask).await?]
    } else {
        door.get("/silences", &[]).await?
    };
    if common.json {
        return silences.iter().try_for_each(output::json);
    }
    if silences.is_empty() {
        output::note("Nothing is held.");
    }
    for one in &silences {
        output::line(&format!(
            "{}  until {}  up to {}  by {}: {}",
            one.id,
            output::when(one.until),
            one.up_to.as_str(),
            output::safe(&one.author, 40),
            output::safe(&one.reason, 100)
        ));
    }
    Ok(())
}
