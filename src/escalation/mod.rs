//! Scored mention → escalation.
