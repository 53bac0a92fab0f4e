//! The rules, one by one.

use super::*;
use crate::domain::escalation::GroupKey;
use crate::domain::policy::{Policy, Step, Tell};

fn now() -> Timestamp {
    "2026-01-12T13:00:00Z".parse().expect("a time")
}

fn owner(name: &str, channels: &[&str]) -> Owner {
    Owner {
        id: name.into(),
        name: name.into(),
        timezone: jiff::tz::TimeZone::UTC,
        hours: None,
        channels: channels.iter().map(|id| ChannelId::from(*id)).collect(),
        deputy: None,
        users: Vec::new(),
        absent: Vec::new(),
    }
}

fn roster() -> Roster {
    let owners = vec![owner("care", &["mail", "gone", "hook"]), owner("cco", &["cco-mail", "mail"])];
    Roster::new(owners, "cco".into(), None).expect("the champion is there")
}

fn reach() -> Reach {
    let address = |text: &str| text.to_owned();
    Reach(
        [
            (ChannelId::from("mail"), vec![address("a@acme.example"), address("b@acme.example")]),
            (ChannelId::from("hook"), vec![]),
            (ChannelId::from("cco-mail"), vec![address("cco@acme.example")]),
        ]
        .into(),
    )
}

fn escalation() -> Escalation {
    let opened_at = now();
    Escalation {
        id: EscalationId::new(opened_at),
        seen: 3,
        topic: "acme-app".into(),
        group: GroupKey("angry/acme-app".into()),
        trigger: "angry".into(),
        why: "sentiment.score <= -0.6".into(),
        severity: Severity::High,
        policy: Policy {
            id: "standard".into(),
            steps: vec![Step { tell: vec![Tell::Owner], wait: SignedDuration::from_mins(30) }],
            repeat: 0,
            acknowledgement_lasts: SignedDuration::from_hours(4),
            resolve_within: SignedDuration::from_hours(24),
        },
        owner: "care".into(),
        accountable: "care".into(),
        state: State::Open,
        opened_at,
        joined_at: opened_at,
        group_for: SignedDuration::from_hours(1),
        mentions: 1,
        untold: 0,
        round: 0,
        taken: 1,
        step_due: Some(opened_at + SignedDuration::from_mins(30)),
        bundle_due: None,
        overdue_at: None,
        first_acknowledged_at: None,
        notified: 1,
    }
}

fn row(escalation: &Escalation, channel: &str, recipient: Option<&str>, delivery: Delivery) -> Notification {
    Notification {
        id: NotificationId::new(now()),
        key: format!("{channel}/{recipient:?}"),
        owner: "care".into(),
        channel: channel.into(),
        recipient: recipient.map(Into::into),
        about: About::Escalation(escalation.id),
        reason: Reason::Accountable,
        urgent: false,
        created_at: escalation.opened_at,
        not_before: escalation.opened_at,
        attempts: 1,
        last_error: None,
        delivery,
    }
}

fn failed() -> Delivery {
    Delivery::Failed { at: now(), why: "no such address".into() }
}

fn error(retry: Retry) -> SendError {
    SendError { what: "no".into(), retry }
}

#[test]
fn a_channel_is_tried_about_as_long_as_its_matter_allows() {
    let escalation = escalation();
    let mut row = row(&escalation, "mail", None, Delivery::Queued);
    let mut spans = Vec::new();
    for severity in [Severity::Urgent, Severity::High, Severity::Low] {
        spans.push((Patience::with(&row, Some(severity)), severity.as_str()));
    }
    row.about = About::Notice(Notice::SourceWell { source: "hn".into() });
    spans.push((Patience::with(&row, None), "notice"));
    let minutes: Vec<(i64, &str)> = spans
        .iter()
        .map(|(patience, name)| {
            let mut at = now();
            let mut tries = 1;
            while let Verdict::Again(next) = judge(tries, &error(Retry::Soon), *patience, at, 1.0) {
                (at, tries) = (next, tries + 1);
            }
            (at.duration_since(now()).as_mins(), *name)
        })
        .collect();
    assert_eq!(minutes, [(2, "urgent"), (11, "high"), (60, "low"), (1_443, "notice")]);
}

#[test]
fn what_the_other_side_says_is_obeyed_while_it_is_sooner_than_giving_up() {
    let after = |seconds| error(Retry::After(SignedDuration::from_secs(seconds)));
    let at = now();
    assert_eq!(judge(1, &error(Retry::Never), Patience::LOW, at, 0.5), Verdict::GiveUp);
    assert_eq!(
        judge(1, &after(90), Patience::URGENT, at, 0.5),
        Verdict::Again(at + SignedDuration::from_secs(90))
    );
    assert_eq!(judge(1, &after(3_000), Patience::URGENT, at, 0.5), Verdict::GiveUp);
    assert_eq!(judge(6, &after(1), Patience::URGENT, at, 0.5), Verdict::GiveUp);
}

#[test]
fn a_dead_recipient_changes_nothing_while_another_may_be_reached() {
    let matter = escalation();
    let dead = row(&matter, "mail", Some("a@acme.example"), Delivery::Queued);
    for other in [Delivery::Queued, Delivery::Sent { at: now() }] {
        let all = [dead.clone(), row(&matter, "mail", Some("b@acme.example"), other)];
        let effects = fall_back(&dead, &all, Some(&matter), &roster(), &reach(), now());
        assert_eq!((effects.events.len(), effects.notifications.len()), (1, 0));
        assert!(effects.escalations.is_empty() && effects.holds.is_empty());
    }
}

#[test]
fn the_last_failure_falls_to_the_next_channel_that_can_be_used() {
    let matter = escalation();
    let dead = row(&matter, "mail", Some("a@acme.example"), Delivery::Queued);
    let all = [dead.clone(), row(&matter, "mail", Some("b@acme.example"), failed())];
    let effects = fall_back(&dead, &all, Some(&matter), &roster(), &reach(), now());
    let [next] = effects.notifications.as_slice() else { panic!("one row: {effects:?}") };
    assert_eq!((next.channel.as_str(), next.attempts), ("hook", 0));
    assert_ne!(next.key, dead.key);
    assert!(same_telling(next, &dead) && effects.escalations.is_empty());
    let again = fall_back(&all[1], &all, Some(&matter), &roster(), &reach(), now());
    assert!(again.notifications.is_empty(), "the other one is not failed yet in the store");
}

#[test]
fn nobody_left_to_ask_makes_the_next_step_due_at_once() {
    let matter = escalation();
    let dead = row(&matter, "hook", None, Delivery::Queued);
    let all = [dead.clone(), row(&matter, "mail", Some("a@acme.example"), failed())];
    let effects = fall_back(&dead, &all, Some(&matter), &roster(), &reach(), now());
    let [next] = effects.escalations.as_slice() else { panic!("one escalation: {effects:?}") };
    assert_eq!((next.seen, next.step_due), (4, Some(now())));
    assert_eq!(effects.holds[0].reason, HoldReason::NoChannel);

    let mut in_hand = matter.clone();
    in_hand.state = State::Acknowledged { by: "cco".into(), at: now(), until: now() };
    let mut passed_on = matter.clone();
    passed_on.accountable = "cco".into();
    for other in [in_hand, passed_on] {
        let effects = fall_back(&dead, &all, Some(&other), &roster(), &reach(), now());
        assert!(effects.escalations.is_empty(), "{other:?}");
    }
}

#[test]
fn the_operator_hears_of_a_dead_channel_once_an_hour_and_not_over_it() {
    let roster = roster();
    let operator = roster.operator();
    let of = |minutes| {
        let at = now() + SignedDuration::from_mins(minutes);
        channel_failed(&"mail".into(), "refused", operator, &reach(), at)
    };
    let rows = of(0);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].channel.as_str(), "cco-mail");
    assert_eq!(rows[0].key, of(59)[0].key);
    assert_ne!(rows[0].key, of(60)[0].key);
    let own = channel_failed(&"cco-mail".into(), "refused", operator, &reach(), now());
    assert!(own.iter().all(|row| row.channel.as_str() == "mail"));
}
