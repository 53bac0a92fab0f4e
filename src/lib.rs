//! earmark listens for mentions of a brand, scores them on this machine, and makes sure that a
//! named owner hears of what matters in time, and that somebody else does when the owner stays
//! silent.
//!
//! ```text
//!  source ──post──▶ matching ──mention──▶ sentiment ──scored mention──▶ store
//!                                                          │
//!                                      trigger? ◀──────────┘
//!                                         │ escalation (owner, policy, deadline)
//!                                         ▼
//!                     digest ──────▶ outbox ──notification──▶ channel ──▶ person
//!                                         ▲                                  │
//!                                         └── acknowledge · reassign · resolve ◀┘
//! ```
//!
//! # The map, in the order in which data flows
//! * [`domain`]: the nouns; no IO, no clock. [`config`]: what the daemon is told.
//! * [`source`]: places that are read, over [`net`], the one guarded HTTP client.
//! * [`matching`]: post → mention. [`sentiment`]: mention → scored mention.
//! * [`pipeline`]: the three above, put together; writes to [`store`].
//! * [`escalation`]: scored mention → escalation, and its steps. [`notify`]: outbox → person.
//! * [`digest`]: the scheduled summary.
//! * [`api`]: what a user can do; [`web`] and [`cli`] call it. [`app`] builds and stops it all.
//! * [`runtime`] and [`telemetry`]: clock, tasks, stop; logs and metrics. They know no mention.
//!
//! # Four durable crossings; everything between them may be repeated
//! 0. **received**: what its sender will not offer again lies in the inbox before it is
//!    acknowledged;
//! 1. **recorded**: mentions, what their triggers cause, and the source's cursor;
//! 2. **stepped**: an escalation's new state and the outbox rows it causes;
//! 3. **attempted**: an outbox row, written as begun before it is sent, then how it ended.
//!
//! # Who may import whom
//! `domain` knows nobody, `runtime`, `telemetry` and `net` next to nobody; stages know `domain` and
//! what they stand on, never each other; nobody imports `app`, `web` or `cli`. `tests/it/tidy.rs`
//! holds the table and enforces it.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod digest;
pub mod domain;
pub mod escalation;
pub mod matching;
pub mod net;
pub mod notify;
pub mod pipeline;
pub mod runtime;
pub mod sentiment;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod web;
