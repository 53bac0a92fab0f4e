//! How far the threads of a place were read. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Threads whose answers are watched, the newest.
const WATCHED: usize = 100;

/// A place that is closed is asked again after this.
const CLOSED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// A thread as a page tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    pub id: String,
    pub video: Option<String>,
    pub at: Option<Timestamp>,
    /// Answers that it has, and those that came with it.
    pub replies: u64,
    pub carried: u64,
}

/// How far a place was read; of uploads and searches, `threads` are videos.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mark {
    /// Up to when everything was read.
    pub at: Option<Timestamp>,
    /// When the newest thread was written.
    pub written: Option<Timestamp>,
    /// The newest threads, newest first, and how many of their answers were read.
    pub threads: Vec<(String, u64)>,
    /// Not asked before.
    pub closed: Option<Timestamp>,
    /// A way back that is not done.
    pub way: Option<Way>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Way {
    pub began: Timestamp,
    written: Option<Timestamp>,
    threads: Vec<(String, u64)>,
    /// Where it goes on.
    pub next: String,
}

impl Mark {
    /// Leaves the place alone for a while.
    pub fn close(&mut self, now: Timestamp) {
        self.closed = now.checked_add(CLOSED_FOR).ok();
    }

    /// Whether it is left alone.
    pub fn is_closed(&self, now: Timestamp) -> bool {
        self.closed.is_some_and(|until| until > now)
    }

    fn is_known(&self, id: &str) -> bool {
        self.threads.iter().any(|(known, _)| known == id)
    }

    /// How many of these were not there before.
    pub fn unknown(&self, threads: &[Thread]) -> usize {
        let is_old =
            |at: Option<Timestamp>| at.is_some_and(|at| self.written.is_some_and(|known| at < known));
        threads.iter().filter(|thread| !self.is_known(&thread.id) && !is_old(thread.at)).count()
    }

    /// Threads with answers that neither were read nor came along.
    pub fn unanswered<'a>(&'a self, threads: &'a [Thread]) -> impl Iterator<Item = &'a Thread> {
        threads.iter().filter(|thread| {
            let read = self.threads.iter().find(|(id, _)| *id == thread.id).map_or(0, |(_, read)| *read);
            thread.replies > thread.carried && thread.replies != read
        })
    }

    /// Takes a page, newest first, and where it goes on; says whether all is read. `answered` are threads whose
    /// answers were read.
    pub fn take(
        &mut self,
        threads: &[Thread],
        answered: &[String],
        next: Option<String>,
        now: Timestamp,
    ) -> bool {
        // A thread whose answers could not be read yet keeps its old number and is asked for again.
        let read = |thread: &Thread| {
            let whole = thread.carried >= thread.replies || answered.contains(&thread.id);
            let before = self.threads.iter().find(|(id, _)| *id == thread.id).map_or(0, |(_, read)| *read);
            if whole { thread.replies } else { before }
        };
        let page: Vec<(String, u64)> =
            threads.iter().map(|thread| (thread.id.clone(), read(thread))).collect();
        let times = || threads.iter().filter_map(|thread| thread.at);
        let met = threads.iter().any(|thread| self.is_known(&thread.id))
            || self.written.is_some_and(|written| times().any(|at| at < written));
        let first = self.at.is_none();
        let mut way = self.way.take().unwrap_or_else(|| Way {
            began: now,
            written: times().max(),
            threads: Vec::new(),
            next: String::new(),
        });
        way.threads.extend(page);
        way.threads.truncate(WATCHED);
        match next.filter(|_| !first && !met) {
            Some(next) => {
                self.way = Some(Way { next, ..way });
                false
            }
            None => {
                let before = std::mem::take(&mut self.threads);
                let kept = before.into_iter().filter(|(id, _)| !way.threads.iter().any(|(new, _)| new == id));
                self.threads = way.threads.iter().cloned().chain(kept).take(WATCHED).collect();
                self.written = self.written.max(way.written);
                self.at = Some(way.began);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).expect("in range")
    }

    fn thread(number: i64, replies: u64, carried: u64) -> Thread {
        Thread { id: format!("t{number}"), video: None, at: Some(at(number)), replies, carried }
    }

    #[test]
    fn a_way_back_ends_at_what_is_known_and_stands_for_its_beginning() {
        let mut mark = Mark::default();
        assert!(mark.take(&[thread(2, 0, 0), thread(1, 0, 0)], &[], Some("p2".into()), at(2)));
        let page = [thread(6, 0, 0), thread(5, 0, 0)];
        assert_eq!(mark.unknown(&page), 2);
        assert!(!mark.take(&page, &[], Some("p2".into()), at(10)));
        assert_eq!((mark.at, mark.way.as_ref().map(|way| way.next.as_str())), (Some(at(2)), Some("p2")));
        assert!(mark.take(&[thread(3, 0, 0), thread(2, 0, 0)], &[], Some("p3".into()), at(11)));
        assert_eq!((mark.at, mark.written, mark.way.is_none()), (Some(at(10)), Some(at(6)), true));
        let names: Vec<&str> = mark.threads.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(names, ["t6", "t5", "t3", "t2", "t1"]);
        // All that was known is deleted; what is older is not.
        mark.threads.clear();
        assert!(mark.take(&[thread(9, 0, 0), thread(4, 0, 0)], &[], Some("p2".into()), at(12)));
    }

    #[test]
    fn answers_are_asked_for_until_they_were_read() {
        let mut mark = Mark::default();
        let page = [thread(3, 9, 5), thread(2, 5, 5), thread(1, 0, 0)];
        let missing =
            |mark: &Mark| mark.unanswered(&page).map(|thread| thread.id.clone()).collect::<Vec<_>>();
        assert_eq!(missing(&mark), ["t3"]);
        mark.take(&page, &[], None, at(3));
        assert_eq!(missing(&mark), ["t3"]);
        mark.take(&page, &["t3".into()], None, at(4));
        assert!(missing(&mark).is_empty());
    }

    #[test]
    fn what_is_closed_is_left_alone_for_a_day() {
        let mut mark = Mark::default();
        mark.close(at(0));
        assert!(mark.is_closed(at(86_399)) && !mark.is_closed(at(86_400)));
    }
}
