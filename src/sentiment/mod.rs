//! Mention → scored mention. A [`Classifier`] is slow, bound to the thread that built it and
//! single-minded, so one thread owns it ([`scorer`]); the rest of the daemon holds a
//! [`scorer::Scorer`].
//!
//! * [`bert`]: the neural model, from files in a folder that [`location`] finds; never the network.
//! * [`word_list`]: a baseline and a stand-in for tests, never a silent fallback.
//! * [`judge`]: what that thread does to a batch; [`cache`] remembers what was said of reposts.
//! * [`language`]: which language a text is in, which decides whether the model may judge it.
//! * [`normalise`]: the text as the model was trained to see it.
//! * [`explain`]: which words moved a verdict.
//! * [`eval`], [`labelled`]: how well a classifier does on text whose label is known; [`measure`],
//!   [`interval`]: the figures of it; [`calibrate`]: one temperature fitted on it.

use std::borrow::Cow;
use std::path::PathBuf;

use crate::domain::sentiment::{Model, NeedsAnswer, Probabilities};

#[cfg(feature = "model")]
pub mod bert;
#[cfg(not(feature = "model"))]
#[path = "no_bert.rs"]
pub mod bert;
pub mod cache;
pub mod calibrate;
pub mod eval;
pub mod explain;
pub mod interval;
pub mod judge;
pub mod labelled;
pub mod language;
pub mod location;
pub mod measure;
pub mod normalise;
pub mod scorer;
pub mod word_list;

/// What is scored: a text, and towards what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scorable {
    /// Title and text, untouched.
    pub text: String,
    /// The topic's term in the text, else the topic's name; a classifier may ignore it.
    pub target: Option<String>,
    /// Its language as a tag, the site's own or the detected one; none: the model judges.
    pub lang: Option<String>,
}

/// The language a text is in: what its site says where that names one, else what can be told from
/// its words; none: nobody can tell.
pub fn language_of(tag: Option<&str>, text: &str) -> Option<String> {
    let said = tag.filter(|tag| language::primary(tag).is_some());
    said.or_else(|| language::detect(text)).map(str::to_owned)
}

impl Scorable {
    /// A whole text of unknown language.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), target: None, lang: None }
    }
}

/// What a classifier says about a text, before any floor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Which way it leans.
    pub probabilities: Probabilities,
    /// Whether it asks for an answer; none: this classifier cannot tell.
    pub needs_answer: Option<NeedsAnswer>,
}

impl From<Probabilities> for Verdict {
    fn from(probabilities: Probabilities) -> Self {
        Self { probabilities, needs_answer: None }
    }
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
    /// Whoever built this left the model out.
    #[error(
        "this earmark was built without the model and cannot use the one at {place}; build it with the feature `model`, or set [sentiment] classifier = \"word_list\""
    )]
    NotBuilt {
        /// Which folder.
        place: String,
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

    /// The languages it was made for, as ISO 639-1 codes; empty: it takes any.
    fn languages(&self) -> Vec<String> {
        Vec::new()
    }

    /// What of a text and its target it reads: whatever reads alike is judged alike.
    fn reads<'a>(&self, text: &'a Scorable) -> (Cow<'a, str>, Option<Cow<'a, str>>) {
        (Cow::Borrowed(&text.text), text.target.as_deref().map(Cow::Borrowed))
    }

    /// One answer for each text, in order.
    ///
    /// # Errors
    /// Where the batch as a whole could not be judged.
    fn classify(&mut self, batch: &[Scorable]) -> Result<Vec<Verdict>, ScoreError>;
}

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}
