//! Languages, temperatures and reposts, through the scorer.

use std::sync::{Arc, Mutex};

use earmark::domain::sentiment::{Doubt, Model, NeedsAnswer, Polarity, Probabilities, Sentiment};
use earmark::sentiment::scorer::Scorer;
use earmark::sentiment::{Classifier, Scorable, ScoreError, Verdict};
use proptest::prelude::*;

use super::{FLOOR, text};

/// Judges by the text's length, fails on "boom", and tells what it was asked.
struct Counting(Arc<Mutex<Vec<String>>>);

impl Classifier for Counting {
    fn model(&self) -> Model {
        Model { name: "counting".into(), version: "1".into() }
    }

    fn languages(&self) -> Vec<String> {
        vec!["en".into(), "de-AT".into()]
    }

    fn classify(&mut self, batch: &[Scorable]) -> Result<Vec<Verdict>, ScoreError> {
        if batch.iter().any(|text| text.text.contains("boom")) {
            return Err(ScoreError::Batch("boom".into()));
        }
        self.0.lock().expect("one thread").extend(batch.iter().map(|text| text.text.clone()));
        Ok(batch.iter().map(said).collect())
    }
}

fn said(text: &Scorable) -> Verdict {
    let target = text.target.as_ref().map_or(0, String::len);
    let positive = ((text.text.len() * 7 + target * 3) % 10) as f32 / 10.0;
    Verdict {
        probabilities: Probabilities { negative: 1.0 - positive, neutral: 0.0, positive },
        needs_answer: Some(NeedsAnswer { probability: positive, yes: positive > 0.5 }),
    }
}

async fn counting(cache: usize) -> (Scorer, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let counting = Counting(asked.clone());
    let scorer = Scorer::remembering(move || Ok(Box::new(counting)), FLOOR, cache).await.expect("it starts");
    asked.lock().expect("idle").clear();
    (scorer, asked)
}

fn asked(log: &Arc<Mutex<Vec<String>>>) -> Vec<String> {
    std::mem::take(&mut *log.lock().expect("idle"))
}

fn in_language(tag: &str) -> Scorable {
    Scorable { lang: Some(tag.into()), ..text("a text") }
}

#[tokio::test]
async fn a_language_it_was_not_made_for_is_unsure_and_not_judged() {
    let (scorer, log) = counting(0).await;
    assert_eq!(scorer.languages(), ["en", "de"]);
    for tag in ["en", "EN-us", "eng", "de", "de_CH", "und", ""] {
        let verdict = &scorer.score(vec![in_language(tag)]).await.expect("judged")[0];
        assert_ne!(verdict.doubt, Some(Doubt::Language), "{tag}");
        assert_eq!(asked(&log).len(), 1, "{tag}");
    }
    for (tag, lang) in [("es", "es"), ("fr-FR", "fr"), ("POR", "pt")] {
        let verdict = &scorer.score(vec![in_language(tag)]).await.expect("judged")[0];
        assert_eq!((verdict.polarity, verdict.doubt), (Polarity::Unsure, Some(Doubt::Language)));
        assert_eq!(verdict.lang.as_deref(), Some(lang));
        assert_eq!((verdict.confidence, verdict.score, verdict.needs_answer), (0.0, 0.0, None));
        assert!(asked(&log).is_empty(), "the model was asked about {tag}");
    }
    // Among others, each keeps its place; without a floor, too.
    scorer.set_floor(0.0);
    let texts = vec![in_language("en"), in_language("es"), text("no language")];
    let verdicts = scorer.score(texts).await.expect("judged");
    let doubts: Vec<_> = verdicts.iter().map(|verdict| verdict.doubt).collect();
    assert_eq!(doubts, [None, Some(Doubt::Language), None]);
    let langs: Vec<_> = verdicts.iter().map(|verdict| verdict.lang.as_deref()).collect();
    assert_eq!(langs, [Some("en"), Some("es"), None]);
}

#[tokio::test]
async fn a_text_that_fails_is_unsure_under_any_floor_and_tried_again() {
    let (scorer, log) = counting(16).await;
    scorer.set_floor(0.0);
    for _ in 0..2 {
        let verdicts = scorer.score(vec![text("boom"), text("fine")]).await.expect("judged");
        assert_eq!((verdicts[0].polarity, verdicts[0].doubt), (Polarity::Unsure, Some(Doubt::Failed)));
        assert_eq!(verdicts[1].doubt, None);
    }
    let fine = asked(&log).iter().filter(|text| *text == "fine").count();
    assert_eq!(fine, 1, "what failed is not remembered, what did not is");
}

#[tokio::test]
async fn reposts_are_judged_once_towards_each_target() {
    let (scorer, log) = counting(16).await;
    let towards = |target: &str| Scorable { target: Some(target.into()), ..text("reposted") };
    let batch = vec![text("reposted"), towards("acme"), text("reposted"), towards("globex"), towards("acme")];
    let first = scorer.score(batch.clone()).await.expect("judged");
    assert_eq!(asked(&log).len(), 3, "within a batch");
    assert_eq!(scorer.score(batch).await.expect("judged"), first);
    assert!(asked(&log).is_empty(), "and after it");
    // What is remembered is the model's word, not what floor and temperature made of it.
    scorer.set_floor(0.95);
    let again = &scorer.score(vec![text("reposted")]).await.expect("judged")[0];
    assert_eq!((again.polarity, again.doubt), (Polarity::Unsure, Some(Doubt::Confidence)));
    scorer.set_floor(FLOOR);
    scorer.set_temperature(4.0);
    let calmer = &scorer.score(vec![text("reposted")]).await.expect("judged")[0];
    assert!(calmer.confidence < again.confidence && calmer.confidence >= 0.5, "{calmer:?}");
    assert_eq!(calmer.needs_answer, again.needs_answer);
    assert!(asked(&log).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn remembering_changes_no_verdict(
        calls in prop::collection::vec(
            prop::collection::vec(("a{1,6}|boom", prop::option::of("b{1,2}"), prop::option::of("en|es")), 0..8),
            0..12,
        ),
        cache in 0_usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (remembers, _) = counting(cache).await;
            let (forgets, _) = counting(0).await;
            for call in calls {
                let texts: Vec<Scorable> =
                    call.into_iter().map(|(text, target, lang)| Scorable { text, target, lang }).collect();
                let said: Vec<Sentiment> = remembers.score(texts.clone()).await.expect("judged");
                prop_assert_eq!(said, forgets.score(texts).await.expect("judged"));
            }
            Ok(())
        })?;
    }
}
