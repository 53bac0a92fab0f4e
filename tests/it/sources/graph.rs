//! The Graph API's rules for the tests of the three kinds that read it: token and proof, pages with cursors,
//! refusals with codes.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::served::query;
use crate::support::fake_site::{Asked, Page};

pub const TOKEN: &str = "t0ken";
pub const SECRET: &str = "s3cret";

/// A refusal as the interface words it.
pub fn refusal(status: u16, code: u64) -> Page {
    let error = json!({ "error": { "message": format!("(#{code}) refused"), "type": "OAuthException", "code": code } });
    Page { status, ..Page::of("application/json", error.to_string()) }
}

/// Whoever has no token, or whose proof does not fit, is refused.
pub fn signed(asked: &Asked, proven: bool) -> Result<(), Page> {
    if query(&asked.path, "access_token").as_deref() != Some(TOKEN) {
        return Err(refusal(400, 190));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(TOKEN.as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    if proven && query(&asked.path, "appsecret_proof") != Some(expected) {
        return Err(refusal(400, 100));
    }
    Ok(())
}

/// A page of a list, newest first; `time` is where a thing says when it was made.
pub fn list(mut items: Vec<Value>, time: &str, asked: &Asked) -> Page {
    let number = |name: &str| query(&asked.path, name).and_then(|text| text.parse::<i64>().ok());
    let most = number("limit").unwrap_or(25);
    if !(1..=100).contains(&most) {
        return refusal(400, 100);
    }
    if let Some(since) = number("since") {
        items.retain(|item| {
            let at: jiff::Timestamp = item[time].as_str().and_then(|at| at.parse().ok()).expect("a time");
            at.as_second() >= since
        });
    }
    // Cursors stand for things, not for places: what comes later moves nothing.
    let after = query(&asked.path, "after");
    let from = match &after {
        None => 0,
        Some(after) => match items.iter().position(|item| item["id"].as_str() == Some(after)) {
            Some(at) => at + 1,
            None => return refusal(400, 100),
        },
    };
    let most = usize::try_from(most).expect("checked");
    let page: Vec<Value> = items.iter().skip(from).take(most).cloned().collect();
    let mut body = json!({ "data": page });
    if let Some(last) = page.last() {
        body["paging"] = json!({ "cursors": { "before": page[0]["id"], "after": last["id"] } });
        if from + page.len() < items.len() {
            let mut next = url::Url::parse(&format!("https://graph.example{}", asked.path)).expect("a URL");
            let kept: Vec<(String, String)> = next
                .query_pairs()
                .filter(|(key, _)| key != "after")
                .map(|(a, b)| (a.into(), b.into()))
                .collect();
            next.query_pairs_mut()
                .clear()
                .extend_pairs(kept)
                .append_pair("after", last["id"].as_str().unwrap_or(""));
            body["paging"]["next"] = next.as_str().into();
        }
    }
    Page::of("application/json", body.to_string())
}
