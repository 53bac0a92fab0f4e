//! Why a topic claims a post or does not: the query part by part, and a sentence of what decided.
//!
//! It walks the whole tree without a short cut, so it is for a person who asks, not for every post.
//! It also names the places that look like a term and are none, since "but it is there!" is what
//! a person asks about.

use serde::{Deserialize, Serialize};

use super::edge::Refusal;
use super::eval::{Label, Node, Scene, Test, near};
use super::matcher::{Compiled, spans};
use super::needle::{Hit, Refused};
use super::query::Expr;
use crate::domain::id::TopicId;
use crate::domain::mention::{Field, Span};

/// More reasons than this make no sentence.
const MOST_REASONS: usize = 4;
/// More places than this make no explanation.
const MOST_SPANS: usize = 20;

/// Why one topic claims a post or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Which.
    pub topic: TopicId,
    /// Whether it claims the post.
    pub matched: bool,
    /// What decided, in a sentence.
    pub sentence: String,
    /// The query, part by part.
    pub query: Part,
}

/// One part of a query and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// As the query has it.
    pub part: String,
    /// How `parts` are joined.
    pub joined: Joined,
    /// Whether it holds.
    pub held: bool,
    /// Why, for a part that has no parts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
    /// What it is made of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// How parts are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joined {
    /// It has no parts.
    Alone,
    /// Its part must not hold.
    Not,
    /// All must hold.
    And,
    /// One must hold.
    Or,
}

pub(super) fn topic(topic: &Compiled, scene: &Scene<'_>, refused: &[(Hit, Refused)]) -> Explained {
    let query = part(&topic.query.root, &topic.node, scene, refused);
    let mut reasons = Vec::new();
    deciding(&query, &mut reasons);
    reasons.dedup();
    let more = reasons.len().saturating_sub(MOST_REASONS);
    let mut sentence = if query.held { "matched: " } else { "not matched: " }.to_owned();
    sentence.push_str(&reasons[..reasons.len() - more].join(", "));
    if more > 0 {
        sentence.push_str(&format!(", and {more} more"));
    }
    Explained { topic: topic.id.clone(), matched: query.held, sentence, query }
}

/// The parts without parts that made the whole what it is.
fn deciding<'a>(part: &'a Part, reasons: &mut Vec<&'a str>) {
    match part.joined {
        Joined::Alone => reasons.push(&part.why),
        Joined::Not => part.parts.iter().for_each(|inner| deciding(inner, reasons)),
        // A join that fails is decided by what failed in it, one that holds by what held.
        Joined::And | Joined::Or => {
            let alike = part.parts.iter().filter(|inner| inner.held == part.held);
            alike.for_each(|inner| deciding(inner, reasons));
        }
    }
}

fn part(expr: &Expr, node: &Node, scene: &Scene<'_>, refused: &[(Hit, Refused)]) -> Part {
    let below = |exprs: &[Expr], nodes: &[Node]| {
        exprs.iter().zip(nodes).map(|(expr, node)| part(expr, node, scene, refused)).collect::<Vec<_>>()
    };
    let (joined, parts, why) = match (expr, node) {
        (Expr::Not(expr), Node::Not(node)) => {
            (Joined::Not, vec![part(expr, node, scene, refused)], String::new())
        }
        (Expr::And(exprs), Node::And(nodes)) => (Joined::And, below(exprs, nodes), String::new()),
        (Expr::Or(exprs), Node::Or(nodes)) => (Joined::Or, below(exprs, nodes), String::new()),
        (_, Node::Term(label)) => (Joined::Alone, Vec::new(), term(label, scene, refused)),
        (_, Node::Near { left, within, right }) => {
            (Joined::Alone, Vec::new(), nearness(expr, scene, left, *within, right))
        }
        (_, Node::Test(test)) => (Joined::Alone, Vec::new(), field(test, scene)),
        // A node is made from its expression, so they are of one shape.
        _ => (Joined::Alone, Vec::new(), String::new()),
    };
    let held = node.holds(scene);
    let spans = match joined {
        Joined::Alone if held => spans(node, scene, MOST_SPANS),
        _ => Vec::new(),
    };
    Part { part: expr.to_string(), joined, held, why, spans, parts }
}

fn term(label: &Label, scene: &Scene<'_>, refused: &[(Hit, Refused)]) -> String {
    let written = &label.written;
    let hits = scene.hits(label.needle);
    let within = |field| hits.iter().any(|hit| hit.field == field);
    match (within(Field::Title), within(Field::Text)) {
        (true, true) => return format!("{written} stands in the title and the text"),
        (true, false) => return format!("{written} stands in the title"),
        (false, true) => return format!("{written} stands in the text"),
        (false, false) => {}
    }
    match refused.iter().find(|(hit, _)| hit.needle == label.needle) {
        None => format!("{written} stands nowhere"),
        Some((hit, why)) => {
            let place = if hit.field == Field::Title { "title" } else { "text" };
            let why = match why {
                Refused::Edge(Refusal::LongerWord) => "only as part of a longer word",
                Refused::Edge(Refusal::Symbol) => "only with a symbol beside it",
                Refused::Case => "only in other case",
                Refused::NotTitle => "and not in the title",
            };
            format!("{written} stands in the {place} {why}")
        }
    }
}

fn nearness(expr: &Expr, scene: &Scene<'_>, left: &[Label], within: usize, right: &[Label]) -> String {
    let found = near(scene, left, within, right);
    let absent = |side: &[Label]| side.iter().all(|label| scene.hits(label.needle).is_empty());
    match found.closest {
        Some(1) => format!("{expr}: they stand side by side"),
        Some(closest) if closest <= within => format!("{expr}: they stand {closest} words apart"),
        Some(closest) => format!("{expr}: the closest stand {closest} words apart"),
        None if absent(left) || absent(right) => {
            let side = if absent(left) { left } else { right };
            let names: Vec<_> = side.iter().map(|label| label.written.as_str()).collect();
            format!("{expr}: {} stands nowhere", names.join(" or "))
        }
        None => format!("{expr}: no two of them stand in one field without overlap"),
    }
}

fn field(test: &Test, scene: &Scene<'_>) -> String {
    let post = scene.post;
    let (name, given, wanted) = match test {
        Test::Author(author) => ("author", post.author.as_deref().unwrap_or_default(), author.as_str()),
        Test::Site(site) => ("site", post.site.as_str(), site.as_str()),
        Test::Lang(lang) => ("language", post.lang.as_deref().unwrap_or_default(), lang.as_str()),
        Test::Source(source) => ("source", post.source.as_str(), source.as_str()),
        Test::Kind(kind) => ("kind", post.kind.as_str(), kind.as_str()),
    };
    match (test.holds(scene), given.is_empty()) {
        (true, _) => format!("its {name} is {given}"),
        (false, true) => format!("it names no {name}, {wanted} is asked for"),
        (false, false) => format!("its {name} is {given}, not {wanted}"),
    }
}
