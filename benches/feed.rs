//! Feed reading: documents and megabytes a second over generated documents of each form, beside
//! feed-rs, the usual crate for it. Both stop at their own model of a feed: ours has turned HTML
//! into text and resolved links by then, feed-rs has not.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use earmark::source::feed::document;

fn main() {
    divan::main();
}

const FORMS: [&str; 3] = ["rss", "atom", "json"];

/// Fifty entries of some two kilobytes each, like a blog's.
fn generated(form: &str) -> Vec<u8> {
    let words =
        "<p>The Acme app &amp; the Globex one: <a href=\"/compare\">compared</a>, at length.</p>".repeat(20);
    let escaped = words.replace('&', "&amp;").replace('<', "&lt;");
    let entries: Vec<String> = (0..50)
        .map(|n| match form {
            "rss" => format!(
                "<item><title>Entry {n}</title><link>https://acme.example/{n}</link><guid>acme-{n}</guid>\
                 <pubDate>Wed, 04 Mar 2026 10:00:00 GMT</pubDate><description>{escaped}</description></item>"
            ),
            "atom" => format!(
                "<entry><title>Entry {n}</title><link href=\"https://acme.example/{n}\"/><id>acme-{n}</id>\
                 <updated>2026-03-04T10:00:00Z</updated><content type=\"html\">{escaped}</content></entry>"
            ),
            _ => serde_json::json!({
                "id": format!("acme-{n}"), "url": format!("https://acme.example/{n}"), "title": format!("Entry {n}"),
                "date_published": "2026-03-04T10:00:00Z", "content_html": words,
            })
            .to_string(),
        })
        .collect();
    match form {
        "rss" => {
            format!("<rss version=\"2.0\"><channel><title>Acme</title>{}</channel></rss>", entries.concat())
        }
        "atom" => format!(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>Acme</title><id>acme</id>{}</feed>",
            entries.concat()
        ),
        _ => format!(
            "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"Acme\",\"items\":[{}]}}",
            entries.join(",")
        ),
    }
    .into_bytes()
}

#[divan::bench(args = FORMS)]
fn ours(bencher: Bencher, form: &str) {
    let body = generated(form);
    bencher
        .counter(BytesCount::new(body.len()))
        .counter(ItemsCount::new(1u32))
        .bench(|| document::read(divan::black_box(&body), None, None).expect("a feed"));
}

#[divan::bench(args = FORMS)]
fn feed_rs(bencher: Bencher, form: &str) {
    let body = generated(form);
    bencher
        .counter(BytesCount::new(body.len()))
        .counter(ItemsCount::new(1u32))
        .bench(|| ::feed_rs::parser::parse(divan::black_box(body.as_slice())).expect("a feed"));
}
