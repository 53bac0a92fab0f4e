//! The one integration-test binary.

mod matching;
mod config;
mod escalation;
mod sentiment;
mod feed;
mod hacker_news;
mod push_file;
mod support;
mod store_conformance;
mod notify;
mod support;
