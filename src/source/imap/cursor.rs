//! How far a mailbox is read: a number below which all is known, but for ranges still to be read. Pure.
//!
//! New mails come first, also during a long backlog: the newest range is read first, each from its end.

use serde::{Deserialize, Serialize};

/// More ranges than this are joined; a mail is then looked at twice, and taken in once.
const MOST_RANGES: usize = 50;

/// What is kept. Numbers are those of one `UIDVALIDITY`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Whose numbers these are.
    pub validity: u32,
    /// The highest number that was ever seen or promised.
    pub top: u32,
    /// What lies below it and was not read, oldest first, both ends included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<(u32, u32)>,
}

impl Cursor {
    /// Of a folder read for the first time: these mails are wanted, and those to come.
    pub fn begin(validity: u32, next: Option<u32>, wanted: &[u32]) -> Self {
        let last = wanted.last().copied().unwrap_or(0);
        let top = next.map_or(last, |next| next.saturating_sub(1).max(last));
        let unread = wanted.first().map(|first| (*first, last)).into_iter().collect();
        Self { validity, top, unread }
    }

    /// There are mails up to this number.
    pub fn grow(&mut self, top: u32) {
        if top <= self.top {
            return;
        }
        let from = self.top + 1;
        match self.unread.last_mut() {
            Some(last) if last.1 == self.top => last.1 = top,
            _ => self.unread.push((from, top)),
        }
        self.top = top;
        if self.unread.len() > MOST_RANGES {
            self.unread[1].0 = self.unread[0].0;
            self.unread.remove(0);
        }
    }

    /// Where to read next.
    pub fn next(&self) -> Option<(u32, u32)> {
        self.unread.last().copied()
    }

    /// Of the range that was next these mails exist, ascending; the newest of them are taken, at most so many.
    pub fn take(&mut self, mut there: Vec<u32>, most: usize) -> Vec<u32> {
        let Some(range) = self.unread.last_mut() else { return Vec::new() };
        there.retain(|uid| (range.0..=range.1).contains(uid));
        let taken = there.split_off(there.len().saturating_sub(most));
        match taken.first() {
            Some(lowest) if !there.is_empty() => range.1 = lowest - 1,
            _ => {
                self.unread.pop();
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_each_comes_once() {
        let mut cursor = Cursor::begin(7, Some(11), &[2, 3, 5, 7, 9]);
        assert_eq!((cursor.top, cursor.next()), (10, Some((2, 9))));
        assert_eq!(cursor.take(vec![2, 3, 5, 7, 9], 2), [7, 9]);
        cursor.grow(13);
        assert_eq!(cursor.next(), Some((11, 13)));
        assert_eq!(cursor.take(vec![12, 13, 14], 2), [12, 13]);
        assert_eq!(cursor.next(), Some((2, 6)));
        assert_eq!(cursor.take(vec![2, 3, 5], 2), [3, 5]);
        assert_eq!(cursor.take(vec![2], 2), [2]);
        assert_eq!(cursor, Cursor { validity: 7, top: 13, unread: vec![] });
        assert_eq!(cursor.take(vec![1], 2), [0_u32; 0]);
        cursor.grow(12);
        assert_eq!(cursor.next(), None);
    }

    #[test]
    fn a_range_of_mails_that_are_gone_is_done() {
        let mut cursor = Cursor::begin(1, Some(1), &[]);
        assert_eq!((cursor.top, cursor.next()), (0, None));
        cursor.grow(4);
        cursor.grow(6);
        assert_eq!(cursor.next(), Some((1, 6)));
        assert!(cursor.take(vec![], 2).is_empty());
        assert_eq!(cursor.next(), None);
    }

    #[test]
    fn many_ranges_are_joined() {
        let mut cursor = Cursor::begin(1, None, &[1, 1_000]);
        for step in 1..200 {
            cursor.grow(1_000 + step * 10);
            let (from, to) = cursor.next().expect("it has grown");
            cursor.take(vec![from, to], 1);
        }
        assert!(cursor.unread.len() <= MOST_RANGES);
        assert_eq!(cursor.unread[0].0, 1);
    }
}
