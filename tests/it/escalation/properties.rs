//! Whatever people, posts, reloads and clocks do: one accountable owner of the roster, no step
//! twice, always a deadline, and silence ends at the champion. The ledger checks the rest: `seen`
//! counts up, keys and (round, step) never come twice.

use earmark::domain::escalation::{Severity, State};
use earmark::domain::event::Actor;
use earmark::domain::notification::Reason;
use earmark::domain::owner::Absence;
use earmark::escalation::{Action, act, advance, reconcile};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 4] = ["care", "ann", "bob", "cco"];

#[derive(Debug, Clone)]
enum Move {
    /// A mention of one of two groups.
    Join { group: u8, severity: Severity },
    /// Somebody does something to the n-th escalation.
    Act { escalation: usize, actor: usize, action: u8, to: usize },
    /// Time passes and the task runs, once or until nothing is due.
    Pass { minutes: i64, often: bool },
    /// The clock is set back.
    Back { minutes: i64 },
    /// A reload: who is there, who is away, who has channels.
    Reload { there: u8, away: u8, reached: u8 },
}

fn any_move() -> impl Strategy<Value = Move> {
    let severity = prop::sample::select(vec![Severity::Low, Severity::High, Severity::Urgent]);
    prop_oneof![
        3 => (0_u8..2, severity).prop_map(|(group, severity)| Move::Join { group, severity }),
        3 => (0_usize..5, 0_usize..4, 0_u8..4, 0_usize..4)
            .prop_map(|(escalation, actor, action, to)| Move::Act { escalation, actor, action, to }),
        5 => (0_i64..600, any::<bool>()).prop_map(|(minutes, often)| Move::Pass { minutes, often }),
        1 => (0_i64..20_000).prop_map(|minutes| Move::Pass { minutes, often: false }),
        1 => (0_i64..2_000).prop_map(|minutes| Move::Back { minutes }),
        1 => (any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(there, away, reached)| Move::Reload { there, away, reached }),
    ]
}

fn desk_with(repeat: u32, there: u8, away: u8, reached: u8, now: Timestamp) -> Desk {
    let day = now.to_zoned(TimeZone::UTC).date();
    let mut owners =
        vec![owner("care", Some("ann")), owner("ann", Some("bob")), owner("bob", None), owner("cco", None)];
    owners[1].hours = hours(&["Mon-Fri 08:00-18:00"]);
    for (bit, each) in owners.iter_mut().enumerate() {
        if away >> bit & 1 == 1 {
            each.absent = vec![Absence { from: day, to: day.tomorrow().expect("in range") }];
        }
        if reached >> bit & 1 == 0 {
            each.channels.clear();
        }
    }
    let owners = owners.into_iter().enumerate().filter(|(bit, _)| *bit == 3 || there >> bit & 1 == 1);
    desk_of(owners.map(|(_, owner)| owner).collect(), policy(repeat))
}

fn holds_together(ledger: &Ledger, desk: &Desk) {
    for one in ledger.escalations.values() {
        match &one.state {
            State::Open => assert!(one.step_due.is_some(), "open without a deadline: {one:?}"),
            State::Acknowledged { by, .. } => {
                assert_eq!(*by, one.accountable);
                assert!(one.step_due.is_none() && one.due().is_some());
            }
            State::Expired { .. } => assert!(one.step_due.is_none()),
            State::Resolved { .. } => assert_eq!(one.due(), None),
        }
        if one.state.is_unresolved() {
            assert!(desk.roster.get(&one.accountable).is_some(), "nobody answers: {one:?}");
        }
    }
}

fn run_all(ledger: &mut Ledger, desk: &Desk, now: Timestamp, often: bool) {
    let ids: Vec<_> = ledger.escalations.keys().copied().collect();
    for id in ids {
        for _ in 0..if often { 100 } else { 1 } {
            if ledger.one(id).due().is_none_or(|due| due > now) {
                break;
            }
            let effects = advance(desk, &[], ledger.one(id), now);
            assert!(!effects.is_empty(), "due and does not move: {:?}", ledger.one(id));
            let mut people: Vec<_> = effects.notifications.iter().map(|row| &row.owner).collect();
            people.sort();
            let count = people.len();
            people.dedup();
            assert_eq!(people.len(), count, "one decision tells one person once");
            ledger.apply(effects);
        }
        assert!(ledger.one(id).due().is_none_or(|due| due > now), "one decision takes all that is due");
    }
}

fn reconcile_all(ledger: &mut Ledger, desk: &Desk, now: Timestamp) {
    let ids: Vec<_> = ledger.escalations.keys().copied().collect();
    for id in ids {
        ledger.apply(reconcile(desk, &[], ledger.one(id), now));
        assert!(reconcile(desk, &[], ledger.one(id), now).is_empty(), "reconciling settles");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn somebody_always_answers(repeat in 0_u32..3, moves in prop::collection::vec(any_move(), 1..40)) {
        let mut now = noon();
        let mut desk = desk_with(repeat, 0xff, 0, 0xff, now);
        let mut ledger = Ledger::default();
        for each in moves {
            match each {
                Move::Join { group, severity } => {
                    ledger.mention(&desk, firing(&format!("g{group}"), severity), now);
                }
                Move::Act { escalation, actor, action, to } => {
                    let Some(id) = ledger.escalations.keys().nth(escalation).copied() else { continue };
                    let action = match action {
                        0 | 1 => Action::Acknowledge,
                        2 => Action::Resolve,
                        _ => Action::Reassign(NAMES[to].into()),
                    };
                    let actor = Actor::Owner(NAMES[actor].into());
                    if let Ok(effects) = act(&desk, &[], ledger.one(id), &actor, &action, now) {
                        ledger.apply(effects);
                    }
                }
                Move::Pass { minutes, often } => {
                    now += mins(minutes);
                    run_all(&mut ledger, &desk, now, often);
                }
                Move::Back { minutes } => {
                    now -= mins(minutes);
                    reconcile_all(&mut ledger, &desk, now);
                }
                Move::Reload { there, away, reached } => {
                    desk = desk_with(repeat, there, away, reached, now);
                    reconcile_all(&mut ledger, &desk, now);
                }
            }
            holds_together(&ledger, &desk);
        }
        // Then everybody stays silent.
        ledger.told();
        let unresolved: Vec<_> =
            ledger.escalations.values().filter(|e| e.state.is_unresolved()).map(|e| e.id).collect();
        for id in unresolved {
            let was_expired = is_expired(ledger.one(id));
            ledger.run(&desk, id, now + SignedDuration::from_hours(24 * 60));
            prop_assert!(is_expired(ledger.one(id)));
            prop_assert_eq!(ledger.one(id).accountable.as_str(), "cco");
            let heard = ledger.told().contains(&("cco".into(), Reason::Expired));
            let can_hear = desk.reach.0.keys().any(|channel| channel.as_str() == "cco-mail");
            prop_assert_eq!(heard, !was_expired && can_hear);
        }
    }
}
