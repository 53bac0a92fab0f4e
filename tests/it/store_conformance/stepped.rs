//! Crossing 2: stepped; with groups, joins, timers, holds, links and silences.

use earmark::domain::erasure::ErasedFor;
use earmark::domain::escalation::{GroupKey, Severity, State};
use earmark::domain::event::{Actor, What};
use earmark::domain::id::{LinkId, SilenceId};
use earmark::domain::notification::{Hold, HoldReason};
use earmark::domain::silence::Silence;
use earmark::store::{Effects, EscalationFilter, MentionFilter, Outcome, Page, chain};

use super::samples::{
    at, escalation, event, mention, notification, opening, page, post, record, recording, stepped, stepping,
    window,
};
use super::{Bed, cases};

cases! {
    a_group_is_taken_by_one,
    a_step_is_taken_once,
    a_conflict_writes_nothing,
    timers_follow_the_state,
    escalations_come_in_pages,
    mentions_join_in_order,
    a_link_is_used_once,
    holds_are_kept_by_time,
    silences_end,
    events_are_chained,
    every_event_comes_back,
}

async fn a_group_is_taken_by_one(bed: &mut Bed) {
    let (first, rival, later) = (escalation("g", 1), escalation("g", 1), escalation("g", 90));
    assert_eq!(bed.store.group(GroupKey("g".into())).await.expect("works"), None);
    assert_eq!(bed.store.step(stepping(first.clone())).await.expect("works"), Outcome::Conflict);
    assert_eq!(bed.store.step(opening(&first, None)).await.expect("works"), Outcome::Done);
    bed.pause().await;
    assert_eq!(bed.store.step(opening(&rival, None)).await.expect("works"), Outcome::Conflict);
    assert_eq!(bed.store.step(opening(&first, None)).await.expect("works"), Outcome::Conflict);
    assert_eq!(bed.store.escalation(rival.id).await.expect("works"), None);
    assert_eq!(bed.store.group(GroupKey("g".into())).await.expect("works"), Some(first.clone()));
    assert_eq!(bed.store.step(opening(&later, Some(rival.id))).await.expect("works"), Outcome::Conflict);
    assert_eq!(bed.store.step(opening(&later, Some(first.id))).await.expect("works"), Outcome::Done);
    assert_eq!(bed.store.group(GroupKey("g".into())).await.expect("works"), Some(later));
    assert_eq!(bed.store.escalation(first.id).await.expect("works"), Some(first));
}

async fn a_step_is_taken_once(bed: &mut Bed) {
    let first = escalation("g", 1);
    assert_eq!(bed.store.step(opening(&first, None)).await.expect("works"), Outcome::Done);
    let second = stepped(&first);
    let effects =
        Effects { notifications: vec![notification("k", first.id, 31)], ..stepping(second.clone()) };
    assert_eq!(bed.store.step(effects.clone()).await.expect("works"), Outcome::Done);
    bed.pause().await;
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Conflict);
    let skipping = stepped(&stepped(&second));
    assert_eq!(bed.store.step(stepping(skipping)).await.expect("works"), Outcome::Conflict);
    assert_eq!(bed.store.escalation(first.id).await.expect("works"), Some(second));
}

async fn a_conflict_writes_nothing(bed: &mut Bed) {
    let (first, second) = (escalation("g", 1), escalation("h", 1));
    let mut effects = opening(&first, None);
    effects.notifications = vec![notification("taken", first.id, 1)];
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Done);
    let before = bed.store.rows(None, 1_000).await.expect("works").rows;
    let mut effects = opening(&second, None);
    effects.holds = vec![Hold {
        at: at(1),
        reason: HoldReason::NoChannel,
        until: None,
        mention: None,
        escalation: Some(second.id),
        owner: None,
        silence: None,
    }];
    effects.events = vec![event(What::Joined)];
    effects.link = Some((LinkId::new(at(1)), at(2)));
    effects.notifications = vec![notification("free", second.id, 1), notification("taken", second.id, 1)];
    assert_eq!(bed.store.step(effects.clone()).await.expect("works"), Outcome::Conflict);
    // And neither does a whole recording whose effects conflict.
    let mut whole = recording(&*bed.store, vec![mention(post("1", "a"), "acme", 1)]).await;
    whole.effects = effects;
    assert_eq!(bed.store.record(whole).await.expect("works"), Outcome::Conflict);
    bed.pause().await;
    assert_eq!(bed.store.rows(None, 1_000).await.expect("works").rows, before);
}

async fn timers_follow_the_state(bed: &mut Bed) {
    let (early, late) = (escalation("g", 1), escalation("h", 5));
    assert_eq!(bed.store.next_due().await.expect("works"), None);
    for row in [&late, &early] {
        assert_eq!(bed.store.step(opening(row, None)).await.expect("works"), Outcome::Done);
    }
    bed.pause().await;
    assert_eq!(bed.store.next_due().await.expect("works"), Some(at(31)));
    assert_eq!(bed.store.due(at(30), 9).await.expect("works"), []);
    assert_eq!(bed.store.due(at(31), 9).await.expect("works"), std::slice::from_ref(&early));
    assert_eq!(bed.store.due(at(99), 9).await.expect("works"), [early.clone(), late.clone()]);
    assert_eq!(bed.store.due(at(99), 1).await.expect("works"), std::slice::from_ref(&early));
    let mut had = stepped(&early);
    had.step_due = None;
    had.state = State::Acknowledged { by: "care".into(), at: at(10), until: at(200) };
    assert_eq!(bed.store.step(stepping(had.clone())).await.expect("works"), Outcome::Done);
    assert_eq!(bed.store.next_due().await.expect("works"), Some(at(35)));
    assert_eq!(bed.store.due(at(200), 9).await.expect("works"), [late.clone(), had]);
    let mut closed = stepped(&late);
    closed.state = State::Resolved { by: "care".into(), at: at(20) };
    assert_eq!(bed.store.step(stepping(closed)).await.expect("works"), Outcome::Done);
    assert_eq!(bed.store.next_due().await.expect("works"), Some(at(200)));
}

async fn escalations_come_in_pages(bed: &mut Bed) {
    let mut rows = Vec::new();
    for n in 0..7 {
        let mut row = escalation(&format!("g{n}"), n);
        row.accountable = if n % 2 == 0 { "care".into() } else { "press".into() };
        assert_eq!(bed.store.step(opening(&row, None)).await.expect("works"), Outcome::Done);
        rows.push(row);
    }
    let mut closed = stepped(&rows[2]);
    closed.state = State::Resolved { by: "care".into(), at: at(9) };
    assert_eq!(bed.store.step(stepping(closed)).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let seen = |filter: EscalationFilter| {
        let store = bed.store.clone();
        async move {
            let newest = Page { newest_first: true, ..page(100) };
            let rows = store.escalations(filter, newest).await.expect("works").rows;
            rows.into_iter().map(|row| row.group.0).collect::<Vec<_>>()
        }
    };
    let all = EscalationFilter::default;
    assert_eq!(seen(all()).await, ["g6", "g5", "g4", "g3", "g2", "g1", "g0"]);
    assert_eq!(seen(EscalationFilter { unresolved: true, ..all() }).await.len(), 6);
    let care = EscalationFilter { accountable: Some("care".into()), unresolved: true, ..all() };
    assert_eq!(seen(care).await, ["g6", "g4", "g0"]);
    let some = EscalationFilter { window: Some(window(1, 3)), ..all() };
    assert_eq!(seen(some).await, ["g2", "g1"]);
    assert_eq!(seen(EscalationFilter { topic: Some("rivals".into()), ..all() }).await, [""; 0]);
    let first = bed.store.escalations(all(), page(3)).await.expect("works");
    let rest = Page { after: first.next.clone(), ..page(100) };
    let rest = bed.store.escalations(all(), rest).await.expect("works");
    assert_eq!((first.rows.len(), rest.rows.len(), rest.next), (3, 4, None));
}

async fn mentions_join_in_order(bed: &mut Bed) {
    let first = escalation("g", 1);
    let rows: Vec<_> = (0..4).map(|n| mention(post(&format!("p{n}"), "a"), "acme", 9 - n)).collect();
    let mut whole = recording(&*bed.store, rows.clone()).await;
    whole.effects = opening(&first, None);
    whole.effects.joins = vec![(first.id, rows[2].id()), (first.id, rows[0].id()), (first.id, rows[2].id())];
    assert_eq!(bed.store.record(whole).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let mut joining = stepping(stepped(&first));
    joining.joins = vec![(first.id, rows[0].id()), (first.id, rows[1].id())];
    assert_eq!(bed.store.step(joining).await.expect("works"), Outcome::Done);
    let joined = bed.store.mentions_of(first.id, page(2)).await.expect("works");
    let ids: Vec<_> = joined.rows.iter().map(|row| row.id()).collect();
    assert_eq!(ids, [rows[2].id(), rows[0].id()]);
    let rest = bed.store.mentions_of(first.id, Page { after: joined.next, ..page(2) }).await.expect("works");
    assert_eq!(rest.rows.iter().map(|row| row.id()).collect::<Vec<_>>(), [rows[1].id()]);
    // As a filter, by time recorded.
    let filter = MentionFilter { escalation: Some(first.id), ..Default::default() };
    let by_time = bed.store.mentions(filter, page(9)).await.expect("works").rows;
    let ids: Vec<_> = by_time.iter().map(|row| row.id()).collect();
    assert_eq!(ids, [rows[2].id(), rows[1].id(), rows[0].id()]);
    // A joined mention that is edited stays where it is.
    assert_eq!(record(&*bed.store, vec![super::samples::edited(&rows[0], "b")]).await, Outcome::Done);
    let joined = bed.store.mentions_of(first.id, page(9)).await.expect("works").rows;
    assert_eq!((joined.len(), joined[1].revision), (3, 2));
}

async fn a_link_is_used_once(bed: &mut Bed) {
    let first = escalation("g", 1);
    assert_eq!(bed.store.step(opening(&first, None)).await.expect("works"), Outcome::Done);
    let link = LinkId::new(at(2));
    let second = stepped(&first);
    let effects = Effects { link: Some((link, at(60))), ..stepping(second.clone()) };
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let again = Effects { link: Some((link, at(60))), ..stepping(stepped(&second)) };
    assert_eq!(bed.store.step(again).await.expect("works"), Outcome::Conflict);
}

async fn holds_are_kept_by_time(bed: &mut Bed) {
    let hold = |minute, reason| Hold {
        at: at(minute),
        reason,
        until: None,
        mention: None,
        escalation: None,
        owner: None,
        silence: None,
    };
    let holds = vec![
        hold(5, HoldReason::Silenced),
        hold(1, HoldReason::NoChannel),
        hold(5, HoldReason::Silenced),
        hold(9, HoldReason::Throttled),
    ];
    let effects = Effects { holds, ..Effects::default() };
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let rows = bed.store.holds(window(1, 9), page(2)).await.expect("works");
    assert_eq!(rows.rows, [hold(1, HoldReason::NoChannel), hold(5, HoldReason::Silenced)]);
    let rest = bed.store.holds(window(1, 9), Page { after: rows.next, ..page(2) }).await.expect("works");
    assert_eq!((rest.rows, rest.next), (vec![hold(5, HoldReason::Silenced)], None));
}

async fn silences_end(bed: &mut Bed) {
    let mut silence = Silence {
        id: SilenceId::new(at(0)),
        author: "care".into(),
        reason: "release".into(),
        from: at(0),
        until: at(60),
        topic: Some("acme".into()),
        trigger: None,
        owner: None,
        up_to: Severity::High,
    };
    bed.store.silence(silence.clone()).await.expect("taken");
    bed.pause().await;
    assert_eq!(bed.store.silences(None, at(59)).await.expect("works"), [silence.clone()]);
    assert_eq!(bed.store.silences(None, at(60)).await.expect("works"), []);
    silence.until = at(10);
    bed.store.silence(silence.clone()).await.expect("taken");
    assert_eq!(bed.store.silences(None, at(20)).await.expect("works"), []);
    assert_eq!(bed.store.silences(Some(silence.id), at(20)).await.expect("works"), [silence]);
    assert_eq!(bed.store.silences(Some(SilenceId::new(at(1))), at(0)).await.expect("works"), []);
}

async fn events_are_chained(bed: &mut Bed) {
    let step = |events| Effects { events, ..Effects::default() };
    let first = vec![event(What::Recorded { owner: "care".into() }), event(What::Joined)];
    assert_eq!(bed.store.step(step(first)).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let mut last = event(What::Erased { reason: None, sent: None });
    last.by = Actor::Link("care".into());
    assert_eq!(bed.store.step(step(vec![last])).await.expect("works"), Outcome::Done);
    let all = bed.store.events(None, 10).await.expect("works");
    assert_eq!(all.len(), 3);
    let newest = all.last().expect("there are three");
    assert_eq!(newest.instance, bed.store.instance());
    assert_eq!(all[0].previous, "0".repeat(64));
    assert_eq!(all[1].previous, chain::hash(&all[0]));
    let same_life = all[1].instance == newest.instance;
    assert_eq!(newest.sequence, if same_life { 3 } else { 1 });
    let after = bed.store.events(Some((all[0].instance, 1)), 1).await.expect("works");
    assert_eq!(after, [all[1].clone()]);
    let after = bed.store.events(Some((newest.instance, newest.sequence)), 9).await.expect("works");
    assert_eq!(after, []);
}

async fn every_event_comes_back(bed: &mut Bed) {
    let (notification, owner) = (notification("k", escalation("g", 0).id, 1).id, || "care".into());
    let (channel, reason) = (|| "mail".into(), earmark::domain::notification::Reason::Overdue);
    let all = vec![
        What::Recorded { owner: owner() },
        What::Held { reason: HoldReason::NoTrigger },
        What::Opened { trigger: "angry".into(), accountable: owner() },
        What::Joined,
        What::Stepped { round: 0, step: 1, accountable: owner() },
        What::Acknowledged { accountable: owner(), until: at(9) },
        What::AcknowledgementRanOut { by: owner() },
        What::Reassigned { from: owner(), to: "press".into() },
        What::OwnerGone { from: owner(), to: "press".into() },
        What::Overdue { accountable: owner() },
        What::Expired { accountable: owner() },
        What::Resolved { by: owner() },
        What::Sent { notification, owner: owner(), channel: channel(), reason },
        What::NotSent { notification, owner: owner(), channel: channel(), reason },
        What::Erased { reason: None, sent: None },
        What::Erased { reason: Some(ErasedFor::AuthorLeft), sent: Some(2) },
        What::Forgot { mentions: 3, inbox: 1, queued: 1, sent: 2 },
    ];
    let events: Vec<_> = all.into_iter().map(event).collect();
    let effects = Effects { events: events.clone(), ..Effects::default() };
    assert_eq!(bed.store.step(effects).await.expect("works"), Outcome::Done);
    bed.pause().await;
    let kept = bed.store.events(None, 99).await.expect("works");
    assert_eq!(kept.into_iter().map(|entry| entry.event).collect::<Vec<_>>(), events);
}
