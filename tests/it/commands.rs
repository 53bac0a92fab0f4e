//! The commands, as a person types them: the real binary over a configuration and a store of its
//! own, with a daemon and without.

mod accounts;
mod check;
mod compaction;
mod correct;
mod desk;
mod forget;
mod help;
mod model;
mod posts;
pub mod scene;
mod store;
