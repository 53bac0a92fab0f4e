//! The polite GET against a fake site.

use bytes::Bytes;
use earmark::net::{self, Client};
use earmark::source::fetch::{Answer, Fetched, Fetcher, Request};
use earmark::source::{Retry, SourceError, Terms};

use super::fetcher;
use crate::support::fake_site::{FakeSite, Page, bare};

const CAP: usize = 100_000;

fn request<'a>(url: &'a str, memo: Option<&'a str>) -> Request<'a> {
    Request { url, memo, accept: "*/*", allow_private: true, cap: CAP, terms: &Terms::OPEN }
}

async fn get(fetcher: &Fetcher, url: &str, memo: Option<&str>) -> Result<Fetched, SourceError> {
    fetcher.get(request(url, memo)).await
}

async fn fresh(fetcher: &Fetcher, url: &str, memo: Option<&str>) -> Answer {
    match get(fetcher, url, memo).await.expect("an answer") {
        Fetched::Fresh(answer) => answer,
        Fetched::NotModified { .. } => panic!("nothing has changed at {url}"),
    }
}

async fn unchanged(fetcher: &Fetcher, url: &str, memo: &str) -> String {
    match get(fetcher, url, Some(memo)).await.expect("an answer") {
        Fetched::NotModified { memo, .. } => memo,
        Fetched::Fresh(_) => panic!("{url} was sent again"),
    }
}

#[tokio::test]
async fn validators_are_kept_and_sent_and_a_304_renews_them() {
    let (site, fetcher) = (FakeSite::start().await, fetcher(false));
    let url = site.url("/feed");
    let page = Page::of("text/xml", "one").header("etag", "\"1\"").header("last-modified", "yesterday");
    site.put("/feed", page);
    let first = fresh(&fetcher, &url, None).await;
    assert_eq!((&first.body[..], first.url.as_str()), (&b"one"[..], url.as_str()));
    let agent = &site.asked()[0].headers["user-agent"];
    assert_eq!(agent, concat!("earmark/", env!("CARGO_PKG_VERSION"), " (+https://acme.example/contact)"));
    let memo = unchanged(&fetcher, &url, &first.memo).await;
    let asked = &site.asked()[0].headers;
    assert_eq!(
        (asked["if-none-match"].as_str(), asked["if-modified-since"].as_str()),
        ("\"1\"", "yesterday")
    );
    assert_eq!(memo, first.memo);
    let other = site.url("/other");
    site.put("/other", Page::of("text/xml", "other"));
    fresh(&fetcher, &other, Some(&memo)).await;
    assert!(!site.asked()[0].headers.contains_key("if-none-match"), "validators of another address");
    fresh(&fetcher, &url, Some("no memo of ours")).await;
}

#[tokio::test]
async fn a_304_that_nobody_asked_for_is_an_error() {
    let (site, fetcher) = (FakeSite::start().await, fetcher(false));
    site.put("/feed", Page::new(304));
    let error = get(&fetcher, &site.url("/feed"), None).await.expect_err("no body");
    assert_eq!(error.retry, Retry::Soon);
}

#[tokio::test]
async fn permanent_moves_are_remembered_and_given_up_when_they_fail() {
    let (site, fetcher) = (FakeSite::start().await, fetcher(false));
    let url = site.url("/old");
    site.put("/old", Page::to(301, "/newer?a=1"));
    site.put("/newer?a=1", Page::to(308, "newest"));
    site.put("/newest", Page::of("text/xml", "moved").header("etag", "\"1\""));
    let answer = fresh(&fetcher, &url, None).await;
    assert_eq!(answer.url, site.url("/newest"));
    site.asked();
    let memo = unchanged(&fetcher, &url, &answer.memo).await;
    let paths = |site: &FakeSite| site.asked().into_iter().map(|asked| asked.path).collect::<Vec<_>>();
    assert_eq!(paths(&site), ["/newest"]);
    site.put("/newest", Page::new(410));
    site.put("/old", Page::of("text/xml", "back"));
    let back = fresh(&fetcher, &url, Some(&memo)).await;
    assert_eq!(&back.body[..], b"back");
    assert_eq!(paths(&site), ["/newest", "/old"]);
    fresh(&fetcher, &url, Some(&back.memo)).await;
    assert_eq!(paths(&site), ["/old"], "the move is forgotten");
}

#[tokio::test]
async fn a_temporary_move_is_followed_and_not_remembered() {
    let (site, fetcher) = (FakeSite::start().await, fetcher(false));
    let url = site.url("/feed");
    site.put("/feed", Page::to(302, "/elsewhere"));
    site.put("/elsewhere", Page::to(301, "/end"));
    site.put("/end", Page::of("text/xml", "here"));
    let answer = fresh(&fetcher, &url, None).await;
    site.asked();
    fresh(&fetcher, &url, Some(&answer.memo)).await;
    assert_eq!(site.asked()[0].path, "/feed");
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_errors() {
    let (site, fetcher) = (FakeSite::start().await, fetcher(false));
    site.put("/loop", Page::to(302, "/loop"));
    site.put("/file", Page::to(301, "file:///etc/passwd"));
    site.put("/blank", Page::new(302));
    for path in ["/loop", "/file", "/blank"] {
        let error = get(&fetcher, &site.url(path), None).await.expect_err(path);
        assert_eq!(error.retry, Retry::Never, "{}", error.what);
    }
}

#[tokio::test]
async fn private_addresses_are_refused_as_number_as_name_and_behind_a_redirect() {
    let (site, closed) = (FakeSite::start().await, fetcher(false));
    site.put("/feed", Page::of("text/xml", "secret"));
    let by_name = format!("http://localhost:{}/feed", site.address.port());
    for url in [site.url("/feed"), by_name, format!("http://[::ffff:127.0.0.1]:{}/feed", site.address.port())]
    {
        let closed = Request { allow_private: false, ..request(&url, None) };
        let error = fetcher(false).get(closed).await.expect_err("refused");
        assert!(error.what.contains("allow_private"), "{}", error.what);
        assert_eq!(error.retry, Retry::Never);
    }
    assert!(site.asked().is_empty(), "refused before anything was sent");
    // What was remembered is checked like everything else.
    let memo = serde_json::json!({ "asked": "http://192.0.2.1/", "moved": site.url("/feed") }).to_string();
    let moved = Request { allow_private: false, ..request("http://192.0.2.1/", Some(&memo)) };
    assert!(closed.get(moved).await.is_err());
    assert!(site.asked().is_empty());
    let open = Request { allow_private: false, ..request("x", None) };
    assert!(fetcher(true).get(Request { url: &site.url("/feed"), ..open }).await.is_ok(), "allowed for all");
}

#[tokio::test]
async fn too_large_ends_at_the_cap_packed_or_not() {
    let (site, fetcher) = (FakeSite::start().await, fetcher(false));
    site.put("/large", Page::of("text/xml", vec![b'x'; CAP + 1]));
    site.put("/bomb", Page::of("text/xml", vec![b'x'; 200 * CAP]).gzipped());
    site.put("/fits", Page::of("text/xml", vec![b'x'; CAP]).gzipped());
    for path in ["/large", "/bomb"] {
        let error = get(&fetcher, &site.url(path), None).await.expect_err(path);
        assert!(error.what.contains("larger than 100000 bytes"), "{}", error.what);
    }
    assert_eq!(fresh(&fetcher, &site.url("/fits"), None).await.body.len(), CAP);
}

#[tokio::test]
async fn silence_and_broken_answers_pass_and_are_tried_again() {
    let fetcher = fetcher(false);
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this";
    let dripping = bare(head, false).await;
    let cut = bare(head, true).await;
    let nonsense = bare(b"what?\r\n\r\n", true).await;
    for (address, words) in [(dripping, "in time"), (cut, "broke off"), (nonsense, "broke off")] {
        let error = get(&fetcher, &format!("http://{address}/feed?key=hush"), None).await.expect_err(words);
        assert!(error.what.contains(words) && !error.what.contains("hush"), "{}", error.what);
        assert_eq!(error.retry, Retry::Soon);
    }
}

#[tokio::test]
async fn statuses_say_whether_trying_again_helps() {
    let site = FakeSite::start().await;
    let soon_after = Page::new(503)
        .header("date", "Wed, 04 Mar 2026 10:00:00 GMT")
        .header("retry-after", "Wed, 04 Mar 2026 10:10:00 GMT");
    site.put("/dated", soon_after);
    site.put("/seconds", Page::new(429).header("retry-after", "90"));
    for (path, status) in [("/gone", 410), ("/refused", 403), ("/broken", 500), ("/busy", 429)] {
        site.put(path, Page::new(status));
    }
    let after = |seconds| Retry::After(jiff::SignedDuration::from_secs(seconds));
    for (path, expected) in [
        ("/dated", after(600)),
        ("/seconds", after(90)),
        ("/gone", Retry::Never),
        ("/refused", Retry::Never),
        ("/missing", Retry::Never),
        ("/broken", Retry::Soon),
        ("/busy", Retry::Soon),
    ] {
        // Each by itself: a site that has had enough is left alone by all who share the fetcher.
        let fetcher = fetcher(false);
        assert_eq!(get(&fetcher, &site.url(path), None).await.expect_err(path).retry, expected, "{path}");
    }
}

#[tokio::test]
async fn a_post_sends_headers_and_body_and_reads_a_bounded_reply() {
    let site = FakeSite::start().await;
    site.put(
        "/hook/hush",
        Page { status: 202, body: Bytes::from(vec![b'y'; 1_000_000]), headers: Vec::new() },
    );
    let client = Client::new(&net::Settings::new("")).expect("a client");
    let headers = [("x-key".to_owned(), "1".to_owned())];
    let url = site.url("/hook/hush");
    let reply = client.post(&url, &headers, "words", true).await.expect("a reply");
    assert_eq!((reply.status, reply.body.len()), (202, 64 * 1024));
    let asked = &site.asked()[0];
    assert_eq!((&asked.body[..], asked.headers["x-key"].as_str()), (&b"words"[..], "1"));
    let error = client.post(&url, &headers, "words", false).await.expect_err("private");
    assert!(matches!(error, net::Error::Private { .. }));
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let error = client.post(&format!("http://{closed}/hush"), &[], "", true).await.expect_err("nobody there");
    assert!(matches!(error, net::Error::Connect { .. }) && !error.to_string().contains("hush"), "{error}");
}
