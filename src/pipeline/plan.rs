//! What ingest goes by: the compiled queries and what is known of each source.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::SignedDuration;

use crate::domain::id::{SourceId, TopicId};
use crate::matching::Matcher;

/// The topic of what our own systems bring and no topic claims; the champion owns it.
pub const UNCLAIMED: &str = "unclaimed";

/// The built-in source of `earmark import`.
pub const IMPORT: &str = "import";
/// The built-in source of `earmark import --quiet`: its mentions wake nobody.
pub const IMPORT_QUIET: &str = "import-quiet";

/// Rules of one configuration, swapped whole at a reload.
pub struct Plan {
    /// All queries, compiled into one pass.
    pub matcher: Matcher,
    /// What is read.
    pub sources: BTreeMap<SourceId, SourcePlan>,
    /// Posts that are older than this by their site's date are not taken in.
    pub keep_text: SignedDuration,
}

/// What ingest knows of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePlan {
    /// Name of its kind.
    pub kind: &'static str,
    /// Every post of it is a mention of this topic.
    pub topic: Option<TopicId>,
    /// What no topic claims is the champion's, and is not skipped.
    pub ours: bool,
    /// Its mentions are recorded and wake nobody.
    pub quiet: bool,
}

/// A plan as it is passed around.
pub type SharedPlan = Arc<ArcSwap<Plan>>;
