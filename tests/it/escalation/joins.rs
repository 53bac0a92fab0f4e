//! Grouping: what opens, what joins, and what whoever has it hears of it.

use earmark::domain::escalation::Severity::{High, Low, Urgent};
use earmark::domain::escalation::State;
use earmark::domain::event::Actor;
use earmark::domain::notification::{HoldReason, Reason};
use earmark::escalation::{RuleFault, acknowledge, resolve};
use jiff::SignedDuration;

use super::*;

fn care() -> Actor {
    Actor::Owner("care".into())
}

#[test]
fn a_batch_of_one_storm_is_one_escalation_and_one_message() {
    let desk = desk();
    let (topic, owner) = ("app".into(), "care".into());
    let mut intake = Intake::new(&desk, &[], noon());
    let findings: Vec<_> = (0..40)
        .map(|_| {
            let subject =
                Subject { mention: MentionId::new(noon()), topic: &topic, owner: &owner, before: None };
            intake.take(&subject, Fired { fired: Some(firing("g", High)), faults: Vec::new() })
        })
        .collect();
    let effects = intake.finish();
    assert!(matches!(findings[0], Finding::Opened(..)));
    assert!(
        findings[1..]
            .iter()
            .all(|f| matches!(f, Finding::Joined(id, _) if Some(*id) == findings[0].escalation()))
    );
    assert_eq!((effects.escalations.len(), effects.joins.len(), effects.notifications.len()), (1, 40, 1));
    assert_eq!((effects.escalations[0].mentions, effects.escalations[0].seen), (40, 1));
    Ledger::default().apply(effects);
}

#[test]
fn a_matter_is_joined_in_its_window_and_no_longer() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let first = ledger.open(&desk, High, noon());
    assert_eq!(ledger.open(&desk, High, noon() + mins(60)), first);
    assert_eq!(ledger.open(&desk, High, noon() + mins(120)), first, "counted from the last that joined");
    let second = ledger.open(&desk, High, noon() + mins(181));
    assert_ne!(second, first);
    assert!(ledger.one(first).state.is_unresolved(), "the older one is still open");
    ledger.apply(resolve(&desk, &[], ledger.one(second), &care(), noon() + mins(182)).expect("done"));
    assert_ne!(ledger.open(&desk, High, noon() + mins(183)), second, "resolved is not joined");

    // However steadily mentions come, a day after the first a new matter begins.
    let mut ledger = Ledger::default();
    let first = ledger.open(&desk, High, noon());
    let last =
        (1..=48).find(|half_hours| ledger.open(&desk, High, noon() + mins(30 * half_hours + 1)) != first);
    assert_eq!(last, Some(48));
}

#[test]
fn what_joins_an_acknowledged_matter_is_told_bundled() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.apply(acknowledge(&desk, &[], ledger.one(id), &care(), noon()).expect("done"));
    ledger.told();
    for minute in [1, 2, 9] {
        assert_eq!(ledger.open(&desk, High, noon() + mins(minute)), id);
    }
    assert_eq!((ledger.told(), ledger.one(id).untold), (told(&[]), 3));
    ledger.run(&desk, id, noon() + mins(16));
    assert_eq!(
        (ledger.told(), ledger.one(id).untold),
        (told(&[("care", Reason::Joined)]), 3),
        "the message says how many"
    );
    ledger.open(&desk, High, noon() + mins(17));
    assert_eq!((ledger.told(), ledger.one(id).untold), (told(&[]), 1), "the next bundle counts anew");
    assert!(matches!(ledger.one(id).state, State::Acknowledged { .. }));
}

#[test]
fn of_an_urgent_matter_the_first_is_told_at_once() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, Urgent, noon());
    ledger.apply(acknowledge(&desk, &[], ledger.one(id), &care(), noon()).expect("done"));
    ledger.told();
    ledger.open(&desk, Urgent, noon() + mins(1));
    assert_eq!(ledger.told(), told(&[("care", Reason::Joined)]));
    ledger.open(&desk, Urgent, noon() + mins(2));
    ledger.open(&desk, Urgent, noon() + mins(3));
    assert_eq!(ledger.told(), told(&[]));
    ledger.run(&desk, id, noon() + mins(16));
    assert_eq!(ledger.told(), told(&[("care", Reason::Joined)]));
}

#[test]
fn a_more_severe_one_begins_the_steps_again() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, Low, noon());
    ledger.run(&desk, id, noon() + mins(30));
    ledger.apply(
        acknowledge(&desk, &[], ledger.one(id), &Actor::Owner("ann".into()), noon() + mins(31))
            .expect("done"),
    );
    ledger.told();
    assert_eq!(ledger.open(&desk, High, noon() + mins(40)), id);
    assert_eq!(ledger.told(), told(&[("ann", Reason::Worse), ("care", Reason::Worse)]));
    let one = ledger.one(id);
    assert_eq!((&one.state, one.severity, one.accountable.as_str()), (&State::Open, High, "care"));
    assert_eq!(one.step_due, Some(noon() + mins(70)));
}

#[test]
fn what_grows_in_the_batch_that_opens_it_is_told_as_new() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let mut intake = Intake::new(&desk, &[], noon());
    let (topic, owner) = ("app".into(), "care".into());
    for severity in [Low, High] {
        let subject = Subject { mention: MentionId::new(noon()), topic: &topic, owner: &owner, before: None };
        let fired = Fired { fired: Some(firing("g", severity)), faults: Vec::new() };
        assert!(intake.take(&subject, fired).escalation().is_some());
    }
    ledger.apply(intake.finish());
    assert_eq!(ledger.told(), told(&[("care", Reason::Accountable)]));
    let severities: Vec<_> = ledger.escalations.values().map(|one| one.severity).collect();
    assert_eq!(severities, [High]);
}

#[test]
fn an_edit_wakes_nobody_unless_it_is_more_severe() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let (mention, finding) = ledger.mention(&desk, firing("g", High), noon());
    let id = finding.escalation().expect("opened");
    ledger.told();
    assert_eq!(ledger.edit(&desk, mention, &finding, Some(firing("g", High)), noon() + mins(5)), finding);
    assert_eq!(ledger.edit(&desk, mention, &finding, None, noon() + mins(6)), finding);
    assert_eq!((ledger.told(), ledger.one(id).mentions), (told(&[]), 1));
    assert_eq!(ledger.held(HoldReason::AlreadyTold).len(), 1);
    assert_eq!(
        ledger.edit(&desk, mention, &finding, Some(firing("other", Urgent)), noon() + mins(7)),
        finding
    );
    assert_eq!(ledger.told(), told(&[("care", Reason::Worse)]));

    // After it was resolved, a closing "thanks" opens nothing.
    ledger.apply(resolve(&desk, &[], ledger.one(id), &care(), noon() + mins(8)).expect("done"));
    assert_eq!(ledger.edit(&desk, mention, &finding, Some(firing("g", High)), noon() + mins(9)), finding);
    assert_eq!((ledger.escalations.len(), ledger.told()), (1, told(&[])));
}

#[test]
fn every_no_has_its_reason() {
    let desk = desk();
    let (app, rival, owner) = ("app".into(), "rival".into(), "care".into());
    let take = |topic, fired| {
        let mut intake = Intake::new(&desk, &[], noon());
        let subject = Subject { mention: MentionId::new(noon()), topic, owner: &owner, before: None };
        let finding = intake.take(&subject, fired);
        (finding, intake.finish())
    };
    let (finding, effects) = take(&app, Fired::default());
    assert_eq!(finding, Finding::Held(HoldReason::NoTrigger));
    assert!(effects.is_empty());
    let (finding, effects) = take(&rival, Fired { fired: Some(firing("g", High)), faults: Vec::new() });
    assert_eq!(finding, Finding::Held(HoldReason::NoPolicy));
    assert_eq!(effects.holds[0].reason, HoldReason::NoPolicy);
    let fault = RuleFault { rule: "trigger angry".into(), error: "it failed".into() };
    let (finding, _) = take(&app, Fired { fired: None, faults: vec![fault.clone()] });
    assert_eq!(finding, Finding::Held(HoldReason::RuleError));
    let (finding, _) = take(&app, Fired { fired: Some(firing("g", High)), faults: vec![fault] });
    assert!(matches!(finding, Finding::Opened(..)), "another rule is enough");
}

#[test]
fn what_joins_an_expired_matter_is_told_to_the_champion() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    for minutes in [50, 100, 150, 200, 250, 300] {
        ledger.run(&desk, id, noon() + mins(minutes));
        assert_eq!(ledger.open(&desk, High, noon() + mins(minutes)), id);
    }
    ledger.run(&desk, id, noon() + mins(331));
    assert!(is_expired(ledger.one(id)));
    ledger.told();
    assert_eq!(ledger.open(&desk, High, noon() + mins(340)), id);
    ledger.run(&desk, id, noon() + SignedDuration::from_hours(6));
    assert_eq!(ledger.told(), told(&[("cco", Reason::Joined)]));
}
