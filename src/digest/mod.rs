//! The scheduled summary.
