//! Texts judged a second: the neural model through the scorer, one at a time and in full
//! batches, with the word list beside it as the peer that costs nothing. `items/s` are texts.
//! Before them, how long one post alone takes. `make peer` compares with others' programs.

use std::path::Path;
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use earmark::sentiment::bert::Bert;
use earmark::sentiment::scorer::{BATCH, Scorer};
use earmark::sentiment::word_list::WordList;
use earmark::sentiment::{Classifier, Scorable, ScoreError};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/sentiment");

/// Lengths of posts are uneven; these go from four words to a whole review.
const TEXTS: [&str; 4] = [
    "Acme is down again.",
    "Just moved everything over to Globex and honestly the import was painless, well done @globex.",
    "Anyone else having trouble logging in to the Acme app since this morning? It asks for the code and then \
     throws me back to the start, three times now. https://acme.example/status says all is fine.",
    "I have been a customer for six years and this is the first time I write a review. The parcel was left in the \
     rain, the box was open, one of the two lamps was missing and the hotline kept me waiting for forty minutes \
     only to tell me that they cannot see the order. I got a voucher over five euros in the end, which does not \
     even cover the postage. A pity, because the lamp that did arrive is beautiful and works well.",
];

fn main() {
    one_alone();
    divan::main();
}

/// How long one post takes that finds the scorer idle: what the mean of the benches below hides.
#[expect(clippy::print_stdout, reason = "a bench says what it found")]
fn one_alone() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let scorer = runtime.block_on(Scorer::start(bert, 0.55)).expect("the model in the checkout");
    let mut times: Vec<Duration> = posts(500)
        .into_iter()
        .map(|post| {
            let began = Instant::now();
            runtime.block_on(scorer.score(vec![post])).expect("a verdict");
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("one post alone: p50 {:.1?}, p99 {:.1?}, longest {:.1?}", at(50), at(99), at(100));
}

/// Made posts as long as those of a network of short messages: ten to sixty tokens, about thirty
/// on average.
fn posts(n: usize) -> Vec<Scorable> {
    const WORDS: [&str; 12] =
        ["the", "update", "to", "Acme", "app", "lost", "my", "order", "again", "#fail", "tomorrow", "😡"];
    let length = |at: usize| 6 + at * 7 % 24 + at * 13 % 23;
    let word = |at: usize, n: usize| WORDS[(at * 5 + n * 7) % WORDS.len()];
    (0..n)
        .map(|at| Scorable::new((0..length(at)).map(|n| word(at, n)).collect::<Vec<_>>().join(" ")))
        .collect()
}

fn texts(n: usize) -> Vec<Scorable> {
    TEXTS.iter().cycle().take(n).map(|text| Scorable::new(*text)).collect()
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn bert() -> Result<Box<dyn Classifier>, ScoreError> {
    Ok(Box::new(Bert::load(Path::new(MODEL), 0)?))
}

fn word_list() -> Result<Box<dyn Classifier>, ScoreError> {
    Ok(Box::new(WordList::new()))
}

fn through_the_scorer(bencher: Bencher, build: fn() -> Result<Box<dyn Classifier>, ScoreError>, n: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let scorer = runtime.block_on(Scorer::start(build, 0.55)).expect("the model in the checkout");
    bencher
        .counter(ItemsCount::new(n))
        .with_inputs(|| texts(n))
        .bench_values(|texts| runtime.block_on(scorer.score(texts)).expect("verdicts"));
}

#[divan::bench(args = [4, BATCH], sample_size = 1, sample_count = 20)]
fn bert_batched(bencher: Bencher, n: usize) {
    through_the_scorer(bencher, bert, n);
}

#[divan::bench(args = TEXTS.map(words), sample_size = 1, sample_count = 20)]
fn bert_single_of_words(bencher: Bencher, n: usize) {
    let mut bert = bert().expect("the model in the checkout");
    let text = TEXTS.into_iter().find(|text| words(text) == n).expect("the counts are theirs");
    let text = [Scorable::new(text)];
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| bert.classify(&text));
}

#[divan::bench(args = [1, BATCH])]
fn word_list_batched(bencher: Bencher, n: usize) {
    through_the_scorer(bencher, word_list, n);
}

#[divan::bench(sample_size = 1, sample_count = 5)]
fn bert_load() -> Result<Bert, ScoreError> {
    Bert::load(Path::new(MODEL), 0)
}
