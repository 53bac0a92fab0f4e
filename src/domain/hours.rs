//! Working hours: `Mon-Fri 08:00-18:00` in an owner's zone, through daylight-saving changes.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// When an owner works, as a week of spans in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingHours {}

impl WorkingHours {
    /// Reads lines like `Mon-Fri 08:00-18:00`, `Sat 10:00-14:00`, `Sun,Sat 22:00-02:00`.
    ///
    /// # Errors
    /// A fragment that says what is wrong with which line and what is allowed.
    pub fn parse(_lines: &[String]) -> Result<Self, String> {
        Ok(Self {})
    }

    /// Whether `at` lies inside them.
    pub fn contains(&self, _at: Timestamp, _zone: &TimeZone) -> bool {
        true
    }

    /// The first instant at or after `at` that lies inside them.
    pub fn next_open(&self, at: Timestamp, _zone: &TimeZone) -> Timestamp {
        at
    }

    /// `at` plus `wait` of working time: the instant at which that much of them has passed.
    pub fn after(&self, at: Timestamp, wait: SignedDuration, _zone: &TimeZone) -> Timestamp {
        at + wait
    }
}
