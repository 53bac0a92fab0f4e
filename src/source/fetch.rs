//! The polite GET.

/// Fetches politely.
pub struct Fetcher {}
