//! The nesting of what people serve as XML.

use super::*;

fn html(xml: &str) -> String {
    let mut html = String::new();
    read(xml).write_html(&mut html);
    html
}

#[test]
fn nests_what_was_left_open() {
    for (xml, expected) in [
        ("<a>1<b>2</a>3", "<a>1<b>2</b></a>3"),
        ("<a>1</b>2</a>", "<a>12</a>"),
        ("<item>1<item>2</item>", "<item>1</item><item>2</item>"),
        ("<item>1<item/>2</item>", "<item>1<item></item>2</item>"),
        ("<a>x & y &amp; z &bogus; &#8217; &#146;</a>", "<a>x &amp; y &amp; z &amp;bogus; ’ ’</a>"),
        ("<a b='1&amp;2' c=3 d>t</a>", "<a b=\"1&amp;2\" c=\"3\" d=\"\">t</a>"),
        ("<a>1 < 2</a>", "<a>1 &lt; 2</a>"),
        ("<a><![CDATA[left open", "<a>left open</a>"),
    ] {
        assert_eq!(html(xml), expected, "{xml}");
    }
}

#[test]
fn knows_namespaces_by_what_they_are() {
    let root = read(
        "<f xmlns='http://www.w3.org/2005/Atom' xmlns:q='http://purl.org/dc/elements/1.1/'><q:Date/><r xmlns=''/></f>",
    );
    let feed = root.child("atom:f").expect("the root");
    assert!(feed.child("dc:date").is_some() && feed.child("r").is_some());
}

#[test]
fn expands_nothing_and_bears_depth() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>";
    assert_eq!(read(bomb).text(), "&c;");
    let deep = format!("{}x{}<b>y</b>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert!(read(&deep).text().contains('x'));
    assert!(read(&"<![CDATA[".repeat(100_000)).text().len() > 1_000);
    assert!(read(&"<a ".repeat(100_000)).text().len() < 400_000);
}
