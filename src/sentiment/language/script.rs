//! Which writing a text is in. Many are written in one language alone, and are its answer.

/// A writing that tells something about the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    /// Written in this one language, as far as posts go.
    Sole(&'static str),
    Latin,
    Cyrillic,
    Arabic,
    Devanagari,
    /// Chinese, unless kana stand beside it.
    Han,
    Kana,
}

/// First and last letter of the writings that are one language's own.
const SOLE: &[(char, char, &str)] = &[
    ('\u{370}', '\u{3ff}', "el"),
    ('\u{530}', '\u{58f}', "hy"),
    ('\u{590}', '\u{5ff}', "he"),
    ('\u{780}', '\u{7bf}', "dv"),
    ('\u{980}', '\u{9ff}', "bn"),
    ('\u{a00}', '\u{a7f}', "pa"),
    ('\u{a80}', '\u{aff}', "gu"),
    ('\u{b00}', '\u{b7f}', "or"),
    ('\u{b80}', '\u{bff}', "ta"),
    ('\u{c00}', '\u{c7f}', "te"),
    ('\u{c80}', '\u{cff}', "kn"),
    ('\u{d00}', '\u{d7f}', "ml"),
    ('\u{d80}', '\u{dff}', "si"),
    ('\u{e00}', '\u{e7f}', "th"),
    ('\u{e80}', '\u{eff}', "lo"),
    ('\u{f00}', '\u{fff}', "bo"),
    ('\u{1000}', '\u{109f}', "my"),
    ('\u{10a0}', '\u{10ff}', "ka"),
    ('\u{1100}', '\u{11ff}', "ko"),
    ('\u{1200}', '\u{137f}', "am"),
    ('\u{1780}', '\u{17ff}', "km"),
    ('\u{1f00}', '\u{1fff}', "el"),
    ('\u{3130}', '\u{318f}', "ko"),
    ('\u{ac00}', '\u{d7af}', "ko"),
];

/// The languages of [`SOLE`], [`Script::Han`] and [`Script::Kana`].
pub(super) fn sole_languages() -> impl Iterator<Item = &'static str> {
    SOLE.iter().map(|&(_, _, code)| code).chain(["zh", "ja"])
}

/// What a sign of Chinese, Japanese or Korean counts for beside a letter: it says about as much.
const SYLLABLE: u32 = 3;
/// A text is in another writing than Latin from this share on: one in so many letters. Brands and
/// titles stand in Latin letters in posts of all languages; the other way is rare.
const SHARE: u32 = 3;
/// Fewer letters than this tell nothing; `ಠ_ಠ` is no Kannada, and `ツ` no Japanese.
const FEWEST: u32 = 3;

/// The writing of a text; `None` where there are too few letters, or only unknown ones.
pub(super) fn script(text: &str) -> Option<Script> {
    // Few texts have more than three writings; the order of appearance settles ties.
    let mut counts: Vec<(Script, u32)> = Vec::with_capacity(4);
    let (mut all, mut latin) = (0, 0);
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        let Some(script) = of(c) else { continue };
        let weight = match script {
            Script::Han | Script::Kana | Script::Sole("ko") => SYLLABLE,
            _ => 1,
        };
        all += weight;
        if script == Script::Latin {
            latin += weight;
            continue;
        }
        match counts.iter_mut().find(|(known, _)| *known == script) {
            Some((_, count)) => *count += weight,
            None => counts.push((script, weight)),
        }
    }
    let other = all - latin;
    if all < FEWEST || (latin == 0 && all == SYLLABLE) {
        return None;
    }
    if other == 0 || other * SHARE < all {
        return Some(Script::Latin);
    }
    let kana = counts.iter().any(|(script, _)| *script == Script::Kana);
    let (most, _) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    Some(if most == Script::Han && kana { Script::Kana } else { most })
}

fn of(c: char) -> Option<Script> {
    match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Some(Script::Latin),
        '\u{400}'..='\u{52f}' => Some(Script::Cyrillic),
        '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' => {
            Some(Script::Arabic)
        }
        '\u{900}'..='\u{97f}' => Some(Script::Devanagari),
        '\u{3040}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9f}' => Some(Script::Kana),
        '\u{3005}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => {
            Some(Script::Han)
        }
        _ => {
            let at = SOLE.partition_point(|&(first, _, _)| first <= c).checked_sub(1)?;
            let (_, last, code) = SOLE[at];
            (c <= last).then_some(Script::Sole(code))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(SOLE.windows(2).all(|pair| pair[0].1 < pair[1].0), "ranges overlap or are out of order");
    }

    #[test]
    fn writings() {
        for (text, expected) in [
            ("Acme is down", Some(Script::Latin)),
            ("iPhone 16 يعمل جيدا", Some(Script::Arabic)),
            ("the new Acme shop (東京) opens next week", Some(Script::Latin)),
            ("東京の店", Some(Script::Kana)),
            ("北京开店", Some(Script::Han)),
            ("서울", Some(Script::Sole("ko"))),
            ("Καλημέρα", Some(Script::Sole("el"))),
            ("ಠ_ಠ", None),
            ("ツ", None),
            ("ok", None),
            ("12 €", None),
            ("ᚠᚢᚦᚨᚱᚲ", None),
            ("", None),
        ] {
            assert_eq!(script(text), expected, "{text}");
        }
    }
}
