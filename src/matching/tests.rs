//! Queries against posts: a table, the edges of NEAR, spans, and a second, plain evaluator that
//! must agree on everything random.

use proptest::prelude::*;

use super::query::{Care, Expr, Query, Term};
use super::*;
use crate::domain::mention::{Field, Span};
use crate::domain::post::{Post, PostKind};
use crate::domain::topic::Topic;

fn post(text: &str) -> Post {
    Post {
        source: "hn".into(),
        site: "news.example.org".to_owned(),
        id: "1".to_owned(),
        version: "1".to_owned(),
        aliases: Vec::new(),
        kind: PostKind::Comment,
        url: None,
        author: Some("Acme_Fan".to_owned()),
        created_at: None,
        title: None,
        text: text.to_owned(),
        lang: Some("de-at".to_owned()),
        parent: None,
        reach: None,
        deleted: false,
    }
}

fn titled(title: &str, text: &str) -> Post {
    Post { title: Some(title.to_owned()), ..post(text) }
}

fn topic(id: &str, query: &str) -> Topic {
    Topic {
        id: id.into(),
        name: id.to_owned(),
        query: query.to_owned(),
        owner: None,
        policy: None,
        panel: None,
        retention: None,
    }
}

fn matcher(query: &str) -> Matcher {
    Matcher::compile(&[topic("t", query)]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The matched pieces of the text as written; none when the topic does not claim the post.
fn pieces(query: &str, post: &Post) -> Option<Vec<String>> {
    let found = matcher(query).find(post).pop()?;
    let piece = |span: &Span| {
        let whole = if span.field == Field::Title { post.title.as_deref().unwrap_or("") } else { &post.text };
        whole[span.start..span.end].to_owned()
    };
    Some(found.spans.iter().map(piece).collect())
}

#[test]
fn queries_meet_posts() {
    for (query, text, expected) in [
        ("acme", "I love Acme!", Some("Acme")),
        ("acme", "acmeology is no science", None),
        ("acme", "pacme", None),
        ("acme", "acme_app", None),
        ("acme", "ACME's app", Some("ACME")),
        ("acme", "#acme @Acme acme.example", Some("acme|Acme|acme")),
        ("acme", "Acme™ is great", Some("Acme")),
        ("acme", "", None),
        ("@acme", "thanks @Acme!", Some("@Acme")),
        ("@acme", "write to bob@acme.example", None),
        ("@acme", "#acme acme", None),
        ("@acme", "@acmeapp", None),
        ("#acme", "so #ACME", Some("#ACME")),
        ("#acme", "acme", None),
        ("\"acme app\"", "the Acme\n  app broke", Some("Acme\n  app")),
        ("\"acme app\"", "acme, app", None),
        ("\"acme app\"", "acme apps", None),
        ("\"acme app\"*", "acme apps now", Some("acme apps")),
        ("\"acme app\"", "the acme\u{a0}app", Some("acme\u{a0}app")),
        ("acme*", "Acmeology, acme", Some("Acmeology|acme")),
        ("acme*", "pacmes", None),
        ("=Acme", "acme ACME", None),
        ("=Acme", "acme Acme", Some("Acme")),
        ("=\"Acme One\"", "Acme  One", Some("Acme  One")),
        ("=\"Acme One\"", "acme One", None),
        ("C++", "we use c++ here", Some("c++")),
        ("C++", "we use C here", None),
        ("C", "we use C++ here", Some("C")),
        ("exact:C", "we use C++, C# and #C here", None),
        ("exact:C", "we use C, and c", Some("C")),
        ("exact:\"C++\"", "c++ C++", Some("C++")),
        ("exact:\"C++\"", "C+++", None),
        ("R&D", "our r&d team", Some("r&d")),
        (".net", "ASP.NET", Some(".NET")),
        ("acme AND app", "the app of acme", Some("app|acme")),
        ("acme app", "acme alone", None),
        ("acme OR app", "an app", Some("app")),
        ("acme NOT cartoon", "acme", Some("acme")),
        ("acme NOT cartoon", "acme cartoon", None),
        ("acme NOT (cartoon OR film)", "acme film", None),
        ("(acme OR globex) (app OR login)", "globex login", Some("globex|login")),
        ("acme OR app login", "acme", Some("acme")),
        ("(acme OR app) login", "acme", None),
        ("NOT acme", "globex", Some("")),
        ("NOT acme", "acme", None),
        ("acme NEAR/2 login", "acme login", Some("acme|login")),
        ("acme NEAR/2 login", "login, acme", Some("login|acme")),
        ("acme NEAR/2 login", "acme the login", Some("acme|login")),
        ("acme NEAR/2 login", "acme and the login", None),
        ("acme NEAR/1 login", "acme: login", Some("acme|login")),
        ("acme NEAR/1 acme", "acme", None),
        ("acme NEAR/1 acme", "acme acme", Some("acme|acme")),
        ("acme NEAR/3 \"acme app\"", "the acme app", None),
        ("acme NEAR/3 \"acme app\"", "acme has the acme app", Some("acme|acme app")),
        ("acme NEAR/1 app", "acme x app y acme app", Some("acme|app")),
        ("(acme OR globex) NEAR/1 (login OR app)", "globex app, yet acme or login", Some("globex|app")),
        ("acme NEAR/2 👍", "acme is 👍", Some("acme|👍")),
        ("acme NEAR/1 @bob", "acme @bob", Some("acme|@bob")),
        ("site:example.org acme", "acme", Some("acme")),
        ("site:ample.org acme", "acme", None),
        ("site:www.news.example.org", "x", Some("")),
        ("lang:de", "x", Some("")),
        ("lang:de-AT", "x", Some("")),
        ("lang:de-ch", "x", None),
        ("lang:d", "x", None),
        ("author:@acme_fan", "x", Some("")),
        ("author:acme", "x", None),
        ("source:hn kind:comment", "x", Some("")),
        ("source:HN", "x", None),
        ("kind:review acme", "acme", None),
        ("straße", "STRASSE", Some("STRASSE")),
        ("strasse", "die Straße!", Some("Straße")),
        ("istanbul", "İstanbul", Some("İstanbul")),
        ("café", "Cafe\u{301}", Some("Cafe\u{301}")),
        ("cafe", "café", None),
        ("acme", "Ａｃｍｅ и 𝐀𝐜𝐦𝐞", Some("Ａｃｍｅ|𝐀𝐜𝐦𝐞")),
        ("acme", "ac\u{ad}me", Some("ac\u{ad}me")),
        ("acme's", "Acme’s", Some("Acme’s")),
        ("東京", "新東京都", Some("東京")),
        ("acme", "acmeを使う", Some("acme")),
        ("애크미", "애크미가", Some("애크미")),
        ("ацме", "АЦМЕ!", Some("АЦМЕ")),
        ("👍", "ok👍🏽", Some("👍")),
        ("“acme app”", "acme app", Some("acme app")),
    ] {
        let found = pieces(query, &post(text)).map(|pieces| pieces.join("|"));
        assert_eq!(found.as_deref(), expected, "{query} in {text}");
    }
}

#[test]
fn title_and_text_are_two_fields() {
    let one = titled("Acme", "app login");
    assert_eq!(pieces("\"acme app\"", &one), None);
    assert_eq!(pieces("acme NEAR/5 app", &one), None);
    assert_eq!(pieces("acme app", &one), Some(vec!["Acme".to_owned(), "app".to_owned()]));
    assert_eq!(pieces("title:acme", &one), Some(vec!["Acme".to_owned()]));
    assert_eq!(pieces("title:app", &one), None);
    assert_eq!(pieces("title:\"acme app\"", &titled("An Acme App", "")), Some(vec!["Acme App".to_owned()]));
    assert_eq!(pieces("title:=acme", &one), None);
}

#[test]
fn a_span_names_its_term_as_written() {
    let post = titled("ACME", "the Acme app");
    let found = matcher("Acme OR \"acme app\"").find(&post);
    let span = |field, start, end, term: &str| Span { field, start, end, term: term.to_owned() };
    assert_eq!(
        found,
        [Found {
            topic: "t".into(),
            spans: vec![
                span(Field::Title, 0, 4, "Acme"),
                span(Field::Text, 4, 8, "Acme"),
                span(Field::Text, 4, 12, "\"acme app\""),
            ],
        }]
    );
}

#[test]
fn all_topics_are_found_at_once_in_the_order_written() {
    let topics = [
        topic("globex", "globex"),
        topic("acme", "acme"),
        topic("german", "lang:de"),
        topic("app", "\"acme app\" NOT globex"),
        topic("french", "lang:fr acme"),
    ];
    let matcher = Matcher::compile(&topics).expect("they are sound");
    let names = |text: &str| -> Vec<String> {
        matcher.find(&post(text)).into_iter().map(|found| found.topic.to_string()).collect()
    };
    assert_eq!(names("the acme app"), ["acme", "german", "app"]);
    assert_eq!(names("the acme app of globex"), ["globex", "acme", "german"]);
    assert_eq!(names("nothing"), ["german"]);
    assert!(Matcher::compile(&[]).expect("no topic is sound").find(&post("acme")).is_empty());
}

#[test]
fn faults_of_all_topics_come_together() {
    let topics = [topic("a", "(acme"), topic("b", "acme and app"), topic("c", "acme NOT acme")];
    let problems = Matcher::compile(&topics).expect_err("two are unsound");
    let keys: Vec<_> = problems.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["topics[\"a\"].query", "topics[\"c\"].query"]);
    assert_eq!(check(&topics).0.len(), 3);
}

#[test]
fn a_mention_keeps_its_first_spans() {
    let found = matcher("acme").find(&post(&"acme ".repeat(10_000)));
    assert_eq!(found[0].spans.len(), MAX_SPANS);
    assert_eq!(found[0].spans[1].start, 5);
}

#[test]
fn an_explanation_says_what_decided() {
    for (query, text, expected) in [
        ("acme app", "acme app", "matched: acme stands in the text, app stands in the text"),
        ("acme app", "acme", "not matched: app stands nowhere"),
        ("acme", "acmeology", "not matched: acme stands in the text only as part of a longer word"),
        ("=Acme", "acme", "not matched: =Acme stands in the text only in other case"),
        ("exact:C", "C++", "not matched: exact:C stands in the text only with a symbol beside it"),
        ("title:acme", "acme", "not matched: title:acme stands in the text and not in the title"),
        ("acme NOT film", "acme film", "not matched: film stands in the text"),
        ("acme NOT film", "acme", "matched: acme stands in the text, film stands nowhere"),
        ("lang:fr", "x", "not matched: its language is de-at, not fr"),
        ("site:example.org", "x", "matched: its site is news.example.org"),
        ("acme NEAR/2 app", "acme app", "matched: acme NEAR/2 app: they stand side by side"),
        ("acme NEAR/2 app", "acme a b app", "not matched: acme NEAR/2 app: the closest stand 3 words apart"),
        ("acme NEAR/2 app", "acme", "not matched: acme NEAR/2 app: app stands nowhere"),
        (
            "a OR b OR c OR d OR e OR f",
            "x",
            "not matched: a stands nowhere, b stands nowhere, c stands nowhere, d stands nowhere, and 2 more",
        ),
    ] {
        let explained = matcher(query).explain(&post(text)).remove(0);
        assert_eq!(explained.sentence, expected, "{query} in {text}");
        assert_eq!(explained.matched, expected.starts_with("matched"));
    }
}

#[test]
fn an_explanation_travels_as_json() {
    let explained = matcher("acme NOT (film OR lang:fr)").explain(&post("Acme"));
    let json = serde_json::to_value(&explained).expect("it is plain data");
    assert_eq!(json[0]["query"]["parts"][0]["spans"][0]["end"], 4);
    assert_eq!(json[0]["query"]["parts"][1]["joined"], "not");
    assert_eq!(serde_json::from_value::<Vec<Explained>>(json).expect("it reads back"), explained);
}

/// A second evaluator for words of plain letters: no automaton, no folding, no index.
mod plain {
    use super::*;

    type Places = Vec<(bool, usize, usize)>;

    pub fn holds(expr: &Expr, post: &Post) -> bool {
        match expr {
            Expr::Term(term) => !places(term, post).is_empty(),
            Expr::Field(_) => post.lang.as_deref() == Some("de"),
            Expr::Near { left, within, right } => left.iter().any(|one| {
                right.iter().any(|other| {
                    places(one, post).into_iter().any(|(field, start, end)| {
                        places(other, post).into_iter().any(|(field2, start2, end2)| {
                            let gap = if end <= start2 { start2 - end } else { start.wrapping_sub(end2) };
                            field == field2 && (end <= start2 || end2 <= start) && gap < *within as usize
                        })
                    })
                })
            }),
            Expr::Not(part) => !holds(part, post),
            Expr::And(parts) => parts.iter().all(|part| holds(part, post)),
            Expr::Or(parts) => parts.iter().any(|part| holds(part, post)),
        }
    }

    /// In words: whether in the title, first, one past the last.
    fn places(term: &Term, post: &Post) -> Places {
        let wanted: Vec<&str> = term.text.split(' ').collect();
        let mut found = Vec::new();
        for (title, text) in [(true, post.title.as_deref().unwrap_or("")), (false, post.text.as_str())] {
            let words: Vec<&str> = text.split_whitespace().collect();
            for start in 0..words.len().saturating_sub(wanted.len() - 1) {
                let end = start + wanted.len();
                let alike = words[start..end].iter().zip(&wanted).enumerate().all(|(n, (word, wanted))| {
                    let same = |word: &str| match term.care {
                        Care::Folded => word.eq_ignore_ascii_case(wanted),
                        Care::Case | Care::Exact => word == *wanted,
                    };
                    let open = term.open && start + n + 1 == end && word.len() > wanted.len();
                    same(word) || open && same(&word[..wanted.len()])
                });
                if alike && (title || !term.title) {
                    found.push((title, start, end));
                }
            }
        }
        found
    }
}

fn words(most: usize) -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec!["a", "A", "b", "ab", "aB", "c", "abc"]);
    proptest::collection::vec(word, 0..most).prop_map(|words| words.join(" "))
}

fn term() -> impl Strategy<Value = Term> {
    let text = proptest::sample::select(vec!["a", "A", "b", "ab", "a b", "b a", "c", "a a"]);
    let care = prop_oneof![3 => Just(Care::Folded), 1 => Just(Care::Case), 1 => Just(Care::Exact)];
    (text, care, prop::bool::weighted(0.2), prop::bool::weighted(0.2))
        .prop_map(|(text, care, open, title)| Term { text: text.to_owned(), care, open, title })
}

fn expr() -> impl Strategy<Value = Expr> {
    let terms = || proptest::collection::vec(term(), 1..3);
    let leaf = prop_oneof![
        5 => term().prop_map(Expr::Term),
        1 => Just(Expr::Field(query::FieldTerm::Lang("de".to_owned()))),
        2 => (terms(), 1u32..4, terms())
            .prop_map(|(left, within, right)| Expr::Near { left, within, right }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| Expr::Not(Box::new(part))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::all),
            proptest::collection::vec(inner, 2..4).prop_map(Expr::any),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_agrees_with_a_plain_evaluator(
        queries in proptest::collection::vec(expr(), 1..5),
        title in words(4),
        text in words(9),
        german in any::<bool>(),
    ) {
        let post = Post { lang: german.then(|| "de".to_owned()), ..titled(&title, &text) };
        let mut topics = Vec::new();
        let mut expected = Vec::new();
        for (n, root) in queries.into_iter().enumerate() {
            let holds = plain::holds(&root, &post);
            let topic = topic(&n.to_string(), &Query { root }.to_string());
            if check(std::slice::from_ref(&topic)).has_faults() {
                prop_assert!(!holds, "{} was called impossible", topic.query);
                continue;
            }
            if holds {
                expected.push(topic.id.clone());
            }
            topics.push(topic);
        }
        let matcher = Matcher::compile(&topics).expect("faults were left out");
        let found: Vec<_> = matcher.find(&post).into_iter().map(|found| found.topic).collect();
        prop_assert_eq!(&found, &expected);
        let explained = matcher.explain(&post).into_iter().filter(|one| one.matched).map(|one| one.topic);
        prop_assert_eq!(explained.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn spans_lie_on_borders_of_any_text(title in "(?s).{0,20}", text in "(?s)(\\PC|ß|İ|é|e\u{301}|👩\u{200d}💻|acme|ab| |ท|字){0,20}") {
        let post = titled(&title, &text);
        let topics: Vec<_> = ["a*", "ß", "ss", "acme", "i", "é", "字", "ท", "👩", "e NEAR/9 a", "."]
            .iter().map(|query| topic(query, query)).collect();
        for found in Matcher::compile(&topics).expect("they are sound").find(&post) {
            for span in found.spans {
                let whole = if span.field == Field::Title { &title } else { &text };
                prop_assert!(span.start < span.end);
                prop_assert!(whole.get(span.start..span.end).is_some(), "{:?}", span);
            }
        }
    }

    #[test]
    fn what_is_written_is_found_in_itself(term in "[^\\pC\\s*\"“”„‟()=:'-]{1,8}") {
        prop_assume!(!fold::term(&term).is_empty());
        let quoted = format!("\"{}\"", term.replace('\\', "\\\\"));
        let found = pieces(&quoted, &post(&format!("x {term} y")));
        prop_assert!(found.is_some(), "{}", term);
    }
}
