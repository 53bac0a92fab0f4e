//! Fake servers and scenes shared by the tests.

pub mod certificates;
pub mod clock;
pub mod daemon;
pub mod fake_jetstream;
pub mod fake_relay;
pub mod fake_site;
pub mod fake_smtp;
pub mod fake_socket;
pub mod files;
pub mod sink;
