//! Retention, export and import, check, closing.

use std::sync::Arc;

use earmark::domain::id::{InstanceId, LinkId};
use earmark::domain::notification::{Hold, HoldReason};
use earmark::store::memory::Memory;
use earmark::store::{Attempted, Effects, Outcome, Retention, Row, Store, StoreError};

use super::samples::{
    at, escalation, mention, notification, opening, page, post, queueing, record, recording, window,
};
use super::{Bed, cases};

cases! {
    texts_go_at_the_end_of_their_time,
    old_rows_go_in_portions,
    everything_goes_out_and_in_again,
    a_chain_that_was_cut_is_found,
    a_closed_store_says_so,
}

fn retention(text_before: i64, rows_before: i64, limit: usize) -> Retention {
    Retention {
        text_before: at(text_before),
        topics: Vec::new(),
        sources: Vec::new(),
        terms: Vec::new(),
        refreshed: Vec::new(),
        rows_before: at(rows_before),
        limit,
        now: at(1_000),
    }
}

async fn texts_go_at_the_end_of_their_time(bed: &mut Bed) {
    let mut rows = Vec::new();
    for (n, (source, topic)) in
        [("forum", "acme"), ("forum", "rivals"), ("shop", "acme"), ("shop", "rivals")].into_iter().enumerate()
    {
        for minute in [10, 20, 30] {
            let mut post = post(&format!("{n}-{minute}"), "a");
            post.source = source.into();
            rows.push(mention(post, topic, minute));
        }
    }
    assert_eq!(record(&*bed.store, rows.clone()).await, Outcome::Done);
    bed.pause().await;
    let mut rule = retention(15, 0, 2);
    rule.topics = vec![("rivals".into(), at(25))];
    rule.sources = vec![("shop".into(), at(35))];
    let (mut erased, mut calls) = (0, 0);
    loop {
        let done = bed.store.retain(rule.clone()).await.expect("works");
        erased += done.erased;
        calls += 1;
        assert!(done.erased <= 2);
        if !done.more {
            break;
        }
        bed.pause().await;
    }
    // forum/acme before 15, forum/rivals before 25, all of shop (before 35).
    assert_eq!((erased, calls), (9, 5));
    for row in rows {
        let kept = bed.store.mention(row.id()).await.expect("works").expect("the record stays");
        let limit = match (row.post().source.as_str(), row.topic().as_str()) {
            ("shop", _) => at(35),
            (_, "rivals") => at(25),
            _ => at(15),
        };
        assert_eq!(kept.erased_at.is_some(), row.recorded_at < limit);
        assert_eq!(kept.post().text.is_empty(), row.recorded_at < limit);
    }
    assert_eq!(bed.store.retain(rule).await.expect("works").erased, 0);
}

async fn old_rows_go_in_portions(bed: &mut Bed) {
    let about = escalation("g", 0).id;
    let mut effects = queueing((0..4).map(|n| notification(&format!("k{n}"), about, n)).collect());
    let ids: Vec<_> = effects.notifications.iter().map(|row| row.id).collect();
    let hold = |minute| Hold {
        at: at(minute),
        reason: HoldReason::Throttled,
        until: None,
        mention: None,
        escalation: None,
        owner: None,
        silence: None,
    };
    effects.holds = vec![hold(1), hold(1), hold(200)];
    let link = LinkId::new(at(0));
    effects.link = Some((link, at(50)));
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Done);
    let rows = vec![mention(post("1", "a"), "acme", 1), mention(post("2", "a"), "acme", 95)];
    assert_eq!(record(&*bed.store, rows).await, Outcome::Done);
    bed.store.lease(at(9), at(20), 3).await.expect("works");
    for id in &ids[..3] {
        let done = bed.store.finish(*id, at(10), Attempted::Sent, Effects::default()).await;
        assert_eq!(done.expect("works"), Outcome::Done);
    }
    bed.pause().await;
    let mut deleted = 0;
    loop {
        let done = bed.store.retain(retention(0, 100, 2)).await.expect("works");
        deleted += done.deleted;
        assert!(done.deleted <= 2);
        if !done.more {
            break;
        }
    }
    // Three final rows, two holds, the link, and the tallies whose buckets ended by then.
    assert_eq!(deleted, 3 + 2 + 1 + 2);
    bed.pause().await;
    assert_eq!(bed.store.notification(ids[0]).await.expect("works"), None);
    assert!(bed.store.notification(ids[3]).await.expect("works").is_some());
    assert_eq!(bed.store.holds(window(0, 999), page(9)).await.expect("works").rows, [hold(200)]);
    assert_eq!(bed.store.tallies("acme".into(), window(0, 999)).await.expect("works"), []);
    let again = Effects { link: Some((link, at(500))), ..Effects::default() };
    assert_eq!(bed.store.step(again).await.expect("works"), Outcome::Done);
}

pub async fn all_rows(store: &dyn Store, limit: usize) -> Vec<Row> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let rows = store.rows(after, limit).await.expect("works");
        all.extend(rows.rows);
        after = rows.next;
        if after.is_none() {
            return all;
        }
    }
}

/// Rows in an order of their own: two stores need not agree on the order inside a sort.
pub fn sorted(rows: &[Row]) -> Vec<String> {
    let mut lines: Vec<_> =
        rows.iter().map(|row| serde_json::to_string(row).expect("rows are plain data")).collect();
    lines.sort();
    lines
}

async fn everything_goes_out_and_in_again(bed: &mut Bed) {
    super::disk::fill(&*bed.store).await;
    bed.pause().await;
    let out = all_rows(&*bed.store, 3).await;
    let kinds: std::collections::BTreeSet<_> = out
        .iter()
        .map(|row| serde_json::to_value(row).expect("plain data")["row"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(kinds.len(), 21, "every sort of row is in the sample: {kinds:?}");
    // Through text, as an export goes.
    let text: Vec<_> = out.iter().map(|row| serde_json::to_string(row).expect("plain data")).collect();
    let read: Vec<Row> = text.iter().map(|line| serde_json::from_str(line).expect("readable")).collect();
    assert_eq!(read, out);
    let other: Arc<dyn Store> = Arc::new(Memory::new(InstanceId::new(at(1))));
    for part in read.chunks(5) {
        other.load(part.to_vec()).await.expect("loads");
    }
    assert_eq!(sorted(&all_rows(&*other, 100).await), sorted(&out));
    assert_eq!(other.verify().await.expect("works").faults, Vec::<String>::new());
    let fresh = Bed::new(super::Kind::Disk).await;
    fresh.store.load(all_rows(&*other, 100).await).await.expect("loads");
    assert_eq!(sorted(&all_rows(&*fresh.store, 7).await), sorted(&out));
    assert_eq!(fresh.store.next_due().await.expect("works"), bed.store.next_due().await.expect("works"));
    assert_eq!(fresh.store.next_ready().await.expect("works"), bed.store.next_ready().await.expect("works"));
    assert_eq!(fresh.store.size().await.expect("works").mentions, 3);
    fresh.end().await;
}

async fn a_chain_that_was_cut_is_found(bed: &mut Bed) {
    super::disk::fill(&*bed.store).await;
    let mut rows = all_rows(&*bed.store, 100).await;
    let entry = rows.iter().position(|row| matches!(row, Row::Event(entry) if entry.sequence == 1));
    rows.remove(entry.expect("the sample has events"));
    let group = rows.iter().position(|row| matches!(row, Row::Escalation(_)));
    rows.remove(group.expect("the sample has an escalation"));
    let (memory, disk) = (Bed::new(super::Kind::Memory).await, Bed::new(super::Kind::Disk).await);
    for store in [&memory.store, &disk.store] {
        store.load(rows.clone()).await.expect("loads");
        let faults = store.verify().await.expect("works").faults.join("\n");
        assert!(faults.contains("goes from entry 0 to entry 2"), "{faults}");
        assert!(faults.contains("the group \"g\" names the escalation"), "{faults}");
    }
}

async fn a_closed_store_says_so(bed: &mut Bed) {
    let first = escalation("g", 1);
    assert_eq!(bed.store.step(opening(&first, None)).await.expect("works"), Outcome::Done);
    bed.store.ping().await.expect("well");
    let late = recording(&*bed.store, Vec::new()).await;
    bed.store.close().await.expect("closes");
    assert!(matches!(bed.store.ping().await, Err(StoreError::Closed)));
    assert!(matches!(bed.store.escalation(first.id).await, Err(StoreError::Closed)));
    assert!(matches!(bed.store.record(late).await, Err(StoreError::Closed)));
    assert!(matches!(bed.store.close().await, Err(StoreError::Closed)));
}
