//! When the operator must hear of the daemon's own queues and disk. The rules are pure; upkeep
//! feeds them and sends what they say.

use jiff::{SignedDuration, Timestamp};

use crate::domain::notification::Notice;
use crate::store::OutboxDepth;

/// Messages that are due and do not leave for this long are stuck: a try takes seconds, and one
/// that failed is not due again at once.
const STUCK_FOR: SignedDuration = SignedDuration::from_mins(10);
/// And at this many looks in a row: a clock that jumps makes everything late for one look.
const STUCK_LOOKS: u32 = 10;
/// Below this, and below a twentieth of the disk, room is short.
const LEAST_BYTES: u64 = 1_000_000_000;
/// How often the same is said again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Room on the disk that the store lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that this process may still write.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What was seen, and what was said.
#[derive(Debug, Default)]
pub struct Alarms {
    due_since: Option<Timestamp>,
    due_looks: u32,
    said_stuck: Option<Timestamp>,
    said_full: Option<Timestamp>,
}

impl Alarms {
    /// What the operator should hear now.
    pub fn look(&mut self, outbox: &OutboxDepth, room: Option<Room>, now: Timestamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.due_since =
            if outbox.due > 0 { Some(self.due_since.map_or(now, |since| since.min(now))) } else { None };
        self.due_looks = if outbox.due > 0 { self.due_looks.saturating_add(1) } else { 0 };
        let stuck = self
            .due_since
            .filter(|since| self.due_looks >= STUCK_LOOKS && now.duration_since(*since) >= STUCK_FOR);
        if let Some(since) = stuck
            && is_news(&mut self.said_stuck, now)
        {
            notices.push(Notice::OutboxStuck { waiting: outbox.due, since });
        }
        let short = room.filter(|room| room.free < LEAST_BYTES && room.free < room.total / 20);
        if let Some(room) = short
            && is_news(&mut self.said_full, now)
        {
            notices.push(Notice::DiskLow { free_bytes: room.free });
        }
        notices
    }
}

fn is_news(said: &mut Option<Timestamp>, now: Timestamp) -> bool {
    let news = said.is_none_or(|at| now.duration_since(at) >= AGAIN_AFTER || at > now);
    if news {
        *said = Some(now);
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_queue_is_said_once_a_day_and_a_passing_one_never() {
        let mut alarms = Alarms::default();
        let start: Timestamp = "2026-01-12T08:00:00Z".parse().expect("a time");
        let depth = |due| OutboxDepth { waiting: due, oldest: None, due };
        let minute = |n| start + SignedDuration::from_mins(n);
        assert!((0..9).all(|n| alarms.look(&depth(3), None, minute(n)).is_empty()));
        assert!(alarms.look(&depth(0), None, minute(9)).is_empty(), "it moved");
        assert!(alarms.look(&depth(3), None, minute(10)).is_empty(), "it begins anew");
        assert!(alarms.look(&depth(3), None, minute(600)).is_empty(), "the clock jumped");
        assert!((601..608).all(|n| alarms.look(&depth(3), None, minute(n)).is_empty()));
        let said = alarms.look(&depth(4), None, minute(608));
        assert_eq!(said, [Notice::OutboxStuck { waiting: 4, since: minute(10) }]);
        assert!(alarms.look(&depth(5), None, minute(700)).is_empty(), "said already");
        assert_eq!(alarms.look(&depth(5), None, minute(608 + 24 * 60)).len(), 1);
    }

    #[test]
    fn a_disk_is_short_of_room_by_bytes_and_by_share() {
        let now: Timestamp = "2026-01-12T08:00:00Z".parse().expect("a time");
        let look = |free, total| {
            Alarms::default().look(&OutboxDepth::default(), Some(Room { free, total }), now).len()
        };
        assert_eq!(look(900_000_000, 100_000_000_000), 1);
        assert_eq!(look(900_000_000, 4_000_000_000), 0, "a small disk, a fifth of it free");
        assert_eq!(look(4_000_000_000, 100_000_000_000), 0);
    }
}
