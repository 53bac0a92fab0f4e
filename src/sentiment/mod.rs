//! Mention → scored mention. A [`Classifier`] is slow, not `Send`-shy and single-minded, so one
//! thread owns it ([`scorer`]); the rest of the daemon holds a [`scorer::Scorer`].

use crate::domain::sentiment::{Model, Probabilities};

/// What is scored: a text, and towards what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scorable {
    /// Title and text, untouched.
    pub text: String,
    /// The topic's term in the text, else the topic's name; a classifier may ignore it.
    pub target: Option<String>,
}

/// Why a text could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The model's files are missing or do not fit.
    #[error(
        "the model at {place} cannot be used: {why}; run `make model` or point [sentiment] model at a folder with config.json, model.safetensors and tokenizer.json"
    )]
    Model {
        /// Which folder.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The model failed on this batch.
    #[error("the model failed on a batch: {0}")]
    Batch(String),
    /// The thread that owns the model has ended.
    #[error("the scorer has stopped")]
    Stopped,
}

/// Something that judges texts. Built on the thread that will own it.
pub trait Classifier {
    /// Who says so.
    fn model(&self) -> Model;

    /// One answer for each text, in order.
    ///
    /// # Errors
    /// Where the batch as a whole could not be judged.
    fn classify(&mut self, batch: &[Scorable]) -> Result<Vec<Probabilities>, ScoreError>;
}
