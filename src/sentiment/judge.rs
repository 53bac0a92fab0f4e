//! What the scorer's thread does to a batch: texts of a language the model was not made for are
//! not shown to it, texts it has judged before are looked up, equal texts are judged once, and
//! what is left goes to the model in one piece. Who answers for a failure is said on the page of
//! [`scorer`](super::scorer).

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::cache::{self, Cache, Key};
use super::{Classifier, Scorable, ScoreError, Verdict, language};
use crate::domain::sentiment::{Doubt, Model, Sentiment};
use crate::telemetry::metrics;

/// Judged before anybody waits, and again where the model is in doubt.
const WARM_UP: &str = "The parcel came on time and the driver was friendly, thank you.";

/// What holds for a whole batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Below this confidence a verdict is `unsure`.
    pub floor: f32,
    /// What the user's own corrections make of the probabilities; 1: nothing.
    pub temperature: f32,
}

/// A classifier that has worked once, and what was learnt from it.
pub struct Judge {
    classifier: Box<dyn Classifier>,
    model: Model,
    languages: Vec<&'static str>,
    cache: Cache,
}

/// Where the answer to a text comes from.
enum Source {
    Foreign,
    Known(Verdict),
    /// The model's answer, by its place among what is asked.
    Asked(usize),
}

impl Judge {
    /// Lets `classifier` judge one text.
    ///
    /// # Errors
    /// What that text met.
    pub fn new(mut classifier: Box<dyn Classifier>, cache: usize) -> Result<Self, ScoreError> {
        classify(&mut *classifier, &[Scorable::new(WARM_UP)])?;
        let languages = classifier.languages().iter().filter_map(|tag| language::primary(tag)).collect();
        Ok(Self { model: classifier.model(), classifier, languages, cache: Cache::new(cache) })
    }

    /// Who judges.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What it was made for; empty: any.
    pub fn languages(&self) -> &[&'static str] {
        &self.languages
    }

    /// One answer for each text, in order.
    pub fn judge(&mut self, batch: Vec<Scorable>, limits: Limits) -> Vec<Result<Sentiment, ScoreError>> {
        let langs: Vec<Option<&str>> =
            batch.iter().map(|text| text.lang.as_deref().and_then(language::primary)).collect();
        let mut asked: Vec<Scorable> = Vec::new();
        let mut keys: Vec<Key> = Vec::new();
        let mut same: HashMap<Key, usize> = HashMap::new();
        let (mut hits, mut misses) = (0, 0);
        let mut sources = Vec::with_capacity(batch.len());
        for (text, &lang) in batch.into_iter().zip(&langs) {
            if lang.is_some_and(|lang| self.is_foreign(lang)) {
                sources.push(Source::Foreign);
                continue;
            }
            if self.cache.is_on() {
                let (read, target) = self.classifier.reads(&text);
                let key = cache::key(&read, target.as_deref());
                let known = self.cache.get(&key).map(Source::Known);
                let known = known.or_else(|| same.get(&key).copied().map(Source::Asked));
                if let Some(known) = known {
                    hits += 1;
                    sources.push(known);
                    continue;
                }
                misses += 1;
                same.insert(key, asked.len());
                keys.push(key);
            }
            sources.push(Source::Asked(asked.len()));
            asked.push(text);
        }
        metrics::cached_verdicts(hits, misses);
        let answers = if asked.is_empty() { Vec::new() } else { ask(&mut *self.classifier, &asked) };
        for (key, answer) in keys.iter().zip(&answers) {
            if let Ok(Some(verdict)) = answer {
                self.cache.put(*key, *verdict);
            }
        }
        let verdicts = sources.into_iter().zip(langs).map(|(source, lang)| {
            let mut sentiment = match source {
                Source::Foreign => Sentiment::unsure(Doubt::Language, self.model.clone()),
                Source::Known(verdict) => self.sentiment(verdict, limits),
                Source::Asked(at) => match &answers[at] {
                    Ok(Some(verdict)) => self.sentiment(*verdict, limits),
                    Ok(None) => Sentiment::unsure(Doubt::Failed, self.model.clone()),
                    Err(ScoreError::Batch(why)) => return Err(ScoreError::Batch(why.clone())),
                    Err(error) => return Err(ScoreError::Batch(error.to_string())),
                },
            };
            sentiment.lang = lang.map(str::to_owned);
            Ok(sentiment)
        });
        verdicts.collect()
    }

    fn is_foreign(&self, lang: &str) -> bool {
        !self.languages.is_empty() && !self.languages.contains(&lang)
    }

    fn sentiment(&self, verdict: Verdict, limits: Limits) -> Sentiment {
        let probabilities = verdict.probabilities.tempered(limits.temperature);
        let mut sentiment = Sentiment::judge(probabilities, limits.floor, self.model.clone());
        sentiment.needs_answer = verdict.needs_answer;
        sentiment
    }
}

/// One answer for each text, in order; none where the text alone is at fault.
fn ask(classifier: &mut dyn Classifier, texts: &[Scorable]) -> Vec<Result<Option<Verdict>, ScoreError>> {
    let error = match classify(classifier, texts) {
        Ok(verdicts) => return verdicts.into_iter().map(|verdict| Ok(Some(verdict))).collect(),
        Err(error) => error,
    };
    tracing::warn!(
        batch.texts = texts.len(),
        "a batch of {} could not be scored and is tried again text by text: {error}",
        texts.len()
    );
    let mut one = |text| classify(classifier, std::slice::from_ref(text)).map(|one| one[0]);
    let alone: Vec<_> = texts.iter().map(&mut one).collect();
    let works = alone.iter().any(Result::is_ok) || one(&Scorable::new(WARM_UP)).is_ok();
    alone
        .into_iter()
        .zip(texts)
        .map(|(verdict, text)| match verdict {
            Ok(verdict) => Ok(Some(verdict)),
            Err(error) if works => {
                tracing::error!(
                    text.bytes = text.text.len(),
                    "a text of {} bytes could not be scored and counts as unsure: {error}",
                    text.text.len()
                );
                Ok(None)
            }
            Err(error) => Err(error),
        })
        .collect()
}

/// The classifier's answer, its panics and miscounts turned into errors.
fn classify(classifier: &mut dyn Classifier, texts: &[Scorable]) -> Result<Vec<Verdict>, ScoreError> {
    let answer =
        catch_unwind(AssertUnwindSafe(|| classifier.classify(texts))).unwrap_or_else(|_| Err(panicked()))?;
    if answer.len() == texts.len() {
        Ok(answer)
    } else {
        Err(ScoreError::Batch(format!("it gave {} answers for {} texts", answer.len(), texts.len())))
    }
}

/// What a panic of the classifier's is to those who wait.
pub fn panicked() -> ScoreError {
    // The words of a panic may quote the text that caused it, and post text is never logged.
    ScoreError::Batch("it panicked".into())
}
