//! What a model's folder may say, on a made model: targets, a second head, temperatures, what is
//! cut; and that grouping and threads change no verdict.

use earmark::domain::sentiment::Probabilities;
use earmark::sentiment::{Classifier, Scorable};
use proptest::prelude::*;
use serde_json::json;

use super::made::{LONGEST, Made, far, one, towards};

/// What two verdicts on the same input may differ by.
const SAME: f32 = 1e-4;

#[test]
fn the_target_changes_the_verdict_where_the_model_judges_towards_one() {
    let mut bert = Made::whole().loaded();
    let text = "acme is good and globex is bad";
    let whole = one(&mut bert, Scorable::new(text));
    let (acme, globex) = (one(&mut bert, towards(text, "Acme")), one(&mut bert, towards(text, "globex")));
    assert!(far(acme, globex) > 0.001 && far(acme, whole) > 0.001, "{acme:?} {globex:?} {whole:?}");
    // The mark of a handle is no part of the target, and nothing is no target.
    assert!(far(acme, one(&mut bert, towards(text, " @ACME "))) < SAME);
    assert!(far(whole, one(&mut bert, towards(text, " # "))) < SAME);
    // The brand's own handle is its name.
    let masked = one(&mut bert, towards("@globex is good", "acme"));
    let own = one(&mut bert, towards("@globex is good", "globex"));
    assert!(far(own, one(&mut bert, towards("globex is good", "globex"))) < SAME);
    assert!(far(masked, one(&mut bert, towards("globex is good", "acme"))) > 0.001);
}

#[test]
fn a_model_without_targets_reads_the_text_alone() {
    let mut bert = Made::new().loaded();
    let whole = one(&mut bert, Scorable::new("@acme is good"));
    assert!(far(whole, one(&mut bert, towards("@acme is good", "acme"))) < SAME);
    assert_eq!(bert.reads(&towards("@acme", "acme")).1, None);
    assert_eq!(whole.needs_answer, None, "its file has a second head, its page promises none");
}

#[test]
fn the_second_head_is_there_or_is_missed() {
    let mut made = Made::whole();
    let answer =
        one(&mut made.loaded(), Scorable::new("is the app bad")).needs_answer.expect("a second head");
    assert!((0.0..=1.0).contains(&answer.probability));
    for (threshold, yes) in [(0.0, true), (1.0, false)] {
        made.card["needs_answer"]["threshold"] = json!(threshold);
        let verdict = one(&mut made.loaded(), Scorable::new("is the app bad"));
        assert_eq!(verdict.needs_answer.map(|answer| answer.yes), Some(yes));
    }
    made.tensors.remove("needs_answer.bias");
    let error = made.load(1).err().expect("half a head").to_string();
    assert!(error.contains("model.safetensors: needs_answer.bias is missing"), "{error}");
    assert!(error.contains(&made.path().display().to_string()), "{error}");
    made.card.as_object_mut().expect("a page").remove("needs_answer");
    assert_eq!(one(&mut made.loaded(), Scorable::new("is the app bad")).needs_answer, None);
}

#[test]
fn weights_that_are_missing_or_of_another_size_are_named() {
    let name = "bert.encoder.layer.1.output.dense.weight";
    let mut made = Made::whole();
    made.tensors.get_mut(name).expect("it is there").0.swap(0, 1);
    let error = made.load(1).err().expect("another size").to_string();
    assert!(error.contains(name) && error.contains("[32, 16]") && error.contains("[16, 32]"), "{error}");
    made.tensors.remove(name);
    let error = made.load(1).err().expect("a tensor less").to_string();
    assert!(error.contains(&format!("{name} is missing")), "{error}");
}

#[test]
fn what_the_page_says_must_make_sense() {
    for (key, value, expected) in [
        ("temperature", json!({ "post": 0.0 }), "temperature.post is 0"),
        ("temperature", json!({ "target": -1.0 }), "temperature.target is -1"),
        ("needs_answer", json!({ "threshold": 1.5 }), "needs_answer.threshold is 1.5"),
        ("needs_answer", json!({ "threshold": 0.5, "temperature": 0.0 }), "needs_answer.temperature is 0"),
        ("needs_answer", json!({}), "threshold"),
        ("normaliser", json!("another"), "unknown variant `another`"),
        ("max_tokens", json!(20), "max_tokens is 20, allowed is 32 to 64"),
        ("no_such_key", json!(1), "no_such_key"),
    ] {
        let mut made = Made::whole();
        made.card[key] = value;
        let error = made.load(1).err().unwrap_or_else(|| panic!("{key}")).to_string();
        assert!(error.contains("model.json") && error.contains(expected), "{error}");
    }
}

#[test]
fn each_form_of_the_question_has_its_temperature() {
    let text = "the app is bad";
    let plain = Made::whole();
    let (post, target) = {
        let mut bert = plain.loaded();
        (one(&mut bert, Scorable::new(text)), one(&mut bert, towards(text, "app")))
    };
    let mut made = Made::whole();
    made.card["temperature"] = json!({ "post": 2.0, "target": 0.5 });
    made.card["needs_answer"]["temperature"] = json!(3.0);
    let mut bert = made.loaded();
    let near = |a: Probabilities, b: Probabilities| far(a.into(), b.into()) < SAME;
    let (warm, cold) = (one(&mut bert, Scorable::new(text)), one(&mut bert, towards(text, "app")));
    assert!(near(warm.probabilities, post.probabilities.tempered(2.0)), "{warm:?} {post:?}");
    assert!(near(cold.probabilities, target.probabilities.tempered(0.5)), "{cold:?} {target:?}");
    assert!(!near(warm.probabilities, post.probabilities));
    let logit = |p: f32| (p / (1.0 - p)).ln();
    let (was, is) = (post.needs_answer.expect("a head"), warm.needs_answer.expect("a head"));
    assert!((logit(was.probability) / 3.0 - logit(is.probability)).abs() < 0.01, "{was:?} {is:?}");
}

#[test]
fn of_a_long_text_the_beginning_is_read_or_what_stands_around_the_target() {
    let mut bert = Made::whole().loaded();
    // Both marks and the target's own take four of the tokens.
    let room = LONGEST - 4;
    let filler = |n: usize| "word ".repeat(n);
    let begins = format!("acme is bad {}", filler(200));
    let cut = format!("acme is bad {}", filler(room - 3));
    let same = |a, b| far(a, b) < SAME;
    assert!(same(one(&mut bert, towards(&begins, "acme")), one(&mut bert, towards(&cut, "acme"))));
    // In the middle of the window; a second occurrence does not move it.
    let far_in = format!("{}acme is bad {} acme", filler(100), filler(100));
    let window = format!("{}acme is bad {}", filler(room / 2), filler(room - room / 2 - 3));
    assert!(same(one(&mut bert, towards(&far_in, "Acme")), one(&mut bert, towards(&window, "acme"))));
    // At the very end the window ends there.
    let at_end = format!("{}good acme", filler(100));
    let window = format!("{}good acme", filler(room - 2));
    assert!(same(one(&mut bert, towards(&at_end, "acme")), one(&mut bert, towards(&window, "acme"))));
    // Not in the text at all, and no target at all: the beginning.
    let nowhere = format!("good {} bad", filler(100));
    let start = format!("good {}", filler(room - 1));
    assert!(same(one(&mut bert, towards(&nowhere, "acme")), one(&mut bert, towards(&start, "acme"))));
    let start = format!("good {}", filler(LONGEST - 3));
    assert!(same(one(&mut bert, Scorable::new(&nowhere)), one(&mut bert, Scorable::new(&start))));
    // A target is cut at sixteen tokens, the text to what that leaves.
    let long = "app ".repeat(30);
    let short = "app ".repeat(16);
    assert!(same(one(&mut bert, towards(&nowhere, &long)), one(&mut bert, towards(&nowhere, &short))));
    // A pasted book, its target far behind what is looked at.
    let book = format!("{}acme is bad{}", "good ".repeat(40_000), " good".repeat(40_000));
    let page = format!("{}acme is bad{}", "good ".repeat(100), " good".repeat(100));
    assert!(same(one(&mut bert, towards(&book, "acme")), one(&mut bert, towards(&page, "acme"))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn neither_company_nor_threads_change_a_verdict(
        texts in prop::collection::vec(
            ("((acme|globex|app|is|good|bad|and|the|word|@|strange) ){0,50}", prop::option::of("acme|app|globex app")),
            1..60,
        ),
        threads in 1_usize..4,
    ) {
        let made = Made::whole();
        let texts: Vec<Scorable> =
            texts.into_iter().map(|(text, target)| Scorable { text, target, lang: None }).collect();
        let together = made.load(threads).expect("in order").classify(&texts).expect("judged");
        let mut alone = made.loaded();
        for (text, together) in texts.into_iter().zip(together) {
            let alone = one(&mut alone, text);
            prop_assert!(far(alone, together) < SAME, "{:?} and {:?}", alone, together);
        }
    }
}
