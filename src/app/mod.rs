//! Composition root: builds every part from a checked configuration, starts them in the order in
//! which they need each other, and stops them in the order in which data flows.
//!
//! Start: store, model, rules and ways (all from one [`live::Live`]), tasks, listeners. Only when
//! all of them are up does systemd hear `READY`.
//!
//! Stop, inside [`STOP_WITHIN`]: listeners close, so nothing new is accepted; the stop token ends
//! every task after the unit in hand; the scorer ends when nobody holds it; the store is flushed
//! and closed. A step that overruns is left behind and said so: the four crossings hold at a kill
//! too, so a slow stop costs a repeat and no data.

pub mod alarms;
pub mod audit;
pub mod check;
pub mod compaction;
pub mod demand;
pub mod live;
pub mod memory;
pub mod money;
pub mod offline;
pub mod reading;
pub mod render;
pub mod replay;
pub mod trials;
pub mod upkeep;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::api::Api;
use crate::config::{ClassifierKind, Config, SentimentSettings};
use crate::digest::task::DigestTask;
use crate::domain::id::InstanceId;
use crate::domain::problem::Problems;
use crate::escalation::EscalateTask;
use crate::notify::deliver::{DeliverTask, PER_MINUTE, RosterNow};
use crate::notify::link::Links;
use crate::pipeline::inbox::InboxReader;
use crate::pipeline::ingest::Ingest;
use crate::pipeline::poller::Poller;
use crate::runtime::clock::SharedClock;
use crate::runtime::stop::Stop;
use crate::runtime::task::{Driver, Nudge};
use crate::sentiment::bert::Bert;
use crate::sentiment::scorer::Scorer;
use crate::sentiment::word_list::WordList;
use crate::sentiment::{Classifier, location};
use crate::store::Store;
use crate::telemetry::metrics;
use crate::web;

use live::{Live, Reading};

/// Below systemd's own limit (`TimeoutStopSec`), so that we end by ourselves.
pub const STOP_WITHIN: Duration = Duration::from_secs(18);
/// What of it is kept for closing the store.
const CLOSE_WITHIN: Duration = Duration::from_secs(4);
/// A store that takes longer for a yes hangs: a slow disk's worst is a second or two.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A model that takes longer for a batch hangs: the slowest machine needs seconds.
const BATCH_WITHIN: Duration = Duration::from_secs(120);
/// How long the store's lock is waited for: a predecessor may still be closing.
const LOCK_WITHIN: Duration = Duration::from_secs(10);

/// Why there is no pulse.
#[derive(Debug)]
pub enum Silent {
    /// It may come back: slow, stuck, in trouble.
    Late(String),
    /// It does not come back in this process.
    Gone(String),
}

/// What the process gives the daemon.
pub struct Deps {
    /// What time it is.
    pub clock: SharedClock,
    /// Pulled when the process is told to end.
    pub stop: Stop,
    /// Where the unix socket is made; none: nowhere.
    pub socket: Option<PathBuf>,
}

/// A running daemon.
pub struct App {
    /// What a user can do.
    pub api: Arc<Api>,
    /// Where pages are served.
    pub web_addr: Option<SocketAddr>,
    /// Where commands are served.
    pub socket: Option<PathBuf>,
    driver: Arc<Driver>,
    stop: Stop,
    store: Arc<dyn Store>,
    scorer: Scorer,
    shared: live::Shared,
    ingest: Arc<Ingest>,
    nudges: Nudges,
    reading: Mutex<Vec<Reading>>,
    listeners: web::Listeners,
}

/// The handles that wake tasks; they exist before the tasks do.
#[derive(Clone, Default)]
pub struct Nudges {
    /// Steps.
    pub escalate: Nudge,
    /// Sends.
    pub deliver: Nudge,
    /// Makes digests.
    pub digest: Nudge,
    /// Copies the accountability record.
    pub audit: Nudge,
}

impl App {
    /// Starts everything. On an error nothing is left running.
    ///
    /// # Errors
    /// What could not be started and why.
    pub async fn start(config: Config, deps: Deps) -> anyhow::Result<Self> {
        let metrics = metrics::install()?;
        let now = deps.clock.now();
        let instance = InstanceId::new(now);
        let store = compaction::open(&config.store_path, instance, now, &deps.stop).await;
        let store: Arc<dyn Store> =
            Arc::new(store.with_context(|| {
                format!("the store in {} could not be opened", config.store_path.display())
            })?);
        let scorer = start_scorer(&config).await?;
        memory::budgets(&*store).await?;
        let live = Live::keeping(&config, Some(Arc::new(memory::InStore(store.clone()))))
            .map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let driver = Arc::new(Driver::new(deps.clock.clone(), deps.stop.clone()));
        let nudges = Nudges::default();
        let links = Arc::new(Links::open(&config.store_path, &links_base(&config))?);
        let (shared, reading) = live::Shared::new(live);
        let ingest = Arc::new(Ingest::new(
            store.clone(),
            deps.clock.clone(),
            shared.plan.clone(),
            shared.desk.clone(),
            scorer.clone(),
            nudges.escalate.clone(),
            nudges.deliver.clone(),
        ));
        let pushed: Vec<_> = shared.pushes.load().keys().cloned().collect();
        memory::wake(&*store, &ingest, &pushed, now).await?;
        let config = Arc::new(ArcSwap::from_pointee(config));
        let api = Arc::new(Api {
            store: store.clone(),
            clock: deps.clock.clone(),
            desk: shared.desk.clone(),
            plan: shared.plan.clone(),
            ways: shared.ways.clone(),
            digests: shared.digests.clone(),
            pushes: shared.pushes.clone(),
            config,
            scorer: Some(scorer.clone()),
            driver: Some(driver.clone()),
            links: links.clone(),
            escalate: nudges.escalate.clone(),
            deliver: nudges.deliver.clone(),
            inboxes: shared.inboxes.clone(),
            started_at: now,
            metrics: Some(metrics),
        });
        api.use_calibration().await?;
        let listeners = web::listen(api.clone(), deps.socket.clone(), deps.stop.clone()).await?;
        let app = Self {
            web_addr: listeners.web_addr(),
            socket: deps.socket,
            api,
            driver,
            stop: deps.stop,
            store,
            scorer,
            shared,
            ingest,
            nudges,
            reading: Mutex::new(Vec::new()),
            listeners,
        };
        app.start_tasks(links);
        app.read(reading);
        Ok(app)
    }

    fn start_tasks(&self, links: Arc<Links>) {
        let clock = self.api.clock.clone();
        self.driver.start(
            "escalate",
            self.nudges.escalate.clone(),
            EscalateTask::new(
                self.store.clone(),
                clock.clone(),
                self.shared.desk.clone(),
                self.nudges.deliver.clone(),
            ),
        );
        let render = Arc::new(render::Words::new(self.api.clone(), links));
        let desk = self.shared.desk.clone();
        let roster: RosterNow = Arc::new(move || desk.load().roster.clone());
        self.driver.start(
            "deliver",
            self.nudges.deliver.clone(),
            DeliverTask::new(
                self.store.clone(),
                clock,
                self.shared.ways.clone(),
                roster,
                render,
                self.nudges.escalate.clone(),
                PER_MINUTE,
            ),
        );
        self.driver.start(
            "digest",
            self.nudges.digest.clone(),
            DigestTask {
                store: self.store.clone(),
                digests: self.shared.digests.clone(),
                deliver: self.nudges.deliver.clone(),
            },
        );
        self.driver.start("upkeep", Nudge::new(), upkeep::Upkeep::new(self.api.clone()));
        let log = self.api.config.load().store_path.join("audit.jsonl");
        self.driver.start("audit", self.nudges.audit.clone(), audit::AuditTask::new(self.store.clone(), log));
    }

    /// Starts reading what is new or changed, and ends what is gone.
    fn read(&self, wanted: Vec<(Reading, live::Reader)>) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: Vec<Reading> =
            wanted.iter().map(|(one, _)| one.clone()).filter(|one| reading.contains(one)).collect();
        for gone in reading.iter().filter(|one| !kept.contains(one)) {
            self.driver.end(&gone.task());
        }
        let mut now_reading = Vec::new();
        for (one, reader) in wanted {
            if !kept.contains(&one) {
                let ingest = self.ingest.clone();
                let id = one.id.clone();
                match reader {
                    live::Reader::Pull(source) => {
                        let is_changed = reading.iter().any(|other| other.id == id);
                        let poller = Poller::new(id, one.kind, source, ingest);
                        let poller = if is_changed { poller.anew() } else { poller };
                        self.driver.start(one.task(), Nudge::new(), poller);
                    }
                    live::Reader::Inbox(nudge) => {
                        let store = self.store.clone();
                        self.driver.start(one.task(), nudge, InboxReader::new(id, one.kind, store, ingest));
                    }
                }
            }
            now_reading.push(one);
        }
        *reading = now_reading;
    }

    /// Takes a new configuration, whole or not at all.
    ///
    /// # Errors
    /// Every fault; then the old configuration stays.
    pub fn reload(&self, config: Config) -> Result<(), Problems> {
        let old = self.api.config.load();
        let keeper = Arc::new(memory::InStore(self.store.clone()));
        let live = match Live::keeping(&config, Some(keeper)) {
            Ok(live) => live,
            Err(problems) => {
                metrics::config_reload("refused");
                return Err(problems);
            }
        };
        if config.store_path != old.store_path || config.web.listen != old.web.listen {
            tracing::warn!(
                "[store] path and [web] listen are read at the start only: restart to change them"
            );
        }
        let (was, is) = (&old.sentiment, &config.sentiment);
        let fixed = |settings: &SentimentSettings| SentimentSettings { floor: 0.0, ..settings.clone() };
        if fixed(was) != fixed(is) {
            tracing::warn!(
                "of [sentiment] only the floor is read again: restart to change the classifier, its model, its threads or its cache"
            );
        }
        self.scorer.set_floor(config.sentiment.floor);
        self.api.config.store(Arc::new(config));
        let wanted = self.shared.swap(live);
        self.read(wanted);
        for nudge in [&self.nudges.escalate, &self.nudges.deliver, &self.nudges.digest] {
            nudge.nudge();
        }
        metrics::config_reload("taken");
        Ok(())
    }

    /// Whether every task sleeps towards a time that has not come.
    pub fn is_idle(&self) -> bool {
        self.driver.is_idle()
    }

    /// Whether store and scorer answer: what the watchdog feeds on.
    ///
    /// # Errors
    /// Who does not, and whether that can pass.
    pub async fn pulse(&self) -> Result<(), Silent> {
        if !self.scorer.is_alive() {
            return Err(Silent::Gone("the scorer's thread has ended".into()));
        }
        if let Some(busy) = self.scorer.busy_for().filter(|busy| *busy > BATCH_WITHIN) {
            return Err(Silent::Late(format!("the scorer has been at one batch for {busy:.0?}")));
        }
        match tokio::time::timeout(ANSWER_WITHIN, self.store.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Silent::Late(format!("the store does not answer: {error}"))),
            Err(_) => Err(Silent::Late(format!("the store has not answered for {ANSWER_WITHIN:?}"))),
        }
    }

    /// Ends everything in the order in which data flows. Call once the stop token is pulled (it
    /// pulls it otherwise).
    pub async fn stop(self) {
        let began = Timestamp::now();
        self.stop.stop();
        let Self { driver, store, scorer, listeners, api, ingest, .. } = self;
        let clock = api.clock.clone();
        // A poll that waits for a long call's verdicts would else outlast the limit.
        scorer.hurry();
        let orderly = async move {
            listeners.closed().await;
            driver.ended().await;
            drop((api, ingest));
            scorer.stop().await;
        };
        let work_within = STOP_WITHIN - CLOSE_WITHIN;
        if tokio::time::timeout(work_within, orderly).await.is_err() {
            tracing::warn!(
                "not everything ended within {work_within:?}; what was in hand will be done again"
            );
        }
        let closed = async {
            memory::alive(&*store, clock.now()).await?;
            store.close().await
        };
        match tokio::time::timeout(CLOSE_WITHIN, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the store could not be closed: {error}"),
            Err(_) => tracing::error!("the store did not close within {CLOSE_WITHIN:?}"),
        }
        tracing::info!(duration_ms = Timestamp::now().duration_since(began).as_millis(), "stopped");
    }
}

/// What links in messages begin with: the public address, else the one on this machine.
fn links_base(config: &Config) -> String {
    let local = config.web.listen.map(|listen| format!("http://{listen}"));
    config.web.public_url.clone().or(local).unwrap_or_default()
}

async fn start_scorer(config: &Config) -> anyhow::Result<Scorer> {
    let settings = config.sentiment.clone();
    let (floor, cache) = (settings.floor, settings.cache);
    let build = move || -> Result<Box<dyn Classifier>, crate::sentiment::ScoreError> {
        Ok(match settings.classifier {
            ClassifierKind::WordList => Box::new(WordList::new()),
            ClassifierKind::Bert => {
                let folder = location::find(settings.model.as_deref())?;
                Box::new(Bert::load(&folder, settings.threads)?)
            }
        })
    };
    Ok(Scorer::remembering(build, floor, cache).await?)
}
