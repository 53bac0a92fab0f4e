//! The product, readable in one sitting: a [`poller`] (or an [`inbox`] reader) looks at a source,
//! [`ingest`] matches, scores, routes and records what it gave; [`coverage`] says what was not seen.
//!
//! # Properties wanted
//! * P2: a source's cursor moves in the transaction that stores its posts' effects. What lies
//!   between "given" and "recorded" lives in memory only and may be repeated at will.
//! * P3: a post version is recorded once. The same batch taken in twice changes nothing the
//!   second time but the counters.
//! * P5: a post that becomes no mention is counted with a reason; a mention that wakes nobody
//!   says why.
//!
//! # Races handled
//! * Two batches at once open a matter for the same group, or an owner acknowledges it meanwhile:
//!   the store answers `Conflict`, and ingest recalls, routes and decides again. Scores are kept,
//!   they do not depend on the store.
//! * One batch holds a post twice (an edit, a second GUID): it is cut into chunks in which every
//!   post is single, recorded one after the other; only the last moves the cursor.
//! * A reload between scoring and recording: the batch ends under the rules it began with.
//!
//! # Races accepted
//! * Tallies for spike triggers are read before the batch is recorded, so two batches at once may
//!   each miss the other's counts. The next mention sees both.
//! * A kill between two chunks leaves the first recorded and the cursor behind it; the posts come
//!   again and are known.

pub mod coverage;
pub mod inbox;
pub mod ingest;
mod matter;
pub mod notice;
mod plan;
pub mod poller;
pub mod recheck;
mod select;
#[cfg(test)]
mod tests;

pub use plan::{IMPORT, IMPORT_QUIET, Plan, SharedPlan, SourcePlan, UNCLAIMED};
