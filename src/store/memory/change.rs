//! One change: steps that are made at once and can be taken back, in reverse order.

use std::collections::BTreeMap;

use super::State;
use crate::domain::id::InstanceId;

type Undo = Box<dyn FnOnce(&mut State)>;

/// A change under way.
pub(super) struct Change<'a> {
    pub state: &'a mut State,
    pub instance: InstanceId,
    undo: Vec<Undo>,
}

impl<'a> Change<'a> {
    pub fn new(state: &'a mut State, instance: InstanceId) -> Self {
        Self { state, instance, undo: Vec::new() }
    }

    /// Puts a row, or takes it away.
    pub fn put<K, V>(&mut self, map: fn(&mut State) -> &mut BTreeMap<K, V>, key: K, value: Option<V>)
    where
        K: Ord + Clone + 'static,
        V: 'static,
    {
        let place = map(self.state);
        let before = match value {
            Some(value) => place.insert(key.clone(), value),
            None => place.remove(&key),
        };
        self.undo.push(Box::new(move |state| {
            match before {
                Some(value) => map(state).insert(key, value),
                None => map(state).remove(&key),
            };
        }));
    }

    /// Takes everything back.
    pub fn undo(self) {
        for step in self.undo.into_iter().rev() {
            step(self.state);
        }
    }
}
