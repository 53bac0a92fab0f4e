//! Logs and metrics.
//!
//! How we log: a line can be read alone *and* queried. The message is a sentence; fields carry
//! dotted names with the unit in the name (`source.id`, `topic.id`, `mention.id`, `escalation.id`,
//! `owner.id`, `channel.id`, `duration_ms`). An error is logged once, where it is handled. Idle
//! rounds are `trace`. Post text, authors and addresses are never logged, at no level.

pub mod logs;
pub mod metrics;
