//! The one integration-test binary.

mod feed;
mod hacker_news;
mod push_file;
mod support;
