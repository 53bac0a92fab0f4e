//! One change under way: what sled holds, with this change's own writes laid over it. Readers use
//! it too, with nothing laid over.

use std::collections::BTreeMap;

use ::sled::{Batch, Tree};

use super::keys::Key;
use super::value::{Stored, decode, encode};
use crate::domain::id::{EscalationId, InstanceId};
use crate::store::chain::Link;
use crate::store::{Result, StoreError};

/// A key and its value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// See the module page.
pub(super) struct Txn<'a> {
    tree: &'a Tree,
    place: &'a str,
    pub instance: InstanceId,
    /// `None`: taken away.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The end of this instance's chain, once it was needed.
    pub chain: Option<Link>,
    /// Messages about a matter that have left, once that was needed.
    pub sent: BTreeMap<EscalationId, u64>,
}

impl<'a> Txn<'a> {
    pub fn new(tree: &'a Tree, place: &'a str, instance: InstanceId) -> Self {
        Self { tree, place, instance, writes: BTreeMap::new(), chain: None, sent: BTreeMap::new() }
    }

    /// All writes, or none if there is nothing to write.
    pub fn into_batch(self) -> Option<Batch> {
        if self.writes.is_empty() {
            return None;
        }
        let mut batch = Batch::default();
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        Some(batch)
    }

    pub fn engine(&self, doing: &'static str, error: &::sled::Error) -> StoreError {
        StoreError::Engine { place: self.place.into(), doing, why: error.to_string() }
    }

    pub fn unreadable(&self, row: &'static str, why: impl Into<String>) -> StoreError {
        StoreError::Unreadable { place: self.place.into(), row, why: why.into() }
    }

    pub fn decode<T: Stored>(&self, bytes: &[u8]) -> Result<T> {
        decode(bytes).map_err(|why| self.unreadable(T::NAME, why))
    }

    pub fn get<T: Stored>(&self, key: &Key) -> Result<Option<T>> {
        if let Some(written) = self.writes.get(&key.0) {
            return written.as_deref().map(|bytes| self.decode(bytes)).transpose();
        }
        let found = self.tree.get(&key.0).map_err(|error| self.engine("read", &error))?;
        found.map(|bytes| self.decode(&bytes)).transpose()
    }

    pub fn has(&self, key: &Key) -> Result<bool> {
        match self.writes.get(&key.0) {
            Some(written) => Ok(written.is_some()),
            None => self.tree.contains_key(&key.0).map_err(|error| self.engine("read", &error)),
        }
    }

    pub fn put<T: Stored>(&mut self, key: Key, row: &T) {
        self.writes.insert(key.0, Some(encode(row)));
    }

    pub fn remove(&mut self, key: Key) {
        self.writes.insert(key.0, None);
    }

    /// The first (or last) `limit` pairs of `from ≤ key < until`.
    pub fn scan(&self, from: &Key, until: &Key, backwards: bool, limit: usize) -> Result<Vec<Pair>> {
        if from >= until {
            return Ok(Vec::new());
        }
        let mut pairs = Vec::new();
        let mut range = self.tree.range(from.0.as_slice()..until.0.as_slice());
        while pairs.len() < limit {
            let Some(pair) = (if backwards { range.next_back() } else { range.next() }) else { break };
            let (key, value) = pair.map_err(|error| self.engine("read", &error))?;
            if !self.writes.contains_key(key.as_ref()) {
                pairs.push((key.to_vec(), value.to_vec()));
            }
        }
        if !self.writes.is_empty() {
            let written = self.writes.range(from.0.clone()..until.0.clone());
            pairs.extend(written.filter_map(|(key, value)| Some((key.clone(), value.clone()?))));
            pairs.sort();
            if backwards {
                pairs.reverse();
            }
            pairs.truncate(limit);
        }
        Ok(pairs)
    }

    /// All pairs whose key begins with `prefix`.
    pub fn all(&self, prefix: &Key) -> Result<Vec<Pair>> {
        self.scan(prefix, &prefix.clone().end(), false, usize::MAX)
    }

    /// The last pair whose key begins with `prefix`.
    pub fn last(&self, prefix: &Key) -> Result<Option<Pair>> {
        Ok(self.scan(prefix, &prefix.clone().end(), true, 1)?.pop())
    }

    /// The number that follows the last one under `prefix`, where keys end with a number.
    pub fn next_number(&self, prefix: &Key) -> Result<u64> {
        let last = self.last(prefix)?;
        let tail = last.as_ref().and_then(|(key, _)| key.last_chunk().copied());
        Ok(tail.map_or(0, u64::from_be_bytes) + 1)
    }
}
