//! Sequences of verbs that nobody thought of: both stores must answer alike, and at the end hold
//! the same rows. Few names are drawn from, so that they meet often.

use std::sync::Arc;

use earmark::domain::erasure::{ErasedFor, Whose};
use earmark::domain::escalation::{Escalation, State};
use earmark::domain::event::{Actor, What};
use earmark::domain::id::{EscalationId, InstanceId, LinkId, NotificationId};
use earmark::domain::mention::RecordedMention;
use earmark::domain::sentiment::Polarity;
use earmark::store::memory::Memory;
use earmark::store::{
    Attempted, Effects, ForgetKey, Forgetting, MentionFilter, Page, PostName, Recheck, Retention, Row, Store,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::judged::{calibrating, correcting, correction};
use super::samples::{
    at, edited, escalation, event, mention, notification, opening, page, post, recording, stepped, window,
};
use super::upkeep::{all_rows, sorted};

#[derive(Debug, Clone)]
enum Verb {
    Record { posts: Vec<(u8, u8, u8, u8)>, erase: Option<u8>, through: Option<u8> },
    Receive(Vec<(u8, u8)>),
    Open { group: u8, row: u8, honest: bool },
    Step { row: u8, kind: u8, link: Option<u8>, key: Option<u8> },
    Lease { minute: u8, limit: u8 },
    Begin(u8),
    Finish { row: u8, how: u8 },
    Retain { text: u8, rows: u8, limit: u8 },
    Correct { row: u8, polarity: u8, honest: bool },
    Calibrate { number: u8, version: u8 },
    Forget { url: u8, keep_out: bool, limit: u8 },
    Schedule { row: u8, due: u8 },
}

fn verb() -> impl Strategy<Value = Verb> {
    let small = 0_u8..4;
    let said = prop::collection::vec((0_u8..4, 0_u8..3, 0_u8..3, 0_u8..2), 0..3);
    prop_oneof![
        4 => (said, prop::option::weighted(0.2, small.clone()), prop::option::weighted(0.2, small.clone()))
            .prop_map(|(posts, erase, through)| Verb::Record { posts, erase, through }),
        1 => prop::collection::vec((0_u8..4, 0_u8..2), 0..3).prop_map(Verb::Receive),
        2 => (0_u8..2, small.clone(), prop::bool::weighted(0.8))
            .prop_map(|(group, row, honest)| Verb::Open { group, row, honest }),
        3 => (small.clone(), 0_u8..4, prop::option::weighted(0.2, 0_u8..3), prop::option::weighted(0.6, 0_u8..9))
            .prop_map(|(row, kind, link, key)| Verb::Step { row, kind, link, key }),
        2 => (0_u8..60, 1_u8..4).prop_map(|(minute, limit)| Verb::Lease { minute, limit }),
        2 => (0_u8..9).prop_map(Verb::Begin),
        3 => (0_u8..9, 0_u8..5).prop_map(|(row, how)| Verb::Finish { row, how }),
        1 => (0_u8..60, 0_u8..60, 1_u8..4)
            .prop_map(|(text, rows, limit)| Verb::Retain { text, rows, limit }),
        2 => (small.clone(), 0_u8..4, prop::bool::weighted(0.8))
            .prop_map(|(row, polarity, honest)| Verb::Correct { row, polarity, honest }),
        1 => (1_u8..3, 0_u8..2).prop_map(|(number, version)| Verb::Calibrate { number, version }),
        1 => (0_u8..4, any::<bool>(), 1_u8..3)
            .prop_map(|(url, keep_out, limit)| Verb::Forget { url, keep_out, limit }),
        2 => (small.clone(), 0_u8..60).prop_map(|(row, due)| Verb::Schedule { row, due }),
    ]
}

fn number(sort: u128, n: u8) -> Uuid {
    Uuid::from_u128((sort << 64) + u128::from(n))
}

/// Both stores, and what is drawn from.
struct Pair {
    memory: Arc<dyn Store>,
    disk: Arc<dyn Store>,
    minute: i64,
    made: u8,
}

/// Asks both and answers what both said.
macro_rules! both {
    ($pair:expr, |$store:ident| $ask:expr) => {{
        let $store = &*$pair.memory;
        let left = $ask.await.expect("the store in memory works");
        let $store = &*$pair.disk;
        let right = $ask.await.expect("the store on disk works");
        assert_eq!(left, right);
        left
    }};
}

impl Pair {
    async fn apply(&mut self, verb: Verb) {
        self.minute += 1;
        let minute = self.minute;
        match verb {
            Verb::Record { posts, erase, through } => {
                let mut rows: Vec<RecordedMention> = Vec::new();
                for (id, version, alias, topic) in posts {
                    rows.push(self.row(id, version, alias, topic).await);
                }
                let mut whole = recording(&*self.memory, rows.clone()).await;
                whole.inbox_through = through.map(u64::from);
                let all = self.memory.mentions(MentionFilter::default(), page(100)).await.expect("works");
                let erased = erase.and_then(|n| all.rows.get(usize::from(n)));
                whole.erased = erased.map(RecordedMention::id).into_iter().collect();
                whole.effects.joins =
                    rows.iter().take(1).map(|row| (EscalationId(number(2, 0)), row.id())).collect();
                let _ = both!(self, |store| store.record(whole.clone()));
            }
            Verb::Receive(posts) => {
                let posts: Vec<_> = posts
                    .iter()
                    .map(|(id, version)| post(&format!("p{id}"), &format!("v{version}")))
                    .collect();
                both!(self, |store| store.receive(posts.clone()));
            }
            Verb::Open { group, row, honest } => {
                let mut row = Escalation { id: EscalationId(number(2, row)), ..escalation("", minute) };
                row.group.0 = format!("g{group}");
                let holder = both!(self, |store| store.group(row.group.clone()));
                let instead_of = holder.filter(|_| honest).map(|holder| holder.id);
                let _ = both!(self, |store| store.step(opening(&row, instead_of)));
            }
            Verb::Step { row, kind, link, key } => {
                let id = EscalationId(number(2, row));
                let mut effects = Effects::default();
                if let Some(stored) = both!(self, |store| store.escalation(id)) {
                    let mut next = stepped(&stored);
                    match kind {
                        0 => next.step_due = Some(at(minute + 7)),
                        1 => next.state = State::Resolved { by: "care".into(), at: at(minute) },
                        2 => next.seen += 1,
                        _ => next.step_due = None,
                    }
                    effects.escalations.push(next);
                }
                effects.link = link.map(|n| (LinkId(number(3, n)), at(minute + 5)));
                effects.events.push(event(What::Joined));
                if let Some(key) = key {
                    let mut row = notification(&format!("k{key}"), id, minute);
                    row.id = NotificationId(number(4, self.made));
                    self.made += 1;
                    effects.notifications.push(row);
                }
                let _ = both!(self, |store| store.step(effects.clone()));
            }
            Verb::Lease { minute, limit } => {
                let (now, until) = (at(minute.into()), at(i64::from(minute) + 5));
                both!(self, |store| store.lease(now, until, limit.into()));
            }
            Verb::Begin(row) => {
                let _ = both!(self, |store| store.begin(NotificationId(number(4, row))));
            }
            Verb::Finish { row, how } => {
                let how = match how {
                    0 => Attempted::Sent,
                    1 => Attempted::Again { not_before: at(minute + 3), why: "busy".into() },
                    2 => Attempted::Failed { why: "gone".into() },
                    3 => Attempted::Postponed { not_before: at(minute + 3) },
                    _ => {
                        Attempted::Dropped { reason: earmark::domain::notification::HoldReason::NoLongerDue }
                    }
                };
                let id = NotificationId(number(4, row));
                let _ = both!(self, |store| store.finish(id, at(minute), how.clone(), Effects::default()));
            }
            Verb::Retain { text, rows, limit } => {
                // Which rows go first is each store's own choice, so both are asked to the end.
                let retention = Retention {
                    text_before: at(text.into()),
                    topics: vec![("t0".into(), at(i64::from(text) / 2))],
                    sources: Vec::new(),
                    terms: Vec::new(),
                    refreshed: vec![("forum".into(), at(i64::from(text) / 3))],
                    rows_before: at(rows.into()),
                    limit: limit.into(),
                    now: at(minute),
                };
                let mut sums = [(0, 0); 2];
                for (store, sum) in [&self.memory, &self.disk].into_iter().zip(&mut sums) {
                    loop {
                        let done = store.retain(retention.clone()).await.expect("works");
                        *sum = (sum.0 + done.erased, sum.1 + done.deleted);
                        if !done.more {
                            break;
                        }
                    }
                }
                assert_eq!(sums[0], sums[1]);
            }
            Verb::Correct { row, polarity, honest } => {
                let all = self.memory.mentions(MentionFilter::default(), page(100)).await.expect("works");
                let Some(row) = all.rows.get(usize::from(row)) else { return };
                let said = Polarity::ALL.get(usize::from(polarity)).filter(|said| **said != Polarity::Unsure);
                let mut change = correcting(row, said.map(|said| correction(*said, minute)));
                if !honest {
                    change.instead_of = Some(correction(Polarity::Neutral, 0));
                }
                let _ = both!(self, |store| store.correct(change.clone()));
            }
            Verb::Calibrate { number, version } => {
                let change = calibrating(number.into(), &version.to_string());
                let _ = both!(self, |store| store.calibrate(change.clone()));
                both!(self, |store| store.calibrations());
            }
            Verb::Forget { url, keep_out, limit } => {
                let forgetting = Forgetting {
                    whose: vec![Whose::Url(format!("https://forum.example/p{url}"))],
                    reason: ErasedFor::Request,
                    by: Actor::Daemon,
                    at: at(minute),
                    keep_out,
                    limit: limit.into(),
                };
                while both!(self, |store| store.forget(forgetting.clone())).more {}
            }
            Verb::Schedule { row, due } => {
                let all = self.memory.mentions(MentionFilter::default(), page(100)).await.expect("works");
                let Some(row) = all.rows.get(usize::from(row)) else { return };
                let recheck =
                    Recheck { mention: row.id(), due: at(due.into()), seen_at: at(i64::from(due) / 2) };
                let effects = Effects { rechecks: vec![recheck], ..Effects::default() };
                let _ = both!(self, |store| store.step(effects.clone()));
            }
        }
        self.compare().await;
    }

    /// A mention as a caller would make it from what it recalls: the next revision, or the first.
    async fn row(&self, id: u8, version: u8, alias: u8, topic: u8) -> RecordedMention {
        let mut said = post(&format!("p{id}"), &format!("v{version}"));
        said.aliases = (alias > 0).then(|| format!("link:{alias}")).into_iter().collect();
        let name =
            PostName { id: said.id.clone(), version: said.version.clone(), aliases: said.aliases.clone() };
        let recalled = both!(self, |store| store.recall("forum".into(), vec![name.clone()]));
        let topic = format!("t{topic}");
        let known = recalled[0].as_ref().and_then(|known| {
            known.mentions.iter().find(|(of, _, _)| of.as_str() == topic).map(|(_, mention, _)| *mention)
        });
        match known {
            Some(mention) => {
                let stored = both!(self, |store| store.mention(mention)).expect("recalled, so there");
                let mut next = edited(&stored, &said.version);
                next.scored.mention.post.id = said.id;
                next.scored.mention.post.aliases = said.aliases;
                next
            }
            None => mention(said, &topic, self.minute),
        }
    }

    async fn compare(&self) {
        let now = at(self.minute);
        both!(self, |store| store.next_due());
        both!(self, |store| store.rechecks("forum".into(), now, 3));
        both!(self, |store| store.next_recheck("forum".into()));
        both!(self, |store| async {
            let rows = store.unscheduled("forum".into(), None, 100).await?.rows;
            let mut ids: Vec<_> = rows.iter().map(RecordedMention::id).collect();
            ids.sort();
            Ok::<_, earmark::store::StoreError>(ids)
        });
        both!(self, |store| store.next_ready());
        both!(self, |store| store.outbox(now));
        both!(self, |store| store.due(now, 3));
        both!(self, |store| store.sources());
        both!(self, |store| store.tallies("t0".into(), window(0, 60)));
        let newest = Page { newest_first: true, ..page(100) };
        both!(self, |store| async {
            store.mentions(MentionFilter::default(), newest.clone()).await.map(|all| all.rows)
        });
        let of = EscalationId(number(2, 0));
        both!(self, |store| async { store.mentions_of(of, page(100)).await.map(|all| all.rows) });
    }
}

fn run(verbs: Vec<Verb>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = super::open(folder.path(), 0).await;
        let memory: Arc<dyn Store> = Arc::new(Memory::new(disk.instance()));
        // Each would make a key of its own.
        let key = vec![Row::ForgetKey(ForgetKey::make())];
        for store in [&*memory, &disk as &dyn Store] {
            store.load(key.clone()).await.expect("loads");
        }
        let mut pair = Pair { memory, disk: Arc::new(disk), minute: 0, made: 0 };
        for verb in verbs {
            pair.apply(verb).await;
        }
        let rows = all_rows(&*pair.memory, 1_000).await;
        assert_eq!(sorted(&rows), sorted(&all_rows(&*pair.disk, 7).await));
        let faults = pair.disk.verify().await.expect("works").faults;
        // Joins are drawn without looking whether the escalation was opened.
        let real: Vec<_> = faults.iter().filter(|fault| !fault.contains("joined the escalation")).collect();
        assert_eq!(real, Vec::<&String>::new());
        let copy = Memory::new(InstanceId::new(at(1)));
        copy.load(all_rows(&*pair.disk, 1_000).await).await.expect("loads");
        assert_eq!(sorted(&all_rows(&copy, 1_000).await), sorted(&rows));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_answer_alike(verbs in prop::collection::vec(verb(), 1..40)) {
        run(verbs);
    }
}
