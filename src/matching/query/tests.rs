//! The language: what is read, how it is shown, what is refused and what is warned of.

use proptest::prelude::*;

use super::*;

fn shown(written: &str) -> String {
    Query::parse(written).unwrap_or_else(|error| panic!("{written}: {error}")).to_string()
}

#[test]
fn what_is_written_is_read() {
    for (written, expected) in [
        ("acme", "acme"),
        ("acme app", "acme AND app"),
        (r#""acme app""#, r#""acme app""#),
        ("a OR b c", "a OR (b AND c)"),
        ("(a OR b) c", "(a OR b) AND c"),
        ("a AND (b AND (c))", "a AND b AND c"),
        ("a NOT b", "a AND NOT b"),
        ("a AND NOT (b OR c)", "a AND NOT (b OR c)"),
        ("NOT NOT a", "NOT NOT a"),
        ("a NEAR/5 b c", "a NEAR/5 b AND c"),
        ("(a OR \"b c\") NEAR/2 =D", "(a OR \"b c\") NEAR/2 =D"),
        ("NOT a NEAR/1 b", "NOT a NEAR/1 b"),
        ("=Acme =\"Acme One\"", "=Acme AND =\"Acme One\""),
        ("exact:\"C++\" exact:C", "exact:C++ AND exact:C"),
        ("C++ R&D .net 10:30", "C++ AND R&D AND .net AND \"10:30\""),
        ("acme* \"acme app\"*", "acme* AND \"acme app\"*"),
        ("\"acme*\"", "\"acme*\""),
        ("@acmeapp #acme", "@acmeapp AND #acme"),
        (
            "title:\"acme app\" title:=Acme title:exact:C",
            "title:\"acme app\" AND title:=Acme AND title:exact:C",
        ),
        ("AUTHOR:\"Al X\" site:example.org", "author:\"Al X\" AND site:example.org"),
        ("lang:de-at source:hn kind:Review", "lang:de-at AND source:hn AND kind:review"),
        (r#""say \"hi\" \\ C:\new""#, r#""say \"hi\" \\ C:\\new""#),
        ("“acme app” OR „acme one“", r#""acme app" OR "acme one""#),
        ("\"AND\" \"near/3\"", "\"AND\" AND \"near/3\""),
        ("acme(app)", "acme AND app"),
        ("日本 OR 👍", "日本 OR 👍"),
    ] {
        assert_eq!(shown(written), expected, "{written}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_a_remedy() {
    for (written, at, what, remedy) in [
        ("", 0, "empty", "at least one word"),
        ("   ", 0, "empty", "at least one word"),
        ("(a OR b", 0, "never closed", "`)`"),
        ("a b)", 3, "closes nothing", "`(`"),
        ("a ()", 3, "nothing stands before", "word"),
        ("a AND", 5, "ends where a word is due", "last operator"),
        ("a AND AND b", 6, "AND has nothing on its left", "\"AND\""),
        ("OR a", 0, "OR has nothing on its left", "\"OR\""),
        ("a NOT", 5, "ends where", "word"),
        ("NEAR/5 a", 0, "NEAR has nothing on its left", "word"),
        ("a NEAR/5", 2, "NEAR has nothing on its right", "word"),
        ("a NEAR/5 OR b", 2, "NEAR has nothing on its right", "word"),
        ("a NEAR b", 2, "no distance", "NEAR/5"),
        ("a NEAR/0 b", 2, "no distance", "NEAR/5"),
        ("a NEAR/x b", 2, "no distance", "NEAR/5"),
        ("a NEAR/2 b NEAR/2 c", 11, "two operands", "AND"),
        ("(a AND b) NEAR/2 c", 0, "NEAR takes words", "OR"),
        ("a NEAR/2 lang:de", 9, "NEAR takes words", "OR"),
        ("auther:x", 0, "no field is named `auther`", "`author:`"),
        ("a http://x.example", 2, "no field is named `http`", "quotes"),
        ("lang: de", 0, "nothing stands after `lang:`", "directly"),
        ("lang:d€", 0, "no language", "lang:de"),
        ("site:\"http://x.example\"", 0, "no host", "host alone"),
        ("kind:tweet", 0, "no kind", "review"),
        ("author:\" \"", 0, "no value", "directly"),
        ("title:(a b)", 0, "nothing stands after `title:`", "phrase"),
        ("site:*.example", 0, "no `*`", "whole value"),
        ("a \"b", 2, "never closed", "`\"`"),
        ("a* *b", 3, "end of a word", "quotes"),
        ("*", 0, "end of a word", "acme*"),
        ("a | b", 2, "no operator", "OR"),
        ("a -b", 2, "no operator", "NOT"),
        ("a && b", 2, "no operator", "AND"),
        ("\"\"", 0, "nothing of this term", "visible"),
        ("\"\u{200d} \"", 0, "nothing of this term", "visible"),
        ("=", 0, "nothing stands after `=`", "directly"),
    ] {
        let error = Query::parse(written).expect_err(written);
        assert_eq!(error.at, at, "{written}: {error}");
        assert!(error.what.contains(what), "{written}: {error}");
        assert!(error.remedy.contains(remedy), "{written}: {error}");
    }
}

#[test]
fn hostile_queries_are_refused_and_harm_nothing() {
    for deep in ["(".repeat(10_000), "NOT ".repeat(10_000), "a NOT (".repeat(10_000)] {
        assert!(Query::parse(&deep).expect_err("too deep").what.contains("deeper"));
    }
    assert!(Query::parse(&"a ".repeat(MAX_BYTES)).expect_err("too long").what.contains("bytes"));
    let wide = "acme OR ".repeat(10_000) + "acme";
    assert_eq!(Query::parse(&wide).map(|query| query.to_string()), Ok(wide));
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    for (written, what) in [
        ("acme and app", "`and` in lower case"),
        ("acme near/3 app", "`near/3` in lower case"),
        ("'acme app'", "apostrophe"),
        ("NOT acme", "lacks what is excluded"),
        ("acme OR NOT app", "lacks what is excluded"),
        ("acme OR NOT acme", "every post matches it"),
        ("lang:de OR NOT lang:de", "every post matches it"),
    ] {
        let problems = check("q", written);
        assert!(!problems.has_faults(), "{written}: {problems}");
        assert!(problems.to_string().contains(what), "{written}: {problems}");
    }
    for sound in ["acme", "acme NOT app", "\"acme app\" OR lang:de", "\"and\" acme"] {
        assert_eq!(check("q", sound), Problems::new(), "{sound}");
    }
}

use crate::domain::problem::Problems;

#[test]
fn what_can_never_match_is_a_fault() {
    for never in [
        "acme NOT acme",
        "acme NOT ACME",
        "=Acme NOT acme",
        "\"acme app\" NOT acme",
        "acme NOT acm*",
        "title:acme NOT acme",
        "acme NEAR/3 app NOT app",
        "(a OR b) NOT a NOT b",
        "(a OR b) NOT (a OR b)",
        "a NOT (b OR a)",
        "lang:de lang:fr a",
        "lang:de-at NOT lang:de",
        "site:a.example site:b.example",
        "(kind:post OR kind:review) kind:ticket",
        "source:x source:y",
        "NOT (a OR NOT a)",
        "(a NOT a) OR (b NOT b)",
    ] {
        let problems = check("topics[\"t\"].query", never);
        assert!(problems.has_faults(), "{never}");
        assert!(problems.to_string().contains("no post can match"), "{never}: {problems}");
    }
    for possible in [
        "acme NOT =Acme",
        "acme NOT \"acme app\"",
        "acme NOT title:acme",
        "acm* NOT acme",
        "acmeology NOT acme",
        "lang:de lang:de-at",
        "site:example.org site:a.example.org",
        "acme NEAR/3 acme",
        "(a OR b) NOT a",
        "author:x NOT lang:de",
        "exact:C NOT =c",
    ] {
        assert!(!check("q", possible).has_faults(), "{possible}");
    }
}

#[test]
fn a_fault_names_the_key() {
    let problems = check("topics[\"t\"].query", "(acme");
    assert_eq!(
        problems.to_string(),
        "error: topics[\"t\"].query: this `(` is never closed (at byte 0); add the `)` that it belongs to\n"
    );
}

fn term() -> impl Strategy<Value = Term> {
    let text = prop_oneof![
        "[a-c]{1,3}",
        "[@#.=*+:'\"\\\\( )a-cAND/-]{1,6}",
        "\\PC{1,4}",
        Just("AND".to_owned()),
        Just("near/3".to_owned())
    ];
    let care = prop_oneof![Just(Care::Folded), Just(Care::Case), Just(Care::Exact)];
    (text, care, any::<bool>(), any::<bool>())
        .prop_filter("a term has something to look for", |(text, ..)| {
            !crate::matching::fold::term(text).is_empty()
        })
        .prop_map(|(text, care, open, title)| Term { text, care, open, title })
}

fn field() -> impl Strategy<Value = FieldTerm> {
    prop_oneof![
        "[a-z *=\"]{0,4}[a-z]".prop_map(FieldTerm::Author),
        "[a-z]{1,4}\\.example".prop_map(FieldTerm::Site),
        "[a-z]{2}(-[a-z]{2})?".prop_map(FieldTerm::Lang),
        "[a-z-]{0,4}[a-z]".prop_map(FieldTerm::Source),
        proptest::sample::select(PostKind::ALL.to_vec()).prop_map(FieldTerm::Kind),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let terms = || proptest::collection::vec(term(), 1..3);
    let leaf = prop_oneof![
        4 => term().prop_map(Expr::Term),
        1 => field().prop_map(Expr::Field),
        1 => (terms(), 1..=MAX_DISTANCE, terms())
            .prop_map(|(left, within, right)| Expr::Near { left, within, right }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| Expr::Not(Box::new(part))),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::all),
            proptest::collection::vec(inner, 2..4).prop_map(Expr::any),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_the_same(root in expr()) {
        let query = Query { root };
        prop_assert_eq!(Query::parse(&query.to_string()), Ok(query));
    }

    #[test]
    fn no_input_harms(written in "(?s)(\\PC|[()\"“ =*:]|AND |OR |NOT |NEAR/2 |title:){0,20}") {
        if let Err(error) = Query::parse(&written) {
            prop_assert!(written.get(error.at..).is_some(), "{} is no border", error.at);
        }
        check("q", &written);
    }
}
