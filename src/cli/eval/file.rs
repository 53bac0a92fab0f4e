//! Labelled texts in a file, judged by a model loaded in this process.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::json;

use super::{EvalArgs, Set, named};
use crate::cli::{Common, output, place};
use crate::config::SentimentSettings;
use crate::sentiment::bert::Bert;
use crate::sentiment::eval::judge as judge_rows;
use crate::sentiment::scorer::Scorer;
use crate::sentiment::word_list::WordList;
use crate::sentiment::{Classifier, ScoreError, labelled, location};

pub async fn judge(common: &Common, args: &EvalArgs, file: &Path) -> anyhow::Result<Set> {
    let rows = labelled::read_by(file, args.by.as_deref())?;
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
    let began = Instant::now();
    let judged = judge_rows(&scorer, &rows, |done| progress.at(done as u64)).await?;
    let seconds = began.elapsed().as_secs_f64();
    progress.end();
    let model = scorer.model().clone();
    Ok(Set {
        name: format!("{} on {}", named(&model), file.display()),
        keys: rows
            .iter()
            .enumerate()
            .map(|(at, row)| json!({ "row": at + 1, "target": row.text.target }))
            .collect(),
        in_use: vec![1.0; judged.len()],
        judged,
        model: Some(model),
        seconds: Some(seconds),
    })
}

/// One object a row: its number or mention, never its text; the label, what the model says, and
/// the logarithms of that, which another program can hold against its own.
pub fn write_rows(path: &Path, set: &Set) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", path.display());
    let mut out = BufWriter::new(File::create(path).with_context(cannot)?);
    for (key, one) in set.keys.iter().zip(&set.judged) {
        let p = one.verdict.probabilities;
        let p = [p.negative, p.neutral, p.positive];
        // JSON has no infinity.
        let logs = p.map(|p| f64::from(p).max(f64::MIN_POSITIVE).ln());
        let mut row = key.clone();
        row["label"] = json!(one.label);
        row["polarity"] = json!(one.verdict.polarity);
        row["probabilities"] = json!(p);
        row["log_probabilities"] = json!(logs);
        row["needs_answer_label"] = json!(one.needs_answer);
        row["needs_answer"] = json!(one.verdict.needs_answer.map(|answer| answer.probability));
        serde_json::to_writer(&mut out, &row).with_context(cannot)?;
        out.write_all(b"\n").with_context(cannot)?;
    }
    out.flush().with_context(cannot)
}
