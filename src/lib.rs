//! earmark listens for mentions of a brand, scores them on this machine, and makes sure that a
//! named owner hears of what matters in time, and that somebody else does when the owner stays
//! silent.

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
