//! Conditions as people write them, right and wrong, and what is said about them.

use cel::Value;
use proptest::prelude::*;

use super::*;
use crate::domain::id::{MentionId, OwnerId};
use crate::domain::mention::{Mention, ScoredMention};
use crate::domain::post::{Post, PostKind};
use crate::domain::sentiment::{Model, Probabilities, Sentiment};
use crate::escalation::condition::{Scope, Sort};

fn checked(text: &str) -> Result<Known, String> {
    let condition = Condition::compile(text).map_err(|problem| problem.to_string())?;
    check(&condition).map_err(|problems| problems.to_string())
}

#[test]
fn what_is_in_order_passes() {
    for text in [
        "sentiment.score <= -0.6 && post.kind in [\"post\", \"comment\", \"review\"]",
        "topic == \"acme-app\" && post.lang == \"de\"",
        "sentiment.polarity == \"unsure\"",
        "post.reach != null && post.reach > 1000",
        "post.reach == null || post.reach < 10",
        "post.reach == null ? false : post.reach > 1000",
        "!(post.reach == null) && post.reach >= 1000 && post.author != null && post.author.startsWith(\"acme\")",
        "post.text.matches(\"(?i)refund|money back\") || post.text.size() > 500",
        "needs_answer == true && owner != \"cco\"",
        "needs_answer == true && sentiment.polarity != \"positive\"",
        "needs_answer != null && needs_answer",
        "[\"hn\", \"reviews\"].exists(s, s == post.source)",
        "sentiment.score < 0 && sentiment.confidence > 0.9",
        "post.source_kind == \"app_store\"",
    ] {
        assert_eq!(checked(text), Ok(Known::Sometimes), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    for (text, parts) in [
        ("", &["empty"][..]),
        ("post.kind ==", &["cannot be read", "CEL"]),
        ("sentiment.scor <= -0.6", &["`sentiment.scor`", "did you mean `sentiment.score`"]),
        ("toppic == \"a\"", &["`toppic`", "did you mean `topic`"]),
        ("zzz", &["nothing is named `zzz`", "conditions know topic"]),
        ("post.kind == \"reviews\"", &["never \"reviews\"", "did you mean \"review\""]),
        ("\"sad\" == sentiment.polarity", &["never \"sad\"", "one of negative"]),
        ("post.text.contain(\"x\")", &["no function `contain`", "`contains`"]),
        ("post.reach > 1000", &["when post.reach is absent", "`post.reach != null && …`"]),
        ("topic == \"a\" && post.reach > 1000", &["when post.reach is absent"]),
        ("post.author.startsWith(\"a\")", &["when post.author is absent"]),
        ("needs_answer", &["when needs_answer is absent", "null", "write `needs_answer == true`"]),
        ("needs_answer && topic == \"a\"", &["write `needs_answer == true`"]),
        ("sentiment.score", &["a number, neither true nor false"]),
        ("post.kind", &["a text, neither true nor false"]),
        ("sentiment.score <= \"-0.6\"", &["does not work on"]),
        ("topic == \"a\" && sentiment.score + topic > 1.0", &["does not work on"]),
        ("topic && true", &["neither true nor false"]),
        ("has(post.lang)", &["has()", "!= null"]),
        ("post.text.matches(post.author)", &["no constant"]),
        ("post.text.matches(\"(\")", &["matches() failed"]),
        ("[1].exists(a, [2].exists(b, a == b))", &["stands inside a loop"]),
    ] {
        let said = checked(text).expect_err(text);
        for part in parts {
            assert!(said.contains(part), "{text}: {said}");
        }
    }
}

#[test]
fn what_never_changes_is_known() {
    for (text, known) in [
        ("true", Known::Always),
        ("topic == topic", Known::Always),
        ("sentiment.score <= 1.0", Known::Always),
        ("false", Known::Never),
        ("sentiment.score < -1.5", Known::Never),
        ("post.kind == \"post\" && false", Known::Never),
        ("topic != \"acme\"", Known::Sometimes),
    ] {
        assert_eq!(checked(text), Ok(known), "{text}");
    }
}

/// A mention in which every variable is present.
fn complete() -> ScoredMention {
    let text = || Some("x".to_owned());
    let post = Post {
        source: "hn".into(),
        site: "news.example".into(),
        id: "1".into(),
        version: "1".into(),
        aliases: Vec::new(),
        kind: PostKind::Review,
        url: text(),
        author: text(),
        created_at: None,
        title: text(),
        text: "secret words".into(),
        lang: text(),
        parent: None,
        reach: Some(5),
        deleted: false,
    };
    let id = MentionId::new(jiff::Timestamp::UNIX_EPOCH);
    let mention = Mention { id, post, topic: "acme-app".into(), spans: Vec::new() };
    let probabilities = Probabilities { negative: 0.6, neutral: 0.4, positive: 0.0 };
    let model = Model { name: "test".into(), version: "1".into() };
    ScoredMention { mention, sentiment: Sentiment::judge(probabilities, 0.5, model) }
}

#[test]
fn every_variable_that_is_checked_is_given() {
    let scope = Scope::new(&complete(), "hacker_news", &OwnerId::from("care"), Some(true));
    for variable in VARIABLES {
        let condition = Condition::compile(&format!("{} != null", variable.name)).expect("compiles");
        assert_eq!(condition.holds(&scope), Ok(true), "{}", variable.name);
    }
}

#[test]
fn a_limit_is_met_by_the_number_it_names() {
    let scope = Scope::new(&complete(), "hacker_news", &OwnerId::from("care"), None);
    let condition = Condition::compile("sentiment.score <= -0.6").expect("compiles");
    assert_eq!(condition.holds(&scope), Ok(true));
}

#[test]
fn a_failure_shows_nothing_of_the_post() {
    let scope = Scope::new(&complete(), "hacker_news", &OwnerId::from("care"), None);
    for text in ["post.text > 3", "post.text", "post.text + 1 == 2", "post.nothing", "int(post.text) > 1"] {
        let error = Condition::compile(text).expect("compiles").holds(&scope).expect_err("fails");
        assert!(!error.contains("secret"), "{error}");
    }
}

/// Parts that may fail where a value is absent, and guards that may or may not stand before them.
fn any_condition() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "post.reach > 1000",
        "post.reach != null",
        "post.reach == null",
        "post.author.startsWith(\"acme\")",
        "post.author != null",
        "post.lang == \"de\"",
        "post.title.contains(post.lang)",
        "post.title != null",
        "needs_answer",
        "needs_answer != null",
        "topic == \"app\"",
        "sentiment.score <= -0.6",
        "sentiment.score + sentiment.confidence > 0.5",
        "post.text.size() > 3",
        "post.kind in [\"post\", \"review\"]",
        "true",
        "1 / 0 == 1",
        "topic",
    ]);
    part.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            1 => inner.clone().prop_map(|one| format!("!({one})")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(when, then, other)| format!("({when} ? {then} : {other})")),
        ]
    })
}

/// A value of the right sort, or null where that may be; chosen by `pick`.
fn made(name: &str, pick: u64) -> Value {
    let variable = VARIABLES.iter().find(|variable| variable.name == name).expect("it is one of them");
    let index = usize::try_from(pick % 97).expect("small");
    if variable.optional && pick.is_multiple_of(2) {
        return Value::Null;
    }
    match variable.sort {
        Sort::Text => ["app", "de", "acme inc", "", "x"][index % 5].into(),
        Sort::Word(words) => words[index % words.len()].into(),
        Sort::Fraction => Value::Float([-1.0, -0.6, 0.0, 0.3, 1.0][index % 5]),
        Sort::Count => Value::Int([0, 999, 1_001][index % 3]),
        Sort::Flag => Value::Bool(index.is_multiple_of(3)),
    }
}

proptest! {
    #[test]
    fn what_passes_does_not_fail_on_any_mention(
        text in any_condition(),
        picks in prop::collection::vec(prop::collection::vec(any::<u64>(), VARIABLES.len()), 20),
    ) {
        let condition = Condition::compile(&text).expect("it is CEL");
        let known = check(&condition);
        for picks in picks {
            let scope = Scope::of(|name| {
                let at = VARIABLES.iter().position(|variable| variable.name == name);
                made(name, picks[at.expect("it is one of them")])
            });
            match (&known, condition.holds(&scope)) {
                (Ok(Known::Always), said) => prop_assert_eq!(said, Ok(true)),
                (Ok(Known::Never), said) => prop_assert_eq!(said, Ok(false)),
                (Ok(Known::Sometimes), said) => prop_assert!(said.is_ok(), "{:?}", said),
                (Err(_), _) => {}
            }
        }
    }

    #[test]
    fn nonsense_is_refused_and_breaks_nothing(text in "[a-z.()\\[\\]&|!?:=<>\"'0-9 {},+*/%\\\\-]{0,40}") {
        if let Ok(condition) = Condition::compile(&text) {
            let _ = check(&condition);
        }
    }
}
