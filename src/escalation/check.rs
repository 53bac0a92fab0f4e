//! What can be proved about a condition before any mention comes: unknown names, faults of type,
//! results that are no boolean, conditions that are always or never true.
//!
//! CEL's `&&` and `||` swallow the failure of one side when the other decides, so running a whole
//! condition over some made mentions misses faults: in `topic == "a" && post.reach > 5` the right
//! side fails only for that topic. So each part between the logical operators is run by itself,
//! over made values of the variables it names, and the *sets* of what the parts may give (yes, no,
//! failure) are put together by the rules of the operators. This is done for each choice of which
//! optional variables are absent, so that the guard in `post.reach != null && post.reach > 5` is
//! seen. Literals of the condition are among the made values. A set may be too large where two
//! parts hang together; then a guard is asked for that is not needed, which does no harm.

use std::collections::{BTreeMap, BTreeSet};

use cel::Value;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::condition::{Condition, Scope, Sort, VARIABLES, Variable, evaluate, type_word};
use crate::domain::problem::{Problem, Problems};

#[cfg(test)]
mod tests;

/// Made mentions per part of a condition and choice of absences. A part names one or two variables.
const MADE: usize = 2_000;
/// Functions that conditions may call, operators aside.
const FUNCTIONS: &[&str] = &[
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "size",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "dyn",
];
/// Names that are no variables and may stand in a condition.
const TYPES: &[&str] = &["int", "uint", "double", "string", "bool", "list", "map", "null_type"];

/// What a condition, or a part of it, may give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Outcomes {
    yes: bool,
    no: bool,
    /// Failures and results that are no boolean, in words.
    faults: BTreeSet<String>,
}

/// What is known of a condition that has no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It holds for every mention: later routes are never reached.
    Always,
    /// It holds for none.
    Never,
    /// It depends.
    Sometimes,
}

/// All faults of a condition; their keys are empty.
pub(super) fn check(condition: &Condition) -> Result<Known, Problems> {
    let root = condition.program().expression();
    let mut names = Names::default();
    names.walk(root, &mut Vec::new());
    if !names.problems.is_empty() {
        return Err(names.problems);
    }
    let optional: Vec<&Variable> =
        VARIABLES.iter().filter(|v| v.optional && names.used.contains(v.name)).collect();
    let mut all = Outcomes::default();
    let mut problems = Problems::new();
    // All present first, so that a fault of type is not blamed on an absence.
    for choice in 0_u32..1 << optional.len() {
        let absent: BTreeSet<&str> = optional
            .iter()
            .enumerate()
            .filter(|(bit, _)| choice >> bit & 1 == 1)
            .map(|(_, v)| v.name)
            .collect();
        let outcomes = Prover { absent: &absent, names: &names }.outcomes(root);
        if let Some(fault) = outcomes.faults.first() {
            problems.push(fault_problem(condition.text(), fault, &absent));
            break;
        }
        all.yes |= outcomes.yes;
        all.no |= outcomes.no;
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(match (all.yes, all.no) {
        // Made texts stand for all texts only where they are compared; what a function finds in
        // them is not known.
        _ if names.calls => Known::Sometimes,
        (true, false) => Known::Always,
        (false, true) => Known::Never,
        _ => Known::Sometimes,
    })
}

fn fault_problem(text: &str, fault: &str, absent: &BTreeSet<&str>) -> Problem {
    let Some(first) = absent.first() else {
        return Problem::new("", format!("`{text}`: {fault}"))
            .remedy("a condition compares like with like and is true or false");
    };
    let names: Vec<_> = absent.iter().copied().collect();
    Problem::new("", format!("`{text}` fails when {} is absent: {fault}", names.join(" and ")))
        .remedy(format!("put `{first} != null && …` before it"))
}

/// Which variables, fields, functions and literals stand in a condition.
#[derive(Debug, Default)]
struct Names {
    used: BTreeSet<&'static str>,
    texts: BTreeSet<String>,
    numbers: Vec<f64>,
    calls: bool,
    problems: Problems,
}

impl Names {
    fn walk(&mut self, part: &IdedExpr, bound: &mut Vec<String>) {
        match &part.expr {
            Expr::Unspecified => {}
            Expr::Ident(name) => self.root(name, bound),
            // The field is there, and `null`: `has` would always say yes.
            Expr::Select(select) if select.test => {
                self.say("has() says yes for what is absent too", "compare with null: `post.lang != null`");
            }
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(group) if !bound.contains(group) => self.field(group, &select.field),
                _ => self.walk(&select.operand, bound),
            },
            Expr::Literal(literal) => self.literal(literal),
            Expr::Call(call) => self.call(call, bound),
            Expr::List(list) => list.elements.iter().for_each(|each| self.walk(each, bound)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr, bound)),
            Expr::Struct(made) => made.entries.iter().for_each(|entry| self.entry(&entry.expr, bound)),
            Expr::Comprehension(each) => {
                if !bound.is_empty() {
                    self.say("a loop stands inside a loop", "write it as two rules");
                }
                self.walk(&each.iter_range, bound);
                let before = bound.len();
                bound.extend([each.iter_var.clone(), each.accu_var.clone()]);
                bound.extend(each.iter_var2.clone());
                for part in [&each.accu_init, &each.loop_cond, &each.loop_step, &each.result] {
                    self.walk(part, bound);
                }
                bound.truncate(before);
                self.calls = true;
            }
        }
    }

    fn entry(&mut self, entry: &EntryExpr, bound: &mut Vec<String>) {
        match entry {
            EntryExpr::StructField(field) => self.walk(&field.value, bound),
            EntryExpr::MapEntry(entry) => {
                self.walk(&entry.key, bound);
                self.walk(&entry.value, bound);
            }
        }
    }

    fn root(&mut self, name: &str, bound: &[String]) {
        if name.starts_with('@') || TYPES.contains(&name) || bound.iter().any(|known| known == name) {
            return;
        }
        match VARIABLES.iter().find(|variable| variable.name == name) {
            Some(variable) => {
                self.used.insert(variable.name);
            }
            // `post` alone, as in `has(post.lang)` or `post["lang"]`: any field may be meant.
            None if is_group(name) => {
                self.used.extend(VARIABLES.iter().map(|v| v.name).filter(|n| in_group(n, name)));
            }
            None => self.unknown(name),
        }
    }

    fn field(&mut self, group: &str, field: &str) {
        let dotted = format!("{group}.{field}");
        match VARIABLES.iter().find(|variable| variable.name == dotted) {
            Some(variable) => {
                self.used.insert(variable.name);
            }
            None => self.unknown(&dotted),
        }
    }

    fn unknown(&mut self, name: &str) {
        let near = nearest(name, VARIABLES.iter().map(|variable| variable.name));
        let remedy = near.map_or_else(
            || {
                let all: Vec<_> = VARIABLES.iter().map(|variable| variable.name).collect();
                format!("conditions know {}", all.join(", "))
            },
            |near| format!("did you mean `{near}`?"),
        );
        self.say(&format!("nothing is named `{name}`"), &remedy);
    }

    fn call(&mut self, call: &CallExpr, bound: &mut Vec<String>) {
        let name = call.func_name.as_str();
        let is_operator = name.contains(|c: char| !c.is_ascii_alphanumeric());
        if !is_operator {
            self.calls = true;
            if !FUNCTIONS.contains(&name) {
                let remedy = nearest(name, FUNCTIONS.iter().copied()).map_or_else(
                    || format!("there are {}", FUNCTIONS.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                self.say(&format!("there is no function `{name}`"), &remedy);
            }
        }
        if name == "matches"
            && !matches!(
                call.args.last().map(|last| &last.expr),
                Some(Expr::Literal(LiteralValue::String(_)))
            )
        {
            self.say("the pattern of matches() is no constant text", "write it in quotes");
        }
        if [operators::EQUALS, operators::NOT_EQUALS, operators::IN].contains(&name) {
            self.words(call);
        }
        if let Some(target) = &call.target {
            self.walk(target, bound);
        }
        call.args.iter().for_each(|each| self.walk(each, bound));
    }

    /// `post.kind == "reviews"` is never true; a closed list of words is held against it.
    fn words(&mut self, call: &CallExpr) {
        let [one, other] = call.args.as_slice() else { return };
        for (name, values) in [(one, other), (other, one)] {
            let Expr::Select(select) = &name.expr else { continue };
            let Expr::Ident(group) = &select.operand.expr else { continue };
            let dotted = format!("{group}.{}", select.field);
            let Some(Sort::Word(words)) = VARIABLES.iter().find(|v| v.name == dotted).map(|v| v.sort) else {
                continue;
            };
            for text in texts_in(values) {
                if !words.contains(&text.as_str()) {
                    let near = nearest(&text, words.iter().copied());
                    let remedy = near.map_or_else(
                        || format!("it is one of {}", words.join(", ")),
                        |near| format!("did you mean \"{near}\"?"),
                    );
                    self.say(&format!("{dotted} is never \"{text}\""), &remedy);
                }
            }
        }
    }

    fn literal(&mut self, literal: &LiteralValue) {
        match Value::try_from(literal.to_val().as_ref()) {
            Ok(Value::String(text)) => {
                self.texts.insert(text.to_string());
            }
            Ok(Value::Float(number)) => self.numbers.push(number),
            #[expect(clippy::cast_precision_loss, reason = "made values need not be exact")]
            Ok(Value::Int(number)) => self.numbers.push(number as f64),
            _ => {}
        }
    }

    fn say(&mut self, what: &str, remedy: &str) {
        let problem = Problem::new("", what).remedy(remedy);
        if !self.problems.0.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

fn texts_in(part: &IdedExpr) -> Vec<String> {
    match &part.expr {
        Expr::Literal(literal @ LiteralValue::String(_)) => {
            match Value::try_from(literal.to_val().as_ref()) {
                Ok(Value::String(text)) => vec![text.to_string()],
                _ => Vec::new(),
            }
        }
        Expr::List(list) => list.elements.iter().flat_map(texts_in).collect(),
        _ => Vec::new(),
    }
}

fn is_group(name: &str) -> bool {
    VARIABLES.iter().any(|variable| in_group(variable.name, name))
}

fn in_group(dotted: &str, group: &str) -> bool {
    dotted.split_once('.').is_some_and(|(first, _)| first == group)
}

/// The known name most like `name`, if any is like it at all.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|each| (strsim::normalized_damerau_levenshtein(name, each), each))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, each)| each)
}

/// Finds what a condition may give while some variables are absent.
struct Prover<'a> {
    absent: &'a BTreeSet<&'a str>,
    names: &'a Names,
}

impl Prover<'_> {
    fn outcomes(&self, part: &IdedExpr) -> Outcomes {
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
