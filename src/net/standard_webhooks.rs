//! Signing by the Standard Webhooks scheme.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::Sha256;

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
        let bytes = match secret.strip_prefix("whsec_") {
            Some(text) => STANDARD.decode(text).map_err(|_| "what follows whsec_ is no base64".to_owned())?,
            None => secret.as_bytes().to_vec(),
        };
        Hmac::new_from_slice(&bytes).map(Self).map_err(|error| error.to_string())
    }
}

/// The value of the signature header for a message.
pub fn sign(key: &Key, id: &str, at: Timestamp, body: &[u8]) -> String {
    let mut mac = key.0.clone();
    mac.update(format!("{id}.{}.", at.as_second()).as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
