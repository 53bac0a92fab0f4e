//! Conditions as people write them, right and wrong, and what is said about them.

use super::*;
use crate::domain::id::{MentionId, OwnerId};
use crate::domain::mention::{Mention, ScoredMention};
use crate::domain::post::{Post, PostKind};
use crate::domain::sentiment::{Model, Probabilities, Sentiment};
use crate::escalation::Scope;

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
        ("needs_answer", &["when needs_answer is absent", "null"]),
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
