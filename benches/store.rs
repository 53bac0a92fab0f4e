//! How many mentions are written down in a second, in recordings of 1, 32 and 256, each on disk
//! before it is answered. Peers in the same run: sled alone, which is given the mentions' bytes
//! and nothing else (no index, no check), and the store in memory, which is given all but a disk.
//! After them, in prose: how much room 20,000 mentions take, how long the store takes to open,
//! and what compaction gives back once half the texts are erased.
//!
//! `cargo bench --bench store`

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use earmark::domain::id::{InstanceId, MentionId, SourceId};
use earmark::domain::mention::{Field, Finding, Mention, RecordedMention, ScoredMention, Span};
use earmark::domain::notification::HoldReason;
use earmark::domain::post::{Post, PostKind};
use earmark::domain::sentiment::{Model, Probabilities, Sentiment};
use earmark::domain::source::SourceState;
use earmark::runtime::stop::Stop;
use earmark::store::memory::Memory;
use earmark::store::{Effects, Outcome, Recording, Retention, Row, Store, StoreError};
use earmark::store::{SledStore, compact};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const SIZES: [usize; 3] = [1, 32, 256];

/// Numbers the posts of a whole run.
static POSTS: AtomicU64 = AtomicU64::new(0);

fn main() {
    divan::main();
    let listing = std::env::args().any(|arg| arg == "--list" || arg == "--test");
    if !listing {
        runtime().block_on(room());
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// On a disk, not in a memory file system.
fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder")
}

fn now(n: u64) -> Timestamp {
    let millis = SignedDuration::from_millis(i64::try_from(n).expect("few"));
    Timestamp::from_second(1_772_000_000).expect("inside the range") + millis
}

fn mention() -> RecordedMention {
    let n = POSTS.fetch_add(1, Ordering::Relaxed);
    let text = "The Acme app lost my order again, and nobody at support has answered for three days. ";
    let probabilities = Probabilities { negative: 0.8, neutral: 0.15, positive: 0.05 };
    let model = Model { name: "word-list".into(), version: "1".into() };
    RecordedMention {
        scored: ScoredMention {
            mention: Mention {
                id: MentionId::new(now(n)),
                post: Post {
                    source: "forum".into(),
                    site: "forum.example".into(),
                    id: format!("post-{n}"),
                    version: format!("{n:x}"),
                    aliases: vec![format!("link:https://forum.example/{n}")],
                    kind: PostKind::Post,
                    url: Some(format!("https://forum.example/{n}")),
                    author: Some(format!("customer{}", n % 1_000)),
                    created_at: Some(now(n)),
                    title: None,
                    text: text.repeat(usize::try_from(n % 5).expect("small") + 1),
                    lang: Some("en".into()),
                    parent: None,
                    reach: Some(n % 100),
                    deleted: false,
                },
                topic: if n.is_multiple_of(3) { "acme".into() } else { "globex".into() },
                spans: vec![Span { field: Field::Text, start: 4, end: 8, term: "acme".into() }],
            },
            sentiment: Sentiment::judge(probabilities, 0.5, model),
        },
        recorded_at: now(n),
        updated_at: now(n),
        revision: 1,
        owner: "care".into(),
        routed_by: "owner of topic".into(),
        finding: Finding::Held(HoldReason::NoTrigger),
        correction: None,
        erased_at: None,
        erased_for: None,
    }
}

fn recording(source: &str, seen: u64, size: usize) -> Recording {
    let mut state = SourceState::new(SourceId::from(source), now(0));
    state.seen = seen;
    Recording {
        source: state,
        mentions: (0..size).map(|_| mention()).collect(),
        erased: Vec::new(),
        effects: Effects::default(),
        gaps: Vec::new(),
        inbox_through: None,
    }
}

async fn open(path: &Path) -> SledStore {
    let life = InstanceId::new(now(0));
    SledStore::open(path, life, Duration::from_secs(60), &Stop::new()).await.expect("the store opens")
}

fn record(bencher: Bencher<'_, '_>, store: &dyn Store, size: usize) {
    let runtime = runtime();
    let seen = AtomicU64::new(0);
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| recording("forum", seen.fetch_add(1, Ordering::Relaxed) + 1, size))
        .bench_local_values(|recording| {
            let outcome = runtime.block_on(store.record(recording)).expect("the store works");
            assert_eq!(outcome, Outcome::Done);
        });
}

#[divan::bench(args = SIZES)]
fn disk(bencher: Bencher<'_, '_>, size: usize) {
    let folder = folder();
    let store = runtime().block_on(open(folder.path()));
    record(bencher, &store, size);
}

#[divan::bench(args = SIZES)]
fn memory(bencher: Bencher<'_, '_>, size: usize) {
    record(bencher, &Memory::new(InstanceId::new(now(0))), size);
}

#[divan::bench(args = SIZES)]
fn sled_alone(bencher: Bencher<'_, '_>, size: usize) {
    let folder = folder();
    let db = sled::open(folder.path()).expect("sled opens");
    let pairs = || -> Vec<_> {
        let pair =
            |row: RecordedMention| (*row.id().as_bytes(), serde_json::to_vec(&row).expect("plain data"));
        (0..size).map(|_| pair(mention())).collect()
    };
    bencher.counter(ItemsCount::new(size)).with_inputs(pairs).bench_local_values(|pairs| {
        for (key, value) in pairs {
            db.insert(key, value).expect("writes");
        }
        db.flush().expect("flushes");
    });
}

/// Thirty-two sources that record one mention each at the same time: they share a flush.
#[divan::bench]
fn disk_32_sources_of_1(bencher: Bencher<'_, '_>) {
    let folder = folder();
    let runtime = runtime();
    let store = Arc::new(runtime.block_on(open(folder.path())));
    let seen = AtomicU64::new(0);
    let inputs = || {
        let seen = seen.fetch_add(1, Ordering::Relaxed) + 1;
        (0..32).map(|n| recording(&format!("forum{n}"), seen, 1)).collect::<Vec<_>>()
    };
    bencher.counter(ItemsCount::new(32_usize)).with_inputs(inputs).bench_local_values(|recordings| {
        let all = recordings.into_iter().map(|recording| store.record(recording));
        for outcome in runtime.block_on(futures::future::join_all(all)) {
            assert_eq!(outcome.expect("the store works"), Outcome::Done);
        }
    });
}

#[expect(clippy::print_stdout, reason = "a bench is read on the terminal")]
async fn room() {
    let folder = folder();
    let store = open(folder.path()).await;
    let kept = 20_000;
    for seen in 1..=kept / 250 {
        assert_eq!(store.record(recording("forum", seen, 250)).await.expect("works"), Outcome::Done);
    }
    let live = live_bytes(&store).await;
    let disk = store.size().await.expect("works").disk_bytes;
    println!("\n{kept} mentions: {live} bytes of rows, {disk} on disk, {:.1} to 1", ratio(disk, live));
    store.close().await.expect("closes");
    drop(store);
    let began = Instant::now();
    let store = open(folder.path()).await;
    println!("opening it takes {:?}", began.elapsed());
    let half = now(POSTS.load(Ordering::Relaxed) - kept / 2);
    let retention = Retention {
        text_before: half,
        topics: Vec::new(),
        sources: Vec::new(),
        terms: Vec::new(),
        refreshed: Vec::new(),
        rows_before: half,
        limit: 1_000,
        now: half,
    };
    while store.retain(retention.clone()).await.expect("works").more {}
    let live = live_bytes(&store).await;
    let disk = store.size().await.expect("works").disk_bytes;
    println!("half erased: {live} bytes of rows, {disk} on disk, {:.1} to 1", ratio(disk, live));
    store.close().await.expect("closes");
    drop(store);
    let began = Instant::now();
    let (before, after) = loop {
        match compact(folder.path(), now(0), &mut |_, _| ()) {
            // Threads of the store that was closed just now.
            Err(StoreError::Locked(_)) => std::thread::yield_now(),
            result => break result.expect("compacts"),
        }
    };
    println!(
        "compacting takes {:?}: {before} bytes become {after}, {:.1} to 1",
        began.elapsed(),
        ratio(after, live)
    );
    let began = Instant::now();
    open(folder.path()).await.ping().await.expect("well");
    println!("opening it then takes {:?}", began.elapsed());
}

/// Bytes of the rows as they are exported; indexes do not count.
async fn live_bytes(store: &dyn Store) -> u64 {
    let mut bytes = 0;
    let mut after = None;
    loop {
        let rows = store.rows(after, 1_000).await.expect("works");
        let length = |row: &Row| serde_json::to_string(row).expect("plain data").len() as u64;
        bytes += rows.rows.iter().map(length).sum::<u64>();
        after = rows.next;
        if after.is_none() {
            return bytes;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for a reader, to one decimal")]
fn ratio(disk: u64, live: u64) -> f64 {
    disk as f64 / live as f64
}
