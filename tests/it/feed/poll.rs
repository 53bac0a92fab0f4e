//! The source against a fake site.

use earmark::domain::post::PostKind;
use earmark::domain::source::GapCause;
use earmark::source::Retry;

use super::{Reader, now, rss};
use crate::support::fake_site::{FakeSite, Page};

fn item(guid: &str, path: &str, title: &str, words: &str) -> String {
    format!(
        "<item><guid isPermaLink=\"false\">{guid}</guid><link>https://acme.example{path}</link>\
         <title>{title}</title><description>{words}</description>\
         <pubDate>Wed, 04 Mar 2026 10:00:00 GMT</pubDate></item>"
    )
}

async fn site_with(items: &str) -> (FakeSite, Reader) {
    let site = FakeSite::start().await;
    serve(&site, items);
    let reader = Reader::new(&site.url("/feed"));
    (site, reader)
}

fn serve(site: &FakeSite, items: &str) {
    site.put("/feed", Page::of("application/rss+xml", rss(items)));
}

const LONG: &str =
    "Words of some length about the Acme app, long enough to be known again by themselves alone.";

#[tokio::test]
async fn an_entry_becomes_a_post() {
    let entry = "<item><guid>acme-1</guid><link>/posts/1</link><title>Caf&amp;eacute; &lt;b&gt;opens&lt;/b&gt;</title>\
                 <description>&lt;p&gt;See &lt;a href=\"/menu\"&gt;the menu&lt;/a&gt;&lt;/p&gt;</description>\
                 <dc:creator xmlns:dc=\"http://purl.org/dc/elements/1.1/\">Ada</dc:creator>\
                 <pubDate>Wed, 04 Mar 2026 10:00:00 GMT</pubDate></item><item/>";
    let (_site, mut reader) = site_with(entry).await;
    let batch = reader.poll().await.expect("a batch");
    let [post] = batch.posts.as_slice() else { panic!("one post: {:?}", batch.posts) };
    assert_eq!(post.id, "acme-1");
    assert_eq!(post.site, "acme.example");
    assert_eq!(post.url.as_deref(), Some("https://acme.example/posts/1"));
    assert_eq!(post.title.as_deref(), Some("Café opens"));
    assert_eq!(post.text, "See the menu (https://acme.example/menu)");
    assert_eq!(post.author.as_deref(), Some("Ada"));
    assert_eq!(post.lang.as_deref(), Some("en-us"));
    assert_eq!(post.kind, PostKind::Article);
    assert_eq!(post.created_at, "2026-03-04T10:00:00Z".parse().ok());
    assert_eq!(batch.rejects[0].at, "entry 2");
    assert_eq!(batch.fetched_through, Some(now()));
}

#[tokio::test]
async fn nothing_new_is_cheap_and_an_edit_is_a_new_version() {
    let site = FakeSite::start().await;
    let page = |words: &str, etag: &str| {
        Page::of("application/rss+xml", rss(&item("1", "/1", "One", words))).header("etag", etag).gzipped()
    };
    site.put("/feed", page("first", "\"1\""));
    let mut reader = Reader::new(&site.url("/feed"));
    let first = reader.poll().await.expect("a batch").posts;
    let again = reader.poll().await.expect("a batch");
    assert!(again.posts.is_empty() && again.fetched_through.is_some());
    site.put("/feed", page("first", "\"2\""));
    let touched = reader.poll().await.expect("a batch").posts;
    assert_eq!((&touched[0].id, &touched[0].version), (&first[0].id, &first[0].version));
    site.put("/feed", page("second", "\"3\""));
    let edited = reader.poll().await.expect("a batch").posts;
    assert_eq!(edited[0].id, first[0].id);
    assert_ne!(edited[0].version, first[0].version);
}

#[tokio::test]
async fn guids_that_lie_cost_no_post_and_make_none_twice() {
    let same = (1..=9).map(|n| item("blog", &format!("/{n}"), &format!("Post {n}"), "x")).collect::<String>();
    let (site, mut reader) = site_with(&same).await;
    let posts = reader.poll().await.expect("a batch").posts;
    let mut ids: Vec<&str> = posts.iter().map(|post| post.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 9);

    serve(&site, &item("headline-one", "/post", "Headline one", LONG));
    let before = reader.poll().await.expect("a batch").posts;
    serve(&site, &item("headline-two", "/post?utm_source=rss", "Headline two", LONG));
    let after = reader.poll().await.expect("a batch").posts;
    assert_ne!(before[0].id, after[0].id);
    assert_eq!(before[0].aliases, after[0].aliases);
    assert_eq!(after[0].aliases.len(), 2, "by link and by words");
}

#[tokio::test]
async fn a_feed_that_ran_over_is_a_gap() {
    let page = |from: u32| {
        (from..from + 5).map(|n| item(&n.to_string(), &format!("/{n}"), "T", "x")).collect::<String>()
    };
    let (site, mut reader) = site_with(&page(0)).await;
    assert!(reader.poll().await.expect("a batch").gaps.is_empty(), "nothing to compare with");
    serve(&site, &page(4));
    assert!(reader.poll().await.expect("a batch").gaps.is_empty(), "one is left of the last look");
    serve(&site, &page(20));
    let gaps = reader.poll().await.expect("a batch").gaps;
    assert_eq!((gaps[0].cause, gaps[0].from, gaps[0].until), (GapCause::Overrun, Some(now()), now()));
    serve(&site, "");
    assert!(reader.poll().await.expect("a batch").gaps.is_empty(), "an empty feed says nothing");
    serve(&site, &page(40));
    assert_eq!(reader.poll().await.expect("a batch").gaps.len(), 1, "and is no reason to forget");
}

#[tokio::test]
async fn what_is_no_feed_is_said_so() {
    let (site, mut reader) = site_with(&item("1", "/1", "One", "x")).await;
    let page = Page::of("application/rss+xml", "<!doctype html><html><body>Blocked</body></html>")
        .header("etag", "\"9\"");
    site.put("/feed", page);
    let wrong = Reader::new(&site.url("/feed")).poll().await.expect_err("no feed");
    assert!(wrong.what.contains("HTML page"), "{}", wrong.what);
    assert_eq!(wrong.retry, Retry::Never, "it never was a feed");
    serve(&site, &item("1", "/1", "One", "x"));
    reader.poll().await.expect("a feed");
    for body in ["<!doctype html><html></html>", "", "{\"a\": 1}", "\u{1}\u{2}\u{3}"] {
        site.put("/feed", Page::of("text/html", body));
        assert_eq!(reader.poll().await.expect_err(body).retry, Retry::Soon, "it was one before");
    }
    site.put("/feed", Page::of("text/html", rss(&item("1", "/1", "One", "x"))));
    assert_eq!(reader.poll().await.expect("a wrong content type is no fault").posts.len(), 1);
}

#[tokio::test]
async fn absurd_dates_are_left_out_and_wishes_are_heard() {
    let dated = |date: &str| format!("<item><title>{date}</title><pubDate>{date}</pubDate></item>");
    let items =
        ["Wed, 04 Mar 2099 10:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "never"].map(dated).concat();
    let site = FakeSite::start().await;
    let page =
        Page::of("text/xml", rss(&format!("<ttl>90</ttl>{items}"))).header("cache-control", "max-age=60");
    site.put("/feed", page);
    let batch = Reader::new(&site.url("/feed")).poll().await.expect("a batch");
    assert_eq!(batch.posts.len(), 3);
    assert!(batch.posts.iter().all(|post| post.created_at.is_none()));
    assert_eq!(batch.rest.map(|rest| rest.as_mins()), Some(90));
}

#[tokio::test]
async fn every_form_gives_the_same_post() {
    let rdf = "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://purl.org/rss/1.0/\">\
               <channel><title>Acme</title></channel><item rdf:about=\"1\"><title>One</title>\
               <link>https://acme.example/1</link><description>words</description></item></rdf:RDF>";
    let rss_090 = rdf.replace("http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/");
    let atom = |space: &str, mode: &str| {
        format!(
            "<feed xmlns=\"{space}\"><title>Acme</title><entry><id>1</id><title>One</title>\
             <link rel=\"alternate\" type=\"text/html\" href=\"https://acme.example/1\"/>\
             <content type=\"{mode}\">&lt;i&gt;words&lt;/i&gt;</content></entry></feed>"
        )
    };
    let json = "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"Acme\",\"items\":[{\"id\":\"1\",\
                \"url\":\"https://acme.example/1\",\"title\":\"One\",\"content_text\":\"words\"}]}";
    let utf_16: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let plain = rss("<item><guid>1</guid><link>https://acme.example/1</link><title>One</title>\
                     <description>words</description></item>");
    let documents: [Vec<u8>; 8] = [
        rdf.into(),
        rss_090.into(),
        plain.into(),
        atom("http://www.w3.org/2005/Atom", "html").into(),
        atom("http://purl.org/atom/ns#", "text/html").into(),
        atom("", "html").into(),
        json.into(),
        utf_16,
    ];
    let site = FakeSite::start().await;
    for (number, document) in documents.into_iter().enumerate() {
        site.put("/feed", Page::of("application/octet-stream", document));
        let posts = Reader::new(&site.url("/feed")).poll().await.expect("a batch").posts;
        let [post] = posts.as_slice() else { panic!("document {number}: {posts:?}") };
        let got = (post.id.as_str(), post.url.as_deref(), post.title.as_deref(), post.text.as_str());
        assert_eq!(got, ("1", Some("https://acme.example/1"), Some("One"), "words"), "document {number}");
    }
}
