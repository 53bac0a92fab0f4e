//! Where a word begins and ends, by character class.
//!
//! Scripts written without spaces (Han, Kana, Thai, Lao, Khmer, Burmese, Tibetan) have no edges to
//! look for: a term matches anywhere in them, and every character counts as a word for NEAR.
//! Korean puts spaces between words but glues particles to their end, so a Korean term needs
//! an edge on its left only. A change between such a script and another is an edge as well:
//! `acmeを使う` speaks of `acme`.

use unicode_normalization::char::is_combining_mark;

/// Whether a character is part of a word. The underscore is: handles are written with it.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || (!c.is_ascii() && is_combining_mark(c))
}

/// Whether a character belongs to a script without spaces.
pub fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0fff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}'
        | '\u{3100}'..='\u{312f}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}')
}

/// Symbols that make another name of what they stand beside: `C++`, `C#`, `#C`, `@C`.
fn clings(c: char) -> bool {
    matches!(c, '+' | '#' | '@' | '&' | '*' | '$' | '%' | '=' | '^' | '~')
}

/// How a term's neighbours are judged. Always: no letter may stand beside its first letter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Edges {
    /// What stands behind it does not count: the last word may go on.
    pub open: bool,
    /// No symbol may cling to it either.
    pub symbols: bool,
}

/// Why a place is not an occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It lies inside a longer word, handle or address.
    LongerWord,
    /// A symbol stands beside it.
    Symbol,
}

/// Judges the folded range `start..end` of `text`.
pub fn judge(text: &str, start: usize, end: usize, edges: Edges) -> Result<(), Refusal> {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    let mut inside = text[start..end].chars();
    let (Some(first), last) = (inside.next(), inside.next_back()) else { return Ok(()) };
    let last = last.unwrap_or(first);
    if before.is_some_and(|before| joined_left(before, first)) {
        return Err(Refusal::LongerWord);
    }
    if !edges.open && after.is_some_and(|after| joined_right(last, after)) {
        return Err(Refusal::LongerWord);
    }
    if edges.symbols && (before.is_some_and(clings) || !edges.open && after.is_some_and(clings)) {
        return Err(Refusal::Symbol);
    }
    Ok(())
}

fn joined_left(before: char, first: char) -> bool {
    // A handle or hashtag begins with its sign: `bob@acme.example` holds no `@acme`.
    let within = is_word(first) || matches!(first, '@' | '#');
    within
        && is_word(before)
        && !is_unspaced(before)
        && !is_unspaced(first)
        && is_hangul(before) == is_hangul(first)
}

fn joined_right(last: char, after: char) -> bool {
    is_word(last)
        && is_word(after)
        && !is_unspaced(last)
        && !is_unspaced(after)
        && !is_hangul(last)
        && !is_hangul(after)
}

/// Where the word that reaches over `at` ends.
pub fn word_end(text: &str, at: usize) -> usize {
    text[at..].find(|c| !is_word(c) || is_unspaced(c)).map_or(text.len(), |more| at + more)
}

/// Where the words of a text begin, in order.
pub fn word_starts(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut before = None;
    for (at, c) in text.char_indices() {
        let goes_on = before.is_some_and(|before| is_word(before) && !is_unspaced(before));
        if is_word(c) && !is_combining_mark(c) && (is_unspaced(c) || !goes_on) {
            starts.push(at);
        }
        before = Some(c);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_decide() {
        #[derive(Clone, Copy)]
        enum Row {
            Word,
            Open,
            Symbol,
        }
        use Row::{Open, Symbol, Word};
        for (text, term, row, expected) in [
            ("acme app", "acme", Word, Ok(())),
            ("acmeology", "acme", Word, Err(Refusal::LongerWord)),
            ("xacme", "acme", Word, Err(Refusal::LongerWord)),
            ("acme_app", "acme", Word, Err(Refusal::LongerWord)),
            ("acmeology", "acme", Open, Ok(())),
            ("acme's", "acme", Word, Ok(())),
            ("acme™", "acme", Word, Ok(())),
            ("bob@acme.example", "@acme", Word, Err(Refusal::LongerWord)),
            ("(@acme)", "@acme", Word, Ok(())),
            ("c++", "c", Word, Ok(())),
            ("c++", "c", Symbol, Err(Refusal::Symbol)),
            ("#c", "c", Symbol, Err(Refusal::Symbol)),
            ("c, d", "c", Symbol, Ok(())),
            ("c++11", "c++", Word, Ok(())),
            ("acmeを使う", "acme", Word, Ok(())),
            ("東京都", "京", Word, Ok(())),
            ("애크미가", "애크미", Word, Ok(())),
            ("대애크미", "애크미", Word, Err(Refusal::LongerWord)),
            ("acme가", "acme", Word, Ok(())),
        ] {
            let start = text.find(term).expect("it stands there");
            let edges = Edges { open: matches!(row, Open), symbols: matches!(row, Symbol) };
            assert_eq!(judge(text, start, start + term.len(), edges), expected, "{term} in {text}");
        }
    }

    #[test]
    fn words_begin_where_letters_do() {
        assert_eq!(word_starts("the #acme, app's 👍 end"), [0, 5, 11, 15, 22]);
        assert_eq!(word_starts("東京 x"), [0, 3, 7]);
        assert_eq!(word_end("acmeology now", 4), 9);
    }
}
