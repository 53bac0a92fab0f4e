//! Which language a site means by the tag it gives. Sites write `en`, `en-US`, `EN_us`, `eng`, and
//! some say in code that they do not know.

/// Codes of three letters and retired ones, and what they are written as here: the languages that
/// posts come in.
const OTHERWISE: &[(&str, &str)] = &[
    ("eng", "en"),
    ("deu", "de"),
    ("ger", "de"),
    ("fra", "fr"),
    ("fre", "fr"),
    ("spa", "es"),
    ("ita", "it"),
    ("por", "pt"),
    ("nld", "nl"),
    ("dut", "nl"),
    ("dan", "da"),
    ("swe", "sv"),
    ("nor", "no"),
    ("nob", "nb"),
    ("nno", "nn"),
    ("fin", "fi"),
    ("isl", "is"),
    ("ice", "is"),
    ("pol", "pl"),
    ("ces", "cs"),
    ("cze", "cs"),
    ("slk", "sk"),
    ("slo", "sk"),
    ("slv", "sl"),
    ("hrv", "hr"),
    ("srp", "sr"),
    ("bos", "bs"),
    ("hun", "hu"),
    ("ron", "ro"),
    ("rum", "ro"),
    ("bul", "bg"),
    ("ell", "el"),
    ("gre", "el"),
    ("tur", "tr"),
    ("rus", "ru"),
    ("ukr", "uk"),
    ("bel", "be"),
    ("est", "et"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("ara", "ar"),
    ("heb", "he"),
    ("iw", "he"),
    ("fas", "fa"),
    ("per", "fa"),
    ("urd", "ur"),
    ("hin", "hi"),
    ("ben", "bn"),
    ("tam", "ta"),
    ("tel", "te"),
    ("mar", "mr"),
    ("guj", "gu"),
    ("kan", "kn"),
    ("mal", "ml"),
    ("pan", "pa"),
    ("zho", "zh"),
    ("chi", "zh"),
    ("cmn", "zh"),
    ("jpn", "ja"),
    ("jp", "ja"),
    ("kor", "ko"),
    ("vie", "vi"),
    ("tha", "th"),
    ("ind", "id"),
    ("in", "id"),
    ("msa", "ms"),
    ("may", "ms"),
    ("fil", "tl"),
    ("tgl", "tl"),
    ("cat", "ca"),
    ("eus", "eu"),
    ("baq", "eu"),
    ("glg", "gl"),
    ("cym", "cy"),
    ("wel", "cy"),
    ("gle", "ga"),
    ("afr", "af"),
    ("swa", "sw"),
    ("sqi", "sq"),
    ("alb", "sq"),
    ("lat", "la"),
];

/// The language that `tag` names: ISO 639-1 where this page knows the code, else the tag's first
/// part in lower case. None where it names no language: empty, undetermined, mixed, private use.
pub fn language(tag: &str) -> Option<String> {
    let first = tag.trim().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let is_code = (2..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_lowercase());
    // `qaa` to `qtz` are for private use; one network uses them for posts without words.
    let is_private = first.len() == 3 && ("qaa"..="qtz").contains(&first.as_str());
    if !is_code || is_private || ["und", "zxx", "mul", "mis", "art"].contains(&first.as_str()) {
        return None;
    }
    let known = OTHERWISE.iter().find(|(code, _)| *code == first);
    Some(known.map_or(first, |(_, two)| (*two).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_understood_however_it_is_written() {
        for tag in ["en", "EN", "en-US", "en_GB", "eng", " en-us ", "ENG-gb"] {
            assert_eq!(language(tag).as_deref(), Some("en"), "{tag}");
        }
        for (tag, expected) in [("zh-Hant-TW", "zh"), ("pt_BR", "pt"), ("in", "id"), ("haw", "haw")] {
            assert_eq!(language(tag).as_deref(), Some(expected), "{tag}");
        }
        for tag in ["", "und", "zxx", "mul", "qme", "qht", "x-klingon", "english", "e1", "日本"] {
            assert_eq!(language(tag), None, "{tag}");
        }
    }
}
