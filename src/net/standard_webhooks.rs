//! The Standard Webhooks scheme: who sent a request, and that nobody changed or kept it. The
//! signature is HMAC-SHA256 over `id.timestamp.body`; the id is the same for every try of one
//! message, so that a receiver can tell a repeat.
//!
//! Used both ways: posts that are pushed to us are verified, notifications that we push are signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

/// Header with the message's id.
pub const ID: &str = "webhook-id";
/// Header with the second at which it was signed.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// Header with one or more signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// Signatures looked at in one request: a sender that rotates its secret sends two.
const MOST_SIGNATURES: usize = 16;
/// Longest id taken; it may become part of a post's id.
const LONGEST_ID: usize = 256;

/// What both sides know. Hides itself from `Debug`.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A key from a secret: base64 after `whsec_`, else the characters as they stand.
    ///
    /// # Errors
    /// A fragment that says what is wrong; never the secret.
    pub fn new(secret: &str) -> Result<Self, String> {
        let secret = secret.trim();
        let bytes = match secret.strip_prefix("whsec_") {
            Some(coded) => STANDARD.decode(coded).map_err(|_| {
                "the secret begins with whsec_, and what follows is no base64; copy it again, or take whsec_ off if it \
                 is meant as it stands"
                    .to_owned()
            })?,
            None => secret.as_bytes().to_vec(),
        };
        if bytes.len() < 16 {
            return Err("the secret is shorter than 16 bytes and could be guessed; make one with \
                        `echo whsec_$(openssl rand -base64 32)`"
                .into());
        }
        Ok(Self(Hmac::new_from_slice(&bytes).expect("HMAC takes keys of any length")))
    }

    fn over(&self, id: &str, second: i64, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{second}.").as_bytes());
        mac.update(body);
        mac
    }
}

/// The value of the signature header for a message.
pub fn sign(key: &Key, id: &str, at: Timestamp, body: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(key.over(id, at.as_second(), body).finalize().into_bytes()))
}

/// The id of a request that one of `keys` signed at most `tolerance` before or after `now`.
///
/// # Errors
/// What does not hold, as a fragment for the sender; says nothing that helps to forge.
pub fn verify<'a>(
    keys: &[Key],
    headers: &'a [(String, String)],
    body: &[u8],
    now: Timestamp,
    tolerance: SignedDuration,
) -> Result<&'a str, String> {
    let header = |name: &str| {
        let mut found = headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value.as_str()),
            (None, _) => Err(format!("the header {name} is missing")),
            (Some(_), Some(_)) => Err(format!("the header {name} is there twice")),
        }
    };
    let id = header(ID)?;
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(format!("the header {ID} must have 1 to {LONGEST_ID} characters"));
    }
    let second: i64 =
        header(TIMESTAMP)?.parse().map_err(|_| format!("the header {TIMESTAMP} is no number of seconds"))?;
    let signed_at =
        Timestamp::from_second(second).map_err(|_| format!("the header {TIMESTAMP} is out of range"))?;
    if now.duration_since(signed_at).abs() > tolerance {
        return Err(format!(
            "{TIMESTAMP} is more than {} s away from the time here; sign each try anew, and look at both clocks",
            tolerance.as_secs()
        ));
    }
    let given = header(SIGNATURE)?
        .split_ascii_whitespace()
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .take(MOST_SIGNATURES)
        .filter_map(|coded| STANDARD.decode(coded).ok());
    for signature in given {
        for key in keys {
            if key.over(id, second, body).verify_slice(&signature).is_ok() {
                return Ok(id);
            }
        }
    }
    Err(format!("no signature in {SIGNATURE} fits the secret, the id, the timestamp and the body"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example that the scheme's specification and its libraries share.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SECOND: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn key() -> Key {
        Key::new(SECRET).expect("the published secret")
    }

    fn check(signature: &str, second: &str, body: &[u8], now: i64) -> Result<String, String> {
        let headers = [(ID, MESSAGE), (TIMESTAMP, second), (SIGNATURE, signature)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let now = Timestamp::from_second(now).expect("in range");
        verify(&[key()], &headers, body, now, SignedDuration::from_mins(5)).map(str::to_owned)
    }

    #[test]
    fn agrees_with_the_published_example() {
        let at = Timestamp::from_second(SECOND).expect("in range");
        assert_eq!(sign(&key(), MESSAGE, at, BODY), SIGNED);
        assert_eq!(check(SIGNED, &SECOND.to_string(), BODY, SECOND).as_deref(), Ok(MESSAGE));
    }

    #[test]
    fn one_good_signature_among_strangers_is_enough() {
        let many = format!("v1a,AAAA v1,Zm9yZ2Vk v2,g0hM9SsE {SIGNED}");
        assert!(check(&many, &SECOND.to_string(), BODY, SECOND).is_ok());
        assert!(check("v1,Zm9yZ2Vk", &SECOND.to_string(), BODY, SECOND).is_err());
        assert!(check("", &SECOND.to_string(), BODY, SECOND).is_err());
        let buried = format!("{}{SIGNED}", "v1,AAAA ".repeat(MOST_SIGNATURES));
        assert!(check(&buried, &SECOND.to_string(), BODY, SECOND).is_err());
    }

    #[test]
    fn what_was_changed_or_kept_does_not_verify() {
        assert!(check(SIGNED, &SECOND.to_string(), br#"{"test": 2432232315}"#, SECOND).is_err());
        assert!(check(SIGNED, &(SECOND + 1).to_string(), BODY, SECOND).is_err());
        for drift in [-300, 300] {
            assert!(check(SIGNED, &SECOND.to_string(), BODY, SECOND + drift).is_ok(), "{drift}");
        }
        for drift in [-301, 301, i64::from(u32::MAX)] {
            assert!(check(SIGNED, &SECOND.to_string(), BODY, SECOND + drift).is_err(), "{drift}");
        }
        for second in ["", "yesterday", "9223372036854775807", "-9223372036854775808"] {
            assert!(check(SIGNED, second, BODY, SECOND).is_err(), "{second}");
        }
    }

    #[test]
    fn secrets_that_could_be_guessed_or_were_miscopied_are_refused_and_not_repeated() {
        for secret in ["hunter2", "whsec_not base64 at all!", "whsec_c2hvcnQ=", ""] {
            let error = Key::new(secret).expect_err("refused");
            assert!(secret.is_empty() || !error.contains(secret), "{error}");
        }
        assert!(Key::new("a raw secret of 24 bytes").is_ok());
        assert_eq!(format!("{:?}", key()), "Key(…)");
    }

    #[test]
    fn a_header_that_is_missing_or_doubled_is_named() {
        let now = Timestamp::from_second(SECOND).expect("in range");
        let one = |name: &str| (name.to_owned(), "1".to_owned());
        let error = verify(&[key()], &[], BODY, now, SignedDuration::from_mins(5)).expect_err("none");
        assert!(error.contains(ID), "{error}");
        let doubled = [one(ID), one(ID)];
        let error = verify(&[key()], &doubled, BODY, now, SignedDuration::from_mins(5));
        assert!(error.expect_err("two").contains("twice"));
    }
}
