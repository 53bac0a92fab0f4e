//! `earmark score`: what the model says.

use std::io::BufRead;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::door::{Door, Needs};
use super::{Common, output, status};
use crate::api::calibrate::Calibrated;
use crate::domain::sentiment::Sentiment;

/// Says what the model makes of texts
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  earmark score \"The update lost my order again\"
  earmark score --target \"Acme app\" \"Acme app is great, Globex is not\"
  cat texts.txt | earmark score --json -")]
pub struct ScoreArgs {
    /// Texts; `-` reads one a line from standard input
    #[arg(required = true, value_name = "TEXT")]
    texts: Vec<String>,
    /// Score towards this: a product, a brand
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
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
    let body = json!({ "texts": texts, "target": args.target });
    let verdicts: Vec<Sentiment> = door.post("/score", &[], &body).await?;
    for (text, verdict) in texts.iter().zip(&verdicts) {
        if common.json {
            output::json(&json!({ "text": text, "sentiment": verdict }))?;
        } else {
            let word = output::colour(&format!("{:<8}", verdict.polarity.as_str()), code(verdict));
            output::line(&format!(
                "{word}  {:+.2}  {:>3.0} %  {}",
                verdict.score,
                verdict.confidence * 100.0,
                output::safe(text, 100)
            ));
        }
    }
    Ok(())
}

fn code(verdict: &Sentiment) -> &'static str {
    use crate::domain::sentiment::Polarity;
    match verdict.polarity {
        Polarity::Negative => "31",
        Polarity::Positive => "32",
        Polarity::Neutral => "0",
        Polarity::Unsure => "33",
    }
}
