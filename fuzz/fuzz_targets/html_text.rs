//! HTML of anybody to words.

#![no_main]

use earmark::source::text;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|data: &[u8]| {
    let html = String::from_utf8_lossy(data);
    let base = Url::parse("https://forum.example/t/1/").expect("an address");
    for base in [None, Some(&base)] {
        let words = text::from_html(&html, base);
        assert_eq!(words, text::from_html(&html, base));
        for words in [words, text::from_html_quoting(&html, base)] {
            assert!(words.len() <= 1_024 + 16 * data.len(), "{} bytes of {}", words.len(), data.len());
            assert!(!words.contains('\0'), "{words:?}");
        }
    }
    assert!(!text::line_from_html(&html).contains(['\n', '\r']));
    let plain = text::plain(&html);
    assert_eq!(plain, text::plain(&plain), "plain text is made plain once");
});
