//! A baseline that counts words: English, of our own choosing, no model. It shows what the neural
//! model is worth, and stands in for it where a test is about something else. Never a silent
//! fallback: `[sentiment] classifier` must name it.

use std::borrow::Cow;
use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation;

use super::{Classifier, Scorable, ScoreError, Verdict};
use crate::domain::sentiment::{Model, Probabilities};

const GOOD: &str = "amazing appreciate awesome beautiful best better bliss brilliant calm charming cheer clean \
    clever comfortable congrats convenient cool courteous delight delighted delightful delicious easy efficient \
    elegant enjoy enjoyed enjoying enjoys excellent excited exciting fabulous fair fantastic fast favorite \
    favourite fine flawless friendly fun generous glad good gorgeous grateful great handy happy helped helpful \
    honest impressed impressive improved incredible intuitive joy kind like liked likes love loved lovely loves \
    loving magnificent neat nice outstanding perfect perfectly phenomenal pleasant pleased pleasure polite \
    praise pretty prompt proud quick recommend recommended reliable resolved safe satisfied seamless sleek \
    smooth solid stunning super superb supportive terrific thank thankful thanks thrilled top useful win \
    wonderful works worth wow yay 😀 😁 😃 😄 😊 😍 🥰 👍 🎉 ❤ 💪 🙏";
const BAD: &str = "abysmal angry annoyed annoying appalling atrocious awful bad bother broke broken bug buggy bugs \
    cancel cancelled charged clueless complain complaint complaints confusing crap crash crashed crashes crashing \
    damaged dead delay delayed dirty disappointed disappointing disappointment disaster disgraceful disgusted \
    disgusting dishonest down dreadful error errors expensive fail failed failing fails failure fake fault faulty \
    fear fraud freezes frustrated frustrating garbage hate hated hates horrible horrific hurt ignored \
    incompetent insulting issue issues joke junk lag lags laggy late leaking lie lied lies lose lost lousy mad \
    mess misleading missing mistake nasty nightmare outage overpriced pain painful pathetic poor poorly problem \
    problems regret ridiculous rip ripoff rubbish rude ruined sad scam shame shameful shocking sick slow sluggish \
    sorry spam stole stolen stuck stupid suck sucks terrible trash ugly unacceptable unhappy unhelpful unreliable \
    unusable upset useless waste wasted weak worse worst worthless wrong 😠 😡 🤬 😞 😢 😭 👎 💔";
/// Turn the next words round.
const NOT: &str = "not no never cannot without hardly barely neither nor isn't wasn't aren't weren't don't \
    doesn't didn't can't couldn't won't wouldn't shouldn't ain't";
/// Make the next word weigh more.
const VERY: &str = "very really so extremely absolutely totally completely utterly too incredibly such";

/// How many words behind a negation are turned round.
const REACH: usize = 3;
const EMPHASIS: f32 = 1.6;
/// The weight at which all is said: half of it leans the verdict two to one.
const SOFTNESS: f32 = 1.1;
/// What speaks for neutral before any word has spoken.
const DOUBT: f32 = 1.0;

/// Judges by the words alone.
#[derive(Debug)]
pub struct WordList {
    weights: HashMap<&'static str, Word>,
}

#[derive(Debug, Clone, Copy)]
enum Word {
    Leans(f32),
    Not,
    Very,
}

impl Default for WordList {
    fn default() -> Self {
        let lists =
            [(GOOD, Word::Leans(1.0)), (BAD, Word::Leans(-1.0)), (NOT, Word::Not), (VERY, Word::Very)];
        let words =
            |(list, word): (&'static str, Word)| list.split_whitespace().map(move |text| (text, word));
        Self { weights: lists.into_iter().flat_map(words).collect() }
    }
}

impl WordList {
    /// The one list there is.
    pub fn new() -> Self {
        Self::default()
    }

    fn judge(&self, text: &str) -> Probabilities {
        let text = text.to_lowercase().replace('’', "'");
        let (mut good, mut bad) = (0.0_f32, 0.0_f32);
        let (mut turned, mut emphasis) = (0_usize, 1.0_f32);
        for word in text.split_word_bounds().filter(|word| !word.trim().is_empty()) {
            match self.weights.get(word.trim_end_matches('\u{fe0f}')) {
                Some(Word::Not) => turned = REACH + 1,
                Some(Word::Very) => emphasis = EMPHASIS,
                Some(Word::Leans(way)) => {
                    // "not great" is a complaint, "not bad" only faint praise.
                    let way = match (turned > 0, *way > 0.0) {
                        (true, true) => -1.0,
                        (true, false) => 0.4,
                        (false, _) => *way,
                    };
                    if way > 0.0 {
                        good += way * emphasis
                    } else {
                        bad -= way * emphasis
                    }
                    emphasis = 1.0;
                }
                None if word.chars().all(|c| c.is_ascii_punctuation()) => turned = 0,
                None => emphasis = 1.0,
            }
            turned = turned.saturating_sub(1);
        }
        let of = |weight: f32| (weight * SOFTNESS).exp() - 1.0;
        let (good, bad) = (of(good.min(8.0)), of(bad.min(8.0)));
        let all = good + bad + DOUBT;
        Probabilities { negative: bad / all, neutral: DOUBT / all, positive: good / all }
    }
}

impl Classifier for WordList {
    fn model(&self) -> Model {
        Model { name: "word-list".into(), version: "1".into() }
    }

    fn languages(&self) -> Vec<String> {
        vec!["en".into()]
    }

    fn reads<'a>(&self, text: &'a Scorable) -> (Cow<'a, str>, Option<Cow<'a, str>>) {
        (Cow::Borrowed(&text.text), None)
    }

    fn classify(&mut self, batch: &[Scorable]) -> Result<Vec<Verdict>, ScoreError> {
        Ok(batch.iter().map(|text| self.judge(&text.text).into()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sentiment::{Polarity, Sentiment};

    fn polarity(text: &str) -> Polarity {
        let list = WordList::new();
        Sentiment::judge(list.judge(text), 0.55, list.model()).polarity
    }

    #[test]
    fn words_negation_and_emphasis() {
        for (text, expected) in [
            ("The Acme app crashed again and lost my order, worst update ever", Polarity::Negative),
            ("I absolutely love the new Acme app!", Polarity::Positive),
            ("Acme opens an office in Lyon", Polarity::Neutral),
            ("not a great experience", Polarity::Negative),
            ("It doesn’t work, it’s not good", Polarity::Negative),
            ("great ❤️", Polarity::Positive),
            ("love the app, hate the app", Polarity::Unsure),
            ("", Polarity::Neutral),
        ] {
            assert_eq!(polarity(text), expected, "{text}");
        }
    }

    #[test]
    fn emphasis_moves_the_verdict_further() {
        let list = WordList::new();
        assert!(list.judge("really bad").negative > list.judge("bad").negative);
    }

    #[test]
    fn a_wall_of_words_stays_a_number() {
        let verdict = WordList::new().judge(&"awful ".repeat(100_000));
        assert!(verdict.negative > 0.99 && verdict.negative.is_finite());
    }
}
