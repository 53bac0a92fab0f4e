//! The one integration-test binary.

mod sentiment;
