//! The neural model: a BERT sequence classifier read from a folder, never from the network. The
//! only file that names rust-bert, its tensors and its tokenizer.
//!
//! The folder holds `config.json` (shape, labels), `model.safetensors` (weights; half precision is
//! widened, since a CPU computes in single), `tokenizer.json`, and a `model.json` of ours (name,
//! version, longest text). Everything that can be wrong with them is an error that names the
//! folder and the file.
//!
//! Texts are judged in groups of like length, each padded to its own longest, so that one long
//! review does not make sixty short posts as dear as itself. libtorch counts its threads per
//! calling thread: [`Bert::load`] must run on the thread that will judge.

use std::path::Path;

use rust_bert::bert::{BertConfig, BertForSequenceClassification};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};
use tokenizers::{Tokenizer, TruncationParams};

use super::normalise::normalise;
use super::{Classifier, Scorable, ScoreError, Verdict};
use crate::domain::sentiment::{Model, Probabilities};

/// Texts that share a padded tensor: enough to keep a few cores busy, more would only add padding.
const GROUP: usize = 8;
/// Bytes of a text that are looked at. What lies behind could only be a page somebody pasted.
const READ: usize = 64 * 1024;
/// No text, its links masked, takes more bytes a token on average in any script; what lies behind
/// the last token the model reads is cut before the tokenizer spends time on it.
const BYTES_PER_TOKEN: usize = 32;

/// Our own page about a model, `model.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    name: String,
    version: String,
    /// What the outputs mean, in order; must agree with `config.json`.
    labels: Vec<String>,
    /// Languages it was trained on.
    languages: Vec<String>,
    /// Longer texts are cut here.
    max_tokens: usize,
}

/// A BERT sequence classifier with the labels negative, neutral and positive.
pub struct Bert {
    model: Model,
    net: BertForSequenceClassification,
    tokenizer: Tokenizer,
    /// Where p(negative), p(neutral) and p(positive) stand in the model's output.
    outputs: [usize; 3],
    longest: usize,
    languages: Vec<String>,
    /// Owns the weights.
    _weights: VarStore,
}

impl Bert {
    /// Loads the model in `folder`; it will use `threads` threads (0: one a core).
    ///
    /// # Errors
    /// [`ScoreError::Model`], naming the folder and the file that does not fit.
    pub fn load(folder: &Path, threads: usize) -> Result<Self, ScoreError> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { cores() } else { threads };
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));

        let Read { card, shape, outputs } = read(folder)?;
        let fault = |why: String| ScoreError::Model { place: folder.display().to_string(), why };
        let tokenizer = read_tokenizer(folder, card.max_tokens).map_err(fault)?;
        if tokenizer.get_vocab_size(true) > usize::try_from(shape.vocab_size).unwrap_or(0) {
            return Err(fault(format!(
                "tokenizer.json knows {} tokens, config.json only {}",
                tokenizer.get_vocab_size(true),
                shape.vocab_size
            )));
        }
        let mut weights = VarStore::new(Device::Cpu);
        let net = BertForSequenceClassification::new(weights.root(), &shape)
            .map_err(|error| fault(format!("config.json: {error}")))?;
        read_weights(&mut weights, folder).map_err(fault)?;
        Ok(Self {
            model: Model { name: card.name, version: card.version },
            net,
            tokenizer,
            outputs,
            longest: card.max_tokens,
            languages: card.languages,
            _weights: weights,
        })
    }

    fn tokens(&self, text: &str) -> Result<Vec<i64>, ScoreError> {
        let text = normalise(start(text, READ));
        let encoding = self
            .tokenizer
            .encode(start(&text, self.longest * BYTES_PER_TOKEN), true)
            .map_err(|_| ScoreError::Batch("a text could not be cut into tokens".into()))?;
        Ok(encoding.get_ids().iter().copied().map(i64::from).collect())
    }

    fn judge(&self, group: &[&[i64]]) -> Result<Vec<Probabilities>, tch::TchError> {
        let width = group.iter().map(|tokens| tokens.len()).max().unwrap_or(0);
        let mut ids = vec![0_i64; group.len() * width];
        let mut mask = vec![0_i64; group.len() * width];
        for (row, tokens) in group.iter().enumerate() {
            ids[row * width..][..tokens.len()].copy_from_slice(tokens);
            mask[row * width..][..tokens.len()].fill(1);
        }
        let tensor =
            |values: &[i64]| Tensor::f_from_slice(values)?.f_view((group.len() as i64, width as i64));
        let (ids, mask) = (tensor(&ids)?, tensor(&mask)?);
        let output = tch::no_grad(|| self.net.forward_t(Some(&ids), Some(&mask), None, None, None, false));
        let rows = output.logits.f_softmax(-1, Kind::Float)?.f_contiguous()?.f_view(-1)?;
        let values: Vec<f32> = Vec::try_from(rows)?;
        let [negative, neutral, positive] = self.outputs;
        Ok(values
            .chunks_exact(self.outputs.len())
            .map(|row| Probabilities {
                negative: row[negative],
                neutral: row[neutral],
                positive: row[positive],
            })
            .collect())
    }
}

impl Classifier for Bert {
    fn model(&self) -> Model {
        self.model.clone()
    }

    fn languages(&self) -> Vec<String> {
        self.languages.clone()
    }

    fn classify(&mut self, batch: &[Scorable]) -> Result<Vec<Verdict>, ScoreError> {
        let tokens = batch.iter().map(|text| self.tokens(&text.text)).collect::<Result<Vec<_>, _>>()?;
        let mut by_length: Vec<usize> = (0..batch.len()).collect();
        by_length.sort_by_key(|&at| tokens[at].len());
        let nothing = Probabilities { negative: 0.0, neutral: 0.0, positive: 0.0 };
        let mut answers = vec![Verdict::from(nothing); batch.len()];
        for group in by_length.chunks(GROUP) {
            let texts: Vec<&[i64]> = group.iter().map(|&at| tokens[at].as_slice()).collect();
            let judged = self.judge(&texts).map_err(|error| ScoreError::Batch(first_line(&error)))?;
            for (&at, answer) in group.iter().zip(judged) {
                answers[at] = answer.into();
            }
        }
        Ok(answers)
    }
}

/// At most `bytes` bytes from the beginning.
fn start(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// What libtorch throws ends in a trace of its own frames.
fn first_line(error: &tch::TchError) -> String {
    error.to_string().lines().next().unwrap_or("it gives no reason").to_owned()
}

/// What the small files of a model say.
struct Read {
    card: Card,
    shape: BertConfig,
    outputs: [usize; 3],
}

/// Reads the small files of the model in `folder`.
fn read(folder: &Path) -> Result<Read, ScoreError> {
    let fault = |why: String| ScoreError::Model { place: folder.display().to_string(), why };
    if !folder.is_dir() {
        return Err(fault("there is no such folder".into()));
    }
    let card: Card = read_json(folder, "model.json").map_err(fault)?;
    let shape: BertConfig = read_json(folder, "config.json").map_err(fault)?;
    let outputs = outputs(&shape, &card.labels).map_err(fault)?;
    let room = usize::try_from(shape.max_position_embeddings).unwrap_or(0);
    if card.max_tokens < 3 || card.max_tokens > room {
        return Err(fault(format!("model.json: max_tokens is {}, allowed is 3 to {room}", card.max_tokens)));
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

fn read_tokenizer(folder: &Path, longest: usize) -> Result<Tokenizer, String> {
    let fault = |error: tokenizers::Error| format!("tokenizer.json: {error}");
    let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).map_err(fault)?;
    let truncation = TruncationParams { max_length: longest, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(fault)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

fn read_weights(weights: &mut VarStore, folder: &Path) -> Result<(), String> {
    let path = folder.join("model.safetensors");
    if !path.is_file() {
        return Err("model.safetensors: there is no such file".into());
    }
    weights.load(&path).map_err(|error| format!("model.safetensors: {}", first_line(&error)))?;
    // The store takes over the file's half precision, which a CPU computes slowly or not at all.
    weights.float();
    weights.freeze();
    Ok(())
}

/// Where the three polarities stand among the outputs.
fn outputs(shape: &BertConfig, labels: &[String]) -> Result<[usize; 3], String> {
    let known = shape.id2label.as_ref().ok_or("config.json: id2label is missing")?;
    let agrees = known.len() == labels.len()
        && (0..).zip(labels).all(|(at, label)| known.get(&at).is_some_and(|known| known == label));
    if !agrees {
        return Err("model.json: labels does not agree with id2label in config.json".into());
    }
    if labels.len() != 3 {
        return Err(format!("model.json: there are {} labels, needed are 3", labels.len()));
    }
    let at = |wanted: &str| {
        labels
            .iter()
            .position(|label| label == wanted)
            .ok_or_else(|| format!("model.json: the label \"{wanted}\" is missing"))
    };
    Ok([at("negative")?, at("neutral")?, at("positive")?])
}
