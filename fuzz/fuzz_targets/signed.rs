//! What proves who is calling: the tokens of links in messages, and the headers of pushed requests. Nobody
//! without the key makes one; what verifies says what was signed, to the byte.

#![no_main]

use earmark::domain::id::{EscalationId, LinkId, OwnerId};
use earmark::net::standard_webhooks::{ID, Key, SIGNATURE, TIMESTAMP, sign, verify};
use earmark::notify::link::{LinkAction, Links, PATH};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);
/// Owners' names are words of a configuration.
const LONGEST_OWNER: usize = 256;

fn links(text: &str) {
    let links = Links::with_key([7; 32], "https://earmark.example");
    if let Ok(claim) = links.verify(text, NOW) {
        assert!(claim.expires > NOW);
        let again = links.sign(claim.action, claim.escalation, &claim.owner, claim.expires, claim.link);
        assert_eq!(again, format!("https://earmark.example{PATH}{text}"), "two tokens for one claim");
    }
    if text.len() > LONGEST_OWNER {
        return;
    }
    let (owner, number) = (OwnerId::from(text), Uuid::from_u128(text.len() as u128));
    let expires = Timestamp::from_second(1 + text.len() as i64).expect("a time");
    let url = links.sign(LinkAction::Resolve, EscalationId(number), &owner, expires, LinkId(number));
    let token = url.rsplit('/').next().unwrap_or_default();
    let claim = links.verify(token, NOW).expect("what was signed verifies");
    assert_eq!((claim.owner, claim.expires, claim.link), (owner, expires, LinkId(number)));
    assert!(links.verify(token, expires).is_err(), "its time is over");
    for other in [&token[1..], &token[..token.len() - 1], &format!("{token}A"), &token.replacen('.', "..", 1)]
    {
        assert!(links.verify(other, NOW).is_err(), "{other} is not what was signed");
    }
}

/// Lines of id, time and signatures; the rest is the body.
fn requests(text: &str) {
    let keys = [Key::new("a secret of sixteen characters or more").expect("a key")];
    let mut parts = text.splitn(4, '\n');
    let [id, time, signatures, body] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let headers = [(ID, id), (TIMESTAMP, time), (SIGNATURE, signatures)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    if verify(&keys, &headers, body.as_bytes(), NOW, TOLERANCE).is_ok() {
        let at = Timestamp::from_second(time.parse().expect("a number")).expect("a time");
        let signed = sign(&keys[0], id, at, body.as_bytes());
        assert!(
            signatures.split_ascii_whitespace().any(|given| given == signed),
            "{signatures} is not {signed}"
        );
    }
    let signed = sign(&keys[0], id, NOW, body.as_bytes());
    let headers = |body: &str| {
        [(ID, id), (TIMESTAMP, "0"), (SIGNATURE, body)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let fits = |signature: &str, body: &str| {
        verify(&keys, &headers(signature), body.as_bytes(), NOW, TOLERANCE).is_ok()
    };
    assert_eq!(fits(&signed, body), !id.is_empty() && id.len() <= 256);
    assert!(!fits(&signed, &format!("{body} ")), "another body");
    assert!(!fits(signatures, &format!("{body} ")), "a signature from nowhere");
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    links(text);
    requests(text);
    // Secrets come from files that people write.
    let _ = Key::new(text);
});
