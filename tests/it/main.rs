//! The one integration-test binary.

mod notify;
mod support;
