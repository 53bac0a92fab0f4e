//! The store on this machine's disk, over sled 0.34. Nothing outside this folder knows of sled.
//!
//! # Properties wanted, and what they rest on
//! * **A change is whole or absent after a crash.** One tree holds everything, and a change is
//!   one `Tree::apply_batch`. In sled 0.34.7 that begins with `PageCache::pin_log`, which
//!   reserves a manifest in the log *before* any page of the batch is written, and ends with
//!   `RecoveryGuard::seal_batch`, which writes into that manifest the last log position reserved
//!   so far (`pagecache/mod.rs`). When the log is read back after a crash and the contiguous part
//!   of it ends before that position, recovery stops at the manifest (`pagecache/iterator.rs`),
//!   so no page of a batch that was cut off is seen. Batches over several trees need a
//!   transaction; one tree does not, and a transaction's closure could run twice.
//! * **Done means on disk.** We flush before every answer, once for all changes that wait
//!   ([`writer`]), and sync the file besides, because sled's flush is less than that
//!   ([`open::Engine::flush`]).
//! * **A change is decided on the newest.** There is one writer, and it decides.
//! * **A kill while opening keeps nobody out.** sled refuses a folder whose making was cut off,
//!   and takes a snapshot that it had half written for its newest. A new store is made beside and
//!   renamed, and such leftovers are removed under our lock before sled looks ([`open`]).
//! * **Room is given back** by nobody until [`compact`]; DESIGN §7.
//! * **The past can be read.** Values bear versions ([`value`]), the folder bears a format
//!   ([`open`]).
//!
//! # Accepted
//! * A page of rows is not a snapshot: an index entry whose row went away in between is passed
//!   over. [`Store::verify`] and [`Store::rows`] want a store at rest.
//! * sled panics on some damaged files. Opening catches that and says so; a panic of the writer
//!   ends it, every later change fails, and the watchdog, which asks [`Store::ping`], restarts
//!   the daemon.

mod compact;
mod effects;
mod forget;
mod judged;
mod keys;
mod open;
mod read;
mod record;
mod retain;
mod rows;
mod transfer;
mod txn;
mod value;
mod verify;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Attempted, Calibrating, Correcting, Effects, EscalationFilter, MentionFilter, NotificationFilter,
    OutboxDepth, Outcome, Page, PostName, Recalled, Recording, Result, Retained, Retention, Row, Rows, Size,
    Store, StoreError, Tally, Verified,
};
use crate::domain::correction::Calibration;
use crate::domain::digest::{DigestRun, Window};
use crate::domain::escalation::{Escalation, GroupKey};
use crate::domain::event::{ChainedEvent, Event};
use crate::domain::id::{
    DigestId, EscalationId, InstanceId, MentionId, NotificationId, SilenceId, SourceId, TopicId,
};
use crate::domain::mention::RecordedMention;
use crate::domain::note::Note;
use crate::domain::notification::{Hold, Notification};
use crate::domain::post::Post;
use crate::domain::silence::Silence;
use crate::domain::source::{Blind, SourceState};
use crate::runtime::stop::Stop;

pub use compact::{compact, compact_while};
use keys::{Key, Sort};
use open::Engine;
use txn::Txn;
use writer::Writer;

/// How long to wait between two tries at the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A store on disk.
pub struct SledStore {
    instance: InstanceId,
    /// None once closed. Held for a look only, never across an await.
    open: RwLock<Option<Open>>,
}

struct Open {
    engine: Arc<Engine>,
    writer: Writer,
    thread: JoinHandle<()>,
}

impl SledStore {
    /// Opens the store in the folder `path`, creating it (for the owner only) if there is none.
    /// Waits up to `wait_for_lock` for another process to let go of it, or until told to stop.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process keeps it; [`StoreError::Unreadable`] if a newer
    /// earmark wrote it.
    pub async fn open(
        path: impl Into<PathBuf>,
        instance: InstanceId,
        wait_for_lock: Duration,
        stop: &Stop,
    ) -> Result<Self> {
        let path: PathBuf = path.into();
        let began = Instant::now();
        let mut said = false;
        let engine = loop {
            match open_once(&path, instance).await {
                Err(error @ StoreError::Locked(_))
                    if began.elapsed() < wait_for_lock && !stop.is_stopped() =>
                {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!("{error}; waiting up to {wait_for_lock:?} for it");
                    }
                    let _ = stop.or(tokio::time::sleep(LOCK_PAUSE)).await;
                }
                result => break Arc::new(result?),
            }
        };
        let engine_instance = engine.instance;
        let (writer, thread) = Writer::start(Arc::clone(&engine))
            .map_err(|error| engine.failed("start its writer's thread", error))?;
        Ok(Self { instance: engine_instance, open: RwLock::new(Some(Open { engine, writer, thread })) })
    }

    fn engine(&self) -> Result<Arc<Engine>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| Arc::clone(&open.engine)).ok_or(StoreError::Closed)
    }

    fn writer(&self) -> Result<Writer> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| open.writer.clone()).ok_or(StoreError::Closed)
    }

    /// Reads on a thread that may block: a page that is not in the cache comes from the disk.
    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Txn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let engine = self.engine()?;
        let place = engine.place.clone();
        blocking(place, "read", move || ask(&engine.txn())).await
    }

    async fn decide(
        &self,
        decide: impl FnOnce(&mut Txn<'_>) -> Result<Outcome> + Send + 'static,
    ) -> Result<Outcome> {
        let change = |txn: &mut Txn<'_>| decide(txn).map(|outcome| (outcome, outcome == Outcome::Done));
        self.writer()?.change(change).await
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Txn<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer()?.change(|txn| write(txn).map(|answer| (answer, true))).await
    }
}

async fn open_once(path: &Path, instance: InstanceId) -> Result<Engine> {
    let owned = path.to_owned();
    blocking(path.display().to_string(), "open", move || open::open(&owned, instance)).await
}

/// Runs work that blocks; a panic of the engine becomes an error.
async fn blocking<T: Send + 'static>(
    place: String,
    doing: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(open::failed(
            &place,
            doing,
            "the engine panicked, so its files may be damaged; keep a copy of the folder and go back to the last `store export`",
        )),
        // The runtime is shutting down.
        Err(_) => Err(StoreError::Closed),
    }
}

#[async_trait]
impl Store for SledStore {
    fn instance(&self) -> InstanceId {
        self.instance
    }

    async fn receive(&self, posts: Vec<Post>) -> Result<u64> {
        self.write(move |txn| txn.receive(&posts)).await
    }

    async fn inbox(&self, source: SourceId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Post)>> {
        self.read(move |txn| txn.inbox(&source, after, limit)).await
    }

    async fn source(&self, id: SourceId) -> Result<Option<SourceState>> {
        self.read(move |txn| txn.get(&Key::of(Sort::Source).text(id.as_str()))).await
    }

    async fn sources(&self) -> Result<Vec<SourceState>> {
        self.read(|txn| txn.every(Sort::Source)).await
    }

    async fn recall(&self, source: SourceId, names: Vec<PostName>) -> Result<Vec<Option<Recalled>>> {
        self.read(move |txn| names.iter().map(|name| txn.recall(&source, name)).collect()).await
    }

    async fn record(&self, recording: Recording) -> Result<Outcome> {
        self.decide(move |txn| txn.record(recording)).await
    }

    async fn mention(&self, id: MentionId) -> Result<Option<RecordedMention>> {
        self.read(move |txn| txn.mention(id)).await
    }

    async fn mentions(&self, filter: MentionFilter, page: Page) -> Result<Rows<RecordedMention>> {
        self.read(move |txn| txn.mentions(&filter, &page)).await
    }

    async fn tallies(&self, topic: TopicId, window: Window) -> Result<Vec<Tally>> {
        self.read(move |txn| txn.tallies(&topic, window)).await
    }

    async fn gaps(&self, window: Window) -> Result<Vec<Blind>> {
        self.read(move |txn| txn.gaps(window)).await
    }

    async fn escalation(&self, id: EscalationId) -> Result<Option<Escalation>> {
        self.read(move |txn| txn.escalation(id)).await
    }

    async fn escalations(&self, filter: EscalationFilter, page: Page) -> Result<Rows<Escalation>> {
        self.read(move |txn| txn.escalations(&filter, &page)).await
    }

    async fn group(&self, group: GroupKey) -> Result<Option<Escalation>> {
        self.read(move |txn| txn.group(&group)).await
    }

    async fn mentions_of(&self, id: EscalationId, page: Page) -> Result<Rows<RecordedMention>> {
        self.read(move |txn| txn.mentions_of(id, &page)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Escalation>> {
        self.read(move |txn| txn.due(now, limit)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.read(|txn| txn.earliest(Sort::Due)).await
    }

    async fn step(&self, effects: Effects) -> Result<Outcome> {
        self.decide(move |txn| txn.effects(effects)).await
    }

    async fn holds(&self, window: Window, page: Page) -> Result<Rows<Hold>> {
        self.read(move |txn| txn.holds(window, &page)).await
    }

    async fn silence(&self, silence: Silence) -> Result<()> {
        self.write(move |txn| {
            txn.put(Key::of(Sort::Silence).id(silence.id.as_bytes()), &silence);
            Ok(())
        })
        .await
    }

    async fn silences(&self, id: Option<SilenceId>, now: Timestamp) -> Result<Vec<Silence>> {
        self.read(move |txn| match id {
            Some(id) => Ok(txn.get(&Key::of(Sort::Silence).id(id.as_bytes()))?.into_iter().collect()),
            None => txn.silences(now),
        })
        .await
    }

    async fn lease(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Notification>> {
        self.write(move |txn| txn.lease(now, until, limit)).await
    }

    async fn begin(&self, id: NotificationId) -> Result<Outcome> {
        self.decide(move |txn| txn.begin(id)).await
    }

    async fn finish(
        &self,
        id: NotificationId,
        at: Timestamp,
        how: Attempted,
        effects: Effects,
    ) -> Result<Outcome> {
        self.decide(move |txn| txn.finish(id, at, how, effects)).await
    }

    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        self.read(move |txn| txn.notification(id)).await
    }

    async fn notifications(&self, filter: NotificationFilter, page: Page) -> Result<Rows<Notification>> {
        self.read(move |txn| txn.notifications(&filter, &page)).await
    }

    async fn next_ready(&self) -> Result<Option<Timestamp>> {
        self.read(|txn| txn.earliest(Sort::Ready)).await
    }

    async fn outbox(&self, now: Timestamp) -> Result<OutboxDepth> {
        self.read(move |txn| txn.outbox(now)).await
    }

    async fn correct(&self, correcting: Correcting) -> Result<Outcome> {
        self.decide(move |txn| txn.correct(correcting)).await
    }

    async fn calibrate(&self, calibrating: Calibrating) -> Result<Outcome> {
        self.decide(move |txn| txn.calibrate(calibrating)).await
    }

    async fn calibrations(&self) -> Result<Vec<Calibration>> {
        self.read(|txn| txn.every(Sort::Calibration)).await
    }

    async fn keep(&self, notes: Vec<Note>) -> Result<()> {
        self.write(move |txn| {
            notes.iter().for_each(|note| txn.put_note(note));
            Ok(())
        })
        .await
    }

    async fn note(&self, name: String) -> Result<Option<Note>> {
        self.read(move |txn| txn.get(&Key::of(Sort::Note).text(&name))).await
    }

    async fn notes(&self) -> Result<Vec<Note>> {
        self.read(|txn| txn.every(Sort::Note)).await
    }

    async fn last_digest(&self, id: DigestId) -> Result<Option<DigestRun>> {
        self.read(move |txn| txn.last_digest(&id)).await
    }

    async fn digest(
        &self,
        run: DigestRun,
        notifications: Vec<Notification>,
        events: Vec<Event>,
    ) -> Result<Outcome> {
        self.decide(move |txn| txn.digest(&run, &notifications, events)).await
    }

    async fn events(&self, after: Option<(InstanceId, u64)>, limit: usize) -> Result<Vec<ChainedEvent>> {
        self.read(move |txn| txn.events(after, limit)).await
    }

    async fn retain(&self, retention: Retention) -> Result<Retained> {
        self.write(move |txn| txn.retain(&retention)).await
    }

    async fn rows(&self, after: Option<String>, limit: usize) -> Result<Rows<Row>> {
        self.read(move |txn| txn.rows(after.as_deref(), limit)).await
    }

    async fn load(&self, rows: Vec<Row>) -> Result<()> {
        self.write(move |txn| rows.into_iter().try_for_each(|row| txn.load(row))).await
    }

    async fn verify(&self) -> Result<Verified> {
        self.read(|txn| txn.verify()).await
    }

    async fn size(&self) -> Result<Size> {
        let engine = self.engine()?;
        let place = engine.place.clone();
        blocking(place, "measure", move || {
            let disk_bytes = engine.db.size_on_disk().map_err(|error| engine.failed("measure", error))?;
            let txn = engine.txn();
            Ok(Size {
                disk_bytes,
                live_bytes: None,
                mentions: txn.get(&Key::of(Sort::MentionCount))?.unwrap_or(0),
                erased_since: txn.get(&Key::of(Sort::ErasedSince))?,
                compacted_at: txn.get(&Key::of(Sort::CompactedAt))?,
            })
        })
        .await
    }

    async fn ping(&self) -> Result<()> {
        // Through the writer, so that a writer that hangs or is gone is not taken for well.
        self.decide(|txn| txn.has(&Key::of(Sort::Format)).map(|_| Outcome::Done)).await.map(drop)
    }

    async fn close(&self) -> Result<()> {
        let open = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        let Open { engine, writer, thread } = open.ok_or(StoreError::Closed)?;
        drop(writer);
        let place = engine.place.clone();
        blocking(place, "close", move || {
            thread.join().map_err(|_| engine.failed("close", "its writer had panicked"))?;
            engine.flush()
        })
        .await
    }
}

#[cfg(test)]
mod tests;
