//! `earmark eval`: measures the model on labelled texts, else on what people corrected; fits a
//! temperature on either.

mod calibrate;
mod corrections;
mod file;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::{Common, output};
use crate::domain::correction::Calibration;
use crate::domain::sentiment::Model;
use crate::sentiment::eval::{Judged, Measures};

/// Measures the model on labelled texts, or on people's corrections
#[derive(Debug, Args)]
#[command(
    after_help = "With FILE: JSON Lines or CSV, plain or gzipped. A record has `text` and `label` (negative,
neutral or positive) or `needs_answer` (true or false) or both and, if it is about something,
`target`. Measures the model as it comes, without a temperature of your own. Needs neither a
configuration nor the daemon.

Without FILE: the verdicts that people judged (`earmark mentions correct`), as they were given.
People correct what is wrong, so these make the model look worse than it is: for an honest
measure draw mentions at random, `earmark mentions --sample 50 --ids`, and judge each, with
--confirm where the model is right.

--calibrate fits one temperature by which the model's probabilities are drawn together or
apart, and keeps it for this version of the model. It takes 50 judged texts, of which 10 right
and 10 wrong, and is kept only if it helps on texts that it was not fitted on. The same bias
holds: fitted on mistakes alone, the model becomes too unsure of itself.

Examples:
  earmark eval
  earmark eval --by topic
  earmark eval labelled.jsonl --by source
  earmark eval labelled.csv.gz --json --rows verdicts.jsonl
  earmark eval labelled.jsonl --word-list      the baseline, for comparison
  earmark eval --calibrate --dry-run           what a temperature would do
  earmark eval --calibrate --reset             back to the model's own"
)]
pub struct EvalArgs {
    /// The labelled texts; without: what people corrected
    file: Option<PathBuf>,
    /// Measure the model in this folder
    #[arg(long, value_name = "FOLDER", requires = "file")]
    model: Option<PathBuf>,
    /// Below this confidence a verdict counts as unsure
    #[arg(long, value_name = "0 TO 1")]
    floor: Option<f32>,
    /// Threads the model may use; 0: one a core
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    threads: usize,
    /// Measure the word list instead of the model
    #[arg(long, requires = "file")]
    word_list: bool,
    /// Measure each value of this field by itself; of corrections: topic, source, site, lang,
    /// model, by
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,
    /// Write each row's probabilities here, as JSON Lines, by its number or its mention
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Fit a temperature and put it to use
    #[arg(long)]
    calibrate: bool,
    /// Only say what the temperature would be
    #[arg(long, requires = "calibrate")]
    dry_run: bool,
    /// Drop the temperature in use
    #[arg(long, requires = "calibrate", conflicts_with_all = ["file", "dry_run"])]
    reset: bool,
}

/// What was judged, however it came.
struct Set {
    /// In words.
    name: String,
    judged: Vec<Judged>,
    /// Which row each is: a number in the file, or a mention.
    keys: Vec<serde_json::Value>,
    /// Under which temperature of ours each verdict was given.
    in_use: Vec<f32>,
    /// What a temperature would be for.
    model: Option<Model>,
    /// How long the scoring took.
    seconds: Option<f64>,
}

pub async fn run(common: &Common, args: &EvalArgs) -> anyhow::Result<ExitCode> {
    if args.floor.is_some_and(|floor| !(0.0..=1.0).contains(&floor)) {
        bail!("--floor lies between 0 and 1");
    }
    if args.reset {
        return calibrate::reset(common).await;
    }
    let set = match &args.file {
        Some(file) => file::judge(common, args, file).await?,
        None => corrections::judge(common, args).await?,
    };
    if let Some(path) = &args.rows {
        file::write_rows(path, &set)?;
    }
    if args.calibrate {
        return calibrate::run(common, args, &set).await;
    }
    let mut measures: Measures = crate::sentiment::eval::measure(&set.judged);
    measures.seconds = set.seconds;
    measures.posts_per_second = set.seconds.filter(|seconds| *seconds > 0.0).map(|seconds| {
        #[expect(clippy::cast_precision_loss, reason = "counts of texts stay far below 2^52")]
        let texts = set.judged.len() as f64;
        (texts / seconds * 10.0).round() / 10.0
    });
    if common.json {
        output::json(&measures)?;
    } else {
        show::measures(&set.name, &measures);
    }
    Ok(ExitCode::SUCCESS)
}

/// A model in words.
fn named(model: &Model) -> String {
    format!("{} {}", model.name, model.version)
}

/// What is kept of a fit.
fn kept(calibration: &Calibration) -> String {
    format!("kept, and in use for {} from now on", named(&calibration.model))
}
