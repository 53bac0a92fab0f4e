//! How far a figure would wander if other texts of the same sort had been labelled: 95 % intervals
//! by the percentile bootstrap. What is drawn again is how often each row counts, a thousand
//! times; texts are neither moved nor scored again. The seed is fixed: the same rows give the same
//! intervals.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::measure::{CLASSES, Figures, SHARES, Table, WantTable, figures, of_wants};
use crate::domain::sentiment::Polarity;

/// How often is drawn.
const RESAMPLES: usize = 1_000;
const SEED: u64 = 0x65_6172_6d61_726b;

/// Lower and upper end; none where the figure has none.
pub type Interval = Option<[f64; 2]>;

/// 95 % intervals, shaped as the figures they are of.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Intervals {
    pub accuracy: Interval,
    pub macro_recall: Interval,
    pub macro_f1: Interval,
    pub ece: Interval,
    pub per_class: BTreeMap<Polarity, Three>,
    pub coverage: Covered,
    pub needs_answer: Option<Three>,
}

/// Of precision, recall and F1.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Three {
    pub precision: Interval,
    pub recall: Interval,
    pub f1: Interval,
}

/// Of what the floor leaves, and of each point of the curve.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Covered {
    pub share: Interval,
    pub accuracy: Interval,
    pub curve: Vec<Interval>,
}

/// Draws and measures again and again.
pub fn intervals(table: &Table, wanted: &WantTable) -> Intervals {
    let mut dice = StdRng::seed_from_u64(SEED);
    let drawn: Vec<Figures> = resample(&mut dice, table.n(), |weights| figures(table, Some(weights)));
    let of = |figure: &dyn Fn(&Figures) -> Option<f64>| between(drawn.iter().filter_map(figure).collect());
    let three = |class: usize| Three {
        precision: of(&|one| one.per_class[class][0]),
        recall: of(&|one| one.per_class[class][1]),
        f1: of(&|one| one.per_class[class][2]),
    };
    let wants = resample(&mut dice, wanted.0.len(), |weights| of_wants(wanted.cells(Some(weights))));
    let of_want = |figure: usize| between(wants.iter().filter_map(|one| one[figure]).collect());
    Intervals {
        accuracy: of(&|one| one.accuracy),
        macro_recall: of(&|one| one.macro_recall),
        macro_f1: of(&|one| one.macro_f1),
        ece: of(&|one| one.ece),
        per_class: CLASSES.iter().enumerate().map(|(place, class)| (*class, three(place))).collect(),
        coverage: Covered {
            share: of(&|one| one.sure_share),
            accuracy: of(&|one| one.sure_accuracy),
            curve: (0..SHARES.len()).map(|share| of(&|one| one.curve[share])).collect(),
        },
        needs_answer: (!wanted.0.is_empty()).then(|| Three {
            precision: of_want(0),
            recall: of_want(1),
            f1: of_want(2),
        }),
    }
}

/// `n` rows drawn out of `n`, each as often as it comes, [`RESAMPLES`] times.
fn resample<T>(dice: &mut StdRng, n: usize, mut measure: impl FnMut(&[u32]) -> T) -> Vec<T> {
    if n == 0 {
        return Vec::new();
    }
    let most = u32::try_from(n).unwrap_or(u32::MAX);
    let mut weights = vec![0_u32; n];
    (0..RESAMPLES)
        .map(|_| {
            weights.fill(0);
            for _ in 0..n {
                weights[dice.random_range(0..most) as usize] += 1;
            }
            measure(&weights)
        })
        .collect()
}

/// From the 2.5th to the 97.5th percentile.
fn between(mut values: Vec<f64>) -> Interval {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let at = |thousandths: usize| values[(last * thousandths + 500) / 1_000];
    Some([at(25), at(975)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sentiment::{Model, Probabilities, Sentiment};
    use crate::sentiment::eval::Judged;

    /// Rows of which a share is right, by a model that says how sure it is.
    fn judged(n: usize, right: f64, dice: &mut StdRng) -> Vec<Judged> {
        let model = || Model { name: "m".into(), version: "1".into() };
        (0..n)
            .map(|_| {
                let is_right = dice.random_bool(right);
                let p = Probabilities { negative: 0.8, neutral: 0.1, positive: 0.1 };
                Judged {
                    label: Some(if is_right { Polarity::Negative } else { Polarity::Positive }),
                    needs_answer: None,
                    verdict: Sentiment::judge(p, 0.5, model()),
                    group: None,
                }
            })
            .collect()
    }

    #[test]
    fn intervals_cover_as_often_as_they_say() {
        let mut dice = StdRng::seed_from_u64(7);
        let truth = 0.7;
        let covered = (0..60).filter(|_| {
            let rows = judged(120, truth, &mut dice);
            let found = intervals(&Table::of(rows.iter()), &WantTable(Vec::new())).accuracy;
            found.is_some_and(|[low, high]| low <= truth && truth <= high)
        });
        let covered = covered.count();
        assert!((51..=60).contains(&covered), "95 % intervals hold the truth {covered} times of 60");
    }

    #[test]
    fn more_rows_make_narrower_intervals_and_the_same_rows_the_same() {
        let mut dice = StdRng::seed_from_u64(8);
        let mut width = |n| {
            let rows = judged(n, 0.7, &mut dice);
            let table = Table::of(rows.iter());
            let found = intervals(&table, &WantTable(Vec::new()));
            assert_eq!(found, intervals(&table, &WantTable(Vec::new())));
            found.accuracy.map(|[low, high]| high - low).expect("there are rows")
        };
        let (few, many) = (width(50), width(800));
        assert!(many < few / 2.0, "{many} is not much narrower than {few}");
    }

    #[test]
    fn nothing_has_no_interval() {
        let none = intervals(&Table::of([].iter()), &WantTable(Vec::new()));
        assert_eq!((none.accuracy, none.needs_answer), (None, None));
    }
}
