//! The chain of the accountability record: each entry bears the hash of the one before it, per
//! instance, so that a line taken out or changed later shows.

use sha2::{Digest, Sha256};

use crate::domain::event::{ChainedEvent, Event};
use crate::domain::id::InstanceId;

/// The end of an instance's chain, to which the next entry is tied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Number of the last entry; 0 before the first.
    pub sequence: u64,
    /// SHA-256, in hex, of its line; all zeros before the first.
    pub hash: String,
}

impl Link {
    /// Before the first entry.
    pub fn start() -> Self {
        Self { sequence: 0, hash: "0".repeat(64) }
    }

    /// The end that `last` is.
    pub fn of(last: &ChainedEvent) -> Self {
        Self { sequence: last.sequence, hash: hash(last) }
    }

    /// Ties `event` to the end and answers the entry; the end moves on.
    pub fn tie(&mut self, instance: InstanceId, event: Event) -> ChainedEvent {
        let entry = ChainedEvent {
            instance,
            sequence: self.sequence + 1,
            previous: std::mem::take(&mut self.hash),
            event,
        };
        *self = Self::of(&entry);
        entry
    }

    /// What is wrong with `next` as the entry after this end; the end moves on to it either way,
    /// so that one damaged entry is one fault.
    pub fn check(&mut self, next: &ChainedEvent) -> Option<String> {
        let fault = if next.sequence != self.sequence + 1 {
            Some(format!(
                "the record of instance {} goes from entry {} to entry {}",
                next.instance, self.sequence, next.sequence
            ))
        } else if next.previous != self.hash {
            Some(format!(
                "entry {} of instance {} does not bear the hash of the entry before it",
                next.sequence, next.instance
            ))
        } else {
            None
        };
        *self = Self::of(next);
        fault
    }
}

/// An entry as its line in the log, without the line's end.
pub fn line(entry: &ChainedEvent) -> String {
    serde_json::to_string(entry).expect("an event is plain data with text keys")
}

/// SHA-256, in hex, of an entry's line.
pub fn hash(entry: &ChainedEvent) -> String {
    use std::fmt::Write;
    Sha256::digest(line(entry).as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Actor, What};
    use jiff::Timestamp;

    fn event() -> Event {
        Event {
            at: Timestamp::UNIX_EPOCH,
            by: Actor::Daemon,
            escalation: None,
            mention: None,
            what: What::Joined,
        }
    }

    #[test]
    fn a_changed_entry_breaks_the_chain_behind_it() {
        let instance = InstanceId::new(Timestamp::UNIX_EPOCH);
        let mut end = Link::start();
        let mut entries: Vec<_> = (0..3).map(|_| end.tie(instance, event())).collect();
        let faults = |entries: &[ChainedEvent]| {
            let mut end = Link::start();
            entries.iter().filter_map(|entry| end.check(entry)).count()
        };
        assert_eq!(faults(&entries), 0);
        entries[1].event.what = What::Erased { reason: None, sent: None };
        assert_eq!(faults(&entries), 1);
        entries.remove(1);
        assert_eq!(faults(&entries), 1);
    }
}
