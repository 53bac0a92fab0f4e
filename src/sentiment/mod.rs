//! Mention → scored mention. A [`Classifier`] is slow, bound to the thread that built it and
//! single-minded, so one thread owns it ([`scorer`]); the rest of the daemon holds a
//! [`scorer::Scorer`].
//!
//! * [`bert`]: the neural model, from files in a folder that [`location`] finds; never the network.
//! * [`word_list`]: a baseline and a stand-in for tests, never a silent fallback.
//! * [`language`]: which language a text is in, which decides whether the model may judge it.
//! * [`normalise`]: the text as the model was trained to see it.
//! * [`eval`], [`labelled`]: how well a classifier does on text whose label is known.

use std::path::PathBuf;

use crate::domain::sentiment::{Model, Probabilities};

pub mod bert;
pub mod eval;
pub mod labelled;
pub mod language;
pub mod location;
pub mod normalise;
pub mod scorer;
pub mod word_list;

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
        "the model at {place} cannot be used: {why}; point [sentiment] model at a folder with config.json, model.safetensors, tokenizer.json and model.json of a BERT sequence classifier"
    )]
    Model {
        /// Which folder.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// No folder was named and none of the usual ones is there.
    #[error(
        "no model was found; looked in {}; set [sentiment] model to the folder that holds it",
        list(.0)
    )]
    NoModel(
        /// Where was looked.
        Vec<PathBuf>,
    ),
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

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}
