//! Texts in Latin letters: words against a character model.
//!
//! The model (`whichlang`) is right about nearly every whole sentence in its ten languages, and
//! names one of the ten for all others. Words know more languages, and stay silent about names and
//! rare words. So each word that a language has counts for it, and the model's guess, made of the
//! whole text and of each half (halves that disagree tell of a shaky guess), counts as some words.
//!
//! The weights were set on other texts than those that the figures are measured on: English posts
//! of other collections, and sentences of newspapers in 29 languages.

use whichlang::Lang;

use super::post;
use super::words::WORDS;

const ENGLISH: &str = "en";
const HINDI: &str = "hi";
/// What the model knows in Latin letters.
const GUESSED: &[&str] = &[ENGLISH, "de", "es", "fr", "it", "nl", "pt", "sv", "tr", "vi"];
/// Languages that so many posts are in that they have a start.
const COMMON: &[&str] = &["de", "es", "fr", HINDI, "it", "pt"];
const COMMON_START: f32 = 0.3;
const ENGLISH_START: f32 = 0.5;

/// What the guess for the whole text counts, in words: this and a share of its words.
const GUESS: f32 = 1.5;
const GUESS_EACH: f32 = 0.03;
/// What the guess for each half counts.
const GUESS_HALF: f32 = 0.5;
/// The part of a guess that speaks for a language that the model does not know: it then names
/// another, though seldom English.
const GUESS_UNKNOWN: f32 = 0.5;
/// With fewer letters than this and no word known, the guess alone is no answer but English.
const FEW_LETTERS: usize = 8;

/// Hindi has many more words in the table than others, looked up loosely: in any text about so
/// many in one are hit by chance.
const HINDI_CHANCE: f32 = 0.15;
/// In Hindi mixed with English, English words are as many; Hindi ones count so much more.
const HINDI_MIXED: f32 = 1.5;
/// Fewer Hindi words than this beside English ones are borrowed ones.
const HINDI_FEWEST: f32 = 2.0;
/// Typed Hindi is ASCII.
const HINDI_MARKED: usize = 1;

/// The languages of the character model.
pub(super) fn guessed() -> impl Iterator<Item = &'static str> {
    GUESSED.iter().copied()
}

/// The language of `plain`, a text in Latin letters without names, links and tags.
pub(super) fn detect(plain: &str) -> Option<&'static str> {
    let votes = WORDS.votes(post::words(plain));
    #[expect(clippy::cast_precision_loss, reason = "no post has 2^23 words")]
    let count = votes.words as f32;
    let middle = plain.char_indices().find(|(at, c)| *c == ' ' && at * 2 >= plain.len());
    let whole = guess(plain);
    let (first, second) =
        middle.map_or((whole, whole), |(at, _)| (guess(&plain[..at]), guess(&plain[at + 1..])));
    let guesses = [(whole, GUESS + GUESS_EACH * count), (first, GUESS_HALF), (second, GUESS_HALF)];

    let mut best = Best { code: ENGLISH, words: 0.0, score: f32::MIN };
    let (mut english, mut hindi) = (0.0, 0.0);
    for (code, words) in WORDS.scores(&votes) {
        let mut score = words;
        match code {
            ENGLISH => {
                english = words;
                score += ENGLISH_START;
            }
            HINDI if votes.marked <= HINDI_MARKED => {
                hindi = f32::max(hindi, words);
                score -= HINDI_CHANCE * count;
            }
            HINDI => continue,
            _ => {}
        }
        if COMMON.contains(&code) {
            score += COMMON_START;
        }
        let known = GUESSED.contains(&code);
        for (guess, weight) in guesses {
            if guess == code {
                score += weight;
            } else if !known && guess != ENGLISH {
                score += weight * GUESS_UNKNOWN;
            }
        }
        if score > best.score {
            best = Best { code, words, score };
        }
    }
    if best.code == ENGLISH {
        let mixed = hindi >= HINDI_FEWEST && hindi * HINDI_MIXED >= english;
        let alone = hindi >= 1.0 && english < 1.0;
        return Some(if mixed || alone { HINDI } else { ENGLISH });
    }
    if best.words < 1.0 {
        if hindi >= 1.0 {
            return Some(HINDI);
        }
        if plain.chars().filter(|c| c.is_alphabetic()).take(FEW_LETTERS).count() < FEW_LETTERS {
            return None;
        }
    }
    Some(best.code)
}

struct Best {
    code: &'static str,
    words: f32,
    score: f32,
}

/// What the character model takes `text` for.
fn guess(text: &str) -> &'static str {
    match whichlang::detect_language(text) {
        Lang::Deu => "de",
        Lang::Fra => "fr",
        Lang::Ita => "it",
        Lang::Nld => "nl",
        Lang::Por => "pt",
        Lang::Spa => "es",
        Lang::Swe => "sv",
        Lang::Tur => "tr",
        Lang::Vie => "vi",
        // Those with another writing: a stray letter led there, and Latin ones tell nothing.
        Lang::Eng | Lang::Ara | Lang::Cmn | Lang::Hin | Lang::Jpn | Lang::Kor | Lang::Rus => ENGLISH,
    }
}
