//! A policy: ordered steps, each of which tells somebody and then waits.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::duration;
use super::id::{OwnerId, PolicyId};

/// Whom a step tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tell {
    /// The routed owner.
    Owner,
    /// Who stands in for the routed owner.
    Deputy,
    /// Who answers for everything else.
    Champion,
    /// An owner by name.
    Named(OwnerId),
}

/// One step. The first name in `tell` becomes accountable; the others are informed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Whom to tell; never empty once checked.
    pub tell: Vec<Tell>,
    /// How long to wait for an acknowledgement, in the working hours of whom it made accountable.
    #[serde(with = "duration::text")]
    pub wait: SignedDuration,
}

/// Ordered steps of an escalation. An escalation keeps the one it was opened with: a reload does
/// not move the deadlines of open matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name in the configuration.
    pub id: PolicyId,
    /// In this order; never empty once checked.
    pub steps: Vec<Step>,
    /// How many further rounds after the first.
    pub repeat: u32,
    /// How long an acknowledgement holds the steps.
    #[serde(with = "duration::text")]
    pub acknowledgement_lasts: SignedDuration,
    /// By when the matter should be closed; past it, a notice goes to who answers and the digest
    /// says so.
    #[serde(with = "duration::text")]
    pub resolve_within: SignedDuration,
}
