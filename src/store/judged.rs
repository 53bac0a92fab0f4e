//! What people say of verdicts, as changes: corrections and calibrations, each with what it was
//! decided on.

use crate::domain::correction::{Calibration, Correction};
use crate::domain::event::Event;
use crate::domain::id::MentionId;
use crate::domain::mention::RecordedMention;

use super::Outcome;

/// A correction, or that there shall be none.
#[derive(Debug, Clone, PartialEq)]
pub struct Correcting {
    /// Of which mention.
    pub mention: MentionId,
    /// The newest revision when this was decided. Conflict if it is another, or there is no such
    /// mention.
    pub revision: u32,
    /// What stood there when this was decided. Conflict if it is something else.
    pub instead_of: Option<Correction>,
    /// What shall stand there. Conflict where the text is gone: there is nothing to judge by, and
    /// a note must not come after the erasure. `None` is taken at all times.
    pub correction: Option<Correction>,
    /// The accountability record of it.
    pub events: Vec<Event>,
}

/// A calibration: conflict unless its number follows the model's last.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrating {
    /// The row.
    pub calibration: Calibration,
    /// The accountability record of it.
    pub events: Vec<Event>,
}

/// Writes a correction into its mention's newest row, if it was decided on that.
pub(super) fn correct(row: &mut RecordedMention, correcting: &Correcting) -> Outcome {
    let is_gone = row.erased_at.is_some() && correcting.correction.is_some();
    if row.revision != correcting.revision || row.correction != correcting.instead_of || is_gone {
        return Outcome::Conflict;
    }
    row.correction.clone_from(&correcting.correction);
    Outcome::Done
}
