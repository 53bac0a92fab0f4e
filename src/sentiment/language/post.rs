//! What of a post says which language it is in. Names of users, links and hashtags are the same in
//! all languages, so they are left out; so are emoji and digits, by not being letters.

use crate::sentiment::normalise::decode_entities;

/// The rest of a post in lower case, its words apart by one blank, punctuation still on them.
/// Where nothing but hashtags has letters, these are what is left.
pub(super) fn plain(text: &str) -> String {
    let text = decode_entities(text);
    let plain = keep(&text, |word| !word.starts_with(['#', '＃']));
    if plain.contains(char::is_alphabetic) { plain } else { keep(&text, |_| true) }
}

/// The words in what [`plain`] gave: what stands between anything that is no part of a word.
pub(super) fn words(plain: &str) -> impl Iterator<Item = &str> {
    plain.split(|c: char| !in_word(c)).filter(|word| !word.is_empty())
}

fn keep(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if is_mask(word) || !wanted(word) {
            continue;
        }
        // `word.#tag`, and `text。#tag#tag` where no blank is written.
        let word = if wanted("#") { word } else { word.split(['#', '＃']).next().unwrap_or_default() };
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

fn is_mask(word: &str) -> bool {
    // `.@name` and `"@name` are names too; `name@host` is an address.
    word.contains('@')
        || word.contains("://")
        || word.starts_with("www.")
        || matches!(word, "http" | "https" | "RT" | "{link}" | "<url>")
}

/// Letters, the marks that belong to them (which `is_alphabetic` knows only some of), and the
/// joiner that stands inside Persian words.
fn in_word(c: char) -> bool {
    c.is_alphabetic()
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{963}' | '\u{200c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_links_and_tags_go() {
        assert_eq!(
            plain("RT @acme: Ça va ? https://acme.example/x #Dégâts me@acme.example ok.#tag &amp; FIN"),
            "ça va ? ok. & fin"
        );
        assert_eq!(plain("@acme #Всем #Привет http"), "#всем #привет");
        assert_eq!(plain("😀 123 @acme"), "😀 123");
    }

    #[test]
    fn words_keep_their_marks() {
        let found: Vec<&str> = words("c'est क्या?! می‌شود 3x").collect();
        assert_eq!(found, ["c", "est", "क्या", "می‌شود", "x"]);
    }
}
