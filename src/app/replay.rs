//! What the configuration in hand would have made of a file of posts: the real ingest and the
//! real steps over a store in memory and a clock whose hand is moved from post to post. Nothing is
//! stored, nobody is told, and nobody answers: it shows the worst case.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::live::{Live, Shared};
use super::reading::FileReading;
use super::start_scorer;
use crate::config::Config;
use crate::domain::escalation::Escalation;
use crate::domain::id::InstanceId;
use crate::domain::notification::{Notification, Reason};
use crate::domain::post::Post;
use crate::domain::sentiment::Counts;
use crate::escalation::EscalateTask;
use crate::pipeline::IMPORT;
use crate::pipeline::ingest::{Given, Ingest};
use crate::runtime::clock::{Clock, ManualClock};
use crate::runtime::stop::Stop;
use crate::runtime::task::{Nudge, Task};
use crate::store::memory::Memory;
use crate::store::{EscalationFilter, MentionFilter, NotificationFilter, Page, Row, Rows, Store};

/// Posts taken in at one instant of the clock where the file gives no dates.
const AT_ONCE: usize = 500;
/// How long after the last post the steps are followed.
const AFTERWARDS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Replayed {
    /// Posts read.
    pub posts: u64,
    /// Records that could not become a post.
    pub rejected: u64,
    /// Posts that became no mention, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Mentions by topic and polarity.
    pub topics: BTreeMap<String, Counts>,
    /// Escalations that would have opened.
    pub escalations: Vec<Escalation>,
    /// Messages that would have gone out, by reader and reason.
    pub messages: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// Posts a second, reading to recording.
    pub posts_per_second: f64,
}

/// Runs the posts of a file through `config`; what was forgotten, as its rows say, is left out.
///
/// # Errors
/// Where the file, the configuration or the model cannot be read.
pub async fn replay(
    config: &Config,
    file: &Path,
    forgotten: Vec<Row>,
    mut progress: impl FnMut(u64),
) -> anyhow::Result<Replayed> {
    let live = Live::build(config).map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let (shared, _) = Shared::new(live);
    let scorer = start_scorer(config).await?;
    let clock = ManualClock::new(Timestamp::now());
    let store: Arc<dyn Store> = Arc::new(Memory::new(InstanceId::new(clock.now())));
    store.load(forgotten).await?;
    let shared_clock = Arc::new(clock.clone());
    let ingest = Ingest::new(
        store.clone(),
        shared_clock.clone(),
        shared.plan.clone(),
        shared.desk.clone(),
        scorer,
        Nudge::new(),
        Nudge::new(),
    );
    let steps = EscalateTask::new(store.clone(), shared_clock, shared.desk.clone(), Nudge::new());
    let mut player = Player { store: store.clone(), clock, ingest, steps, stop: Stop::new() };
    let mut replayed = Replayed {
        posts: 0,
        rejected: 0,
        skipped: BTreeMap::new(),
        topics: BTreeMap::new(),
        escalations: Vec::new(),
        messages: BTreeMap::new(),
        posts_per_second: 0.0,
    };
    let began = Instant::now();
    let mut reading = FileReading::open(file)?;
    let mut is_first = true;
    while let Some((posts, rejects)) = reading.next().await? {
        replayed.rejected += rejects.len() as u64;
        replayed.posts += posts.len() as u64;
        // The file's own time, if it has one: else all of it happens now.
        if is_first && let Some(at) = posts.first().and_then(|post| post.created_at) {
            player.clock.set(at);
        }
        is_first = false;
        player.play(posts).await?;
        progress(replayed.posts);
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = replayed.posts as f64 / began.elapsed().as_secs_f64().max(1e-9);
    replayed.posts_per_second = rate;
    player.follow(player.clock.now() + AFTERWARDS).await?;
    summarise(&*store, &mut replayed).await?;
    Ok(replayed)
}

struct Player {
    store: Arc<dyn Store>,
    clock: ManualClock,
    ingest: Ingest,
    steps: EscalateTask,
    stop: Stop,
}

impl Player {
    async fn play(&mut self, posts: Vec<Post>) -> anyhow::Result<()> {
        let mut rest = posts.into_iter().peekable();
        while let Some(first) = rest.next() {
            let at = first.created_at.unwrap_or(self.clock.now());
            let mut together = vec![first];
            while together.len() < AT_ONCE
                && let Some(next) = rest.next_if(|next| next.created_at.is_none_or(|later| later <= at))
            {
                together.push(next);
            }
            self.follow(at).await?;
            let given = Given { posts: together, next_poll: at, ..Given::default() };
            self.ingest.take(&IMPORT.into(), given, &self.stop).await?;
            self.steps.run(self.clock.now(), &self.stop).await?;
        }
        Ok(())
    }

    /// Takes every step that is due until then, in order; the hand never goes back.
    async fn follow(&mut self, until: Timestamp) -> anyhow::Result<()> {
        while let Some(due) = self.store.next_due().await?.filter(|due| *due <= until) {
            if due > self.clock.now() {
                self.clock.set(due);
            }
            let before = self.store.next_due().await?;
            self.steps.run(self.clock.now(), &self.stop).await?;
            if self.store.next_due().await? == before {
                break;
            }
        }
        if until > self.clock.now() {
            self.clock.set(until);
        }
        Ok(())
    }
}

async fn summarise(store: &dyn Store, replayed: &mut Replayed) -> anyhow::Result<()> {
    for state in store.sources().await? {
        for (reason, count) in state.skipped {
            *replayed.skipped.entry(reason.as_str().into()).or_default() += count;
        }
    }
    every(
        |page| store.mentions(MentionFilter::default(), page),
        |mention| {
            let counts = replayed.topics.entry(mention.topic().to_string()).or_default();
            counts.add(mention.sentiment().polarity);
        },
    )
    .await?;
    every(
        |page| store.escalations(EscalationFilter::default(), page),
        |escalation| replayed.escalations.push(escalation),
    )
    .await?;
    every(
        |page| store.notifications(NotificationFilter::default(), page),
        |Notification { owner, reason, .. }| {
            let reasons = replayed.messages.entry(owner.to_string()).or_default();
            *reasons.entry(Reason::as_str(reason)).or_default() += 1;
        },
    )
    .await
}

/// Takes every row of a list, page by page.
async fn every<T, F>(mut ask: impl FnMut(Page) -> F, mut take: impl FnMut(T)) -> anyhow::Result<()>
where
    F: Future<Output = crate::store::Result<Rows<T>>>,
{
    let mut page = Page::first(1_000);
    loop {
        let found = ask(page.clone()).await?;
        found.rows.into_iter().for_each(&mut take);
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}
