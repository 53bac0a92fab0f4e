//! What a user can do, as functions.
