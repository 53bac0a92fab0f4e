//! Figures against tables done by hand, and against the plain way of counting.

use proptest::prelude::*;

use super::*;
use crate::domain::sentiment::{Model, NeedsAnswer, Probabilities};

const NEG: Polarity = Polarity::Negative;
const NEU: Polarity = Polarity::Neutral;
const POS: Polarity = Polarity::Positive;

fn one(label: Polarity, verdict: Polarity, confidence: f32, unsure: bool) -> Judged {
    let rest = (1.0 - confidence) / 2.0;
    let p = |class| if class == verdict { confidence } else { rest };
    let probabilities = Probabilities { negative: p(NEG), neutral: p(NEU), positive: p(POS) };
    let floor = if unsure { 1.1 } else { 0.0 };
    let model = Model { name: "m".into(), version: "1".into() };
    Judged {
        label: Some(label),
        needs_answer: None,
        verdict: Sentiment::judge(probabilities, floor, model),
        group: None,
    }
}

fn judged(rows: &[(Polarity, Polarity, f32, bool)]) -> Vec<Judged> {
    rows.iter().map(|&(label, verdict, confidence, unsure)| one(label, verdict, confidence, unsure)).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn figures_of_a_table_done_by_hand() {
    let measures = measure(&judged(&[
        (NEG, NEG, 0.9, false),
        (NEG, NEU, 0.5, true),
        (NEU, NEU, 0.8, false),
        (NEU, NEU, 0.6, false),
        (POS, NEG, 0.7, false),
        (POS, POS, 1.0, false),
    ]));
    assert_eq!((measures.n, measures.unjudged), (6, 0));
    assert!(close(measures.accuracy, 4.0 / 6.0));
    assert!(close(measures.macro_recall, (0.5 + 1.0 + 0.5) / 3.0));
    assert!(close(measures.macro_f1, (0.5 + 0.8 + 2.0 / 3.0) / 3.0));
    assert!(close(measures.coverage.share, 5.0 / 6.0));
    assert!(close(measures.coverage.accuracy.expect("five are sure"), 0.8));
    let negative = &measures.per_class[&NEG];
    assert_eq!((negative.n, negative.precision, negative.recall), (2, Some(0.5), Some(0.5)));
    // One text a bin: the sum of the distances by six.
    assert!(close(measures.ece, (0.1 + 0.5 + 0.2 + 0.4 + 0.7 + 0.0) / 6.0));
    // The surest half: 1.0, 0.9 and 0.8, all right; the surest 80 % of six are five.
    let curve: Vec<_> =
        measures.coverage.curve.iter().map(|point| point.accuracy.expect("there are six")).collect();
    assert!(close(curve[0], 4.0 / 6.0) && close(curve[3], 4.0 / 5.0) && close(curve[6], 1.0), "{curve:?}");
    assert!(close(measures.coverage.curve[6].confidence.expect("three"), 0.8));
}

#[test]
fn a_class_nobody_has_does_not_count() {
    let measures = measure(&judged(&[(NEG, NEG, 0.9, false), (POS, NEU, 0.9, false)]));
    assert!(close(measures.macro_recall, 0.5));
    assert_eq!(measures.per_class[&NEU].recall, None);
    assert_eq!(measures.per_class[&POS].precision, None);
}

#[test]
fn calibration_of_bins_with_several() {
    // 30 texts, of rising confidence around 0.8, 24 right: two a bin cannot be 0.8 right.
    let rows: Vec<_> = (0..30_u8)
        .map(|at| (NEG, if at % 5 == 0 { POS } else { NEG }, 0.8 + f32::from(at) * 1e-5, false))
        .collect();
    let ece = measure(&judged(&rows)).ece;
    let by_hand = (9.0 * 0.2 + 6.0 * 0.3) / 15.0;
    assert!((ece - by_hand).abs() < 1e-3, "{ece} is not {by_hand}");
}

#[test]
fn nothing_measured_is_no_number_out_of_bounds() {
    let measures = measure(&[]);
    assert_eq!((measures.n, measures.accuracy, measures.ece), (0, 0.0, 0.0));
    assert_eq!(measures.coverage.accuracy, None);
    assert_eq!(measures.needs_answer, None);
}

#[test]
fn what_the_model_would_not_judge_is_counted_apart() {
    let mut rows = judged(&[(NEG, NEG, 0.9, false), (POS, POS, 0.9, false)]);
    rows[1].verdict.probabilities = Probabilities { negative: 0.0, neutral: 0.0, positive: 0.0 };
    let measures = measure(&rows);
    assert_eq!((measures.n, measures.unjudged, measures.accuracy), (1, 1, 1.0));
}

#[test]
fn who_asks_for_an_answer_is_measured_where_it_is_known() {
    let mut rows = judged(&[(NEG, NEG, 0.9, false); 6]);
    let both = [(true, true), (true, true), (true, false), (false, true), (false, false)];
    for (row, (is, said)) in rows.iter_mut().zip(both) {
        row.needs_answer = Some(is);
        row.verdict.needs_answer = Some(NeedsAnswer { probability: 0.5, yes: said });
    }
    let answers = measure(&rows).needs_answer.expect("five rows say so");
    assert_eq!((answers.n, answers.wanted), (5, 3));
    let figures = [answers.precision, answers.recall, answers.f1].map(|figure| figure.expect("there is one"));
    assert!(figures.iter().all(|figure| close(*figure, 2.0 / 3.0)), "{figures:?}");
}

#[test]
fn groups_are_measured_by_themselves() {
    let mut rows = judged(&[(NEG, NEG, 0.9, false), (POS, NEG, 0.9, false), (NEU, NEU, 0.9, false)]);
    for (row, group) in rows.iter_mut().zip(["a", "b", "a"]) {
        row.group = Some(group.into());
    }
    let measures = measure(&rows);
    let accuracy = |group: &str| (measures.by[group].n, measures.by[group].accuracy);
    assert_eq!((accuracy("a"), accuracy("b")), ((2, 1.0), (1, 0.0)));
}

#[test]
fn keys_of_the_json() {
    let json = serde_json::to_value(measure(&judged(&[(NEG, NEG, 0.9, false)]))).expect("plain values");
    let mut keys: Vec<_> = json.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    let wanted = [
        "accuracy",
        "coverage",
        "ece",
        "intervals",
        "macro_f1",
        "macro_recall",
        "n",
        "needs_answer",
        "per_class",
        "posts_per_second",
        "seconds",
        "unjudged",
    ];
    assert_eq!(keys, wanted);
    assert_eq!(json["per_class"]["negative"]["recall"], 1.0);
    assert_eq!(json["intervals"]["per_class"]["negative"]["recall"], serde_json::json!([1.0, 1.0]));
}

proptest! {
    /// A row that was drawn three times weighs as three rows do.
    #[test]
    fn weights_are_repetitions(rows in prop::collection::vec((0..3_usize, 0..3_usize, 0..1_000_u16, any::<bool>(), 0..4_u32), 1..40)) {
        // Confidences differ, so that order decides nothing.
        let row = |place: usize, (label, verdict, confidence, unsure, _): (usize, usize, u16, bool, u32)| {
            let confidence = 0.4 + f32::from(confidence) * 5e-4 + f32::from(u8::try_from(place).expect("few")) * 1e-6;
            one(CLASSES[label], CLASSES[verdict], confidence, unsure)
        };
        let judged: Vec<Judged> = rows.iter().enumerate().map(|(place, said)| row(place, *said)).collect();
        let mut repeated = Vec::new();
        for (one, said) in judged.iter().zip(&rows) {
            repeated.extend(std::iter::repeat_n(one.clone(), said.4 as usize));
        }
        // A table sorts its rows: weights go with them.
        let mut order: Vec<usize> = (0..judged.len()).collect();
        order.sort_by(|a, b| judged[*a].verdict.confidence.total_cmp(&judged[*b].verdict.confidence));
        let weights: Vec<u32> = order.iter().map(|at| rows[*at].4).collect();
        let weighted = figures(&Table::of(judged.iter()), Some(&weights));
        let plain = figures(&Table::of(repeated.iter()), None);
        let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => close(a, b),
            (a, b) => a == b,
        };
        prop_assert!(near(weighted.ece, plain.ece), "{weighted:?} {plain:?}");
        prop_assert!(near(weighted.accuracy, plain.accuracy));
        prop_assert!(weighted.curve.iter().zip(plain.curve).all(|(a, b)| near(*a, b)), "{weighted:?} {plain:?}");
        prop_assert_eq!(weighted.per_class, plain.per_class);
        prop_assert!(near(weighted.sure_accuracy, plain.sure_accuracy));
    }
}
