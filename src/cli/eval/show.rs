//! Measures as tables for people: each figure with its 95 % interval.

use crate::cli::output;
use crate::sentiment::eval::Measures;
use crate::sentiment::interval::Interval;

/// `0.771 [0.760–0.782]`.
fn figure(value: Option<f64>, interval: Interval) -> String {
    match (value, interval) {
        (None, _) => "–".into(),
        (Some(value), None) => format!("{value:.3}"),
        (Some(value), Some([low, high])) => format!("{value:.3} [{low:.3}–{high:.3}]"),
    }
}

pub fn measures(name: &str, measures: &Measures) {
    let ends = &measures.intervals;
    output::line(name);
    output::line(&format!("n             {}", measures.n));
    if measures.unjudged > 0 {
        output::line(&format!("not judged    {} more: the model gave no probability", measures.unjudged));
    }
    if measures.n > 0 {
        output::line(&format!("accuracy      {}", figure(Some(measures.accuracy), ends.accuracy)));
        output::line(&format!("macro recall  {}", figure(Some(measures.macro_recall), ends.macro_recall)));
        output::line(&format!("macro F1      {}", figure(Some(measures.macro_f1), ends.macro_f1)));
        output::line(&format!(
            "calibration   {} off (15 bins of equal mass)",
            figure(Some(measures.ece), ends.ece)
        ));
        classes(measures);
        coverage(measures);
    }
    if let (Some(answers), Some(ends)) = (&measures.needs_answer, &ends.needs_answer) {
        output::line("");
        output::table(
            &["asks for an answer", "precision", "recall", "F1"],
            &[vec![
                format!("{} of {}", answers.wanted, answers.n),
                figure(answers.precision, ends.precision),
                figure(answers.recall, ends.recall),
                figure(answers.f1, ends.f1),
            ]],
        );
    }
    groups(measures);
    if let (Some(seconds), Some(rate)) = (measures.seconds, measures.posts_per_second) {
        output::line(&format!("\n{seconds:.1} s, {rate:.0} texts a second"));
    }
}

fn classes(measures: &Measures) {
    let rows: Vec<Vec<String>> = measures
        .per_class
        .iter()
        .map(|(class, one)| {
            let ends = measures.intervals.per_class.get(class).cloned().unwrap_or_default();
            vec![
                class.as_str().into(),
                one.n.to_string(),
                figure(one.precision, ends.precision),
                figure(one.recall, ends.recall),
                figure(one.f1, ends.f1),
            ]
        })
        .collect();
    output::line("");
    output::table(&["class", "n", "precision", "recall", "F1"], &rows);
}

fn coverage(measures: &Measures) {
    let (covered, ends) = (&measures.coverage, &measures.intervals.coverage);
    let mut rows: Vec<Vec<String>> = covered
        .curve
        .iter()
        .zip(&ends.curve)
        .map(|(point, interval)| {
            vec![
                format!("{:.0} %", point.share * 100.0),
                figure(point.accuracy, *interval),
                point.confidence.map_or_else(|| "–".into(), |confidence| format!("{confidence:.3}")),
            ]
        })
        .collect();
    rows.push(vec![
        format!("{:.1} %", covered.share * 100.0),
        figure(covered.accuracy, ends.accuracy),
        "what is not unsure".into(),
    ]);
    output::line("");
    output::table(&["the surest", "accuracy", "least confidence"], &rows);
}

fn groups(measures: &Measures) {
    if measures.by.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = measures
        .by
        .iter()
        .map(|(group, one)| {
            let ends = &one.intervals;
            vec![
                output::safe(group, 40),
                one.n.to_string(),
                figure(Some(one.accuracy), ends.accuracy),
                figure(Some(one.macro_recall), ends.macro_recall),
                figure(Some(one.macro_f1), ends.macro_f1),
                figure(Some(one.ece), ends.ece),
            ]
        })
        .collect();
    output::line("");
    output::table(&["by", "n", "accuracy", "macro recall", "macro F1", "calibration"], &rows);
}
