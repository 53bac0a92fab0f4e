//! `app_store` as its feeds serve it, of our own making: a feed that is moody, and a key that signs.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use earmark::domain::post::PostKind;
use earmark::domain::source::GapCause;
use earmark::source::{Answer, Known, Nothing, Position, Retry, Settings, app_store, kind};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde_json::{Value, json};

use super::served::{Hidden, Served, now, query, source};
use crate::site::{Pages, Told, outage};
use crate::support::fake_site::{Asked, Page};

fn settings() -> Settings {
    Settings { id: "a".into(), params: Value::Null }
}

fn minutes(count: i64) -> Timestamp {
    now() + SignedDuration::from_mins(count)
}

fn entry(number: u64, words: &str) -> Value {
    json!({ "id": { "label": number.to_string() }, "title": { "label": format!("Review {number}") },
        "content": { "label": words, "attributes": { "type": "text" } },
        "author": { "name": { "label": "ann" }, "uri": { "label": "" }, "label": "" },
        "im:rating": { "label": "2" }, "im:version": { "label": "3.1" },
        "link": { "attributes": { "rel": "related", "href": "https://apps.acme.example/us/review?id=7" } } })
}

fn feed(entries: Vec<Value>) -> Page {
    let mut feed = json!({ "title": { "label": "Customer Reviews" }, "link": [] });
    match entries.len() {
        0 => {}
        // As the feed has it.
        1 => feed["entry"] = entries[0].clone(),
        _ => feed["entry"] = json!(entries),
    }
    Page::of("text/javascript", json!({ "feed": feed }).to_string())
}

/// Country and page of an address.
fn place(path: &str) -> Option<(&str, usize)> {
    let (country, rest) = path.trim_start_matches('/').split_once("/rss/customerreviews/page=")?;
    let (number, rest) = rest.split_once('/')?;
    (rest == "id=7/sortby=mostrecent/json").then_some((country, number.parse().ok()?))
}

fn paged(newest_first: &[Value], number: usize) -> Page {
    if number > 10 {
        return Page::of("text/plain", "CustomerReviews RSS page depth is limited to 10");
    }
    feed(newest_first.iter().skip((number - 1) * 50).take(50).cloned().collect())
}

struct Feed;

impl Pages for Feed {
    fn params(&self, base: &str) -> Value {
        json!({ "app": "7", "countries": ["us"], "base_url": base, "interval": "10m", "allow_private": true })
    }

    fn page(&self, history: &[Told], asked: &Asked) -> Page {
        let Some(("us", number)) = place(&asked.path) else { return Page::new(404) };
        let newest: Vec<Value> =
            history.iter().rev().map(|told| entry(1_000 + told.number, "words")).collect();
        paged(&newest, number)
    }

    fn id(&self, number: u64) -> String {
        (1_000 + number).to_string()
    }

    fn depth(&self) -> usize {
        500
    }
}

#[tokio::test]
async fn the_feed_finds_everything_after_an_outage() {
    outage("app_store", Feed).await;
}

#[test]
fn every_form_of_a_review_becomes_the_same_post() {
    let parse = |body: &str| app_store::parse(&Answer::saved(body.as_bytes()), &settings());
    let app = json!({ "im:name": { "label": "Acme" }, "id": { "label": "https://apps.acme.example/7" } });
    let broken = json!({ "title": { "label": "no id" }, "im:rating": { "label": "1" } });
    let silent = json!({ "id": { "label": "8" }, "im:rating": { "label": "" } });
    let parsed = parse(
        &json!({ "feed": { "entry": [app, entry(9, "Keeps\ncrashing"), broken, silent] } }).to_string(),
    );
    assert_eq!(
        parsed.rejects.iter().map(|reject| reject.at.as_str()).collect::<Vec<_>>(),
        ["/feed/entry/2", "/feed/entry/3"]
    );
    let [post] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((post.id.as_str(), post.title.as_deref()), ("9", Some("Review 9")));
    assert_eq!(post.text, "★★☆☆☆ (2 of 5), version 3.1\nKeeps\ncrashing");
    assert_eq!(
        (post.kind, post.site.as_str(), post.author.as_deref()),
        (PostKind::Review, "apps.apple.com", Some("ann"))
    );
    assert_eq!(post.url.as_deref(), Some("https://apps.acme.example/us/review?id=7"));

    let atom = "<?xml version=\"1.0\" encoding=\"utf-8\"?>
        <feed xmlns:im=\"http://itunes.apple.com/rss\" xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"en\"><id>x</id>
        <entry><id>https://apps.acme.example/7</id><title>Acme</title><im:name>Acme</im:name><im:artist>Globex</im:artist></entry>
        <entry><updated>2026-03-04T05:00:00-07:00</updated><id>9</id><title>Review 9</title>
        <content type=\"text\">Keeps\ncrashing</content><im:rating>2</im:rating><im:version>3.1</im:version>
        <author><name>ann</name><uri>x</uri></author><link rel=\"related\" href=\"https://apps.acme.example/us/review?id=7\"/>
        <content type=\"html\">&lt;table&gt;Keeps crashing&lt;/table&gt;</content></entry></feed>";
    let parsed = parse(atom);
    assert_eq!(parsed.posts.len(), 1, "{parsed:?}");
    assert_eq!(parsed.posts[0].created_at, Some(now()));
    assert_eq!(earmark::domain::post::Post { created_at: None, ..parsed.posts[0].clone() }, *post);

    let connect = json!({ "data": [
        { "type": "customerReviews", "id": "00-a", "attributes": { "rating": 5, "title": "Fine", "body": "Works", "territory": "USA",
          "reviewerNickname": "bo", "createdDate": "2026-03-04T05:00:00-07:00" } },
        { "type": "customerReviewResponses", "id": "r", "attributes": { "responseBody": "thanks" } },
    ], "links": { "self": "x" } });
    let parsed = parse(&connect.to_string());
    let [post] = parsed.posts.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((post.id.as_str(), post.text.as_str()), ("00-a", "★★★★★ (5 of 5)\nWorks"));
    assert_eq!((post.author.as_deref(), post.created_at), (Some("bo"), Some(now())));

    // Other stars are other words.
    let edited =
        json!({ "feed": { "entry": entry(9, "Keeps\ncrashing") } }).to_string().replace("\"2\"", "\"4\"");
    let edited = &parse(&edited).posts[0];
    assert_eq!(edited.text, "★★★★☆ (4 of 5), version 3.1\nKeeps\ncrashing");
}

#[test]
fn what_holds_no_reviews_says_why() {
    for (status, body, expected) in [
        (200, "CustomerReviews RSS page depth is limited to 10", Nothing::ErrorAnswer),
        (401, "{\"errors\": []}", Nothing::ErrorAnswer),
        (200, "{\"errors\": [{\"status\": \"404\", \"code\": \"NOT_FOUND\"}]}", Nothing::ErrorAnswer),
        (200, "{\"feed\": {\"title\": {\"label\": \"x\"}}}", Nothing::NoPostsInside),
        (200, "{\"feed\": {\"entry\": {\"im:name\": {\"label\": \"Acme\"}}}}", Nothing::NoPostsInside),
        (200, "{\"data\": [], \"links\": {}}", Nothing::NoPostsInside),
        (200, "{\"resultCount\": 0, \"results\": []}", Nothing::ForeignInterface),
        (200, "<html><body>Not here</body></html>", Nothing::ForeignInterface),
        (200, "<feed xmlns=\"http://www.w3.org/2005/Atom\"></feed>", Nothing::NoPostsInside),
        (200, "{\"feed\": {\"entry\": [{\"im:rat", Nothing::Broken),
        (200, "", Nothing::Broken),
    ] {
        let answer = Answer { status, ..Answer::saved(body.as_bytes()) };
        assert_eq!(app_store::parse(&answer, &settings()).nothing, Some(expected), "{status} {body}");
    }
}

#[tokio::test]
async fn an_empty_feed_is_an_alarm_and_an_old_copy_is_no_news() {
    type Lists = Vec<(&'static str, Vec<Value>)>;
    let lists: Arc<Mutex<Lists>> = Arc::default();
    let put = |list: Lists| *lists.lock().unwrap() = list;
    let served = Arc::clone(&lists);
    let site = Served::start(move |asked| {
        let Some((country, number)) = place(&asked.path) else { return Page::new(404) };
        let lists = served.lock().unwrap();
        let list = lists.iter().find(|(name, _)| *name == country);
        list.map_or_else(|| Page::new(400), |(_, list)| paged(list, number))
    })
    .await;
    let entries = |numbers: &[u64]| numbers.iter().map(|number| entry(*number, "words")).collect::<Vec<_>>();
    let params =
        json!({ "app": "id7", "countries": ["US", "de"], "base_url": site.base, "allow_private": true });
    let mut source = source("app_store", params, now());
    let ids = |batch: &earmark::source::Batch| {
        batch.posts.iter().map(|post| post.id.clone()).collect::<Vec<_>>().join(" ")
    };

    put(vec![("us", entries(&[102, 101])), ("de", Vec::new())]);
    let batch = source.poll(&Position::default(), now()).await.expect("a look");
    assert_eq!((ids(&batch).as_str(), batch.fetched_through, batch.more), ("101 102", Some(now()), false));
    assert_eq!(site.asked().len(), 2);
    let mut position = batch.position;

    // Empty where it was full; the other country is none the worse for it.
    put(vec![("us", Vec::new()), ("de", entries(&[201]))]);
    let batch = source.poll(&position, minutes(60)).await.expect("a look");
    assert_eq!((ids(&batch).as_str(), batch.fetched_through), ("201", None));
    assert!(batch.trouble.len() == 1 && batch.trouble[0].part == "us", "{:?}", batch.trouble);
    // Nor when there is nothing else to tell: it is asked as ever, and so is the one that fails, once a look.
    site.asked();
    let batch = source.poll(&batch.position, minutes(120)).await.expect("the other country answers");
    assert_eq!((ids(&batch).as_str(), batch.fetched_through, batch.rest), ("", None, None));
    let [trouble] = batch.trouble.as_slice() else { panic!("{:?}", batch.trouble) };
    assert!(trouble.part == "us" && trouble.what.contains("in us came empty"), "{trouble:?}");
    assert_eq!(site.asked().len(), 2);
    position = batch.position;
    // Where none answers the source has failed.
    put(vec![("us", Vec::new()), ("de", Vec::new())]);
    let error = source.poll(&position, minutes(150)).await.expect_err("nobody answers");
    assert!(error.what.contains("in us came empty") && error.retry == Retry::Soon, "{error:?}");
    position = error.position.expect("how far it got");

    // A copy from before, then a changed review and a new one.
    put(vec![("us", entries(&[101])), ("de", entries(&[201]))]);
    let batch = source.poll(&position, minutes(180)).await.expect("a look");
    assert!(batch.posts.is_empty() && batch.gaps.is_empty(), "{:?}", batch.posts);
    put(vec![
        ("us", [entries(&[103, 102]), vec![entry(101, "better words")]].concat()),
        ("de", entries(&[201])),
    ]);
    let batch = source.poll(&batch.position, minutes(240)).await.expect("a look");
    assert_eq!(ids(&batch), "101 103");

    // More than it holds.
    let many: Vec<u64> = (1_000..1_600).rev().collect();
    put(vec![("us", entries(&many)), ("de", entries(&[201]))]);
    let batch = source.poll(&batch.position, minutes(300)).await.expect("a look");
    let [gap] = batch.gaps.as_slice() else { panic!("{:?}", batch.gaps) };
    assert_eq!((gap.cause, gap.from, gap.until), (GapCause::Overrun, Some(minutes(240)), minutes(300)));
    assert_eq!((batch.posts.len(), batch.posts[499].id.as_str(), batch.more), (500, "1599", true));
    let batch = source.poll(&batch.position, minutes(300)).await.expect("the other country");
    assert_eq!((batch.posts.len(), batch.more, batch.fetched_through), (0, false, Some(minutes(300))));

    // A full page of new ones and nothing behind it, where there must be.
    let many: Vec<u64> = (2_000..2_050).rev().collect();
    put(vec![("us", entries(&many)), ("de", entries(&[201]))]);
    let batch = source.poll(&batch.position, minutes(360)).await.expect("the other country answers");
    assert!(batch.posts.is_empty() && batch.trouble[0].what.contains("came empty"), "{:?}", batch.trouble);
}

/// The key of an account, and what checks its tokens.
struct Key {
    file: Hidden,
    public: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let random = ring::rand::SystemRandom::new();
        let bytes = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.as_ref(), &random);
        let public = pair.expect("its own key").public_key().as_ref().to_vec();
        let lines: Vec<String> = STANDARD
            .encode(bytes.as_ref())
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let text = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        Self { file: Hidden::new(&text), public }
    }
}

/// The claims of a token that the key signed, good at that time.
fn admitted(public: &[u8], asked: &Asked, at: Timestamp) -> Option<Value> {
    let token = asked.headers.get("authorization")?.strip_prefix("Bearer ")?;
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(signed.as_bytes(), &signature).ok()?;
    let (head, claims) = signed.split_once('.')?;
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (head, claims) = (read(head)?, read(claims)?);
    let (from, until) = (claims["iat"].as_i64()?, claims["exp"].as_i64()?);
    let fits = head["alg"] == "ES256"
        && head["kid"] == "K1"
        && claims["aud"] == "appstoreconnect-v1"
        && claims["iss"] == "issuer"
        && until - from <= 1_200
        && (from..until).contains(&at.as_second());
    fits.then_some(claims)
}

#[tokio::test]
async fn a_key_signs_and_reads_all_the_way_back() {
    let key = Key::new();
    let reviews: Arc<Mutex<Vec<i64>>> = Arc::new(Mutex::new(vec![1]));
    let clock = Arc::new(Mutex::new(now()));
    let (public, list, at) = (key.public.clone(), Arc::clone(&reviews), Arc::clone(&clock));
    let base = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&base);
    let site = Served::start(move |asked| {
        if admitted(&public, asked, *at.lock().unwrap()).is_none() {
            return Page { body: json!({ "errors": [{ "status": "401" }] }).to_string().into(), ..Page::new(401) };
        }
        let review = |number: &i64| {
            json!({ "type": "customerReviews", "id": format!("rev-{number}"), "attributes": { "rating": 1,
                "title": "Bad", "body": format!("words {number}"), "createdDate": minutes(*number).to_string() } })
        };
        let list = list.lock().unwrap();
        if let Some(name) = asked.path.strip_prefix("/v1/customerReviews/") {
            let found = list.iter().find(|number| format!("rev-{number}") == name);
            return found.map_or_else(|| Page::new(404), |number| {
                Page::of("application/json", json!({ "data": review(number) }).to_string())
            });
        }
        if !asked.path.starts_with("/v1/apps/7/customerReviews?") {
            return Page::new(404);
        }
        let limit: usize = query(&asked.path, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(50);
        let from: usize = query(&asked.path, "cursor").and_then(|from| from.parse().ok()).unwrap_or(0);
        let page: Vec<Value> = list.iter().skip(from).take(limit.min(200)).map(review).collect();
        let mut body = json!({ "data": page, "links": { "self": "x" } });
        if from + page.len() < list.len() {
            let next = from + page.len();
            let own = own.lock().unwrap();
            body["links"]["next"] = json!(format!("{own}/v1/apps/7/customerReviews?sort=-createdDate&limit=200&cursor={next}"));
        }
        Page::of("application/json", body.to_string())
    })
    .await;
    *base.lock().unwrap() = site.base.clone();
    let params = json!({ "app": "7", "key": key.file.pointer(), "key_id": "K1", "issuer_id": "issuer",
        "base_url": site.base, "allow_private": true });
    let mut source = source("app_store", params.clone(), now());
    let first = source.poll(&Position::default(), now()).await.expect("a look");
    assert_eq!((first.posts.len(), first.more, first.fetched_through), (1, false, Some(now())));

    *reviews.lock().unwrap() = (1..=1_001).rev().collect();
    *clock.lock().unwrap() = minutes(2_000);
    let (mut position, mut found, mut looks) = (first.position, Vec::new(), 0);
    loop {
        let batch = source.poll(&position, minutes(2_000)).await.expect("a look");
        found.extend(batch.posts.into_iter().map(|post| post.id));
        (position, looks) = (batch.position, looks + 1);
        assert!(batch.gaps.is_empty());
        if !batch.more {
            assert_eq!(batch.fetched_through, Some(minutes(2_000)));
            break;
        }
    }
    assert_eq!((looks, found.len(), found[0].as_str(), found[999].as_str()), (2, 1_000, "rev-1001", "rev-2"));
    let known = |id: &str| Known { id: id.into(), url: None, parent: None };
    let told = source.recheck(&[known("rev-5"), known("rev-5000")], minutes(2_001)).await.expect("an answer");
    assert_eq!((told.posts.len(), told.gone.as_slice()), (1, &["rev-5000".to_owned()][..]));

    *clock.lock().unwrap() = minutes(1);
    let error = source.poll(&position, minutes(2_002)).await.expect_err("a token of another time");
    assert!(error.what.contains("issuer_id is refused") && error.retry == Retry::Never, "{error:?}");
}

#[test]
fn settings_out_of_order_say_what_to_write() {
    let said = |params: Value| {
        let settings = Settings { id: "a".into(), params };
        (kind("app_store").expect("listed").check)(&settings).to_string()
    };
    assert_eq!(said(json!({ "app": "284882215", "countries": ["de", "us"] })), "");
    assert_eq!(said(json!({ "app": "7", "key": { "env": "X" }, "key_id": "K" })), "");
    for (params, part) in [
        (json!({ "app": "Acme", "countries": ["us"] }), "by its number"),
        (json!({ "app": "7" }), "nothing to read"),
        (json!({ "app": "7", "countries": ["usa"] }), "no country"),
        (json!({ "app": "7", "countries": ["us"], "key": { "env": "X" }, "key_id": "K" }), "all countries"),
        (json!({ "app": "7", "key": { "env": "X" } }), "key_id"),
        (json!({ "app": "7", "key_id": "K" }), "is missing beside key_id"),
        (json!({ "app": "7", "countrys": "us", "countries": ["us"] }), "did you mean \"countries\""),
    ] {
        let told = said(params);
        assert!(told.contains(part), "{part}: {told}");
    }
}
