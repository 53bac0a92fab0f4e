//! Groups of texts, and the threads that share them out.
//!
//! # Groups
//! Texts are sorted by length, so that texts of one length stand side by side, and cut into groups
//! of about as many tokens each. A group's tensors should lie in a core's own cache: too large a
//! group costs as much as too small a one. The number of groups is a multiple of the number of
//! threads, so that none waits long for another. What a text's verdict is does not depend on its
//! group, but for the last digits.
//!
//! # Threads
//! Each has the network to itself (sharing it copies nothing) and lets libtorch start no threads
//! of its own. The scorer's thread is one of them and takes groups like the others; the others
//! sleep on a channel while there is nothing to do. One group alone never leaves the scorer's
//! thread. A thread that panics takes no further work; its group is missing among the answers,
//! which the caller reports as a failure of the batch, and the next batch goes to those that are
//! left.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use super::tokens::Tokens;
use super::{Logits, Net, alone};
use crate::sentiment::ScoreError;

/// Tokens of a group, about.
const GROUP: usize = 512;

/// Those who compute.
pub(super) struct Crew {
    net: Net,
    others: Vec<mpsc::Sender<Arc<Work>>>,
}

/// A batch, as all threads see it.
struct Work {
    texts: Vec<Tokens>,
    groups: Vec<Vec<usize>>,
    /// The first group that nobody has taken.
    next: AtomicUsize,
    done: mpsc::Sender<Done>,
}

struct Done {
    group: usize,
    answer: Result<Vec<Logits>, String>,
}

impl Work {
    /// Judges groups until none is left.
    fn share(&self, net: &Net) {
        loop {
            let group = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(members) = self.groups.get(group) else { return };
            let texts: Vec<&Tokens> = members.iter().map(|&at| &self.texts[at]).collect();
            // The caller is gone only if it panicked.
            let _ = self.done.send(Done { group, answer: net.judge(&texts) });
        }
    }
}

impl Crew {
    /// The calling thread and `threads - 1` more.
    pub fn new(net: Net, threads: usize) -> std::io::Result<Self> {
        alone();
        let others = (1..threads)
            .map(|n| {
                let (hand_over, work) = mpsc::channel::<Arc<Work>>();
                let net = net.share();
                std::thread::Builder::new().name(format!("scorer-{n}")).spawn(move || {
                    alone();
                    while let Ok(work) = work.recv() {
                        work.share(&net);
                    }
                })?;
                Ok(hand_over)
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self { net, others })
    }

    /// What the network makes of each text, in order.
    pub fn judge(&mut self, texts: Vec<Tokens>) -> Result<Vec<Logits>, ScoreError> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
        let groups = groups(&lengths, self.others.len() + 1);
        let (done, answers) = mpsc::channel();
        let work = Arc::new(Work { texts, groups, next: AtomicUsize::new(0), done });
        if work.groups.len() > 1 {
            self.others.retain(|other| other.send(work.clone()).is_ok());
        }
        let own = catch_unwind(AssertUnwindSafe(|| work.share(&self.net)));
        let (groups, count) = (work.groups.clone(), work.texts.len());
        // With the last of the threads' copies the channel closes.
        drop(work);
        let mut found: Vec<Option<Logits>> = vec![None; count];
        for Done { group, answer } in answers {
            let logits = answer.map_err(ScoreError::Batch)?;
            for (&at, logits) in groups[group].iter().zip(logits) {
                found[at] = Some(logits);
            }
        }
        let lost = || ScoreError::Batch("one of its threads panicked".into());
        own.map_err(|_| lost())?;
        found.into_iter().collect::<Option<_>>().ok_or_else(lost)
    }
}

/// Which texts are judged together: by length, about [`GROUP`] tokens each, shared out evenly over
/// `threads`.
fn groups(lengths: &[usize], threads: usize) -> Vec<Vec<usize>> {
    let mut sorted: Vec<usize> = (0..lengths.len()).collect();
    sorted.sort_by_key(|&at| lengths[at]);
    let total: usize = lengths.iter().sum();
    let wanted = total.div_ceil(GROUP).next_multiple_of(threads).clamp(1, lengths.len().max(1));
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(wanted);
    let mut before = 0;
    for at in sorted {
        // The group in whose share the text's middle lies.
        let share = (before + lengths[at] / 2) * wanted / total.max(1);
        if groups.is_empty() || share > groups.len() - 1 {
            groups.push(Vec::new());
        }
        if let Some(group) = groups.last_mut() {
            group.push(at);
        }
        before += lengths[at];
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_is_in_one_group_sorted_and_groups_are_even(
            lengths in prop::collection::vec(2_usize..=128, 0..300), threads in 1_usize..5,
        ) {
            let groups = groups(&lengths, threads);
            let order: Vec<usize> = groups.concat();
            let mut all = order.clone();
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            prop_assert!(order.is_sorted_by_key(|&at| lengths[at]));
            for group in &groups {
                let tokens: usize = group.iter().map(|&at| lengths[at]).sum();
                prop_assert!(!group.is_empty() && tokens <= GROUP + 2 * 128);
            }
        }
    }

    #[test]
    fn work_for_one_is_not_split_and_work_for_two_is() {
        assert_eq!(groups(&[], 2), Vec::<Vec<usize>>::new());
        assert_eq!(groups(&[9], 2), [[0]]);
        assert_eq!(groups(&[9, 8], 2), [[1], [0]]);
        assert_eq!(groups(&[9, 8], 1), [[1, 0]]);
        let even = groups(&[30; 256], 2);
        assert_eq!(even.len(), 16);
        assert!(even.iter().all(|group| group.len() == 16));
    }
}
