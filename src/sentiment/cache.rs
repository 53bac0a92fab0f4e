//! Verdicts by text, so that a repost costs no second pass through the model.
//!
//! Bounded by count, in two halves: what is new goes into the young half, and once that is full it
//! becomes the old half, whose texts are forgotten. A text that is met again moves to the young
//! half, so what keeps coming back stays. That is close to forgetting the one longest unused, at
//! the price of two maps.
//!
//! The key is a digest of what the classifier reads of the text and of the target; it is long
//! enough that two texts cannot be brought to share one, even on purpose. The cache lives and dies
//! with one classifier, so the model needs no place in the key. It holds verdicts as the model gave
//! them: a new floor or temperature holds for cached texts as well.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::Verdict;

/// Names a text and its target.
pub type Key = [u8; 16];

/// The key of what a classifier reads.
pub fn key(text: &str, target: Option<&str>) -> Key {
    let mut digest = Sha256::new();
    // The length keeps "ab" towards "c" apart from "a" towards "bc".
    digest.update(text.len().to_le_bytes());
    digest.update(text);
    if let Some(target) = target {
        digest.update([1]);
        digest.update(target);
    }
    let mut key = Key::default();
    key.copy_from_slice(&digest.finalize()[..16]);
    key
}

/// At most so many verdicts.
#[derive(Debug, Default)]
pub struct Cache {
    /// Of each half.
    half: usize,
    young: HashMap<Key, Verdict>,
    old: HashMap<Key, Verdict>,
}

impl Cache {
    /// Holds at most `capacity` verdicts; fewer than two: none at all.
    pub fn new(capacity: usize) -> Self {
        Self { half: capacity / 2, ..Self::default() }
    }

    /// Whether it holds anything, ever.
    pub fn is_on(&self) -> bool {
        self.half > 0
    }

    /// How many it holds.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was said of this text, if that is remembered.
    pub fn get(&mut self, key: &Key) -> Option<Verdict> {
        if let Some(verdict) = self.young.get(key) {
            return Some(*verdict);
        }
        let verdict = self.old.remove(key)?;
        self.put(*key, verdict);
        Some(verdict)
    }

    /// Remembers what was said.
    pub fn put(&mut self, key: Key, verdict: Verdict) {
        if !self.is_on() {
            return;
        }
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, verdict);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::sentiment::Probabilities;

    fn said(of: u8) -> Verdict {
        Probabilities { negative: f32::from(of), neutral: 0.0, positive: 0.0 }.into()
    }

    #[test]
    fn text_and_target_are_kept_apart() {
        let keys = [
            key("ab", None),
            key("ab", Some("")),
            key("ab", Some("c")),
            key("a", Some("bc")),
            key("abc", None),
            key("a", Some("b\u{1}c")),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(one), "{at}");
        }
        assert_eq!(key("ab", Some("c")), key("ab", Some("c")));
    }

    #[test]
    fn what_keeps_coming_back_stays() {
        let mut cache = Cache::new(8);
        cache.put(key("often", None), said(7));
        for n in 0..200_u8 {
            cache.put(key(&n.to_string(), None), said(n));
            assert_eq!(cache.get(&key("often", None)), Some(said(7)), "after {n} others");
        }
        assert_eq!(cache.get(&key("0", None)), None);
        assert_eq!(cache.get(&key("199", None)), Some(said(199)));
    }

    #[test]
    fn switched_off_it_holds_nothing() {
        let mut cache = Cache::new(0);
        cache.put(key("a", None), said(1));
        assert!(!cache.is_on() && cache.is_empty());
        assert_eq!(cache.get(&key("a", None)), None);
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_never_lies(
            capacity in 0_usize..12,
            steps in prop::collection::vec((any::<bool>(), 0_u8..24), 0..300),
        ) {
            let mut cache = Cache::new(capacity);
            for (put, n) in steps {
                let key = key(&n.to_string(), None);
                if put {
                    cache.put(key, said(n));
                    prop_assert_eq!(cache.get(&key), cache.is_on().then_some(said(n)));
                } else if let Some(verdict) = cache.get(&key) {
                    prop_assert_eq!(verdict, said(n));
                }
                prop_assert!(cache.len() <= capacity);
            }
        }
    }
}
