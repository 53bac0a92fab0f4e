//! The reader over documents that mean harm, or met with it on the way.

use earmark::source::feed::document::{Unreadable, read};
use proptest::prelude::*;

use super::rss;

/// One of each form, with all that our reader looks at.
fn samples() -> [Vec<u8>; 3] {
    let rss = rss("<item><title>A &amp; B</title><link>/1</link><guid>1</guid><![CDATA[<b>x</b>]]>\
                   <description>&lt;p&gt;caf\u{e9} &#8217; &nbsp;&lt;/p&gt;</description>\
                   <content:encoded xmlns:content=\"http://purl.org/rss/1.0/modules/content/\"><p>y</p></content:encoded>\
                   <pubDate>Wed, 04 Mar 2026 10:00:00 GMT</pubDate></item>");
    let atom = "<?xml version='1.0' encoding='utf-8'?><feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://acme.example/'>\
                <entry><id>1</id><title type='html'>&lt;i&gt;A</title><link href='a'/><updated>2026-03-04T10:00:00Z</updated>\
                <content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>x<br/>y</div></content></entry></feed>";
    let json = "{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{\"id\":1,\"url\":\"/a\",\"content_html\":\"<p>x\",\
                \"date_published\":\"2026-03-04T10:00:00Z\",\"author\":{\"name\":\"Ada\"}}]}";
    [rss.into_bytes(), atom.into(), json.into()]
}

#[test]
fn a_cut_document_gives_what_came_before_the_cut() {
    for sample in samples() {
        for end in 0..sample.len() {
            assert!(!matches!(read(&sample[..end], None, None), Err(Unreadable::Panicked)), "cut at {end}");
        }
    }
    let items: String = (0..10).map(|n| format!("<item><title>{n}</title></item>")).collect();
    let document = rss(&items);
    let middle = document.find("<title>7").expect("the eighth item");
    let cut = read(&document.as_bytes()[..middle], None, None).expect("a feed");
    assert_eq!(cut.entries.iter().filter(|entry| entry.title.is_some()).count(), 7);
}

#[test]
fn entities_are_not_expanded() {
    let mut bomb = String::from("<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY l0 \"ha\">");
    for n in 1..30 {
        bomb.push_str(&format!("<!ENTITY l{n} \"&l{0};&l{0};&l{0};\">", n - 1));
    }
    bomb.push_str("<!ENTITY file SYSTEM \"file:///etc/hostname\">]>");
    bomb.push_str(&rss("<item><title>&l29;</title><description>&file;</description></item>")[21..]);
    let document = read(bomb.as_bytes(), None, None).expect("a feed");
    assert_eq!(document.entries[0].title.as_deref(), Some("&l29;"));
    assert_eq!(document.entries[0].body, "&file;");
}

#[test]
fn size_and_depth_are_borne() {
    let many = 500_000;
    for hostile in [
        "<a>",
        "<a/>",
        "<item>",
        "<![CDATA[",
        "<!--",
        "<a b='",
        "<1",
        "&",
        "</a>",
        "<a xmlns:b='c'>",
        "<!DOCTYPE a [",
    ] {
        let inside = hostile.repeat(many / hostile.len());
        let body = rss(&format!("<item><title>before</title></item>{inside}"));
        let document = read(body.as_bytes(), None, None).expect("a feed");
        assert_eq!(document.entries[0].title.as_deref(), Some("before"), "{hostile}");
    }
    let deep = format!("{{\"items\": {}", "[".repeat(many));
    assert!(read(deep.as_bytes(), None, None).is_err());
}

proptest! {
    #[test]
    fn no_bytes_bring_it_down(
        which in 0..3usize, at in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 0..20),
        drop in 0..20usize,
    ) {
        let mut body = samples()[which].clone();
        let at = at.index(body.len());
        let end = (at + drop).min(body.len());
        body.splice(at..end, noise);
        prop_assert!(!matches!(read(&body, None, None), Err(Unreadable::Panicked)));
    }

    #[test]
    fn no_text_brings_it_down(text in "\\PC{0,200}") {
        prop_assert!(!matches!(read(rss(&text).as_bytes(), None, None), Err(Unreadable::Panicked)));
    }
}
