//! Routes and triggers, compiled: whose a mention is, and whether an escalation is due.
//!
//! A rule that fails on a mention is passed over and named as a [`RuleFault`]. A mention that no
//! other rule escalates is then held with `rule_error`, and the operator is told: a broken rule
//! must not look like a quiet day.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::check::{self, Known};
use super::condition::{Condition, Scope};
use super::group::group_key;
use super::spike::spike;
use crate::domain::escalation::{GroupKey, Severity};
use crate::domain::id::{OwnerId, TriggerId};
use crate::domain::mention::ScoredMention;
use crate::domain::notification::Notice;
use crate::domain::owner::Roster;
use crate::domain::problem::{Problem, Problems};
use crate::domain::sentiment::{Doubt, Sentiment};
use crate::domain::topic::Topic;
use crate::domain::trigger::{Route, TriggerOn, TriggerRule};
use crate::domain::words::why_unsure;
use crate::store::Tally;

/// All routes and triggers of a configuration.
#[derive(Debug, Default)]
pub struct Rules {
    routes: Vec<(Condition, OwnerId)>,
    /// In the order written; the condition is none for a spike.
    triggers: Vec<(TriggerRule, Option<Condition>)>,
}

/// Whose a mention is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// Who answers for it while no escalation says otherwise.
    pub owner: OwnerId,
    /// `route 2: when …`, `owner of topic acme-app` or `champion`.
    pub by: String,
    /// Routes that failed.
    pub faults: Vec<RuleFault>,
}

/// What a trigger sees beside the mention.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The routed owner.
    pub owner: &'a OwnerId,
    /// The kind of the post's source.
    pub source_kind: &'a str,
    /// Whether the post wants an answer, where known.
    pub needs_answer: Option<bool>,
    /// Counts of the mention's topic, those of the batch in hand among them.
    pub tallies: &'a [Tally],
    /// The present.
    pub now: Timestamp,
}

/// What the triggers make of a mention.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fired {
    /// The most severe trigger that fires; of equals the first written.
    pub fired: Option<Firing>,
    /// Triggers that failed.
    pub faults: Vec<RuleFault>,
}

/// A trigger's finding that an escalation is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// Which.
    pub trigger: TriggerId,
    /// How much it matters.
    pub severity: Severity,
    /// Why, in words a manager understands.
    pub why: String,
    /// Which mentions belong to one matter with it.
    pub group: GroupKey,
    /// How long after the last mention another joins.
    pub group_for: SignedDuration,
}

/// A rule that failed on a mention. Holds nothing of the post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// `route 2` or `trigger angry-customer`.
    pub rule: String,
    /// What failed.
    pub error: String,
}

impl Rules {
    /// Compiles and checks. Warnings do not stop it; [`Rules::check`] gives them.
    ///
    /// # Errors
    /// All problems, if one of them is a fault. Keys: `routes[0].when`, `triggers["id"].when`.
    pub fn compile(triggers: &[TriggerRule], routes: &[Route]) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let rules = Self::build(triggers, routes, &mut problems);
        if problems.has_faults() { Err(problems) } else { Ok(rules) }
    }

    /// All that is wrong or odd.
    pub fn check(triggers: &[TriggerRule], routes: &[Route]) -> Problems {
        let mut problems = Problems::new();
        Self::build(triggers, routes, &mut problems);
        problems
    }

    fn build(triggers: &[TriggerRule], routes: &[Route], problems: &mut Problems) -> Self {
        let mut rules = Self::default();
        let mut before: BTreeMap<String, usize> = BTreeMap::new();
        let mut always: Option<usize> = None;
        for (index, route) in routes.iter().enumerate() {
            let key = format!("routes[{index}].when");
            let text = route.when.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(earlier) = always.or_else(|| before.get(&text).copied()) {
                problems.push(
                    Problem::new(
                        &key,
                        format!("this route is never reached: routes[{earlier}] takes all it would"),
                    )
                    .remedy("the first match wins; put the narrower route first, or take this one out"),
                );
            }
            if let Some((condition, known)) = compile(&key, &route.when, problems) {
                if known == Known::Always {
                    always.get_or_insert(index);
                }
                rules.routes.push((condition, route.owner.clone()));
            }
            before.entry(text).or_insert(index);
        }
        for rule in triggers {
            let key = format!("triggers[\"{}\"]", rule.id);
            let condition = match &rule.on {
                TriggerOn::When(text) => {
                    compile(&format!("{key}.when"), text, problems).map(|(condition, _)| condition)
                }
                TriggerOn::Spike(spike) => {
                    check_spike(&format!("{key}.spike"), spike, problems);
                    None
                }
            };
            rules.triggers.push((rule.clone(), condition));
        }
        rules
    }

    /// Whose a mention is: the first route that holds, else the topic's owner, else the champion.
    /// An owner that a reload took away is the champion.
    pub fn route(&self, m: &ScoredMention, source_kind: &str, topic: &Topic, roster: &Roster) -> Routed {
        let own = topic.owner.as_ref().filter(|id| roster.get(id).is_some());
        let fallback = own.unwrap_or(&roster.champion().id);
        let mut faults = Vec::new();
        if !self.routes.is_empty() {
            let scope = Scope::new(m, source_kind, fallback, m.sentiment.wants_answer());
            for (index, (condition, owner)) in self.routes.iter().enumerate() {
                match condition.holds(&scope) {
                    Ok(true) => {
                        let owner = roster.owner(owner).id.clone();
                        let by = format!("route {}: {}", index + 1, condition.text());
                        return Routed { owner, by, faults };
                    }
                    Ok(false) => {}
                    Err(error) => faults.push(RuleFault { rule: format!("route {}", index + 1), error }),
                }
            }
        }
        let by = own.map_or_else(|| "champion".to_owned(), |_| format!("owner of topic {}", topic.id));
        Routed { owner: fallback.clone(), by, faults }
    }

    /// Whether an escalation is due.
    pub fn fire(&self, m: &ScoredMention, facts: &Facts<'_>) -> Fired {
        let mut found = Fired::default();
        if self.triggers.is_empty() {
            return found;
        }
        let scope = Scope::new(m, facts.source_kind, facts.owner, facts.needs_answer);
        for (rule, condition) in &self.triggers {
            let why = match (&rule.on, condition) {
                (TriggerOn::Spike(rule), _) => {
                    // What does not count towards it cannot be what tips it over.
                    let counts = rule.of.is_none_or(|polarity| polarity == m.sentiment.polarity);
                    counts.then(|| spike(rule, facts.tallies, facts.now)).flatten()
                }
                (TriggerOn::When(_), Some(condition)) => match condition.holds(&scope) {
                    Ok(holds) => holds.then(|| words(&m.sentiment, &rule.id)),
                    Err(error) => {
                        found.faults.push(RuleFault { rule: format!("trigger {}", rule.id), error });
                        None
                    }
                },
                (TriggerOn::When(_), None) => None,
            };
            let Some(why) = why else { continue };
            if found.fired.as_ref().is_none_or(|best| best.severity < rule.severity) {
                found.fired = Some(Firing {
                    trigger: rule.id.clone(),
                    severity: rule.severity,
                    why,
                    group: group_key(rule, &m.mention),
                    group_for: rule.group_for,
                });
            }
        }
        found
    }

    /// How far back tallies are needed; none when no trigger counts.
    pub fn longest_baseline(&self) -> Option<SignedDuration> {
        let spikes = self.triggers.iter().filter_map(|(rule, _)| match &rule.on {
            TriggerOn::Spike(spike) => Some(spike.window.saturating_add(spike.baseline)),
            TriggerOn::When(_) => None,
        });
        spikes.max()
    }
}

/// The condition, if it has no fault, and what is known of it.
fn compile(key: &str, text: &str, problems: &mut Problems) -> Option<(Condition, Known)> {
    let condition = match Condition::compile(text) {
        Ok(condition) => condition,
        Err(mut problem) => {
            problem.key = key.to_owned();
            problems.push(problem);
            return None;
        }
    };
    match check::check(&condition) {
        Ok(known) => {
            if known == Known::Never {
                let what = format!("`{text}` is true for no mention");
                problems
                    .push(Problem::new(key, what).remedy("compare with a value that can occur").warning());
            }
            Some((condition, known))
        }
        Err(found) => {
            problems.extend_under(key, found);
            None
        }
    }
}

fn check_spike(key: &str, spike: &crate::domain::trigger::Spike, problems: &mut Problems) {
    let mut say = |field: &str, what: &str, remedy: &str| {
        problems.push(Problem::new(format!("{key}.{field}"), what).remedy(remedy));
    };
    if spike.window < crate::store::TALLY_BUCKET {
        say(
            "window",
            "the window is shorter than 10 min, in which mentions are counted",
            "for example \"1h\"",
        );
    }
    if spike.baseline < spike.window {
        say("baseline", "the baseline is shorter than the window", "for example \"14d\"");
    }
    if !spike.factor.is_finite() || spike.factor < 1.0 {
        say("factor", "less than usual would be a spike", "a number of at least 1, for example 3.0");
    }
    if spike.at_least == 0 {
        say("at_least", "no mention at all would be a spike", "a number of at least 1, for example 10");
    }
}

/// The model's verdict in words: `negative, score -0.82 (94 % sure); rule angry-customer`.
fn words(sentiment: &Sentiment, trigger: &TriggerId) -> String {
    let sure = sentiment.confidence * 100.0;
    let verdict = match (sentiment.polarity, sentiment.doubted()) {
        (_, Some(Doubt::Language | Doubt::Failed)) => why_unsure(sentiment),
        (_, Some(Doubt::Confidence)) => {
            let leaning = if sentiment.score < 0.0 { "negative" } else { "positive" };
            format!("the model cannot tell ({sure:.0} % sure at best, leaning {leaning})")
        }
        (polarity, None) => {
            format!("{}, score {:+.2} ({sure:.0} % sure)", polarity.as_str(), sentiment.score)
        }
    };
    let asks = if sentiment.wants_answer() == Some(true) { ", asks for an answer" } else { "" };
    format!("{verdict}{asks}; rule {trigger}")
}

impl From<RuleFault> for Notice {
    fn from(fault: RuleFault) -> Self {
        Notice::RuleError { rule: fault.rule, error: fault.error }
    }
}

impl std::fmt::Display for RuleFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.rule, self.error)
    }
}
