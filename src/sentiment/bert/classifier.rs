//! The network behind the seam: a folder in, verdicts out.

use std::borrow::Cow;
use std::path::Path;

use super::crew::Crew;
use super::folder::{Read, SecondHead, Temperature, read};
use super::tokens::{Reader, Tokens};
use super::{Logits, Net, alone, room};
use crate::domain::sentiment::{Model, Probabilities};
use crate::sentiment::{Classifier, Scorable, ScoreError, Verdict};

/// A BERT with the labels negative, neutral and positive.
pub struct Bert {
    model: Model,
    languages: Vec<String>,
    reader: Reader,
    crew: Crew,
    outputs: [usize; 3],
    temperature: Temperature,
    needs_answer: Option<SecondHead>,
}

impl Bert {
    /// Loads the model in `folder`; it will use `threads` threads (0: one a core), the calling one
    /// among them, which must be the one that judges.
    ///
    /// # Errors
    /// [`ScoreError::Model`], naming the folder and the file that does not fit.
    pub fn load(folder: &Path, threads: usize) -> Result<Self, ScoreError> {
        alone();
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { cores() } else { threads };
        let Read { card, shape, outputs } = read(folder)?;
        let fault = |why: String| ScoreError::Model { place: folder.display().to_string(), why };
        let reader = Reader::read(folder, &card, room(&shape).0).map_err(fault)?;
        let path = folder.join("model.safetensors");
        if !path.is_file() {
            return Err(fault("model.safetensors: there is no such file".into()));
        }
        let net = Net::read(&path, &shape, card.needs_answer.as_ref().map_or(0, |head| head.outputs.len()))
            .map_err(|error| fault(format!("model.safetensors: {error}")))?;
        let crew = Crew::new(net, threads)
            .map_err(|error| ScoreError::Batch(format!("its threads could not be started: {error}")))?;
        Ok(Self {
            model: Model { name: card.name, version: card.version },
            languages: card.languages,
            reader,
            crew,
            outputs,
            temperature: card.temperature,
            needs_answer: card.needs_answer,
        })
    }

    /// What the network itself says of each text, before any temperature: the outputs of both heads
    /// in the order of the files. For comparing it with the side that trained it.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn logits(&mut self, batch: &[Scorable]) -> Result<Vec<Logits>, ScoreError> {
        let tokens = batch.iter().map(|text| self.reader.tokens(text)).collect::<Result<Vec<_>, _>>()?;
        self.crew.judge(tokens)
    }

    fn verdict(&self, logits: &Logits, has_target: bool) -> Verdict {
        let temperature = if has_target { self.temperature.target } else { self.temperature.post };
        let [negative, neutral, positive] =
            softmax(self.outputs.map(|at| logits.labels.get(at).copied().unwrap_or(f32::NAN) / temperature));
        let needs_answer = self.needs_answer.as_ref().and_then(|head| head.answer(&logits.needs_answer));
        Verdict { probabilities: Probabilities { negative, neutral, positive }, needs_answer }
    }
}

impl Classifier for Bert {
    fn model(&self) -> Model {
        self.model.clone()
    }

    fn languages(&self) -> Vec<String> {
        self.languages.clone()
    }

    fn reads<'a>(&self, text: &'a Scorable) -> (Cow<'a, str>, Option<Cow<'a, str>>) {
        let (text, target) = self.reader.normal(text);
        (text, target.map(Cow::Borrowed))
    }

    fn classify(&mut self, batch: &[Scorable]) -> Result<Vec<Verdict>, ScoreError> {
        let tokens = batch.iter().map(|text| self.reader.tokens(text)).collect::<Result<Vec<_>, _>>()?;
        let towards: Vec<bool> = tokens.iter().map(Tokens::has_target).collect();
        let logits = self.crew.judge(tokens)?;
        Ok(logits.iter().zip(towards).map(|(logits, towards)| self.verdict(logits, towards)).collect())
    }
}

fn softmax(logits: [f32; 3]) -> [f32; 3] {
    let highest = logits.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let weights = logits.map(|logit| (logit - highest).exp());
    let sum: f32 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}
