//! What people do: acknowledge, resolve, hand over; and what is refused.

use earmark::domain::escalation::Severity::High;
use earmark::domain::escalation::State;
use earmark::domain::event::Actor;
use earmark::domain::notification::{HoldReason, Reason};
use earmark::escalation::{Action, Refused, acknowledge, act, advance, reassign, resolve};

use super::*;

fn by(owner: &str) -> Actor {
    Actor::Owner(owner.into())
}

#[test]
fn acknowledging_again_begins_the_time_again_and_another_takes_it_over() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.told();
    for minutes in [10, 20] {
        let effects = acknowledge(&desk, &[], ledger.one(id), &by("care"), noon() + mins(minutes));
        ledger.apply(effects.expect("done"));
        assert_eq!(ledger.one(id).due(), Some(noon() + mins(minutes + 240)));
    }
    assert_eq!(ledger.one(id).first_acknowledged_at, Some(noon() + mins(10)));
    let effects = acknowledge(&desk, &[], ledger.one(id), &by("ann"), noon() + mins(30)).expect("done");
    ledger.apply(effects);
    assert_eq!(ledger.one(id).accountable.as_str(), "ann");
    assert_eq!(ledger.told(), told(&[("care", Reason::Informed)]));
}

#[test]
fn what_is_resolved_stays_resolved_and_nothing_is_due() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.run(&desk, id, noon() + mins(400));
    assert!(is_expired(ledger.one(id)));
    ledger.apply(resolve(&desk, &[], ledger.one(id), &by("ann"), noon() + mins(401)).expect("done"));
    assert_eq!(ledger.one(id).due(), None);
    let far = noon() + mins(100_000);
    assert!(advance(&desk, &[], ledger.one(id), far).is_empty());
    for action in [Action::Acknowledge, Action::Resolve, Action::Reassign("care".into())] {
        let refused = act(&desk, &[], ledger.one(id), &by("care"), &action, far).expect_err("refused");
        assert!(matches!(&refused, Refused::Resolved { by, .. } if by.as_str() == "ann"));
        assert!(refused.to_string().contains("2026-06-01T18:41:00Z"), "{refused}");
    }
}

#[test]
fn a_handover_begins_a_walk_of_the_new_owner() {
    let owners = vec![owner("care", Some("ann")), owner("ann", None), owner("bob", None), owner("cco", None)];
    let desk = desk_of(owners, policy(0));
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.apply(acknowledge(&desk, &[], ledger.one(id), &by("care"), noon()).expect("done"));
    ledger.told();
    let effects = reassign(&desk, &[], ledger.one(id), &by("cco"), &"bob".into(), noon()).expect("done");
    ledger.apply(effects);
    assert_eq!(ledger.told(), told(&[("bob", Reason::Reassigned), ("care", Reason::Informed)]));
    assert_eq!(ledger.one(id).state, State::Open);
    assert_eq!(ledger.one(id).step_due, Some(noon() + mins(30)));
    ledger.run(&desk, id, noon() + mins(30));
    assert_eq!(ledger.told(), told(&[("cco", Reason::Accountable)]), "bob has no deputy");
}

#[test]
fn a_handover_to_who_cannot_be_reached_goes_on_at_once() {
    let mut bob = owner("bob", Some("ann"));
    bob.channels.clear();
    let desk = desk_of(vec![owner("care", None), owner("ann", None), bob, owner("cco", None)], policy(0));
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    ledger.told();
    let effects = reassign(&desk, &[], ledger.one(id), &by("care"), &"bob".into(), noon()).expect("done");
    ledger.apply(effects);
    assert_eq!(ledger.told(), told(&[("ann", Reason::Accountable)]));
    assert_eq!(ledger.held(HoldReason::NoChannel), vec!["bob".into()]);
}

#[test]
fn refusals_say_what_would_be_right() {
    let desk = desk();
    let mut ledger = Ledger::default();
    let id = ledger.open(&desk, High, noon());
    let to = |name: &str, actor: &str| {
        let refused = reassign(&desk, &[], ledger.one(id), &by(actor), &name.into(), noon());
        refused.expect_err("refused").to_string()
    };
    assert_eq!(to("car", "cco"), "no owner is named \"car\"; did you mean \"care\"?");
    assert_eq!(to("zzzzzz", "cco"), "no owner is named \"zzzzzz\"; there are ann, care, cco");
    assert!(to("care", "cco").contains("is care's already"));
    assert!(to("ann", "annn").contains("did you mean \"ann\""), "an actor must be an owner");
}
