//! How a look at several lists of a place, or at several places, ends: what one has is not held back by another
//! that fails, and which failed is said. As long as one answers, news or none, the others are parts that could not
//! be read, and the source is in order: it would be slowed for their sake, and be told as failing and as well in turn.

use crate::domain::source::Trouble;
use crate::source::{Batch, Position, Retry, SourceError};

/// What one look gave, while it is under way.
#[derive(Debug, Default)]
pub struct Look {
    /// Without a position yet.
    pub batch: Batch,
    /// Whether a part was read.
    answered: bool,
    /// Parts that were not.
    failed: Vec<(String, SourceError)>,
}

impl Look {
    /// Notes that a part was read as far as a look goes, though it may have given nothing.
    pub fn answered(&mut self) {
        self.answered = true;
    }

    /// Notes what went wrong with a part. Whether it is a wish to be left alone: the others are not asked then.
    pub fn note(&mut self, part: impl Into<String>, error: SourceError) -> bool {
        let pause = error.pause().is_some();
        self.failed.push((part.into(), error));
        pause
    }

    /// Notes that these were not asked, as what went wrong last goes for them too. Where the place wishes to be left
    /// alone, nothing is said of them: that the look was cut off tells it.
    pub fn note_rest(&mut self, parts: impl IntoIterator<Item = String>) {
        let Some((_, error)) = self.failed.last().cloned() else { return };
        if error.pause().is_none() {
            self.failed.extend(parts.into_iter().map(|part| (part, error.clone())));
        }
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

    /// The outcome. What was had is given; it is an error where no part was read. A look without news that ran out
    /// of its budget waits for it: nothing failed.
    ///
    /// # Errors
    /// What went wrong first, or the wish to be left alone; with how far it got.
    pub fn end(mut self, position: Position) -> Result<Batch, SourceError> {
        let trouble = self.trouble();
        let pausing = self.failed.iter().position(|(_, error)| error.pause().is_some());
        if !self.failed.is_empty() {
            let (_, error) = self.failed.swap_remove(pausing.unwrap_or(0));
            let empty = self.batch.posts.is_empty() && self.batch.gaps.is_empty();
            if empty && (!self.answered || trouble.is_empty()) {
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
        // A pause goes before all else, and is kept to by all.
        let paused = || [("a", Retry::Soon), ("b", Retry::After(minute))];
        let batch = look(true, &paused()).end(Position::default()).expect("in part");
        assert_eq!((batch.rest, batch.trouble.len()), (Some(minute), 2));
        let nothing = look(false, &paused()).end(Position::default());
        assert_eq!(nothing.expect_err("nothing").retry, Retry::After(minute));
        // A budget is no failure: it is waited for, and told of nobody.
        let waits = look(true, &[("a", Retry::Budget(minute))]).end(Position::default());
        assert_eq!(waits.expect_err("a wait").retry, Retry::Budget(minute));
        let both = look(true, &[("a", Retry::Soon), ("b", Retry::Budget(minute))]);
        let batch = both.end(Position::default()).expect("in part");
        assert_eq!((batch.rest, batch.trouble.len()), (Some(minute), 1));
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

    #[test]
    fn those_that_were_not_asked_are_told_with_the_one_that_stopped_the_look() {
        let parts = |retry| {
            let mut look = look(true, &[("a", Retry::Never), ("b", retry)]);
            look.note_rest(["c".to_owned(), "d".to_owned()]);
            let batch = look.end(Position::default()).expect("in part");
            batch.trouble.into_iter().map(|one| format!("{} {}", one.part, one.what)).collect::<Vec<_>>()
        };
        assert_eq!(parts(Retry::Soon), ["a a failed", "b b failed", "c b failed", "d b failed"]);
        assert_eq!(parts(Retry::After(SignedDuration::from_mins(1))), ["a a failed", "b b failed"]);
    }
}
