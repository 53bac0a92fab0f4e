//! The one integration-test binary.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "tests say what they skipped, and may panic")]

mod commands;
mod config;
mod escalation;
mod explained;
mod feed;
mod hacker_news;
mod language;
mod matching;
mod notify;
mod pages;
mod parity;
mod promises;
mod push_file;
mod quiet;
mod real_servers;
mod sentiment;
mod service;
mod site;
mod socket;
mod sources;
mod store_conformance;
mod support;
mod tidy;
mod torture;
mod world;
