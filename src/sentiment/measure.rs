//! Figures of a table of verdicts and labels. Everything that a bootstrap needs a thousand times
//! is one pass over rows that were sorted once, with a weight for each row: how often it was drawn.
//!
//! Accuracy, recall, F1 and the calibration error look at the likeliest of the three polarities,
//! whatever the floor; [`Coverage`] says what confidence and floor leave. Means over classes are
//! taken over the classes that occur among the labels, so that a set without neutral texts can be
//! measured.

use std::collections::BTreeMap;

use serde::Serialize;

use super::eval::Judged;
use crate::domain::sentiment::Polarity;

/// The classes, in the order of every array here.
pub const CLASSES: [Polarity; 3] = [Polarity::Negative, Polarity::Neutral, Polarity::Positive];
/// Bins of the calibration error, each with as many texts as the next.
const BINS: u64 = 15;
/// Shares of the surest texts of which the accuracy is told, in percent.
pub const SHARES: [u64; 7] = [100, 95, 90, 80, 70, 60, 50];

/// One polarity's figures; `None` where there was nothing to divide by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PerClass {
    /// Of those judged so, the share that is so.
    pub precision: Option<f64>,
    /// Of those that are so, the share judged so.
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
    /// How many are so.
    pub n: usize,
}

/// What the floor leaves, and what other floors would.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Share that is not `unsure`.
    pub share: f64,
    /// Accuracy of that share.
    pub accuracy: Option<f64>,
    /// Accuracy of the surest, for several shares.
    pub curve: Vec<Point>,
}

/// The surest texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// What share of all they are.
    pub share: f64,
    /// How many of them are judged right.
    pub accuracy: Option<f64>,
    /// The least confidence among them: the floor that would leave them.
    pub confidence: Option<f64>,
}

/// How well a model tells what asks for an answer, at its own threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answers {
    /// How many rows say whether.
    pub n: usize,
    /// How many of them do.
    pub wanted: usize,
    /// Of those judged so, the share that is so.
    pub precision: Option<f64>,
    /// Of those that are so, the share judged so.
    pub recall: Option<f64>,
    /// Harmonic mean of the two.
    pub f1: Option<f64>,
}

struct Row {
    /// Label and verdict: three times the one, plus the other.
    cell: usize,
    confidence: f64,
    unsure: bool,
}

impl Row {
    fn is_right(&self) -> bool {
        self.cell.is_multiple_of(4)
    }
}

/// Rows with a label and a likeliest polarity, the least sure first.
pub struct Table(Vec<Row>);

/// What one pass gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    pub accuracy: Option<f64>,
    pub macro_recall: Option<f64>,
    pub macro_f1: Option<f64>,
    pub ece: Option<f64>,
    /// Precision, recall, F1.
    pub per_class: [[Option<f64>; 3]; 3],
    pub sure_share: Option<f64>,
    pub sure_accuracy: Option<f64>,
    pub curve: [Option<f64>; SHARES.len()],
}

impl Table {
    /// Sorts what can be measured.
    pub fn of<'a>(judged: impl Iterator<Item = &'a Judged>) -> Self {
        let mut rows: Vec<(u64, Row)> = judged
            .filter_map(|one| Some((one.class()?, one.probabilities()?, one)))
            .enumerate()
            .map(|(place, (label, probabilities, one))| {
                let (verdict, confidence) = likeliest(probabilities);
                let unsure = one.verdict.polarity == Polarity::Unsure;
                // Files come sorted by label: where confidences are equal, that must not show.
                (scrambled(place as u64), Row { cell: label * 3 + verdict, confidence, unsure })
            })
            .collect();
        rows.sort_by(|a, b| a.1.confidence.total_cmp(&b.1.confidence).then(a.0.cmp(&b.0)));
        Self(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// How many rows.
    pub fn n(&self) -> usize {
        self.0.len()
    }

    /// Figures by class, with how many there are.
    pub fn per_class(&self, said: &Figures) -> BTreeMap<Polarity, PerClass> {
        let count = |class: usize| self.0.iter().filter(|row| row.cell / 3 == class).count();
        let of = |class: usize| {
            let [precision, recall, f1] = said.per_class[class];
            PerClass { precision, recall, f1, n: count(class) }
        };
        CLASSES.iter().enumerate().map(|(place, class)| (*class, of(place))).collect()
    }

    /// The floor's own point and the curve.
    pub fn coverage(&self, said: &Figures) -> Coverage {
        let all = self.0.len() as u64;
        let point = |(share, accuracy): (&u64, &Option<f64>)| Point {
            share: ratio(*share, 100).unwrap_or(0.0),
            accuracy: *accuracy,
            confidence: usize::try_from(all - surest(*share, all))
                .ok()
                .and_then(|first| self.0.get(first))
                .map(|row| row.confidence),
        };
        Coverage {
            share: said.sure_share.unwrap_or(0.0),
            accuracy: said.sure_accuracy,
            curve: SHARES.iter().zip(&said.curve).map(point).collect(),
        }
    }
}

/// The likeliest class and its probability; as the daemon decides it where two are equal.
pub fn likeliest(probabilities: [f64; 3]) -> (usize, f64) {
    let mut best = (1, probabilities[1]);
    for class in [0, 2] {
        if probabilities[class] > best.1 {
            best = (class, probabilities[class]);
        }
    }
    best
}

/// How many of `all` are the surest `share` percent.
fn surest(share: u64, all: u64) -> u64 {
    (all * share + 50) / 100
}

/// All figures in one pass. `weights`: how often each row counts; none: once.
pub fn figures(table: &Table, weights: Option<&[u32]>) -> Figures {
    let weight = |at: usize| weights.map_or(1, |weights| u64::from(weights[at]));
    let all: u64 =
        weights.map_or(table.0.len() as u64, |weights| weights.iter().map(|w| u64::from(*w)).sum());
    if all == 0 {
        return Figures::default();
    }
    let mut cells = [0_u64; 9];
    let (mut sure, mut sure_right) = (0, 0);
    let (mut passed, mut right) = (0_u64, 0_u64);
    let mut bin = Bin::default();
    // Rights among the least sure, up to where each share begins; shares shrink, so these grow.
    let mut before = [0_u64; SHARES.len()];
    let mut next_share = 0;
    for (at, row) in table.0.iter().enumerate() {
        let weight = weight(at);
        if weight == 0 {
            continue;
        }
        let hit = u64::from(row.is_right());
        cells[row.cell] += weight;
        if !row.unsure {
            sure += weight;
            sure_right += weight * hit;
        }
        while next_share < SHARES.len() && all - surest(SHARES[next_share], all) < passed + weight {
            before[next_share] = right + hit * (all - surest(SHARES[next_share], all) - passed);
            next_share += 1;
        }
        let mut left = weight;
        while left > 0 {
            let taken = left.min((bin.number + 1) * all / BINS - (passed + weight - left));
            bin.add(taken, row.confidence, hit);
            left -= taken;
            bin.close_if(passed + weight - left, all);
        }
        passed += weight;
        right += weight * hit;
    }
    let mut said = of_cells(&cells);
    said.ece = Some(bin.distance / float(all));
    said.sure_share = ratio(sure, all);
    said.sure_accuracy = ratio(sure_right, sure);
    for (place, share) in SHARES.iter().enumerate() {
        said.curve[place] = ratio(right - before[place], surest(*share, all));
    }
    said
}

/// The bin of the calibration error that is being filled: sorted by confidence, cut into bins of
/// like size, it is the mean distance between how sure the verdicts of a bin are and how often they
/// are right, weighed by the bin's size.
#[derive(Default)]
struct Bin {
    number: u64,
    confidence: f64,
    right: u64,
    distance: f64,
}

impl Bin {
    fn add(&mut self, weight: u64, confidence: f64, hit: u64) {
        self.confidence += float(weight) * confidence;
        self.right += weight * hit;
    }

    fn close_if(&mut self, passed: u64, all: u64) {
        // With fewer texts than bins, some bins are empty.
        while self.number < BINS && passed >= (self.number + 1) * all / BINS {
            self.distance += (float(self.right) - self.confidence).abs();
            (self.confidence, self.right) = (0.0, 0);
            self.number += 1;
        }
    }
}

fn of_cells(cells: &[u64; 9]) -> Figures {
    let all: u64 = cells.iter().sum();
    let mut said = Figures::default();
    let (mut recalls, mut f1s, mut present) = (0.0, 0.0, 0_u64);
    for class in 0..3 {
        let so: u64 = (0..3).map(|verdict| cells[class * 3 + verdict]).sum();
        let judged_so: u64 = (0..3).map(|label| cells[label * 3 + class]).sum();
        let hit = cells[class * 4];
        said.per_class[class] = [ratio(hit, judged_so), ratio(hit, so), ratio(2 * hit, so + judged_so)];
        if so > 0 {
            recalls += float(hit) / float(so);
            f1s += float(2 * hit) / float(so + judged_so);
            present += 1;
        }
    }
    let mean = |sum: f64| (present > 0).then(|| sum / float(present));
    said.accuracy = ratio(cells[0] + cells[4] + cells[8], all);
    said.macro_recall = mean(recalls);
    said.macro_f1 = mean(f1s);
    said
}

/// What asks for an answer and what was judged to: twice the one, plus the other.
pub struct WantTable(pub Vec<usize>);

impl WantTable {
    /// Rows of which both is known.
    pub fn of<'a>(judged: impl Iterator<Item = &'a Judged>) -> Self {
        let cell = |one: &Judged| {
            let said = one.verdict.needs_answer?.yes;
            Some(usize::from(one.needs_answer?) * 2 + usize::from(said))
        };
        Self(judged.filter_map(cell).collect())
    }

    /// How many rows are in each cell, each drawn so often.
    pub fn cells(&self, weights: Option<&[u32]>) -> [u64; 4] {
        let mut cells = [0; 4];
        for (at, cell) in self.0.iter().enumerate() {
            cells[*cell] += weights.map_or(1, |weights| u64::from(weights[at]));
        }
        cells
    }
}

/// Precision, recall, F1 of "yes".
pub fn of_wants(cells: [u64; 4]) -> [Option<f64>; 3] {
    let [_, false_yes, false_no, hit] = cells;
    [ratio(hit, hit + false_yes), ratio(hit, hit + false_no), ratio(2 * hit, 2 * hit + false_yes + false_no)]
}

/// What is said of them; none where there are none.
pub fn answers(table: &WantTable) -> Option<Answers> {
    let cells = table.cells(None);
    let [precision, recall, f1] = of_wants(cells);
    let wanted = usize::try_from(cells[2] + cells[3]).unwrap_or(usize::MAX);
    (!table.0.is_empty()).then_some(Answers { n: table.0.len(), wanted, precision, recall, f1 })
}

fn ratio(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| float(part) / float(all))
}

#[expect(clippy::cast_precision_loss, reason = "counts of texts stay far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

/// A place among others that has nothing to do with the first one (SplitMix64's last step).
fn scrambled(place: u64) -> u64 {
    let mut x = place.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
