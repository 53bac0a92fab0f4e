//! Posts that their sender brings: our own forms, surveys, help desk. Signed by the Standard Webhooks
//! scheme; the body is one record, a list, `{"posts": […]}`, or JSON Lines (see [`super::record`]).
//!
//! All or nothing: a sender who gets 400 can mend the request and send it again, and one who got half of
//! it taken could not say which half. The answer names every fault by its pointer. A record without an
//! id gets the request's own and its place in the body, so a request tried again brings no second post.
//!
//! ```toml
//! [[sources]]
//! id = "help-desk"
//! kind = "webhook"
//! params = { secret = { credential = "help-desk" } }
//! ```

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::params::Params;
use super::record::{self, Fault, Shape};
use super::{Answer, Built, Kind, Nothing, Parsed, Push, Pushed, Refusal, Settings, Terms, Tools};
use crate::domain::post::{Post, PostKind};
use crate::domain::problem::Problems;
use crate::domain::secret::SecretRef;
use crate::net::standard_webhooks::{self, Key};
use crate::runtime::secret;

/// The kind `webhook`.
pub const KIND: Kind = Kind {
    name: "webhook",
    about: "records that our own systems push, signed (Standard Webhooks)",
    check,
    build,
    parse: Some(parse),
    terms: &TERMS,
};

static TERMS: Terms = Terms {
    needs: "a signing secret shared with the sender",
    paging: "1,000 records, 4 MiB a request",
    sees: "what your systems push, signed by the Standard Webhooks scheme; the sender retries until it is on disk",
    cannot: "what the sender does not send",
    ..Terms::OWN
};

/// Largest body taken.
pub const MOST_BYTES: usize = 4 << 20;
/// Most records in one request.
const MOST_POSTS: usize = 1_000;
/// Most faults named in one answer.
const MOST_FAULTS: usize = 20;

struct Wanted {
    secret: Option<SecretRef>,
    previous: Option<SecretRef>,
    tolerance: SignedDuration,
    shape: Shape,
}

fn read(settings: &Settings) -> (Wanted, Problems) {
    let mut params = Params::new(&settings.params);
    let secret = params.secret("secret");
    if secret.is_none() && settings.params.get("secret").is_none() {
        params.fault(
            "secret",
            "is missing",
            "write secret = { credential = \"name\" }, and tell it to the sender",
        );
    }
    let previous = params.secret("previous_secret");
    let tolerance = params.wait("tolerance", 300, 10);
    let shape = Shape::read(&settings.id, PostKind::Ticket, &mut params);
    (Wanted { secret, previous, tolerance, shape }, params.finish())
}

fn check(settings: &Settings) -> Problems {
    read(settings).1
}

fn build(settings: &Settings, _: &Tools) -> Result<Built, String> {
    let (wanted, _) = read(settings);
    let pointers = wanted.secret.iter().chain(&wanted.previous);
    let keys = pointers
        .map(|pointer| Key::new(secret::fetch(pointer)?.expose_secret()))
        .collect::<Result<Vec<Key>, String>>()?;
    Ok(Built::Push(Box::new(Webhook { keys, tolerance: wanted.tolerance, shape: wanted.shape })))
}

struct Webhook {
    keys: Vec<Key>,
    tolerance: SignedDuration,
    shape: Shape,
}

impl Push for Webhook {
    fn receive(&self, request: Pushed<'_>, now: Timestamp) -> Result<Vec<Post>, Refusal> {
        if request.body.len() > MOST_BYTES {
            return Err(Refusal::Malformed(format!("it has more than {MOST_BYTES} bytes; send several")));
        }
        let id = standard_webhooks::verify(&self.keys, request.headers, request.body, now, self.tolerance)
            .map_err(Refusal::Unsigned)?;
        let parsed = records(&self.shape, request.body, id).map_err(Refusal::Malformed)?;
        if parsed.rejects.is_empty() {
            return Ok(parsed.posts);
        }
        let mut said: Vec<String> = parsed
            .rejects
            .iter()
            .take(MOST_FAULTS)
            .map(|reject| {
                if reject.at.is_empty() {
                    reject.why.clone()
                } else {
                    format!("{}: {}", reject.at, reject.why)
                }
            })
            .collect();
        if parsed.rejects.len() > MOST_FAULTS {
            said.push(format!("and {} more", parsed.rejects.len() - MOST_FAULTS));
        }
        Err(Refusal::Malformed(format!("{} (nothing of this request was taken)", said.join("; "))))
    }
}

/// The posts of a saved body.
pub fn parse(answer: &Answer<'_>, settings: &Settings) -> Parsed {
    match records(&read(settings).0.shape, answer.body, "saved") {
        Ok(parsed) => parsed.settled(),
        Err(_) => Nothing::Broken.into(),
    }
}

fn records(shape: &Shape, body: &[u8], id: &str) -> Result<Parsed, String> {
    let body =
        std::str::from_utf8(body).map_err(|error| format!("byte {} is no UTF-8", error.valid_up_to()))?;
    let body = body.trim_start_matches('\u{feff}').trim();
    let (records, under): (Vec<(String, Value)>, &str) = match serde_json::from_str(body) {
        Ok(Value::Array(list)) => (numbered(list, ""), ""),
        Ok(Value::Object(mut object)) => match object.remove("posts") {
            Some(Value::Array(list)) => (numbered(list, "/posts"), ""),
            Some(other) => {
                object.insert("posts".into(), other);
                (vec![(String::new(), Value::Object(object))], "")
            }
            None => (vec![(String::new(), Value::Object(object))], ""),
        },
        Ok(_) => return Err("it must be a JSON object or a list of them".into()),
        Err(error) => (lines(body).ok_or_else(|| no_json(&error))?, " "),
    };
    if records.is_empty() {
        return Err("it holds no record".into());
    }
    if records.len() > MOST_POSTS {
        return Err(format!(
            "it holds {} records, and {MOST_POSTS} are the most; send several",
            records.len()
        ));
    }
    let mut parsed = Parsed::default();
    for (index, (place, record)) in records.iter().enumerate() {
        match record::post(shape, record, Some(&format!("{id}/{index}"))) {
            Ok(post) => parsed.posts.push(post),
            Err(faults) => {
                for Fault { at, why } in faults {
                    let at = if at.is_empty() { place.clone() } else { format!("{place}{under}{at}") };
                    parsed.reject(&at, why);
                }
            }
        }
    }
    Ok(parsed)
}

fn numbered(list: Vec<Value>, under: &str) -> Vec<(String, Value)> {
    list.into_iter().enumerate().map(|(index, record)| (format!("{under}/{index}"), record)).collect()
}

/// JSON Lines, if it is that: a first line that is whole.
fn lines(body: &str) -> Option<Vec<(String, Value)>> {
    serde_json::from_str::<Value>(body.lines().next()?).ok()?;
    let lines = body.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    // A broken line becomes null, which is rejected at its place like any record that is no object.
    Some(
        lines
            .map(|(index, line)| {
                (format!("line {}", index + 1), serde_json::from_str(line).unwrap_or(Value::Null))
            })
            .collect(),
    )
}

fn no_json(error: &serde_json::Error) -> String {
    format!("it is no JSON from line {}, column {} on", error.line(), error.column())
}
