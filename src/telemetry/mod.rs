//! Tracing set-up and every metric name once.
