//! Never asks more than a place allows: one account a host and one a credential, over all sources that share
//! it, kept to the limits that their terms name ([`Terms::budgets`](crate::source::Terms)) and to the pauses
//! that the place itself asks for.
//!
//! # Property wanted
//! In no stretch of a budget's length do more requests *arrive* than it allows. Arrival is not ours to see;
//! it lies between the moment a request was let go and the moment its answer was had. So a request on its
//! way counts as used, however long it takes, and from its end on for the whole length once more. It holds over
//! restarts ([`kept`]).
//!
//! # Accepted
//! * Requests that ended close together are counted as the latest of them: the memory of an account is
//!   bounded, at the price of waiting a hair longer than needed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::domain::note::Spent as Row;
use crate::runtime::clock::SharedClock;
use crate::source::terms::{Budget, Over};

mod kept;

pub use kept::Keeper;

/// Ends that lie closer together than this part of the length are counted as one.
const GRAIN: i32 = 256;

/// Above this many accounts, those that hold nothing are forgotten.
const MANY: usize = 1_024;

/// Who asks, for what.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Host, and port where it is not the usual one.
    pub host: &'a str,
    /// A name for the credential; not the credential itself.
    pub account: Option<&'a str>,
    /// What the place counts the request under.
    pub bucket: &'static str,
    /// What the request costs.
    pub cost: u32,
    /// The budgets of the terms.
    pub budgets: &'static [Budget],
}

impl Claim<'_> {
    /// The account that a budget is kept in; none where it does not count this request.
    fn key(&self, over: Over, bucket: &str) -> Option<String> {
        match (over, self.account) {
            (Over::Host, _) => Some(format!("host {} {bucket}", self.host)),
            (Over::Anonymous, None) => Some(format!("anonymous {} {bucket}", self.host)),
            (Over::Credential, Some(account)) => Some(format!("credential {account} {bucket}")),
            _ => None,
        }
    }

    /// The account that the place closes when it has had enough of this request's like.
    fn own_key(&self) -> String {
        let over = if self.account.is_some() { Over::Credential } else { Over::Anonymous };
        self.key(over, self.bucket).unwrap_or_default()
    }
}

/// Why a request must wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wait {
    /// Until then, and why.
    Until(Timestamp, String),
    /// Until a request on its way has ended.
    Answer,
}

#[derive(Debug)]
struct Window {
    budget: Budget,
    flying: u32,
    /// When requests ended, and how many; oldest first.
    ended: VecDeque<(Timestamp, u32)>,
    /// How many more may be let go before it must be written down again.
    promised: u32,
}

impl Window {
    fn new(budget: Budget) -> Self {
        Self { budget, flying: 0, ended: VecDeque::new(), promised: 0 }
    }

    fn cost(&self, cost: u32) -> u32 {
        // What costs more than there is in all would wait for ever; it takes the whole.
        cost.min(self.budget.requests)
    }

    fn forget(&mut self, now: Timestamp) {
        // A clock set back: nothing ended in what is now the future.
        for (at, _) in self.ended.iter_mut().rev().take_while(|(at, _)| *at > now) {
            *at = now;
        }
        while self.ended.front().is_some_and(|(at, _)| now.duration_since(*at) >= self.budget.window()) {
            self.ended.pop_front();
        }
    }

    fn wait(&mut self, cost: u32, now: Timestamp) -> Option<Wait> {
        self.forget(now);
        let cost = self.cost(cost);
        let used: u32 = self.flying + self.ended.iter().map(|(_, count)| count).sum::<u32>();
        let mut over = (used + cost).saturating_sub(self.budget.requests);
        if over == 0 {
            return None;
        }
        for (at, count) in &self.ended {
            over = over.saturating_sub(*count);
            if over == 0 {
                let until = at.checked_add(self.budget.window()).unwrap_or(Timestamp::MAX);
                let budget = &self.budget;
                let why = format!("{} requests in {} s are used up", budget.requests, budget.seconds);
                return Some(Wait::Until(until, why));
            }
        }
        Some(Wait::Answer)
    }

    fn end(&mut self, cost: u32, now: Timestamp) {
        let cost = self.cost(cost);
        self.flying = self.flying.saturating_sub(cost);
        let grain = self.budget.window() / GRAIN;
        match self.ended.back_mut() {
            Some((at, count)) if now.duration_since(*at) < grain => {
                *at = now.max(*at);
                *count += cost;
            }
            _ => self.ended.push_back((now, cost)),
        }
    }
}

#[derive(Debug, Default)]
struct Account {
    windows: Vec<Window>,
    closed: Option<Timestamp>,
    /// Of earlier lives, and not yet asked for.
    kept: Vec<Row>,
}

/// All accounts.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: Mutex<HashMap<String, Account>>,
    /// Rung when a request ends.
    ended: Notify,
}

/// A request let go; ends when dropped.
pub(super) struct Spent {
    ledger: Arc<Ledger>,
    keys: Vec<String>,
    cost: u32,
    clock: SharedClock,
    /// What must be on disk before the request is made.
    pub rows: Vec<Row>,
}

impl Drop for Spent {
    fn drop(&mut self) {
        let now = self.clock.now();
        {
            let mut accounts = self.ledger.lock();
            for key in &self.keys {
                for window in accounts.get_mut(key).into_iter().flat_map(|account| &mut account.windows) {
                    window.end(self.cost, now);
                }
            }
        }
        self.ledger.ended.notify_waiters();
    }
}

impl Ledger {
    /// The one of this process: a reload must not forget what was asked.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<Ledger>> = OnceLock::new();
        SHARED.get_or_init(Arc::default).clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request go, or says what it has to wait for.
    pub(super) fn take(self: &Arc<Self>, claim: &Claim<'_>, clock: &SharedClock) -> Result<Spent, Wait> {
        let now = clock.now();
        let mut accounts = self.lock();
        if accounts.len() >= MANY {
            accounts.retain(|_, account| {
                account.windows.iter_mut().for_each(|window| window.forget(now));
                account.closed.is_some_and(|until| until > now)
                    || !account.kept.is_empty()
                    || account.windows.iter().any(|window| window.flying > 0 || !window.ended.is_empty())
            });
        }
        for budget in claim.budgets.iter().filter(|budget| budget.bucket == claim.bucket) {
            let Some(key) = claim.key(budget.over, budget.bucket) else { continue };
            accounts.entry(key).or_default().open(*budget, now);
        }
        // A host's own accounts count whoever asks it, also where the terms of the one who asks name none.
        let mut keys: Vec<String> = [Over::Host, Over::Anonymous, Over::Credential]
            .into_iter()
            .filter_map(|over| claim.key(over, claim.bucket))
            .collect();
        keys.retain(|key| accounts.contains_key(key));
        let mut latest: Option<Wait> = None;
        for key in &keys {
            let Some(account) = accounts.get_mut(key) else { continue };
            account.closed = account.closed.filter(|until| *until > now);
            let closed = account.closed.map(|until| Wait::Until(until, "it asked for a pause".into()));
            let waits = account.windows.iter_mut().filter_map(|window| window.wait(claim.cost, now));
            for wait in closed.into_iter().chain(waits) {
                latest = Some(longer(latest, wait));
            }
        }
        if let Some(wait) = latest {
            return Err(wait);
        }
        let mut rows = Vec::new();
        for key in &keys {
            for window in accounts.get_mut(key).into_iter().flat_map(|account| &mut account.windows) {
                window.flying += window.cost(claim.cost);
                rows.extend(window.promise(key, claim.cost));
            }
        }
        Ok(Spent { ledger: self.clone(), keys, cost: claim.cost, clock: clock.clone(), rows })
    }

    /// The place asks for a pause; what is to be written of it.
    pub(super) fn close(&self, claim: &Claim<'_>, until: Timestamp) -> Row {
        let mut accounts = self.lock();
        let account = accounts.entry(claim.own_key()).or_default();
        account.closed = account.closed.max(Some(until));
        kept::closed(claim.own_key(), until)
    }

    /// Ends when a request has ended that was on its way when this was called.
    pub(super) fn answer(&self) -> tokio::sync::futures::Notified<'_> {
        self.ended.notified()
    }
}

fn longer(one: Option<Wait>, other: Wait) -> Wait {
    match (one, other) {
        (Some(Wait::Until(a, why)), Wait::Until(b, _)) if a >= b => Wait::Until(a, why),
        (Some(Wait::Until(a, why)), Wait::Answer) => Wait::Until(a, why),
        (_, other) => other,
    }
}

#[cfg(test)]
mod tests;
