//! Signed links: an owner acts from a mail, with no account and no sign-in.
//!
//! A token says what may be done (acknowledge or resolve), to which escalation, as which owner,
//! and until when; its link number is used up by the act (`Effects::link`, in the same
//! transaction). It is signed with a key that this daemon made and keeps beside its store.
//!
//! Looking is not acting: mail scanners and previews open every link they see. So whoever serves
//! [`PATH`] answers a GET with a page that says what would happen and a button, and acts only on
//! the POST that the button sends.
//!
//! Token: `base64url(version ∥ action ∥ link ∥ escalation ∥ expiry ∥ owner) . base64url(HMAC-SHA256)`.
//! A link's number is derived from the message's key and its action: however often a message is
//! sent again, its links are the same ones and can be used once.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::id::{EscalationId, LinkId, OwnerId};

/// Where links lead, below the public URL; the token follows.
pub const PATH: &str = "/link/";

/// Name of the key's file in the store's folder.
pub const KEY_FILE: &str = "link.key";

const VERSION: u8 = 1;
const KEY_LENGTH: usize = 32;
/// Version, action, link, escalation, expiry; the owner's name follows.
const FIXED: usize = 1 + 1 + 16 + 16 + 8;
/// Longer than any token of ours: nothing larger is decoded.
const LONGEST: usize = 1_024;

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAction {
    /// "I have it".
    Acknowledge,
    /// Closed.
    Resolve,
}

/// What a link that verifies says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What may be done.
    pub action: LinkAction,
    /// To which matter.
    pub escalation: EscalationId,
    /// As whom.
    pub owner: OwnerId,
    /// Until when.
    pub expires: Timestamp,
    /// Used up by the act.
    pub link: LinkId,
}

/// Why a link is refused. The texts are shown to whoever opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Cut off or mangled on its way, or signed by somebody else.
    #[error("this link is not one of ours, or part of it is missing; open it from the message again")]
    Invalid,
    /// Its time is over.
    #[error("this link has run out; the newest message about the matter has a fresh one")]
    Expired,
}

/// Makes and checks links.
#[derive(Clone)]
pub struct Links {
    key: [u8; KEY_LENGTH],
    base_url: String,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Links {
    /// With the key kept in `folder`, made there at the first use; links begin with `base_url`.
    ///
    /// # Errors
    /// What the disk said, or that the file holds no key.
    pub fn open(folder: &Path, base_url: &str) -> io::Result<Self> {
        let path = folder.join(KEY_FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(folder, &path)?,
            Err(error) => return Err(error),
        };
        let key = bytes.try_into().map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} holds no key of {KEY_LENGTH} bytes; remove it and a new one is made, \
                     after which the links in older messages are refused",
                    path.display()
                ),
            )
        })?;
        Ok(Self::with_key(key, base_url))
    }

    /// With a key from elsewhere.
    pub fn with_key(key: [u8; KEY_LENGTH], base_url: &str) -> Self {
        Self { key, base_url: base_url.trim_end_matches('/').to_owned() }
    }

    /// The same key, with links that begin with `base_url`: a reload may change it.
    #[must_use]
    pub fn based(&self, base_url: &str) -> Self {
        Self::with_key(self.key, base_url)
    }

    /// The address that lets `owner` do `action` until `expires`, once.
    pub fn sign(
        &self,
        action: LinkAction,
        escalation: EscalationId,
        owner: &OwnerId,
        expires: Timestamp,
        link: LinkId,
    ) -> String {
        let mut body = Vec::with_capacity(FIXED + owner.as_str().len());
        body.push(VERSION);
        body.push(match action {
            LinkAction::Acknowledge => 1,
            LinkAction::Resolve => 2,
        });
        body.extend_from_slice(link.as_bytes());
        body.extend_from_slice(escalation.as_bytes());
        body.extend_from_slice(&expires.as_second().to_be_bytes());
        body.extend_from_slice(owner.as_str().as_bytes());
        let signature = self.mac(&body).finalize().into_bytes();
        format!(
            "{}{PATH}{}.{}",
            self.base_url,
            URL_SAFE_NO_PAD.encode(&body),
            URL_SAFE_NO_PAD.encode(signature)
        )
    }

    /// What a token says, once it is known to be ours and not too old. Whether its link was used
    /// before, the store says.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claim, LinkError> {
        if token.len() > LONGEST {
            return Err(LinkError::Invalid);
        }
        let (body, signature) = token.split_once('.').ok_or(LinkError::Invalid)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| LinkError::Invalid);
        let (body, signature) = (decode(body)?, decode(signature)?);
        // Compares in constant time.
        self.mac(&body).verify_slice(&signature).map_err(|_| LinkError::Invalid)?;
        let claim = read(&body).ok_or(LinkError::Invalid)?;
        if claim.expires <= now { Err(LinkError::Expired) } else { Ok(claim) }
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(body);
        mac
    }
}

/// The number of a message's link, the same at every try.
pub fn number(message_key: &str, action: LinkAction) -> LinkId {
    let word = match action {
        LinkAction::Acknowledge => "acknowledge",
        LinkAction::Resolve => "resolve",
    };
    let hash = Sha256::digest(format!("link/{word}/{message_key}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    LinkId(Uuid::from_bytes(bytes))
}

fn read(body: &[u8]) -> Option<Claim> {
    let (fixed, owner) = body.split_at_checked(FIXED)?;
    if fixed[0] != VERSION {
        return None;
    }
    let action = match fixed[1] {
        1 => LinkAction::Acknowledge,
        2 => LinkAction::Resolve,
        _ => return None,
    };
    let number = |range: std::ops::Range<usize>| Some(Uuid::from_bytes(fixed[range].try_into().ok()?));
    Some(Claim {
        action,
        link: LinkId(number(2..18)?),
        escalation: EscalationId(number(18..34)?),
        expires: Timestamp::from_second(i64::from_be_bytes(fixed[34..FIXED].try_into().ok()?)).ok()?,
        owner: std::str::from_utf8(owner).ok()?.into(),
    })
}

/// Writes a new key beside and links it into place, so that a crash leaves a whole key or none,
/// and of two daemons that start at once the first one's key stands.
fn make_key(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let mut key = [0; KEY_LENGTH];
    OsRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
    let beside = folder.join(format!("{KEY_FILE}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    std::fs::File::open(folder)?.sync_all()?;
    std::fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(links: &Links, expires: Timestamp) -> (String, Claim) {
        let claim = Claim {
            action: LinkAction::Resolve,
            escalation: EscalationId::new(expires),
            owner: "care".into(),
            expires,
            link: number("some-key", LinkAction::Resolve),
        };
        let url = links.sign(claim.action, claim.escalation, &claim.owner, claim.expires, claim.link);
        let token = url.strip_prefix("https://earmark.acme.example/link/").expect("below the base");
        (token.to_owned(), claim)
    }

    #[test]
    fn says_what_was_signed_until_it_runs_out() {
        let links = Links::with_key([7; 32], "https://earmark.acme.example/");
        let expires: Timestamp = "2026-01-12T13:00:00Z".parse().expect("a time");
        let (token, claim) = token(&links, expires);
        let second = jiff::SignedDuration::from_secs(1);
        assert_eq!(links.verify(&token, expires - second), Ok(claim));
        assert_eq!(links.verify(&token, expires), Err(LinkError::Expired));
    }

    #[test]
    fn no_changed_byte_and_no_other_key_verifies() {
        let links = Links::with_key([7; 32], "https://earmark.acme.example");
        let expires: Timestamp = "2026-01-12T13:00:00Z".parse().expect("a time");
        let now = Timestamp::UNIX_EPOCH;
        let (token, claim) = token(&links, expires);
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("letters");
            // The last letter of a part may hold bits that no byte uses; they are refused too.
            assert_eq!(links.verify(&other, now), Err(LinkError::Invalid), "byte {at}");
        }
        for other in ["", ".", "a.b", &token[..token.len() - 1], &"x".repeat(5_000)] {
            assert_eq!(links.verify(other, now), Err(LinkError::Invalid), "{other}");
        }
        assert_eq!(Links::with_key([8; 32], "").verify(&token, now), Err(LinkError::Invalid));
        assert_ne!(number("some-key", LinkAction::Acknowledge), claim.link);
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let first = Links::open(folder.path(), "").expect("made");
        let again = Links::open(folder.path(), "").expect("read");
        assert_eq!(first.key, again.key);
        let mode = std::fs::metadata(folder.path().join(KEY_FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
