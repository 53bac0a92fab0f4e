//! The normaliser: text as it is compared, with the way back to the text as it was written.
//!
//! Two texts that a reader takes for the same must fold to the same bytes. Applied cluster by
//! cluster (a character with the marks that follow it), so that every folded byte knows which
//! original bytes it came from, even where folding changes lengths (`ß` becomes `ss`) or order:
//!
//! * full Unicode case folding over canonical composition (`É`, `é` and `e` + accent are one);
//! * compatibility forms of letters only: full-width, ligatures, the styled letters of
//!   social media. Not all of NFKC: it would turn `Acme™` into `acmetm` and `Acme²` into `acme2`,
//!   and the brand would no longer be found beside its own trade mark;
//! * typographic apostrophes, quotes and hyphens become the typewriter's;
//! * invisible characters (soft hyphen, joiners, variation selectors) vanish;
//! * white space of any sort and length becomes one blank;
//! * the dot that folding leaves on `İ` goes, so that `istanbul` finds `İstanbul`.
//!
//! Most posts are plain ASCII with single blanks: those take one pass and need no map.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A text in folded form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// What is compared.
    pub text: String,
    /// Original range of the cluster that each folded byte came from; none when byte n is byte n.
    map: Option<Vec<(u32, u32)>>,
}

impl Folded {
    /// Folds case and form.
    pub fn of(original: &str) -> Self {
        ascii(original).unwrap_or_else(|| clusters(original, true))
    }

    /// The original byte range that the folded range `start..end` came from. Both ends lie on
    /// character borders of the original.
    pub fn original(&self, start: usize, end: usize) -> (usize, usize) {
        match &self.map {
            None => (start, end),
            Some(_) if start >= end => (0, 0),
            Some(map) => (map[start].0 as usize, map[end - 1].1 as usize),
        }
    }
}

/// A query's term in folded form; empty when nothing of it can be compared.
pub fn term(written: &str) -> String {
    Folded::of(written).text.trim().to_owned()
}

/// Like [`term`], with the case as written: what a case-exact term compares.
pub fn exact(written: &str) -> String {
    clusters(written, false).text.trim().to_owned()
}

/// One pass over plain text; none when a map is needed after all.
fn ascii(original: &str) -> Option<Folded> {
    let mut text = String::with_capacity(original.len());
    let mut blank = false;
    for byte in original.bytes() {
        if !byte.is_ascii() {
            return None;
        }
        let white = char::from(byte).is_whitespace();
        if white && blank {
            return None;
        }
        blank = white;
        text.push(if white { ' ' } else { char::from(byte.to_ascii_lowercase()) });
    }
    Some(Folded { text, map: None })
}

fn clusters(original: &str, fold_case: bool) -> Folded {
    let mut out = Writer { text: String::with_capacity(original.len() + 8), map: Vec::new() };
    let mut at = 0;
    while let Some(first) = original[at..].chars().next() {
        let mut end = at + first.len_utf8();
        if is_blank(first) {
            let run = original[at..].find(|c| !is_blank(c)).unwrap_or(original.len() - at);
            out.push(' ', at, at + run);
            at += run;
            continue;
        }
        let mut single = true;
        for next in original[end..].chars().take_while(|&c| continues(c)) {
            end += next.len_utf8();
            single = false;
        }
        match quick(first, fold_case).filter(|_| single) {
            Some(folded) => out.push(folded, at, end),
            None => out.push_cluster(&original[at..end], fold_case, at, end),
        }
        at = end;
    }
    Folded { text: out.text, map: Some(out.map) }
}

struct Writer {
    text: String,
    map: Vec<(u32, u32)>,
}

impl Writer {
    fn push(&mut self, c: char, start: usize, end: usize) {
        let range = (position(start), position(end));
        self.text.push(c);
        self.map.resize(self.text.len(), range);
    }

    fn push_cluster(&mut self, cluster: &str, fold_case: bool, start: usize, end: usize) {
        let plain = cluster.chars().filter(|&c| !is_invisible(c)).flat_map(plain_letter);
        if fold_case {
            let mut dotted = false;
            let undotted = plain.nfd().default_case_fold().nfd().filter(move |&c| {
                let drop = dotted && c == '\u{307}';
                dotted = c == 'i';
                !drop
            });
            undotted.nfc().for_each(|c| self.push(typewriter(c), start, end));
        } else {
            plain.nfc().for_each(|c| self.push(typewriter(c), start, end));
        }
    }
}

/// A post is far below 4 GiB; one beyond it would only lose the exactness of its spans.
fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Characters that fold alone in a known way: most of what is written in Latin, Cyrillic and the
/// large scripts of East Asia. A test holds this against the long way for every character.
fn quick(c: char, fold_case: bool) -> Option<char> {
    match c {
        '\0'..='\x7f' => Some(if fold_case { c.to_ascii_lowercase() } else { c }),
        'à'..='ö' | 'ø'..='þ' | 'а'..='я' => Some(c),
        'À'..='Ö' | 'Ø'..='Þ' | 'А'..='Я' if fold_case => char::from_u32(c as u32 + 0x20),
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' => Some(c),
        '\u{ac00}'..='\u{d7a3}' | '\u{1f300}'..='\u{1faff}' => Some(c),
        _ => None,
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{200b}'
}

/// Whether a character belongs to the cluster of the one before it.
fn continues(c: char) -> bool {
    !c.is_ascii()
        && (is_combining_mark(c)
            || is_invisible(c)
            // Vowels and finals of a Hangul syllable written in parts; half-width voicing marks.
            || matches!(c, '\u{1160}'..='\u{11ff}' | '\u{ff9e}' | '\u{ff9f}'))
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// The plain form of a styled letter; every other character as it is.
fn plain_letter(c: char) -> impl Iterator<Item = char> {
    let styled = matches!(c,
        '\u{ff00}'..='\u{ffef}' | '\u{fb00}'..='\u{fb06}' | '\u{1d400}'..='\u{1d7ff}'
        | '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f149}'
        // Styled letters that an older block had already, and that are left out of the newer one.
        | 'ℂ' | 'ℊ'..='ℓ' | 'ℕ' | 'ℙ'..='ℝ' | 'ℤ' | 'ℬ' | 'ℭ' | 'ℯ'..='ℱ' | 'ℳ' | 'ℴ');
    let (plain, own) = if styled { (Some(c), None) } else { (None, Some(c)) };
    plain.into_iter().nfkd().chain(own)
}

fn typewriter(c: char) -> char {
    match c {
        '‘' | '’' | '‛' | 'ʼ' | '´' => '\'',
        '“' | '”' | '„' | '‟' => '"',
        '‐' | '‑' => '-',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_reader_takes_for_the_same_folds_to_the_same() {
        for (one, other) in [
            ("Acme", "ACME"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("Straße", "STRASSE"),
            ("İstanbul", "istanbul"),
            ("Ａｃｍｅ", "acme"),
            ("𝐀𝐜𝐦𝐞", "acme"),
            ("ℳ", "m"),
            ("oﬃce", "office"),
            ("Acme’s", "acme's"),
            ("Acme´s", "acme's"),
            ("ac\u{ad}me", "acme"),
            ("acme \u{a0}\n\tapp", "acme app"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("\u{1100}\u{1161}", "가"),
            ("ｶﾞ", "ガ"),
            ("❤\u{fe0f}", "❤"),
        ] {
            assert_eq!(term(one), term(other), "{one} and {other}");
        }
    }

    #[test]
    fn what_differs_stays_apart() {
        for (one, other) in [("cafe", "café"), ("Acme™", "acmetm"), ("Acme²", "acme2"), ("가", "각")] {
            assert_ne!(term(one), term(other), "{one} and {other}");
        }
    }

    #[test]
    fn a_mark_of_trade_stays_one_character() {
        assert_eq!(term("Acme™"), "acme™");
        assert_eq!(exact("Ａcme’s"), "Acme's");
    }

    #[test]
    fn the_short_way_agrees_with_the_long_way_for_every_character() {
        for c in '\0'..=char::MAX {
            for fold_case in [true, false] {
                if let Some(folded) = quick(c, fold_case) {
                    let mut long = Writer { text: String::new(), map: Vec::new() };
                    long.push_cluster(c.encode_utf8(&mut [0; 4]), fold_case, 0, 1);
                    assert_eq!(long.text, folded.to_string(), "{c:?}");
                }
            }
        }
    }

    #[test]
    fn the_way_back_spans_what_grew_and_what_vanished() {
        let original = "x Straße ac\u{ad}me\u{301}!";
        let folded = Folded::of(original);
        for (needle, written) in [("strasse", "Straße"), ("acmé", "ac\u{ad}me\u{301}"), ("!", "!")] {
            let start = folded.text.find(needle).expect("it stands there");
            let (from, to) = folded.original(start, start + needle.len());
            assert_eq!(&original[from..to], written);
        }
    }

    proptest! {
        #[test]
        fn every_way_back_ends_on_character_borders(original in "(?s).{0,40}", cut in any::<(u8, u8)>()) {
            let folded = Folded::of(&original);
            let borders: Vec<usize> =
                folded.text.char_indices().map(|(at, _)| at).chain([folded.text.len()]).collect();
            let one = borders[usize::from(cut.0) % borders.len()];
            let other = borders[usize::from(cut.1) % borders.len()];
            let (start, end) = folded.original(one.min(other), one.max(other));
            prop_assert!(start <= end);
            prop_assert!(original.get(start..end).is_some());
        }

        #[test]
        fn case_and_form_do_not_count(original in "[a-zA-ZäöüÄÖÜéÉßñ ]{0,30}") {
            let decomposed: String = original.nfd().collect();
            prop_assert_eq!(term(&decomposed), term(&original));
            prop_assert_eq!(term(&original.to_uppercase()), term(&original));
        }

        #[test]
        fn plain_text_folds_alike_on_both_ways(original in "[ -~\n]{0,40}") {
            prop_assert_eq!(Folded::of(&original).text, clusters(&original, true).text);
        }
    }
}
