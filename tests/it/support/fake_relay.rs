//! A relay of our own: it keeps what it is told, gives the newest of it that a question fits and then what comes,
//! a page at a time at most, forgets nobody's signature, and goes away or refuses when the test says so.

use std::sync::{Arc, Mutex, MutexGuard};

use futures::{SinkExt as _, StreamExt as _};
use secp256k1::Keypair;
use secp256k1::schnorr;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use super::fake_socket::{Call, Wire, serve};

/// Somebody who writes.
pub struct Author(Keypair);

impl Author {
    pub fn new(number: u8) -> Self {
        Self(Keypair::from_secret_bytes([number; 32]).expect("a key"))
    }

    pub fn key(&self) -> String {
        hex(&self.0.x_only_public_key().0.to_byte_array())
    }

    /// An event of theirs.
    pub fn says(&self, at: i64, kind: u32, tags: Value, content: &str) -> Value {
        let said = json!([0, self.key(), at, kind, tags, content]).to_string();
        let id = Sha256::digest(said.as_bytes());
        let sig = schnorr::sign_no_aux_rand(&id, &self.0).to_byte_array();
        json!({
            "id": hex(&id), "pubkey": self.key(), "created_at": at, "kind": kind, "tags": tags,
            "content": content, "sig": hex(&sig),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a relay behaves.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The most it gives at once.
    pub cap: usize,
    /// Answers 503.
    pub down: bool,
    /// Ends every question with these words.
    pub closes: Option<&'static str>,
    /// Searches, and says so.
    pub searches: bool,
    /// Gives pages that begin anywhere but where they were asked to.
    pub heedless: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { cap: 500, down: false, closes: None, searches: false, heedless: false }
    }
}

#[derive(Default)]
struct State {
    kept: Vec<Value>,
    manner: Manner,
    asked: Vec<Value>,
    /// Connections of an earlier one are cut.
    epoch: u64,
}

/// Clones are the same relay.
#[derive(Clone)]
pub struct FakeRelay {
    state: Arc<Mutex<State>>,
    change: watch::Sender<u64>,
    pub url: String,
}

impl FakeRelay {
    pub async fn start(manner: Manner) -> Self {
        let state = Arc::new(Mutex::new(State { manner, ..State::default() }));
        let (change, _) = watch::channel(0);
        let (kept, told) = (Arc::clone(&state), change.clone());
        let url = serve(move |call| answer(call, Arc::clone(&kept), told.subscribe())).await;
        Self { state, change, url }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while holding it")
    }

    pub fn tell(&self, events: &[Value]) {
        self.lock().kept.extend_from_slice(events);
        self.change.send_modify(|count| *count += 1);
    }

    /// Behaves otherwise from now on; all connections are cut.
    pub fn be(&self, manner: impl FnOnce(&mut Manner)) {
        let mut state = self.lock();
        manner(&mut state.manner);
        state.epoch += 1;
        drop(state);
        self.change.send_modify(|count| *count += 1);
    }

    /// The filters of all questions.
    pub fn asked(&self) -> Vec<Value> {
        self.lock().asked.clone()
    }
}

fn fits(event: &Value, filter: &Value) -> bool {
    let among = |list: &Value, value: &Value| list.as_array().is_none_or(|list| list.contains(value));
    let tagged = |name: &str| {
        let Some(wanted) = filter[format!("#{name}")].as_array() else { return true };
        let tags = event["tags"].as_array().expect("tags");
        tags.iter().any(|tag| tag[0] == name && wanted.contains(&tag[1]))
    };
    let at = event["created_at"].as_i64();
    among(&filter["kinds"], &event["kind"])
        && among(&filter["authors"], &event["pubkey"])
        && ["t", "e", "a"].iter().all(|name| tagged(name))
        && (filter["since"].is_null() || at >= filter["since"].as_i64())
        && (filter["until"].is_null() || at <= filter["until"].as_i64())
        && filter["search"]
            .as_str()
            .is_none_or(|words| event["content"].as_str().is_some_and(|text| text.contains(words)))
}

async fn answer(call: Call, state: Arc<Mutex<State>>, mut change: watch::Receiver<u64>) {
    let lock = || state.lock().expect("no test panics while holding it");
    let (manner, epoch) = {
        let state = lock();
        (state.manner.clone(), state.epoch)
    };
    if call.header("upgrade").is_none() {
        let nips = if manner.searches { json!([1, 11, 50]) } else { json!([1, 11]) };
        let body = json!({ "name": "fake", "supported_nips": nips }).to_string();
        return call.refuse(200, "content-type: application/nostr+json\r\n", &body).await;
    }
    if manner.down {
        return call.refuse(503, "", "later").await;
    }
    let mut wire = call.agree().await;
    let mut subs: Vec<(String, Vec<Value>)> = Vec::new();
    let mut at = lock().kept.len();
    loop {
        change.mark_unchanged();
        let (fresh, now) = {
            let state = lock();
            (state.kept[at..].to_vec(), state.epoch)
        };
        if now != epoch {
            return;
        }
        at += fresh.len();
        for event in &fresh {
            for (name, filters) in &subs {
                if filters.iter().any(|filter| fits(event, filter)) {
                    say(&mut wire, &json!(["EVENT", name, event])).await;
                }
            }
        }
        let said = tokio::select! {
            _ = change.changed() => continue,
            said = wire.next() => said,
        };
        let text = match said {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(_)) => continue,
            _ => return,
        };
        let said: Vec<Value> = serde_json::from_str(&text).expect("a message");
        let name = said[1].as_str().expect("a name").to_owned();
        subs.retain(|(known, _)| *known != name);
        if said[0] != "REQ" {
            continue;
        }
        let filters = said[2..].to_vec();
        lock().asked.extend_from_slice(&filters);
        if let Some(why) = manner.closes {
            say(&mut wire, &json!(["CLOSED", name, why])).await;
            continue;
        }
        for filter in &filters {
            let mut filter = filter.clone();
            if manner.heedless {
                filter["until"] = Value::Null;
            }
            let mut found: Vec<Value> =
                lock().kept[..at].iter().filter(|event| fits(event, &filter)).cloned().collect();
            found.sort_by_key(|event| -event["created_at"].as_i64().expect("a time"));
            let limit =
                filter["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
            for event in found.iter().take(limit.min(manner.cap)) {
                say(&mut wire, &json!(["EVENT", name, event])).await;
            }
        }
        say(&mut wire, &json!(["EOSE", name])).await;
        subs.push((name, filters));
    }
}

async fn say(wire: &mut Wire, words: &Value) {
    // A reader that is gone is noticed by its silence.
    let _ = wire.send(Message::text(words.to_string())).await;
}
