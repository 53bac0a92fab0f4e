//! Sentiment: polarity, probabilities, score, and which model said so.

use serde::{Deserialize, Serialize};

/// Which way a text leans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polarity {
    /// Against.
    Negative,
    /// Neither.
    Neutral,
    /// For.
    Positive,
    /// The calibrated confidence is below the floor: a person should look.
    Unsure,
}

impl Polarity {
    /// All of them, in the order of every table.
    pub const ALL: [Polarity; 4] =
        [Polarity::Negative, Polarity::Neutral, Polarity::Positive, Polarity::Unsure];

    /// The word used in conditions, files and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Polarity::Negative => "negative",
            Polarity::Neutral => "neutral",
            Polarity::Positive => "positive",
            Polarity::Unsure => "unsure",
        }
    }
}

/// Probabilities of negative, neutral and positive; they add up to one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Probabilities {
    /// p(negative), 0 to 1.
    pub negative: f32,
    /// p(neutral), 0 to 1.
    pub neutral: f32,
    /// p(positive), 0 to 1.
    pub positive: f32,
}

/// Name and version of the model that gave a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Model {
    /// For example `earmark-minilm` or `word-list`.
    pub name: String,
    /// For example `2026.1`.
    pub version: String,
}

/// A verdict on a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sentiment {
    /// Which way it leans, or `unsure`.
    pub polarity: Polarity,
    /// What the verdict rests on.
    pub probabilities: Probabilities,
    /// p(positive) − p(negative), −1 to 1.
    pub score: f32,
    /// The largest of the probabilities, 0 to 1.
    pub confidence: f32,
    /// Who said so.
    pub model: Model,
}

impl Sentiment {
    /// The verdict that `probabilities` amount to: `unsure` when the confidence is below `floor`.
    /// A probability that is no number counts as zero, so that a broken model is unsure.
    pub fn judge(probabilities: Probabilities, floor: f32, model: Model) -> Self {
        let clean = |p: f32| if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 };
        let probabilities = Probabilities {
            negative: clean(probabilities.negative),
            neutral: clean(probabilities.neutral),
            positive: clean(probabilities.positive),
        };
        let ranked = [
            (Polarity::Negative, probabilities.negative),
            (Polarity::Neutral, probabilities.neutral),
            (Polarity::Positive, probabilities.positive),
        ];
        let (likely, confidence) =
            ranked.into_iter().fold((Polarity::Neutral, probabilities.neutral), |best, next| {
                if next.1 > best.1 { next } else { best }
            });
        Self {
            polarity: if confidence < floor { Polarity::Unsure } else { likely },
            probabilities,
            score: probabilities.positive - probabilities.negative,
            confidence,
            model,
        }
    }
}

/// How many mentions lean which way. Sums of these reconcile with the ids behind them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Mentions against.
    pub negative: u64,
    /// Mentions that are neither.
    pub neutral: u64,
    /// Mentions for.
    pub positive: u64,
    /// Mentions on which the model would not commit itself.
    pub unsure: u64,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, polarity: Polarity) {
        match polarity {
            Polarity::Negative => self.negative += 1,
            Polarity::Neutral => self.neutral += 1,
            Polarity::Positive => self.positive += 1,
            Polarity::Unsure => self.unsure += 1,
        }
    }

    /// How many of one polarity.
    pub fn of(&self, polarity: Polarity) -> u64 {
        match polarity {
            Polarity::Negative => self.negative,
            Polarity::Neutral => self.neutral,
            Polarity::Positive => self.positive,
            Polarity::Unsure => self.unsure,
        }
    }

    /// All mentions, the unsure among them.
    pub fn total(&self) -> u64 {
        self.negative + self.neutral + self.positive + self.unsure
    }

    /// Net sentiment, −100 to +100: (positive − negative) ÷ all; none without mentions.
    pub fn net(&self) -> Option<f64> {
        let total = self.total();
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        (total > 0).then(|| 100.0 * (self.positive as f64 - self.negative as f64) / total as f64)
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.negative += other.negative;
        self.neutral += other.neutral;
        self.positive += other.positive;
        self.unsure += other.unsure;
    }
}
