//! The small files of a model: `config.json` (shape, labels) and a `model.json` of ours. Everything
//! that can be wrong with them is an error that names the folder and the file.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Shape, labels, misfit, room};
use crate::sentiment::ScoreError;

/// Our own page about a model, `model.json`. What is absent is as in the first models.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    pub name: String,
    pub version: String,
    /// What the outputs mean, in order; must agree with `config.json`.
    pub labels: Vec<String>,
    /// Languages it was trained on.
    pub languages: Vec<String>,
    /// Longer texts are cut here.
    pub max_tokens: usize,
    /// Whether it judges towards a target.
    #[serde(default)]
    pub targets: bool,
    #[serde(default)]
    pub temperature: Temperature,
    /// Its second head.
    pub needs_answer: Option<Threshold>,
    pub normaliser: Option<Normaliser>,
}

/// What the logits are divided by before the softmax, by the form of the question.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Temperature {
    /// Without a target.
    pub post: f32,
    /// With one.
    pub target: f32,
}

impl Default for Temperature {
    fn default() -> Self {
        Self { post: 1.0, target: 1.0 }
    }
}

/// How the second head is read.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Threshold {
    #[serde(default = "one")]
    pub temperature: f32,
    /// From this probability on the answer is yes.
    pub threshold: f32,
}

fn one() -> f32 {
    1.0
}

/// Who masks links and names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Normaliser {
    /// `tokenizer.json` itself.
    Tokenizer,
}

/// What the small files of a model say.
pub(super) struct Read {
    pub card: Card,
    pub shape: Shape,
    /// Where p(negative), p(neutral) and p(positive) stand in the model's output.
    pub outputs: [usize; 3],
}

/// Reads the small files of the model in `folder`.
pub(super) fn read(folder: &Path) -> Result<Read, ScoreError> {
    let fault = |why: String| ScoreError::Model { place: folder.display().to_string(), why };
    if !folder.is_dir() {
        return Err(fault("there is no such folder".into()));
    }
    let card: Card = read_json(folder, "model.json").map_err(fault)?;
    let shape: Shape = read_json(folder, "config.json").map_err(fault)?;
    if let Some(why) = misfit(&shape) {
        return Err(fault(format!("config.json: {why}")));
    }
    let outputs = outputs(&shape, &card.labels).map_err(fault)?;
    let (_, room) = room(&shape);
    // A target, its own marks, and at least a word of the text.
    let least = if card.targets { 32 } else { 3 };
    if card.max_tokens < least || card.max_tokens > room {
        return Err(fault(format!(
            "model.json: max_tokens is {}, allowed is {least} to {room}",
            card.max_tokens
        )));
    }
    let second = card.needs_answer.map(|head| ("needs_answer.temperature", head.temperature));
    let given =
        [("temperature.post", card.temperature.post), ("temperature.target", card.temperature.target)];
    if let Some((key, value)) = given.into_iter().chain(second).find(|(_, t)| !(t.is_finite() && *t > 0.0)) {
        return Err(fault(format!("model.json: {key} is {value}, it must be above 0")));
    }
    if let Some(head) = card.needs_answer.filter(|head| !(0.0..=1.0).contains(&head.threshold)) {
        return Err(fault(format!(
            "model.json: needs_answer.threshold is {}, allowed is 0 to 1",
            head.threshold
        )));
    }
    Ok(Read { card, shape, outputs })
}

/// Whether the model in `folder` could be loaded, as far as its small files and the presence of
/// the large ones tell: what a configuration's check can afford.
///
/// # Errors
/// [`ScoreError::Model`], naming the folder and the file that does not fit.
pub fn check(folder: &Path) -> Result<(), ScoreError> {
    read(folder)?;
    for file in ["model.safetensors", "tokenizer.json"] {
        if !folder.join(file).is_file() {
            return Err(ScoreError::Model {
                place: folder.display().to_string(),
                why: format!("{file} is missing"),
            });
        }
    }
    Ok(())
}

fn read_json<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<T, String> {
    let text = std::fs::read_to_string(folder.join(file)).map_err(|error| format!("{file}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))
}

/// Where the three polarities stand among the outputs.
fn outputs(shape: &Shape, named: &[String]) -> Result<[usize; 3], String> {
    let known = labels(shape).ok_or("config.json: id2label is missing or not numbered from 0")?;
    if known != named {
        return Err("model.json: labels does not agree with id2label in config.json".into());
    }
    if named.len() != 3 {
        return Err(format!("model.json: there are {} labels, needed are 3", named.len()));
    }
    let at = |wanted: &str| {
        named
            .iter()
            .position(|label| label == wanted)
            .ok_or_else(|| format!("model.json: the label \"{wanted}\" is missing"))
    };
    Ok([at("negative")?, at("neutral")?, at("positive")?])
}
