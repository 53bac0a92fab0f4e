//! The rows that a daemon has in hand, in one lane a channel, so that a slow one holds up itself.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::domain::id::ChannelId;
use crate::domain::notification::Notification;

/// Sends side by side over one channel.
const LANE: usize = 4;

/// Rows in hand, by channel.
#[derive(Default)]
pub struct Lanes {
    pub waiting: BTreeMap<ChannelId, VecDeque<(Timestamp, Notification)>>,
    under_way: BTreeMap<ChannelId, usize>,
}

impl Lanes {
    pub fn in_hand(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum::<usize>() + self.under_way.values().sum::<usize>()
    }

    pub fn of(&self, channel: &ChannelId) -> usize {
        self.waiting.get(channel).map_or(0, VecDeque::len)
            + self.under_way.get(channel).copied().unwrap_or_default()
    }

    /// The next row whose channel has room.
    pub fn next(&mut self) -> Option<(Timestamp, Notification)> {
        let Self { waiting, under_way } = self;
        let (channel, queue) = waiting.iter_mut().find(|(channel, queue)| {
            !queue.is_empty() && under_way.get(*channel).copied().unwrap_or_default() < LANE
        })?;
        let next = queue.pop_front()?;
        *under_way.entry(channel.clone()).or_default() += 1;
        Some(next)
    }

    pub fn ended(&mut self, channel: &ChannelId) {
        if let Some(count) = self.under_way.get_mut(channel) {
            *count = count.saturating_sub(1);
        }
    }
}
