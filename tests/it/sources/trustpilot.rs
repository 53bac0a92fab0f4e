//! `trustpilot` in the shapes of its documents, of our own making: stars, removals, a key, and a token for it.

use earmark::domain::post::PostKind;
use earmark::source::{Answer, Known, Nothing, Parsed, Position, Retry, Settings, kind};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::served::{Served, json as page, path, query, secret};
use crate::site::{Pages, Told, outage, together};
use crate::support::clock::JumpClock;
use crate::support::fake_site::{Asked, Page};

fn parse(value: &Value) -> Parsed {
    let body = value.to_string();
    let settings = Settings { id: "t".into(), params: Value::Null };
    let parse = kind("trustpilot").and_then(|kind| kind.parse).expect("it reads answers");
    parse(&Answer::saved(body.as_bytes()), &settings)
}

fn began() -> Timestamp {
    "2026-03-04T00:00:00Z".parse().expect("a time")
}

fn review(id: &str, at: Timestamp) -> Value {
    json!({ "links": [], "id": id, "consumer": { "displayName": "Ann" }, "stars": 2, "title": "Late",
        "text": "Acme came late", "language": "en", "createdAt": at.to_string(), "status": "active",
        "referenceId": "order 7", "companyReply": { "text": "sorry" } })
}

#[test]
fn every_form_of_a_review_becomes_a_post() {
    let parsed = parse(&json!({ "links": [], "reviews": [review("r1", began())] }));
    let [post] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((post.id.as_str(), post.kind), ("r1", PostKind::Review));
    assert_eq!(post.text, "★★☆☆☆ (2 of 5)\nAcme came late");
    assert_eq!((post.author.as_deref(), post.created_at), (Some("Ann"), Some(began())));
    assert_eq!(parse(&review("r1", began())).posts, std::slice::from_ref(post));
    let event = |name: &str| json!({ "eventName": name, "version": "1", "eventData": review("r1", began()) });
    let told = parse(&json!({ "events": [event("service-review-created"), event("else")] }));
    assert_eq!(told.posts, std::slice::from_ref(post));
    let told = parse(&json!({ "events": [event("service-review-deleted")] }));
    assert!(told.posts[0].deleted && told.posts[0].text.is_empty() && told.posts[0].author.is_none());
}

#[test]
fn what_holds_no_reviews_says_why() {
    for (value, expected) in [
        (json!({ "links": [], "reviews": [] }), Nothing::NoPostsInside),
        (json!({ "id": "b", "displayName": "Acme", "links": [] }), Nothing::NoPostsInside),
        (json!({ "fault": { "faultstring": "Invalid ApiKey" } }), Nothing::ErrorAnswer),
        (json!({ "hits": [] }), Nothing::ForeignInterface),
        (json!({ "reviews": [{ "stars": 1 }, { "id": "x" }] }), Nothing::Broken),
    ] {
        assert_eq!(parse(&value).nothing, Some(expected), "{value}");
    }
}

/// A page of reviews, newest first, at most a hundred.
fn place(reviews: &[(String, Timestamp)], asked: &Asked) -> Page {
    if query(&asked.path, "orderBy").as_deref() != Some("createdat.desc") {
        return Page::new(400);
    }
    let size: usize = query(&asked.path, "perPage").and_then(|size| size.parse().ok()).unwrap_or(20).min(100);
    let from = query(&asked.path, "page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1) - 1;
    let shown = reviews.iter().skip(from * size).take(size).map(|(id, at)| review(id, *at));
    page(&json!({ "links": [], "reviews": shown.collect::<Vec<_>>() }))
}

struct Reviews(tempfile::TempDir);

impl Pages for Reviews {
    fn params(&self, base: &str) -> Value {
        json!({ "business_unit": "b1", "key": secret(&self.0, "key", "k3y"), "base_url": base,
            "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if asked.headers.get("apikey").map(String::as_str) != Some("k3y") {
            return Page::new(401);
        }
        let newest: Vec<_> = history.iter().rev().map(|told| (self.id(told.number), told.at)).collect();
        place(&newest, asked)
    }

    fn id(&self, number: u64) -> String {
        format!("r{number}")
    }
}

#[tokio::test]
async fn trustpilot_loses_nothing() {
    outage("trustpilot", Reviews(tempfile::tempdir().expect("a folder"))).await;
}

#[tokio::test]
async fn two_sources_with_one_key_stay_within_its_budget() {
    together("trustpilot", Reviews(tempfile::tempdir().expect("a folder"))).await;
}

#[tokio::test]
async fn a_secret_opens_the_view_of_the_business() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = Served::start(|asked| {
        let signed = asked.headers.get("authorization").map(String::as_str);
        match path(asked) {
            "/v1/oauth/oauth-business-users-for-applications/accesstoken" => {
                // `k3y:s3cret`
                let fits = signed == Some("Basic azN5OnMzY3JldA==")
                    && &asked.body[..] == b"grant_type=client_credentials";
                if fits {
                    page(&json!({ "access_token": "t0ken", "expires_in": "359999" }))
                } else {
                    Page::new(401)
                }
            }
            _ if signed != Some("Bearer t0ken") => Page::new(401),
            "/v1/private/business-units/b1/reviews" => place(&[("r1".into(), began())], asked),
            "/v1/private/reviews/r1" => page(&review("r1", began())),
            _ => Page::new(404),
        }
    })
    .await;
    let clock = JumpClock::new(began());
    let params = |word: &str| json!({ "business_unit": "b1", "key": secret(&folder, "key", "k3y"), "secret": secret(&folder, word, word) });
    let mut source = site.source("trustpilot", params("s3cret"), &clock);
    let first = source.poll(&Position::default(), began()).await.expect("a look");
    assert_eq!((first.posts.len(), first.fetched_through), (1, Some(began())));
    let known = |id: &str| Known { id: id.into(), url: None, parent: None };
    let told = source.recheck(&[known("r1"), known("r2")], began()).await.expect("an answer");
    assert_eq!((told.posts.len(), told.gone.as_slice()), (1, &["r2".to_owned()][..]));
    let mut source = site.source("trustpilot", params("wrong"), &clock);
    let error = source.poll(&Position::default(), began()).await.expect_err("refused");
    assert!(error.retry == Retry::Never && !error.what.contains("wrong"), "{error:?}");
}
