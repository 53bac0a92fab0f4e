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
//! parts hang together; then a guard is asked for that is not strictly needed.

use std::collections::BTreeSet;

use self::names::Names;
use self::prove::{Outcomes, Prover};
use super::condition::{Condition, Sort, VARIABLES, Variable};
use crate::domain::problem::{Problem, Problems};

mod names;
mod prove;
#[cfg(test)]
mod tests;

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
    let is_flag = VARIABLES.iter().any(|known| known.name == *first && known.sort == Sort::Flag);
    let remedy = if is_flag {
        format!("write `{first} == true`: absent is neither true nor false")
    } else {
        format!("put `{first} != null && …` before it")
    };
    Problem::new("", format!("`{text}` fails when {} is absent: {fault}", names.join(" and "))).remedy(remedy)
}

/// The known name most like `name`, if any is like it at all.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|each| (strsim::normalized_damerau_levenshtein(name, each), each))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, each)| each)
}
