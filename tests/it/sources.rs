//! Kinds of sources as a whole: saved answers through the command, recorded answers of real services, terms,
//! and every kind against a site that fails in every way.

mod app_store;
mod bluesky;
mod dev_to;
mod discourse;
mod facebook;
mod fediverse;
mod github;
mod google_play;
mod graph;
mod imap;
mod imap_server;
mod instagram;
mod json;
mod kept;
mod lemmy;
mod linkedin;
mod lobsters;
mod mastodon;
mod nostr;
mod outage;
mod parse;
mod product_hunt;
mod recorded;
mod reddit;
mod served;
mod sql;
mod stack_exchange;
mod steam;
mod telegram;
mod threads;
mod trustpilot;
mod visit;
mod x;
mod youtube;
