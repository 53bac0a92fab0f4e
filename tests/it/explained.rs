//! Which words move a score, over the scorer's own thread: with a classifier made for it, with the
//! word list, and with the model that ships.

use std::path::Path;
use std::sync::{Arc, Mutex};

use earmark::domain::sentiment::{Doubt, Model, NeedsAnswer, Probabilities};
use earmark::sentiment::bert::Bert;
use earmark::sentiment::explain::{Explained, plan};
use earmark::sentiment::scorer::{BATCH, Scorer};
use earmark::sentiment::word_list::WordList;
use earmark::sentiment::{Classifier, Scorable, ScoreError, Verdict};

async fn explained(scorer: &Scorer, text: Scorable) -> Explained {
    let plan = plan(text);
    let verdicts = scorer.score(plan.batch()).await.expect("a verdict for each reading");
    plan.weigh(verdicts).expect("they fit")
}

fn towards(text: &str, target: &str) -> Scorable {
    Scorable { target: Some(target.into()), ..Scorable::new(text) }
}

fn delta(found: &Explained, word: &str) -> f32 {
    let moved = found.words.iter().find(|moved| moved.word == word);
    moved.unwrap_or_else(|| panic!("{word} is a word")).delta_score.expect("it was left out")
}

/// Reads only the words behind the target, counts what it is handed, and takes a question mark for
/// a wish for an answer.
struct Near {
    batches: Arc<Mutex<Vec<usize>>>,
}

impl Classifier for Near {
    fn model(&self) -> Model {
        Model { name: "near".into(), version: "1".into() }
    }

    fn languages(&self) -> Vec<String> {
        vec!["en".into()]
    }

    fn classify(&mut self, batch: &[Scorable]) -> Result<Vec<Verdict>, ScoreError> {
        self.batches.lock().unwrap().push(batch.len());
        let judge = |text: &Scorable| {
            let target = text.target.as_deref().unwrap_or_default();
            let behind = text.text.split_once(target).map_or("", |(_, behind)| behind);
            let positive = if behind.contains("great") { 0.9 } else { 0.2 };
            let probability = if text.text.contains('?') { 0.75 } else { 0.25 };
            Verdict {
                probabilities: Probabilities { negative: 0.1, neutral: 0.9 - positive, positive },
                needs_answer: Some(NeedsAnswer { probability, yes: probability > 0.5 }),
            }
        };
        Ok(batch.iter().map(judge).collect())
    }
}

#[tokio::test]
async fn a_text_is_explained_in_one_batch_towards_its_target() {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let near = Near { batches: batches.clone() };
    let scorer = Scorer::start(move || Ok(Box::new(near)), 0.0).await.expect("it starts");
    let text = "great talk, but Acme is great?";
    let found = explained(&scorer, towards(text, "acme")).await;
    assert_eq!(found.words.iter().filter(|word| word.target).count(), 1);
    let found = explained(&scorer, towards(text, "Acme")).await;
    let deltas: Vec<f32> = found
        .words
        .iter()
        .filter(|word| word.word == "great")
        .map(|word| word.delta_score.unwrap())
        .collect();
    assert_eq!(deltas.len(), 2);
    assert!(deltas[0].abs() < 0.001 && (deltas[1] - 0.7).abs() < 0.001, "{deltas:?}");
    let answer = found.strongest(|word| word.delta_needs_answer, 5);
    assert_eq!(answer.iter().map(|(word, by)| (word.word.as_str(), *by)).collect::<Vec<_>>(), [("?", 0.5)]);
    batches.lock().unwrap().clear();
    explained(&scorer, towards(&"word ".repeat(200), "Acme")).await;
    let sizes = batches.lock().unwrap().clone();
    assert!(sizes.len() == 1 && sizes[0] <= BATCH, "one batch: {sizes:?}");
}

#[tokio::test]
async fn a_text_in_another_language_has_no_words_to_weigh() {
    let near = Near { batches: Arc::default() };
    let scorer = Scorer::start(move || Ok(Box::new(near)), 0.0).await.expect("it starts");
    let german = Scorable { lang: Some("de".into()), ..Scorable::new("Das ist great") };
    let found = explained(&scorer, german).await;
    assert_eq!(found.sentiment.doubt, Some(Doubt::Language));
    assert!(found.could_not_weigh() && found.words.iter().all(|word| word.delta_score.is_none()));
}

#[tokio::test]
async fn the_word_list_is_explained_by_its_words() {
    let scorer = Scorer::start(|| Ok(Box::new(WordList::new())), 0.55).await.expect("it starts");
    let found =
        explained(&scorer, towards("The Acme app is not good, but the driver was friendly", "Acme app"))
            .await;
    assert!(delta(&found, "not") < -0.1, "without it, good is good: {:?}", found.words);
    assert!(delta(&found, "friendly") > 0.1);
    assert!(delta(&found, "driver").abs() < 0.001);
    assert!(found.words.iter().all(|word| word.delta_needs_answer.is_none()), "it has no such output");
}

#[tokio::test]
async fn the_model_that_ships_is_moved_by_what_moves_people() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sentiment");
    let scorer =
        Scorer::start(move || Ok(Box::new(Bert::load(&folder, 1)?)), 0.55).await.expect("the model loads");
    let bad = explained(&scorer, towards("The Acme app lost my order, this is terrible", "Acme app")).await;
    let (worst, by) = bad.strongest(|word| word.delta_score, 1)[0];
    assert!(worst.word == "terrible" && by < 0.0, "{} {by}", worst.word);
    let good = explained(&scorer, towards("The new Acme app is wonderful", "Acme app")).await;
    let (best, by) = good.strongest(|word| word.delta_score, 1)[0];
    assert!(best.word == "wonderful" && by > 0.0, "{} {by}", best.word);
    assert_eq!(good.words.iter().filter(|word| word.target).count(), 2);
}
