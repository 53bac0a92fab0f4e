//! The daemon's own pass against the side that trained the model: a thousand made texts with the
//! logits that side gave for them, emoji, accents, handles and other scripts among them. The file
//! is written by `make model`; what stands in it was made by rule and is nobody's post.

use std::io::Read;
use std::path::Path;

use earmark::sentiment::Scorable;
use earmark::sentiment::bert::Bert;
use flate2::read::GzDecoder;
use serde::Deserialize;

const CLOSE: f32 = 1e-3;

#[derive(Deserialize)]
struct Row {
    text: String,
    target: Option<String>,
    logits: Vec<f32>,
    needs_answer: Vec<f32>,
}

#[test]
fn a_thousand_texts_get_the_logits_that_training_saw() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(place.join("tests/fixtures/sentiment/parity.jsonl.gz")).expect("the file");
    let mut lines = String::new();
    GzDecoder::new(file).read_to_string(&mut lines).expect("unpacked");
    let rows: Vec<Row> = lines.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    assert_eq!(rows.len(), 1_000);
    let mut bert = Bert::load(&place.join("models/sentiment"), 1).expect("the model loads");

    let asked: Vec<Scorable> = rows
        .iter()
        .map(|row| Scorable { target: row.target.clone(), ..Scorable::new(row.text.clone()) })
        .collect();
    let mut worst = (0.0_f32, 0);
    for (from, batch) in asked.chunks(128).enumerate() {
        for (at, logits) in bert.logits(batch).expect("judged").into_iter().enumerate() {
            let number = from * 128 + at;
            let row = &rows[number];
            let (polarity, answer) = (logits.labels, logits.needs_answer);
            assert_eq!((polarity.len(), answer.len()), (row.logits.len(), row.needs_answer.len()));
            let expected = row.logits.iter().chain(&row.needs_answer);
            for (here, there) in polarity.iter().chain(&answer).zip(expected) {
                let gap = (here - there).abs();
                assert!(
                    gap < CLOSE,
                    "row {number}: {here} here, {there} there: {:?} {:?}",
                    row.text,
                    row.target
                );
                worst = if gap > worst.0 { (gap, number) } else { worst };
            }
        }
    }
    println!("the largest difference is {:.1e}, in row {}", worst.0, worst.1);
}
