//! When an escalation is due, to whom it goes and who is told when: triggers, routes, policies.
//! What a condition means is checked by `escalation`.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{Check, DAY, HOUR, MINUTE, Seen};
use crate::config::raw::{RawPolicy, RawSpike, RawStep, RawTrigger};
use crate::domain::escalation::Severity;
use crate::domain::id::PolicyId;
use crate::domain::policy::{Policy, Step, Tell};
use crate::domain::sentiment::Polarity;
use crate::domain::trigger::{GroupBy, Route, Spike, TriggerOn, TriggerRule};

const SEVERITIES: [(&str, Severity); 3] =
    [("low", Severity::Low), ("high", Severity::High), ("urgent", Severity::Urgent)];

const GROUPS: [(&str, GroupBy); 5] = [
    ("topic", GroupBy::Topic),
    ("source", GroupBy::Source),
    ("author", GroupBy::Author),
    ("site", GroupBy::Site),
    ("thread", GroupBy::Thread),
];

const COUNTED: [(&str, Option<Polarity>); 5] = [
    ("negative", Some(Polarity::Negative)),
    ("neutral", Some(Polarity::Neutral)),
    ("positive", Some(Polarity::Positive)),
    ("unsure", Some(Polarity::Unsure)),
    ("all", None),
];

impl Check<'_> {
    pub(super) fn routes(&self) -> Vec<Route> {
        let routes = self.raw.routes.iter().filter_map(|raw| {
            let owner = self.refer("owner", &raw.owner, &self.names.owners);
            Some(Route { when: raw.when.as_ref()?.value.clone(), owner: owner? })
        });
        routes.collect()
    }

    pub(super) fn policies(&self) -> BTreeMap<PolicyId, Policy> {
        let mut seen = Seen::default();
        let policies = self.raw.policies.iter().filter_map(|raw| self.policy(raw, &mut seen));
        policies.map(|policy| (policy.id.clone(), policy)).collect()
    }

    fn policy(&self, raw: &RawPolicy, seen: &mut Seen) -> Option<Policy> {
        let id = self.id("a policy", &raw.id, seen);
        if let Some(list) = raw.steps.as_ref().filter(|list| list.value.is_empty()) {
            self.book.push(
                list.at
                    .fault("has no step, so nobody would be told")
                    .remedy("write one or more, as steps = [{ tell = [\"owner\"], wait = \"30m\" }]"),
            );
        }
        let steps = raw.steps.iter().flat_map(|list| &list.value).map(|raw| self.step(raw)).collect();
        let repeat = raw.repeat.as_ref().map_or(0, |said| {
            if said.value > 100 {
                let what = format!("{} further rounds are too many", said.value);
                self.book.push(said.at.fault(what).remedy("allowed is 0 to 100"));
            }
            u32::try_from(said.value).unwrap_or(100)
        });
        Some(Policy {
            id: id?,
            steps,
            repeat,
            acknowledgement_lasts: self
                .span(&raw.acknowledgement_lasts, MINUTE, DAY * 30)
                .unwrap_or(HOUR * 4),
            resolve_within: self.span(&raw.resolve_within, MINUTE, DAY * 365).unwrap_or(DAY),
        })
    }

    fn step(&self, raw: &RawStep) -> Step {
        if let Some(list) = raw.tell.as_ref().filter(|list| list.value.is_empty()) {
            self.book.push(list.at.fault("names nobody").remedy(
                "write \"owner\", \"deputy\", \"champion\" or an owner's id; the first becomes accountable",
            ));
        }
        self.no_doubles(&raw.tell);
        let known: Vec<&str> =
            ["owner", "deputy", "champion"].into_iter().chain(self.names.owners.iter().copied()).collect();
        let tell =
            raw.tell.iter().flat_map(|list| &list.value).filter_map(|said| match said.value.as_str() {
                "owner" => Some(Tell::Owner),
                "deputy" => Some(Tell::Deputy),
                "champion" => Some(Tell::Champion),
                _ => self.name("owner", said, &known).map(Tell::Named),
            });
        let tell = tell.collect();
        let second = SignedDuration::from_secs(1);
        Step { tell, wait: self.span(&raw.wait, second, DAY * 30).unwrap_or(HOUR) }
    }

    pub(super) fn triggers(&self) -> Vec<TriggerRule> {
        let mut seen = Seen::default();
        self.raw.triggers.iter().filter_map(|raw| self.trigger(raw, &mut seen)).collect()
    }

    fn trigger(&self, raw: &RawTrigger, seen: &mut Seen) -> Option<TriggerRule> {
        let id = self.id("a trigger", &raw.id, seen);
        let severity = raw.severity.as_ref().and_then(|said| self.word("severity", said, &SEVERITIES));
        self.no_doubles(&raw.group_by);
        let group_by = match &raw.group_by {
            None => vec![GroupBy::Topic],
            Some(list) => {
                list.value.iter().filter_map(|said| self.word("thing to group by", said, &GROUPS)).collect()
            }
        };
        let spike = raw.spike.as_ref().map(|spike| self.spike(spike));
        let on = match (&raw.when, spike) {
            (Some(when), _) => TriggerOn::When(when.value.clone()),
            (None, Some(spike)) => TriggerOn::Spike(spike?),
            (None, None) => return None,
        };
        Some(TriggerRule {
            id: id?,
            on,
            severity: severity.unwrap_or(Severity::High),
            group_by,
            group_for: self.span(&raw.group_for, SignedDuration::ZERO, DAY).unwrap_or(HOUR),
        })
    }

    fn spike(&self, raw: &RawSpike) -> Option<Spike> {
        let of = raw.of.as_ref().and_then(|said| self.word("count", said, &COUNTED)).flatten();
        let window = self.span(&raw.window, MINUTE, DAY * 7);
        let written = self.span(&raw.baseline, MINUTE * 2, DAY * 90);
        let baseline = written.unwrap_or(DAY * 14);
        if let (Some(window), Some(said), true) = (window, &raw.baseline, written.is_some())
            && baseline < window * 2
        {
            self.book.push(
                said.at
                    .fault("is too short to say what is usual")
                    .remedy("make it twice the window or more, as \"14d\" for a window of \"1h\""),
            );
        }
        let factor = raw.factor.as_ref().map_or(3.0, |said| {
            if !(1.0..=1000.0).contains(&said.value) {
                let remedy = "allowed is 1 to 1000: how many times the usual";
                self.book.push(said.at.fault(format!("{} is out of range", said.value)).remedy(remedy));
            }
            said.value
        });
        let at_least = raw.at_least.as_ref().map_or(10, |said| {
            if !(1..=1_000_000).contains(&said.value) {
                let remedy = "allowed is 1 to 1000000: never below this many";
                self.book.push(said.at.fault(format!("{} is out of range", said.value)).remedy(remedy));
            }
            said.value
        });
        Some(Spike { of, window: window?, baseline, factor, at_least })
    }
}
