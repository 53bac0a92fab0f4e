//! The one guarded HTTP client: who may be asked (no private network unless allowed), how much is
//! read, how long is waited, and who we say we are.

pub mod standard_webhooks;

/// The guarded client; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {}
