//! What stands in for [`bert`](super::bert) where earmark was built without the feature `model`: the
//! same names, and an error that says so instead of a model.

use std::path::Path;

use super::{Classifier, Scorable, ScoreError, Verdict};
use crate::domain::sentiment::Model;

/// A model that nothing can load.
pub enum Bert {}

impl Bert {
    /// Refuses: there is nothing here that could run the model in `folder`.
    ///
    /// # Errors
    /// Always.
    pub fn load(folder: &Path, _threads: usize) -> Result<Self, ScoreError> {
        Err(missing(folder))
    }
}

impl Classifier for Bert {
    fn model(&self) -> Model {
        match *self {}
    }

    fn classify(&mut self, _batch: &[Scorable]) -> Result<Vec<Verdict>, ScoreError> {
        match *self {}
    }
}

/// Says that no model can be used, whatever lies in `folder`.
///
/// # Errors
/// Always.
pub fn check(folder: &Path) -> Result<(), ScoreError> {
    Err(missing(folder))
}

fn missing(folder: &Path) -> ScoreError {
    ScoreError::NotBuilt { place: folder.display().to_string() }
}
