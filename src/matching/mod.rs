//! Post → mention.
