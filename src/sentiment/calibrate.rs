//! One temperature, fitted on what people said: probabilities are raised to the power of 1 by it
//! and made to add up to one again. Above 1 the model is less sure of itself, below 1 more; which
//! polarity is likeliest stays, so nothing but the floor's work changes.
//!
//! The negative log-likelihood is convex in 1/T, so it has one valley, and golden section on log T
//! finds its bottom. Whether it helps is told by five-fold cross-validation: every text is judged
//! by a temperature that was fitted without it.
//!
//! Corrections are no fair sample: people correct what is wrong, and a model that is measured on its
//! mistakes looks too sure of itself, so the fit comes out too hot. Who wants an honest one judges
//! mentions that were drawn at random (`earmark mentions --sample`). A fit is refused where it would
//! rest on too few texts of either sort, or does not help.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Serialize;

use super::eval::Judged;
use super::measure::likeliest;

/// The least temperature.
pub const COLDEST: f64 = 0.25;
/// The highest.
pub const HOTTEST: f64 = 4.0;
/// Texts that a fit needs.
pub const ENOUGH: usize = 50;
/// Of which at least this many judged right, and as many wrong: with one sort alone the best
/// temperature lies at an end.
pub const ENOUGH_OF_EACH: usize = 10;

const FOLDS: usize = 5;
const SEED: u64 = 7;
/// Less than any model of ours says of a class: a probability that was rounded to nothing must not
/// make a text's likelihood nothing.
const LEAST: f64 = 1e-7;
const BINS: usize = 15;

/// What the model said of a text before any temperature of ours, and what it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Logarithms of the probabilities, up to a constant.
    pub logs: [f64; 3],
    /// The label's place among the classes.
    pub label: usize,
}

impl Sample {
    /// A text with its label, if both are known; `in_use` is the temperature of ours that the
    /// verdict was given under.
    pub fn of(judged: &Judged, in_use: f32) -> Option<Self> {
        let logs = judged.probabilities()?.map(|p| p.max(LEAST).ln() * f64::from(in_use));
        Some(Self { logs, label: judged.class()? })
    }

    fn at(&self, temperature: f64) -> [f64; 3] {
        let logs = self.logs.map(|log| log / temperature);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let raised = logs.map(|log| (log - most).exp());
        let sum: f64 = raised.iter().sum();
        raised.map(|one| one / sum)
    }

    fn is_right(&self) -> bool {
        likeliest(self.at(1.0)).0 == self.label
    }
}

/// How well probabilities fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quality {
    /// Mean negative log-likelihood.
    pub nll: f64,
    /// Calibration error, 15 bins of equal mass.
    pub ece: f64,
}

/// A temperature, and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// Fitted on all texts, to three places.
    pub temperature: f64,
    /// How many texts.
    pub n: usize,
    /// How many of them the model judges right.
    pub right: usize,
    /// As the model gives them.
    pub before: Quality,
    /// By temperatures that were fitted without the text.
    pub after: Quality,
}

impl Fit {
    /// Whether it makes texts it has not seen likelier.
    pub fn helps(&self) -> bool {
        self.after.nll < self.before.nll
    }
}

/// Why there is no fit, and what would be enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a temperature cannot be fitted on {n} judged texts of which the model has {right} right and {wrong} wrong; it takes {ENOUGH}, of which {ENOUGH_OF_EACH} right and {ENOUGH_OF_EACH} wrong"
)]
pub struct TooFew {
    /// Texts.
    pub n: usize,
    /// Judged right.
    pub right: usize,
    /// Judged wrong.
    pub wrong: usize,
}

/// Fits a temperature.
///
/// # Errors
/// Where there is too little to fit it on.
pub fn fit(samples: &[Sample]) -> Result<Fit, TooFew> {
    let n = samples.len();
    let right = samples.iter().filter(|sample| sample.is_right()).count();
    let wrong = n - right;
    if n < ENOUGH || right < ENOUGH_OF_EACH || wrong < ENOUGH_OF_EACH {
        return Err(TooFew { n, right, wrong });
    }
    let mut shuffled = samples.to_vec();
    shuffled.shuffle(&mut StdRng::seed_from_u64(SEED));
    let fold = |which: usize, inside: bool| -> Vec<Sample> {
        let places = shuffled.iter().enumerate().filter(|(at, _)| (at % FOLDS == which) == inside);
        places.map(|(_, sample)| *sample).collect()
    };
    let mut after = Vec::with_capacity(n);
    for which in 0..FOLDS {
        let temperature = best(&fold(which, false));
        after.extend(fold(which, true).iter().map(|sample| (sample.at(temperature), sample.label)));
    }
    let before = shuffled.iter().map(|sample| (sample.at(1.0), sample.label)).collect();
    let temperature = (best(samples) * 1_000.0).round() / 1_000.0;
    Ok(Fit { temperature, n, right, before: quality(before), after: quality(after) })
}

/// The temperature at which the samples are likeliest.
fn best(samples: &[Sample]) -> f64 {
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let loss = |log: f64| -> f64 {
        let temperature = log.exp();
        samples.iter().map(|sample| -sample.at(temperature)[sample.label].max(f64::MIN_POSITIVE).ln()).sum()
    };
    let (mut low, mut high) = (COLDEST.ln(), HOTTEST.ln());
    let (mut left, mut right) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_left, mut at_right) = (loss(left), loss(right));
    while high - low > 1e-4 {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - golden * (high - low);
            at_left = loss(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + golden * (high - low);
            at_right = loss(right);
        }
    }
    f64::midpoint(low, high).exp()
}

#[expect(clippy::cast_precision_loss, reason = "counts of texts stay far below 2^52")]
fn quality(mut judged: Vec<([f64; 3], usize)>) -> Quality {
    let all = judged.len();
    let nll =
        judged.iter().map(|(p, label)| -p[*label].max(f64::MIN_POSITIVE).ln()).sum::<f64>() / all as f64;
    judged.sort_by(|a, b| likeliest(a.0).1.total_cmp(&likeliest(b.0).1));
    let bins = (0..BINS).map(|bin| &judged[bin * all / BINS..(bin + 1) * all / BINS]);
    let distance = |bin: &[([f64; 3], usize)]| {
        let off = bin.iter().map(|(p, label)| {
            let (class, confidence) = likeliest(*p);
            f64::from(u8::from(class == *label)) - confidence
        });
        off.sum::<f64>().abs()
    };
    Quality { nll, ece: bins.map(distance).sum::<f64>() / all as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::Rng;

    use super::*;

    /// Texts whose label is drawn from what the model says, after which it overstates itself.
    fn overstated(n: usize, by: f64, seed: u64) -> Vec<Sample> {
        let mut dice = StdRng::seed_from_u64(seed);
        (0..n)
            .map(|_| {
                let honest = [0; 3].map(|_: i32| dice.random_range(-2.0..2.0_f64));
                let p = Sample { logs: honest, label: 0 }.at(1.0);
                let drawn: f64 = dice.random();
                let label = if drawn < p[0] {
                    0
                } else if drawn < p[0] + p[1] {
                    1
                } else {
                    2
                };
                Sample { logs: honest.map(|log| log * by), label }
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_temperature_that_was_hidden_is_found(by in 0.5..3.0_f64, seed: u64) {
            let found = best(&overstated(2_000, by, seed));
            prop_assert!((found / by - 1.0).abs() < 0.2, "{found} is not {by}");
        }
    }

    #[test]
    fn it_helps_where_a_model_is_too_sure_and_not_where_it_is_honest() {
        let fitted = fit(&overstated(1_000, 2.5, 1)).expect("enough");
        assert!(fitted.helps() && fitted.after.ece < fitted.before.ece / 2.0, "{fitted:?}");
        let fitted = fit(&overstated(1_000, 1.0, 1)).expect("enough");
        assert!((fitted.after.nll - fitted.before.nll).abs() < 0.01, "{fitted:?}");
    }

    #[test]
    fn too_little_of_either_sort_is_refused_with_what_would_do() {
        let right = Sample { logs: [0.0, -1.0, -2.0], label: 0 };
        let wrong = Sample { label: 2, ..right };
        let of = |rights: usize, wrongs: usize| fit(&[vec![right; rights], vec![wrong; wrongs]].concat());
        assert!(of(30, 20).is_ok());
        for (rights, wrongs) in [(29, 20), (45, 5), (5, 45), (0, 0)] {
            let said = of(rights, wrongs).expect_err("too few").to_string();
            assert!(said.contains(&format!("{rights} right and {wrongs} wrong; it takes 50")), "{said}");
        }
    }

    #[test]
    fn a_temperature_in_use_is_taken_out_first() {
        use crate::domain::sentiment::{Model, Polarity, Probabilities, Sentiment};
        let raw = Probabilities { negative: 0.9, neutral: 0.08, positive: 0.02 };
        let model = Model { name: "m".into(), version: "1".into() };
        let judged = |p| Judged {
            label: Some(Polarity::Negative),
            needs_answer: None,
            verdict: Sentiment::judge(p, 0.0, model.clone()),
            group: None,
        };
        let plain = Sample::of(&judged(raw), 1.0).expect("both known");
        let undone = Sample::of(&judged(raw.tempered(1.7)), 1.7).expect("both known");
        for (a, b) in plain.at(1.0).iter().zip(undone.at(1.0)) {
            assert!((a - b).abs() < 1e-4, "{plain:?} {undone:?}");
        }
    }
}
