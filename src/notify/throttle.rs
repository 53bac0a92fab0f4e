//! A flood must not make a channel useless: at most so many messages a minute go over each, the
//! rest later. Pure: it is told the time.
//!
//! What comes too soon gets a turn of its own, so that a hundred messages are put off once each
//! and not a hundred times all. A quarter of each minute is kept for urgent messages. Turns are
//! held in memory: a restart may let one more minute's worth through, never fewer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::{ChannelId, NotificationId};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Whether a message may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// Its turn comes then.
    At(Timestamp),
}

/// Who goes when.
#[derive(Debug)]
pub struct Throttle {
    per_minute: usize,
    channels: BTreeMap<ChannelId, BTreeSet<(Timestamp, NotificationId)>>,
}

impl Throttle {
    /// At most `per_minute` messages a minute and channel; at least one.
    pub fn new(per_minute: usize) -> Self {
        Self { per_minute: per_minute.max(1), channels: BTreeMap::new() }
    }

    /// When `id` may go over `channel`. Asking again before that moves nothing.
    pub fn turn(&mut self, channel: &ChannelId, id: NotificationId, urgent: bool, now: Timestamp) -> Turn {
        let turns = self.channels.entry(channel.clone()).or_default();
        turns.retain(|(at, _)| *at + MINUTE > now);
        if let Some(&(at, _)) = turns.iter().find(|(_, holder)| *holder == id) {
            if at > now && !urgent {
                return Turn::At(at);
            }
            turns.remove(&(at, id));
            if at <= now {
                // A row that comes back (a retry) asks for a turn of its own each time.
                turns.insert((now, id));
                return Turn::Now;
            }
        }
        let room = if urgent { self.per_minute } else { (self.per_minute - self.per_minute / 4).max(1) };
        let mut at = now;
        loop {
            // Only a minute that lies before `at` counts: an urgent message is not kept waiting by
            // turns that others hold in the future.
            let inside: Vec<Timestamp> = turns
                .iter()
                .map(|(turn, _)| *turn)
                .filter(|turn| *turn <= at && *turn + MINUTE > at)
                .collect();
            if inside.len() < room {
                break;
            }
            at = inside.first().map_or(at, |first| *first + MINUTE);
        }
        turns.insert((at, id));
        if at <= now { Turn::Now } else { Turn::At(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_these_turns_the_next_is_then() {
        let start: Timestamp = "2026-01-12T13:00:00Z".parse().expect("a time");
        let channel = ChannelId::from("care-mail");
        let mut throttle = Throttle::new(4);
        let ids: Vec<_> = (0..6).map(|_| NotificationId::new(start)).collect();
        let after = |seconds| start + SignedDuration::from_secs(seconds);

        for id in &ids[..3] {
            assert_eq!(throttle.turn(&channel, *id, false, start), Turn::Now);
        }
        assert_eq!(throttle.turn(&channel, ids[3], false, after(10)), Turn::At(after(60)));
        assert_eq!(throttle.turn(&channel, ids[3], false, after(20)), Turn::At(after(60)), "its turn stays");
        assert_eq!(throttle.turn(&channel, ids[4], true, after(20)), Turn::Now, "urgent has room of its own");
        assert_eq!(throttle.turn(&channel, ids[3], false, after(60)), Turn::Now);
        assert_eq!(
            throttle.turn(&"care-hook".into(), ids[5], false, after(20)),
            Turn::Now,
            "each channel counts by itself"
        );
    }
}
