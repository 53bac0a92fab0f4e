//! Which language a post is in, as far as its text tells. Pure, needs no file and no network.
//!
//! A post is short, full of names, links and tags, and often in two languages at once. So:
//!
//! 1. [`post`] leaves out what is the same in all languages.
//! 2. [`script`] looks at the writing. Most writings other than Latin are one language's own; for
//!    Cyrillic, Arabic and Devanagari the words and letters of [`words`] decide among those who
//!    share it.
//! 3. [`latin`] weighs, for Latin letters, what the words and letters speak for against the guess
//!    of a character model (`whichlang`), with a leaning to English.
//!
//! The leaning is on purpose: to take English for another language makes a mention `unsure` that
//! somebody should have been woken for, and the other way round a model judges words that it half
//! knows. `None` is an answer: too little to go by.
//!
//! Hindi typed in Latin letters is answered as `hi`: it is what most of India posts, and no model
//! of English reads it. Where a post mixes the two, it is Hindi if Hindi words hold it together.
//!
//! Accepted: neighbours that differ little (Danish and Norwegian, Indonesian and Malay, Croatian
//! and its sisters, which are all answered `hr` in Latin and `sr` in Cyrillic letters) are told apart
//! badly in few words; languages without a line in the table come out as one of their neighbours.
//! Both matter little to who only asks whether a text is English.

mod latin;
mod post;
mod script;
mod tag;
mod words;

use script::Script;
pub use tag::{primary, same};
use words::WORDS;

const CYRILLIC: &[&str] = &["ru", "uk", "be", "bg", "sr", "mk"];
const ARABIC: &[&str] = &["ar", "fa", "ur"];
const DEVANAGARI: &[&str] = &["hi", "mr", "ne"];

/// The language of `text`, as its ISO 639-1 code; `None` where there is too little to go by.
pub fn detect(text: &str) -> Option<&'static str> {
    let plain = post::plain(text);
    match script::script(&plain)? {
        Script::Sole(code) => Some(code),
        Script::Han => Some("zh"),
        Script::Kana => Some("ja"),
        Script::Cyrillic => Some(among(&plain, CYRILLIC)),
        Script::Arabic => Some(among(&plain, ARABIC)),
        Script::Devanagari => Some(among(&plain, DEVANAGARI)),
        Script::Latin => latin::detect(&plain),
    }
}

/// All that [`detect`] can answer.
pub fn languages() -> Vec<&'static str> {
    let mut all: Vec<_> = WORDS.codes().chain(script::sole_languages()).chain(latin::guessed()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Of languages with the same writing the one that most speaks for; the first where nothing does.
fn among(plain: &str, codes: &[&'static str]) -> &'static str {
    let votes = WORDS.votes(post::words(plain));
    let mut best = (codes[0], 0.0);
    for (code, score) in WORDS.scores(&votes) {
        if score > best.1 && codes.contains(&code) {
            best = (code, score);
        }
    }
    best.0
}
