//! What a condition may give: its parts run over made mentions, put together by the rules of the
//! logical operators (see the page of [`check`](super)).

use std::collections::{BTreeMap, BTreeSet};

use cel::Value;
use cel::common::ast::{Expr, IdedExpr, operators};

use super::names::Names;
use crate::escalation::condition::{Scope, Sort, VARIABLES, Variable, evaluate, type_word};

/// Made mentions per part of a condition and choice of absences. A part names one or two variables.
const MADE: usize = 2_000;
/// What a condition, or a part of it, may give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcomes {
    pub yes: bool,
    pub no: bool,
    /// Failures and results that are no boolean, in words.
    pub faults: BTreeSet<String>,
}

/// Finds what a condition may give while some variables are absent.
pub(super) struct Prover<'a> {
    pub absent: &'a BTreeSet<&'a str>,
    pub names: &'a Names,
}

impl Prover<'_> {
    pub fn outcomes(&self, part: &IdedExpr) -> Outcomes {
        let Expr::Call(call) = &part.expr else { return self.leaf(part) };
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [one]) => {
                let one = self.outcomes(one);
                Outcomes { yes: one.no, no: one.yes, faults: one.faults }
            }
            (operators::LOGICAL_AND, args) => {
                args.iter().map(|a| self.outcomes(a)).reduce(both).unwrap_or_default()
            }
            (operators::LOGICAL_OR, args) => {
                let flip = |o: Outcomes| Outcomes { yes: o.no, no: o.yes, faults: o.faults };
                flip(args.iter().map(|a| flip(self.outcomes(a))).reduce(both).unwrap_or_default())
            }
            (operators::CONDITIONAL, [when, then, otherwise]) => {
                let when = self.outcomes(when);
                let mut all = Outcomes { faults: when.faults, ..Outcomes::default() };
                for (taken, branch) in [(when.yes, then), (when.no, otherwise)] {
                    if taken {
                        let branch = self.outcomes(branch);
                        all.yes |= branch.yes;
                        all.no |= branch.no;
                        all.faults.extend(branch.faults);
                    }
                }
                all
            }
            _ => self.leaf(part),
        }
    }

    /// Runs a part over made values of the variables it names.
    fn leaf(&self, part: &IdedExpr) -> Outcomes {
        let mut named = Names::default();
        named.walk(part, &mut Vec::new());
        let choices: Vec<(&str, Vec<Value>)> = VARIABLES
            .iter()
            .filter(|variable| named.used.contains(variable.name))
            .map(|variable| (variable.name, self.values(variable)))
            .collect();
        let total = choices.iter().fold(1_usize, |total, (_, values)| total.saturating_mul(values.len()));
        let mut outcomes = Outcomes::default();
        // Too many to try all: every step-th, with a step that shares no factor with the counts.
        let step = (total / MADE).max(1) | 1;
        for made in (0..total).step_by(step) {
            let mut rest = made;
            let picked: BTreeMap<&str, &Value> = choices
                .iter()
                .map(|(name, values)| {
                    let value = &values[rest % values.len()];
                    rest /= values.len();
                    (*name, value)
                })
                .collect();
            let scope = Scope::of(|name| picked.get(name).map_or(Value::Null, |value| (*value).clone()));
            match evaluate(part, &scope) {
                Ok(Value::Bool(true)) => outcomes.yes = true,
                Ok(Value::Bool(false)) => outcomes.no = true,
                Ok(other) => {
                    outcomes
                        .faults
                        .insert(format!("this gives {}, neither true nor false", type_word(&other)));
                }
                Err(fault) => {
                    outcomes.faults.insert(fault);
                }
            }
        }
        outcomes
    }

    fn values(&self, variable: &Variable) -> Vec<Value> {
        if self.absent.contains(variable.name) {
            return vec![Value::Null];
        }
        match variable.sort {
            Sort::Word(words) => words.iter().map(|word| Value::from(*word)).collect(),
            Sort::Flag => vec![Value::Bool(true), Value::Bool(false)],
            Sort::Text => {
                let words = self.names.texts.iter().map(String::as_str);
                words.chain(["", "anything else"]).map(Value::from).collect()
            }
            Sort::Fraction => self.numbers(-1.0, 1.0).into_iter().map(Value::Float).collect(),
            #[expect(clippy::cast_possible_truncation, reason = "made values need not be exact")]
            Sort::Count => self.numbers(0.0, 1e9).into_iter().map(|n| Value::Int(n as i64)).collect(),
        }
    }

    /// The borders of the range, the condition's own numbers and what lies just beside them.
    /// A negated literal is a call on a positive one, so both signs are tried.
    fn numbers(&self, least: f64, most: f64) -> Vec<f64> {
        let own = self.names.numbers.iter().flat_map(|n| [*n, -*n]);
        let beside = own.flat_map(|n| [n - 1.0, n - 0.001, n, n + 0.001, n + 1.0]);
        let mut all: Vec<f64> =
            beside.chain([least, 0.0, most]).filter(|n| (least..=most).contains(n)).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }
}

/// `&&`: a no on one side decides, whatever the other does; so a failure shows only where the
/// other side may be a yes or a failure too.
fn both(one: Outcomes, other: Outcomes) -> Outcomes {
    let shows = |side: &Outcomes, beside: &Outcomes| {
        if beside.yes || !beside.faults.is_empty() { side.faults.clone() } else { BTreeSet::new() }
    };
    let mut faults = shows(&one, &other);
    faults.extend(shows(&other, &one));
    Outcomes { yes: one.yes && other.yes, no: one.no || other.no, faults }
}
