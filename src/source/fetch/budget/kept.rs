//! What was asked of a place, from one life of the daemon to the next: a restart is no fresh quota.
//!
//! # Property wanted
//! A daemon that is killed again and again, at any instant, asks no more than the budgets allow. So requests are
//! promised before they are let go: a row on disk says what was used, and how many more may have been since. Whoever
//! reads it counts the whole promise as used, at the moment of reading: that costs caution and never a quota.
//!
//! # Accepted
//! * A promise covers a part of the budget, so that not every request waits for the disk; each kill wastes at
//!   most the rest of one.
//! * Requests that are let go in the same instant in which a promise is being written may pass it: as many as a
//!   host is asked at once.
//! * Budgets of less than a minute are not kept: a start takes about as long.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Account, Ledger, Window};
use crate::domain::note::Spent as Row;
use crate::source::terms::Budget;

/// Shorter budgets are not kept.
const SHORTEST: u32 = 60;
/// Budgets from here on are promised in small parts: what is wasted of a day is missed for a day.
const LONG: u32 = 3_600;
/// Parts of a long and of a short budget.
const PARTS: (u32, u32) = (64, 4);

/// Who writes rows to disk.
#[async_trait]
pub trait Keeper: Send + Sync + 'static {
    /// Returns when they are on disk.
    ///
    /// # Errors
    /// Why they are not.
    async fn keep(&self, rows: Vec<Row>) -> Result<(), String>;
}

impl Window {
    /// As an earlier life left it; what it had promised counts from now on.
    pub(super) fn as_kept(budget: Budget, kept: &Row, now: Timestamp) -> Self {
        let mut window = Self::new(budget);
        window.ended = kept.ended.iter().copied().collect();
        if kept.promised > 0 {
            window.ended.push_back((now, kept.promised));
        }
        window
    }

    /// Counts a request that is let go; the row to be written first, if what was promised does not cover it.
    pub(super) fn promise(&mut self, account: &str, cost: u32) -> Option<Row> {
        let cost = self.cost(cost);
        if self.budget.seconds < SHORTEST {
            return None;
        }
        if self.promised >= cost {
            self.promised -= cost;
            return None;
        }
        let parts = if self.budget.seconds < LONG { PARTS.1 } else { PARTS.0 };
        self.promised = self.budget.requests / parts;
        Some(Row {
            account: account.to_owned(),
            requests: self.budget.requests,
            seconds: self.budget.seconds,
            ended: self.ended.iter().copied().collect(),
            promised: self.flying + self.promised,
            closed: None,
        })
    }
}

impl Ledger {
    /// Begins where earlier lives of the daemon ended.
    pub fn load(&self, rows: Vec<Row>) {
        let mut accounts = self.lock();
        for row in rows {
            let account = accounts.entry(row.account.clone()).or_default();
            // A life of the same process knows better.
            let known = account.windows.iter().any(|window| is_of(&window.budget, &row));
            if let (Some(until), None) = (row.closed, account.closed) {
                account.closed = Some(until);
            } else if row.closed.is_none() && !known {
                account.kept.retain(|kept| (kept.requests, kept.seconds) != (row.requests, row.seconds));
                account.kept.push(row);
            }
        }
    }
}

impl Account {
    /// The window of a budget, as far as earlier lives tell.
    pub(super) fn open(&mut self, budget: Budget, now: Timestamp) {
        if self.windows.iter().any(|window| window.budget == budget) {
            return;
        }
        let kept =
            self.kept.iter().position(|row| is_of(&budget, row)).map(|place| self.kept.swap_remove(place));
        self.windows.push(match kept {
            Some(row) => Window::as_kept(budget, &row, now),
            None => Window::new(budget),
        });
    }
}

/// That a place wants a pause, for the disk.
pub(super) fn closed(account: String, until: Timestamp) -> Row {
    Row { account, requests: 0, seconds: 0, ended: Vec::new(), promised: 0, closed: Some(until) }
}

fn is_of(budget: &Budget, row: &Row) -> bool {
    (budget.requests, budget.seconds) == (row.requests, row.seconds)
}
