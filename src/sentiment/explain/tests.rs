//! Plans and weights on texts made for it, judged by small classifiers of our own.

use proptest::prelude::*;

use super::*;
use crate::domain::sentiment::{Model, Probabilities};

fn about(text: &str, target: Option<&str>) -> Scorable {
    Scorable { text: text.into(), target: target.map(str::to_owned), lang: None }
}

/// Half of what is left turns negative with each "bad", positive with each "good".
fn judged(text: &Scorable) -> Sentiment {
    let count = |word| i32::try_from(text.text.matches(word).count()).expect("few");
    let (bad, good) = (1.0 - 0.5_f32.powi(count("bad")), 1.0 - 0.5_f32.powi(count("good")));
    let probabilities =
        Probabilities { negative: bad / 2.0, positive: good / 2.0, neutral: 1.0 - bad / 2.0 - good / 2.0 };
    Sentiment::judge(probabilities, 0.0, Model { name: "made".into(), version: "1".into() })
}

fn explained(text: &str, target: Option<&str>) -> Explained {
    let plan = plan(about(text, target));
    let verdicts = plan.batch().iter().map(judged).collect();
    plan.weigh(verdicts).expect("as many verdicts as readings")
}

fn said(text: &str) -> Vec<&str> {
    split(text).into_iter().map(|word| &text[word]).collect()
}

#[test]
fn words_are_what_a_reader_takes_for_one() {
    for (text, expected) in [
        ("It isn't bad, really!!!", &["It", "isn't", "bad", "really", "!!!"][..]),
        ("@acme_app #fail :( \"no\" …", &["@acme_app", "#fail", ":(", "no"]),
        ("see https://acme.example/a?b=c, ok", &["see", "https://acme.example/a?b=c,", "ok"]),
        ("nie 😡😡 wieder", &["nie", "😡😡", "wieder"]),
        ("(good) - bad", &["good", "bad"]),
        ("", &[]),
        (" \n\t.", &[]),
        ("hidden \u{202e}\u{1b}] word\u{1b}[31m", &["hidden", "word", "31m"]),
    ] {
        assert_eq!(said(text), expected, "{text}");
    }
}

#[test]
fn each_word_is_left_out_once_and_the_text_comes_first() {
    let batch = plan(about("A bad, bad day", None)).batch();
    let texts: Vec<&str> = batch.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, ["A bad, bad day", "bad, bad day", "A , bad day", "A bad, day", "A bad, bad "]);
}

#[test]
fn leaving_out_makes_no_new_words() {
    let batch = plan(about("a<3b", None)).batch();
    let texts: Vec<&str> = batch.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, ["a<3b", "<3b", "a 3b", "a<"]);
}

#[test]
fn a_word_weighs_what_the_verdict_loses_without_it() {
    let found = explained("so good and bad", None);
    let deltas: Vec<(&str, f32)> =
        found.words.iter().map(|word| (word.word.as_str(), word.delta_score.expect("judged"))).collect();
    assert_eq!(deltas, [("so", 0.0), ("good", 0.25), ("and", 0.0), ("bad", -0.25)]);
    let strongest = found.strongest(|word| word.delta_score, 5);
    assert_eq!(strongest.iter().map(|(word, _)| word.word.as_str()).collect::<Vec<_>>(), ["good", "bad"]);
    assert_eq!(found.words.iter().map(Moved::strength).collect::<Vec<_>>(), [0, 2, 0, 2]);
}

#[test]
fn places_are_given_in_bytes_and_in_characters() {
    let found = explained("Größe 😡 bad", None);
    let places: Vec<Place> = found.words.iter().flat_map(|word| word.places.clone()).collect();
    assert_eq!(
        places,
        [
            Place { bytes: (0, 7), chars: (0, 5) },
            Place { bytes: (8, 12), chars: (6, 7) },
            Place { bytes: (13, 16), chars: (8, 11) },
        ]
    );
}

#[test]
fn the_target_is_marked_and_stays() {
    let found = explained("@AcmeApp is bad, acmeapp's login too; acmeapps no", Some("#acmeapp"));
    let named: Vec<&str> =
        found.words.iter().filter(|word| word.target).map(|word| word.word.as_str()).collect();
    assert_eq!(named, ["@AcmeApp", "acmeapp's"], "acmeapps is another word");
    assert!(found.words.iter().all(|word| word.target == word.delta_score.is_none()));
    let batch = plan(about("Acme App is bad", Some("acme app"))).batch();
    assert_eq!(batch.len(), 3);
    assert!(
        batch.iter().all(|one| one.text.contains("Acme App") && one.target.as_deref() == Some("acme app"))
    );
    assert!(occurrences("anything", " @ ").is_empty(), "a target without a name");
}

#[test]
fn a_long_text_is_read_in_groups_and_in_one_batch() {
    let long = format!("{}bad{}", "word ".repeat(150), " word".repeat(200));
    let found = explained(&long, None);
    assert!(found.words.len() <= MOST && plan(about(&long, None)).batch().len() <= MOST + 1);
    assert_eq!(found.unweighed, 351 - READ);
    let strongest = found.strongest(|word| word.delta_score, 9);
    assert_eq!(strongest.len(), 1);
    assert!(strongest[0].0.word.contains("bad") && strongest[0].0.places.len() == 1, "{strongest:?}");
}

#[test]
fn a_group_goes_round_the_target() {
    let long = "one Acme two ".repeat(60);
    let found = explained(&long, Some("Acme"));
    assert_eq!(found.words.iter().filter(|word| word.target).count(), 60);
    let group = found.words.iter().find(|word| !word.target).expect("a group");
    assert_eq!((group.word.as_str(), group.places.len()), ("one two", 2));
    let batch = plan(about(&long, Some("Acme"))).batch();
    assert!(batch.iter().all(|one| one.text.matches("Acme").count() == 60));
}

#[test]
fn verdicts_that_do_not_fit_explain_nothing() {
    let plan = plan(about("two words", None));
    assert_eq!(plan.clone().weigh(Vec::new()), None);
    assert_eq!(plan.clone().weigh(plan.batch()[..2].iter().map(judged).collect()), None);
    let failed = Sentiment::judge(
        Probabilities { negative: 0.0, neutral: 0.0, positive: 0.0 },
        0.5,
        Model { name: "made".into(), version: "1".into() },
    );
    let mut verdicts: Vec<Sentiment> = plan.batch().iter().map(judged).collect();
    verdicts[1] = failed;
    let found = plan.weigh(verdicts).expect("they fit");
    assert_eq!(found.words[0].delta_score, None, "the model failed on this reading");
    assert_eq!(found.words[1].delta_score, Some(0.0));
}

proptest! {
    #[test]
    fn any_text_and_target_survive(text in any::<String>(), target in any::<Option<String>>()) {
        let plan = plan(Scorable { text: text.clone(), target, lang: None });
        let batch = plan.batch();
        prop_assert!(batch.len() <= MOST + 1 && batch[0].text == text);
        prop_assert!(batch[1..].iter().all(|one| one.text != text), "something was left out");
        let found = plan.weigh(batch.iter().map(judged).collect()).expect("they fit");
        prop_assert_eq!(found.pieces().iter().map(|(piece, _)| *piece).collect::<String>(), text.clone());
        let mut last = 0;
        for word in &found.words {
            prop_assert!(word.places[0].bytes.0 >= last, "in the order of the text");
            last = word.places[0].bytes.0;
            for place in &word.places {
                prop_assert_eq!(text[..place.bytes.0].chars().count(), place.chars.0);
                prop_assert_eq!(text[..place.bytes.1].chars().count(), place.chars.1);
            }
        }
    }

    #[test]
    fn what_is_left_out_is_all_that_is_missing(text in "[a-d ,!@#]{0,60}") {
        for word in split(&text) {
            let mut rest = without(&text, std::slice::from_ref(&word));
            rest.push_str(&text[word]);
            let letters = |text: &str| {
                let mut letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
                letters.sort_unstable();
                letters
            };
            prop_assert_eq!(letters(&rest), letters(&text));
        }
    }
}
