//! Kinds of sources as a whole: saved answers through the command, recorded answers of real services, terms,
//! and every kind against a site that fails in every way.

mod imap;
mod imap_server;
mod discourse;
mod github;
mod app_store;
mod fediverse;
mod lemmy;
mod bluesky;
mod facebook;
mod graph;
mod instagram;
mod linkedin;
mod lobsters;
mod mastodon;
mod outage;
mod parse;
mod recorded;
mod sql;
mod telegram;
mod served;
mod stack_exchange;
mod reddit;
mod visit;
mod youtube;
mod served;
mod threads;
mod x;
