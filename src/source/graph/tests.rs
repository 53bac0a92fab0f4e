//! What the Graph API's refusals and headers mean, and how a question is proven.

use serde_json::json;

use super::*;

fn headers(pairs: &[(&str, Value)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect()
}

#[test]
fn a_refusal_says_whether_to_wait_or_what_to_do() {
    let hour = SignedDuration::from_hours(1);
    for (status, code, retry, part) in [
        (400, 4, Retry::After(REST), "limit"),
        (400, 17, Retry::After(REST), "limit"),
        (400, 32, Retry::After(REST), "limit"),
        (400, 613, Retry::After(REST), "limit"),
        (400, 80_001, Retry::After(REST), "limit"),
        (400, 190, Retry::Never, "make a new long-lived one"),
        (403, 10, Retry::Never, "permission"),
        (403, 200, Retry::Never, "permission"),
        (400, 283, Retry::Never, "permission"),
        (400, 12, Retry::Never, "no longer served"),
        (500, 2, Retry::Soon, "failed there"),
        (400, 368, Retry::After(hour), "blocks"),
        (400, 100, Retry::Never, "code 100"),
        (503, 0, Retry::Soon, "503"),
    ] {
        let value = json!({ "error": { "message": "(#1) words", "code": code, "type": "OAuthException" } });
        let fault = refused(&Answer { status, ..Answer::saved(b"") }, &value);
        assert_eq!((fault.code, fault.error.retry), (code, retry), "{status} {code}");
        assert!(fault.error.what.contains(part), "{part}: {}", fault.error.what);
    }
    let passing = json!({ "error": { "message": "later", "code": 5, "is_transient": true } });
    assert_eq!(refused(&Answer { status: 400, ..Answer::saved(b"") }, &passing).error.retry, Retry::Soon);
}

#[test]
fn a_message_that_holds_the_token_is_not_shown() {
    let value = json!({ "error": { "message": "Malformed access token EAAhunter2", "code": 190 } });
    assert!(!refused(&Answer { status: 400, ..Answer::saved(b"") }, &value).error.what.contains("hunter2"));
}

#[test]
fn a_busy_app_rests_as_long_as_it_is_told() {
    for (pairs, expected) in [
        (vec![("x-app-usage", json!({ "call_count": 28, "total_time": 25, "total_cputime": 25 }))], None),
        (
            vec![("x-app-usage", json!({ "call_count": 28, "total_time": 95, "total_cputime": 25 }))],
            Some(REST),
        ),
        (
            vec![(
                "x-business-use-case-usage",
                json!({ "17": [{ "type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19 }] }),
            )],
            Some(SignedDuration::from_mins(19)),
        ),
        (
            vec![(
                "x-business-use-case-usage",
                json!({ "17": [{ "type": "pages", "call_count": 91, "estimated_time_to_regain_access": 0 }] }),
            )],
            Some(REST),
        ),
        (vec![("x-app-usage", json!("nonsense"))], None),
        (vec![], None),
    ] {
        let headers = headers(&pairs);
        assert_eq!(rest(&Answer { headers: &headers, ..Answer::saved(b"") }), expected, "{pairs:?}");
    }
}

#[test]
fn a_proof_is_the_token_under_the_secret() {
    let credential = |text: &str| Credential::new(secrecy::SecretString::from(text.to_owned()));
    // As `openssl dgst -sha256 -hmac secret` says of the same words.
    assert_eq!(
        proof(&credential("token"), &credential("secret")),
        "e941110e3d2bfe82621f0e3e1434730d7305d106c5f68c87165d0b27a4611a4a"
    );
}
