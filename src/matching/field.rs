//! Field values as they are compared: the one place that says when two of them are the same.

use super::fold;

/// A site: lower case, without `www.`.
pub(super) fn host(written: &str) -> String {
    let lower = written.trim().to_lowercase();
    lower.strip_prefix("www.").unwrap_or(&lower).trim_matches('.').to_owned()
}

/// A language: lower case, with hyphens.
pub(super) fn tag(written: &str) -> String {
    written.trim().to_lowercase().replace('_', "-")
}

/// An author: folded, without a leading `@`.
pub(super) fn author(written: &str) -> String {
    let folded = fold::term(written);
    folded.strip_prefix('@').unwrap_or(&folded).to_owned()
}

/// Whether `site` is `wanted` or a host below it.
pub(super) fn site_within(site: &str, wanted: &str) -> bool {
    site.strip_suffix(wanted).is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

/// Whether `lang` is `wanted` or a variety of it.
pub(super) fn lang_within(lang: &str, wanted: &str) -> bool {
    lang.strip_prefix(wanted).is_some_and(|variety| variety.is_empty() || variety.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_holds_what_lies_below_it() {
        for (site, wanted, expected) in [
            ("example.org", "example.org", true),
            ("a.example.org", "example.org", true),
            ("badexample.org", "example.org", false),
            ("example.org", "a.example.org", false),
            ("", "example.org", false),
        ] {
            assert_eq!(site_within(site, wanted), expected, "{site} in {wanted}");
        }
        assert_eq!(host(" WWW.Example.org. "), "example.org");
    }

    #[test]
    fn a_language_holds_its_varieties() {
        for (lang, wanted, expected) in
            [("de", "de", true), ("de-at", "de", true), ("den", "de", false), ("de", "de-at", false)]
        {
            assert_eq!(lang_within(lang, wanted), expected, "{lang} in {wanted}");
        }
        assert_eq!(tag("pt_BR"), "pt-br");
    }

    #[test]
    fn an_author_is_known_in_any_case() {
        assert_eq!(author("@Acme_Fan"), author("ACME_fan"));
    }
}
