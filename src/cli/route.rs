//! `earmark route`: who would own a text, why, and the whole timetable of who is told when.

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;
use serde_json::Value;

use super::door::{Door, Needs};
use super::{Common, output};
use crate::api::explain::{Explanation, Trial, Would};
use crate::domain::post::PostKind;
use crate::domain::words;

/// Says who would own a text, why, and who would be told when
#[derive(Debug, Args)]
#[command(after_help = "The times are those of everybody staying silent. Stores nothing, tells nobody.

Examples:
  earmark route \"The Acme app crashed again\"
  earmark route --at 2026-12-24T22:00:00Z \"The Acme app crashed again\"
  earmark route --topic acme-app --kind review \"one star\"")]
pub struct RouteArgs {
    /// What the post says
    text: String,
    /// Its headline
    #[arg(long)]
    title: Option<String>,
    /// Who wrote it
    #[arg(long)]
    author: Option<String>,
    /// Its language (BCP 47)
    #[arg(long)]
    lang: Option<String>,
    /// What sort of post it is
    #[arg(long, default_value = "post", value_parser = PossibleValuesParser::new(PostKind::ALL.map(PostKind::as_str)))]
    kind: String,
    /// As if this source of the configuration had brought it
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// The site it stands on
    #[arg(long)]
    site: Option<String>,
    /// As a mention of this topic, whatever its query says
    #[arg(long, value_name = "ID")]
    topic: Option<String>,
    /// As if now were then (RFC 3339)
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
}

pub async fn run(common: &Common, args: &RouteArgs) -> anyhow::Result<ExitCode> {
    let kind = PostKind::ALL.into_iter().find(|kind| kind.as_str() == args.kind).unwrap_or_default();
    let trial = Trial {
        text: args.text.clone(),
        title: args.title.clone(),
        author: args.author.clone(),
        lang: args.lang.clone(),
        kind,
        source: args.source.as_deref().map(Into::into),
        site: args.site.clone(),
        topic: args.topic.as_deref().map(Into::into),
        at: args.at,
    };
    let door = Door::open(common, Needs::Model).await?;
    let explanation: Explanation = door.post("/route", &[], &trial).await?;
    if common.json {
        output::json(&explanation)?;
    } else {
        show(&explanation);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(explanation: &Explanation) {
    if explanation.mentions.is_empty() {
        output::line(
            "No topic claims it, so it would be skipped (a source of ours would give it to the champion).",
        );
        output::line("");
        output::line("Why not:");
        for query in explanation.queries.as_array().into_iter().flatten() {
            let why = query["why"].as_str().map_or_else(|| query.to_string(), str::to_owned);
            output::line(&format!(
                "  {}: {}",
                query["topic"].as_str().unwrap_or("?"),
                output::safe(&why, 300)
            ));
        }
        return;
    }
    for would in &explanation.mentions {
        show_one(would);
    }
}

fn show_one(would: &Would) {
    output::line(&output::colour(&format!("Topic {}", would.topic), "1"));
    let mut terms: Vec<&str> = would.spans.iter().map(|span| span.term.as_str()).collect();
    terms.dedup();
    if !terms.is_empty() {
        output::line(&format!("  matched    {}", terms.join(", ")));
    }
    let verdict = &would.sentiment;
    output::line(&format!(
        "  sentiment  {} ({:+.2}, {:.0} % sure, {} {})",
        verdict.polarity.as_str(),
        verdict.score,
        verdict.confidence * 100.0,
        verdict.model.name,
        verdict.model.version
    ));
    if verdict.doubted().is_some() {
        output::line(&format!("  unsure     {}", words::why_unsure(verdict)));
    }
    if let Some(answer) = verdict.needs_answer {
        let word = if answer.yes { "wanted" } else { "not wanted" };
        output::line(&format!("  answer     {word} ({:.0} %)", answer.probability * 100.0));
    }
    output::line(&format!("  owner      {} ({})", would.owner, would.routed_by));
    match (&would.trigger, &would.why) {
        (Some(trigger), Some(why)) => output::line(&format!("  escalates  by {trigger}: {why}")),
        _ => output::line("  escalates  no: no trigger fires"),
    }
    for fault in &would.faults {
        output::line(&format!("  fault      {fault}"));
    }
    if let Some(planned) = would.timetable.as_array().filter(|planned| !planned.is_empty()) {
        output::line("  If everybody stays silent:");
        for one in planned {
            output::line(&format!("    {}", planned_line(one)));
        }
    }
    output::line("");
}

fn planned_line(one: &Value) -> String {
    let at = one["at"]
        .as_str()
        .and_then(|at| at.parse::<Timestamp>().ok())
        .map_or_else(|| "?".into(), output::when);
    let channels: Vec<&str> =
        one["channels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let channels = if channels.is_empty() { String::new() } else { format!(" over {}", channels.join(", ")) };
    let word = |key: &str| one[key].as_str().unwrap_or("?");
    format!("{at}  {}{channels}, {}: {}", word("owner"), word("role"), word("why"))
}
