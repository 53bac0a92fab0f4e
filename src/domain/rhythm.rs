//! How often a place speaks, learnt by hour of the week (UTC), and how long it may be quiet before that is
//! strange. Pure; a row of the store keeps it.
//!
//! # Properties wanted
//! * Bounded: 168 cells and a few figures, however long it is learnt.
//! * Only time in which the place was watched teaches anything. A cell fades by a tenth with each hour that is
//!   learnt for it, that is with each week: the last ten weeks count, and a month off teaches nothing.
//! * A place that should have spoken and did not is noticed; one that speaks in its usual way is not, but for
//!   at most one time in a quarter of a year.
//!
//! # How quiet is strange
//! Time is counted in posts that were to be expected: an hour of a busy noon is long, a night is short. By that
//! clock the pauses of a place without memory are spread like those of a decaying atom, and a pause of
//! ln(20 n) comes once in twenty quarters where n posts come in one. Real places speak in bursts, and a young
//! rhythm is wrong by half; both show as long pauses by the same clock. So the longest pause seen is kept too, and
//! a quiet stretch is strange only beyond twice that. It fades by half in two quarters. What was told as strange
//! and ended by itself counts with at most what made it strange: so a place that was dead for a month does not
//! make us deaf for a year, and one that is told wrongly doubles the patience with it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::id::SourceId;

/// Hours of a week.
const CELLS: usize = 168;
/// What is left of a cell after another hour was learnt for it.
const KEEP: f64 = 0.9;
/// Hours for which a cell without a past of its own follows its hour of the day.
const LEAN: f64 = 1.0;
/// Nothing is strange before so many hours were watched, and so many posts heard.
const LEAST_HOURS: f64 = 14.0 * 24.0;
const LEAST_POSTS: f64 = 10.0;
/// Hours of a quarter of a year.
const QUARTER: f64 = 91.25 * 24.0;
/// The longest pause fades by half in so many hours.
const FADES: f64 = 2.0 * QUARTER;
/// Quarters in which one pause is that long by chance, in a place without memory.
const QUARTERS: f64 = 20.0;
/// Fewest posts that must have been missing.
const FEWEST: f64 = 5.0;
/// Beyond the longest pause seen.
const BEYOND: f64 = 2.0;
/// No quiet stretch is strange that is shorter than this, nor than three looks.
const LEAST_QUIET: SignedDuration = SignedDuration::from_hours(1);

/// An hour of the week.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell(
    /// Posts heard, faded.
    pub f64,
    /// Hours watched, faded alike.
    pub f64,
);

impl Cell {
    fn rate(self, lean: f64) -> f64 {
        (self.0 + LEAN * lean) / (self.1 + LEAN)
    }
}

/// What was learnt of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rhythm {
    /// Whose.
    pub source: SourceId,
    /// Learnt up to here: what lies before is not learnt again.
    pub through: Timestamp,
    /// Hours watched in all.
    pub hours: f64,
    /// Posts heard in all.
    pub posts: f64,
    /// The longest pause, in posts that were to be expected; faded.
    pub longest: f64,
    /// By hour of the week, from Thursday 00:00 UTC on, which is how the epoch began.
    pub cells: Vec<Cell>,
}

impl Rhythm {
    /// Nothing learnt yet.
    pub fn new(source: SourceId, now: Timestamp) -> Self {
        Self {
            source,
            through: now,
            hours: 0.0,
            posts: 0.0,
            longest: 0.0,
            cells: vec![Cell::default(); CELLS],
        }
    }

    /// Learns that so many posts came in a stretch that was watched. One that was learnt already teaches
    /// nothing: who repeats a look after a crash may say it again.
    pub fn learn(&mut self, from: Timestamp, until: Timestamp, posts: u64) {
        let length = until.duration_since(from).as_secs_f64() / 3_600.0;
        if from < self.through || length <= 0.0 || self.cells.len() != CELLS {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of posts are far below 2^52")]
        let posts = posts as f64;
        for (index, hours) in pieces(from, until) {
            let cell = &mut self.cells[index];
            let kept = KEEP.powf(hours);
            *cell = Cell(tidy(cell.0 * kept + posts * hours / length), tidy(cell.1 * kept + hours));
        }
        self.hours = tidy(self.hours + length);
        self.posts = tidy(self.posts + posts);
        self.longest = tidy(self.longest * 0.5_f64.powf(length / FADES));
        self.through = until;
    }

    /// It spoke after a pause of so many posts; `told`: the pause had been called strange.
    pub fn paused(&mut self, awaited: f64, told: bool) -> bool {
        let most = if told { self.patience() } else { f64::INFINITY };
        let pause = awaited.min(most);
        let longer = pause > self.longest;
        if longer {
            self.longest = tidy(pause);
        }
        longer
    }

    /// Posts to be expected in a stretch.
    pub fn expected(&self, from: Timestamp, until: Timestamp) -> f64 {
        // Longer than a month nobody was watching, whatever the clock says.
        let from = from.max(until.checked_sub(SignedDuration::from_hours(31 * 24)).unwrap_or(from));
        pieces(from, until).map(|(index, hours)| self.rate(index) * hours).sum()
    }

    /// Posts an hour that are usual at that time of the week; none while too little was learnt to say.
    pub fn usual(&self, at: Timestamp) -> Option<f64> {
        self.is_learnt().then(|| self.rate(cell_of(at)))
    }

    /// Whether enough was heard to know the place.
    pub fn is_learnt(&self) -> bool {
        self.hours >= LEAST_HOURS && self.posts >= LEAST_POSTS
    }

    /// Whether a quiet stretch is strange by now: posts awaited in it, its length, and from one look to the next.
    pub fn is_strange(&self, awaited: f64, quiet: SignedDuration, apart: SignedDuration) -> bool {
        self.is_learnt() && awaited > self.patience() && quiet >= LEAST_QUIET.max(apart * 3)
    }

    /// So many posts may be missing before that is strange.
    pub fn patience(&self) -> f64 {
        let mean = if self.hours > 0.0 { self.posts / self.hours } else { 0.0 };
        (mean * QUARTER * QUARTERS).max(1.0).ln().max(FEWEST).max(self.longest * BEYOND)
    }

    /// Posts an hour in that hour of the week: what was heard in it, leaning on the same hour of other days,
    /// and that on all hours.
    fn rate(&self, index: usize) -> f64 {
        let Some(own) = self.cells.get(index) else { return 0.0 };
        let mean = if self.hours > 0.0 { self.posts / self.hours } else { 0.0 };
        let day = self.cells.iter().skip(index % 24).step_by(24);
        let day = day.fold(Cell::default(), |sum, cell| Cell(sum.0 + cell.0, sum.1 + cell.1));
        own.rate(day.rate(mean))
    }
}

/// The cells that a stretch touches, and how many hours of each.
fn pieces(from: Timestamp, until: Timestamp) -> impl Iterator<Item = (usize, f64)> {
    let mut at = from;
    std::iter::from_fn(move || {
        if at >= until {
            return None;
        }
        let next = Timestamp::from_second((at.as_second().div_euclid(3_600) + 1) * 3_600).unwrap_or(until);
        let end = next.min(until).max(at);
        let piece = (cell_of(at), end.duration_since(at).as_secs_f64() / 3_600.0);
        at = if end > at { end } else { until };
        Some(piece)
    })
}

fn cell_of(at: Timestamp) -> usize {
    usize::try_from(at.as_second().div_euclid(3_600).rem_euclid(168)).unwrap_or(0)
}

/// Four decimals: what is stored is short, and the same when it is read again.
fn tidy(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests;
