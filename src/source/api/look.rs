//! How a look at several lists of a place, or at several places, ends: what one has is not held back by another
//! that fails, and which failed is said.

use crate::domain::source::Trouble;
use crate::source::{Batch, Position, Retry, SourceError};

/// What one look gave, while it is under way.
#[derive(Debug, Default)]
pub struct Look {
    /// Without a position yet.
    pub batch: Batch,
    /// Whether it is a good look though it may give nothing.
    answered: bool,
    /// Parts that were not.
    failed: Vec<(String, SourceError)>,
}

impl Look {
    /// Notes that it is a good look even if it gives nothing: a part was read, and another fails for itself alone.
    pub fn answered(&mut self) {
        self.answered = true;
    }

    /// Notes what went wrong with a part. Whether it is a wish to be left alone: the others are not asked then.
    pub fn note(&mut self, part: impl Into<String>, error: SourceError) -> bool {
        let pause = error.pause().is_some();
        self.failed.push((part.into(), error));
        pause
    }

    /// Whether nothing has failed so far.
    pub fn is_whole(&self) -> bool {
        self.failed.is_empty()
    }

    /// Whether the place wished to be left alone.
    pub fn pauses(&self) -> bool {
        self.failed.iter().any(|(_, error)| error.pause().is_some())
    }

    /// What is to be said of those that failed. A budget that is used up is no failure.
    pub fn trouble(&self) -> Vec<Trouble> {
        let failed = self.failed.iter().filter(|(_, error)| !matches!(error.retry, Retry::Budget(_)));
        failed.map(|(part, error)| trouble(part, error)).collect()
    }

    /// The outcome. What was had is given; an error is one where there is nothing to tell.
    ///
    /// # Errors
    /// What went wrong first, or the wish to be left alone; with how far it got.
    pub fn end(mut self, position: Position) -> Result<Batch, SourceError> {
        let trouble = self.trouble();
        let pausing = self.failed.iter().position(|(_, error)| error.pause().is_some());
        if !self.failed.is_empty() {
            let (_, error) = self.failed.swap_remove(pausing.unwrap_or(0));
            let empty = self.batch.posts.is_empty() && self.batch.gaps.is_empty();
            if empty && (!self.answered || pausing.is_some()) {
                return Err(SourceError { position: Some(position), ..error });
            }
            self.batch.rest = self.batch.rest.max(error.pause());
            self.batch.more = false;
            self.batch.fetched_through = None;
        }
        Ok(Batch { trouble, position, ..self.batch })
    }
}

/// What is to be said of a part that failed.
pub fn trouble(part: &str, error: &SourceError) -> Trouble {
    Trouble { part: part.to_owned(), what: error.what.clone(), remedy: error.retry.remedy() }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    fn error(what: &str, retry: Retry) -> SourceError {
        SourceError { what: what.into(), retry, position: None }
    }

    fn look(answered: bool, failed: &[(&str, Retry)]) -> Look {
        let mut look = Look::default();
        look.batch.more = true;
        look.batch.fetched_through = Some(Timestamp::UNIX_EPOCH);
        if answered {
            look.answered();
        }
        for (part, retry) in failed {
            look.note(*part, error(&format!("{part} failed"), *retry));
        }
        look
    }

    #[test]
    fn one_that_fails_is_told_and_holds_no_other_back() {
        let minute = SignedDuration::from_mins(1);
        let batch = look(true, &[]).end(Position::default()).expect("whole");
        assert!(batch.more && batch.fetched_through.is_some() && batch.trouble.is_empty());
        let batch = look(true, &[("a", Retry::Soon), ("b", Retry::Never)]).end(Position::default());
        let batch = batch.expect("in part");
        assert!(!batch.more && batch.fetched_through.is_none() && batch.rest.is_none());
        let said: Vec<(&str, &str)> =
            batch.trouble.iter().map(|one| (one.part.as_str(), one.what.as_str())).collect();
        assert_eq!(said, [("a", "a failed"), ("b", "b failed")]);
        assert!(batch.trouble[1].remedy.contains("settings"), "{:?}", batch.trouble);
        // Nothing at all: the first says why.
        let nothing = look(false, &[("a", Retry::Never), ("b", Retry::Soon)]).end(Position::default());
        assert_eq!(nothing.expect_err("nothing").what, "a failed");
        // A pause goes before all else, and a budget is no failure.
        let paused = look(true, &[("a", Retry::Soon), ("b", Retry::Budget(minute))]);
        assert_eq!(paused.trouble().len(), 1);
        assert_eq!(paused.end(Position::default()).expect_err("a pause").retry, Retry::Budget(minute));
        let mut paused = look(false, &[("a", Retry::Budget(minute))]);
        paused.batch.gaps.push(crate::domain::source::Gap {
            source: "s".into(),
            from: None,
            until: Timestamp::UNIX_EPOCH,
            cause: crate::domain::source::GapCause::Overrun,
            detail: String::new(),
        });
        let batch = paused.end(Position::default()).expect("there is something to tell");
        assert_eq!((batch.rest, batch.trouble.len()), (Some(minute), 0));
    }
}
