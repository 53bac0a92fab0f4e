//! What a configuration compiles to, and the handles through which a reload swaps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;

use super::check;
use crate::config::Config;
use crate::digest::task::Digests;
use crate::domain::id::{SourceId, TopicId};
use crate::domain::problem::{Problem, Problems};
use crate::escalation::Rules;
use crate::escalation::{Desk, SharedDesk};
use crate::matching::Matcher;
use crate::notify::ways::{SharedWays, Ways};
use crate::pipeline::{IMPORT, IMPORT_QUIET, Plan, SharedPlan, SourcePlan};
use crate::runtime::task::Nudge;
use crate::source::fetch::Keeper;
use crate::source::{self, Built, Push, Source};

/// What is read, as far as a reload must know whether it changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Which source.
    pub id: SourceId,
    /// Name of its kind.
    pub kind: &'static str,
    params: Value,
}

impl Reading {
    /// Name of its task.
    pub fn task(&self) -> String {
        format!("source {}", self.id)
    }
}

/// How it is read.
pub enum Reader {
    /// Asked again and again.
    Pull(Box<dyn Source>),
    /// Its inbox is read when nudged.
    Inbox(Nudge),
}

/// A configuration, compiled.
pub struct Live {
    pub(super) desk: Desk,
    plan: Plan,
    pub(super) ways: Ways,
    digests: Digests,
    pub(super) pulls: Vec<(Reading, Box<dyn Source>)>,
    pub(super) pushes: Vec<(Reading, Arc<dyn Push>)>,
}

impl Live {
    /// Compiles everything.
    ///
    /// # Errors
    /// Every fault of every stage.
    pub fn build(config: &Config) -> Result<Self, Problems> {
        Self::keeping(config, None)
    }

    /// The same, with what is asked of places written down.
    ///
    /// # Errors
    /// Every fault of every stage.
    pub fn keeping(config: &Config, keeper: Option<Arc<dyn Keeper>>) -> Result<Self, Problems> {
        let problems = check::faults(config);
        if problems.has_faults() {
            return Err(problems);
        }
        let tools = check::Tools::keeping(config, keeper)?;
        let matcher = Matcher::compile(&config.topics)?;
        let rules = Rules::compile(&config.triggers, &config.routes)?;
        let ways = Ways::build(&config.channels, &tools.notify)?;
        let mut plan = Plan { matcher, sources: BTreeMap::new(), keep_text: config.retention.text };
        let (mut pulls, mut pushes) = (Vec::new(), Vec::new());
        for settings in &config.sources {
            let Some(kind) = source::kind(&settings.kind) else { continue };
            let wanted = source::Settings { id: settings.id.clone(), params: settings.params.clone() };
            let reading =
                Reading { id: settings.id.clone(), kind: kind.name, params: settings.params.clone() };
            let built = (kind.build)(&wanted, &tools.source)
                .map_err(|why| Problems(vec![Problem::new(format!("sources[\"{}\"]", settings.id), why)]))?;
            let pushed = matches!(built, Built::Push(_));
            match built {
                Built::Pull(source) => pulls.push((reading, source)),
                Built::Push(push) => pushes.push((reading, Arc::from(push))),
            }
            plan.sources.insert(
                settings.id.clone(),
                SourcePlan {
                    kind: kind.name,
                    topic: settings.topic.clone(),
                    ours: settings.ours.unwrap_or(pushed),
                    quiet: false,
                },
            );
        }
        for (id, quiet) in [(IMPORT, false), (IMPORT_QUIET, true)] {
            plan.sources.insert(id.into(), SourcePlan { kind: "import", topic: None, ours: true, quiet });
        }
        let reach = ways.reach();
        let topics: BTreeMap<TopicId, _> =
            config.topics.iter().map(|topic| (topic.id.clone(), topic.clone())).collect();
        let desk = Desk {
            roster: config.roster.clone(),
            reach: reach.clone(),
            policies: config.policies.clone(),
            topics,
            rules,
        };
        let digests = Digests { plans: config.digests.clone(), roster: config.roster.clone(), reach };
        Ok(Self { desk, plan, ways, digests, pulls, pushes })
    }
}

/// Senders that may push, by source.
pub type Pushes = BTreeMap<SourceId, Arc<dyn Push>>;

/// What the parts hold; a reload swaps each content whole.
#[derive(Clone)]
pub struct Shared {
    /// For routing and steps.
    pub desk: SharedDesk,
    /// For ingest.
    pub plan: SharedPlan,
    /// For delivery.
    pub ways: SharedWays,
    /// For digests.
    pub digests: Arc<ArcSwap<Digests>>,
    /// For requests that bring posts.
    pub pushes: Arc<ArcSwap<Pushes>>,
    /// Wakes the reader of a source's inbox.
    pub inboxes: Arc<ArcSwap<BTreeMap<SourceId, Nudge>>>,
}

impl Shared {
    /// Handles on a first configuration, and what is to be read.
    pub fn new(live: Live) -> (Self, Vec<(Reading, Reader)>) {
        let Live { desk, plan, ways, digests, pulls, pushes } = live;
        let shared = Self {
            desk: Arc::new(ArcSwap::from_pointee(desk)),
            plan: Arc::new(ArcSwap::from_pointee(plan)),
            ways: Arc::new(ArcSwap::from_pointee(ways)),
            digests: Arc::new(ArcSwap::from_pointee(digests)),
            pushes: Arc::default(),
            inboxes: Arc::default(),
        };
        let readers = shared.readers(pulls, pushes);
        (shared, readers)
    }

    /// Puts a new configuration in place of the old; gives what is to be read now.
    pub fn swap(&self, live: Live) -> Vec<(Reading, Reader)> {
        let Live { desk, plan, ways, digests, pulls, pushes } = live;
        self.ways.store(Arc::new(ways));
        self.desk.store(Arc::new(desk));
        self.plan.store(Arc::new(plan));
        self.digests.store(Arc::new(digests));
        self.readers(pulls, pushes)
    }

    fn readers(
        &self,
        pulls: Vec<(Reading, Box<dyn Source>)>,
        pushes: Vec<(Reading, Arc<dyn Push>)>,
    ) -> Vec<(Reading, Reader)> {
        let old = self.inboxes.load();
        let nudge = |id: &SourceId| old.get(id).cloned().unwrap_or_default();
        let imports =
            [IMPORT, IMPORT_QUIET].map(|id| Reading { id: id.into(), kind: "import", params: Value::Null });
        let inboxes: BTreeMap<SourceId, Nudge> = pushes
            .iter()
            .map(|(reading, _)| reading)
            .chain(&imports)
            .map(|reading| (reading.id.clone(), nudge(&reading.id)))
            .collect();
        let mut readers: Vec<(Reading, Reader)> =
            pulls.into_iter().map(|(reading, source)| (reading, Reader::Pull(source))).collect();
        readers.extend(pushes.iter().map(|(reading, _)| reading).chain(&imports).map(|reading| {
            (reading.clone(), Reader::Inbox(inboxes.get(&reading.id).cloned().unwrap_or_default()))
        }));
        self.pushes.store(Arc::new(pushes.into_iter().map(|(reading, push)| (reading.id, push)).collect()));
        self.inboxes.store(Arc::new(inboxes));
        readers
    }
}
