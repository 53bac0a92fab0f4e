//! One condition in CEL (Common Expression Language), compiled once, and the values it sees.
//!
//! A condition says yes, no, or fails; [`check`](super::check) proves at load what can be proved,
//! so that failing is rare. It is bounded by what `check` refuses: a text over [`LONGEST`], a loop
//! inside a loop, a pattern that is no constant. What is left is linear in the post, of which it
//! sees the first [`TEXT_SEEN`] characters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::objects::{Key, Map};
use cel::{Context, Env, Program, Value};

use crate::domain::id::OwnerId;
use crate::domain::mention::ScoredMention;
use crate::domain::problem::Problem;

/// Characters that a condition may have.
pub(super) const LONGEST: usize = 4_096;
/// Characters of a post that a condition sees.
const TEXT_SEEN: usize = 20_000;

/// The standard functions, without the optional types: a value that is absent is `null`.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    text: String,
    program: Program,
}

impl Condition {
    /// Compiles; names and types are for `Rules::check` to find.
    ///
    /// # Errors
    /// Where the text is no CEL, and why. Its key is empty.
    pub fn compile(text: &str) -> Result<Self, Problem> {
        if text.trim().is_empty() {
            return Err(Problem::new("", "the condition is empty").remedy("`true` matches everything"));
        }
        if text.chars().count() > LONGEST {
            return Err(Problem::new("", format!("the condition is longer than {LONGEST} characters"))
                .remedy("split it into several rules"));
        }
        // The parser is a generated one and has panicked on odd input before; a configuration must
        // not be able to end the daemon.
        let compiled = catch_unwind(AssertUnwindSafe(|| ENV.compile(text)));
        let program = match compiled {
            Ok(Ok(program)) => program,
            Ok(Err(errors)) => {
                let first = errors.errors.first();
                let what = first.map_or_else(
                    || "it is no CEL".into(),
                    |error| format!("column {}: {}", error.pos.1.max(1), error.msg.trim()),
                );
                return Err(Problem::new("", format!("`{text}` cannot be read: {what}")).remedy(
                    "conditions are CEL, as in `sentiment.score <= -0.6 && post.kind == \"review\"`",
                ));
            }
            Err(_) => return Err(Problem::new("", format!("`{text}` cannot be read"))),
        };
        Ok(Self { text: text.to_owned(), program })
    }

    /// The condition as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// What failed, without anything of the post in it.
    pub fn holds(&self, scope: &Scope) -> Result<bool, String> {
        match evaluate(self.program.expression(), scope)? {
            Value::Bool(yes) => Ok(yes),
            other => Err(format!("the result is {}, neither true nor false", type_word(&other))),
        }
    }
}

/// Evaluates any part of a condition. A panic inside the interpreter is a failure like another.
pub(super) fn evaluate(part: &cel::IdedExpr, scope: &Scope) -> Result<Value, String> {
    catch_unwind(AssertUnwindSafe(|| Value::resolve(part, &scope.0)))
        .map_err(|_| "the interpreter gave up".to_owned())?
        .map_err(|error| describe(&error))
}

/// The interpreter's messages show values, and a value may be the post's text: these show types.
fn describe(error: &cel::ExecutionError) -> String {
    use cel::ExecutionError as E;
    match error {
        E::NoSuchOverload(overload) => {
            let types: Vec<_> =
                overload.argument_types().iter().map(|name| name.replace("null_type", "null")).collect();
            format!("{} does not work on {}", operator(overload.function()), types.join(" and "))
        }
        E::ValuesNotComparable(one, other) => {
            format!("{} and {} cannot be compared", type_word(one), type_word(other))
        }
        E::UnsupportedBinaryOperator(name, one, other) => {
            format!("{} does not work on {} and {}", operator(name), type_word(one), type_word(other))
        }
        E::NoSuchKey(name) => format!("there is no field \"{name}\""),
        E::UndeclaredReference(name) => format!("nothing is named \"{name}\""),
        E::UnexpectedType { got, want } => format!("a {want} is needed, not a {got}"),
        E::FunctionError { function, .. } => format!("{function}() failed"),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "a number is divided by zero".into(),
        E::Overflow(..) => "a number becomes too large".into(),
        E::NotSupportedAsMethod { method, target } => {
            format!("{method}() does not work on {}", type_word(target))
        }
        E::UnsupportedIndex(_, of) => format!("{} cannot be indexed like that", type_word(of)),
        _ => "a value of the wrong type is used".into(),
    }
}

/// `_<=_` as people write it.
fn operator(name: &str) -> String {
    let bare = name.trim_matches(|c| c == '_' || c == '@');
    if bare.is_empty() { name.to_owned() } else { format!("`{bare}`") }
}

pub(super) fn type_word(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "a list",
        Value::Map(_) | Value::Struct(_) => "a group of fields",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        Value::String(_) => "a text",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
        _ => "something else",
    }
}

/// The values that conditions see of one mention; made once for all rules.
pub struct Scope(Context<'static, 'static>);

impl Scope {
    /// What conditions see of `scored`. While a mention is routed, `owner` is the topic's.
    pub fn new(
        scored: &ScoredMention,
        source_kind: &str,
        owner: &OwnerId,
        needs_answer: Option<bool>,
    ) -> Self {
        let post = &scored.mention.post;
        let sentiment = &scored.sentiment;
        let site = Some(post.site.as_str()).filter(|site| !site.is_empty());
        Self::of(|name| match name {
            "topic" => scored.mention.topic.as_str().into(),
            "owner" => owner.as_str().into(),
            "needs_answer" => needs_answer.map_or(Value::Null, Value::Bool),
            "post.kind" => post.kind.as_str().into(),
            "post.source" => post.source.as_str().into(),
            "post.source_kind" => source_kind.into(),
            "post.site" => optional(site),
            "post.lang" => optional(post.lang.as_deref()),
            "post.author" => optional(post.author.as_deref()),
            "post.reach" => {
                post.reach.map_or(Value::Null, |n| Value::Int(i64::try_from(n).unwrap_or(i64::MAX)))
            }
            "post.title" => optional(post.title.as_deref()),
            "post.text" => seen(&post.text).into(),
            "sentiment.polarity" => sentiment.polarity.as_str().into(),
            "sentiment.score" => Value::Float(widen(sentiment.score)),
            "sentiment.confidence" => Value::Float(widen(sentiment.confidence)),
            _ => Value::Null,
        })
    }

    /// A scope in which every variable has the value that `value` gives for its dotted name.
    pub(super) fn of(value: impl Fn(&str) -> Value) -> Self {
        let mut context = Context::with_env(ENV.clone());
        let mut fields: [(&str, std::collections::HashMap<Key, Value>); 2] =
            [("post", Default::default()), ("sentiment", Default::default())];
        for variable in VARIABLES {
            match variable.name.split_once('.') {
                None => context.add_variable_from_value(variable.name, value(variable.name)),
                Some((group, field)) => {
                    for (name, map) in &mut fields {
                        if *name == group {
                            map.insert(Key::from(field), value(variable.name));
                        }
                    }
                }
            }
        }
        for (name, map) in fields {
            context.add_variable_from_value(name, Value::Map(Map { map: Arc::new(map) }));
        }
        Self(context)
    }
}

/// What kind of value a variable has, for the made mentions of `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Text,
    /// One of a closed list of words.
    Word(&'static [&'static str]),
    Fraction,
    Count,
    Flag,
}

/// A variable of conditions.
#[derive(Debug)]
pub(super) struct Variable {
    pub name: &'static str,
    pub sort: Sort,
    /// May be `null`.
    pub optional: bool,
}

const fn variable(name: &'static str, sort: Sort, optional: bool) -> Variable {
    Variable { name, sort, optional }
}

/// Every variable; a test holds it against [`Scope::new`].
pub(super) const VARIABLES: &[Variable] = &[
    variable("topic", Sort::Text, false),
    variable("owner", Sort::Text, false),
    variable("needs_answer", Sort::Flag, true),
    variable("post.kind", Sort::Word(&["post", "comment", "review", "article", "ticket"]), false),
    variable("post.source", Sort::Text, false),
    variable("post.source_kind", Sort::Text, false),
    variable("post.site", Sort::Text, true),
    variable("post.lang", Sort::Text, true),
    variable("post.author", Sort::Text, true),
    variable("post.reach", Sort::Count, true),
    variable("post.title", Sort::Text, true),
    variable("post.text", Sort::Text, false),
    variable("sentiment.polarity", Sort::Word(&["negative", "neutral", "positive", "unsure"]), false),
    variable("sentiment.score", Sort::Fraction, false),
    variable("sentiment.confidence", Sort::Fraction, false),
];

fn optional(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| seen(text).into())
}

fn seen(text: &str) -> &str {
    text.char_indices().nth(TEXT_SEEN).map_or(text, |(end, _)| &text[..end])
}

/// `-0.6` of the model is `-0.6` of the rule: a plain widening would make it −0.600000024, and
/// `<= -0.6` would be a matter of luck.
fn widen(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}
