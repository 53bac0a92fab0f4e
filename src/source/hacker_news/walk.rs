//! The rules of the walk over item numbers. Pure: it is told what was asked and answered.
//!
//! Wanted: every item is given once it can be had; the cursor never passes an item that was not given,
//! unless it is kept as pending; what is never served ends as a gap, with its number.
//!
//! * `through` is the last number dealt with. It moves over a run of answers, in their order.
//! * An item that answers `null` may appear a moment later: the site counts before it writes. It is kept as
//!   pending and asked again with every look, for an hour; if it is `null` then too, it is a gap.
//! * An item that fails while its neighbours answer is kept as pending too, for a day. One bad item must not
//!   stop the walk, and a day is longer than any outage of a single item that we know to end.
//! * Failures at the end of a run that was broken off are not kept: nothing says that those items are bad, and
//!   `through` stays before them.
//! * The list of pending items is bounded. Where it is full, `through` waits until there is room: behind, and
//!   complete.
//! * An hour passes only by an answer: after an outage a pending item is asked once more before it is given up.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::id::SourceId;
use crate::domain::source::{Gap, GapCause};

/// Most pending items.
const MOST_PENDING: usize = 500;
/// Most pending items asked again in one look, oldest question first.
const MOST_RETRIES: usize = 100;
/// How long an item may answer `null`.
const APPEARS: SignedDuration = SignedDuration::from_hours(1);
/// How long an item may fail while others answer.
const RECOVERS: SignedDuration = SignedDuration::from_hours(24);

/// What the store keeps for this source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The first look began after this number; what is older was never read.
    from: u64,
    /// The last number dealt with.
    through: u64,
    /// When the newest item read was written.
    pub newest: Option<Timestamp>,
    /// Numbers up to `through` that are still to be had; longest unasked first.
    pending: Vec<Pending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    id: u64,
    /// When it was first asked for.
    since: Timestamp,
    /// When the newest item read before it was written.
    after: Option<Timestamp>,
}

impl Cursor {
    /// Begins after a number.
    pub fn new(through: u64) -> Self {
        Self { from: through, through, newest: None, pending: Vec::new() }
    }

    /// As the store keeps it.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("numbers and times can be written")
    }
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there; when it was written.
    There(Option<Timestamp>),
    /// The site says `null`.
    Null,
    /// It could not be had, and why.
    Failed(String),
}

/// One look's bookkeeping.
pub struct Walk {
    cursor: Cursor,
    now: Timestamp,
    /// Where this look began.
    began: u64,
    /// Failures since the last answer of the run.
    tail: Vec<u64>,
    /// Given up in this look.
    lost: Vec<(Pending, Option<String>)>,
    answered: bool,
    failure: Option<String>,
}

impl Walk {
    /// From a kept cursor.
    pub fn new(cursor: Cursor, now: Timestamp) -> Self {
        let began = cursor.through;
        Self { cursor, now, began, tail: Vec::new(), lost: Vec::new(), answered: false, failure: None }
    }

    /// The last number dealt with.
    pub fn through(&self) -> u64 {
        self.cursor.through
    }

    /// Whether anything answered at all.
    pub fn answered(&self) -> bool {
        self.answered
    }

    /// What the last failure said.
    pub fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    /// Whether this look got further.
    pub fn moved(&self) -> bool {
        self.cursor.through > self.began
    }

    /// Whether an item was read before this look, as far as its number tells.
    pub fn knows(&self, id: u64) -> bool {
        let pending = || self.cursor.pending.iter().any(|pending| pending.id == id);
        id > self.cursor.from && id <= self.began && !pending()
    }

    /// Pending numbers to ask for.
    pub fn to_retry(&self) -> Vec<u64> {
        self.cursor.pending.iter().take(MOST_RETRIES).map(|pending| pending.id).collect()
    }

    /// A pending item's answer.
    pub fn again(&mut self, id: u64, outcome: &Outcome) -> bool {
        self.note(outcome);
        let Some(index) = self.cursor.pending.iter().position(|pending| pending.id == id) else {
            return true;
        };
        let pending = self.cursor.pending.remove(index);
        let waited = self.now.duration_since(pending.since);
        match outcome {
            Outcome::There(_) => {}
            Outcome::Null if waited >= APPEARS => self.lost.push((pending, None)),
            Outcome::Failed(why) if waited >= RECOVERS => self.lost.push((pending, Some(why.clone()))),
            _ => self.cursor.pending.push(pending),
        }
        true
    }

    /// The answer for the next number of the run; false when the walk must stop before it.
    pub fn next(&mut self, id: u64, outcome: &Outcome) -> bool {
        let full = self.cursor.pending.len() + self.tail.len() >= MOST_PENDING;
        if full && !matches!(outcome, Outcome::There(_)) {
            return false;
        }
        self.note(outcome);
        if matches!(outcome, Outcome::Failed(_)) {
            self.tail.push(id);
            return true;
        }
        self.keep_tail();
        self.cursor.through = id;
        match outcome {
            Outcome::There(at) => self.cursor.newest = self.cursor.newest.max(*at),
            _ => self.keep(id),
        }
        true
    }

    /// The answer for an item that was read before and has changed.
    pub fn changed(&mut self, id: u64, outcome: &Outcome) -> bool {
        let room = self.cursor.pending.len() < MOST_PENDING;
        // Its first reading was given; asking again is worth a place, losing the change is no gap of an item.
        if room && matches!(outcome, Outcome::Failed(_)) {
            self.keep(id);
        }
        true
    }

    /// Ends the run; the number it got to.
    pub fn settle(&mut self, complete: bool) -> u64 {
        // Where something in this look answered, what failed last is as single a failure as those before.
        if complete && self.answered {
            self.keep_tail();
        }
        self.tail.clear();
        self.cursor.through
    }

    /// The cursor to keep, and the stretches given up.
    pub fn finish(self, source: &SourceId) -> (Cursor, Vec<Gap>) {
        (self.cursor, gaps(source, self.lost))
    }

    fn note(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Failed(why) => self.failure = Some(why.clone()),
            _ => self.answered = true,
        }
    }

    fn keep_tail(&mut self) {
        for id in std::mem::take(&mut self.tail) {
            self.keep(id);
            self.cursor.through = id;
        }
    }

    fn keep(&mut self, id: u64) {
        self.cursor.pending.push(Pending { id, since: self.now, after: self.cursor.newest });
    }
}

/// One gap for each stretch of neighbours that were lost alike.
fn gaps(source: &SourceId, mut lost: Vec<(Pending, Option<String>)>) -> Vec<Gap> {
    lost.sort_by_key(|(pending, _)| pending.id);
    let mut stretches: Vec<(BTreeSet<u64>, Gap)> = Vec::new();
    for (pending, why) in lost {
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let from = pending.after.or(Some(pending.since)).min(Some(pending.since));
        if let Some((ids, gap)) = stretches.last_mut()
            && ids.last().is_some_and(|last| last + 1 == pending.id)
            && gap.detail == why
        {
            ids.insert(pending.id);
            gap.from = gap.from.min(from);
            gap.until = gap.until.max(pending.since);
            continue;
        }
        let gap =
            Gap { source: source.clone(), from, until: pending.since, cause: GapCause::Missing, detail: why };
        stretches.push(([pending.id].into(), gap));
    }
    stretches
        .into_iter()
        .map(|(ids, gap)| {
            let (first, last) = (ids.first().copied().unwrap_or(0), ids.last().copied().unwrap_or(0));
            let items =
                if first == last { format!("item {first}") } else { format!("items {first} to {last}") };
            Gap { detail: items + &gap.detail, ..gap }
        })
        .collect()
}

#[cfg(test)]
mod tests;
