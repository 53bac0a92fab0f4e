//! Names and numbers of things: names come from the configuration, numbers (UUIDv7, so that they
//! sort by time) are made by the caller's clock.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().into()
            }
        }

        impl $name {
            /// The name as written in the configuration.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    )+};
}

names! {
    /// One configured place that is read.
    SourceId,
    /// What is listened for.
    TopicId,
    /// A person or team answerable for a topic.
    OwnerId,
    /// A configured way out.
    ChannelId,
    /// Ordered steps of an escalation.
    PolicyId,
    /// A rule that finds an escalation due.
    TriggerId,
    /// A scheduled summary.
    DigestId,
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh number that sorts by `now`.
            pub fn new(now: Timestamp) -> Self {
                Self(uuid_at(now))
            }

            /// The number whose sixteen bytes, big-endian, are a store's key.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numbers! {
    /// A post seen through one topic.
    MentionId,
    /// An open matter.
    EscalationId,
    /// One row of the outbox: one message to one recipient over one channel.
    NotificationId,
    /// A time-boxed matcher that holds notifications.
    SilenceId,
    /// One life of one daemon: from opening the store to closing it.
    InstanceId,
    /// A signed link, usable once.
    LinkId,
}

impl InstanceId {
    /// Itself if it sorts behind `last`, else a fresh one that does: lives of a daemon follow one
    /// another also when the clock was set back between them, and who reads on after the last
    /// entry of one life must not miss the next.
    #[must_use]
    pub fn behind(self, last: Self) -> Self {
        if self > last {
            return self;
        }
        let (seconds, nanos) = last.0.get_timestamp().map_or((0, 0), |at| at.to_unix());
        let millis = u64::from(nanos / 1_000_000) + 1;
        let (seconds, nanos) = (seconds + millis / 1_000, (millis % 1_000) * 1_000_000);
        let nanos = u32::try_from(nanos).unwrap_or(0);
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)))
    }
}

fn uuid_at(now: Timestamp) -> Uuid {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_follows_the_one_before_whatever_the_clock_says() {
        let at = |text: &str| InstanceId::new(text.parse().expect("a time"));
        let last = at("2026-01-12T09:00:00.999Z");
        for now in ["2026-01-12T09:00:00.999Z", "2026-01-12T08:00:00Z", "2026-01-12T10:00:00Z"] {
            assert!(at(now).behind(last) > last, "{now}");
        }
        let later = at("2026-01-12T10:00:00Z");
        assert_eq!(later.behind(last), later);
    }
}
