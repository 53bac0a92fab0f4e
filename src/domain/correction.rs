//! A person's word on a verdict: kept beside the model's, which stays as it was, so that figures
//! can count what people know and the model can be measured on it.
//!
//! A correction says which way the text leans, and nothing else that a person may find wrong. A
//! post that is not about us at all is the query's mistake, not the model's: it is cured in the
//! query, and until then its mention leans neither way (`neutral`), so that every sum still adds
//! up to the mentions behind it. To agree with the model is a correction too: without those a
//! measurement would know mistakes only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::OwnerId;
use super::sentiment::{Model, Polarity, Sentiment};

/// Most characters of a note.
pub const LONGEST_NOTE: usize = 1_000;

/// What a person says of a mention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Which way it leans; never `unsure`.
    pub polarity: Polarity,
    /// Whether it asks for an answer; `None`: nothing was said of that.
    pub needs_answer: Option<bool>,
    /// Who says so.
    pub by: OwnerId,
    /// When.
    pub at: Timestamp,
    /// Which version of the post was judged. A correction outlives an edit, and is no measure of
    /// the verdict on the new text.
    pub revision: u32,
    /// Why, in words; text, and gone with the post's.
    pub note: Option<String>,
}

impl Correction {
    /// −1, 0 or 1: a person is sure.
    pub fn score(&self) -> f32 {
        match self.polarity {
            Polarity::Negative => -1.0,
            Polarity::Neutral | Polarity::Unsure => 0.0,
            Polarity::Positive => 1.0,
        }
    }

    /// Whether it says what the model said.
    pub fn agrees(&self, verdict: &Sentiment) -> bool {
        self.polarity == verdict.polarity
    }
}

/// A temperature fitted on corrections or labelled texts: a model's probabilities are drawn apart
/// (below 1) or together (above 1) by it. Rows of one model are numbered from 1 and stay; the
/// newest holds. One that takes the others back has the temperature 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Of which model, to the version.
    pub model: Model,
    /// Counts up from 1 for a model.
    pub number: u64,
    /// 1 leaves probabilities as they are.
    pub temperature: f32,
    /// On how many texts it was fitted; 0: it takes earlier ones back.
    pub n: u64,
    /// Who set it.
    pub by: OwnerId,
    /// When.
    pub at: Timestamp,
}

impl Calibration {
    /// What holds for a model, given all rows in their order.
    pub fn newest<'a>(rows: &'a [Calibration], model: &Model) -> Option<&'a Calibration> {
        rows.iter().rfind(|row| row.model == *model)
    }

    /// The temperature that was in use for a model at `at`, given all rows in their order.
    pub fn in_use_at(rows: &[Calibration], model: &Model, at: Timestamp) -> f32 {
        let row = rows.iter().rfind(|row| row.model == *model && row.at <= at);
        row.map_or(1.0, |row| row.temperature)
    }

    /// Whether it changes anything.
    pub fn is_in_use(&self) -> bool {
        self.n > 0
    }
}
