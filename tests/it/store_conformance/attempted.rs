//! Crossing 3: attempted; and digests.

use earmark::domain::digest::DigestRun;
use earmark::domain::event::What;
use earmark::domain::id::NotificationId;
use earmark::domain::notification::{Delivery, HoldReason};
use earmark::store::{Attempted, Effects, NotificationFilter, OutboxDepth, Outcome};

use super::samples::{
    at, escalation, event, notification, opening, page, queueing, stepped, stepping, window,
};
use super::{Bed, cases};

cases! {
    a_key_is_taken_once,
    a_row_is_in_one_hand,
    an_attempt_is_counted_before_it_is_made,
    an_attempt_ends_in_one_way,
    what_an_attempt_causes_is_of_the_same_change,
    the_outbox_knows_its_depth,
    a_digest_follows_the_last,
}

async fn queue(bed: &Bed, rows: &[(&str, i64)]) -> Vec<NotificationId> {
    let about = escalation("g", 0).id;
    let rows: Vec<_> = rows.iter().map(|(key, minute)| notification(key, about, *minute)).collect();
    let ids = rows.iter().map(|row| row.id).collect();
    assert_eq!(bed.store.step(queueing(rows)).await.expect("works"), Outcome::Done);
    ids
}

async fn lease(bed: &Bed, now: i64, until: i64) -> Vec<NotificationId> {
    let rows = bed.store.lease(at(now), at(until), 10).await.expect("works");
    rows.into_iter().map(|row| row.id).collect()
}

async fn finish(bed: &Bed, id: NotificationId, how: Attempted) -> Outcome {
    bed.store.finish(id, at(50), how, Effects::default()).await.expect("works")
}

async fn a_key_is_taken_once(bed: &mut Bed) {
    let ids = queue(bed, &[("k", 1)]).await;
    bed.pause().await;
    let again = notification("k", escalation("g", 0).id, 2);
    assert_eq!(bed.store.step(queueing(vec![again.clone()])).await.expect("works"), Outcome::Conflict);
    assert_eq!(bed.store.notification(again.id).await.expect("works"), None);
    // A final row still holds its key.
    assert_eq!(lease(bed, 5, 10).await, ids);
    assert_eq!(finish(bed, ids[0], Attempted::Sent).await, Outcome::Done);
    bed.pause().await;
    assert_eq!(bed.store.step(queueing(vec![again])).await.expect("works"), Outcome::Conflict);
}

async fn a_row_is_in_one_hand(bed: &mut Bed) {
    let ids = queue(bed, &[("late", 3), ("early", 1), ("future", 30)]).await;
    bed.pause().await;
    assert_eq!(bed.store.next_ready().await.expect("works"), Some(at(1)));
    let first = bed.store.lease(at(5), at(10), 1).await.expect("works");
    assert_eq!(first[0].id, ids[1]);
    let by = bed.store.instance();
    assert_eq!(first[0].delivery, Delivery::Leased { by, until: at(10), begun: false });
    assert_eq!(lease(bed, 5, 12).await, [ids[0]]);
    assert_eq!(lease(bed, 5, 12).await, []);
    assert_eq!(bed.store.next_ready().await.expect("works"), Some(at(10)));
    // A lease runs out.
    assert_eq!(lease(bed, 10, 20).await, [ids[1]]);
    assert_eq!(lease(bed, 30, 40).await, [ids[0], ids[1], ids[2]]);
}

async fn an_attempt_is_counted_before_it_is_made(bed: &mut Bed) {
    let ids = queue(bed, &[("k", 1)]).await;
    assert_eq!(bed.store.begin(ids[0]).await.expect("works"), Outcome::Conflict);
    assert_eq!(lease(bed, 1, 9).await, ids);
    assert_eq!(bed.store.begin(ids[0]).await.expect("works"), Outcome::Done);
    assert_eq!(bed.store.begin(ids[0]).await.expect("works"), Outcome::Conflict);
    // If the daemon ends here, the next one finds it queued, with the try counted.
    bed.pause().await;
    let row = bed.store.notification(ids[0]).await.expect("works").expect("there");
    assert_eq!(row.attempts, 1);
    assert_eq!(lease(bed, 9, 20).await, ids);
}

async fn an_attempt_ends_in_one_way(bed: &mut Bed) {
    let ids = queue(bed, &[("sent", 1), ("again", 2), ("failed", 3), ("postponed", 4), ("dropped", 5)]).await;
    assert_eq!(finish(bed, ids[0], Attempted::Sent).await, Outcome::Conflict);
    assert_eq!(lease(bed, 9, 20).await, ids);
    for id in &ids {
        assert_eq!(bed.store.begin(*id).await.expect("works"), Outcome::Done);
    }
    let ends = [
        Attempted::Sent,
        Attempted::Again { not_before: at(60), why: "busy".into() },
        Attempted::Failed { why: "gone".into() },
        Attempted::Postponed { not_before: at(70) },
        Attempted::Dropped { reason: HoldReason::NoLongerDue },
    ];
    for (id, how) in ids.iter().zip(ends) {
        assert_eq!(finish(bed, *id, how.clone()).await, Outcome::Done);
        assert_eq!(finish(bed, *id, how).await, Outcome::Conflict);
    }
    bed.pause().await;
    let mut rows = Vec::new();
    for id in &ids {
        rows.push(bed.store.notification(*id).await.expect("works").expect("there"));
    }
    assert_eq!(rows.iter().map(|row| row.attempts).collect::<Vec<_>>(), [1, 1, 1, 0, 1]);
    assert_eq!(rows[0].delivery, Delivery::Sent { at: at(50) });
    assert_eq!((&rows[1].delivery, rows[1].last_error.as_deref()), (&Delivery::Queued, Some("busy")));
    assert_eq!(rows[2].delivery, Delivery::Failed { at: at(50), why: "gone".into() });
    assert_eq!((&rows[3].delivery, rows[3].not_before), (&Delivery::Queued, at(70)));
    assert_eq!(rows[4].delivery, Delivery::Dropped { at: at(50), reason: HoldReason::NoLongerDue });
    assert_eq!(bed.store.next_ready().await.expect("works"), Some(at(60)));
    assert_eq!(lease(bed, 65, 66).await, [ids[1]]);
}

async fn what_an_attempt_causes_is_of_the_same_change(bed: &mut Bed) {
    let about = escalation("g", 0);
    let mut effects = opening(&about, None);
    effects.notifications = vec![notification("k", about.id, 1)];
    let id = effects.notifications[0].id;
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Done);
    assert_eq!(lease(bed, 1, 9).await, [id]);
    // The escalation moved on meanwhile, by somebody else's hand.
    let moved = stepped(&about);
    assert_eq!(bed.store.step(stepping(moved.clone())).await.expect("works"), Outcome::Done);
    let stale = Effects { events: vec![event(What::Joined)], ..stepping(stepped(&about)) };
    let failed = Attempted::Failed { why: "gone".into() };
    let outcome = bed.store.finish(id, at(2), failed.clone(), stale).await.expect("works");
    assert_eq!(outcome, Outcome::Conflict);
    let row = bed.store.notification(id).await.expect("works").expect("there");
    assert!(!row.delivery.is_final());
    let mut fresh = stepping(stepped(&moved));
    fresh.notifications = vec![notification("fallback", about.id, 2)];
    assert_eq!(bed.store.finish(id, at(2), failed, fresh).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let of = NotificationFilter { escalation: Some(about.id), waiting: false };
    let rows = bed.store.notifications(of.clone(), page(9)).await.expect("works").rows;
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["k", "fallback"]);
    let waiting = NotificationFilter { waiting: true, ..of };
    let rows = bed.store.notifications(waiting, page(9)).await.expect("works").rows;
    assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["fallback"]);
    let other = NotificationFilter { escalation: Some(escalation("h", 0).id), waiting: false };
    assert_eq!(bed.store.notifications(other, page(9)).await.expect("works").rows, []);
}

async fn the_outbox_knows_its_depth(bed: &mut Bed) {
    let ids = queue(bed, &[("a", 1), ("b", 2), ("c", 90)]).await;
    assert_eq!(lease(bed, 1, 60).await, [ids[0]]);
    assert_eq!(finish(bed, ids[0], Attempted::Sent).await, Outcome::Done);
    bed.pause().await;
    let depth = bed.store.outbox(at(30)).await.expect("works");
    assert_eq!(depth, OutboxDepth { waiting: 2, oldest: Some(at(2)), due: 1 });
}

async fn a_digest_follows_the_last(bed: &mut Bed) {
    let run =
        |from, until| DigestRun { digest: "daily".into(), window: window(from, until), made_at: at(until) };
    let made = |run, key: &str| {
        let rows = vec![notification(key, escalation("g", 0).id, 1)];
        bed.store.digest(run, rows, vec![event(What::Joined)])
    };
    assert_eq!(bed.store.last_digest("daily".into()).await.expect("works"), None);
    assert_eq!(made(run(0, 10), "a").await.expect("works"), Outcome::Done);
    assert_eq!(made(run(0, 10), "b").await.expect("works"), Outcome::Conflict);
    assert_eq!(made(run(5, 20), "b").await.expect("works"), Outcome::Conflict);
    assert_eq!(made(run(10, 20), "a").await.expect("works"), Outcome::Conflict);
    assert_eq!(made(run(10, 20), "b").await.expect("works"), Outcome::Done);
    bed.pause().await;
    assert_eq!(bed.store.last_digest("daily".into()).await.expect("works"), Some(run(10, 20)));
    assert_eq!(bed.store.last_digest("weekly".into()).await.expect("works"), None);
    assert_eq!(bed.store.events(None, 9).await.expect("works").len(), 2);
}
