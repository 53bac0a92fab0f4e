//! Escalation from the outside: a desk, and a ledger that takes effects by the store's rules and
//! breaks the test where a store would answer with a conflict.

mod acts;
mod joins;
mod properties;
mod routing;
mod task;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use earmark::domain::channel::Reach;
use earmark::domain::escalation::{Escalation, GroupKey, Severity, State};
use earmark::domain::event::{Event, What};
use earmark::domain::hours::WorkingHours;
use earmark::domain::id::{EscalationId, MentionId, OwnerId};
use earmark::domain::mention::Finding;
use earmark::domain::notification::{Hold, HoldReason, Notification, Reason};
use earmark::domain::owner::{Owner, Roster};
use earmark::domain::policy::{Policy, Step, Tell};
use earmark::domain::topic::Topic;
use earmark::escalation::{Desk, Fired, Firing, Intake, Rules, Subject, advance};
use earmark::store::Effects;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// A Monday noon.
pub fn noon() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

pub fn mins(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub fn owner(id: &str, deputy: Option<&str>) -> Owner {
    Owner {
        id: id.into(),
        name: id.into(),
        timezone: TimeZone::UTC,
        hours: None,
        channels: vec![format!("{id}-mail").as_str().into()],
        deputy: deputy.map(Into::into),
        users: Vec::new(),
        absent: Vec::new(),
    }
}

pub fn hours(lines: &[&str]) -> Option<WorkingHours> {
    let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    Some(WorkingHours::parse(&lines).expect("hours in order"))
}

pub fn step(tell: &[Tell], wait: i64) -> Step {
    Step { tell: tell.to_vec(), wait: mins(wait) }
}

/// Owner 30 min, deputy 1 h, champion 4 h.
pub fn policy(repeat: u32) -> Policy {
    Policy {
        id: "standard".into(),
        steps: vec![step(&[Tell::Owner], 30), step(&[Tell::Deputy], 60), step(&[Tell::Champion], 240)],
        repeat,
        acknowledgement_lasts: mins(240),
        resolve_within: SignedDuration::from_hours(24),
    }
}

pub fn topic(id: &str, policy: Option<&str>) -> Topic {
    Topic {
        id: id.into(),
        name: id.into(),
        query: String::new(),
        owner: Some("care".into()),
        policy: policy.map(Into::into),
        panel: None,
        retention: None,
    }
}

/// `care` with the deputy `ann`, the champion `cco`; topics `app` (with a policy) and `rival`.
pub fn desk() -> Desk {
    desk_of(vec![owner("care", Some("ann")), owner("ann", None), owner("cco", None)], policy(0))
}

pub fn desk_of(owners: Vec<Owner>, policy: Policy) -> Desk {
    let reach = owners.iter().flat_map(|owner| &owner.channels);
    let reach = Reach(reach.map(|channel| (channel.clone(), Vec::new())).collect());
    let topics = [topic("app", Some("standard")), topic("rival", None)];
    Desk {
        roster: Roster::new(owners, "cco".into(), None).expect("the champion is there"),
        reach,
        policies: BTreeMap::from([(policy.id.clone(), policy)]),
        topics: topics.into_iter().map(|topic| (topic.id.clone(), topic)).collect(),
        rules: Rules::compile(&[], &[]).expect("no rule is no fault"),
    }
}

pub fn firing(group: &str, severity: Severity) -> Firing {
    Firing {
        trigger: "angry".into(),
        severity,
        why: "negative".into(),
        group: GroupKey(group.into()),
        group_for: mins(60),
    }
}

/// What a store would hold.
#[derive(Default)]
pub struct Ledger {
    pub escalations: BTreeMap<EscalationId, Escalation>,
    pub groups: BTreeMap<GroupKey, EscalationId>,
    pub sent: Vec<Notification>,
    pub holds: Vec<Hold>,
    pub events: Vec<Event>,
    joins: BTreeSet<(EscalationId, MentionId)>,
    keys: BTreeSet<String>,
    steps: BTreeSet<(EscalationId, u32, u32)>,
}

impl Ledger {
    pub fn apply(&mut self, effects: Effects) {
        for open in effects.opens {
            assert_eq!(self.groups.get(&open.group).copied(), open.instead_of, "the group's row");
            self.groups.insert(open.group, open.by);
        }
        for escalation in effects.escalations {
            let before = self.escalations.get(&escalation.id).map_or(0, |known| known.seen);
            assert_eq!(escalation.seen, before + 1, "seen counts up by one");
            self.escalations.insert(escalation.id, escalation);
        }
        for join in effects.joins {
            assert!(self.joins.insert(join), "a mention joins once");
        }
        for row in effects.notifications {
            assert!(self.keys.insert(row.key.clone()), "key {} came twice", row.key);
            self.sent.push(row);
        }
        for event in effects.events {
            if let (Some(id), What::Stepped { round, step, .. }) = (event.escalation, &event.what) {
                assert!(self.steps.insert((id, *round, *step)), "step {round}.{step} was taken twice");
            }
            self.events.push(event);
        }
        self.holds.extend(effects.holds);
    }

    /// One mention of the topic `app`, routed to `care`.
    pub fn mention(&mut self, desk: &Desk, firing: Firing, now: Timestamp) -> (MentionId, Finding) {
        let id = MentionId::new(now);
        let mut intake = Intake::new(desk, &[], now);
        let holder = self.groups.get(&firing.group).map(|id| self.escalations[id].clone());
        intake.know(&firing.group, holder);
        let (topic, owner) = ("app".into(), "care".into());
        let subject = Subject { mention: id, topic: &topic, owner: &owner, before: None };
        let finding = intake.take(&subject, Fired { fired: Some(firing), faults: Vec::new() });
        self.apply(intake.finish());
        (id, finding)
    }

    /// A newer version of a mention.
    pub fn edit(
        &mut self,
        desk: &Desk,
        mention: MentionId,
        before: &Finding,
        fired: Option<Firing>,
        now: Timestamp,
    ) -> Finding {
        let mut intake = Intake::new(desk, &[], now);
        if let Some(firing) = &fired {
            let holder = self.groups.get(&firing.group).map(|id| self.escalations[id].clone());
            intake.know(&firing.group, holder);
        }
        if let Some(own) = before.escalation() {
            intake.know_own(self.escalations[&own].clone());
        }
        let (topic, owner) = ("app".into(), "care".into());
        let subject = Subject { mention, topic: &topic, owner: &owner, before: Some(before) };
        let finding = intake.take(&subject, Fired { fired, faults: Vec::new() });
        self.apply(intake.finish());
        finding
    }

    /// Opens one of `severity` at `now` and answers its number.
    pub fn open(&mut self, desk: &Desk, severity: Severity, now: Timestamp) -> EscalationId {
        let (_, finding) = self.mention(desk, firing("g", severity), now);
        finding.escalation().expect("it opened or joined")
    }

    /// Takes everything that is due by `until`, each at its time.
    pub fn run(&mut self, desk: &Desk, id: EscalationId, until: Timestamp) {
        for _ in 0..10_000 {
            let Some(due) = self.one(id).due().filter(|due| *due <= until) else { return };
            let effects = advance(desk, &[], self.one(id), due);
            assert!(!effects.is_empty(), "what is due moves");
            self.apply(effects);
        }
        panic!("the walk does not end");
    }

    pub fn one(&self, id: EscalationId) -> &Escalation {
        &self.escalations[&id]
    }

    /// Who was told what since the last call, in order.
    pub fn told(&mut self) -> Vec<(String, Reason)> {
        self.sent.drain(..).map(|row| (row.owner.to_string(), row.reason)).collect()
    }

    pub fn held(&self, reason: HoldReason) -> Vec<OwnerId> {
        self.holds.iter().filter(|hold| hold.reason == reason).filter_map(|hold| hold.owner.clone()).collect()
    }
}

pub fn told(rows: &[(&str, Reason)]) -> Vec<(String, Reason)> {
    rows.iter().map(|(owner, reason)| ((*owner).to_owned(), *reason)).collect()
}

pub fn is_expired(escalation: &Escalation) -> bool {
    matches!(escalation.state, State::Expired { .. })
}
