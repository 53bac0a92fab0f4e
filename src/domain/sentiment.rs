//! Sentiment: polarity, probabilities, score, whether an answer is wanted, and which model said so.

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
    /// The model would not commit itself, for one of the reasons of [`Doubt`]: a person should look.
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

/// Whether a text asks for an answer: a complaint, a question to us, a threat to leave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NeedsAnswer {
    /// p(yes), 0 to 1.
    pub probability: f32,
    /// Whether that is enough: the model says where the line is.
    pub yes: bool,
}

/// Why a verdict is `unsure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The calibrated confidence is below the floor.
    Confidence,
    /// The model was not made for the text's language: it was not asked, all probabilities are 0.
    Language,
    /// The model failed on this text: all probabilities are 0.
    Failed,
}

impl Doubt {
    /// All of them.
    pub const ALL: [Doubt; 3] = [Doubt::Confidence, Doubt::Language, Doubt::Failed];

    /// The word used in files and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Doubt::Confidence => "confidence",
            Doubt::Language => "language",
            Doubt::Failed => "failed",
        }
    }
}

/// A verdict on a text. What was added to it since the first store is absent on older rows.
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
    /// Whether it asks for an answer; none: the model has no opinion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_answer: Option<NeedsAnswer>,
    /// The text's language (ISO 639-1 where there is a code): the site's own, else the detected
    /// one; none: nobody could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Why it is `unsure`; none: it is not, or the row is older than the reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
}

impl Probabilities {
    /// As a model of another temperature would have said it: `p^(1/temperature)`, made to add up
    /// to one again. Above 1 it is less sure of itself, below 1 more; which is likeliest stays.
    #[must_use]
    pub fn tempered(self, temperature: f32) -> Self {
        if temperature == 1.0 || !temperature.is_finite() || temperature <= 0.0 {
            return self;
        }
        let [negative, neutral, positive] =
            [self.negative, self.neutral, self.positive].map(|p| p.max(0.0).powf(1.0 / temperature));
        let sum = negative + neutral + positive;
        if !(sum.is_finite() && sum > 0.0) {
            return self;
        }
        Self { negative: negative / sum, neutral: neutral / sum, positive: positive / sum }
    }
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
        let doubt = (confidence < floor).then_some(Doubt::Confidence);
        Self {
            polarity: if doubt.is_some() { Polarity::Unsure } else { likely },
            probabilities,
            score: probabilities.positive - probabilities.negative,
            confidence,
            model,
            needs_answer: None,
            lang: None,
            doubt,
        }
    }

    /// `unsure` with no probability behind it: the model gave none, for this reason.
    pub fn unsure(doubt: Doubt, model: Model) -> Self {
        let nothing = Probabilities { negative: 0.0, neutral: 0.0, positive: 0.0 };
        let mut verdict = Self::judge(nothing, 0.0, model);
        (verdict.polarity, verdict.doubt) = (Polarity::Unsure, Some(doubt));
        verdict
    }

    /// Why it is unsure, also on rows older than the reasons: those were unsure of confidence, or,
    /// with no probability behind them, because the model failed. None: it is sure enough.
    pub fn doubted(&self) -> Option<Doubt> {
        let unsaid = if self.confidence > 0.0 { Doubt::Confidence } else { Doubt::Failed };
        (self.polarity == Polarity::Unsure).then(|| self.doubt.unwrap_or(unsaid))
    }

    /// Whether it asks for an answer, as conditions see it.
    pub fn wants_answer(&self) -> Option<bool> {
        self.needs_answer.map(|answer| answer.yes)
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
