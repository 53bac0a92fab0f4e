//! Steps: whom a silent owner is passed on to, when, and why not.

use earmark::domain::escalation::Severity::{High, Urgent};
use earmark::domain::escalation::State;
use earmark::domain::event::{Actor, What};
use earmark::domain::id::SilenceId;
use earmark::domain::notification::{HoldReason, Reason};
use earmark::domain::owner::Absence;
use earmark::domain::policy::Tell;
use earmark::domain::silence::Silence;
use earmark::escalation::{acknowledge, advance, reconcile, timetable};
use jiff::SignedDuration;

use super::*;

#[test]
fn silence_is_passed_on_until_the_champion_has_it() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    assert_eq!(ledger.told(), told(&[("care", Reason::Accountable)]));
    assert_eq!(ledger.one(id).due(), Some(noon() + mins(30)));

    ledger.run(&desk, id, noon() + mins(29));
    assert_eq!(ledger.told(), told(&[]), "a minute early");
    ledger.run(&desk, id, noon() + mins(30));
    assert_eq!(ledger.told(), told(&[("ann", Reason::Accountable)]));
    assert_eq!(ledger.one(id).accountable.as_str(), "ann");
    ledger.run(&desk, id, noon() + mins(90));
    assert_eq!(ledger.told(), told(&[("cco", Reason::Accountable)]));
    ledger.run(&desk, id, noon() + mins(330));
    assert_eq!(ledger.told(), told(&[("cco", Reason::Expired)]));
    assert!(is_expired(ledger.one(id)));

    ledger.run(&desk, id, noon() + SignedDuration::from_hours(24));
    assert_eq!(ledger.told(), told(&[("cco", Reason::Overdue)]));
    assert_eq!(ledger.one(id).due(), None, "overdue is said once");
}

#[test]
fn rounds_repeat_as_often_as_the_policy_says() {
    let desk = desk_of(vec![owner("care", None), owner("cco", None)], policy(2));
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.run(&desk, id, noon() + SignedDuration::from_hours(23));
    let round = [("care", Reason::Accountable), ("cco", Reason::Accountable)];
    let expected = [&round[..], &round, &round, &[("cco", Reason::Expired)]].concat();
    assert_eq!(ledger.told(), told(&expected));
}

#[test]
fn neighbouring_steps_of_one_person_are_one_with_the_longest_wait() {
    // Without a deputy the champion stands in: steps 2 and 3 both come to `cco`.
    let desk = desk_of(vec![owner("care", None), owner("cco", None)], policy(0));
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.run(&desk, id, noon() + mins(30));
    assert_eq!(ledger.told(), told(&[("care", Reason::Accountable), ("cco", Reason::Accountable)]));
    assert_eq!(ledger.one(id).step_due, Some(noon() + mins(30 + 240)));
    // And where the champion owns the topic, there is one step in all.
    let desk = desk_of(vec![owner("cco", None)], policy(0));
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.run(&desk, id, noon() + mins(240));
    assert_eq!(ledger.told(), told(&[("cco", Reason::Accountable), ("cco", Reason::Expired)]));
}

#[test]
fn the_others_of_a_step_are_informed_and_told_once() {
    let mut policy = policy(0);
    policy.steps[0] = step(&[Tell::Owner, Tell::Champion, Tell::Owner, Tell::Named("gone".into())], 30);
    let desk = desk_of(vec![owner("care", Some("ann")), owner("ann", None), owner("cco", None)], policy);
    let mut ledger = Ledger::default();
    ledger.open(&desk, High, noon());
    assert_eq!(ledger.told(), told(&[("cco", Reason::Informed), ("care", Reason::Accountable)]));
}

#[test]
fn who_is_away_is_stood_in_for() {
    let mut care = owner("care", Some("ann"));
    let day = noon().to_zoned(care.timezone.clone()).date();
    care.absent = vec![Absence { from: day, to: day }];
    let desk = desk_of(vec![care, owner("ann", None), owner("cco", None)], policy(0));
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    assert_eq!(ledger.one(id).owner.as_str(), "care", "the routed owner stays");
    assert_eq!(ledger.one(id).accountable.as_str(), "ann");
    ledger.run(&desk, id, noon() + mins(60));
    assert_eq!(ledger.told(), told(&[("ann", Reason::Accountable), ("cco", Reason::Accountable)]));
}

#[test]
fn outside_hours_the_message_waits_and_the_wait_begins_with_the_hours() {
    let mut care = owner("care", Some("ann"));
    care.hours = hours(&["Mon-Fri 08:00-18:00"]);
    let desk = desk_of(vec![care, owner("ann", None), owner("cco", None)], policy(0));
    let friday_evening = at("2026-06-05T20:00:00Z");
    let monday = at("2026-06-08T08:00:00Z");
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, friday_evening);
    assert_eq!(ledger.sent[0].not_before, monday);
    assert_eq!(ledger.holds[0].reason, HoldReason::OutsideHours);
    assert_eq!(ledger.holds[0].until, Some(monday));
    assert_eq!(ledger.one(id).step_due, Some(monday + mins(30)));

    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, Urgent, friday_evening);
    assert_eq!(ledger.sent[0].not_before, friday_evening);
    assert!(ledger.sent[0].urgent && ledger.holds.is_empty());
    assert_eq!(ledger.one(id).step_due, Some(friday_evening + mins(30)));
}

#[test]
fn who_cannot_be_reached_is_passed_by_at_once_and_it_is_said() {
    let mut care = owner("care", Some("ann"));
    care.channels.clear();
    let desk = desk_of(vec![care, owner("ann", None), owner("cco", None)], policy(0));
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    assert_eq!(ledger.told(), told(&[("ann", Reason::Accountable)]));
    assert_eq!(ledger.held(HoldReason::NoChannel), vec!["care".into()]);
    assert_eq!(ledger.one(id).accountable.as_str(), "ann");

    // When nobody can be reached, however many rounds there are, it expires in one decision.
    let mut nobody = super::desk();
    nobody.reach.0.clear();
    nobody.policies = [("standard".into(), policy(u32::MAX))].into();
    let mut ledger = Ledger::default();
    let id = ledger.open(&nobody, High, noon());
    assert!(is_expired(ledger.one(id)));
    assert_eq!(ledger.one(id).accountable.as_str(), "cco");
    assert_eq!(ledger.held(HoldReason::NoChannel).len(), 3);
}

#[test]
fn each_address_of_the_first_usable_channel_gets_a_message() {
    let mut care = owner("care", None);
    care.channels = vec!["broken".into(), "team".into(), "spare".into()];
    let mut desk = desk_of(vec![care, owner("cco", None)], policy(0));
    desk.reach.0.remove(&"broken".into());
    desk.reach.0.insert("team".into(), vec!["a@acme.example".into(), "b@acme.example".into()]);
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    let to: Vec<_> = ledger.sent.iter().map(|row| (row.channel.as_str(), row.recipient.as_deref())).collect();
    assert_eq!(to, vec![("team", Some("a@acme.example")), ("team", Some("b@acme.example"))]);
    assert_eq!(ledger.one(id).notified, 2);
}

#[test]
fn a_silence_holds_the_message_and_the_steps_go_on() {
    let desk = desk();
    let silence = Silence {
        id: SilenceId::new(noon()),
        author: "care".into(),
        reason: "release day".into(),
        from: noon(),
        until: noon() + mins(600),
        topic: None,
        trigger: None,
        owner: Some("ann".into()),
        up_to: High,
    };
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.told();
    ledger.apply(advance(&desk, std::slice::from_ref(&silence), ledger.one(id), noon() + mins(30)));
    assert_eq!(ledger.told(), told(&[]));
    assert_eq!(ledger.holds[0].silence, Some(silence.id));
    assert_eq!(ledger.one(id).accountable.as_str(), "ann");
    ledger.apply(advance(&desk, &[silence], ledger.one(id), noon() + mins(90)));
    assert_eq!(ledger.told(), told(&[("cco", Reason::Accountable)]));
}

#[test]
fn an_acknowledgement_runs_out_and_the_steps_go_on() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.told();
    let by = Actor::Owner("care".into());
    ledger.apply(acknowledge(&desk, &[], ledger.one(id), &by, noon() + mins(10)).expect("done"));
    assert_eq!(ledger.one(id).due(), Some(noon() + mins(250)));
    ledger.run(&desk, id, noon() + mins(249));
    assert_eq!(ledger.told(), told(&[]), "steps stop");
    ledger.run(&desk, id, noon() + mins(250));
    assert_eq!(ledger.told(), told(&[("care", Reason::AcknowledgementRanOut), ("ann", Reason::Accountable)]));
    assert_eq!(ledger.one(id).state, State::Open);
}

#[test]
fn after_days_off_one_step_is_taken_and_the_next_wait_is_whole() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.told();
    let later = noon() + SignedDuration::from_hours(72);
    ledger.apply(advance(&desk, &[], ledger.one(id), later));
    // Overdue as well, and still one message.
    assert_eq!(ledger.told(), told(&[("ann", Reason::Accountable)]));
    assert_eq!(ledger.one(id).due(), Some(later + mins(60)));
    assert!(advance(&desk, &[], ledger.one(id), later).is_empty());
}

#[test]
fn who_leaves_the_roster_answers_for_nothing_any_more() {
    let whole = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&whole, High, noon());
    let by = Actor::Owner("care".into());
    ledger.apply(acknowledge(&whole, &[], ledger.one(id), &by, noon()).expect("done"));
    ledger.told();
    let smaller = desk_of(vec![owner("ann", None), owner("cco", None)], policy(0));
    assert!(reconcile(&whole, &[], ledger.one(id), noon()).is_empty());
    ledger.apply(reconcile(&smaller, &[], ledger.one(id), noon()));
    assert_eq!(ledger.told(), told(&[("cco", Reason::Accountable)]));
    let one = ledger.one(id);
    assert_eq!((one.accountable.as_str(), one.owner.as_str(), &one.state), ("cco", "cco", &State::Open));
    assert_eq!(one.step_due, Some(noon() + mins(30)));
    assert!(matches!(&ledger.events.last().expect("one").what, What::OwnerGone { .. }));
    assert!(reconcile(&smaller, &[], ledger.one(id), noon()).is_empty(), "once is enough");
}

#[test]
fn a_clock_that_was_a_year_ahead_does_not_stop_the_steps_for_a_year() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon() + SignedDuration::from_hours(24 * 365));
    assert!(advance(&desk, &[], ledger.one(id), noon()).is_empty());
    ledger.apply(reconcile(&desk, &[], ledger.one(id), noon()));
    assert_eq!(ledger.one(id).step_due, Some(noon() + mins(30)));
    assert_eq!(ledger.one(id).overdue_at, Some(noon() + SignedDuration::from_hours(24)));
}

#[test]
fn the_timetable_says_what_the_walk_does() {
    let mut care = owner("care", Some("ann"));
    care.hours = hours(&["Mon-Fri 08:00-18:00"]);
    let mut ann = owner("ann", None);
    ann.channels.clear();
    let desk = desk_of(vec![care, ann, owner("cco", None)], policy(0));
    let saturday = at("2026-06-06T12:00:00Z");
    let monday = at("2026-06-08T08:00:00Z");
    let topic = desk.topics[&"app".into()].clone();
    let rows: Vec<_> = timetable(&desk, &topic, &"care".into(), High, saturday)
        .into_iter()
        .map(|row| (row.at, row.owner.to_string(), row.role, row.channels.len()))
        .collect();
    let row = |at, owner: &str, role, channels| (at, owner.to_owned(), role, channels);
    assert_eq!(
        rows,
        vec![
            row(monday, "care", Reason::Accountable, 1),
            row(monday, "care", Reason::Overdue, 1),
            row(monday + mins(30), "cco", Reason::Accountable, 1),
            row(monday + mins(30), "ann", Reason::Accountable, 0),
            row(monday + mins(270), "cco", Reason::Expired, 1),
        ]
    );
}
