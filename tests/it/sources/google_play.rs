//! `google_play` as its documents describe it, of our own making: a service account, a list of a week.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use earmark::domain::post::PostKind;
use earmark::domain::source::GapCause;
use earmark::source::{Answer, Nothing, Position, Retry, Settings, google_play, kind};
use jiff::{SignedDuration, Timestamp};
use ring::rsa::KeyPair;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::served::{Hidden, Served, now, query, source};
use crate::site::{Pages, Told, outage, together};
use crate::support::fake_site::{Asked, Page};

/// Made for these tests; it opens nothing.
const KEY: &str = include_str!("../../fixtures/google_play/key.pem");

const LIST: &str = "/androidpublisher/v3/applications/com.acme.app/reviews";

fn minutes(count: i64) -> Timestamp {
    now() + SignedDuration::from_mins(count)
}

fn key_file(base: &str) -> Hidden {
    let file = json!({ "type": "service_account", "client_email": "reader@acme.example", "private_key_id": "k1",
        "private_key": KEY, "token_uri": format!("{base}/token") });
    Hidden::new(&file.to_string())
}

fn review(id: &str, words: &str, at: Timestamp) -> Value {
    json!({ "reviewId": id, "authorName": "ann", "comments": [{ "userComment": { "text": words,
        "lastModified": { "seconds": at.as_second().to_string(), "nanos": 5 }, "starRating": 2,
        "reviewerLanguage": "pt_BR", "appVersionName": "3.1", "thumbsUpCount": 4 } }] })
}

fn list(newest_first: &[Value], asked: &str) -> Page {
    let most: usize = query(asked, "maxResults").and_then(|most| most.parse().ok()).unwrap_or(10);
    let from: usize =
        query(asked, "token").and_then(|token| token.strip_prefix("t")?.parse().ok()).unwrap_or(0);
    let page: Vec<Value> = newest_first.iter().skip(from).take(most.min(100)).cloned().collect();
    let mut body = json!({});
    if from + page.len() < newest_first.len() {
        body["tokenPagination"] = json!({ "nextPageToken": format!("t{}", from + page.len()) });
    }
    if !page.is_empty() {
        body["reviews"] = json!(page);
    }
    Page::of("application/json", body.to_string())
}

fn error(status: u16, word: &str) -> Page {
    let body = json!({ "error": { "code": status, "status": word, "message": "no" } });
    Page { body: body.to_string().into(), ..Page::new(status) }
}

/// A token for a good assertion, good at that time.
fn give(asked: &Asked, audience: &str, at: Timestamp) -> Page {
    let form = String::from_utf8_lossy(&asked.body).into_owned();
    let field = |name: &str| {
        url::form_urlencoded::parse(form.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let assertion = field("assertion").unwrap_or_default();
    let good = || {
        let lines: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = KeyPair::from_pkcs8(&STANDARD.decode(lines).ok()?).ok()?;
        let (signed, signature) = assertion.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).ok()?;
        let (head, claims) = signed.split_once('.')?;
        let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let (head, claims) = (read(head)?, read(claims)?);
        let (from, until) = (claims["iat"].as_i64()?, claims["exp"].as_i64()?);
        let fits = head["alg"] == "RS256"
            && head["kid"] == "k1"
            && claims["iss"] == "reader@acme.example"
            && claims["aud"] == audience
            && claims["scope"] == "https://www.googleapis.com/auth/androidpublisher"
            && until - from <= 3_600
            && (from..until).contains(&at.as_second());
        fits.then_some(())
    };
    let grant = field("grant_type").as_deref() == Some("urn:ietf:params:oauth:grant-type:jwt-bearer");
    if grant && good().is_some() {
        let body = json!({ "access_token": "ya29.t", "expires_in": 3599, "token_type": "Bearer" });
        return Page::of("application/json", body.to_string());
    }
    let body = json!({ "error": "invalid_grant", "error_description": "Invalid JWT" });
    Page { body: body.to_string().into(), ..Page::new(400) }
}

fn signed(asked: &Asked) -> bool {
    asked.headers.get("authorization").map(String::as_str) == Some("Bearer ya29.t")
}

#[derive(Default)]
struct Store {
    key: Mutex<Option<(Hidden, String)>>,
}

impl Pages for Store {
    fn params(&self, base: &str) -> Value {
        let file = key_file(base);
        let pointer = file.pointer();
        *self.key.lock().unwrap() = Some((file, format!("{base}/token")));
        json!({ "package": "com.acme.app", "key": pointer, "base_url": base, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        if asked.path == "/token" {
            let audience = self.key.lock().unwrap().as_ref().map(|(_, giver)| giver.clone()).unwrap();
            let latest = history.last().map_or_else(now, |told| told.at);
            return give(asked, &audience, latest + SignedDuration::from_mins(8));
        }
        if !signed(asked) {
            return error(401, "UNAUTHENTICATED");
        }
        let newest: Vec<Value> =
            history.iter().rev().map(|told| review(&self.id(told.number), "words", told.at)).collect();
        if asked.path.starts_with(LIST) { list(&newest, &asked.path) } else { error(404, "NOT_FOUND") }
    }

    /// Whoever gives tokens counts for itself: it is a host of its own.
    fn cost(&self, asked: &Asked) -> u32 {
        u32::from(asked.path != "/token")
    }

    fn id(&self, number: u64) -> String {
        format!("gp:{number}")
    }
}

#[tokio::test]
async fn everything_of_a_week_is_found_after_an_outage() {
    outage("google_play", Store::default()).await;
}

#[tokio::test]
async fn two_sources_with_one_account_stay_within_its_budget() {
    together("google_play", Store::default()).await;
}

fn parse(status: u16, url: Option<&str>, body: &str) -> earmark::source::Parsed {
    let settings = Settings { id: "g".into(), params: Value::Null };
    google_play::parse(&Answer { status, url, ..Answer::saved(body.as_bytes()) }, &settings)
}

#[test]
fn reviews_are_read_as_they_are_documented() {
    let mut answered = review("gp:1", "Too slow\tIt takes\n\nages", now());
    answered["comments"].as_array_mut().unwrap().push(json!({ "developerComment": { "text": "Thanks",
        "lastModified": { "seconds": "1772625700" } } }));
    let mut translated = review("gp:2", "It crashes", now());
    translated["comments"][0]["userComment"]["originalText"] = json!("Es stürzt ab");
    let ours = json!({ "reviewId": "gp:3", "comments": [{ "developerComment": { "text": "Thanks" } }] });
    let nameless = json!({ "comments": [{ "userComment": { "text": "words" } }] });
    let mut silent = review("gp:4", "", now());
    silent["comments"][0]["userComment"]["starRating"] = json!(null);
    silent["comments"][0]["userComment"]["appVersionName"] = json!(null);
    let body = json!({ "reviews": [answered, translated, ours, nameless, silent], "pageInfo": { "totalResults": 5 } });
    let url = format!("https://androidpublisher.googleapis.com{LIST}?maxResults=100");
    let parsed = parse(200, Some(&url), &body.to_string());
    let places: Vec<&str> = parsed.rejects.iter().map(|reject| reject.at.as_str()).collect();
    assert_eq!(places, ["/reviews/3", "/reviews/4/comments/0/userComment"]);
    let [one, two] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((one.id.as_str(), one.title.as_deref()), ("gp:1", Some("Too slow")));
    assert_eq!(one.text, "★★☆☆☆ (2 of 5), version 3.1\nIt takes\n\nages");
    assert_eq!(
        (one.kind, one.site.as_str(), one.author.as_deref()),
        (PostKind::Review, "play.google.com", Some("ann"))
    );
    assert_eq!(
        (one.lang.as_deref(), one.created_at.map(|at| at.as_second())),
        (Some("pt-br"), Some(now().as_second()))
    );
    assert_eq!(
        one.url.as_deref(),
        Some("https://play.google.com/store/apps/details?id=com.acme.app&reviewId=gp%3A1")
    );
    assert!(two.text.ends_with("Es stürzt ab") && two.title.is_none(), "{}", two.text);
    let alone = parse(200, None, &review("gp:1", "Too slow\tFixed now", minutes(5)).to_string());
    assert_eq!((alone.posts[0].id.as_str(), alone.posts[0].url.as_deref()), ("gp:1", None));
    assert_ne!(alone.posts[0].version, one.version, "an edit is another version");
}

#[test]
fn what_holds_no_reviews_says_why() {
    for (status, body, expected) in [
        (200, "{}", Nothing::NoPostsInside),
        (200, "{\"reviews\": []}", Nothing::NoPostsInside),
        (
            200,
            "{\"reviews\": [{\"reviewId\": \"a\", \"comments\": [{\"developerComment\": {}}]}]}",
            Nothing::NoPostsInside,
        ),
        (200, "{\"result\": {\"replyText\": \"Thanks\"}}", Nothing::NoPostsInside),
        (200, "{\"error\": {\"code\": 403, \"status\": \"PERMISSION_DENIED\"}}", Nothing::ErrorAnswer),
        (403, "{}", Nothing::ErrorAnswer),
        (200, "{\"products\": [1]}", Nothing::ForeignInterface),
        (200, "<html></html>", Nothing::ForeignInterface),
        (200, "{\"reviews\": [{", Nothing::Broken),
    ] {
        assert_eq!(parse(status, None, body).nothing, Some(expected), "{status} {body}");
    }
}

#[tokio::test]
async fn a_backlog_comes_newest_first_and_a_week_away_is_a_gap() {
    let reviews: Arc<Mutex<Vec<Value>>> = Arc::default();
    let clock = Arc::new(Mutex::new(now()));
    let base = Arc::new(Mutex::new(String::new()));
    let (served, at, own) = (Arc::clone(&reviews), Arc::clone(&clock), Arc::clone(&base));
    let site = Served::start(move |asked| {
        if asked.path == "/token" {
            return give(asked, &format!("{}/token", own.lock().unwrap()), *at.lock().unwrap());
        }
        match asked.path.starts_with(LIST) {
            _ if !signed(asked) => error(401, "UNAUTHENTICATED"),
            true => list(&served.lock().unwrap(), &asked.path),
            false => error(404, "NOT_FOUND"),
        }
    })
    .await;
    *base.lock().unwrap() = site.base.clone();
    let key = key_file(&site.base);
    let params = |package: &str| json!({ "package": package, "key": key.pointer(), "base_url": site.base, "allow_private": true });
    let mut source = source("google_play", params("com.acme.app"), now());
    let put = |numbers: std::ops::Range<i64>, words: &str| {
        let list = numbers.rev().map(|number| review(&format!("gp:{number}"), words, minutes(number)));
        *reviews.lock().unwrap() = list.collect();
    };
    put(0..3, "words");
    let first = source.poll(&Position::default(), now()).await.expect("a look");
    assert_eq!((first.posts.len(), first.more, first.fetched_through), (3, false, Some(now())));
    assert_eq!(site.asked().len(), 2, "a token and a page");

    // Nothing new: one page, and the token is kept.
    let quiet = source.poll(&first.position, minutes(10)).await.expect("a look");
    assert_eq!((quiet.posts.len(), site.asked().len()), (0, 1));

    // Ten days away, with more than a look reads. What is older than a week is gone.
    let back = minutes(10 * 24 * 60);
    *clock.lock().unwrap() = back;
    put(13_000..13_612, "words");
    let (mut position, mut found, mut gaps, mut looks) = (quiet.position, Vec::new(), Vec::new(), 0);
    loop {
        let batch = source.poll(&position, back).await.expect("a look");
        found.extend(batch.posts.into_iter().map(|post| post.id));
        gaps.extend(batch.gaps);
        (position, looks) = (batch.position, looks + 1);
        if !batch.more {
            assert_eq!(batch.fetched_through, Some(back));
            break;
        }
    }
    assert_eq!((looks, found.len(), found[0].as_str()), (2, 612, "gp:13611"));
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    let week = back - SignedDuration::from_hours(7 * 24);
    assert_eq!((gap.cause, gap.from, gap.until), (GapCause::Overrun, Some(minutes(10)), week));

    // A changed review comes to the front.
    let edited = review("gp:13010", "better", back);
    reviews.lock().unwrap().insert(0, edited);
    let batch = source.poll(&position, back + SignedDuration::from_mins(5)).await.expect("a look");
    assert_eq!(batch.posts.iter().map(|post| post.id.as_str()).collect::<Vec<_>>(), ["gp:13010"]);

    let mut other = super::served::source("google_play", params("com.acme.other"), now());
    let error = other.poll(&Position::default(), back).await.expect_err("not ours");
    assert!(error.what.contains("no such app") && error.retry == Retry::Never, "{error:?}");
    let mut late = super::served::source("google_play", params("com.acme.app"), now());
    let error = late.poll(&Position::default(), now()).await.expect_err("an assertion of another time");
    assert!(error.what.contains("invalid_grant") && !error.what.contains("eyJ"), "{error:?}");
}

#[test]
fn settings_out_of_order_say_what_to_write() {
    let said = |params: Value| {
        let settings = Settings { id: "g".into(), params };
        (kind("google_play").expect("listed").check)(&settings).to_string()
    };
    assert_eq!(said(json!({ "package": "com.acme.app", "key": { "env": "X" } })), "");
    for (params, part) in [
        (json!({ "key": { "env": "X" } }), "package: is missing"),
        (json!({ "package": "Acme", "key": { "env": "X" } }), "com.acme.app"),
        (json!({ "package": "com.acme.app" }), "service account"),
        (json!({ "package": "com.acme.app", "key": "secret" }), "never stands"),
        (json!({ "package": "com.acme.app", "keys": { "env": "X" } }), "did you mean \"key\""),
    ] {
        let told = said(params);
        assert!(told.contains(part), "{part}: {told}");
    }
}
