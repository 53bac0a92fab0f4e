//! How much each word of a text speaks for each language: the table of `words.txt`.
//!
//! A word that many languages share says little about each. Hindi in Latin letters has no
//! spelling that people agree on (`nahi`, `nahin`, `nahee`); its words are looked up as they stand
//! and, where no language has them, folded to what they sound like.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// One bit a language, by its place in [`Words::codes`].
pub(super) type Mask = u64;

const TABLE: &str = include_str!("words.txt");

/// What a folded word speaks for Hindi: less than a word as it stands in the table.
const FOLDED: f32 = 0.8;
/// What a letter speaks for the languages that have it.
const LETTER: f32 = 0.5;
/// Letters say no more than so many times that, however long the text.
const LETTERS: u8 = 4;
/// Hindi as typed in Latin letters.
const HI_LATN: &str = "hi-latn";

pub(super) struct Words {
    codes: Vec<&'static str>,
    words: HashMap<&'static str, Mask>,
    letters: HashMap<char, Mask>,
    folded: HashSet<String>,
    hindi: usize,
}

pub(super) static WORDS: LazyLock<Words> = LazyLock::new(|| Words::read(TABLE));

/// What speaks for each language, by its place.
pub(super) struct Votes {
    of: [f32; Mask::BITS as usize],
    /// Words that were asked.
    pub(super) words: usize,
    /// Letters that are not ASCII.
    pub(super) marked: usize,
}

impl Words {
    fn read(table: &'static str) -> Self {
        let mut codes: Vec<&'static str> = Vec::new();
        let mut words: HashMap<&'static str, Mask> = HashMap::new();
        let mut letters: HashMap<char, Mask> = HashMap::new();
        let mut folded = HashSet::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let mut parts = line.split_ascii_whitespace();
            let Some(mut code) = parts.next() else { continue };
            let of_letters = code == "letters";
            if of_letters {
                code = parts.next().unwrap_or_default();
            }
            let at = codes.iter().position(|known| *known == code).unwrap_or_else(|| {
                codes.push(code);
                codes.len() - 1
            });
            for part in parts {
                if of_letters {
                    part.chars().for_each(|c| *letters.entry(c).or_default() |= 1 << at);
                } else {
                    *words.entry(part).or_default() |= 1 << at;
                    if code == HI_LATN {
                        folded.insert(fold(part));
                    }
                }
            }
        }
        let hindi = codes.iter().position(|code| *code == HI_LATN).unwrap_or_default();
        Self { codes, words, letters, folded, hindi }
    }

    /// The languages of the table.
    pub(super) fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.codes.iter().map(|code| plain_code(code))
    }

    /// What `words`, in lower case, speak for.
    pub(super) fn votes<'a>(&self, words: impl Iterator<Item = &'a str>) -> Votes {
        let mut votes = Votes { of: [0.0; Mask::BITS as usize], words: 0, marked: 0 };
        let mut seen: HashMap<char, u8> = HashMap::new();
        for word in words {
            votes.words += 1;
            self.word(word, &mut votes);
            if word.is_ascii() {
                continue;
            }
            for c in word.chars().filter(|c| !c.is_ascii()) {
                votes.marked += 1;
                let Some(&mask) = self.letters.get(&c) else { continue };
                let times = seen.entry(c).or_default();
                if *times < LETTERS {
                    *times += 1;
                    votes.add(mask, LETTER);
                }
            }
        }
        votes
    }

    fn word(&self, word: &str, votes: &mut Votes) {
        if let Some(&mask) = self.words.get(word) {
            votes.add(mask, 1.0);
        } else if word.is_ascii() {
            let short = squeeze(word);
            if let Some(&mask) = self.words.get(short.as_str()) {
                votes.add(mask, 1.0);
            } else if word.len() > 2 && self.folded.contains(&fold(&short)) {
                votes.add(1 << self.hindi, FOLDED);
            }
        }
    }

    /// The languages that anything spoke for, and how much.
    pub(super) fn scores(&self, votes: &Votes) -> impl Iterator<Item = (&'static str, f32)> {
        self.codes.iter().zip(votes.of).map(|(code, score)| (plain_code(code), score))
    }
}

impl Votes {
    fn add(&mut self, mask: Mask, much: f32) {
        let mut rest = mask;
        while rest != 0 {
            self.of[rest.trailing_zeros() as usize] += much;
            rest &= rest - 1;
        }
    }
}

fn plain_code(code: &'static str) -> &'static str {
    if code == HI_LATN { "hi" } else { code }
}

/// `word` with what was drawn out shortened: three or more of a letter are one.
fn squeeze(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut run = 0;
    for c in word.chars() {
        run = if out.ends_with(c) { run + 1 } else { 1 };
        if run < 3 {
            out.push(c);
        } else if run == 3 {
            out.pop();
        }
    }
    out
}

/// An ASCII word of typed Hindi as it sounds, written in one way.
fn fold(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        let c = match c {
            'e' if rest.next_if_eq(&'e').is_some() => 'i',
            'o' if rest.next_if_eq(&'o').is_some() => 'u',
            'p' if rest.next_if_eq(&'h').is_some() => 'f',
            'w' => 'v',
            'z' => 'j',
            'q' => 'k',
            'y' if rest.peek().is_none() => 'i',
            c => c,
        };
        if !out.ends_with(c) {
            out.push(c);
        }
    }
    // `nahin` and `nahi`, `yeh` and `ye`.
    if out.len() > 2 && out.ends_with(['n', 'h']) && out[..out.len() - 1].ends_with(['a', 'e', 'i', 'o', 'u'])
    {
        out.pop();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_its_mask() {
        assert!(WORDS.codes.len() <= Mask::BITS as usize);
        assert!(WORDS.codes.iter().all(|code| code.len() == 2 || *code == HI_LATN), "{:?}", WORDS.codes);
        assert_eq!(WORDS.codes[WORDS.hindi], HI_LATN);
    }

    #[test]
    fn words_are_in_lower_case_and_whole() {
        for word in WORDS.words.keys() {
            assert_eq!(*word, word.to_lowercase());
            assert_eq!(super::super::post::words(word).collect::<Vec<_>>(), [*word]);
        }
    }

    #[test]
    fn spellings_meet() {
        for (a, b) in [("nahin", "nahi"), ("yeh", "ye"), ("bahoot", "bahut"), ("zindagee", "jindagi")] {
            assert_eq!(fold(a), fold(b));
        }
        assert_eq!(squeeze("yaaaar"), "yar");
        assert_eq!(squeeze("good"), "good");
        assert_eq!(squeeze("aaabbbb"), "ab");
    }
}
