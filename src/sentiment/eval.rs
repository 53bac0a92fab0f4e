//! How well a classifier does on texts whose label is known: the texts go through the same scorer
//! that the daemon uses ([`judge`]), or come with the verdict that the daemon gave at the time; what
//! is made of them is pure ([`measure`]).
//!
//! A text of which the model gave no probability (it failed on it, or does not know its language)
//! is counted as `unjudged` and stands in no other figure: there is no likeliest polarity to hold
//! against the label.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ScoreError;
use super::interval::{Intervals, intervals};
use super::labelled::Labelled;
use super::measure::{Answers, CLASSES, Coverage, PerClass, Table, WantTable, answers, figures};
use super::scorer::{BATCH, Scorer};
use crate::domain::sentiment::{Polarity, Sentiment};

/// What came out. Shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// How many texts were measured.
    pub n: usize,
    /// How many more had a label and no probability.
    pub unjudged: usize,
    /// Share judged right.
    pub accuracy: f64,
    /// Mean of the classes' recalls.
    pub macro_recall: f64,
    /// Mean of the classes' F1.
    pub macro_f1: f64,
    /// Expected calibration error: how far confidence is from being right.
    pub ece: f64,
    /// By polarity.
    pub per_class: BTreeMap<Polarity, PerClass>,
    /// Accuracy of the surest, and what the floor leaves.
    pub coverage: Coverage,
    /// How well it tells what asks for an answer; none where no row says so or the model cannot.
    pub needs_answer: Option<Answers>,
    /// 95 % bootstrap intervals of all these.
    pub intervals: Intervals,
    /// How long the scoring took; none where the verdicts were there.
    pub seconds: Option<f64>,
    /// Texts scored in a second of it.
    pub posts_per_second: Option<f64>,
    /// The same for each value of a field, where that was asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<String, Measures>,
}

/// What people say of a text, and what the model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Negative, neutral or positive, where that is known.
    pub label: Option<Polarity>,
    /// Whether it asks for an answer, where that is known.
    pub needs_answer: Option<bool>,
    /// The verdict.
    pub verdict: Sentiment,
    /// What it is measured with, by [`Measures::by`].
    pub group: Option<String>,
}

impl Judged {
    /// The probabilities in the order of the classes; none where the model gave none.
    pub fn probabilities(&self) -> Option<[f64; 3]> {
        let p = self.verdict.probabilities;
        let all = [p.negative, p.neutral, p.positive].map(f64::from);
        (all.iter().sum::<f64>() > 0.0).then_some(all)
    }

    /// The label's place among the classes.
    pub fn class(&self) -> Option<usize> {
        CLASSES.iter().position(|class| Some(*class) == self.label)
    }
}

/// Scores `rows`; tells `progress` how many are done.
///
/// # Errors
/// What the scorer met; a set is judged whole or not at all.
pub async fn judge(
    scorer: &Scorer,
    rows: &[Labelled],
    mut progress: impl FnMut(usize),
) -> Result<Vec<Judged>, ScoreError> {
    let mut judged = Vec::with_capacity(rows.len());
    for batch in rows.chunks(BATCH) {
        let verdicts = scorer.score(batch.iter().map(|row| row.text.clone()).collect()).await?;
        judged.extend(batch.iter().zip(verdicts).map(|(row, verdict)| Judged {
            label: row.label,
            needs_answer: row.needs_answer,
            verdict,
            group: row.group.clone(),
        }));
        progress(judged.len());
    }
    Ok(judged)
}

/// Scores `rows` and measures the verdicts.
///
/// # Errors
/// As [`judge`].
pub async fn eval(
    scorer: &Scorer,
    rows: &[Labelled],
    progress: impl FnMut(usize),
) -> Result<Measures, ScoreError> {
    Ok(measure(&judge(scorer, rows, progress).await?))
}

/// Measures verdicts, and each group of them by itself.
pub fn measure(judged: &[Judged]) -> Measures {
    let mut measures = measure_whole(judged.iter());
    let mut groups: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for one in judged {
        if let Some(group) = &one.group {
            groups.entry(group).or_default().push(one);
        }
    }
    measures.by =
        groups.into_iter().map(|(group, rows)| (group.to_owned(), measure_whole(rows.into_iter()))).collect();
    measures
}

fn measure_whole<'a>(judged: impl Iterator<Item = &'a Judged> + Clone) -> Measures {
    let labelled = || judged.clone().filter(|one| one.class().is_some());
    let table = Table::of(labelled());
    let wanted = WantTable::of(judged.clone());
    let said = figures(&table, None);
    Measures {
        n: table.n(),
        unjudged: labelled().count() - table.n(),
        accuracy: said.accuracy.unwrap_or(0.0),
        macro_recall: said.macro_recall.unwrap_or(0.0),
        macro_f1: said.macro_f1.unwrap_or(0.0),
        ece: said.ece.unwrap_or(0.0),
        per_class: table.per_class(&said),
        coverage: table.coverage(&said),
        needs_answer: answers(&wanted),
        intervals: intervals(&table, &wanted),
        seconds: None,
        posts_per_second: None,
        by: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests;
