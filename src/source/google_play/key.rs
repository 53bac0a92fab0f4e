//! A service account of Google: its key signs an assertion (JWT, RS256) that is exchanged for a token, which is used
//! until shortly before its end.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::domain::secret::SecretRef;
use crate::source::api::{Api, Credential};
use crate::source::{Retry, SourceError};

/// What may be done with the token.
const SCOPE: &str = "https://www.googleapis.com/auth/androidpublisher";

/// How an assertion is offered for a token.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Google takes no assertion that lives for longer than an hour.
const LIVES: SignedDuration = SignedDuration::from_mins(30);

/// A token is replaced this long before its end.
const EARLY: SignedDuration = SignedDuration::from_mins(2);

pub struct Account {
    pair: KeyPair,
    key_id: Option<String>,
    mail: String,
    giver: String,
    key: Credential,
    token: Option<(Credential, Timestamp)>,
}

impl Account {
    /// # Errors
    /// When the secret cannot be read, or is no such key.
    pub fn new(pointer: &SecretRef) -> Result<Self, String> {
        let key = Credential::fetch(pointer)?;
        let file: Value = serde_json::from_str(key.expose()).unwrap_or_default();
        let text = |name: &str| file.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (Some(mail), Some(pem)) = (text("client_email"), text("private_key")) else {
            return Err("what key points to is no key file (JSON) of a service account of Google".into());
        };
        let pair = der(pem).and_then(|bytes| KeyPair::from_pkcs8(&bytes).ok());
        let pair =
            pair.ok_or("the private_key of the service account cannot be read: it is no RSA key in PKCS #8")?;
        Ok(Self {
            pair,
            key_id: text("private_key_id").map(str::to_owned),
            mail: mail.to_owned(),
            giver: text("token_uri").unwrap_or("https://oauth2.googleapis.com/token").to_owned(),
            token: None,
            key,
        })
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// Why none was given.
    pub async fn token(&mut self, api: &Api, now: Timestamp) -> Result<Credential, SourceError> {
        if let Some((token, until)) = &self.token
            && *until > now
        {
            return Ok(token.clone());
        }
        let assertion = self.assertion(now)?;
        let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
        let answer = api.post_form_any(&self.giver, &form).await?;
        let value = answer.borrowed().json();
        if answer.status >= 400 {
            let refused = answer.refused();
            let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let told = told.get("error").and_then(Value::as_str).filter(|told| told.len() <= 60);
            let told = told.map(|told| format!(" ({told})")).unwrap_or_default();
            let what = format!("no token was given for the service account{told}: {}", refused.what);
            return Err(SourceError { what, ..refused });
        }
        let value = value.unwrap_or_default();
        let Some(token) = value.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty())
        else {
            return Err(soon("the answer to the service account's key holds no token".into()));
        };
        let lives = value.get("expires_in").and_then(Value::as_i64).unwrap_or(3_600).clamp(0, 86_400);
        let until = now.checked_add(SignedDuration::from_secs(lives) - EARLY).unwrap_or(now);
        let token = Credential::new(SecretString::from(token.to_owned())).counted_as(&self.key);
        self.token = Some((token.clone(), until));
        Ok(token)
    }

    fn assertion(&self, now: Timestamp) -> Result<String, SourceError> {
        let mut head = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(key_id) = &self.key_id {
            head["kid"] = json!(key_id);
        }
        let ends = now.checked_add(LIVES).unwrap_or(Timestamp::MAX);
        let claims = json!({ "iss": self.mail, "scope": SCOPE, "aud": self.giver, "iat": now.as_second(),
            "exp": ends.as_second() });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| soon("no assertion could be signed: this machine gives no random numbers".into()))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The token was refused.
    pub fn forget(&mut self) {
        self.token = None;
    }
}

fn soon(what: String) -> SourceError {
    SourceError { what, retry: Retry::Soon, position: None }
}

/// The bytes between the lines that frame a key.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, after) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (lines, _) = after.split_once("-----END PRIVATE KEY-----")?;
    STANDARD.decode(lines.split_whitespace().collect::<String>()).ok()
}
