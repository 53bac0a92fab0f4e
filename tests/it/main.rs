//! The one integration-test binary.

mod escalation;
