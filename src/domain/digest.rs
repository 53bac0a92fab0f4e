//! A digest's plan and its windows.

use jiff::{
    Timestamp,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use super::id::{DigestId, OwnerId};

/// A half-open range of time, `from ≤ t < until`, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant past it.
    pub until: Timestamp,
}

impl Window {
    /// Whether `at` lies inside.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// When a digest is made and for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestPlan {
    /// Its name in the configuration.
    pub id: DigestId,
    /// Who reads it; the champion's shows all topics, an owner's its own.
    pub to: Vec<OwnerId>,
    /// At what local time.
    pub at: Time,
    /// On which days; never empty once checked. One day makes it weekly.
    pub days: Vec<Weekday>,
    /// In which zone.
    pub timezone: TimeZone,
}

/// That a digest was made: one row a digest and window, so that none is sent twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestRun {
    /// Which.
    pub digest: DigestId,
    /// Over which window; the next begins where this ends.
    pub window: Window,
    /// When it was made.
    pub made_at: Timestamp,
}
