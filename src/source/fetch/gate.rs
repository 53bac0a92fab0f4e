//! Never crowds a host: so many requests at once, so far apart, counted over all sources.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// What one host has to bear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests at once.
    pub at_once: usize,
    /// From the start of one request to the start of the next.
    pub apart: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { at_once: 2, apart: Duration::from_millis(100) }
    }
}

/// Above this many hosts, those nobody is using or waiting for are forgotten.
const MANY: usize = 1_024;

#[derive(Debug)]
struct Gate {
    turns: Arc<Semaphore>,
    /// When the next request may start. A plain mutex: held for a reading and a writing only.
    free_at: Mutex<Instant>,
}

/// One gate a host.
#[derive(Debug)]
pub(super) struct Gates {
    limits: Limits,
    hosts: Mutex<HashMap<String, Arc<Gate>>>,
}

/// The right to ask, given back when dropped.
pub(super) struct Turn(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Gates {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, hosts: Mutex::default() }
    }

    /// Waits for a turn at the host.
    pub(super) async fn enter(&self, host: &str) -> Turn {
        let gate = self.gate(host);
        let turns = gate.turns.clone();
        let turn = turns.acquire_owned().await.expect("nobody closes the semaphore");
        let start = {
            let mut free_at = gate.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let start = Instant::now().max(*free_at);
            *free_at = start + self.limits.apart;
            start
        };
        // Tokio's own clock: this is pacing of IO and means nothing to anyone.
        tokio::time::sleep_until(start).await;
        Turn(turn)
    }

    fn gate(&self, host: &str) -> Arc<Gate> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MANY && !hosts.contains_key(host) {
            let now = Instant::now();
            hosts.retain(|_, gate| {
                Arc::strong_count(gate) > 1
                    || gate.turns.available_permits() < self.limits.at_once
                    || *gate.free_at.lock().unwrap_or_else(PoisonError::into_inner) > now
            });
        }
        let gate = hosts.entry(host.to_owned()).or_insert_with(|| {
            let turns = Arc::new(Semaphore::new(self.limits.at_once.max(1)));
            Arc::new(Gate { turns, free_at: Mutex::new(Instant::now()) })
        });
        gate.clone()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_third_request_waits_and_another_host_does_not() {
        let gates = Gates::new(Limits { at_once: 2, apart: Duration::ZERO });
        let first = gates.enter("acme.example").await;
        let _second = gates.enter("acme.example").await;
        assert!(gates.enter("acme.example").now_or_never().is_none());
        assert!(tokio::time::timeout(Duration::from_secs(5), gates.enter("globex.example")).await.is_ok());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(5), gates.enter("acme.example")).await.is_ok());
    }

    #[tokio::test]
    async fn forgets_hosts_nobody_asks() {
        let gates = Gates::new(Limits { at_once: 1, apart: Duration::ZERO });
        let _held = gates.enter("held.example").await;
        for number in 0..5_000 {
            drop(gates.gate(&format!("h{number}.example")));
        }
        let hosts = gates.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(hosts.len() <= MANY && hosts.contains_key("held.example"), "{}", hosts.len());
    }
}
