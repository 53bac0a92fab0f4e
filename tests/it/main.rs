//! The one integration-test binary.

mod feed;
mod support;
