//! `earmark score`: what the model says.

use std::io::BufRead;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::door::{Door, Needs};
use super::{Common, explained, output, status};
use crate::api::calibrate::Calibrated;
use crate::domain::language;
use crate::domain::sentiment::{Doubt, Polarity, Sentiment};
use crate::sentiment::explain::Explained;

/// Says what the model makes of texts
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earmark score \"The update lost my order again\"
  earmark score --target \"Acme app\" \"Acme app is great, Globex is not\"
  earmark score --explain \"Not what I hoped for\"    which words moved the score
  cat texts.txt | earmark score --json -")]
pub struct ScoreArgs {
    /// Texts; `-` reads one a line from standard input
    #[arg(required = true, value_name = "TEXT")]
    texts: Vec<String>,
    /// Score towards this: a product, a brand
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Show which words moved the score: each is left out in turn
    #[arg(long)]
    explain: bool,
}

/// Texts sent at once.
const BATCH: usize = 500;

pub async fn run(common: &Common, args: &ScoreArgs) -> anyhow::Result<ExitCode> {
    let door = Door::open(common, Needs::Model).await?;
    if args.texts == ["-"] {
        let mut batch = Vec::new();
        for text in std::io::stdin().lock().lines() {
            batch.push(text?);
            if batch.len() == BATCH {
                score(&door, common, args, &std::mem::take(&mut batch)).await?;
            }
        }
        score(&door, common, args, &batch).await?;
    } else {
        score(&door, common, args, &args.texts).await?;
    }
    let known: Calibrated = door.get("/calibration", &[]).await?;
    if let Some(own) = known.in_use.filter(|_| !common.json) {
        output::note(&status::calibration(&own));
    }
    Ok(ExitCode::SUCCESS)
}

async fn score(door: &Door, common: &Common, args: &ScoreArgs, texts: &[String]) -> anyhow::Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    if args.explain {
        for text in texts {
            let body = json!({ "text": text, "target": args.target });
            let found: Explained = door.post("/score/explain", &[], &body).await?;
            if common.json { output::json(&found)? } else { explained::print(&found) }
        }
        return Ok(());
    }
    let body = json!({ "texts": texts, "target": args.target });
    let verdicts: Vec<Sentiment> = door.post("/score", &[], &body).await?;
    for (text, verdict) in texts.iter().zip(&verdicts) {
        if common.json {
            output::json(&json!({ "text": text, "sentiment": verdict }))?;
        } else {
            output::line(&format!("{}  {}", head(verdict), output::safe(text, 100)));
        }
    }
    Ok(())
}

/// `negative  -0.90   93 %`, or why nobody can say; and whether it asks for an answer.
pub fn head(verdict: &Sentiment) -> String {
    let word = output::colour(&format!("{:<8}", verdict.polarity.as_str()), code(verdict));
    let said = match (verdict.doubt, &verdict.lang) {
        (Some(Doubt::Language), Some(lang)) => format!("in {}", language::name(lang)),
        (Some(Doubt::Language), None) => "in another language".into(),
        (Some(Doubt::Failed), _) => "not judged".into(),
        _ => format!("{:+.2}  {:>3.0} %", verdict.score, verdict.confidence * 100.0),
    };
    let asks = verdict.needs_answer.map(|answer| if answer.yes { "asks for an answer" } else { "" });
    format!("{word}  {said:<12}{}", asks.map(|asks| format!("  {asks:<18}")).unwrap_or_default())
}

fn code(verdict: &Sentiment) -> &'static str {
    match verdict.polarity {
        Polarity::Negative => "31",
        Polarity::Positive => "32",
        Polarity::Neutral => "0",
        Polarity::Unsure => "33",
    }
}
