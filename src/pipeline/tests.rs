//! Ingest against a store in memory: what must hold whatever a source gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::inbox::InboxReader;
use super::ingest::{Given, Ingest};
use super::{Plan, SharedPlan, SourcePlan};
use crate::domain::channel::Reach;
use crate::domain::digest::Window;
use crate::domain::erasure::ErasedFor;
use crate::domain::escalation::Severity;
use crate::domain::event::What;
use crate::domain::id::{InstanceId, SourceId};
use crate::domain::mention::RecordedMention;
use crate::domain::owner::{Owner, Roster};
use crate::domain::post::{Post, PostKind};
use crate::domain::source::SkipReason;
use crate::domain::topic::Topic;
use crate::domain::trigger::{GroupBy, TriggerOn, TriggerRule};
use crate::escalation::{Desk, Rules};
use crate::matching::Matcher;
use crate::runtime::clock::ManualClock;
use crate::runtime::stop::Stop;
use crate::runtime::task::{Nudge, Task};
use crate::sentiment::scorer::Scorer;
use crate::sentiment::word_list::WordList;
use crate::source::Position;
use crate::store::memory::Memory;
use crate::store::{MentionFilter, Page, Store};

mod anew;

struct Bench {
    store: Arc<Memory>,
    clock: ManualClock,
    plan: SharedPlan,
    ingest: Arc<Ingest>,
}

fn noon() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().expect("an instant")
}

fn forum() -> SourceId {
    "forum".into()
}

impl Bench {
    async fn new(triggers: &[TriggerRule]) -> Self {
        let clock = ManualClock::new(noon());
        let store = Arc::new(Memory::new(InstanceId::new(noon())));
        let topic = Topic {
            id: "acme".into(),
            name: "Acme".into(),
            query: "acme".into(),
            owner: None,
            policy: None,
            panel: None,
            retention: None,
        };
        let source = SourcePlan { kind: "feed", topic: None, ours: false, quiet: false };
        let plan = Arc::new(ArcSwap::from_pointee(Plan {
            matcher: Matcher::compile(std::slice::from_ref(&topic)).expect("a query in order"),
            sources: BTreeMap::from([(forum(), source)]),
            keep_text: SignedDuration::from_hours(400 * 24),
        }));
        let champion = Owner {
            id: "cco".into(),
            name: "cco".into(),
            timezone: TimeZone::UTC,
            hours: None,
            channels: vec!["mail".into()],
            deputy: None,
            users: Vec::new(),
            absent: Vec::new(),
        };
        let desk = Desk {
            roster: Roster::new(vec![champion], "cco".into(), None).expect("the champion is there"),
            reach: Reach(BTreeMap::from([("mail".into(), Vec::new())])),
            policies: BTreeMap::new(),
            topics: BTreeMap::from([(topic.id.clone(), topic)]),
            rules: Rules::compile(triggers, &[]).expect("rules in order"),
        };
        let scorer = Scorer::start(|| Ok(Box::new(WordList::new())), 0.1).await.expect("the list loads");
        let ingest = Arc::new(Ingest::new(
            store.clone(),
            Arc::new(clock.clone()),
            plan.clone(),
            Arc::new(ArcSwap::from_pointee(desk)),
            scorer,
            Nudge::new(),
            Nudge::new(),
        ));
        Self { store, clock, plan, ingest }
    }

    async fn take(&self, posts: Vec<Post>) -> anyhow::Result<bool> {
        let position = Some(Position { cursor: Some("read".into()), memo: None });
        let given = Given { posts, position, next_poll: noon(), ..Given::default() };
        self.ingest.take(&forum(), given, &Stop::new()).await
    }

    async fn mentions(&self) -> Vec<RecordedMention> {
        self.store.mentions(MentionFilter::default(), Page::first(100)).await.expect("readable").rows
    }

    async fn skipped(&self, reason: SkipReason) -> u64 {
        let row = self.store.source(forum()).await.expect("readable").expect("it was read");
        row.skipped.get(&reason).copied().unwrap_or_default()
    }
}

fn post(id: &str, version: &str, aliases: &[&str]) -> Post {
    Post {
        source: forum(),
        site: "forum.example".into(),
        id: id.into(),
        version: version.into(),
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        kind: PostKind::Post,
        url: None,
        author: Some("somebody".into()),
        created_at: Some(noon()),
        title: None,
        text: format!("acme lost my order, terrible {id} {version}"),
        lang: None,
        parent: None,
        reach: None,
        deleted: false,
    }
}

#[tokio::test]
async fn two_names_of_one_post_in_one_batch_do_not_stop_the_source() {
    let bench = Bench::new(&[]).await;
    bench.take(vec![post("1", "a", &["link:l", "body:b"])]).await.expect("taken in");
    // Nothing of the two tells that they are one; only the store knows.
    let both = vec![post("2", "b", &["link:l"]), post("3", "c", &["body:b"]), post("4", "d", &[])];
    assert!(bench.take(both).await.expect("taken in"));
    let mut kept: Vec<_> =
        bench.mentions().await.iter().map(|one| (one.post().id.clone(), one.revision)).collect();
    kept.sort();
    assert_eq!(kept, [("1".to_owned(), 3), ("4".to_owned(), 1)]);
}

#[tokio::test]
async fn what_was_taken_back_stays_forgotten() {
    let bench = Bench::new(&[]).await;
    bench.take(vec![post("1", "a", &[])]).await.expect("taken in");
    let gone = Post { deleted: true, text: String::new(), ..post("1", "a", &[]) };
    bench.take(vec![gone.clone()]).await.expect("taken in");
    // An edit that was under way when the author took the post back.
    bench.take(vec![post("1", "b", &[])]).await.expect("taken in");
    bench.take(vec![gone]).await.expect("taken in");
    let mentions = bench.mentions().await;
    assert_eq!(mentions.len(), 1);
    assert!(mentions[0].erased_at.is_some() && mentions[0].post().text.is_empty());
    assert_eq!(bench.skipped(SkipReason::Forgotten).await, 1);
    assert_eq!(bench.skipped(SkipReason::Deleted).await, 1);
    let events = bench.store.events(None, 100).await.expect("readable");
    let what = What::Erased { reason: Some(ErasedFor::DeletedByAuthor), sent: Some(0) };
    assert_eq!(events.iter().filter(|one| one.event.what == what).count(), 1);
}

#[tokio::test]
async fn an_inbox_whose_source_left_the_configuration_waits_for_it() {
    let bench = Bench::new(&[]).await;
    bench.store.receive(vec![post("1", "a", &[])]).await.expect("received");
    let mut reader = InboxReader::new(forum(), "webhook", bench.store.clone(), bench.ingest.clone());
    let old = bench.plan.load_full();
    bench.plan.store(Arc::new(Plan {
        matcher: Matcher::compile(&[]).expect("no query is no fault"),
        sources: BTreeMap::new(),
        keep_text: SignedDuration::from_hours(1),
    }));
    // It used to turn round and round here.
    assert_eq!(reader.run(noon(), &Stop::new()).await.expect("runs"), None);
    bench.plan.store(old);
    assert!(reader.run(noon(), &Stop::new()).await.expect("runs").is_some());
    assert_eq!(bench.mentions().await.len(), 1);
}

#[tokio::test]
async fn a_sources_past_makes_no_storm() {
    let storm = TriggerRule {
        id: "storm".into(),
        on: TriggerOn::Spike(crate::domain::trigger::Spike {
            of: None,
            window: SignedDuration::from_hours(1),
            baseline: SignedDuration::from_hours(24),
            factor: 3.0,
            at_least: 3,
        }),
        severity: Severity::Urgent,
        group_by: vec![GroupBy::Topic],
        group_for: SignedDuration::from_hours(1),
    };
    let bench = Bench::new(&[storm]).await;
    let old = |id: &str| Post {
        created_at: Some(noon() - SignedDuration::from_hours(30 * 24)),
        ..post(id, "a", &[])
    };
    bench.take(vec![old("1"), old("2"), old("3"), post("4", "a", &[])]).await.expect("taken in");
    bench.take(vec![post("5", "a", &[])]).await.expect("taken in");
    let window = Window { from: noon(), until: noon() + SignedDuration::from_hours(1) };
    let holds = |bench: &Bench| {
        let store = bench.store.clone();
        async move { store.holds(window, Page::first(100)).await.expect("readable").rows.len() }
    };
    assert_eq!(holds(&bench).await, 0, "two mentions of today are no storm");
    // The third is: it fires, and is held because the topic has no policy.
    bench.clock.advance(SignedDuration::from_mins(1));
    bench.take(vec![post("6", "a", &[])]).await.expect("taken in");
    assert_eq!(holds(&bench).await, 1);
}
