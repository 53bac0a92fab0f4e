//! `earmark eval`: measures the model on labelled texts. Needs neither configuration nor daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::{Common, output, place};
use crate::config::SentimentSettings;
use crate::sentiment::bert::Bert;
use crate::sentiment::eval::{Measures, eval};
use crate::sentiment::scorer::Scorer;
use crate::sentiment::word_list::WordList;
use crate::sentiment::{Classifier, ScoreError, labelled, location};

/// Measures the model on labelled texts
#[derive(Debug, Args)]
#[command(
    after_help = "The file is JSON Lines or CSV, plain or gzipped. A record has `text`, `label` (negative, neutral
or positive) and, if it is about something, `target`. Needs neither a configuration nor the daemon.

Examples:
  earmark eval labelled.jsonl
  earmark eval labelled.csv.gz --json
  earmark eval labelled.jsonl --word-list      the baseline, for comparison"
)]
pub struct EvalArgs {
    /// The labelled texts
    file: PathBuf,
    /// Measure the model in this folder
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Below this confidence a verdict counts as unsure
    #[arg(long, value_name = "0 TO 1")]
    floor: Option<f32>,
    /// Threads the model may use; 0: one a core
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    threads: usize,
    /// Measure the word list instead of the model
    #[arg(long)]
    word_list: bool,
}

pub async fn run(common: &Common, args: &EvalArgs) -> anyhow::Result<ExitCode> {
    let rows = labelled::read(&args.file)?;
    // A configuration that was named must be in order; one that only lies around is not needed.
    let settings = match &common.config {
        Some(_) => Some(place::config(common)?.sentiment),
        None => place::config(common).ok().map(|config| config.sentiment),
    };
    let floor =
        args.floor.or(settings.as_ref().map(|settings| settings.floor)).unwrap_or(SentimentSettings::FLOOR);
    let model = args.model.clone().or(settings.and_then(|settings| settings.model));
    let (word_list, threads) = (args.word_list, args.threads);
    let build = move || -> Result<Box<dyn Classifier>, ScoreError> {
        if word_list {
            return Ok(Box::new(WordList::new()));
        }
        Ok(Box::new(Bert::load(&location::find(model.as_deref())?, threads)?))
    };
    let scorer = Scorer::start(build, floor).await.context("the model could not be loaded")?;
    let mut progress = output::Progress::new("texts", Some(rows.len() as u64));
    let measures = eval(&scorer, &rows, |done| progress.at(done as u64)).await?;
    progress.end();
    if common.json {
        output::json(&measures)?;
    } else {
        let model = scorer.model();
        output::line(&format!("{} {} on {}", model.name, model.version, args.file.display()));
        show(&measures);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(measures: &Measures) {
    let share = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.3}"));
    output::line(&format!("n             {}", measures.n));
    output::line(&format!("accuracy      {:.3}", measures.accuracy));
    output::line(&format!("macro recall  {:.3}", measures.macro_recall));
    output::line(&format!("macro F1      {:.3}", measures.macro_f1));
    output::line(&format!("calibration   {:.3} off (15 bins of equal mass)", measures.ece));
    output::line(&format!(
        "not unsure    {:.1} % of texts, {} of them right",
        measures.coverage.share * 100.0,
        share(measures.coverage.accuracy)
    ));
    let rows: Vec<Vec<String>> = measures
        .per_class
        .iter()
        .map(|(class, one)| {
            vec![
                class.as_str().into(),
                one.n.to_string(),
                share(one.precision),
                share(one.recall),
                share(one.f1),
            ]
        })
        .collect();
    output::line("");
    output::table(&["class", "n", "precision", "recall", "F1"], &rows);
}
