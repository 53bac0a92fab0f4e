//! The one integration-test binary.

mod hacker_news;
mod push_file;
