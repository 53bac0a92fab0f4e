//! A query: the boolean expression that defines a topic (the language is on the page of
//! [`super`]).
//!
//! A [`Query`] is kept in one shape only: `AND` within `AND` and `OR` within `OR` are flat, lists
//! hold at least two parts, so that reading back what is displayed gives the same value.

mod check;
mod lex;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

pub use check::check;
pub use lex::{MAX_BYTES, MAX_DEPTH, MAX_DISTANCE};

use crate::domain::post::PostKind;

/// What a topic listens for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The whole expression.
    pub root: Expr,
}

/// One part of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// A word or phrase stands in the post.
    Term(Term),
    /// Something is true of the post.
    Field(FieldTerm),
    /// One of `left` and one of `right` stand at most `within` words apart.
    Near {
        /// Alternatives on the one side.
        left: Vec<Term>,
        /// Greatest distance in words; neighbours are at distance 1.
        within: u32,
        /// Alternatives on the other side.
        right: Vec<Term>,
    },
    /// The part does not hold.
    Not(Box<Expr>),
    /// All parts hold; at least two.
    And(Vec<Expr>),
    /// At least one part holds; at least two.
    Or(Vec<Expr>),
}

/// A word or phrase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// As written, without quotes and marks.
    pub text: String,
    /// What counts beside the letters.
    pub care: Care,
    /// The last word may go on: `acme*`.
    pub open: bool,
    /// It must stand in the headline: `title:`.
    pub title: bool,
}

/// What counts beside the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Care {
    /// Neither case nor form.
    Folded,
    /// Case: `=Acme`.
    Case,
    /// Case, and no symbol clings to it: `exact:"C"`.
    Exact,
}

/// Something that must be true of the post as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldTerm {
    /// The author, whole and in any case, without a leading `@`.
    Author(String),
    /// The host, or one above it.
    Site(String),
    /// The language, or one that it is a variety of.
    Lang(String),
    /// The configured source.
    Source(String),
    /// What sort of thing it is.
    Kind(PostKind),
}

/// Why a query cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}; {remedy}")]
pub struct ParseError {
    /// First byte of what is wrong.
    pub at: usize,
    /// What is wrong, as a fragment.
    pub what: String,
    /// What would be right, as a fragment.
    pub remedy: String,
}

impl ParseError {
    fn new(at: usize, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at, what: what.into(), remedy: remedy.into() }
    }
}

impl Query {
    /// Reads a query as written.
    pub fn parse(written: &str) -> Result<Self, ParseError> {
        Self::parse_with_notes(written).map(|(query, _)| query)
    }

    /// Reads a query and says what in it is probably not meant.
    pub fn parse_with_notes(written: &str) -> Result<(Self, Vec<ParseError>), ParseError> {
        let (tokens, notes) = lex::tokens(written)?;
        Ok((Self { root: parse::expression(tokens, written.len())? }, notes))
    }
}

impl Expr {
    /// All of `parts`, flat.
    pub fn all(parts: Vec<Expr>) -> Expr {
        Self::flat(parts, Expr::And, |part| match part {
            Expr::And(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// Any of `parts`, flat.
    pub fn any(parts: Vec<Expr>) -> Expr {
        Self::flat(parts, Expr::Or, |part| match part {
            Expr::Or(inner) => Ok(inner),
            other => Err(other),
        })
    }

    fn flat(
        parts: Vec<Expr>,
        join: fn(Vec<Expr>) -> Expr,
        open: fn(Expr) -> Result<Vec<Expr>, Expr>,
    ) -> Expr {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match open(part) {
                Ok(inner) => flat.extend(inner),
                Err(other) => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { join(flat) }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Term(term) => term.fmt(f),
            Expr::Field(field) => field.fmt(f),
            Expr::Near { left, within, right } => {
                alternatives(f, left)?;
                write!(f, " NEAR/{within} ")?;
                alternatives(f, right)
            }
            Expr::Not(part) => {
                f.write_str("NOT ")?;
                part.within(f, matches!(**part, Expr::And(_) | Expr::Or(_)))
            }
            Expr::And(parts) => joined(f, " AND ", parts, |part| matches!(part, Expr::Or(_))),
            // AND binds tighter and needs no brackets; they are for the reader.
            Expr::Or(parts) => joined(f, " OR ", parts, |part| matches!(part, Expr::And(_))),
        }
    }
}

impl Expr {
    fn within(&self, f: &mut fmt::Formatter<'_>, brackets: bool) -> fmt::Result {
        if brackets { write!(f, "({self})") } else { fmt::Display::fmt(self, f) }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    operator: &str,
    parts: &[Expr],
    brackets: fn(&Expr) -> bool,
) -> fmt::Result {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            f.write_str(operator)?;
        }
        part.within(f, brackets(part))?;
    }
    Ok(())
}

fn alternatives(f: &mut fmt::Formatter<'_>, terms: &[Term]) -> fmt::Result {
    if let [term] = terms {
        return fmt::Display::fmt(term, f);
    }
    f.write_str("(")?;
    for (n, term) in terms.iter().enumerate() {
        if n > 0 {
            f.write_str(" OR ")?;
        }
        fmt::Display::fmt(term, f)?;
    }
    f.write_str(")")
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.title {
            f.write_str("title:")?;
        }
        match self.care {
            Care::Folded => {}
            Care::Case => f.write_str("=")?,
            Care::Exact => f.write_str("exact:")?,
        }
        value(f, &self.text)?;
        if self.open { f.write_str("*") } else { Ok(()) }
    }
}

impl fmt::Display for FieldTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldTerm::Author(author) => field(f, "author", author),
            FieldTerm::Site(site) => field(f, "site", site),
            FieldTerm::Lang(lang) => field(f, "lang", lang),
            FieldTerm::Source(source) => field(f, "source", source),
            FieldTerm::Kind(kind) => field(f, "kind", kind.as_str()),
        }
    }
}

fn field(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    write!(f, "{name}:")?;
    value(f, text)
}

fn value(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    if lex::is_bare(text) {
        return f.write_str(text);
    }
    f.write_str("\"")?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}
