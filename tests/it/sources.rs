//! Kinds of sources as a whole: saved answers through the command, recorded answers of real services, terms,
//! and every kind against a site that fails in every way.

mod app_store;
mod bluesky;
mod discourse;
mod facebook;
mod fediverse;
mod github;
mod graph;
mod imap;
mod imap_server;
mod instagram;
mod kept;
mod lemmy;
mod linkedin;
mod lobsters;
mod mastodon;
mod outage;
mod parse;
mod recorded;
mod reddit;
mod served;
mod sql;
mod stack_exchange;
mod telegram;
mod threads;
mod visit;
mod x;
mod youtube;
