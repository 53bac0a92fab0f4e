//! A key of App Store Connect: it signs short-lived tokens (JWT, ES256), each used until shortly before its end.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use secrecy::SecretString;
use serde_json::json;

use crate::domain::secret::SecretRef;
use crate::source::api::Credential;

/// Apple takes no token that lives for longer than twenty minutes.
const LIVES: SignedDuration = SignedDuration::from_mins(15);

/// A token is replaced this long before its end.
const EARLY: SignedDuration = SignedDuration::from_mins(2);

pub struct Signer {
    pair: EcdsaKeyPair,
    key_id: String,
    /// None: the key of one person.
    issuer_id: Option<String>,
    key: Credential,
    token: Option<(Credential, Timestamp)>,
}

impl Signer {
    /// # Errors
    /// When the secret cannot be read, or is no such key.
    pub fn new(pointer: &SecretRef, key_id: &str, issuer_id: Option<&str>) -> Result<Self, String> {
        let key = Credential::fetch(pointer)?;
        let lines: String =
            key.expose().lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        let bytes = STANDARD.decode(lines).ok();
        let pair = bytes.and_then(|bytes| {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes, &SystemRandom::new()).ok()
        });
        let pair = pair.ok_or("what key points to is no .p8 file as App Store Connect gives it out")?;
        Ok(Self {
            pair,
            key_id: key_id.to_owned(),
            issuer_id: issuer_id.map(str::to_owned),
            key,
            token: None,
        })
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// When this machine has no randomness.
    pub fn token(&mut self, now: Timestamp) -> Result<Credential, String> {
        if let Some((token, until)) = &self.token
            && *until > now
        {
            return Ok(token.clone());
        }
        let ends = now.checked_add(LIVES).unwrap_or(Timestamp::MAX);
        let head = json!({ "alg": "ES256", "kid": self.key_id, "typ": "JWT" });
        let mut claims =
            json!({ "iat": now.as_second(), "exp": ends.as_second(), "aud": "appstoreconnect-v1" });
        match &self.issuer_id {
            Some(issuer) => claims["iss"] = json!(issuer),
            None => claims["sub"] = json!("user"),
        }
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| "no token could be signed: this machine gives no random numbers".to_owned())?;
        let token = SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)));
        let token = Credential::new(token).counted_as(&self.key);
        self.token = Some((token.clone(), ends.checked_sub(EARLY).unwrap_or(now)));
        Ok(token)
    }

    /// The token was refused.
    pub fn forget(&mut self) {
        self.token = None;
    }
}
