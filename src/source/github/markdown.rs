//! GitHub's Markdown to plain text, by way of HTML: people mix both. What they quote, and the first lines of
//! their blocks of code and logs, stand on lines that begin with `> ` (see `text::from_html_quoting`): found
//! by a search for an error's words, and not taken for their own. The hidden hints of issue forms are left out.

use pulldown_cmark::{Options, Parser, html};
use url::Url;

use crate::source::text;

/// Markdown beyond this is not looked at; the site itself takes 64 KiB.
const MOST_MARKDOWN: usize = 256 * 1024;

/// The words of some Markdown.
pub fn words(markdown: &str, base: Option<&Url>) -> String {
    let markdown = text::cut(markdown, MOST_MARKDOWN);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = String::with_capacity(markdown.len() + markdown.len() / 4);
    html::push_html(&mut page, Parser::new_ext(markdown, options));
    let words = text::from_html_quoting(&page, base);
    // A picture alone says something too: its name.
    if words.is_empty() { text::plain(markdown) } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_and_marks_go() {
        for (markdown, expected) in [
            ("plain text", "plain text"),
            ("It **does** not `start` :(", "It does not start :("),
            ("# Bug\r\n\r\n* one\r\n* two", "Bug\n\none\ntwo"),
            ("see [the docs](https://acme.example/d)", "see the docs (https://acme.example/d)"),
            ("> it works\n\nNot here.", "> it works\n\nNot here."),
            (
                "fails:\n```\nerror 1\nerror 2\nerror 3\nerror 4\n```\nwhy?",
                "fails:\n\n> error 1\n> error 2\n> error 3\n\nwhy?",
            ),
            ("<!-- Describe it -->\nBroken &amp; slow <kbd>x</kbd>", "Broken & slow x"),
            ("- [x] done", "done"),
            ("a < b && c > d", "a < b && c > d"),
            ("![a picture](https://acme.example/a.png)", "a picture"),
            ("![](https://acme.example/a.png)", "![](https://acme.example/a.png)"),
        ] {
            assert_eq!(words(markdown, None), expected, "{markdown}");
        }
    }
}
