//! The nouns. No input, no output, no clock: everything that needs the time takes `now`.
//!
//! In the order in which data flows: a [`post`] is seen through a [`topic`] and becomes a
//! [`mention`]; [`sentiment`] is added; a trigger's finding opens an [`escalation`] that walks a
//! [`policy`] of steps over the [`owner`]s; each step causes [`notification`]s, unless a
//! [`silence`] holds them; a [`digest`] sums up a window. An [`event`] is the record of who
//! answered for what and when.

pub mod channel;
pub mod correction;
pub mod digest;
pub mod duration;
pub mod erasure;
pub mod escalation;
pub mod event;
pub mod hours;
pub mod id;
pub mod language;
pub mod mention;
pub mod note;
pub mod notification;
pub mod owner;
pub mod policy;
pub mod post;
pub mod problem;
pub mod rhythm;
pub mod secret;
pub mod sentiment;
pub mod silence;
pub mod source;
pub mod topic;
pub mod trigger;
pub mod words;
