//! What is wrong with a query, or probably not meant: it cannot be read, it can never hold, it
//! holds for nearly everything.
//!
//! "Never" is found by looking for parts that exclude each other inside one AND, alternatives
//! included. That is no complete proof (no query that can hold is called impossible, not every
//! impossible one is found), and it is bounded: a query with more than [`MAX_PARTS`] parts is
//! taken as it is.

use super::{Care, Expr, FieldTerm, ParseError, Query, Term};
use crate::domain::problem::{Problem, Problems};
use crate::matching::{edge, field, fold};

const MAX_PARTS: usize = 300;

/// Everything to say about the query written at `key`.
pub fn check(key: &str, written: &str) -> Problems {
    let mut problems = Problems::new();
    match Query::parse_with_notes(written) {
        Err(error) => problems.push(problem(key, &error)),
        Ok((query, notes)) => {
            notes.iter().for_each(|note| problems.push(problem(key, note).warning()));
            judge(key, &query, &mut problems);
        }
    }
    problems
}

fn problem(key: &str, error: &ParseError) -> Problem {
    Problem::new(key, format!("{} (at byte {})", error.what, error.at)).remedy(&error.remedy)
}

fn judge(key: &str, query: &Query, problems: &mut Problems) {
    if parts(&query.root) <= MAX_PARTS {
        if never(&query.root) {
            let why = "no post can match it: parts of it exclude each other";
            problems.push(Problem::new(key, why).remedy("remove one of them, or join them by OR"));
            return;
        }
        if always(&query.root) {
            let why = "every post matches it";
            problems.push(Problem::new(key, why).remedy("name what to listen for").warning());
            return;
        }
    }
    if holds_for_nothing_said(&query.root) {
        let why = "every post matches it that lacks what is excluded";
        problems.push(Problem::new(key, why).remedy("name at least one word to listen for").warning());
    }
}

fn parts(expr: &Expr) -> usize {
    match expr {
        Expr::Term(_) | Expr::Field(_) => 1,
        Expr::Near { left, right, .. } => left.len() + right.len(),
        Expr::Not(part) => parts(part),
        Expr::And(inner) | Expr::Or(inner) => inner.iter().map(parts).sum(),
    }
}

/// Whether it holds for a post of which no term and no field term is true.
fn holds_for_nothing_said(expr: &Expr) -> bool {
    match expr {
        Expr::Term(_) | Expr::Field(_) | Expr::Near { .. } => false,
        Expr::Not(part) => !holds_for_nothing_said(part),
        Expr::And(parts) => parts.iter().all(holds_for_nothing_said),
        Expr::Or(parts) => parts.iter().any(holds_for_nothing_said),
    }
}

fn never(expr: &Expr) -> bool {
    match expr {
        Expr::Term(_) | Expr::Field(_) | Expr::Near { .. } => false,
        Expr::Not(part) => always(part),
        Expr::Or(parts) => parts.iter().all(never),
        Expr::And(parts) => parts.iter().enumerate().any(|(n, part)| {
            never(part) || excluded(part, parts.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, p)| p))
        }),
    }
}

fn always(expr: &Expr) -> bool {
    match expr {
        Expr::Term(_) | Expr::Field(_) | Expr::Near { .. } => false,
        Expr::Not(part) => never(part),
        Expr::And(parts) => parts.iter().all(always),
        Expr::Or(parts) => {
            parts.iter().any(always)
                || parts.iter().any(|part| match part {
                    Expr::Not(inner) => parts.iter().any(|other| implies(inner, other)),
                    _ => false,
                })
        }
    }
}

/// Whether `part` cannot hold beside `others`.
fn excluded<'a>(part: &Expr, others: impl Iterator<Item = &'a Expr> + Clone) -> bool {
    match part {
        Expr::Or(alternatives) => alternatives.iter().all(|one| excluded(one, others.clone())),
        Expr::And(inner) => inner.iter().any(|one| excluded(one, others.clone())),
        _ => others.clone().any(|other| exclude(part, other)),
    }
}

fn exclude(one: &Expr, other: &Expr) -> bool {
    match (one, other) {
        (_, Expr::Not(not)) if implies(one, not) => true,
        (Expr::Not(not), _) if implies(other, not) => true,
        (Expr::Field(one), Expr::Field(other)) => fields_exclude(one, other),
        (_, Expr::And(parts)) => parts.iter().any(|part| exclude(one, part)),
        (_, Expr::Or(parts)) => parts.iter().all(|part| exclude(one, part)),
        _ => false,
    }
}

/// Whether `other` holds wherever `one` does.
fn implies(one: &Expr, other: &Expr) -> bool {
    if one == other {
        return true;
    }
    match (one, other) {
        (_, Expr::Or(parts)) => parts.iter().any(|part| implies(one, part)),
        (_, Expr::And(parts)) => parts.iter().all(|part| implies(one, part)),
        (Expr::And(parts), _) => parts.iter().any(|part| implies(part, other)),
        (Expr::Or(parts), _) => parts.iter().all(|part| implies(part, other)),
        (Expr::Term(one), Expr::Term(other)) => term_implies(one, other),
        (Expr::Near { left, right, .. }, Expr::Term(other)) => {
            [left, right].iter().any(|side| side.iter().all(|term| term_implies(term, other)))
        }
        (Expr::Field(one), Expr::Field(other)) => field_implies(one, other),
        _ => false,
    }
}

/// `"acme app"` holds nowhere without `acme`, and `=Acme` nowhere without `acme`.
fn term_implies(one: &Term, other: &Term) -> bool {
    let same = |one: &Term, other: &Term| (one.care, one.open) == (other.care, other.open);
    if one.title != other.title && other.title {
        return false;
    }
    let (longer, shorter) = (fold::term(&one.text), fold::term(&other.text));
    if longer == shorter && same(one, other) {
        return other.care == Care::Folded || fold::exact(&one.text) == fold::exact(&other.text);
    }
    let edges = edge::Edges { open: other.open, symbols: false };
    other.care == Care::Folded
        && longer.match_indices(&shorter).any(|(at, _)| {
            let end = at + shorter.len();
            // What may go on behind an open term is not known.
            (!one.open || other.open || end < longer.len()) && edge::judge(&longer, at, end, edges).is_ok()
        })
}

fn field_implies(one: &FieldTerm, other: &FieldTerm) -> bool {
    match (one, other) {
        (FieldTerm::Site(one), FieldTerm::Site(other)) => {
            field::site_within(&field::host(one), &field::host(other))
        }
        (FieldTerm::Lang(one), FieldTerm::Lang(other)) => {
            field::lang_within(&field::tag(one), &field::tag(other))
        }
        (FieldTerm::Author(one), FieldTerm::Author(other)) => field::author(one) == field::author(other),
        _ => one == other,
    }
}

fn fields_exclude(one: &FieldTerm, other: &FieldTerm) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
        && !field_implies(one, other)
        && !field_implies(other, one)
}
