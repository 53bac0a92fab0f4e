//! The text as the model was trained to see it. Pure; never fails; the stored text stays untouched.
//!
//! HTML entities are decoded for every model. With a target, the `@` right before an occurrence of
//! it is taken away, so that a brand's own handle is not masked like anybody's. Links and user
//! names are masked by the tokenizer file, which the trainer shares; only for the first models,
//! whose file does not do so, here: as `http` and `@user`.

use std::borrow::Cow;
use std::ops::Range;

/// What stands for a user name.
const USER: &str = "@user";
/// What stands for a link.
const LINK: &str = "http";
/// Longer than any entity below, `&` and `;` not counted.
const LONGEST_ENTITY: usize = 8;

/// Decodes the entities that foreign texts carry; what is none stays as it is. One pass only:
/// `&amp;lt;` is somebody writing about `&lt;`.
pub fn decode_entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let end = after.bytes().take(LONGEST_ENTITY + 1).position(|byte| byte == b';');
        match end.and_then(|end| Some((entity(&after[..end])?, end))) {
            Some((decoded, end)) => {
                out.push(decoded);
                rest = &after[end + 1..];
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).filter(|c| *c != '\0');
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "hellip" => '…',
        "mdash" => '—',
        "ndash" => '–',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "copy" => '©',
        "reg" => '®',
        "trade" => '™',
        "euro" => '€',
        "pound" => '£',
        _ => return None,
    })
}

/// A target without the mark of a handle or a hashtag.
pub fn bare(target: &str) -> &str {
    target.trim().trim_start_matches(['@', '#']).trim()
}

/// Where `target` first occurs, whatever the case of either.
pub fn find(text: &str, target: &str) -> Option<Range<usize>> {
    if target.is_empty() {
        return None;
    }
    let places = text.char_indices().map(|(at, _)| at);
    places.into_iter().find_map(|at| Some(at..at + begins(&text[at..], target)?))
}

/// `text` without the `@` right before each occurrence of `target`.
pub fn unmask<'a>(text: &'a str, target: &str) -> Cow<'a, str> {
    if target.is_empty() || !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if c != '@' || begins(&text[at + 1..], target).is_none() {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// How many bytes of `text` are `target`, compared character by character in lower case.
fn begins(text: &str, target: &str) -> Option<usize> {
    let mut chars = text.chars();
    let same =
        target.chars().all(|wanted| chars.next().is_some_and(|c| c.to_lowercase().eq(wanted.to_lowercase())));
    same.then(|| text.len() - chars.as_str().len())
}

/// User names as `@user`, links as `http`.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before: Option<char> = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let at_edge = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let (masked, taken) = match first {
            '@' if at_edge => (USER, user_name(rest)),
            'h' | 'H' if at_edge => (LINK, link(rest)),
            _ => ("", 0),
        };
        if taken == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            before = Some(first);
        } else {
            out.push_str(masked);
            before = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
    }
    out
}

/// Bytes of the `@name` or `@name@host` at the start, and of whatever else hangs on it by an `@`;
/// 0: there is none.
fn user_name(text: &str) -> usize {
    let name = word(&text[1..]);
    if name == 0 {
        return 0;
    }
    let mut end = 1 + name;
    while let Some(host) = text[end..].strip_prefix('@') {
        let dotted = host.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '-').unwrap_or(host.len());
        let host = host[..dotted].trim_end_matches(['.', '-']).len();
        if host == 0 {
            break;
        }
        end += 1 + host;
    }
    end
}

fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Bytes of the link at the start, without the sentence's own punctuation behind it; 0: none.
fn link(text: &str) -> usize {
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let Some(scheme) = scheme else { return 0 };
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let trimmed = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '"', '\'', '>']);
    trimmed.len().max(scheme.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalise(text: &str) -> String {
        mask(&decode_entities(text))
    }

    #[test]
    fn the_brands_own_handle_is_not_masked() {
        for (text, target, expected) in [
            ("@acme my order", "acme", "acme my order"),
            ("@ACME and @globex", " @Acme ", "ACME and @globex"),
            ("@acmefan, @@acme, acme@acme.example", "#acme", "acmefan, @acme, acmeacme.example"),
            ("@Ärger @äRGER @ärge", "ärger", "Ärger äRGER @ärge"),
            ("@acme", "", "@acme"),
            ("@acme", "@", "@acme"),
            ("no handle", "acme", "no handle"),
            ("@", "a", "@"),
        ] {
            assert_eq!(unmask(text, bare(target)), expected, "{text} towards {target}");
        }
    }

    #[test]
    fn a_target_is_found_whatever_its_case() {
        assert_eq!(find("my ACME app", "acme"), Some(3..7));
        assert_eq!(find("süße ÄPFEL", "äpfel"), Some(7..13));
        assert_eq!(find("acm", "acme"), None);
        assert_eq!(find("acme", ""), None);
    }

    #[test]
    fn names_and_links_are_masked_at_word_edges_only() {
        for (given, expected) in [
            ("@acme_help my order is lost", "@user my order is lost"),
            ("thanks (@acme)! cc @globex@social.example.", "thanks (@user)! cc @user."),
            ("write to care@acme.example", "write to care@acme.example"),
            ("see https://acme.example/a?b=c, then HTTP://x.example", "see http, then http"),
            ("(https://acme.example)", "(http)"),
            ("@a@b@c and @a@b.@c", "@user and @user.@user"),
            ("@ noon, shttp://no and https://", "@ noon, shttp://no and http"),
            ("@ärger über @", "@user über @"),
        ] {
            assert_eq!(normalise(given), expected);
        }
    }

    #[test]
    fn entities_are_decoded_once() {
        for (given, expected) in [
            ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
            ("don&#39;t &#x1F600;", "don't 😀"),
            ("&amp;lt; stays an entity", "&lt; stays an entity"),
            ("R&D; AT&T &unknown; &#0; &#xD800; &", "R&D; AT&T &unknown; &#0; &#xD800; &"),
        ] {
            assert_eq!(decode_entities(given), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_survives(text in any::<String>()) {
            normalise(&text);
            unmask(&text, "a");
            find(&text, "a");
        }

        #[test]
        fn masking_twice_changes_nothing_more(text in "[a@: /.h&;#t\u{e4}]{0,40}") {
            let once = mask(&text);
            prop_assert_eq!(mask(&once), once);
        }

        #[test]
        fn no_link_survives(host in "[a-z]{1,9}", path in "[a-z/]{0,9}") {
            let masked = normalise(&format!("look: https://{host}.example/{path} !"));
            prop_assert!(!masked.contains("://"));
        }
    }
}
