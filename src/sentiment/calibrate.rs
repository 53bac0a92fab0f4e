//! Fitting one temperature. Written below.
pub const COLDEST: f64 = 0.25;
pub const HOTTEST: f64 = 4.0;
