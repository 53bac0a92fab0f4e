//! The names in a condition: which variables it uses, and those that do not exist; the literals,
//! of which [`prove`](super::prove) makes mentions; what is refused so that running it is bounded.

use std::collections::BTreeSet;

use cel::Value;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::nearest;
use crate::domain::problem::{Problem, Problems};
use crate::escalation::condition::{Sort, VARIABLES};

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

/// Which variables, fields, functions and literals stand in a condition.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub used: BTreeSet<&'static str>,
    pub texts: BTreeSet<String>,
    pub numbers: Vec<f64>,
    pub calls: bool,
    pub problems: Problems,
}

impl Names {
    pub fn walk(&mut self, part: &IdedExpr, bound: &mut Vec<String>) {
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
