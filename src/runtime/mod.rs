//! What keeps a long-running process going, and knows nothing of mentions: the clock, the task
//! driver, the stop token, back-off, secrets, the talk with systemd.

pub mod backoff;
pub mod clock;
pub mod secret;
pub mod stage;
pub mod stop;
pub mod systemd;
pub mod task;
