//! How well a classifier does on texts whose label is known. Measures are pure; [`eval`] feeds
//! them through the same scorer that the daemon uses.
//!
//! Accuracy, recall, F1 and the calibration error look at the likeliest of the three polarities,
//! whatever the floor; [`Coverage`] says what the floor leaves. Means over classes are taken over
//! the classes that occur among the labels, so that a set without neutral texts can be measured.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ScoreError;
use super::labelled::Labelled;
use super::scorer::{BATCH, Scorer};
use crate::domain::sentiment::{Polarity, Sentiment};

/// Bins of the calibration error, each with as many texts as the next.
const BINS: usize = 15;
const CLASSES: [Polarity; 3] = [Polarity::Negative, Polarity::Neutral, Polarity::Positive];

/// What came out. Shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// How many texts.
    pub n: usize,
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
    /// What the floor leaves.
    pub coverage: Coverage,
}

/// One polarity's figures; `None` where there was nothing to divide by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerClass {
    /// Of those judged so, the share that is so.
    pub precision: Option<f64>,
    /// Of those that are so, the share judged so.
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
    /// How many are so.
    pub n: usize,
}

/// What the floor leaves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Share that is not `unsure`.
    pub share: f64,
    /// Accuracy of that share.
    pub accuracy: Option<f64>,
}

/// A label, and the verdict on its text.
#[derive(Debug, Clone, Copy)]
struct Judged {
    label: Polarity,
    verdict: Polarity,
    confidence: f64,
    unsure: bool,
}

impl Judged {
    fn new(label: Polarity, sentiment: Sentiment) -> Self {
        let unsure = sentiment.polarity == Polarity::Unsure;
        let likeliest = Sentiment::judge(sentiment.probabilities, 0.0, sentiment.model);
        Self { label, verdict: likeliest.polarity, confidence: f64::from(likeliest.confidence), unsure }
    }

    fn right(&self) -> bool {
        self.label == self.verdict
    }
}

/// Scores `rows` and measures the verdicts; tells `progress` how many are done.
///
/// # Errors
/// What the scorer met; a set is measured whole or not at all.
pub async fn eval(
    scorer: &Scorer,
    rows: &[Labelled],
    mut progress: impl FnMut(usize),
) -> Result<Measures, ScoreError> {
    let mut judged = Vec::with_capacity(rows.len());
    for batch in rows.chunks(BATCH) {
        let verdicts = scorer.score(batch.iter().map(|row| row.text.clone()).collect()).await?;
        judged.extend(batch.iter().zip(verdicts).map(|(row, verdict)| Judged::new(row.label, verdict)));
        progress(judged.len());
    }
    Ok(measure(&judged))
}

fn measure(judged: &[Judged]) -> Measures {
    let per_class: BTreeMap<_, _> =
        CLASSES.into_iter().map(|class| (class, one_class(judged, class))).collect();
    let present = || per_class.values().filter(|class| class.n > 0);
    let sure: Vec<Judged> = judged.iter().copied().filter(|one| !one.unsure).collect();
    Measures {
        n: judged.len(),
        accuracy: accuracy(judged).unwrap_or(0.0),
        macro_recall: mean(present().filter_map(|class| class.recall)),
        macro_f1: mean(present().filter_map(|class| class.f1)),
        ece: calibration_error(judged),
        coverage: Coverage {
            share: share(sure.len(), judged.len()).unwrap_or(0.0),
            accuracy: accuracy(&sure),
        },
        per_class,
    }
}

fn one_class(judged: &[Judged], class: Polarity) -> PerClass {
    let count = |wanted: &dyn Fn(&Judged) -> bool| judged.iter().filter(|one| wanted(one)).count();
    let n = count(&|one| one.label == class);
    let said = count(&|one| one.verdict == class);
    let hit = count(&|one| one.label == class && one.verdict == class);
    PerClass { precision: share(hit, said), recall: share(hit, n), f1: share(2 * hit, n + said), n }
}

/// Sorted by confidence, cut into bins of like size: the mean distance between how sure the
/// verdicts of a bin are and how often they are right, weighed by the bin's size.
fn calibration_error(judged: &[Judged]) -> f64 {
    let mut sorted = judged.to_vec();
    sorted.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
    let edge = |bin: usize| bin * sorted.len() / BINS;
    (0..BINS)
        .map(|bin| &sorted[edge(bin)..edge(bin + 1)])
        .filter_map(|bin| {
            let confidence = mean(bin.iter().map(|one| one.confidence));
            Some((accuracy(bin)? - confidence).abs() * share(bin.len(), sorted.len())?)
        })
        .sum()
}

fn accuracy(judged: &[Judged]) -> Option<f64> {
    share(judged.iter().filter(|one| one.right()).count(), judged.len())
}

#[expect(clippy::cast_precision_loss, reason = "counts of texts stay far below 2^52")]
fn share(part: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = values.fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
    if n > 0.0 { sum / n } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEG: Polarity = Polarity::Negative;
    const NEU: Polarity = Polarity::Neutral;
    const POS: Polarity = Polarity::Positive;

    fn judged(rows: &[(Polarity, Polarity, f64, bool)]) -> Vec<Judged> {
        rows.iter()
            .map(|&(label, verdict, confidence, unsure)| Judged { label, verdict, confidence, unsure })
            .collect()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn figures_of_a_table_done_by_hand() {
        let measures = measure(&judged(&[
            (NEG, NEG, 0.9, false),
            (NEG, NEU, 0.5, true),
            (NEU, NEU, 0.8, false),
            (NEU, NEU, 0.6, false),
            (POS, NEG, 0.7, false),
            (POS, POS, 1.0, false),
        ]));
        assert_eq!(measures.n, 6);
        assert!(close(measures.accuracy, 4.0 / 6.0));
        assert!(close(measures.macro_recall, (0.5 + 1.0 + 0.5) / 3.0));
        assert!(close(measures.macro_f1, (0.5 + 0.8 + 2.0 / 3.0) / 3.0));
        assert!(close(measures.coverage.share, 5.0 / 6.0));
        assert!(close(measures.coverage.accuracy.expect("five are sure"), 0.8));
        let negative = &measures.per_class[&NEG];
        assert_eq!((negative.n, negative.precision, negative.recall), (2, Some(0.5), Some(0.5)));
        // One text a bin: the sum of the distances by six.
        assert!(close(measures.ece, (0.1 + 0.5 + 0.2 + 0.4 + 0.7 + 0.0) / 6.0));
    }

    #[test]
    fn a_class_nobody_has_does_not_count() {
        let measures = measure(&judged(&[(NEG, NEG, 0.9, false), (POS, NEU, 0.9, false)]));
        assert!(close(measures.macro_recall, 0.5));
        assert_eq!(measures.per_class[&NEU].recall, None);
        assert_eq!(measures.per_class[&POS].precision, None);
    }

    #[test]
    fn calibration_of_bins_with_several() {
        // 30 texts, confidence 0.8 in all, 24 right, spread evenly: two a bin cannot be 0.8 right.
        let rows: Vec<_> = (0..30).map(|at| (NEG, if at % 5 == 0 { POS } else { NEG }, 0.8, false)).collect();
        let ece = measure(&judged(&rows)).ece;
        let by_hand = (9.0 * 0.2 + 6.0 * 0.3) / 15.0;
        assert!(close(ece, by_hand), "{ece} is not {by_hand}");
    }

    #[test]
    fn nothing_measured_is_no_number_out_of_bounds() {
        let measures = measure(&[]);
        assert_eq!((measures.n, measures.accuracy, measures.ece), (0, 0.0, 0.0));
        assert_eq!(measures.coverage.accuracy, None);
    }

    #[test]
    fn keys_of_the_json() {
        let json = serde_json::to_value(measure(&judged(&[(NEG, NEG, 0.9, false)]))).expect("plain values");
        let mut keys: Vec<_> = json.as_object().expect("an object").keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["accuracy", "coverage", "ece", "macro_f1", "macro_recall", "n", "per_class"]);
        assert_eq!(json["per_class"]["negative"]["recall"], 1.0);
    }
}
